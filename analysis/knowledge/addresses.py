"""What is known of addresses beside the tables: the entries of the catalogue, read once.

Special addresses, anycast ranges, weak networks, cloud providers and names of countries are TOML in
this folder, each entry with its reference; this module gives them types.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
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
class Weak:
    """A network whose countries tables are known to get wrong."""

    holder: str
    reliable_in: frozenset[str]
    """Countries for which they get it right."""
    reason: str
    reference: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A cloud provider that publishes its ranges."""

    name: str
    table: str
    reference: str


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((resources.files("phonehome.analysis.knowledge") / name).read_text(encoding="utf-8"))


@cache
def special_addresses() -> PrefixTable[Special]:
    return PrefixTable(
        (prefix, Special(entry["scope"], entry["meaning"], entry["reference"]))
        for entry in _load("special_addresses.toml")["special"]
        for prefix in entry["prefixes"]
    )


@cache
def local_endings() -> frozenset[str]:
    """Endings of names that the public name system knows nothing of, such as `local`; without a dot."""
    return frozenset(
        ending for entry in _load("special_addresses.toml")["local_names"] for ending in entry["endings"]
    )


@cache
def _anycast() -> dict[str, Any]:
    return _load("anycast.toml")


@cache
def spread_ranges() -> PrefixTable[Spread]:
    return PrefixTable(
        (prefix, Spread(entry["what"], True, entry["reference"]))
        for entry in _anycast()["range"]
        for prefix in entry["prefixes"]
    )


@cache
def spread_cloud(provider: str, region: str, service: str) -> Spread | None:
    """The first entry that fits what the cloud table says of an address."""
    for entry in _spread_cloud_entries():
        if entry.provider == provider and entry.region in ("", region) and entry.service in ("", service):
            return entry
    return None


@cache
def _spread_cloud_entries() -> tuple[Spread, ...]:
    return tuple(
        Spread(
            entry["what"],
            entry["anycast"],
            entry["reference"],
            entry["provider"],
            entry.get("region", ""),
            entry.get("service", ""),
        )
        for entry in _anycast()["cloud"]
    )


@cache
def weak_networks() -> dict[int, Weak]:
    """By AS number."""
    return {
        entry["asn"]: Weak(entry["holder"], frozenset(entry["except"]), entry["reason"], entry["reference"])
        for entry in _load("networks.toml")["weak"]
    }


@cache
def filler(version: int) -> str | None:
    """Why the country table's answer for an unannounced address of that IP version is worth nothing; None if
    it is worth something."""
    for entry in _load("networks.toml")["filler"]:
        if entry["ip_version"] == version:
            reason: str = entry["reason"]
            return reason
    return None


@cache
def _clouds() -> dict[str, Any]:
    return _load("cloud_regions.toml")


@cache
def provider(key: str) -> Provider:
    """The provider that the cloud table calls `key`; one that is not in the catalogue goes by its key."""
    entry = _clouds()["provider"].get(key)
    if entry is None:
        return Provider(key, key, "")
    return Provider(entry["name"], entry["table"], entry["reference"])


@cache
def region_countries() -> dict[tuple[str, str], str]:
    """(provider, region) as in the cloud table -> country."""
    return {
        (group["provider"], region): country
        for group in _clouds()["group"]
        for region, country in group["regions"].items()
    }


@cache
def _countries() -> dict[str, str]:
    data = _load("countries.toml")
    return {**data["assigned"], **{code: entry["name"] for code, entry in data["other"].items()}}


def country_codes() -> dict[str, str]:
    """Codes, ISO 3166-1 alpha-2, by English name."""
    return {name: code for code, name in _countries().items()}


def country_name(code: str) -> str:
    """English name of the country with this ISO 3166-1 alpha-2 code; the code itself if it is not known."""
    return _countries().get(code.upper(), code)
