"""The flow of a report as geometry: from phone by purpose to country and network.

Each name has a box of its own, so that no ribbon runs through it.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from phonehome.analysis.render.charts import BANDS, LEVELS, Band, level
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, Document
from phonehome.analysis.report.summary import is_lasting, purpose_rank


class Node(NamedTuple):
    """A box with a name, and on each side that ribbons touch a bar as high as they are together."""

    x: float
    y: float
    width: float
    height: float
    bars: list[tuple[float, float, float]]
    """Left edge, top and height of each."""
    text: str
    shown: str
    """As much of the text as there is room for."""
    transmissions: int


class Link(NamedTuple):
    path: str
    """Of an area."""
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
    """How a flow is laid out: which of FLOW_COLUMNS, how wide, and how much of it is left for ribbons between two."""

    columns: tuple[int, ...]
    width: int
    ribbons: int

    def boxes(self, names: Sequence[Iterable[str]]) -> list[tuple[float, float]]:
        """Where each column begins and how wide its boxes are, for what is written in them."""
        room = self.width - self.ribbons * (len(names) - 1)
        wide = [max(len(name) for name in column) * _LETTER + _AROUND for column in names]
        while sum(wide) > room:
            widest = max(range(len(wide)), key=wide.__getitem__)
            wide[widest] -= min(_LETTER, sum(wide) - room)
        between = (self.width - sum(wide)) / (len(wide) - 1)
        return [(sum(wide[:place]) + between * place, width) for place, width in enumerate(wide)]


FLOW_COLUMNS: Final = ("Device", "Purpose", "Country", "Network")
WIDE_FLOW: Final = FlowLayout((0, 1, 2, 3), 1084, 66)
NARROW_FLOW: Final = FlowLayout((1, 2), 360, 56)
PAPER_FLOW: Final = FlowLayout((0, 1, 2, 3), 1084, 66)
_MOST_NODES: Final = (8, 12, 12, 12)
_FLOW_HEIGHT: Final = 300
_FLOW_NODE: Final = 60
"""Units of all bands together: at most, and for each node of the fullest column."""
_BOX: Final = 24
"""Units that a box is high at least."""
_BAR: Final = 4
_GAP: Final = 7
_LETTER: Final = 7.4
"""Units that a letter is wide."""
_FEWEST_WAYS: Final = 5
_AROUND: Final = 22
"""Units of a box beside its text."""
MAX_FLOW_LINES: Final = 40


class Ways(NamedTuple):
    """What went which way: what every layout is made of."""

    lines: dict[tuple[str, ...], list[int]]
    """By device, purpose, country and network, transmissions of each Band."""
    ranks: dict[str, int]
    """Of purposes."""
    grades: dict[str, int]
    """Of a name of any column, place in LEVELS of the worst that it stands for."""


def ways(report: Document) -> Ways:
    """All that went somewhere."""
    found = Ways({}, {}, {})
    for device in report["devices"]:
        for row in device["destinations"]:
            ends = _ends(device, row)
            exposed = _exposed(row)
            counts = (row["transmissions"] - row["unencrypted"], row["unencrypted"] - exposed, exposed)
            _add(found.lines, ends, counts)
            found.ranks.setdefault(row["purpose_label"], purpose_rank(row["purpose"]))
            grade = LEVELS.index(level(row))
            for text in ends:
                found.grades[text] = min(grade, found.grades.get(text, grade))
    return found


def flow(found: Ways, layout: FlowLayout = WIDE_FLOW) -> FlowView | None:
    """Where it all went, without the columns in which all is one, or most are others. None if that leaves nothing to
    see: fewer than two columns, or no more ways than a sentence tells."""
    every, worst, grades = found
    telling = [column for column in range(len(FLOW_COLUMNS)) if _tells(every, column, grades)]
    columns = [column for column in layout.columns if column in telling]
    columns = columns if len(columns) > 1 else telling[-2:]
    lines: dict[tuple[str, ...], list[int]] = {}
    for ends, counts in every.items():
        _add(lines, tuple(ends[column] for column in columns), counts)
    total = sum(sum(counts) for counts in lines.values())
    if (
        not total
        or len(columns) < 2
        or len({tuple(ends[column] for column in telling) for ends in every}) < _FEWEST_WAYS
    ):
        return None
    kept = [_kept(lines, place, column, grades) for place, column in enumerate(columns)]
    drawn: dict[tuple[str, ...], list[int]] = {}
    for key, counts in lines.items():
        shown = tuple(
            text if text in kept[place] else f"{kept[place]['']} others" for place, text in enumerate(key)
        )
        _add(drawn, shown, counts)
    fullest = max(len({key[place] for key in drawn}) for place in range(len(columns)))
    scale = min(_FLOW_HEIGHT, fullest * _FLOW_NODE) / total
    order = _orders(drawn, columns, worst)
    boxes = layout.boxes(
        [
            [f"{text} {sum(sum(n) for key, n in drawn.items() if key[place] == text):,}" for text in column]
            for place, column in enumerate(order)
        ]
    )
    nodes, places, height = _nodes(drawn, order, boxes, scale)
    return FlowView(
        layout.width,
        height,
        [(x, FLOW_COLUMNS[column]) for (x, _), column in zip(boxes, columns, strict=True)],
        nodes,
        # The most worrying last, so that they lie on top.
        [link for band in range(len(BANDS)) for link in _links(drawn, order, places, boxes, scale, band)],
    )


def _tells(every: Mapping[tuple[str, ...], Sequence[int]], column: int, grades: Mapping[str, int]) -> bool:
    """Whether a column has more than one name, and most transmissions are not of those that it has no room for."""
    alone: dict[tuple[str, ...], list[int]] = {}
    for ends, counts in every.items():
        _add(alone, (ends[column],), counts)
    kept = _kept(alone, 0, column, grades)
    others = sum(sum(counts) for (text,), counts in alone.items() if text not in kept)
    few = 2 * others <= sum(sum(counts) for counts in alone.values())
    # Of many phones one is shown for what it alone did.
    return len(alone) > 1 and (few or FLOW_COLUMNS[column] == "Device")


def flow_table(found: Ways) -> FlowTable:
    """The flow as lines of a table, the fullest first."""
    table = sorted(
        (FlowLine(key, sum(counts), sum(counts[1:])) for key, counts in found.lines.items()),
        key=lambda line: (-line.transmissions, line),
    )
    return FlowTable(table[:MAX_FLOW_LINES], max(0, len(table) - MAX_FLOW_LINES))


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
    lines: Mapping[tuple[str, ...], Sequence[int]], place: int, column: int, grades: Mapping[str, int]
) -> dict[str, int]:
    """The texts of a column that are drawn (the most worrying first, then the fullest), and under "" how many are not.
    Of many devices only those that worry: the fullest says nothing of the others."""
    sums: Counter[str] = Counter()
    for key, counts in lines.items():
        sums[key[place]] += sum(counts)
    most = _MOST_NODES[column]
    if len(sums) <= most:
        return {**sums, "": 0}
    first = sorted(sums, key=lambda text: (grades[text], -sums[text], text))[: most - 1]
    if FLOW_COLUMNS[column] == "Device" and grades[first[0]] == 0:
        first = [text for text in first if grades[text] == 0]
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
    boxes: Sequence[tuple[float, float]],
    scale: float,
) -> tuple[list[Node], list[dict[str, float]], int]:
    """The boxes, where the ribbons at each begin, and how high it all is."""
    sums = [Counter[str]() for _ in orders]
    for key, counts in drawn.items():
        for column, text in enumerate(key):
            sums[column][text] += sum(counts)
    tall = [sum(max(number * scale, _BOX) + _GAP for number in column.values()) for column in sums]
    height = max(tall)
    nodes: list[Node] = []
    places: list[dict[str, float]] = []
    for column, order in enumerate(orders):
        spare = (height - tall[column]) / max(1, len(order))
        y = spare / 2
        x, width = boxes[column]
        edges = [x] * (column > 0) + [x + width - _BAR] * (column < len(orders) - 1)
        places.append({})
        for text in order:
            number = sums[column][text]
            room = max(number * scale, _BOX)
            top = y + (room - number * scale) / 2
            places[-1][text] = top
            letters = round((width - _AROUND) / _LETTER) - len(f" {number:,}")
            shown = text if len(text) <= letters else text[: letters - 1].rstrip() + "…"
            bars = [(edge, top, max(number * scale, 1.5)) for edge in edges]
            nodes.append(Node(x, y, width, room, bars, text, shown, number))
            y += room + _GAP + spare
    return nodes, places, math.ceil(height) + 4


def _links(
    drawn: Mapping[tuple[str, ...], Sequence[int]],
    orders: Sequence[Mapping[str, int]],
    places: Sequence[Mapping[str, float]],
    boxes: Sequence[tuple[float, float]],
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
        x1 = sum(boxes[column])
        x2 = boxes[column + 1][0]
        middle = (x1 + x2) / 2
        for (source, target), counts in sums.items():
            number = counts[band]
            if not number:
                continue
            # The most worrying band lies at the top.
            offset, high = sum(counts[band + 1 :]) * scale, max(number * scale, 1.2)
            y1, y2 = starts[source, target] + offset, ends[source, target] + offset
            yield Link(
                f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}v{high:.1f}"
                f"C{middle:.1f} {y2 + high:.1f} {middle:.1f} {y1 + high:.1f} {x1:.1f} {y1 + high:.1f}z",
                BANDS[band],
                f"{source} to {target}: {number:,} {'unencrypted' if band else 'encrypted'}",
            )
