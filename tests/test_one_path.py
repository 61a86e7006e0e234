"""Report, inspect, check, compare, log, live page, mark and content view conclude the same of the same capture."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import contentviews, http, tcp
from mitmproxy.addons import view
from mitmproxy.test import taddons

from phonehome.addons.commands import Commands
from phonehome.addons.evidence_view import EvidenceView
from phonehome.addons.live.worker import LiveTotals
from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.knowledge import shipped
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.purposes import ACTIVATION
from phonehome.cli import main
from tests.addons.test_activation_log import ADDON, MITMDUMP, read_log
from tests.network.parts import ROOT, flows

SAMPLES = sorted((ROOT / "captures").glob("*.mitm"))
LABEL = shipped().catalogue.purposes[ACTIVATION].label

Row = tuple[str, str, int, int, int, tuple[tuple[str, str, str], ...]]
"""Host, purpose, how often sent, without an answer, acknowledged; kind, certainty and place of each identifier."""


@pytest.fixture(params=SAMPLES, ids=lambda path: path.stem)
def capture(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def rows(document: dict[str, Any]) -> list[Row]:
    return sorted(
        (
            row["host"] or "",
            row["purpose"],
            row["transmissions"],
            row["attempts"],
            row["acknowledged"],
            tuple(sorted((one["kind"], one["certainty"], one["path"]) for one in row["identifiers"])),
        )
        for device in document["devices"]
        for row in device["destinations"]
    )


def report(capture: Path, tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "report.json"
    assert main(["report", str(capture), "--quiet", "-o", str(path)]) == 0
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def inspected(capture: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["inspect", str(capture), "--limit", "99999", "--format", "json", "--show-identifiers"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def activations(entries: list[dict[str, Any]]) -> set[str]:
    return {entry["flow"] for entry in entries if entry["purpose"] == LABEL}


def test_inspect(capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = inspected(capture, capsys)
    for key, of_entry in (
        ("transmissions", None),
        ("attempts", "attempted"),
        ("acknowledged", "acknowledged"),
    ):
        assert sum(
            row[key] or 0 for device in report(capture, tmp_path)["devices"] for row in device["destinations"]
        ) == sum(of_entry in (None, entry["outcome"]) for entry in entries)


def test_the_live_page(capture: Path, tmp_path: Path) -> None:
    live = LiveTotals(DeviceNames(), LocationDatabase.open())
    for flow in flows(capture):
        live.take(("over", flow.get_state(), 0, 0))
    assert rows(dict(live.document())) == rows(report(capture, tmp_path))
    assert live.faults == 0


def test_the_report_of_the_list(capture: Path, tmp_path: Path) -> None:
    path = tmp_path / "list.json"

    async def listed() -> None:
        shown, addon = view.View(), Commands()
        with taddons.context(shown, addon) as context:
            shown.add(flows(capture))
            context.master.commands.call_strings("phonehome.report", [str(path)])
            await asyncio.gather(*addon._tasks)

    asyncio.run(listed())
    assert rows(json.loads(path.read_text())) == rows(report(capture, tmp_path))


def test_mark(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A request to an address that DNS had named is what the report says it is."""
    shown, addon = view.View(), Commands()

    async def mark() -> None:
        with taddons.context(shown, addon) as context:
            shown.add(flows(capture))
            context.master.commands.call_strings("phonehome.mark", ["@all"])
            await asyncio.gather(*addon._tasks)

    asyncio.run(mark())
    marked = {flow.id for flow in shown if f"phonehome: {LABEL}" in flow.comment}
    assert marked == activations(inspected(capture, capsys))


def test_the_activation_log(capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.jsonl"
    command: list[str | Path] = [
        MITMDUMP,
        "-q",
        "-nr",
        capture,
        "-s",
        ADDON,
        "--set",
        f"phonehome_activation_log={log}",
    ]
    subprocess.run(command, check=True, timeout=60)
    lines = read_log(log)
    assert {line["event"]["id"] for line in lines} == activations(inspected(capture, capsys))
    outcomes = {
        line["event"]["id"]: line["phonehome"]["outcome"]
        for line in lines
        if line["event"]["action"] == "activation-outcome"
    }
    said = {entry["flow"]: entry["outcome"] for entry in inspected(capture, capsys)}
    assert outcomes == {flow: said[flow] for flow in outcomes}


def test_the_content_view(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    marked = {
        entry["flow"]: {one["label"] for value in entry["values"] for one in value["identifiers"]}
        for entry in inspected(capture, capsys)
    }
    addon = EvidenceView()
    with taddons.context(addon):
        for flow, data, metadata in messages(capture):
            text = addon.prettify(data, metadata)
            assert all(label in text for label in marked[flow])


def messages(capture: Path) -> Iterator[tuple[str, bytes, contentviews.Metadata]]:
    """What was sent in each exchange."""
    for flow in flows(capture):
        if isinstance(flow, http.HTTPFlow) and flow.request.content and flow.is_replay is None:
            yield (
                flow.id,
                flow.request.content,
                contentviews.Metadata(flow=flow, http_message=flow.request),
            )
        elif isinstance(flow, tcp.TCPFlow) and flow.messages and flow.messages[0].from_client:
            yield (
                flow.id,
                flow.messages[0].content,
                contentviews.Metadata(flow=flow, tcp_message=flow.messages[0]),
            )


def test_check_and_compare_judge_the_document_of_the_report(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the capture as from the report that was saved of it."""
    saved = tmp_path / "report.json"
    report(capture, tmp_path)
    for command, *more in (("check", "--policy", "hmd-2019"), ("compare", str(SAMPLES[0]))):
        said = []
        for source in (str(capture), str(saved)):
            capsys.readouterr()
            status = main([command, *more, source, "--quiet", "--format", "json"])
            found = json.loads(capsys.readouterr().out)
            for phone in found["devices"] if command == "compare" else ():
                del phone["matched_by"]  # a masked report knows a phone again by less
            said.append((status, found))
        assert said[0] == said[1]
