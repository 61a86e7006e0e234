"""`phonehome firmware`, as a user runs it."""

import json

import pytest

from phonehome.cli import main


def test_a_build_that_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["firmware", "00WW_3_39B_SP03"]) == 0
    out = capsys.readouterr().out
    assert "market WW: worldwide" in out
    assert "Carries the fix" in out
    assert "rests on: HMD Global's statement" in out


def test_a_build_that_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["firmware", "00WW_3_39B", "00WW_3_22C_SP05"]) == 1
    out = capsys.readouterr().out
    assert "not known" in out
    assert (
        "inference from the numbering: the same version with no service pack: older than 00WW_3_39B_SP03"
        in out
    )


def test_what_is_no_build_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["firmware", "\x1b[31mred"]) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "neither this build nor how it is numbered" in out


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["firmware", "--format", "json", "00WW_3_22C_SP05"]) == 0
    [answer] = json.loads(capsys.readouterr().out)
    assert answer["asked"] == "00WW_3_22C_SP05"
    assert answer["known"][0]["status"] == "stated"
