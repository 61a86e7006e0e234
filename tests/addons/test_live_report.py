"""The live report, in a real mitmproxy: what it shows, to whom, and what it costs the traffic."""

import asyncio
import io
import json
import marshal
import struct
import subprocess
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import exceptions, tcp
from mitmproxy.net.dns import types
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import taddons, tflow

from captures.flows import build_flow
from phonehome.addons import helper
from phonehome.addons.live import pages, worker
from phonehome.addons.live.feed import MAX_SENT, RESTARTS, Feed, shorten
from phonehome.addons.live_report import LiveReport
from phonehome.addons.own_names import PAGE
from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.sources import live_flow
from phonehome.analysis.sources.flow_state import transmission_from_state
from tests.addons.live_proxy import Proxy, live_proxy, raw, send
from tests.network.parts import MAY_ANSWER, stop

HOSTS = ("phonehome.test", "127.0.0.1:8090")
IMEI = "001012340000425"
OWN = "X-Phonehome: 1\r\n"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with live_proxy(tmp_path_factory.mktemp("proxy")) as found:
        yield found


def report_of(proxy: Proxy, ready: Callable[[dict[str, Any]], bool], patience: float = 60) -> dict[str, Any]:
    """The report, as soon as it is as asked for."""
    until = time.monotonic() + patience
    shown: dict[str, Any] = {}
    while time.monotonic() < until:
        request = f"GET /report.json HTTP/1.1\r\nHost: 127.0.0.1:{proxy.report_port}\r\n{OWN}\r\n"
        status, _, body = raw(proxy.report_port, request)
        if status == 200:
            shown = json.loads(body)
            if ready(shown):
                return shown
        time.sleep(0.1)
    raise AssertionError(f"the report never said it: {shown}")


def rows_of(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["host"]: row for device in shown["devices"] for row in device["rows"]}


# Who may ask.


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {}, 200),
        ("GET", "/", {"host": "PhoneHome.test"}, 200),
        ("HEAD", "/page.js", {}, 200),
        ("GET", "/report.json", {"x-phonehome": "1"}, 200),
        ("GET", "/report.json", {"x-phonehome": "1", "sec-fetch-site": "same-origin"}, 200),
        ("GET", "/report.json", {"x-phonehome": "1", "origin": "http://phonehome.test"}, 200),
        # A link that is followed shows its site nothing.
        ("GET", "/", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "document"}, 200),
        # DNS rebinding: the name is somebody else's, or there is none.
        ("GET", "/", {"host": "evil.example"}, 421),
        ("GET", "/report.json", {"x-phonehome": "1", "host": "evil.example:8090"}, 421),
        ("GET", "/report.json", {"x-phonehome": "1", "host": "phonehome.test.evil.example"}, 421),
        ("GET", "/report.json", {"x-phonehome": "1", "host": ""}, 421),
        # Other sites.
        ("GET", "/report.json", {"x-phonehome": "1", "origin": "http://evil.example"}, 403),
        ("GET", "/report.json", {"x-phonehome": "1", "origin": "null"}, 403),
        ("GET", "/report.json", {"x-phonehome": "1", "origin": "https://phonehome.test"}, 403),
        ("GET", "/report.json", {"x-phonehome": "1", "sec-fetch-site": "cross-site"}, 403),
        ("GET", "/report.json", {"x-phonehome": "1", "sec-fetch-site": "same-site"}, 403),
        ("GET", "/page.js", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "script"}, 403),
        ("GET", "/", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe"}, 403),
        # What a page elsewhere can ask for without a preflight lacks our header; the preflight gets no yes.
        ("GET", "/report.json", {}, 403),
        ("OPTIONS", "/report.json", {"access-control-request-headers": "x-phonehome"}, 405),
        ("POST", "/", {}, 405),
        ("GET", "/../live_report.py", {}, 404),
    ],
)
def test_who_is_answered(method: str, path: str, headers: dict[str, str], status: int) -> None:
    given = pages.answer(method, path, {"host": "phonehome.test", **headers}, HOSTS, b"{}")
    assert given.status == status
    assert not [name for name in given.headers if name.lower().startswith("access-control")]
    assert given.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in given.headers["Content-Security-Policy"]
    assert "default-src 'none'" in given.headers["Content-Security-Policy"]
    assert given.headers["X-Content-Type-Options"] == "nosniff"
    if status != 200:
        assert b"{}" not in given.body


def test_nothing_new_is_not_sent_again() -> None:
    headers = {"host": "phonehome.test", "x-phonehome": "1"}
    first = pages.answer("GET", "/report.json", headers, HOSTS, b'{"a":1}')
    again = {**headers, "if-none-match": first.headers["ETag"]}
    assert pages.answer("GET", "/report.json", again, HOSTS, b'{"a":1}')[::2] == (304, b"")
    assert pages.answer("GET", "/report.json", again, HOSTS, b'{"a":2}').status == 200
    assert pages.answer("GET", "/report.json", headers, HOSTS, None).status == 204


@pytest.mark.parametrize("behind", [True, False], ids=["behind the proxy", "on the laptop"])
def test_rebinding_and_cross_origin_over_the_wire(proxy: Proxy, behind: bool) -> None:
    port, own = (
        (proxy.port, "phonehome.test") if behind else (proxy.report_port, f"127.0.0.1:{proxy.report_port}")
    )

    def ask(host: str, more: str = "", path: str = "/report.json") -> int:
        where = f"http://{host}" if behind else ""
        return raw(port, f"GET {where}{path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n")[0]

    assert ask(own, path="/") == 200
    assert ask(own, OWN) in (200, 204)
    assert ask(own) == 403
    assert ask(own, OWN + "Origin: http://evil.example\r\n") == 403
    assert ask(own, OWN + "Sec-Fetch-Site: cross-site\r\n") == 403
    # Behind the proxy a name of somebody else's is his, and goes out to him: here, nobody's, so 502.
    assert ask("evil.example", OWN) in ((400, 421, 502) if behind else (421,))
    if not behind:
        assert ask(f"{own}\r\nHost: evil.example", OWN) == 0
        assert raw(port, "\r\n\r\n")[0] == 0
        assert raw(port, "GET /" + "a" * 70_000 + " HTTP/1.1\r\n")[0] == 0


def test_a_name_that_was_made_to_point_at_the_page_is_refused(proxy: Proxy) -> None:
    """What a rebound name gets in WireGuard mode, where the connection is led to the laptop's port."""
    request = f"GET / HTTP/1.1\r\nHost: evil.example\r\n{OWN}\r\n"
    assert raw(proxy.report_port, request)[0] == 421


# What it shows.


def test_shows_what_was_sent_masked_and_saves_no_look(proxy: Proxy) -> None:
    body = json.dumps({"imei": IMEI, "iccid": "8947990000000000048"})
    assert send(proxy, "/register", host="app.example", body=body) == 200
    shown = report_of(proxy, lambda shown: "app.example" in rows_of(shown))
    text = json.dumps(shown, ensure_ascii=False)
    assert IMEI not in text
    assert "8947990000000000048" not in text
    assert "IMEI #1 00101234•••••••" in text
    row = rows_of(shown)["app.example"]
    assert row["activation"]
    assert row["encrypted"] == "UNENCRYPTED"
    for _ in range(3):
        assert (
            raw(proxy.port, "GET http://phonehome.test/ HTTP/1.1\r\nHost: phonehome.test\r\n\r\n")[0] == 200
        )
    assert send(proxy, "/last", host="last.example") == 200
    shown = report_of(proxy, lambda shown: "last.example" in rows_of(shown))
    assert "phonehome.test" not in json.dumps(shown)
    assert b"app.example" in proxy.saved.read_bytes()
    assert b"phonehome.test" not in proxy.saved.read_bytes()


def test_what_is_under_way_shows_before_it_is_over(proxy: Proxy) -> None:
    thread = threading.Thread(target=send, args=(proxy, "/slow"), kwargs={"host": "slow.example"})
    thread.start()
    try:
        shown = report_of(proxy, lambda shown: "slow.example" in rows_of(shown))
        assert rows_of(shown)["slow.example"]["sent"] == "1 tried"
    finally:
        MAY_ANSWER.set()
        thread.join()
    report_of(proxy, lambda shown: rows_of(shown)["slow.example"]["sent"] == "1 sent")


def test_ends_with_the_proxy_and_says_nothing_amiss(tmp_path: Path) -> None:
    with live_proxy(tmp_path) as proxy:
        assert send(proxy, "/", host="a.example") == 200
        report_of(proxy, lambda shown: "a.example" in rows_of(shown))
        children = Path(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children")
        ids = children.read_text().split() if children.exists() else []
        log = stop(proxy.process)
        assert proxy.process.returncode == 0
        time.sleep(0.5)
        assert not [child for child in ids if Path(f"/proc/{child}").exists()]
        assert "Traceback" not in log
        assert f"http://127.0.0.1:{proxy.report_port}/" in log


def test_the_process_that_adds_up_is_started_again_when_it_dies(tmp_path: Path) -> None:
    with live_proxy(tmp_path) as proxy:
        children = Path(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children")
        if not children.exists():
            pytest.skip("needs /proc to find the process")
        assert send(proxy, "/", host="a.example") == 200
        report_of(proxy, lambda shown: "a.example" in rows_of(shown))
        for child in children.read_text().split():
            subprocess.run(["kill", "-9", child], check=True)
        assert send(proxy, "/", host="b.example") == 200
        shown = report_of(proxy, lambda shown: "b.example" in rows_of(shown))
        assert shown["lost"] >= 1
        assert not shown.get("stopped")
        assert "is started again" in stop(proxy.process)


def test_a_process_that_dies_again_and_again_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    async def start(*_: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        started.append(await asyncio.create_subprocess_exec("true", stdin=pipe, stdout=pipe))
        return started[-1]

    async def run() -> None:
        found = Feed(lambda text, loud: None)
        await found.start(())
        async with asyncio.timeout(20):
            while not found.stopped:
                await asyncio.sleep(0.01)
        assert found.stop() is None

    monkeypatch.setattr(helper, "start", start)
    asyncio.run(run())
    assert len(started) == 1 + RESTARTS


# The parts.


def framed(*frames: tuple[Any, ...]) -> io.BytesIO:
    made = io.BytesIO()
    for frame in frames:
        body = marshal.dumps(frame)
        made.write(struct.pack("<I", len(body)) + body)
    made.seek(0)
    return made


def served(*frames: tuple[Any, ...]) -> list[dict[str, Any]]:
    sink = io.BytesIO()
    worker.serve(framed(*frames), sink, worker.LiveTotals(DeviceNames(), LocationDatabase()))
    data, shown = sink.getvalue(), []
    while data:
        kind, length = struct.unpack_from("<cI", data)
        assert kind == b"V"
        shown.append(json.loads(data[5 : 5 + length]))
        data = data[5 + length :]
    return shown


def test_the_sum_counts_what_is_open_once() -> None:
    flow = build_flow("http://a.example/x", reply=None)
    over = build_flow("http://a.example/x")
    over.id = flow.id
    shown = served(
        ("open", live_flow.state(flow), 0, 0),
        ("show", 0),
        ("open", live_flow.state(flow), 0, 0),
        ("over", live_flow.state(over), 0, 0),
        ("show", 3),
    )
    assert [report["devices"][0]["rows"][0]["sent"] for report in shown] == ["1 tried", "1 sent"]
    assert shown[1]["lost"] == 3


def test_input_that_ends_in_the_middle_of_a_frame() -> None:
    whole = framed(("show", 0)).getvalue()
    for end in range(len(whole)):
        sink = io.BytesIO()
        worker.serve(io.BytesIO(whole[:end]), sink, worker.LiveTotals(DeviceNames(), LocationDatabase()))
        assert sink.getvalue() == b""


def test_what_is_long_is_cut_and_counted() -> None:
    flow = build_flow("http://a.example/x", method="POST", body=b"a" * (MAX_SENT + 10))
    flow.response.data.content = b"b" * 100_000  # type: ignore[union-attr]
    whole = transmission_from_state(live_flow.state(flow))
    state = live_flow.state(flow)
    left_out = shorten(state)
    assert len(marshal.dumps(state)) < MAX_SENT + 10_000
    report = worker.LiveTotals(DeviceNames(), LocationDatabase())
    report.take(("over", state, *left_out))
    (row,) = report.document()["devices"][0]["destinations"]
    assert whole is not None
    assert (row["bytes_sent"], row["bytes_received"]) == (whole.bytes_sent, whole.bytes_received)
    assert row["not_understood"]["bytes_not_kept"] == 10
    assert flow.request.data.content == b"a" * (MAX_SENT + 10)


def test_a_long_stream_is_cut_and_counted() -> None:
    flow = tflow.ttcpflow()
    flow.messages = [tcp.TCPMessage(number % 2 == 0, b"x" * 1000, 1e9 + number) for number in range(5000)]
    state = live_flow.state(flow)
    left_out = shorten(state)
    assert (len(state["messages"]), left_out) == (1000, (2000 * 1000, 2000 * 1000))


def test_handing_on_the_largest_copies_little_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = build_flow("http://a.example/x", method="POST", body=b"a" * (64 << 20))
    flow.response.data.content = b"b" * (64 << 20)  # type: ignore[union-attr]
    feed = Feed(lambda text, loud: None)
    taken: list[bytes] = []
    monkeypatch.setattr(feed, "_put", taken.append)
    tracemalloc.start()
    feed.over(flow)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
    assert len(taken) == 1


def test_what_does_not_fit_is_counted_and_dropped() -> None:
    feed = Feed(lambda text, loud: None)
    feed._queued = 1 << 40
    feed.over(tflow.tflow(resp=True))
    assert feed.lost == 1
    assert feed._queue == []


def test_what_comes_before_the_process_is_there_is_not_lost() -> None:
    async def run() -> dict[str, Any]:
        feed = Feed(lambda text, loud: None)
        feed.over(build_flow("http://early.example/"))
        await asyncio.sleep(0.1)
        await feed.start([])
        until = time.monotonic() + 20
        while feed.view is None and time.monotonic() < until:
            feed.want_view()
            await asyncio.sleep(0.05)
        ending = feed.stop()
        assert ending is not None
        await ending
        shown: dict[str, Any] = json.loads(feed.view or b"{}")
        return shown

    assert list(rows_of(asyncio.run(run()))) == ["early.example"]


def test_its_name_resolves_behind_the_proxy_and_leads_to_the_laptop() -> None:
    addon = LiveReport()
    with taddons.context(addon) as context:
        context.configure(addon, phonehome_live_report_host="phonehome.test")
        flow = tflow.tdnsflow()
        flow.request.questions[0].name = "PhoneHome.test"
        with pytest.raises(exceptions.AddonHalt):
            addon.dns_request(flow)
        assert flow.response is not None
        assert str(flow.response.answers[0].ipv4_address) == PAGE
        flow.request.questions[0].type = types.AAAA
        with pytest.raises(exceptions.AddonHalt):
            addon.dns_request(flow)
        assert flow.response.answers == []
        other = tflow.tdnsflow()
        addon.dns_request(other)
        assert other.response is None
        addon._port = 8090
        server = tflow.tflow().server_conn
        for asked, led in (((PAGE, 80), ("127.0.0.1", 8090)), ((PAGE, 22), (PAGE, 22))):
            server.address = asked
            addon.server_connect(ServerConnectionHookData(server, tflow.tclient_conn()))
            assert server.address == led


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "red"), [(Terminal(), True), (io.StringIO(), False)], ids=["terminal", "pipe"]
)
def test_loud_lines_are_red_on_a_terminal_only(
    out: io.StringIO, red: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", out)
    addon = LiveReport()
    addon._say("quiet", False)
    addon._say("LOUD", True)
    assert out.getvalue() == ("quiet\n\x1b[1;31mLOUD\x1b[0m\n" if red else "quiet\nLOUD\n")
