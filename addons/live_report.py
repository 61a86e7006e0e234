"""Shows the report so far, while a phone is on the proxy.

    mitmdump -s addons/live_report.py

The page is at http://phonehome.test/ for whoever is behind the proxy, and on a port of the loopback interface for
the laptop; it keeps itself up to date. Identifiers are masked. Who may ask is decided in `addons/live/pages.py`.

Strategy: the event loop does no more than copy out of each exchange what the report needs (`live_flow.state`) and hand
it to a process that adds up (`addons/live/worker.py`). What does not fit into the queue to that process is counted,
and the page says so. The process draws up the report when somebody looks, at most once each second.
"""

import asyncio
import ipaddress
import json
import logging
import marshal
import os
import struct
import sys
import time
from itertools import islice
from typing import Any

from mitmproxy import ctx, dns, exceptions, flow, http, tcp, udp
from mitmproxy.addonmanager import Loader
from mitmproxy.net.dns import classes, types
from mitmproxy.proxy import server_hooks

from addons.live import pages
from analysis.readers import live_flow
from analysis.readers.flow_state import MAX_REPLY_BODY

logger = logging.getLogger(__name__)

ADDRESS = "192.0.2.80"
"""What the page's name resolves to behind the proxy: an address that is nobody's (RFC 5737), so that the request
comes here and nowhere else."""
MAX_QUEUE = 32 << 20
"""Bytes that wait for the process that adds up."""
MAX_SENT = 1 << 20
"""Bytes of what a device sent in one exchange that are handed on; the rest is counted."""
MAX_MESSAGES = 1000
"""Messages of a stream that are handed on; the rest is counted."""
MAX_OPEN = 10_000
"""Exchanges under way that are remembered."""
FLUSH = 0.05
"""Seconds for which exchanges are gathered before they are handed on: one system call for many."""
LOOK = 1.0
"""Seconds between two looks at what is under way, and between two reports."""
LOOK_BUDGET = 0.002
"""Seconds that one such look may take of the event loop."""
MAX_REQUEST = 16 << 10
"""Bytes of a request's head at the laptop's port."""
PATIENCE = 10.0
"""Seconds for such a request."""

_LENGTH = struct.Struct("<I")


class LiveReport:
    """The addon. Its state is the process that adds up, the queue to it, and what is under way."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._server: asyncio.Server | None = None
        self._port = 0
        self._host = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._queue: list[bytes] = []
        self._queued = 0
        self._flushing = False
        self._open: dict[str, tuple[flow.Flow, int]] = {}
        self._lost = 0
        self._changed = True
        self._asked: float | None = None
        self._next = 0.0
        self._report: bytes | None = None

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "live_report_host", str, "phonehome.test", "Host name of the live report behind the proxy."
        )
        loader.add_option(
            "live_report_port", int, 8090, "Loopback port of the live report; 0 is any that is free."
        )

    def configure(self, updated: set[str]) -> None:
        self._host = ctx.options.live_report_host.lower()

    def running(self) -> None:
        # mitmproxy calls this and `done` from where nothing can be awaited, when it reloads a script.
        if not self._tasks:
            self._tasks.append(asyncio.create_task(self._start()))

    def done(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        if self._server is not None:
            self._server.close()
        process, self._process = self._process, None
        if process is not None:
            # Kills it (it holds nothing that the capture does not) and closes its pipes while the event loop still
            # runs; the public methods leave the pipes to be closed when it no longer does.
            process._transport.close()  # type: ignore[attr-defined]

    async def _start(self) -> None:
        await self._start_process()
        await self._listen(ctx.options.live_report_port)
        while True:
            await asyncio.sleep(LOOK)
            self._look()

    # What a device sends.

    def request(self, flow: http.HTTPFlow) -> None:
        if (
            flow.request.data.headers.get("host", flow.request.data.host).partition(":")[0].lower()
            == self._host
        ):
            self._serve(flow)
        self._begun(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        if _is_ours(flow):
            raise exceptions.AddonHalt  # what comes later would save and show it as the phone's
        if flow.websocket is None:
            self._over(flow)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        self._over(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        if _is_ours(flow):
            raise exceptions.AddonHalt
        self._over(flow)

    def tcp_start(self, flow: tcp.TCPFlow) -> None:
        self._begun(flow)

    def tcp_end(self, flow: tcp.TCPFlow) -> None:
        self._over(flow)

    def tcp_error(self, flow: tcp.TCPFlow) -> None:
        self._over(flow)

    def udp_start(self, flow: udp.UDPFlow) -> None:
        self._begun(flow)

    def udp_end(self, flow: udp.UDPFlow) -> None:
        self._over(flow)

    def udp_error(self, flow: udp.UDPFlow) -> None:
        self._over(flow)

    def dns_request(self, flow: dns.DNSFlow) -> None:
        question = flow.request.questions[0] if len(flow.request.questions) == 1 else None
        if question is None or question.name.lower().rstrip(".") != self._host:
            return
        asked_for_it = (question.type, question.class_) == (types.A, classes.IN)
        found = [dns.ResourceRecord.A(question.name, ipaddress.IPv4Address(ADDRESS), ttl=1)]
        flow.response = flow.request.succeed(found if asked_for_it else [])
        flow.metadata[_OURS] = True
        raise exceptions.AddonHalt

    def dns_response(self, flow: dns.DNSFlow) -> None:
        if _is_ours(flow):
            raise exceptions.AddonHalt
        self._over(flow)

    def dns_error(self, flow: dns.DNSFlow) -> None:
        self._over(flow)

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        # In WireGuard and transparent mode mitmproxy connects before it knows the name, and needs to find somebody.
        if data.server.address == (ADDRESS, 80) and self._port:
            data.server.address = ("127.0.0.1", self._port)

    def _begun(self, flow: flow.Flow) -> None:
        if len(self._open) >= MAX_OPEN:
            self._over(next(iter(self._open.values()))[0])
        self._open[flow.id] = (flow, -1)

    def _over(self, flow: flow.Flow) -> None:
        self._open.pop(flow.id, None)
        self._hand_on("over", flow)

    def _hand_on(self, what: str, flow: flow.Flow) -> None:
        if self._process is None:
            return
        self._changed = True
        if self._queued > MAX_QUEUE:
            self._lost += 1
            return
        state = live_flow.state(flow)
        left_out = _shorten(state)
        self._put(marshal.dumps((what, state, *left_out)))

    # The process that adds up.

    async def _start_process(self) -> None:
        paths = os.pathsep.join(path for path in sys.path if path)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "addons.live.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )
        self._tasks.append(asyncio.create_task(self._receive(self._process)))

    async def _receive(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while True:
                (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
                self._report = await process.stdout.readexactly(length)
                now = time.monotonic()
                # A report that takes long to draw up is drawn up seldom.
                self._next = now + max(LOOK, 3 * (now - (self._asked or now)))
                self._asked = None
        except asyncio.IncompleteReadError:
            pass
        if self._process is process:
            self._process = None
            logger.error("live_report: the process that adds up has ended; the live report stands still")
            shown = json.loads(self._report or b"{}")
            nothing = {"devices": [], "not_seen": [], "sources": [], "time": time.time()}
            self._report = json.dumps({**nothing, **shown, "stopped": True}).encode()

    def _put(self, body: bytes) -> None:
        self._queue.append(_LENGTH.pack(len(body)))
        self._queue.append(body)
        self._queued += len(body)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_later(FLUSH, self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._process is None or self._process.stdin is None:
            self._queue.clear()
            return
        pipe = self._process.stdin
        pipe.write(b"".join(self._queue))
        self._queue.clear()
        waiting = pipe.transport.get_write_buffer_size()
        self._queued = waiting
        if waiting:
            self._flushing = True  # sees to it that the queue is measured again
            asyncio.get_running_loop().call_later(FLUSH, self._flush)

    def _wanted(self) -> bytes | None:
        """The latest report; a newer one is asked for, if there is anything new and enough time went by."""
        now = time.monotonic()
        if self._process is not None and self._changed and self._asked is None and now >= self._next:
            self._changed = False
            self._asked = now
            self._put(marshal.dumps(("show", self._lost)))
        return self._report

    def _look(self) -> None:
        """Hands on what is under way and has changed, so that it shows before it is over."""
        until = time.perf_counter() + LOOK_BUDGET
        for id_, (exchange, known) in list(self._open.items()):
            if time.perf_counter() > until:
                return
            length = _length(exchange)
            # A stream is handed on as a whole each time, and so ever more seldom.
            if known < 0 or length >= 2 * max(known, 1):
                self._hand_on("open", exchange)
                self._open[id_] = (exchange, length)

    # The page.

    def _serve(self, flow: http.HTTPFlow) -> None:
        if not flow.live or flow.response or flow.error:
            return
        request = flow.request
        headers = {name.lower(): content for name, content in request.headers.items()}  # type: ignore[no-untyped-call]
        headers.setdefault("host", request.host)
        given = pages.answer(
            request.method, request.path, headers, (self._host, f"{self._host}:80"), self._wanted()
        )
        flow.response = http.Response.make(given.status, given.body, given.headers)
        flow.metadata[_OURS] = True
        raise exceptions.AddonHalt

    async def _listen(self, port: int) -> None:
        for wanted in dict.fromkeys((port, 0)):
            try:
                self._server = await asyncio.start_server(
                    self._connected, "127.0.0.1", wanted, limit=MAX_REQUEST
                )
            except OSError as error:
                logger.warning(
                    f"live_report: port {wanted} cannot be used ({error.strerror}), taking another"
                )
                continue
            self._port = self._server.sockets[0].getsockname()[1]
            logger.log(
                logging.INFO,
                f"Live report: http://{self._host}/ on the phone, http://127.0.0.1:{self._port}/ here",
            )
            return

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of a connection."""
        try:
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, headers = _parsed(head)
                own = (f"127.0.0.1:{self._port}", f"localhost:{self._port}")
                given = pages.answer(method, target, headers, own, self._wanted())
                fields = {**given.headers, "Content-Length": str(len(given.body)), "Connection": "close"}
                lines = [
                    f"HTTP/1.1 {given.status} -",
                    *(f"{name}: {content}" for name, content in fields.items()),
                ]
                writer.write("\r\n".join((*lines, "", "")).encode("latin-1") + given.body)
                await writer.drain()
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # who asks like that is no browser
        finally:
            writer.close()


_OURS = "phonehome_page"


def _is_ours(flow: flow.Flow) -> bool:
    return _OURS in flow.metadata


def _length(flow: flow.Flow) -> int:
    """How many messages a stream has; an HTTP request that waits for its answer has none."""
    if isinstance(flow, http.HTTPFlow):
        return len(flow.websocket.messages) if flow.websocket else 0
    return len(flow.messages) if isinstance(flow, tcp.TCPFlow | udp.UDPFlow) else 0


def _parsed(head: bytes) -> tuple[str, str, dict[str, str]]:
    """Method, target and header fields of a request. Raises ValueError; so does a header that comes twice."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers: dict[str, str] = {}
    for line in lines:
        if line:
            name, colon, content = line.partition(":")
            if not colon or headers.setdefault(name.lower(), content.strip()) != content.strip():
                raise ValueError(line)
    return method, target, headers


def _shorten(state: dict[str, Any]) -> tuple[int, int]:
    """Cuts what is long in the state of a flow. Returns how many bytes of what was sent, and of the reply, are left
    out. The reply is cut where the report does not keep it anyway."""
    sent = received = 0
    request: Any = state.get("request")
    response: Any = state.get("response")
    if state["type"] == "http":
        content = request["content"] if request else None
        if content is not None and len(content) > MAX_SENT:
            request["content"] = content[:MAX_SENT]
            sent += len(content) - MAX_SENT
        content = response["content"] if response else None
        if content is not None and len(content) > MAX_REPLY_BODY + 1:
            response["content"] = content[: MAX_REPLY_BODY + 1]
            received += len(content) - MAX_REPLY_BODY - 1
    holder: Any = state.get("websocket") or state
    place = 2 if holder is not state else 1
    messages = holder.get("messages")
    if messages:
        room, kept = MAX_SENT, 0
        for message in islice(messages, MAX_MESSAGES):
            room -= len(message[place])
            if room < 0:
                break
            kept += 1
        for message in islice(messages, kept, None):
            if message[place - 1]:
                sent += len(message[place])
            else:
                received += len(message[place])
        holder["messages"] = messages[:kept]
    return sent, received


addons = [LiveReport()]
