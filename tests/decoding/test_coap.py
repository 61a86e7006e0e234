"""CoAP requests: bytes put together by hand after RFC 7252."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.decoding.coap import Request, parse_request
from tests.decoding.usual import decode_bytes

CONFIRMABLE = b"\x40\x02\x12\x34"
"""Version 1, no token, POST, message id 0x1234."""


def test_options_and_payload() -> None:
    token = b"\x44\x02\x12\x34\x01\x02\x03\x04"
    options = b"\xb2rd" + b"\x02up" + b"\x11\x32" + b"\x35a=one" + b"\x03b=2"
    assert parse_request(token + options + b"\xff{}") == Request("rd/up", "a=one&b=2", b"{}")


def test_long_options() -> None:
    name = b"ep=" + b"1" * 300
    assert parse_request(CONFIRMABLE + b"\xde\x02" + bytes([0, len(name) - 269]) + name) == Request(
        "", name.decode(), b""
    )
    assert parse_request(CONFIRMABLE + b"\xbd\x01abcdefghijklmn") == Request("abcdefghijklmn", "", b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x40\x02\x12\x34",
        b"\x80\x02\x12\x34\xb2nb",
        b"\x40\x45\x12\x34\xb2nb",
        b"\x49\x02\x12\x34" + bytes(9) + b"\xb2nb",
        CONFIRMABLE + b"\xb2nb\xff",
        CONFIRMABLE + b"\xb9nb",
        CONFIRMABLE + b"\xf2nb",
        CONFIRMABLE + b"\xbfnb",
        CONFIRMABLE + b"\xa2nb",
        CONFIRMABLE + b"\xb2\xfe\xff",
        CONFIRMABLE + b"\xbe\x01",
    ],
    ids=[
        "empty",
        "bare",
        "version",
        "answer",
        "token",
        "marker",
        "cut",
        "delta",
        "length",
        "unknown",
        "text",
        "more",
    ],
)
def test_what_is_none(data: bytes) -> None:
    assert parse_request(data) is None


def test_chance_hardly_passes() -> None:
    """Of random datagrams that begin as a QUIC packet of a connection does."""
    rng = random.Random(7)
    taken = sum(
        parse_request(bytes([0x40 | rng.randrange(64)]) + rng.randbytes(120)) is not None
        for _ in range(100_000)
    )
    assert taken <= 10


@given(st.binary(max_size=200))
def test_nothing_makes_it_raise(rest: bytes) -> None:
    parse_request(CONFIRMABLE + rest)


def test_only_a_datagram_by_itself() -> None:
    data = CONFIRMABLE + b"\xb2nb\x11\x32\x35ep=it" + b'\xff{"IMEI1":"001012340000425"}'
    assert [(value.path[1:], value.data) for value in decode_bytes(data, path=("content",)).values] == [
        (("coap", "path"), "nb"),
        (("coap", "query", "ep"), "it"),
        (("coap", "payload", "json", "IMEI1"), "001012340000425"),
    ]
    assert "coap" not in {segment for value in decode_bytes(data).values for segment in value.path}
