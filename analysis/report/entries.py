"""What the report is made of: the shapes of the document that everybody gets, as in `docs/report.schema.json`.

Times are RFC 3339 in UTC, sizes are bytes, countries are ISO 3166-1 alpha-2; None is "unknown" throughout.
"""

from typing import Any, Literal, NotRequired, TypedDict

from phonehome.analysis.firmware import FirmwareEntry
from phonehome.analysis.policy.verdict import Verdict

Encrypted = Literal["yes", "no", "mixed", "unknown"]


class IdentifierEntry(TypedDict):
    """One identifier that went to a destination."""

    kind: str
    label: str
    category: str
    certainty: str
    reason: str
    path: str
    value: str
    """As it was sent; `render.masked` masks it."""
    transmissions: int
    unencrypted: int
    delivered: int


class ExampleEntry(TypedDict):
    """One transmission of a destination."""

    time: str | None
    method: str | None
    url: str
    status: int | None
    outcome: str
    encrypted: bool | None
    flow: str


class RegistryItem(TypedDict):
    """What was found online of one address."""

    address: str
    reverse_name: str | None
    holder: str | None
    registered_country: str | None
    """Where the range is registered; not where the machine is."""
    network: str | None
    problem: str | None


class OnlineEntry(TypedDict):
    """What was found online, today, of a destination. Nothing here changes what stands beside it."""

    asked: str | None
    aliases: list[str]
    addresses_today: list[dict[str, str | None]]
    """Only for a name that the capture holds no address for: today's addresses, and their countries."""
    registry: list[RegistryItem]


class PlaceEvidence(TypedDict):
    """A piece of evidence of where a machine is."""

    kind: Literal["provider-list", "table", "edge-header", "round-trip", "name", "registry"]
    says: str
    country: str | None
    source: str
    date: str | None


class CloudEntry(TypedDict):
    provider: str
    region: str | None


class AppEntry(TypedDict):
    """An app that sent something."""

    name: str
    """As people know it; empty if only the id is known."""
    id: str
    """Package or bundle; empty if only the name is known."""
    sources: list[str]
    """By whose word: packet, process, trace, file, says (only the request itself says so)."""
    transmissions: int


class DeviceAppEntry(AppEntry):
    """The same, and all that it did."""

    hosts: list[str]
    """Names, or addresses where there is none."""
    hosts_count: int
    countries: list[str]
    """Codes of the countries of these hosts, as far as they are known."""


class DestinationEntry(TypedDict):
    """What went to one name (or address), for one purpose, in one place."""

    host: str | None
    name_candidates: list[str]
    """Where no name is certain: names that the phone had been told have this address."""
    host_sources: list[str]
    authorities: list[str]
    addresses: list[str]
    address_sources: list[str]
    ports: list[int]
    protocols: list[str]
    country: str | None
    country_name: str | None
    country_certainty: str
    country_reason: str
    anycast: bool
    scope: str | None
    local: bool
    """Whether it went to the phone's own network: the address is of one, and its name, if it has one, is local. Where a
    public name at such an address leads to is not known (a tunnel, or a resolver that makes addresses up)."""
    asn: int | None
    organisation: str | None
    cloud: CloudEntry | None
    location_sources: list[str]
    country_evidence: list[PlaceEvidence]
    """The weightiest first."""
    excluded_countries: list[str]
    """Countries that none of the addresses is in: they answered too soon."""
    bound_km: int | None
    """All of them lie within so many kilometres"""
    bound_from: str | None
    """of this place."""
    owner: str | None
    """Who runs it, by the catalogue, or else by its domain."""
    company: str | None
    """The company, by the name under which the report gathers what is its."""
    owner_country: str | None
    """Of the company's headquarters; not where the machine is."""
    owner_basis: Literal["catalogue", "domain", "hosting"] | None
    """An entry of the catalogue; the domain; or `hosting`: the name is a customer's, and the owner is not known."""
    owner_reason: str
    hosted_by: str | None
    """The company, or the domain, that gave the name to a customer."""
    domain: str | None
    """The registrable domain of the name; of a customer, its name below the hosting company's."""
    purpose: str
    purpose_label: str
    purpose_reason: str
    entry: str | None
    references: list[str]
    transmissions: int
    attempts: int
    outcome_unknown: int
    """The capture lacks what would tell whether they arrived; they count as sent."""
    acknowledged: int | None
    """How many answers say that it was accepted; None where that cannot be known."""
    bytes_sent: int
    bytes_received: int
    encrypted: Encrypted
    unencrypted: int
    encryption_unknown: int
    identifiers: list[IdentifierEntry]
    identifiers_left_out: int
    not_understood: dict[str, int]
    tls_not_opened: dict[str, int]
    """Transmissions inside TLS or QUIC that stayed closed: refused, failed, passed, no-keys."""
    examples: list[ExampleEntry]
    first: str | None
    last: str | None
    online: OnlineEntry | None
    apps: NotRequired[list[AppEntry]]
    """Apps that sent it, as far as they are known, the busiest first; absent from reports of older versions."""
    app_candidates: NotRequired[list[AppEntry]]
    """Apps of which one or several sent the rest, by a list of another tool."""


class BucketEntry(TypedDict):
    """What was sent for one purpose from `start` on, for the seconds of a bucket."""

    start: str | None
    purpose: str
    transmissions: int
    attempts: int
    unencrypted: int
    exposed: int
    """Of the unencrypted, those with identifiers of phone, SIM, account or place."""


class TimelineEntry(TypedDict):
    """When a device sent what. Only buckets with something in them; by time, then purpose."""

    bucket_seconds: int
    buckets: list[BucketEntry]


class KnownName(TypedDict):
    """A name that was looked up, and what the catalogue knows it for."""

    host: str
    purpose: str
    owner: str


class DeviceEntry(TypedDict):
    id: str
    """As the proxy tells it from others; with the capture before it if several captures have a device of that id."""
    label: str
    named: bool
    """Whether the label is the user's word."""
    captures: list[str]
    """Names of the captures that it is in."""
    joined_by: str | None
    """Why several clients are taken for one phone; None for a single one."""
    doubts: list[str]
    """What speaks against it being one phone."""
    addresses: list[str]
    model: str | None
    models: list[str]
    system: str | None
    card: NotRequired[str | None]
    """Who made its network card, by its MAC address; absent from reports of older versions."""
    builds: list[str]
    markets: list[str]
    """What those builds name; more than one contradict each other."""
    firmware: list[FirmwareEntry]
    """What is known of those builds, by their makers' word."""
    summary: str
    transmissions: int
    attempts: int
    first: str | None
    last: str | None
    destinations: list[DestinationEntry]
    names_only: list[str]
    names_only_count: int
    fingerprints: list[str]
    """In a report that is saved with masks: by these `compare` knows the phone again (`identifiers.fingerprint`)."""
    names_only_with_data: int
    """Of all that it looked up only, names with what has the form of an identifier in them."""
    names_only_known: list[KnownName]
    """Of all that it looked up only, those that the catalogue knows, the gravest purposes first."""
    timeline: TimelineEntry
    apps: NotRequired[list[DeviceAppEntry]]
    """What each app sent, the busiest first; absent from reports of older versions."""


class FileEntry(TypedDict):
    """A file that goes on with a capture."""

    path: str
    sha256: str
    bytes: int


class SaidEntry(TypedDict):
    """What a capture, or a file beside it, says of the phone that it was made of; empty is "not said"."""

    by: str
    maker: str
    model: str
    system: str
    build: str


class CaptureEntry(TypedDict):
    path: str
    """The file's name, never its path; with a number if several have that name."""
    phone: NotRequired[SaidEntry | None]
    """Absent from reports of older versions."""
    continued: NotRequired[list[FileEntry]]
    """Files that go on with it, in order, read as one with it; absent from reports of older versions."""
    copies: list[str]
    """Files with the same content, which were not read again."""
    sha256: str
    bytes: int
    transmissions: int
    repeated: int
    """Flows that an earlier capture holds as well; they count there."""
    sessions: NotRequired[list[str]]
    """Captures in other formats of the same session; what both hold counts there. Absent from reports of older
    versions."""
    replayed: int
    proxy_pages: int
    resolved_by_proxy: int
    unsent: NotRequired[int]
    """What never left the device; absent from reports of older versions."""
    first: str | None
    last: str | None
    warnings: list[str]
    damage: list[str]
    """Of the warnings, those that say that something was not read."""
    faults: int
    """Faults of this program's own, by which something was not read."""


class ErrorEntry(TypedDict):
    path: str
    error: str


class OutlierEntry(TypedDict):
    """Something that a minority of the phones of a model did."""

    model: str
    phones: int
    """How many phones named this model."""
    devices: list[str]
    """Ids of those that did it."""
    what: Literal["destination", "unencrypted"]
    """Data for a purpose to a country; or identifiers in clear text."""
    purpose: str | None
    country: str | None
    hosts: list[str]
    identifiers: list[str]
    """Labels of the kinds, for `unencrypted`."""
    text: str


class CompanyIdentifier(TypedDict):
    """A kind of identifier that a company got; counted once for each transmission and value."""

    kind: str
    label: str
    category: str
    certainty: str
    """Of the surest of them."""
    values: int
    """How many different ones."""
    transmissions: int
    unencrypted: int


class CompanyCountry(TypedDict):
    """Where machines of a company were."""

    country: str | None
    country_name: str | None
    certainty: str
    transmissions: int


class CompanyEntry(TypedDict):
    """What a company got from all devices; or a domain of which no company is known."""

    label: str
    """What to call it."""
    company: str | None
    """None: its owner is not known, or it is the phone's own network."""
    country: str | None
    """Of its headquarters."""
    hosted_by: str | None
    basis: list[str]
    devices: list[str]
    """Ids of those that it got something from."""
    hosts: list[str]
    destinations: int
    transmissions: int
    attempts: int
    """Without an answer; like `encrypted`, of what is not routine, if there is anything else."""
    unencrypted: int
    encrypted: Encrypted
    routine_transmissions: int
    """Of the transmissions, those that are routine."""
    routine_unencrypted: int
    identifiers: list[CompanyIdentifier]
    countries: list[CompanyCountry]
    purposes: list[str]
    """Of what is not routine, if there is anything else; the gravest first."""
    routine: bool
    """Whether any phone does all of it, and nothing was recognised in it that identifies this one."""
    first: str | None
    last: str | None


class CaseEntry(TypedDict):
    """What the report is made for, in the words of whoever made it (`--case`)."""

    number: str | None
    operator: str | None
    place: str | None
    phone: list[str]
    sim: list[str]
    notes: list[str]


class Document(TypedDict):
    schema: str
    captures: list[CaptureEntry]
    case: NotRequired[CaseEntry]
    """Only where `--case` was given."""
    verdict: Verdict | None
    """Whether the phones keep to a policy; None if none was given."""
    devices: list[DeviceEntry]
    companies: list[CompanyEntry]
    """What each company got, the most worrying first, routine last."""
    outliers: list[OutlierEntry]
    """What a few phones of a model did, and the others did not."""
    not_seen: dict[str, Any]
    sources: dict[str, Any]
    errors: list[ErrorEntry]
