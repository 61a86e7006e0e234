"""Dividing captures among workers: the same whatever their number, and no file costs another."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.make_capture import make
from phonehome.analysis import pipeline
from phonehome.analysis.examiner import examine_all
from phonehome.analysis.report.model import Report
from phonehome.analysis.transmission import Transmission

SAMPLES = sorted((Path(__file__).parents[1] / "captures").glob("*.mitm"))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers and many parts for captures of any size."""
    monkeypatch.setattr(pipeline, "WORTH_WORKERS", 1)
    monkeypatch.setattr(pipeline, "PART", 30_000)


def counted(report: Report) -> dict[str, tuple[int, int]]:
    """Transmissions and identifiers for each device."""
    return {
        id_: (
            sum(seen.transmissions for at in device.destinations.values() for seen in at.values()),
            sum(seen.identifiers_found for at in device.destinations.values() for seen in at.values()),
        )
        for id_, device in report.devices.items()
    }


@pytest.mark.usefixtures("small")
def test_the_same_whatever_the_number_of_workers(tmp_path: Path) -> None:
    big = tmp_path / "big.mitm"
    make(big, 400)
    paths = [str(big), *map(str, SAMPLES)]
    alone = pipeline.read_captures(paths, 1)
    for workers in (2, 3):
        together = pipeline.read_captures(paths, workers)
        assert counted(together.report) == counted(alone.report)
        assert together.files == alone.files
        assert {
            path: (seen.transmissions, list(seen.warnings)) for path, seen in together.report.captures.items()
        } == {path: (seen.transmissions, list(seen.warnings)) for path, seen in alone.report.captures.items()}
    assert sum(count for count, _ in counted(alone.report).values()) > 400


@pytest.mark.usefixtures("small")
def test_a_file_that_gives_nothing_costs_no_other(tmp_path: Path) -> None:
    empty, damaged = tmp_path / "empty.mitm", tmp_path / "damaged.mitm"
    empty.write_bytes(b"")
    sample = SAMPLES[0].read_bytes()
    damaged.write_bytes(sample[: len(sample) // 3] + b"\x00" * 500 + sample[len(sample) // 3 + 500 :])
    paths = [str(empty), str(SAMPLES[0]), str(tmp_path / "missing.mitm"), str(damaged)]
    for workers in (1, 2):
        result = pipeline.read_captures(paths, workers)
        assert [Path(error["path"]).name for error in result.errors] == ["empty.mitm", "missing.mitm"]
        assert [file.path for file in result.files] == [str(SAMPLES[0]), str(damaged)]
        warnings = list(result.report.captures[str(damaged)].warnings)
        assert len(warnings) == 1
        assert "skipped" in warnings[0]


def test_warnings_stand_in_the_order_of_the_file() -> None:
    lines = [
        "damaged from byte 900 to byte 1000",
        "damaged from byte 90 to byte 100",
        "cut off at byte 12345",
    ]
    assert sorted(lines, key=pipeline._by_place) == [lines[2], lines[1], lines[0]]


def test_a_fault_of_ours_costs_one_transmission(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(batch: list[Transmission], *asked: object) -> object:
        raise ZeroDivisionError

    whole = pipeline.read_captures([str(SAMPLES[0])], 1)
    monkeypatch.setattr(pipeline, "examine_all", failing)
    assert counted(pipeline.read_captures([str(SAMPLES[0])], 1).report) == counted(whole.report)

    seen = 0

    def sometimes(sent: Transmission, *asked: object) -> object:
        nonlocal seen
        seen += 1
        if seen == 5:
            raise ZeroDivisionError
        return examine_all([sent])[0]

    monkeypatch.setattr(pipeline, "examine", sometimes)
    result = pipeline.read_captures([str(SAMPLES[0])], 1)
    assert [count for count, _ in counted(result.report).values()] == [
        count for count, _ in counted(whole.report).values()
    ]
    (warnings,) = [capture.warnings for capture in result.report.captures.values()]
    assert any("a fault of phonehome (ZeroDivisionError)" in line for line in warnings)


ENDED = """
import os, signal, sys
from phonehome.analysis import pipeline

pipeline.WORTH_WORKERS = 1
pipeline._may_fork = lambda: True  # a worker that was spawned would not know of the next line
pipeline._read_file = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
result = pipeline.read_captures([sys.argv[1]], 2)
print(len(result.files), len(result.report.devices), result.errors)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_a_worker_that_is_ended_is_said() -> None:
    """As the system does when memory runs out. In a process of its own, since this one may have threads."""
    command = [sys.executable, "-c", ENDED, str(SAMPLES[0])]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.startswith("0 0 [{")
    assert "ended from outside" in said
    assert "--workers 1" in said


def test_forks_only_without_threads() -> None:
    """In a process of its own, since tests before this one may have started threads."""
    program = (
        "import threading; from phonehome.analysis import pipeline; print(pipeline._may_fork());"
        "e = threading.Event(); t = threading.Thread(target=e.wait); t.start(); print(pipeline._may_fork());"
        "e.set(); t.join()"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(sys.platform == "linux"), "False"]


def test_batches_bound_what_they_hold() -> None:
    def sent(size: int) -> Transmission:
        return Transmission(time=0, payloads=(b"x" * size,))

    def large() -> Iterator[Transmission]:
        for _ in range(5):
            yield sent(pipeline.BATCH_BYTES // 2)

    assert [len(batch) for batch in pipeline._batches(large())] == [2, 2, 1]
    assert [len(batch) for batch in pipeline._batches(sent(1) for _ in range(pipeline.BATCH + 1))] == [
        pipeline.BATCH,
        1,
    ]
    assert list(pipeline._batches(())) == []


def test_progress_reaches_the_end() -> None:
    calls: list[tuple[int, int]] = []
    paths = [str(path) for path in SAMPLES]
    pipeline.read_captures(paths, 1, lambda done, total: calls.append((done, total)))
    total = sum(path.stat().st_size for path in SAMPLES)
    assert calls[-1] == (total, total)
    assert calls == sorted(calls)
