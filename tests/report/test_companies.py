"""What each company got."""

import json
from pathlib import Path
from typing import Any

import jsonschema

from phonehome.analysis.report.companies import companies
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry
from tests.reports import AFFECTED, row, sample

IMEI: dict[str, Any] = {
    "kind": "imei",
    "label": "IMEI",
    "category": "hardware",
    "certainty": "certain",
    "reason": "a test",
    "path": "body",
    "value": "356938035643809",
    "transmissions": 3,
    "unencrypted": 3,
    "delivered": 3,
}


def device(*rows: DestinationEntry, id_: str = "10.0.0.1") -> DeviceEntry:
    found = sample(AFFECTED)["devices"][0]
    return {**found, "id": id_, "label": id_, "destinations": list(rows)}


def of(company: str, host: str, **more: Any) -> DestinationEntry:
    return row(host, owner=company, company=company, owner_country="CN", domain=host, **more)


def test_two_devices_and_two_purposes_are_one_company() -> None:
    exposed = {"identifiers": [IMEI], "unencrypted": 3, "encrypted": "no"}
    (one,) = companies(
        [
            device(of("Maker", "a.example", **exposed), of("Maker", "b.example", country="SG")),
            device(of("Maker", "a.example", **exposed), id_="10.0.0.2"),
        ]
    )
    assert (one["label"], one["company"], one["country"]) == ("Maker", "Maker", "CN")
    assert one["devices"] == ["10.0.0.1", "10.0.0.2"]
    assert one["hosts"] == ["a.example", "b.example"]
    assert (one["destinations"], one["transmissions"], one["unencrypted"], one["encrypted"]) == (
        3,
        9,
        6,
        "mixed",
    )
    assert [(item["country"], item["transmissions"]) for item in one["countries"]] == [("CN", 6), ("SG", 3)]
    (found,) = one["identifiers"]
    assert (found["label"], found["values"], found["transmissions"], found["unencrypted"]) == (
        "IMEI",
        1,
        6,
        6,
    )


def test_routine_does_not_mix_with_what_matters() -> None:
    routine: dict[str, Any] = {"purpose": "connectivity-check", "unencrypted": 3, "encrypted": "no"}
    telling, only = companies(
        [
            device(
                of("Maker", "a.example"),
                of("Maker", "b.example", **routine),
                of("Other", "c.example", **routine),
            )
        ]
    )
    assert (telling["label"], telling["encrypted"], telling["routine"]) == ("Maker", "yes", False)
    assert (telling["routine_transmissions"], telling["routine_unencrypted"]) == (3, 3)
    assert (telling["purposes"], only["purposes"]) == (["activation"], ["connectivity-check"])
    assert (only["label"], only["encrypted"], only["routine"]) == ("Other", "no", True)
    (identified,) = companies([device(of("Maker", "b.example", **routine, identifiers=[IMEI]))])
    assert not identified["routine"], "a connectivity check with an IMEI in it is news"


def test_whoever_is_not_known_stands_for_itself() -> None:
    found = companies(
        [
            device(
                row("a.one.example", domain="one.example"),
                row("b.one.example", domain="one.example"),
                row("x.cloud.example", domain="x.cloud.example", hosted_by="Cloud", owner_basis="hosting"),
                {**row(), "host": None},
                row("printer.local", local=True),
            )
        ]
    )
    assert sorted(each["label"] for each in found) == [
        "addresses without a name",
        "one.example (owner not known)",
        "the phone's own network",
        "x.cloud.example (owner not known, hosted by Cloud)",
    ]
    assert all(each["company"] is None and each["country"] is None for each in found)
    assert sum(each["transmissions"] for each in found) == 15


def test_the_sample_s_companies_fit_the_schema_and_lose_nothing() -> None:
    document = sample(AFFECTED)
    schema = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text("utf-8"))
    jsonschema.validate(
        document["companies"], {**schema["properties"]["companies"], "$defs": schema["$defs"]}
    )
    rows = [row for device in document["devices"] for row in device["destinations"]]
    assert sum(each["transmissions"] for each in document["companies"]) == sum(
        row["transmissions"] for row in rows
    )
    assert document["companies"][0]["company"] == "China Telecom"
    news = {row["host"]: row["owner"] for row in rows if row["purpose"] == "unclassified"}
    assert news["www.nrk.no"] == "NRK"
