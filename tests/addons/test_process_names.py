"""In local mode the program that opened a connection is in the flow, and in the report."""

from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.addons import proxyserver
from mitmproxy.io import tnetstring
from mitmproxy.proxy import mode_specs
from mitmproxy.test import taddons, tflow

from phonehome.addons.process_names import ProcessNames
from phonehome.analysis.sources import live_flow, mitm
from phonehome.analysis.transmission import App


def noted(flow: Any, hook: str, mode: str, process: object) -> Any:
    addon, server = ProcessNames(), proxyserver.Proxyserver()
    with taddons.context(server, addon):
        flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse(mode)
        writer = SimpleNamespace(get_extra_info={"process_name": process}.get)
        handler: Any = SimpleNamespace(
            client=flow.client_conn, transports={flow.client_conn: SimpleNamespace(writer=writer)}
        )
        server.connections[flow.client_conn.id] = handler
        getattr(addon, hook)(flow)
    return flow


FLOWS = [
    (tflow.tflow, "requestheaders"),
    (tflow.ttcpflow, "tcp_start"),
    (tflow.tudpflow, "udp_start"),
    (tflow.tdnsflow, "dns_request"),
]


@pytest.mark.parametrize(("make", "hook"), FLOWS, ids=lambda each: getattr(each, "__name__", each))
@pytest.mark.parametrize(
    ("process", "name"),
    [("/opt/emulator/qemu-system-x86_64", "qemu-system-x86_64"), (r"C:\Apps\WhatsApp.exe", "WhatsApp.exe")],
)
def test_the_program_is_the_app(make: Any, hook: str, process: str, name: str) -> None:
    flow = noted(make(), hook, "local", process)
    live = live_flow.transmission(flow)
    (saved,) = mitm.read(tnetstring.dumps(flow.get_state()))
    assert live is not None
    assert live.app == saved.app == App(name, "", "process")


def test_what_is_not_known_is_not_said() -> None:
    for mode, process in (("regular", "/bin/curl"), ("local", None), ("local", 7), ("local", "")):
        flow = noted(tflow.tflow(), "requestheaders", mode, process)
        assert flow.metadata == {}
        sent = live_flow.transmission(flow)
        assert sent is not None
        assert sent.app is None


def test_a_name_that_is_no_text_costs_nothing() -> None:
    flow = tflow.tflow()
    flow.metadata["phonehome_process"] = ["a"]
    (sent,) = mitm.read(tnetstring.dumps(flow.get_state()))
    assert sent.app is None
