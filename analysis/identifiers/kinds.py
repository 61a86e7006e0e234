"""The kinds of identifiers, and which names in traffic stand for which, from `catalogue/identifiers.toml`.

Strategy: a name is brought to its normal form and looked up in a table; where that fails, known prefixes and
suffixes are taken off, one after the other, and it is looked up again. The engine remembers the answer for
each name: phones use the same few hundred all the time.
"""

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final, Literal, NamedTuple

Category = Literal["hardware", "sim", "network", "location", "advertising", "software", "account"]
CATEGORIES: Final[tuple[Category, ...]] = (
    "hardware",
    "sim",
    "network",
    "location",
    "advertising",
    "software",
    "account",
)
LASTING: Final = frozenset[Category]({"hardware", "sim", "location", "account"})
"""Categories of what tells of a phone, its holder or where they are, and cannot simply be reset."""

MAX_KEY: Final = 80
"""Characters; a longer name is no name of the tables, and is not taken apart."""

MAX_WORDS: Final = 12
"""Words of a name, as above."""

Weight = Literal["exclusive", "plain", "vague"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of identifier, as the catalogue describes it (its head explains each field)."""

    id: str
    label: str
    category: Category
    severity: int
    """0 to 100: how much it tells about whom, and for how long."""
    mask: str
    reference: str
    exclusive: frozenset[str] = frozenset()
    anywhere: bool = False
    grouped: bool = False
    names: frozenset[str] = frozenset()
    vague: frozenset[str] = frozenset()
    company: frozenset[str] = frozenset()
    not_in: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    current: tuple[str, ...] = ()
    not_beginning: tuple[str, ...] = ()
    not_ending: tuple[str, ...] = ()
    shape: Callable[[str], re.Match[str] | None]
    """`fullmatch` of the form of a value under one of the names."""
    alone: Callable[[str], re.Match[str] | None] | None = None
    """`fullmatch` of a form that is worth a look whatever the name; None if there is none."""
    alone_lengths: frozenset[int] = frozenset()
    alone_part: str = ""
    """What every such value has: one of these lengths, or this part."""


class Meaning(NamedTuple):
    """What a name stands for."""

    kinds: tuple[tuple[Kind, Weight], ...] = ()
    roles: frozenset[str] = frozenset()
    """Parts that it plays in what is an identifier only together, such as `latitude`."""
    carrier: bool = False
    """It says nothing itself: the name above it does."""


NOTHING: Final = Meaning()


@dataclass(frozen=True, slots=True)
class _Tables:
    kinds: dict[str, Kind]
    never: frozenset[str]
    roles: dict[str, frozenset[str]]
    meanings: dict[str, Meaning]
    exclusive: dict[str, Meaning]
    """Names that also count behind words that are not known."""
    closed: frozenset[str]
    """Names that count only as they are, without prefix or suffix."""
    prefixes: frozenset[str]
    unmarked: re.Pattern[str]
    """A prefix that is taken off where no separator marks its end."""
    suffixes: frozenset[str]
    elsewhere: frozenset[str]
    """Names of objects that describe something other than the device and its user."""
    agents: tuple[tuple[Kind, re.Pattern[str]], ...]
    """What user agents say of the device."""
    agents_never: frozenset[str]


def compact(name: str) -> str:
    """A name in its normal form: letters and digits only, lower case."""
    return _SEPARATORS.sub("", name).lower()


_SEPARATORS = re.compile(r"[^0-9A-Za-z]+")
_BRACKETED = re.compile(r"[^\[\]]+(?:\[[^\[\]]*\])*\[([A-Za-z][^\[\]]*)\](?:\[[0-9]*\])*").fullmatch
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SPECIAL_ROLES: Final = frozenset(
    {"cell_id_vague", "cell_system", "cell_network", "cell_signal", "coordinates_vague"}
)
"""Roles whose names are too short or too common to count with a prefix taken off."""


@cache
def tables() -> _Tables:
    """The catalogue's tables, read at the first call."""
    document = tomllib.loads(
        (files("phonehome.analysis.knowledge") / "identifiers.toml").read_text(encoding="utf-8")
    )
    kinds = {entry["id"]: _kind(entry) for entry in document["kind"]}
    roles = {
        name: frozenset(map(compact, names))
        for name, names in document["roles"].items()
        if name != "reference"
    }
    form = document["normal_form"]
    agent = document["user_agent"]
    found: dict[str, list[tuple[Kind, Weight]]] = {}
    for kind in kinds.values():
        for weight, names in (("exclusive", kind.exclusive), ("plain", kind.names), ("vague", kind.vague)):
            for name in names:
                found.setdefault(name, []).append((kind, weight))  # type: ignore[arg-type]
    parts: dict[str, set[str]] = {}
    for role, names in roles.items():
        for name in names:
            parts.setdefault(name, set()).add(role)
    carriers = frozenset(map(compact, form["carriers"]))
    meanings = {
        name: Meaning(tuple(found.get(name, ())), frozenset(parts.get(name, ())), name in carriers)
        for name in {*found, *parts, *carriers}
    }
    closed = {name for name, meaning in meanings.items() if meaning.carrier}
    closed |= {name for name, rules in found.items() if all(weight == "vague" for _, weight in rules)}
    closed |= {name for name, its in parts.items() if name not in found and its <= _SPECIAL_ROLES}
    return _Tables(
        kinds,
        frozenset(document["values"]["never"]),
        roles,
        meanings,
        {
            name: Meaning(((rules[0][0], "plain"),))
            for name, rules in found.items()
            if rules[0][1] == "exclusive" and rules[0][0].anywhere
        },
        frozenset(closed),
        frozenset(form["prefixes"]),
        re.compile(
            f"(?:{'|'.join(sorted(filter(_is_long, form['prefixes']), key=len, reverse=True))})[0-9]*"
        ),
        frozenset(form["suffixes"]),
        frozenset(document["elsewhere"]["names"]),
        tuple((kinds[id], re.compile(agent[id])) for id in agent if id in kinds),
        frozenset(agent["never"]),
    )


def _kind(entry: dict[str, Any]) -> Kind:
    def names(key: str) -> frozenset[str]:
        return frozenset(name if "_" in name else compact(name) for name in entry.get(key, ()))

    return Kind(
        id=entry["id"],
        label=entry["label"],
        category=entry["category"],
        severity=entry["severity"],
        mask=entry["mask"],
        reference=entry["reference"],
        exclusive=names("exclusive"),
        anywhere=entry.get("anywhere", False),
        grouped=entry.get("grouped", False),
        names=names("names"),
        vague=names("vague"),
        company=frozenset(entry.get("company", ())),
        not_in=frozenset(entry.get("not_in", ())),
        never=frozenset(entry.get("never", ())),
        prefixes=tuple(entry.get("prefixes", ())),
        current=tuple(entry.get("current", ())),
        not_beginning=tuple(entry.get("not_beginning", ())),
        not_ending=tuple(entry.get("not_ending", ())),
        shape=re.compile(entry["shape"]).fullmatch,
        alone=re.compile(entry["alone"]).fullmatch if "alone" in entry else None,
        alone_lengths=frozenset(entry.get("alone_lengths", ())),
        alone_part=entry.get("alone_part", ""),
    )


def _is_long(prefix: str) -> bool:
    return len(prefix) >= 3


@lru_cache(8192)
def elsewhere(path: tuple[str, ...]) -> str:
    """The name in a path of an object that describes something other than the device and its user; empty if none is."""
    names = tables().elsewhere
    return next((segment for segment in path[1:-1] if compact(segment[:MAX_KEY]) in names), "")


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
    for whole in ("_".join(_words(name)), compact(name)):
        found = meanings.get(whole)
        if found is not None:
            return found
    if inner := _BRACKETED(name):
        # How PHP and others write that a name stands in an object: the name is the last.
        return meaning(inner[1])
    for words in _readings(name):
        while 0 < len(words) <= MAX_WORDS:
            found = _without_affixes(words, table)
            if found is not None:
                return found
            if words[-1] not in table.suffixes and not words[-1].isdecimal():
                break
            words = words[:-1]
    return NOTHING


def _readings(name: str) -> Iterable[list[str]]:
    """The words of a name; and of its last component, if it has several (`device[imei]`, `ro.serialno`)."""
    yield _words(name)
    last = re.split(r"[./:\[\]]+", name.rstrip("]"))[-1]
    if last != name:
        yield _words(last)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


def _without_affixes(words: list[str], table: _Tables) -> Meaning | None:
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


def _unmarked(rest: str, table: _Tables) -> Meaning | None:
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
    strong = tuple([(kind, weight) for kind, weight in meaning.kinds if weight != "vague"])
    return meaning if len(strong) == len(meaning.kinds) else Meaning(strong, meaning.roles)
