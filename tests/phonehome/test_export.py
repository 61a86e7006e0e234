"""`phonehome export`: the tables say what the report says, in each format, and what the docs say of them is so."""

import csv
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from mitmproxy.io import FlowReader

from captures.flows import build_flow, write_flows
from phonehome.analysis.render.table_files import FORMATS
from phonehome.analysis.render.tables import TABLES
from phonehome.cli import main

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "captures"
DOCS = ROOT / "docs" / "analysis.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("work") / "tables"
    for format_ in FORMATS:
        assert main(["export", str(CAPTURES), "-o", str(made), "--format", format_, "--quiet"]) == 0
    return made


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("report") / "report.json"
    assert main(["report", str(CAPTURES), "-o", str(path), "--quiet"]) == 0
    return json.loads(path.read_text())


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_for_each_table_and_none_beside(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{format_}" for name in TABLES for format_ in FORMATS
    }
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_transmissions_are_those_that_the_report_counts(folder: Path, document: Any) -> None:
    counted = Counter(row["destination"] for row in table(folder, "transmissions"))
    rows = [row for device in document["devices"] for row in device["destinations"]]
    assert counted == {str(number): row["transmissions"] for number, row in enumerate(rows, 1)}
    sent = Counter(
        row["destination"] for row in table(folder, "transmissions") if row["encrypted"] == "false"
    )
    assert sent == Counter(
        {str(number): row["unencrypted"] for number, row in enumerate(rows, 1) if row["unencrypted"]}
    )


def test_each_is_a_flow_of_the_capture(folder: Path) -> None:
    ids = set()
    for path in CAPTURES.glob("*.mitm"):
        with path.open("rb") as file:
            ids |= {(path.name, flow.id) for flow in FlowReader(file).stream()}
    found = [(row["capture"], row["flow"]) for row in table(folder, "transmissions")]
    assert set(found) <= ids
    assert len(found) == len(set(found))


def test_devices_and_destinations_join(folder: Path) -> None:
    devices = {row["device"] for row in table(folder, "devices")}
    destinations = {(row["destination"], row["device"]) for row in table(folder, "destinations")}
    for name in ("transmissions", "identifiers"):
        rows = table(folder, name)
        assert {(row["destination"], row["device"]) for row in rows} <= destinations
        assert {row["device"] for row in rows} <= devices


def test_all_formats_say_the_same(folder: Path) -> None:
    for name, columns in TABLES.items():
        rows = table(folder, name)
        parquet = pq.read_table(folder / f"{name}.parquet")
        assert parquet.column_names == [column.name for column in columns]
        assert [row[columns[0].name] for row in rows] == [
            str(item) for item in parquet[columns[0].name].to_pylist()
        ]
        assert len((folder / f"{name}.jsonl").read_text().splitlines()) == len(rows)


def test_a_country_in_doubt_is_not_in_the_field_of_the_schema(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "transmissions.jsonl").read_text().splitlines()]
    for line in lines:
        sure = line["phonehome.transmissions.country_certainty"] in ("certain", "likely")
        assert sure or "destination.geo.country_iso_code" not in line
        assert {"message", "datetime", "timestamp_desc", "@timestamp"} <= set(line)
    assert any("destination.geo.country_iso_code" in line for line in lines)
    assert any("phonehome.transmissions.country" in line for line in lines)


def test_masked_unless_asked(folder: Path, tmp_path: Path) -> None:
    imei = "001012340000425"
    assert not any(imei in path.read_bytes().decode("latin-1") for path in folder.iterdir())
    assert main(["export", str(CAPTURES), "-o", str(tmp_path), "--quiet", "--show-identifiers"]) == 0
    assert imei in (tmp_path / "identifiers.csv").read_text()


def test_the_same_for_any_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phonehome.executors.WORTH_PROCESSES", 0)
    monkeypatch.setattr("phonehome.analysis.pipeline.PART", 1 << 12)
    for workers in ("1", "2"):
        arguments = ["export", str(CAPTURES), "-o", str(tmp_path / workers), "--quiet", "--workers", workers]
        assert main(arguments) == 0
    for name in TABLES:
        assert (tmp_path / "1" / f"{name}.csv").read_bytes() == (tmp_path / "2" / f"{name}.csv").read_bytes()


def test_what_a_stranger_wrote_is_escaped(tmp_path: Path) -> None:
    flow = build_flow("https://a.example/=1+1", method="=cmd|'/c calc'!A1")
    write_flows(tmp_path / "a.mitm", [flow])
    for format_ in FORMATS:
        main(["export", str(tmp_path / "a.mitm"), "-o", str(tmp_path / "t"), "--format", format_, "--quiet"])
    (row,) = table(tmp_path / "t", "transmissions")
    assert row["method"].startswith("'=")


def test_an_earlier_export_stays_if_nothing_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "captures.csv").write_text("of before")
    (tmp_path / "no.mitm").write_bytes(b"nothing")
    assert main(["export", str(tmp_path / "no.mitm"), "-o", str(tmp_path), "--quiet"]) == 1
    assert (tmp_path / "captures.csv").read_text() == "of before"
    assert "nothing was written" in capsys.readouterr().err


def test_a_name_that_fits_no_phone_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = str(CAPTURES / "nokia-7-plus-fixed.mitm")
    assert main(["export", sample, "-o", str(tmp_path), "--device", "Anna=192.0.2.7", "--quiet"]) == 0
    assert "--device Anna=192.0.2.7: no phone in these captures fits it" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["export", str(CAPTURES), "-o", str(tmp_path / "file"), "--quiet"]) == 2
    assert "cannot write to" in capsys.readouterr().err


def test_the_docs_name_each_column() -> None:
    text = DOCS.read_text()
    for name, columns in TABLES.items():
        part = text.partition(f"### {name}\n")[2].partition("\n### ")[0]
        assert re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE) == [column.name for column in columns], name


def queries(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)


@pytest.mark.parametrize("query", queries("sql"))
def test_the_queries_of_the_docs_find_something(
    query: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    found = duckdb.sql(query)
    assert found is not None
    assert found.fetchall()


@pytest.mark.parametrize("program", queries("python"))
def test_the_programs_of_the_docs_run(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    names: dict[str, Any] = {}
    exec(program, names)
    assert len(names["result"])


def test_there_are_ten() -> None:
    assert len(queries("sql")) + len(queries("python")) >= 10
