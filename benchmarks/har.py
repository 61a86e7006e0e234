"""How fast a HAR file is read and reported, beside the flow file that it was exported from: `python -m benchmarks.har`

The capture is that of `replay`, exported by mitmproxy's own code; both are measured in turn, several rounds, and the
ratios are taken within a round. The reading loop is timed alone, on one core, and counts entries; a HAR file has only
the HTTP of its capture.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.replay import Run, capture, contender, ratio, run, say
from phonehome.analysis.pipeline import PART
from phonehome.analysis.sources import open_source


def exported(flows: Path) -> Path:
    """The same capture as a HAR file, made if it is missing; entry by entry, because mitmproxy holds all in memory."""
    path = flows.with_suffix(".har")
    if not path.exists():
        from mitmproxy import http
        from mitmproxy.addons.savehar import SaveHar
        from mitmproxy.io import FlowReader

        say(f"making {path.name}")
        with flows.open("rb") as source, path.open("w") as out:
            out.write(
                '{"log": {"version": "1.2", "creator": {"name": "mitmproxy", "version": "12"}, "entries": ['
            )
            comma = ""
            for flow in FlowReader(source).stream():
                if isinstance(flow, http.HTTPFlow):
                    out.write(comma + json.dumps(SaveHar().flow_entry(flow, set()), indent=4))
                    comma = ",\n"
            out.write("]}}")
    return path


def loop(path: Path) -> None:
    """Plans and reads a capture, and throws away what it gives; prints how many that were, and the seconds."""
    count, begin = 0, time.process_time()
    with open_source(path) as source:
        for part in source.plan(PART).parts:
            count += sum(1 for _ in source.read(part))
    print(count, time.process_time() - begin)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description="Reads and reports one capture in two formats.")
    parser.add_argument("--flows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loop", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.loop:
        loop(asked.loop)
        return
    flows = capture(asked.flows)
    paths = (flows, exported(flows))
    print("| what | format | MB | seconds | times the flow file's | peak memory, MB |")
    print("|---|---|--:|--:|--:|--:|")
    for name in ("reading", "report"):
        runs: dict[Path, list[Run]] = {path: [] for path in paths}
        with tempfile.TemporaryDirectory() as folder:
            for number in range(asked.rounds):
                for path in paths[:: -1 if number % 2 else 1]:
                    command, cores, own = contender(name, path, Path(folder))
                    if own:
                        command = [sys.executable, "-m", "benchmarks.har", "--loop", str(path)]
                    runs[path].append(run(command, cores, own_clock=own))
        for path in paths:
            seconds = statistics.median(each.seconds for each in runs[path])
            memory = max(each.megabytes for each in runs[path])
            print(
                f"| {name} | {path.suffix[1:]} | {path.stat().st_size / 1e6:,.0f} | {seconds:.2f} "
                f"| {ratio(runs[path], runs[flows]):.2f} | {memory:.0f} |"
            )


if __name__ == "__main__":
    main()
