"""CoAP (RFC 7252), in which modules of small devices register: what a request's options and payload say.

Strategy: the format has no mark, so version, method and the numbers of all options must be known ones, and only a
datagram by itself is tried.
"""

from typing import NamedTuple

from phonehome.analysis.decoding.charset import is_utf8_text
from phonehome.analysis.decoding.http import parse_pairs
from phonehome.analysis.decoding.pieces import Inner, Parts, Piece

_VERSION = 1
_REQUESTS = range(1, 8)
"""Codes of methods: GET to iPATCH (RFC 7252 12.1.1, RFC 8132)."""
_LONGEST_TOKEN = 8
_MARKER = 0xFF
"""Between options and payload."""
_PATH, _QUERY = 11, 15
_KNOWN = frozenset(
    {1, 3, 4, 5, 6, 7, 8, 9, 11, 12, 14, 15, 17, 19, 20, 23, 27, 28, 35, 39, 60, 252, 258, 292}
)
"""Numbers of options (IANA, CoAP Option Numbers)."""


class Request(NamedTuple):
    """What a CoAP request carries."""

    path: str
    query: str
    """Its parts with `&` between, as in a URL."""
    payload: bytes


def parse_request(data: bytes) -> Request | None:
    """A request, whole; None if the bytes are none. Version, method and the numbers of all options must be known ones,
    since the format has no other mark."""
    if len(data) < 5 or data[0] >> 6 != _VERSION or data[1] not in _REQUESTS:
        return None
    token = data[0] & 15
    if token > _LONGEST_TOKEN:
        return None
    position, number = 4 + token, 0
    segments: list[str] = []
    queries: list[str] = []
    while position < len(data) and data[position] != _MARKER:
        head = data[position]
        position += 1
        delta, position = _extended(data, position, head >> 4)
        size, position = _extended(data, position, head & 15)
        number += delta
        value = data[position : position + size]
        if size < 0 or delta < 0 or len(value) < size or number not in _KNOWN:
            return None
        position += size
        if number in (_PATH, _QUERY):
            words = is_utf8_text(value)
            if words is None:
                return None
            (segments if number == _PATH else queries).append(words)
    if position == len(data) - 1 or not (segments or queries or position < len(data)):
        return None
    return Request("/".join(segments), "&".join(queries), data[position + 1 :])


def _extended(data: bytes, position: int, half: int) -> tuple[int, int]:
    """A delta or length, of which large ones go on in the bytes that follow (RFC 7252 3.1), and where they end; -1 if
    it is none."""
    if half < 13:
        return half, position
    more = 1 if half == 13 else 2
    if half == 15 or position + more > len(data):
        return -1, position
    return int.from_bytes(data[position : position + more]) + (13 if more == 1 else 269), position + more


def read_coap(piece: Piece) -> Parts | None:
    """A CoAP request, which is a datagram by itself."""
    found = parse_request(piece.data) if piece.path == ("content",) else None
    if found is None:
        return None
    return Parts(
        (
            Inner(("coap", "path"), found.path, ""),
            Inner(("coap", "query"), parse_pairs(found.query, piece.budget.nodes + 1), ""),
            Inner(("coap", "payload"), found.payload, ""),
        )
    )
