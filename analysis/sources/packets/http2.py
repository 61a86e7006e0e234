"""HTTP/2 on a connection: one Transmission for each stream.

Strategy: frames are cut out of both directions; header blocks go through one HPACK table for each direction, which must
see all of them in order. Behind a gap the tables are no longer right, so the connection is given up there, and counted.

Formats: RFC 9113 (frames), RFC 7541 (HPACK, by the library `hpack`), RFC 8441 (WebSocket).
"""

from typing import Final

from hpack import Decoder
from hpack.exceptions import HPACKError

from phonehome.analysis.sources.flow_state import MAX_HEADERS, answer_from_state
from phonehome.analysis.sources.packets.budget import Kept
from phonehome.analysis.sources.packets.websocket import Messages
from phonehome.analysis.sources.packets.wire import CLIENT, ReplyBody, Wire, header, named, timed
from phonehome.analysis.transmission import Headers, Protocol, Reply

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_FRAME: Final = (1 << 24) - 1
MAX_STREAMS: Final = 4096
"""Streams of a connection that are open at once."""
MAX_HEADER_BLOCK: Final = 256 << 10

_DATA, _HEADERS, _RESET, _SETTINGS, _PUSH, _CONTINUATION = 0, 1, 3, 4, 5, 9
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 1, 1, 4, 8, 32
_HEADER_TABLE_SIZE: Final = 1


class Stream:
    """A request on a stream, and what came of it so far. Also of HTTP/3."""

    __slots__ = (
        "answer",
        "answered",
        "asked",
        "body",
        "edge",
        "encoding",
        "end",
        "first",
        "headers",
        "mark",
        "sent",
        "size",
        "status",
        "time",
    )

    def __init__(self, kept: Kept, time: float) -> None:
        self.headers: Headers = ()
        self.body = kept
        self.time = self.end = time
        self.size = 0
        self.mark = 0
        self.sent = False
        """Whether the client said that this was all,"""
        self.answered = False
        """and the server."""
        self.status = 0
        self.encoding = ""
        self.edge: Headers = ()
        self.asked = self.first = 0.0
        """When the request was whole, and when the answer began."""
        self.answer = ReplyBody()

    def request(self, fields: Headers) -> None:
        """Takes the headers, or the trailers."""
        self.headers = (self.headers + fields)[:MAX_HEADERS]
        self.size += sum(len(key) + len(value) + 4 for key, value in fields)

    def reply(self, fields: Headers, time: float) -> None:
        """Takes the reply's headers, or its trailers."""
        status = header(fields, ":status")
        if status.isascii() and status.isdigit() and int(status) >= 200 and not self.status:
            self.status = int(status[:3])
            self.encoding, self.edge = answer_from_state(fields)
            self.first = time

    def emit(self, wire: Wire, version: str) -> None:
        """Makes the Transmission."""
        pseudo = {key: value for key, value in self.headers if key.startswith(":")}
        if ":method" not in pseudo:
            wire.notes.count(f"{version} streams of which the capture lacks the request were left out")
            self.body.take()
            return
        size, left_out = self.body.total, self.body.left_out
        content = self.body.take()
        websocket = pseudo[":method"] == "CONNECT" and pseudo.get(":protocol") == "websocket"
        protocol: Protocol = "websocket" if websocket else "http"
        payloads: tuple[bytes, ...] = (content,) if content else ()
        if websocket:
            compression = "permessage-deflate" in header(self.headers, "sec-websocket-extensions").lower()
            messages = Messages(Kept(wire.budget), compression)
            messages.data(CLIENT, content, self.end)
            payloads, more_left_out, _, _ = messages.take()
            left_out += more_left_out
        said = pseudo.get(":authority") or header(self.headers, "host")
        wire.emit(
            wire.base._replace(
                time=self.time,
                end=self.end,
                protocol=protocol,
                encrypted=bool(wire.base.encrypted),
                http_version=version,
                method=pseudo[":method"],
                path=pseudo.get(":path", ""),
                headers=tuple(field for field in self.headers if not field[0].startswith(":")),
                payloads=payloads,
                truncated=left_out,
                reply=Reply(self.status, self.encoding, self.answer.body, self.answer.size, self.edge)
                if self.status
                else None,
                transport_outcome=wire.outcome(self.mark),
                bytes_sent=self.size + size,
                bytes_received=self.answer.size,
                round_trips=timed(wire.base, self.asked, self.first),
                **named(wire.base, said, "authority"),  # type: ignore[arg-type]
            )
        )


class _Side:
    __slots__ = ("block", "block_ends", "block_stream", "buffer", "decoder", "needed", "pieces", "waiting")

    def __init__(self) -> None:
        self.buffer = b""
        self.pieces: list[bytes] = []
        self.waiting = 0
        self.needed = 0
        self.decoder = Decoder(MAX_HEADER_BLOCK)
        self.block = b""
        """Of a header block that goes on in CONTINUATION frames."""
        self.block_stream = 0
        self.block_ends = False
        """Whether it is the last thing on its stream."""


class Http2:
    """The speaker."""

    def __init__(self, wire: Wire, upgraded: Stream | None = None) -> None:
        """`upgraded` is the request of HTTP/1.1 that asked for it and is answered here, on the first stream (RFC 7540,
        3.2)."""
        self.counting = False
        self._wire = wire
        self._sides = (_Side(), _Side())
        self._streams: dict[int, Stream] = {1: upgraded} if upgraded is not None else {}
        self._preface = False
        self._lost = False

    def data(self, sender: int, data: bytes, time: float) -> None:
        if self._lost:
            return
        side = self._sides[sender]
        side.pieces.append(data)
        side.waiting += len(data)
        if side.waiting < side.needed:
            return
        buffer = b"".join((side.buffer, *side.pieces))
        side.pieces = []
        position = side.needed = 0
        if sender == CLIENT and not self._preface:
            if len(buffer) < len(PREFACE):
                side.buffer, side.waiting = buffer, len(buffer)
                return
            self._preface = True
            if buffer.startswith(PREFACE):
                position = len(PREFACE)
        while position + 9 <= len(buffer):
            end = position + 9 + int.from_bytes(buffer[position : position + 3])
            if end > len(buffer):
                side.needed = end - position
                break
            kind, flags = buffer[position + 3], buffer[position + 4]
            stream = int.from_bytes(buffer[position + 5 : position + 9]) & 0x7FFFFFFF
            self._frame(sender, side, kind, flags, stream, buffer[position + 9 : end], time)
            if self._lost:
                return
            position = end
        side.buffer = buffer[position:]
        side.waiting = len(side.buffer)

    def gap(self, sender: int, size: int, time: float) -> None:
        self._give_up("the capture lacks a part")

    def finish(self, time: float, sent: int, received: int) -> None:
        for stream in self._streams.values():
            stream.emit(self._wire, "HTTP/2.0")
        self._streams.clear()

    def _give_up(self, why: str) -> None:
        if not self._lost:
            self._lost = True
            self._wire.notes.count(f"HTTP/2 connections were read only in part ({why})")
            for side in self._sides:
                side.buffer, side.pieces = b"", []

    def _frame(
        self, sender: int, side: _Side, kind: int, flags: int, number: int, body: bytes, time: float
    ) -> None:
        if kind in (_DATA, _HEADERS, _PUSH) and flags & _PADDED and body:
            body = body[1 : len(body) - body[0]] if body[0] < len(body) else b""
        if kind == _CONTINUATION and number == side.block_stream:
            side.block += body
            if len(side.block) > MAX_HEADER_BLOCK:
                self._give_up("a header block is too long")
            elif flags & _END_HEADERS:
                block, side.block = side.block, b""
                self._headers(sender, side, number, block, time)
                if side.block_ends:
                    self._end(sender, number, time)
        elif kind in (_HEADERS, _PUSH):
            if kind == _HEADERS and flags & _PRIORITY:
                body = body[5:]
            if kind == _PUSH:
                # What a server pushes nobody asked for; its headers keep the table right.
                body, number = body[4:], 0
            ends = bool(flags & _END_STREAM) and kind == _HEADERS
            if flags & _END_HEADERS:
                self._headers(sender, side, number, body, time)
                if ends:
                    self._end(sender, number, time)
            else:
                side.block, side.block_stream, side.block_ends = body, number, ends
        elif kind == _DATA:
            stream = self._streams.get(number)
            if stream is not None:
                stream.end = time
                if sender == CLIENT:
                    stream.body.add(body)
                    stream.mark = self._wire.mark()
                else:
                    stream.answer.add(body)
            if flags & _END_STREAM:
                self._end(sender, number, time)
        elif kind == _SETTINGS and not flags & _ACK:
            for start in range(0, len(body) - 5, 6):
                if int.from_bytes(body[start : start + 2]) == _HEADER_TABLE_SIZE:
                    # What this end allows is what the other may use.
                    size = min(int.from_bytes(body[start + 2 : start + 6]), 1 << 20)
                    self._sides[1 - sender].decoder.max_allowed_table_size = size
        elif kind == _RESET and number in self._streams:
            self._streams.pop(number).emit(self._wire, "HTTP/2.0")

    def _headers(self, sender: int, side: _Side, number: int, block: bytes, time: float) -> None:
        try:
            found = side.decoder.decode(block, raw=True)
        except (HPACKError, ValueError, IndexError):
            self._give_up("its headers cannot be read")
            return
        fields = tuple(
            (str(key, "utf-8", "backslashreplace"), str(value, "utf-8", "backslashreplace"))
            for key, value, *_ in found
        )
        if not number:
            return
        stream = self._streams.get(number)
        if stream is None:
            if sender != CLIENT or len(self._streams) >= MAX_STREAMS:
                return
            stream = self._streams[number] = Stream(Kept(self._wire.budget), time)
        stream.end = time
        if sender == CLIENT:
            stream.request(fields)
            stream.mark = self._wire.mark()
        else:
            stream.reply(fields, time)

    def _end(self, sender: int, number: int, time: float) -> None:
        stream = self._streams.get(number)
        if stream is None:
            return
        stream.end = time
        if sender == CLIENT:
            stream.sent = True
            stream.asked = time
        else:
            stream.answered = True
        if stream.sent and stream.answered:
            self._streams.pop(number).emit(self._wire, "HTTP/2.0")
