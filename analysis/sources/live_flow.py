"""A flow that is still in mitmproxy's memory, as a Transmission.

It goes through the same conversion as a flow that is read from a file (`flow_state.assemble`), but not by way
of `flow.get_state()`, which copies everything, certificates to PEM included, and takes longer than all that
follows. Only the fields that the conversion reads are taken, under the names that they have there; what is the
same from one request to the next, connections and headers, is converted once. The tests hold this to
`get_state()`.
"""

from functools import lru_cache
from typing import Any

from mitmproxy import connection, dns, flow, http, tcp, udp

from phonehome.analysis.sources.flow_state import (
    NOTE_PROCESS,
    Client,
    ResponseHead,
    Server,
    answer_from_state,
    assemble,
    client_from_state,
    first_byte_after,
    headers_from_state,
    round_trips,
    server_from_state,
)
from phonehome.analysis.transmission import Headers, RoundTrips, Transmission

_CLIENT = (
    *("peername", "sockname", "proxy_mode", "sni", "tls_version"),
    *("timestamp_start", "timestamp_end", "timestamp_tls_setup"),
)
_SERVER = (
    *("address", "peername", "transport_protocol", "timestamp_end", "via"),
    *("timestamp_start", "timestamp_tcp_setup", "timestamp_tls_setup"),
)


def transmission(flow: flow.Flow) -> Transmission | None:
    """What a flow says, so far, that a device sent; None if it says nothing of the kind."""
    message = _message(flow)
    message["client_conn"] = _client(*_client_fields(flow.client_conn))
    message["server_conn"] = _server(*_server_fields(flow.server_conn))
    if isinstance(flow, http.HTTPFlow):
        request, response = message["request"], message["response"]
        request["headers"] = _headers(request["headers"])
        if response is not None:
            response["headers"] = _answer(response["headers"])
    return assemble(message)


def heard(flow: http.HTTPFlow) -> tuple[str | None, RoundTrips | None, Headers]:
    """Address, round trips and headers of place of the exchange's `Transmission`, for a fraction of the time that it
    takes to make that; nothing of what no device sent, or nobody answered."""
    server = _server(*_server_fields(flow.server_conn))
    if flow.response is None or flow.is_replay is not None:
        return None, None, ()
    if server.peer is None:  # rare: behind another proxy, or an answer of this one's own
        sent = transmission(flow)
        if sent is None or sent.origin != "device" or sent.reply is None:
            return None, None, ()
        return sent.address, sent.round_trips, sent.reply.edge
    request, response = flow.request.data, flow.response.data
    first_byte = first_byte_after(server, vars(request), vars(response))
    return server.peer, round_trips(server, first_byte), _answer(response.headers.fields).edge


def state(flow: flow.Flow) -> dict[str, Any]:
    """The part of `flow.get_state()` that `transmission_from_state` reads. It is made of plain types, and shares
    its bytes with the flow."""
    return {
        **_message(flow),
        "client_conn": dict(zip(_CLIENT, _client_fields(flow.client_conn), strict=True)),
        "server_conn": dict(zip(_SERVER, _server_fields(flow.server_conn), strict=True)),
    }


def length(flow: flow.Flow) -> int:
    """How many messages a stream has; a request over HTTP with its answer has none."""
    if isinstance(flow, http.HTTPFlow):
        return len(flow.websocket.messages) if flow.websocket else 0
    return len(flow.messages) if isinstance(flow, tcp.TCPFlow | udp.UDPFlow) else 0


def _message(flow: flow.Flow) -> dict[str, Any]:
    message: dict[str, Any] = {
        "type": flow.type,
        "id": flow.id,
        "is_replay": flow.is_replay,
        "error": {"msg": flow.error.msg} if flow.error else None,
    }
    if isinstance(flow, http.HTTPFlow):
        request = flow.request.data
        message["request"] = {
            "host": request.host,
            "port": request.port,
            "method": request.method,
            "scheme": request.scheme,
            "authority": request.authority,
            "path": request.path,
            "http_version": request.http_version,
            "headers": request.headers.fields,
            "trailers": request.trailers and request.trailers.fields,
            "content": request.content,
            "timestamp_start": request.timestamp_start,
            "timestamp_end": request.timestamp_end,
        }
        response = flow.response.data if flow.response else None
        message["response"] = response and {
            "status_code": response.status_code,
            "headers": response.headers.fields,
            "content": response.content,
            "timestamp_start": response.timestamp_start,
            "timestamp_end": response.timestamp_end,
        }
        message["websocket"] = flow.websocket and {
            "messages": [message.get_state() for message in flow.websocket.messages],
            "timestamp_end": flow.websocket.timestamp_end,
        }
    elif isinstance(flow, tcp.TCPFlow | udp.UDPFlow):
        message["messages"] = [
            message.get_state()  # type: ignore[no-untyped-call]
            for message in flow.messages
        ]
        message["metadata"] = flow.metadata
        return message
    elif isinstance(flow, dns.DNSFlow):
        message["request"] = flow.request.get_state()
        message["response"] = flow.response.get_state() if flow.response else None
    if NOTE_PROCESS in flow.metadata:
        message["metadata"] = {NOTE_PROCESS: flow.metadata[NOTE_PROCESS]}
    return message


def _client_fields(client: connection.Client) -> tuple[Any, ...]:
    return (
        client.peername,
        client.sockname,
        client.proxy_mode.full_spec,
        client.sni,
        client.tls_version,
        client.timestamp_start,
        client.timestamp_end,
        client.timestamp_tls_setup,
    )


def _server_fields(server: connection.Server) -> tuple[Any, ...]:
    return (
        server.address,
        server.peername,
        server.transport_protocol,
        server.timestamp_end,
        server.via and tuple(server.via),
        server.timestamp_start,
        server.timestamp_tcp_setup,
        server.timestamp_tls_setup,
    )


@lru_cache(maxsize=1024)
def _client(*fields: Any) -> Client:
    return client_from_state(dict(zip(_CLIENT, fields, strict=True)))


@lru_cache(maxsize=1024)
def _server(*fields: Any) -> Server:
    return server_from_state(dict(zip(_SERVER, fields, strict=True)))


@lru_cache(maxsize=128)
def _headers(fields: tuple[tuple[bytes, bytes], ...]) -> Headers:
    return headers_from_state(fields)


@lru_cache(maxsize=128)
def _answer(fields: tuple[tuple[bytes, bytes], ...]) -> ResponseHead:
    return answer_from_state(fields)
