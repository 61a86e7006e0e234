"""Where destinations are, by all captures of a report."""

from itertools import permutations

from phonehome.analysis.places.locate import NOTHING_SEEN, AddressEvidence
from phonehome.analysis.places.location import Location
from phonehome.analysis.places.round_trips import Answers
from phonehome.analysis.report.located import Located
from phonehome.analysis.report.model import Capture

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
