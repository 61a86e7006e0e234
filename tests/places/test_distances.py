"""Least distances: never longer than the truth."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.places.distances import Point, airport, between, to_countries

OSLO, AMSTERDAM, SINGAPORE = Point(59.91, 10.75), Point(52.37, 4.9), Point(1.35, 103.82)


@pytest.mark.parametrize(
    ("place", "country", "least", "most"),
    [
        (AMSTERDAM, "NL", 0, 0),
        (AMSTERDAM, "DE", 0, 150),
        (AMSTERDAM, "US", 4200, 5200),  # Maine
        (AMSTERDAM, "FR", 0, 220),
        (OSLO, "CN", 4000, 5000),
        (SINGAPORE, "CN", 1600, 2000),  # Hainan
        (SINGAPORE, "FR", 3500, 6500),  # Mayotte and Reunion belong to it
        ("NL", "US", 4300, 5100),  # not Bonaire, which is BQ
        ("US", "NL", 0, 1900),  # but the Netherlands reach into the Caribbean
        ("SG", "MY", 0, 0),
        ("FR", "BR", 3500, 7500),  # not French Guiana, which is GF
        ("BR", "FR", 0, 0),  # but France reaches South America
    ],
)
def test_distances_to_countries(place: Point | str, country: str, least: float, most: float) -> None:
    assert least <= to_countries(place)[country] <= most


def test_a_country_is_nowhere_far_from_the_airports_in_it() -> None:
    for code in ("AMS", "JFK", "HNL", "ANC", "CAY", "RUN", "SIN", "HKG", "TLV", "KEF", "SYD", "GRU", "DXB"):
        found = airport(code)
        assert found is not None
        assert to_countries(Point(found.latitude, found.longitude))[found.country] == 0


@given(st.floats(-89, 89), st.floats(-180, 180), st.sampled_from(["NL", "US", "CN", "FR", "RU", "SG", "BR"]))
def test_farther_into_doubt_is_never_farther(latitude: float, longitude: float, code: str) -> None:
    sure, doubtful = Point(latitude, longitude), Point(latitude, longitude, 200)
    assert to_countries(doubtful)[code] <= to_countries(sure)[code] <= math.pi * 6371


def test_between() -> None:
    assert 9900 < between(AMSTERDAM, SINGAPORE) < 10600
    assert between("SG", AMSTERDAM) == between(AMSTERDAM, "SG") > 9900
    assert between("XX", AMSTERDAM) == 0


@pytest.mark.parametrize("code", ["", "A", "AMST", "A,S", "???", "ZZZ", "ams"])
def test_no_airport(code: str) -> None:
    assert airport(code) is None


def test_airports_of_a_city() -> None:
    for code, country, city in (("AMS", "NL", "Amsterdam"), ("LON", "GB", "London"), ("HFA", "IL", "Haifa")):
        found = airport(code)
        assert found is not None
        assert (found.country, found.city) == (country, city)
