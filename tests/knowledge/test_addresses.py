"""What the catalogue knows of addresses: complete, referenced, and in agreement with other sources."""

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.knowledge import shipped

addresses = shipped().addresses
CATALOGUE = Path(__file__).parent.parent.parent / "analysis" / "knowledge"
LISTS = {
    "anycast.toml": ("range", "cloud"),
    "networks.toml": ("spread", "filler"),
    "special_addresses.toml": ("special", "local_names"),
    "cloud_regions.toml": ("group", "zones"),
}


def load(name: str) -> dict[str, Any]:
    return tomllib.loads((CATALOGUE / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", LISTS)
def test_every_entry_has_a_reference(name: str) -> None:
    data = load(name)
    assert set(data) - {"provider"} == set(LISTS[name])
    entries = [entry for kind in LISTS[name] for entry in data[kind]]
    entries += list(data.get("provider", {}).values())
    for entry in entries:
        assert re.search(r"https://|RFC \d|docs/", entry["reference"]), entry


def test_there_are_249_countries_with_names() -> None:
    assigned = load("countries.toml")["assigned"]
    assert len(assigned) == 249
    assert len(set(assigned.values())) == 249
    assert all(
        re.fullmatch("[A-Z]{2}", code) and name.strip() == name != "" for code, name in assigned.items()
    )


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("CN", "China"),
        ("SG", "Singapore"),
        ("HK", "Hong Kong"),
        ("TW", "Taiwan"),
        ("fi", "Finland"),
        ("QQ", "QQ"),
    ],
)
def test_country_names(code: str, name: str) -> None:
    assert shipped().countries.name(code) == name


def test_every_country_in_the_catalogue_is_one() -> None:
    assigned = load("countries.toml")["assigned"]
    regions = load("cloud_regions.toml")
    used = {code for group in regions["group"] for code in group["regions"].values()}
    used |= {code for zones in regions["zones"] for codes in zones["regions"].values() for code in codes}
    assert used <= set(assigned)


def test_no_region_stands_there_twice_and_each_provider_is_described() -> None:
    groups = load("cloud_regions.toml")["group"]
    seen = [(group["provider"], region) for group in groups for region in group["regions"]]
    assert len(seen) == len(set(seen)) == len(addresses.region_countries)
    assert {provider for provider, _ in seen} <= set(load("cloud_regions.toml")["provider"])


def test_zones_abroad_are_abroad_and_of_known_regions() -> None:
    for zones in load("cloud_regions.toml")["zones"]:
        for region, codes in zones["regions"].items():
            assert addresses.region_countries[zones["provider"], region] not in codes


@pytest.mark.parametrize(
    ("region", "service", "what", "anycast"),
    [
        ("GLOBAL", "GLOBALACCELERATOR", "AWS Global Accelerator", True),
        ("eu-north-1", "GLOBALACCELERATOR", "an edge location of", False),
        ("GLOBAL", "CLOUDFRONT", "the content network AWS CloudFront", True),
        ("GLOBAL", "", "a service that AWS runs in no one region", False),
    ],
)
def test_what_the_cloud_table_says_of_spread_services(
    region: str, service: str, what: str, anycast: bool
) -> None:
    spread = addresses.spread_cloud("aws", region, service)
    assert spread is not None
    assert spread.what.startswith(what)
    assert spread.anycast is anycast


def test_a_regional_range_is_not_spread() -> None:
    assert addresses.spread_cloud("aws", "eu-north-1", "") is None
    assert addresses.spread_cloud("aws", "eu-north-1", "CLOUDFRONT") is None


def test_networks_with_servers_everywhere_stand_there_once() -> None:
    asns = [asn for entry in load("networks.toml")["spread"] for asn in entry["asns"]]
    assert len(asns) == len(set(asns)) == len(addresses.spread_networks)
    assert {15169, 32934, 20940, 45102, 45062, 58453, 23764, 4809, 132203} <= set(asns)


# Where this project and the standard library of some Python differ, on purpose: NAT64 and 6to4 are
# translated before they get here; a few blocks are newer than the oldest Python that is supported.
DIFFERENT = [
    ipaddress.ip_network(prefix)
    for prefix in (
        "64:ff9b::/96",
        "2002::/16",
        "192.88.99.0/24",
        "5f00::/16",
        "3fff::/20",
        "2001::/23",
        "fec0::/10",
    )
]


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_scopes_agree_with_the_standard_library(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if any(address.version == net.version and address in net for net in DIFFERENT):
        return
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return
    special = addresses.special.get(address)
    public = special is None or special.scope == "global"
    assert public == (address.is_global and not address.is_multicast and not address.is_reserved)
