"""`--cluster`: the same bytes as on one machine, also when a worker is killed; and what cannot work is one line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from distributed import Client

from benchmarks.make_capture import make
from phonehome import cluster
from phonehome.analysis import pipeline
from phonehome.cli import main

CAPTURES = Path(__file__).parents[2] / "captures"
WORKERS = 3


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler and its workers, each a process, as on machines of their own."""
    note = tmp_path_factory.mktemp("cluster") / "scheduler.json"
    common = [sys.executable, "-m", "dask"]
    where = ["--scheduler-file", str(note), "--no-dashboard", "--host", "127.0.0.1"]
    commands = [[*common, "scheduler", "--port", "0", *where]]
    commands += [[*common, "worker", "--nthreads", "1", "--no-nanny", *where]] * WORKERS
    with ExitStack() as stack:
        for command in commands:
            process = stack.enter_context(
                subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=note.parent)
            )
            stack.callback(process.kill)
        for _ in range(600):
            if note.exists() and note.stat().st_size:
                break
            time.sleep(0.1)
        address: str = json.loads(note.read_text())["address"]
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(WORKERS, timeout=60)
        yield address


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("captures")
    for number in range(24):
        make(folder / f"{number:02}.mitm", 10, number)
    return [*map(str, sorted(CAPTURES.glob("*.mitm"))), *map(str, sorted(folder.iterdir()))]


def report(path: Path, captures: list[str], *more: str) -> bytes:
    assert main(["report", *captures, "-o", str(path), "--format", "json", "--quiet", *more]) == 0
    return path.read_bytes()


def test_the_same_bytes_although_a_worker_is_killed(
    scheduler: str, captures: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = report(tmp_path / "here.json", captures)
    assert report(tmp_path / "there.json", captures, "--cluster", scheduler) == here
    with Client(scheduler, set_as_default=False) as client:
        victim = next(iter(client.run(os.getpid).values()))
    seen = 0

    def submit(self: Any, *arguments: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == 5:
            os.kill(victim, signal.SIGKILL)
        return original(self, *arguments)

    original = cluster._Tasks.submit
    monkeypatch.setattr(cluster._Tasks, "submit", submit)
    assert report(tmp_path / "again.json", captures, "--cluster", scheduler) == here
    assert seen >= len(captures)


def test_no_scheduler_is_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "WAIT", 1)
    sample = str(CAPTURES / "nokia-7-plus-fixed.mitm")
    assert main(["report", sample, "--cluster", "tcp://127.0.0.1:1", "--quiet"]) == 2
    assert "no scheduler answers there" in capsys.readouterr().err


def test_workers_of_another_version_are_a_line(
    scheduler: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phonehome.analysis.__version__", "0.0.1")
    sample = str(CAPTURES / "nokia-7-plus-fixed.mitm")
    assert main(["report", sample, "--cluster", scheduler, "--quiet"]) == 2
    assert "this machine 0.0.1: install the same" in capsys.readouterr().err


def test_what_takes_every_worker_down_is_lost_and_named() -> None:
    """Dask gives a task up after it ended several workers; here it is as if a process had died."""

    class Gone(cluster._Tasks):
        def __init__(self) -> None:
            pass

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            from concurrent.futures import Future

            from distributed.scheduler import KilledWorker

            inner: Future[Any] = Future()
            inner.set_exception(KilledWorker("task", cast("Any", SimpleNamespace(address="tcp://gone")), 3))
            outer: Future[Any] = Future()
            cluster._hand_on(outer, inner)
            return outer

        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            pass

    sample = str(CAPTURES / "nokia-7-plus-fixed.mitm")
    assert pipeline.read_captures([sample], executors=Gone).errors == {sample: pipeline.DIED}
