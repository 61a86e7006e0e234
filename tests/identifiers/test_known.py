import base64
import gzip
import hashlib
import json
import pickle
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import escape

import cbor2
import msgpack
import pytest
import zstandard
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from captures.flows import protobuf
from phonehome.analysis.decoding import Decoded
from phonehome.analysis.identifiers import KnownValues
from phonehome.analysis.identifiers.known import Known, KnownValuesError, forms, variants
from phonehome.analysis.transmission import Transmission
from tests.decoding.usual import decode, decode_bytes
from tests.identifiers.build import decoded, recognise

IMEI = "356938035643809"
MAC = "ac:37:43:11:22:33"
KNOWN = KnownValues(
    [
        Known("imei", IMEI),
        Known("wifi mac", MAC),
        Known("email", "Anna@Example.org"),
        Known("phone_number", "+4791234567"),
        Known("android_id", "d3a5b1c2e4f60718"),
        Known("favourite word", "smørgåsbord"),
    ]
)


def said(text: str | bytes, known: KnownValues = KNOWN) -> list[tuple[str, str]]:
    """Kind and reason of what is found in one value under a name that says nothing."""
    return [(each.kind, each.reason) for each in known.search_values(decoded({"x": text}))]


def digest(name: str, text: str) -> "hashlib._Hash":
    return hashlib.new(name, text.encode())


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        (IMEI, "imei", "your IMEI"),
        (f"id{IMEI};", "imei", "your IMEI"),
        ("35 693803 564380 9", "imei", "your IMEI, with other separators"),
        ("35-693803-564380-9", "imei", "your IMEI, with other separators"),
        ("imei=35693803564380", "imei", "your IMEI, without its last digit"),
        ("AC:37:43:11:22:33", "mac", "your MAC address"),
        ("ac-37-43-11-22-33", "mac", "your MAC address, with other separators"),
        ("AC3743112233", "mac", "your MAC address, without separators"),
        ("ac%3A37%3A43%3A11%3A22%3A33", "mac", "percent-encoded form of your MAC address"),
        ("ANNA@example.ORG", "email", "your e-mail address"),
        ("anna%40example.org", "email", "percent-encoded form of your e-mail address"),
        (b"Anna@Example.org".hex(), "email", "hexadecimal form of your e-mail address"),
        (b"anna@example.org".hex().upper(), "email", "hexadecimal form of your e-mail address"),
        ("4791234567", "phone-number", "your phone number, without +"),
        ("004791234567", "phone-number", "your phone number, with 00 for +"),
        ("91234567", "phone-number", "your phone number, without country code"),
        (digest("sha256", "4791234567").hexdigest(), "phone-number", "SHA-256 of your phone number, without +"),
        (digest("md5", IMEI).hexdigest()[8:24], "imei", "16 digits of the MD5 of your IMEI"),
        (digest("md5", "ac374311223" + "3").hexdigest(), "mac", "MD5 of your MAC address, without separators"),
        (digest("sha1", MAC.upper()).hexdigest(), "mac", "SHA-1 of your MAC address"),
        ("x" + digest("sha1", IMEI).hexdigest() + "0", "imei", "SHA-1 of your IMEI"),
        (str(0xD3A5B1C2E4F60718), "android-id", "your Android ID, as a decimal number"),
        (str(0xD3A5B1C2E4F60718 - (1 << 64)), "android-id", "your Android ID, as a decimal number"),
        (digest("md5", IMEI).hexdigest(), "imei", "MD5 of your IMEI"),
        (digest("sha1", IMEI).hexdigest().upper(), "imei", "SHA-1 of your IMEI"),
        (digest("sha256", "anna@example.org").hexdigest(), "email", "SHA-256 of your e-mail address"),
        (digest("sha256", "AC3743112233").hexdigest(), "mac", "SHA-256 of your MAC address, without separators"),
        (base64.b64encode(digest("sha1", IMEI).digest()).decode(), "imei", "base64 SHA-1 of your IMEI"),
        (base64.urlsafe_b64encode(digest("md5", MAC).digest()).decode(), "mac", "base64 MD5 of your MAC address"),
        (b"\x0a\x14" + digest("sha1", IMEI).digest(), "imei", "binary SHA-1 of your IMEI"),
        (b"\x01\xac\x37\x43\x11\x22\x33\xff", "mac", "binary form of your MAC address, without separators"),
        ("Smørgåsbord!", "known-value", "your favourite word"),
    ],
)  # fmt: skip
def test_forms(text: str | bytes, kind: str, reason: str) -> None:
    assert said(text) == [(kind, reason)]


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_at_each_offset(before: str, encode: Callable[[bytes], bytes]) -> None:
    text = encode(f"{before}{IMEI}>>>??".encode()).decode()
    assert ("imei", "base64 form of your IMEI") in said(text)


@pytest.mark.parametrize(
    "text",
    ["9" + IMEI, IMEI + "1", "ac374311223", "", "anna@example", "47912345678", "Anna", "smorgasbord"],
)  # fmt: skip
def test_what_holds_none_of_them(text: str) -> None:
    assert said(text) == []


def test_a_finding_says_where_and_is_certain() -> None:
    sent = decode_bytes(json.dumps({"a": {"b": digest("sha1", IMEI).hexdigest()}}).encode())
    (found,) = recognise(sent, (), KNOWN)
    assert found.kind == "imei"
    assert found.value == IMEI
    assert found.certainty == "certain"
    assert found.path == ("body", "json", "a", "b")


def test_a_value_that_was_recognised_too_is_one_finding() -> None:
    (found,) = recognise(decoded({"imei": IMEI}), (), KNOWN)
    assert found.reason == "your IMEI"


def test_what_only_the_transmission_as_sent_shows() -> None:
    sent = Transmission(
        time=0.0, protocol="tcp", payloads=(b"\x00\x17\x02" + IMEI.encode() + b"\xff\xfe\x00",)
    )
    (found,) = recognise(Decoded((), ()), (), KNOWN, sent)
    assert (found.kind, found.path) == ("imei", ("content",))


def test_what_is_decoded_is_not_reported_once_more_as_sent() -> None:
    body = base64.encodebytes(json.dumps({"k": IMEI}).encode())
    sent = Transmission(
        time=0.0, path=f"/a?b={quote(MAC)}", headers=(("X-A", "anna@example.org"),), payloads=(body,)
    )
    found = KNOWN.search(sent, decode(sent))
    assert sorted((each.kind, each.path) for each in found) == [
        ("email", ("header", "x-a")),
        ("imei", ("body", "base64", "json", "k")),
        ("mac", ("query", "b")),
    ]


def test_a_name_decides_the_kind() -> None:
    names = {
        "imei": "imei",
        "IMEI2": "imei",
        "sim serial": "iccid",
        "email": "email",
        "nickname": "known-value",
    }
    known = KnownValues([Known(name, f"value-of-{number}") for number, name in enumerate(names)])
    for number, kind in enumerate(names.values()):
        assert [kind_of for kind_of, _ in said(f"value-of-{number}", known)] == [kind]


def test_two_names_for_one_value() -> None:
    known = KnownValues([Known("imei", IMEI), Known("work phone", IMEI)])
    assert said(IMEI, known) == [("imei", "your IMEI"), ("known-value", "your work phone")]


def test_it_goes_to_another_process() -> None:
    again = pickle.loads(pickle.dumps(KNOWN))
    assert said(IMEI, again) == [("imei", "your IMEI")]


def test_no_form_is_short_enough_to_be_found_by_chance() -> None:
    for value in ("abcdef", "123456", MAC):
        assert all(len(form.pattern) >= 6 for form in forms(value))


def test_forms_are_few_enough() -> None:
    assert sum(1 for _ in forms(MAC)) < 500


@pytest.mark.parametrize(
    ("value", "sent", "said"),
    [
        ("+4915112345678", "015112345678", "without country code"),
        ("+49 151 123 456 78", "15112345678", "without country code"),
        ("anna.berg+shop@gmail.com", "AnnaBerg@Gmail.com", "without what Gmail takes no notice of"),
        ("anna.berg@example.org", "annaberg@example.org", None),
        ("5F0C1F2E9B1D4C558A3E0D6A7BE2C901", "5f0c1f2e-9b1d-4c55-8a3e-0d6a7be2c901", "with other separators"),
        ("89470000000000000480", "8947 0000 0000 0000 0480", None),
    ],
)
def test_spellings(value: str, sent: str, said: str | None) -> None:
    assert {text.lower(): why for text, why in variants(value).items()}.get(sent.lower()) == said


# --- the file


def write(folder: Path, text: str | bytes) -> Path:
    file = folder / "known.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_a_file(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        f'# mine\nimei = ["{IMEI}", "356938035643817"]\nserial = 123456789\n[work]\nemail = "anna@example.org"\n',
    )
    assert KnownValues.load(file).values == (
        Known("imei", IMEI),
        Known("imei", "356938035643817"),
        Known("serial", "123456789"),
        Known("email", "anna@example.org"),
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('a = "1"\npin = "1234"\n', ["line 1", "'a'", "too short"]),
        ('imei = "356938035643809"\npin = "1234"\n', ["line 2", "'pin'", "too short", "6 characters"]),
        ("imei = 35.1\n", ["line 1", "'imei'", "quotation marks"]),
        ("imei = true\n", ["line 1", "quotation marks"]),
        ("imei = [[356938035643809]]\n", ["line 1", "quotation marks"]),
        ("imei = 35693803564380x\n", ["not valid TOML", "line 1"]),
        ("imei 356938035643809\n", ["not valid TOML"]),
        ("", ["no value", "imei ="]),
        (b"\xff\xfe\x00", ["UTF-8"]),
        (f'a = "{"x" * 600}"', ["too long", "512"]),
    ],
)
def test_errors_are_for_people(tmp_path: Path, text: str | bytes, parts: list[str]) -> None:
    file = write(tmp_path, text)
    with pytest.raises(KnownValuesError) as raised:
        KnownValues.load(file)
    for part in (str(file), *parts):
        assert part in str(raised.value)
    assert not {"1234", "35.1"} & set(re.findall(r"[0-9.]+", str(raised.value)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KnownValuesError, match="cannot be read"):
        KnownValues.load(tmp_path / "none.toml")


def test_too_many_values() -> None:
    with pytest.raises(KnownValuesError, match="at most 1000"):
        KnownValues([Known("n", f"value-{number:06d}") for number in range(1001)])


# --- any value, through any two encodings, is found again

TEXTS: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "base64 with line breaks": base64.encodebytes,
    "base64url": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    "hex": lambda data: data.hex().encode(),
    "percent": lambda data: b"k=1&v=" + quote(data, safe="").encode(),
    "json": lambda data: json.dumps({"event": 1, "payload": data.decode("latin-1")}).encode(),
    "xml": lambda data: f"<a><b>{escape(data.decode('latin-1'))}</b></a>".encode(),
    "jwt": lambda data: b".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=")
        for part in (b'{"alg":"HS256"}', json.dumps({"sub": data.decode("latin-1")}).encode(), b"signature")
    ),
}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "zstd": zstandard.compress,
    "protobuf": lambda data: protobuf((1, 5), (2, data), (3, "a text of some length")),
    "CBOR": lambda data: cbor2.dumps({"event": 1, "payload": data}),
    "MessagePack": lambda data: msgpack.packb({"event": 1, "payload": data}),
    "multipart": lambda data: (
        b'--b7\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + data + b"\r\n--b7--\r\n"
    ),
}
ENCODINGS = {**TEXTS, **PACKED}
TEXT_ONLY = {"json", "xml", "jwt"}
"""What carries text, and nothing of the above that is none."""
SMALL = {"protobuf", "CBOR", "MessagePack"}
"""In hexadecimal they are told from a digest only if they are longer than one."""

DIGITS = st.from_regex(r"(35|86)[0-9]{13}", fullmatch=True)
VALUES = DIGITS | st.from_regex(r"[A-Za-z0-9]{3,12}[@:._+-][A-Za-z0-9.]{4,12}[a-z]", fullmatch=True)
SENT: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "MD5": lambda value: hashlib.md5(value.encode()).hexdigest(),
    "SHA-1 of lower case": lambda value: hashlib.sha1(value.lower().encode()).hexdigest(),
    "SHA-256 of upper case": lambda value: hashlib.sha256(value.upper().encode()).hexdigest().upper(),
    "base64 SHA-256": lambda value: base64.b64encode(hashlib.sha256(value.encode()).digest()).decode(),
    "base64 behind a letter": lambda value: base64.b64encode(b"x" + value.encode() + b"yz").decode(),
    "base64 behind two": lambda value: base64.urlsafe_b64encode(b"xy" + value.encode() + b"z").decode(),
}


def places(body: bytes, text: bool) -> list[Transmission]:
    """A body wherever it can be sent."""
    sent = [
        Transmission(time=0.0, method="POST", path="/", payloads=(body,)),
        Transmission(time=0.0, protocol="websocket", payloads=(b"hello", body)),
        Transmission(time=0.0, protocol="tcp", payloads=(body,)),
        Transmission(time=0.0, protocol="udp", transport="udp", payloads=(body,)),
    ]
    if text:
        words = body.decode("latin-1")
        sent.append(Transmission(time=0.0, method="GET", path="/t?d=" + quote(words, safe="")))
        if "\n" not in words:
            sent.append(Transmission(time=0.0, method="GET", path="/", headers=(("X-D", words),)))
            sent.append(
                Transmission(
                    time=0.0, method="GET", path="/", headers=(("Cookie", f"d={quote(words, safe='')}"),)
                )
            )
    return sent


@settings(max_examples=400)
@given(
    VALUES,
    st.sampled_from(sorted(SENT)),
    st.sampled_from(sorted(ENCODINGS)),
    st.sampled_from(sorted(ENCODINGS)),
)
def test_any_value_through_any_two_encodings_is_found_again(
    value: str, how: str, inner: str, outer: str
) -> None:
    assume(not (inner in PACKED and outer in TEXT_ONLY) and not (inner in SMALL and outer == "hex"))
    document = json.dumps({"some": "thing", "its": SENT[how](value)}).encode()
    body = ENCODINGS[outer](ENCODINGS[inner](document))
    known = KnownValues([Known("secret", value)])
    for sent in places(body, outer in TEXTS):
        assert [each.kind for each in known.search(sent, decode(sent))], sent


@settings(max_examples=200)
@given(st.text(min_size=6, max_size=60), st.binary(max_size=200))
def test_nothing_makes_it_raise(value: str, data: bytes) -> None:
    known = KnownValues([Known("a", value)])
    assert variants(value)[value] == ""
    sent = Transmission(time=0.0, path="/\udcff?" + value, headers=(("a", value),), payloads=(data,))
    found = known.search(sent, decode(sent))
    assert any(each.kind == "known-value" for each in found)


@given(
    st.lists(
        st.sampled_from(
            ["356938035643809", "02:1a:11:f0:00:7e", "Zoë.Ängström@example.org", "8f1c2e3d4b5a69780"]
        )
    ),
    st.lists(st.tuples(st.binary(max_size=12), st.integers(0, 400), st.binary(max_size=12)), max_size=6),
)
def test_what_is_left_out_for_some_texts_is_not_in_them(
    values: list[str], parts: list[tuple[bytes, int, bytes]]
) -> None:
    known = KnownValues([Known("x", value) for value in dict.fromkeys(values)])
    every = [form.pattern for value in values for form in forms(value)] or [b"none of them"]
    pieces = [before + every[number % len(every)] + after for before, number, after in parts]
    narrowed = known.within(pieces)
    assert narrowed.found(pieces) == known.found(pieces)
    assert known.found(pieces) == KnownValues(known.values).found(pieces)
