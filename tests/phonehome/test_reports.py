"""`phonehome report -o FOLDER/`: an index, and a page for each phone that says what its own report says."""

import json
import os
import re
import signal
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks.many import make
from captures.flows import build_flow, write_flows
from phonehome import reports
from phonehome.analysis import pipeline
from phonehome.analysis.report import model
from phonehome.analysis.shelf import Shelf
from phonehome.cli import main

CAPTURES = Path(__file__).parents[2] / "captures"

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    make(folder, (0, 1, 49, 16, 17))
    return folder


def write(folder: Path, *arguments: str, status: int = 0) -> Any:
    assert main(["report", *arguments, "-o", f"{folder}/", "--quiet"]) == status
    return json.loads((folder / "index.json").read_text())


def test_each_phone_has_the_report_of_its_captures(many: Path, tmp_path: Path) -> None:
    index = write(tmp_path / "r", str(many), "--format", "json")
    assert index["phones"][0]["captures"] == ["phone-00049.mitm"]  # the worst
    assert len(index["phones"]) == 5
    assert index["phones"][0]["alarm"]
    assert "sent IMEI to China Telecom, unencrypted" in index["phones"][0]["finding"]
    for phone in index["phones"]:
        (capture,) = phone["captures"]
        assert main(["report", str(many / capture), "-o", str(tmp_path / "one.json"), "--quiet"]) == 0
        assert json.loads((tmp_path / "r" / phone["report"]).read_text()) == json.loads(
            (tmp_path / "one.json").read_text()
        )
    made = [path for path in (tmp_path / "r").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600}
    assert (tmp_path / "r" / "phones").stat().st_mode & 0o777 == 0o700


def test_a_capture_with_two_phones_and_a_phone_with_two_captures(tmp_path: Path) -> None:
    body = b'{"IMEI1": "001010000000016"}'
    for name, clients in (("a", ("10.0.0.1", "10.0.0.2")), ("f", ("10.0.0.3",))):
        flows = [
            build_flow(
                "http://zzhc.vnet.cn/", client=client, method="POST", body=body if last else b"", seed=seed
            )
            for seed, client in enumerate(clients, ord(name))
            for last in [client != "10.0.0.2"]
        ]
        write_flows(tmp_path / f"{name}.mitm", flows)
    index = write(tmp_path / "r", str(tmp_path), "--format", "json")
    assert [phone["captures"] for phone in index["phones"]] == [["a.mitm", "f.mitm"], ["a.mitm"]]
    joined, alone = (json.loads((tmp_path / "r" / phone["report"]).read_text()) for phone in index["phones"])
    assert "2 clients are taken for one phone" in joined["devices"][0]["joined_by"]
    assert [device["addresses"] for device in alone["devices"]] == [["10.0.0.2"]]
    assert len(joined["devices"]) == 1


def test_the_same_for_any_number_of_workers_and_names_stay(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phonehome.executors.WORTH_PROCESSES", 0)
    monkeypatch.setattr("phonehome.executors._may_fork", lambda: True)
    write(tmp_path / "1", str(many), "--workers", "1")
    write(tmp_path / "2", str(many), "--workers", "2")
    one, two = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "1", tmp_path / "2")
    )
    assert one == two
    fewer = write(tmp_path / "2", *map(str, sorted(many.iterdir())[:2]))
    assert {phone["report"] for phone in fewer["phones"]} < set(map(str, one))


def test_file_names_and_pages_hold_no_identifier(tmp_path: Path) -> None:
    write(tmp_path, *map(str, CAPTURES.glob("*affected.mitm")))
    names = [path.name for path in (tmp_path / "phones").iterdir()]
    assert all(re.fullmatch(r"phone-[0-9a-f]{16}\.html", name) for name in names)
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert b"001012340000425" not in path.read_bytes()


def test_what_a_stranger_wrote_is_text(tmp_path: Path) -> None:
    agent = ("User-Agent", 'Dalvik/2.1.0 (Linux; U; Android 9; <script>alert(1)</script>" Build/X)')
    write_flows(tmp_path / "<img src=x>.mitm", [build_flow("http://h.example/", headers=[agent])])
    write(tmp_path / "r", str(tmp_path / "<img src=x>.mitm"))
    page = (tmp_path / "r" / "index.html").read_text()
    assert "<img" not in page
    assert page.count("<script>") == 1
    assert "&lt;img src=x&gt;" in page


def test_policy_and_what_cannot_be_read_stand_in_the_index(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no.mitm").write_bytes(b"nothing")
    samples = [str(CAPTURES / f"nokia-7-plus-{name}.mitm") for name in ("affected", "fixed")]
    arguments = [*samples, str(tmp_path / "no.mitm"), "--policy", "hmd-2019"]
    index = write(tmp_path / "r", *arguments, status=1)
    assert [phone["verdict"] for phone in index["phones"]] == ["broken", "holds"]
    assert [failed["path"] for failed in index["errors"]] == ["no.mitm"]
    assert "no.mitm" in (tmp_path / "r" / "index.html").read_text()
    assert "not a capture of a known format" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more", [["--online"], ["--policy", "eea", "--market", "x=CN"], ["--geo-db", "/none"]]
)
def test_what_cannot_be_done_is_a_line(tmp_path: Path, more: list[str]) -> None:
    assert main(["report", str(CAPTURES), "-o", f"{tmp_path}/r/", "--quiet", *more]) == 2
    assert not (tmp_path / "r").exists()


def test_a_page_whose_process_is_killed_costs_no_other(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phonehome.executors.executors", lambda *_: partial(ProcessPoolExecutor, 2))
    monkeypatch.setattr(reports, "make_page", _page_or_die)
    index = write(tmp_path, str(many), status=1)
    assert index["phones"][0]["finding"] == reports.LOST
    assert index["phones"][0]["report"] is None
    assert sum(phone["report"] is not None for phone in index["phones"]) == 4


def _page_or_die(job: reports.Job) -> Any:
    if "phone-00016" in job.files[0].path:
        os.kill(os.getpid(), signal.SIGKILL)
    return _make_page(job)


_make_page = reports.make_page


def test_the_shelf_holds_what_a_report_would(many: Path, tmp_path: Path) -> None:
    """Also of captures that hold the same flows."""
    sample = CAPTURES / "nokia-7-plus-fixed.mitm"
    (tmp_path / "again.mitm").write_bytes(sample.read_bytes() + b" ")
    paths = [str(sample), str(many / "phone-00000.mitm"), str(tmp_path / "again.mitm")]
    usual = pipeline.read_captures(paths)
    with Shelf() as shelf:
        shelved = pipeline.read_captures(paths, shelf=shelf)
        together = model.total([shelf.get(path) for path in shelved.report.captures])
    assert shelved.files == usual.files
    assert shelved.repeated.keys() == usual.repeated.keys() == {paths[-1]}
    for capture in usual.report.captures.values():
        capture.flows, capture.exchanges = set(), set()
    assert together.captures == usual.report.captures
    assert together.devices == usual.report.devices
    assert shelved.report.devices.keys() == usual.report.devices.keys()
