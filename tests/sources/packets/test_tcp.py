"""Segments to a stream."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from phonehome.analysis.sources.packets.tcp import WRAP, Direction, ahead

STREAM = bytes(range(256)) * 4


def joined(direction: Direction, segments: list[tuple[int, bytes]], base: int) -> tuple[bytes, int]:
    out, lost = b"", 0
    for start, data in segments:
        for item in direction.segment((base + start) & WRAP, data, len(data)):
            if isinstance(item, int):
                lost += item
            else:
                out += item
    return out, lost


@settings(max_examples=300)
@given(st.data(), st.sampled_from([0, 5000, 0xFFFFFFF0, 0xFFFFFE00, 0x7FFFFF00]))
def test_segments_in_any_order_that_overlap_and_repeat_give_the_stream(
    data: st.DataObject, base: int
) -> None:
    cuts = sorted({0, len(STREAM), *data.draw(st.lists(st.integers(1, len(STREAM) - 1), max_size=12))})
    segments = [
        (start, STREAM[start : min(end + data.draw(st.integers(0, 30)), len(STREAM))])
        for start, end in itertools.pairwise(cuts)
    ]
    repeated = data.draw(st.lists(st.sampled_from(segments), max_size=5))
    direction = Direction()
    direction.next = direction.base = base
    out, lost = joined(direction, data.draw(st.permutations([*segments, *repeated])), base)
    assert (out, lost) == (STREAM, 0)
    assert not direction.waiting
    assert direction.waiting_bytes == 0
    assert direction.bytes == len(STREAM)


def test_a_gap_is_passed_over_when_the_other_end_has_it() -> None:
    direction = Direction()
    direction.next = direction.base = 100
    assert joined(direction, [(0, b"aa"), (5, b"bb")], 100) == (b"aa", 0)
    assert not direction.overdue(102)
    assert direction.overdue(107)
    assert list(direction.skip()) == [3, b"bb"]
    assert (direction.missing, direction.bytes, direction.sent) == (3, 4, 7)


def test_a_segment_that_the_capture_cut_leaves_a_gap() -> None:
    direction = Direction()
    assert list(direction.segment(10, b"abc", 10)) == [b"abc", 7]
    assert list(direction.segment(20, b"d", 1)) == [b"d"]


def test_numbers_wrap() -> None:
    assert ahead(5, WRAP) == 6
    assert ahead(WRAP, 5) == -6
    assert ahead(7, 7) == 0
