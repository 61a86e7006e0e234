"""The commands, in a master that has a list of flows."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from mitmproxy import exceptions
from mitmproxy.addons import view
from mitmproxy.test import taddons

from phonehome.addons import helper
from phonehome.addons.activation_log import MARK
from phonehome.addons.commands import Commands
from phonehome.analysis.examiner import Examiner
from tests.network.parts import ROOT, flows

SAMPLE = ROOT / "captures" / "nokia-7-plus-affected.mitm"


async def commanded(*command: str) -> view.View:
    listed, addon = view.View(), Commands()
    with taddons.context(listed, addon) as context:
        listed.add(flows(SAMPLE))
        context.master.commands.call_strings(command[0], list(command[1:]))
        await asyncio.gather(*addon._tasks)
    return listed


def test_the_report_of_the_list(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    asyncio.run(commanded("phonehome.report", str(path)))
    report = json.loads(path.read_text())
    assert "001012340000425" not in path.read_text()
    rows = [row for device in report["devices"] for row in device["destinations"]]
    (china,) = [row for row in rows if row["host"] == "zzhc.vnet.cn"]
    assert (china["transmissions"], china["attempts"], china["country"]) == (14, 4, "CN")


def test_an_ending_that_is_no_format(tmp_path: Path) -> None:
    with pytest.raises(exceptions.CommandError, match="no format for the ending"):
        asyncio.run(commanded("phonehome.report", str(tmp_path / "report.docx")))


def test_a_folder_that_is_not_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(commanded("phonehome.report", str(tmp_path / "no" / "report.json")))
    assert "cannot write" in caplog.text


def test_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    def here(*_: object) -> None:
        raise AssertionError("examined where traffic waits for it")

    monkeypatch.setattr(Examiner, "examine", here)
    listed = asyncio.run(commanded("phonehome.mark", "@all"))
    marked = [flow for flow in listed if flow.marked == MARK]
    assert 14 < len(marked) < len(listed) / 2
    comments = "\n".join(flow.comment for flow in marked)
    assert "phonehome: Activation and registration, with" in comments
    assert "001012340000425" not in comments


def test_a_process_that_dies(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(helper, "_command", lambda *_: [sys.executable, "-c", "raise SystemExit(1)"])
    listed = asyncio.run(commanded("phonehome.mark", "@all"))
    assert "the process that examines the list ended" in caplog.text
    assert not any(flow.marked for flow in listed)
