"""pcap and pcapng: from pieces of a file to frames.

Strategy: a buffer holds what is not parsed yet; each piece is appended and cut into whole records. A record that cannot
be one (longer than any frame, a trailer that disagrees) starts a search for the next that can, and is counted.

Formats: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html and draft-ietf-opsawg-pcapng-02.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from phonehome.analysis.sources.packets.notes import Notes
from phonehome.analysis.transmission import App

Frame = tuple[float, int, bytes, int]
"""Time (seconds since 1970; 0 is unknown), link type (https://www.tcpdump.org/linktypes.html), the bytes that were
kept, and how many there were."""

MAX_RECORD: Final = 16 << 20
"""Bytes of a record; a frame has 256 KiB at most, a block of secrets may be longer."""
MAX_SECRETS: Final = 64 << 20
MAX_INTERFACES: Final = 4096
GIVE_UP: Final = 64 << 20
"""Bytes without a record after which nothing more is expected of a file."""

_PCAP: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}
_SECTION: Final = b"\x0a\x0d\x0d\x0a"
_LITTLE: Final = b"\x4d\x3c\x2b\x1a"
_BIG: Final = b"\x1a\x2b\x3c\x4d"
_INTERFACE, _OLD_PACKET, _SIMPLE, _STATISTICS, _PACKET, _SECRETS, _CUSTOM = 1, 2, 3, 5, 6, 10, 0xBAD
_TLS_KEY_LOG: Final = 0x544C534B
_END, _TIME_RESOLUTION, _TIME_OFFSET, _DROPPED_BY_INTERFACE, _DROPPED_BY_SYSTEM = 0, 9, 14, 5, 7
_COMMENT: Final = 1
_PCAPDROID: Final = 62652
"""PCAPdroid's number (IANA, private enterprise numbers)."""
_TRAILER: Final = b"\x01\x07\x20\x21"
_TRAILER_SIZE: Final = 32
MAX_APPS: Final = 100_000
LOOKED_AT: Final = 64
"""Packets of a pcap file that are looked at for PCAPdroid's trailer: it is on all of them, or on none."""
_SECTION_FACTS: Final = {2: "hardware", 3: "system", 4: "application"}


def recognises(beginning: bytes) -> bool:
    """Whether a file that begins so (12 bytes do) is pcap or pcapng."""
    return beginning[:4] in _PCAP or (beginning[:4] == _SECTION and beginning[8:12] in (_LITTLE, _BIG))


GZIP, ZSTD, XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00"
COMPRESSED: Final = (GZIP, ZSTD, XZ)
"""What files begin with that are unpacked."""


def may_hold_packets(beginning: bytes) -> bool:
    """Whether a file that begins so is one of packets, or compressed: then opening it tells whether it is one."""
    return recognises(beginning) or beginning.startswith(COMPRESSED)


class Blocks:
    """Reads one file. What is not a frame is kept beside them: key logs, and what the file says of itself."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.secrets: list[bytes] = []
        """TLS key logs in Decryption Secrets Blocks."""
        self.facts: dict[str, str] = {}
        """`hardware`, `system` and `application`, as the first section says."""
        self.dropped = 0
        """Packets that the capturing program says it lost."""
        self.marked = False
        """Whether its packets say which app they are of, as PCAPdroid's do (app/src/main/jni/core/pcap_dump.c): by a
        trailer in pcap; in pcapng by the number of a user in a comment, which a block gives a package and a name."""
        self._apps: dict[int, App] = {}
        self._user: int | None = None
        self._secret_bytes = 0

    def app(self, frame: bytes) -> App | None:
        """The app of the frame that was given last, if it is marked."""
        if self._apps:
            return self._apps.get(self._user) if self._user is not None else None
        trailer = frame[-_TRAILER_SIZE:]
        if trailer[:4] != _TRAILER or trailer[4:8] == b"\xff\xff\xff\xff":
            return None
        name = trailer[8:28].partition(b"\x00")[0].decode("utf-8", "replace").strip()
        return App(name, "", "packet") if name else None

    def frames(self, pieces: Iterable[bytes]) -> Iterator[Frame]:
        """The frames, in the order of the file. Raises nothing that the content could cause."""
        source = iter(pieces)
        data = next(source, b"")
        while len(data) < 24 and (more := next(source, b"")):
            data += more
        if data[:4] in _PCAP:
            yield from self._pcap(data, source)
        elif data[:4] == _SECTION:
            yield from self._pcapng(data, source)

    def _pcap(self, data: bytes, source: Iterator[bytes]) -> Iterator[Frame]:
        order, unit = _PCAP[data[:4]]
        if len(data) < 24:
            self.notes.add("cut off inside the file header")
            return
        link = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
        header = struct.Struct(order + "IIII").unpack_from
        position, last, skipped = 24, -1, 0
        look = LOOKED_AT
        while True:
            end = len(data)
            while position + 16 <= end:
                seconds, fraction, kept, length = header(data, position)
                after = position + 16 + kept
                if kept > MAX_RECORD or not (
                    seconds or length
                ):  # or a hole in the file, or what a full disk left
                    self.notes.count("damaged places in the file were skipped")
                    found = self._next_record(data, position + 1, order, last)
                    skipped += found - position
                    position = found
                    if skipped > GIVE_UP or last < 0:
                        return
                    continue
                if after > end:
                    break
                last = seconds
                if look:
                    look -= 1
                    if (
                        data[after - _TRAILER_SIZE : after - _TRAILER_SIZE + 4] == _TRAILER
                        and kept > _TRAILER_SIZE
                    ):
                        self.marked, look = True, 0
                yield seconds + fraction * unit, link, data[position + 16 : after], length
                position = after
            more = next(source, b"")
            if not more:
                if position < end:
                    self.notes.add("cut off inside the last packet")
                return
            data = data[position:] + more
            position = 0

    @staticmethod
    def _next_record(data: bytes, position: int, order: str, last: int) -> int:
        """Where the next record seems to begin: about the time of the last one, and sane lengths."""
        if last < 0:
            return len(data)
        near = struct.pack(order + "I", last)
        mark = near[2:] if order == "<" else near[:2]
        shift = 2 if order == "<" else 0
        while (found := data.find(mark, position + shift)) >= 0:
            start = found - shift
            if start + 16 > len(data):
                break
            _, fraction, kept, length = struct.unpack_from(order + "IIII", data, start)
            if 0 < kept <= length <= 1 << 18 and fraction < 10**9:
                return start
            position = start + 1
        return max(position, len(data) - 15)

    def _pcapng(self, data: bytes, source: Iterator[bytes]) -> Iterator[Frame]:
        order = "<"
        interfaces: list[tuple[int, float, int, int]] = []
        packet = struct.Struct("<IIIII").unpack_from
        head = struct.Struct("<II").unpack_from
        position = skipped = 0
        while True:
            end = len(data)
            while position + 12 <= end:
                if data[position : position + 4] == _SECTION:
                    order = ">" if data[position + 8 : position + 12] == _BIG else "<"
                    packet = struct.Struct(order + "IIIII").unpack_from
                    head = struct.Struct(order + "II").unpack_from
                kind, size = head(data, position)
                after = position + size
                if size < 12 or size > MAX_RECORD + 64 or size & 3:
                    position, jump = self._next_block(data, position + 1, order)
                    skipped += jump
                    if skipped > GIVE_UP:
                        return
                    continue
                if after > end:
                    break
                if data[position + 4 : position + 8] != data[after - 4 : after]:
                    position, jump = self._next_block(data, position + 1, order)
                    skipped += jump
                    continue
                if kind == _PACKET and size >= 32:
                    number, high, low, kept, length = packet(data, position + 8)
                    start = position + 28
                    if number < len(interfaces) and start + kept <= after - 4:
                        link, unit, offset, _ = interfaces[number]
                        if self.marked:
                            self._user = _user(_options(data, start + kept + (-kept & 3), after - 4, order))
                        yield (high << 32 | low) * unit + offset, link, data[start : start + kept], length
                    else:
                        self.notes.count("damaged packet blocks were left out")
                elif kind == 0x0A0D0D0A:
                    interfaces = []
                    for code, value in _options(data, position + 24, after - 4, order):
                        if code in _SECTION_FACTS:
                            self.facts.setdefault(
                                _SECTION_FACTS[code], value.decode("utf-8", "replace")[:200]
                            )
                else:
                    frame = self._other(kind, data, position + 8, after - 4, order, interfaces)
                    if frame:
                        yield frame
                position = after
            more = next(source, b"")
            if not more:
                if position < end:
                    self.notes.add("cut off inside the last block")
                return
            data = data[position:] + more
            position = 0

    def _next_block(self, data: bytes, position: int, order: str) -> tuple[int, int]:
        """Where the next packet block or section begins, and how many bytes lie before it."""
        self.notes.count("damaged places in the file were skipped")
        mark = struct.pack(order + "I", _PACKET)
        found = position
        for _ in range(1 << 16):
            starts = [start for start in (data.find(mark, found), data.find(_SECTION, found)) if start >= 0]
            if not starts:
                break
            start = min(starts)
            if start + 12 > len(data):
                return start, start - position
            size = struct.unpack_from(order + "I", data, start + 4)[0]
            trailer = data[start + size - 4 : start + size]
            if data[start : start + 4] == _SECTION or (
                32 <= size <= MAX_RECORD and not size & 3 and trailer == data[start + 4 : start + 8]
            ):
                return start, start - position
            found = start + 1
        end = max(position, len(data) - 11)
        return end, end - position

    def _other(
        self,
        kind: int,
        data: bytes,
        start: int,
        end: int,
        order: str,
        interfaces: list[tuple[int, float, int, int]],
    ) -> Frame | None:
        size = end - start
        if kind == _INTERFACE and size >= 8 and len(interfaces) < MAX_INTERFACES:
            link, snap = struct.unpack_from(order + "HxxI", data, start)
            unit, offset = 1e-6, 0
            for code, value in _options(data, start + 8, end, order):
                if code == _TIME_RESOLUTION and value:
                    unit = 2.0 ** -(value[0] & 127) if value[0] & 128 else 10.0 ** -(value[0] & 127)
                elif code == _TIME_OFFSET and len(value) == 8:
                    offset = struct.unpack(order + "q", value)[0]
            interfaces.append((link, unit, offset, snap))
        elif kind == _SIMPLE and size >= 4 and interfaces:
            length = struct.unpack_from(order + "I", data, start)[0]
            link, _, _, snap = interfaces[0]
            kept = min(length, snap or length, size - 4)
            self.notes.count("packets without a time")
            return 0.0, link, data[start + 4 : start + 4 + kept], length
        elif kind == _OLD_PACKET and size >= 20:
            number, _, high, low, kept, length = struct.unpack_from(order + "HHIIII", data, start)
            if number < len(interfaces) and start + 20 + kept <= end:
                link, unit, offset, _ = interfaces[number]
                time = (high << 32 | low) * unit + offset
                return time, link, data[start + 20 : start + 20 + kept], length
        elif kind == _SECRETS and size >= 8:
            what, length = struct.unpack_from(order + "II", data, start)
            if what == _TLS_KEY_LOG and self._secret_bytes + length <= MAX_SECRETS:
                self._secret_bytes += length
                self.secrets.append(data[start + 8 : min(start + 8 + length, end)])
        elif kind == _CUSTOM and size >= 16 and struct.unpack_from(order + "I", data, start)[0] == _PCAPDROID:
            user = struct.unpack_from(order + "i", data, start + 8)[0]
            texts, package = start + 14, data[start + 12]
            if data[start + 6] == 1 and user >= 0 and len(self._apps) < MAX_APPS:
                id_ = data[texts : min(texts + package, end)].decode("utf-8", "replace")
                texts += package
                name = data[texts : min(texts + data[start + 13], end)].decode("utf-8", "replace")
                self.marked = True
                self._apps.setdefault(user, App(name, id_, "packet"))
        elif kind == _STATISTICS and size >= 12:
            for code, value in _options(data, start + 12, end, order):
                if code in (_DROPPED_BY_INTERFACE, _DROPPED_BY_SYSTEM) and len(value) == 8:
                    self.dropped += struct.unpack(order + "Q", value)[0]
        return None


def _user(options: Iterable[tuple[int, bytes]]) -> int | None:
    """The number of a user in a packet's comment: `u-10123`."""
    for code, value in options:
        if code == _COMMENT and value.startswith(b"u-") and value[2:].isdigit() and len(value) < 14:
            return int(value[2:])
    return None


def _options(data: bytes, start: int, end: int, order: str) -> Iterator[tuple[int, bytes]]:
    while start + 4 <= end:
        code, length = struct.unpack_from(order + "HH", data, start)
        start += 4
        if code == _END or start + length > end:
            return
        yield code, data[start : start + length]
        start += length + (-length & 3)
