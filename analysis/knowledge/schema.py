"""The shapes of the TOML files of knowledge: which keys there are, of what type, and what else must hold.

To add a file: a `File` here, and a line in `Knowledge` (`__init__.py`). What stands below a key is for the people who
write files; `tools/write_schemas.py` puts it into the JSON Schema that their editors show.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from ipaddress import ip_network
from itertools import islice, product
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from phonehome.analysis.knowledge.reading import KnowledgeFile, Table, Text, TextOrTexts, Texts, many, meant
from phonehome.analysis.transmission import Protocol

Code = Annotated[
    str,
    Meta(pattern="^[A-Z]{2}$", description='an ISO 3166-1 code of two capital letters, such as "NO"'),
]
Port = Annotated[int, Meta(ge=1, le=65535, description="a number from 1 to 65535")]
Asn = Annotated[int, Meta(ge=1, lt=2**32, description="the number of a network (AS), such as 16509")]
Id = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9]+(-[a-z0-9]+)*$",
        description="an id of lower-case letters and digits, in words with - between",
    ),
]
Category = Literal["hardware", "sim", "network", "location", "advertising", "software", "account"]
MaskName = Literal[
    "begin",
    "calling-code",
    "cell",
    "count",
    "email",
    "issuer",
    "maker",
    "network",
    "network-code",
    "none",
    "position",
    "type-code",
]
Protection = Literal["eea", "adequate"]

COMPRESSIONS: Final = frozenset({"gzip", "deflate", "zlib", "br", "zstd"})
"""Path segments that a field's declaration leaves out: one SDK compresses one request and not the next."""
POSITION: Final = re.compile(r"\[(0|[1-9][0-9]{0,2})\]").fullmatch
"""A path segment that is a position in a list."""

_DOMAIN: Final = re.compile(
    r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+"
).fullmatch
_PLACES: Final = ("path", "query", "header", "cookie", "body", "message", "content")
_HOST: Final = re.compile(
    r"(?:\*\.)?[a-z0-9_-]++(?:\.[a-z0-9_-]++)*+"  # a name, or all below it
    r"|[a-z0-9_-]*+\*[a-z0-9_-]*+(?:\.[a-z0-9_-]++){2,}+"  # a first label with a part left open
).fullmatch
_ALTERNATIVES: Final = re.compile(r"\{([^{}]*)\}")
MAX_ALTERNATIVES: Final = 64
"""Hosts that one pattern with alternatives can stand for."""
_VENDOR_TYPE: Final = re.compile(r"application/vnd\.[a-z0-9]").match


class Reference(Table, frozen=True):
    """What a statement rests on."""

    title: Text
    where: Text
    """URL, DOI, or repository and path."""
    section: str = ""
    """Heading, or path in the repository."""

    def mistakes(self) -> Iterator[str]:
        if len(self.title.split()) < 2 or len(self.where) < 8:
            yield "a reference has a title that says what it is, and where: URL, DOI, or repository"


SharedReferences = Annotated[
    Reference | Text | Annotated[tuple[Reference | Text, ...], Meta(min_length=1)],
    Meta(description="{ title = ..., where = ... }, a name of [references], or a list of these"),
]
References = Annotated[
    Reference | Annotated[tuple[Reference, ...], Meta(min_length=1)],
    Meta(description="{ title = ..., where = ... }, or a list of these"),
]


# --- endpoints ----------------------------------------------------------------------------------------


class FieldTable(Table, frozen=True):
    """A value that an endpoint is known to be sent."""

    path: Text
    """Where it stands, as `phonehome inspect` prints it; `*` stands for any one segment."""
    kind: Text
    """Id of a kind in identifiers.toml."""
    reason: Text
    """Why the value is that; the report prints it."""


class Payload(Table, frozen=True):
    """What several entries are sent, or one entry in several encodings."""

    at: TextOrTexts
    """Where it stands; the paths of its fields begin here."""
    fields: Annotated[tuple[FieldTable, ...], Meta(min_length=1)]

    def refers(self) -> Iterator[tuple[str, str]]:
        for item in self.fields:
            yield "kind", item.kind


class AcknowledgedTable(Table, frozen=True):
    """How an answer says that what was sent has been accepted. All that is given must hold."""

    status: Annotated[int | tuple[int, ...], Meta(description="an HTTP status, or a list of them")] = ()
    json: str = ""
    """Names with dots between that lead to the value."""
    protobuf: Annotated[int, Meta(ge=0, lt=2**29)] = 0
    """Number of a varint field of the outermost message."""
    equals: Annotated[
        str | int | bool | tuple[str | int | bool, ...],
        Meta(description="a list of texts, whole numbers, or true and false"),
    ] = ()
    """What the JSON or protobuf value may be."""
    begins: str = ""
    """What the body begins with."""

    def mistakes(self) -> Iterator[str]:
        given = bool(self.json or self.protobuf)
        if given != (self.equals != ()) or (self.json and self.protobuf):
            yield "'equals' goes with 'json' or with 'protobuf', and else not"
        elif not (self.status != () or given or self.begins):
            yield "it says how: status, json and equals, protobuf and equals, or begins"


class EndpointTable(Table, frozen=True):
    """A known endpoint. All conditions that are given must hold."""

    id: Id
    """Unique over all files."""
    owner: Text
    """Who runs it, as people would say it."""
    purpose: Text
    """Id of a purpose in purposes.toml."""
    reference: SharedReferences
    """What the entry rests on."""
    hosts: TextOrTexts = ()
    """Names in lower case; `*.maker.example` is every name below maker.example, at any depth, but neither itself nor a
    www. name; `*-log.maker.example` has the * for a part of the first label; `{a,b}.maker.example` is both."""
    path: str = ""
    """`*` is anything within one segment, `**` at the end is everything below; without the query."""
    method: str = ""
    content_type: str = ""
    """Without parameters."""
    port: Annotated[
        Port | tuple[Port, ...], Meta(description="a number from 1 to 65535, or a list of them")
    ] = ()
    protocol: Protocol | tuple[Protocol, ...] = ()
    """Not given: all but dns."""
    keys: TextOrTexts = ()
    """Names that the decoded payload must carry, all of them."""
    acknowledged: AcknowledgedTable | None = None
    example: TextOrTexts = ()
    """URLs that this entry, and no other, is to match."""
    note: str = ""
    """What a reader of the report should know."""
    fields: Annotated[
        FieldTable | Text | tuple[FieldTable | Text, ...],
        Meta(
            description="{ path = ..., kind = ..., reason = ... }, a name of [payloads], or a list of these"
        ),
    ] = ()
    """Values that it is sent."""

    def every_host(self) -> tuple[str, ...]:
        """The hosts, each of the alternatives by itself."""
        found: list[str] = []
        for host in many(self.hosts):
            found += islice(_expanded(host), MAX_ALTERNATIVES) if "{" in host else (host,)
        return tuple(found)

    def mistakes(self) -> Iterator[str]:
        for host in many(self.hosts):
            if len(list(islice(_expanded(host), MAX_ALTERNATIVES + 1))) > MAX_ALTERNATIVES:
                yield f"host {host!r} stands for more than {MAX_ALTERNATIVES} names"
        for host in self.every_host():
            if not _HOST(host):
                yield (
                    f"host {host!r} must be a name in lower case, *. before one to mean all names below it, or one * in"
                    " the first of three or more labels"
                )
        protocols = many(self.protocol)
        specific = (
            len(many(self.keys)) > 1
            or (self.port and protocols)
            or protocols == ("dns",)
            or _VENDOR_TYPE(self.content_type.lower())
        )
        if not self.hosts and not specific:
            yield (
                "without 'hosts' it takes two 'keys', or 'port' and 'protocol', or protocol dns alone, or a content"
                " type that is registered for one protocol (application/vnd...)"
            )
        if self.path and (not self.path.startswith("/") or "?" in self.path):
            yield f"path {self.path!r} must begin with / and has no query"
        if "**" in self.path.removesuffix("**"):
            yield f"path {self.path!r}: ** stands at the end only; * is for one segment"

    def claims(self) -> Iterator[tuple[object, ...]]:
        yield from super().claims()
        rest = (
            *(self.path, self.method.upper(), self.content_type.lower()),
            *(frozenset(many(value)) for value in (self.port, self.keys)),
        )
        for host in self.every_host():
            for protocol in many(self.protocol) or ("",):
                yield f"{host!r} under the same conditions", "conditions", host, protocol, rest

    def refers(self) -> Iterator[tuple[str, str]]:
        yield "purpose", self.purpose
        for item in many(self.fields):
            if isinstance(item, FieldTable):
                yield "kind", item.kind


class Endpoints(KnowledgeFile, frozen=True):
    """Who runs hosts, what for, how they say "accepted", which values they are sent."""

    NAME: ClassVar = "endpoints/*.toml"
    endpoint: tuple[EndpointTable, ...]
    references: dict[str, Reference] = field(default_factory=dict)
    """References that several entries name."""
    payloads: dict[str, Payload] = field(default_factory=dict)
    """Payloads that several entries name."""


class Purpose(Table, frozen=True):
    """What a transmission is for."""

    id: Id
    label: Text
    phrase: Text
    """As a sentence has it: "sent *activation data* to"."""
    rank: Annotated[int, Meta(ge=1, description="a whole number from 1, the worst")]
    """Order of concern, 1 is worst."""
    description: Text
    routine: bool = False
    """Whether any phone does it, so that without an identifier it is no news."""
    host_words: Texts = ()
    """Words of which one in a host's name, before the domain that is registered, looks like this purpose."""

    def claims(self) -> Iterator[tuple[object, ...]]:
        yield from super().claims()
        yield f"rank {self.rank}", "rank", self.rank
        for word in self.host_words:
            yield f"the word {word!r}", "host word", word


class Purposes(KnowledgeFile, frozen=True):
    """What transmissions are for."""

    NAME: ClassVar = "purposes.toml"
    purpose: tuple[Purpose, ...]


# --- why it matters -----------------------------------------------------------------------------------


class Matter(Table, frozen=True):
    """Why it matters that identifiers of some kinds are sent."""

    says: Text
    """A sentence or two for people who do not know the field, and no more than the reference says."""
    reference: References
    kinds: Texts = ()
    """Ids of kinds of identifiers."""
    unencrypted: bool = False
    """Whether it is about identifiers in clear text, of any kind."""

    def mistakes(self) -> Iterator[str]:
        if bool(self.kinds) is self.unencrypted:
            yield "it is about 'kinds', or about what is 'unencrypted'"

    def claims(self) -> Iterator[tuple[object, ...]]:
        yield from super().claims()
        for kind in self.kinds or ("unencrypted",):
            yield f"{kind!r}", "kind", kind

    def refers(self) -> Iterator[tuple[str, str]]:
        for kind in self.kinds:
            yield "kind", kind


class Matters(KnowledgeFile, frozen=True):
    """Why it matters that an identifier is sent."""

    NAME: ClassVar = "matters.toml"
    matter: tuple[Matter, ...]


# --- a user's case file -------------------------------------------------------------------------------


class CaseFile(KnowledgeFile, frozen=True):
    """What a report is made for, in the words of whoever makes it: `--case FILE`."""

    NAME: ClassVar = "case.toml"
    number: Text | None = None
    """The authority's or the newsroom's own number, as it is written there."""
    operator: Text | None = None
    """Who made the captures."""
    place: Text | None = None
    """Where they were made, and how the phone was connected."""
    phone: TextOrTexts = ()
    """The phone, or each of several: model, where it was bought, how it was set up."""
    sim: TextOrTexts = ()
    """The SIM cards: operator, country, contract or prepaid."""
    notes: TextOrTexts = ()
    """What else a reader must know, a paragraph each."""

    def mistakes(self) -> Iterator[str]:
        if not any(getattr(self, key) for key in self.__struct_fields__):
            yield f"it says nothing: give one of {', '.join(self.__struct_fields__)}"


# --- companies ----------------------------------------------------------------------------------------


class Company(Table, frozen=True):
    """Whose domains these are."""

    name: Text
    """As people would say it; what it is, or was, called besides, in brackets."""
    reference: SharedReferences
    country: Code | None = None
    """Of its headquarters, not of its machines. Left out: in dispute."""
    domains: Texts = ()
    """Registrable domains that it runs itself, and names below a domain of `hosting` that are its own."""
    hosting: Texts = ()
    """Names below which its customers have theirs: who the customer is, the name does not say."""

    def mistakes(self) -> Iterator[str]:
        if not (self.domains or self.hosting):
            yield "a company has 'domains', or 'hosting', or both"
        for name in (*self.domains, *self.hosting):
            if not _DOMAIN(name):
                yield f"{name!r} is not a domain: labels of lower-case letters, digits and - with dots between"

    def claims(self) -> Iterator[tuple[object, ...]]:
        yield from super().claims()
        for name in (*self.domains, *self.hosting):
            yield f"{name!r}", "domain", name

    def refers(self) -> Iterator[tuple[str, str]]:
        if self.country:
            yield "country", self.country


class CompaniesFile(KnowledgeFile, frozen=True):
    """Which company a domain belongs to, and where its headquarters are."""

    NAME: ClassVar = "companies.toml"
    company: tuple[Company, ...]
    references: dict[str, Reference] = field(default_factory=dict)
    """References that several companies name."""


# --- identifiers --------------------------------------------------------------------------------------


class KindTable(Table, frozen=True):
    """A kind of identifier."""

    id: Id
    label: Text
    """As a sentence has it: `with IMEI and cell id`."""
    category: Category
    severity: Annotated[int, Meta(ge=0, le=100, description="a whole number from 0 to 100")]
    """How much it tells, and for how long; orders a list of findings."""
    mask: MaskName
    """How it is shown by default."""
    reference: Text
    """What the entry rests on."""
    shape: re.Pattern[str]
    """Form of a value that stands under one of the names (whole value; checks do the rest)."""
    phones_only: bool = False
    """Whether only phones, and what runs on them, have such values: a request that holds one is about a phone."""
    one_phone: bool = False
    """Whether only one phone in the world has such a value: then two devices that sent it are one."""
    exclusive: Texts = ()
    """Names that mean nothing else: where the check is strong, enough for "certain"."""
    anywhere: bool = False
    """Whether these also count behind words that are not known (`partner_imei`)."""
    behind: Texts = ()
    """Names that count behind words that are not known (`kochava_device_id`), of a kind whose others do not."""
    grouped: bool = False
    """Whether it is also written in groups, in quotation marks, or several in one text: then the parts are tried."""
    names: Texts = ()
    """Names that mean this kind, alone or with the prefixes and suffixes of [normal_form]."""
    vague: Texts = ()
    """Names that may mean other things as well; one with _ is meant only if the sender marks the same words."""
    short: Texts = ()
    """Names of a few letters, which count only together with those of other kinds."""
    company: Texts = ()
    """Roles that, in the same object, make a vague name "likely"."""
    not_beside: Texts = ()
    """Roles that, in the same object, make a vague name mean something else, unless it has that role itself."""
    doubts: tuple[str, ...] = ("machine", "thing")
    """Signs (of [signs]) that make what stands beside them "possible"."""
    few: Annotated[int, Meta(ge=0, le=9, description="a whole number from 0 to 9")] = 0
    """More different ones than this in one list are of others; 0 if that is not so."""
    not_in: Texts = ()
    """First segments of the path where the names mean something else."""
    only_in: Texts = ()
    """First segments of the path outside of which the names mean something else; empty: all."""
    never: Texts = ()
    """Values that identify nobody, besides those of [values]."""
    prefixes: Texts = ()
    """What a value begins with."""
    current: Texts = ()
    """Those of the prefixes that are in use today: with these a check proves more."""
    not_beginning: Texts = ()
    """First words of a value that is something else."""
    not_ending: Texts = ()
    """Last words of a value that is something else."""
    special: re.Pattern[str] | None = None
    """Form that hardly anything else has; then vague names count only with such a value."""
    wide: re.Pattern[str] | None = None
    """Form of other values that are of this kind under exclusive names: ids as makers and programs make them."""
    alone: re.Pattern[str] | None = None
    """Form that is specific enough to be "possible" without a name."""
    alone_words: Texts = ()
    """Words of names under which a value of that form is worth a doubt, beside names of three letters; empty: any."""
    alone_lengths: tuple[int, ...] = ()
    """Characters that a value of that form can have."""
    alone_part: str = ""
    """What a value of that form always has."""

    def mistakes(self) -> Iterator[str]:
        one, two, three = (
            frozenset(map(normal, names)) for names in (self.exclusive, self.names, self.vague)
        )
        for name in sorted((one & two) | (one & three) | (two & three)):
            yield f"the name {name!r} stands under two of 'exclusive', 'names' and 'vague'"

    def claims(self) -> Iterator[tuple[object, ...]]:
        yield from super().claims()
        for name in dict.fromkeys(map(normal, self.exclusive)):
            yield f"the exclusive name {name!r}", "exclusive", name

    def refers(self) -> Iterator[tuple[str, str]]:
        for role in (*self.company, *self.not_beside):
            yield "role", role


class NormalForm(Table, frozen=True):
    """Words around names."""

    prefixes: Texts
    suffixes: Texts
    carriers: Texts
    """Names that say nothing themselves: the name one step further up is taken."""
    joined: Texts
    """Names that say something together with the one above: `user` and `id`."""
    reference: Text


class NoValues(Table, frozen=True):
    """Values that identify nobody."""

    never: tuple[str, ...]
    """In lower case."""
    reference: Text


class Roles(Table, frozen=True):
    """Names of parts of what is an identifier only together."""

    reference: Text
    latitude: Texts = ()
    longitude: Texts = ()
    latitude_e7: Texts = ()
    longitude_e7: Texts = ()
    coordinates: Texts = ()
    coordinates_text: Texts = ()
    coordinates_vague: Texts = ()
    longitude_first: Texts = ()
    cell_id: Texts = ()
    cell_id_vague: Texts = ()
    cell_area: Texts = ()
    cell_mcc: Texts = ()
    cell_mnc: Texts = ()
    cell_system: Texts = ()
    cell_network: Texts = ()
    cell_signal: Texts = ()
    cell_text: Texts = ()
    signal: Texts = ()
    device_description: Texts = ()
    device_model: Texts = ()
    maker_ids: Texts = ()
    packages: Texts = ()
    access_points: Texts = ()
    contacts: Texts = ()
    useragent: Texts = ()


class TongueWords(Table, frozen=True):
    """Names in other languages."""

    english: Texts
    """Words that names in any language may hold."""
    words: dict[str, Texts]
    """English word or phrase, to words of other languages; empty for those that say nothing."""
    reference: Text


class AgentPatterns(Table, frozen=True):
    """What user agents say of the device: the last group that fits is the value."""

    model: re.Pattern[str]
    build: re.Pattern[str]
    never: Texts
    """What stands there and is none, in lower case."""
    reference: Text


class Elsewhere(Table, frozen=True):
    """Words that say whether an object describes the device and its user, or something or somebody else."""

    words: Texts
    """For something or somebody else, in the singular."""
    own: Texts
    """For the device and its user."""
    neutral: Texts
    """For parts of a message, and for what all things have: they say of nothing whose it is."""
    frames: Texts
    """Last words of names of messages, whatever stands before them: `weatherRequest`."""
    describing: Texts
    """Behind one of `words`, these make a name that says what an object describes: `store_id`."""
    types: Texts
    """Names under which the kind of a thing stands: `type`."""
    reference: Text


class Signs(Table, frozen=True):
    """Names that stand beside a value, and say that it is not the device's."""

    machine: Texts
    """Of another machine that may have a SIM of its own: not even a number with a check digit is then the phone's."""
    thing: Texts
    """Of another thing, person or message."""
    place: Texts
    """Of a place, unless the device is described beside it."""
    track: Texts
    """Of a way: then several positions are one device's."""
    listing: Texts
    """Of an app that is offered."""
    campaign: Texts
    """Of an advertisement."""
    reference: Text


class IdentifierNames(KnowledgeFile, frozen=True):
    """Kinds of identifiers, and the names and shapes by which they are known."""

    NAME: ClassVar = "identifiers.toml"
    kind: tuple[KindTable, ...]
    normal_form: NormalForm
    values: NoValues
    roles: Roles
    tongues: TongueWords
    traits: dict[str, Texts]
    """Properties that together tell devices apart, as people call them, and their names in traffic."""
    user_agent: AgentPatterns
    elsewhere: Elsewhere
    signs: Signs


class Header(Table, frozen=True):
    """A header that is not decoded, because what stands in it says nothing of the phone or its owner."""

    name: Annotated[str, Meta(pattern="^[a-z0-9-]+$", description="the name of a header in lower case")]
    reason: Text
    reference: Text


class Headers(KnowledgeFile, frozen=True):
    """Headers that are not decoded."""

    NAME: ClassVar = "headers.toml"
    header: tuple[Header, ...]


# --- phones -------------------------------------------------------------------------------------------


class System(Table, frozen=True):
    """What a user agent says of a phone's system."""

    pattern: re.Pattern[str]
    """Searched in the user agent; has a group `android`, `ios` or `darwin` (Apple's kernel), which is the version."""
    example: Text
    reference: References

    def mistakes(self) -> Iterator[str]:
        if len(self.pattern.groupindex) != 1 or not self.pattern.groupindex.keys() <= {
            "android",
            "ios",
            "darwin",
        }:
            yield "'pattern' has one named group, android, ios or darwin"
        yield from _unread(self.pattern, self.example)


class NotModels(Table, frozen=True):
    """What stands where a model would, and is none."""

    names: Texts
    """In lower case."""
    reference: References


class Darwin(Table, frozen=True):
    """The version of iOS that a version of Apple's kernel came with."""

    major: Text
    ios: Text


class Darwins(Table, frozen=True):
    """The versions of Apple's kernel."""

    version: tuple[Darwin, ...]
    reference: References


class DevicesFile(KnowledgeFile, frozen=True):
    """What phones say of themselves."""

    NAME: ClassVar = "devices.toml"
    user_agent: tuple[System, ...]
    not_models: NotModels
    darwin: Darwins


class AppHeader(Table, frozen=True):
    """A header whose value is the id of the app that sends it."""

    name: Annotated[str, Meta(pattern="^[a-z0-9-]+$", description="a name in lower case")]
    reference: References


class AppUserAgent(Table, frozen=True):
    """What a user agent says of the app that sends it."""

    pattern: re.Pattern[str]
    """Searched in the user agent; its groups are `id` (package or bundle) and `name`."""
    example: Text
    reference: References
    app: str = ""
    """Name of the app, where such a user agent always means this one"""
    app_id: str = ""
    """and its id."""

    def mistakes(self) -> Iterator[str]:
        if not self.pattern.groupindex.keys() <= {"id", "name"} or not (self.pattern.groupindex or self.app):
            yield "'pattern' has the groups id and name, one of them or both; without them there is 'app'"
        yield from _unread(self.pattern, self.example)


class AppField(Table, frozen=True):
    """Names under which some hosts get the id of the app."""

    hosts: Annotated[Texts, Meta(min_length=1)]
    """As in endpoints: `*.` stands for whatever is before."""
    keys: Annotated[Texts, Meta(min_length=1)]
    reference: References

    def mistakes(self) -> Iterator[str]:
        for host in self.hosts:
            if _HOST(host) is None:
                yield f"{host!r} is no host name in lower case, with '*.' before it or not"


class AppsFile(KnowledgeFile, frozen=True):
    """What requests say of the app that sent them."""

    NAME: ClassVar = "apps.toml"
    header: tuple[AppHeader, ...]
    user_agent: tuple[AppUserAgent, ...]
    field: tuple[AppField, ...]


class Numbering(Table, frozen=True):
    """How a maker numbers builds."""

    id: Id
    name: Text
    pattern: re.Pattern[str]
    """Searched in a build or a fingerprint; its groups are `market`, `release`, `version` and `service_pack`."""
    examples: Annotated[Texts, Meta(min_length=1)]
    reference: References

    def mistakes(self) -> Iterator[str]:
        if self.pattern.groupindex.keys() != {"market", "release", "version", "service_pack"}:
            yield "'pattern' has the groups market, release, version and service_pack"
        yield from _unread(self.pattern, *self.examples)


class Market(Table, frozen=True):
    """A market that phones are made for."""

    code: Annotated[str, Meta(pattern="^[A-Z]{2,3}$", description="two or three capital letters")]
    name: Text
    reference: References


class Markets(KnowledgeFile, frozen=True):
    """How builds are numbered, and the markets that they name."""

    NAME: ClassVar = "markets.toml"
    numbering: tuple[Numbering, ...]
    market: tuple[Market, ...]


class FixTable(Table, frozen=True):
    """What a maker said of builds: which of them carry a fix."""

    id: Id
    what: Text
    by: Text
    """Whose statement it is."""
    phone: Text
    models: Texts
    """Patterns (`*`) of the models that are meant."""
    products: Texts
    """Patterns (`*`) of the fingerprints that are meant."""
    numbering: Text
    """Id of a numbering in markets.toml."""
    builds: Texts
    """Build numbers that carry it."""
    reference: References

    def refers(self) -> Iterator[tuple[str, str]]:
        yield "numbering", self.numbering


class Firmware(KnowledgeFile, frozen=True):
    """What makers said of builds."""

    NAME: ClassVar = "firmware.toml"
    fix: tuple[FixTable, ...]


# --- countries and addresses --------------------------------------------------------------------------


class OtherCountry(Table, frozen=True):
    """A code that is not assigned, but that tables use."""

    name: Text
    reference: Text


class CountryNames(KnowledgeFile, frozen=True):
    """Country codes, and the names that people read."""

    NAME: ClassVar = "countries.toml"
    reference: Text
    article: tuple[Code, ...]
    """Those whose names take an article in a sentence."""
    assigned: dict[Code, Text]
    other: dict[Code, OtherCountry]

    def mistakes(self) -> Iterator[str]:
        for code in self.article:
            if code not in self.assigned and code not in self.other:
                yield f"'article': there is no country {code!r}"


class CountryStatus(Table, frozen=True):
    """Whether data of people in the EEA may go to a country without a further safeguard, and when."""

    code: Code
    status: Protection
    since: date
    reference: SharedReferences
    until: date | None = None
    """First day on which it no longer was so."""
    condition: str = ""
    """Which recipients it covers, if not all."""

    def mistakes(self) -> Iterator[str]:
        if self.until is not None and self.until <= self.since:
            yield "'until' must be after 'since'"

    def claims(self) -> Iterator[tuple[object, ...]]:
        yield f"{self.status} since {self.since}", "status", self.code, self.status, self.since

    def refers(self) -> Iterator[tuple[str, str]]:
        yield "country", self.code


class Recipient(Table, frozen=True):
    """Who had joined a framework on which the adequacy of a country depends, as far as somebody looked. Who is not
    named may have joined as well."""

    country: Code
    name: Text
    """As it stands on the list."""
    owners: Annotated[Texts, Meta(min_length=1)]
    """The same, as the catalogue names owners."""
    networks: Annotated[tuple[Asn, ...], Meta(min_length=1)]
    """Its own: a name alone is what the phone said."""
    since: date
    checked: date
    """The last day for which that is known."""
    reference: References

    def mistakes(self) -> Iterator[str]:
        if self.checked < self.since:
            yield "'checked' must not be before 'since'"

    def claims(self) -> Iterator[tuple[object, ...]]:
        yield f"{self.name} since {self.since}", "recipient", self.country, self.name, self.since

    def refers(self) -> Iterator[tuple[str, str]]:
        yield "country", self.country


class Transfers(KnowledgeFile, frozen=True):
    """Which countries data may go to, and since when."""

    NAME: ClassVar = "transfers.toml"
    country: tuple[CountryStatus, ...]
    recipient: tuple[Recipient, ...] = ()
    references: dict[str, Reference] = field(default_factory=dict)


class Prefixed(Table, frozen=True):
    """Ranges of addresses. The most specific prefix decides."""

    prefixes: Annotated[Texts, Meta(min_length=1)]
    reference: Text

    def mistakes(self) -> Iterator[str]:
        for prefix in self.prefixes:
            try:
                ip_network(prefix)
            except ValueError as error:
                yield f"'prefixes': {error}"

    def claims(self) -> Iterator[tuple[object, ...]]:
        for prefix in self.prefixes:
            yield f"the prefix {prefix}", "prefix", ip_network(prefix)


class Special(Prefixed, frozen=True):
    """Addresses that are not of the public internet."""

    scope: Text
    """The short word."""
    meaning: str
    """The clause that people read."""


class LocalNames(Table, frozen=True):
    """Endings of names that the public name system knows nothing of, without a dot before."""

    endings: Texts
    reference: Text


class SpecialAddresses(KnowledgeFile, frozen=True):
    """Addresses that are not of the public internet, and names that are not."""

    NAME: ClassVar = "special_addresses.toml"
    special: tuple[Special, ...]
    local_names: tuple[LocalNames, ...]


class SpreadRange(Prefixed, frozen=True):
    """Addresses that answer from many places at once."""

    what: Text
    anycast: ClassVar = True


class SpreadCloud(Table, frozen=True):
    """What the cloud table says of addresses that are of no one place."""

    provider: Text
    """Key of a provider in cloud_regions.toml."""
    what: Text
    reference: Text
    anycast: bool
    region: str = ""
    """Not given: any."""
    service: str = ""
    """Not given: any."""

    def claims(self) -> Iterator[tuple[object, ...]]:
        yield (
            f"{self.provider} {self.region} {self.service}".strip(),
            "cloud",
            self.provider,
            self.region,
            self.service,
        )

    def refers(self) -> Iterator[tuple[str, str]]:
        yield "provider", self.provider


class Anycast(KnowledgeFile, frozen=True):
    """Addresses that no one country can be told of."""

    NAME: ClassVar = "anycast.toml"
    range: tuple[SpreadRange, ...]
    cloud: tuple[SpreadCloud, ...]
    """The first that fits decides."""


class SpreadNetwork(Table, frozen=True):
    """A network with servers in many countries: no table's country is more than uncertain there."""

    holder: Text
    asns: Annotated[tuple[Asn, ...], Meta(min_length=1)]
    reason: Text
    reference: Text

    def claims(self) -> Iterator[tuple[object, ...]]:
        for asn in self.asns:
            yield f"AS{asn}", "AS", asn


class Filler(Table, frozen=True):
    """Address space that no network announces, but to which the country table gives a country."""

    ip_version: Literal[4, 6]
    reason: Text
    reference: Text

    def claims(self) -> Iterator[tuple[object, ...]]:
        yield f"IPv{self.ip_version}", "IP", self.ip_version


class Networks(KnowledgeFile, frozen=True):
    """Networks that no table's country can be trusted for."""

    NAME: ClassVar = "networks.toml"
    spread: tuple[SpreadNetwork, ...]
    filler: tuple[Filler, ...]


class Provider(Table, frozen=True):
    """A cloud provider that publishes its ranges."""

    name: Text
    table: Text
    """What its list of ranges is called."""
    reference: str


PlaceCodes = Literal["iata", "unlocode", "country", "own"]


class CloudRange(Table, frozen=True):
    """A range that a provider publishes."""

    provider: Text
    """Key of a provider in cloud_regions.toml."""
    region: str = ""
    """Not given: any."""
    service: str = ""
    """Not given: any."""

    def refers(self) -> Iterator[tuple[str, str]]:
        yield "provider", self.provider


class PlaceWord(Table, frozen=True):
    """A text in which a network names a place."""

    network: Text
    """Whose word it is."""
    pattern: re.Pattern[str]
    """Searched in the text; its group `place` is the code."""
    codes: PlaceCodes
    """What the code is: an airport (IATA), a UN/LOCODE, a country (ISO 3166-1), or the network's own."""
    reference: Text
    example: Text
    places: dict[str, Code] = field(default_factory=dict)
    """Codes of the network's own and their countries, lower case; asked before the codes' system."""
    asns: tuple[Asn, ...] = ()
    """Networks whose addresses the word counts for. From elsewhere it is a hint that anybody could write."""
    clouds: tuple[CloudRange, ...] = ()
    """Ranges whose addresses it counts for."""
    which: Literal["first", "last"] = "first"
    """Of several codes in the text, the one that stands for the place that answered."""

    def mistakes(self) -> Iterator[str]:
        if "place" not in self.pattern.groupindex:
            yield "'pattern' has no group (?P<place>...)"
        elif self.read(self.example) is None:
            yield "'pattern' does not fit the example"
        if self.codes == "own" and not self.places:
            yield "'places' must say where the network's own codes are"

    def refers(self) -> Iterator[tuple[str, str]]:
        for cloud in self.clouds:
            yield from cloud.refers()
        for code in self.places.values():
            yield "country", code

    def read(self, text: str) -> str | None:
        """The code, lower case; None if there is none."""
        found = list(self.pattern.finditer(text))
        if not found:
            return None
        place: str = found[-1 if self.which == "last" else 0]["place"]
        return place.lower()

    def is_of(self, asn: int | None, provider: str, region: str, service: str) -> bool:
        """Whether an address with this AS number, or in this cloud range, is the network's."""
        return asn in self.asns or any(
            cloud.provider == provider and cloud.region in ("", region) and cloud.service in ("", service)
            for cloud in self.clouds
        )


class EdgeHeader(PlaceWord, frozen=True, kw_only=True):
    """A header of a response in which a content network names the place that answered."""

    header: Annotated[str, Meta(pattern="^[a-z0-9-]+$", description="a header's name, lower case")]

    def claims(self) -> Iterator[tuple[object, ...]]:
        yield f"{self.network}'s {self.header}", "edge", self.network, self.header


class EdgeHeaders(KnowledgeFile, frozen=True):
    """What content networks say of the place that answered, in the headers of a response."""

    NAME: ClassVar = "edges.toml"
    edge: tuple[EdgeHeader, ...]


class ServiceName(Table, frozen=True):
    """A name of a service in which a cloud provider names the region."""

    provider: Text
    """Key of a provider in cloud_regions.toml."""
    pattern: re.Pattern[str]
    """Searched in the name; its group `region` is the region, as in cloud_regions.toml."""
    reference: Text
    example: Text

    def mistakes(self) -> Iterator[str]:
        if "region" not in self.pattern.groupindex or not self.pattern.search(self.example):
            yield "'pattern' must fit the example and have a group (?P<region>...)"

    def refers(self) -> Iterator[tuple[str, str]]:
        yield "provider", self.provider


class Endings(Table, frozen=True):
    """Ends of names."""

    not_countries: Texts
    """Of countries, but taken for their sound."""
    reference: Text


class PlaceNames(KnowledgeFile, frozen=True):
    """Names in which their holders say where a machine is."""

    NAME: ClassVar = "place_names.toml"
    service: tuple[ServiceName, ...]
    reverse: tuple[PlaceWord, ...]
    """Names of addresses (PTR)."""
    endings: Endings


class RegionGroup(Table, frozen=True):
    """Where regions of a provider are."""

    provider: Text
    reference: Text
    regions: dict[str, Code]

    def claims(self) -> Iterator[tuple[object, ...]]:
        for region in self.regions:
            yield f"the region {region} of {self.provider}", "region", self.provider, region

    def refers(self) -> Iterator[tuple[str, str]]:
        yield "provider", self.provider
        for code in self.regions.values():
            yield "country", code


class Zones(Table, frozen=True):
    """Zones that a provider runs abroad under the name of a region."""

    provider: Text
    reference: Text
    regions: dict[str, tuple[Code, ...]]

    def refers(self) -> Iterator[tuple[str, str]]:
        yield "provider", self.provider
        for codes in self.regions.values():
            for code in codes:
                yield "country", code


class CloudRegions(KnowledgeFile, frozen=True):
    """Where the regions of cloud providers are."""

    NAME: ClassVar = "cloud_regions.toml"
    provider: dict[str, Provider]
    group: tuple[RegionGroup, ...]
    zones: tuple[Zones, ...]


def named_references(
    given: Reference | str | tuple[Reference | str, ...],
    shared: Mapping[str, Reference],
    wrong: Callable[[str], None],
) -> tuple[Reference, ...]:
    """References, some of which are names of shared ones (`NAME`, or `NAME > section`)."""
    found = []
    for item in many(given):
        name, _, section = item.partition(" > ") if isinstance(item, str) else ("", "", "")
        if isinstance(item, Reference):
            found.append(item)
        elif name in shared:
            found.append(replace(shared[name], section=section) if section else shared[name])
        else:
            wrong(f"'reference': no {name!r} in [references] of this file{meant(name, shared)}")
    return tuple(found)


def _expanded(host: str) -> Iterator[str]:
    """A host with each of its alternatives."""
    pieces = _ALTERNATIVES.split(host)  # literal, alternatives, literal, ...
    choices = [piece.split(",") if at % 2 else [piece] for at, piece in enumerate(pieces)]
    return map("".join, product(*choices))


def normal(name: str) -> str:
    """A name of a value in its normal form, letters and digits only, lower case; with its _ if it is written so."""
    return name if "_" in name else compact(name)


def compact(name: str) -> str:
    """Letters and digits only, lower case."""
    return _SEPARATORS.sub("", name).lower()


_SEPARATORS: Final = re.compile(r"[^0-9A-Za-z]+")


def _unread(pattern: re.Pattern[str], *examples: str) -> Iterator[str]:
    for example in examples:
        if not pattern.search(example):
            yield f"'pattern' does not fit the example {example!r}"
