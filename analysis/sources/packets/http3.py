"""HTTP/3 on the streams of a QUIC connection.

Strategy: each request has a stream, whose frames are cut out of both directions. Header blocks go through one QPACK
table for each direction; a block that needs entries which are not there yet waits for them.

Formats: RFC 9114 (4, 7), RFC 9204 (QPACK, by the library `pylsqpack`).
"""

from dataclasses import dataclass, field, replace
from typing import Final

import pylsqpack

from phonehome.analysis.sources.flow_state import text
from phonehome.analysis.sources.packets.budget import Kept
from phonehome.analysis.sources.packets.http2 import MAX_HEADER_BLOCK, MAX_STREAMS, Stream
from phonehome.analysis.sources.packets.quic import number_at
from phonehome.analysis.sources.packets.wire import CLIENT, Wire
from phonehome.analysis.transmission import Headers

_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_CONTROL, _ENCODER = 0, 2
_TABLE_CAPACITY: Final = 1
_DONE: Final = 1 << 62
"""In the place of a stream's kind: the rest of it is of no use here."""
_BLOCKED: Final = 100
VERSION: Final = "HTTP/3"


@dataclass(slots=True)
class _Way:
    """One direction of a stream."""

    kind: int = -1
    """Of a stream in one direction: what its first number says."""
    buffer: bytes = b""
    left: int = 0
    """Bytes of a DATA frame that are still to come."""
    ended: bool = False
    blocked: bool = False
    """Whether a header block cannot be read yet,"""
    waits: bool = False
    """because of entries that are to come."""
    held: list[tuple[bytes, float]] = field(default_factory=list)
    """What comes behind a header block that waits."""


class Http3:
    """All streams of a connection."""

    def __init__(self, wire: Wire) -> None:
        self._wire = replace(wire, outcome=lambda mark: "unknown")
        self._streams: dict[int, Stream] = {}
        self._ways: dict[tuple[int, int], _Way] = {}
        self._decoders = [pylsqpack.Decoder(0, _BLOCKED), pylsqpack.Decoder(0, _BLOCKED)]
        self._settled = [False, False]
        """Whether what the decoder of this end's headers needs to know is known: the other end's settings."""
        self._lost = False

    def data(self, number: int, sender: int, data: bytes, ended: bool, time: float) -> None:
        """What an end sent next on a stream, and whether that was the last of it."""
        if self._lost:
            return
        way = self._ways.get((number, sender))
        if way is None:
            if len(self._ways) >= 2 * MAX_STREAMS:
                return
            way = self._ways[number, sender] = _Way()
        way.ended |= ended
        if number & 2:
            way.buffer += data
            self._one_way(sender, way, time)
        elif number & 1 == 0:
            self._request(number, sender, way, data, time)

    def finish(self) -> None:
        """Makes Transmissions of what is open."""
        for stream in self._streams.values():
            stream.emit(self._wire, VERSION)
        self._streams.clear()

    def _one_way(self, sender: int, way: _Way, time: float) -> None:
        if way.kind < 0:
            try:
                way.kind, position = number_at(way.buffer, 0)
            except IndexError:
                return
            way.buffer = way.buffer[position:]
        if way.kind == _ENCODER and self._settled[sender]:
            data, way.buffer = way.buffer, b""
            try:
                ready = self._decoders[sender].feed_encoder(data)
            except pylsqpack.EncoderStreamError:
                self._give_up()
                return
            for number in ready:
                self._unblocked(number, sender, time)
        elif way.kind == _CONTROL:
            self._control(sender, way, time)
        elif way.kind != _ENCODER or len(way.buffer) > MAX_HEADER_BLOCK:
            way.buffer = b""

    def _control(self, sender: int, way: _Way, time: float) -> None:
        try:
            kind, position = number_at(way.buffer, 0)
            length, position = number_at(way.buffer, position)
            if kind == _SETTINGS and len(way.buffer) >= position + length:
                end = position + length
                while position < end:
                    setting, position = number_at(way.buffer, position)
                    value, position = number_at(way.buffer, position)
                    if setting == _TABLE_CAPACITY and value:
                        # What this end has room for is how the other may write.
                        self._decoders[1 - sender] = pylsqpack.Decoder(min(value, 1 << 20), _BLOCKED)
                way.kind = _DONE
                self._settle(1 - sender, time)
        except IndexError:
            pass
        if len(way.buffer) > MAX_HEADER_BLOCK:
            way.kind = _DONE

    def _settle(self, sender: int, time: float) -> None:
        """What waited for the other end's settings goes on."""
        self._settled[sender] = True
        for (_, whose), way in list(self._ways.items()):
            if whose == sender and way.kind == _ENCODER and way.buffer:
                self._one_way(sender, way, time)
        for (number, whose), way in list(self._ways.items()):
            if whose == sender and way.blocked and not way.waits:
                way.blocked = False
                self._again(number, sender, way)

    def _again(self, number: int, sender: int, way: _Way) -> None:
        held, way.held = way.held, []
        for data, when in held:
            self._request(number, sender, way, data, when)

    def _request(self, number: int, sender: int, way: _Way, data: bytes, time: float) -> None:
        if way.blocked:
            way.held.append((data, time))
            return
        stream = self._streams.get(number)
        if stream is None:
            if sender != CLIENT or len(self._streams) >= MAX_STREAMS:
                return
            stream = self._streams[number] = Stream(Kept(self._wire.budget), time)
        stream.end = max(stream.end, time)
        position = 0
        if way.left:
            piece = data[: way.left]
            self._body(stream, sender, piece)
            way.left -= len(piece)
            position = len(piece)
            data, position = data[position:], 0
        buffer = way.buffer + data
        while position < len(buffer):
            try:
                kind, start = number_at(buffer, position)
                length, start = number_at(buffer, start)
            except IndexError:
                break
            if kind == _DATA:
                piece = buffer[start : start + length]
                self._body(stream, sender, piece)
                way.left = length - len(piece)
                position = start + len(piece)
                continue
            if length > MAX_HEADER_BLOCK:
                self._give_up()
                return
            if start + length > len(buffer):
                break
            if kind == _HEADERS and not self._settled[sender] and buffer[start : start + 1] != b"\0":
                way.blocked, way.buffer = True, b""  # it needs a table, of a size that is not known yet
                way.held.append((buffer[position:], time))
                return
            position = start + length
            if kind == _HEADERS:
                try:
                    _, fields = self._decoders[sender].feed_header(number, buffer[start:position])
                except pylsqpack.StreamBlocked:
                    way.blocked = way.waits = True
                    way.held.append((buffer[position:], time))
                    way.buffer = b""
                    return
                except pylsqpack.DecompressionFailed:
                    self._give_up()
                    return
                self._headers(stream, sender, fields)
        way.buffer = buffer[position:]
        if sender == CLIENT and way.ended:
            stream.asked = stream.asked or time
        self._maybe_over(number, stream)

    def _unblocked(self, number: int, sender: int, time: float) -> None:
        way, stream = self._ways.get((number, sender)), self._streams.get(number)
        if way is None or stream is None or not way.blocked:
            return
        try:
            _, fields = self._decoders[sender].resume_header(number)
        except (pylsqpack.DecompressionFailed, pylsqpack.StreamBlocked, ValueError):
            self._give_up()
            return
        self._headers(stream, sender, fields)
        way.blocked = way.waits = False
        self._again(number, sender, way)

    def _headers(self, stream: Stream, sender: int, fields: list[tuple[bytes, bytes]]) -> None:
        found: Headers = tuple([(text(key), text(value)) for key, value in fields])
        if sender == CLIENT:
            stream.request(found)
        else:
            stream.reply(found, stream.end)

    @staticmethod
    def _body(stream: Stream, sender: int, piece: bytes) -> None:
        if not piece:
            return
        if sender == CLIENT:
            stream.body.add(piece)
        else:
            stream.answer.add(piece)

    def _maybe_over(self, number: int, stream: Stream) -> None:
        ways = [self._ways.get((number, sender)) for sender in (0, 1)]
        if all(way is not None and way.ended and not way.blocked for way in ways):
            del self._streams[number]
            stream.emit(self._wire, VERSION)

    def _give_up(self) -> None:
        if not self._lost:
            self._lost = True
            self._wire.notes.count("HTTP/3 connections were read only in part (their headers cannot be read)")
