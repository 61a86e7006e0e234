"""The shapes of a policy and of a file of waivers, as people write them; `tools/write_schemas.py` makes the JSON Schema
of them that editors show. What names must be known is checked in `rules.py`, which makes rules of them."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, field

from phonehome.analysis.knowledge.reading import KnowledgeFile, Table, Text
from phonehome.analysis.knowledge.schema import Market, Recipient, References

Handling = Literal["doubt", "counts", "left-out"]
"""What a rule makes of what is not sure: it cannot be judged; it counts like what is sure; it is left out."""
Basis = Literal["stated", "inference"]
Encryption = Literal["encrypted", "unencrypted"]
Span = Literal["hour", "day"]

Names = Annotated[
    tuple[Text, ...],
    Meta(min_length=1, description='a list of texts, such as ["...", "..."], that is not empty'),
]
Networks = Annotated[
    tuple[Annotated[int, Meta(ge=1, lt=2**32)], ...],
    Meta(min_length=1, description="a list of AS numbers, such as [16509]"),
]
Count = Annotated[int, Meta(ge=0, description="a whole number, 0 or more")]
GroupName = Annotated[
    str, Meta(pattern="^@[a-z0-9]+(-[a-z0-9]+)*$", description='a name that begins with @, such as "@ours"')
]
MarkName = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9]+(-[a-z0-9]+)*$",
        description="a word of lower-case letters and digits, in parts with - between",
    ),
]


class AlternativeTable(Table, frozen=True):
    """One of several ways to keep to a rule: each list that is given must hold."""

    countries: Names | None = None
    """ISO 3166-1 codes, or groups: `@eea`, `@adequate`, or a [[group]] of this file."""
    networks: Networks | None = None
    cloud: Names | None = None
    """A provider (`AWS`), or one with a region (`AWS eu-central-1`)."""
    encryption: tuple[Encryption, ...] | None = None

    def mistakes(self) -> Iterator[str]:
        if not any((self.countries, self.networks, self.cloud, self.encryption)):
            yield "it is empty: name countries, networks, cloud or encryption"


class AllowedTable(AlternativeTable, frozen=True, kw_only=True):
    """Where the data may go, and how."""

    any_of: Annotated[tuple[AlternativeTable, ...], Meta(min_length=2)] | None = None
    """Of these, one at least must hold, beside the lists."""

    def mistakes(self) -> Iterator[str]:
        if self.any_of is None:
            yield from super().mistakes()


class ForbiddenTable(AlternativeTable, frozen=True):
    """Where the data must not go, and how not."""

    anything: bool = False
    """Wherever it goes."""

    def mistakes(self) -> Iterator[str]:
        if not self.anything:
            yield from super().mistakes()


class AtMostTable(Table, frozen=True):
    """How much of it one phone may send."""

    transmissions: Count | None = None
    bytes: Count | None = None
    per: Span | None = None
    """Not given: in all captures together. `hour` and `day` are those of the clock, in UTC."""

    def mistakes(self) -> Iterator[str]:
        if self.transmissions is None and self.bytes is None:
            yield "it says how much: transmissions or bytes"


class ExceptionTable(Table, frozen=True):
    """What a rule leaves out. All that is given must fit."""

    reason: Text
    """Why; the verdict repeats it."""
    reference: References | None = None
    owners: Names | None = None
    entries: Names | None = None
    """Ids of entries in the catalogue."""
    hosts: Names | None = None
    """Names, with `*` for any text."""
    purposes: Names | None = None
    countries: Names | None = None
    """ISO 3166-1 codes, or groups with an @."""
    networks: Networks | None = None
    """AS numbers. Names and ports are what the phone says: without networks the exception holds only for what was read
    and carries no identifier."""
    most_bytes: Annotated[int, Meta(ge=0, description="a number of bytes, such as 68")] = 0
    """Parts of so many bytes need not have been read."""

    def mistakes(self) -> Iterator[str]:
        given = self.owners, self.entries, self.hosts, self.purposes, self.countries, self.networks
        if not any(given):
            yield "it fits everything: name owners, entries, hosts, purposes, countries or networks"


Exceptions = Annotated[tuple[ExceptionTable, ...], Meta(min_length=1)]


class DefaultsTable(Table, frozen=True):
    """What is said once for all rules; a rule that says otherwise is meant."""

    purposes: Names | None = None
    owners: Names | None = None
    hosts: Names | None = None
    apps: Names | None = None
    except_: Exceptions | None = field(default=None, name="except")
    uncertain_location: Handling | None = None
    unknown_owner: Handling | None = None
    unread: Literal["doubt", "left-out"] | None = None


class RuleTable(DefaultsTable, frozen=True, kw_only=True):
    """Where these data of these phones may go."""

    id: Text
    says: Text
    """What the rule asks for, in a sentence."""
    reference: References
    """What it rests on."""
    basis: Basis = "stated"
    """Whether somebody said so, or it is concluded from what they said."""
    note: str = ""
    """What a reader of the verdict should know."""
    markets: Names | None = None
    """Codes of markets.toml, or of a [[market]] of this file."""
    not_markets: Names | None = None
    identifiers: Names | None = None
    """Ids of kinds in identifiers.toml; `*` is every kind that tells one device or person from another."""
    categories: tuple[Text, ...] | None = None
    allowed: AllowedTable | None = None
    forbidden: ForbiddenTable | None = None
    at_most: AtMostTable | None = None
    must_be_seen: bool = False
    """Whether nothing of the kind leaves the rule not judged."""
    since: date | None = None
    """From when on the rule speaks: what was sent before cannot be judged by it."""
    until: date | None = None
    """The first day for which it no longer speaks."""
    before: MarkName | None = None
    """Only what was sent before this mark is meant; a [[mark]] of this file."""
    after: MarkName | None = None

    def mistakes(self) -> Iterator[str]:
        if self.allowed is None and self.forbidden is None and self.at_most is None:
            yield ("it allows and forbids nothing: give [rule.allowed], [rule.forbidden] or [rule.at_most]")
        if self.markets and self.not_markets:
            yield "'markets' and 'not_markets' exclude each other"
        if self.since and self.until and self.until <= self.since:
            yield "'until' must be after 'since'"
        if self.before and self.before == self.after:
            yield "'before' and 'after' name the same mark: nothing is both"


class HeadTable(Table, frozen=True):
    """What the policy is."""

    id: Text
    title: Text
    description: str = ""
    phones: Names | None = None
    """Patterns of models, or of fingerprints, of the phones that are meant; not given: all."""


class OwnMarket(Market, frozen=True, kw_only=True):
    """A market of this maker."""

    builds: Names
    """Patterns (`*`) of the builds that are made for it."""


class OwnGroup(Table, frozen=True):
    """A group of countries that rules can name."""

    name: GroupName
    countries: Names
    """ISO 3166-1 codes, or groups that come with the program."""
    reference: References


class MarkTable(Table, frozen=True):
    """A moment that a rule can name, and whose time `--mark NAME=TIME` says."""

    name: MarkName
    says: Text
    """What happened then."""


class WaiverTable(Table, frozen=True):
    """What is against a rule, and is put up with for a time. All that is given must fit."""

    rule: Text | Names
    """Ids of rules."""
    until: date
    """The first day on which it no longer counts, by the clock of who checks."""
    reason: Text
    networks: Networks
    """AS numbers of where it goes. Always to be given: names are what the phone says."""
    policy: str = ""
    """Id of the policy, if rules of several have that id."""
    hosts: Names | None = None
    owners: Names | None = None
    countries: Names | None = None
    identifiers: Names | None = None
    """Kinds that it may carry, and no other. Not given: any."""
    reference: References | None = None

    def claims(self) -> Iterator[tuple[object, ...]]:
        yield from ()


class PolicyFile(KnowledgeFile, frozen=True):
    """A policy."""

    NAME: ClassVar = "policies/*.toml"
    policy: HeadTable
    rule: tuple[RuleTable, ...] = ()
    defaults: DefaultsTable | None = None
    market: tuple[OwnMarket, ...] = ()
    group: tuple[OwnGroup, ...] = ()
    mark: tuple[MarkTable, ...] = ()
    recipient: tuple[Recipient, ...] = ()
    waiver: tuple[WaiverTable, ...] = ()


class WaiverFile(KnowledgeFile, frozen=True):
    """Waivers that stand in a file of their own."""

    NAME: ClassVar = "waivers.toml"
    waiver: tuple[WaiverTable, ...]
