"""The benchmark measures what it says."""

import sys
from pathlib import Path

import pytest

from benchmarks import replay
from benchmarks.make_capture import make
from benchmarks.replay import Run


def test_ratio_is_the_median_of_rounds() -> None:
    slow = [Run(10.0, 0), Run(30.0, 0), Run(12.0, 0)]
    fast = [Run(5.0, 0), Run(6.0, 0), Run(2.0, 0)]
    assert replay.ratio(slow, fast) == 5.0


def test_run_gives_time_and_the_largest_process() -> None:
    code = (
        "import subprocess, sys; "
        "subprocess.run([sys.executable, '-c', 'import time; x = bytearray(1) * 120_000_000; time.sleep(0.4)'])"
    )
    result = replay.run([sys.executable, "-c", code], 1)
    assert result.seconds > 0.4
    assert result.cpu > 0
    if sys.platform == "linux":
        assert 115 < result.megabytes < 300


def test_run_takes_the_commands_own_clock() -> None:
    assert replay.run([sys.executable, "-c", "print(7, 0.25)"], 1, own_clock=True).seconds == 0.25


def test_a_command_that_fails_ends_the_run_with_its_words() -> None:
    with pytest.raises(SystemExit, match="no such thing"):
        replay.run([sys.executable, "-c", "import sys; sys.exit('no such thing')"], 1)


@pytest.mark.parametrize("name", ["flowreader", "reading"])
def test_loops_read_all_flows(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "few.mitm"
    make(path, 150)
    replay.loop(name, path)
    count, seconds, cpu = capsys.readouterr().out.split()
    assert int(count) == 150
    assert float(seconds) > 0
    assert float(cpu) > 0


def test_contenders_have_their_pyc_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    code = "import sys; print(int(sys.dont_write_bytecode), 0.0 if sys.pycache_prefix is None else 1.0)"
    result = replay.run([sys.executable, "-c", code], 1, own_clock=True)
    assert result.seconds == 1.0


def test_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(replay, "DATA", tmp_path)
    replay.main(["--flows", "120", "--rounds", "1", "--only", "flowreader", "reading"])
    table = capsys.readouterr().out
    assert "120 flows" in table
    rows = [line.split("|") for line in table.splitlines() if "| loop" in line]
    assert len(rows) == 2
    assert {len(row) for row in rows} == {len(replay.HEAD[0].split("|"))}
    assert all(float(row[4]) > 0 for row in rows)
    assert (tmp_path / "phone-120-flows.mitm").exists()
