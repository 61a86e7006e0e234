"""The measurements of locations: what they must come to, on fewer draws."""

import random

from benchmarks.places import names, published, trips


def test_no_published_place_is_wrong_as_certain_or_likely() -> None:
    found = list(published())
    assert len(found) >= 75
    assert len({address for address, _, _ in found}) == len(found)
    assert names() == 0


def test_no_true_country_is_ever_excluded() -> None:
    assert trips(random.Random(1), 400) == 0
