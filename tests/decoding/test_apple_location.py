"""Apple's location service: frames that were published, and messages of another encoder."""

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.decoding.apple_location import read_call
from phonehome.analysis.decoding.engine import Memory, Walk
from phonehome.analysis.decoding.limits import DEFAULT
from phonehome.analysis.decoding.pieces import NO_TYPE, Piece
from phonehome.analysis.identifiers.engine import Recogniser
from phonehome.analysis.identifiers.finding import Finding
from tests.decoding.protobuf import Pair, message
from tests.decoding.usual import decode_bytes

PUBLISHED = bytes.fromhex(
    "00010005656e5f55530013636f6d2e6170706c652e6c6f636174696f6e64000c382e342e312e3132483332310000"
    "00010000002d12130a1162343a35643a35303a39343a33393a623312120a1039383a313a61373a65363a38353a3730"
    "18002064"
)
"""The request in M. Tuupola's article of 2017."""
FORM = "application/x-www-form-urlencoded"


def text(words: str) -> bytes:
    return pack(">H", len(words)) + words.encode()


def request(pairs: list[Pair], function: int = 1) -> bytes:
    body = message(pairs)
    head = pack(">H", 1) + text("en-001_001") + text("com.apple.locationd") + text("17.5.1.21F90")
    return head + pack(">II", function, len(body)) + body


def reply(pairs: list[Pair]) -> bytes:
    body = message(pairs)
    return pack(">HII", 1, 1, len(body)) + body


def found(data: bytes) -> dict[str, Finding]:
    return {each.kind: each for each in Recogniser().recognise(decode_bytes(data, FORM))}


def test_the_request_that_was_published() -> None:
    values = [(value.key, value.data) for value in decode_bytes(PUBLISHED, FORM).values]
    assert values == [
        ("locale", "en_US"),
        ("bundle", "com.apple.locationd"),
        ("system", "8.4.1.12H321"),
        ("bssid", "b4:5d:50:94:39:b3"),
        ("bssid", "98:01:a7:e6:85:70"),  # written without its zero
        ("3", 0),
        ("4", 100),
    ]
    assert found(PUBLISHED)["access-points"].value == "98:01:a7:e6:85:70,b4:5d:50:94:39:b3"


@pytest.mark.parametrize(
    "position",
    [
        [(1, 59.9138688), (2, 10.7522454), (3, 5)],
        [(1, 5991386880), (2, 1075224540), (3, 5)],
        [(1, -3385678000), (2, 15120929900)],
    ],
)
def test_where_the_phone_was_when_it_saw_an_access_point(position: list[Pair]) -> None:
    entry: list[Pair] = [(1, "98:1:a7:e6:85:70"), (2, 6), (3, -60), (4, position), (7, 0)]
    its = found(request([(3, entry), (163, [(1, "iPhone OS17.5"), (2, "iPhone12,1")])], 100))
    first = position[0][1]
    assert isinstance(first, int | float)
    latitude = first if isinstance(first, float) else first / 1e8
    assert its["position"].certainty == "likely"
    assert float(its["position"].value.split(",")[0]) == pytest.approx(latitude)
    assert its["access-points"].value == "98:01:a7:e6:85:70"


def test_the_cell_that_it_asks_for() -> None:
    its = found(request([(3, -1), (25, [(1, 242), (2, 1), (3, 1234567), (4, 2201)]), (33, [(1, "x")])]))
    assert its["cell"].value == "242-1-2201-1234567"


def test_what_apple_answers_is_not_the_phones_position() -> None:
    data = reply([(2, [(1, "64:d8:14:72:60:c"), (2, [(1, 135582881), (2, 10399172128), (3, 57)])])])
    decoded = decode_bytes(data)
    assert ("of_access_point_latitude", 1.35582881) in [(value.key, value.data) for value in decoded.values]
    assert [each.kind for each in Recogniser().recognise(decoded)] == ["access-points"]


@pytest.mark.parametrize(
    "position",
    [
        [(1, 5), (2, 7), (3, 1)],
        [(1, 18446744055709551616 - (1 << 64)), (2, 18446744055709551616 - (1 << 64))],  # not known
        [(1, 9100000001), (2, 1000000001)],
        [(2, 59.9138688), (1, 10.7522454)],
        [(1, 59.0), (2, 10.0)],
    ],
)
def test_other_numbers_are_no_position(position: list[Pair]) -> None:
    assert "position" not in found(request([(2, [(1, "98:1:a7:e6:85:70"), (2, position)])]))


@pytest.mark.parametrize("cut", [1, 10, 40, 51, 60, 96])
def test_a_frame_that_does_not_add_up_is_none(cut: int) -> None:
    for data in (PUBLISHED[:cut], PUBLISHED + b"\0" * cut):
        assert all(value.path[1] != "apple-location" for value in decode_bytes(data, FORM).values)


@given(st.binary(max_size=80), st.integers(0, 96), st.integers(0, 96))
def test_any_bytes_are_read_or_not(data: bytes, start: int, end: int) -> None:
    for piece in (b"\0\1\0" + data, PUBLISHED[:start] + data + PUBLISHED[end:]):
        found = read_call(Piece(piece, NO_TYPE, ("body",), Walk(DEFAULT, Memory())))
        assert found is None or found.parts
