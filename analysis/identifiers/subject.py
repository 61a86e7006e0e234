"""Whose a value is: whether what it stands in describes this device and who uses it, or something or somebody else.

Strategy: a person would look at the names around a value, from the nearest outwards: `shop`, `courier`, `printer`;
then at what stands beside it: a licence plate, opening hours, `type: lamp`. So does this, for the few values that were
found, and remembers the answer for each name. The words are data (`[elsewhere]`, `[signs]`).
"""

from collections.abc import Sequence
from typing import Final

from phonehome.analysis.decoding.memo import Memo
from phonehome.analysis.decoding.values import Value
from phonehome.analysis.identifiers.kinds import MAX_KEY, compact, in_english, meaning, tables, words_of

MAX_REMEMBERED: Final = 8192
NEAR: Final = 48
"""Values before and behind one that are looked at; an object has rarely more of its own."""
LONGEST_TYPE: Final = 24
"""Characters of a text that says what kind of thing an object describes."""

SHORTEST: Final = 3
"""Letters up to which a word in a name may be short for anything."""

_LINES: Final = frozenset({"header", "cookie", "query"})
"""First segments of paths where there are no objects."""
_TYPE: Final = ("type",)
_Path = tuple[str, ...]
Signs = dict[str, str]
"""What stands beside a value: what it is a sign of (as in `[signs]`), and the name that says so."""


class Subjects:
    """Answers whose a value is; remembers names and paths, within bounds."""

    def __init__(self) -> None:
        self._paths: Memo[_Path, str] = Memo(_other, MAX_REMEMBERED)
        self._unknown: Memo[_Path, str] = Memo(_unknown, MAX_REMEMBERED)
        self._signs: Memo[str, tuple[str, ...]] = Memo(_sign, MAX_REMEMBERED)

    def other(self, path: _Path) -> str:
        """The name in a path that says that it describes something else; empty if none does."""
        return self._paths[path]

    def unknown(self, path: _Path) -> str:
        """The nearest name in a path that may be of anything; empty if one says that it is the device's or user's,
        or if all say nothing."""
        return self._unknown[path]

    def signs(self, values: Sequence[Value], place: int, path: _Path) -> Signs:
        """What stands beside the value at a place, whose finding has this path, and above it."""
        found: Signs = {}
        group = values[place].group
        parent = path[:-1]
        size = len(parent)
        its = self._signs
        for at, key, data, of in values[max(0, place - NEAR) : place + NEAR]:
            if of == group:
                signs = its[at[-1]]
            elif at[:size] == parent and len(at) > size + 1:
                signs = its[at[size]]  # a list or an object that stands beside it
            elif 1 < len(at) <= size and its[key] == _TYPE and at[:-1] == path[: len(at) - 1]:
                signs = _TYPE
            else:
                continue
            if signs:
                if signs == _TYPE:
                    signs = ("machine",) if _is_other_type(data) else ()
                for sign in signs:
                    found.setdefault(sign, at[size] if len(at) > size else key)
        return found


def _other(path: _Path) -> str:
    """The nearest name that says whose it is decides. The last one counts only if no table has it as a whole; in it,
    what stands before says more (`printer_device_id`)."""
    table = tables()
    for place in range(len(path) - 1, 0, -1):
        name = path[place][:MAX_KEY]
        if place == len(path) - 1 and compact(name) in table.meanings:
            continue
        words = (compact(name), *reversed(words_of(name)), *reversed(in_english(name)))
        if place == len(path) - 1 and not table.elsewhere.isdisjoint(words):
            return path[place]
        for word in words:
            if word in table.own:
                return ""
            if word in table.elsewhere:
                return path[place]
    return ""


def _unknown(path: _Path) -> str:
    """Names of a message's parts, of three letters, or of what a value can be say nothing of whose it is; one with
    another word in it is of something."""
    table = tables()
    if path[0] in _LINES:
        return ""
    for place in range(len(path) - 2, 0, -1):
        name = path[place][:MAX_KEY]
        words = words_of(name)
        if not table.own.isdisjoint(words) or not table.own.isdisjoint(in_english(name)):
            return ""
        if not words or words[-1] in table.frames or compact(name) in table.meanings:
            continue
        if any(
            len(word) > SHORTEST and word not in table.neutral and word not in table.prefixes
            for word in words
        ):
            return path[place]
    return ""


def _sign(key: str) -> tuple[str, ...]:
    """What a name that stands beside a value is a sign of."""
    key = key[:MAX_KEY]
    table = tables()
    name = compact(key)
    if name in table.types:
        return _TYPE
    signs = table.signs.get(name)
    if signs is not None:
        return signs
    if "device_description" in meaning(key).roles:
        return ("own",)
    words = words_of(key)
    if len(words) > 1 and words[-1] in table.describing and words[-2] in table.elsewhere:
        return ("place",)
    return ()


def _is_other_type(data: object) -> bool:
    """Whether a text says that an object is one of something else."""
    if not isinstance(data, str) or len(data) > LONGEST_TYPE:
        return False
    words = words_of(data)
    return 0 < len(words) <= 2 and words[-1] in tables().elsewhere
