"""Builds the outlines of countries for the report's world map from Natural Earth.

    npm pack world-atlas@2 && tar xzf world-atlas-2.*.tgz
    python tools/build_map.py package/countries-50m.json [OUTPUT]

Natural Earth is in the public domain; the npm package `world-atlas` has it as TopoJSON
(https://github.com/topojson/topojson-specification). The 50m file is used because the 110m file lacks
Singapore, Hong Kong, Bahrain and Malta. Borders are arcs that neighbours share, and each arc is simplified
once, so that no gaps open between them.

The result has, for each ISO 3166-1 alpha-2 code, the path of an SVG (whole numbers, relative moves) and the
place of its mark: the point that is farthest from its borders, so that a mark lies inside. Codes that have no
shape of their own get a place alone. Antarctica is not drawn, because it would take a fifth of the map.
"""

import argparse
import json
import math
import tomllib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "analysis" / "render" / "map" / "world.json"
PLACES = Path(__file__).with_name("map_places.toml")

WIDTH = 2000
"""Units of the map, west to east."""
NORTH, SOUTH = 84.0, -58.5
"""Degrees of latitude between which the map is drawn."""
TOLERANCE = 0.3
"""Degrees by which a border may move when it is simplified."""
SMALLEST_ISLAND = 3.0
"""Square units; smaller islands are left out, but for the largest of a country."""
GRID = 20

Point = tuple[float, float]
Ring = list[Point]


def project(longitude: float, latitude: float) -> Point:
    """The Natural Earth projection (B. Savric et al., 2011, doi:10.1559/152304011799153857), in units."""
    x, y = _natural_earth(longitude, latitude)
    reach, _ = _natural_earth(180, 0)
    _, top = _natural_earth(0, NORTH)
    scale = WIDTH / (2 * reach)
    return (x + reach) * scale, (top - y) * scale


def _natural_earth(longitude: float, latitude: float) -> Point:
    a, b = math.radians(longitude), math.radians(latitude)
    b2 = b * b
    b4 = b2 * b2
    x = a * (0.8707 - 0.131979 * b2 + b4 * (-0.013791 + b4 * (0.003971 * b2 - 0.001529 * b4)))
    y = b * (1.007226 + b2 * (0.015085 + b4 * (-0.044475 + 0.028874 * b2 - 0.005916 * b4)))
    return x, y


def build(topology: dict[str, Any], places: dict[str, Any]) -> dict[str, Any]:
    """Outlines and places of marks. Raises KeyError for a shape that `places` does not know."""
    arcs = [simplified(_degrees(arc, topology["transform"]), TOLERANCE) for arc in topology["arcs"]]
    shapes: dict[str, list[Ring]] = {}
    for geometry in topology["objects"]["countries"]["geometries"]:
        name = geometry["properties"]["name"]
        code = places["numeric"][geometry["id"]] if "id" in geometry else places["by_name"][name]
        polygons = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
        for polygon in polygons:
            # Only outlines: a hole is another country, which is drawn as well.
            ring = _ring(polygon[0], arcs)
            owner = _carved(code, ring, places["carve"])
            for part in within_the_map(ring):
                shapes.setdefault(owner, []).append([project(*point) for point in part])
    shapes.pop("AQ")
    result: dict[str, Any] = {}
    for code, rings in sorted(shapes.items()):
        kept = sorted(rings, key=area, reverse=True)
        kept = kept[:1] + [ring for ring in kept[1:] if area(ring) >= SMALLEST_ISLAND]
        result[code] = {"d": "".join(filter(None, map(path, kept))), "at": _rounded(inmost(kept[0]))}
    for code, point in places["points"].items():
        result.setdefault(code, {"d": ""})["at"] = _rounded(project(*point))
    # Where one country lies inside another, the one inside has to be drawn later: the largest go first.
    order = sorted(result, key=lambda code: -sum(map(area, shapes.get(code, ()))))
    height = math.ceil(project(0, SOUTH)[1])
    return {"width": WIDTH, "height": height, "places": {code: result[code] for code in order}}


def within_the_map(ring: Ring) -> list[Ring]:
    """The ring, in degrees, cut where it crosses the 180th meridian: a map ends there."""
    unrolled = ring[:1]
    for longitude, latitude in ring[1:]:
        turns = round((unrolled[-1][0] - longitude) / 360)
        unrolled.append((longitude + 360 * turns, latitude))
    parts = [
        [(x - 360 * turn, y) for x, y in _east_of(_west_of(unrolled, 180 + 360 * turn), -180 + 360 * turn)]
        for turn in (-1, 0, 1)
    ]
    return [part for part in parts if len(part) > 2]


def _west_of(ring: Ring, meridian: float) -> Ring:
    return [(-x, y) for x, y in _east_of([(-x, y) for x, y in ring], -meridian)]


def _east_of(ring: Ring, meridian: float) -> Ring:
    """The part of a ring east of a meridian (Sutherland and Hodgman, 1974)."""
    kept: Ring = []
    for (x1, y1), (x2, y2) in zip(ring[-1:] + ring[:-1], ring, strict=True):
        if (x1 < meridian) != (x2 < meridian):
            kept.append((meridian, y1 + (y2 - y1) * (meridian - x1) / (x2 - x1)))
        if x2 >= meridian:
            kept.append((x2, y2))
    return kept


def simplified(line: Sequence[Point], tolerance: float) -> list[Point]:
    """The line without the points that it can spare (Douglas and Peucker, 1973); ends stay."""
    if len(line) < 3:
        return list(line)
    # A closed line has no direction of its own: its farthest point splits it.
    if line[0] == line[-1]:
        middle = max(range(len(line)), key=lambda place: math.dist(line[0], line[place]))
        return (
            simplified(line[: middle + 1], tolerance)[:-1] + simplified(line[middle:], tolerance)
            if 0 < middle < len(line) - 1
            else [line[0]]
        )
    keep = {0, len(line) - 1}
    waiting = [(0, len(line) - 1)]
    while waiting:
        start, end = waiting.pop()
        distance, place = max(
            ((_distance(line[place], line[start], line[end]), place) for place in range(start + 1, end)),
            default=(0.0, 0),
        )
        if distance > tolerance:
            keep.add(place)
            waiting += [(start, place), (place, end)]
    return [line[place] for place in sorted(keep)]


def area(ring: Sequence[Point]) -> float:
    """Square units inside a ring."""
    pairs = zip(ring, [*ring[1:], *ring[:1]], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def inmost(ring: Ring) -> Point:
    """Of a grid of points inside the ring, the one farthest from it; the middle if none is inside."""
    west, east = min(x for x, _ in ring), max(x for x, _ in ring)
    north, south = min(y for _, y in ring), max(y for _, y in ring)
    sides = list(zip(ring, [*ring[1:], *ring[:1]], strict=True))
    best, point = -1.0, ((west + east) / 2, (north + south) / 2)
    for column in range(GRID):
        for row in range(GRID):
            x = west + (east - west) * (column + 0.5) / GRID
            y = north + (south - north) * (row + 0.5) / GRID
            crossed = sum(
                (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1
                for (x1, y1), (x2, y2) in sides
            )
            if crossed % 2:
                depth = min(_distance((x, y), start, end) for start, end in sides)
                if depth > best:
                    best, point = depth, (x, y)
    return point


def path(ring: Ring) -> str:
    """The ring as an SVG path in whole numbers; empty if nothing is left of it."""
    points = [(round(x), round(y)) for x, y in ring]
    points = [point for place, point in enumerate(points) if place == 0 or point != points[place - 1]]
    if len(points) > 1 and points[0] == points[-1]:
        points.pop()
    if len(points) < 3:
        return ""
    moves = [f"{x2 - x1} {y2 - y1}" for (x1, y1), (x2, y2) in pairwise(points)]
    return (f"M{points[0][0]} {points[0][1]}l" + " ".join(moves) + "z").replace(" -", "-")


def _distance(point: Point, start: Point, end: Point) -> float:
    (x, y), (x1, y1), (x2, y2) = point, start, end
    dx, dy = x2 - x1, y2 - y1
    length = dx * dx + dy * dy
    along = max(0.0, min(1.0, ((x - x1) * dx + (y - y1) * dy) / length)) if length else 0.0
    return math.dist(point, (x1 + along * dx, y1 + along * dy))


def _degrees(arc: Iterable[Sequence[int]], transform: dict[str, Any]) -> Ring:
    (scale_x, scale_y), (x0, y0) = transform["scale"], transform["translate"]
    x = y = 0
    line: Ring = []
    for dx, dy in arc:
        x, y = x + dx, y + dy
        line.append((x * scale_x + x0, y * scale_y + y0))
    return line


def _ring(numbers: Iterable[int], arcs: Sequence[Ring]) -> Ring:
    """Arcs one after another; ~n is arc n backwards. Neighbouring arcs share a point."""
    ring: Ring = []
    for number in numbers:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        ring += arc[1:] if ring else arc
    return ring


def _carved(code: str, ring: Ring, carve: dict[str, Any]) -> str:
    x = sum(x for x, _ in ring) / len(ring)
    y = sum(y for _, y in ring) / len(ring)
    for territory, entry in carve.items():
        west, south, east, north = entry["box"]
        if entry["part_of"] == code and west <= x <= east and south <= y <= north:
            return str(territory)
    return code


def _rounded(point: Point) -> list[int]:
    return [round(point[0]), round(point[1])]


def main() -> None:
    """Reads the TopoJSON file, writes the map."""
    parser = argparse.ArgumentParser(description="Builds the report's world map.")
    parser.add_argument("topology", type=Path, help="countries-50m.json of world-atlas")
    parser.add_argument("output", type=Path, nargs="?", default=OUTPUT)
    options = parser.parse_args()
    made = build(json.loads(options.topology.read_bytes()), tomllib.loads(PLACES.read_text("utf-8")))
    options.output.write_text(json.dumps(made, separators=(",", ":")).replace("},", "},\n") + "\n", "utf-8")


if __name__ == "__main__":
    main()
