"""Makes rules of a policy, a TOML file, and checks it: a rule with a typo must not pass for one that holds.

`docs/policies.md` says how to write one. The file is read by the loader of all knowledge, by the shapes in `shapes.py`;
here is checked that what it names is known. The policies that come with the program are called by name.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import structs

from phonehome.analysis import knowledge
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.knowledge.reading import MAX_FILE, KnowledgeFile, TomlReader, close, many, meant
from phonehome.analysis.knowledge.schema import Recipient, Reference
from phonehome.analysis.policy.shapes import (
    AllowedTable,
    AlternativeTable,
    AtMostTable,
    Basis,
    DefaultsTable,
    ExceptionTable,
    ForbiddenTable,
    Handling,
    PolicyFile,
    RuleTable,
    Span,
    WaiverFile,
    WaiverTable,
)

ANY_IDENTIFIER: Final = "*"
EVERYBODY: Final = "*"
"""As an owner: also those whom the catalogue does not know."""
GROUP: Final = "@"
"""Begins the name of a group of countries: `@eea`."""
ALWAYS: Final = "0001-01-01"
MAX_TOLD: Final = 10
"""Mistakes that a message names."""


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
    any_of: tuple["Places", ...] = ()
    """Of these, one must hold beside the rest."""

    @property
    def names_places(self) -> bool:
        """Whether it says where."""
        return bool(self.countries or self.groups or self.networks or self.cloud)


class AtMost(NamedTuple):
    """How much one phone may send; None is "as much as it likes"."""

    transmissions: int | None
    bytes: int | None
    per: Span | None
    """None: in all captures together."""


class LeftOut(NamedTuple):
    """What a rule leaves out, and why. All that is given must fit. Without networks it holds only for what can be read
    and carries no identifier, since names and ports are what a phone says."""

    reason: str
    references: tuple[Reference, ...]
    owners: frozenset[str]
    entries: frozenset[str]
    hosts: frozenset[str]
    purposes: frozenset[str]
    countries: Places
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
    hosts: tuple[str, ...] = ()
    """Patterns of names in lower case; empty: whatever it is called."""
    apps: tuple[str, ...] = ()
    """Patterns of ids or names of apps in lower case; empty: whatever sends it."""
    exceptions: tuple[LeftOut, ...] = ()
    allowed: Places | None = None
    forbidden: Places | None = None
    at_most: AtMost | None = None
    must_be_seen: bool = False
    uncertain_location: Handling = "doubt"
    unknown_owner: Handling = "counts"
    """Endpoints that the catalogue does not know."""
    unread: Handling = "doubt"
    since: str = ""
    """ISO date: what was sent before cannot be judged by this rule."""
    until: str = ""
    """ISO date: what was sent from then on cannot be judged by this rule."""
    before: str = ""
    """Name of a mark: only what was sent before it is meant."""
    after: str = ""


class Waiver(NamedTuple):
    """What is against a rule, and is put up with for a time. All that is given must fit."""

    rules: frozenset[str]
    policy: str
    """Empty: whichever has the rules."""
    until: str
    """ISO date: from then on it does not count."""
    reason: str
    networks: frozenset[int]
    hosts: frozenset[str]
    owners: frozenset[str]
    countries: frozenset[str]
    kinds: frozenset[str]
    """Empty: whatever it carries."""


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
    recipients: tuple[Recipient, ...]
    """Who had joined what a country's adequacy depends on, as far as somebody looked."""
    markets: Mapping[str, tuple[str, ...]]
    """The policy's own markets: code, patterns of the builds."""
    marks: Mapping[str, str]
    """Moments that rules name, and what happened then."""
    waivers: tuple[Waiver, ...]
    sha256: str
    """Of the file, in hexadecimal."""

    @property
    def days(self) -> frozenset[str]:
        """ISO dates on which one of its rules begins or ends to speak."""
        return frozenset(day for rule in self.rules for day in (rule.since, rule.until) if day)


@cache
def names() -> tuple[str, ...]:
    """The policies that come with the program."""
    return tuple(sorted(file.stem for file in (knowledge.FOLDER / "policies").glob("*.toml")))


def load(name: str) -> Policy:
    """The policy of that name, or in that file. Raises PolicyError."""
    if name in names():
        return parse((knowledge.FOLDER / "policies" / f"{name}.toml").read_bytes(), f"{name}.toml")
    try:
        data = _content(name)
    except OSError as error:
        if "/" in name or "." in name:
            raise PolicyError(f"policy {name}: cannot be read: {error.strerror or error}") from error
        raise PolicyError(
            f"no policy is called {name!r}{close(name, names())}; those that come with the program are "
            f"{', '.join(names())}; another one is given as a file"
        ) from error
    return parse(data, Path(name).name)


def load_waivers(name: str, policies: Sequence[Policy]) -> tuple[Waiver, ...]:
    """The waivers in that file, which are of these policies. Raises PolicyError."""
    try:
        data = _content(name)
    except OSError as error:
        raise PolicyError(f"waivers {name}: cannot be read: {error.strerror or error}") from error
    build = _Build(Path(name).name)
    content = build.parsed(data, WaiverFile)
    found = tuple(build.waiver(table, number, policies) for number, table in enumerate(content.waiver, 1))
    build.stop()
    return found


def parse(data: bytes, file: str) -> Policy:
    """The policy in this TOML. Raises PolicyError, which names the file, the rule, the key and what was meant."""
    build = _Build(file)
    content = build.parsed(data, PolicyFile)
    if not content.rule:
        build.wrong("", "a policy has [[rule]] tables, at least one")
    build.knows(content)
    head = content.policy
    policy = Policy(
        id=head.id,
        title=head.title,
        description=head.description,
        phones=head.phones or (),
        rules=tuple(build.rule(_completed(rule, content.defaults)) for rule in content.rule),
        groups=build.groups,
        recipients=(*knowledge.shipped().countries.recipients, *content.recipient),
        markets={market.code: market.builds for market in content.market},
        marks={mark.name: mark.says for mark in content.mark},
        waivers=(),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    waivers = tuple(build.waiver(table, number, (policy,)) for number, table in enumerate(content.waiver, 1))
    build.stop()
    return replace(policy, waivers=waivers)


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


def _content(name: str) -> bytes:
    with Path(name).open("rb") as file:
        return file.read(MAX_FILE + 1)


def _completed(rule: RuleTable, defaults: DefaultsTable | None) -> RuleTable:
    """The rule, with what is said for all where it says nothing."""
    if defaults is None:
        return rule
    said = {field.name: getattr(defaults, field.name) for field in structs.fields(DefaultsTable)}
    return structs.replace(
        rule,
        **{key: value for key, value in said.items() if value is not None and getattr(rule, key) is None},
    )


class _Build:
    """Makes rules of tables, and gathers what they name and nobody knows."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.reader = TomlReader()
        self.groups: dict[str, Mapping[str, tuple[Period, ...]]] = dict(country_groups())
        self.own_markets: frozenset[str] = frozenset()
        self.marks: frozenset[str] = frozenset()

    def parsed[T: KnowledgeFile](self, data: bytes, shape: type[T]) -> T:
        content = self.reader.parse(data, self.file, shape)
        self.stop()
        assert content is not None
        return content

    def stop(self) -> None:
        """Raises PolicyError if something is wrong."""
        told = self.reader.mistakes
        if told:
            more = f"\n... and {len(told) - MAX_TOLD} more" if len(told) > MAX_TOLD else ""
            raise PolicyError("\n".join(map(str, told[:MAX_TOLD])) + more)

    def knows(self, content: PolicyFile) -> None:
        """Takes in the policy's own markets, groups and marks."""
        markets = knowledge.shipped().software.markets
        for market in content.market:
            if market.code in markets:
                self.wrong(f"market {market.code!r}", "it comes with the program: choose another code")
        for group in content.group:
            where = f"group {group.name!r}"
            if group.name in country_groups():
                self.wrong(where, "it comes with the program: choose another name")
            members: dict[str, tuple[Period, ...]] = {}
            for name in group.countries:
                if name.startswith(GROUP):
                    if self.known(where, "countries", (name,), country_groups(), "group"):
                        for code, periods in country_groups()[name].items():
                            members[code] = (*members.get(code, ()), *periods)
                else:
                    members[self.country(where, name)] = (Period(ALWAYS, "", ""),)
            self.groups[group.name] = members
        for recipient in content.recipient:
            where = f"recipient {recipient.name!r}"
            self.country(where, recipient.country)
            self.owners(where, recipient.owners)
        self.own_markets = frozenset(market.code for market in content.market)
        self.marks = frozenset(mark.name for mark in content.mark)

    def wrong(self, where: str, what: str) -> None:
        self.reader.wrong(self.file, where, what)

    def known(
        self, where: str, key: str, given: Iterable[str], known: Collection[str], what: str
    ) -> frozenset[str]:
        """Those of the names that are known; notes the others."""
        given = tuple(given)
        for name in given:
            if name not in known:
                self.wrong(where, f"{key!r}: there is no {what} {name!r}{meant(name, known)}")
        return frozenset(given) & frozenset(known)

    def rule(self, table: RuleTable) -> Rule:
        where = f"rule {table.id!r}"
        allowed = self.places(f"{where}: allowed", table.allowed) if table.allowed else None
        forbidden = self.places(f"{where}: forbidden", table.forbidden) if table.forbidden else None
        both = _both(allowed, forbidden) if allowed and forbidden else ""
        if both:
            self.wrong(where, f"{both} cannot be both allowed and forbidden")
        markets = {*knowledge.shipped().software.markets, *self.own_markets}
        owners = self.owners(where, table.owners)
        every = EVERYBODY in (table.owners or ())
        purposes = catalogue().purposes
        return Rule(
            id=table.id,
            says=table.says,
            references=many(table.reference),
            basis=table.basis,
            note=table.note,
            markets=self.known(where, "markets", table.markets or (), markets, "market"),
            not_markets=self.known(where, "not_markets", table.not_markets or (), markets, "market"),
            purposes=self.known(where, "purposes", table.purposes or (), purposes, "purpose"),
            kinds=self.kinds(where, table),
            owners=frozenset() if every else owners,
            hosts=_lower(table.hosts),
            apps=_lower(table.apps),
            exceptions=tuple(self.exception(f"{where}: except", item) for item in table.except_ or ()),
            allowed=allowed,
            forbidden=forbidden,
            at_most=_at_most(table.at_most),
            must_be_seen=table.must_be_seen,
            uncertain_location=table.uncertain_location or "doubt",
            unknown_owner=table.unknown_owner or ("doubt" if owners and not every else "counts"),
            unread=table.unread or "doubt",
            since=_iso(table.since),
            until=_iso(table.until),
            before=self.mark(where, "before", table.before),
            after=self.mark(where, "after", table.after),
        )

    def mark(self, where: str, key: str, name: str | None) -> str:
        if name is None:
            return ""
        if name not in self.marks:
            self.wrong(where, f"{key!r}: there is no [[mark]] {name!r} in this file{meant(name, self.marks)}")
        return name

    def kinds(self, where: str, table: RuleTable) -> frozenset[str]:
        known = catalogue().kinds
        given, categories = table.identifiers or (), {kind.category for kind in known.values()}
        kinds = self.known(where, "identifiers", given, {*known, ANY_IDENTIFIER}, "kind of identifier")
        chosen = self.known(
            where, "categories", table.categories or (), categories, "category of identifiers"
        )
        every = ANY_IDENTIFIER in kinds
        if every:
            kinds = frozenset()
        return kinds | {
            kind.id for kind in known.values() if kind.singles_out and (every or kind.category in chosen)
        }

    def places(self, where: str, table: AlternativeTable) -> Places:
        named = table.countries or ()
        groups = tuple(name for name in named if name.startswith(GROUP))
        self.known(where, "countries", groups, self.groups, "group")
        any_of = table.any_of if isinstance(table, AllowedTable) else None
        return Places(
            frozenset(self.country(where, name) for name in named if not name.startswith(GROUP)),
            groups,
            frozenset(table.networks or ()),
            tuple(self.cloud(where, text) for text in table.cloud or ()),
            frozenset(table.encryption or ()),
            isinstance(table, ForbiddenTable) and table.anything,
            tuple(self.places(f"{where}: any_of", each) for each in any_of or ()),
        )

    def cloud(self, where: str, text: str) -> tuple[str, str]:
        """`AWS ap-southeast-1`, or `AWS` for any region."""
        addresses = knowledge.shipped().addresses
        known: dict[str, set[str]] = {}
        for key, region in addresses.region_countries:
            known.setdefault(addresses.provider(key).name, set()).add(region)
        for provider, regions in known.items():
            if text == provider:
                return provider, ""
            if text.startswith(f"{provider} "):
                region = text[len(provider) + 1 :]
                if region not in regions:
                    self.wrong(where, f"'cloud': {provider} has no region {region!r}{meant(region, regions)}")
                return provider, region
        self.wrong(where, f"'cloud': there is no provider in {text!r}; known are {', '.join(sorted(known))}")
        return text, ""

    def exception(self, where: str, table: ExceptionTable) -> LeftOut:
        countries = AlternativeTable(countries=table.countries) if table.countries else None
        return LeftOut(
            table.reason,
            many(table.reference) if table.reference else (),
            self.owners(where, table.owners),
            self.known(
                where, "entries", table.entries or (), catalogue().endpoints, "entry in the catalogue"
            ),
            frozenset(_lower(table.hosts)),
            self.known(where, "purposes", table.purposes or (), catalogue().purposes, "purpose"),
            self.places(where, countries) if countries else Places(),
            frozenset(table.networks or ()),
            table.most_bytes,
        )

    def waiver(self, table: WaiverTable, number: int, policies: Sequence[Policy]) -> Waiver:
        where = f"waiver number {number}"
        if table.policy:
            self.known(where, "policy", (table.policy,), [policy.id for policy in policies], "policy")
        meant_here = [policy for policy in policies if table.policy in ("", policy.id)]
        rules = {rule.id for policy in meant_here for rule in policy.rules}
        given = (table.rule,) if isinstance(table.rule, str) else table.rule
        kinds = catalogue().kinds
        return Waiver(
            self.known(where, "rule", given, rules, "rule"),
            table.policy,
            table.until.isoformat(),
            table.reason,
            frozenset(table.networks),
            frozenset(_lower(table.hosts)),
            self.owners(where, table.owners),
            frozenset(self.country(where, code) for code in table.countries or ()),
            self.known(where, "identifiers", table.identifiers or (), kinds, "kind of identifier"),
        )

    def owners(self, where: str, patterns: Iterable[str] | None) -> frozenset[str]:
        """Owners of endpoints that these name; `*` stands for any text."""
        known = sorted({endpoint.owner for endpoint in catalogue().endpoints.values()})
        found: set[str] = set()
        for pattern in patterns or ():
            fitting = [owner for owner in known if fnmatchcase(owner, pattern)]
            if not fitting:
                self.wrong(where, f"'owners': the catalogue has no owner {pattern!r}{meant(pattern, known)}")
            found.update(fitting)
        return frozenset(found)

    def country(self, where: str, code: str) -> str:
        names = knowledge.shipped().countries.names
        if code not in names:
            codes = {name: code for code, name in names.items()}
            likely = code.upper() if code.upper() in names else codes.get(code, "")
            guess = f": did you mean {likely!r}?" if likely else ', such as "NO"'
            self.wrong(where, f"'countries': {code!r} is no ISO 3166-1 code of two capital letters{guess}")
        return code


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


def _at_most(table: AtMostTable | None) -> AtMost | None:
    return AtMost(table.transmissions, table.bytes, table.per) if table else None


def _lower(texts: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(text.lower() for text in texts or ())


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""
