"""Where the destinations of a report are: what tables know, and what its captures hold.

A capture has one place where it was made, and so its round trips are measured against one another, and never against
those of another capture. What must be said before a capture is whole (`Session`) rests on what there is of it by then.
"""

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

from phonehome.analysis import knowledge
from phonehome.analysis.knowledge.addresses import country_name
from phonehome.analysis.places.distances import Point, to_countries
from phonehome.analysis.places.locate import NOTHING_SEEN, AddressEvidence, Reverse
from phonehome.analysis.places.location import Location
from phonehome.analysis.places.round_trips import Answers, Bound, Bounds, Landmark, tcp_is_trusted
from phonehome.analysis.report.model import Capture
from phonehome.analysis.transmission import Headers, RoundTrips, Transmission

if TYPE_CHECKING:  # its libraries are slow to load, and only --online needs them
    from phonehome.analysis.places.online import OnlineResults


class Locate(Protocol):
    """As `LocationDatabase.locate`."""

    def __call__(
        self, address: str | None, time: float | None = None, seen: AddressEvidence = NOTHING_SEEN
    ) -> Location: ...


Vantage = tuple[str, Point | str]
"""Where a capture was made, as the user says: what to call it, and the place or the country."""

MAX_HEARD: Final = 2000
"""Addresses whose answers a session keeps: with more, the first is forgotten, and bounds nothing any more."""
_COORDINATES: Final = re.compile(r"\s*(-?\d{1,2}(?:\.\d+)?)\s*,\s*(-?\d{1,3}(?:\.\d+)?)\s*")


def vantage(text: str) -> Vantage:
    """Reads a country, by code or name, or a place by its coordinates (`52.4,4.9`). Raises ValueError."""
    match = _COORDINATES.fullmatch(text)
    if match is not None:
        latitude, longitude = float(match[1]), float(match[2])
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            return text.strip(), Point(latitude, longitude)
    names = knowledge.shipped().countries.names
    by_name = {name.lower(): code for code, name in names.items()}
    code = by_name.get(text.strip().lower(), text.strip().upper())
    if code in names and to_countries(code):
        return names[code], code
    raise ValueError(f"{text!r} is neither a country, such as NL, nor a place, such as 52.4,4.9")


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
        self._answered: dict[str, tuple[dict[tuple[str, str], int], Bound | None]] = {}
        for path, capture in sorted(captures.items()):  # whatever the order in which they were read
            for address in capture.answers:
                self._by_address.setdefault(address, []).append(path)
        self._trusted = {
            path: tcp_is_trusted(Counter(answers.agrees() for answers in capture.answers.values()))
            for path, capture in captures.items()
        }
        self._bounds = {path: self._of_capture(path, (at or {}).get(path)) for path in captures}

    def _of_capture(self, path: str, at: Vantage | None) -> Bounds:
        capture, trusted = self._captures[path], self._trusted[path]
        measured = {
            address: answers
            for address, answers in capture.answers.items()
            if answers.least(trusted) is not None
        }
        places = (
            (answers, self._locate(address, capture.first, AddressEvidence(words=answers.words)))
            for address, answers in measured.items()
        )
        bounds = _bounds(places, trusted, at)
        if bounds.contradiction:
            self.warnings[path] = bounds.contradiction
        return bounds

    def locate(self, address: str | None, time: float | None, host: str | None) -> Location:
        """Where an address was at a time, of a destination with this name."""
        if address is None:
            return self._locate(address)
        found = self._answered.get(address)
        if found is None:
            found = self._answered[address] = self._answers(address)
        words, bound = found
        seen = AddressEvidence(
            words=words,
            date=_day(time),
            hosts=(host,) if host else (),
            bound=bound,
            reverse=self._reverse(address),
            registered=self._registered(address),
        )
        return self._locate(address, time, seen)

    def _answers(self, address: str) -> tuple[dict[tuple[str, str], int], Bound | None]:
        """What all captures hold of the answers from an address. The same for each phone that contacted it: of a
        thousand captures, a thousand would each be asked a thousand times."""
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
        return words, _of_all(bounds)

    def _reverse(self, address: str) -> Reverse | None:
        found = self._online.reverse.get(address) if self._online else None
        return Reverse(found.name, _day(found.asked)) if found and found.name else None

    def _registered(self, address: str) -> tuple[str, str] | None:
        found = self._online.registry.get(address) if self._online else None
        if found is None or found.country is None:
            return None
        return found.country, found.holder or found.network_name or "a holder who is not named"


class Session:
    """Where the destinations of a session that goes on are, by what it holds so far: what `Located` says of a capture
    that ends here. What is heard costs little, and what is asked no more than there are places that are certain."""

    def __init__(self, locate: Locate, at: Vantage | None = None, most: int = MAX_HEARD) -> None:
        """`at` is where it is made, as the user says."""
        self._locate, self._at, self._most = locate, at, most
        self._capture = Capture()
        self._certain: dict[str, Location] = {}
        """By address: places that others are measured from."""
        self._agreeing: Counter[bool | None] = Counter()
        self._trusted = False
        self._bounds: Bounds | None = None

    def add(self, sent: Transmission) -> None:
        """Takes in how soon a destination answered, and what it said of its place."""
        if sent.origin == "device":
            edge = sent.reply.edge if sent.reply is not None else ()
            self.hear(sent.time, sent.address, sent.round_trips, edge)

    def hear(self, time: float, address: str | None, round_trips: RoundTrips | None, edge: Headers) -> None:
        """The same, of an exchange that began at `time`."""
        self._capture.first = min(self._capture.first, time)
        if address is None or (round_trips is None and not edge):
            return
        known = self._capture.answers
        answers = known.get(address)
        before = None if answers is None else (answers.tcp, answers.tls, answers.first_byte, *answers.words)
        if answers is not None:
            self._agreeing[answers.agrees()] -= 1
        self._capture.heard(address, round_trips, edge)
        answers = known[address]
        self._agreeing[answers.agrees()] += 1
        if before == (answers.tcp, answers.tls, answers.first_byte, *answers.words):
            return
        self._bounds = None
        location = self._locate(address, self._capture.first, AddressEvidence(words=answers.words))
        if location.at is not None:
            self._certain[address] = location
        else:
            self._certain.pop(address, None)
        if len(known) > self._most:
            oldest = next(iter(known))
            self._agreeing[known.pop(oldest).agrees()] -= 1
            self._certain.pop(oldest, None)

    def locate(self, sent: Transmission) -> Location:
        """Where a transmission went."""
        address = sent.address
        if address is None:
            return self._locate(address)
        if self._bounds is None:
            self._trusted = tcp_is_trusted(self._agreeing)
            certain = ((self._capture.answers[at], location) for at, location in self._certain.items())
            self._bounds = _bounds(certain, self._trusted, self._at)
        answers = self._capture.answers.get(address)
        least = answers.least(self._trusted) if answers else None
        seen = AddressEvidence(
            words=answers.words if answers else {},
            date=_day(sent.time),
            hosts=(sent.host,) if sent.host else (),
            bound=self._bounds.of(*least) if least else None,
        )
        return self._locate(address, sent.time, seen)


def _bounds(certain: Iterable[tuple[Answers, Location]], trusted: bool, at: Vantage | None) -> Bounds:
    """By the places that are certain."""
    references = [Landmark(0.0, *at)] if at else []
    for answers, location in certain:
        least = answers.least(trusted)
        if least is not None and location.at is not None:
            references.append(Landmark(least[0], _name(location), location.at))
    return Bounds(references)


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
