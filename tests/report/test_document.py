"""The document: located, masked, sorted, and as its schema says."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from captures.flows import Reply, build_flow, write_flows
from phonehome import executors
from phonehome.analysis import pipeline
from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.render import output
from phonehome.analysis.report.model import Capture, Report
from phonehome.cli import main

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())
SAMPLES = sorted((ROOT / "captures").glob("*.mitm"))
IMEI = "001012340000425"


def report(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    out = tmp_path / "report.json"
    main(["report", *arguments, "--quiet", "-o", str(out)])
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def activation(**more: Any) -> Any:
    body = json.dumps({"imei": IMEI, "iccid": "8947990000000000048", "email": "someone@example.org"}).encode()
    return build_flow(
        more.pop("url", "https://maker.example/v1/register"),
        method="POST",
        headers=(("Content-Type", "application/json"),),
        body=body,
        address="13.228.77.14",
        **more,
    )


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    "option", [[], ["--show-identifiers", "--policy", "eea"]], ids=["masked", "shown and judged"]
)
def test_is_as_its_schema_says(sample: Path, option: list[str], tmp_path: Path) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(report(tmp_path, str(sample), *option))


def test_the_schema_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    found = report(tmp_path, str(SAMPLES[0]))
    found["devices"][0]["destinations"][0]["guess"] = "China"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(found)


def test_the_affected_phone(tmp_path: Path) -> None:
    found = report(tmp_path, str(ROOT / "captures" / "nokia-7-plus-affected.mitm"))
    affected, unaffected = found["devices"]
    worst = affected["destinations"][0]
    assert (worst["host"], worst["country"], worst["asn"]) == ("zzhc.vnet.cn", "CN", 4134)
    assert (worst["transmissions"], worst["attempts"], worst["acknowledged"]) == (14, 4, 0)
    assert worst["encrypted"] == "no"
    assert {one["kind"] for one in worst["identifiers"] if one["certainty"] == "certain"} >= {
        *("imei", "iccid", "imsi", "meid", "mac", "cell")
    }
    assert {one["path"] for one in worst["identifiers"] if one["kind"] == "imei"} == {
        "body > base64 > json > IMEI1",
        "body > base64 > json > IMEI2",
    }
    assert not any(row["host"] == "zzhc.vnet.cn" for row in unaffected["destinations"])
    singapore = next(row for row in unaffected["destinations"] if row["country"] == "SG")
    assert singapore["cloud"] == {"provider": "AWS", "region": "ap-southeast-1"}
    assert (singapore["purpose"], singapore["country_certainty"]) == ("activation", "certain")
    assert found["not_seen"]["replayed_by_the_analyst"] == 1
    assert found["captures"][0]["warnings"] == []
    assert worst["country_reason"] == (
        "was China in the table of 2019-12 and is in that of 2026-10; Chinanet; nothing contradicts it"
    )
    assert [(piece["kind"], piece["country"], piece["date"]) for piece in worst["country_evidence"]] == [
        ("table", "CN", "2019-12-24"),
        ("table", "CN", "2026-10-01"),
        ("name", "CN", None),
    ]
    google = next(row for row in affected["destinations"] if row["host"] == "android.clients.google.com")
    assert "CN" in google["excluded_countries"]
    assert (google["bound_km"], google["bound_from"]) == (4500, "Ireland (AWS eu-west-1)")


def test_the_fixed_phone(tmp_path: Path) -> None:
    (phone,) = report(tmp_path, str(ROOT / "captures" / "nokia-7-plus-fixed.mitm"))["devices"]
    assert not any(row["country"] == "CN" for row in phone["destinations"])
    assert any("00WW_3_39B_SP03" in build for build in phone["builds"])


def test_the_china_variant(tmp_path: Path) -> None:
    found = report(tmp_path, str(ROOT / "captures" / "china-variant.mitm"))
    phone = next(device for device in found["devices"] if device["id"].startswith("wireguard"))
    worst = phone["destinations"][0]
    assert (worst["host"], worst["country"], worst["acknowledged"]) == ("zzhc.vnet.cn", "CN", 1)
    watch = next(device for device in found["devices"] if device["id"] == "10.42.0.61")
    assert watch["destinations"][0]["protocols"] == ["tcp"]
    assert watch["destinations"][0]["purpose"] == "activation"


def test_no_value_shows_anywhere_unless_asked(tmp_path: Path) -> None:
    capture = tmp_path / "a.mitm"
    write_flows(
        capture,
        [
            activation(),
            activation(
                url=f"https://{IMEI}.maker.example/{IMEI}/x?imei={IMEI}&mail=someone%40example.org", seed=2
            ),
        ],
    )
    text = json.dumps(report(tmp_path, str(capture)))
    assert IMEI not in text
    assert "someone" not in text
    assert IMEI in json.dumps(report(tmp_path, str(capture), "--show-identifiers"))


def test_a_name_with_addresses_in_two_places_is_two_rows(tmp_path: Path) -> None:
    capture = tmp_path / "a.mitm"
    flows = [
        build_flow("https://a.example/", address=address, seed=seed)
        for seed, address in enumerate(["13.228.77.14", "52.74.0.1", "88.198.24.108"])
    ]
    write_flows(capture, flows)
    rows = report(tmp_path, str(capture))["devices"][0]["destinations"]
    assert {row["country"]: row["addresses"] for row in rows} == {
        "SG": ["13.228.77.14", "52.74.0.1"],
        "DE": ["88.198.24.108"],
    }


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    capture = tmp_path / "a.mitm"
    agent = "\x1b[31m<script>alert(1)</script>|\u202e=1+1"
    write_flows(
        capture,
        [build_flow("https://a.example/<script>|x", headers=(("User-Agent", agent),), reply=Reply(200))],
    )
    for ending in ("txt", "md", "csv", "json"):
        out = tmp_path / f"report.{ending}"
        main(["report", str(capture), "--quiet", "-o", str(out)])
        text = out.read_text()
        assert "\x1b" not in text
        assert "\u202e" not in text
        if ending == "md":
            assert "<script" not in text


def test_notes_do_not_depend_on_which_capture_came_first() -> None:
    notes = []
    for order in (("a", "b"), ("b", "a")):
        whole = Report()
        for path in order:
            whole.captures[path] = Capture(unseen={f"What {path} does not tell.": None})
        reading = pipeline.Reading(whole)
        with LocationDatabase.open() as database:
            found = output.make_document(reading, database, DeviceNames())
        notes.append(found["not_seen"]["notes"])
    assert notes[0] == notes[1]
    assert notes[0][:2] == ["What a does not tell.", "What b does not tell."]


def test_the_same_whatever_the_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(executors, "WORTH_PROCESSES", 1)
    monkeypatch.setattr(pipeline, "PARTS", 1)
    monkeypatch.setattr(pipeline, "PART", 50_000)
    arguments = [str(path) for path in SAMPLES]
    assert report(tmp_path, *arguments, "--workers", "3") == report(tmp_path, *arguments, "--workers", "1")
