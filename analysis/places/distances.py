"""How far places are from countries, at least: for bounds that a round trip sets.

Strategy: what is asked is always "could it be in that country?", so a distance may be too short and must never be too
long. `data/outlines.json` holds each country as cells of one degree that cover it, and the least distance from each to
each other; `tools/build_outlines.py` makes it from Natural Earth and says what belongs to a country (overseas parts,
disputed land on both sides). A country without cells is never far: nothing can be said of it.
"""

import base64
import json
import math
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, NamedTuple

EARTH = 6371.0
"""Kilometres; the mean radius. Its error, a third of a per cent, is in ROUNDED."""
ROUNDED = 0.995
"""What a distance on the sphere is multiplied with, so that one on the ellipsoid is not shorter."""
CELL = 0.5
"""Degrees from the middle of a cell to its sides."""


class Point(NamedTuple):
    """A place, in degrees, and how many kilometres it may be off."""

    latitude: float
    longitude: float
    within: float = 0.0


_FOLDER: Final = Path(__file__).with_name("data")


@cache
def _data() -> dict[str, dict[str, str] | list[str] | str]:
    text = (_FOLDER / "outlines.json").read_text(encoding="utf-8")
    data: dict[str, dict[str, str] | list[str] | str] = json.loads(text)
    return data


@cache
def _codes() -> tuple[str, ...]:
    return tuple(_data()["codes"])


@cache
def _rows() -> tuple[tuple[str, tuple[tuple[float, tuple[tuple[float, float, float], ...]], ...]], ...]:
    """By country: for each row of cells the reach of one, in kilometres, and the middles as vectors."""
    cells = _data()["cells"]
    assert isinstance(cells, dict)
    return tuple((code, tuple(_country_rows(runs))) for code, runs in cells.items())


def _country_rows(runs: str) -> list[tuple[float, tuple[tuple[float, float, float], ...]]]:
    rows: dict[int, list[tuple[float, float, float]]] = {}
    around = _around()
    for run in runs.split():
        row, _, columns = run.partition(":")
        first, _, last = columns.partition("-")
        latitude = math.radians(int(row) - 90 + CELL)
        flat, up = math.cos(latitude), math.sin(latitude)
        rows.setdefault(int(row), []).extend(
            [(flat * east, flat * north, up) for east, north in around[int(first) : int(last) + 1]]
        )
    return [(_reach(row), tuple(middles)) for row, middles in rows.items()]


@cache
def _around() -> list[tuple[float, float]]:
    """Cosine and sine of the longitude of each column."""
    middles = [math.radians(column - 180 + CELL) for column in range(360)]
    return [(math.cos(longitude), math.sin(longitude)) for longitude in middles]


def _reach(row: int) -> float:
    """Kilometres from the middle of a cell to its farthest corner."""
    latitude = abs(row - 90 + CELL)
    widest = math.cos(math.radians(latitude - CELL))
    return math.hypot(CELL, CELL * widest) * math.pi / 180 * EARTH * 1.01


def between_points(one: Point, two: Point) -> float:
    """Least kilometres between two places."""
    (lat1, lon1), (lat2, lon2) = (tuple(map(math.radians, point[:2])) for point in (one, two))
    half = (
        math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    )
    far = 2 * EARTH * math.asin(min(1.0, math.sqrt(half)))
    return max(0.0, far * ROUNDED - one.within - two.within)


@lru_cache(maxsize=1024)
def to_countries(place: Point | str) -> Mapping[str, float]:
    """Least kilometres from a place, or from a country (ISO 3166-1 alpha-2), to each country, by code. Empty for a
    country without an area here."""
    return _from_country(place) if isinstance(place, str) else _from_point(place)


def _from_country(code: str) -> dict[str, float]:
    codes = _codes()
    if code not in codes:
        return {}
    table = _between()
    here = codes.index(code)
    far: dict[str, float] = {}
    for there, other in enumerate(codes):
        at = 2 * (here * len(codes) + there)
        far[other] = int.from_bytes(table[at : at + 2], "big") * ROUNDED
    return far


@cache
def _between() -> bytes:
    return base64.b64decode(str(_data()["between"]))


def _from_point(place: Point) -> dict[str, float]:
    latitude, longitude = math.radians(place.latitude), math.radians(place.longitude)
    x = math.cos(latitude) * math.cos(longitude)
    y = math.cos(latitude) * math.sin(longitude)
    z = math.sin(latitude)
    far: dict[str, float] = {}
    for code, rows in _rows():
        best = math.inf
        for reach, middles in rows:
            nearest = max([x * a + y * b + z * c for a, b, c in middles])
            best = min(best, math.acos(max(-1.0, min(1.0, nearest))) * EARTH * ROUNDED - reach)
        far[code] = max(0.0, best - place.within)
    return far


def between(one: Point | str, two: Point | str) -> float:
    """Least kilometres between two places or countries; 0 if nothing is known of one."""
    if isinstance(one, Point) and isinstance(two, Point):
        return between_points(one, two)
    if isinstance(one, Point):
        one, two = two, one
    return to_countries(two).get(str(one), 0.0)


class Airport(NamedTuple):
    """An airport, or the airports of a city."""

    code: str
    country: str
    latitude: float
    longitude: float
    city: str


@cache
def _airports() -> str:
    return "\n" + (_FOLDER / "airports.csv").read_text(encoding="utf-8")


@lru_cache(maxsize=1024)
def airport(code: str) -> Airport | None:
    """By its code (IATA, upper case); None if there is none."""
    if len(code) != 3 or not code.isalnum():
        return None
    start = _airports().find(f"\n{code},")
    if start < 0:
        return None
    found, country, latitude, longitude, city = _airports()[start + 1 :].partition("\n")[0].split(",")
    return Airport(found, country, float(latitude), float(longitude), city)
