"""The pictures of a report as geometry: a map, a time line, a flow from device to network.

Functions of the document, which draw nothing: they say where marks, lines and labels stand, and a template
makes SVG of it. What does not fit is added up as "others" and counted, never left out in silence.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from phonehome.analysis.knowledge.addresses import country_name
from phonehome.analysis.render.map import world_map
from phonehome.analysis.report.concern import concern
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, Document
from phonehome.analysis.report.summary import is_lasting, purpose_rank

Level = Literal["open", "carried", "other"]
"""What went there: identifiers of phone, SIM, account or place in clear text; identifiers of phone or SIM,
encrypted; anything else."""

Band = Literal["closed", "plain", "open"]
"""Encrypted; unencrypted; unencrypted with identifiers of phone, SIM, account or place."""
_BANDS: Final[tuple[Band, ...]] = ("closed", "plain", "open")

LETTER_WIDTH: Final = 0.62
"""Of the height of a letter: a little more than most sans-serif fonts need."""


def level(row: DestinationEntry) -> Level:
    """How much a destination should worry the reader."""
    worst: int = concern(row)[0]
    return "open" if worst == 0 else "carried" if worst == 1 else "other"


_LEVELS: Final[tuple[Level, ...]] = ("open", "carried", "other")


class Country(NamedTuple):
    """What went to one country."""

    code: str
    name: str
    transmissions: int
    attempts: int
    unencrypted: int
    hosts: int
    level: Level
    uncertain: int
    """Of the transmissions, those whose country is in doubt."""
    first: str
    last: str
    """Times, RFC 3339; empty if not recorded."""
    kinds: tuple[str, ...]
    """Labels of identifiers that went there and tell one device or person from another."""


def countries(report: Document, kinds: Callable[[Iterable[DestinationEntry]], list[str]]) -> list[Country]:
    """By country, the most worrying first."""
    rows: dict[str, list[DestinationEntry]] = {}
    for device in report["devices"]:
        for row in device["destinations"]:
            if row["country"] and row["scope"] in (None, "global"):
                rows.setdefault(row["country"], []).append(row)
    found = [
        Country(
            code,
            there[0]["country_name"] or code,
            sum(row["transmissions"] for row in there),
            sum(row["attempts"] for row in there),
            sum(row["unencrypted"] for row in there),
            len({row["host"] or tuple(row["addresses"]) for row in there}),
            min((level(row) for row in there), key=_LEVELS.index),
            sum(row["transmissions"] for row in there if row["country_certainty"] == "uncertain"),
            min((row["first"] for row in there if row["first"]), default=""),
            max((row["last"] for row in there if row["last"]), default=""),
            tuple(kinds(there)),
        )
        for code, there in rows.items()
    ]
    return sorted(found, key=lambda at: (_LEVELS.index(at.level), -at.transmissions, at.code))


# -- map --------------------------------------------------------------------------------------------


class Label(NamedTuple):
    """A text at a mark; `x`, `y` is where its base line begins, is in the middle, or ends (`anchor`)."""

    x: float
    y: float
    anchor: Literal["start", "middle", "end"]
    text: str
    number: str
    leader: tuple[float, float] | None
    """Where a line from the mark to the text ends, if the text stands away from it."""


class Mark(NamedTuple):
    country: Country
    x: float
    y: float
    radius: float
    label: Label | None


class Excluded(NamedTuple):
    """A country that a table or a header names, and where some destinations are not, because they answered too soon."""

    code: str
    name: str
    destinations: int


def excluded(report: Document) -> list[Excluded]:
    """Those of most destinations first."""
    found: dict[str, int] = {}
    for device in report["devices"]:
        for row in device["destinations"]:
            named = {piece["country"] for piece in row["country_evidence"] if piece["kind"] != "registry"}
            for code in named & set(row["excluded_countries"]) - {None, row["country"]}:
                found[code or ""] = found.get(code or "", 0) + 1
    return [
        Excluded(code, country_name(code), number)
        for code, number in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]


class MapView(NamedTuple):
    """A part of the world, in units of `world_map()`."""

    x: float
    y: float
    width: float
    height: float
    font: float
    """Height of letters."""
    marks: list[Mark]
    crosses: list[tuple[str, float, float, float]]
    """Of countries that are excluded: name, where, and half the width."""


SHADES: Final = (0.02, 0.1, 0.3)
"""Shares of all transmissions at which an area gets one shade darker."""
MARGIN: Final = 110
"""Units around the marks of a cropped map."""


def shade(country: Country, total: int) -> int:
    """From 1, few of all transmissions, to 4, most; 0 for a country that rests on doubt only, which no area is to state
    as a fact."""
    share = (country.transmissions - country.uncertain) / max(total, 1)
    return 1 + sum(share >= bound for bound in SHADES) if share else 0


def map_view(
    found: Sequence[Country], pixels: int, labels: int, *, crop: bool, without: Sequence[Excluded] = ()
) -> MapView:
    """The map as it is drawn `pixels` wide, with at most that many labels; cropped to its marks if asked to."""
    world = world_map()
    known = [country for country in found if country.code in world.places]
    x, y, width, height = 0.0, 0.0, float(world.width), float(world.height)
    if crop and known:
        spots = [world.places[country.code] for country in known]
        width = max(700.0, max(spot.x for spot in spots) - min(spot.x for spot in spots) + 2 * MARGIN)
        width = min(width, world.width)
        height = min(
            max(width * 0.72, max(s.y for s in spots) - min(s.y for s in spots) + 2 * MARGIN), height
        )
        middle = (max(spot.x for spot in spots) + min(spot.x for spot in spots)) / 2
        centre = (max(spot.y for spot in spots) + min(spot.y for spot in spots)) / 2
        x = min(max(middle - width / 2, 0.0), world.width - width)
        y = min(max(centre - height / 2, 0.0), world.height - height)
    unit = width / pixels
    most = max((country.transmissions for country in known), default=1)
    marks = [
        Mark(
            country,
            world.places[country.code].x,
            world.places[country.code].y,
            unit * (4.5 + (pixels / 110) * math.sqrt(country.transmissions / most)),
            None,
        )
        for country in known
    ]
    crosses: list[tuple[str, float, float, float]] = [
        (each.name, world.places[each.code].x, world.places[each.code].y, 5 * unit)
        for each in without
        if each.code in world.places
    ]
    view = MapView(x, y, width, height, 13 * unit, marks, crosses)
    return view._replace(marks=_labelled(view, labels))


def _labelled(view: MapView, number: int) -> list[Mark]:
    """Gives the first marks a label each where there is room for one: no label on another, or on a mark."""
    taken = [
        (mark.x - mark.radius, mark.y - mark.radius, mark.x + mark.radius, mark.y + mark.radius)
        for mark in view.marks
    ]
    result = []
    for place, mark in enumerate(view.marks):
        label = _free_label(view, mark, taken) if place < number else None
        result.append(mark._replace(label=label))
    return result


_Box = tuple[float, float, float, float]


def _free_label(view: MapView, mark: Mark, taken: list[_Box]) -> Label | None:
    text = mark.country.name + ("?" if mark.country.uncertain == mark.country.transmissions else "")
    number = f"{mark.country.transmissions:,}"
    wide, high = (len(text) + 1 + len(number)) * view.font * LETTER_WIDTH, view.font
    for step in (0.3, 1.2, 2.4, 3.8, 5.4):
        away = mark.radius + step * view.font
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
                anchor: Literal["start", "middle", "end"] = (
                    "start" if across > 0.1 else "end" if across < -0.1 else "middle"
                )
                return Label(x, top + high * 0.82, anchor, text, number, (x, y) if step > 1 else None)
    return None


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


# -- time line --------------------------------------------------------------------------------------


class Lane(NamedTuple):
    """One purpose on the time line: paths of lines up (answered) and down (no answer) from `BASELINE`."""

    purpose: str
    label: str
    transmissions: int
    attempts: int
    paths: dict[str, str]
    """By `up` or `down`, and the worst that it stands for, as a Band."""


class TimelineView(NamedTuple):
    lanes: list[Lane]
    ticks: list[tuple[float, str]]
    """Per cent of the width, and what to write there."""
    bucket: str
    """How long a line stands for: `1 minute`."""


LANE_WIDTH: Final = 1000
LANE_HEIGHT: Final = 36
BASELINE: Final = 21
_UP, _DOWN = 20, 14
_STEPS: Final = (60, 300, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400)
"""Seconds between ticks; beyond a day, whole days."""
_TICKS: Final = 6


def timeline(
    device: DeviceEntry, labels: Mapping[str, str], period: tuple[str, str] | None = None
) -> TimelineView | None:
    """When the device sent what, most worrying purpose first; None if nothing on it has a time. `period` is
    from when to when, to give several devices one scale."""
    buckets = [bucket for bucket in device["timeline"]["buckets"] if bucket["start"]]
    if not buckets:
        return None
    width = device["timeline"]["bucket_seconds"]
    start, end = (_seconds(text) for text in period) if period else (math.inf, -math.inf)
    start = min(start, *(_seconds(bucket["start"] or "") for bucket in buckets))
    end = max(end, *(_seconds(bucket["start"] or "") + width for bucket in buckets))
    most = max(bucket["transmissions"] for bucket in buckets)
    lanes = []
    for purpose in sorted({bucket["purpose"] for bucket in buckets}, key=purpose_rank):
        mine = [bucket for bucket in buckets if bucket["purpose"] == purpose]
        paths: dict[str, str] = {}
        for bucket in mine:
            x = round((_seconds(bucket["start"] or "") + width / 2 - start) / (end - start) * LANE_WIDTH, 1)
            kind = "open" if bucket["exposed"] else "plain" if bucket["unencrypted"] else "closed"
            answered = bucket["transmissions"] - bucket["attempts"]
            for direction, number, reach, sign in (
                ("up", answered, _UP, -1),
                ("down", bucket["attempts"], _DOWN, 1),
            ):
                if number:
                    length = sign * round(max(0.55, math.sqrt(number / most)) * reach, 1)
                    key = f"{direction} {kind}"
                    paths[key] = paths.get(key, "") + f"M{x:g} {BASELINE}v{length:g}"
        lanes.append(
            Lane(
                purpose,
                labels.get(purpose, purpose),
                sum(bucket["transmissions"] for bucket in mine),
                sum(bucket["attempts"] for bucket in mine),
                dict(sorted(paths.items())),
            )
        )
    return TimelineView(lanes, _ticks(start, end), _duration(width))


def _ticks(start: float, end: float) -> list[tuple[float, str]]:
    span = end - start
    step = next((step for step in _STEPS if span / step <= _TICKS), 0)
    if not step:
        step = 86400 * max(1, math.ceil(span / 86400 / _TICKS))
    first = math.ceil(start / step) * step
    ticks = []
    day = ""
    for number in range(_TICKS + 1):
        time = first + number * step
        if time > end:
            break
        moment = datetime.fromtimestamp(time, UTC)
        date = f"{moment.day} {moment:%b %Y}"
        clock = f"{moment:%H:%M}"
        text = date if step >= 86400 else clock if day == date else f"{clock}, {moment.day} {moment:%b}"
        day = date
        ticks.append((round((time - start) / span * 100, 2), text))
    return ticks


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _duration(seconds: int) -> str:
    for length, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            number = seconds / length
            return f"{number:.0f} {word}" + ("" if round(number) == 1 else "s")
    return f"{seconds} seconds"


# -- flow -------------------------------------------------------------------------------------------


class Node(NamedTuple):
    x: float
    y: float
    height: float
    text: str
    shown: str
    """As much of the text as there is room for."""
    transmissions: int


class Link(NamedTuple):
    path: str
    width: float
    band: Band
    text: str


class FlowLine(NamedTuple):
    ends: tuple[str, ...]
    """Device, purpose, country, network."""
    transmissions: int
    unencrypted: int


class FlowView(NamedTuple):
    """From device by purpose to country and network; widths are numbers of transmissions."""

    width: int
    height: int
    heads: list[tuple[float, str]]
    """Where each column begins, and its title."""
    nodes: list[Node]
    links: list[Link]


class FlowTable(NamedTuple):
    """The same in words."""

    lines: list[FlowLine]
    left_out: int


class FlowLayout(NamedTuple):
    """How a flow is laid out: which of FLOW_COLUMNS, how wide, and where the last one begins."""

    columns: tuple[int, ...]
    width: int
    last: int
    letters: tuple[int, int]
    """Of a name that fit beside a node: of the last column, and of the others."""

    def x(self, place: int) -> float:
        """Where a column begins."""
        return place * self.last / (len(self.columns) - 1)


FLOW_COLUMNS: Final = ("Device", "Purpose", "Country", "Network")
WIDE_FLOW: Final = FlowLayout((0, 1, 2, 3), 1084, 860, (24, 29))
NARROW_FLOW: Final = FlowLayout((1, 2), 360, 200, (13, 20))
PAPER_FLOW: Final = FlowLayout((0, 1, 2, 3), 1084, 840, (22, 24))
_NODE: Final = 10
_MOST_NODES: Final = (8, 12, 12, 12)
_FLOW_HEIGHT: Final = 300
_FLOW_NODE: Final = 60
"""Units of all bands together: at most, and for each node of the fullest column."""
_TEXT: Final = 28
MAX_FLOW_LINES: Final = 40


def flow(report: Document, layout: FlowLayout = WIDE_FLOW) -> FlowView | None:
    """Where it all went; None if nothing was sent."""
    worst: dict[str, int] = {}
    grades: dict[str, int] = {}
    for device in report["devices"]:
        for row in device["destinations"]:
            worst.setdefault(row["purpose_label"], purpose_rank(row["purpose"]))
            grade = _LEVELS.index(level(row))
            for text in _ends(device, row):
                grades[text] = min(grade, grades.get(text, grade))
    lines: dict[tuple[str, ...], list[int]] = {}
    for ends, counts in _flow_lines(report).items():
        _add(lines, tuple(ends[column] for column in layout.columns), counts)
    total = sum(sum(counts) for counts in lines.values())
    if not total:
        return None
    kept = [_kept(lines, place, _MOST_NODES[column], grades) for place, column in enumerate(layout.columns)]
    drawn: dict[tuple[str, ...], list[int]] = {}
    for key, counts in lines.items():
        shown = tuple(
            text if text in kept[place] else f"{kept[place]['']} others" for place, text in enumerate(key)
        )
        _add(drawn, shown, counts)
    fullest = max(len({key[place] for key in drawn}) for place in range(len(layout.columns)))
    scale = min(_FLOW_HEIGHT, fullest * _FLOW_NODE) / total
    order = _orders(drawn, layout.columns, worst)
    nodes, places, height = _nodes(drawn, order, layout, scale)
    return FlowView(
        layout.width,
        height,
        [(layout.x(place), FLOW_COLUMNS[column]) for place, column in enumerate(layout.columns)],
        nodes,
        # The most worrying last, so that they lie on top.
        [link for band in range(len(_BANDS)) for link in _links(drawn, order, places, layout, scale, band)],
    )


def flow_table(report: Document) -> FlowTable:
    """The flow as lines of a table, the fullest first."""
    table = sorted(
        (FlowLine(key, sum(counts), sum(counts[1:])) for key, counts in _flow_lines(report).items()),
        key=lambda line: (-line.transmissions, line),
    )
    return FlowTable(table[:MAX_FLOW_LINES], max(0, len(table) - MAX_FLOW_LINES))


def _flow_lines(report: Document) -> dict[tuple[str, ...], list[int]]:
    """By device, purpose, country and network, transmissions of each Band."""
    lines: dict[tuple[str, ...], list[int]] = {}
    for device in report["devices"]:
        for row in device["destinations"]:
            exposed = _exposed(row)
            counts = (row["transmissions"] - row["unencrypted"], row["unencrypted"] - exposed, exposed)
            _add(lines, _ends(device, row), counts)
    return lines


def _ends(device: DeviceEntry, row: DestinationEntry) -> tuple[str, ...]:
    return device["label"], row["purpose_label"], _country(row), _network(row)


def _exposed(row: DestinationEntry) -> int:
    """Of its transmissions, those that surely had identifiers of phone, SIM, account or place in clear text."""
    return max((found["unencrypted"] for found in row["identifiers"] if is_lasting(found)), default=0)


def _add[Key](sums: dict[Key, list[int]], key: Key, counts: Sequence[int]) -> None:
    known = sums.setdefault(key, [0] * len(counts))
    for place, number in enumerate(counts):
        known[place] += number


def _country(row: DestinationEntry) -> str:
    if row["scope"] not in (None, "global"):
        return "local network"
    name = row["country_name"] or row["country"]
    if not name:
        return "country not known"
    return name + ("?" if row["country_certainty"] == "uncertain" else "")


def _network(row: DestinationEntry) -> str:
    if row["cloud"] and row["cloud"]["region"] and row["country_certainty"] == "certain":
        return f"{row['cloud']['provider']} {row['cloud']['region']}"
    if row["scope"] not in (None, "global"):
        return "local network"
    return row["organisation"] or (f"AS{row['asn']}" if row["asn"] is not None else "network not known")


def _kept(
    lines: Mapping[tuple[str, ...], Sequence[int]], place: int, most: int, grades: Mapping[str, int]
) -> dict[str, int]:
    """The texts of a column, at most so many, that are drawn (the most worrying first, then the fullest), and
    under "" how many are not."""
    sums: Counter[str] = Counter()
    for key, counts in lines.items():
        sums[key[place]] += sum(counts)
    if len(sums) <= most:
        return {**sums, "": 0}
    first = sorted(sums, key=lambda text: (grades[text], -sums[text], text))
    first = first[: most - 1]
    return {**{text: sums[text] for text in first}, "": len(sums) - len(first)}


def _orders(
    drawn: Mapping[tuple[str, ...], Sequence[int]], columns: Sequence[int], worst: Mapping[str, int]
) -> list[dict[str, int]]:
    """Place of each node in its column: purposes by rank; the others near what flows into them."""
    orders: list[dict[str, int]] = []
    for column, kind in enumerate(columns):
        texts = list(dict.fromkeys(key[column] for key in drawn))
        if FLOW_COLUMNS[kind] == "Purpose":
            texts.sort(key=lambda text: worst.get(text, len(worst)))
        elif column:
            before = orders[-1]
            pull: dict[str, float] = {}
            for text in texts:
                mine = [(before[key[column - 1]], sum(n)) for key, n in drawn.items() if key[column] == text]
                pull[text] = sum(place * n for place, n in mine) / max(1, sum(n for _, n in mine))
            texts.sort(key=lambda text: (pull[text], text))
        orders.append({text: place for place, text in enumerate(texts)})
    return orders


def _nodes(
    drawn: Mapping[tuple[str, ...], Sequence[int]],
    orders: Sequence[Mapping[str, int]],
    layout: FlowLayout,
    scale: float,
) -> tuple[list[Node], list[dict[str, float]], int]:
    sums = [Counter[str]() for _ in orders]
    for key, counts in drawn.items():
        for column, text in enumerate(key):
            sums[column][text] += sum(counts)
    tall = [sum(max(number * scale, _TEXT) + 8 for number in column.values()) for column in sums]
    height = max(tall)
    nodes: list[Node] = []
    places: list[dict[str, float]] = []
    for column, order in enumerate(orders):
        spare = (height - tall[column]) / max(1, len(order))
        y = spare / 2
        places.append({})
        for text in order:
            number = sums[column][text]
            room = max(number * scale, _TEXT)
            top = y + (room - number * scale) / 2
            places[-1][text] = top
            letters = layout.letters[column < len(orders) - 1]
            shown = text if len(text) <= letters else text[: letters - 1].rstrip() + "…"
            nodes.append(Node(layout.x(column), top, max(number * scale, 1.5), text, shown, number))
            y += room + 8 + spare
    return nodes, places, math.ceil(height) + 4


def _links(
    drawn: Mapping[tuple[str, ...], Sequence[int]],
    orders: Sequence[Mapping[str, int]],
    places: Sequence[Mapping[str, float]],
    layout: FlowLayout,
    scale: float,
    band: int,
) -> Iterable[Link]:
    for column in range(len(orders) - 1):
        sums: dict[tuple[str, str], list[int]] = {}
        for key, counts in drawn.items():
            _add(sums, (key[column], key[column + 1]), counts)
        left, right = orders[column], orders[column + 1]
        leaving, arriving = dict(places[column]), dict(places[column + 1])
        starts: dict[tuple[str, str], float] = {}
        ends: dict[tuple[str, str], float] = {}
        for pair in sorted(sums, key=lambda pair: (left[pair[0]], right[pair[1]])):
            starts[pair] = leaving[pair[0]]
            leaving[pair[0]] += sum(sums[pair]) * scale
        for pair in sorted(sums, key=lambda pair: (right[pair[1]], left[pair[0]])):
            ends[pair] = arriving[pair[1]]
            arriving[pair[1]] += sum(sums[pair]) * scale
        x1 = layout.x(column) + _NODE
        x2 = layout.x(column + 1)
        middle = (x1 + x2) / 2
        for (source, target), counts in sums.items():
            number = counts[band]
            if not number:
                continue
            # The most worrying band lies at the top.
            offset = (sum(counts[band + 1 :]) + number / 2) * scale
            y1, y2 = starts[source, target] + offset, ends[source, target] + offset
            yield Link(
                f"M{x1:.0f} {y1:.1f}C{middle:.0f} {y1:.1f} {middle:.0f} {y2:.1f} {x2:.0f} {y2:.1f}",
                max(number * scale, 1.2),
                _BANDS[band],
                f"{source} to {target}: {number:,} {'unencrypted' if band else 'encrypted'}",
            )
