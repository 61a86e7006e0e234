"""The time line as geometry: bins by the span, ticks at round times, breaks where nothing was recorded."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.render import time_view
from phonehome.analysis.report.entries import Document, TimelineEntry
from tests.reports import AFFECTED, device, document, identifier, row, sample

LABELS = {"activation": "Activation", "connectivity-check": "Connectivity check"}


def at(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def bucket(minute: int, **more: Any) -> Any:
    return {
        "start": f"2019-01-22T07:{minute:02}:00Z",
        "purpose": "activation",
        "transmissions": 1,
        "attempts": 0,
        "unencrypted": 0,
        "exposed": 0,
        **more,
    }


def report(
    *buckets: Any, width: int = 60, periods: tuple[tuple[str, str], ...] = (), **more: Any
) -> Document:
    timeline: TimelineEntry = {"bucket_seconds": width, "buckets": list(buckets)}
    made = document(device(*more.get("rows", [row()]), timeline=timeline))
    made["devices"][0]["captures"] = [f"day-{number}.mitm" for number, _ in enumerate(periods, 1)]
    made["captures"] = [
        {**made["captures"][0], "path": f"day-{number}.mitm", "first": first, "last": last}
        for number, (first, last) in enumerate(periods, 1)
    ]
    return made


def lanes(made: Document) -> list[time_view.Lane]:
    along = time_view.axis(made)
    assert along is not None
    return time_view.lanes(made["devices"][0], along, LABELS)


def test_tells_apart_what_was_readable_and_what_identifiers_were_readable() -> None:
    found = lanes(report(bucket(0), bucket(1, unencrypted=1), bucket(2, unencrypted=1, exposed=1)))
    assert sorted(found[0].paths) == ["up closed", "up open", "up plain"]


def test_shows_retries_below_the_line() -> None:
    found = lanes(report(bucket(0, transmissions=3, attempts=2)))
    assert sorted(found[0].paths) == ["down closed", "up closed"]
    assert (found[0].transmissions, found[0].attempts) == (3, 2)


def test_the_affected_phone_tried_again_and_again() -> None:
    activation = lanes(sample(AFFECTED))[0]
    assert (activation.transmissions, activation.attempts) == (16, 4)
    assert activation.paths["down open"].count("M") == 4


def test_routine_is_one_lane_unless_something_in_it_is_telling() -> None:
    check = row("c.example", purpose="connectivity-check")
    buckets = [bucket(0), bucket(1, purpose="connectivity-check", unencrypted=1), bucket(2, purpose="time")]
    found = lanes(report(*buckets, rows=[row(), check]))
    assert [(lane.label, lane.routine) for lane in found] == [
        ("Activation", False),
        ("Routine: connectivity check, time", True),
    ]
    telling = row("c.example", purpose="connectivity-check", identifiers=[identifier()])
    found = lanes(report(*buckets, rows=[row(), telling]))
    assert [lane.label for lane in found] == ["Activation", "Connectivity check", "Routine: time"]


def test_none_without_a_time() -> None:
    assert time_view.axis(report(bucket(0, start=None))) is None


START = datetime(2019, 1, 22, 6, 58, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "bin_", "ticks"),
    [
        (
            timedelta(minutes=4),
            "1 minute",
            ["06:58, 22 Jan 2019", "06:59", "07:00", "07:01", "07:02", "07:03"],
        ),
        (timedelta(hours=16), "10 minutes", ["09:00, 22 Jan 2019", "12:00", "15:00", "18:00", "21:00"]),
        (timedelta(days=3), "1 hour", ["23 Jan 2019", "24 Jan", "25 Jan"]),
        (timedelta(days=11), "3 hours", ["24 Jan 2019", "26 Jan", "28 Jan", "30 Jan", "1 Feb"]),
        (timedelta(days=150), "2 days", ["Feb 2019", "Mar 2019", "Apr 2019", "May 2019", "Jun 2019"]),
        (timedelta(days=6 * 365), "30 days", ["2020", "2021", "2022", "2023", "2024", "2025"]),
    ],
)
def test_bins_and_ticks_are_by_the_span(span: timedelta, bin_: str, ticks: list[str]) -> None:
    width = 60 if span < timedelta(days=1) else 1920 if span < timedelta(days=30) else 86400
    end = START + span
    times = [START + span * part / 80 for part in range(81)]
    buckets = [bucket(0, start=at(time)) for time in times]
    made = report(*buckets, width=width, periods=((at(START), at(end)),))
    along = time_view.axis(made)
    assert along is not None
    assert (along.bin_words, [text for _, text in along.ticks]) == (bin_, ticks)
    assert not along.recorded


def test_time_in_which_nothing_was_recorded_is_left_out_and_captures_are_bands() -> None:
    periods = (
        ("2019-01-22T07:00:00Z", "2019-01-22T09:00:00Z"),
        ("2019-01-22T10:00:00Z", "2019-01-22T12:00:00Z"),
        ("2019-03-12T06:00:00Z", "2019-03-12T08:00:00Z"),
    )
    made = report(bucket(0), bucket(0, start="2019-03-12T07:00:00Z"), periods=periods)
    along = time_view.axis(made)
    assert along is not None
    assert len(along.segments) == 2
    assert len(along.breaks) == 1
    assert along.segments[0].x + along.segments[0].width < along.breaks[0] < along.segments[1].x
    assert [piece.name for piece in along.recorded] == ["day-1.mitm", "day-2.mitm", "day-3.mitm"]
    first, second, third = along.recorded
    assert first.x + first.width < second.x
    assert third.x == round(along.segments[1].x, 1)
    assert along.bin_words == "5 minutes"
    assert "22 Jan 2019" in along.ticks[0][1]
    assert any("12 Mar 2019" in text for _, text in along.ticks)


def test_a_clock_that_was_wrong_costs_no_fifty_years() -> None:
    made = report(
        bucket(0, start="1970-01-01T00:10:00Z"),
        bucket(0, start="2022-09-23T06:09:00Z"),
        periods=(("1970-01-01T00:10:08Z", "2022-09-23T06:09:27Z"),),
    )
    along = time_view.axis(made)
    assert along is not None
    assert (len(along.segments), along.bin_words) == (2, "1 minute")


@given(
    st.lists(st.tuples(st.integers(1, 4_000_000_000), st.integers(0, 40_000_000)), min_size=1, max_size=60),
    st.sampled_from([60, 3840, 86400, 10_000_000]),
)
def test_any_times_fit_on_the_axis(spans: list[tuple[int, int]], width: int) -> None:
    starts = sorted({max(start // width * width, 1) for start, _ in spans})
    periods = tuple(
        (at(datetime.fromtimestamp(start, UTC)), at(datetime.fromtimestamp(start + length, UTC)))
        for start, length in spans
    )
    made = report(
        *(bucket(0, start=at(datetime.fromtimestamp(start, UTC))) for start in starts),
        width=width,
        periods=periods,
    )
    along = time_view.axis(made)
    assert along is not None
    assert all(one.x + one.width < other.x for one, other in pairwise(along.segments))
    assert all(one.end < other.start for one, other in pairwise(along.segments))
    assert along.segments[-1].x + along.segments[-1].width <= time_view.LANE_WIDTH + 0.01
    for ticks in (along.ticks, along.few_ticks):
        assert 1 <= len(ticks) <= 40
        assert all(0 <= place <= 100 for place, _ in ticks)
        assert ticks == sorted(ticks, key=lambda tick: tick[0])
    (lane,) = time_view.lanes(made["devices"][0], along, LABELS)
    assert lane.transmissions == len(starts)
    assert sum(path.count("M") for path in lane.paths.values()) <= 300
