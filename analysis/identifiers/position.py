"""Position: latitude and longitude that stand together, or in one text."""

import re
from collections.abc import Sequence
from typing import Final

from analysis.identifiers.finding import Certainty, Finding
from analysis.identifiers.rule import Noted, Placed, declared_reason

LEAST_DECIMALS: Final = 3
"""A third decimal of a degree is about 100 m; with fewer it is a town, or another number altogether."""
MAX_PAIRS: Final = 256
"""In one transmission; a body with more is a map, or hostile."""

_TEXT = re.compile(
    r"(?:geo:)?\s*\(?(-?[0-9]{1,3}\.[0-9]{1,20})\s*[,;|/ ]\s*(-?[0-9]{1,3}\.[0-9]{1,20})"
    r"(?![0-9.])\)?(?:[,;|? ].{0,80})?"
).fullmatch
_NUMBER = re.compile(r"-?[0-9]{1,3}(?:\.([0-9]{1,20}))?").fullmatch
_E7 = re.compile(r"-?[0-9]{6,10}").fullmatch


def positions(noted: Sequence[Noted]) -> list[Placed]:
    """Positions among the values of one transmission."""
    found: list[Placed] = []
    halves: dict[int, tuple[list[Noted], list[Noted]]] = {}
    lists: dict[tuple[int, str, tuple[str, ...]], list[Noted]] = {}
    for each in noted:
        declared = each.declared is not None
        roles = each.meaning.roles
        if each.declared is not None and each.declared.kind != "position":
            continue
        if match := _TEXT(each.text[:200]) if declared or "coordinates" in roles else None:
            first, second = match[1], match[2]
            if "longitude_first" in roles and "coordinates" not in roles:
                first, second = second, first
            _add(found, each, first, second, "two coordinates in one text")
        elif "latitude" in roles or "latitude_e7" in roles:
            halves.setdefault(each.value.group, ([], []))[0].append(each)
        elif "longitude" in roles or "longitude_e7" in roles:
            halves.setdefault(each.value.group, ([], []))[1].append(each)
        elif declared or "coordinates" in roles:
            parent = each.value.path[:-1] if not declared else ()
            lists.setdefault((each.value.group, "" if declared else each.value.key, parent), []).append(each)
    for latitudes, longitudes in halves.values():
        for one, other in zip(latitudes, longitudes, strict=False):
            first, second = _degrees(one), _degrees(other)
            if first and second:
                later = other if one.declared is None else one
                _add(
                    found,
                    one._replace(declared=later.declared),
                    first,
                    second,
                    "latitude and longitude together",
                )
    for pair in lists.values():
        if len(pair) == 2:
            first, second = _degrees(pair[0]), _degrees(pair[1])
            if "longitude_first" in pair[0].meaning.roles:
                first, second = second, first
            if first and second:
                _add(found, pair[0], first, second, "two coordinates in one list")
    return found


def _add(found: list[Placed], each: Noted, latitude: str, longitude: str, note: str) -> None:
    if len(found) >= MAX_PAIRS or not (abs(float(latitude)) <= 90 and abs(float(longitude)) <= 180):
        return
    if not float(latitude) and not float(longitude):
        return
    decimals = min(len(number.partition(".")[2].rstrip("0")) for number in (latitude, longitude))
    certainty: Certainty
    if each.declared is not None:
        certainty, reason = "certain", declared_reason(each.declared, note)
    elif decimals >= LEAST_DECIMALS:
        certainty, reason = "likely", f"key {each.value.key}; {note}, {decimals} decimals or more"
    else:
        return
    value = f"{latitude},{longitude}"
    found.append((each.place, Finding("position", value, certainty, reason, each.value.path)))


def _degrees(each: Noted) -> str | None:
    """Degrees as decimal text; None if it is no number of degrees."""
    roles = each.meaning.roles
    if ("latitude_e7" in roles or "longitude_e7" in roles) and _E7(each.text):
        return f"{int(each.text) / 1e7:.7f}"
    if isinstance(each.value.data, float):
        text = f"{each.value.data:.7f}".rstrip("0")
        return text if _NUMBER(text) else None
    return each.text if _NUMBER(each.text) else None
