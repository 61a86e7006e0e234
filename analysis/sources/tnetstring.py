"""Taking a few fields out of a tnetstring, and stepping over the rest.

A tnetstring says its length before its content (`LENGTH:CONTENT` and one byte for the type), so that a
reader can hop from element to element. mitmproxy's own reader builds everything; this one builds what a
table of wanted keys names, and never touches the bytes of the rest: a response body of a gigabyte costs
as much as an empty one. It works on bytes and on a memory map alike.

Format: https://tnetstrings.info, with mitmproxy's `;` for text
(https://github.com/mitmproxy/mitmproxy/blob/main/mitmproxy/io/tnetstring.py).
"""

import re
from collections.abc import Callable, Mapping
from mmap import mmap
from typing import Any, NamedTuple

Buffer = bytes | mmap
Taker = Callable[[Buffer, int, int, int], Any]
"""Called with the buffer, start and end of the content, and the type byte; returns the value."""

MAX_DEPTH = 32
"""mitmproxy nests about six deep; a file that nests deeper is hostile."""

LENGTH = re.compile(rb"(\d{1,15}):")
# Key and length of its value in one call of C: this line decides how fast files are read. The key's own
# length is not compared: it ends where `;` or `,` says, and a wrong number there changes nothing else.
_PAIR = re.compile(rb"\d{1,3}:([^:;,]{1,100})[;,](\d{1,15}):")

STRING, TEXT, INTEGER, FLOAT, BOOLEAN, NULL, LIST, DICT = b",;#^!~]}"


class TnetstringError(ValueError):
    """The bytes are no tnetstring; `offset` says where in the buffer it broke."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class Unread:
    """Content that was stepped over; only its length is known."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size


def element(data: Buffer, position: int, limit: int) -> tuple[int, int]:
    """Start and end of the content of the element at `position`; its type byte stands at the end.

    Raises TnetstringError if there is none, or if it would go beyond `limit`."""
    match = LENGTH.match(data, position, limit)
    if match is None:
        raise TnetstringError("no length where an element should begin", position)
    start = match.end()
    end = start + int(match[1])
    if end >= limit:
        raise TnetstringError("an element is longer than what is left", position)
    return start, end


class Run(NamedTuple):
    """A shortcut: entries that often stand in this order behind a certain key, taken by one regular expression
    instead of one by one. Its named groups are what is wanted of them.

    A group that a stranger can write into, `NAME`, has its length before it as the group `NAME_length`:
    what looks like the end of the content may be part of it."""

    pattern: re.Pattern[bytes]
    checked: tuple[str, ...] = ()
    """Groups whose length is compared."""


_NO_RUNS: Mapping[bytes, Run] = {}


def pick(
    data: Buffer, start: int, end: int, wanted: Mapping[bytes, Taker], runs: Mapping[bytes, Run] = _NO_RUNS
) -> dict[str, Any]:
    """The wanted entries of the dictionary whose content is data[start:end]. `runs` stand under the key that
    they stand behind (empty: first); entries that were taken by one are bytes."""
    found: dict[str, Any] = {}
    match_pair = _PAIR.match
    get = wanted.get
    position = start
    key = b""
    while position < end:
        if key in runs:
            position = _take_run(runs[key], data, position, end, found)
            if position >= end:
                break
        pair = match_pair(data, position, end)
        if pair is None:
            raise TnetstringError("a dictionary's entry has no key", position)
        key, digits = pair.groups()
        content = pair.end()
        position = content + int(digits)
        if position >= end:
            raise TnetstringError("an element is longer than the dictionary it stands in", content)
        take = get(key)
        if take is not None:
            found[str(key, "ascii")] = take(data, content, position, data[position])
        position += 1
    return found


def _take_run(run: Run, data: Buffer, position: int, end: int, found: dict[str, Any]) -> int:
    """Where reading goes on: behind the run if it stands there, else where it was."""
    match = run.pattern.match(data, position, end)
    if match is None:
        return position
    groups = match.groupdict()
    for name in run.checked:
        if int(groups.pop(f"{name}_length")) != len(groups[name]):
            return position
    found.update(groups)
    return match.end()


def value(data: Buffer, start: int, end: int, kind: int) -> Any:
    """Any element as Python's own value: mitmproxy's text as str, byte strings as bytes."""
    return _value(data, start, end, kind, 0)


def _value(data: Buffer, start: int, end: int, kind: int, depth: int) -> Any:
    if kind == STRING:
        return data[start:end]
    if kind == TEXT:
        return data[start:end].decode("utf-8", "backslashreplace")
    if kind == NULL:
        return None
    try:
        if kind == INTEGER:
            return int(data[start:end])
        if kind == FLOAT:
            return float(data[start:end])
    except ValueError:
        raise TnetstringError("a number is none", start) from None
    if kind == BOOLEAN:
        return data[start:end] == b"true"
    if depth >= MAX_DEPTH:
        raise TnetstringError("nested too deep", start)
    if kind == LIST:
        items = []
        while start < end:
            inner, inner_end = element(data, start, end)
            items.append(_value(data, inner, inner_end, data[inner_end], depth + 1))
            start = inner_end + 1
        return items
    if kind == DICT:
        entries = {}
        while start < end:
            inner, inner_end = element(data, start, end)
            key = _value(data, inner, inner_end, data[inner_end], depth + 1)
            if isinstance(key, bytes):
                key = key.decode("utf-8", "backslashreplace")
            inner, inner_end = element(data, inner_end + 1, end)
            entries[str(key)] = _value(data, inner, inner_end, data[inner_end], depth + 1)
            start = inner_end + 1
        return entries
    raise TnetstringError("an element has an unknown type", end)


def raw(data: Buffer, start: int, end: int, kind: int) -> bytes:
    """The bytes of text or of a byte string; empty for null."""
    return data[start:end]


def number(data: Buffer, start: int, end: int, kind: int) -> int | float | None:
    """A number, or None for null."""
    try:
        return int(data[start:end]) if kind == INTEGER else float(data[start:end]) if kind == FLOAT else None
    except ValueError:
        raise TnetstringError("a number is none", start) from None


def up_to(limit: int) -> Taker:
    """Takes byte strings of at most `limit` bytes; of longer ones only their length."""

    def take(data: Buffer, start: int, end: int, kind: int) -> Any:
        if kind == NULL:
            return None
        if end - start > limit:
            return Unread(end - start)
        return data[start:end]

    return take
