"""How fast a capture is read and reported, beside mitmproxy: `python -m benchmarks.replay`

Makes the capture if it is not there (in benchmarks/data), then measures all contenders in one run, in turn,
several rounds; in every second round in the opposite order, so that a machine that warms up or is busy for a
while favours none. Ratios are taken within a round, and their median is printed.

- `mitmdump -nr FILE -q`: the whole program.
- FlowReader: a bare loop over mitmproxy's reader, the time of the loop alone.
- reading: a bare loop over `phonehome.analysis.sources`, on one core,
  the time of the loop alone.
- report: the whole command, `phonehome report FILE`, JSON to a file, on two cores.

Memory is the most that any one process held, workers included (VmHWM, on Linux; elsewhere it is not known).
Pages of the mapped capture count as held while they are in memory.

With the defaults (50,000 flows, 3 rounds) it takes four to six minutes, most of it mitmdump's.
"""

import argparse
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "benchmarks" / "data"
CONTENDERS = ("mitmdump", "flowreader", "reading", "report")
EXTRA = ("linear", "help")
NAMES = {
    "mitmdump": "`mitmdump -nr FILE -q`",
    "flowreader": "loop over mitmproxy's `FlowReader`",
    "reading": "loop over `phonehome.analysis.sources`, one core",
    "report": "`phonehome report FILE`, two cores",
}
ASKED = {
    "reading": ("flowreader", 8.0),
    "report": ("mitmdump", 12.0),
}
"""What is asked for: that many times as fast as that one."""
ASKED_MEMORY = 200
"""Megabytes for each process of ours."""
ASKED_HELP = 0.2
"""Seconds."""
PATIENCE = 600
"""Seconds after which a process is ended."""


class Run(NamedTuple):
    """One process from start to end."""

    seconds: float
    """Of the whole process, or what it said of its loop."""
    megabytes: float
    """Peak of the largest process."""


def capture(flows: int) -> Path:
    """The capture of that many flows, made if it is missing."""
    path = DATA / f"{flows}-flows.mitm"
    if not path.exists():
        from benchmarks.make_capture import make

        DATA.mkdir(parents=True, exist_ok=True)
        say(f"making {path.name}")
        make(path, flows)
    return path


def contender(name: str, path: Path, folder: Path) -> tuple[list[str], int, bool]:
    """Command, cores, and whether it prints the seconds to go by."""
    worker = [sys.executable, "-m", "benchmarks.replay", "--loop", name, str(path)]
    commands: dict[str, tuple[list[str], int, bool]] = {
        "mitmdump": ([*program("mitmdump"), "-nr", str(path), "-q"], 2, False),
        "flowreader": (worker, 1, True),
        "reading": (worker, 1, True),
        "report": (
            [
                *program("phonehome"),
                *("report", str(path), "--quiet", "--workers", "2"),
                *("--format", "json", "--output", str(folder / "report.json")),
            ],
            2,
            False,
        ),
    }
    return commands[name]


def program(name: str) -> list[str]:
    """The program beside this Python, or the first on the path. Raises SystemExit if there is none."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed beside {sys.executable}")
    return [found]


def run(command: Sequence[str], cores: int, *, own_clock: bool = False) -> Run:
    """Run a command on so many cores. Raises SystemExit if it fails or does not end."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_bound_to(cores),
        start_new_session=True,
    )
    peaks: dict[int, int] = {}
    seconds = 0.0
    while process.poll() is None:
        for pid in _session(process.pid):
            peaks[pid] = max(peaks.get(pid, 0), _peak(pid))
        seconds = time.perf_counter() - start
        if seconds > PATIENCE:
            os.killpg(process.pid, signal.SIGKILL)
            raise SystemExit(f"ended after {PATIENCE} s: {' '.join(command)}")
        try:
            # Waiting, not sleeping, so that the end is seen when it comes. These programs print little,
            # so that a full pipe does not stop them.
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            pass
    seconds = time.perf_counter() - start
    output, errors = process.communicate()
    if process.returncode:
        raise SystemExit(f"exit status {process.returncode}: {' '.join(command)}\n{errors[-2000:]}")
    if own_clock:
        seconds = float(output.split()[-1])
    return Run(seconds, max(peaks.values(), default=0) / 1000)


def _bound_to(cores: int) -> Callable[[], None] | None:
    if not hasattr(os, "sched_setaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    return lambda: os.sched_setaffinity(0, allowed)


def _session(leader: int) -> list[int]:
    """All processes of a session (Linux; elsewhere the leader alone)."""
    found = [leader]
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # Fields: proc(5). The name, which may hold blanks, ends with the last bracket.
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if len(fields) > 3 and fields[3] == str(leader):
            found.append(int(entry.parent.name))
    return found


def _peak(pid: int) -> int:
    """Most memory that the process has held, in kilobytes; 0 if unknown."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def loop(name: str, path: Path) -> None:
    """Read all flows and throw them away; print how many, and the seconds that it took."""
    count = 0
    if name == "flowreader":
        from mitmproxy.io import FlowReader

        begin = time.perf_counter()
        with path.open("rb") as file:
            for count, _ in enumerate(FlowReader(file).stream(), 1):  # noqa: B007
                pass
    else:
        from phonehome.analysis.sources import Part, open_source

        begin = time.perf_counter()
        with open_source(path) as source:
            for count, _ in enumerate(source.read(Part(0, path.stat().st_size)), 1):  # noqa: B007
                pass
    print(count, time.perf_counter() - begin)


def warm(path: Path) -> None:
    """Read the file once, so that the first contender does not pay for the disk."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


def machine() -> str:
    cpu = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    from importlib.metadata import version

    return (
        f"{cpu}, {os.cpu_count()} cores, {platform.system()} {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}, mitmproxy {version('mitmproxy')}"
    )


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def compare(flows: int, rounds: int, only: Iterable[str]) -> list[str]:
    """The main table."""
    names = [name for name in CONTENDERS if name in only]
    if not names:
        return []
    path = capture(flows)
    warm(path)
    runs: dict[str, list[Run]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for name in names if number % 2 == 0 else reversed(names):
                command, cores, own_clock = contender(name, path, Path(folder))
                result = run(command, cores, own_clock=own_clock)
                runs[name].append(result)
                say(f"round {number + 1}: {name} {result.seconds:.2f} s, {result.megabytes:.0f} MB")
    lines = [
        f"{flows:,} flows, {path.stat().st_size / 1e6:.0f} MB, medians of {rounds} rounds.",
        "",
        "| what | seconds | flows/s | times mitmdump | times FlowReader | asked for | peak memory, MB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name in names:
        seconds = statistics.median(result.seconds for result in runs[name])
        memory = max(result.megabytes for result in runs[name])
        against = [
            f"{ratio(runs[base], runs[name]):.1f}" if base in runs else ""
            for base in ("mitmdump", "flowreader")
        ]
        asked = f"{ASKED[name][1]:.0f} x {ASKED[name][0]}, {ASKED_MEMORY} MB" if name in ASKED else ""
        cells = [NAMES[name], f"{seconds:.2f}", f"{flows / seconds:,.0f}", *against, asked, f"{memory:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def ratio(slow: Sequence[Run], fast: Sequence[Run]) -> float:
    """How many times as fast: the median of the ratios within each round."""
    return statistics.median(a.seconds / b.seconds for a, b in zip(slow, fast, strict=True))


def linear(flows: int, rounds: int) -> list[str]:
    """Whether time is linear in flows, and memory flat."""
    sizes = [max(1, flows // 10), max(1, flows // 2), flows]
    lines = [
        "",
        "| flows | MB | report, seconds | microseconds per flow | peak memory, MB |",
        "|--:|--:|--:|--:|--:|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path = capture(size)
            warm(path)
            command, cores, _ = contender("report", path, Path(folder))
            results = [run(command, cores) for _ in range(rounds)]
            seconds = statistics.median(result.seconds for result in results)
            memory = max(result.megabytes for result in results)
            say(f"linear: {size} flows {seconds:.2f} s, {memory:.0f} MB")
            lines.append(
                f"| {size:,} | {path.stat().st_size / 1e6:.0f} | {seconds:.2f} | {seconds / size * 1e6:.0f} "
                f"| {memory:.0f} |"
            )
    return lines


def start_up(rounds: int) -> list[str]:
    """How long the command takes to say what it can do."""
    command = [*program("phonehome"), "--help"]
    run(command, 1)
    seconds = statistics.median(run(command, 1).seconds for _ in range(3 * rounds))
    say(f"help: {seconds:.3f} s")
    return ["", f"`phonehome --help`: {seconds:.2f} s (asked for: {ASKED_HELP} s)."]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        epilog="Takes four to six minutes with the defaults; --only leaves out what you do not need.",
    )
    parser.add_argument("--flows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--only", nargs="+", choices=(*CONTENDERS, *EXTRA), default=[*CONTENDERS, *EXTRA], metavar="WHAT"
    )
    parser.add_argument("--loop", nargs=2, metavar=("NAME", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.loop:
        loop(options.loop[0], Path(options.loop[1]))
        return
    if options.flows < 1 or options.rounds < 1:
        parser.error("--flows and --rounds are at least 1")
    begin = time.perf_counter()
    lines = [machine() + ".", "", *compare(options.flows, options.rounds, options.only)]
    if "linear" in options.only:
        lines += linear(options.flows, options.rounds)
    if "help" in options.only:
        lines += start_up(options.rounds)
    print("\n".join(lines))
    say(f"took {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
