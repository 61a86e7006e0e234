"""The sentences are computed: neither more nor less than what was counted."""

from typing import Any

import pytest

from phonehome.analysis.report.phrases import not_opened
from phonehome.analysis.report.summary import MAX_WORDS, device_summary, hosts, listed, times


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
        "country_evidence": [],
        "protocols": ["http"],
        "tls_not_opened": {},
        "not_understood": {},
        "transmissions": 14,
        "attempts": 0,
        "outcome_unknown": 0,
        "acknowledged": None,
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
            {"acknowledged": 0},
            "It sent activation data probably to China 14 times, unencrypted, with IMEI, ICCID and cell id. "
            "No answer says "
            "that it was accepted.",
        ),
        (
            {"acknowledged": 14},
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
                "country_evidence": [{"kind": "provider-list", "country": "SG"}],
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
        found("list of installed apps", "software"),
        found("Wi-Fi name", "network"),
        {**found("model", "software"), "label": "phone model"},
    ]
    other = row(host="a.example", purpose="analytics", identifiers=kinds, encrypted="yes", transmissions=3)
    assert sentence(other) == (
        "It sent 3 transmissions to 1 host probably in China. What could be read held e-mail address, position, Wi-Fi "
        "name, advertising id and list of installed apps. No identifier of hardware or SIM was recognised."
    )
    assert sentence(row(), other).endswith(
        "To 1 other host it also sent e-mail address, position, Wi-Fi name, advertising id and list of installed apps."
    )


def test_a_country_that_rests_on_doubt_is_not_named_as_a_fact() -> None:
    quiet = row(purpose="unclassified", identifiers=[], country_certainty="uncertain", transmissions=3)
    assert "China" not in sentence(quiet)
    sure = {
        **quiet,
        "country": "AT",
        "country_name": "Austria",
        "country_certainty": "certain",
        "transmissions": 2,
        "host": "b.example",
    }
    more = {**sure, "country": "BE", "country_name": "Belgium", "transmissions": 9, "host": "c.example"}
    assert "in Belgium and Austria, and in countries that are not certain" in sentence(quiet, sure, more)


def test_nothing_was_recognised_is_said_only_of_what_was_read_and_of_all_kinds() -> None:
    quiet = row(purpose="unclassified", identifiers=[], country="US", country_name="United States")
    assert "No identifier of any kind" in sentence(quiet)
    closed = {**quiet, "tls_not_opened": {"no-keys": 14}, "protocols": ["tls"]}
    assert sentence(closed) == (
        "It sent 14 transmissions to 1 host probably in the United States. None of it could be read: what it carried "
        "is not known."
    )
    assert "None of it could be read" in sentence(
        {**quiet, "not_understood": {"unknown": 14}, "protocols": ["udp"]}
    )
    # The head of a request was read, whatever its body is.
    assert "No identifier" in sentence({**quiet, "not_understood": {"unknown": 14}})
    assert "session ID" in sentence({**quiet, "identifiers": [found("session ID", "software")]})


def test_its_own_network_is_no_country_that_is_not_known() -> None:
    own = row(purpose="unclassified", identifiers=[], country=None, scope="private", local=True, host=None)
    assert "to 1 host in its own network. " in sentence(own)
    far = row(
        purpose="unclassified",
        identifiers=[],
        country="NL",
        country_certainty="certain",
        addresses=["192.0.2.7"],
    )
    assert "to 2 hosts in the Netherlands, and in its own network. " in sentence(own, far)


def test_a_host_counts_once_with_and_without_its_name() -> None:
    named = row(purpose="unclassified", identifiers=[])
    assert hosts([named, {**named, "host": None}, {**named, "purpose": "time"}]) == 1  # type: ignore[list-item, typeddict-item]
    assert hosts([named, {**named, "host": None, "addresses": ["192.0.2.7"]}]) == 2  # type: ignore[list-item, typeddict-item]


def test_of_identifiers_it_is_said_how_sure_they_are() -> None:
    carried = [
        found("IMEI", "hardware", "likely"),
        found("MAC", "hardware"),
        found("position", "location", "likely"),
    ]
    assert "with MAC, and probably IMEI and position." in sentence(row(identifiers=carried))


def test_a_region_without_a_place_is_not_named_as_one() -> None:
    edge = row(country_certainty="certain", cloud={"provider": "AWS", "region": "GLOBAL"})
    edge["country_evidence"] = [
        {"kind": "edge-header", "country": "CN"},
        {"kind": "provider-list", "country": None},
    ]
    assert "GLOBAL" not in sentence(edge)


def test_what_would_have_gone_elsewhere_was_not_sent() -> None:
    other = row(
        host="a.example", purpose="analytics", identifiers=[found("position", "location")], attempts=14
    )
    assert sentence(row(), other).endswith("To 1 other host it also tried to send position.")


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
        acknowledged=0,
        outcome_unknown=2,
        identifiers=many,
    )
    for said in sentence(one, {**one, "purpose": "unclassified", "encrypted": "yes"}).split(". "):
        assert len(said.split()) <= MAX_WORDS, said


def test_hosts_that_were_only_tried_are_not_said_to_have_got_something() -> None:
    quiet = row(purpose="unclassified", identifiers=[], country_certainty="certain", transmissions=3)
    tried = {
        **quiet,
        "host": "b.example",
        "addresses": ["192.0.2.7"],
        "country": "US",
        "transmissions": 2,
        "attempts": 2,
    }
    assert sentence(quiet, tried).startswith(
        "It sent 3 transmissions to 1 host in China. It tried 2 more without an answer to 1 host in the United States. "
    )
    assert sentence({**quiet, "attempts": 1}, tried).startswith(
        "It sent 2 transmissions to 1 host in China. It tried 3 more without an answer; 2 of these to 1 host in the "
        "United States. "
    )


def test_a_host_that_has_a_name_is_not_said_to_be_another_by_its_address() -> None:
    quiet = row(purpose="unclassified", identifiers=[], addresses=["192.0.2.7"], transmissions=3, attempts=1)
    bare = {**quiet, "host": None, "transmissions": 2, "attempts": 2}
    assert sentence(quiet, bare).startswith(
        "It sent 2 transmissions to 1 host probably in China, and tried 3 more without an answer. "
    )


@pytest.mark.parametrize(
    ("transmissions", "attempts", "how", "expected"),
    [
        (
            1,
            1,
            {"failed": 1},
            "It tried 1 transmission to 1 host probably in China, in vain (TLS or QUIC failed). ",
        ),
        (
            3,
            3,
            {"refused": 2, "no-keys": 1},
            "It tried 3 transmissions to 1 host probably in China, in vain (no answer, or TLS or QUIC failed). ",
        ),
        (
            3,
            1,
            {"refused": 1},
            "It sent 2 transmissions to 1 host probably in China, and tried 1 more in vain (TLS or QUIC failed). ",
        ),
    ],
)
def test_a_server_that_breaks_tls_off_has_answered(
    transmissions: int, attempts: int, how: dict[str, int], expected: str
) -> None:
    quiet = row(
        purpose="unclassified",
        identifiers=[],
        protocols=["tls"],
        transmissions=transmissions,
        attempts=attempts,
        tls_not_opened=how,
    )
    assert sentence(quiet).startswith(expected)


def test_tls_that_broke_off_was_not_opened_either() -> None:
    quiet = row(purpose="unclassified", identifiers=[], protocols=["tls"], tls_not_opened={"no-keys": 2})
    assert "None of it could be read" in sentence(quiet)
    assert not_opened(quiet) == ["not opened"]  # type: ignore[arg-type]
    assert not_opened({**quiet, "protocols": ["http", "tls"]}) == ["2 of 14 not opened"]  # type: ignore[typeddict-item]
