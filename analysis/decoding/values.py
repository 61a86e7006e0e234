"""What decoding gives: named values, each with the chain that led to it."""

from typing import NamedTuple


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
