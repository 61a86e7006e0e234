"""What is known of addresses beside the tables: special ones, anycast, networks with servers everywhere, clouds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from phonehome.analysis.knowledge.schema import (
    Anycast,
    CloudRegions,
    Networks,
    Prefixed,
    Provider,
    Special,
    SpecialAddresses,
    SpreadCloud,
    SpreadNetwork,
    SpreadRange,
)
from phonehome.analysis.places.prefixes import PrefixTable


@dataclass(frozen=True, slots=True)
class Addresses:
    """All of it, to look up."""

    special: PrefixTable[Special]
    local_endings: frozenset[str]
    """Endings of names that the public name system knows nothing of, such as `local`; without a dot."""
    spread_ranges: PrefixTable[SpreadRange]
    spread_clouds: tuple[SpreadCloud, ...]
    spread_networks: Mapping[int, SpreadNetwork]
    """By AS number."""
    filler: Mapping[int, str]
    """By IP version: why the country table's answer for an unannounced address is worth nothing."""
    providers: Mapping[str, Provider]
    """By the key that the cloud table has."""
    region_countries: Mapping[tuple[str, str], str]
    """(provider, region) as in the cloud table -> country."""
    abroad: Mapping[tuple[str, str], frozenset[str]]
    """(provider, region) -> countries in which the provider runs zones under the name of that region."""

    def spread_cloud(self, provider: str, region: str, service: str) -> SpreadCloud | None:
        """The first entry that fits what the cloud table says of an address."""
        for entry in self.spread_clouds:
            if entry.provider == provider and entry.region in ("", region) and entry.service in ("", service):
                return entry
        return None

    def provider(self, key: str) -> Provider:
        """The provider that the cloud table calls `key`; one that is not in the catalogue goes by its key."""
        return self.providers.get(key) or Provider(name=key, table=key, reference="")

    @classmethod
    def of(
        cls,
        special: SpecialAddresses,
        anycast: Anycast,
        networks: Networks,
        clouds: CloudRegions,
    ) -> Self:
        """What the files say."""
        return cls(
            special=_prefixes(special.special),
            local_endings=frozenset(ending for names in special.local_names for ending in names.endings),
            spread_ranges=_prefixes(anycast.range),
            spread_clouds=anycast.cloud,
            spread_networks={asn: network for network in networks.spread for asn in network.asns},
            filler={filler.ip_version: filler.reason for filler in networks.filler},
            providers=clouds.provider,
            region_countries={
                (group.provider, region): country
                for group in clouds.group
                for region, country in group.regions.items()
            },
            abroad=_abroad(clouds),
        )


def _prefixes[T: Prefixed](tables: tuple[T, ...]) -> PrefixTable[T]:
    # A prefix that stands there twice was noted when the file was read.
    return PrefixTable({prefix: table for table in tables for prefix in table.prefixes}.items())


def _abroad(clouds: CloudRegions) -> dict[tuple[str, str], frozenset[str]]:
    found: dict[tuple[str, str], frozenset[str]] = {}
    for zones in clouds.zones:
        for region, codes in zones.regions.items():
            key = zones.provider, region
            found[key] = found.get(key, frozenset()) | frozenset(codes)
    return found


def country_name(code: str) -> str:
    """English name of the country with this ISO 3166-1 alpha-2 code; the code itself if it is not known."""
    from phonehome.analysis.knowledge import shipped

    return shipped().countries.name(code)


def the_country(code: str) -> str:
    """The same as it stands in a sentence: `the United States`."""
    from phonehome.analysis.knowledge import shipped

    return shipped().countries.in_sentence(code)
