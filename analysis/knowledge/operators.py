"""Which operator has which code: the mobile networks of ITU-T E.212, from the table that comes with python-stdnum.

The table is read as text, and of a country only when a number of it is met: the library's own reader takes as long
as all else that a report begins with.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

_COUNTRY: Final = 3
"""Digits of a country's code."""
_RANGES: Final = re.compile(r" *([^\s]+)\s*(.*)").match
_TOLD: Final = re.compile(r'(?<![0-9a-zA-Z_-])([0-9a-zA-Z_-]++)="([^"]*+)"').findall


class Network(NamedTuple):
    """The network that a number begins with."""

    country: str
    code: str
    """Its own code; of a country that does not have it, all other digits."""
    told: Mapping[str, str]
    """What the table says of it; empty if nothing."""
    rest: str
    """The digits behind it."""


@cache
def _table() -> str:
    found = find_spec("stdnum")
    folder = found.submodule_search_locations if found else None
    return (Path(folder[0]) / "imsi.dat").read_text(encoding="utf-8") if folder else ""


@cache
def _countries() -> dict[str, list[str]]:
    """The lines of the networks of each country."""
    countries: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in _table().split("\n"):
        if line.startswith(" "):
            lines.append(line)
        elif line and line[0] != "#":
            lines = countries.setdefault(line.strip(), [])
    return countries


@cache
def _networks(country: str) -> tuple[tuple[str, str, dict[str, str]], ...]:
    """First and last code of a country's networks, and what is told of them."""
    found = []
    for line in _countries()[country]:
        if match := _RANGES(line):
            told = dict(_TOLD(match[2]))
            for each in match[1].split(","):
                low, _, high = each.partition("-")
                found.append((low, high or low, told))
    return tuple(found)


def network(number: str) -> Network | None:
    """The network of a number in decimal digits that begins with a country's code; None if no country has it."""
    country, part = number[:_COUNTRY], number[_COUNTRY:]
    if not part or country not in _countries():
        return None
    told: dict[str, str] = {}
    for low, high, its in _networks(country):
        if low <= part[: len(low)] <= high and len(part) >= len(low):
            if len(low) < len(part):  # the shortest that fits
                part, told = part[: len(low)], {}
            told |= its
    return Network(country, part, told, number[_COUNTRY + len(part) :])


def names() -> set[str]:
    """Names of operators, and of what they sell their service as."""
    return set(re.findall(r'(?<![0-9A-Za-z_-])(?:brand|operator)="([^"]*)"', _table()))
