"""Totals on disk: a run goes on where one before was ended, and nothing is believed that another could have written."""

import json
import os
import pickle
import signal
import subprocess
import sys
import zlib
from collections import Counter
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from benchmarks.make_capture import make
from captures.flows import build_flow, write_flows
from phonehome.analysis import pipeline, state
from phonehome.analysis.cache import digest
from phonehome.cli import main

CAPTURES = Path(__file__).parents[1] / "captures"
SAMPLES = [str(path) for path in sorted(CAPTURES.glob("*.mitm"))][:2]

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def report(folder: Path, paths: list[str], *more: str) -> Any:
    path = folder.with_name("report.json")
    assert main(["report", *paths, "-o", str(path), "--state", str(folder), "--quiet", *more]) == 0
    return json.loads(path.read_text())


def read(
    folder: Path, paths: list[str], executors: pipeline.Executors = pipeline.InThisProcess
) -> pipeline.Reading:
    return pipeline.read_captures(paths, executors=executors, state=state.open_folder(str(folder)))


def test_what_was_read_is_not_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = report(folder, SAMPLES)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "read", None)  # nobody calls it
        assert report(folder, SAMPLES) == first
    kept = len(list(folder.iterdir()))
    assert kept == len(SAMPLES)
    next(folder.iterdir()).write_bytes(b"damaged")
    assert report(folder, SAMPLES) == first
    assert "1 files are damaged, or another user's; they were not used" in capsys.readouterr().err
    report(folder, SAMPLES, "--depth", "3")  # other options, other totals
    assert len(list(folder.iterdir())) == 2 * kept


def test_large_captures_are_kept_by_task(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "PART", 30_000)
    monkeypatch.setattr(pipeline, "PARTS", 1)
    make(tmp_path / "big.mitm", 100)
    early = (tmp_path / "big.mitm").read_bytes()
    first = read(folder, [str(tmp_path / "big.mitm")])
    again = read(folder, [str(tmp_path / "big.mitm")])
    assert again.report == first.report
    assert again.files == first.files
    assert again.state[pipeline.TAKEN] == len(list(folder.iterdir())) > 3
    (tmp_path / "big.mitm").write_bytes(early.replace(b"10.42.0.11", b"10.42.0.19"))
    changed = read(folder, [str(tmp_path / "big.mitm")])
    assert not changed.state
    assert any(key.id == "10.42.0.19" for key in changed.report.devices)


def test_a_capture_that_changes_while_it_is_read_is_not_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = tmp_path / "a.mitm"
    write_flows(capture, [build_flow("https://a.example/")])

    def grow(task: pipeline.Task) -> pipeline.Totals:
        result = original(task)
        with capture.open("ab") as file:
            file.write(b" ")
        return result

    original = pipeline.read
    monkeypatch.setattr(pipeline, "read", grow)
    read(folder, [str(capture)])
    assert not list(folder.iterdir())


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("/tmp/phonehome-was-here",)


def test_what_is_damaged_or_made_up_is_not_used(folder: Path) -> None:
    first = read(folder, SAMPLES).report
    files = sorted(folder.iterdir())
    whole = files[0].read_bytes()
    head = whole[: len(b"phonehome totals 1\n") + 32]
    evil = zlib.compress(pickle.dumps(Evil()))
    bomb = zlib.compress(b"\0" * 100_000)
    for content in (
        b"",
        whole[:-1],
        whole[:100] + bytes([whole[100] ^ 1]) + whole[101:],
        head + digest(evil) + evil,
        head + digest(bomb) + bomb,
        files[1].read_bytes(),
    ):
        files[0].write_bytes(content)
        result = read(folder, SAMPLES)
        assert result.report == first
        assert result.state == Counter({pipeline.DAMAGED: 1, pipeline.TAKEN: len(SAMPLES) - 1})
        assert files[0].read_bytes()[: len(head)] == head
    files[0].chmod(0o622)
    assert read(folder, SAMPLES).state[pipeline.DAMAGED] == 1
    files[0].unlink()
    files[0].symlink_to(files[1])
    assert read(folder, SAMPLES).state[pipeline.DAMAGED] == 1
    assert not Path("/tmp/phonehome-was-here").exists()


def test_only_totals_are_unpacked() -> None:
    with pytest.raises(pickle.UnpicklingError, match="no part of totals"):
        state.unpacked(pickle.dumps(Evil()))


def test_a_folder_that_others_can_read_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.mkdir(mode=0o755)
    arguments = ["report", *SAMPLES, "--quiet", "--state"]
    assert main([*arguments, str(folder)]) == 2
    assert "is open to other users, and totals hold identifiers: chmod 700 it" in capsys.readouterr().err
    (folder / "file").write_text("")
    assert main([*arguments, str(folder / "file")]) == 2
    assert "is no folder" in capsys.readouterr().err


def test_a_full_disk_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state, "keep", full)
    report(folder, SAMPLES)
    assert f"{len(SAMPLES)} totals could not be kept: No space left on device" in capsys.readouterr().err


def test_any_text_of_a_capture_is_kept(folder: Path, tmp_path: Path) -> None:
    body = b'{"android_id": "ffffaaaa\\ud800bbbb", "email": "\\ud83da@b.example", "text\\udc00": "a long text\\udc00"}'
    headers = [("Content-Type", "application/json"), ("User-Agent", "Dalvik/2.1.0 (Linux; Android 9)")]
    flow = build_flow("https://a.example/", method="POST", headers=headers, body=body)
    flow.request.path = "/\udcff?\udc80"
    write_flows(tmp_path / "a.mitm", [flow])
    first = read(folder, [str(tmp_path / "a.mitm")])
    again = read(folder, [str(tmp_path / "a.mitm")])
    assert again.report == first.report
    assert again.state == Counter({pipeline.TAKEN: 1})


KILLED = """
import os, signal, sys
from phonehome.analysis import pipeline, state
read, seen = pipeline.read, 0
def die(task):
    global seen
    seen += 1
    if seen == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(task)
pipeline.read = die
pipeline.read_captures(sys.argv[2:], state=state.open_folder(sys.argv[1]))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_run_goes_on_where_one_was_killed(folder: Path, tmp_path: Path) -> None:
    make(tmp_path / "more.mitm", 20)
    paths = [*SAMPLES, str(tmp_path / "more.mitm")]
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder), *paths], check=False)
    assert killed.returncode == -signal.SIGKILL
    result = read(folder, paths)
    assert result.state == Counter({pipeline.TAKEN: 2})
    assert result.report == pipeline.read_captures(paths).report


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_the_rest_is_still_read_together_when_a_worker_was_killed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "WAITING", 4)
    paths = [str(tmp_path / f"{number:02}.mitm") for number in range(30)]
    for number, path in enumerate(paths):
        write_flows(Path(path), [build_flow(f"https://{number}.example/", seed=number)])
    note = tmp_path / "note"
    monkeypatch.setattr(pipeline, "read", Mortal(note, "07.mitm", "08.mitm"))
    started: list[Executor] = []

    def executors() -> ProcessPoolExecutor:
        started.append(ProcessPoolExecutor(2))
        return started[-1]  # type: ignore[return-value]

    result = read(folder, paths, executors)
    # The one that dies again is lost; what died with it once is not, and what had not begun needs no pool of its own.
    assert result.errors == {path: pipeline.DIED for path in paths if path.endswith("07.mitm")}
    assert len(result.report.captures) == 29
    assert len(started) < 15


class Mortal:
    """Reads, but is killed over one capture each time, and over another the first time."""

    def __init__(self, note: Path, always: str, once: str) -> None:
        self._note, self._always, self._once, self._read = note, always, once, pipeline.read

    def __call__(self, task: pipeline.Task) -> pipeline.Totals:
        name = Path(task.path).name
        if name == self._always or (name == self._once and not self._note.exists()):
            if name == self._once:
                self._note.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self._read(task)
