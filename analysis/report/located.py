"""Where the destinations of a report are: what tables know, and what its captures hold.

A capture has one place where it was made, and so its round trips are measured against one another, and never against
those of another capture.
"""

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from phonehome.analysis.knowledge.addresses import country_name
from phonehome.analysis.places.distances import Point
from phonehome.analysis.places.locate import NOTHING_SEEN, AddressEvidence, Reverse
from phonehome.analysis.places.location import Location
from phonehome.analysis.places.round_trips import Bound, Bounds, Landmark, tcp_is_trusted
from phonehome.analysis.report.model import Capture

if TYPE_CHECKING:  # its libraries are slow to load, and only --online needs them
    from phonehome.analysis.places.online import OnlineResults


class Locate(Protocol):
    """As `LocationDatabase.locate`."""

    def __call__(
        self, address: str | None, time: float | None = None, seen: AddressEvidence = NOTHING_SEEN
    ) -> Location: ...


Vantage = tuple[str, Point | str]
"""Where a capture was made, as the user says: what to call it, and the place or the country."""


class Located:
    """Where addresses are, with all that a report holds of them."""

    def __init__(
        self,
        captures: Mapping[str, Capture],
        locate: Locate,
        at: Mapping[str, Vantage] | None = None,
        online: "OnlineResults | None" = None,
    ) -> None:
        """`at` is by path of a capture."""
        self._captures, self._locate, self._online = captures, locate, online
        self.warnings: dict[str, str] = {}
        """By path: what is wrong with the round trips of a capture."""
        self._by_address: dict[str, list[str]] = {}
        for path, capture in sorted(captures.items()):  # whatever the order in which they were read
            for address in capture.answers:
                self._by_address.setdefault(address, []).append(path)
        self._trusted = {path: tcp_is_trusted(capture.answers.values()) for path, capture in captures.items()}
        self._bounds = {path: self._of_capture(path, (at or {}).get(path)) for path in captures}

    def _of_capture(self, path: str, at: Vantage | None) -> Bounds:
        references = [Landmark(0.0, *at)] if at else []
        capture = self._captures[path]
        for address, answers in capture.answers.items():
            least = answers.least(self._trusted[path])
            if least is None:
                continue
            location = self._locate(address, capture.first, AddressEvidence(words=answers.words))
            if location.at is not None:
                references.append(Landmark(least[0], _name(location), location.at))
        bounds = Bounds(references)
        if bounds.contradiction:
            self.warnings[path] = bounds.contradiction
        return bounds

    def locate(self, address: str | None, time: float | None, host: str | None) -> Location:
        """Where an address was at a time, of a destination with this name."""
        if address is None:
            return self._locate(address)
        words: dict[tuple[str, str], int] = {}
        bounds: list[Bound] = []
        for path in self._by_address.get(address, ()):
            answers = self._captures[path].answers[address]
            for word, count in answers.words.items():
                words[word] = words.get(word, 0) + count
            least = answers.least(self._trusted[path])
            bound = self._bounds[path].of(*least) if least else None
            if bound is not None:
                bounds.append(bound)
        seen = AddressEvidence(
            words=words,
            date=_day(time),
            hosts=(host,) if host else (),
            bound=_of_all(bounds),
            reverse=self._reverse(address),
            registered=self._registered(address),
        )
        return self._locate(address, time, seen)

    def _reverse(self, address: str) -> Reverse | None:
        found = self._online.reverse.get(address) if self._online else None
        return Reverse(found.name, _day(found.asked)) if found and found.name else None

    def _registered(self, address: str) -> tuple[str, str] | None:
        found = self._online.registry.get(address) if self._online else None
        if found is None or found.country is None:
            return None
        return found.country, found.holder or found.network_name or "a holder who is not named"


def _of_all(bounds: list[Bound]) -> Bound | None:
    """Of several captures the widest, and what all of them exclude: the address may have moved, or be many places."""
    if not bounds:
        return None
    widest = max(bounds, key=lambda bound: (bound.km, bound.origin, bound.how))
    return widest._replace(excluded=frozenset.intersection(*(bound.excluded for bound in bounds)))


def _name(location: Location) -> str:
    where = country_name(location.country or "")
    if isinstance(location.at, Point) and location.evidence:
        return f"{location.evidence[0].says.partition(' (')[0].removeprefix('answered in ')} ({location.address})"
    return f"{where} ({location.cloud_provider} {location.cloud_region})"


def _day(time: float | None) -> str | None:
    if time is None or not 0 < time < 1e11:
        return None
    return datetime.datetime.fromtimestamp(time, datetime.UTC).date().isoformat()
