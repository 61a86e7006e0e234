"""What locating an address gives: country and network, with the table that said so and its doubts."""

from dataclasses import dataclass
from typing import Literal

CountryCertainty = Literal["certain", "likely", "uncertain", "unknown", "not-applicable"]
"""`certain`: the provider publishes the region of this range. `likely`: a geolocation table says so.
`uncertain`: a table says so, but the address is anycast, or in a network with servers everywhere. `unknown`:
no table knows it. `not-applicable`: not an address on the internet (private, loopback, multicast, ...)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table that an answer rests on."""

    name: str
    """`DB-IP IP to Country Lite`, `AWS ip-ranges`, or the file name of a user's own database."""
    date: str
    """Day of the data, `YYYY-MM-DD`; `` if the table does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where an address is, as far as tables know. None is "unknown", never a guess."""

    address: str
    country: str | None = None
    """Of the machine; ISO 3166-1 alpha-2."""
    country_certainty: CountryCertainty = "unknown"
    reason: str = ""
    """Why this country, and why not surer: one clause for people."""
    asn: int | None = None
    organisation: str | None = None
    """Holder of the AS."""
    cloud_provider: str | None = None
    """`AWS`, `Google Cloud`, ... as in `catalogue/cloud_regions.toml`."""
    cloud_region: str | None = None
    """The provider's own name of it: `ap-southeast-1`."""
    scope: str = "global"
    """`global`, or what else the address is: `private`, `loopback`, `link-local`, `multicast`, ... as in
    `catalogue/special_addresses.toml`."""
    anycast: bool = False
    """Whether it answers from many places; the country is then only what a table says."""
    sources: tuple[Source, ...] = ()
