"""Identifiers as they may be shown: two phones can be told apart, but none can be named from it.

What a mask shows is what many have in common (type of phone, issuer of a SIM, maker of a chip, country), never the end
of a number: with a type code and a check digit beside it, an end leaves a thousand candidates. For each kind
`tests/identifiers/test_mask.py` says how many candidates its mask leaves.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from phonehome.analysis.identifiers.kinds import kinds

HIDDEN: Final = "•" * 7
"""In place of what is left out, however long it was: the length would tell something as well."""

MAX_NUMBERED: Final = 100_000
"""Different identifiers of a kind whose number is remembered; the oldest is forgotten, and gets another one."""

_SHOWN: Final[Mapping[str, int]] = {"type-code": 8, "issuer": 6, "network-code": 5, "calling-code": 3}
"""Styles that show the digits which the issuing body gives to many at once -> how many these are (3GPP TS 23.003
sections 2.2 and 6.2, ITU-T E.118 and E.164)."""


def mask(kind: str, value: str) -> str:
    """A value of a kind for those who need not see it.

    `kind` is an id of the catalogue; of values of one that is not there, the first characters stay."""
    its = kinds().get(kind)
    return _STYLES[its.mask if its is not None else "begin"](value)


class Masks:
    """The masks of one report: each value has its own, as the values of a kind are numbered in the order in which they
    come: `#1 35693803•••••••`, `#2 35693803•••••••`."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[str, int]] = {}
        self._last: dict[str, int] = {}

    def number(self, kind: str, value: str) -> int:
        """Which of its kind it is, from 1 on."""
        numbers = self._numbers.setdefault(kind, {})
        known = numbers.get(value)
        if known is None:
            known = numbers[value] = self._last[kind] = self._last.get(kind, 0) + 1
            if len(numbers) > MAX_NUMBERED:
                del numbers[next(iter(numbers))]
        return known

    def mask(self, kind: str, value: str) -> str:
        """The mask of a value; a value that is no secret stays as it is."""
        masked = mask(kind, value)
        return masked if masked == value else f"#{self.number(kind, value)} {masked}"


def _begin(value: str) -> str:
    length = len(value)
    return value[: 4 if length >= 14 else 2 if length >= 10 else 1 if length >= 6 else 0] + HIDDEN


def _digits(shown: int) -> Callable[[str], str]:
    """The first of so many digits that at least seven are hidden."""

    def masked(value: str) -> str:
        return value[: max(0, min(shown, len(value) - 7))] + HIDDEN

    return masked


def _maker(value: str) -> str:
    """The half of a MAC address that says who made the chip (IEEE 802, OUI)."""
    return f"{value[:8]}:{HIDDEN}" if _MAC(value) else _begin(value)


_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}").fullmatch


def _email(value: str) -> str:
    """`a•••@d•••.org`; the top-level domain stays."""
    name, at, domain = value.rpartition("@")
    if not at:
        return _begin(value)
    return f"{name[:1]}•••@{domain[:1]}•••.{domain.rpartition('.')[2]}"


def _position(value: str) -> str:
    """Whole degrees, about 100 km."""
    return ", ".join(number.partition(".")[0] + ".•" for number in value.split(",")[:2])


def _network(value: str) -> str:
    """The first part of an address."""
    first, separator = (value.partition(":")[0], ":") if ":" in value else (value.partition(".")[0], ".")
    return f"{first}{separator}{HIDDEN}"


def _cell(value: str) -> str:
    """Without the cell itself: country, network and area are what stands before it."""
    codes = value.split("-")
    return "-".join([*(codes[:2] if len(codes) > 3 else ()), HIDDEN])


def _count(value: str) -> str:
    return f"{HIDDEN} ({value.count(',') + 1})"


def _none(value: str) -> str:
    return value


_STYLES: Final[Mapping[str, Callable[[str], str]]] = {
    "begin": _begin,
    "maker": _maker,
    "email": _email,
    "position": _position,
    "network": _network,
    "cell": _cell,
    "count": _count,
    "none": _none,
    **{style: _digits(shown) for style, shown in _SHOWN.items()},
}
