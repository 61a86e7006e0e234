"""Where a destination cannot be, because it answered too soon.

Light in fibre makes 200 km in a millisecond, so what answers after r milliseconds is within 100 km times r. Without a
position of who captured, two destinations give a bound: if A lies at a and answers in r(A), and D answers in r(D), then
D lies within (r(A) + r(D)) times 100 km of a. Here A is any destination of the same capture whose place is certain, or
the place that the user names (`--at`), with r = 0. This excludes places, and never proves one: constraint-based
geolocation (Gueye et al., IEEE/ACM ToN 2006; Gosain et al., PETS 2021).

What is not trusted: A TCP handshake can be answered on the way (by a VPN, a satellite's modem, an emulator), so TCP
counts only where TLS to the same address took about as long, or, for an address without TLS, where it did so all over
the capture. If the certain places of a capture contradict one another, something on the way answered in their place, or
one of them is elsewhere: then nothing is excluded at all.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from phonehome.analysis.places.distances import Point, between, to_countries
from phonehome.analysis.transmission import RoundTrips

KM_A_SECOND = 100_000.0
"""Kilometres that a destination can be away for each second of a round trip: there and back, in fibre."""
FEW = 5.0
"""Times TCP's round trip that TLS may take without contradicting it: two round trips and some computing,"""
SLACK = 0.010
"""and so many seconds more."""
MOST_REFERENCES = 24
"""Certain places that bounds of a capture rest on: those that answered soonest."""
MOST_WORDS = 8
"""Different things that a content network says of one address, as far as they are kept."""

TCP, TLS, FIRST_BYTE = "TCP handshake", "TLS handshake", "first byte of an encrypted answer"


@dataclass(slots=True)
class Answers:
    """What a capture holds of the answers from one address. Least round trips, in seconds."""

    tcp: float = math.inf
    tls: float = math.inf
    first_byte: float = math.inf
    words: dict[tuple[str, str], int] = field(default_factory=dict)
    """(header, code) -> how often a content network said so."""

    def add(self, round_trips: RoundTrips | None, words: Iterable[tuple[str, str]]) -> None:
        if round_trips is not None:
            tcp, tls, first_byte = round_trips
            if tcp is not None and tcp < self.tcp:
                self.tcp = tcp
            if tls is not None and tls < self.tls:
                self.tls = tls
            if first_byte is not None and first_byte < self.first_byte:
                self.first_byte = first_byte
        for word in words:
            self.words[word] = self.words.get(word, 0) + 1
        self._cut()

    def merge(self, other: "Answers") -> None:
        self.tcp = min(self.tcp, other.tcp)
        self.tls = min(self.tls, other.tls)
        self.first_byte = min(self.first_byte, other.first_byte)
        for word, count in other.words.items():
            self.words[word] = self.words.get(word, 0) + count
        self._cut()

    def _cut(self) -> None:
        # The first by alphabet: it does not matter then in which order they came.
        if len(self.words) > MOST_WORDS:
            self.words = {word: self.words[word] for word in sorted(self.words)[:MOST_WORDS]}

    def agrees(self) -> bool | None:
        """Whether TLS took about as long as TCP; None if one of them was not measured."""
        encrypted = min(self.tls, self.first_byte)
        if math.isinf(self.tcp) or math.isinf(encrypted):
            return None
        return encrypted <= FEW * self.tcp + SLACK

    def least(self, trust_tcp: bool) -> tuple[float, str] | None:
        """Seconds of the round trip that bounds most, and which it was; None if none does."""
        agrees = self.agrees()
        found = [(self.tls, TLS)]
        # A first byte sooner than the connection's own round trip was not sent by the destination.
        if self.first_byte >= (self.tcp / 2 if agrees else self.tls / FEW if math.isfinite(self.tls) else 0):
            found.append((self.first_byte, FIRST_BYTE))
        if agrees or (agrees is None and trust_tcp and math.isinf(self.tls)):
            found.append((self.tcp, TCP))
        best = min(found)
        return best if math.isfinite(best[0]) else None


def tcp_is_trusted(said: Mapping[bool | None, int]) -> bool:
    """Whether nothing on the way answers TCP handshakes, as far as a capture shows: how often its addresses `agree`."""
    return said.get(True, 0) > 4 * said.get(False, 0)


class Landmark(NamedTuple):
    """A place that is certain, and how soon it answered."""

    seconds: float
    name: str
    """`Singapore (AWS ap-southeast-1)`."""
    place: Point | str
    """A place, or a country by its code."""


class Bound(NamedTuple):
    """Where a destination is not, and why."""

    seconds: float
    how: str
    km: float
    """It lies within so many kilometres"""
    origin: str
    """of this."""
    excluded: frozenset[str]
    """Countries, ISO 3166-1 alpha-2."""


class Bounds:
    """The bounds that one capture sets."""

    def __init__(self, references: Iterable[Landmark]) -> None:
        best: dict[Point | str, Landmark] = {}
        for reference in sorted(references):
            best.setdefault(reference.place, reference)
        self._references: Sequence[Landmark] = list(best.values())[:MOST_REFERENCES]
        self.contradiction = self._contradiction()
        self._needs: list[tuple[float, str]] | None = None

    def _contradiction(self) -> str:
        """A sentence, if certain places answered sooner than both can; else empty."""
        for place, one in enumerate(self._references):
            for two in self._references[:place]:
                if between(one.place, two.place) > (one.seconds + two.seconds) * KM_A_SECOND:
                    return (
                        f"Round trips contradict one another: {two.name} answered in {milliseconds(two.seconds)} and "
                        f"{one.name} in {milliseconds(one.seconds)}, which is too soon for both. Something on the way "
                        "may have answered; no place is excluded by round trips."
                    )
        return ""

    def of(self, seconds: float, how: str) -> Bound | None:
        """The bound of a destination that answered in `seconds`; None if there is none, or if it excludes nothing."""
        if not self._references or self.contradiction:
            return None
        if self._needs is None:
            self._needs = sorted((need, code) for code, need in self._needed().items())
        at = bisect_left(self._needs, (seconds, ""))
        nearest = self._references[0]
        excluded = frozenset(code for need, code in self._needs[at:] if need > seconds)
        if not excluded:
            return None
        return Bound(
            seconds,
            how,
            (seconds + nearest.seconds) * KM_A_SECOND,
            nearest.name,
            excluded,
        )

    def _needed(self) -> Mapping[str, float]:
        """Country -> seconds that a round trip to it takes at least."""
        needs: dict[str, float] = {}
        for reference in self._references:
            for code, far in to_countries(reference.place).items():
                need = far / KM_A_SECOND - reference.seconds
                if need > needs.get(code, 0.0):
                    needs[code] = need
        return needs


def milliseconds(seconds: float) -> str:
    """`12 ms`; with one decimal below 10."""
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"
