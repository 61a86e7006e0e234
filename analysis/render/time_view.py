"""The time line of a report as geometry: when each phone sent what, and when there was a recording.

The axis is as long as what was recorded: where nothing was for long, it is broken, so that two captures a year apart
are both to be read. Bins are as wide as the span asks for, and ticks stand at round times.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.render.charts import BANDS
from phonehome.analysis.report.concern import is_routine
from phonehome.analysis.report.entries import BucketEntry, DeviceEntry, Document
from phonehome.analysis.report.summary import purpose_rank


class Lane(NamedTuple):
    """A purpose, or a phone, on the time line: paths of lines up (answered) and down (no answer) from `BASELINE`."""

    label: str
    transmissions: int
    attempts: int
    routine: bool
    device: int
    """Place of the phone among all, from 1; 0 for a purpose."""
    paths: dict[str, str]
    """By `up` or `down`, and the worst that it stands for, as a Band."""


class Segment(NamedTuple):
    """A piece of the axis: all of it, or one of several with a break between."""

    x: float
    width: float
    """In units of LANE_WIDTH."""
    start: float
    end: float
    """Seconds since 1970."""

    def at(self, time: float) -> float:
        """Where a time stands; a time outside stands at the edge."""
        share = (min(max(time, self.start), self.end) - self.start) / (self.end - self.start)
        return self.x + share * self.width


class Recorded(NamedTuple):
    """When a capture was made."""

    x: float
    width: float
    name: str
    shown: str
    """As much of the name as there is room for; empty if there is none."""


class Axis(NamedTuple):
    """From when to when, for all phones of a report."""

    segments: list[Segment]
    bin: int
    """Seconds that a line stands for."""
    ticks: list[tuple[float, str]]
    """Per cent of the width, and what to write there."""
    few_ticks: list[tuple[float, str]]
    """The same where the axis is half as wide."""
    recorded: list[Recorded]
    """Captures, if there are several."""

    @property
    def bin_words(self) -> str:
        """`1 minute`."""
        return _duration(self.bin)

    @property
    def breaks(self) -> list[float]:
        """Where time is left out, in units of LANE_WIDTH."""
        return [(one.x + one.width + other.x) / 2 for one, other in pairwise(self.segments)]


LANE_WIDTH: Final = 1000
LANE_HEIGHT: Final = 36
BASELINE: Final = 21
_UP, _DOWN = 20, 14
_BINS: Final = 110
"""Lines that there is room for, side by side."""
_LONG_GAP: Final = 0.5
"""Of all time in which something was recorded: where nothing was for longer, the axis is broken."""
_MOST_SEGMENTS: Final = 8
_HOLE: Final = 30 * 86400.0
_MOST_OF_IT: Final = 0.8
"""Seconds of a hole, and share of a capture: if holes are more of it, nothing was recorded in them."""
_BREAK: Final = 18.0
"""Units between two pieces of the axis."""
_LEAST_SHARE: Final = 0.5
"""Of the width, how much the pieces of the axis share alike; the rest by how long each is."""
_LETTER: Final = 9.0
"""Units that a letter under the axis is wide, at most."""
_MOST_RECORDED: Final = 40
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_WIDTHS: Final = (
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 7, 14, 30, 91, 182, 365, 730, 1825, 3650)),
)
"""Seconds of a bin."""


def axis(report: Document) -> Axis | None:
    """The axis for all phones of a report; None if nothing has a time."""
    buckets: set[tuple[float, float]] = set()
    of_capture: dict[str, set[float]] = {}
    narrowest = 0
    for device in report["devices"]:
        width = device["timeline"]["bucket_seconds"]
        mine = [_seconds(bucket["start"]) for bucket in device["timeline"]["buckets"] if bucket["start"]]
        buckets.update((start, start + width) for start in mine)
        for capture in device["captures"]:
            of_capture.setdefault(capture, set()).update(mine)
        narrowest = max(narrowest, width if mine else 0)
    if not buckets:
        return None
    spans = [
        (*piece, one["path"].rpartition("/")[2])
        for one in report["captures"]
        if one["first"] and one["last"]
        for piece in _pieces(_seconds(one["first"]), _seconds(one["last"]), of_capture.get(one["path"], ()))
    ]
    runs = _runs([*buckets, *(span[:2] for span in spans)])
    recorded = sum(end - start for start, end in runs)
    bin_ = next((width for width in _WIDTHS if width >= narrowest and recorded / width <= _BINS), 0)
    if not bin_:
        bin_ = max(narrowest, math.ceil(recorded / _BINS / _WIDTHS[-1]) * _WIDTHS[-1])
    segments = _segments(runs)
    return Axis(
        segments,
        bin_,
        _ticks(segments, _LETTER),
        _ticks(segments, 2.2 * _LETTER),
        [*_recorded(spans, segments)] if len(report["captures"]) > 1 else [],
    )


def lanes(device: DeviceEntry, along: Axis, labels: Mapping[str, str]) -> list[Lane]:
    """When the device sent what, the most worrying purpose first and all routine in one lane; none if nothing on it has
    a time."""
    buckets = [bucket for bucket in device["timeline"]["buckets"] if bucket["start"]]
    telling = {row["purpose"] for row in device["destinations"] if not is_routine(row)}
    purposes = sorted({bucket["purpose"] for bucket in buckets}, key=purpose_rank)
    routine = {
        purpose
        for purpose in purposes
        if purpose in catalogue().purposes
        and catalogue().purposes[purpose].routine
        and purpose not in telling
        and not any(bucket["exposed"] for bucket in buckets if bucket["purpose"] == purpose)
    }
    groups = [
        (labels.get(purpose, purpose), [bucket for bucket in buckets if bucket["purpose"] == purpose])
        for purpose in purposes
        if purpose not in routine
    ]
    if routine:
        names = [labels.get(purpose, purpose) for purpose in purposes if purpose in routine]
        groups.append(
            (
                f"Routine: {', '.join(names).lower()}",
                [bucket for bucket in buckets if bucket["purpose"] in routine],
            )
        )
    found = _lanes(groups, along)
    return [*found[:-1], found[-1]._replace(routine=True)] if routine else found


def phone_lanes(devices: Sequence[DeviceEntry], along: Axis) -> list[Lane]:
    """A lane for each phone that has a time, all its purposes together."""
    timed = [
        (number, device, [bucket for bucket in device["timeline"]["buckets"] if bucket["start"]])
        for number, device in enumerate(devices, 1)
    ]
    timed = [each for each in timed if each[2]]
    found = _lanes([(device["label"], buckets) for _, device, buckets in timed], along)
    return [lane._replace(device=number) for lane, (number, *_) in zip(found, timed, strict=True)]


def _lanes(groups: Sequence[tuple[str, Sequence[BucketEntry]]], along: Axis) -> list[Lane]:
    """A lane for each group, in one scale."""
    binned = [_binned(buckets, along) for _, buckets in groups]
    most = max((sum(counts[:2]) for bins in binned for counts in bins.values()), default=1)
    return [
        Lane(
            label,
            sum(bucket["transmissions"] for bucket in buckets),
            sum(bucket["attempts"] for bucket in buckets),
            False,
            0,
            _paths(bins, along, most),
        )
        for (label, buckets), bins in zip(groups, binned, strict=True)
    ]


def _binned(buckets: Iterable[BucketEntry], along: Axis) -> dict[int, list[int]]:
    """Answered, unanswered, and place of the worst of BANDS, by number of the bin."""
    found: dict[int, list[int]] = {}
    for bucket in buckets:
        bin_ = found.setdefault(int(_seconds(bucket["start"]) // along.bin), [0, 0, 0])
        bin_[0] += bucket["transmissions"] - bucket["attempts"]
        bin_[1] += bucket["attempts"]
        bin_[2] = max(bin_[2], 2 if bucket["exposed"] else 1 if bucket["unencrypted"] else 0)
    return found


def _paths(bins: Mapping[int, Sequence[int]], along: Axis, most: int) -> dict[str, str]:
    paths: dict[str, str] = {}
    for number, (answered, attempts, worst) in sorted(bins.items()):
        start = number * along.bin
        middle = start + along.bin / 2
        segment = min(along.segments, key=lambda piece: max(piece.start - middle, middle - piece.end, 0))
        x = round((segment.at(start) + segment.at(start + along.bin)) / 2, 1)
        for direction, count, reach, sign in (("up", answered, _UP, -1), ("down", attempts, _DOWN, 1)):
            if count:
                length = sign * round(min(1.0, max(0.4, math.sqrt(count / most))) * reach, 1)
                key = f"{direction} {BANDS[worst]}"
                paths[key] = paths.get(key, "") + f"M{x:g} {BASELINE}v{length:g}"
    return dict(sorted(paths.items()))


# -- axis -------------------------------------------------------------------------------------------


def _runs(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans that are near each other as one, in order."""
    ordered = sorted(spans)
    joined: list[list[float]] = []
    for start, end in ordered:
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    recorded = sum(end - start for start, end in joined)
    gaps = sorted((other[0] - one[1] for one, other in pairwise(joined)), reverse=True)
    # Of many gaps only those are left out that are longer than the others.
    longest = max([_LONG_GAP * recorded, *(1.2 * gap for gap in gaps[_MOST_SEGMENTS - 1 : _MOST_SEGMENTS])])
    runs = [joined[0]]
    for start, end in joined[1:]:
        if start - runs[-1][1] > longest:
            runs.append([start, end])
        else:
            runs[-1][1] = end
    return [(start, end) for start, end in runs]


def _pieces(start: float, end: float, buckets: Iterable[float]) -> list[tuple[float, float]]:
    """A capture, without the holes that show that it was put together, or a clock was wrong."""
    end = max(end, start + 1)
    times = [start, *sorted(time for time in buckets if start < time < end), end]
    holes = [(one, other) for one, other in pairwise(times) if other - one > _HOLE]
    if sum(other - one for one, other in holes) < _MOST_OF_IT * (end - start):
        return [(start, end)]
    starts, ends = [start, *(other for _, other in holes)], [*(one for one, _ in holes), end]
    return [(one, max(other, one + 1)) for one, other in zip(starts, ends, strict=True)]


def _segments(runs: Sequence[tuple[float, float]]) -> list[Segment]:
    room = LANE_WIDTH - _BREAK * (len(runs) - 1)
    whole = sum(end - start for start, end in runs)
    segments, x = [], 0.0
    for start, end in runs:
        share = _LEAST_SHARE / len(runs) + (1 - _LEAST_SHARE) * (end - start) / whole
        segments.append(Segment(x, room * share, start, end))
        x += room * share + _BREAK
    return segments


def _recorded(periods: Sequence[tuple[float, float, str]], segments: Sequence[Segment]) -> Iterable[Recorded]:
    """Captures, each where it was made; names only where none lies on another."""
    free = 0.0
    for start, end, name in sorted(periods)[:_MOST_RECORDED]:
        segment = next(piece for piece in segments if piece.start <= start <= piece.end)
        x = segment.at(start)
        width = max(segment.at(end) - x, 2.0)
        letters = int((max(width, segment.x + segment.width - x) - 8) / _LETTER)
        shown = name if len(name) <= letters else name[: letters - 1] + "…" if letters > 5 else ""
        if x < free:
            shown = ""
        if shown:
            free = x + len(shown) * _LETTER
        yield Recorded(round(x, 1), round(width, 1), name, shown)


_Round = tuple[str, int]
"""A unit of time, and how many of it: ticks stand at its multiples."""
_STEPS: Final[tuple[tuple[_Round, float], ...]] = (
    *((("minute", n), float(_MINUTE * n)) for n in (1, 2, 5, 10, 15, 30)),
    *((("hour", n), float(_HOUR * n)) for n in (1, 2, 3, 6, 12)),
    *((("day", n), float(_DAY * n)) for n in (1, 2, 7, 14)),
    *((("month", n), 30.44 * _DAY * n) for n in (1, 2, 3, 6)),
    *((("year", n), 365.25 * _DAY * n) for n in (1, 2, 5, 10, 20, 50, 100, 500)),
)


def _ticks(segments: Sequence[Segment], letter: float) -> list[tuple[float, str]]:
    """At round times, none so near to the one before that their texts meet; a letter is so many units wide."""
    found: list[tuple[float, str]] = []
    free = -math.inf
    before = ""
    for segment in segments:
        most = max(1, min(6, int(segment.width / (12 * letter))))
        span = segment.end - segment.start
        step = next((step for step, seconds in _STEPS if span / seconds <= most), _STEPS[-1][0])
        narrow = len(segments) > 1 and segment.width < 22 * letter
        # A piece that has no room for several, or no round time in it, has its day, where it begins.
        times = [] if narrow else _rounds(segment.start, segment.end, step)
        for time in times or [datetime.fromtimestamp(segment.start, UTC)]:
            text, day = _tick(time, step[0] if times else "day", before)
            x = segment.at(time.timestamp())
            wide = len(text) * letter
            left = x if x < 80 else x - wide if x > LANE_WIDTH - 80 else x - wide / 2
            if left >= free:
                found.append((round(x / LANE_WIDTH * 100, 2), text))
                free, before = left + wide + letter, day
    return found


def _rounds(start: float, end: float, step: _Round) -> list[datetime]:
    unit, number = step
    first = datetime.fromtimestamp(start, UTC)
    time = first.replace(minute=0, second=0, microsecond=0)
    if unit in ("minute", "hour"):
        time = time.replace(hour=0)
        every = timedelta(seconds=number * (_MINUTE if unit == "minute" else _HOUR))
        time += every * math.ceil((start - time.timestamp()) / every.total_seconds())
    elif unit == "day":
        days = math.ceil(start / _DAY / number) * number
        time = datetime.fromtimestamp(days * _DAY, UTC)
        every = timedelta(days=number)
    found = []
    if unit in ("minute", "hour", "day"):
        while time.timestamp() <= end:
            found.append(time)
            time += every
        return found
    months = number * (12 if unit == "year" else 1)
    place = (first.year * 12 + first.month - 1) // months * months
    while (year := place // 12) <= 9999:
        time = datetime(max(year, 1), place % 12 + 1, 1, tzinfo=UTC)
        if time.timestamp() > end:
            break
        if time.timestamp() >= start:
            found.append(time)
        place += months
    return found


def _tick(time: datetime, unit: str, before: str) -> tuple[str, str]:
    """What to write at a time, and its day, which the next need not repeat."""
    day = f"{time.day} {time:%b} {time.year}"
    if unit == "year":
        return str(time.year), day
    if unit == "month":
        return f"{time:%b} {time.year}", day
    if unit == "day":
        return (day.removesuffix(f" {time.year}") if before.endswith(str(time.year)) else day), day
    clock = f"{time:%H:%M}"
    return (clock if day == before else f"{clock}, {day}"), day


def _seconds(text: str | None) -> float:
    return datetime.fromisoformat(text or "").timestamp()


def _duration(seconds: int) -> str:
    for length, word in ((365 * _DAY, "year"), (_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= length:
            number = round(seconds / length)
            return f"{number} {word}" + ("" if number == 1 else "s")
    return f"{seconds} seconds"
