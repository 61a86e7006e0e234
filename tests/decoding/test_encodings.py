"""Encodings of texts: unwrapped where something is under them, left alone where chance made it look so."""

import base64
import gzip
import hashlib
import json
import random
import string
import uuid
import zlib
from collections.abc import Callable
from urllib.parse import quote

import brotli
import pytest

from phonehome.analysis.decoding.encodings import (
    LONGEST_PLAIN,
    PLAIN,
    SHORTEST,
    data_as_name,
    sealed,
    unwrap,
)
from phonehome.analysis.decoding.limits import Limits
from tests.decoding.protobuf import message
from tests.decoding.usual import decode_bytes

LIMITS = Limits()
IMEI = "490154203237518"
DOCUMENT = '{"IMEI1":"490154203237518","MACID":"02:1a:11:f0:a9:e1"}'


def layer(text: str) -> tuple[str, object] | None:
    """The outermost layer, as the engine sees it: the fast test first."""
    if len(text) < SHORTEST or (len(text) <= LONGEST_PLAIN and PLAIN(text)):
        return None
    return unwrap(text, LIMITS)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


LONG = "The quick brown fox jumps over the lazy dog: Üben von Xylophon und Querflöte ist ja zweckmäßig??>>"


@pytest.mark.parametrize("text", [IMEI, DOCUMENT, LONG, "中国电信股份有限公司", "line one\nline two\n"])
def test_base64_in_all_its_dresses(text: str) -> None:
    plain = b64(text.encode())
    wrapped = base64.encodebytes(text.encode()).decode()
    url = base64.urlsafe_b64encode(text.encode()).decode()
    for encoded in (
        plain,
        plain.rstrip("="),
        wrapped,
        wrapped.replace("\n", "\r\n"),
        "  " + wrapped,
        url,
        url.rstrip("="),
        plain.replace("+", " "),
    ):
        assert layer(encoded) == ("base64", text)


def test_base64_behind_a_prefix_of_up_to_three_characters() -> None:
    for prefix in ("v", "v2", "v2x"):
        assert layer(prefix + b64(DOCUMENT.encode())) == ("base64", DOCUMENT)


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(DOCUMENT.encode(), mtime=0),
        zlib.compress(DOCUMENT.encode()),
        message([(1, "Nokia 7 plus"), (2, IMEI), (3, 5)]),
        b"bplist00" + bytes(40),
    ],
)
def test_base64_and_hexadecimal_of_what_is_no_text(data: bytes) -> None:
    assert layer(b64(data)) == ("base64", data)
    if not data.startswith(b"\x0a"):
        assert layer(data.hex()) == ("hex", data)


def test_hexadecimal() -> None:
    assert layer(IMEI.encode().hex()) == ("hex", IMEI)
    assert layer(IMEI.encode().hex().upper()) == ("hex", IMEI)
    assert layer(DOCUMENT.encode().hex()) == ("hex", DOCUMENT)
    assert layer("中国电信股份".encode().hex()) == ("hex", "中国电信股份")


def test_other_layers() -> None:
    tree = (("a", "x y"), ("b", "2"))
    assert layer("a=x+y&b=2") == ("form", tree)
    assert layer("https://example.com/p?a=x+y&b=2") == ("url", tree)
    assert layer("myapp://open#a=x%20y&b=2") == ("url", tree)
    assert layer(quote("ola@example.no")) == ("percent", "ola@example.no")
    assert layer("%7B%22a%22%3A1%7D") == ("percent", '{"a":1}')
    assert layer(' {"a":1} ') == ("json", (("a", 1),))
    assert layer("<a><b>1</b></a>") == ("xml", (("a", (("b", "1"),)),))
    assert layer("data:application/json;base64," + b64(b'{"a":1}')) == ("data-url", b'{"a":1}')
    assert layer("Basic " + b64(b"ola.nordmann:hemmelig")) == (
        "basic",
        (("username", "ola.nordmann"), ("ola.nordmann", "hemmelig")),
    )
    assert layer('42["event",{"a":1}]') == ("json", ["event", (("a", 1),)])


def test_the_name_that_a_sim_gives_itself() -> None:
    imsi = (("imsi", "242014773058126"),)
    assert layer("0242014773058126@nai.epc.mnc001.mcc242.3gppnetwork.org") == ("nai", imsi)
    assert layer("242014773058126@ims.mnc001.mcc242.3gppnetwork.org") == ("nai", imsi)
    assert layer("0242014773058126@wlan.mnc001.mcc310.3gppnetwork.org") is None
    assert layer("242014773058126@example.org") is None


def test_jwt() -> None:
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    claims = (
        base64.urlsafe_b64encode(json.dumps({"sub": "42", "email": "ola@example.no"}).encode())
        .decode()
        .rstrip("=")
    )
    token = f"{header}.{claims}.c2lnbmF0dXJl"
    tree = (
        ("header", (("alg", "HS256"), ("typ", "JWT"))),
        ("claims", (("sub", "42"), ("email", "ola@example.no"))),
    )
    assert layer(token) == ("jwt", tree)
    assert layer(f"Bearer {token}") == ("bearer", token)
    assert layer("eyJhbGciOiJIUzI1NiJ9.!!") is None


PLAIN_TEXTS = [
    "abcdefgh",
    "deadbeef",
    "9f2c71d0aa3e4b12",  # an Android ID
    "d470d22f237aee69843355edba5a8178",  # MD5
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",  # SHA-1
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",  # SHA-256
    "1209d0b9-b959-42e6-b921-aa5d9d08c1af",
    "XZ9dd82044-772f-4b99-b17b-208e9c3cc38b",
    "p8kKmYg+6gSW2IZUV1Ls0Nd2uDk=\n",
    "key_live_acoLMx3FlYwpho29ntf7vjnkEwjEoClF",
    "138566025676|e251d7dad1e2b26389ad8a43557aa256",
    "1:138566025676:android:9f2c71d0aa3e4b12",
    "dXk3Jd93kfLs0-fks3kdfa",  # a Firebase installation id
    "android.permission.ACCESS_FINE_LOCATION",
    "SplashScreenActivity",
    "CONNECTIVITY_CHANGE",
    "com.qualcomm.qti.autoregistration",
    "Dalvik/2.1.0 (Linux; U; Android 13; sdk_gphone64_x86_64 Build/TE1A.220922.012)",
    "89470000000000000018",
    "356938035643809",
    "1679326739158000",
    "02:1a:11:f0:a9:e1",
    "10.0.0.1",
    "a sentence, with some words in it = nothing",
    "100 % of it",
    "Europe/Berlin",
    "yyyy-MM-dd HH:mm:ss",
    "https://example.com/path/to/page",
    "[not json",
    "{nor this}",
    "<3 hearts",
    "a=b",
    "Token of appreciation",
]


@pytest.mark.parametrize("text", PLAIN_TEXTS)
def test_what_is_in_no_encoding(text: str) -> None:
    assert layer(text) is None


def test_chance_seldom_looks_like_a_layer() -> None:
    """Random texts of the shapes that ids have. The rates are stated in docs/decoding.md."""
    rng = random.Random(5)
    letters = string.ascii_letters + string.digits
    makers: dict[str, Callable[[], str]] = {
        "letters and digits": lambda: "".join(rng.choices(letters, k=rng.randrange(8, 65))),
        "small letters": lambda: "".join(rng.choices(string.ascii_lowercase, k=rng.randrange(8, 65))),
        "digests": lambda: rng.randbytes(rng.choice((8, 16, 20, 32))).hex(),
        "base64 of digests": lambda: b64(rng.randbytes(rng.choice((12, 16, 20, 32, 64)))),
        "UUIDs": lambda: str(uuid.UUID(int=rng.getrandbits(128))),
        "digits": lambda: "".join(rng.choices(string.digits, k=rng.randrange(8, 40))),
    }
    for name, make in makers.items():
        false = [text for text in (make() for _ in range(3000)) if layer(text) is not None]
        assert len(false) <= 1, (name, false)


def test_names_that_are_data() -> None:
    for name in (
        "02:1a:11:f0:a9:e1",
        IMEI,
        "1209d0b9-b959-42e6-b921-aa5d9d08c1af",
        "ola@example.no",
        "9f2c71d0aa3e4b12",
    ):
        assert data_as_name(name)
    for name in ("fb_mobile_launch_source", "v1/open-qwt", "key000001", "2019", "advertising_ids"):
        assert not data_as_name(name)


@pytest.mark.parametrize("before", ["v1:", "enc|", "b64$", "app.key_2:"])
def test_base64_behind_a_prefix(before: str) -> None:
    for text in (DOCUMENT, DOCUMENT + " ", DOCUMENT + "  "):
        assert layer(before + b64(text.encode())) == ("base64", text)
        assert layer(before + b64(text.encode()).rstrip("=")) == ("base64", text)
    assert layer("https://example.com/" + "a" * 40) is None


@pytest.mark.parametrize("quality", [0, 1, 5, 9, 11])
@pytest.mark.parametrize("window", [18, 22, 24])
def test_compression_without_a_mark_under_base64(quality: int, window: int) -> None:
    packed = brotli.compress(DOCUMENT.encode(), quality=quality, lgwin=window)
    assert layer(b64(packed)) == ("base64", packed)
    packed = zlib.compress(DOCUMENT.encode(), 9, wbits=-15)
    assert layer(b64(packed)) == ("base64", packed)


def test_a_uuid_in_braces() -> None:
    uuid = "1209d0b9-b959-42e6-b921-aa5d9d08c1af"
    assert layer("{" + uuid + "}") == ("braces", uuid)
    assert layer("{" + uuid[:-1] + "g}") is None


def test_opaque_bytes_under_base64_are_counted() -> None:
    rng = random.Random(9)
    # Without padding and signs, fewer than 65 bytes can be an id.
    for size, looks in (
        (16, "unknown"),
        (32, "unknown"),
        (48, "unknown"),
        (64, "unknown"),
        (65, "encrypted"),
        (255, "encrypted"),
    ):
        text = base64.b64encode(rng.randbytes(size)).decode()
        decoded = decode_bytes(json.dumps({"token": text}).encode())
        assert [value.data for value in decoded.values] == [text]
        assert [part.looks for part in decoded.opaque] == [looks] * bool(looks), size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (base64.b64encode(hashlib.sha256(b"a").digest()).decode(), 32),
        (base64.b64encode(hashlib.md5(b"a").digest()).decode(), 16),
        (base64.urlsafe_b64encode(hashlib.sha512(b"a").digest()).decode(), 64),
        # Text, a number of letters that can be an id, and what is no base64.
        (base64.b64encode(b"a sentence that can be read").decode(), 0),
        ("dGhpc2lzYW5pZDAxMjM0NTY3", 0),
        ("AAAAAAAAAAAAAAAAAAAAAA==", 0),
        ("name=value&other=", 0),
        # Without padding: ciphertext, and then ids, paths, a signed number of a version, hexadecimal.
        (base64.b64encode(hashlib.sha384(b"a").digest()).decode(), 48),
        ("mF7k+Qz3Tn0Lw8VbYp5RjC2x/HsD9aGe", 24),
        ("mF7kAQz3Tn0Lw8VbYp5RjC2xBHsD9aGe", 0),
        ("/F7k+Qz3Tn0Lw8VbYp5RjC2xHHsD9aGe", 0),
        ("images/Products/2019/Phone123456", 0),
        ("com/Example/App+Build20190122abc", 0),
        ("0123456789abcdef/0123456789abcde", 0),
    ],
)
def test_a_few_opaque_bytes_are_told_by_padding_or_signs(text: str, size: int) -> None:
    assert sealed(text) == size


def test_most_blocks_of_ciphertext_are_told_from_ids() -> None:
    chance = random.Random(3)
    blocks = [base64.b64encode(chance.randbytes(48)).decode() for _ in range(500)]
    assert sum(map(bool, map(sealed, blocks))) > 400
    ids = ["".join(chance.choices(string.ascii_letters + string.digits + "-_", k=64)) for _ in range(500)]
    assert not any(map(sealed, ids))
