"""Position: latitude and longitude that stand together, or in one text."""

import re
from collections.abc import Sequence
from typing import Final

from phonehome.analysis.identifiers.finding import Certainty, Finding
from phonehome.analysis.identifiers.kinds import meaning
from phonehome.analysis.identifiers.rule import Noted, Placed, declared_reason

LEAST_DECIMALS: Final = 3
"""A third decimal of a degree is about 100 m; with fewer it is a town, or another number altogether."""
MAX_PAIRS: Final = 256
"""In one transmission; a body with more is a map, or hostile."""

_TEXT = re.compile(
    # Between the two stand white space with a blank in it, or one of these marks with white space around it.
    r"(?:geo:)?\s*+\(?(-?[0-9]{1,3}\.[0-9]{1,20}+)[^\S ]*+(?: \s*+(?:[,;|/]\s*+)?+|[,;|/]\s*+)"
    r"(-?[0-9]{1,3}\.[0-9]{1,20}+)"
    r"(?![0-9.])\)?(?:[,;|? ].{0,80})?"
).fullmatch
_COORDINATES: Final = frozenset({"coordinates", "coordinates_text", "coordinates_vague"})
_NUMBER = re.compile(r"-?[0-9]{1,3}(?:\.([0-9]{1,20}))?").fullmatch
_E7 = re.compile(r"-?[0-9]{6,10}").fullmatch


def positions(noted: Sequence[Noted]) -> list[Placed]:
    """Positions among the values of one transmission."""
    found: list[Placed] = []
    halves: dict[int, tuple[list[Noted], list[Noted]]] = {}
    lists: dict[tuple[int, str, tuple[str, ...]], list[Noted]] = {}
    for each in noted:
        roles = each.meaning.roles
        declared = each.declared is not None
        if each.declared is not None and each.declared.kind != "position":
            continue
        listed = declared or not _COORDINATES.isdisjoint(roles)
        if match := _TEXT(each.text[:200]) if listed else None:
            pair = (match[1], match[2])
            if "coordinates" in roles and "longitude_first" in roles:
                pair = (match[2], match[1])
            sure = "coordinates_vague" not in roles
            _add(found, each, pair, "two coordinates in one text", sure)
        elif "latitude" in roles or "latitude_e7" in roles:
            halves.setdefault(each.value.group, ([], []))[0].append(each)
        elif "longitude" in roles or "longitude_e7" in roles:
            halves.setdefault(each.value.group, ([], []))[1].append(each)
        elif listed:
            # Declared fields need no names: the first is the latitude, the second the longitude.
            key, parent = ("", ()) if declared else (each.value.key, each.value.path[:-1])
            lists.setdefault((each.value.group, key, parent), []).append(each)
    for latitudes, longitudes in halves.values():
        for one, other in zip(latitudes, longitudes, strict=False):
            both = one._replace(declared=one.declared or other.declared)
            _add(found, both, (_degrees(one), _degrees(other)), "latitude and longitude together", True)
    for members in lists.values():
        if len(members) == 2:
            first, second = members
            # GeoJSON (RFC 7946) has the longitude first; whose position it is, says the name around it.
            around = meaning(first.value.path[-2]).roles if len(first.value.path) > 1 else frozenset[str]()
            sure = "coordinates" in first.meaning.roles or (
                "longitude_first" in first.meaning.roles and not _COORDINATES.isdisjoint(around)
            )
            if "longitude_first" in first.meaning.roles:
                second, first = members
            _add(found, members[0], (_degrees(first), _degrees(second)), "two coordinates in one list", sure)
    return found


def _add(
    found: list[Placed], each: Noted, pair: tuple[str | None, str | None], note: str, sure: bool
) -> None:
    """Takes a pair of latitude and longitude in, if it is a position. `sure` is whether the name can hardly
    mean another pair of numbers."""
    latitude, longitude = pair
    if latitude is None or longitude is None or len(found) >= MAX_PAIRS:
        return
    north, east = abs(float(latitude)), abs(float(longitude))
    if not (north <= 90 and east <= 180) or latitude == longitude:
        return
    # Parts of a screen's width and height; as a position it would be in the Gulf of Guinea.
    if north <= 1 and east <= 1:
        return
    decimals = min(len(number.partition(".")[2].rstrip("0")) for number in (latitude, longitude))
    certainty: Certainty
    if each.declared is not None:
        certainty, reason = "certain", declared_reason(each.declared, note)
    elif decimals >= LEAST_DECIMALS:
        certainty = "likely" if sure else "possible"
        reason = f"key {each.value.key}; {note}, {decimals} decimals or more"
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
