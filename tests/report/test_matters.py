"""Why it matters what was found."""

from phonehome.analysis.knowledge import shipped
from phonehome.analysis.report.matters import why
from tests.reports import AFFECTED, device, document, identifier, row, sample


def test_each_line_is_about_kinds_that_were_found_and_rests_on_something() -> None:
    report = sample(AFFECTED)
    lines = why(report)
    labels = {
        item["label"]
        for phone in report["devices"]
        for entry in phone["destinations"]
        for item in entry["identifiers"]
    }
    assert lines[0].what == "in clear text"
    assert lines[1].what.startswith("IMEI")
    for line in lines[1:]:
        assert set(line.what.replace(" and ", ", ").split(", ")) <= labels | {"Wi-Fi access points near by"}
    assert all(line.references and line.says.endswith(".") for line in lines)
    assert not any("installed apps" in line.what for line in lines)


def test_nothing_found_is_nothing_said() -> None:
    assert why(document()) == []
    possible = {**identifier(), "certainty": "possible", "unencrypted": 3}
    assert why(document(device(row(identifiers=[possible])))) == []


def test_encrypted_identifiers_are_not_said_to_be_in_clear_text() -> None:
    hidden = {**identifier(), "certainty": "certain", "unencrypted": 0}
    assert [line.what for line in why(document(device(row(identifiers=[hidden]))))] == [hidden["label"]]


def test_of_hardware_sim_place_and_account_every_kind_has_a_line() -> None:
    known = {kind for matter in shipped().matters for kind in matter.kinds}
    kinds = shipped().catalogue.kinds.values()
    missed = {
        kind.id
        for kind in kinds
        if kind.category in ("hardware", "sim", "location", "account", "advertising")
    }
    assert missed - known == {"known-value"}, "what the user names himself is his to judge"
