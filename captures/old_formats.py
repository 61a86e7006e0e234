"""Flows as older versions of mitmproxy wrote them: its `io/compat.py`, which makes new flows of old ones, backwards.

For tests and benchmarks.
"""

import copy
from typing import Any

NOT_OLD = frozenset({"dns", "udp", "tcp"})
"""Types of flows that these formats do not have; and TCP, which they have: mitmproxy 12 gives each old flow an entry
for a WebSocket (`convert_11_12`), and stops at the first TCP flow because it knows none there."""


def as_old_flows(version: int, state: dict[str, Any]) -> list[dict[str, Any]]:
    """The flows of format 4 to 11 that make up one of today's: none if there can be none of its type, two if it is a
    WebSocket, a handshake and its messages (`convert_11_12`)."""
    if state["type"] in NOT_OLD:
        return []
    said = state.get("websocket")
    if not said:
        return [as_format(version, state)]
    handshake, messages = as_format(version, state), as_format(version, state)
    handshake["metadata"] = {"websocket": True}
    for name in ("request", "response"):
        messages.pop(name)
    messages |= {"type": "websocket", "id": f"{state['id'][:-4]}0000"}
    messages["metadata"] = {"websocket_handshake": state["id"]}
    # Without the last entry, whether it was injected, which came with format 15.
    messages["messages"] = [list(message)[:5] for message in said["messages"]]
    messages |= {"close_code": said["close_code"], "close_message": "", "close_reason": said["close_reason"]}
    messages["close_sender"] = "client" if said["closed_by_client"] else "server"
    return [handshake, {"version": messages.pop("version"), **messages}]


def as_format_18(state: dict[str, Any]) -> dict[str, Any]:
    """The names that connections had before format 19 (mitmproxy `io/compat.py`, `convert_18_19`)."""
    state = copy.deepcopy(state)
    state["version"] = 18
    client, server = state["client_conn"], state["server_conn"]
    client["address"] = client.pop("peername")
    client["tls_extensions"] = None
    server["ip_address"] = server.pop("peername")
    server["source_address"] = server.pop("sockname")
    server["via2"] = server.pop("via")
    for connection in (client, server):
        connection["cipher_name"] = connection.pop("cipher")
        connection["tls_established"] = connection["timestamp_tls_setup"] is not None
        connection["state"] = 0
    return state


def as_format(version: int, state: dict[str, Any]) -> dict[str, Any]:
    """As mitmproxy wrote it in format 4 to 11 (mitmproxy `io/compat.py`, `convert_4_5` to `convert_17_18`)."""
    state = as_format_18(state)
    state["version"] = version
    for name in ("websocket", "comment", "timestamp_created"):
        state.pop(name, None)
    state["marked"] = False
    state["mode"] = "regular"
    replayed = state["is_replay"]
    if version < 9:
        state.pop("is_replay")
    for name in ("request", "response"):
        message = state.get(name)
        if message and version < 9:
            message["is_replay"] = replayed == name
            if name == "request":
                message["first_line_format"] = "relative"
                message.pop("authority")
        if message and version < 8:
            message.pop("trailers")
    client, server = state["client_conn"], state["server_conn"]
    client.pop("proxy_mode")
    server["via"] = None
    for connection in (client, server):
        if version < 11:
            connection["alpn_proto_negotiated"] = connection.pop("alpn")
        if version < 10:
            for new in ("alpn_offers", "cipher_list", "certificate_list", "error", "tls", "state"):
                connection.pop(new, None)
        if version < 6:
            connection["ssl_established"] = connection.pop("tls_established")
            connection["timestamp_ssl_setup"] = connection.pop("timestamp_tls_setup")
        if version < 5:
            connection.pop("id")
    if version < 10:
        client.pop("sockname")
        client["clientcert"] = server["cert"] = None
        server.pop("via2")
    return state
