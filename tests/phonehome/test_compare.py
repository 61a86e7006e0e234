"""`phonehome compare`, as a user runs it."""

import json
import stat
from pathlib import Path

import pytest

from phonehome.cli import main
from tests.reports import AFFECTED, FIXED


def test_two_captures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", AFFECTED, FIXED, "--quiet"]) == 0
    assert "The fix works, as far as these captures show" in capsys.readouterr().out


def test_a_saved_report_is_as_good_as_its_capture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = str(tmp_path / "before.json")
    assert main(["report", AFFECTED, "--quiet", "-o", saved]) == 0
    outputs = []
    for before in (AFFECTED, saved):
        assert main(["compare", before, FIXED, "--quiet", "--format", "json"]) == 0
        outputs.append(json.loads(capsys.readouterr().out))
    assert outputs[0] == outputs[1]
    assert outputs[0]["schema"] == "phonehome/comparison/1"


def test_a_page_that_only_its_owner_can_read(tmp_path: Path) -> None:
    page = tmp_path / "changes.html"
    assert main(["compare", AFFECTED, FIXED, "--quiet", "-o", str(page)]) == 0
    assert page.read_text().startswith("<!doctype html>")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


def test_labels_match_phones(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["--device", "Anna=10.42.0.23", "--device", "Ben=10.42.0.57"]
    assert main(["compare", AFFECTED, FIXED, "--quiet", *names]) == 0
    out = capsys.readouterr().out
    assert "Anna (matched by its label)" in out
    assert "* Ben: This phone is in the earlier report only" in out


@pytest.mark.parametrize("content", [b"", b'{"schema": "phonehome/report/1"}', b"not a capture"])
def test_what_cannot_be_read_is_named(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(content)
    assert main(["compare", str(broken), FIXED, "--quiet"]) == 2
    assert f"{broken}: nothing could be read" in capsys.readouterr().err


def test_a_format_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", AFFECTED, FIXED, "-o", str(tmp_path / "x.docx")]) == 2
    assert "no format for the ending" in capsys.readouterr().err
