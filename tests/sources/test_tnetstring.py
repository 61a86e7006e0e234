"""The walker, held to mitmproxy's own reader of the format."""

import mmap
import tempfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.io import tnetstring as theirs

from phonehome.analysis.sources.tnetstring import (
    MAX_DEPTH,
    TnetstringError,
    Unread,
    element,
    pick,
    up_to,
    value,
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False)
    | st.binary()
    | st.text(st.characters(codec="utf-8"))
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc_", min_size=1), inner),
    max_leaves=30,
)


def whole(data: bytes) -> object:
    start, end = element(data, 0, len(data))
    assert end == len(data) - 1
    return value(data, start, end, data[end])


@given(values)
def test_reads_what_mitmproxy_writes(original: Any) -> None:
    assert whole(theirs.dumps(original)) == original


@given(values)
def test_agrees_with_mitmproxys_reader(original: Any) -> None:
    data = theirs.dumps(original)
    assert whole(data) == theirs.loads(data)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_an_error(data: bytes) -> None:
    offset = 0
    try:
        start, end = element(data, 0, len(data))
        value(data, start, end, data[end])
    except TnetstringError as error:
        offset = error.offset
    assert 0 <= offset <= len(data)


@given(st.dictionaries(st.text("abc_", min_size=1), values, min_size=1), st.data())
def test_any_damage_gives_a_value_or_an_error(original: dict[str, object], data: st.DataObject) -> None:
    raw = bytearray(theirs.dumps(original))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        start, end = element(bytes(raw), 0, len(raw))
        pick(bytes(raw), start, end, {b"a": value, b"b": value})
    except TnetstringError:
        pass


@given(st.dictionaries(st.text("abc_", min_size=1, max_size=20), values))
def test_pick_takes_only_what_is_wanted(original: dict[str, object]) -> None:
    data = theirs.dumps(original)
    start, end = element(data, 0, len(data))
    wanted = {key: item for key, item in original.items() if key in ("a", "b", "c")}
    assert pick(data, start, end, {b"a": value, b"b": value, b"c": value}) == wanted


def test_pick_works_on_a_memory_map() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(theirs.dumps({"first": b"1", "second": {"third": 3}}))
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            start, end = element(data, 0, len(data))
            assert pick(data, start, end, {b"second": value}) == {"second": {"third": 3}}


def test_long_content_is_stepped_over() -> None:
    data = theirs.dumps({"content": b"x" * 100})
    start, end = element(data, 0, len(data))
    assert pick(data, start, end, {b"content": up_to(100)}) == {"content": b"x" * 100}
    left = pick(data, start, end, {b"content": up_to(99)})["content"]
    assert isinstance(left, Unread)
    assert len(left) == 100


@pytest.mark.parametrize(
    "data", [b"", b"5:", b"5:abc,", b"x:abc,", b"99999999999999999999:a,", b"-1:a,", b":"]
)
def test_what_is_no_element_says_where(data: bytes) -> None:
    with pytest.raises(TnetstringError) as caught:
        element(data, 0, len(data))
    assert caught.value.offset == 0


def test_hostile_nesting_ends() -> None:
    data = b"0:~"
    for _ in range(MAX_DEPTH + 1):
        data = b"%d:%s]" % (len(data), data)
    with pytest.raises(TnetstringError, match="nested too deep"):
        whole(data)


def test_an_element_may_not_reach_beyond_its_dictionary() -> None:
    inner = b"1:a;9:b,"
    data = b"%d:%s}7:padding," % (len(inner), inner)
    start, end = element(data, 0, len(data))
    with pytest.raises(TnetstringError, match="longer than the dictionary"):
        pick(data, start, end, {})
