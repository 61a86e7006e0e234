"""Calls of Apple's location service: what access points and cells a device sees, and where it was.

The frame, all numbers with the high byte first: a version (16 bits), in a request three texts, each behind its length
in 16 bits (locale, bundle, system), the number of a function and the length of what follows (32 bits each), then a
protobuf message. A reply has no texts. After M. Tuupola, "Reverse Engineering Apple Location Services Protocol" (2017),
github.com/acheong08/apple-corelocation-experiments (lib/arpc.go, pb/*.proto), github.com/hubert3/iSniff-GPS, and E.
Rye, D. Levin, "Surveilling the Masses with Wi-Fi-Based Positioning Systems" (IEEE S&P 2024).

Strategy: numbers of fields differ by function and version, the shapes do not. So parts of the message get names by what
they look like: an address of an access point; a message that begins with two numbers of degrees (doubles, or
integers of 1e-8 degrees); one that begins with a cell's country, network, number and area. In a reply the positions
are those of access points, and get names that say so.
"""

import re
from struct import Struct
from typing import Any

from phonehome.analysis.decoding.charset import is_utf8_text
from phonehome.analysis.decoding.pieces import Inner, Parts, Piece
from phonehome.analysis.decoding.protobuf import FIXED64, LENGTH, VARINT, Field, fields_of
from phonehome.analysis.decoding.text import Tree

_VERSION = b"\0\1"
_TEXTS = ("locale", "bundle", "system")
_LONGEST = 200
_LEVELS = 8
"""Messages inside one another."""

_ADDRESS = re.compile(rb"[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){5}").fullmatch
"""Of an access point; zeros in front are left out."""
_DOUBLE = Struct("<d")
_LATITUDE, _LONGITUDE = 90, 180
_UNIT = 1e-8
"""Degrees that an integer counts."""
_COUNTRY, _NETWORK = range(200, 800), range(1000)
"""Mobile country codes and network codes (ITU-T E.212)."""


def read_call(piece: Piece) -> Parts | None:
    """A request or a reply: its lengths must add up to the byte."""
    data = piece.data
    texts: list[tuple[str, Tree]] = []
    start = len(_VERSION)
    if int.from_bytes(data[6:10]) != len(data) - 10:  # which a reply has
        for name in _TEXTS:
            end = start + 2 + int.from_bytes(data[start : start + 2])
            words = is_utf8_text(data[start + 2 : end]) if end - start <= _LONGEST else None
            if words is None:
                return None
            texts.append((name, words))
            start = end
    body = start + 8
    if not data.startswith(_VERSION) or int.from_bytes(data[start + 4 : body]) != len(data) - body:
        return None
    fields = fields_of(data[body:], piece.budget)
    if not fields:
        return None
    whose = "" if texts else "of_access_point_"
    message = Inner(("apple-location",), _named(fields, whose, _LEVELS, piece), "")
    return Parts((Inner(("apple-location",), tuple(texts), ""), message) if texts else (message,))


def _named(fields: list[Field], whose: str, levels: int, piece: Piece) -> Tree:
    """The fields of a message, with names where their looks tell, else their numbers."""
    names = _position(fields, whose) or _cell(fields)
    pairs: list[tuple[str, Tree]] = []
    for place, (number, wire, content) in enumerate(fields):
        if place < len(names):
            pairs.append(names[place])
        elif wire == LENGTH:
            pairs.append(_content(str(number), content, whose, levels, piece))
        elif wire == VARINT:
            pairs.append((str(number), _signed(content)))
        elif wire == FIXED64:
            pairs.append((str(number), _DOUBLE.unpack(content)[0]))
    return tuple(pairs)


def _content(name: str, content: bytes, whose: str, levels: int, piece: Piece) -> tuple[str, Tree]:
    """A field that has a length: an address, a text, a message, or bytes."""
    if _ADDRESS(content):
        return "bssid", ":".join(part.zfill(2) for part in content.decode().lower().split(":"))
    words = is_utf8_text(content)
    fields = fields_of(content, piece.budget) if words is None and levels else None
    if not fields:
        return name, content if words is None else words
    return name, _named(fields, whose, levels - 1, piece)


def _position(fields: list[Field], whose: str) -> list[tuple[str, Tree]]:
    """Latitude and longitude, if a message begins with them."""
    if [field[0] for field in fields[:2]] != [1, 2]:
        return []
    latitude, longitude = _degrees(fields[0]), _degrees(fields[1])
    if latitude is None or longitude is None or abs(latitude) > _LATITUDE or abs(longitude) > _LONGITUDE:
        return []
    return [(f"{whose}latitude", latitude), (f"{whose}longitude", longitude)]


def _degrees(field: Field) -> float | None:
    """A number of degrees with a part behind the point, as positions have: others that stand so are counts."""
    _, wire, content = field
    degrees = None
    if wire == FIXED64:
        degrees = float(_DOUBLE.unpack(content)[0])
    elif wire == VARINT and abs(_signed(content)) * _UNIT >= 0.001:
        degrees = round(_signed(content) * _UNIT, 8)
    return degrees if degrees is not None and degrees == degrees and degrees % 1 else None


def _cell(fields: list[Field]) -> list[tuple[str, Tree]]:
    """Country, network, number and area of a cell, if a message begins with them."""
    if [field[:2] for field in fields[:4]] != [(number, VARINT) for number in (1, 2, 3, 4)]:
        return []
    country, network, cell, area = (field[2] for field in fields[:4])
    if country not in _COUNTRY or network not in _NETWORK or not cell or not area:
        return []
    return [("mcc", country), ("mnc", network), ("cellid", cell), ("tac", area)]


def _signed(number: Any) -> int:
    return int(number) - (1 << 64) if number > 0x7FFFFFFFFFFFFFFF else int(number)
