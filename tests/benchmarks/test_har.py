"""The benchmark reads the same requests from both formats."""

from pathlib import Path

import pytest

from benchmarks import har, replay
from benchmarks.make_capture import make


def test_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(replay, "DATA", tmp_path)
    har.main(["--flows", "120", "--rounds", "1"])
    rows = [
        line for line in capsys.readouterr().out.splitlines() if line.startswith(("| reading", "| report"))
    ]
    assert [row.split("|")[2].strip() for row in rows] == ["mitm", "har"] * 2


def test_both_give_the_http_of_the_capture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flows = tmp_path / "few.mitm"
    make(flows, 150)
    for path in (flows, har.exported(flows)):
        har.loop(path)
    counts = [int(line.split()[0]) for line in capsys.readouterr().out.splitlines() if line[0].isdigit()]
    assert counts[0] == 150
    assert 120 < counts[1] < 150
