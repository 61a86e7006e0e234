"""The measurements of locations: what they must come to, on fewer draws."""

import random
from typing import Any

from benchmarks.places import contradicted, names, published, trips
from tests.reports import AFFECTED, CHINA, FIXED, device, document, row, sample


def test_no_published_place_is_wrong_as_certain_or_likely() -> None:
    found = list(published())
    assert len(found) >= 75
    assert len({address for address, _, _ in found}) == len(found)
    assert names() == 0


def test_no_true_country_is_ever_excluded() -> None:
    assert trips(random.Random(1), 400) == 0


def test_no_country_is_given_against_what_the_capture_itself_holds() -> None:
    for name in (AFFECTED, CHINA, FIXED):
        assert contradicted(sample(name)) == []


def test_a_contradiction_is_found() -> None:
    word: dict[str, Any] = {
        "kind": "edge-header",
        "says": "says SJC",
        "country": "US",
        "source": "x",
        "date": None,
    }
    listed = {**word, "kind": "provider-list", "country": "CN"}
    rows = [
        row("a.example", country_evidence=[word]),
        row("b.example", excluded_countries=["CN"]),
        row("c.example", country_evidence=[word, listed]),
        row("d.example", country_evidence=[word, listed], country_certainty="certain"),
        row("e.example", country_evidence=[word], country_certainty="uncertain"),
    ]
    assert [line[:1] for line in contradicted(document(device(*rows)))] == ["a", "b", "c"]
