"""How much of a captured transmission is unpacked. What was sent is written by strangers, so each way
in which a few bytes can grow into many has a bound."""

from dataclasses import dataclass

LEAST_NESTING = 8
MOST_DEPTH = 16
"""Layers that may be asked for."""
EACH = 64
"""Bytes that a piece counts for above its own, for what it takes to look at a short one."""
HEADS = 16
"""Part of what may be looked at that headers have: real ones are short."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one transmission. Where one is reached, the part that was left is an `Opaque` that looks
    like `limit`; what was decoded before that stays."""

    depth: int = 8
    """Layers inside one another: `gzip > json > base64 > json` is four."""
    unpacked: int = 16 * 1024 * 1024
    """Bytes that come out of all layers together."""
    ratio: int = 200
    """Bytes that one compressed stream may become for each of its own, above `free`. Telemetry that repeats
    itself reaches 50."""
    free: int = 1024 * 1024
    """Bytes that any compressed stream may become, however short it is."""
    values: int = 20_000
    """Values, and containers of values, together, in the URL, in each header, and in all payloads. The
    text that a value was decoded from is not counted."""
    nesting: int = 64
    """Objects inside one another within one document; half as many in each layer below the second, but not less than
    8. All layers together then stay well within what Python lets functions call one another."""
    document: int = 4 * 1024 * 1024
    """Characters of JSON, XML or text, or four times the bytes of a binary document, that are given to a parser
    that builds the whole tree. A document of many empty lists takes 20 times its size in memory."""
    looked_at: int = 64 * 1024 * 1024
    """Bytes that are looked at, in all layers and values together, each piece being `EACH` more: in the URL, in the
    first payload, in the others, and a sixteenth of it in all headers. Counted, not timed, so that the same
    transmission always gives the same."""
    value: int = 64 * 1024
    """Characters or bytes of one value, not less than 512; the rest is cut off, and said to be."""

    @classmethod
    def of(cls, depth: int, unpacked: int) -> "Limits":
        """Limits of so many layers (1 to `MOST_DEPTH`) and bytes; the length of a document goes with the bytes."""
        return cls(depth=min(depth, MOST_DEPTH), unpacked=unpacked, document=max(1, unpacked // 4))

    def deepest(self, depth: int) -> int:
        """Objects inside one another, so many layers deep."""
        return max(LEAST_NESTING, self.nesting >> max(0, depth - 2))


DEFAULT = Limits()
