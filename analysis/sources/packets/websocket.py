"""WebSocket messages on a connection, unmasked and unpacked.

Formats: RFC 6455 (5), RFC 7692 (permessage-deflate).
"""

import zlib
from typing import Final

from phonehome.analysis.sources.packets.budget import MAX_CONVERSATION, Kept

_CONTINUATION, _TEXT, _BINARY = 0, 1, 2
_END_OF_BLOCK: Final = b"\x00\x00\xff\xff"
MAX_MESSAGES: Final = 10_000


class _Side:
    __slots__ = ("buffer", "compressed", "inflate", "lost", "message", "needed", "pieces", "waiting")

    def __init__(self) -> None:
        self.buffer = b""
        self.pieces: list[bytes] = []
        self.waiting = 0
        self.needed = 0
        """Bytes with which the next frame is whole; they are joined once, not at each packet."""
        self.message = bytearray()
        self.compressed = False
        self.inflate = zlib.decompressobj(-15)
        self.lost = False


class Messages:
    """Both directions. What the client sent is kept, what the server sent is counted."""

    def __init__(self, kept: Kept, compression: bool) -> None:
        self._kept = kept
        self._compression = compression
        self._sides = (_Side(), _Side())
        self._messages: list[bytes] = []
        self._left_out = 0
        self._sent = 0
        self._received = 0
        self.last = 0.0
        """When the last message came."""

    def data(self, sender: int, data: bytes, time: float) -> None:
        """The next bytes of an end."""
        side = self._sides[sender]
        if side.lost:
            self._count(sender, len(data))
            return
        side.pieces.append(data)
        side.waiting += len(data)
        if side.waiting < side.needed and side.waiting <= MAX_CONVERSATION:
            return
        buffer = b"".join((side.buffer, *side.pieces))
        side.pieces = []
        position = side.needed = 0
        while (frame := _frame(buffer, position)) is not None:
            first, start, end, mask = frame
            if end > len(buffer):
                side.needed = end - position
                break
            content = buffer[start:end]
            position = end
            if first & 15 in (_CONTINUATION, _TEXT, _BINARY):
                self.last = time
                self._part(sender, side, first, _unmasked(content, mask) if mask else content)
            elif first & 15 > 10:
                side.lost = True
                break
        side.buffer = buffer[position:]
        side.waiting = len(side.buffer)
        if len(side.buffer) > MAX_CONVERSATION:
            self._count(sender, len(side.buffer))
            side.buffer = b""
            side.lost = True

    def gap(self, sender: int) -> None:
        """The capture lacks bytes: where the next frame begins is not known."""
        self._sides[sender].lost = True
        self._sides[sender].buffer = b""

    def _part(self, sender: int, side: _Side, first: int, content: bytes) -> None:
        if first & 15 != _CONTINUATION:
            side.message = bytearray()
            side.compressed = bool(first & 0x40) and self._compression
        if len(side.message) + len(content) > MAX_CONVERSATION:
            self._count(sender, len(content))
            return
        side.message += content
        if not first & 0x80:
            return
        message = bytes(side.message)
        side.message = bytearray()
        if side.compressed:
            try:
                message = side.inflate.decompress(message + _END_OF_BLOCK, MAX_CONVERSATION)
            except zlib.error:
                side.inflate = zlib.decompressobj(-15)
        if sender:
            self._received += len(message)
            return
        self._sent += len(message)
        before = self._kept.left_out
        if len(self._messages) < MAX_MESSAGES:
            size = self._kept.size
            self._kept.add(message)
            self._messages.append(message[: self._kept.size - size])
        else:
            self._left_out += len(message)
        self._left_out += self._kept.left_out - before

    def _count(self, sender: int, size: int) -> None:
        if sender:
            self._received += size
        else:
            self._sent += size
            self._left_out += size

    def take(self) -> tuple[tuple[bytes, ...], int, int, int]:
        """What the client sent, how many bytes of it were not kept, and the bytes each way."""
        self._kept.take()
        return tuple(filter(None, self._messages)), self._left_out, self._sent, self._received


def _frame(data: bytes, position: int) -> tuple[int, int, int, bytes] | None:
    """First byte, start and end of the content, and the mask; None if the header is not whole."""
    if len(data) < position + 2:
        return None
    first, second = data[position], data[position + 1]
    length = second & 127
    start = position + 2
    if length >= 126:
        size = 2 if length == 126 else 8
        if len(data) < start + size:
            return None
        length = int.from_bytes(data[start : start + size])
        start += size
    mask = b""
    if second & 128:
        if len(data) < start + 4:
            return None
        mask = data[start : start + 4]
        start += 4
    return first, start, start + length, mask


def _unmasked(content: bytes, mask: bytes) -> bytes:
    repeated = (mask * (len(content) // 4 + 1))[: len(content)]
    return (int.from_bytes(content) ^ int.from_bytes(repeated)).to_bytes(len(content))
