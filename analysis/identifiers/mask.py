"""Identifiers as they may be shown: two phones can be told apart, but none can be named from it."""

from collections.abc import Callable, Mapping
from typing import Final

from phonehome.analysis.identifiers.kinds import kinds

HIDDEN: Final = "•" * 8
"""In place of what is left out, however long it was: the length would tell something as well."""


def mask(kind: str, value: str) -> str:
    """A value of a kind for those who need not see it: at most its first four and last three characters.

    `kind` is an id of the catalogue; values of one that is not there are masked by their ends."""
    its = kinds().get(kind)
    return _STYLES[its.mask if its is not None else "ends"](value)


def _ends(value: str) -> str:
    length = len(value)
    first, last = (4, 3) if length >= 14 else (2, 2) if length >= 10 else (1, 1) if length >= 6 else (0, 0)
    return value[:first] + HIDDEN + value[length - last :]


def _email(value: str) -> str:
    """`a•••@d•••.org`; the top-level domain stays."""
    name, at, domain = value.rpartition("@")
    if not at:
        return _ends(value)
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
    "ends": _ends,
    "email": _email,
    "position": _position,
    "network": _network,
    "cell": _cell,
    "count": _count,
    "none": _none,
}
