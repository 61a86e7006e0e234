"""What is known of addresses beside the tables: special ones, anycast, networks with servers everywhere, clouds."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from phonehome.analysis.places.prefixes import PrefixTable


@dataclass(frozen=True, slots=True)
class Special:
    """Addresses that are not of the public internet."""

    scope: str
    meaning: str
    reference: str


@dataclass(frozen=True, slots=True)
class Spread:
    """Addresses that no one country can be told of: they answer from many places, or may."""

    what: str
    anycast: bool
    reference: str
    provider: str = ""
    region: str = ""
    """`` is any."""
    service: str = ""
    """`` is any."""


@dataclass(frozen=True, slots=True)
class SpreadNetwork:
    """A network with servers in many countries: no table's country is more than uncertain there."""

    holder: str
    reason: str
    reference: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A cloud provider that publishes its ranges."""

    name: str
    table: str
    reference: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """All of it, to look up."""

    special: PrefixTable[Special]
    local_endings: frozenset[str]
    """Endings of names that the public name system knows nothing of, such as `local`; without a dot."""
    spread_ranges: PrefixTable[Spread]
    spread_clouds: tuple[Spread, ...]
    spread_networks: Mapping[int, SpreadNetwork]
    """By AS number."""
    filler: Mapping[int, str]
    """By IP version: why the country table's answer for an unannounced address is worth nothing."""
    providers: Mapping[str, Provider]
    """By the key that the cloud table has."""
    region_countries: Mapping[tuple[str, str], str]
    """(provider, region) as in the cloud table -> country."""

    def spread_cloud(self, provider: str, region: str, service: str) -> Spread | None:
        """The first entry that fits what the cloud table says of an address."""
        for entry in self.spread_clouds:
            if entry.provider == provider and entry.region in ("", region) and entry.service in ("", service):
                return entry
        return None

    def provider(self, key: str) -> Provider:
        """The provider that the cloud table calls `key`; one that is not in the catalogue goes by its key."""
        return self.providers.get(key) or Provider(key, key, "")


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((resources.files("phonehome.analysis.knowledge") / name).read_text(encoding="utf-8"))


def read() -> Addresses:
    """What the files say."""
    special = _load("special_addresses.toml")
    anycast = _load("anycast.toml")
    networks = _load("networks.toml")
    clouds = _load("cloud_regions.toml")
    return Addresses(
        special=PrefixTable(
            (prefix, Special(entry["scope"], entry["meaning"], entry["reference"]))
            for entry in special["special"]
            for prefix in entry["prefixes"]
        ),
        local_endings=frozenset(ending for entry in special["local_names"] for ending in entry["endings"]),
        spread_ranges=PrefixTable(
            (prefix, Spread(entry["what"], True, entry["reference"]))
            for entry in anycast["range"]
            for prefix in entry["prefixes"]
        ),
        spread_clouds=tuple(
            Spread(
                entry["what"],
                entry["anycast"],
                entry["reference"],
                entry["provider"],
                entry.get("region", ""),
                entry.get("service", ""),
            )
            for entry in anycast["cloud"]
        ),
        spread_networks={
            asn: SpreadNetwork(entry["holder"], entry["reason"], entry["reference"])
            for entry in networks["spread"]
            for asn in entry["asns"]
        },
        filler={entry["ip_version"]: entry["reason"] for entry in networks["filler"]},
        providers={
            key: Provider(entry["name"], entry["table"], entry["reference"])
            for key, entry in clouds["provider"].items()
        },
        region_countries={
            (group["provider"], region): country
            for group in clouds["group"]
            for region, country in group["regions"].items()
        },
    )


def country_name(code: str) -> str:
    """English name of the country with this ISO 3166-1 alpha-2 code; the code itself if it is not known."""
    from phonehome.analysis.knowledge import shipped

    return shipped().countries.name(code)
