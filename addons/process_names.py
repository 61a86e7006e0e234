"""Notes which program on this computer opened a connection, in mitmproxy's local mode.

    mitmdump --mode local -w capture.mitm -s addons/process_names.py

mitmproxy redirects the connections of this computer's programs in that mode, an emulator's among them, and its
transport knows the name of the process (`get_extra_info("process_name")`, as mitmproxy_rs documents it). The name goes
into the flow, and so into the capture; a report names it as the app, by the word of the process.
"""

from pathlib import PurePath, PureWindowsPath

from mitmproxy import connection, ctx, dns, flow, http, tcp, udp
from mitmproxy.proxy import mode_specs

from phonehome.analysis.sources.flow_state import NOTE_PROCESS


class ProcessNames:
    """The addon. It has no state."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        _note(flow)

    def tcp_start(self, flow: tcp.TCPFlow) -> None:
        _note(flow)

    def udp_start(self, flow: udp.UDPFlow) -> None:
        _note(flow)

    def dns_request(self, flow: dns.DNSFlow) -> None:
        _note(flow)


def _note(flow: flow.Flow) -> None:
    if isinstance(flow.client_conn.proxy_mode, mode_specs.LocalMode) and (name := _process(flow.client_conn)):
        flow.metadata[NOTE_PROCESS] = name


def _process(client: connection.Client) -> str:
    """The name of the program without its folder; empty if it is not known."""
    handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
    kept = handler.transports.get(handler.client) if handler is not None else None
    path = (
        kept.writer.get_extra_info("process_name") if kept is not None and kept.writer is not None else None
    )
    if not isinstance(path, str):
        return ""
    return (PureWindowsPath(path) if "\\" in path else PurePath(path)).name


addons = [ProcessNames()]
