"""The kinds of identifiers, and which names in traffic stand for which: `identifiers.toml`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Self, get_args

from msgspec import structs

from phonehome.analysis.knowledge.schema import (
    Category,
    IdentifierNames,
    KindTable,
    MaskName,
    compact,
    normal,
)

CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)
Weight = Literal["exclusive", "plain", "vague", "short"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of identifier; `schema.KindTable` explains each field."""

    id: str
    label: str
    category: Category
    severity: int
    """0 to 100: how much it tells about whom, and for how long."""
    mask: MaskName
    reference: str
    exclusive: frozenset[str] = frozenset()
    anywhere: bool = False
    behind: frozenset[str] = frozenset()
    phones_only: bool = False
    one_phone: bool = False
    """Whether only one phone in the world has such a value."""
    grouped: bool = False
    names: frozenset[str] = frozenset()
    vague: frozenset[str] = frozenset()
    short: frozenset[str] = frozenset()
    company: frozenset[str] = frozenset()
    not_beside: frozenset[str] = frozenset()
    doubts: tuple[str, ...] = ()
    few: int = 0
    not_in: frozenset[str] = frozenset()
    only_in: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    current: tuple[str, ...] = ()
    not_beginning: tuple[str, ...] = ()
    not_ending: tuple[str, ...] = ()
    shape: Callable[[str], re.Match[str] | None]
    """`fullmatch` of the form of a value under one of the names."""
    special: Callable[[str], re.Match[str] | None] | None = None
    """`fullmatch` of a form that hardly anything else has; None if there is none."""
    wide: Callable[[str], re.Match[str] | None] | None = None
    """`fullmatch` of the form of other values under exclusive names; None if there are none."""
    alone: Callable[[str], re.Match[str] | None] | None = None
    """`fullmatch` of a form that is worth a look whatever the name; None if there is none."""
    alone_words: frozenset[str] = frozenset()
    alone_lengths: frozenset[int] = frozenset()
    alone_part: str = ""
    """What every such value has: one of these lengths, or this part."""

    @property
    def singles_out(self) -> bool:
        """Whether it tells one device or person from another; a mobile operator's name does not."""
        return self.mask != "none"


class Meaning(NamedTuple):
    """What a name stands for."""

    kinds: tuple[tuple[Kind, Weight], ...] = ()
    roles: frozenset[str] = frozenset()
    """Parts that it plays in what is an identifier only together, such as `latitude`."""
    trait: str = ""
    """The property that it names, of those which together tell devices apart."""
    short: bool = False
    """Whether it is one of the names that count only together with those of other kinds."""
    carrier: bool = False
    """It says nothing itself: the name above it does."""
    joined: bool = False
    """It says something together with the name above it."""


NOTHING: Final = Meaning()


@dataclass(frozen=True, slots=True)
class Identifiers:
    """The kinds, and what names mean."""

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
    """Words for what is neither the device nor who uses it."""
    own: frozenset[str]
    """Words for these two."""
    neutral: frozenset[str]
    """Words that say of nothing whose it is."""
    frames: frozenset[str]
    """Last words of names that say of nothing whose it is."""
    describing: frozenset[str]
    """Last words of names that, behind one for something else, say what an object describes."""
    types: frozenset[str]
    """Names under which stands what kind of thing an object describes."""
    signs: Mapping[str, tuple[str, ...]]
    """What names that stand beside a value are a sign of."""
    words: Mapping[str, str]
    """Words of other languages, to English words."""
    english: frozenset[str]
    """Words that names in any language may hold."""
    agents: tuple[tuple[Kind, re.Pattern[str]], ...]
    """What user agents say of the device."""
    agents_never: frozenset[str]

    @classmethod
    def of(cls, content: IdentifierNames) -> Self:
        """What the file says."""
        kinds = {table.id: _kind(table) for table in content.kind}
        roles = {
            name: frozenset(map(compact, names))
            for name, names in structs.asdict(content.roles).items()
            if name != "reference"
        }
        form = content.normal_form
        found: dict[str, list[tuple[Kind, Weight]]] = {}
        for kind in kinds.values():
            for weight, names in (
                ("exclusive", kind.exclusive),
                ("plain", kind.names),
                ("vague", kind.vague),
                ("short", kind.short),
            ):
                for name in names:
                    found.setdefault(name, []).append((kind, weight))  # type: ignore[arg-type]
        parts: dict[str, set[str]] = {}
        for role, names in roles.items():
            for name in names:
                parts.setdefault(name, set()).add(role)
        carriers = frozenset(map(compact, form.carriers))
        joined = frozenset(map(compact, form.joined))
        traits = {compact(name): trait for trait, names in content.traits.items() for name in names}
        meanings = {
            name: Meaning(
                tuple(found.get(name, ())),
                frozenset(parts.get(name, ())),
                traits.get(name, ""),
                any(weight == "short" for _, weight in found.get(name, ())),
                name in carriers,
                name in joined,
            )
            for name in {*found, *parts, *traits, *carriers, *joined}
        }
        closed = {name for name, meaning in meanings.items() if meaning.carrier or meaning.joined}
        closed |= {
            name for name, rules in found.items() if all(weight in ("vague", "short") for _, weight in rules)
        }
        closed |= traits.keys() - found.keys() - parts.keys()
        closed |= {name for name, its in parts.items() if name not in found and its <= _SPECIAL_ROLES}
        long = sorted((prefix for prefix in form.prefixes if len(prefix) >= 3), key=len, reverse=True)
        return cls(
            kinds=kinds,
            never=frozenset(content.values.never),
            roles=roles,
            meanings=meanings,
            exclusive={
                name: Meaning(((kind, "plain"),))
                for kind in reversed(kinds.values())
                for name in (*kind.behind, *(kind.exclusive if kind.anywhere else ()))
            },
            closed=frozenset(closed),
            prefixes=frozenset(form.prefixes),
            unmarked=re.compile(f"(?:{'|'.join(long)})[0-9]*"),
            suffixes=frozenset(form.suffixes),
            elsewhere=frozenset(
                word for one in content.elsewhere.words for word in (one, f"{one}s", _plural(one))
            ),
            own=frozenset(content.elsewhere.own),
            neutral=frozenset(
                word for one in content.elsewhere.neutral for word in (one, f"{one}s", _plural(one))
            ),
            frames=frozenset(
                word for one in content.elsewhere.frames for word in (one, f"{one}s", _plural(one))
            ),
            describing=frozenset(content.elsewhere.describing),
            types=frozenset(content.elsewhere.types),
            signs=_signs(content),
            words={word: english for english, words in content.tongues.words.items() for word in words},
            english=frozenset(content.tongues.english),
            agents=tuple(
                (kinds[id], pattern)
                for id, pattern in (("model", content.user_agent.model), ("build", content.user_agent.build))
                if id in kinds
            ),
            agents_never=frozenset(content.user_agent.never),
        )


_SPECIAL_ROLES: Final = frozenset(
    {"cell_id_vague", "cell_system", "cell_network", "cell_signal", "cell_text", "coordinates_vague"}
)
"""Roles whose names are too short or too common to count with a prefix taken off."""


def _signs(content: IdentifierNames) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for sign, names in structs.asdict(content.signs).items():
        if sign != "reference":
            for name in map(compact, names):
                found[name] = (*found.get(name, ()), sign)
    return found


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}es"


def _kind(table: KindTable) -> Kind:
    sets = ("company", "not_beside", "not_in", "only_in", "never", "alone_lengths", "alone_words")
    names = ("exclusive", "names", "vague", "short", "behind")
    return Kind(
        **{
            **structs.asdict(table),
            **{key: frozenset(getattr(table, key)) for key in sets},
            **{key: frozenset(map(normal, getattr(table, key))) for key in names},
            "shape": table.shape.fullmatch,
            "special": table.special and table.special.fullmatch,
            "wide": table.wide and table.wide.fullmatch,
            "alone": table.alone and table.alone.fullmatch,
        }
    )
