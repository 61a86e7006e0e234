"""The addon, in a real mitmproxy: it logs before it forwards, and it agrees with the report."""

import asyncio
import base64
import http.client
import http.server
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import exceptions, tcp
from mitmproxy import http as mitmhttp
from mitmproxy.io import FlowReader, FlowWriter
from mitmproxy.test import taddons, tflow

from captures.flows import Reply, build_flow
from phonehome.addons.activation_log import LONG, MARK, ActivationLog
from phonehome.cli import main

ROOT = Path(__file__).parents[2]
ADDON = ROOT / "addons" / "activation_log.py"
MITMDUMP = Path(sys.executable).with_name("mitmdump")
BODY = (
    b"eyJSRUdWRVIiOiIxLjAiLCJNT0RFTCI6IkhNRC1UQSAxMDQ2IiwiU1dWRVIiOiIwMFdXXzNfMjJDIiwi\n"
    b"U0lNMUlDQ0lEIjoiODk0Nzk5MDAwMDAwMDAwMDA0OCIsIklNRUkxIjoiMDAxMDEyMzQwMDAwNDI1In0=\n"
)


def every_capture() -> list[Path]:
    """The samples, and what the folder in PHONEHOME_CAPTURES holds."""
    found = sorted((ROOT / "captures").glob("*.mitm"))
    more = os.environ.get("PHONEHOME_CAPTURES")
    return found + (sorted(Path(more).rglob("*.mitm")) if more else [])


def read_log(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def registration(**more: Any) -> mitmhttp.HTTPFlow:
    return build_flow(
        "http://zzhc.vnet.cn/",
        at=datetime(2019, 1, 22, 8, tzinfo=UTC).timestamp(),
        method="POST",
        headers=(("Host", "zzhc.vnet.cn"), ("Content-Type", "application/encrypted-json")),
        body=BODY,
        address="61.139.2.69",
        **more,
    )


@pytest.mark.parametrize("capture", every_capture(), ids=lambda path: path.name)
def test_agrees_with_the_report(capture: Path, tmp_path: Path) -> None:
    log, report = tmp_path / "log.jsonl", tmp_path / "report.json"
    run = subprocess.run(
        [MITMDUMP, "-q", "-nr", capture, "-s", ADDON, "--set", f"phonehome_activation_log={log}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    main(["report", str(capture), "--quiet", "-o", str(report)])
    devices = json.loads(report.read_text())["devices"]
    if run.returncode:
        pytest.skip(f"mitmproxy does not read this file: {run.stderr.strip()[-200:]}")
    reported = {
        (device["id"], row["host"], row["country"], row["encrypted"] == "yes", found["kind"], found["value"])
        for device in devices
        for row in device["destinations"]
        if row["purpose"] == "activation"
        for found in row["identifiers"]
    }
    lines = read_log(log)
    logged = {
        (
            line["phonehome"]["device"],
            line["destination"].get("domain"),
            line["destination"].get("geo", {}).get("country_iso_code"),
            line["tls"]["established"],
            found["kind"],
            found["value"],
        )
        for line in lines
        if line["event"]["action"] == "activation-outcome"
        for found in line["phonehome"].get("identifiers", [])
    }
    assert logged == reported
    rows = [row for device in devices for row in device["destinations"] if row["purpose"] == "activation"]
    outcomes = [
        line["phonehome"]["outcome"] for line in lines if line["event"]["action"] == "activation-outcome"
    ]
    requests = [line for line in lines if line["event"]["action"] == "activation-request"]
    assert len(outcomes) == len(requests) == sum(row["transmissions"] for row in rows)
    assert outcomes.count("attempted") == sum(row["attempts"] for row in rows)
    assert outcomes.count("acknowledged") == sum(row["acknowledged"] or 0 for row in rows)


def test_marks_and_comments_the_flow(tmp_path: Path) -> None:
    saved = tmp_path / "out.mitm"
    capture = ROOT / "captures" / "nokia-7-plus-affected.mitm"
    subprocess.run([MITMDUMP, "-q", "-nr", capture, "-w", saved, "-s", ADDON], check=True, timeout=60)
    with saved.open("rb") as file:
        marked = [flow for flow in FlowReader(file).stream() if flow.marked]
    to_china = [flow for flow in marked if isinstance(flow, mitmhttp.HTTPFlow) and flow.request.port == 80]
    assert len(to_china) == 14
    assert {flow.marked for flow in marked} == {MARK}
    assert to_china[0].comment.startswith("phonehome: activation data probably to China, UNENCRYPTED, with ")
    assert "001012340000425" not in to_china[0].comment


def logging_addon(tmp_path: Path) -> tuple[ActivationLog, Path]:
    return ActivationLog(), tmp_path / "log.jsonl"


def test_identifiers_are_masked_unless_asked(tmp_path: Path) -> None:
    addon, log = logging_addon(tmp_path)
    with taddons.context(addon) as context:
        context.configure(addon, phonehome_activation_log=str(log))
        addon.request(registration())
        assert "001012340000425" not in log.read_text()
        context.configure(addon, phonehome_activation_log_identifiers="shown")
        another = registration()
        another.id = "another"
        addon.request(another)
        assert "001012340000425" in log.read_text()
        addon.done()


def test_the_log_is_private_and_appended_to(tmp_path: Path) -> None:
    addon, log = logging_addon(tmp_path)
    with taddons.context(addon) as context:
        context.configure(addon, phonehome_activation_log=str(log))
        addon.request(registration())
        addon.done()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
        log.write_text('{"earlier": true}\n')
        context.configure(addon, phonehome_activation_log="")
        context.configure(addon, phonehome_activation_log=str(log))
        addon.request(registration())
        addon.done()
    assert read_log(log)[0] == {"earlier": True}
    assert len(read_log(log)) == 3


def test_the_log_follows_no_link_and_changes_nobody_s_mode(tmp_path: Path) -> None:
    addon, log = logging_addon(tmp_path)
    other = tmp_path / "other"
    other.touch(0o644)
    log.symlink_to(other)
    with taddons.context(addon) as context:
        with pytest.raises(exceptions.OptionsError, match="it is a link"):
            context.configure(addon, phonehome_activation_log=str(log))
        assert stat.S_IMODE(other.stat().st_mode) == 0o644
        context.configure(addon, phonehome_activation_log=str(other))
        addon.done()
    assert stat.S_IMODE(other.stat().st_mode) == 0o644


def answered_in(flow: mitmhttp.HTTPFlow, seconds: float) -> mitmhttp.HTTPFlow:
    """The same, over TLS to a destination that is so far away."""
    start = flow.request.timestamp_start
    flow.client_conn.timestamp_tls_setup = start
    flow.server_conn.timestamp_start = start
    flow.server_conn.timestamp_tcp_setup = start + seconds
    flow.server_conn.timestamp_tls_setup = start + 2 * seconds
    return flow


@pytest.mark.parametrize("where_it_is", ["", "IE"])
@pytest.mark.parametrize("order", ["before", "after", "alone"])
def test_places_are_those_of_the_report_of_the_same_capture(
    order: str, where_it_is: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What answers in 40 ms beside a server in Ireland that answers in 10 is not in China. The log says so at once, or,
    where it could not know yet, at its end; and without a place to measure from it says China, as the report does."""
    addon, log = logging_addon(tmp_path)
    ireland = build_flow(
        "https://news.example/",
        at=datetime(2019, 1, 22, 8, tzinfo=UTC).timestamp(),
        address="52.208.0.10",
        reply=Reply(200),
    )
    exchanges = [answered_in(registration(reply=Reply(200)), 0.04)]
    if order != "alone":
        exchanges.insert(0 if order == "before" else 1, answered_in(ireland, 0.01))
    with taddons.context(addon) as context:
        context.configure(addon, phonehome_activation_log=str(log), phonehome_at=where_it_is)
        for flow in exchanges:
            addon.request(flow)
            addon.response(flow)
        addon.done()
    capture, report = tmp_path / "a.mitm", tmp_path / "report.json"
    with capture.open("wb") as file:
        for flow in exchanges:
            FlowWriter(file).add(flow)
    at = ["--at", where_it_is] if where_it_is else []
    main(["report", str(capture), "--quiet", "-o", str(report), *at])
    (row,) = (
        row
        for device in json.loads(report.read_text())["devices"]
        for row in device["destinations"]
        if row["purpose"] == "activation"
    )
    lines = read_log(log)
    last = lines[-1]
    assert last["destination"].get("geo", {}).get("country_iso_code") == row["country"]
    assert last["phonehome"]["country_certainty"] == row["country_certainty"]
    assert row["country"] == (None if where_it_is or order != "alone" else "CN")
    corrected = order == "after" and not where_it_is
    assert [line["event"]["action"] for line in lines] == [
        "activation-request",
        "activation-outcome",
        *(["activation-location"] if corrected else []),
    ]
    if corrected:
        assert lines[1]["destination"]["geo"] == {"country_iso_code": "CN"}
        assert last["event"]["type"] == ["info"]
        assert "outcome" not in last["event"]
    assert {line["phonehome"]["country_basis"] for line in lines} == {
        "tables and this session so far",
        *(["tables and all of this session"] if corrected else []),
    }
    capsys.readouterr()
    main(["inspect", str(capture), "--host", "zzhc.vnet.cn", "--format", "json", *at])
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["country"] == row["country"]


def test_an_option_that_names_no_place_is_refused() -> None:
    addon = ActivationLog()
    with taddons.context(addon) as context, pytest.raises(exceptions.OptionsError, match="neither a country"):
        context.configure(addon, phonehome_at="Atlantis")


def test_ecs_names(tmp_path: Path) -> None:
    addon, log = logging_addon(tmp_path)
    with taddons.context(addon) as context:
        context.configure(addon, phonehome_activation_log=str(log))
        addon.request(registration())
        addon.done()
    request, outcome = read_log(log)
    assert request["@timestamp"].startswith("2019-01-22T")
    assert request["destination"]["geo"]["country_iso_code"] == "CN"
    assert request["destination"]["as"]["number"] == 4134
    assert request["event"]["action"] == "activation-request"
    assert "outcome" not in request["event"]
    assert (outcome["event"]["outcome"], outcome["phonehome"]["outcome"]) == ("success", "delivered")


@pytest.mark.parametrize(
    ("version", "number"), [("TLSv1.2", "1.2"), ("TLSv1.3", "1.3"), ("TLSv1", "1.0"), ("QUICv1", "1.3")]
)
def test_ecs_values(version: str, number: str, tmp_path: Path) -> None:
    addon, log = logging_addon(tmp_path)
    flow = registration(reply=Reply(503))
    flow.client_conn.tls_version = version  # type: ignore[assignment]
    flow.client_conn.timestamp_tls_setup = 1.0
    with taddons.context(addon) as context:
        context.configure(addon, phonehome_activation_log=str(log), phonehome_devices=["Anna=10.0.0.2"])
        flow.client_conn.peername = ("10.0.0.2", 4444)
        addon.request(flow)
        addon.response(flow)
        addon.done()
    request, outcome = read_log(log)
    assert request["tls"] == {"established": True, "version": number, "version_protocol": "tls"}
    assert (outcome["event"]["outcome"], outcome["phonehome"]["outcome"]) == ("failure", "delivered")
    assert request["phonehome"]["device_name"] == "Anna"


def test_a_log_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    addon = ActivationLog()
    with taddons.context(addon) as context, pytest.raises(Exception, match="cannot write"):
        context.configure(addon, phonehome_activation_log=str(tmp_path / "no" / "log"))


def test_a_full_disk_is_said_once_and_traffic_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    addon = ActivationLog()
    with taddons.context(addon) as context:
        context.options.update(phonehome_activation_log="/dev/full")
        for _ in range(3):
            addon.request(registration())
        addon.done()
    assert caplog.text.count("cannot write to") == 1


def test_replayed_and_proxy_pages_are_not_logged(tmp_path: Path) -> None:
    addon, log = logging_addon(tmp_path)
    flow = registration()
    flow.is_replay = "request"
    with taddons.context(addon) as context:
        context.configure(addon, phonehome_activation_log=str(log))
        addon.request(flow)
        addon.response(flow)
        addon.done()
    assert read_log(log) == []


@pytest.fixture
def server() -> Iterator[tuple[int, list[bytes]]]:
    """A destination that notes what the log held when the request arrived."""
    seen: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.server.log.read_bytes())  # type: ignore[attr-defined]
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"resultCode":"0","resultDesc":"Success"}')

        def log_message(self, *args: object) -> None:
            pass

    listener = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever)
    thread.start()
    yield listener, seen  # type: ignore[misc]
    listener.shutdown()
    thread.join()
    listener.server_close()


def test_is_on_disk_before_the_request_is_forwarded(server: Any, tmp_path: Path) -> None:
    listener, seen = server
    log = tmp_path / "log.jsonl"
    listener.log = log
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    proxy = subprocess.Popen(
        [
            *(
                MITMDUMP,
                "-q",
                "-s",
                ADDON,
                "--set",
                f"phonehome_activation_log={log}",
                "--set",
                "keep_host_header=true",
            ),
            *("--mode", f"reverse:http://127.0.0.1:{listener.server_port}@127.0.0.1:{port}"),
            *("--set", f"confdir={tmp_path}"),
        ]
    )
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {"Host": "zzhc.vnet.cn", "Content-Type": "application/encrypted-json"}
        client.request("POST", "/", BODY, headers)
        assert b"resultCode" in client.getresponse().read()
        client.close()
        line = json.loads(seen[0])
        assert line["event"]["action"] == "activation-request"
        assert {found["kind"] for found in line["phonehome"]["identifiers"]} >= {"imei", "iccid"}
        for _ in range(50):
            if len(read_log(log)) == 2:
                break
            time.sleep(0.1)
        assert read_log(log)[1]["phonehome"]["outcome"] == "acknowledged"
        proxy.kill()  # what was logged survives
        proxy.wait(timeout=10)
        assert len(read_log(log)) == 2
    finally:
        proxy.kill()
        proxy.wait(timeout=10)


def test_a_long_body_is_examined_beside_the_event_loop(tmp_path: Path) -> None:
    addon, log = logging_addon(tmp_path)
    flow = registration()
    body = {"IMEI1": "001012340000425", "SIM1ICCID": "8947990000000000048", "LOG": "x" * LONG}
    flow.request.content = base64.encodebytes(json.dumps(body).encode())

    async def run() -> None:
        later = addon.request(flow)
        assert later is not None, "the loop would have been held up"
        assert read_log(log) == []
        await later
        assert [line["event"]["action"] for line in read_log(log)] == ["activation-request"]
        ended = addon.done()
        assert ended is not None
        await ended

    with taddons.context(addon) as context:
        context.configure(addon, phonehome_activation_log=str(log))
        asyncio.run(run())


def test_what_could_not_be_examined_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    addon, log = logging_addon(tmp_path)

    def fail(*_: Any) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(addon._examiner.decoder, "decode", fail)
    with taddons.context(addon) as context:
        context.configure(addon, phonehome_activation_log=str(log))
        for _ in range(3):
            addon.request(registration())
        addon.done()
    assert caplog.text.count("was not examined") == 1
    assert "ValueError in fail" in caplog.text


def test_a_stream_is_known_as_soon_as_it_is_whole(tmp_path: Path) -> None:
    addon, log = logging_addon(tmp_path)
    flow = tflow.ttcpflow()
    flow.messages.clear()
    flow.server_conn.address = flow.server_conn.peername = ("61.139.2.69", 9998)
    sent = b'{"IMEI1":"001012340000425","SIM1ICCID":"8947990000000000048"}'
    with taddons.context(addon) as context:
        context.configure(addon, phonehome_activation_log=str(log))
        for piece in (sent[:20], sent[20:]):
            flow.messages.append(tcp.TCPMessage(True, piece))
            addon.tcp_message(flow)
        assert [line["event"]["action"] for line in read_log(log)] == ["activation-request"]
        addon.done()
