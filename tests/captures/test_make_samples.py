"""The samples tell the stories that their README says they tell, and can be made again."""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from mitmproxy import dns, http, tcp, udp
from mitmproxy.flow import Flow
from mitmproxy.io import FlowReader
from mitmproxy.version import FLOW_FORMAT_VERSION
from stdnum import imei

from captures.flows import Phone, Recorder, Reply, build_flow, client_hello, protobuf, write_flows
from captures.make_samples import ADDRESSES, CAPTURES, FOLDER, luhn
from phonehome.analysis.places.database import LocationDatabase

NAMES = sorted(CAPTURES)
SERVICE = "zzhc.vnet.cn"


def read(path: Path) -> list[Flow]:
    with path.open("rb") as file:
        return list(FlowReader(file).stream())


def content(message: http.Message) -> bytes:
    found = message.get_content()
    assert found is not None
    return found


def registrations(flows: list[Flow], origin: str | None = None) -> Iterator[http.HTTPFlow]:
    for flow in flows:
        if (
            isinstance(flow, http.HTTPFlow)
            and flow.request.headers.get("Host") == SERVICE
            and flow.is_replay == origin
        ):
            yield flow


def outcomes(flows: list[Flow]) -> Counter[str | None]:
    return Counter(
        json.loads(content(flow.response))["resultCode"] if flow.response else None
        for flow in registrations(flows)
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    for name, make in CAPTURES.items():
        make().write(folder / name)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_same_bytes_each_time(name: str, made: Path, tmp_path: Path) -> None:
    CAPTURES[name]().write(tmp_path / name)
    assert (tmp_path / name).read_bytes() == (made / name).read_bytes()


@pytest.mark.skipif(FLOW_FORMAT_VERSION != 21, reason="the committed files are of flow format 21")
@pytest.mark.parametrize("name", NAMES)
def test_the_committed_file_is_what_the_script_makes(name: str, made: Path) -> None:
    # Content is compared unpacked: gzip's bytes depend on the zlib of the machine.
    def contents(path: Path) -> list[object]:
        states = []
        for flow in read(path):
            state = flow.get_state()
            if isinstance(flow, http.HTTPFlow):
                for message in (flow.request, flow.response):
                    if message is not None and "gzip" in message.headers.get("content-encoding", ""):
                        key = "request" if message is flow.request else "response"
                        state[key]["content"] = message.get_content()
                        state[key]["headers"] = [
                            h for h in state[key]["headers"] if h[0].lower() != b"content-length"
                        ]
            states.append(state)
        return states

    assert contents(FOLDER / name) == contents(made / name)


@pytest.mark.parametrize("name", NAMES)
def test_small_enough_to_keep_and_rich_enough_to_show(name: str) -> None:
    path = FOLDER / name
    flows = read(path)
    assert path.stat().st_size < 1_500_000
    assert 120 <= len(flows) <= 400
    assert {type(flow) for flow in flows} == {http.HTTPFlow, tcp.TCPFlow, udp.UDPFlow, dns.DNSFlow}
    assert len({flow.id for flow in flows}) == len(flows)


def test_affected_phone_tries_fourteen_times_and_is_never_accepted() -> None:
    flows = read(FOLDER / "nokia-7-plus-affected.mitm")
    assert outcomes(flows) == {"1": 10, None: 4}
    sent = list(registrations(flows))
    assert {flow.client_conn.peername[0] for flow in sent} == {"10.42.0.23"}
    assert all(flow.error for flow in sent if flow.response is None)
    assert len(list(registrations(flows, "request"))) == 1

    # 60 seconds after each of two boots, then each hour, at most ten times per boot.
    times = sorted(flow.request.timestamp_start for flow in sent)
    gaps = [after - before for before, after in pairwise(times)]
    assert [3600 < gap < 3605 for gap in gaps] == [True] * 9 + [False] + [True] * 3


def test_registration_has_the_published_form() -> None:
    flow = next(registrations(read(FOLDER / "nokia-7-plus-affected.mitm")))
    request = flow.request
    assert (request.method, request.path, request.scheme) == ("POST", "/", "http")
    assert request.headers["Content-Type"] == "application/encrypted-json"
    assert request.host == "61.139.2.69", "a transparent proxy sees the address only"
    body = content(request)
    lines = body.split(b"\n")
    assert lines[-1] == b""
    assert {len(line) for line in lines[:-2]} == {76}
    payload = json.loads(base64.b64decode(body))
    assert payload["SWVER"] == "00WW_3_22C"
    for key in ("IMEI1", "IMEI2"):
        assert imei.is_valid(payload[key])
        assert payload[key].startswith("00"), "test equipment"
    assert payload["SIM1ICCID"].startswith("8947")
    assert payload["SIM1LTEIMSI"].startswith("242100000000")
    assert re.fullmatch(r"00:00:5E:00:53:[0-9A-F]{2}", payload["MACID"])
    assert re.fullmatch(r"2019-01-22 \d\d:\d\d:\d\d", payload["REGDATE"])


def test_fixed_phone_is_the_same_phone_and_sends_nothing_to_the_service() -> None:
    flows = read(FOLDER / "nokia-7-plus-fixed.mitm")
    assert not list(registrations(flows))
    assert not any(
        question.name == SERVICE
        for flow in flows
        if isinstance(flow, dns.DNSFlow)
        for question in flow.request.questions
    )
    before = next(registrations(read(FOLDER / "nokia-7-plus-affected.mitm")))
    payload = json.loads(base64.b64decode(content(before.request)))
    (activation,) = [
        flow for flow in flows if isinstance(flow, http.HTTPFlow) and flow.request.path == "/v1/activations"
    ]
    sent = json.loads(content(activation.request))
    assert sent["imei"] == payload["IMEI1"]
    assert sent["buildNumber"] == "00WW_3_39B_SP03"
    assert activation.server_conn.peername == ("13.228.77.14", 443)
    assert activation.client_conn.peername[0] == before.client_conn.peername[0]


def test_china_variant_is_accepted_once_and_stops() -> None:
    flows = read(FOLDER / "china-variant.mitm")
    assert outcomes(flows) == {None: 1, "1": 1, "0": 1}
    last = max(registrations(flows), key=lambda flow: flow.request.timestamp_start)
    assert last.response is not None
    assert json.loads(content(last.response))["resultCode"] == "0"
    raw = [
        flow
        for flow in flows
        if isinstance(flow, tcp.TCPFlow) and (flow.server_conn.address or ("", 0))[1] == 9998
    ]
    assert [len(flow.messages) for flow in raw] == [1, 2]
    assert all("IMEI1" in json.loads(flow.messages[0].content) for flow in raw)


@pytest.mark.parametrize("name", NAMES)
def test_no_client_certificate_or_foreign_client_address(name: str) -> None:
    private = ("10.42.0.", "10.0.0.1")
    for flow in read(FOLDER / name):
        assert flow.client_conn.peername[0].startswith(private)
        assert flow.client_conn.proxy_mode.full_spec != "regular"


@pytest.mark.parametrize(
    ("address", "country", "asn", "region"),
    [
        (ADDRESSES[SERVICE], "CN", 4134, None),
        ("202.96.209.133", "CN", 4812, None),
        (ADDRESSES["device-activation.example"], "SG", 16509, "ap-southeast-1"),
        (ADDRESSES["device-activation-cn.example"], "CN", 55960, "cn-north-1"),
        (ADDRESSES["www.nrk.no"], "NO", 21293, None),
        (ADDRESSES["chat.messenger.example"], "IE", 16509, "eu-west-1"),
    ],
)
def test_addresses_lie_where_the_readme_says(
    address: str, country: str, asn: int, region: str | None
) -> None:
    with LocationDatabase.open() as database:
        found = database.locate(address)
    assert (found.country, found.asn, found.cloud_region) == (country, asn, region)


def test_connections_are_kept_alive_and_names_asked_for_once() -> None:
    recorder = Recorder(1)
    phone = Phone("10.0.0.9")
    for number in range(3):
        recorder.http_flow(phone, 1000.0 + number, f"https://a.example/{number}")
    late = recorder.http_flow(phone, 5000.0, "https://a.example/late")
    https = [flow for flow in recorder.flows if isinstance(flow, http.HTTPFlow)]
    assert len({flow.client_conn.id for flow in https}) == 2
    assert https[0].client_conn.id != late.client_conn.id
    assert sum(isinstance(flow, dns.DNSFlow) for flow in recorder.flows) == 1


def test_build_flow(tmp_path: Path) -> None:
    flow = build_flow(
        "https://a.example/x?y=1",
        address="192.0.2.7",
        method="POST",
        body=b"z",
        reply=Reply(204),
        version="HTTP/2.0",
    )
    write_flows(tmp_path / "one.mitm", [flow])
    (found,) = read(tmp_path / "one.mitm")
    assert isinstance(found, http.HTTPFlow)
    assert found.request.host == "192.0.2.7"
    assert found.request.authority == found.client_conn.sni == "a.example"
    assert found.server_conn.peername == ("192.0.2.7", 443)
    attempt = build_flow("http://a.example/", reply=None, error="refused", connected=False)
    assert attempt.response is None
    assert attempt.server_conn.peername is None
    assert attempt.server_conn.address == (attempt.client_conn.sockname[0], 80)
    explicit = build_flow("http://a.example/", mode="regular")
    assert explicit.request.host == "a.example"


def test_parts_are_of_the_formats_that_they_say() -> None:
    assert luhn("7992739871") == "79927398713"
    # The protobuf documentation's own example: field 1 = 150.
    assert protobuf((1, 150), (2, "testing")) == bytes.fromhex("089601 120774657374696e67".replace(" ", ""))
    hello = client_hello("a.example", Recorder(1).rng)
    assert hello[0] == 22
    assert int.from_bytes(hello[3:5], "big") == len(hello) - 5
    assert b"\x00\x00\x09a.example" in hello
