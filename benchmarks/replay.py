"""How fast a capture is read and reported, beside mitmproxy: `python -m benchmarks.replay [--kind KIND ...]`

Makes the captures if they are not there (`make_capture`, in benchmarks/data), then measures all contenders in one run,
in turn, several rounds; in every second round in the opposite order, so that a machine that warms up or is busy for a
while favours none. Ratios are taken within a round, and their median is printed.

- `mitmdump -nr FILE -q`: the whole program.
- FlowReader: a bare loop over mitmproxy's reader, the loop alone.
- reading: a bare loop over `phonehome.analysis.sources`, on one core, the loop alone.
- report: the whole command, `phonehome report FILE`, JSON to a file, on two cores.

Two figures beside the clock, which says little on a machine that others use: *start* is the processor time (user and
system, workers included) of a capture of one flow, and *slope* that of each further flow. All programs have their
`.pyc` files, in benchmarks/data/pycache, whatever the environment says, and run once before they are measured.

Memory is the most that any one process held, workers included (VmHWM, on Linux; elsewhere it is not known).
Pages of the mapped capture count as held while they are in memory.
"""

import argparse
import os
import platform
import resource
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
LARGE = 300
"""Megabytes from which on the second figure is asked for."""
ASKED = {"phone": (10, 14), "old": (12, 18), "addresses": (6, 6)}
"""What is asked for of a report: so many times as fast as mitmdump, on 60 MB and on 400 MB."""
ASKED_MEMORY = {"addresses": 150}
"""Megabytes for each process of ours; 100 for all others."""
ASKED_HELP = 0.1
"""Seconds."""
PATIENCE = 1800
"""Seconds after which a process is ended."""


class Run(NamedTuple):
    """One process from start to end."""

    seconds: float
    """Of the whole process, or what it said of its loop."""
    megabytes: float
    """Peak of the largest process."""
    cpu: float = 0.0
    """Seconds of processor time, user and system, of all its processes; or what it said of its loop."""


def capture(flows: int, kind: str = "phone") -> Path:
    """The capture of that many flows, made if it is missing."""
    path = DATA / f"{kind}-{flows}-flows.mitm"
    if not path.exists():
        from benchmarks.make_capture import make

        DATA.mkdir(parents=True, exist_ok=True)
        say(f"making {path.name}")
        make(path, flows, kind=kind)
    return path


def environment() -> dict[str, str]:
    """That of all contenders: with `.pyc` files, in a folder of their own."""
    switched_off = "PYTHONDONTWRITEBYTECODE"
    return {name: text for name, text in os.environ.items() if name != switched_off} | {
        "PYTHONPYCACHEPREFIX": str(DATA / "pycache")
    }


def spent() -> float:
    """Seconds of processor time of all processes that this one has started and that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
    before = spent()
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
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
    cpu = spent() - before
    if own_clock:
        own = output.split()
        seconds, cpu = float(own[1]), float(own[-1])
    return Run(seconds, max(peaks.values(), default=0) / 1000, cpu)


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
    """Read all flows and throw them away; print how many, the seconds that it took, and those of the processor."""
    count = 0
    if name == "flowreader":
        from mitmproxy.io import FlowReader

        begin, cpu = time.perf_counter(), time.process_time()
        with path.open("rb") as file:
            for count, _ in enumerate(FlowReader(file).stream(), 1):  # noqa: B007
                pass
    else:
        from phonehome.analysis.sources import Part, open_source

        begin, cpu = time.perf_counter(), time.process_time()
        with open_source(path) as source:
            for count, _ in enumerate(source.read(Part(0, path.stat().st_size)), 1):  # noqa: B007
                pass
    print(count, time.perf_counter() - begin, time.process_time() - cpu)


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


HEAD = (
    "| capture | what | seconds | of the processor | start | slope, µs | times mitmdump | by processor | by slope "
    "| asked for | peak memory, MB |",
    "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
)


def compare(kind: str, flows: int, rounds: int, only: Iterable[str]) -> list[str]:
    """The rows of one kind of capture."""
    names = [name for name in CONTENDERS if name in only]
    path, one = capture(flows, kind), capture(1, kind)
    warm(path)
    runs: dict[str, list[Run]] = {name: [] for name in names}
    starts: dict[str, list[Run]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            command, cores, own_clock = contender(name, one, Path(folder))
            run(command, cores, own_clock=own_clock)
            starts[name] = [run(command, cores, own_clock=own_clock) for _ in range(max(3, rounds))]
        for number in range(rounds):
            for name in names if number % 2 == 0 else reversed(names):
                command, cores, own_clock = contender(name, path, Path(folder))
                result = run(command, cores, own_clock=own_clock)
                runs[name].append(result)
                say(
                    f"{kind}, round {number + 1}: {name} {result.seconds:.2f} s, {result.cpu:.2f} s of the processor, "
                    f"{result.megabytes:.0f} MB"
                )
    megabytes = path.stat().st_size / 1e6
    slopes = {
        name: (median(runs[name], "cpu") - median(starts[name], "cpu")) / max(1, flows - 1) for name in names
    }
    lines = []
    for name in names:
        against = ["", "", ""]
        if "mitmdump" in names:
            base = runs["mitmdump"]
            ratios = (
                ratio(base, runs[name]),
                ratio(base, runs[name], "cpu"),
                slopes["mitmdump"] / slopes[name],
            )
            against = [f"{each:.1f}" for each in ratios]
        asked = ""
        if name == "report" and kind in ASKED:
            asked = f"{ASKED[kind][megabytes >= LARGE]} x, {ASKED_MEMORY.get(kind, 100)} MB"
        cells = [
            f"{kind}, {flows:,} flows, {megabytes:.0f} MB",
            NAMES[name],
            f"{median(runs[name], 'seconds'):.2f}",
            f"{median(runs[name], 'cpu'):.2f}",
            f"{median(starts[name], 'cpu'):.2f}",
            f"{slopes[name] * 1e6:.0f}",
            *against,
            asked,
            f"{max(result.megabytes for result in runs[name]):.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def median(runs: Sequence[Run], what: str) -> float:
    """Of one figure of some runs."""
    return float(statistics.median(getattr(each, what) for each in runs))


def ratio(slow: Sequence[Run], fast: Sequence[Run], what: str = "seconds") -> float:
    """How many times as fast: the median of the ratios within each round."""
    ratios = (getattr(a, what) / max(getattr(b, what), 1e-6) for a, b in zip(slow, fast, strict=True))
    return float(statistics.median(ratios))


def linear(flows: int, rounds: int) -> list[str]:
    """Whether time is linear in flows, and memory flat."""
    sizes = [max(1, flows // 10), max(1, flows // 2), flows]
    lines = [
        "",
        "| flows | MB | report, seconds | of the processor | µs of it per flow | peak memory, MB |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path = capture(size)
            warm(path)
            command, cores, _ = contender("report", path, Path(folder))
            results = [run(command, cores) for _ in range(rounds)]
            seconds, cpu = median(results, "seconds"), median(results, "cpu")
            memory = max(result.megabytes for result in results)
            say(f"linear: {size} flows {seconds:.2f} s, {memory:.0f} MB")
            lines.append(
                f"| {size:,} | {path.stat().st_size / 1e6:.0f} | {seconds:.2f} | {cpu:.2f} "
                f"| {cpu / size * 1e6:.0f} | {memory:.0f} |"
            )
    return lines


def start_up(rounds: int) -> list[str]:
    """How long the command takes to say what it can do."""
    command = [*program("phonehome"), "--help"]
    run(command, 1)
    runs = [run(command, 1) for _ in range(3 * rounds)]
    seconds, cpu = median(runs, "seconds"), median(runs, "cpu")
    say(f"help: {seconds:.3f} s, {cpu:.3f} s of the processor")
    return [
        "",
        f"`phonehome --help`: {seconds:.2f} s, {cpu:.2f} s of the processor (asked for: {ASKED_HELP} s).",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        epilog="mitmdump takes most of the time; --only leaves out what you do not need.",
    )
    parser.add_argument("--kind", nargs="+", default=["phone"], help="of captures, as make_capture has them")
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
    lines = [f"{machine()}; medians of {options.rounds} rounds.", ""]
    if not set(options.only).isdisjoint(CONTENDERS):
        lines += HEAD
        for kind in options.kind:
            lines += compare(kind, options.flows, options.rounds, options.only)
    if "linear" in options.only:
        lines += linear(options.flows, options.rounds)
    if "help" in options.only:
        lines += start_up(options.rounds)
    print("\n".join(lines))
    say(f"took {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
