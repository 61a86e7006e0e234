"""Text that no format fits: tables, pairs with any separator, and JSON as programs write it.

Strategy: only a text that is a whole body is taken apart, by the first reader that can; what is left around what was
read is noted as not understood. Names and values come out as they stand: whether one means anything is for others
to say. Markup and source code are left alone, since most of their words are no values.
"""

import csv
import re

from phonehome.analysis.decoding.pieces import Inner, Note, Parts, Words
from phonehome.analysis.decoding.text import Tree, lenient_json

_CODE = re.compile(
    r"</|-----BEGIN|=>\s{0,8}[({]|\bfunction\b|\)\s{0,8}\{|\}\s{0,8}[\w.#@:*\[-][^{}]{0,200}\{|\b(?:var|let|const|return)\s{1,8}\w{1,80}\s{0,8}[=;(]"
).search
"""Markup, PEM, scripts, style sheets."""

_BEFORE_JSON = re.compile(
    r"\s*+(?:(?:var|let|const|return)\s++)?+(?:[\w.$\[\]\"']{1,100}+\s*+(?:=|\()|for\s*+\(;;\);|while\s*+\(1\);|\)\]\}',?+)\s*+(?=[\[{])"
).match
"""What stands before JSON in a script: `callback(`, `var d =`; and what keeps it from being run as one."""
_AFTER_JSON = re.compile(r"[\s;,)]*+\Z").match
_FIRST_NAME = re.compile(r"\s*+[\[{][\s\[{]*+(?:'|//|/\*|[A-Za-z_$][\w$]*+\s*+:)").match
"""A beginning that JSON cannot have, and JSON5 (https://spec.json5.org) can."""

_COLUMN = re.compile(r"\"?[A-Za-z_][\w .\-/#]{0,60}+\"?").fullmatch
_SEPARATORS = (",", ";", "\t", "|")

_NAMED = re.compile(r"\s*+\"?([A-Za-z_][\w.\-]{0,63}+)\"?\s*+(?:=>|[=:])\s*+(.*+)\Z", re.DOTALL).match
_ENTRY = re.compile(
    r"(?<![\w.\-:])([A-Za-z_][\w.\-]{0,63}+)[ \t]{0,3}+(?:=>|[=:])[ \t]{0,3}+(?![A-Za-z_][\w.\-]{2,63}+[=:](?!//))"
    r"(\"[^\"\n]{0,2000}+\"|'[^'\n]{0,2000}+'|[^\s,;|&<>\"']{1,2000}+)"
).finditer
"""A name, and a value that is no name of another."""
_TELLING = re.compile(r"\d{6}").search
"""Digits that make a single name and value worth taking out of a text."""
_SPACE = re.compile(r"[\s,;|&]+")
_LONGEST_VALUE = 256
"""Characters up to which a text is looked at as a single value."""
_LONGEST_PHRASE = 32
"""Characters up to which several words say nothing: `ping`, `hello world`."""
_MOST_LEFT = 32
"""Characters around what was read that say nothing: a date, a tag."""


def read_script(words: Words) -> Parts | None:
    """JSON5, JSONP, and an object that a script assigns."""
    text = words.text
    before = _BEFORE_JSON(text)
    start = before.end() if before else 0
    if not (before or _FIRST_NAME(text)) or len(text) > words.budget.limits.document:
        return None
    tree, end = lenient_json(text, start, words.budget.nodes)
    if tree is None:
        return None
    left = 0 if _AFTER_JSON(text, end) else len(text) - end
    notes = (Note(("script",), left, "unknown", "text behind JSON"),) if left > _MOST_LEFT else ()
    return Parts((Inner(("script",), tree),), notes)


def read_table(words: Words) -> Parts | None:
    """Lines with a separator: a first one of names and then values, or of each a name and a value."""
    if "\n" not in words.text or len(words.text) > words.budget.limits.document:
        return None
    lines = [line for line in words.text.splitlines() if line.strip()]
    lines = lines[: words.budget.nodes]
    if len(lines) < 2:
        return None
    for separator in _SEPARATORS:
        names = lines[0].split(separator)
        if len(names) > 1 and _COLUMN(names[0].strip()):
            tree = _table(lines, separator)
            if tree is not None:
                return Parts((Inner(("table",), tree, ""),))
    return None


def _table(lines: list[str], separator: str) -> Tree | None:
    try:
        first, *rows = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    except csv.Error:  # a field that is too long
        return None
    if any(len(row) != len(first) for row in rows):
        return None
    if all(_COLUMN(name.strip()) for name in first) and len(set(first)) == len(first):
        names = [name.strip() for name in first]
        return [tuple(zip(names, (cell.strip() for cell in row), strict=True)) for row in rows]
    if len(first) == 2 and all(_COLUMN(row[0].strip()) for row in rows):
        return tuple((name.strip(), cell.strip()) for name, cell in (first, *rows))
    return None


def read_entries(words: Words) -> Parts | None:
    """Names with their values, anywhere in each line: `imei=1|mac=2`, `IMEI: 1, MAC: 2` in a log."""
    text = words.text
    if len(text) > words.budget.limits.document or not ("=" in text or ":" in text) or _CODE(text):
        return None
    objects: list[Tree] = []
    count = left = 0
    for line in text.splitlines():
        pairs, rest = _entries(line)
        left += rest
        if pairs:
            objects.append(pairs)
            count += len(pairs)
        if count > words.budget.nodes:
            break
    if not count or (count == 1 and left > _MOST_LEFT and not _TELLING(str(objects))):
        return None
    parts = [Inner(("entries",), objects[0] if len(objects) == 1 else objects, "")]
    if left or len(text) <= _LONGEST_VALUE:
        parts.append(Inner((), text))  # what is left, or all of it, can be told by its shape
    note = Note(("entries",), left, "unknown", "text between names and values")
    return Parts(tuple(parts), (note,) if left > _MOST_LEFT else ())


def _entries(line: str) -> tuple[tuple[tuple[str, str], ...], int]:
    """The pairs of one line, and how many characters are none of theirs."""
    for separator in sorted("|;\t&,", key=line.count, reverse=True):
        if separator in line:
            found = [_NAMED(part) for part in line.split(separator) if part.strip()]
            if all(found):
                return tuple((match[1], _bare(match[2])) for match in found if match), 0
    pairs = []
    left = len(_SPACE.sub("", line))
    for match in _ENTRY(line):
        pairs.append((match[1], _bare(match[2])))
        left -= len(_SPACE.sub("", match[0]))
    return tuple(pairs), left


def _bare(value: str) -> str:
    """A value without quotation marks, and without a bracket or full stop that closes what it stands in."""
    value = value.strip()
    if len(value) > 1 and value[0] + value[-1] in ('""', "''", "[]", "()", "{}"):
        return value[1:-1]
    return value.rstrip(").]}") if not any(mark in value for mark in "([{") else value


def read_rest(words: Words) -> Parts | None:
    """A text that nobody could take apart: it stays a value, and is noted if it is more than a single one."""
    size = len(words.text)
    if size <= _LONGEST_VALUE and (size <= _LONGEST_PHRASE or not _SPACE.search(words.text)):
        return None
    kind = "markup or source code" if _CODE(words.text) else "text in no known format"
    return Parts((), (Note((), size, "unknown", kind),))
