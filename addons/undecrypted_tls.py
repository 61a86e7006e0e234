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

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

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

from phonehome.addons.trust import STRATEGIES, Device, Trust, Trusts, Verdict
from phonehome.analysis.sources.client_hello import is_quic_initial
from phonehome.analysis.sources.flow_state import NOTE_RECEIVED, NOTE_SENT, NOTE_UNOPENED
from phonehome.analysis.transmission import Unopened

NOTE_OFFERED: Final = "phonehome_tls_offered"
"""Entry in a flow's metadata: the newest version of TLS that the device offered."""

CERTIFICATES: Final = "/cert/"
"""Where mitmproxy's own page hands out the certificate."""

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
_CLOSED: Final = "The client disconnected during the handshake"
"""How mitmproxy's sentence begins (`proxy/layers/tls.py`, `on_handshake_error`)."""
_CLOSED_REASON: Final = "it closed the connection when it saw the proxy's certificate"
_SILENT_REASON: Final = "it closed the connection right after the handshake, without a word"
_UNUSED_REASON: Final = "it closed the connection some time after the handshake, and sent nothing"
# QUIC carries an alert as 0x100 + its number (RFC 9001, 4.8): 42 to 49 are about the certificate.
_QUIC_REFUSALS: Final = range(0x100 + 42, 0x100 + 50)

# RFC 8446, 4.2.1: the extension supported_versions, and what its numbers mean.
_SUPPORTED_VERSIONS: Final = 43
_VERSIONS: Final = {0x0304: "TLSv1.3", 0x0303: "TLSv1.2", 0x0302: "TLSv1.1", 0x0301: "TLSv1"}


@dataclass(slots=True)
class Handshake:
    """A connection that began as TLS or QUIC, and in which the proxy has read nothing yet."""

    context: Context
    hello: ClientHello
    wire: tuple[bytes, ...]
    """What is kept of it: TLS records, or datagrams, with the ClientHello."""
    trust: Trust
    begun: float
    """Seconds since 1970-01-01T00:00Z."""
    established: float | None = None
    """When it was, by the clock that `Trust` is given."""
    passing: bool = False
    """Whether it is let through."""

    @property
    def quic(self) -> bool:
        return self.context.client.transport_protocol == "udp"


class UndecryptedTls:
    """The addon. Its state is what each device did with the certificate, and the connections that are open."""

    def __init__(self) -> None:
        self._trusts = Trusts()
        self._handshakes: dict[str, Handshake] = {}
        """By the id of the client's connection."""

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "phonehome_undecrypted_tls",
            str,
            "after-refusal",
            "When TLS is let through unopened: after a device refused the proxy's certificate for the host, "
            "never, or always. Refusals are kept in the capture in any case.",
            choices=list(STRATEGIES),
        )

    # What passes

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Lets a connection through if it begins as TLS or QUIC that is not to be opened."""
        context = nextlayer.context
        if ctx.options.phonehome_undecrypted_tls == "never" or not _has_a_destination(context):
            return
        datagrams = context.client.transport_protocol == "udp"
        wire = _received(nextlayer)
        try:
            hello = _hello_of_quic(wire) if datagrams else _hello_of_tls(b"".join(wire))
        except ValueError:
            return  # mitmproxy says so
        if hello is None:
            return  # not TLS, or not whole yet: mitmproxy's own layer waits for the rest
        trust = self._trusts.of(_device(context.client), _host(context, hello))
        if STRATEGIES[ctx.options.phonehome_undecrypted_tls](trust, time.monotonic()):
            return
        context.client.sni = hello.sni
        context.client.alpn_offers = hello.alpn_protocols
        handshake = Handshake(context, hello, tuple(wire), trust, time.time(), passing=True)
        self._handshakes[context.client.id] = handshake
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
        handshake = self._passing(flow)
        if handshake is None:
            self._used(flow.client_conn)
            return
        _annotate(flow, "passed", handshake.hello)
        always = ctx.options.phonehome_undecrypted_tls == "always"
        why = (
            "as the option phonehome_undecrypted_tls says"
            if always
            else "the device refused to have it opened"
        )
        flow.comment = f"phonehome: let through unopened, {why}; {_offer(handshake.hello)}"

    def _message(self, flow: tcp.TCPFlow | udp.UDPFlow) -> None:
        """Counts. Of what passed only the ClientHello stays, and the latest message, for other addons."""
        handshake = self._passing(flow)
        if handshake is None:
            return
        latest = flow.messages[-1]
        note = NOTE_SENT if latest.from_client else NOTE_RECEIVED
        flow.metadata[note] += len(latest.content)
        if len(flow.messages) > 1:
            _cut(flow, len(flow.messages) - 2, handshake)

    def _end(self, flow: tcp.TCPFlow | udp.UDPFlow) -> None:
        handshake = self._passing(flow)
        if handshake is None:
            return
        del self._handshakes[flow.client_conn.id]
        if flow.messages:
            _cut(flow, len(flow.messages) - 1, handshake)

    def _passing(self, flow: flow.Flow) -> Handshake | None:
        handshake = self._handshakes.get(flow.client_conn.id)
        return handshake if handshake is not None and handshake.passing else None

    # What is refused

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        context = data.context
        if not _has_a_destination(context):
            return
        self._used(context.client)  # of TLS inside TLS
        trust = self._trusts.of(_device(context.client), _host(context, data.client_hello))
        trust.began()
        handshake = Handshake(context, data.client_hello, _on_the_wire(data), trust, time.time())
        self._handshakes[context.client.id] = handshake

    def tls_established_client(self, data: tls.TlsData) -> None:
        handshake = self._handshakes.get(data.context.client.id)
        if handshake is not None:
            handshake.established = time.monotonic()

    async def tls_failed_client(self, data: tls.TlsData) -> None:
        handshake = self._handshakes.pop(data.context.client.id, None)
        if handshake is None:
            return
        now, error = time.monotonic(), data.conn.error or ""
        reason = _refusal(error) or _quic_refusal(data.context)
        if reason is not None:
            verdict = handshake.trust.refused(now, quic=handshake.quic)
        else:
            verdict = handshake.trust.failed(now, closed=error.startswith(_CLOSED), quic=handshake.quic)
            reason = _CLOSED_REASON
        await _keep(handshake, verdict, reason if verdict == "refused" else error)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._used(flow.client_conn)
        request = flow.request
        if request.pretty_host == ctx.options.onboarding_host and request.path.startswith(CERTIFICATES):
            self._trusts.forget(_device(flow.client_conn))

    def _used(self, client: connection.Client) -> None:
        """The device took the certificate, and sends."""
        handshake = self._handshakes.get(client.id)
        if handshake is not None and handshake.established is not None:
            del self._handshakes[client.id]
            self._trusts.used(_device(client), handshake.trust)

    async def client_disconnected(self, client: connection.Client) -> None:
        handshake = self._handshakes.get(client.id)
        if handshake is None or handshake.passing:
            return  # what passes has an end of its own
        del self._handshakes[client.id]
        now = time.monotonic()
        if handshake.established is None:  # mitmproxy gave it up without a word
            await _keep(handshake, handshake.trust.failed(now, closed=False), "the handshake did not end")
            return
        verdict = handshake.trust.unused(now, handshake.established)
        if verdict is not None:
            await _keep(handshake, verdict, _SILENT_REASON if verdict == "refused" else _UNUSED_REASON)


async def _keep(handshake: Handshake, verdict: Verdict, reason: str) -> None:
    """Makes a flow of a handshake that came to nothing, and shows it to all addons."""
    addons, context = ctx.master.addons, handshake.context
    error = f"{'refused' if verdict == 'refused' else 'not opened'}: {reason}"
    if handshake.quic:
        datagrams = udp.UDPFlow(context.client, context.server)
        _fail(datagrams, handshake, verdict, error)
        await addons.handle_lifecycle(UdpStartHook(datagrams))
        for part in handshake.wire:
            datagrams.messages.append(udp.UDPMessage(True, part, handshake.begun))
            await addons.handle_lifecycle(UdpMessageHook(datagrams))
        await addons.handle_lifecycle(UdpErrorHook(datagrams))
        return
    stream = tcp.TCPFlow(context.client, context.server)
    _fail(stream, handshake, verdict, error)
    await addons.handle_lifecycle(TcpStartHook(stream))
    for part in handshake.wire:
        stream.messages.append(tcp.TCPMessage(True, part, handshake.begun))
        await addons.handle_lifecycle(TcpMessageHook(stream))
    await addons.handle_lifecycle(TcpErrorHook(stream))


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


def _device(client: connection.Client) -> Device:
    return client.peername[0], client.proxy_mode.full_spec


def _host(context: Context, hello: ClientHello) -> str:
    return (hello.sni or (context.server.address or ("",))[0]).lower()


def _refusal(error: str) -> str | None:
    """Why the device does not take the certificate, if an alert says so."""
    for text, reason in _REFUSALS:
        if text in error:
            return reason
    return None


def _quic_refusal(context: Context) -> str | None:
    """The same for QUIC. mitmproxy's text is whatever the device wrote beside the code, and it takes the event with the
    code out of aioquic's queue: `_close_event` is the only place where the code still stands."""
    for quic in (getattr(each, "quic", None) for each in reversed(context.layers)):
        code = getattr(getattr(quic, "_close_event", None), "error_code", None)
        if code in _QUIC_REFUSALS:
            return f"it does not take the proxy's certificate (QUIC error {code:#x})"
    return None


def _annotate(flow: flow.Flow, how: Unopened, hello: ClientHello) -> None:
    flow.metadata[NOTE_UNOPENED] = how
    flow.metadata[NOTE_SENT] = 0
    flow.metadata[NOTE_RECEIVED] = 0
    flow.metadata[NOTE_OFFERED] = _offered(hello)


def _fail(kept: tcp.TCPFlow | udp.UDPFlow, handshake: Handshake, how: Verdict, error: str) -> None:
    _annotate(kept, how, handshake.hello)
    kept.error = flow.Error(error, time.time())
    kept.comment = f"phonehome: {error}; {_offer(handshake.hello)}"


def _cut(flow: tcp.TCPFlow | udp.UDPFlow, place: int, handshake: Handshake) -> None:
    """Drops the message at that place, unless it belongs to the ClientHello."""
    before = sum(len(message.content) for message in flow.messages[:place])
    if not flow.messages[place].from_client or before >= sum(map(len, handshake.wire)):
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
