"""What was wrong with a capture or could not be read of it: lines for people, like ones counted.

A hostile file can be wrong all over, so the number of different lines is bounded.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

MAX_LINES: Final = 40


class Notes:
    """Collects lines. Counted ones end with their number: `packets without a time: 3`."""

    def __init__(self) -> None:
        self._lines: dict[str, None] = {}
        self._counts: Counter[str] = Counter()

    def add(self, line: str) -> None:
        """A line that is said once."""
        if len(self._lines) < MAX_LINES:
            self._lines[line] = None

    def count(self, what: str, number: int = 1) -> None:
        """One more of this, a plural."""
        if what in self._counts or len(self._counts) < MAX_LINES:
            self._counts[what] += number

    def counted(self, what: str) -> int:
        """How many of this."""
        return self._counts[what]

    def merge(self, other: "Notes") -> None:
        """Takes another's in. What each worker counts of its own conversations adds up."""
        self._lines.update(other._lines)
        self._counts.update(other._counts)

    def counts(self) -> Mapping[str, int]:
        """What was counted."""
        return dict(self._counts)

    def lines(self) -> tuple[str, ...]:
        """All of them, those that are said once first."""
        return (*self._lines, *(f"{what}: {number:,}" for what, number in sorted(self._counts.items())))
