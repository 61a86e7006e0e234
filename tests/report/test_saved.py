"""A saved report is input like any other."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phonehome.analysis.compare.changes import compare
from phonehome.analysis.policy.judge import judge_policy
from phonehome.analysis.policy.rules import load
from phonehome.analysis.render import build_server, side_by_side
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.saved import (
    SavedReportError,
    is_saved_report,
    joined,
    read_saved_report,
    told_apart,
)
from tests.reports import AFFECTED, FIXED, device, document, identifier, row, sample


def saved(folder: Path, report: Any) -> str:
    path = folder / "report.json"
    path.write_text(report if isinstance(report, str) else json.dumps(report))
    return str(path)


def test_what_was_saved_is_read_again(tmp_path: Path) -> None:
    path = saved(tmp_path, sample(AFFECTED))
    assert is_saved_report(path)
    assert read_saved_report(path) == sample(AFFECTED)


def test_other_files_are_none(tmp_path: Path) -> None:
    assert not is_saved_report(AFFECTED)
    assert not is_saved_report(str(tmp_path / "none"))
    assert not is_saved_report(saved(tmp_path, {"log": {"version": "1.2", "entries": []}}))


def changed(path: tuple[Any, ...], value: Any) -> Document:
    report: Any = document(device(row(identifiers=[identifier()])))
    inner = report
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return report  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ({"schema": "phonehome/report/2"}, "not a report of schema phonehome/report/1"),
        ({"schema": "phonehome/report/1"}, "is missing"),
        (changed(("devices", 0, "destinations", 0, "transmissions"), "3"), "destinations.transmissions"),
        (changed(("devices", 0, "destinations", 0, "transmissions"), True), "destinations.transmissions"),
        (changed(("devices", 0, "destinations", 0, "encrypted"), "perhaps"), "destinations.encrypted"),
        (changed(("devices", 0, "destinations", 0, "purpose"), "x" * 999), "purpose 'xxxx"),
        (
            changed(("devices", 0, "destinations", 0, "identifiers", 0, "certainty"), "sure"),
            "certainty 'sure'",
        ),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(tmp_path: Path, report: Any, said: str) -> None:
    with pytest.raises(SavedReportError) as error:
        read_saved_report(saved(tmp_path, report))
    assert said in str(error.value)
    assert len(str(error.value)) < 300


def leaves(item: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(item, dict):
        return [leaf for key, inner in item.items() for leaf in leaves(inner, (*path, key))]
    if isinstance(item, list):
        return [leaf for number, inner in enumerate(item) for leaf in leaves(inner, (*path, number))]
    return [path]


LEAVES = leaves(document(device(row(identifiers=[identifier(unencrypted=3)]))))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    leaf=st.sampled_from(LEAVES),
    value=st.none()
    | st.text(max_size=8)
    | st.integers()
    | st.booleans()
    | st.sampled_from(["CN", "uncertain", "2019"]),
)
def test_what_is_read_can_be_worked_on_whatever_it_says(
    tmp_path: Path, leaf: tuple[Any, ...], value: Any
) -> None:
    try:
        report = read_saved_report(saved(tmp_path, changed(leaf, value)))
    except SavedReportError:
        return
    for pair in ((report, sample(FIXED)), (sample(FIXED), report)):
        for format_ in ("text", "json", "html"):
            side_by_side.render(compare(*pair), format_)
    for name in ("eea", "hmd-2019"):
        for format_ in ("text", "json", "junit"):
            build_server.render([judge_policy(report, load(name))], report, format_)


def test_reports_are_joined_and_their_phones_stay_apart() -> None:
    whole = joined([sample(AFFECTED), sample(FIXED)])
    assert [phone["id"] for phone in whole["devices"]] == ["10.42.0.23", "10.42.0.57", "10.42.0.23"]
    assert len(whole["captures"]) == 2
    assert whole["verdict"] is None


def test_masks_of_two_reports_are_told_apart() -> None:
    def one() -> Document:
        found = identifier(value="#1 35209900•••••••")
        report = document(device(row("‹IMEI #1›.example", identifiers=[found])))
        report["sources"]["identifiers"] = "masked"
        return report

    whole = joined(told_apart([one(), one()]))
    rows = [phone["destinations"][0] for phone in whole["devices"]]
    assert [item["host"] for item in rows] == ["‹IMEI #1›.example", "‹IMEI #2.1›.example"]
    assert [item["identifiers"][0]["value"] for item in rows] == [
        "#1 35209900•••••••",
        "#2.1 35209900•••••••",
    ]
