"""Where captures were made, and as of when: the options of `report` and `locate`."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from phonehome.cli import main

CAPTURE = Path(__file__).parents[2] / "captures" / "nokia-7-plus-affected.mitm"


def google(tmp_path: Path, *options: str, capture: Path = CAPTURE) -> Any:
    out = tmp_path / "report.json"
    assert main(["report", str(capture), "-o", str(out), "--quiet", *options]) == 0
    rows = json.loads(out.read_text("utf-8"))["devices"][0]["destinations"]
    return next(row for row in rows if row["host"] == "android.clients.google.com")


def test_where_the_capture_was_made_bounds_all_destinations(tmp_path: Path) -> None:
    row = google(tmp_path)
    assert (row["country"], row["country_certainty"], row["bound_km"]) == ("US", "uncertain", 4500)
    row = google(tmp_path, "--at", "NO")
    assert (row["bound_km"], row["bound_from"]) == (980, "Norway")
    assert "US" in row["excluded_countries"]
    assert row["country_reason"].startswith(
        "not the United States, as GeoLite Country of 2019-12 says: it answered in"
    )
    assert google(tmp_path, "--at", "59.9,10.7")["bound_from"] == "59.9,10.7"


def test_the_note_beside_a_capture_says_where_it_was_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = tmp_path / "a.mitm"
    shutil.copy(CAPTURE, capture)
    note = tmp_path / "a.mitm.at"
    note.write_text("NO\n", "utf-8")
    assert google(tmp_path, capture=capture)["bound_from"] == "Norway"
    assert google(tmp_path, "--at", "SE", capture=capture)["bound_from"] == "Sweden"
    note.write_text("Atlantis", "utf-8")
    assert google(tmp_path, capture=capture)["bound_km"] == 4500
    assert "a.mitm.at: 'Atlantis' is neither a country" in capsys.readouterr().err


def test_a_place_that_certain_destinations_contradict_excludes_nothing(tmp_path: Path) -> None:
    assert google(tmp_path, "--at", "NZ")["bound_km"] is None
    out = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert "too soon for both" in out["captures"][0]["warnings"][-1]


@pytest.mark.parametrize(
    "wrong",
    [
        ["locate", "1.2.3.4", "--at", "Atlantis"],
        ["locate", "1.2.3.4", "--at", "95,10"],
        ["locate", "1.2.3.4", "--as-of", "yesterday"],
        ["locate", "1.2.3.4", "--rtt", "0", "--at", "NO"],
        ["locate", "1.2.3.4", "--rtt", "12"],
        ["locate", "1.2.3.4", "--header", "cf-ray"],
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(wrong)
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    assert status == 2
    assert "Traceback" not in capsys.readouterr().err


def test_locate_explains_one_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["locate", "61.139.2.69", "--as-of", "2019-01-22", "--format", "json"]) == 0
    place = json.loads(capsys.readouterr().out)[0]["places"][0]
    assert place["reason"] == (
        "was China in the table of 2019-12 and is in that of 2026-10; Chinanet; nothing contradicts it"
    )
    assert main(["locate", "23.45.67.89", "--rtt", "12", "--at", "NL"]) == 0
    assert "not the United States" in capsys.readouterr().out
