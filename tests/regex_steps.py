"""Counts the steps of a backtracking matcher, as Python's `re` is one: a count is the same on each machine.

The tree of an expression is walked as `re` walks it, without its shortcuts, so that what is linear here is linear
there. One step is one attempt at one item; a run of one class of characters counts each character.
"""

import re
import sys
from collections.abc import Callable, Iterator
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]
from typing import Any

Go = Callable[[int], int]
"""What follows: the end of the match if it fits at this place, else -1."""

_SINGLE = {_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN}
_REPEATS = {_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT}


class TooManySteps(Exception):
    """The matcher took more steps than it was allowed."""


class Matcher:
    """An expression whose steps are counted. Raises TooManySteps beyond `most`."""

    def __init__(self, pattern: re.Pattern[Any]) -> None:
        self.tree: Any = _parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
        self._flags = pattern.flags
        self._compiled: dict[int, re.Pattern[Any]] = {}
        self._kept: list[Any] = []
        self._groups: dict[int, tuple[int, int]] = {}
        self._text: Any = ""
        self._most = 0
        self.steps = 0
        self.end = -1
        """Where the last match ended; -1 if there was none."""

    def run(self, text: Any, method: str, most: int) -> int:
        """Steps that a method of `re.Pattern` takes on a text."""
        self._text, self._most, self.steps = text, most, 0
        ends = (lambda at: at if at == len(text) else -1) if method == "fullmatch" else (lambda at: at)
        sys.setrecursionlimit(max(sys.getrecursionlimit(), 60 * len(text) + 1000))
        at = 0
        while at <= len(text):
            self._groups.clear()
            self.end = self._items(self.tree, 0, at, ends)
            if method in ("match", "fullmatch") or (self.end >= 0 and method == "search"):
                break
            at = max(self.end, at + 1)
        return self.steps

    def _step(self, count: int = 1) -> None:
        self.steps += count
        if self.steps > self._most:
            raise TooManySteps(self._most)

    def _real(self, item: Any, repeated: bool = False) -> re.Pattern[Any]:
        """An item that needs no counting, or the longest run of it, by `re` itself."""
        key = id(item) * 2 + repeated
        if key not in self._compiled:
            found = _parser.SubPattern(self.tree.state, [item])
            if repeated:
                run = (0, _constants.MAXREPEAT, found)
                found = _parser.SubPattern(self.tree.state, [(_constants.POSSESSIVE_REPEAT, run)])
            self._kept.append(item)
            self._compiled[key] = _compiler.compile(found, self._flags)
        return self._compiled[key]

    def _items(self, items: Any, place: int, at: int, go: Go) -> int:
        while True:
            self._step()
            if place == len(items):
                return go(at)
            item = items[place]
            op, value = item
            if op not in _SINGLE and op is not _constants.AT:
                break
            found = self._real(item).match(self._text, at)
            if found is None:
                return -1
            at, place = found.end(), place + 1

        def rest(there: int) -> int:
            return self._items(items, place + 1, there, go)

        if op in _REPEATS:
            least, most, body = value
            if len(body) == 1 and body[0][0] in _SINGLE:
                return self._run(op, least, most, body[0], at, rest)
            if op is _constants.POSSESSIVE_REPEAT:
                return self._possessive(least, most, body, at, rest)
            return self._repeat(op, least, most, body, 0, at, rest)
        if op is _constants.SUBPATTERN:
            group, _, _, body = value

            def close(there: int) -> int:
                if group is not None:
                    self._groups[group] = at, there
                return rest(there)

            return self._items(body, 0, at, close)
        if op is _constants.BRANCH:
            for body in value[1]:
                if body and body[0][0] in _SINGLE and not self._real(body[0]).match(self._text, at):
                    self._step()
                elif (end := self._items(body, 0, at, rest)) >= 0:
                    return end
            return -1
        if op is _constants.ATOMIC_GROUP:
            end = self._items(value, 0, at, lambda there: there)
            return rest(end) if end >= 0 else -1
        if op in (_constants.ASSERT, _constants.ASSERT_NOT):
            direction, body = value
            if direction < 0:  # of a width that is fixed
                self._step(body.getwidth()[1])
                fits = self._real(item).match(self._text, at) is not None
                return rest(at) if fits else -1
            fits = self._items(body, 0, at, lambda there: there) >= 0
            return rest(at) if fits is (op is _constants.ASSERT) else -1
        if op is _constants.GROUPREF:
            start, end = self._groups.get(value, (0, -1))
            said = self._text[start:end]
            self._step(len(said))
            return rest(at + len(said)) if end >= 0 and self._text.startswith(said, at) else -1
        raise NotImplementedError(op)

    def _run(self, op: Any, least: int, most: Any, item: Any, at: int, go: Go) -> int:
        found = self._real(item, True).match(self._text, at)
        run = min(found.end() - at if found else 0, int(most))
        if run < least:
            self._step(run)
            return -1
        if op is _constants.POSSESSIVE_REPEAT:
            self._step(run)
            return go(at + run)
        ends = range(at + least, at + run + 1)
        if op is _constants.MAX_REPEAT:
            self._step(run)
            ends = ends[::-1]
        for there in ends:
            if (end := go(there)) >= 0:
                return end
        return -1

    def _possessive(self, least: int, most: Any, body: Any, at: int, go: Go) -> int:
        count = 0
        while count < most:
            end = self._items(body, 0, at, lambda there: there)
            if end < 0 or (end == at and count >= least):
                break
            at, count = end, count + 1
        return go(at) if count >= least else -1

    def _repeat(self, op: Any, least: int, most: Any, body: Any, count: int, at: int, go: Go) -> int:
        self._step()

        def again(there: int) -> int:
            if there == at and count >= least:  # an empty round leads nowhere
                return -1
            return self._repeat(op, least, most, body, count + 1, there, go)

        if op is _constants.MIN_REPEAT and count >= least and (end := go(at)) >= 0:
            return end
        if count < most and (end := self._items(body, 0, at, again)) >= 0:
            return end
        return go(at) if op is _constants.MAX_REPEAT and count >= least else -1


def loops(tree: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Each loop that may be long, with a text that leads to it."""
    for op, value in tree:
        if op in _REPEATS:
            _, most, body = value
            if most > 8:
                yield before, body
            yield from loops(body, before)
        elif op is _constants.SUBPATTERN:
            yield from loops(value[3], before)
        elif op is _constants.BRANCH:
            for body in value[1]:
                yield from loops(body, before)
        elif op is _constants.ATOMIC_GROUP:
            yield from loops(value, before)
        elif op in (_constants.ASSERT, _constants.ASSERT_NOT):
            yield from loops(value[1], before)
        before += sample([(op, value)])


def sample(items: Any) -> str:
    """A short text that the items match, or nearly so."""
    text = ""
    for op, value in items:
        if op is _constants.LITERAL:
            text += chr(value)
        elif op is _constants.IN:
            text += (members(value) or "a")[0]
        elif op is _constants.ANY or op is _constants.NOT_LITERAL:
            text += "a" if value != ord("a") else "b"
        elif op in _REPEATS:
            text += sample(value[2]) * min(max(value[0], 1), value[1])
        elif op is _constants.SUBPATTERN:
            text += sample(value[3])
        elif op is _constants.BRANCH:
            text += sample(value[1][0])
        elif op is _constants.ATOMIC_GROUP:
            text += sample(value)
    return text


_OF_CATEGORY = {
    _constants.CATEGORY_DIGIT: "0",
    _constants.CATEGORY_SPACE: " \t",
    _constants.CATEGORY_WORD: "a0_",
    _constants.CATEGORY_NOT_SPACE: "a0",
    _constants.CATEGORY_NOT_WORD: " .",
    _constants.CATEGORY_NOT_DIGIT: "a",
}
_USUAL = "a0A .:/=-_,%@\t"


def members(choices: Any) -> str:
    """Some characters of a class."""
    found = ""
    for op, value in choices:
        if op is _constants.LITERAL:
            found += chr(value)
        elif op is _constants.RANGE:
            found += chr(value[0]) + chr(value[1])
        elif op is _constants.CATEGORY:
            found += _OF_CATEGORY.get(value, "a")
    if choices and choices[0][0] is _constants.NEGATE:
        return "".join(each for each in _USUAL if each not in found)
    return found


def characters(items: Any) -> str:
    """Some of the characters that occur in items."""
    found: dict[str, None] = {}
    for op, value in items:
        if op is _constants.LITERAL:
            found[chr(value)] = None
        elif op is _constants.IN:
            found.update(dict.fromkeys(members(value)))
        elif op is _constants.ANY or op is _constants.NOT_LITERAL:
            found.update(dict.fromkeys(_USUAL))
        elif op in _REPEATS:
            found.update(dict.fromkeys(characters(value[2])))
        elif op is _constants.SUBPATTERN:
            found.update(dict.fromkeys(characters(value[3])))
        elif op is _constants.BRANCH:
            for body in value[1]:
                found.update(dict.fromkeys(characters(body)))
        elif op is _constants.ATOMIC_GROUP:
            found.update(dict.fromkeys(characters(value)))
        elif op is _constants.ASSERT:
            found.update(dict.fromkeys(characters(value[1])))
    return "".join(found)
