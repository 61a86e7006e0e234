"""Dividing captures among workers: the same whatever their number, and no file costs another."""

import os
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.make_capture import make
from phonehome.analysis import pipeline
from phonehome.analysis.decoding import Decoded, Decoder
from phonehome.analysis.report.model import DeviceKey, Report
from phonehome.analysis.transmission import Transmission

SAMPLES = sorted((Path(__file__).parents[1] / "captures").glob("*.mitm"))


pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tasks, whatever the size of the captures."""
    monkeypatch.setattr(pipeline, "PART", 30_000)
    monkeypatch.setattr(pipeline, "PARTS", 1)


def processes(count: int) -> pipeline.Executors:
    """Executors with so many processes, whatever there is to read."""
    return partial(ProcessPoolExecutor, count)


def counted(report: Report) -> dict[DeviceKey, tuple[int, int]]:
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
    alone = pipeline.read_captures(paths)
    for workers in (2, 3):
        together = pipeline.read_captures(paths, executors=processes(workers))
        assert counted(together.report) == counted(alone.report)
        assert together.files == alone.files
        assert {
            path: (seen.transmissions, list(seen.warnings)) for path, seen in together.report.captures.items()
        } == {path: (seen.transmissions, list(seen.warnings)) for path, seen in alone.report.captures.items()}
    assert sum(count for count, _ in counted(alone.report).values()) > 400


@pytest.mark.usefixtures("small")
def test_captures_keep_the_order_in_which_they_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [*map(str, SAMPLES)]

    def last_first(futures: Iterable[Future[Any]], **how: Any) -> Any:
        return SimpleNamespace(done=list(futures)[::-1])

    monkeypatch.setattr(pipeline, "wait", last_first)
    for given in (paths, paths[::-1]):
        assert list(pipeline.read_captures(given).report.captures) == given


def test_a_file_that_gives_nothing_costs_no_other(tmp_path: Path) -> None:
    empty, damaged = tmp_path / "empty.mitm", tmp_path / "damaged.mitm"
    empty.write_bytes(b"")
    sample = SAMPLES[0].read_bytes()
    damaged.write_bytes(sample[: len(sample) // 3] + b"\x00" * 500 + sample[len(sample) // 3 + 500 :])
    paths = [str(empty), str(SAMPLES[0]), str(tmp_path / "missing.mitm"), str(damaged)]
    for executors in (pipeline.InThisProcess, processes(2)):
        result = pipeline.read_captures(paths, executors=executors)
        assert sorted(Path(path).name for path in result.errors) == ["empty.mitm", "missing.mitm"]
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
    whole = pipeline.read_captures([str(SAMPLES[0])])
    decode, seen = Decoder.decode, 0

    def sometimes(self: Decoder, sent: Transmission) -> Decoded:
        nonlocal seen
        seen += sent.path == "/generate_204"
        if sent.path == "/generate_204" and seen == 5:
            seen -= 1  # each time that it is tried
            raise ZeroDivisionError
        return decode(self, sent)

    monkeypatch.setattr(Decoder, "decode", sometimes)
    result = pipeline.read_captures([str(SAMPLES[0])])
    assert [count for count, _ in counted(result.report).values()] == [
        count for count, _ in counted(whole.report).values()
    ]
    (capture,) = result.report.captures.values()
    assert capture.faults.total() >= 1
    assert {name.split()[0] for name in capture.faults} == {"ZeroDivisionError"}


def test_a_worker_that_is_ended_costs_its_task_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system does when memory runs out."""
    fatal = tmp_path / "fatal.mitm"
    make(fatal, 20)
    monkeypatch.setattr(pipeline, "read", _read_or_die)
    paths = [str(fatal), *map(str, SAMPLES)]
    result = pipeline.read_captures(paths, executors=processes(2))
    assert result.errors == {str(fatal): pipeline.DIED}
    assert counted(result.report) == counted(pipeline.read_captures(paths[1:]).report)
    assert [file.path for file in result.files] == paths


def _read_or_die(task: pipeline.Task) -> pipeline.Totals:
    if Path(task.path).name == "fatal.mitm":
        os.kill(os.getpid(), signal.SIGKILL)
    return pipeline_read(task)


pipeline_read = pipeline.read


def test_a_copy_is_read_once_and_named(tmp_path: Path) -> None:
    copy = tmp_path / "backup.mitm"
    copy.write_bytes(SAMPLES[0].read_bytes())
    result = pipeline.read_captures([*map(str, SAMPLES), str(copy)])
    assert result.copies == {str(copy): str(SAMPLES[0])}
    assert counted(result.report) == counted(pipeline.read_captures([*map(str, SAMPLES)]).report)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("executors", [pipeline.InThisProcess, processes(2)], ids=["here", "processes"])
def test_flows_that_several_captures_hold_count_once(tmp_path: Path, executors: pipeline.Executors) -> None:
    """As saves of a session that goes on."""
    whole, flows = SAMPLES[1], list(flows_of(SAMPLES[1]))
    early, late, apart = (tmp_path / name for name in ("early.mitm", "late.mitm", "apart.mitm"))
    early.write_bytes(b"".join(flows[:60]))
    late.write_bytes(b"".join(flows[40:]))
    make(apart, 30)
    paths = [str(early), str(late), str(apart)]
    result = pipeline.read_captures(paths, executors=executors)
    captures = result.report.captures
    assert [captures[path].repeated for path in paths] == [0, 20, 0]
    alone = pipeline.read_captures([str(whole)]).report
    assert totals(result.report, early, late) == totals(alone, whole)
    assert totals(result.report, apart) == totals(pipeline.read_captures([str(apart)]).report, apart)


def test_saves_that_overlap_are_read_anew_together(tmp_path: Path) -> None:
    """A pool, or a cluster, takes long to begin: there is not one for each."""
    flows = list(flows_of(SAMPLES[1]))
    saves = [tmp_path / f"{place:02}.mitm" for place in range(5)]
    for place, save in enumerate(saves):
        save.write_bytes(b"".join(flows[: 40 + 5 * place]))
    asked: list[None] = []

    def executors() -> pipeline.InThisProcess:
        asked.append(None)
        return pipeline.InThisProcess()

    captures = pipeline.read_captures(list(map(str, saves)), executors=executors).report.captures
    assert [captures[str(save)].repeated for save in saves] == [0, 40, 45, 50, 55]
    assert len(asked) == 2


def totals(report: Report, *paths: Path) -> tuple[int, int]:
    """Transmissions and identifiers in these captures."""
    found = [count for key, count in counted(report).items() if key.capture in map(str, paths)]
    return sum(sent for sent, _ in found), sum(identifiers for _, identifiers in found)


def flows_of(path: Path) -> Iterator[bytes]:
    """The flows of a file as they stand."""
    data = path.read_bytes()
    while data:
        length, _, _ = data.partition(b":")
        end = len(length) + 1 + int(length) + 1
        yield data[:end]
        data = data[end:]


def test_a_report_merged_with_itself_is_that_report(tmp_path: Path) -> None:
    paths = [*map(str, SAMPLES)]
    one, same = pipeline.read_captures(paths).report, pipeline.read_captures(paths).report
    before = counted(one)
    one.merge(same)
    assert counted(one) == before


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
    pipeline.read_captures(paths, progress=lambda done, total: calls.append((done, total)))
    total = sum(path.stat().st_size for path in SAMPLES)
    assert calls[-1] == (total, total)
    assert calls == sorted(calls)
