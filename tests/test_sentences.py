"""No sentence that people read is longer than it may be, whatever was seen; and each agrees with its number."""

import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phonehome.analysis.compare.changes import compare
from phonehome.analysis.knowledge import shipped
from phonehome.analysis.policy.judge import judge_policy
from phonehome.analysis.policy.rules import load
from phonehome.analysis.report import phrases, summary
from phonehome.analysis.report.entries import DestinationEntry, Document
from phonehome.analysis.report.outliers import outliers
from tests.reports import device, document, identifier, row
from tests.sentences import said, said_of, too_long

KINDS = sorted(shipped().catalogue.kinds.values(), key=lambda kind: -len(kind.label.split()))
COUNTRIES = ["CN", "US", "GS", "UM", "VC", "SG"]
"""Some of them have long names."""


def carried(number: int, certainty: str, unencrypted: bool) -> list[Any]:
    """Identifiers of so many kinds, those with the longest names first."""
    return [
        identifier(kind.id, kind.category, label=kind.label, certainty=certainty, unencrypted=3 * unencrypted)
        for kind in KINDS[:number]
    ]


@st.composite
def rows(draw: st.DrawFn) -> DestinationEntry:
    number = draw(st.sampled_from([1, 2, 3, 1_234_567]))
    clear = draw(st.booleans())
    country = draw(st.sampled_from([None, *COUNTRIES]))
    certainty = draw(st.sampled_from(["certain", "likely", "uncertain"])) if country else "unknown"
    host = draw(st.sampled_from([None, *(f"{letter}.example" for letter in "abcdefgh")]))
    return row(
        host,  # type: ignore[arg-type]
        country,
        country_name=shipped().countries.names.get(country or ""),
        country_certainty=certainty,
        addresses=draw(st.sampled_from([["192.0.2.1"], ["192.0.2.1", "192.0.2.2", "192.0.2.3"]])),
        purpose=draw(st.sampled_from(["activation", "unclassified", "push"])),
        purpose_reason="by its looks: IMEI and SIM number (ICCID) in one request",
        transmissions=number,
        attempts=draw(st.sampled_from([0, 1, number])),
        outcome_unknown=draw(st.sampled_from([0, 1])),
        acknowledged=draw(st.sampled_from([None, 0, 1])),
        encrypted="no" if clear else "yes",
        unencrypted=number if clear else 0,
        protocols=draw(st.sampled_from([["http"], ["tls"]])),
        identifiers=carried(
            draw(st.integers(0, 40)), draw(st.sampled_from(["certain", "likely", "possible"])), clear
        ),
        not_understood=draw(st.sampled_from([{}, {"encrypted": 2, "unknown": 1}])),
        scope=draw(st.sampled_from(["global", "private"])),
        owner=draw(st.sampled_from([None, "China Telecom"])),
        asn=draw(st.sampled_from([None, 4134])),
    )


def summarised(report: Document) -> Document:
    for entry in report["devices"]:
        entry["attempts"] = sum(one["attempts"] for one in entry["destinations"])
        entry["summary"] = summary.device_summary(entry)
    report["outliers"] = outliers(report["devices"])
    return report


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(rows(), max_size=6), min_size=1, max_size=4), st.lists(rows(), max_size=6))
def test_whatever_was_seen(phones: list[list[DestinationEntry]], after: list[DestinationEntry]) -> None:
    report = summarised(
        document(*(device(*its, id=f"10.0.0.{number}") for number, its in enumerate(phones, 2)))
    )
    for policy in ("hmd-2019", "eea"):
        assert not too_long(said_of(judge_policy(report, load(policy), "WW")))
    later = summarised(document(device(*after, names_only=["zzhc.vnet.cn", "a.example"])))
    assert not too_long(said(report))
    compared = compare(report, later), compare(later, report), compare(report, report)
    assert not too_long(
        finding for one in compared for phone in one["devices"] for finding in phone["findings"]
    )


def test_a_number_agrees_with_its_noun() -> None:
    report = seen_once()
    for line in said(report):
        assert not re.search(r"\b1 \w+s\b|\b1 transmission (were|are)\b|\bwhether they\b", line), line


def seen_once() -> Document:
    report = summarised(document(device(row(transmissions=1, outcome_unknown=1))))
    for key, value in report["not_seen"].items():
        if isinstance(value, int):
            report["not_seen"][key] = 1
    report["not_seen"]["not_understood"] = dict.fromkeys(report["not_seen"]["not_understood"], 1)
    return report


def test_what_is_always_said() -> None:
    assert not too_long(text for _, text in phrases.READING)
