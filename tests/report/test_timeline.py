"""The time line: exact whatever the order and the division, and bounded."""

from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.report.timeline import MAX_BUCKETS, SHORTEST, Timeline

Event = tuple[float, str, bool, bool]

EVENTS = st.lists(
    st.tuples(
        st.floats(min_value=1.5e9, max_value=1.5e9 + 3e6),
        st.sampled_from(["activation", "push", "time", "analytics"]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=60,
)


def timeline(events: list[Event]) -> Timeline:
    result = Timeline()
    for time, purpose, attempted, unencrypted in events:
        result.add(time, purpose, attempted=attempted, unencrypted=unencrypted)
    return result


def test_counts_by_minute_and_purpose() -> None:
    line = timeline(
        [
            (120.0, "push", False, False),
            (179.9, "push", True, True),
            (180.0, "push", False, False),
            (125.0, "time", False, True),
        ]
    )
    assert line.width == SHORTEST
    assert line.counts == {(2, "push"): [2, 1, 1, 0], (3, "push"): [1, 0, 0, 0], (2, "time"): [1, 0, 1, 0]}


def test_widens_when_there_is_too_much_and_loses_nothing() -> None:
    events: list[Event] = [(1e9 + 61.0 * number, "push", number % 3 == 0, False) for number in range(5000)]
    line = timeline(events)
    assert len(line.counts) <= MAX_BUCKETS
    assert line.width == SHORTEST * 16
    assert sum(counts[0] for counts in line.counts.values()) == 5000
    assert sum(counts[1] for counts in line.counts.values()) == 1667


def test_a_time_that_was_not_recorded_is_left_out() -> None:
    line = timeline([(time, "push", False, False) for time in (0.0, -5.0, 1e300, float("inf"), float("nan"))])
    assert line.counts == {}


@given(EVENTS, EVENTS, EVENTS, st.integers(1, 400))
def test_the_sum_does_not_depend_on_how_it_was_divided(
    first: list[Event], second: list[Event], third: list[Event], stretch: int
) -> None:
    def parts() -> tuple[Timeline, Timeline, Timeline]:
        # Many different minutes, so that parts have different widths.
        crowd: list[Event] = [(1.4e9 + 60.0 * number, "push", False, False) for number in range(stretch * 4)]
        return timeline(first + crowd), timeline(second), timeline(third)

    whole = timeline([*first, *second, *third])
    left, middle, right = (timeline(events) for events in (first, second, third))
    left.merge(middle)
    left.merge(right)
    assert left == whole

    a, b, c = parts()
    a.merge(b)
    a.merge(c)
    d, e, f = parts()
    e.merge(f)
    d.merge(e)
    assert a == d
