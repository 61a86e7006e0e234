"""The outlines of countries, and where a mark for each stands. Made by `tools/build_map.py` from Natural Earth."""

import json
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class MapCountry(NamedTuple):
    """A country or territory on the map."""

    outline: str
    """Path of an SVG; empty for what is too small to have one."""
    x: int
    y: int
    """Of the middle of its mark."""


class WorldMap(NamedTuple):
    """The world, in units of its own (Natural Earth projection)."""

    width: int
    height: int
    places: dict[str, MapCountry]
    """By ISO 3166-1 alpha-2 code, largest first, which is the order to draw them in; `` is land without a code."""


@cache
def world_map() -> WorldMap:
    """The embedded map."""
    data = json.loads((files("phonehome.analysis.render.map") / "world.json").read_text("utf-8"))
    return WorldMap(
        data["width"],
        data["height"],
        {code: MapCountry(place["d"], *place["at"]) for code, place in data["places"].items()},
    )
