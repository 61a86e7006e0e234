"""A flow file of mitmproxy, flow by flow, by its own writer."""

import io
import ipaddress
import uuid
from collections.abc import Iterable, Iterator
from hashlib import blake2b

from mitmproxy import connection, dns, http, tcp, udp, websocket
from mitmproxy.flow import Error, Flow
from mitmproxy.io import FlowWriter
from mitmproxy.net.dns import classes, op_codes, response_codes, types

from phonehome.analysis.transmission import Transmission


def fits(sent: Transmission) -> bool:
    """Whether such a flow can be made of it: HTTP, WebSocket, TCP, UDP and DNS; not what stayed closed."""
    return sent.protocol in ("http", "websocket", "tcp", "udp", "dns") and sent.unopened is None


def write(transmissions: Iterable[Transmission]) -> Iterator[bytes]:
    """The file, piece by piece."""
    for number, sent in enumerate(transmissions):
        out = io.BytesIO()
        FlowWriter(out).add(_flow(sent, number))
        yield out.getvalue()


def _flow(sent: Transmission, number: int) -> Flow:
    name, port = sent.host or sent.address or "unknown", sent.port or 0
    transport = sent.transport
    end = sent.end or sent.time
    client = connection.Client(
        peername=(sent.client or "127.0.0.1", 0),
        sockname=("127.0.0.1", 0),
        timestamp_start=sent.time,
        transport_protocol=transport,
    )
    # Whom the proxy asked for a name is not known, and is not made up.
    nobody = sent.protocol == "dns" and sent.address is None
    server = connection.Server(address=None if nobody else (name, port), transport_protocol=transport)
    if sent.address and sent.address_source == "connection":
        server.peername = (sent.address, port)
        server.timestamp_start = server.timestamp_tcp_setup = sent.time
    for link in (client, server):
        link.tls = bool(sent.encrypted)
        link.timestamp_end = end
        if sent.encrypted:
            link.timestamp_tls_setup = sent.time
            link.sni = sent.host if sent.host_source == "sni" else None
    client.state = server.state = connection.ConnectionState.CLOSED
    flow: Flow
    if sent.protocol in ("http", "websocket"):
        flow = _http(sent, client, server, name, port)
    elif sent.protocol == "dns":
        flow = _dns(sent, client, server)
    elif sent.protocol == "udp":
        flow = udp.UDPFlow(client, server)
        flow.messages = [udp.UDPMessage(mine, data, time) for mine, data, time in _messages(sent)]
    else:
        flow = tcp.TCPFlow(client, server)
        flow.messages = [tcp.TCPMessage(mine, data, time) for mine, data, time in _messages(sent)]
    if sent.error:
        flow.error = Error(sent.error.encode("utf-8", "replace").decode(), end)
    flow.timestamp_created = sent.time
    seed = blake2b(f"{number} {sent.flow_id} {sent.time}".encode("utf-8", "replace"), digest_size=16).digest()
    flow.id = str(uuid.UUID(bytes=seed, version=4))
    return flow


def _messages(sent: Transmission) -> Iterator[tuple[bool, bytes, float]]:
    """Whether the device sent it, the content, and when."""
    for data in sent.payloads:
        yield True, data, sent.time
    if sent.reply is not None and sent.reply.body:
        yield False, sent.reply.body, sent.end or sent.time


def _dns(sent: Transmission, client: connection.Client, server: connection.Server) -> dns.DNSFlow:
    """Of a question only the name is known: it is for addresses, of IPv6 where those are the answer."""
    flow = dns.DNSFlow(client, server)
    addresses = [(answer.name, ipaddress.ip_address(answer.address)) for answer in sent.answers]
    kind = types.AAAA if addresses and all(found.version == 6 for _, found in addresses) else types.A
    flow.request = dns.DNSMessage(
        timestamp=sent.time,
        id=0,
        query=True,
        op_code=op_codes.QUERY,
        authoritative_answer=False,
        truncation=False,
        recursion_desired=True,
        recursion_available=False,
        reserved=0,
        response_code=response_codes.NOERROR,
        questions=[dns.Question(name, kind, classes.IN) for name in sent.questions],
        answers=[],
        authorities=[],
        additionals=[],
    )
    if sent.reply is not None:
        flow.response = flow.request.succeed(
            [
                dns.ResourceRecord.A(name, found, ttl=0)
                if isinstance(found, ipaddress.IPv4Address)
                else dns.ResourceRecord.AAAA(name, found, ttl=0)
                for name, found in addresses
            ]
        )
        flow.response.timestamp = sent.end or sent.time
    return flow


def _http(
    sent: Transmission, client: connection.Client, server: connection.Server, name: str, port: int
) -> http.HTTPFlow:
    flow = http.HTTPFlow(client, server)
    body = sent.payloads[0] if sent.payloads and sent.protocol == "http" else b""
    version = (sent.http_version or "HTTP/1.1").encode()
    flow.request = http.Request(
        host=name,
        port=port,
        method=_raw(sent.method or "GET"),
        scheme=b"https" if sent.encrypted else b"http",
        authority=b"",
        path=_raw(sent.path),
        http_version=version,
        headers=_fields(sent.headers),
        content=body,
        trailers=None,
        timestamp_start=sent.time,
        timestamp_end=sent.time,
    )
    end = sent.end or sent.time
    if sent.reply is not None:
        encoding = (("Content-Encoding", sent.reply.encoding),) if sent.reply.encoding else ()
        flow.response = http.Response(
            http_version=version,
            status_code=sent.reply.status or 0,
            reason=b"",
            headers=_fields((*sent.reply.edge, *encoding)),
            content=b"" if sent.reply.body is None and not sent.reply.size else sent.reply.body,
            trailers=None,
            timestamp_start=end,
            timestamp_end=end,
        )
    if sent.protocol == "websocket":
        messages = [websocket.WebSocketMessage(2, True, data, sent.time) for data in sent.payloads]
        flow.websocket = websocket.WebSocketData(messages, True, 1000, "", end)
    return flow


def _fields(headers: Iterable[tuple[str, str]]) -> http.Headers:
    return http.Headers([(_raw(name), _raw(value)) for name, value in headers])


def _raw(text: str) -> bytes:
    """What a text of a capture was: bytes that are no UTF-8 stand in it as halves of characters."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
