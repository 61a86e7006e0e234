"""What locating an address gives: country and network, what they rest on, and what speaks against them."""

from dataclasses import dataclass
from typing import Literal

from phonehome.analysis.places.distances import Point

CountryCertainty = Literal["certain", "likely", "uncertain", "unknown", "not-applicable"]
"""`certain`: the provider's list of that time says so, or the edge that answered, in a range that is its network's.
`likely`: a table of that time says so, for a network that has its machines in one place, and nothing contradicts it.
`uncertain`: there is an answer, and doubt. `unknown`: there is none. `not-applicable`: not an address on the internet
(private, loopback, multicast, ...)."""

EvidenceKind = Literal["provider-list", "table", "edge-header", "round-trip", "name", "registry"]


@dataclass(frozen=True, slots=True)
class TableName:
    """A table that an answer rests on."""

    name: str
    """`DB-IP IP to Country Lite`, `AWS ip-ranges`, or the file name of a user's own database."""
    date: str
    """Day of the data, `YYYY-MM-DD`; `` if the table does not say."""


@dataclass(frozen=True, slots=True)
class LocationEvidence:
    """A piece of evidence of where a machine is."""

    kind: EvidenceKind
    says: str
    """A clause for people."""
    country: str | None
    """That it names; None if it names none (a round trip excludes)."""
    source: str
    """Table, list, network or measurement."""
    date: str | None
    """Day that it speaks of, `YYYY-MM-DD`; None if it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where an address is, as far as is known. None is "unknown", never a guess."""

    address: str
    country: str | None = None
    """Of the machine that answered; ISO 3166-1 alpha-2."""
    country_certainty: CountryCertainty = "unknown"
    reason: str = ""
    """Why this country, and why not surer: one clause for people."""
    asn: int | None = None
    organisation: str | None = None
    """Holder of the AS."""
    cloud_provider: str | None = None
    """`AWS`, `Google Cloud`, ... as in `cloud_regions.toml`."""
    cloud_region: str | None = None
    """The provider's own name of it: `ap-southeast-1`."""
    scope: str = "global"
    """`global`, or what else the address is: `private`, `loopback`, `link-local`, `multicast`, ... as in
    `special_addresses.toml`."""
    anycast: bool = False
    """Whether it answers from many places; the country is then that of the one that answered, if anything says so."""
    sources: tuple[TableName, ...] = ()
    evidence: tuple[LocationEvidence, ...] = ()
    """All that was weighed, the weightiest first."""
    excluded: frozenset[str] = frozenset()
    """Countries that it is not in, because it answered too soon."""
    bound_km: float | None = None
    """It is within so many kilometres"""
    bound_from: str | None = None
    """of this place."""
    at: Point | str | None = None
    """The place, or the country, of a location that is certain: others are measured from it."""
