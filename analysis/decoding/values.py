"""What decoding gives: named values, each with the chain that led to it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

SHORTEST: Final = 10
"""Characters of a text that may be an identifier; shorter ones are equal by chance."""
LONGEST: Final = 256
"""Characters of the same; a longer one holds few identifiers that decoding has not taken out of it."""
LEAST: Final = 10**13
"""Numbers from which on one may be an identifier: the first 14 digits of an IMEI."""
SIZES: Final = frozenset({6, 8, 16, 20, 32})
"""Bytes of addresses, of UUIDs and of digests."""


class Value(NamedTuple):
    """One value that a transmission carried."""

    path: tuple[str, ...]
    """Where it stood: `("body", "base64", "json", "IMEI1")`. Printed with ` > ` between."""
    key: str
    """The name that the sender gave it (`IMEI1`); list items carry the name of their list; `` if none."""
    data: str | int | float | bytes
    """Text, number, or bytes that are no text. Never bool or None: these identify nobody."""
    group: int
    """Values of one object (a JSON object, a form, one header block, one protobuf message) share a number,
    unique within a transmission: latitude and longitude are a position only if they stand together."""


class Opaque(NamedTuple):
    """A part that nothing decoded."""

    path: tuple[str, ...]
    size: int
    """Bytes."""
    looks: str
    """`encrypted` (as random as ciphertext) or `unknown` (a format that is not known), or `limit`
    (left unread because a limit on depth, size or count was reached)."""
    reason: str


class Decoded(NamedTuple):
    """Everything that was found in one transmission."""

    values: tuple[Value, ...]
    opaque: tuple[Opaque, ...]


def longer(values: Sequence[Value]) -> list[Value]:
    """Those that may be an identifier by their length. Nine of ten are none: this loop decides what all of it costs."""
    return [
        value
        for value in values
        if (
            SHORTEST <= len(value[2]) <= LONGEST
            if value[2].__class__ is str
            else LEAST <= value[2] < 1 << 64
            if value[2].__class__ is int
            else value[2].__class__ is bytes and len(value[2]) in SIZES
        )
    ]
