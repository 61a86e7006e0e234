"""Where destinations are, by all captures of a report."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.places.locate import NOTHING_SEEN, AddressEvidence
from phonehome.analysis.places.location import Location
from phonehome.analysis.places.round_trips import Answers
from phonehome.analysis.report.located import Located, Session, Vantage
from phonehome.analysis.report.model import Capture
from phonehome.analysis.transmission import Reply, RoundTrips, Transmission

CERTAIN = {"192.0.2.1": "DE", "192.0.2.2": "SG", "192.0.2.3": "IE"}


def locate(address: str | None, time: float | None = None, seen: AddressEvidence = NOTHING_SEEN) -> Location:
    """Some places are certain; for others, the country that stands in is the bound's origin."""
    country = CERTAIN.get(address or "")
    bound = seen.bound
    return Location(
        address=address or "",
        country=country,
        at=country,
        cloud_provider="A cloud",
        cloud_region=country,
        bound_km=bound.km if bound else None,
        bound_from=bound.origin if bound else None,
        excluded=bound.excluded if bound else frozenset(),
    )


def test_the_order_of_captures_does_not_matter() -> None:
    captures = {
        f"{near}.mitm": Capture(answers={near: Answers(tls=0.02), "192.0.2.9": Answers(tls=0.02)})
        for near in CERTAIN
    }
    found = {
        Located({path: captures[path] for path in order}, locate).locate("192.0.2.9", None, None)
        for order in permutations(captures)
    }
    (location,) = found
    assert location.bound_km == 4000
    assert location.bound_from is not None


def test_what_excludes_nothing_is_no_bound() -> None:
    """Nothing on Earth is farther than 20,000 km."""
    far = Capture(answers={"192.0.2.1": Answers(tls=0.15), "192.0.2.9": Answers(tls=0.15)})
    assert Located({"far.mitm": far}, locate).locate("192.0.2.9", None, None).bound_km is None


durations = st.none() | st.sampled_from([0.001, 0.01, 0.02, 0.05, 0.3])
heard = st.lists(
    st.tuples(
        st.sampled_from([*CERTAIN, "192.0.2.8", "192.0.2.9"]),
        st.none() | st.builds(RoundTrips, durations, durations, durations),
        st.sampled_from([(), (("cf-ray", "230b030023ae2822-SJC"),), (("cf-ray", "230b030023ae2822-AMS"),)]),
    ),
    max_size=12,
)


@given(heard, st.sampled_from([None, ("Netherlands", "NL")]))
def test_a_session_says_at_each_step_what_a_report_that_ends_there_would(
    exchanges: list[tuple[str, RoundTrips | None, tuple[tuple[str, str], ...]]], at: Vantage | None
) -> None:
    session, capture = Session(locate, at), Capture()
    for address, round_trips, edge in exchanges:
        sent = Transmission(
            1.0, address=address, round_trips=round_trips, reply=Reply(200, "", None, 0, edge)
        )
        session.add(sent)
        session.add(sent._replace(origin="replayed", round_trips=RoundTrips(0.0001, 0.0001, 0.0001)))
        capture.first = 1.0
        capture.heard(address, round_trips, edge)
        located = Located({"": capture}, locate, {"": at} if at else None)
        for asked in (*CERTAIN, "192.0.2.8", "192.0.2.9"):
            assert session.locate(Transmission(1.0, address=asked)) == located.locate(asked, 1.0, None)


def test_a_session_keeps_so_many_addresses() -> None:
    session = Session(locate, most=2)
    for number in (9, 8, 7, 1):
        session.hear(1.0, f"192.0.2.{number}", RoundTrips(tls=0.02), ())
    assert session.locate(Transmission(1.0, address="192.0.2.9")).bound_km is None
    assert session.locate(Transmission(1.0, address="192.0.2.7")).bound_km == 4000
