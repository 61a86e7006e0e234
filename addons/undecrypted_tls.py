"""Lets through what a phone will not have opened, and keeps it in the capture.

    mitmdump -w capture.mitm -s addons/undecrypted_tls.py

An app that pins its certificate, or a phone that does not trust the proxy's, breaks off the handshake; mitmproxy
then writes nothing, and the app does not work. Here the refusal becomes a flow in the capture, and from the next
connection of this device to this host on TLS goes through untouched, as a flow as well: ClientHello, times,
addresses, and the bytes each way, without the ciphertext. Both are TCP (for QUIC: UDP) flows of mitmproxy's own, so
that every tool that reads flow files sees them. The ClientHello is kept whole: from it other tools make fingerprints.

mitmproxy's `ClientHelloData.ignore_connection` lets a connection through without an event for what passes, so this
addon chooses the layer itself, in the hook `next_layer`, and mitmproxy's TCP and UDP layers do the rest.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, NamedTuple

from mitmproxy import connection, ctx, flow, http, tcp, tls, udp
from mitmproxy.addonmanager import Loader
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import events, layer, layers, mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.quic import quic_parse_client_hello_from_datagrams
from mitmproxy.proxy.layers.tcp import TcpErrorHook, TcpMessageHook, TcpStartHook
from mitmproxy.proxy.layers.tls import parse_client_hello
from mitmproxy.proxy.layers.udp import UdpErrorHook, UdpMessageHook, UdpStartHook
from mitmproxy.tls import ClientHello

from phonehome.analysis.sources.client_hello import is_quic_initial
from phonehome.analysis.sources.flow_state import NOTE_RECEIVED, NOTE_SENT, NOTE_UNOPENED

logger = logging.getLogger(__name__)

NOTE_OFFERED: Final = "phonehome_tls_offered"
"""Entry in a flow's metadata: the newest version of TLS that the device offered."""

MAX_REMEMBERED: Final = 20_000
"""Pairs of device and host that are remembered; beyond it the oldest is forgotten, and asked again."""
SILENT_CLOSES: Final = 2
"""A library that pins may check the certificate after the handshake, and then close without a word (OkHttp does);
a browser closes connections that it made ahead and did not need. So one is no refusal; this many in a row are, if
the device sent no request to this host before."""
QUIC_REFUSALS: Final = 3
"""A browser takes no user's certificate for QUIC, but falls back to TLS over TCP, which the proxy can open. QUIC is let
through only when TCP was refused as well, or when it is refused this often and TCP is not tried."""

# mitmproxy's texts for the alerts by which a client refuses a certificate (RFC 8446, 6.2), and for its going away.
_REFUSALS: Final = (
    ("unknown ca", "it does not trust the proxy's certificate (alert unknown_ca)"),
    ("certificate unknown", "it does not take the proxy's certificate (alert certificate_unknown)"),
    ("bad certificate", "it does not take the proxy's certificate (alert bad_certificate)"),
    ("unsupported certificate", "it does not take the proxy's certificate (alert unsupported_certificate)"),
    ("certificate expired", "it does not take the proxy's certificate (alert certificate_expired)"),
    ("certificate revoked", "it does not take the proxy's certificate (alert certificate_revoked)"),
    ("access denied", "it does not take the proxy's certificate (alert access_denied)"),
)
_CLOSED: Final = "connection closed"
_CLOSED_REASON: Final = "it closed the connection when it saw the proxy's certificate"
_SILENT_REASON: Final = "it closed the connection after the handshake, without a word, again and again"
# QUIC carries an alert as 0x100 + its number (RFC 9001, 4.8): 42 to 49 are about the certificate.
_QUIC_REFUSALS: Final = range(0x100 + 42, 0x100 + 50)

# RFC 8446, 4.2.1: the extension supported_versions, and what its numbers mean.
_SUPPORTED_VERSIONS: Final = 43
_VERSIONS: Final = {0x0304: "TLSv1.3", 0x0303: "TLSv1.2", 0x0302: "TLSv1.1", 0x0301: "TLSv1"}

Pair = tuple[str, str, str]
"""Device (client address and proxy mode) and host."""


class Greeting(NamedTuple):
    """How a device began a connection."""

    pair: Pair
    hello: ClientHello
    wire: tuple[bytes, ...]
    """What is kept of it: TLS records, or datagrams, with the ClientHello."""
    time: float


class UndecryptedTls:
    """The addon. Its state is what each device refused, and the connections that are open."""

    def __init__(self) -> None:
        self._refused = _Pairs()
        self._opened = _Pairs()
        self._silent = _Pairs()
        self._quic = _Pairs()
        self._greetings: dict[str, Greeting] = {}
        """Connections whose handshake with the proxy goes on, by id."""
        self._unused: dict[str, tuple[Context, Greeting]] = {}
        """Connections that were opened and that nothing was sent in yet, by id."""
        self._passing: dict[str, Greeting] = {}
        """Connections that are let through, by id."""

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "undecrypted_tls",
            str,
            "after-refusal",
            "When TLS is let through unopened: after a device refused the proxy's certificate for the host, "
            "never, or always. Refusals are kept in the capture in any case.",
            choices=["after-refusal", "never", "always"],
        )

    # What passes

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Lets a connection through if it begins as TLS or QUIC that this device will not have opened."""
        if ctx.options.undecrypted_tls == "never":
            return
        if ctx.options.undecrypted_tls == "after-refusal" and not self._refused:
            return
        context = nextlayer.context
        if not _has_a_destination(context):
            return
        datagrams = context.client.transport_protocol == "udp"
        wire = _received(nextlayer)
        try:
            hello = _hello_of_quic(wire) if datagrams else _hello_of_tls(b"".join(wire))
        except ValueError:
            return  # mitmproxy says so
        if hello is None:
            return  # not TLS, or not whole yet: mitmproxy's own layer waits for the rest
        pair = _pair(context, hello)
        if ctx.options.undecrypted_tls != "always" and pair not in self._refused:
            return
        context.client.sni = hello.sni
        context.client.alpn_offers = hello.alpn_protocols
        self._passing[context.client.id] = Greeting(pair, hello, tuple(wire), time.time())
        nextlayer.layer = layers.UDPLayer(context) if datagrams else layers.TCPLayer(context)

    def tcp_start(self, flow: tcp.TCPFlow) -> None:
        self._start(flow)

    def udp_start(self, flow: udp.UDPFlow) -> None:
        self._start(flow)

    def tcp_message(self, flow: tcp.TCPFlow) -> None:
        self._message(flow)

    def udp_message(self, flow: udp.UDPFlow) -> None:
        self._message(flow)

    def tcp_end(self, flow: tcp.TCPFlow) -> None:
        self._end(flow)

    def tcp_error(self, flow: tcp.TCPFlow) -> None:
        self._end(flow)

    def udp_end(self, flow: udp.UDPFlow) -> None:
        self._end(flow)

    def udp_error(self, flow: udp.UDPFlow) -> None:
        self._end(flow)

    def _start(self, flow: tcp.TCPFlow | udp.UDPFlow) -> None:
        greeting = self._passing.get(flow.client_conn.id)
        if greeting is None:
            self._used(flow)
            return
        _annotate(flow, "passed", greeting.hello)
        asked = "as the option undecrypted_tls says" if _always() else "the device refused to have it opened"
        flow.comment = f"phonehome: let through unopened, {asked}; {_offer(greeting.hello)}"

    def _message(self, flow: tcp.TCPFlow | udp.UDPFlow) -> None:
        """Counts. Of what passed only the ClientHello stays, and the latest message, for other addons."""
        greeting = self._passing.get(flow.client_conn.id)
        if greeting is None:
            return
        latest = flow.messages[-1]
        note = NOTE_SENT if latest.from_client else NOTE_RECEIVED
        flow.metadata[note] += len(latest.content)
        if len(flow.messages) > 1:
            _cut(flow, len(flow.messages) - 2, greeting)

    def _end(self, flow: tcp.TCPFlow | udp.UDPFlow) -> None:
        greeting = self._passing.pop(flow.client_conn.id, None)
        if greeting is not None and flow.messages:
            _cut(flow, len(flow.messages) - 1, greeting)

    # What is refused

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        context = data.context
        if not _has_a_destination(context):
            return
        pair = _pair(context, data.client_hello)
        wire = _on_the_wire(data)
        self._greetings[context.client.id] = Greeting(pair, data.client_hello, wire, time.time())

    def tls_established_client(self, data: tls.TlsData) -> None:
        greeting = self._greetings.pop(data.context.client.id, None)
        if greeting is not None:
            self._unused[data.context.client.id] = data.context, greeting

    async def tls_failed_client(self, data: tls.TlsData) -> None:
        greeting = self._greetings.pop(data.context.client.id, None)
        if greeting is None:
            return
        error = data.conn.error or ""
        reason = _refusal(error) or _quic_refusal(data.context)
        if error == _CLOSED and greeting.pair in self._opened:
            # It took the proxy's certificate before: this was the network, or a change of mind.
            reason = None
        if reason is None:
            await self._keep(data.context, greeting, "failed", f"not opened: {error}")
            return
        await self._keep(data.context, greeting, "refused", f"refused: {reason}")
        if data.context.client.transport_protocol == "udp":
            if self._quic.add(greeting.pair) >= QUIC_REFUSALS:
                self._refused.add(greeting.pair)
        else:
            self._refused.add(greeting.pair)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._used(flow)

    def _used(self, flow: flow.Flow) -> None:
        """The device took the certificate, and sends."""
        unused = self._unused.pop(flow.client_conn.id, None)
        if unused is not None:
            self._opened.add(unused[1].pair)
            self._silent.discard(unused[1].pair)
            self._quic.discard(unused[1].pair)

    async def client_disconnected(self, client: connection.Client) -> None:
        self._greetings.pop(client.id, None)
        unused = self._unused.pop(client.id, None)
        if unused is None:
            return
        context, greeting = unused
        if greeting.pair in self._opened or self._silent.add(greeting.pair) < SILENT_CLOSES:
            return
        self._silent.discard(greeting.pair)
        self._refused.add(greeting.pair)
        await self._keep(context, greeting, "refused", f"refused: {_SILENT_REASON}")

    async def _keep(self, context: Context, greeting: Greeting, how: str, error: str) -> None:
        """Makes a flow of a handshake that came to nothing, and shows it to all addons."""
        addons = ctx.master.addons
        if context.client.transport_protocol == "udp":
            datagrams = udp.UDPFlow(context.client, context.server)
            _fail(datagrams, greeting, how, error)
            await addons.handle_lifecycle(UdpStartHook(datagrams))
            for part in greeting.wire:
                datagrams.messages.append(udp.UDPMessage(True, part, greeting.time))
                await addons.handle_lifecycle(UdpMessageHook(datagrams))
            await addons.handle_lifecycle(UdpErrorHook(datagrams))
            return
        stream = tcp.TCPFlow(context.client, context.server)
        _fail(stream, greeting, how, error)
        await addons.handle_lifecycle(TcpStartHook(stream))
        for part in greeting.wire:
            stream.messages.append(tcp.TCPMessage(True, part, greeting.time))
            await addons.handle_lifecycle(TcpMessageHook(stream))
        await addons.handle_lifecycle(TcpErrorHook(stream))


class _Pairs:
    """Pairs of device and host, each with a count; the oldest are forgotten."""

    def __init__(self) -> None:
        self._counts: OrderedDict[Pair, int] = OrderedDict()

    def __contains__(self, pair: object) -> bool:
        return pair in self._counts

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, pair: Pair) -> int:
        """Counts one more, and says how many there are."""
        count = self._counts.pop(pair, 0) + 1
        self._counts[pair] = count
        if len(self._counts) > MAX_REMEMBERED:
            self._counts.popitem(last=False)
        return count

    def discard(self, pair: Pair) -> None:
        self._counts.pop(pair, None)


def _has_a_destination(context: Context) -> bool:
    """Whether TLS here is with a destination; an explicit or reverse proxy can also be spoken to by TLS itself."""
    return (
        context.server.address is not None
        and not isinstance(context.layers[-1], modes.HttpProxy | modes.HttpUpstreamProxy)
        and not isinstance(context.client.proxy_mode, mode_specs.ReverseMode)
    )


def _hello_of_tls(data: bytes) -> ClientHello | None:
    return parse_client_hello(data) if starts_like_tls_record(data) else None


def _hello_of_quic(datagrams: list[bytes]) -> ClientHello | None:
    if not datagrams or not is_quic_initial(datagrams[0]):
        return None
    return quic_parse_client_hello_from_datagrams(datagrams)


def _received(nextlayer: layer.NextLayer) -> list[bytes]:
    """What came from the client so far, as it came."""
    client = nextlayer.context.client
    return [
        event.data
        for event in nextlayer.events
        if isinstance(event, events.DataReceived) and event.connection == client
    ]


def _on_the_wire(data: tls.ClientHelloData) -> tuple[bytes, ...]:
    """The ClientHello as it came. For datagrams mitmproxy has them where its layer collects them."""
    if data.context.client.transport_protocol == "tcp":
        return (data.client_hello.raw_bytes(),)
    collecting = data.context.layers[-1]
    datagrams = getattr(collecting, "handshake_datagram_buf", None) or [
        getattr(collecting, "recv_buffer", b"")
    ]
    return tuple(bytes(datagram) for datagram in datagrams)


def _pair(context: Context, hello: ClientHello) -> Pair:
    client = context.client
    host = hello.sni or (context.server.address or ("",))[0]
    return client.peername[0], client.proxy_mode.full_spec, host.lower()


def _refusal(error: str) -> str | None:
    """Why the device did not take the certificate; None if the handshake failed for another reason."""
    if error == _CLOSED:
        return _CLOSED_REASON
    for text, reason in _REFUSALS:
        if text in error:
            return reason
    return None


def _quic_refusal(context: Context) -> str | None:
    """The same for QUIC. mitmproxy's text is whatever the device wrote beside the code; the code is in its layer."""
    for quic in (getattr(each, "quic", None) for each in reversed(context.layers)):
        code = getattr(getattr(quic, "_close_event", None), "error_code", None)
        if code in _QUIC_REFUSALS:
            return f"it does not take the proxy's certificate (QUIC error {code:#x})"
    return None


def _always() -> bool:
    chosen: str = ctx.options.undecrypted_tls
    return chosen == "always"


def _annotate(flow: flow.Flow, how: str, hello: ClientHello) -> None:
    flow.metadata[NOTE_UNOPENED] = how
    flow.metadata[NOTE_SENT] = 0
    flow.metadata[NOTE_RECEIVED] = 0
    flow.metadata[NOTE_OFFERED] = _offered(hello)


def _fail(kept: tcp.TCPFlow | udp.UDPFlow, greeting: Greeting, how: str, error: str) -> None:
    _annotate(kept, how, greeting.hello)
    kept.error = flow.Error(error, time.time())
    kept.comment = f"phonehome: {error}; {_offer(greeting.hello)}"


def _cut(flow: tcp.TCPFlow | udp.UDPFlow, place: int, greeting: Greeting) -> None:
    """Drops the message at that place, unless it belongs to the ClientHello."""
    before = sum(len(message.content) for message in flow.messages[:place])
    if not flow.messages[place].from_client or before >= sum(map(len, greeting.wire)):
        del flow.messages[place]


def _offered(hello: ClientHello) -> str:
    """The newest version that is offered; empty if none is known."""
    versions: Iterable[int] = ()
    for kind, body in hello.extensions:
        if kind == _SUPPORTED_VERSIONS and isinstance(body, bytes):
            versions = [int.from_bytes(body[at : at + 2]) for at in range(1, len(body) - 1, 2)]
    # Without the extension it is the version of the ClientHello itself, at most 1.2.
    known = [version for version in versions or [_own_version(hello)] if version in _VERSIONS]
    return _VERSIONS[max(known)] if known else ""


def _own_version(hello: ClientHello) -> int:
    try:
        return int.from_bytes(hello.raw_bytes(wrap_in_record=False)[:2])
    except NotImplementedError:  # of DTLS
        return 0


def _offer(hello: ClientHello) -> str:
    """For the comment: what the device offered. Captured text, so it is made safe to show."""
    protocols = ", ".join(
        protocol.decode("ascii", "backslashreplace") for protocol in hello.alpn_protocols[:8]
    )
    return f"offers {_offered(hello) or 'an unknown version'}, ALPN {protocols or 'none'}"


addons = [UndecryptedTls()]
