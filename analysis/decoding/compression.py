"""Undoing compression with a bound on what comes out.

Each decompressor is fed so that it can never produce much more than `room` bytes, whatever the input claims.
What came out before a stream breaks off, or is found damaged, is kept: half of a request is evidence too.
"""

import zlib
from collections.abc import Callable
from typing import NamedTuple

import brotli
import zstandard

MEMBERS = 64
"""Gzip members (RFC 1952 2.2) in one stream; each costs a copy of what follows it."""

_WINDOW = 8 * 1024 * 1024
"""What RFC 8878 3.1.1.1.2 tells a zstd decoder to support; it is memory, so more is refused."""

_STEP = 512


class Unpacked(NamedTuple):
    """What came out of a compressed stream."""

    data: bytes
    trouble: str = ""
    """`` if the stream was whole; else `truncated`, `damaged` or `limit`."""
    rest: bytes = b""
    """What follows the end of the stream."""


def _inflate(data: bytes, wbits: int, room: int) -> Unpacked | None:
    stream = zlib.decompressobj(wbits)
    try:
        out = stream.decompress(data, room)
    except zlib.error:
        return _salvage(data, wbits, room)
    if stream.eof:
        return Unpacked(out, "", stream.unused_data)
    if len(out) >= room:
        return Unpacked(out, "limit")
    return Unpacked(out, "truncated")


def _salvage(data: bytes, wbits: int, room: int) -> Unpacked | None:
    """zlib gives nothing of a call that ends in an error, so the damage is approached in small steps."""
    stream = zlib.decompressobj(wbits)
    parts: list[bytes] = []
    size = 0
    try:
        for start in range(0, len(data), _STEP):
            part = stream.decompress(data[start : start + _STEP], room - size)
            parts.append(part)
            size += len(part)
            if size >= room or stream.unconsumed_tail:
                return Unpacked(b"".join(parts), "limit")
    except zlib.error:
        pass
    return Unpacked(b"".join(parts), "damaged") if size else None


def gunzip(data: bytes, room: int) -> Unpacked | None:
    """Gzip, with all members of the stream; None if it is none."""
    first = _inflate(data, 31, room)
    if first is None or first.trouble or not first.rest.startswith(b"\x1f\x8b"):
        return first
    parts, unpacked = [first.data], first
    for _ in range(MEMBERS):
        room -= len(unpacked.data)
        if room <= 0:
            return Unpacked(b"".join(parts), "limit")
        member = _inflate(unpacked.rest, 31, room)
        if member is None:
            break
        unpacked = member
        parts.append(unpacked.data)
        if unpacked.trouble or not unpacked.rest.startswith(b"\x1f\x8b"):
            break
    return Unpacked(b"".join(parts), unpacked.trouble, unpacked.rest)


def inflate_zlib(data: bytes, room: int) -> Unpacked | None:
    """The zlib format (RFC 1950); None if it is none."""
    return _inflate(data, 15, room)


def inflate_raw(data: bytes, room: int) -> Unpacked | None:
    """Deflate without a header (RFC 1951); None if it is none."""
    return _inflate(data, -15, room)


def inflate(data: bytes, room: int) -> Unpacked | None:
    """What HTTP calls `deflate`: zlib by RFC 9110 8.4.1.2, raw deflate by what some clients send."""
    return inflate_zlib(data, room) if looks_zlib(data) else inflate_raw(data, room)


def unbrotli(data: bytes, room: int) -> Unpacked | None:
    """Brotli (RFC 7932); None if it is none."""
    stream = brotli.Decompressor()
    parts: list[bytes] = []
    size = 0
    chunk = data
    try:
        while size < room:
            part = stream.process(chunk, output_buffer_limit=room - size)
            parts.append(part)
            size += len(part)
            if stream.is_finished():
                return Unpacked(b"".join(parts))
            if not part or stream.can_accept_more_data():
                break
            chunk = b""
    except brotli.error:
        return Unpacked(b"".join(parts), "damaged") if size else None
    return Unpacked(b"".join(parts), "limit" if size >= room else "truncated")


def unzstd(data: bytes, room: int) -> Unpacked | None:
    """Zstandard (RFC 8878), all frames; None if it is none."""
    parts: list[bytes] = []
    size = 0
    reader = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(data, read_across_frames=True)
    try:
        while size < room:
            part = reader.read(min(room - size, 1 << 17))
            if not part:
                break
            parts.append(part)
            size += len(part)
    except zstandard.ZstdError:
        return Unpacked(b"".join(parts), "damaged") if size else None
    if size >= room:
        return Unpacked(b"".join(parts), "limit")
    # The reader does not tell a frame that ended from one that broke off; now that the size is known to be
    # small, asking the unbounded interface is safe.
    frame = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj(read_across_frames=False)
    try:
        frame.decompress(data)
    except zstandard.ZstdError:
        return Unpacked(b"".join(parts), "damaged") if size else None
    return Unpacked(b"".join(parts), "" if frame.eof else "truncated")


Decompressor = Callable[[bytes, int], Unpacked | None]

ENCODINGS: dict[str, tuple[str, Decompressor]] = {
    "gzip": ("gzip", gunzip),
    "x-gzip": ("gzip", gunzip),
    "deflate": ("deflate", inflate),
    "zlib": ("deflate", inflate),
    "br": ("br", unbrotli),
    "zstd": ("zstd", unzstd),
}
"""Content codings of HTTP (RFC 9110 8.4.1, RFC 7932, RFC 8878) -> name in a path, and decompressor."""


UNMARKED: tuple[tuple[str, Decompressor], ...] = (("deflate", inflate_raw), ("br", unbrotli))
"""Formats that begin with no mark, for bytes that nothing else explains."""


def looks_zlib(data: bytes) -> bool:
    """Whether the first two bytes are a zlib header (RFC 1950 2.2) without preset dictionary."""
    return (
        len(data) > 2 and data[0] & 0x8F == 0x08 and not data[1] & 0x20 and (data[0] << 8 | data[1]) % 31 == 0
    )


FIRST = frozenset((0x1F, 0x28, 0x78))
"""The first bytes of what `by_magic` knows."""


def by_magic(data: bytes) -> tuple[str, Decompressor] | None:
    """The compression that the first bytes claim; None if they claim none."""
    if data.startswith(b"\x1f\x8b\x08"):
        return ENCODINGS["gzip"]
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        return ENCODINGS["zstd"]
    if data[:1] == b"\x78" and looks_zlib(data):
        return ("zlib", inflate_zlib)
    return None
