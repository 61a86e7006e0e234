"""What readers of formats take and give.

Strategy: a reader is a function of one `Piece`, or of `Words`. It gives what stands in it as `Parts`, or None if its
format is another, and never looks into what it found: the engine does, and keeps the bounds.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from phonehome.analysis.decoding.limits import Limits
from phonehome.analysis.decoding.paths import Path


class ContentType(NamedTuple):
    """A `Content-Type` header."""

    media: str
    """Type and subtype, lower case."""
    charset: str = ""
    boundary: str = ""


NO_TYPE = ContentType("")


class Budget(Protocol):
    """How much may still be found."""

    limits: Limits
    nodes: int
    """Values and containers."""
    unpacked: int
    """Bytes out of all layers."""
    work: int
    """Protobuf fields that may be tried."""

    def room(self, size: int) -> int:
        """Bytes that a compressed stream of so many may become."""


class Piece(NamedTuple):
    """Bytes in a format that is to be found out."""

    data: bytes
    kind: ContentType
    """What its sender said of it, or `NO_TYPE`."""
    path: Path
    """Where it stands."""
    budget: Budget


class Words(NamedTuple):
    """Text that is in no encoding."""

    text: str
    whole: bool
    """Whether it is a document by itself rather than a value of one."""
    budget: Budget


class Inner(NamedTuple):
    """Something that stood in a piece."""

    steps: Path
    """What led to it: formats and names, for the path of its values."""
    content: Any
    """Text, bytes, a tree, or the fields of a protobuf message."""
    key: str | None = None
    """The name that its sender gave it; None if it has the name of the piece."""
    kind: ContentType = NO_TYPE
    """What its sender said of bytes."""
    encodings: tuple[str, ...] = ()
    """Content codings of bytes, in the order in which they were applied."""


class Note(NamedTuple):
    """Something of a piece that was not understood; the fields are those of `Opaque`."""

    steps: Path
    size: int
    looks: str
    reason: str


class Parts(NamedTuple):
    """What stands in a piece. Several parts are counted as values, and what has no object of its own in them stands
    together."""

    parts: tuple[Inner, ...]
    notes: tuple[Note, ...] = ()


IN_PART = "cut off, damaged or too long: read as far as it goes"

Reader = Callable[[Piece], Parts | None]
TextReader = Callable[[Words], Parts | None]

_make = tuple.__new__


def one(steps: Path, content: Any) -> Parts:
    """A single part; made without the constructors, in half the time: most pieces are one document."""
    return _make(Parts, ((_make(Inner, (steps, content, None, NO_TYPE, ())),), ()))
