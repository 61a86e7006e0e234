"""What a check says of a value, and how sure that makes a finding."""

import re
from collections.abc import Callable
from enum import IntEnum
from typing import Final, NamedTuple

from phonehome.analysis.decoding.values import Value
from phonehome.analysis.identifiers.finding import Certainty, DeclaredField, Finding
from phonehome.analysis.identifiers.kinds import Meaning, Weight


class Strength(IntEnum):
    """How much a value says for itself, after its shape was right."""

    WEAK = 0
    """Could be one; much else looks the same."""
    FITS = 1
    """Looks as one should, and there is nothing to check."""
    SPECIFIC = 2
    """Looks as hardly anything else does."""
    PROVEN = 3
    """A check digit or an allocation table says so, that less than one in ten other values passes."""


class Checked(NamedTuple):
    """A value that may be of a kind."""

    value: str
    """In the kind's normal form."""
    strength: Strength
    note: str
    """What was checked, for people."""


Check = Callable[[str], Checked | None]
"""Given a text of the kind's shape; None if it cannot be one."""

CERTAINTY: Final[dict[tuple[Weight | None, Strength], Certainty]] = {
    ("exclusive", Strength.PROVEN): "certain",
    ("exclusive", Strength.SPECIFIC): "likely",
    ("exclusive", Strength.FITS): "likely",
    ("exclusive", Strength.WEAK): "possible",
    ("plain", Strength.PROVEN): "likely",
    ("plain", Strength.SPECIFIC): "likely",
    ("plain", Strength.FITS): "likely",
    ("plain", Strength.WEAK): "possible",
    ("vague", Strength.PROVEN): "likely",
    ("vague", Strength.SPECIFIC): "likely",
    ("vague", Strength.FITS): "possible",
    (None, Strength.PROVEN): "possible",
    (None, Strength.SPECIFIC): "possible",
}
"""Certainty by what the name is worth (None: it says nothing) and what the value is worth. What is not listed
is not reported."""

REPEATED = re.compile(r"([0-9A-Za-z])(?:[:.-]?\1)*").fullmatch
"""One character over and over, which stands for "none" in many programs."""


def passes_luhn(number: str) -> bool:
    """Whether the last of some decimal digits is their check digit (ISO/IEC 7812-1, annex B)."""
    if not (number.isascii() and number.isdecimal()):
        return False
    digits = [int(digit) for digit in reversed(number)]
    return (sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10 == 0


class Noted(NamedTuple):
    """A value whose name means something, kept for the rules that look at several values at once."""

    place: int
    """Position among the values of the transmission."""
    value: Value
    text: str
    meaning: Meaning
    declared: DeclaredField | None


Placed = tuple[int, Finding]
"""A finding, and the place of the value that it stands at, by which findings are put in order."""


def list_path(path: tuple[str, ...]) -> tuple[str, ...]:
    """A path with `*` for the numbers of list items: the same for all items of one list."""
    return tuple(["*" if segment.strip("[]").isdecimal() else segment for segment in path])


def declared_reason(declared: DeclaredField, note: str) -> str:
    """The reason of a finding that rests on the catalogue."""
    return f"known field of this endpoint ({declared.reason}): {note}"
