"""Reads a policy, a TOML file of rules, and checks it: a rule with a typo must not pass for one that holds.

`docs/policies.md` says how to write one. The policies that come with the program are in `catalogue/policies/`
and are called by name.
"""

import hashlib
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher, get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast, get_args

from phonehome.analysis import knowledge
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.knowledge.schema import Reference

MAX_FILE: Final = 1 << 20
"""Bytes of a policy file that are read."""

Handling = Literal["doubt", "counts", "left-out"]
"""What a rule makes of what is not sure: it cannot be judged; it counts like what is sure; it is left out."""
Basis = Literal["stated", "inference"]
Encryption = Literal["encrypted", "unencrypted"]

ANY_IDENTIFIER: Final = "*"
EVERYBODY: Final = "*"
"""As an owner: also those whom the catalogue does not know."""
MAX_OFFERED: Final = 8
"""Names that a message lists where none is like the one given."""
GROUP: Final = "@"
"""Begins the name of a group of countries: `@eea`."""


class PolicyError(ValueError):
    """A policy is wrong, or there is none of that name. The message says where, what, and what was meant."""


class Period(NamedTuple):
    """Since when, and until when, a country belongs to a group; ISO dates, the second exclusive."""

    since: str
    until: str
    condition: str
    """Not empty: it belongs only in part, to the recipients that the text names."""


class Places(NamedTuple):
    """What a rule allows or forbids. Empty: it says nothing of it."""

    countries: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    networks: frozenset[int] = frozenset()
    """AS numbers."""
    cloud: tuple[tuple[str, str], ...] = ()
    """Provider and region; an empty region is any."""
    encryption: frozenset[str] = frozenset()
    anything: bool = False
    """Wherever it goes and however."""

    @property
    def names_places(self) -> bool:
        """Whether it says where."""
        return bool(self.countries or self.groups or self.networks or self.cloud)


class LeftOut(NamedTuple):
    """What a rule leaves out, and why. All that is given must fit. Without networks it holds only for what can be read
    and carries no identifier, since names and ports are what a phone says."""

    reason: str
    references: tuple[Reference, ...]
    owners: frozenset[str]
    entries: frozenset[str]
    hosts: frozenset[str]
    purposes: frozenset[str]
    countries: frozenset[str]
    networks: frozenset[int]
    """AS numbers of the addresses that are meant."""
    most_bytes: int
    """Of each part that nothing could read, such as a packet of NTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Where these data of these phones may go."""

    id: str
    says: str
    references: tuple[Reference, ...]
    basis: Basis = "stated"
    note: str = ""
    markets: frozenset[str] = frozenset()
    """Empty: all but `not_markets`."""
    not_markets: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    """Kinds of identifiers; empty: what is sent counts with or without one."""
    owners: frozenset[str] = frozenset()
    """Empty: whoever runs the endpoint."""
    exceptions: tuple[LeftOut, ...] = ()
    allowed: Places | None = None
    forbidden: Places | None = None
    must_be_seen: bool = False
    uncertain_location: Handling = "doubt"
    unknown_owner: Handling = "counts"
    """Endpoints that the catalogue does not know."""
    unread: Handling = "doubt"
    until: str = ""
    """ISO date: what was sent from then on cannot be judged by this rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules that belong together."""

    id: str
    title: str
    description: str
    rules: tuple[Rule, ...]
    phones: tuple[str, ...] = ()
    """Patterns of models and builds of the phones that are meant; empty: all."""
    groups: Mapping[str, Mapping[str, tuple[Period, ...]]]
    """Groups of countries that rules name: group, country, when."""
    sha256: str
    """Of the file, in hexadecimal."""


@cache
def names() -> tuple[str, ...]:
    """The policies that come with the program."""
    folder = files("phonehome.analysis.knowledge") / "policies"
    return tuple(sorted(file.name[:-5] for file in folder.iterdir() if file.name.endswith(".toml")))


def load(name: str) -> Policy:
    """The policy of that name, or in that file. Raises PolicyError."""
    if name in names():
        shipped = files("phonehome.analysis.knowledge") / "policies" / f"{name}.toml"
        return parse(shipped.read_bytes(), f"{name}.toml")
    path = Path(name)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        if "/" in name or "." in name:
            raise PolicyError(f"policy {name}: cannot be read: {error.strerror or error}") from error
        raise PolicyError(
            f"no policy is called {name!r}{_close(name, names())}; those that come with the program are "
            f"{', '.join(names())}; another one is given as a file"
        ) from error
    if len(data) > MAX_FILE:
        raise PolicyError(f"policy {name}: longer than {MAX_FILE:,} bytes")
    return parse(data, path.name)


def parse(data: bytes, file: str) -> Policy:
    """The policy in this TOML. Raises PolicyError, which names the file, the rule, the key and what was meant."""
    try:
        document = tomllib.loads(data.decode("utf-8-sig"))  # some editors begin a file with a mark
    except UnicodeDecodeError as error:
        raise PolicyError(f"{file}: not a text in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{file}: not valid TOML: {error}") from error
    except RecursionError as error:
        raise PolicyError(f"{file}: nested too deep") from error
    top = _Table(file, "", document)
    top.only("policy", "defaults", "rule")
    head = top.table("policy")
    head.only("id", "title", "description", "phones")
    defaults = top.table("defaults") if "defaults" in document else _Table(file, "[defaults]", {})
    defaults.only(*_DEFAULT_KEYS)
    rules: list[Rule] = []
    for number, item in enumerate(top.tables("rule"), 1):
        rule = _rule(_Table(file, "", {**defaults.values, **item.values}), f"rule number {number}")
        if any(rule.id == other.id for other in rules):
            raise top.wrong(f"rule {rule.id!r}: an 'id' is used once, but another rule has it too")
        rules.append(rule)
    if not rules:
        raise top.wrong("a policy has [[rule]] tables, at least one")
    return Policy(
        id=head.text("id"),
        title=head.text("title"),
        description=head.text("description", ""),
        phones=head.texts("phones"),
        rules=tuple(rules),
        groups=country_groups(),
        sha256=hashlib.sha256(data).hexdigest(),
    )


@cache
def country_groups() -> Mapping[str, Mapping[str, tuple[Period, ...]]]:
    """Groups of countries, from `knowledge/transfers.toml`: the name of a group is its status there, with @."""
    found: dict[str, dict[str, tuple[Period, ...]]] = {}
    for code, statuses in knowledge.shipped().countries.statuses.items():
        for status in statuses:
            periods = found.setdefault(GROUP + status.kind, {})
            period = Period(status.since, status.until, status.condition)
            periods[code] = (*periods.get(code, ()), period)
    return found


class _Table:
    """A table of the file: hands out its values checked, and knows how to complain."""

    def __init__(self, file: str, where: str, values: Mapping[str, Any]) -> None:
        self.file, self.where, self.values = file, where, values

    def wrong(self, what: str) -> PolicyError:
        return PolicyError(": ".join(part for part in (self.file, self.where, what) if part))

    def only(self, *known: str) -> None:
        for key in self.values:
            if key not in known:
                raise self.wrong(f"unknown key {key!r}{_close(key, known)}; known are {', '.join(known)}")

    def text(self, key: str, default: str | None = None) -> str:
        value = self.values.get(key, default)
        if value is None:
            raise self.wrong(f"{key!r} is missing")
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.wrong(f"{key!r} must be a text{'' if default is not None else ' that is not empty'}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self.wrong(f'{key!r} must be a list of texts, such as ["...", "..."]')
        if key in self.values and not value:
            raise self.wrong(f"{key!r} is empty: leave it out, if it says nothing")
        return tuple(value)

    def chosen(self, key: str, known: Collection[str], what: str) -> frozenset[str]:
        """Texts that must be among those known."""
        for item in (found := self.texts(key)):
            if item not in known:
                raise self.wrong(f"{key!r}: there is no {what} {item!r}{_meant(item, known)}")
        return frozenset(found)

    def choice[T: str](self, key: str, known: tuple[T, ...], default: T) -> T:
        value = self.values.get(key, default)
        if value not in known:
            raise self.wrong(
                f"{key!r} must be one of {', '.join(known)}, not {value!r}{_close(str(value), known)}"
            )
        return cast("T", value)

    def truth(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(f"{key!r} must be true or false")
        return value

    def table(self, key: str) -> "_Table":
        value = self.values.get(key)
        if not isinstance(value, dict):
            raise self.wrong(f"[{key}] is missing" if value is None else f"{key!r} must be a table")
        return _Table(self.file, f"{self.where}: {key}" if self.where else f"[{key}]", value)

    def tables(self, key: str) -> "list[_Table]":
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(f"{key!r} must be tables, each under [[{key}]]")
        return [_Table(self.file, self.where, item) for item in value]


_RULE_KEYS: Final = (
    *("id", "says", "reference", "basis", "note", "markets", "not_markets", "purposes", "identifiers"),
    *("categories", "owners", "except", "allowed", "forbidden", "must_be_seen", "uncertain_location"),
    *("unknown_owner", "unread", "until"),
)


_DEFAULT_KEYS: Final = ("purposes", "owners", "except", "uncertain_location", "unknown_owner", "unread")
"""What can be said once for all rules of a policy; a rule that says otherwise is meant."""


def _rule(table: _Table, where: str) -> Rule:
    id_ = table.values.get("id")
    table.where = f"rule {id_!r}" if isinstance(id_, str) and id_ else where
    table.only(*_RULE_KEYS)
    handling = get_args(Handling)
    allowed = _places(table.table("allowed"), allowed=True) if "allowed" in table.values else None
    forbidden = _places(table.table("forbidden"), allowed=False) if "forbidden" in table.values else None
    if allowed is None and forbidden is None:
        raise table.wrong("it allows and forbids nothing: give [rule.allowed] or [rule.forbidden]")
    both = _both(allowed, forbidden) if allowed and forbidden else ""
    if both:
        raise table.wrong(f"{both} cannot be both allowed and forbidden")
    owners = _owners(table)
    every = EVERYBODY in table.texts("owners")
    markets, not_markets = table.texts("markets"), table.texts("not_markets")
    if markets and not_markets:
        raise table.wrong("'markets' and 'not_markets' exclude each other")
    for key in ("markets", "not_markets"):
        table.chosen(key, knowledge.shipped().software.markets, "market")
    return Rule(
        id=table.text("id"),
        says=table.text("says"),
        references=_references(table),
        basis=table.choice("basis", get_args(Basis), "stated"),
        note=table.text("note", ""),
        markets=frozenset(markets),
        not_markets=frozenset(not_markets),
        purposes=table.chosen("purposes", catalogue().purposes, "purpose"),
        kinds=_kinds(table),
        owners=frozenset() if every else owners,
        exceptions=tuple(_exception(item) for item in table.tables("except")),
        allowed=allowed,
        forbidden=forbidden,
        must_be_seen=table.truth("must_be_seen"),
        uncertain_location=table.choice("uncertain_location", handling, "doubt"),
        unknown_owner=table.choice("unknown_owner", handling, "doubt" if owners and not every else "counts"),
        unread=table.choice("unread", handling[:1] + handling[2:], "doubt"),
        until=_date(table, "until"),
    )


def _kinds(table: _Table) -> frozenset[str]:
    known = catalogue().kinds
    kinds = table.chosen("identifiers", {*known, ANY_IDENTIFIER}, "kind of identifier")
    categories = table.chosen(
        "categories", {kind.category for kind in known.values()}, "category of identifiers"
    )
    if ANY_IDENTIFIER in kinds:
        return frozenset(kind.id for kind in known.values() if kind.singles_out)
    in_categories = {kind.id for kind in known.values() if kind.category in categories and kind.singles_out}
    return kinds | in_categories


def _networks(table: _Table) -> frozenset[int]:
    networks = table.values.get("networks", [])
    if not isinstance(networks, list) or not all(
        type(number) is int and 0 < number < 2**32 for number in networks
    ):
        raise table.wrong("'networks' must be a list of AS numbers, such as [16509]")
    return frozenset(networks)


def _places(table: _Table, *, allowed: bool) -> Places:
    table.only("countries", "networks", "cloud", "encryption", *(() if allowed else ("anything",)))
    named = table.texts("countries")
    countries = frozenset(_country(table, name) for name in named if not name.startswith(GROUP))
    groups = tuple(name for name in named if name.startswith(GROUP))
    for group in groups:
        if group not in country_groups():
            raise table.wrong(f"'countries': there is no group {group!r}{_meant(group, country_groups())}")
    places = Places(
        countries,
        groups,
        _networks(table),
        tuple(_cloud(table, text) for text in table.texts("cloud")),
        table.chosen("encryption", get_args(Encryption), "encryption"),
        table.truth("anything"),
    )
    if places == Places():
        raise table.wrong("it is empty: name countries, networks, cloud or encryption")
    return places


def _both(allowed: Places, forbidden: Places) -> str:
    """What two lists have in common, if anything: a rule that says so can never hold."""
    for one, other in (
        (allowed.countries, forbidden.countries),
        (set(allowed.groups), set(forbidden.groups)),
        ({f"AS{number}" for number in allowed.networks}, {f"AS{number}" for number in forbidden.networks}),
        ({" ".join(place) for place in allowed.cloud}, {" ".join(place) for place in forbidden.cloud}),
        (allowed.encryption, forbidden.encryption),
    ):
        if shared := one & other:
            return ", ".join(sorted(shared))
    return ""


def _cloud(table: _Table, text: str) -> tuple[str, str]:
    """`AWS ap-southeast-1`, or `AWS` for any region."""
    addresses = knowledge.shipped().addresses
    known: dict[str, set[str]] = {}
    for key, region in addresses.region_countries:
        known.setdefault(addresses.provider(key).name, set()).add(region)
    for provider, names_ in known.items():
        if text == provider:
            return provider, ""
        if text.startswith(f"{provider} "):
            region = text[len(provider) + 1 :]
            if region in names_:
                return provider, region
            raise table.wrong(f"'cloud': {provider} has no region {region!r}{_meant(region, names_)}")
    raise table.wrong(f"'cloud': there is no provider in {text!r}; known are {', '.join(sorted(known))}")


_EXCEPTION_KEYS: Final = (
    *("reason", "reference", "owners", "entries", "hosts", "purposes", "countries", "networks", "most_bytes"),
)


def _exception(table: _Table) -> LeftOut:
    table.where = f"{table.where}: except" if table.where else "except"
    table.only(*_EXCEPTION_KEYS)
    exception = LeftOut(
        table.text("reason"),
        _references(table) if "reference" in table.values else (),
        _owners(table),
        table.chosen("entries", catalogue().endpoints, "entry in the catalogue"),
        frozenset(host.lower() for host in table.texts("hosts")),
        table.chosen("purposes", catalogue().purposes, "purpose"),
        frozenset(_country(table, code) for code in table.texts("countries")),
        _networks(table),
        most_bytes if type(most_bytes := table.values.get("most_bytes", 0)) is int else -1,
    )
    if exception.most_bytes < 0:
        raise table.wrong("'most_bytes' must be a number of bytes, such as 68")
    if not any(exception[2:-1]):
        raise table.wrong("it fits everything: name owners, entries, hosts, purposes, countries or networks")
    return exception


def _references(table: _Table) -> tuple[Reference, ...]:
    value = table.values.get("reference")
    items = value if isinstance(value, list) else [value]
    if value is None or not items:
        raise table.wrong("'reference' is missing: a rule says what it rests on")
    found = []
    for item in items:
        if not isinstance(item, dict):
            raise table.wrong('\'reference\' must be { title = "...", where = "..." }, or a list of them')
        inner = _Table(table.file, f"{table.where}: reference", item)
        inner.only("title", "where", "section")
        found.append(
            Reference(title=inner.text("title"), where=inner.text("where"), section=inner.text("section", ""))
        )
    return tuple(found)


def _date(table: _Table, key: str) -> str:
    value = table.values.get(key)
    if value is None:
        return ""
    if type(value) is not date:
        raise table.wrong(f"{key!r} must be a date without quotes, such as 2019-06-18")
    return value.isoformat()


def _owners(table: _Table) -> frozenset[str]:
    """Owners of endpoints that `owners` names; `*` stands for any text."""
    known = sorted({endpoint.owner for endpoint in catalogue().endpoints.values()})
    found: set[str] = set()
    for pattern in table.texts("owners"):
        fitting = [owner for owner in known if fnmatchcase(owner, pattern)]
        if not fitting:
            raise table.wrong(f"'owners': the catalogue has no owner {pattern!r}{_meant(pattern, known)}")
        found.update(fitting)
    return frozenset(found)


def _country(table: _Table, code: str) -> str:
    """The code, if it is one. Raises PolicyError."""
    names = knowledge.shipped().countries.names
    if code not in names:
        codes = {name: code for code, name in names.items()}
        meant = code.upper() if code.upper() in codes.values() else codes.get(code, "")
        raise table.wrong(
            f"'countries': {code!r} is no ISO 3166-1 code of two capital letters"
            + (f": did you mean {meant!r}?" if meant else ', such as "NO"')
        )
    return code


def _meant(given: str, known: Collection[str]) -> str:
    """What was meant by a wrong name; if nothing is like it, what there is, as far as that is few."""
    few = f"; there is {', '.join(sorted(known))}" if len(known) <= MAX_OFFERED else ""
    return _close(given, known) or few


def _close(given: str, known: Collection[str]) -> str:
    """The names most like a wrong one; empty if none is like it."""
    lower = {name.lower(): name for name in sorted(known)}
    close = get_close_matches(given.lower(), lower, MAX_OFFERED, 0.6)
    likeness = [SequenceMatcher(None, name, given.lower()).ratio() for name in close]
    best = [repr(lower[name]) for name, ratio in zip(close, likeness, strict=True) if ratio == likeness[0]]
    return f": did you mean {' or '.join(sorted(best))}?" if best else ""
