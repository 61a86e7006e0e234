"""The view, in a real mitmdump and on messages of each protocol."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy import contentviews, dns, http, tcp, websocket
from mitmproxy.flow import Flow
from mitmproxy.io import FlowReader
from mitmproxy.test import taddons, tflow

from captures.flows import Reply, build_flow
from phonehome.addons.evidence_view import EvidenceView

ROOT = Path(__file__).parents[2]
ADDON = ROOT / "addons" / "evidence_view.py"
MITMDUMP = Path(sys.executable).with_name("mitmdump")
IMEI = "001012340000425"


@pytest.fixture
def view() -> Iterator[EvidenceView]:
    addon = EvidenceView()
    with taddons.context(addon) as context:
        context.configure(addon, evidence_view_identifiers="masked")
        yield addon


def shown(
    flow: Flow, message: http.Message | tcp.TCPMessage | websocket.WebSocketMessage | dns.DNSMessage
) -> str:
    """What mitmproxy would show of a message."""
    return contentviews.prettify_message(message, flow, "phonehome").text


def dump(*options: str) -> str:
    run = subprocess.run(
        [
            *(MITMDUMP, "-nr", ROOT / "captures" / "nokia-7-plus-affected.mitm", "-s", ADDON),
            *("--set", "dumper_default_contentview=phonehome", "--flow-detail", "3", *options),
            "~d zzhc.vnet.cn | ~dns",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Traceback" not in run.stdout + run.stderr
    assert "Unknown contentview" not in run.stdout + run.stderr
    return run.stdout


def test_mitmdump_shows_marks_and_masks() -> None:
    out = dump()
    assert "body > base64 > json > IMEI1  #1 00101234•••••••  <- IMEI, certain:" in out
    assert "reply > json > resultCode  1" in out
    assert "China, AS4134" in out
    assert IMEI not in out


def test_mitmdump_shows_identifiers_if_asked() -> None:
    assert f"IMEI1  {IMEI}" in dump("--set", "evidence_view_identifiers=shown")


def test_what_came_back_hides_what_was_sent(view: EvidenceView) -> None:
    flow = build_flow(
        "https://a.example/",
        method="POST",
        headers=(("Content-Type", "application/json"),),
        body=json.dumps({"imei": IMEI, "serialno": "RF8M33XYZ12"}).encode(),
        reply=Reply(
            headers=(("Content-Type", "application/json"),), body=b'{"hello": "you are RF8M33XYZ12"}'
        ),
    )
    assert isinstance(flow, http.HTTPFlow)
    assert flow.response is not None
    back = shown(flow, flow.response)
    assert "reply > json > hello  you are " in back
    assert "RF8M33XYZ12" not in back
    assert "<-" not in back
    assert "body > json > imei  #1 00101234•••••••  <- IMEI" in shown(flow, flow.request)


def test_a_request_without_a_body_shows_its_query(view: EvidenceView) -> None:
    flow = build_flow(f"https://a.example/x?imei={IMEI}")
    assert isinstance(flow, http.HTTPFlow)
    assert "query > imei  #1 00101234•••••••" in shown(flow, flow.request)


def test_messages_of_a_websocket_stand_alone(view: EvidenceView) -> None:
    flow = tflow.twebsocketflow()
    assert flow.websocket is not None
    sent = json.dumps({"imei": IMEI}).encode()
    flow.websocket.messages = [
        websocket.WebSocketMessage(1, True, sent, 1.0),
        websocket.WebSocketMessage(1, True, b'{"n": 7}', 2.0),
        websocket.WebSocketMessage(1, False, f"got {IMEI}".encode(), 3.0),
    ]
    first, second, third = (shown(flow, message) for message in flow.websocket.messages)
    assert "message > json > imei  #1 00101234•••••••  <- IMEI" in first
    assert "message > json > n  7" in second
    assert "<-" not in second
    assert "reply" in third
    assert IMEI not in first + second + third


def test_raw_tcp_of_a_sample(view: EvidenceView) -> None:
    with (ROOT / "captures" / "china-variant.mitm").open("rb") as file:
        flows = [flow for flow in FlowReader(file).stream() if isinstance(flow, tcp.TCPFlow)]
    texts = [shown(flow, message) for flow in flows for message in flow.messages if message.from_client]
    assert any("content > json > SIM1CELLID  #1 •••••••  <- cell id, certain" in text for text in texts)


def test_a_question_to_dns(view: EvidenceView) -> None:
    flow = tflow.tdnsflow()
    assert isinstance(flow, dns.DNSFlow)
    assert "question  dns.google" in shown(flow, flow.request)


def test_a_name_comes_from_an_earlier_answer(view: EvidenceView) -> None:
    answer = tflow.tdnsflow(resp=True)
    view.dns_response(answer)
    flow = build_flow("http://8.8.8.8/", address="8.8.8.8")
    assert isinstance(flow, http.HTTPFlow)
    assert answer.client_conn.peername is not None
    flow.client_conn.peername = (answer.client_conn.peername[0], 5000)
    flow.request.timestamp_start = (answer.timestamp_start or 0) + 10
    assert "http://dns.google/" in shown(flow, flow.request)


@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 9, b"\xff\xfe\x80", b"{" * 5000, base64.b64encode(b"\x1b[2J" * 9)]
)
def test_hostile_bytes_raise_nothing(view: EvidenceView, data: bytes) -> None:
    flow = build_flow("https://a.example/", method="POST", body=data)
    assert isinstance(flow, http.HTTPFlow)
    text = shown(flow, flow.request)
    assert "Couldn't parse" not in text
    assert "\x1b" not in text


def test_is_not_chosen_by_itself(view: EvidenceView) -> None:
    flow = build_flow("https://a.example/", method="POST", body=b"\x00\x01")
    assert isinstance(flow, http.HTTPFlow)
    assert contentviews.prettify_message(flow.request, flow).view_name != "phonehome"
