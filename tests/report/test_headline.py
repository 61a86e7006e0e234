"""The finding, in one line: what it says of each sort of report, and how sure."""

from typing import Any

import pytest

from phonehome.analysis.report.entries import IdentifierEntry
from phonehome.analysis.report.headline import headline
from tests.reports import AFFECTED, CHINA, FIXED, device, document, row, sample


def found(
    kind: str, label: str, category: str, certainty: str = "certain", clear: int = 3
) -> IdentifierEntry:
    return {
        "kind": kind,
        "label": label,
        "category": category,
        "certainty": certainty,
        "reason": "a test",
        "path": "body",
        "value": f"{kind}-1",
        "transmissions": 3,
        "unencrypted": clear,
        "delivered": 3,
    }


IMEI, SIM = found("imei", "IMEI", "hardware"), found("iccid", "SIM number", "sim")
ADVERTISING = found("advertising_id", "advertising ID", "advertising", clear=0)
CLEAR: dict[str, Any] = {"unencrypted": 3, "encrypted": "no"}
MAKER: dict[str, Any] = {"owner": "Maker", "company": "Maker", "owner_country": "CN"}
NOTHING: dict[str, Any] = {"purpose": "unclassified", "protocols": ["http"]}


@pytest.mark.parametrize(
    ("path", "text", "alarm"),
    [
        (
            AFFECTED,
            "Nokia 7 plus (10.42.0.23) sent IMEI, SIM number (ICCID) and cell id to China Telecom, unencrypted",
            True,
        ),
        (
            CHINA,
            "2 of 2 phones sent IMEI, SIM number (ICCID) and cell id to China Telecom, unencrypted",
            True,
        ),
        (FIXED, "Nokia 7 plus sent IMEI and Android ID to Google, encrypted", False),
    ],
)
def test_of_the_samples(path: str, text: str, alarm: bool) -> None:
    finding = headline(sample(path))
    assert (finding.text, finding.alarm) == (text, alarm)
    assert [word for word, _ in finding.facts] == ["Who", "When", "Where", "How sure"]


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (row(**MAKER, **CLEAR, identifiers=[IMEI, SIM]), "sent IMEI and SIM number to Maker, unencrypted"),
        (
            row(**MAKER, encrypted="mixed", unencrypted=1, identifiers=[{**IMEI, "unencrypted": 1}]),
            "sent IMEI to Maker, partly unencrypted",
        ),
        (
            row(**MAKER, **CLEAR, attempts=3, identifiers=[IMEI]),
            "tried to send IMEI to Maker, unencrypted",
        ),
        (
            row(**MAKER, **CLEAR, identifiers=[{**IMEI, "certainty": "likely"}]),
            "sent what is probably IMEI to Maker, unencrypted",
        ),
        (
            row(**MAKER, identifiers=[{**IMEI, "unencrypted": 0}]),
            "sent IMEI to Maker, encrypted",
        ),
        (
            row("x.example", **CLEAR, identifiers=[IMEI]),
            "sent IMEI to x.example (owner not known), unencrypted",
        ),
        (
            row("x.cloud.example", **CLEAR, hosted_by="Cloud", identifiers=[IMEI]),
            "sent IMEI to x.cloud.example (owner not known), unencrypted",
        ),
        (
            {**row(**CLEAR, identifiers=[IMEI]), "host": None},
            "sent IMEI to an address without a name (192.0.2.1), unencrypted",
        ),
        (
            row(local=True, scope="private", **CLEAR, identifiers=[IMEI]),
            "sent IMEI to its own network, unencrypted",
        ),
        (
            row(**MAKER, **NOTHING, identifiers=[ADVERTISING]),
            "sent advertising ID to Maker, encrypted",
        ),
        (row(**MAKER, entry="x", purpose="activation"), "sent activation data to Maker, encrypted"),
        (
            row(**MAKER, **NOTHING, encrypted="unknown", identifiers=[ADVERTISING]),
            "sent advertising ID to Maker, not known whether encrypted",
        ),
    ],
)  # fmt: skip
def test_it_claims_what_was_seen_and_no_more(entry: Any, text: str) -> None:
    assert headline(document(device(entry, model="Phone X"))).text == f"Phone X {text}"


@pytest.mark.parametrize(
    ("identifiers", "when"),
    [
        ([IMEI, SIM], "3 times, 2026"),
        ([IMEI, {**SIM, "transmissions": 2}], "3 times, not each with all of this, 2026"),
        # Three values of a kind, each once, and the same value in two places.
        ([{**IMEI, "transmissions": 1, "value": f"{number}"} for number in range(3)], "3 times, 2026"),
        (
            [{**IMEI, "transmissions": 2, "path": path} for path in "ab"],
            "3 times, not each with all of this, 2026",
        ),
    ],
)
def test_how_often_is_not_said_of_what_was_in_some_only(identifiers: list[Any], when: str) -> None:
    entry = row(**MAKER, **CLEAR, identifiers=identifiers, transmissions=3, first="2026-11-01T10:00:05Z")
    facts = dict(headline(document(device({**entry, "last": "2026-11-01T10:00:50Z"}))).facts)
    assert facts["When"].startswith(when)
    assert facts["When"].endswith(" 10:00 UTC")
    assert " to " not in facts["When"]


def test_the_gravest_comes_first_whatever_the_order() -> None:
    grave = row(**MAKER, **CLEAR, identifiers=[IMEI])
    other = row("b.example", **NOTHING, identifiers=[ADVERTISING])
    for rows in ((grave, other), (other, grave)):
        assert headline(document(device(*rows, model="Phone X"))).text.endswith(
            "sent IMEI to Maker, unencrypted"
        )


def test_what_went_encrypted_is_not_said_to_be_in_the_clear() -> None:
    entry = row(**MAKER, encrypted="mixed", unencrypted=1, identifiers=[{**SIM, "unencrypted": 0}, IMEI])
    assert (
        headline(document(device(entry, model="Phone X"))).text
        == "Phone X sent IMEI to Maker, partly unencrypted"
    )


def test_of_several_phones_it_says_what_each_of_them_sent() -> None:
    both = [row(**MAKER, **CLEAR, identifiers=[IMEI, SIM]), row(**MAKER, **CLEAR, identifiers=[IMEI])]
    phones = [device(entry, id=f"10.0.0.{n}", model=f"Phone {n}") for n, entry in enumerate(both)]
    quiet = device(row("q.example", **NOTHING), id="10.0.0.9", model="Phone Q")
    assert headline(document(*phones, quiet)).text == "2 of 3 phones sent IMEI to Maker, unencrypted"
    apart = [row(**MAKER, **CLEAR, identifiers=[IMEI]), row(**MAKER, **CLEAR, identifiers=[SIM])]
    phones = [device(entry, id=f"10.0.0.{n}", model=f"Phone {n}") for n, entry in enumerate(apart)]
    assert headline(document(*phones)).text.startswith("Phone ")


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (row(**NOTHING), "Nothing was recognised that identifies Phone X"),
        (
            row(**NOTHING, identifiers=[{**IMEI, "certainty": "possible"}]),
            "Nothing was recognised for sure that identifies Phone X",
        ),
        (
            row(**NOTHING, not_understood={"unknown": 1, "bytes": 90}),
            "Nothing was recognised that identifies Phone X, in what could be read",
        ),
        (
            row(purpose="unclassified", protocols=["tls"], tls_not_opened={"passed": 3}),
            "What Phone X sent could not be read",
        ),
    ],
)
def test_of_nothing_it_says_so_plainly(entry: Any, text: str) -> None:
    finding = headline(document(device(entry, model="Phone X")))
    assert (finding.text, finding.facts, finding.alarm) == (text, (), False)


def test_a_name_that_a_stranger_chose_does_not_fill_the_page() -> None:
    entry = row("n" * 5000 + ".example", **CLEAR, identifiers=[IMEI])
    assert len(headline(document(device(entry, model="m" * 5000))).text) < 250


def test_of_no_transmission_as_well() -> None:
    assert headline(document()).text == "No transmission of a phone was found"
    assert headline(document(device())).text == "No transmission of a phone was found"
