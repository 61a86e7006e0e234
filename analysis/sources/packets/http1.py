"""HTTP/1 on a connection: requests and their replies, with bodies, also across gaps.

Strategy: each direction is a parser of its own that emits heads, bodies and ends; replies belong to requests in
order. A gap inside a body of known length is stepped over; another one makes the parser search for the next message's
first line.

Format: RFC 9112; upgrades RFC 9110 (7.8), CONNECT RFC 9110 (9.3.6).
"""

import re
from collections import deque
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from phonehome.analysis.sources.flow_state import MAX_HEADERS, answer_from_state
from phonehome.analysis.sources.packets.budget import Kept
from phonehome.analysis.sources.packets.http2 import Http2, Stream
from phonehome.analysis.sources.packets.websocket import Messages
from phonehome.analysis.sources.packets.wire import (
    CLIENT,
    ReplyBody,
    Speaker,
    Wire,
    header,
    named,
    through_proxy,
    timed,
)
from phonehome.analysis.transmission import Headers, Reply

MAX_HEAD: Final = 64 << 10
MAX_OUTSTANDING: Final = 1000
_REQUEST: Final = re.compile(rb"[A-Z][A-Z-]{1,19} [^ \r\n]{1,65536} HTTP/1\.[01]\r?\n")
_REQUEST_BEGINS: Final = re.compile(rb"[A-Z][A-Z-]{1,19} [!-~]")
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r\n]")
_HEAD_ENDS: Final = re.compile(rb"\r?\n\r?\n")
_LINE_ENDS: Final = re.compile(rb"\r?\n")

_HEAD, _LENGTH, _CHUNK, _CHUNK_DATA, _CHUNK_END, _TRAILERS, _TO_THE_END, _LOST, _OTHER = range(9)


def looks_like_request(data: bytes) -> bool | None:
    """Whether a connection on which the client sent this first speaks HTTP/1; None if it takes more to tell."""
    if _REQUEST.match(data):
        return True
    if _REQUEST_BEGINS.match(data):
        return None if b"\n" not in data and len(data) < 65536 else False
    return None if len(data) < 20 and re.fullmatch(rb"[A-Z][A-Z-]{0,19} ?", data) else False


def looks_like_reply(data: bytes) -> bool:
    """The same of what the server sent first."""
    return data.startswith((b"HTTP/1.0 ", b"HTTP/1.1 "))


class _Parser:
    """One direction. What it finds goes to three functions; `plan` says how the body behind a head is framed."""

    def __init__(
        self,
        begins: re.Pattern[bytes],
        head: Callable[[bytes, float], tuple[int, int]],
        body: Callable[[bytes, int], None],
        end: Callable[[float], None],
        *,
        lost: bool,
    ) -> None:
        self._begins = begins
        self._on_head, self._on_body, self._on_end = head, body, end
        self.state = _LOST if lost else _HEAD
        self._left = 0
        self._held = b""

    def feed(self, data: bytes, time: float) -> bytes:
        """Takes bytes; what another protocol must read (behind an upgrade) comes back."""
        if self._held:
            data = self._held + data
            self._held = b""
        position = 0
        while position < len(data):
            if self.state in (_LENGTH, _CHUNK_DATA):
                piece = data[position : position + self._left]
                self._on_body(piece, 0)
                self._left -= len(piece)
                position += len(piece)
                if not self._left:
                    self._piece_is_whole(time)
            elif self.state == _TO_THE_END:
                self._on_body(data[position:], 0)
                break
            elif self.state == _OTHER:
                return data[position:]
            elif self.state == _LOST:
                match = self._begins.search(data, position)
                if match is None:
                    self._held = data[max(position, len(data) - 4096) :] if len(data) < 65536 else b""
                    break
                position = match.start()
                self.state = _HEAD
            else:
                after = self._line(data, position, time)
                if after < 0:
                    self._held = data[position:]
                    if len(self._held) > MAX_HEAD:
                        self._held = b""
                        self.state = _LOST
                    break
                position = after
        return b""

    def _line(self, data: bytes, position: int, time: float) -> int:
        """Reads a head, or a line of the chunked coding; where it ends, -1 if it is not whole yet."""
        if self.state in (_HEAD, _TRAILERS):
            if self.state == _HEAD:
                while data[position : position + 1] in (b"\r", b"\n"):  # stray lines between messages
                    position += 1
                if position == len(data):
                    return position
                if not self._begins.match(data, position) and _LINE_ENDS.search(data, position):
                    self.state = _LOST
                    return position
            elif match := re.compile(rb"\r?\n").match(data, position):
                self.state = _HEAD
                self._on_end(time)
                return match.end()
            ends = _HEAD_ENDS.search(data, position)
            if ends is None:
                return -1
            if self.state == _TRAILERS:
                self.state = _HEAD
                self._on_end(time)
            else:
                self.state, self._left = self._on_head(data[position : ends.end()], time)
                if self.state == _HEAD:
                    self._on_end(time)
            return ends.end()
        match = _LINE_ENDS.search(data, position, position + 4096)
        if match is None:
            return -1 if len(data) - position < 4096 else self._give_up(position)
        line = data[position : match.start()]
        if self.state == _CHUNK_END:
            self.state = _CHUNK if not line else _LOST
            return match.end()
        try:
            self._left = int(line.partition(b";")[0].strip(), 16)
        except ValueError:
            return self._give_up(position)
        if self._left < 0:
            return self._give_up(position)
        self.state = _CHUNK_DATA if self._left else _TRAILERS
        return match.end()

    def _give_up(self, position: int) -> int:
        self.state = _LOST
        return position

    def _piece_is_whole(self, time: float) -> None:
        if self.state == _LENGTH:
            self.state = _HEAD
            self._on_end(time)
        else:
            self.state = _CHUNK_END

    def gap(self, size: int, time: float) -> bool:
        """The capture lacks bytes. False if it is lost now."""
        if self.state in (_LENGTH, _CHUNK_DATA) and size <= self._left:
            self._on_body(b"", size)
            self._left -= size
            if not self._left:
                self._piece_is_whole(time)
            return True
        if self.state == _TO_THE_END:
            self._on_body(b"", size)
            return True
        if self.state != _OTHER:
            self.state = _LOST
            self._held = b""
        return False


class _Exchange:
    """A request, and what came of it so far."""

    __slots__ = (
        "answer",
        "answered",
        "asked",
        "body",
        "edge",
        "encoding",
        "end",
        "first",
        "head_size",
        "headers",
        "mark",
        "method",
        "path",
        "status",
        "time",
        "upgrade",
        "version",
    )

    def __init__(
        self, method: str, path: str, version: str, headers: Headers, body: Kept, time: float
    ) -> None:
        self.method, self.path, self.version, self.headers = method, path, version, headers
        self.body = body
        self.time = self.end = time
        self.head_size = 0
        self.mark = 0
        self.status = 0
        self.answered = False
        self.asked = 0.0
        """When the request was whole."""
        self.encoding = ""
        self.edge: Headers = ()
        self.first = 0.0
        """When the answer began."""
        self.upgrade = ""
        self.answer = ReplyBody()


class Http1:
    """The speaker."""

    def __init__(self, wire: Wire, inside: Callable[[Wire], Speaker], *, lost: bool = False) -> None:
        self.counting = False
        self._wire = wire
        self._inside = inside
        self._open: deque[_Exchange] = deque()
        self._sending: _Exchange | None = None
        self._answering: _Exchange | None = None
        self._requests = _Parser(_REQUEST, self._request, self._request_body, self._request_end, lost=lost)
        self._replies = _Parser(_STATUS, self._reply, self._reply_body, self._reply_end, lost=lost)
        self._tunnel: Speaker | None = None
        self._websocket: tuple[_Exchange, Messages] | None = None
        self._resynchronised = lost
        self._early = b""

    def data(self, sender: int, data: bytes, time: float) -> None:
        if self._tunnel:
            self._tunnel.data(sender, data, time)
            self.counting = self._tunnel.counting
            return
        if self._websocket:
            self._websocket[1].data(sender, data, time)
            return
        rest = (self._replies if sender else self._requests).feed(data, time)
        if rest:
            if self._tunnel:
                self._tunnel.data(sender, rest, time)
            elif self._websocket:
                self._websocket[1].data(sender, rest, time)
            elif sender == CLIENT and len(self._early) < 65536:
                self._early += rest  # sent before the server agreed to the other protocol

    def gap(self, sender: int, size: int, time: float) -> None:
        if self._tunnel:
            self._tunnel.gap(sender, size, time)
        elif self._websocket:
            self._websocket[1].gap(sender)
        elif not (self._replies if sender else self._requests).gap(size, time):
            if sender == CLIENT:
                self._end_of_request()
            else:
                self._close_answer(time)
                self._resynchronised = True

    def finish(self, time: float, sent: int, received: int) -> None:
        if self._websocket:
            exchange, messages = self._websocket
            self._emit(exchange, messages)
        self._close_answer(time)
        self._end_of_request()
        for exchange in self._open:
            self._emit(exchange)
        self._open.clear()
        if self._tunnel:
            self._tunnel.finish(time, sent, received)

    # -- the client's side

    def _request(self, head: bytes, time: float) -> tuple[int, int]:
        lines, headers = _fields(head)
        method, _, rest = lines.partition(" ")
        path, _, version = rest.rpartition(" ")
        exchange = _Exchange(method, path, version, headers, Kept(self._wire.budget), time)
        exchange.head_size = len(head)
        self._end_of_request()
        self._sending = exchange
        if len(self._open) < MAX_OUTSTANDING:
            self._open.append(exchange)
        else:
            self._sending = None
            self._wire.notes.count("requests were left out, because too many were open on one connection")
        if method == "CONNECT":
            return _OTHER, 0
        if header(headers, "upgrade") and "upgrade" in header(headers, "connection").lower():
            exchange.upgrade = header(headers, "upgrade").lower()
        if "chunked" in header(headers, "transfer-encoding").lower():
            return _CHUNK, 0
        length = _length(headers)
        return (_LENGTH, length) if length else (_HEAD, 0)

    def _request_body(self, data: bytes, lost: int) -> None:
        if self._sending:
            if data:
                self._sending.body.add(data)
            if lost:
                self._sending.body.lost(lost)
            self._sending.mark = self._wire.mark()

    def _request_end(self, time: float) -> None:
        if self._sending:
            self._sending.end = max(self._sending.end, time)
            self._sending.asked = time
            self._sending.mark = self._wire.mark()
            self._end_of_request()

    def _end_of_request(self) -> None:
        """Nothing more of it will come. What was answered before it was whole is over now."""
        exchange, self._sending = self._sending, None
        if exchange is not None and exchange.answered:
            self._emit(exchange)

    # -- the server's

    def _reply(self, head: bytes, time: float) -> tuple[int, int]:
        lines, headers = _fields(head)
        status = int(lines.split(" ")[1][:3])
        if 100 <= status < 200 and status != 101:
            return _HEAD, 0
        if self._resynchronised:
            # Which of the open ones it answers is not known; browsers and apps do not pipeline: it is the last.
            while len(self._open) > 1:
                self._emit(self._open.popleft(), answered=True)
            self._resynchronised = False
        exchange = self._open.popleft() if self._open else None
        if exchange is None:
            self._wire.notes.count("replies of which the capture lacks the request were left out")
        else:
            exchange.status = status
            exchange.encoding, exchange.edge = answer_from_state(headers)
            exchange.first = time
        self._answering = exchange
        method = exchange.method if exchange else ""
        if status == 101 and exchange:
            self._requests.state = self._replies.state = _OTHER
            if "websocket" in exchange.upgrade:
                extensions = header(headers, "sec-websocket-extensions").lower()
                self._websocket = (
                    exchange,
                    Messages(Kept(self._wire.budget), "permessage-deflate" in extensions),
                )
            elif "h2c" in re.split(r"[\s,]+", exchange.upgrade):
                self._tunnel = Http2(self._wire, _upgraded(exchange))
            else:
                self._wire.notes.count("connections changed to a protocol that is not read")
            self._answering = None
            self._after_switch(time)
            return _OTHER, 0
        if method == "CONNECT" and 200 <= status < 300 and exchange:
            target, _, port = exchange.path.rpartition(":")
            base = self._wire.base
            changes = through_proxy(base, target, int(port) if port.isdigit() and len(port) < 6 else None)
            self._tunnel = self._inside(self._wire.with_base(**changes))
            self._answering = None
            self._after_switch(time)
            return _OTHER, 0
        if method == "CONNECT":
            self._requests.state = _HEAD
        if method == "HEAD" or status in (204, 304):
            return _HEAD, 0
        if "chunked" in header(headers, "transfer-encoding").lower():
            return _CHUNK, 0
        length = _length(headers)
        if length is None:
            return _TO_THE_END, 0
        return (_LENGTH, length) if length else (_HEAD, 0)

    def _after_switch(self, time: float) -> None:
        early, self._early = self._early, b""
        if early:
            self.data(CLIENT, early, time)

    def _reply_body(self, data: bytes, lost: int) -> None:
        if self._answering:
            if data:
                self._answering.answer.add(data)
            if lost:
                self._answering.answer.lost(lost)

    def _reply_end(self, time: float) -> None:
        self._close_answer(time)

    def _close_answer(self, time: float) -> None:
        if self._answering:
            exchange, self._answering = self._answering, None
            exchange.end = time
            exchange.answered = True
            if exchange is not self._sending:
                self._emit(exchange)

    def _emit(self, exchange: _Exchange, messages: Messages | None = None, *, answered: bool = False) -> None:
        base = self._wire.base
        changes: dict[str, object]
        path = exchange.path
        if "://" in path[:10]:  # the absolute form is for proxies
            try:
                parts = urlsplit(path)
                changes = through_proxy(base, parts.hostname or "", parts.port or 80)
                path = parts.path + (f"?{parts.query}" if parts.query else "")
            except ValueError:
                changes = {}
        else:
            changes = named(base, header(exchange.headers, "host"), "host")
        left_out = exchange.body.left_out
        size = exchange.body.total
        content = exchange.body.take()
        payloads: tuple[bytes, ...] = (content,) if content else ()
        received = exchange.answer.size
        if messages:
            more, messages_left_out, messages_sent, messages_received = messages.take()
            payloads += more
            left_out += messages_left_out
            size += messages_sent
            received += messages_received
        reply = None
        if exchange.status:
            reply = Reply(
                exchange.status, exchange.encoding, exchange.answer.body, exchange.answer.size, exchange.edge
            )
        transmission = base._replace(
            time=exchange.time,
            end=messages.last if messages and messages.last else exchange.end,
            protocol="websocket" if messages else "http",
            encrypted=bool(base.encrypted),
            http_version=exchange.version,
            method=exchange.method,
            path=path,
            headers=exchange.headers,
            payloads=payloads,
            truncated=left_out,
            reply=reply,
            transport_outcome="delivered" if answered else self._wire.outcome(exchange.mark),
            bytes_sent=exchange.head_size + size,
            bytes_received=received,
            round_trips=timed(base, exchange.asked, exchange.first),
            **changes,  # type: ignore[arg-type]
        )
        self._wire.emit(transmission)


def _upgraded(exchange: _Exchange) -> Stream:
    """The request as the first stream of HTTP/2."""
    stream = Stream(exchange.body, exchange.time)
    host = header(exchange.headers, "host")
    stream.request(
        ((":method", exchange.method), (":path", exchange.path), (":authority", host), *exchange.headers)
    )
    stream.size = exchange.head_size
    stream.mark, stream.asked, stream.sent = exchange.mark, exchange.asked, True
    return stream


def _fields(head: bytes) -> tuple[str, Headers]:
    """First line, and header fields in order; folded lines are joined."""
    lines = head.decode("utf-8", "backslashreplace").replace("\r\n", "\n").rstrip("\n").split("\n")
    fields: list[tuple[str, str]] = []
    for line in lines[1:]:
        if line[:1] in (" ", "\t") and fields:
            fields[-1] = fields[-1][0], f"{fields[-1][1]} {line.strip()}"
        elif ":" in line and len(fields) < MAX_HEADERS:
            key, _, value = line.partition(":")
            fields.append((key.strip(), value.strip()))
    return lines[0], tuple(fields)


def _length(headers: Headers) -> int | None:
    value = header(headers, "content-length").split(",")[0].strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None
