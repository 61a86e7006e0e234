"""What is saved is what mitmproxy itself would save, byte for byte."""

from pathlib import Path
from typing import Any

import pytest
from mitmproxy.flow import Error, Flow
from mitmproxy.io import tnetstring
from mitmproxy.test import tflow

from captures.flows import build_flow
from phonehome.addons.flow_bytes import encode
from tests.network.parts import ROOT, flows


def large() -> Flow:
    flow = tflow.tflow(resp=True)
    flow.request.content = b"a" * 100_000
    assert flow.response is not None
    flow.response.content = b"b" * 1_000_000
    return flow


def modified() -> Flow:
    flow = tflow.tflow(resp=True)
    flow.backup()
    flow.request.path = "/other"
    return flow


def odd() -> Flow:
    flow = tflow.tflow(resp=True)
    flow.metadata = {
        "a": True,
        "b": None,
        "c": 1,
        "d": 1.5,
        "e": [1, "é", b"\xff", False],
        "f": {},
        "g": -3,
        "h": (),
    }
    flow.comment, flow.marked = (
        "ü\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        ":warning:",
    )
    flow.error = Error("gone")
    return flow


MADE: dict[str, Any] = {
    "http": lambda: tflow.tflow(resp=True),
    "no answer": lambda: tflow.tflow(err=True),
    "websocket": tflow.twebsocketflow,
    "tcp": tflow.ttcpflow,
    "udp": tflow.tudpflow,
    "dns": lambda: tflow.tdnsflow(resp=True),
    "built": lambda: build_flow("https://a.example/x", method="POST", body=b"{}"),
    "large": large,
    "modified": modified,
    "odd": odd,
}


@pytest.mark.parametrize("kind", MADE)
def test_same_bytes(kind: str) -> None:
    flow = MADE[kind]()
    for _ in range(2):  # the second time its connections are known
        assert b"".join(encode(flow)) == tnetstring.dumps(flow.get_state())
    flow.server_conn.timestamp_end = 1_700_000_000.25
    flow.client_conn.alpn_offers = [b"h2"]
    assert b"".join(encode(flow)) == tnetstring.dumps(flow.get_state())


@pytest.mark.parametrize("path", sorted((ROOT / "captures").glob("*.mitm")), ids=lambda path: path.stem)
def test_same_bytes_for_the_samples(path: Path) -> None:
    for flow in flows(path):
        assert b"".join(encode(flow)) == tnetstring.dumps(flow.get_state())


def test_a_large_body_is_not_copied() -> None:
    flow = large()
    pieces = encode(flow)
    assert any(piece is flow.response.data.content for piece in pieces)  # type: ignore[attr-defined]
    assert len(pieces) < 8
