"""Protobuf and gRPC, against another encoder; and how often chance passes."""

import base64
import gzip
import random
from struct import pack, unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.decoding import protobuf
from phonehome.analysis.decoding.engine import Memory, Walk
from phonehome.analysis.decoding.limits import DEFAULT
from tests.decoding import protobuf as encoder
from tests.decoding.protobuf import Pair, message
from tests.decoding.usual import decode_bytes

SCALAR = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.binary(max_size=20)


@given(st.lists(st.tuples(st.integers(1, 30_000), SCALAR), max_size=10))
def test_messages_parse_to_their_fields(pairs: list[Pair]) -> None:
    fields = protobuf.parse_message(message(pairs), 1000)
    assert fields is not None
    decoded = []
    for number, wire, content in fields:
        if wire == protobuf.FIXED64:
            content = unpack("<d", content)[0]
        elif wire == protobuf.VARINT and content >= 1 << 63:
            content -= 1 << 64
        decoded.append((number, content))
    assert decoded == pairs


@given(st.binary(max_size=60))
def test_any_bytes_parse_or_not(data: bytes) -> None:
    fields = protobuf.parse_message(data, 100)
    assert fields is None or isinstance(fields, list)


def test_groups() -> None:
    data = encoder.group(3, message([(1, 5), (2, "text")])) + message([(4, 1)])
    assert protobuf.parse_message(data, 100) == [(3, protobuf.GROUP, [(1, 0, 5), (2, 2, b"text")]), (4, 0, 1)]
    assert protobuf.parse_message(data[:-3], 100) is None


def found(data: bytes, content_type: str = "application/x-protobuf") -> dict[str, list[object]]:
    """Name of each field -> what it held."""
    out: dict[str, list[object]] = {}
    for value in decode_bytes(data, content_type).values:
        out.setdefault(value.key, []).append(value.data)
    return out


UUID = "1209d0b9-b959-42e6-b921-aa5d9d08c1af"


def test_nested_messages_are_one_step_with_dots() -> None:
    data = message([(1, [(6, [(1, "356938035643809"), (2, UUID)]), (7, -5)]), (2, 59.913868), (3, "kort")])
    values = decode_bytes(data, "application/x-protobuf").values
    assert values[0].path == ("body", "protobuf", "1.6.1")
    assert found(data) == {
        "1.6.1": ["356938035643809"],
        "1.6.2": [UUID],
        "1.7": [-5],
        "2": [int.from_bytes(pack("<d", 59.913868), "little"), 59.913868],
        "3": ["kort"],
    }
    assert len({value.group for value in values}) == 3


def test_a_message_that_is_printable() -> None:
    """Its tag is a line break and its length a dollar sign, so it is text as well."""
    assert found(message([(4, [(1, UUID)]), (5, [(4, UUID)]), (9, 1)])) == {
        "4.1": [UUID],
        "5.4": [UUID],
        "9": [1],
    }


@pytest.mark.parametrize(
    "text", ["*bold* text of some length", '"quoted text", and more of it', "\nnew line and text", ":-)"]
)
def test_text_that_begins_as_a_message_does(text: str) -> None:
    assert found(message([(1, text), (2, 7)])) == {"1": [text], "2": [7]}


def test_fixed_64_bit_numbers() -> None:
    android_id = 0x9F2C71D0AA3E4B12
    assert found(encoder.fixed64(7, android_id) + message([(8, "x")])) == {"7": [android_id], "8": ["x"]}


def test_packed_numbers() -> None:
    position = pack("<dd", 59.913868, 10.752245)
    times = b"".join(encoder.varint(1_700_000_000_000 + n) for n in range(3))
    floats = pack("<ffff", 1.5, 2.25, -3.75, 10.1)
    values = found(message([(1, position), (2, times), (3, floats), (4, 1)]))
    assert values["1"] == [59.913868, 10.752245]
    assert values["2"] == [1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_002]
    assert values["3"][-4:] == [1.5, 2.25, -3.75, 10.1]


def test_bytes_that_are_no_text_stay_bytes() -> None:
    mac = bytes.fromhex("021a11f0a9e1")
    digest = bytes(range(128, 148))
    assert found(message([(1, mac), (2, digest), (3, "x")])) == {"1": [mac], "2": [digest], "3": ["x"]}


def test_unannounced_protobuf() -> None:
    data = message([(1, 1_700_000_000_000), (2, [(1, "Nokia 7 plus"), (2, "13")]), (3, "490154203237518")])
    assert found(data, "")["3"] == ["490154203237518"]
    assert found(data, "application/octet-stream")["2.1"] == ["Nokia 7 plus"]


def test_messages_behind_their_lengths() -> None:
    one = message([(1, 7), (2, "356938035643809")])
    data = b"".join(encoder.varint(len(one)) + one for _ in range(3))
    assert found(data)["2"] == ["356938035643809"] * 3


def frame(data: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + pack(">I", len(data)) + data


@pytest.mark.parametrize("content_type", ["application/grpc", "application/grpc+proto", ""])
def test_grpc(content_type: str) -> None:
    one = message([(1, "490154203237518"), (2, 5)])
    decoded = decode_bytes(frame(one) + frame(gzip.compress(one), 1), content_type)
    assert [(value.path, value.data) for value in decoded.values] == [
        (("body", "grpc", "protobuf", "1"), "490154203237518"),
        (("body", "grpc", "protobuf", "2"), 5),
        (("body", "grpc", "gzip", "protobuf", "1"), "490154203237518"),
        (("body", "grpc", "gzip", "protobuf", "2"), 5),
    ]


def test_grpc_of_json() -> None:
    decoded = decode_bytes(frame(b'{"imei":"490154203237518"}'), "application/grpc+json")
    assert decoded.values[0].path == ("body", "grpc", "json", "imei")


def test_messages_behind_their_lengths_inside_a_field() -> None:
    """As Google's `log/batch` has them: an event log is one field of lengths and messages."""
    event = message([(1, 1_700_000_000_000), (2, "a"), (6, [(1, "24201"), (2, 7)])])
    log = b"".join(encoder.varint(len(event)) + event for _ in range(3))
    nested = message([(1, [(5, log), (7, 7)]), (2, 8)])
    values = decode_bytes(nested, "application/x-protobuf").values
    assert [value.data for value in values if value.path[-1] == "6.1"] == ["24201"] * 3
    assert values[0].path == ("body", "protobuf", "1.5", "delimited", "1")
    around = message([(5, log)])
    twice = b"".join(encoder.varint(len(each)) + each for each in (around, event))
    deeper = message([(4, twice)])
    values = decode_bytes(deeper, "application/x-protobuf").values
    assert [value.data for value in values if value.path[-1] == "6.1"].count("24201") == 4


def test_what_is_compressed_inside_a_field() -> None:
    document = b'{"imei":"490154203237518"}'
    for inner in (
        gzip.compress(document),
        base64.b64encode(gzip.compress(document)).decode(),
        document.decode(),
    ):
        values = decode_bytes(message([(1, [(5, inner), (7, 7)])]), "application/x-protobuf").values
        assert "490154203237518" in [value.data for value in values if value.key == "imei"]


def test_random_bytes_are_no_messages_behind_their_lengths() -> None:
    rng = random.Random(4)
    walk = Walk(DEFAULT, Memory())
    for size in (24, 40, 64, 200):
        for _ in range(3000):
            assert protobuf.read_delimited_field(rng.randbytes(size), walk) is None
        walk.work = 10**6


def test_chance_passes_seldom() -> None:
    """The rates that docs/decoding.md states, with room for chance in them."""
    rng = random.Random(3)
    count = 4000
    for size, most in ((16, 0.004), (32, 0.003), (256, 0.001)):
        passed = surely = 0
        for _ in range(count):
            data = rng.randbytes(size)
            fields = protobuf.parse_message(data, 1000)
            passed += bool(fields and protobuf.plausible(fields, size))
            surely += protobuf.surely_message(data) + protobuf.grpc_adds_up(data)
        assert passed <= most * count
        assert surely <= 1
