"""A flow in memory gives what the same flow gives when it is read from a file."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import exceptions, http
from mitmproxy.flow import Flow
from mitmproxy.io import FlowReader
from mitmproxy.test import tflow

from phonehome.analysis.sources import live_flow
from phonehome.analysis.sources.flow_state import transmission_from_state

ROOT = Path(__file__).parents[2]
MOST = 2000
"""Flows of one capture that are looked at."""


def every_capture() -> list[Path]:
    found = sorted((ROOT / "captures").glob("*.mitm"))
    more = os.environ.get("PHONEHOME_CAPTURES")
    return found + (sorted(Path(more).rglob("*.mitm")) if more else [])


def made_flows() -> Iterator[Flow]:
    for error in (False, True):
        yield tflow.tflow(resp=not error, err=error)
        yield tflow.ttcpflow(err=error)
        yield tflow.tudpflow(err=error)
        yield tflow.tdnsflow(resp=not error, err=error)
        yield tflow.twebsocketflow(err=error)
    odd = tflow.tflow(resp=True)
    odd.request.headers.fields = ((b"X-\xff", b"\xfe\x00"), (b"Host", b"a.example"))
    assert odd.response is not None
    odd.response.headers.fields = ((b"Content-ENCODING", b"BR\xff"),)
    odd.is_replay = "response"
    odd.request.data.content = None
    odd.server_conn.via = ("http", ("proxy.example", 8080))
    odd.client_conn.peername = ("::1", 4, 0, 0)  # type: ignore[assignment]  # as sockets say it for IPv6
    yield odd


def captured(path: Path) -> Iterator[Flow]:
    with path.open("rb") as file:
        try:
            for number, flow in enumerate(FlowReader(file).stream()):
                if number == MOST:
                    return
                yield flow
        except (exceptions.FlowReadException, KeyError):
            return


def is_part_of(part: Any, whole: Any) -> bool:
    if isinstance(part, dict):
        return all(key in whole and is_part_of(inner, whole[key]) for key, inner in part.items())
    if isinstance(part, list | tuple):
        return len(part) == len(whole) and all(map(is_part_of, part, whole))
    return bool(part == whole)


def check(flow: Flow) -> None:
    whole = flow.get_state()
    part = live_flow.state(flow)
    assert is_part_of(part, whole), (part, whole)
    wanted = transmission_from_state(whole)
    assert transmission_from_state(part) == wanted
    if isinstance(flow, http.HTTPFlow) and flow.is_replay is None and flow.response is not None:
        assert wanted is not None
        assert wanted.reply is not None
        said = (wanted.address, wanted.round_trips, wanted.reply.edge)
        assert live_flow.heard(flow) == (said if wanted.origin == "device" else (None, None, ()))
    assert live_flow.transmission(flow) == wanted


@pytest.mark.parametrize("flow", list(made_flows()), ids=lambda flow: flow.type)
def test_made_flows(flow: Flow) -> None:
    check(flow)


@pytest.mark.parametrize("capture", every_capture(), ids=lambda path: path.name)
def test_captured_flows(capture: Path) -> None:
    for flow in captured(capture):
        check(flow)


def test_a_connection_that_goes_on_is_looked_at_again() -> None:
    flow = tflow.tflow(resp=True)
    flow.client_conn.timestamp_end = None
    flow.server_conn.peername = None
    check(flow)
    flow.server_conn.peername = ("192.0.2.7", 443)
    flow.client_conn.sni = "later.example"
    flow.client_conn.timestamp_end = 946681299.0
    check(flow)
    found = live_flow.transmission(flow)
    assert found is not None
    assert (found.host, found.address) == ("later.example", "192.0.2.7")


def test_what_is_kept_is_made_of_plain_types() -> None:
    import marshal

    for flow in made_flows():
        assert marshal.loads(marshal.dumps(live_flow.state(flow))) is not None
