"""Locating: what the embedded file says, the user's own in front of it, and every mark of doubt."""

import datetime
import ipaddress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.places.database import (
    LocationDatabase,
    LocationDatabaseError,
)
from phonehome.analysis.places.location import Location, TableName
from tests.places.tables import write_mmdb
from tests.steps import steps


@pytest.fixture(scope="module")
def database() -> LocationDatabase:
    return LocationDatabase()


# --- the embedded database ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "country", "certainty", "asn", "provider", "region"),
    [
        ("13.228.0.1", "SG", "certain", 16509, "AWS", "ap-southeast-1"),
        ("52.74.0.1", "SG", "certain", 16509, "AWS", "ap-southeast-1"),
        ("2406:da18::1", "SG", "certain", 16509, "AWS", "ap-southeast-1"),
        ("52.80.0.1", "CN", "certain", 55960, "AWS", "cn-north-1"),
        ("3.64.0.1", "DE", "certain", 16509, "AWS", "eu-central-1"),
        ("61.139.2.69", "CN", "likely", 4134, None, None),
        ("202.96.209.133", "CN", "likely", 4812, None, None),
        ("240e::1", "CN", "likely", 4134, None, None),
        ("47.74.128.1", "SG", "uncertain", 45102, None, None),
        ("88.198.0.1", "DE", "likely", 24940, None, None),
    ],
)
def test_addresses_of_known_networks(
    database: LocationDatabase,
    address: str,
    country: str,
    certainty: str,
    asn: int,
    provider: str | None,
    region: str | None,
) -> None:
    found = database.locate(address)
    assert (found.country, found.country_certainty, found.asn) == (country, certainty, asn)
    assert (found.cloud_provider, found.cloud_region) == (provider, region)
    assert found.scope == "global"
    assert found.organisation
    assert not found.anycast


def test_an_answer_names_table_date_and_reason(database: LocationDatabase) -> None:
    found = database.locate("13.228.0.1")
    assert found.sources == (
        TableName("AWS ip-ranges", "2026-10-26"),
        TableName("ip-location-db ASN", "2026-06-17"),
    )
    assert found.reason == "AWS publishes this range as its region ap-southeast-1"
    found = database.locate("61.139.2.69")
    assert found.sources[0] == TableName("DB-IP IP to Country Lite", "2026-10-01")
    assert found.reason == "DB-IP IP to Country Lite says CN"


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "2001:4860:4860::8888",
        "9.9.9.9",
        "119.29.29.29",
        "223.5.5.5",
        "114.114.114.114",
        "104.16.132.229",
        "2606:4700::6810:84e5",
        "151.101.1.69",
        "75.2.60.5",
        "13.107.246.40",
    ],
)
def test_anycast_is_never_sure(database: LocationDatabase, address: str) -> None:
    found = database.locate(address)
    assert found.anycast
    assert found.country_certainty in ("uncertain", "unknown")
    assert "anycast" in found.reason


def test_a_neighbour_of_a_resolver_is_not_anycast(database: LocationDatabase) -> None:
    assert not database.locate("119.29.30.1").anycast
    assert not database.locate("223.5.6.1").anycast


def test_aws_in_no_one_region_is_uncertain_but_not_called_anycast(database: LocationDatabase) -> None:
    found = database.locate("15.177.0.1")
    assert found.cloud_region == "GLOBAL"
    assert (found.country_certainty, found.anycast) == ("uncertain", False)
    assert "no one region" in found.reason


@pytest.mark.parametrize(
    ("address", "asn", "country"),
    [
        ("142.250.185.78", 15169, "US"),
        ("157.240.1.35", 32934, "US"),
        ("23.45.67.89", 20940, "US"),
        ("17.253.57.201", 6185, "DE"),
        ("8.177.0.1", 45102, "CN"),  # Singapore for others
        ("47.74.128.1", 45102, "SG"),
        ("101.32.1.1", 132203, "HK"),
        ("59.43.0.1", 4809, "CN"),
        ("2001:470:765b::", 6939, "DE"),
    ],
)
def test_in_a_network_with_servers_everywhere_no_table_is_trusted(
    database: LocationDatabase, address: str, asn: int, country: str
) -> None:
    found = database.locate(address)
    assert (found.asn, found.country, found.country_certainty) == (asn, country, "uncertain")
    assert found.reason.startswith(f"DB-IP IP to Country Lite says {country}, but ")


def test_the_region_that_a_provider_publishes_is_sure_in_such_a_network_too(
    database: LocationDatabase,
) -> None:
    found = database.locate("20.190.159.1")
    assert (found.asn, found.cloud_region, found.country_certainty) == (8075, "northeurope", "certain")


@pytest.mark.parametrize("address", ["198.41.0.4", "2001:500:2f::f", "192.175.48.1", "2620:4f:8000::1"])
def test_root_servers_and_as112_answer_from_anywhere(database: LocationDatabase, address: str) -> None:
    found = database.locate(address)
    assert found.anycast
    assert found.country_certainty == "uncertain"


def test_address_space_that_nobody_announces(database: LocationDatabase) -> None:
    found = database.locate("2c10::1")
    assert (found.country, found.country_certainty) == (None, "unknown")
    assert "no network announced" in found.reason
    found = database.locate("13.2.2.3")
    assert (found.country, found.country_certainty, found.asn) == ("US", "uncertain", None)


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("10.1.2.3", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%wlan0", "link-local"),
        ("224.0.0.251", "multicast"),
        ("ff02::fb", "multicast"),
        ("100.64.0.1", "shared"),
        ("100.127.255.255", "shared"),
        ("192.0.2.7", "documentation"),
        ("2001:db8::1", "documentation"),
        ("3fff:0fff::1", "documentation"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "broadcast"),
        ("198.18.0.1", "benchmarking"),
        ("fd12:3456::1", "unique-local"),
        ("4000::1", "reserved"),
        ("::ffff:192.168.1.1", "private"),
        ("64:ff9b::a00:1", "private"),
    ],
)
def test_addresses_that_are_not_of_the_internet_are_named(
    database: LocationDatabase, address: str, scope: str
) -> None:
    found = database.locate(address)
    assert (found.scope, found.country, found.country_certainty) == (scope, None, "not-applicable")
    assert scope in found.reason
    assert found.sources == ()


@pytest.mark.parametrize(
    "address", ["100.63.255.255", "100.128.0.1", "172.32.0.1", "192.0.3.1", "223.255.255.1"]
)
def test_neighbours_of_special_addresses_are_looked_up(database: LocationDatabase, address: str) -> None:
    assert database.locate(address).scope == "global"


@pytest.mark.parametrize(
    ("address", "how"),
    [
        ("::ffff:13.228.0.1", "IPv4 address 13.228.0.1"),
        ("64:ff9b::13.228.0.1", "NAT64"),
        ("2002:de4:1::1", "6to4"),
        ("2001:0:4136:e378:8000:63bf:f21b:fffe", "Teredo"),
    ],
)
def test_ipv4_inside_ipv6_is_located_and_said(database: LocationDatabase, address: str, how: str) -> None:
    found = database.locate(address)
    assert (found.address, found.country, found.cloud_region) == (address, "SG", "ap-southeast-1")
    assert how in found.reason
    assert "13.228.0.1" in found.reason


@pytest.mark.parametrize(
    "text", ["", "example.com", "1.2.3", "1.2.3.4.5", "01.2.3.4", "::g", "1.2.3.4/8", "9" * 10_000]
)
def test_what_is_no_address_is_unknown(database: LocationDatabase, text: str) -> None:
    found = database.locate(text)
    assert (found.country, found.country_certainty, found.reason) == (None, "unknown", "not an IP address")
    assert len(found.address) <= 128


def test_no_address_is_unknown(database: LocationDatabase) -> None:
    assert database.locate(None) == Location(address="", reason="no address is known")


@given(st.one_of(st.text(max_size=60), st.ip_addresses().map(str)))
def test_locate_never_raises_and_never_claims_without_a_table(text: str) -> None:
    found = LOCATED.locate(text)
    assert (found.country is None) == (found.country_certainty in ("unknown", "not-applicable"))
    assert not (found.country and not found.sources)
    assert found.reason


LOCATED = LocationDatabase()


def test_sources_carry_licence_and_credit(database: LocationDatabase) -> None:
    tables = {table.name: table for table in database.sources()}
    dbip = tables["DB-IP IP to Country Lite"]
    assert (dbip.licence, dbip.credit, dbip.link) == (
        "CC BY 4.0",
        "IP Geolocation by DB-IP",
        "https://db-ip.com",
    )
    assert dbip.rows == 710_785
    assert all(table.date for table in tables.values())


def test_an_address_is_looked_up_once(database: LocationDatabase) -> None:
    addresses = [str(ipaddress.IPv4Address(0x0D000000 + number * 4099)) for number in range(1000)]
    first, again = (steps(lambda: [database.locate(address) for address in addresses]) for _ in range(2))
    assert again < 12 * len(addresses) < first


# --- the user's own -----------------------------------------------------------------------------------

MAXMIND_COUNTRY = {
    "country": {"iso_code": "NO", "names": {"en": "Norway"}},
    "registered_country": {"iso_code": "US"},
}


def located(path: Path, address: str) -> Location:
    with LocationDatabase.open(path) as database:
        return database.locate(address)


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("GeoLite2-Country", MAXMIND_COUNTRY),
        (
            "GeoLite2-City",
            {**MAXMIND_COUNTRY, "city": {"names": {"en": "Oslo"}}, "location": {"latitude": 59.9}},
        ),
        ("DBIP-Country-Lite", {"continent": {"code": "EU"}, "country": {"iso_code": "NO"}}),
        ("ipinfo generic_country_free.mmdb", {"country": "NO", "continent": "EU"}),
        ("ipinfo bundle_location_lite.mmdb", {"country": "Norway", "country_code": "NO"}),
        ("my own", {"country_code": "NO"}),
    ],
)
def test_the_user_s_country_wins_and_the_rest_is_filled(tmp_path: Path, kind: str, record: Any) -> None:
    path = write_mmdb(tmp_path / "own.mmdb", kind, {"61.139.0.0/16": record})
    found = located(path, "61.139.2.69")
    assert (found.country, found.country_certainty) == ("NO", "likely")
    assert found.reason == "own.mmdb says NO"
    assert (found.asn, found.organisation) == (4134, "Chinanet")
    assert found.sources == (
        TableName("own.mmdb", "2023-11-14"),
        TableName("ip-location-db ASN", "2026-06-17"),
    )
    assert located(path, "202.96.209.133").country == "CN"


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("GeoLite2-ASN", {"autonomous_system_number": 64500, "autonomous_system_organization": "Own Net"}),
        ("ipinfo generic_asn_free.mmdb", {"asn": "AS64500", "name": "Own Net", "domain": "example.net"}),
        ("ipinfo ipinfo_lite.mmdb", {"asn": "AS64500", "as_name": "Own Net", "as_domain": "example.net"}),
        ("phonehome-locations", {"asn": 64500, "organisation": "Own Net"}),
    ],
)
def test_the_user_s_network_wins_and_the_country_is_filled(tmp_path: Path, kind: str, record: Any) -> None:
    path = write_mmdb(tmp_path / "asn.mmdb", kind, {"61.139.0.0/16": record})
    found = located(path, "61.139.2.69")
    assert (found.asn, found.organisation, found.country) == (64500, "Own Net", "CN")
    assert found.sources == (
        TableName("DB-IP IP to Country Lite", "2026-10-01"),
        TableName("asn.mmdb", "2023-11-14"),
    )


def test_registered_country_is_not_where_a_machine_is(tmp_path: Path) -> None:
    path = write_mmdb(
        tmp_path / "own.mmdb",
        "GeoLite2-Country",
        {"61.139.0.0/16": {"registered_country": {"iso_code": "US"}}, "1.0.0.0/24": MAXMIND_COUNTRY},
    )
    assert located(path, "61.139.2.69").country == "CN"


def test_a_holder_never_stands_beside_another_s_number(tmp_path: Path) -> None:
    path = write_mmdb(
        tmp_path / "a.mmdb", "GeoLite2-ASN", {"61.139.0.0/16": {"autonomous_system_number": 64500}}
    )
    found = located(path, "61.139.2.69")
    assert (found.asn, found.organisation) == (64500, None)


def test_the_user_s_country_against_the_provider_s_region(tmp_path: Path) -> None:
    path = write_mmdb(
        tmp_path / "own.mmdb",
        "GeoLite2-Country",
        {"13.228.0.0/24": {"country": {"iso_code": "US"}}, "52.74.0.0/24": {"country": {"iso_code": "SG"}}},
    )
    found = located(path, "13.228.0.1")
    assert (found.country, found.country_certainty, found.cloud_region) == (
        "US",
        "uncertain",
        "ap-southeast-1",
    )
    assert "AWS publishes this range as its region ap-southeast-1 (SG)" in found.reason
    found = located(path, "52.74.0.1")
    assert (found.country, found.country_certainty) == ("SG", "certain")


def test_the_user_s_country_does_not_make_anycast_sure(tmp_path: Path) -> None:
    path = write_mmdb(
        tmp_path / "own.mmdb", "GeoLite2-Country", {"8.8.8.0/24": {"country": {"iso_code": "NO"}}}
    )
    found = located(path, "8.8.8.8")
    assert (found.country, found.country_certainty, found.anycast) == ("NO", "uncertain", True)


def test_several_files_the_first_wins(tmp_path: Path) -> None:
    one = write_mmdb(tmp_path / "one.mmdb", "x", {"61.139.0.0/16": {"country_code": "NO"}})
    two = write_mmdb(
        tmp_path / "two.mmdb",
        "x",
        {"61.139.0.0/16": {"country_code": "SE", "asn": "AS64500", "as_name": "Own"}},
    )
    with LocationDatabase.open(one, two) as database:
        found = database.locate("61.139.2.69")
        names = [table.name for table in database.sources()]
    assert (found.country, found.asn) == ("NO", 64500)
    assert names[:2] == ["one.mmdb", "two.mmdb"]


def test_a_file_of_ipv4_alone_says_nothing_of_ipv6(tmp_path: Path) -> None:
    path = write_mmdb(tmp_path / "own.mmdb", "x", {"61.139.0.0/16": {"country_code": "NO"}}, version=4)
    assert located(path, "61.139.2.69").country == "NO"
    assert located(path, "240e::1").country == "CN"


def test_private_addresses_are_not_looked_up_in_the_user_s_file(tmp_path: Path) -> None:
    path = write_mmdb(tmp_path / "own.mmdb", "x", {"10.0.0.0/8": {"country_code": "NO"}})
    assert located(path, "10.0.0.1").country is None


@pytest.mark.parametrize(
    "record",
    [
        {"country": "not a code"},
        {"country": {"iso_code": 7}},
        {"country": ["NO"]},
        {"asn": "ASx"},
        {"asn": 0},
        {"autonomous_system_number": 1 << 33},
        "text",
        [1, 2],
    ],
)
def test_records_of_other_shapes_say_nothing(tmp_path: Path, record: Any) -> None:
    path = write_mmdb(
        tmp_path / "own.mmdb", "x", {"61.139.0.0/16": record, "1.0.0.0/24": {"country_code": "NO"}}
    )
    found = located(path, "61.139.2.69")
    assert (found.country, found.asn) == ("CN", 4134)


def test_an_unknown_layout_is_refused_with_advice(tmp_path: Path) -> None:
    path = write_mmdb(tmp_path / "odd.mmdb", "Odd-Type", {"1.0.0.0/24": {"stadt": "Wien"}})
    with pytest.raises(
        LocationDatabaseError, match=r"odd\.mmdb: unknown layout .*Odd-Type.*stadt.*MaxMind"
    ) as caught:
        LocationDatabase.open(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\xab\xcd\xefMaxMind.com", b"\xab\xcd\xefMaxMind.com\xe1" * 3]
)
def test_what_is_no_mmdb_is_refused_with_advice(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no.mmdb"
    path.write_bytes(content)
    with pytest.raises(LocationDatabaseError, match=r"no\.mmdb: .*give an MMDB file"):
        LocationDatabase.open(path)


def test_a_missing_file_and_a_folder_are_refused_with_advice(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.mmdb", tmp_path):
        with pytest.raises(LocationDatabaseError, match=r"cannot be read.*give an MMDB file"):
            LocationDatabase.open(path)


def test_damage_inside_a_file_leaves_the_embedded_answer(tmp_path: Path) -> None:
    records = {f"{number}.0.0.0/8": {"country_code": "NO", "n": number} for number in range(1, 100)}
    path = write_mmdb(tmp_path / "own.mmdb", "x", records)
    content = bytearray(path.read_bytes())
    mark = content.index(b"\xab\xcd\xefMaxMind.com")
    content[mark - 300 : mark] = b"\x3f" * 300  # pointers to far outside
    path.write_bytes(content)
    database = LocationDatabase.open(path)
    reasons = set()
    for number in range(1, 100):
        found = database.locate(f"{number}.1.1.1")
        reasons.add("damaged" in found.reason)
    assert True in reasons


def test_any_damage_is_an_error_or_an_answer_never_a_crash(tmp_path: Path) -> None:
    path = write_mmdb(
        tmp_path / "own.mmdb", "x", {"61.139.0.0/16": {"country_code": "NO"}, "8.0.0.0/8": {"asn": "AS1"}}
    )
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[at] ^= 0x5A
        path.write_bytes(damaged)
        try:
            database = LocationDatabase.open(path)
        except LocationDatabaseError:
            continue
        for address in ("61.139.2.69", "8.8.4.4", "240e::1"):
            database.locate(address)
        database.close()


# --- age ----------------------------------------------------------------------------------------------

IN_2019 = 1_553_126_400.0  # 2019-03-21
IN_2023 = 1_679_356_800.0  # 2023-03-21


def test_a_capture_far_from_all_country_tables_gets_a_warning(database: LocationDatabase) -> None:
    warning = database.age_warning(IN_2023)
    assert warning is not None
    assert "2023-03-21" in warning
    assert "3.2 years earlier (2019-12-24) and 3.5 years later (2026-10-01)" in warning
    assert database.age_warning(IN_2019) is None


@pytest.mark.parametrize("moment", [None, float("nan"), float("inf"), 1e30, -1e30])
def test_no_time_no_warning(database: LocationDatabase, moment: float | None) -> None:
    assert database.age_warning(moment) is None


# --- at the time of the capture -----------------------------------------------------------------------

MOVED = "213.244.179.178"
"""United Kingdom in 2019-12, Netherlands in 2026-10."""


def at(day: str) -> float:
    return datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.UTC).timestamp()


def test_both_tables_agree(database: LocationDatabase) -> None:
    found = database.locate("61.139.2.69", at("2019-01-22"))
    assert (found.country, found.country_certainty) == ("CN", "likely")
    assert found.reason == (
        "was China in the table of 2019-12 and is in that of 2026-10; Chinanet; nothing contradicts it"
    )
    assert [piece.date for piece in found.evidence] == ["2019-12-24", "2026-10-01"]


@pytest.mark.parametrize(
    ("address", "day", "country", "certainty", "region", "says"),
    [
        # The provider's list of that day.
        (
            "13.228.0.1",
            "2019-01-22",
            "SG",
            "certain",
            "ap-southeast-1",
            "AWS published this range as its region",
        ),
        ("52.74.0.1", "2019-01-22", "SG", "certain", "ap-southeast-1", "lists of"),
        # Not the provider's on that day, though it is today.
        (
            "47.128.0.1",
            "2019-01-22",
            "CA",
            "likely",
            None,
            "AWS published this range from 2022-04-25 on only",
        ),
        ("47.128.0.1", "2022-05-01", "SG", "certain", "ap-southeast-1", "lists of 2022-04-25"),
        # Before the provider's first list, and the same before and after those that are known.
        ("20.190.159.1", "2019-01-22", "IE", "likely", "northeurope", "no list of the time is known"),
        ("20.190.159.1", "2026-01-22", "IE", "certain", "northeurope", "and 2026-10-26"),
        # After all lists: true for a while.
        ("13.228.0.1", "2026-11-26", "SG", "certain", "ap-southeast-1", "AWS publishes"),
        ("13.228.0.1", "2028-11-26", "SG", "likely", "ap-southeast-1", "no list of the time is known"),
    ],
)
def test_cloud_ranges_at_the_time(
    database: LocationDatabase,
    address: str,
    day: str,
    country: str,
    certainty: str,
    region: str | None,
    says: str,
) -> None:
    found = database.locate(address, at(day))
    assert (found.country, found.country_certainty, found.cloud_region) == (country, certainty, region)
    assert says in found.reason


def test_tables_that_differ_before_and_after_leave_doubt(database: LocationDatabase) -> None:
    found = database.locate(MOVED, at("2023-03-21"))
    assert found.country_certainty == "uncertain"
    assert "2019-12 says" in found.reason
    assert "2026-10 says" in found.reason


def test_a_table_from_within_a_year_does_not_decide_against_the_one_on_the_other_side(
    database: LocationDatabase,
) -> None:
    found = database.locate(MOVED, at("2020-03-21"))
    assert (found.country, found.country_certainty) == ("GB", "uncertain")
    assert (
        "GeoLite Country of 2019-12 says GB, and DB-IP IP to Country Lite of 2026-10 says NL" in found.reason
    )
    # Of two on one side the nearer decides.
    found = database.locate(MOVED, at("2019-03-21"))
    assert (found.country, found.country_certainty) == ("GB", "likely")


@pytest.mark.parametrize(
    ("day", "certainty", "says"),
    [
        ("2018-12-25", "likely", "nothing contradicts it"),
        ("2018-12-01", "uncertain", "GeoLite Country of 2019-12 says CN, 1.1 years after the capture"),
        ("2015-03-21", "uncertain", "4.8 years after the capture"),
        ("2027-09-30", "likely", "nothing contradicts it"),
        (
            "2028-03-21",
            "uncertain",
            "DB-IP IP to Country Lite of 2026-10 says CN, 1.5 years before the capture",
        ),
    ],
)
def test_certainty_falls_with_the_distance_in_time(
    database: LocationDatabase, day: str, certainty: str, says: str
) -> None:
    found = database.locate("61.139.2.69", at(day))
    assert (found.country, found.country_certainty) == ("CN", certainty)
    assert says in found.reason


def test_the_user_says_the_time(tmp_path: Path) -> None:
    with LocationDatabase(as_of="now") as now, LocationDatabase(as_of=datetime.date(2022, 5, 1)) as then:
        assert now.locate("47.128.0.1", IN_2019).country_certainty == "certain"
        assert now.locate("61.139.2.69", IN_2019).reason == "DB-IP IP to Country Lite says CN"
        assert then.locate("47.128.0.1", IN_2019).country == "SG"


def test_the_day_of_the_user_s_own_file(tmp_path: Path) -> None:
    path = write_mmdb(tmp_path / "own.mmdb", "x", {"61.139.0.0/16": {"country_code": "NO"}})
    with LocationDatabase.open(f"{path}@2023-04-01") as database:
        found = database.locate("61.139.2.69", IN_2023)
        # The table from before says otherwise.
        assert (found.country, found.country_certainty) == ("NO", "uncertain")
        assert TableName("own.mmdb", "2023-04-01") in found.sources
        assert "GeoLite Country of 2019-12 says CN" in found.reason
        assert database.locate("61.139.2.69", IN_2019).country == "CN"
        assert database.age_warning(IN_2023) is None
    with pytest.raises(LocationDatabaseError, match="cannot be read"):
        LocationDatabase.open(f"{path}@yesterday")
