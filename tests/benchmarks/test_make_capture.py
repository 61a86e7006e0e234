"""The capture that the benchmark runs on is one that mitmproxy could have written, of the shape that is claimed."""

from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.flow import Flow
from mitmproxy.io import FlowReader, FlowWriter

from benchmarks.make_capture import HOSTS, KINDS, make, make_folder
from phonehome.analysis.sources import mitm

FLOWS = 3000


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("benchmark") / "flows.mitm"
    make(path, FLOWS)
    return path


@pytest.fixture(scope="module")
def flows(capture: Path) -> list[Flow]:
    with capture.open("rb") as file:
        return list(FlowReader(file).stream())


def test_mitmproxy_writes_the_same_bytes(capture: Path, flows: list[Flow]) -> None:
    again = BytesIO()
    writer = FlowWriter(again)
    for flow in flows:
        writer.add(flow)
    assert again.getvalue() == capture.read_bytes()


def test_size(capture: Path, flows: list[Flow]) -> None:
    assert len(flows) == FLOWS
    assert 6_500 < capture.stat().st_size / FLOWS < 11_000


def test_kinds(flows: list[Flow]) -> None:
    kinds = Counter(flow.type for flow in flows)
    assert set(kinds) == {"http", "dns", "tcp", "udp"}
    assert 0.92 < kinds["http"] / FLOWS < 0.97
    assert any(isinstance(flow, http.HTTPFlow) and flow.websocket for flow in flows)
    assert {flow.client_conn.peername[0] for flow in flows} == {"10.42.0.11", "10.42.0.12", "10.42.0.13"}


def plain(flows: list[Flow]) -> list[http.HTTPFlow]:
    return [flow for flow in flows if isinstance(flow, http.HTTPFlow) and not flow.websocket]


def test_mix_of_bodies(flows: list[Flow]) -> None:
    sizes = [len(flow.request.raw_content or b"") for flow in plain(flows)]
    classes = (
        (0, 1, 0.70, 0),
        (1, 2_500, 0.20, 1_000),
        (2_500, 20_000, 0.08, 4_000),
        (20_000, 2**30, 0.02, 100_000),
    )
    for least, most, share, mean in classes:
        found = [size for size in sizes if least <= size < most]
        assert len(found) / len(sizes) == pytest.approx(share, rel=0.3)
        if mean:
            assert sum(found) / len(found) == pytest.approx(mean, rel=0.25)
    replies = [len(flow.response.raw_content or b"") for flow in plain(flows) if flow.response]
    assert min(replies) == 0
    assert max(replies) > 20_000
    assert any(flow.response is None for flow in plain(flows))


def test_connections_are_shared_and_content_is_not(flows: list[Flow]) -> None:
    requests = plain(flows)
    per_connection = Counter(flow.client_conn.id for flow in requests)
    assert 10 < len(requests) / len(per_connection) < 30
    bodies = [flow.request.raw_content for flow in requests if flow.request.raw_content]
    assert len(set(bodies)) == len(bodies)
    assert len({flow.request.pretty_host for flow in requests}) > 0.8 * len(HOSTS)
    secure = [flow for flow in requests if flow.request.scheme == "https"]
    assert all(len(flow.server_conn.certificate_list) == 2 for flow in secure)


def test_tokens_and_cookies_repeat_for_a_while_and_requests_do_not(flows: list[Flow]) -> None:
    requests = plain(flows)
    tokens = [token for flow in requests if (token := flow.request.headers.get("authorization"))]
    assert 50 < len(set(tokens)) < len(tokens) / 3
    cookies = [cookie for flow in requests if (cookie := flow.request.headers.get("cookie"))]
    assert len(set(cookies)) > len(cookies) / 3
    assert {flow.request.http_version for flow in requests} == {"HTTP/1.1", "HTTP/2.0", "HTTP/3"}
    blocks = [flow.request.headers.fields for flow in requests]
    assert len(set(blocks)) > 0.7 * len(blocks)


@pytest.mark.parametrize("kind", KINDS)
def test_mitmproxy_reads_each_kind_as_we_do(kind: str, tmp_path: Path) -> None:
    path = tmp_path / kind
    make(path, 60 if kind != "old" else 400, kind=kind)
    with path.open("rb") as file:
        expected = list(FlowReader(file).stream())
    read = {sent.flow_id: sent for sent in mitm.read(path.read_bytes())}
    assert len(expected) >= len(read) == (60 if kind != "old" else 400)
    for flow in expected:
        if isinstance(flow, http.HTTPFlow) and flow.id in read:
            assert read[flow.id].method == flow.request.method
            assert read[flow.id].path == flow.request.path
    if kind == "messenger":
        assert all(isinstance(flow, http.HTTPFlow) and flow.websocket for flow in expected)
    if kind == "addresses":
        secure = {flow.server_conn.id: flow.server_conn.peername for flow in expected if flow.type == "http"}
        assert len(set(secure.values())) == len(secure)


def test_a_folder_is_of_as_many_phones(tmp_path: Path) -> None:
    make_folder(tmp_path / "many", 3, 5)
    made = [path.read_bytes() for path in sorted((tmp_path / "many").iterdir())]
    assert len(set(made)) == 3


def test_the_same_bytes_each_time_and_others_with_another_seed(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        make(tmp_path / name, 200, seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def test_a_shorter_capture_is_the_beginning_of_a_longer(tmp_path: Path) -> None:
    make(tmp_path / "short", 100)
    make(tmp_path / "long", 150)
    assert (tmp_path / "long").read_bytes().startswith((tmp_path / "short").read_bytes())
