"""The sentences are computed: neither more nor less than what was counted."""

from typing import Any

import pytest

from phonehome.analysis.report.summary import MAX_WORDS, device_summary, listed, times


def found(kind: str, category: str, certainty: str = "certain") -> dict[str, Any]:
    return {"kind": kind, "label": kind, "category": category, "certainty": certainty, "unencrypted": 1}


def row(**changes: Any) -> dict[str, Any]:
    return {
        "host": "zzhc.vnet.cn",
        "addresses": ["61.139.2.69"],
        "purpose": "activation",
        "purpose_reason": "catalogue entry x",
        "entry": "x",
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
        (
            {},
            "It sent activation data probably to China 14 times, unencrypted, with IMEI, ICCID and cell id.",
        ),
        (
            {"encrypted": "unknown", "identifiers": []},
            "It sent activation data probably to China 14 times, not known whether encrypted.",
        ),
        (
            {"outcome_unknown": 9},
            "It sent activation data probably to China 14 times, unencrypted, with IMEI, ICCID and cell id. "
            "Whether 9 of them "
            "arrived is not known.",
        ),
        (
            {"attempts": 4},
            "It sent activation data probably to China 10 times, unencrypted, with IMEI, ICCID and cell id. "
            "It tried 4 "
            "times more without an answer.",
        ),
        (
            {"attempts": 14},
            "It tried to send activation data probably to China 14 times, unencrypted, with IMEI, ICCID and cell id. "
            "It "
            "got no answer.",
        ),
        (
            {"acknowledgement_known": True},
            "It sent activation data probably to China 14 times, unencrypted, with IMEI, ICCID and cell id. "
            "No answer says "
            "that it was accepted.",
        ),
        (
            {"acknowledgement_known": True, "acknowledged": 14},
            "It sent activation data probably to China 14 times, unencrypted, with IMEI, ICCID and cell id. "
            "The answer says "
            "that it was accepted each time.",
        ),
        (
            {"encrypted": "yes", "transmissions": 1, "identifiers": []},
            "It sent activation data probably to China once, encrypted.",
        ),
        (
            {"country_certainty": "uncertain", "identifiers": [], "encrypted": "yes"},
            "It sent activation data perhaps to China 14 times, encrypted.",
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
        "It sent activation data probably to China 14 times, unencrypted, with IMEI, ICCID and cell id. "
        ""
        "It also sent activation data probably to Germany once, encrypted."
    )


def test_when_there_is_nothing_to_tell() -> None:
    quiet = row(purpose="unclassified", identifiers=[], encrypted="yes", transmissions=3)
    assert sentence(quiet) == (
        "It sent 3 transmissions to 1 host probably in China. "
        "No identifier of any kind was recognised in what could be read."
    )
    assert sentence() == "It looked up names; no transmission of it was seen."


def test_words() -> None:
    assert [times(number) for number in (1, 2, 3, 1400)] == ["once", "twice", "3 times", "1,400 times"]
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("transmissions", "attempts", "expected"),
    [
        (3, 0, "It sent 3 transmissions to 1 host probably in China. No"),
        (3, 1, "It sent 2 transmissions to 1 host probably in China, and tried 1 more without an answer. No"),
        (1, 1, "It tried 1 transmission to 1 host probably in China, and got no answer. No"),
    ],
)
def test_what_was_only_tried_is_not_said_to_be_sent(transmissions: int, attempts: int, expected: str) -> None:
    quiet = row(purpose="unclassified", identifiers=[], transmissions=transmissions, attempts=attempts)
    assert sentence(quiet).startswith(expected)


def test_what_only_looks_like_an_activation_is_said_so() -> None:
    looks = row(
        entry=None, purpose_reason="by its looks: IMEI and ICCID in one request", country_certainty="certain"
    )
    assert sentence(looks).startswith(
        "It sent what looks like activation data (IMEI and ICCID in one request) to China 14 times"
    )


def test_all_that_tells_about_a_person_is_named() -> None:
    kinds = [
        found("advertising id", "advertising"),
        found("e-mail address", "account"),
        found("position", "location"),
        found("phone model", "software"),
    ]
    other = row(host="a.example", purpose="analytics", identifiers=kinds, encrypted="yes", transmissions=3)
    assert sentence(other) == (
        "It sent 3 transmissions to 1 host probably in China. What could be read held position, e-mail address and "
        "advertising id; no identifier of hardware or SIM was recognised."
    )
    assert sentence(row(), other).endswith(
        "To 1 other host it also sent position, e-mail address and advertising id."
    )


def test_a_country_that_rests_on_doubt_is_not_named_as_a_fact() -> None:
    quiet = row(purpose="unclassified", identifiers=[], country_certainty="uncertain", transmissions=3)
    assert "China" not in sentence(quiet)
    sure = {
        **quiet,
        "country_name": "Austria",
        "country_certainty": "certain",
        "transmissions": 2,
        "host": "b.example",
    }
    more = {**sure, "country_name": "Belgium", "transmissions": 9, "host": "c.example"}
    assert "in Belgium and Austria, and in countries that are not certain" in sentence(quiet, sure, more)


@pytest.mark.parametrize("entry", [None, "x"])
@pytest.mark.parametrize("certainty", ["certain", "likely", "uncertain"])
@pytest.mark.parametrize("attempts", [0, 4, 14])
def test_sentences_are_short(entry: str | None, certainty: str, attempts: int) -> None:
    many = [found(f"kind{number}", "hardware") for number in range(20)]
    one = row(
        entry=entry,
        purpose_reason="by its looks: IMEI and ICCID in one request",
        country_certainty=certainty,
        attempts=attempts,
        acknowledgement_known=True,
        outcome_unknown=2,
        identifiers=many,
    )
    for said in sentence(one, {**one, "purpose": "unclassified", "encrypted": "yes"}).split(". "):
        assert len(said.split()) <= MAX_WORDS, said
