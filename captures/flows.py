"""Builds mitmproxy flows that were never on a wire: for the sample captures, and for tests.

A `Recorder` stands where the proxy would. It gives out ids and ports, keeps connections alive as phones do,
and writes DNS look-ups before the first use of a name, so that what it writes hangs together as a recorded
capture does. It draws from one seeded generator and takes all times from its caller: the same calls
make the same bytes.

What belongs in which field follows mitmproxy 12: in transparent and WireGuard mode the proxy sees addresses,
so `request.host` and `server_conn.address` are bare IPs and the name stands in SNI, Host or `:authority`.
"""

import datetime
import gzip
import json
import random
import struct
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from mitmproxy import certs, connection, dns, http, tcp, udp, websocket
from mitmproxy.flow import Error, Flow
from mitmproxy.io import FlowWriter
from mitmproxy.net.dns import classes, op_codes, response_codes, types
from mitmproxy.proxy.mode_specs import ProxyMode

HeaderList = Sequence[tuple[str, str]]

KEEP_ALIVE = 240.0
"""Seconds after which an idle HTTP connection is not used again."""
ROUND_TRIP = 0.15
"""Seconds from the proxy to a server and back."""
DNS_CACHE = 6 * 3600.0
"""Seconds for which a phone does not ask for a name again."""


@dataclass(frozen=True)
class Phone:
    """A client of the proxy."""

    address: str
    mode: str = "transparent"
    """mitmproxy's mode specification for the listener that it uses."""
    dns_mode: str = "dns"
    udp_mode: str = ""
    """The listener for UDP, if another one: transparent mode takes TCP only."""


@dataclass(frozen=True)
class Reply:
    """What a server answers."""

    status: int = 200
    headers: HeaderList = ()
    body: bytes = b""
    after: float = 0.18
    """Seconds between request and reply."""


def json_reply(value: object, status: int = 200) -> Reply:
    body = json.dumps(value, separators=(",", ":")).encode()
    return Reply(status, (("Content-Type", "application/json; charset=UTF-8"),), body)


def packed(data: bytes) -> bytes:
    """gzip without the time of packing, which would differ from run to run."""
    return gzip.compress(data, mtime=0)


class Fixed64(int):
    """A number that protobuf writes in eight bytes."""


ProtobufValue = int | str | bytes | Fixed64


def protobuf(*fields: tuple[int, ProtobufValue]) -> bytes:
    """A protobuf message of these field numbers and values; a nested message is bytes."""
    out = bytearray()
    for number, value in fields:
        if isinstance(value, Fixed64):
            out += varint(number << 3 | 1) + struct.pack("<Q", value)
        elif isinstance(value, int):
            out += varint(number << 3) + varint(value % 2**64)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return bytes(out)


def varint(value: int) -> bytes:
    """A number of at least 0 in base 128, least significant group first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def client_hello(name: str, rng: random.Random) -> bytes:
    """A TLS 1.2 ClientHello record with SNI (RFC 5246 section 7.4.1.2, RFC 6066 section 3)."""
    host = name.encode()
    server_name = struct.pack("!HBH", len(host) + 3, 0, len(host)) + host
    groups, formats = struct.pack("!HHH", 4, 0x001D, 0x0017), b"\x01\x00"
    extensions = b"".join(
        struct.pack("!HH", kind, len(data)) + data
        for kind, data in ((0x0000, server_name), (0x000A, groups), (0x000B, formats), (0x0017, b""))
    )
    ciphers = struct.pack("!5H", 0xC02B, 0xC02F, 0xCCA9, 0xC02C, 0x009C)
    hello = (
        b"\x03\x03" + rng.randbytes(32) + b"\x00" + struct.pack("!H", len(ciphers)) + ciphers + b"\x01\x00"
    )
    hello += struct.pack("!H", len(extensions)) + extensions
    handshake = b"\x01" + len(hello).to_bytes(3, "big") + hello
    return b"\x16\x03\x01" + struct.pack("!H", len(handshake)) + handshake


def tls_record(kind: int, data: bytes) -> bytes:
    return struct.pack("!BHH", kind, 0x0303, len(data)) + data


@lru_cache(maxsize=256)
def certificate(name: str) -> certs.Cert:
    """A certificate of no real authority. Ed25519, because its signatures do not differ from run to run."""
    key = Ed25519PrivateKey.from_private_bytes(b"phonehome sample capture, no key")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sample capture, no authority")])
    public = key.public_key()
    digest = public.public_bytes(Encoding.Raw, PublicFormat.Raw) + name.encode()
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(int.from_bytes(digest[-8:], "big") | 1)
        .not_valid_before(datetime.datetime(2018, 12, 1))
        .not_valid_after(datetime.datetime(2019, 12, 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, None)
    )
    return certs.Cert(made)


@dataclass
class _Connection:
    client: connection.Client
    server: connection.Server
    last_used: float


@dataclass
class Recorder:
    """Makes flows as if devices had sent them through mitmproxy, and keeps them in `flows`."""

    seed: int
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Address of each name. A name that is not in it gets one from 203.0.113.0/24 (documentation)."""
    round_trips: Mapping[str, float] = field(default_factory=dict)
    """Seconds from the proxy to an address and back; ROUND_TRIP for others."""
    flows: list[Flow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self._open: dict[tuple[Phone, str, int], _Connection] = {}
        self._asked: dict[tuple[Phone, str], float] = {}
        self._ports: dict[str, int] = {}
        self._unnamed: dict[str, str] = {}

    # -- what a device does ------------------------------------------------------------------------

    def http_flow(
        self,
        phone: Phone,
        at: float,
        url: str,
        *,
        method: str = "GET",
        headers: HeaderList = (),
        body: bytes = b"",
        reply: Reply | None = Reply(),
        error: str | None = None,
        connected: bool = True,
        version: str = "HTTP/1.1",
        resolve: bool = True,
    ) -> http.HTTPFlow:
        """One HTTP exchange at time `at`. Without a reply `error` says what happened; if not `connected`,
        the connection to the server failed as well. HTTP/2 is `version="HTTP/2.0"`."""
        parts = urlsplit(url)
        name, tls = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
        address = self.address(name)
        if resolve:
            self.look_up(phone, at - 0.09, name)
        alpn = b"h2" if version == "HTTP/2.0" else b"http/1.1"
        link = self._connect(
            phone, at - 0.06, name, port, tls=tls, alpn=alpn, error=None if connected else error
        )

        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = [(key.lower() if version == "HTTP/2.0" else key, value) for key, value in headers]
        authority = parts.netloc if version == "HTTP/2.0" else ""
        if version != "HTTP/2.0":
            sent.insert(0, ("Host", parts.netloc))
        if body or method == "POST":
            key = "content-length" if version == "HTTP/2.0" else "Content-Length"
            sent.append((key, str(len(body))))
        # An explicit proxy is told the name; all others see the address.
        host = name if phone.mode.startswith("regular") else address
        request = http.Request(
            host=host,
            port=port,
            method=method.encode(),
            scheme=parts.scheme.encode(),
            authority=authority.encode(),
            path=path.encode(),
            http_version=version.encode(),
            headers=_headers(sent),
            content=body,
            trailers=None,
            timestamp_start=at,
            timestamp_end=at + 0.004,
        )
        flow = http.HTTPFlow(link.client, link.server)
        flow.request = request
        end = at + 0.004
        if reply is not None:
            end = at + reply.after + len(reply.body) / 2_000_000
            flow.response = _response(reply, version, at + reply.after, end)
        if error is not None:
            end = max(end, at + 0.5)
            flow.error = Error(error, end)
        link.last_used = end
        if not connected:
            self._forget(phone, name, port)
        return self._add(flow, at)

    def websocket_flow(
        self,
        phone: Phone,
        at: float,
        url: str,
        messages: Iterable[tuple[float, bool, bytes]],
        *,
        headers: HeaderList = (),
    ) -> http.HTTPFlow:
        """A WebSocket conversation; a message is (seconds after `at`, from the device?, content). It is text if it can
        be, else binary."""
        key = self.rng.randbytes(16).hex()[:22] + "=="
        handshake = [
            *headers,
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", key),
            ("Sec-WebSocket-Version", "13"),
        ]
        reply = Reply(101, (("Upgrade", "websocket"), ("Connection", "Upgrade")))
        flow = self.http_flow(phone, at, url.replace("ws", "http", 1), headers=handshake, reply=reply)
        said = [
            websocket.WebSocketMessage(_opcode(content), sent, content, at + after)
            for after, sent, content in messages
        ]
        end = (said[-1].timestamp if said else at) + 1
        flow.websocket = websocket.WebSocketData(said, False, 1000, "", end)
        self._forget_flow(phone, flow)
        flow.client_conn.timestamp_end = flow.server_conn.timestamp_end = end
        return flow

    def tcp_flow(
        self,
        phone: Phone,
        at: float,
        name: str,
        port: int,
        messages: Iterable[tuple[float, bool, bytes]],
        *,
        tls: bool = False,
        error: str | None = None,
        connected: bool = True,
    ) -> tcp.TCPFlow:
        """A TCP conversation; a message is (seconds after `at`, from the device?, bytes)."""
        self.look_up(phone, at - 0.09, name)
        failed = None if connected else error
        link = self._connect(phone, at - 0.06, name, port, tls=tls, alpn=None, error=failed, reuse=False)
        flow = tcp.TCPFlow(link.client, link.server)
        flow.messages = [tcp.TCPMessage(sent, data, at + after) for after, sent, data in messages]
        end = flow.messages[-1].timestamp if flow.messages else at
        link.client.timestamp_end = link.server.timestamp_end = end + 0.2
        if error is not None:
            flow.error = Error(error, end + 0.2)
        return self._add(flow, at)

    def udp_flow(
        self, phone: Phone, at: float, name: str, port: int, messages: Iterable[tuple[float, bool, bytes]]
    ) -> udp.UDPFlow:
        """A UDP conversation; a message is (seconds after `at`, from the device?, bytes)."""
        self.look_up(phone, at - 0.09, name)
        link = self._connect(
            phone, at, name, port, tls=False, alpn=None, error=None, reuse=False, transport="udp"
        )
        flow = udp.UDPFlow(link.client, link.server)
        flow.messages = [udp.UDPMessage(sent, data, at + after) for after, sent, data in messages]
        end = flow.messages[-1].timestamp if flow.messages else at
        link.client.timestamp_end = link.server.timestamp_end = end + 10
        return self._add(flow, at)

    def look_up(self, phone: Phone, at: float, name: str) -> dns.DNSFlow | None:
        """Ask for the address of a name, unless the phone still knows it."""
        known = self._asked.get((phone, name))
        if known is not None and at - known < DNS_CACHE:
            return None
        self._asked[phone, name] = at
        return self.dns_flow(phone, at, name, self.address(name))

    def dns_flow(
        self, phone: Phone, at: float, name: str, answer: str | None, after: float = 0.021
    ) -> dns.DNSFlow:
        """A DNS query for the A record; `answer=None` is "no such name"."""
        resolver = ("10.0.0.53", 53) if phone.mode.startswith("wireguard") else None
        client = connection.Client(
            peername=(phone.address, self._port(phone)),
            sockname=resolver or ("0.0.0.0", 53),
            id=self._id(),
            transport_protocol="udp",
            proxy_mode=ProxyMode.parse(phone.mode if resolver else phone.dns_mode),
            timestamp_start=at,
            timestamp_end=at + after + 0.01,
        )
        server = connection.Server(address=resolver, id=self._id(), transport_protocol="udp")
        question = dns.Question(name, types.A, classes.IN)
        query = dns.DNSMessage(
            timestamp=at,
            id=self.rng.getrandbits(16),
            query=True,
            op_code=op_codes.QUERY,
            authoritative_answer=False,
            truncation=False,
            recursion_desired=True,
            recursion_available=False,
            reserved=0,
            response_code=response_codes.NOERROR,
            questions=[question],
            answers=[],
            authorities=[],
            additionals=[],
        )
        flow = dns.DNSFlow(client, server)
        flow.request = query
        if answer is None:
            flow.response = query.fail(response_codes.NXDOMAIN)
        else:
            record = dns.ResourceRecord(name, types.A, classes.IN, 60, ip_address(answer).packed)
            flow.response = query.succeed([record])
        flow.response.timestamp = at + after
        return self._add(flow, at)

    # -- what the analyst does ---------------------------------------------------------------------

    def proxy_page(
        self, phone: Phone, at: float, path: str, headers: HeaderList, reply: Reply
    ) -> http.HTTPFlow:
        """A visit to mitm.it, which mitmproxy answers itself: no server is ever connected to."""
        flow = self.http_flow(phone, at, f"http://mitm.it{path}", headers=headers, reply=reply)
        self._forget(phone, "mitm.it", 80)
        flow.server_conn = connection.Server(address=(self.address("mitm.it"), 80), id=self._id())
        return flow

    def replay(self, original: http.HTTPFlow, at: float, reply: Reply) -> http.HTTPFlow:
        """The analyst sends a recorded request again, from the proxy."""
        state = original.get_state()
        flow = http.HTTPFlow.from_state(state)
        assert isinstance(flow, http.HTTPFlow)
        flow.id = self._id()
        flow.is_replay = "request"
        flow.error = None
        flow.request.timestamp_start, flow.request.timestamp_end = at, at + 0.001
        flow.response = _response(reply, original.request.http_version, at + reply.after, at + reply.after)
        flow.server_conn.id = self._id()
        flow.server_conn.timestamp_start, flow.server_conn.timestamp_end = at - 0.05, at + 1
        self.flows.append(flow)
        return flow

    # -- writing -----------------------------------------------------------------------------------

    def write(self, path: Path) -> None:
        """Write all flows, in the order in which mitmproxy does: as they end."""
        with path.open("wb") as file:
            writer = FlowWriter(file)
            for flow in sorted(self.flows, key=_ended):
                writer.add(flow)

    # -- parts -------------------------------------------------------------------------------------

    def address(self, name: str) -> str:
        """The address of a name, of an address the address itself."""
        try:
            return str(ip_address(name))
        except ValueError:
            pass
        known = self.addresses.get(name)
        if known is None:
            known = self._unnamed.setdefault(name, f"203.0.113.{len(self._unnamed) % 254 + 1}")
        return known

    def _id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def _port(self, phone: Phone) -> int:
        """Ephemeral ports are given out one after another, as Linux kernels roughly do."""
        port = self._ports.get(phone.address, 36100 + self.rng.randrange(400)) + 1 + self.rng.randrange(3)
        self._ports[phone.address] = port
        return port

    def _connect(
        self,
        phone: Phone,
        at: float,
        name: str,
        port: int,
        *,
        tls: bool,
        alpn: bytes | None,
        error: str | None,
        reuse: bool = True,
        transport: connection.TransportProtocol = "tcp",
    ) -> _Connection:
        key = (phone, name, port)
        known = self._open.get(key) if reuse else None
        if known is not None and at - known.last_used < KEEP_ALIVE:
            return known
        if known is not None:
            known.client.timestamp_end = known.server.timestamp_end = known.last_used + KEEP_ALIVE
        address = self.address(name)
        mode = (phone.udp_mode or phone.mode) if transport == "udp" else phone.mode
        offers = (b"h2", b"http/1.1") if alpn else ()
        there_and_back = self.round_trips.get(address, ROUND_TRIP)
        # The connection is there when the request comes; TLS 1.2 takes two round trips (RFC 5246, 7.3).
        connected = at - 0.001 - (2.05 * there_and_back if tls else 0)
        start = connected - there_and_back
        client = connection.Client(
            peername=(phone.address, self._port(phone)),
            sockname=(address, port),
            id=self._id(),
            transport_protocol=transport,
            proxy_mode=ProxyMode.parse(mode),
            timestamp_start=start - 0.002,
            tls=tls,
            sni=name if tls else None,
            alpn=alpn if tls else None,
            alpn_offers=offers if tls else (),
            cipher="ECDHE-RSA-CHACHA20-POLY1305" if tls else None,
            tls_version="TLSv1.2" if tls else None,
            timestamp_tls_setup=at - 0.0005 if tls else None,
        )
        explicit = mode.startswith(("regular", "reverse"))
        server = connection.Server(
            address=(name if explicit else address, port),
            id=self._id(),
            transport_protocol=transport,
            timestamp_start=start,
            error=error,
        )
        if error is None:
            server.peername = (address, port)
            server.sockname = ("192.0.2.4", self.rng.randrange(33000, 60000))
            server.timestamp_tcp_setup = connected
        if tls:
            server.tls, server.sni = True, name
            server.alpn_offers = offers
            if error is None:
                server.alpn, server.cipher, server.tls_version = (
                    alpn,
                    "ECDHE-RSA-AES128-GCM-SHA256",
                    "TLSv1.2",
                )
                server.timestamp_tls_setup = at - 0.001
                server.certificate_list = [certificate(name)]
        made = _Connection(client, server, at)
        if reuse:
            self._open[key] = made
        return made

    def _forget(self, phone: Phone, name: str, port: int) -> None:
        self._open.pop((phone, name, port), None)

    def _forget_flow(self, phone: Phone, flow: Flow) -> None:
        for key, link in list(self._open.items()):
            if link.client is flow.client_conn:
                del self._open[key]

    def _add[F: Flow](self, flow: F, at: float) -> F:
        flow.id = self._id()
        flow.timestamp_created = at
        self.flows.append(flow)
        return flow


def _opcode(content: bytes) -> int:
    """Of a frame: text must be UTF-8 (RFC 6455, 5.6)."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return 2
    return 1


def build_flow(
    url: str,
    *,
    at: float = 1_548_140_400.0,
    client: str = "10.42.0.23",
    mode: str = "transparent",
    address: str | None = None,
    method: str = "GET",
    headers: HeaderList = (),
    body: bytes = b"",
    reply: Reply | None = Reply(),
    error: str | None = None,
    connected: bool = True,
    version: str = "HTTP/1.1",
    seed: int = 1,
) -> http.HTTPFlow:
    """One HTTP flow for a test. `address` is the server's; by default one that is kept for documentation."""
    name = urlsplit(url).hostname or ""
    recorder = Recorder(seed, {name: address} if address else {})
    return recorder.http_flow(
        Phone(client, mode),
        at,
        url,
        method=method,
        headers=headers,
        body=body,
        reply=reply,
        error=error,
        connected=connected,
        version=version,
        resolve=False,
    )


def write_flows(path: Path, flows: Iterable[Flow]) -> None:
    """Write flows as mitmproxy does, in the order given."""
    with path.open("wb") as file:
        writer = FlowWriter(file)
        for flow in flows:
            writer.add(flow)


def _headers(pairs: Iterable[tuple[str, str]]) -> http.Headers:
    return http.Headers([(key.encode(), value.encode()) for key, value in pairs])


REASONS = {101: "Switching Protocols", 200: "OK", 204: "No Content", 304: "Not Modified", 502: "Bad Gateway"}


def _response(reply: Reply, version: str, start: float, end: float) -> http.Response:
    http2 = version == "HTTP/2.0"
    pairs = [(key.lower() if http2 else key, value) for key, value in reply.headers]
    date = datetime.datetime.fromtimestamp(start, datetime.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    pairs.append(("date" if http2 else "Date", date))
    if reply.status not in (101, 204, 304):
        pairs.append(("content-length" if http2 else "Content-Length", str(len(reply.body))))
    return http.Response(
        http_version=version.encode(),
        status_code=reply.status,
        reason=b"" if http2 else REASONS.get(reply.status, "").encode(),
        headers=_headers(pairs),
        content=reply.body,
        trailers=None,
        timestamp_start=start,
        timestamp_end=end,
    )


def _ended(flow: Flow) -> float:
    if flow.error is not None:
        return flow.error.timestamp
    if isinstance(flow, http.HTTPFlow) and flow.websocket is not None:
        return flow.websocket.timestamp_end or flow.request.timestamp_start
    if isinstance(flow, http.HTTPFlow) and flow.response is not None:
        return flow.response.timestamp_end or flow.request.timestamp_start
    if isinstance(flow, tcp.TCPFlow | udp.UDPFlow) and flow.messages:
        return flow.messages[-1].timestamp
    return flow.timestamp_created
