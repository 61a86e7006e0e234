"""What the addons cost while a phone is on the proxy: `python -m benchmarks.live`

A server and a client on the loopback interface, and between them, in turn, nothing, bare `mitmdump`, `mitmdump` with
each addon, with all of them, and `phonehome proxy`. All proxies are started first and wait; then, round after round,
each has its turn, in every second round in the opposite order, so that a machine that warms up or is busy for a while
favours none. Figures are compared within a round, and the median over the rounds is printed.

- Throughput: requests per second over several connections at a time, each one new after ten requests, with the proxy
  never idle. Connecting counts.
- Latency: one request after another, each a little after the last, over connections that are there already.
- CPU: what the proxy's own process took for a request of the throughput part, and beside it what its helper took: the
  process that adds up the live report. On a machine with other work this figure is the one to trust.
- Held up: with `--lag`, in a run of its own, how long single steps of the event loop took, with small requests and with
  bodies of megabytes each way (benchmarks/lag.py).

The requests are like those of a phone's apps: HTTPS by CONNECT, a bearer token and cookies that are random and stay the
same for ten requests, twelve header fields of about 1,000 bytes. No two requests are the same (path, query, body): six
of ten are GET with a query, the others POST of about 200 bytes of JSON. The answers are of 21 bytes. Where the live
report runs, somebody watches it: it is asked for each half second, through its port on the laptop.

Client, server, and what the live report adds up in a process of its own share the cores with the proxy.
"""

import argparse
import asyncio
import base64
import json
import math
import os
import random
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.replay import machine, say
from tests.network.parts import certificate

ROOT = Path(__file__).resolve().parent.parent
ADDONS = ("activation_log", "undecrypted_tls", "live_report")
CAPTURE = "capture"
BARE = "mitmdump"
SAVING = "mitmdump -w FILE"
ALL = "all"
NONE = "no proxy"
IDLE = "three that do nothing"
PROXY = "phonehome proxy"
ASKED = 0.95
"""Of the throughput of bare mitmdump, with all addons."""
START = 30
"""Seconds for a proxy to listen."""
PATIENCE = 120
"""Seconds for one turn."""
WATCH = 0.5
"""Seconds between two looks at the live report."""
BODY = b'{"status":"received"}'
INSECURE = ("--set", "ssl_insecure=true")
"""Of the proxies: the server signed its own certificate."""
HOST = "api.app.example"
REQUESTS = 10
"""Over one connection."""
LARGE = 8 << 20
"""Bytes of a large answer; a large request is JSON of about a quarter of it."""


def _answer(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


ANSWER = _answer(BODY)


class Contender(NamedTuple):
    name: str
    port: int
    report_port: int = 0
    """Of the live report on the laptop; 0 if it does not run."""
    process: int = 0
    """Its id; 0 if there is none."""


class Turn(NamedTuple):
    """What one contender did in one round."""

    rate: float
    """Requests per second."""
    median: float
    """Latency, in milliseconds."""
    worst: float
    """99th percentile, in milliseconds."""
    cpu: float
    """Of the proxy's process, in microseconds for a request; not a number where the system does not tell."""
    helper: float
    """Of its helper."""


class Server(asyncio.Protocol):
    """Answers each request with the same; reads no more of it than where it ends."""

    def __init__(self) -> None:
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            length = 0
            place = self._data.lower().find(b"content-length:", 0, end)
            if place >= 0:
                length = int(self._data[place + 15 : end + 2].split(b"\r\n", 1)[0])
            if len(self._data) < end + 4 + length:
                return
            large = self._data[:200].split(b" ", 2)[1].endswith(b"/large")
            self._data = self._data[end + 4 + length :]
            self._transport.write(_answer(b"x" * LARGE) if large else ANSWER)


def session(draw: random.Random) -> str:
    """The header fields of one app on one phone."""

    def token(size: int) -> str:
        return base64.urlsafe_b64encode(draw.randbytes(size)).decode().rstrip("=")

    cookies = f"sid={token(48)}; _ga=GA1.2.{draw.randrange(10**9)}.{draw.randrange(10**9)}; csrf={token(24)}"
    return (
        f"Host: {HOST}\r\n"
        "User-Agent: Dalvik/2.1.0 (Linux; U; Android 9; Nokia 7 plus Build/PPR1.180610.011)\r\n"
        "Accept: application/json\r\nAccept-Encoding: gzip\r\nAccept-Language: nb-NO,nb;q=0.9,en;q=0.8\r\n"
        f"Authorization: Bearer {token(30)}.{token(210)}.{token(64)}\r\n"
        f"Cookie: {cookies}; consent={token(90)}\r\n"
        f"X-App-Version: 4.{draw.randrange(100)}.0\r\nX-Platform: android\r\nX-Client-Data: {token(40)}\r\n"
        f"X-Session-Id: {token(16)}\r\nTraceparent: 00-{draw.randbytes(16).hex()}-{draw.randbytes(8).hex()}-01\r\n"
    )


def request(number: int, head: str) -> bytes:
    """A request that differs from all others, with these header fields."""
    if number % 10 < 6:
        return f"GET /v1/items/{number}?page={number * 7}&lang=nb HTTP/1.1\r\n{head}\r\n".encode()
    event = {"event": "screen_view", "screen": f"main{number % 17}", "at": 1_700_000_000_000 + number * 977}
    body = json.dumps({**event, "session": f"s{number:x}", "note": "x" * 90, "items": [number, number + 1]})
    return (
        f"POST /v1/events HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


class Connection:
    """A phone's connection to the server, through one contender."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        self.reader, self.writer, self._head = reader, writer, head

    async def ask(self, number: int) -> float:
        """Seconds until the answer is there."""
        self.writer.write(request(number, self._head))
        begin = time.perf_counter()
        head = await self.reader.readuntil(b"\r\n\r\n")
        await self.reader.readexactly(len(BODY))
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the proxy answered {head[:80]!r}")
        return time.perf_counter() - begin

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


class Load:
    """Asks, through one contender. No two requests of its life are the same."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._number = 0
        self._draw = random.Random(1)
        self._trust = ssl.create_default_context()
        self._trust.check_hostname = False
        self._trust.verify_mode = ssl.CERT_NONE

    async def _connect(self, port: int) -> Connection:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if port != self._server_port:
            where = f"127.0.0.1:{self._server_port}"
            writer.write(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
        await writer.start_tls(self._trust, server_hostname=HOST)
        return Connection(reader, writer, session(self._draw))

    def _next(self) -> int:
        self._number += 1
        return self._number

    async def throughput(self, port: int, connections: int, requests: int) -> float:
        """Requests per second."""
        left = requests

        async def one() -> None:
            nonlocal left
            while left > 0:
                connection = await self._connect(port)
                for _ in range(REQUESTS):
                    if left <= 0:
                        break
                    left -= 1
                    await connection.ask(self._next())
                await connection.close()

        begin = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(connections)))
        return requests / (time.perf_counter() - begin)

    async def large(self, port: int) -> None:
        """One request with megabytes of JSON, an identifier in them, and megabytes in the answer."""
        items = [
            {"n": number, "imei": "001012340000425", "text": f"line {number}"} for number in range(LARGE >> 8)
        ]
        body = json.dumps({"at": time.time(), "items": items}).encode()
        connection = await self._connect(port)
        head = (
            f"POST /large HTTP/1.1\r\nHost: {HOST}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.writer.write(head.encode() + body)
        await connection.reader.readuntil(b"\r\n\r\n")
        await connection.reader.readexactly(LARGE)
        await connection.close()

    async def latency(self, port: int, requests: int, pause: float = 0.002) -> list[float]:
        """Seconds, of each request."""
        found: list[float] = []
        while len(found) < requests:
            connection = await self._connect(port)
            for _ in range(REQUESTS):
                found.append(await connection.ask(self._next()))
                await asyncio.sleep(pause)
            await connection.close()
        return found


def cpu(process: int) -> tuple[float, float]:
    """Seconds that a process and the processes that it started have used so far; Linux tells, others do not."""
    if not process or not Path("/proc/self/stat").exists():
        return math.nan, math.nan
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return _seconds(process), sum(map(_seconds, map(int, children)))


def _seconds(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def turn(load: Load, contender: Contender, connections: int, requests: int) -> Turn:
    """One contender's turn, with somebody watching if there is something to watch."""
    watching = asyncio.create_task(watch(contender.report_port)) if contender.report_port else None
    try:
        async with asyncio.timeout(PATIENCE):
            await load.throughput(contender.port, connections, max(1, requests // 10))  # not counted
            before = cpu(contender.process)
            rate = await load.throughput(contender.port, connections, requests)
            own, helper = (
                (after - start) / requests * 1e6
                for after, start in zip(cpu(contender.process), before, strict=True)
            )
            times = sorted(await load.latency(contender.port, max(100, requests // 10)))
    finally:
        if watching is not None:
            watching.cancel()
    return Turn(rate, statistics.median(times) * 1e3, times[int(len(times) * 0.99)] * 1e3, own, helper)


async def watch(port: int) -> None:
    """Looks at the live report as its page does."""
    ask = f"GET /report.json HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Phonehome: 1\r\n\r\n".encode()
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(ask)
            await reader.read()
            writer.close()
        await asyncio.sleep(WATCH)


async def lag(names: Sequence[str], requests: int) -> list[str]:
    """How long the event loop is held up, by contender and kind of traffic, as Markdown."""
    lines = [
        "| through | traffic | longest step, ms of CPU | by the clock | 99.9 % within | steps over 5 ms "
        "| longest hook of ours, ms | which | hooks over 5 ms |",
        "|---|---|--:|--:|--:|--:|--:|---|--:|",
    ]
    for name in names:
        for traffic in ("small", "large"):
            with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
                server_port = start_server(stack, Path(folder))
                found = Path(folder) / "lag.json"
                more = ("--set", f"lag_file={found}")
                (contender,) = start([name], server_port, Path(folder), stack, more)
                load = Load(server_port)
                if traffic == "small":
                    await load.throughput(contender.port, 16, requests)
                else:
                    for _ in range(10):
                        await asyncio.gather(load.large(contender.port), load.latency(contender.port, 20))
                stack.close()
                took = json.loads(found.read_text())
            lines.append(
                f"| {label(name)} | {traffic} | {took['longest'] * 1e3:.1f} | {took['wall'] * 1e3:.1f} "
                f"| {took['99.9'] * 1e3:.1f} "
                f"| {took['over']} of {took['steps']:,} | {took['hook'] * 1e3:.1f} | {took['hook_name']} "
                f"| {took['hooks_over']} |"
            )
            say(lines[-1])
    return lines


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def command(name: str, port: int, report_port: int, folder: Path) -> list[str]:
    """How a contender is started."""
    if name == PROXY:
        found = Path(sys.executable).with_name("phonehome")
        return [
            *(str(found), "proxy", "--allow-local", "--mode", f"regular@127.0.0.1:{port}"),
            *("--set", f"phonehome_live_report_port={report_port}"),
            *INSECURE,
        ]
    chosen = ADDONS if name == ALL else () if name in (BARE, SAVING) else (name,)
    program = str(Path(sys.executable).with_name("mitmdump"))
    arguments = [program, "-q", "--listen-host", "127.0.0.1", "-p", str(port)]
    arguments += ["--set", f"confdir={folder / 'conf'}", *INSECURE]
    if name == SAVING:
        arguments += ["-w", str(folder / "saved.mitm")]
    options = {
        "activation_log": (f"phonehome_activation_log={folder / 'log.jsonl'}",),
        "live_report": (f"phonehome_live_report_port={report_port}", "phonehome_live_report_lines=true"),
        CAPTURE: (f"phonehome_capture={folder / 'saved.mitm'}",),
    }
    if name == IDLE:
        for number in range(len(ADDONS)):
            script = folder / f"idle{number}.py"
            script.write_text(f"class Idle{number}:\n    pass\n\n\naddons = [Idle{number}()]\n")
            arguments += ["-s", str(script)]
        return arguments
    for addon in chosen:
        arguments += ["-s", str(ROOT / "addons" / f"{addon}.py")]
        for option in options.get(addon, ()):
            arguments += ["--set", option]
    return arguments


CONTENDERS = (NONE, BARE, *ADDONS, IDLE, ALL, SAVING, CAPTURE, PROXY)


def listening(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


def ask_report(port: int) -> dict[str, object]:
    wanted = urllib.request.Request(f"http://127.0.0.1:{port}/report.json", headers={"X-Phonehome": "1"})
    with urllib.request.urlopen(wanted, timeout=5) as answer:
        found: dict[str, object] = json.loads(answer.read() or b"{}")
        return found


def start_server(stack: ExitStack, folder: Path) -> int:
    """Starts the server, and gives its port; it ends when the stack is left."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "benchmarks.live",
        "--server",
        str(port),
        *map(str, certificate(folder, HOST)),
    ]
    stack.callback(_end, subprocess.Popen(command, cwd=ROOT))
    while not listening(port):
        time.sleep(0.1)
    return port


def start(
    names: Sequence[str], server_port: int, folder: Path, stack: ExitStack, lag_options: Sequence[str] = ()
) -> list[Contender]:
    """Starts all of them; each ends when the stack is left."""
    made = []
    for name in names:
        if name == NONE:
            made.append(Contender(name, server_port))
            continue
        port = free_port()
        report_port = free_port() if name in ("live_report", ALL, PROXY) else 0
        home = folder / name.replace(" ", "-")
        home.mkdir()
        arguments = command(name, port, report_port, home)
        if lag_options:
            script = str(ROOT / "benchmarks" / "lag.py")
            arguments += [
                *(("--set", f"scripts={script}") if name == PROXY else ("-s", script)),
                *lag_options,
            ]
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=home,
            env={**os.environ, "XDG_DATA_HOME": str(home), "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        stack.callback(_end, process)
        until = time.monotonic() + START
        while not listening(port):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{name} does not listen")
            time.sleep(0.1)
        if report_port:
            while not listening(report_port):
                time.sleep(0.1)
        made.append(Contender(name, port, report_port, process.pid))
    return made


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def measure(
    names: Sequence[str], rounds: int, connections: int, requests: int
) -> dict[str, list[Turn]]:
    """All rounds."""
    turns: dict[str, list[Turn]] = {name: [] for name in names}
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        server_port = start_server(stack, Path(folder))
        with ExitStack() as proxies:
            load = Load(server_port)
            running = start(names, server_port, Path(folder), proxies)
            for number in range(rounds):
                for contender in running if number % 2 == 0 else reversed(running):
                    result = await turn(load, contender, connections, requests)
                    turns[contender.name].append(result)
                    say(
                        f"round {number + 1}: {contender.name}: {result.rate:,.0f} requests/s, "
                        f"{result.median:.2f} ms, 99 % within {result.worst:.2f} ms"
                    )
            for contender in running:
                if contender.report_port:
                    await asyncio.sleep(2)
                    lost = ask_report(contender.report_port).get("lost")
                    say(f"{contender.name}: {lost} exchanges did not fit into the live report's queue")
    return turns


def table(turns: dict[str, list[Turn]]) -> list[str]:
    """As Markdown."""
    lines = [
        "| through | requests/s | of bare mitmdump's | latency, ms | added, ms | 99th percentile, ms | added, ms "
        "| CPU, µs a request | added, µs | of its helper, µs |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    bare = turns.get(BARE)
    for name, mine in turns.items():
        rate, median, worst, own, helper = (statistics.median(column) for column in zip(*mine, strict=True))
        share = more = more_worst = more_own = ""
        if bare is not None and name not in (BARE, NONE):
            pairs = list(zip(mine, bare, strict=True))
            share = f"{statistics.median(a.rate / b.rate for a, b in pairs):.1%}"
            more = f"{statistics.median(a.median - b.median for a, b in pairs):+.2f}"
            more_worst = f"{statistics.median(a.worst - b.worst for a, b in pairs):+.2f}"
            more_own = f"{statistics.median(a.cpu - b.cpu for a, b in pairs):+.0f}"
        used = "| | |" if math.isnan(own) else f"| {own:.0f} | {more_own} | {helper:.0f} |"
        lines.append(
            f"| {label(name)} | {rate:,.0f} | {share} | {median:.2f} | {more} | {worst:.2f} | {more_worst} {used}"
        )
    return lines


def label(name: str) -> str:
    if name in (*ADDONS, CAPTURE):
        return f"`mitmdump -s addons/{name}.py`"
    if name == IDLE:
        return "`mitmdump` with three addons that do nothing"
    if name == ALL:
        return f"`mitmdump` with our three (asked for: {ASKED:.0%})"
    return name if name == NONE else f"`{name}`"


async def serve(port: int, chain: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    server = await asyncio.get_running_loop().create_server(
        Server, "127.0.0.1", port, ssl=context, backlog=1000
    )
    await server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0], epilog="Takes two to three minutes with the defaults."
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=3000, help="of each turn (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=CONTENDERS, help=f"of: {', '.join(CONTENDERS)}"
    )
    parser.add_argument(
        "--lag", action="store_true", help="measure how long the event loop is held up, instead"
    )
    parser.add_argument("--server", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.server:
        with suppress(KeyboardInterrupt):
            port, *tls = options.server
            asyncio.run(serve(int(port), *tls))
        return
    if min(options.rounds, options.requests, options.connections) < 1:
        parser.error("--rounds, --requests and --connections are at least 1")
    names = [name for name in CONTENDERS if not options.only or name in (*options.only, BARE)]
    if options.lag:
        names = [name for name in names if name not in (NONE, *ADDONS, IDLE, SAVING, CAPTURE)]
        print("\n".join([f"{machine()}.", "", *asyncio.run(lag(names, options.requests))]))
        return
    turns = asyncio.run(measure(names, options.rounds, options.connections, options.requests))
    print(
        "\n".join(
            [
                f"{machine()}. {options.rounds} rounds of {options.requests:,} requests over "
                f"{options.connections} connections, medians.",
                "",
                *table(turns),
            ]
        )
    )


if __name__ == "__main__":
    main()
