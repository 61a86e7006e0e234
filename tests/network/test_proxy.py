"""`phonehome proxy` as a user runs it: real clients, a real server, Ctrl-C and worse."""

import asyncio
import http.client
import http.server
import json
import os
import re
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from phonehome.cli import main
from tests.network.parts import (
    MITMDUMP,
    PHONEHOME,
    REGISTRATION,
    free_port,
    running,
    stop,
    transmissions,
    wait_for,
    web_server,
)

EMPTY = Path(__file__).with_name("__init__.py")


class Proxy:
    """A proxy that runs."""

    def __init__(self, folder: Path, port: int, process: subprocess.Popen[str]) -> None:
        self.folder, self.port, self.process = folder, port, process

    @property
    def capture(self) -> Path:
        (found,) = self.folder.glob("*.mitm")
        return found

    def request(self, method: str, server: int, path: str = "/", body: bytes = b"", **headers: str) -> bytes:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        client.request(method, f"http://127.0.0.1:{server}{path}", body or None, headers)
        answer = client.getresponse().read()
        client.close()
        return answer

    def register(self, server: int) -> bytes:
        headers = {"Host": "zzhc.vnet.cn", "Content-Type": "application/encrypted-json"}
        return self.request("POST", server, "/", REGISTRATION, **headers)


@contextmanager
def proxy(tmp_path: Path, *more: str) -> Iterator[Proxy]:
    port = free_port()
    folder = tmp_path / "captures"
    command = [*PHONEHOME, "proxy", "--mode", f"regular@127.0.0.1:{port}", "--captures", folder]
    command += ["--allow-local"]
    command += ["--set", f"confdir={tmp_path / 'conf'}", *more]
    with running(command, port, cwd=tmp_path) as process:
        yield Proxy(folder, port, process)


def test_an_activation_shows_alike_in_log_line_and_report(tmp_path: Path) -> None:
    with web_server() as server, proxy(tmp_path) as at:
        assert at.register(server) == b'{"resultCode":"0","resultDesc":"Success"}'
        said = stop(at.process)
    assert at.process.returncode == 0
    lines = [line for line in said.splitlines() if "  zzhc.vnet.cn  " in line]
    assert len(lines) == 1
    assert "ACTIVATION" in lines[0]
    assert "UNENCRYPTED" in lines[0]
    (log,) = at.folder.glob("*.jsonl")
    logged = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["event"]["action"] for line in logged] == ["activation-request", "activation-outcome"]
    found = {one["kind"]: one["value"] for one in logged[0]["phonehome"]["identifiers"]}
    for kind in ("imei", "iccid"):
        assert found[kind] in lines[0]
    report = said.partition("device without an address of its own")[2]
    assert "zzhc.vnet.cn" in report
    assert found["imei"] in report
    assert "001012340000425" not in said
    assert f"phonehome report {at.capture} -o report.html" in said
    assert stat.S_IMODE(at.capture.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    subprocess.run([MITMDUMP, "-q", "-nr", at.capture], check=True, timeout=60)


def test_kill_loses_no_flow_that_was_over(tmp_path: Path) -> None:
    done: list[int] = []
    with web_server() as server, proxy(tmp_path) as at:

        def work(first: int) -> None:
            for number in range(first, first + 1000):
                try:
                    at.request("GET", server, f"/{number}")
                except (OSError, http.client.HTTPException):
                    return
                done.append(number)

        threads = [threading.Thread(target=work, args=(1000 * at,)) for at in range(4)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(done) > 100)
        at.process.send_signal(signal.SIGKILL)
        at.process.wait(timeout=10)
        for thread in threads:
            thread.join()
        saved = {int(sent.path[1:]) for sent in transmissions(at.capture) if sent.reply is not None}
    assert len(done) > 100
    assert set(done) <= saved
    run = subprocess.run([MITMDUMP, "-q", "-nr", at.capture], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr


def test_two_hundred_clients_at_once(tmp_path: Path) -> None:
    """For a minute with PHONEHOME_LOAD_SECONDS=60; benchmarks/README.md says how that went."""
    seconds = float(os.environ.get("PHONEHOME_LOAD_SECONDS", "5"))
    answered: set[str] = set()

    async def client(number: int, proxy_port: int, server: int, until: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy_port)
        count = 0
        while time.monotonic() < until:
            path = f"/{number}/{count}"
            writer.write(
                f"GET http://127.0.0.1:{server}{path} HTTP/1.1\r\nHost: load.example\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            await reader.readexactly(len(b"hello from the server"))
            answered.add(path)
            count += 1
        writer.close()

    async def all_clients(proxy_port: int, server: int) -> None:
        until = time.monotonic() + seconds
        await asyncio.gather(*(client(number, proxy_port, server, until) for number in range(200)))

    with web_server() as server, proxy(tmp_path) as at:
        asyncio.run(asyncio.wait_for(all_clients(at.port, server), seconds + 20))
        status = Path(f"/proc/{at.process.pid}/status")
        peak = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
        said = stop(at.process)
    print(f"{len(answered)} requests in {seconds} s, {int(peak[1]) >> 10 if peak else '?'} MB at most")
    assert at.process.returncode == 0
    assert len({path.split("/")[1] for path in answered}) == 200
    saved = [sent.path for sent in transmissions(at.capture)]
    assert len(saved) == len(set(saved))
    assert set(saved) == answered
    assert f"{len(answered):,} transmissions to 1 host," in said
    assert "a fault" not in said
    assert peak is None or int(peak[1]) < 600 << 10


def test_an_addon_that_raises_is_shown_and_traffic_goes_on(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(
        "def load(loader):\n    loader.add_option('broken', bool, False, '')\n"
        "def request(flow):\n    raise ValueError('out of cheese')\n"
    )
    # Options of a script are known once it is loaded, wherever they stand.
    more = ("--set", "broken=true", "--set", f"scripts={broken}")
    with web_server() as server, proxy(tmp_path, *more) as at:
        time.sleep(1)  # an error before mitmproxy has started ends it
        for _ in range(3):
            assert at.request("GET", server) == b"hello from the server"
        said = stop(at.process)
    assert said.count("out of cheese") == 1
    assert "a fault (ValueError: out of cheese, in broken.py line 4); traffic goes on" in said
    assert "Traceback" not in said
    assert len(transmissions(at.capture)) == 3


def test_a_warning_of_an_addon_is_shown(tmp_path: Path) -> None:
    with web_server() as taken, proxy(tmp_path, "--set", f"phonehome_live_report_port={taken}") as at:
        time.sleep(1)
        said = stop(at.process)
    assert f"phonehome: live_report: port {taken} cannot be used" in said


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminal_that_goes_away_ends_it_with_the_report(how: signal.Signals, tmp_path: Path) -> None:
    with web_server() as server, proxy(tmp_path) as at:
        at.register(server)
        time.sleep(1)
        at.process.send_signal(how)
        said = at.process.communicate(timeout=60)[0]
    assert at.process.returncode == 0
    assert said.count("127.0.0.1 is connected.") == 1
    assert f"The capture is {at.capture}" in said
    assert len(transmissions(at.capture)) == 1


def test_nothing_sent_leaves_nothing_behind(tmp_path: Path) -> None:
    with proxy(tmp_path) as at:
        said = stop(at.process)
    assert "there is nothing to report" in said
    assert list(at.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--mode", "nonsense"], "nonsense"),
        (["--phone", "../etc"], "use letters"),
        (["--address", r"\1"], "neither an address nor a host name"),
        (["--phone", "a", "--phone", "a"], "given twice"),
        (["--port", "99999"], "is no port"),
        (["--set", "nosuchoption=1"], "nosuchoption"),
        (["--mode", "regular@0", "--set", "nosuchoption=1", "--set", f"scripts={EMPTY}"], "nosuchoption"),
        (["--captures", "/proc/nowhere"], "cannot save captures"),
    ],
)
def test_what_cannot_work_is_said_in_a_line(tmp_path: Path, arguments: list[str], problem: str) -> None:
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    command: list[Any] = [*PHONEHOME, "proxy", "--set", f"confdir={tmp_path / 'conf'}", *arguments]
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, cwd=Path(__file__).parents[2]
    )
    assert run.returncode == 2, run.stdout + run.stderr
    assert problem in run.stderr
    assert "Traceback" not in run.stderr


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with web_server() as taken:
        command = [*PHONEHOME, "proxy", "--mode", f"regular@127.0.0.1:{taken}", "--captures", str(tmp_path)]
        command += ["--set", f"confdir={tmp_path / 'conf'}"]
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2]
        )
    assert run.returncode == 2, run.stdout + run.stderr
    assert run.stderr.count("failed to listen") == 1
    assert "end it, or say --port" in run.stderr
    assert "Traceback" not in run.stderr


class _Endless(http.server.BaseHTTPRequestHandler):
    """Takes bodies of any length, and sends events until the client has had enough."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        enough.wait(30)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


enough = threading.Event()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="says how much memory was used")
def test_events_pass_as_they_come_and_long_bodies_need_no_memory(tmp_path: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Endless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    piece, number = bytes(1 << 20), 120
    with proxy(tmp_path) as at:
        to = http.client.HTTPConnection("127.0.0.1", at.port, timeout=30)
        to.request("GET", f"http://127.0.0.1:{server.server_port}/events")
        assert to.getresponse().readline() == b"data: first\n"
        enough.set()
        to = http.client.HTTPConnection("127.0.0.1", at.port, timeout=60)
        length = {"Content-Length": str(len(piece) * number)}
        to.request("POST", f"http://127.0.0.1:{server.server_port}/", (piece for _ in range(number)), length)
        assert to.getresponse().status == 200
        status = Path(f"/proc/{at.process.pid}/status").read_text()
        stop(at.process)
    server.shutdown()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak < 300 << 10, f"{peak >> 10} MiB"
    (capture,) = at.folder.glob("*.mitm")
    assert main(["report", str(capture), "--quiet", "-o", str(tmp_path / "report.json")]) == 0
    seen = json.loads((tmp_path / "report.json").read_text())["not_seen"]
    assert seen["not_understood"]["over_a_limit"] == 1
    assert seen["not_understood"]["bytes"] == len(piece) * number
