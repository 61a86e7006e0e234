"""The kinds of identifiers, and which names in traffic stand for which: `identifiers.toml`."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
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
class Identifiers:
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
_SPECIAL_ROLES: Final = frozenset(
    {"cell_id_vague", "cell_system", "cell_network", "cell_signal", "coordinates_vague"}
)
"""Roles whose names are too short or too common to count with a prefix taken off."""


def read() -> Identifiers:
    """What the file says."""
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
    return Identifiers(
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
