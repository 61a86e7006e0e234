"""Captured bytes are written by strangers: nothing raises, and nothing takes memory or time without bound."""

import base64
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonehome.analysis.decoding import Decoder, Limits
from phonehome.analysis.decoding.engine import MORE
from phonehome.analysis.decoding.limits import DEFAULT, MOST_DEPTH
from phonehome.analysis.decoding.memo import ROOM, Memo
from phonehome.analysis.decoding.values import Decoded
from phonehome.analysis.transmission import Transmission
from tests.decoding.protobuf import message, varint
from tests.decoding.usual import decode, decode_bytes

TYPES = (
    "",
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "application/grpc",
    "application/grpc+json",
    "application/x-protobuf",
    "application/x-plist",
    "text/xml; charset=gbk",
    "text/plain; charset=utf-16",
    "application/cbor",
    "application/msgpack",
    "application/octet-stream; charset=rot13",
)
STARTS = (
    b"",
    b"{",
    b'{"a":',
    b'[{"a":"\\u',
    b"<a>",
    b'<?xml version="1.0"?><plist>',
    b"bplist00",
    b"--b\r\n",
    b"\x1f\x8b\x08",
    b"\x78\x9c",
    b"\x28\xb5\x2f\xfd",
    b"\x81\xa1a",
    b"\xa1aa",
    b"\x00\x00\x00\x00",
    b"\x0a",
    b"%7B",
    b"a=",
    b"eyJ",
    b"\xff\xfe",
)


def well_formed(decoded: Decoded, limits: Limits) -> None:
    for value in decoded.values:
        assert isinstance(value.data, (str, int, float, bytes))
        assert not isinstance(value.data, bool)
        assert isinstance(value.key, str)
        assert all(isinstance(step, str) and len(step) <= 200 for step in value.path)
        if isinstance(value.data, (str, bytes)):
            assert len(value.data) <= limits.value
        if isinstance(value.data, float):
            assert value.data - value.data == 0
    for part in decoded.opaque:
        assert part.looks in ("encrypted", "unknown", "limit")
        assert part.size >= 0
        assert part.reason


@settings(max_examples=400, deadline=None)
@given(
    start=st.sampled_from(STARTS),
    data=st.binary(max_size=400),
    content_type=st.sampled_from(TYPES),
    encoding=st.sampled_from(("", "gzip", "deflate", "br", "zstd", "gzip, br", "aws-chunked", ",,")),
)
def test_any_bytes_decode(start: bytes, data: bytes, content_type: str, encoding: str) -> None:
    limits = Limits()
    well_formed(decode_bytes(start + data, content_type, encoding), limits)


@settings(max_examples=300, deadline=None)
@given(
    values=st.lists(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(max_size=40)
            | st.binary(max_size=40),
            lambda inner: (
                st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
            ),
            max_leaves=20,
        ),
        max_size=4,
    ),
    flip=st.integers(0, 10_000),
)
def test_damaged_documents_decode(values: list[object], flip: int) -> None:
    import cbor2
    import msgpack

    documents: list[bytes] = [
        json.dumps(values, default=repr).encode(),
        cbor2.dumps(values),
        cbor2.dumps({"tag": cbor2.CBORTag(4711, values)}),
    ]
    try:
        documents.append(msgpack.packb(values))
    except OverflowError:
        pass
    for document in documents:
        broken = bytearray(document)
        broken[flip % len(broken)] ^= 1 << flip % 8
        well_formed(decode_bytes(bytes(broken)), Limits())
        well_formed(decode_bytes(document[: flip % len(document)]), Limits())


@pytest.mark.parametrize("number", [float("inf"), float("nan"), 1 << 5000])
def test_what_is_no_number_of_a_phone_is_no_value(number: float) -> None:
    import msgpack

    for document in ({"lat": {"value": number}}, {"name": "imei", "value": number}, [{"a": {"": number}}]):
        if isinstance(number, float):
            well_formed(decode_bytes(msgpack.packb(document)), Limits())
        decoded = decode_bytes(json.dumps(document).encode())
        assert all(value.data == "imei" for value in decoded.values)


@settings(max_examples=200, deadline=None)
@given(
    path=st.text(max_size=60),
    headers=st.lists(st.tuples(st.text(max_size=10) | st.just("Cookie"), st.text(max_size=60)), max_size=5),
    payloads=st.lists(st.binary(max_size=60), max_size=3),
    protocol=st.sampled_from(("http", "websocket", "tcp", "udp", "dns", "tls", "quic")),
)
def test_any_transmission_decodes(
    path: str, headers: list[tuple[str, str]], payloads: list[bytes], protocol: str
) -> None:
    transmission = Transmission(
        time=0,
        path=path,
        headers=tuple(headers),
        payloads=tuple(payloads),
        protocol=protocol,  # type: ignore[arg-type]
        questions=(path,),
    )
    well_formed(decode(transmission), Limits())


def nested_protobuf(levels: int) -> bytes:
    data = b"\x08\x01"
    for _ in range(levels):
        data = b"\x0a" + varint(len(data)) + data
    return data


MIB = 1 << 20
HOSTILE: dict[str, Callable[[], tuple[bytes, str]]] = {
    "JSON of empty lists": lambda: (b"[" + b"[]," * (5 * MIB) + b"[]]", "application/json"),
    "JSON of deep lists": lambda: (b"[" * MIB, "application/json"),
    "JSON of deep objects": lambda: (b'{"a":' * MIB, "application/json"),
    "JSON of closed deep lists": lambda: (b"[" * 900 + b"]" * 900, "application/json"),
    "JSON of quotes": lambda: (b'{"' * 2 * MIB, "application/json"),
    "JSON of escapes": lambda: (b'{"a":"' + b"\\" * 8 * MIB, "application/json"),
    "JSON of escaped names": lambda: (b"{" + b'\\"k\\":\\"' * MIB, "application/json"),
    "JSON of a long number": lambda: (b"[" + b"9" * 4 * MIB + b"]", "application/json"),
    "JSON of many names": lambda: (json.dumps({f"{n:07d}": n for n in range(300_000)}).encode(), ""),
    "many JSON documents": lambda: (b"{}\n" * 4 * MIB, ""),
    "a form of ampersands": lambda: (b"a=b&" + b"&" * 8 * MIB, "application/x-www-form-urlencoded"),
    "a form of pairs": lambda: (b"a=b&" * 4 * MIB, ""),
    "a form of percents": lambda: (b"a=" + b"%25" * 4 * MIB, "application/x-www-form-urlencoded"),
    "no form": lambda: (b"a=b" + b"&c" * 4 * MIB + b" ", ""),
    "parts": lambda: (b"--b\r\n\r\n" * MIB, "multipart/form-data; boundary=b"),
    "XML of elements": lambda: (b"<a>" + b"<b/>" * 2 * MIB, "text/xml"),
    "deep XML": lambda: (b"<a>" * 2 * MIB, "text/xml"),
    "XML of entities": lambda: (
        b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>',
        "text/xml",
    ),
    "CBOR of empty arrays": lambda: (b"\x9a\x00\x40\x00\x00" + b"\x80" * 4 * MIB, "application/cbor"),
    "CBOR of deep arrays": lambda: (b"\x81" * MIB, "application/cbor"),
    "CBOR that announces a lot": lambda: (b"\xbb\xff\xff\xff\xff\xff\xff\xff\xffaa", "application/cbor"),
    "CBOR that refers to itself": lambda: (b"\xd8\x1c\x82\x61a\xd8\x1d\x00", "application/cbor"),
    "MessagePack of empty arrays": lambda: (
        b"\xdd\x00\x40\x00\x00" + b"\x90" * 4 * MIB,
        "application/msgpack",
    ),
    "MessagePack that announces a lot": lambda: (b"\xdf\xff\xff\xff\xff\xa1a", "application/msgpack"),
    "a property list of many objects": lambda: (
        b"bplist00" + b"\xa0" * 255 + b"\x00" * 6 + b"\x01\x01" + b"\x00\x00\x00\x00\xff\xff\xff\xff" * 3,
        "",
    ),
    "protobuf of small fields": lambda: (b"\x08\x01" * 8 * MIB, "application/x-protobuf"),
    "protobuf of empty fields": lambda: (b"\x0a\x00" * 8 * MIB, "application/x-protobuf"),
    "deep protobuf": lambda: (nested_protobuf(5000), "application/x-protobuf"),
    "protobuf of groups": lambda: (b"\x0b" * 8 * MIB, "application/x-protobuf"),
    "protobuf that nearly parses": lambda: (
        message([(1, (b"\x08\x01" * 9000 + b"\x07")) for _ in range(800)]),
        "application/x-protobuf",
    ),
    "protobuf of noise": lambda: (
        message([(1, zlib.compress(b"%d" % n * 3)) for n in range(15_000)]),
        "application/x-protobuf",
    ),
    "gRPC of empty messages": lambda: (b"\x00\x00\x00\x00\x00" * 3 * MIB, "application/grpc"),
    "lines": lambda: (b"a: b\n" * 3 * MIB, "text/plain"),
    "one line of base64": lambda: (b"QUJD" * 4 * MIB, "text/plain"),
    "base64 in base64": lambda: (
        b"Vm0wd2QyUXlVWGxWV0d4V1YwZDRWMVl3WkRSV01WbDNXa1JTVjAxV2JETlhhMUpUVmpBeFYy" * MIB,
        "",
    ),
    "digits": lambda: (b"31" * 8 * MIB, "text/plain"),
    "spaces": lambda: (b" " * 16 * MIB, "text/plain"),
    "line breaks": lambda: (b"\n" * 16 * MIB, "text/plain"),
    "zeros": lambda: (bytes(16 * MIB), ""),
    "words in zeros": lambda: ((b"abcdefghijklmnop\x00\x01\xff") * MIB, ""),
    "dots": lambda: (b"eyJ" + b"." * 16 * MIB, ""),
    "a URL": lambda: (b"http://a?" + b"=" * 16 * MIB, ""),
    "quotation marks": lambda: (b'"' * 8 * MIB, ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_bounded(name: str) -> None:
    data, content_type = HOSTILE[name]()
    packed = gzip.compress(data, 1)
    limits = Limits(ratio=5000)
    decoded = decode_bytes(packed, content_type, "gzip", limits=limits)
    well_formed(decoded, limits)
    assert len(decoded.values) <= 2 * limits.values


@pytest.mark.parametrize(
    "name",
    [
        "JSON of empty lists",
        "XML of elements",
        "CBOR of empty arrays",
        "MessagePack of empty arrays",
        "JSON of quotes",
    ],
)
def test_hostile_documents_take_bounded_memory(name: str) -> None:
    data, content_type = HOSTILE[name]()
    packed = gzip.compress(data[: 16 * MIB], 1)
    del data
    tracemalloc.start()
    decode_bytes(packed, content_type, "gzip", limits=Limits(ratio=5000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 160 * MIB, peak / MIB


def test_deep_layers_end_at_the_limit() -> None:
    text = '{"imei":"490154203237518"}'
    for _ in range(12):
        text = json.dumps({"a": text})
    decoded = decode_bytes(text.encode(), limits=Limits(depth=5))
    assert max(value.path.count("json") for value in decoded.values) == 5
    assert [part.looks for part in decoded.opaque] == ["limit"]


def deepest(depth: int, wrap: Callable[[Any], Any]) -> bytes:
    """JSON in JSON in JSON, each with as many objects inside one another as its layer may have."""
    text = "490154203237518"
    for layer in range(depth, 0, -1):
        node: Any = text
        for _ in range(DEFAULT.deepest(layer)):
            node = wrap(node)
        text = json.dumps(node)
    return text.encode()


@pytest.mark.parametrize("wrap", [lambda node: {"a": node}, lambda node: {"": node}, lambda node: [node]])
@pytest.mark.parametrize("depth", [DEFAULT.depth, MOST_DEPTH])
def test_all_layers_together_stay_within_the_stack(depth: int, wrap: Callable[[Any], Any]) -> None:
    """Where Python stops functions that call one another is far, also from within mitmproxy."""

    def within(frames: int, work: Callable[[], Decoded]) -> Decoded:
        return within(frames - 1, work) if frames else work()

    body = deepest(depth, wrap)
    found = within(200, lambda: decode_bytes(body, limits=Limits.of(depth, DEFAULT.unpacked)))
    assert [value.data for value in found.values][-1:] == ["490154203237518"]


def test_more_objects_than_a_layer_may_have_are_a_limit() -> None:
    text = "490154203237518"
    for _ in range(8):
        node: Any = text
        for _ in range(63):
            node = {"a": node}
        text = json.dumps(node)
    found = decode_bytes(text.encode())
    assert [part.looks for part in found.opaque] == ["limit"]


@pytest.mark.parametrize("encoding", ["UTF-T", "", "base64", "utf-8\x00", "rot13"])
def test_an_encoding_that_there_is_not(encoding: str) -> None:
    head = f"<?xml version='1.0' encoding='{encoding}'?>".encode()
    for body in (
        b"<plist version='1.0'><dict><key>a</key><string>b</string></dict></plist>",
        b"<a><b>c</b></a>",
    ):
        decode_bytes(head + body, "application/x-plist")
        decode_bytes(head + body, f"text/xml; charset={encoding}")


def test_values_end_at_the_limit() -> None:
    body = json.dumps([{"id": n} for n in range(100)]).encode()
    decoded = decode_bytes(body, limits=Limits(values=60))
    assert 0 < len(decoded.values) <= 60
    assert any(part.looks == "limit" for part in decoded.opaque)


def test_long_values_are_cut_and_said_to_be() -> None:
    body = json.dumps({"log": "x y, " * 300}).encode()
    decoded = decode_bytes(body, limits=Limits(value=1000))
    (value,) = decoded.values
    assert isinstance(value.data, str)
    assert len(value.data) == 1000
    assert (decoded.opaque[0].looks, decoded.opaque[0].size) == ("limit", 500)


def test_many_headers_messages_and_questions_are_bounded() -> None:
    transmission = Transmission(
        time=0,
        protocol="websocket",
        headers=tuple((f"x-{n}", str(n)) for n in range(500)),
        payloads=(b'{"a":1,"b":2}',) * 500,
        questions=("a.example",) * 500,
    )
    decoded = decode(transmission, Limits(values=100))
    assert len(decoded.values) <= 400
    assert any(part.looks == "limit" for part in decoded.opaque)


def test_names_are_cut() -> None:
    decoded = decode_bytes(json.dumps({"k" * 5000: 1}).encode())
    assert decoded.values[0].key == "k" * 200
    assert len(decoded.values[0].path[-1]) == 200


BOMB = base64.b64encode(gzip.compress(bytes(MIB))).decode()
LITTLE = Limits(looked_at=1 << 20)
ADVERSARIES: dict[str, tuple[Transmission, Limits]] = {
    "a bomb in each header": (
        Transmission(0, protocol="http", headers=tuple((f"h{n}", BOMB) for n in range(400))),
        DEFAULT,
    ),
    "long headers": (
        Transmission(0, protocol="http", headers=tuple((f"h{n}", "%41" * 300_000) for n in range(9))),
        DEFAULT,
    ),
    "base64 in each value": (
        Transmission(0, payloads=(json.dumps([f"{BOMB[:-8]}{n}" for n in range(400)]).encode(),)),
        LITTLE,
    ),
    "base64 in each pair": (
        Transmission(0, path="/?" + "&".join(f"a{n}={BOMB}" for n in range(400))),
        LITTLE,
    ),
    "messages in messages": (
        Transmission(0, payloads=(message([(1, nested_protobuf(900)) for _ in range(900)]),)),
        LITTLE,
    ),
    "many messages": (Transmission(0, protocol="tcp", payloads=(b"%41" * 9000 + b"%",) * 90), LITTLE),
    "a long text": (Transmission(0, payloads=(b"hello, world \n" * 90_000,)), LITTLE),
}


@pytest.mark.parametrize("name", ADVERSARIES)
def test_what_is_looked_at_is_bounded_counted_and_the_same_each_time(name: str) -> None:
    sent, limits = ADVERSARIES[name]
    decoded = decode(sent, limits)
    well_formed(decoded, limits)
    struck = [part for part in decoded.opaque if part.looks == "limit"]
    assert MORE in [part.reason for part in struck], struck[:3]
    decoder = Decoder(limits)
    assert decoder.decode(sent) == decoder.decode(sent) == decoded  # whatever is remembered


def test_what_is_short_is_looked_at_as_a_whole() -> None:
    body = json.dumps([{"token": f"{BOMB}{n}"} for n in range(20)]).encode()
    decoded = decode_bytes(body)
    assert MORE not in [part.reason for part in decoded.opaque]


def test_what_is_remembered_is_bounded_in_bytes() -> None:
    memo: Memo[str, str] = Memo(lambda text: text, 1000)
    for n in range(2000):
        assert memo[f"{n}" + "x" * 60_000].startswith(f"{n}x")
    assert sum(map(len, memo)) <= ROOM
    assert memo["x" * 100_000]
    assert "x" * 100_000 not in memo
    decoder = Decoder()
    for n in range(200):
        decoder.decode(Transmission(0, method="m" * 60_000 + str(n)))
    for n in range(9):  # each of a few kilobytes, which become a megabyte
        bomb = base64.b64encode(gzip.compress(b"a b%d " % n + bytes(MIB))).decode()
        decoder.decode(Transmission(0, headers=(("x", bomb),)))
    assert sum(len(name[2] or "") for name in decoder._names) <= ROOM
    assert not decoder._headers
