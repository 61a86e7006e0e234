"""The sentences are computed: neither more nor less than what was counted."""

from typing import Any

import pytest

from phonehome.analysis.report.summary import device_summary, listed, times


def found(kind: str, category: str, certainty: str = "certain") -> dict[str, Any]:
    return {"kind": kind, "label": kind, "category": category, "certainty": certainty, "unencrypted": 1}


def row(**changes: Any) -> dict[str, Any]:
    return {
        "host": "zzhc.vnet.cn",
        "addresses": ["61.139.2.69"],
        "purpose": "activation",
        "country": "CN",
        "country_name": "China",
        "country_certainty": "likely",
        "scope": "global",
        "local": False,
        "cloud": None,
        "transmissions": 14,
        "attempts": 0,
        "outcome_unknown": 0,
        "acknowledged": 0,
        "acknowledgement_known": False,
        "encrypted": "no",
        "identifiers": [found("cell id", "location"), found("IMEI", "hardware"), found("ICCID", "sim")],
        **changes,
    }


def sentence(*rows: dict[str, Any]) -> str:
    device: Any = {
        "destinations": list(rows),
        "transmissions": sum(one["transmissions"] for one in rows),
        "attempts": sum(one["attempts"] for one in rows),
    }
    return device_summary(device)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "It sent activation data to China 14 times, unencrypted, with IMEI, ICCID and cell id."),
        (
            {"encrypted": "unknown", "identifiers": []},
            "It sent activation data to China 14 times, not known whether encrypted.",
        ),
        (
            {"outcome_unknown": 9},
            "It sent activation data to China 14 times, unencrypted, with IMEI, ICCID and cell id; whether 9 of them "
            "arrived is not in the capture.",
        ),
        (
            {"attempts": 4},
            "It sent activation data to China 10 times, unencrypted, with IMEI, ICCID and cell id, and tried 4 "
            "times more without an answer.",
        ),
        (
            {"attempts": 14},
            "It tried to send activation data to China 14 times, unencrypted, with IMEI, ICCID and cell id, and "
            "got no answer.",
        ),
        (
            {"acknowledgement_known": True},
            "It sent activation data to China 14 times, unencrypted, with IMEI, ICCID and cell id; no answer says "
            "that it was accepted.",
        ),
        (
            {"acknowledgement_known": True, "acknowledged": 14},
            "It sent activation data to China 14 times, unencrypted, with IMEI, ICCID and cell id; the answer says "
            "that it was accepted each time.",
        ),
        (
            {"encrypted": "yes", "transmissions": 1, "identifiers": []},
            "It sent activation data to China once, encrypted.",
        ),
        (
            {"country_certainty": "uncertain", "identifiers": [], "encrypted": "yes"},
            "It sent activation data to China (uncertain) 14 times, encrypted.",
        ),
        (
            {"country": None, "country_name": None, "identifiers": [], "encrypted": "yes"},
            "It sent activation data to a country that is not known 14 times, encrypted.",
        ),
        (
            {
                "country": "SG",
                "country_name": "Singapore",
                "country_certainty": "certain",
                "cloud": {"provider": "AWS", "region": "ap-southeast-1"},
                "encrypted": "yes",
                "transmissions": 2,
            },
            "It sent activation data to Singapore (AWS ap-southeast-1) twice, encrypted, with IMEI, ICCID and cell id.",
        ),
    ],
)
def test_says_what_was_counted(changes: dict[str, Any], expected: str) -> None:
    assert sentence(row(**changes)) == expected


def test_a_possible_identifier_is_not_claimed() -> None:
    assert "IMEI" not in sentence(row(identifiers=[found("IMEI", "hardware", "possible")]))


def test_rows_of_one_place_are_one_sentence_and_a_second_place_is_another() -> None:
    said = sentence(
        row(transmissions=10),
        row(host="other.example", transmissions=4, identifiers=[]),
        row(country="DE", country_name="Germany", encrypted="yes", transmissions=1, identifiers=[]),
    )
    assert said == (
        "It sent activation data to China 14 times, unencrypted, with IMEI, ICCID and cell id. "
        "It also sent activation data to Germany once, encrypted."
    )


def test_when_there_is_nothing_to_tell() -> None:
    quiet = row(purpose="unclassified", identifiers=[], encrypted="yes", transmissions=3)
    assert sentence(quiet) == (
        "It sent 3 transmissions to 1 host in China; no IMEI, SIM number or other identifier of hardware or SIM "
        "was recognised in what could be read."
    )
    assert sentence() == "It looked up names; no transmission of it was seen."


def test_words() -> None:
    assert [times(number) for number in (1, 2, 3, 1400)] == ["once", "twice", "3 times", "1,400 times"]
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("transmissions", "attempts", "expected"),
    [
        (3, 0, "It sent 3 transmissions to 1 host in China; no IMEI"),
        (3, 1, "It sent 2 transmissions to 1 host in China, and tried 1 more without an answer; no IMEI"),
        (1, 1, "It tried 1 transmission to 1 host in China, and got no answer; no IMEI"),
    ],
)
def test_what_was_only_tried_is_not_said_to_be_sent(transmissions: int, attempts: int, expected: str) -> None:
    quiet = row(purpose="unclassified", identifiers=[], transmissions=transmissions, attempts=attempts)
    assert sentence(quiet).startswith(expected)
