"""When a device sent what: counts in buckets of time, by purpose, of a size that does not grow with flows.

A bucket is as wide as it must be for the whole to have no more than MAX_BUCKETS counts, and widths are
doublings of one minute counted from 1970, so that two narrow buckets make exactly one wide one. A wider
bucket never needs more counts, so the width depends on what was added and not on its order: `merge` is
exact and associative.
"""

from dataclasses import dataclass, field

SHORTEST = 60
"""Seconds of the narrowest bucket."""
MAX_BUCKETS = 512
"""Different pairs of bucket and purpose that are kept for one device."""
LATEST = 10**11
"""Seconds since 1970; a time beyond it was not recorded but made up."""


@dataclass(slots=True)
class Timeline:
    """Transmissions in each bucket, by purpose."""

    width: int = SHORTEST
    """Seconds of a bucket."""
    counts: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    """By number of the bucket (it begins at number * width, in seconds since 1970) and purpose: all
    transmissions, those without an answer, those that were not encrypted, and of these those with lasting
    identifiers."""

    def add(
        self,
        time: float,
        purpose: str,
        *,
        attempted: bool,
        unencrypted: bool,
        exposed: bool = False,
        number: int = 1,
    ) -> None:
        """Counts one transmission, or a number of them; one whose time was not recorded is not on the time line."""
        if not 0 < time < LATEST:
            return
        key = (int(time) // self.width, purpose)
        counts = self.counts.get(key)
        if counts is None:
            self.counts[key] = [number, number * attempted, number * unencrypted, number * exposed]
            self._fit()
            return
        counts[0] += number
        counts[1] += number * attempted
        counts[2] += number * unencrypted
        counts[3] += number * exposed

    def merge(self, other: "Timeline") -> None:
        """Adds what the other counted; the other must not be used afterwards."""
        while self.width < other.width:
            self._double()
        while other.width < self.width:
            other._double()
        for key, counts in other.counts.items():
            _count(self.counts, key, counts)
        self._fit()

    def _fit(self) -> None:
        while len(self.counts) > MAX_BUCKETS and self.width < LATEST:
            self._double()

    def _double(self) -> None:
        self.width *= 2
        narrow, self.counts = self.counts, {}
        for (bucket, purpose), counts in narrow.items():
            _count(self.counts, (bucket // 2, purpose), counts)


def _count(counts: dict[tuple[int, str], list[int]], key: tuple[int, str], more: list[int]) -> None:
    known = counts.get(key)
    if known is None:
        counts[key] = list(more)
    else:
        for place, number in enumerate(more):
            known[place] += number
