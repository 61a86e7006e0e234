"""Shows the report so far, while a phone is on the proxy.

    mitmdump -s addons/live_report.py
    mitmdump -q -s addons/live_report.py --set phonehome_live_report_lines=true

The page is at http://phonehome.test/ (or http://192.0.2.80/, where names do not resolve) for whoever is behind the
proxy, and on a port of the loopback interface for the laptop; it keeps itself up to date. Identifiers are masked. Who
may ask is decided in `addons/live/pages.py`.
With `phonehome_live_report_lines` each new destination also gives a line on the terminal, and each activation request
one in red.

All that is more than handing on is done by another process: see `addons/live/feed.py`.
"""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Awaitable

from mitmproxy import ctx, dns, exceptions, flow, http, tcp, udp
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import server_hooks

from phonehome.addons import shared
from phonehome.addons.live import pages
from phonehome.addons.live.feed import Feed
from phonehome.addons.own_names import CERTIFICATE, OURS, PAGE, answer

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
MAX_REQUEST = 16 << 10
"""Bytes of a request's head at the laptop's port."""
PATIENCE = 10.0
"""Seconds for such a request."""

_RED = "\x1b[1;31m"
_PLAIN = "\x1b[0m"


class LiveReport:
    """The addon. Its state is the feed to the process that adds up, and the laptop's port."""

    def __init__(self) -> None:
        self._feed = Feed(self._say)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._hosts: tuple[str, ...] = ("",)
        self._connected_to: frozenset[str] = frozenset()
        self._starting: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()
        """Set when the page is there, or cannot be."""

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "phonehome_live_report_host",
            str,
            "phonehome.test",
            "Host name of the live report behind the proxy.",
        )
        loader.add_option(
            "phonehome_live_report_port",
            int,
            8090,
            "Loopback port of the live report; 0 is any that is free.",
        )
        loader.add_option(
            "phonehome_live_report_lines",
            bool,
            False,
            "Print a line for each new destination and each activation request.",
        )
        shared.load(loader)

    def configure(self, updated: set[str]) -> None:
        host = ctx.options.phonehome_live_report_host.lower()
        # By address too: a name of somebody else's cannot be made to say it.
        self._hosts = (host, f"{host}:80", PAGE)
        self._connected_to = frozenset({host, PAGE, LOOPBACK})
        shared.configure(updated)

    def running(self) -> None:
        # mitmproxy calls this and `done` from where nothing can be awaited, when it reloads a script.
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())

    def done(self) -> Awaitable[None] | None:
        starting, self._starting = self._starting, None
        return asyncio.ensure_future(self._end(starting)) if starting is not None else None

    async def _end(self, starting: asyncio.Task[None]) -> None:
        # To its end: asyncio hangs if the start of a process is cancelled half-way.
        await asyncio.wait([starting])
        if self._server is not None:
            self._server.close()
        if (ending := self._feed.stop()) is not None:
            await ending

    async def _start(self) -> None:
        await self._listen(ctx.options.phonehome_live_report_port)
        self.ready.set()
        arguments = [f"--device={device}" for device in shared.devices()]
        arguments += [f"--geo-db={path}" for path in shared.geo_db()]
        arguments += [f"--catalogue={path}" for path in shared.catalogue()]
        arguments += [f"--at={ctx.options.phonehome_at}"] if ctx.options.phonehome_at else []
        await self._feed.start(
            [*arguments, *(["--lines"] if ctx.options.phonehome_live_report_lines else [])]
        )

    @property
    def url(self) -> str:
        """Where the page is on this computer; empty if it is not there."""
        return f"http://{LOOPBACK}:{self._port}/" if self._port else ""

    def _say(self, text: str, loud: bool) -> None:
        out = sys.stdout
        text = f"{_RED}{text}{_PLAIN}" if loud and out.isatty() else text
        try:
            print(text, file=out, flush=True)
        except UnicodeEncodeError:
            print(text.encode("ascii", "backslashreplace").decode(), file=out, flush=True)
        except OSError:
            pass  # the terminal is gone; traffic goes on

    # What a device sends.

    def request(self, flow: http.HTTPFlow) -> None:
        # The name in Host, where the connection led to a name or address of ours.
        if flow.request.data.host in self._connected_to and (
            (flow.request.host_header or flow.request.host).lower() in self._hosts
        ):
            self._serve(flow)
        self._feed.begun(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        if _is_ours(flow):
            raise exceptions.AddonHalt  # what comes later would save and show it as the phone's
        if flow.websocket is None:
            self._feed.over(flow)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        self._feed.over(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        if _is_ours(flow):
            raise exceptions.AddonHalt
        self._feed.over(flow)

    def tcp_start(self, flow: tcp.TCPFlow) -> None:
        self._feed.begun(flow)

    def tcp_end(self, flow: tcp.TCPFlow) -> None:
        self._feed.over(flow)

    def tcp_error(self, flow: tcp.TCPFlow) -> None:
        self._feed.over(flow)

    def udp_start(self, flow: udp.UDPFlow) -> None:
        self._feed.begun(flow)

    def udp_end(self, flow: udp.UDPFlow) -> None:
        self._feed.over(flow)

    def udp_error(self, flow: udp.UDPFlow) -> None:
        self._feed.over(flow)

    def dns_request(self, flow: dns.DNSFlow) -> None:
        if answer(flow, self._hosts[0], PAGE) or _is_ours(flow):
            raise exceptions.AddonHalt

    def dns_response(self, flow: dns.DNSFlow) -> None:
        if _is_ours(flow):
            raise exceptions.AddonHalt
        self._feed.over(flow)

    def dns_error(self, flow: dns.DNSFlow) -> None:
        self._feed.over(flow)

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        # In WireGuard and transparent mode mitmproxy connects before it knows the name, and needs to find somebody.
        if data.server.address in ((PAGE, 80), (CERTIFICATE, 80)) and self._port:
            data.server.address = (LOOPBACK, self._port)

    # The page.

    def _view(self) -> bytes | None:
        """The latest report."""
        if self._feed.stopped:
            shown = json.loads(self._feed.view or b"{}")
            nothing = {"devices": [], "not_seen": [], "sources": [], "time": time.time()}
            return json.dumps({**nothing, **shown, "stopped": True}).encode()
        self._feed.want_view()
        return self._feed.view

    def _serve(self, flow: http.HTTPFlow) -> None:
        if not flow.live or flow.response or flow.error:
            return
        request = flow.request
        headers = {name.lower(): content for name, content in request.headers.items()}
        headers.setdefault("host", request.host)
        given = pages.answer(request.method, request.path, headers, self._hosts, self._view())
        flow.response = http.Response.make(given.status, given.body, given.headers)
        flow.metadata[OURS] = True
        raise exceptions.AddonHalt

    async def _listen(self, port: int) -> None:
        for wanted in dict.fromkeys((port, 0)):
            try:
                self._server = await asyncio.start_server(
                    self._connected, LOOPBACK, wanted, limit=MAX_REQUEST
                )
            except OSError as error:
                logger.warning(
                    f"live_report: port {wanted} cannot be used ({error.strerror}), taking another"
                )
                continue
            self._port = self._server.sockets[0].getsockname()[1]
            logger.info(f"Live report: http://{self._hosts[0]}/ on the phone, {self.url} here")
            return

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of a connection."""
        try:
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, headers = _parsed(head)
                own = (f"{LOOPBACK}:{self._port}", f"localhost:{self._port}")
                given = pages.answer(method, target, headers, own, self._view())
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


def _is_ours(flow: flow.Flow) -> bool:
    return OURS in flow.metadata


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


addons = [LiveReport()]
