"""From mitmproxy's state dictionary of a flow to a Transmission.

A live flow (`flow.get_state()`) and a flow read from a file go through here, so that the log that is
written while a phone is on the proxy and the report of the capture cannot disagree. The state may be
partial, and holds what its writer put there: nothing in it is trusted to have its type.

What the fields mean: mitmproxy's `connection.py`, `http.py`, `tcp.py`, `dns.py` (version 12), and its
`io/compat.py` for the names that they had before.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final, NamedTuple

from phonehome.analysis import knowledge
from phonehome.analysis.sources.client_hello import is_client_hello, is_quic_initial, server_name
from phonehome.analysis.sources.tnetstring import Unread
from phonehome.analysis.transmission import (
    AddressSource,
    App,
    Headers,
    HostSource,
    NameAnswer,
    Origin,
    Protocol,
    Reply,
    RoundTrips,
    Transmission,
    Transport,
    Unopened,
)

MAX_REPLY_BODY = 4096
"""Bytes of a reply's body that are kept. An acknowledgement is short; what is longer is content."""
MAX_PAYLOAD = 16 << 20
"""Bytes of what a device sent in one exchange that are kept for decoding; what is beyond is counted."""
MAX_EDGE_HEADER = 400
"""Characters of a header that names a place."""
MAX_HEADERS = 20_001
"""Header fields that are kept: one more than are decoded, so that it shows if there were more."""

MAX_DIGITS = 18
"""Of a whole number; no flow has as many bytes."""

NOTE_UNOPENED = "phonehome_tls"
NOTE_SENT = "phonehome_bytes_sent"
NOTE_RECEIVED = "phonehome_bytes_received"
"""Entries that the addon undecrypted_tls makes in a flow's metadata: how TLS stayed closed (an `Unopened`), and
the bytes each way, because it keeps the ClientHello and not the ciphertext."""
NOTE_PROCESS = "phonehome_process"
"""The entry of the addon process_names: the program that opened the connection."""
MAX_PROCESS = 100
"""Characters of its name."""
_UNOPENED: Mapping[str, Unopened] = {"refused": "refused", "failed": "failed", "passed": "passed"}

PROXY_HOSTS = frozenset({"mitm.it", "phonehome.test"})
"""Where mitmproxy hands out its certificate (its option `onboarding_host`), and the live report."""

UNSEEN_IN_FLOWS = (
    "A flow file holds TLS and QUIC that a device would not have opened only if the addon undecrypted_tls "
    "recorded them. Traffic that did not go through the proxy is in none.",
)
"""What flows cannot tell."""
PROXY_RESOLVER = "10.0.0.53"
"""The DNS server of a phone in WireGuard mode: mitmproxy itself (its `mode_servers.py` and `dns_resolver.py`)."""
_UNRESOLVED = {2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}
"""Response codes that say that a name has no address, or that none could be found (RFC 1035, 4.1.1)."""

# Here the device itself chose the address, and mitmproxy gives it as the client connection's own end
# (https://docs.mitmproxy.org/stable/concepts/modes/).
_ADDRESS_MODES = ("wireguard", "transparent", "local", "tun")

# asyncio's text for a refused or timed-out connection; it is the only place where the address stands.
_FAILED_CONNECT = re.compile(r"Connect call failed \('([0-9A-Fa-f:.]{2,45})'")

_A, _AAAA = 1, 28


class Client(NamedTuple):
    """The device's side of a connection."""

    address: str | None
    mode: str
    destination: str | None
    """The address that the device itself connected to, in modes where the proxy is not addressed."""
    sni: str | None
    encrypted: bool
    tls_version: str | None
    start: float
    end: float | None


class Server(NamedTuple):
    """The destination's side of a connection."""

    peer: str | None
    """Address that was connected to; None if there was no connection, or if another proxy made it."""
    asked: str | None
    """Name or address that was to be connected to."""
    port: int | None
    transport: Transport
    end: float | None
    tcp: float | None
    tls: float | None
    """As in `RoundTrips`."""


class ResponseHead(NamedTuple):
    """What is read of a response's headers."""

    encoding: str
    edge: Headers


def client_from_state(state: Mapping[str, Any]) -> Client:
    """The client connection of a flow, of any format version that mitmproxy 12 can read."""
    mode = text(state.get("proxy_mode")) or "regular"
    return Client(
        address=ip(first(state.get("peername") or state.get("address"))),
        mode=mode,
        destination=ip(first(state.get("sockname"))) if mode.startswith(_ADDRESS_MODES) else None,
        sni=name(text(state.get("sni"))),
        encrypted=any(state.get(key) is not None for key in ("timestamp_tls_setup", "timestamp_ssl_setup"))
        or any(state.get(key) is True for key in ("tls_established", "ssl_established")),
        tls_version=text(state.get("tls_version")) or None,
        start=seconds(state.get("timestamp_start")) or 0.0,
        end=seconds(state.get("timestamp_end")),
    )


def server_from_state(state: Mapping[str, Any]) -> Server:
    """The server connection of a flow, of any format version that mitmproxy 12 can read."""
    address = state.get("address")
    # An upstream proxy was connected to, and its address is not the destination's.
    upstream = state.get("via") or state.get("via2")
    udp = text(state.get("transport_protocol")) == "udp"
    start, connected = state.get("timestamp_start"), state.get("timestamp_tcp_setup")
    secured = state.get("timestamp_tls_setup") or state.get("timestamp_ssl_setup")
    return Server(
        peer=None if upstream else ip(first(state.get("peername") or state.get("ip_address"))),
        asked=first(address),
        port=port(address[1]) if isinstance(address, list | tuple) and len(address) > 1 else None,
        transport="udp" if udp else "tcp",
        end=seconds(state.get("timestamp_end")),
        tcp=None if udp or upstream else duration(start, connected),
        tls=None if upstream else duration(start if udp else connected, secured),
    )


def headers_from_state(fields: Any) -> Headers:
    """Header fields as text; what is not UTF-8 is shown as escapes."""
    if not isinstance(fields, list | tuple):
        return ()
    return tuple(
        (text(field[0]), text(field[1]))
        for field in fields[:MAX_HEADERS]
        if isinstance(field, list | tuple) and len(field) == 2
    )


WHOLE_ANSWERS: Final[ContextVar[bool]] = ContextVar("WHOLE_ANSWERS", default=False)
"""Whether all headers of an answer are kept, for who writes the capture anew; a report needs few of them."""


def answer_from_state(fields: Any) -> ResponseHead:
    """What a response's headers say of its encoding and of the place that answered. Names are looked at as they are:
    there are tens in each flow, and few are wanted."""
    if WHOLE_ANSWERS.get():
        all_ = headers_from_state(fields)
        encodings = [value.lower() for name, value in all_ if name.lower() == "content-encoding"]
        kept = tuple(pair for pair in all_ if pair[0].lower() != "content-encoding")
        return ResponseHead(encodings[0] if encodings else "", kept)
    encoding = ""
    edge: list[tuple[str, str]] = []
    wanted = knowledge.shipped().edges.header_names
    for field in fields[:MAX_HEADERS] if isinstance(fields, list | tuple) else ():
        if not isinstance(field, list | tuple) or len(field) != 2:
            continue
        name = field[0]
        name = name.lower() if isinstance(name, bytes) else text(name).lower().encode()
        if name == b"content-encoding":
            encoding = encoding or text(field[1]).lower()
        elif name in wanted:
            edge.append((name.decode(), text(field[1])[:MAX_EDGE_HEADER]))
    return ResponseHead(encoding, tuple(edge))


def transmission_from_state(state: Mapping[str, Any]) -> Transmission | None:
    """What a flow's state says that a device sent; None if the flow says nothing of the kind."""
    message = {
        **state,
        "client_conn": client_from_state(_mapping(state.get("client_conn"))),
        "server_conn": server_from_state(_mapping(state.get("server_conn"))),
    }
    request, response = state.get("request"), state.get("response")
    if isinstance(request, dict) and "headers" in request:
        message["request"] = {**request, "headers": headers_from_state(request["headers"])}
    if isinstance(response, dict) and "headers" in response:
        message["response"] = {**response, "headers": answer_from_state(response["headers"])}
    return assemble(message)


def assemble(state: Mapping[str, Any]) -> Transmission | None:
    """As `transmission_from_state`, for connections and headers that are converted already: a request's to
    `Headers`, a reply's to `Answer`."""
    make = _PROTOCOLS.get(text(state.get("type")))
    found = make(state) if make else None
    metadata = state.get("metadata")
    if found is not None and isinstance(metadata, dict) and NOTE_PROCESS in metadata:
        process = metadata[NOTE_PROCESS]
        if isinstance(process, str | bytes) and process:
            return found._replace(app=App(text(process)[:MAX_PROCESS], "", "process"))
    return found


def _http(state: Mapping[str, Any]) -> Transmission | None:
    request = state.get("request")
    if not isinstance(request, dict):
        return None
    client: Client = state["client_conn"]
    server: Server = state["server_conn"]
    headers: Headers = request.get("headers") or ()
    if trailers := request.get("trailers"):
        headers += headers_from_state(trailers)
    method = text(request.get("method"))
    path = text(request.get("path"))
    content = request.get("content")
    size = _size(content)
    payloads, truncated = _kept([content]) if size else ((), 0)
    if content is None:
        truncated = _announced(method, headers)

    asked = text(request.get("host")) or server.asked or ""
    host_header = text(request.get("authority")) or _header(headers, "host")
    host, host_source, authority = _host(client.sni, host_header, bool(request.get("authority")), asked)
    address, address_source = _address(client, server, asked, state)

    received = 0
    end = seconds(request.get("timestamp_end"))
    reply = None
    first_byte = None
    response = state.get("response")
    replay = _replayed(state)
    # A response that the analyst replayed never came from the destination.
    if isinstance(response, dict) and replay != "response":
        body = response.get("content")
        received = _size(body)
        encoding, edge = response.get("headers") or ("", ())
        reply = Reply(
            integer(response.get("status_code")),
            encoding,
            body if isinstance(body, bytes) and received <= MAX_REPLY_BODY else None,
            received,
            edge,
        )
        first_byte = None if replay else first_byte_after(server, request, response)
        end = seconds(response.get("timestamp_end")) or end

    protocol: Protocol = "http"
    websocket = state.get("websocket")
    if isinstance(websocket, dict):
        protocol = "websocket"
        sent, got = _websocket_messages(websocket.get("messages"))
        more, left_out = _kept(sent)
        payloads += more
        truncated += left_out
        size += sum(map(len, sent))
        received += got
        if got and reply is None and not replay:
            reply = Reply(None, "", None, got)  # the handshake is in no flow, but its messages were answered
        end = seconds(websocket.get("timestamp_end")) or end

    scheme = text(request.get("scheme"))
    return Transmission(
        time=seconds(request.get("timestamp_start")) or client.start,
        end=end,
        client=client.address,
        proxy_mode=client.mode,
        origin=_origin(state, host, authority),
        address=address,
        address_source=address_source,
        port=server.port or port(request.get("port")),
        host=host,
        host_source=host_source,
        authority=authority,
        transport=server.transport,
        protocol=protocol,
        http_version=text(request.get("http_version")) or None,
        # A reverse proxy speaks TLS to the destination while the device speaks none.
        encrypted=client.encrypted or (scheme in ("https", "wss") and not client.mode.startswith("reverse")),
        tls_version=client.tls_version,
        method=method or None,
        path=path,
        headers=headers,
        payloads=payloads,
        truncated=truncated,
        reply=reply,
        error=_error(state),
        bytes_sent=len(method) + len(path) + 12 + _header_bytes(headers) + size,
        bytes_received=received,
        flow_id=text(state.get("id")),
        round_trips=round_trips(server, first_byte),
    )


def _stream(state: Mapping[str, Any]) -> Transmission | None:
    """A TCP or UDP conversation."""
    client: Client = state["client_conn"]
    server: Server = state["server_conn"]
    datagrams = text(state.get("type")) == "udp"
    sent: list[Any] = []
    received = 0
    answered = False
    answer = b""
    start = end = None
    messages = state.get("messages")
    for message in messages if isinstance(messages, list | tuple) else ():
        if not isinstance(message, list | tuple) or len(message) < 3:
            continue
        from_client, content, when = message[:3]
        end = seconds(when) or end
        if from_client:
            start = start or seconds(when)
            sent.append(content)
        else:
            answered = True
            received += _size(content)
            if received <= MAX_REPLY_BODY and isinstance(content, bytes):
                answer += content
    nothing_sent = not sent
    # TCP is a stream: where mitmproxy cut it says nothing.
    kept, truncated = _kept(sent)
    payloads = kept if datagrams or not kept else (b"".join(kept),)
    protocol: Protocol = "udp" if datagrams else "tcp"
    sni = client.sni
    bytes_sent = sum(map(_size, sent))
    unopened, note_sent, note_received = _note(state.get("metadata"))
    beginning = payloads[0] if payloads else b""
    # The note counts although the proxy may have ended the handshake: what the flow keeps is the ClientHello.
    closed = is_quic_initial(beginning) if datagrams else is_client_hello(beginning)
    if unopened or (closed and not client.encrypted):
        # The content is TLS or QUIC, of which nothing but the name can be read.
        if not datagrams:
            protocol = "tls"
            sni = sni or server_name(beginning)
        elif is_quic_initial(beginning):
            protocol = "quic"
        if unopened:
            bytes_sent, received = note_sent, note_received
            answered, answer = received > 0, b""
        unopened = unopened or "passed"
        payloads = ()
        truncated = 0
    host, host_source, _ = _host(sni, "", False, server.asked or "")
    address, address_source = _address(client, server, server.asked, state)
    return Transmission(
        time=start or client.start,
        end=end or client.end,
        client=client.address,
        proxy_mode=client.mode,
        origin=_origin(state, host, None),
        address=address,
        address_source=address_source,
        port=server.port,
        host=host,
        host_source=host_source,
        transport="udp" if datagrams else "tcp",
        protocol=protocol,
        # A connection that was never made, or in which nothing was sent, says nothing of what would have been sent.
        encrypted=True if client.encrypted or unopened else None if nothing_sent else False,
        tls_version=client.tls_version,
        unopened=unopened,
        payloads=payloads,
        truncated=truncated,
        reply=Reply(None, "", answer if len(answer) == received else None, received) if answered else None,
        error=_error(state),
        bytes_sent=bytes_sent,
        bytes_received=received,
        flow_id=text(state.get("id")),
        round_trips=round_trips(server),
    )


def first_byte_after(server: Server, request: Mapping[str, Any], response: Mapping[str, Any]) -> float | None:
    """Seconds until the first byte of an encrypted answer."""
    if server.tls is None:
        return None
    # What was not kept went on to the server while it came in: an answer need not have waited for its end.
    begun = request.get("timestamp_start" if request.get("content") is None else "timestamp_end")
    return duration(begun, response.get("timestamp_start"))


def round_trips(server: Server, first_byte: float | None = None) -> RoundTrips | None:
    """What was measured, if anything. An address that was not connected to has none."""
    if server.peer is None or (server.tcp is None and server.tls is None and first_byte is None):
        return None
    return RoundTrips(server.tcp, server.tls, first_byte)


def _note(metadata: Any) -> tuple[Unopened | None, int, int]:
    """How TLS stayed closed, and the bytes each way, as the addon noted them."""
    if not isinstance(metadata, dict):
        return None, 0, 0
    sent, received = (max(integer(metadata.get(key)) or 0, 0) for key in (NOTE_SENT, NOTE_RECEIVED))
    return _UNOPENED.get(text(metadata.get(NOTE_UNOPENED))), sent, received


def _dns(state: Mapping[str, Any]) -> Transmission | None:
    client: Client = state["client_conn"]
    server: Server = state["server_conn"]
    request = state.get("request")
    if not isinstance(request, dict):
        return None
    questions = tuple(
        found
        for question in _mappings(request.get("questions"))
        if (found := name(text(question.get("name")))) and found not in PROXY_HOSTS
    )
    time = seconds(request.get("timestamp")) or client.start
    response = state.get("response")
    answers: tuple[NameAnswer, ...] = ()
    reply = None
    end = None
    received = 0
    if isinstance(response, dict):
        end = seconds(response.get("timestamp"))
        answers = tuple(
            NameAnswer(questions[0], found, end or time, client.address or "", client.mode)
            for record in _mappings(response.get("answers"))
            if questions and (found := _record_address(record))
        )
        received = 12 + sum(
            len(text(record.get("name"))) + _size(record.get("data")) + 12
            for record in _mappings(response.get("answers"))
        )
        reply = Reply(None, "", None, received)
    address, address_source = _address(client, server, server.asked, state)
    origin = _origin(state, None, None)
    if origin == "device" and (
        client.mode.startswith(("dns", "reverse:dns")) or (address is None and not server.asked)
    ):
        origin = "proxy"  # the device asked the proxy; whom the proxy asked then is not the device's choice
    if origin == "proxy" and questions and (why := _unresolved(request, response, state)):
        # The device wanted to reach this name, and could not.
        return Transmission(
            time=time,
            end=end,
            client=client.address,
            proxy_mode=client.mode,
            host=questions[0],
            host_source="dns",
            transport=server.transport,
            protocol="dns",
            encrypted=None,
            questions=questions,
            error=f"the name does not resolve ({why})",
            flow_id=text(state.get("id")),
        )
    return Transmission(
        time=time,
        end=end,
        client=client.address,
        proxy_mode=client.mode,
        origin=origin,
        address=address,
        address_source=address_source,
        port=server.port,
        host=client.sni or name(server.asked or ""),
        host_source="sni" if client.sni else ("url" if name(server.asked or "") else None),
        transport=server.transport,
        protocol="dns",
        encrypted=client.encrypted,
        tls_version=client.tls_version,
        questions=questions,
        answers=answers,
        reply=reply,
        error=_error(state),
        bytes_sent=12 + sum(len(question) + 6 for question in questions),
        bytes_received=received,
        flow_id=text(state.get("id")),
    )


def _unresolved(request: Mapping[str, Any], response: Any, state: Mapping[str, Any]) -> str:
    """Why a question for the address of a name got none; empty if it did, or if it was another question. A name of one
    label is none of the internet: search lists and browsers try such names (RFC 8499, "search list")."""
    asked = _mappings(request.get("questions"))
    if (
        len(asked) != 1
        or asked[0].get("type") not in (_A, _AAAA)
        or "." not in text(asked[0].get("name")).strip(".")
    ):
        return ""
    if isinstance(response, dict):
        return _UNRESOLVED.get(integer(response.get("response_code")) or 0, "")
    return _error(state) or ""


def _origin(state: Mapping[str, Any], host: str | None, authority: str | None) -> Origin:
    """Whose exchange it was, by where it went."""
    client: Client = state["client_conn"]
    if host in PROXY_HOSTS or authority in PROXY_HOSTS:
        return "proxy"
    if client.destination == PROXY_RESOLVER and client.mode.startswith("wireguard"):
        return "proxy"
    return "replayed" if _replayed(state) == "request" else "device"


def _replayed(state: Mapping[str, Any]) -> str:
    """Which message of a flow the analyst replayed: "request", "response", or none."""
    if said := text(state.get("is_replay")):
        return said
    # Before format 9 each message says so itself (mitmproxy `io/compat.py`, `convert_8_9`).
    return next(
        (key for key in ("request", "response") if _mapping(state.get(key)).get("is_replay") is True), ""
    )


_PROTOCOLS = {"http": _http, "tcp": _stream, "udp": _stream, "dns": _dns}


def _websocket_messages(messages: Any) -> tuple[list[bytes], int]:
    """What the device sent, and how many bytes it received. Messages that the analyst injected are
    nobody's, and those that were dropped never left."""
    sent: list[bytes] = []
    received = 0
    for message in messages if isinstance(messages, list | tuple) else ():
        if not isinstance(message, list | tuple) or len(message) < 4:
            continue
        _, from_client, content, _, *marks = message
        if any(mark is True for mark in marks) or not isinstance(content, bytes | str):
            continue
        if from_client:
            sent.append(content.encode() if isinstance(content, str) else content)
        else:
            received += len(content)
    return sent, received


def _kept(contents: Iterable[Any]) -> tuple[tuple[bytes, ...], int]:
    """As much as is kept of what was sent, and how many bytes are not."""
    kept: list[bytes] = []
    room = MAX_PAYLOAD
    left_out = 0
    for content in contents:
        if isinstance(content, str):
            content = content.encode()
        if not isinstance(content, bytes):
            left_out += _size(content)
            continue
        part = content[:room]
        if part:
            kept.append(part)
        room -= len(part)
        left_out += len(content) - len(part)
    return tuple(kept), left_out


def _host(
    sni: str | None, host_header: str, is_authority: bool, asked: str
) -> tuple[str | None, HostSource | None, str | None]:
    """Name of the destination, what it rests on, and the name in the request if that is another."""
    said = name(host_header)
    if sni:
        return sni, "sni", said if said != sni else None
    if said:
        return said, "authority" if is_authority else "host", None
    found = name(asked)
    return found, "url" if found else None, None


def _address(
    client: Client, server: Server, asked: str | None, state: Mapping[str, Any]
) -> tuple[str | None, AddressSource | None]:
    if server.peer:
        return server.peer, "connection"
    found = ip(server.asked) or client.destination or ip(asked)
    if found:
        return found, "request"
    error = state.get("error")
    if isinstance(error, dict) and (found := failed_address(text(error.get("msg")))):
        return found, "error"
    return None, None


def failed_address(message: str) -> str | None:
    """The address that mitmproxy's message on a failed connection names; None if it names none."""
    tried = _FAILED_CONNECT.search(message)
    return ip(tried[1]) if tried else None


def _error(state: Mapping[str, Any]) -> str | None:
    error = state.get("error")
    return (text(error.get("msg"))[:500] or None) if isinstance(error, dict) else None


def _header(headers: Headers, wanted: str) -> str:
    for key, content in headers:
        if len(key) == len(wanted) and key.lower() == wanted:
            return content
    return ""


def _announced(method: str, headers: Headers) -> int:
    """Bytes of a body that the proxy passed on without keeping it, as far as the head says so; at least 1 if there was
    one."""
    length = _header(headers, "content-length")
    if length.isascii() and length.isdecimal():
        return min(int(length[:15]), 1 << 40)
    chunked = bool(_header(headers, "transfer-encoding"))
    return int(chunked or method in ("POST", "PUT", "PATCH"))


def _header_bytes(headers: Headers) -> int:
    # Tens of these in each flow: a loop is faster here than sum() over a generator.
    size = 4 * len(headers)
    for key, content in headers:
        size += len(key) + len(content)
    return size


def _size(content: Any) -> int:
    """Bytes of a content that is held, or that was stepped over."""
    return len(content) if isinstance(content, bytes | str | Unread) else 0


def _mapping(item: Any) -> Mapping[str, Any]:
    return item if isinstance(item, dict) else {}


def _mappings(items: Any) -> list[Mapping[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list | tuple) else []


def _record_address(record: Mapping[str, Any]) -> str | None:
    """The address in an A or AAAA record, or None (RFC 1035, RFC 3596)."""
    data = record.get("data")
    if isinstance(data, bytes) and (record.get("type"), len(data)) in ((_A, 4), (_AAAA, 16)):
        return ip(str(ipaddress.ip_address(data)))
    return None


def text(content: Any) -> str:
    """Text of a field that is bytes in some versions and text in others; empty if it is neither."""
    if isinstance(content, bytes):
        return content.decode("utf-8", "backslashreplace")
    return content if isinstance(content, str) else ""


def integer(number: Any) -> int | None:
    """A whole number of up to 18 digits, given as one or as its digits; else None."""
    if isinstance(number, bytes) and number.isdigit() and len(number) <= MAX_DIGITS:
        return int(number)
    return number if isinstance(number, int) and abs(number) < 10**MAX_DIGITS else None


def seconds(number: Any) -> float | None:
    """A time, given as a number or as its digits; None if it is none that a capture could have."""
    if isinstance(number, bytes):
        try:
            number = float(number)
        except ValueError:
            return None
    if isinstance(number, float | int) and 0 < number < 1e11 and number is not True:
        return float(number)
    return None


LONGEST_ROUND_TRIP = 10.0
"""Seconds; what takes longer says nothing of a place on Earth."""


def duration(start: Any, end: Any) -> float | None:
    """Seconds from one time to another of the same clock; None if one is missing, or if it says nothing: it is not
    positive, or as long as for any place on Earth."""
    begun, ended = seconds(start), seconds(end)
    if begun is None or ended is None:
        return None
    between = ended - begun
    return between if 0 < between <= LONGEST_ROUND_TRIP else None


def port(number: Any) -> int | None:
    """A port number, given as a number or as its digits; else None."""
    found = integer(number)
    return found if found is not None and 0 < found < 65536 else None


def first(address: Any) -> str | None:
    """The host of an `(host, port)` pair, or None."""
    if isinstance(address, dict):  # formats 0.11 to 1.0
        address = address.get("address")
    if isinstance(address, list | tuple) and address:
        return text(address[0]) or None
    return None


@lru_cache(maxsize=16384)
def ip(content: str | None) -> str | None:
    """The address in its usual form, without `::ffff:` and zone; None if the text is no address."""
    if not content:
        return None
    try:
        address = ipaddress.ip_address(content.partition("%")[0].strip("[]"))
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


# An authority may carry user and port; the longest name in DNS has 253 characters (RFC 1035, 2.3.4).
_NAME = re.compile(r"(?:[^@/]*+@)?([^\s:@/\[\]]{1,253}?)\.?(?::\d{0,5})?")


@lru_cache(maxsize=16384)
def name(content: str) -> str | None:
    """The host name in an SNI, authority or Host, lower case; None if there is none, or if it is an address."""
    match = _NAME.fullmatch(content)
    if match is None or not content or ip(match[1]):
        return None
    return match[1].lower()
