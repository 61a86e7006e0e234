"""A sketch of what one destination was sent, small enough to keep until all is read.

Of each place the first few texts by alphabet are kept, so that it does not matter how transmissions were divided among
workers. A nonce differs each time and an identifier does not: a place of which only a few texts are kept has the
identifiers that stand there nearly always, and where there were more is counted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from phonehome.analysis.decoding.values import Value

MOST_TEXTS: Final = 16
"""Texts that are kept of one place at a destination."""
MOST_PLACES: Final = 200
"""Places that are kept of a destination."""
_UNENCRYPTED: Final = 1 << 40
_DELIVERED: Final = 1 << 80
"""The three counts of a text are one number: adding once takes a third of the time."""

Path = tuple[str, ...]


@dataclass(slots=True)
class Sighting:
    """How often an identifier was seen at a destination."""

    transmissions: int = 0
    unencrypted: int = 0
    delivered: int = 0
    """Of the transmissions, those that were answered."""

    def merge(self, other: "Sighting") -> None:
        """Adds what the other counted."""
        self.transmissions += other.transmissions
        self.unencrypted += other.unencrypted
        self.delivered += other.delivered


class Texts:
    """A sketch of the values that were sent to one destination: by place and text, how often."""

    __slots__ = ("_last", "_last_place", "_places")

    def __init__(self) -> None:
        self._places: dict[Path, dict[str, int]] = {}
        self._last: dict[Path, str] = {}
        """Of a place that had more texts than are kept: the last of those when it was cut. Later ones are not taken."""
        self._last_place: Path | None = None
        """The same for places."""

    def add(self, long: Sequence[Value], unencrypted: bool, delivered: bool) -> None:
        """Takes the longer values of one transmission in (`longer`)."""
        step = 1 + unencrypted * _UNENCRYPTED + delivered * _DELIVERED
        places = self._places
        if len({value[0] for value in long}) != len(long):
            # A text that one transmission repeats at a place, in a list, counts once.
            long = list({(value[0], _text(value[2])): value for value in long}.values())
        for path, _, data, _ in long:
            text = data if type(data) is str else _text(data)
            texts = places.get(path)
            if texts is None:
                if self._last_place is not None and path > self._last_place:
                    continue
                texts = places[path] = {}
            seen = texts.get(text)
            if seen is not None:
                texts[text] = seen + step
            elif (last := self._last.get(path)) is None or text < last:
                texts[text] = step
                if len(texts) > 4 * MOST_TEXTS:
                    self._cut(path)
        if len(places) > 4 * MOST_PLACES:
            self._cut_places()

    def merge(self, other: "Texts") -> None:
        """Adds what the other counted."""
        for path, texts in other._places.items():
            mine = self._places.setdefault(path, {})
            for text, seen in texts.items():
                mine[text] = mine.get(text, 0) + seen
        self._last = {**other._last, **self._last}
        self._last_place = self._last_place or other._last_place
        self._settle()

    def __iter__(self) -> Iterator[tuple[Path, str, Sighting]]:
        """What is kept, in stable order."""
        self._settle()
        for path, texts in sorted(self._places.items()):
            for text, seen in sorted(texts.items()):
                yield (
                    path,
                    text,
                    Sighting(seen % _UNENCRYPTED, seen % _DELIVERED // _UNENCRYPTED, seen // _DELIVERED),
                )

    def every(self) -> Iterator[str]:
        """All texts that it holds, in no order; some more than once, and some that are not kept in the end."""
        for texts in self._places.values():
            yield from texts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Texts) and list(self) == list(other) and self.cut == other.cut

    __hash__ = None  # type: ignore[assignment]

    def __getstate__(self) -> tuple[Any, ...]:
        self._settle()
        return self._places, self._last, self._last_place

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._places, self._last, self._last_place = state

    @property
    def cut(self) -> int:
        """Places of which not all texts are kept; those that are left out altogether count as one."""
        self._settle()
        return len(self._last) + (self._last_place is not None)

    def _settle(self) -> None:
        if len(self._places) > MOST_PLACES:
            self._cut_places()
        for path, texts in self._places.items():
            if len(texts) > MOST_TEXTS:
                self._cut(path)

    def _cut(self, path: Path) -> None:
        texts = self._places[path]
        kept = sorted(texts)[:MOST_TEXTS]
        self._places[path] = {text: texts[text] for text in kept}
        self._last[path] = kept[-1]

    def _cut_places(self) -> None:
        kept = sorted(self._places)[:MOST_PLACES]
        self._places = {path: self._places[path] for path in kept}
        self._last = {path: last for path, last in self._last.items() if path in self._places}
        self._last_place = kept[-1]


def _text(data: str | int | float | bytes) -> str:
    return data.hex() if isinstance(data, bytes) else str(data)
