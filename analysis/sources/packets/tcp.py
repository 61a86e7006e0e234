"""One direction of a TCP connection: segments in any order to a stream, with its gaps.

Strategy: what comes in order is passed on at once. What comes early waits; when the receiver has acknowledged what is
missing, or too much waits, the capture lacks it: then the gap is passed on, and the stream goes on behind it.

Numbers are those of RFC 9293, modulo 2**32.
"""

from collections.abc import Iterator
from typing import Final

WRAP: Final = 0xFFFFFFFF
_HALF: Final = 1 << 31
MAX_WAITING: Final = 4 << 20
"""Bytes that wait for what comes before them,"""
MAX_SEGMENTS: Final = 4096
"""and segments."""

FIN, SYN, RST, ACK = 1, 2, 4, 16


def ahead(number: int, other: int) -> int:
    """How far a sequence number is ahead of another; negative if it is behind."""
    distance = (number - other) & WRAP
    return distance if distance < _HALF else distance - WRAP - 1


class Direction:
    """What one end sent."""

    __slots__ = (
        "acked",
        "acked_first",
        "base",
        "bytes",
        "fin",
        "first",
        "last",
        "missing",
        "next",
        "packets",
        "reset",
        "syn",
        "waiting",
        "waiting_bytes",
    )  # fmt: skip

    def __init__(self) -> None:
        self.packets = 0
        self.next = -1
        """Sequence number that is expected; -1 before anything was seen."""
        self.base = -1
        """Sequence number of the first byte that was seen, or that follows the SYN."""
        self.syn = -1
        """Its own initial sequence number, if its SYN was seen."""
        self.fin = -1
        """Sequence number behind its last byte, if its FIN was seen."""
        self.reset = False
        self.bytes = 0
        """Of its stream, without those that are missing and those that came twice."""
        self.missing = 0
        """Bytes that the capture lacks."""
        self.acked = -1
        """How far it says that it got the other's stream: the highest number."""
        self.acked_first = -1
        self.first = 0.0
        """When its first byte was sent."""
        self.last = 0.0
        self.waiting: dict[int, bytes] = {}
        self.waiting_bytes = 0

    @property
    def sent(self) -> int:
        """Bytes of its stream so far, the missing ones included."""
        return self.bytes + self.missing

    def segment(self, number: int, data: bytes, length: int) -> Iterator[bytes | int]:
        """Takes a segment (of `length` bytes, of which `data` was captured), and gives what follows in the stream:
        bytes, or the size of a gap."""
        if self.next < 0:
            self.next = self.base = number
        place = ahead(number, self.next)
        if place > 0:
            self._wait(number, data, length)
            return
        if place < 0:
            if place + length <= 0:
                return  # sent again
            data = data[-place:]
            length += place
            number = self.next
        yield from self._take(data, length)
        if self.waiting:
            yield from self._ready()

    def _take(self, data: bytes, length: int) -> Iterator[bytes | int]:
        if data:
            self.bytes += len(data)
            yield data
        if length > len(data):  # the capture cuts packets
            self.missing += length - len(data)
            yield length - len(data)
        self.next = (self.next + length) & WRAP

    def _wait(self, number: int, data: bytes, length: int) -> None:
        if not data:
            return
        known = self.waiting.get(number)
        if known is not None:
            if len(known) >= len(data):
                return
            self.waiting_bytes -= len(known)
        self.waiting[number] = data
        self.waiting_bytes += len(data)

    def _ready(self) -> Iterator[bytes | int]:
        while self.waiting:
            number = self.next
            data = self.waiting.pop(number, None)
            if data is None:
                # Segments may overlap, or lie behind by now.
                behind = [start for start in self.waiting if ahead(start, number) < 0]
                for start in behind:
                    piece = self.waiting.pop(start)
                    self.waiting_bytes -= len(piece)
                    rest = piece[ahead(number, start) :]
                    if rest:
                        self._wait(number, rest, len(rest))
                if number not in self.waiting:
                    return
                continue
            self.waiting_bytes -= len(data)
            yield from self._take(data, len(data))

    def overdue(self, confirmed: int) -> bool:
        """Whether what is missing will not come: the other end confirmed it (`confirmed`, -1 if that is not known), or
        too much waits for it."""
        if not self.waiting:
            return False
        if self.waiting_bytes > MAX_WAITING or len(self.waiting) > MAX_SEGMENTS:
            return True
        return confirmed >= 0 and any(ahead(confirmed, start) >= 0 for start in self.waiting)

    def skip(self) -> Iterator[bytes | int]:
        """Passes over a gap: its size, and what waited behind it."""
        if not self.waiting:
            return
        nearest = min(self.waiting, key=lambda start: ahead(start, self.next))
        size = ahead(nearest, self.next)
        if size > 0:
            self.missing += size
            self.next = nearest
            yield size
        yield from self._ready()
