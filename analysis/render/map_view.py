"""The map of a report as geometry: zoomed to what is used, with the whole world small beside it."""

import math
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from phonehome.analysis.render.charts import LETTER_WIDTH, Country, Excluded
from phonehome.analysis.render.map import WorldMap, world_map

Anchor = Literal["start", "middle", "end"]


class Label(NamedTuple):
    """A text at a mark; `x`, `y` is where its base line begins, is in the middle, or ends (`anchor`)."""

    x: float
    y: float
    anchor: Anchor
    text: str
    number: str
    """Transmissions; empty for a country that is excluded."""
    leader: tuple[float, float] | None
    """Where a line from the mark to the text ends, if the text stands away from it."""


class Mark(NamedTuple):
    """A disc, or a cross for a country that is excluded. None lies on another, so it may stand beside its country."""

    code: str
    name: str
    country: Country | None
    """None: excluded."""
    x: float
    y: float
    radius: float
    home: tuple[float, float] | None
    """Where it belongs, if it had to move so far that this is to be shown."""
    label: Label | None


class Inset(NamedTuple):
    """The whole world in a corner, with a frame around what the map shows; in units of the map."""

    x: float
    y: float
    width: float
    height: float


class MapView(NamedTuple):
    """A part of the world, in units of `world_map()`."""

    x: float
    y: float
    width: float
    height: float
    unit: float
    """Of a pixel of the picture."""
    marks: list[Mark]
    """The most worrying first."""
    inset: Inset | None
    """None if the map shows most of the world."""


_Box = tuple[float, float, float, float]

FONT: Final = 13
"""Pixels that a letter is high."""
MARGIN: Final = 0.14
"""Of the extent of the marks, on each side."""
CLOSEST: Final = 420.0
"""Units that are shown at least: outlines are too coarse to come closer."""
_WHOLE: Final = 0.8
"""Of the world's width: a map that would show more than this shows all."""
_MOST: Final = 0.65
"""Of the world's width: a map that shows more than this needs no inset."""
_INSET: Final = 0.26
"""Of the map's width."""
_SMALLEST, _GROWTH = 5.0, 11.0
"""Pixels of a disc's radius, and how much more the fullest has."""
_ROUNDS: Final = 40


def map_view(
    found: Sequence[Country], pixels: int, labels: int, ratio: float, without: Sequence[Excluded] = ()
) -> MapView:
    """The map as it is drawn `pixels` wide and about `ratio` times as wide as high, with at most so many labels."""
    world = world_map()
    codes = [*(country.code for country in found), *(each.code for each in without)]
    spots = [world.places[code] for code in codes if code in world.places]
    x, y, width, height = _window([(spot.x, spot.y) for spot in spots], world, ratio)
    unit = width / pixels
    view = MapView(x, y, width, height, unit, [], None)
    view = view._replace(marks=_apart(_marks(found, without, world, unit), view))
    if width < _MOST * world.width:
        view = _with_inset(view, world)
    return view._replace(marks=_labelled(view, labels))


def _window(spots: Sequence[tuple[float, float]], world: WorldMap, ratio: float) -> _Box:
    """Left, top, width and height of what is shown."""
    if not spots:
        return 0.0, 0.0, float(world.width), float(world.height)
    left, right = min(x for x, _ in spots), max(x for x, _ in spots)
    top, bottom = min(y for _, y in spots), max(y for _, y in spots)
    high = max((bottom - top) * (1 + 2 * MARGIN), CLOSEST / ratio)
    width = max((right - left) * (1 + 2 * MARGIN), CLOSEST, high * ratio)
    if width >= _WHOLE * world.width:
        return 0.0, 0.0, float(world.width), float(world.height)
    height = min(width / ratio, world.height)
    x = min(max((left + right - width) / 2, 0.0), world.width - width)
    y = min(max((top + bottom - height) / 2, 0.0), world.height - height)
    return round(x, 1), round(y, 1), round(width, 1), round(height, 1)


def _marks(found: Sequence[Country], without: Sequence[Excluded], world: WorldMap, unit: float) -> list[Mark]:
    most = max((country.transmissions for country in found), default=1)
    discs = [
        Mark(
            country.code,
            country.name,
            country,
            *world.places[country.code][1:],
            # A diamond is as large as a disc if it reaches a quarter further.
            unit
            * (_SMALLEST + _GROWTH * math.sqrt(country.transmissions / most))
            * (1.25 if country.level == "open" else 1),
            None,
            None,
        )
        for country in found
        if country.code in world.places
    ]
    crosses = [
        Mark(each.code, each.name, None, *world.places[each.code][1:], 6 * unit, None, None)
        for each in without
        if each.code in world.places
    ]
    return discs + crosses


def _apart(marks: list[Mark], view: MapView) -> list[Mark]:
    """The marks, moved until none lies on another. Where there are too many for that, they come as near to it as they
    can."""
    room = sum((2 * mark.radius) ** 2 for mark in marks) / (view.width * view.height)
    shrink = min(1.0, math.sqrt(0.3 / room)) if room else 1.0
    marks = [mark._replace(radius=mark.radius * shrink) for mark in marks]
    gap = 1.5 * view.unit
    spots = [[mark.x, mark.y] for mark in marks]
    reach = 2 * max((mark.radius for mark in marks), default=0.0) + gap
    for _ in range(_ROUNDS):
        moved = False
        order = sorted(range(len(marks)), key=lambda place: (spots[place][0], place))
        for at, one in enumerate(order):
            for other in order[at + 1 :]:
                if spots[other][0] - spots[one][0] > reach:
                    break
                moved |= _push(spots[one], spots[other], marks[one].radius + marks[other].radius + gap)
        for mark, spot in zip(marks, spots, strict=True):
            spot[0] = min(max(spot[0], view.x + mark.radius), view.x + view.width - mark.radius)
            spot[1] = min(max(spot[1], view.y + mark.radius), view.y + view.height - mark.radius)
        if not moved:
            break
    return [
        mark._replace(
            x=round(x, 1),
            y=round(y, 1),
            home=(mark.x, mark.y) if math.dist((x, y), (mark.x, mark.y)) > mark.radius else None,
        )
        for mark, (x, y) in zip(marks, spots, strict=True)
    ]


def _push(one: list[float], other: list[float], apart: float) -> bool:
    """Moves two spots until they are so far from each other; whether they had to."""
    across, down = other[0] - one[0], other[1] - one[1]
    distance = math.hypot(across, down)
    if distance >= apart * 0.999:
        return False
    if not distance:
        across, down, distance = 1.0, 0.3, math.hypot(1.0, 0.3)
    by = (apart - math.hypot(other[0] - one[0], other[1] - one[1])) / 2 / distance
    one[0], one[1] = one[0] - across * by, one[1] - down * by
    other[0], other[1] = other[0] + across * by, other[1] + down * by
    return True


def _with_inset(view: MapView, world: WorldMap) -> MapView:
    """With the world in a corner where no mark is; if there is none, in room made for it below."""
    width = view.width * _INSET
    height = width * world.height / world.width
    pad = 6 * view.unit
    for down in (1, 0):
        for across in (0, 1):
            x = view.x + pad if not across else view.x + view.width - width - pad
            y = view.y + pad if not down else view.y + view.height - height - pad
            box = (x - pad, y - pad, x + width + pad, y + height + pad)
            if not any(_overlap(box, _around(mark)) for mark in view.marks):
                return view._replace(inset=Inset(x, y, width, height))
    y = view.y + view.height + pad
    return view._replace(height=view.height + height + 2 * pad, inset=Inset(view.x + pad, y, width, height))


def _around(mark: Mark) -> _Box:
    return mark.x - mark.radius, mark.y - mark.radius, mark.x + mark.radius, mark.y + mark.radius


def _labelled(view: MapView, number: int) -> list[Mark]:
    """Gives the first marks a label each where there is room for one: no label on another, on a mark or the inset."""
    taken = [_around(mark) for mark in view.marks]
    if inset := view.inset:
        taken.append((inset.x, inset.y, inset.x + inset.width, inset.y + inset.height))
    result = []
    for place, mark in enumerate(view.marks):
        label = _free_label(view, mark, taken) if place < number or not mark.country else None
        result.append(mark._replace(label=label))
    return result


def _free_label(view: MapView, mark: Mark, taken: list[_Box]) -> Label | None:
    country, font = mark.country, FONT * view.unit
    text = mark.name + ("?" if country and country.in_doubt else "")
    number = f"{country.transmissions:,}" if country else ""
    # What is worst is written in bold.
    wide = (len(text) + (1 + len(number) if number else 0)) * font * LETTER_WIDTH
    wide, high = wide * (1.08 if country and country.level == "open" else 1), font * 1.15
    for step in (0.3, 1.2, 2.4, 3.8, 5.4):
        away = mark.radius + step * font
        for turn in (0, 180, 270, 90, 315, 225, 45, 135):
            across, down = math.cos(math.radians(turn)), math.sin(math.radians(turn))
            x, y = mark.x + across * away, mark.y + down * away
            left = x if across > 0.1 else x - wide if across < -0.1 else x - wide / 2
            top = y - high / 2 if abs(down) < 0.1 else y if down > 0 else y - high
            box = (left, top, left + wide, top + high)
            inside = (
                view.x <= box[0]
                and box[2] <= view.x + view.width
                and view.y <= box[1]
                and box[3] <= view.y + view.height
            )
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                anchor: Anchor = "start" if across > 0.1 else "end" if across < -0.1 else "middle"
                return Label(x, top + high * 0.78, anchor, text, number, (x, y) if step > 1 else None)
    return None


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
