"""Bounds: what a round trip excludes, and what it is not trusted for."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.places.distances import Point
from phonehome.analysis.places.round_trips import (
    FIRST_BYTE,
    MOST_WORDS,
    TCP,
    TLS,
    Answers,
    Bounds,
    Landmark,
    tcp_is_trusted,
)
from phonehome.analysis.transmission import RoundTrips

AMSTERDAM = Landmark(0.0145, "Amsterdam", Point(52.37, 4.9))


def answers(tcp: float = math.inf, tls: float = math.inf, first_byte: float = math.inf) -> Answers:
    return Answers(tcp=tcp, tls=tls, first_byte=first_byte)


def test_two_destinations_bound_one_another() -> None:
    """A phone in the Netherlands, Akamai in 12.1 ms, DigitalOcean in Amsterdam in 14.5."""
    bound = Bounds([AMSTERDAM]).of(0.0121, TLS)
    assert bound is not None
    assert round(bound.km) == 2660
    assert bound.origin == "Amsterdam"
    assert {"US", "CN", "SG"} <= bound.excluded
    assert not {"NL", "DE", "IT", "FR", "NO"} & bound.excluded


def test_the_soonest_reference_is_named_and_all_count() -> None:
    singapore = Landmark(0.0, "Singapore", "SG")
    bound = Bounds([Landmark(0.06, "Tokyo", Point(35.7, 139.7)), singapore]).of(0.02, TLS)
    assert bound is not None
    assert bound.origin == "Singapore"
    assert {"US", "NL"} <= bound.excluded
    assert not {"SG", "MY", "CN"} & bound.excluded


def test_without_a_place_that_is_certain_nothing_is_excluded() -> None:
    assert Bounds([]).of(0.001, TLS) is None


def test_places_that_contradict_one_another_exclude_nothing() -> None:
    bounds = Bounds([AMSTERDAM, Landmark(0.012, "Virginia (AWS us-east-1)", "US")])
    assert "too soon for both" in bounds.contradiction
    assert "Virginia (AWS us-east-1) answered in 12 ms" in bounds.contradiction
    assert bounds.of(0.001, TLS) is None
    assert not Bounds([AMSTERDAM, Landmark(0.09, "Virginia", "US")]).contradiction


@pytest.mark.parametrize(
    ("measured", "trusted", "expected"),
    [
        (answers(tcp=0.012, tls=0.03), False, (0.012, TCP)),
        (answers(tcp=0.003, tls=0.165), True, (0.165, TLS)),  # a middlebox answered
        (answers(tcp=0.003, tls=0.165, first_byte=0.1), True, (0.1, FIRST_BYTE)),
        (answers(tcp=0.012), True, (0.012, TCP)),  # no TLS: as the capture
        (answers(tcp=0.012), False, None),
        (answers(tls=0.03), True, (0.03, TLS)),
        (answers(tcp=0.012, tls=0.03, first_byte=0.0001), True, (0.012, TCP)),  # not from there
        (answers(first_byte=0.02), True, (0.02, FIRST_BYTE)),
        (answers(), True, None),
    ],
)
def test_which_measurement_counts(
    measured: Answers, trusted: bool, expected: tuple[float, str] | None
) -> None:
    assert measured.least(trusted) == expected


def test_tcp_is_trusted_where_tls_agrees() -> None:
    def trusted(*all_: Answers) -> bool:
        return tcp_is_trusted(Counter(one.agrees() for one in all_))

    assert not trusted(answers(tcp=0.01))
    assert trusted(answers(tcp=0.01, tls=0.02), answers(tcp=0.01))
    assert not trusted(answers(tcp=0.01, tls=0.02), answers(tcp=0.003, tls=0.165))


durations = st.none() | st.floats(0.0001, 9)
parts = st.lists(
    st.tuples(
        st.builds(RoundTrips, durations, durations, durations),
        st.lists(st.tuples(st.just("cf-ray"), st.text("abc", min_size=1, max_size=4)), max_size=5),
    ),
    max_size=12,
)


@given(parts, st.integers(0, 12))
def test_it_does_not_matter_how_answers_are_divided(
    seen: list[tuple[RoundTrips, list[tuple[str, str]]]], cut: int
) -> None:
    whole, first, second = Answers(), Answers(), Answers()
    for place, (round_trips, words) in enumerate(seen):
        whole.add(round_trips, words)
        (first if place < cut else second).add(round_trips, words)
    second.merge(first)
    assert (second.tcp, second.tls, second.first_byte) == (whole.tcp, whole.tls, whole.first_byte)
    assert second.words == whole.words
    assert len(whole.words) <= MOST_WORDS
