"""Where data may go, and when: what the catalogue says, and that it says so with a reference."""

import tomllib
from datetime import date
from importlib.resources import files

import pytest

from phonehome.analysis.knowledge.addresses import country_name
from phonehome.analysis.transfers import status

TODAY = "2026-11-24"


@pytest.mark.parametrize("country", ["NO", "IS", "LI", "DE", "FI", "HR", "MQ", "AX"])
def test_the_eea(country: str) -> None:
    found = status(country, TODAY)
    assert found is not None
    assert found.kind == "eea"


@pytest.mark.parametrize("country", ["SG", "CN", "IN", "RU", "HK", "SJ", "XK"])
def test_neither(country: str) -> None:
    assert status(country, TODAY) is None


def test_thirty_members() -> None:
    document = tomllib.loads((files("phonehome.analysis.knowledge") / "transfers.toml").read_text("utf-8"))
    members = {
        entry["code"]
        for entry in document["country"]
        if entry["status"] == "eea" and entry["reference"] == "eea" and "until" not in entry
    }
    assert len(members) == 30


def test_a_decision_counts_from_its_day_on() -> None:
    assert status("JP", "2019-01-22") is None
    found = status("JP", "2019-01-23T00:00:00Z")
    assert found is not None
    assert found.kind == "adequate"
    assert "2019/419" in found.references[0][0]


def test_a_decision_that_a_court_annulled_counts_until_then() -> None:
    assert status("US", "2019-03-21") is not None
    assert status("US", "2020-07-15") is not None
    assert status("US", "2020-07-16") is None
    assert status("US", "2023-07-10") is not None


@pytest.mark.parametrize(
    ("day", "kind"),
    [("2019-03-21", "eea"), ("2021-03-01", "adequate"), ("2021-06-28", "adequate"), (TODAY, "adequate")],
)
def test_the_united_kingdom_has_been_both(day: str, kind: str) -> None:
    found = status("GB", day)
    assert found is not None
    assert found.kind == kind


def test_every_entry_has_a_reference_and_a_country_that_exists() -> None:
    document = tomllib.loads((files("phonehome.analysis.knowledge") / "transfers.toml").read_text("utf-8"))
    for entry in document["country"]:
        assert country_name(entry["code"]) != entry["code"]
        assert isinstance(entry["since"], date)
        found = status(entry["code"], str(entry["since"]))
        assert found is not None
        assert all(len(title) > 10 and where.startswith("https://") for title, where in found.references)
        assert found.references
