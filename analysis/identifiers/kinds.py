"""Which names in traffic stand for which kinds of identifiers.

Strategy: a name is brought to its normal form and looked up in a table; where that fails, known prefixes and
suffixes are taken off, one after the other, and it is looked up again. The engine remembers the answer for
each name: phones use the same few hundred all the time.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from phonehome.analysis import knowledge
from phonehome.analysis.identifiers.tongues import Tongues, fold
from phonehome.analysis.knowledge.identifiers import (
    CATEGORIES,
    NOTHING,
    Identifiers,
    Kind,
    Meaning,
    Weight,
)
from phonehome.analysis.knowledge.schema import Category, compact

__all__ = [
    "CATEGORIES",
    "NOTHING",
    "Category",
    "Kind",
    "Meaning",
    "Weight",
    "compact",
    "kind",
    "kinds",
    "meaning",
]

LASTING: Final = frozenset[Category]({"hardware", "sim", "location", "account"})
"""Categories of what tells of a phone, its holder or where they are, and cannot simply be reset."""

MAX_KEY: Final = 80
"""Characters; a longer name is no name of the tables, and is not taken apart."""

MAX_WORDS: Final = 12
"""Words of a name, as above."""

_BRACKETED = re.compile(r"[^\[\]]+(?:\[[^\[\]]*\])*\[([A-Za-z][^\[\]]*)\](?:\[[0-9]*\])*").fullmatch
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def tables() -> Identifiers:
    """What the program's own catalogue says."""
    return knowledge.shipped().identifiers


def kinds() -> dict[str, Kind]:
    """All kinds by id, in the order of the catalogue."""
    return tables().kinds


def kind(id: str) -> Kind:
    """The kind of that id. Raises KeyError if there is none."""
    return tables().kinds[id]


def meaning(name: str) -> Meaning:
    """What a sender's name for a value stands for; NOTHING if it is not known."""
    table = tables()
    meanings = table.meanings
    if len(name) > MAX_KEY:
        return NOTHING
    for whole in ("_".join(words_of(name)), compact(name)) if name.isascii() else ():
        found = meanings.get(whole)
        if found is not None:
            return found
    if inner := _BRACKETED(name):
        # How PHP and others write that a name stands in an object: the name is the last.
        return meaning(inner[1])
    for words in _readings(name) if name.isascii() else ():
        while 0 < len(words) <= MAX_WORDS:
            found = _without_affixes(words, table)
            if found is not None:
                return found
            if words[-1] not in table.suffixes and not words[-1].isdecimal():
                break
            words = words[:-1]
    for words in _tongues().readings(name):
        found = table.meanings.get("".join(words)) or _without_affixes(words, table)
        if found is not None:
            return found
    return NOTHING


@cache
def _tongues() -> Tongues:
    table = tables()
    return Tongues({fold(word): english for word, english in table.words.items()}, table.english)


def in_english(name: str) -> list[str]:
    """The words of a name in another language; empty if it is in none that is known."""
    return " ".join(_tongues().english(name)).split()


def _readings(name: str) -> Iterable[list[str]]:
    """The words of a name; and of its last component, if it has several (`device[imei]`, `ro.serialno`)."""
    yield words_of(name)
    last = re.split(r"[./:\[\]]+", name.rstrip("]"))[-1]
    if last != name:
        yield words_of(last)


def words_of(name: str) -> list[str]:
    """The words of a name, in lower case: `SIM1_Iccid` is `sim`, `1`, `iccid`."""
    return [word.lower() for word in _WORDS.findall(name)]


def _without_affixes(words: list[str], table: Identifiers) -> Meaning | None:
    """The meaning of a name without what stands before it: word by word, then letter by letter where the
    sender has marked no boundary, and at last, for names that mean one thing only, whatever stands before."""
    for start in range(len(words)):
        if start and words[start - 1] not in table.prefixes and not words[start - 1].isdecimal():
            break
        rest = "".join(words[start:])
        while True:
            found = table.meanings.get(rest)
            if found is not None and (rest not in table.closed):
                return _weakened(found)
            shorter = rest.rstrip("0123456789")
            if shorter != rest:
                rest = shorter
                continue
            break
        found = _unmarked("".join(words[start:]), table)
        if found is not None:
            return found
    for start in range(1, len(words)):
        found = table.exclusive.get("".join(words[start:]).rstrip("0123456789"))
        if found is not None:
            return found
    return None


def _unmarked(rest: str, table: Identifiers) -> Meaning | None:
    """As above for a run of letters, such as `sim2lteimsi`."""
    while prefix := table.unmarked.match(rest):
        rest = rest[prefix.end() :]
        for candidate in (rest, rest.rstrip("0123456789")):
            found = table.meanings.get(candidate)
            if found is not None and candidate not in table.closed:
                return _weakened(found)
    return None


def _weakened(meaning: Meaning) -> Meaning:
    """Without the names that are vague: with a prefix they could be anything."""
    strong = tuple([(kind, weight) for kind, weight in meaning.kinds if weight not in ("vague", "short")])
    return meaning if len(strong) == len(meaning.kinds) else Meaning(strong, meaning.roles, meaning.trait)
