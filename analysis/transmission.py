"""The one record: something that a device sent, or tried to send, to one destination.

Each reader, and each live flow, becomes `Transmission`s; after that nothing knows which format the
traffic came from. A record holds what was observed and nothing that was concluded: device, location,
purpose and identifiers are functions of it, in modules of their own.

One exchange is one transmission: an HTTP request with its reply, a whole WebSocket, TCP or UDP
conversation, a DNS query.
"""

from typing import Literal, NamedTuple

Headers = tuple[tuple[str, str], ...]
"""Names as sent (compare them without regard to case) and values, in order, repeated names kept."""

HostSource = Literal["sni", "authority", "host", "dns", "url"]
"""What a host name rests on, in order of trust; `url` is a name that only the proxy was told."""

Transport = Literal["tcp", "udp"]
Protocol = Literal["http", "websocket", "tcp", "udp", "dns", "tls", "quic"]
Origin = Literal["device", "replayed", "proxy", "unsent"]
"""Whose exchange it was: the device's with a destination, the analyst's who replayed a request, one that
ended at the proxy (a page of its own, a name that it resolved itself) and is nobody's destination, or one that never
left the device (answered from a cache, or blocked)."""
Unopened = Literal["refused", "failed", "passed", "no-keys"]
"""How TLS or QUIC stayed closed: the device refused the certificate; the handshake failed for another reason; the
proxy let the connection through untouched; or it was captured as packets, and no key that opens it was given."""
TransportOutcome = Literal["attempted", "delivered", "unknown"]
"""What the transport says came of it: it cannot have arrived (no connection came about, or it was reset before); the
destination confirmed all of it; or the capture lacks the packets that would tell."""
AddressSource = Literal["connection", "request", "error", "dns"]
"""What an address rests on: the connection that was made; the address that the device asked for; the
address that a failed connection names; a DNS answer to the device, earlier in the same capture."""

Remark = Literal["body rebuilt", "body damaged", "body missing", "time unknown"]
"""What the tool that wrote the capture did to it: the body is put together again from form fields; bytes of it were
lost, because it was kept as text; it was left out; or the time could not be read, and is that of the one before."""

AppSource = Literal["packet", "process", "trace", "file", "says"]
"""By whose word an app sent something: a mark on the packets; the name of a process; a trace of the running app; a file
beside the capture, or what the capture says of itself; or only what the request says."""


class App(NamedTuple):
    """An app, as far as it is known."""

    name: str
    """As people know it; empty if only the id is known."""
    id: str
    """Package (Android) or bundle (iOS); empty if only the name is known."""
    source: AppSource


class Reply(NamedTuple):
    """What came back."""

    status: int | None
    """HTTP status code; None where the protocol has none."""
    encoding: str
    """Content encoding of the body, lower case; empty if there is none."""
    body: bytes | None
    """As transferred (content encoding not undone); None if it was not kept because it is long, or was not recorded."""
    size: int
    """Bytes of the body, whether it was kept or not."""
    edge: Headers = ()
    """The headers in which content networks name the place that answered (`knowledge/edges.toml`), names lower case;
    all headers but the content encoding where the capture is read to be written anew."""


class RoundTrips(NamedTuple):
    """How long the destination took to answer, in seconds, each by one clock. None is "not measured". None of them can
    be less than light needs to get there and back, if it was the destination that answered."""

    tcp: float | None = None
    """From the first SYN to the connection. A middlebox on the way can answer this one."""
    tls: float | None = None
    """From the connection to the end of the TLS handshake; over QUIC from the first packet."""
    first_byte: float | None = None
    """From the end of the request to the beginning of the answer, where both went through TLS or QUIC."""


class NameAnswer(NamedTuple):
    """A DNS answer that the capture holds: this name was said to have this address."""

    name: str
    address: str
    time: float
    """Seconds since 1970-01-01T00:00Z."""
    client: str
    """The client that asked, as in `Transmission.client`; empty if it is not known."""
    proxy_mode: str = "regular"
    """The listener that it asked through, as in `Transmission.proxy_mode`: two phones behind listeners of their own can
    have one address."""


class Transmission(NamedTuple):
    """One exchange of one device with one destination, as it was observed. Times are seconds since
    1970-01-01T00:00Z, sizes are bytes, and None is "unknown" throughout."""

    time: float
    """When the device began to send."""
    end: float | None = None
    """When the exchange was over, as far as it was seen."""

    client: str | None = None
    """IP address of the device as the proxy saw it, without `::ffff:`."""
    proxy_mode: str = "regular"
    """mitmproxy's mode specification for the listener, such as `wireguard:phone.conf@51820`."""
    origin: Origin = "device"

    address: str | None = None
    """IP address that was connected to, or tried; never the result of a later look-up."""
    address_source: AddressSource | None = None
    port: int | None = None
    host: str | None = None
    """Name of the destination, lower case, no trailing dot; None if only the address is known."""
    host_source: HostSource | None = None
    authority: str | None = None
    """The name in `:authority` or Host where it is not `host`: one connection can serve several names."""
    transport: Transport = "tcp"
    protocol: Protocol = "http"
    http_version: str | None = None
    """`HTTP/1.1`, `HTTP/2.0`, `HTTP/3`."""
    encrypted: bool | None = False
    """Whether the device's own connection was protected by TLS, DTLS or QUIC. None if nothing that was seen of it
    tells: it carried nothing, or bytes that are neither a known protocol nor readable."""
    tls_version: str | None = None
    unopened: Unopened | None = None
    """None if nothing stayed closed: there was no TLS, or the proxy opened it."""

    method: str | None = None
    path: str = ""
    """Path and query as sent; empty where the protocol has none."""
    headers: Headers = ()
    payloads: tuple[bytes, ...] = ()
    """What the device sent, as transferred: the request's body (if not empty), then WebSocket messages;
    the whole TCP stream as one; each UDP datagram."""
    truncated: int = 0
    """Bytes of payload that were left out of `payloads` because they exceed what is kept."""
    questions: tuple[str, ...] = ()
    """Names that a DNS query asked for."""
    answers: tuple[NameAnswer, ...] = ()

    reply: Reply | None = None
    """None if nothing came back: then this was an attempt."""
    error: str | None = None
    transport_outcome: TransportOutcome | None = None
    """What packets tell beside the reply; None where the source holds no packets: then the reply decides."""
    bytes_sent: int = 0
    """Request line, headers and body as HTTP/1.1 writes them, or payload; without TLS, TCP and IP."""
    bytes_received: int = 0
    """Of the reply's body, or payload."""

    host_candidates: tuple[str, ...] = ()
    """Where `host` is None: names that the device had been told have this address, if they are several."""

    flow_id: str = ""
    """Identity in the source, such as mitmproxy's flow id."""
    round_trips: RoundTrips | None = None
    """Between who captured (the proxy, or the device itself) and the destination."""
    remarks: tuple[Remark, ...] = ()

    app: App | None = None
    """What sent it on the device."""
    app_candidates: tuple[App, ...] = ()
    """Where `app` is None: apps of which it was one, if a list of another tool fits several."""
    repeats: int = 0
    """Further connections for which this one stands: to the same place, in the same minute, until `end`; none of them
    carried anything. Each counts as a transmission."""

    @property
    def unresolved(self) -> bool:
        """Whether this is a question for the address of `host` that got none: all there is to see of an attempt to
        reach it."""
        return self.protocol == "dns" and self.host_source == "dns"

    def header(self, name: str) -> str:
        """The first header of that name (lower case), or an empty string."""
        for key, value in self.headers:
            if len(key) == len(name) and key.lower() == name:
                return value
        return ""
