"""Builds what `places/distances.py` measures with: where countries lie, how far they are apart, where airports are.

    npm pack world-atlas@2 && tar xzf world-atlas-2.*.tgz
    uv run --with numpy --with airportsdata python -m tools.build_outlines package/countries-50m.json [OUTPUT]

Natural Earth is in the public domain; the npm package `world-atlas` has it as TopoJSON. `airportsdata` is under the
MIT License.

Strategy: a bound may be too wide and must never be too narrow, so each country is covered by more than its area. For
distances from a point, a country is the cells of one degree that its outline touches or encloses, each cell taken as
the circle around it. Between countries, the distance is that of the nearest two points of their outlines, which are
taken every STEP km, less what may lie between such points. Whatever a country may be said to hold belongs to it, where
it is asked about: overseas parts, disputed land on both sides. As a place that distances are measured from, a country
is what no other code stands for: "in the Netherlands" is not Bonaire, which is BQ.

The result is one text file, UTF-8, of JSON: `cells` by code (runs `row:first-last` of cells, row 0 from 90 to 89
degrees south, column 0 from 180 to 179 degrees west), `codes`, and `between`: the distances from each code to all
codes, km, two bytes each, big-endian, in base64. Airports are lines `code,country,latitude,longitude,city` in a
file beside it.
"""

import argparse
import base64
import csv
import json
import math
import tomllib
import unicodedata
from itertools import pairwise
from pathlib import Path
from typing import Any

import airportsdata
import numpy

from tools.build_map import Ring, _carved, _degrees, _ring

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "analysis" / "places" / "data"
PLACES = Path(__file__).with_name("map_places.toml")
EARTH = 6371.0
STEP = 10.0
"""Kilometres between points of an outline."""
OUTLINE_ERROR = 5.0
"""Kilometres by which Natural Earth at 1:50 million may be off."""


Shapes = dict[str, list[list[Ring]]]


def shapes(topology: dict[str, Any], places: dict[str, Any]) -> tuple[Shapes, Shapes]:
    """Polygons by code, of a country with all that it may be said to hold, and without what has a code of its own. A
    polygon is its outline and its holes."""
    arcs = [_degrees(arc, topology["transform"]) for arc in topology["arcs"]]
    found: Shapes = {}
    narrow: Shapes = {}
    for geometry in topology["objects"]["countries"]["geometries"]:
        name = geometry["properties"]["name"]
        code = places["numeric"][geometry["id"]] if "id" in geometry else places["by_name"][name] or name
        polygons = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
        for polygon in polygons:
            rings = [_ring(numbers, arcs) for numbers in polygon]
            # A part with a code of its own is still a part of the whole.
            owner = _carved(code, rings[0], places["carve"])
            narrow.setdefault(owner, []).append(rings)
            for each in {code, owner}:
                found.setdefault(each, []).append(rings)
    for code, parts in places["holds"].items():
        for part in parts:
            found[code] = found[code] + found[part]
    for code, entry in places["disputed"].items():
        west, south, east, north = entry["box"]
        box = [(west, south), (east, south), (east, north), (west, north), (west, south)]
        found[code] = [*found[code], [box]]
    codes = [code for code in found if len(code) == 2 and code != "AQ"]
    return {code: found[code] for code in codes}, {code: narrow[code] for code in codes}


def along(ring: Ring, step: float) -> Ring:
    """Points of the ring, no farther from one another than `step` km."""
    points: Ring = []
    for (x1, y1), (x2, y2) in pairwise([*ring, ring[0]]):
        far = math.hypot((x2 - x1) * math.cos(math.radians((y1 + y2) / 2)), y2 - y1) * 111.2
        # A line along the edge of the map (180 degrees) is none of the country's.
        if abs(x1) > 179.99 and abs(x2) > 179.99:
            points.append((x1, y1))
            continue
        count = max(1, math.ceil(far / step))
        points += [(x1 + (x2 - x1) * n / count, y1 + (y2 - y1) * n / count) for n in range(count)]
    return points


def cells(polygons: list[list[Ring]]) -> set[tuple[int, int]]:
    """(row, column) of the cells that the outline touches or encloses."""
    found: set[tuple[int, int]] = set()
    for rings in polygons:
        for ring in rings:
            for x, y in along(ring, 5.0):
                found.add((min(int(y + 90), 179), int(x + 180) % 360))
        sides = [pair for ring in rings for pair in pairwise([*ring, ring[0]])]
        for row in range(180):
            y = row - 89.5
            crossed = sorted(
                x1 + (x2 - x1) * (y - y1) / (y2 - y1) for (x1, y1), (x2, y2) in sides if (y1 > y) != (y2 > y)
            )
            for west, east in zip(crossed[::2], crossed[1::2], strict=True):
                found.update((row, column % 360) for column in range(int(west + 180), int(east + 180) + 1))
    return found


def runs(found: set[tuple[int, int]]) -> str:
    """The cells as text: `row:first-last`, with spaces."""
    parts: list[list[int]] = []
    for row, column in sorted(found):
        if parts and parts[-1][0] == row and parts[-1][2] == column - 1:
            parts[-1][2] = column
        else:
            parts.append([row, column, column])
    return " ".join(f"{row}:{first}-{last}" for row, first, last in parts)


def vectors(points: Ring) -> Any:
    degrees = numpy.radians(numpy.array(points, dtype=numpy.float64))
    x, y = degrees[:, 0], degrees[:, 1]
    return numpy.stack([numpy.cos(y) * numpy.cos(x), numpy.cos(y) * numpy.sin(x), numpy.sin(y)], axis=1)


def nearest(one: Any, two: Any) -> float:
    """Kilometres between the nearest two points, of which one stands for STEP km around it."""
    best = -1.0
    for start in range(0, len(one), 4000):
        best = max(best, float((one[start : start + 4000] @ two.T).max()))
    return EARTH * math.acos(min(1.0, best))


def airports() -> list[str]:
    """Lines of all airports with a code, then of cities whose airports share one."""
    lines: dict[str, str] = {}
    by_code = airportsdata.load("IATA")
    for code, entry in by_code.items():
        lines[code] = _line(code, entry, entry["city"] or entry["name"])
    shared = Path(airportsdata.__file__).with_name("iata_macs.csv")
    with shared.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            entry = by_code.get(row["Airport Code"])
            if entry is not None and row["City Code"] not in lines:
                lines[row["City Code"]] = _line(row["City Code"], entry, row["City Name"])
    return [line for _, line in sorted(lines.items())]


def _line(code: str, entry: Any, city: str) -> str:
    city = unicodedata.normalize("NFC", city).replace(",", " ").strip()
    return f"{code},{entry['country']},{entry['lat']:.1f},{entry['lon']:.1f},{city}"


def main() -> None:
    """Reads the TopoJSON file and `airportsdata`, writes both files."""
    parser = argparse.ArgumentParser(description="Builds outlines, distances and airports.")
    parser.add_argument("topology", type=Path, help="countries-50m.json of world-atlas")
    parser.add_argument("output", type=Path, nargs="?", default=OUTPUT)
    options = parser.parse_args()
    found, narrow = shapes(
        json.loads(options.topology.read_bytes()), tomllib.loads(PLACES.read_text("utf-8"))
    )
    codes = sorted(found)
    wide, own = (
        {code: vectors([p for rings in parts[code] for p in along(rings[0], STEP)]) for code in codes}
        for parts in (found, narrow)
    )
    table = bytearray()
    for code in codes:
        for other in codes:
            far = 0.0 if code == other else nearest(own[code], wide[other]) - STEP - 2 * OUTLINE_ERROR
            table += max(0, math.floor(far)).to_bytes(2, "big")
    made = {
        "codes": codes,
        "between": base64.b64encode(table).decode(),
        "cells": {code: runs(cells(found[code])) for code in codes},
    }
    options.output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(made, separators=(",", ":")).replace('","', '",\n"')
    (options.output / "outlines.json").write_text(text + "\n", "utf-8")
    (options.output / "airports.csv").write_text("\n".join(airports()) + "\n", "utf-8")


if __name__ == "__main__":
    main()
