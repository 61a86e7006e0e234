"""STIX 2.1: valid to the library of the standard's authors, the same each time, and of text that stays text."""

import json
from typing import Any

import pytest
import stix2

from phonehome.analysis.render.masked import masked, masking_of
from phonehome.analysis.render.output import rendered
from phonehome.analysis.render.stix import bundle
from phonehome.analysis.report.entries import Document
from tests.report.documents import hostile_document, judged_document
from tests.reports import AFFECTED, CHINA, FIXED, device, document, identifier, row, sample


def of(found: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each for each in found["objects"] if each["type"] == kind]


@pytest.mark.parametrize(
    "report",
    [
        *map(sample, (AFFECTED, FIXED, CHINA)),
        judged_document(),
        hostile_document(),
        document(),
        document(device(row("a.example", None, first=None, last=None, addresses=[], ports=[], protocols=[]))),
    ],
    ids=["affected", "fixed", "china", "judged", "hostile", "nothing", "unknown"],
)
def test_is_valid(report: Document) -> None:
    text = rendered(masked(report, masking_of([report])), "stix")
    found = stix2.parse(text, allow_custom=False)
    known = {each["id"] for each in found["objects"]}
    for each in json.loads(text)["objects"]:
        refs = [value for key, value in each.items() if key.endswith("_ref")]
        refs += [ref for key, value in each.items() if key.endswith("_refs") for ref in value]
        assert known.issuperset(refs)


def test_others_know_an_observable_by_the_same_id() -> None:
    found = bundle(
        document(
            device(
                row("A.example", addresses=["192.0.2.1"], asn=64500),
                row("b.example", addresses=["2001:DB8::1"]),
            )
        )
    )
    assert of(found, "domain-name")[0]["id"] == stix2.DomainName(value="a.example").id
    assert of(found, "ipv4-addr")[0]["id"] == stix2.IPv4Address(value="192.0.2.1").id
    assert of(found, "ipv6-addr")[0]["id"] == stix2.IPv6Address(value="2001:db8::1").id
    assert of(found, "autonomous-system")[0]["id"] == stix2.AutonomousSystem(number=64500).id


def test_the_same_report_makes_the_same_bundle_and_another_another() -> None:
    assert rendered(sample(AFFECTED), "stix") == rendered(sample(AFFECTED), "stix")
    assert bundle(sample(AFFECTED))["id"] != bundle(sample(FIXED))["id"]


def test_says_what_the_report_says() -> None:
    report = sample(AFFECTED)
    found = bundle(masked(report, masking_of([report])))
    [told] = of(found, "report")
    assert told["name"].startswith("Nokia 7 plus (10.42.0.23) sent IMEI")
    assert report["captures"][0]["sha256"] in told["description"]
    [machine] = [each for each in of(found, "infrastructure") if each["name"] == "zzhc.vnet.cn"]
    links = [each for each in of(found, "relationship") if each["source_ref"] == machine["id"]]
    [where] = [each for each in links if each["relationship_type"] == "located-at"]
    assert (where["target_ref"], where["confidence"]) == (of(found, "location")[0]["id"], 50)
    assert of(found, "location")[0]["country"] == "CN"
    [observed] = [
        each
        for each in of(found, "observed-data")
        if each["number_observed"] == 14 and each["first_observed"].startswith("2019-01-22T06:59")
    ]
    notes = [each for each in of(found, "note") if observed["id"] in each["object_refs"]]
    assert "IMEI #1 00101234•••••••: certain, 14 times, 14 unencrypted" in notes[0]["content"]
    owners = [each["target_ref"] for each in links if each["relationship_type"] == "related-to"]
    assert {each["id"]: each["name"] for each in of(found, "identity")}[owners[0]] == "China Telecom"


def test_what_is_masked_or_no_name_is_no_observable() -> None:
    report = document(
        device(
            row(
                "001012340000425.example",
                addresses=["192.0.2.1", "not an address"],
                identifiers=[identifier()],
            )
        )
    )
    found = bundle(masked(report, masking_of([report])))
    assert not of(found, "domain-name")
    assert [each["value"] for each in of(found, "ipv4-addr")] == ["192.0.2.1"]
    assert "001012340000425" not in json.dumps(found)
