"""`phonehome locate`: what is asked, and what is said."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.places.lookup import (
    LocateResult,
    Observed,
    Target,
    locate_many,
    read_target,
    render_text,
    to_json,
)
from phonehome.analysis.places.online import OnlineLookups
from tests.places.servers import name_server, rdap, registry


@pytest.fixture(scope="module")
def database() -> LocationDatabase:
    return LocationDatabase()


@pytest.mark.parametrize(
    ("argument", "target"),
    [
        ("13.228.0.1", Target(None, "13.228.0.1")),
        (" 13.228.0.1:443 ", Target(None, "13.228.0.1")),
        ("2406:da18::1", Target(None, "2406:da18::1")),
        ("[2406:da18::1]", Target(None, "2406:da18::1")),
        ("[2406:da18::1]:443", Target(None, "2406:da18::1")),
        ("http://[2406:da18::1]:80/x", Target(None, "2406:da18::1")),
        ("fe80::1%wlan0", Target(None, "fe80::1%wlan0")),
        ("Example.ORG", Target("example.org", None)),
        ("example.org.", Target("example.org", None)),
        ("example.org:8443", Target("example.org", None)),
        ("https://user:secret@example.org:8443/path?q#f", Target("example.org", None)),
        ("coap://device.example.org/nb", Target("device.example.org", None)),
        ("_dns.example.org", Target("_dns.example.org", None)),
        ("bücher.example", Target("bücher.example", None)),
        ("", Target(None, None)),
        (":443", Target(None, None)),
        ("a b", Target(None, None)),
        ("a:b:c", Target(None, None)),
        ("[::1", Target(None, None)),
        ("http://", Target(None, None)),
        ("example.org:99999999", Target(None, None)),
        ("x\x1b[31m.org", Target(None, None)),
        ("a" * 64 + ".org", Target(None, None)),
        ("a." * 5000, Target(None, None)),
    ],
)
def test_what_an_argument_asks_about(argument: str, target: Target) -> None:
    assert read_target(argument) == target


@given(st.text(max_size=80))
def test_any_argument_gets_a_result(argument: str) -> None:
    results = locate_many([argument], DATABASE)
    assert len(results) == 1
    assert results[0].places or results[0].note
    assert "\x1b" not in render_text(results)
    json.dumps(to_json(results[0]))


DATABASE = LocationDatabase()


def test_a_name_alone_has_no_country(database: LocationDatabase) -> None:
    (result,) = locate_many(["zzhc.vnet.cn"], database)
    assert (result.host, result.places) == ("zzhc.vnet.cn", ())
    assert "country is unknown" in result.note
    assert "--online" in result.note


def test_text(database: LocationDatabase) -> None:
    assert render_text(locate_many(["13.228.0.1:443", "10.0.0.1", "?"], database)) == (
        "13.228.0.1:443\n"
        "  address     13.228.0.1\n"
        "  country     Singapore (SG)\n"
        "  because     AWS publishes this range as its region ap-southeast-1\n"
        "  evidence    provider-list: AWS publishes this range as its region ap-southeast-1 [2026-10-26]\n"
        "  evidence    table: DB-IP IP to Country Lite says Singapore [2026-10-01]\n"
        "  network     AS16509 Amazon.com, Inc.\n"
        "  cloud       AWS ap-southeast-1\n"
        "  tables      AWS ip-ranges 2026-10-26, ip-location-db ASN 2026-06-17\n"
        "\n"
        "10.0.0.1\n"
        "  address     10.0.0.1\n"
        "  country     not on the internet (private)\n"
        "  because     private: an address of a private network\n"
        "\n"
        "?\n"
        "  neither a host name nor an IP address"
    )


def test_doubt_is_in_the_text(database: LocationDatabase) -> None:
    assert "United States (US), uncertain" in render_text(locate_many(["8.8.8.8"], database))
    assert "country     unknown" in render_text(locate_many(["2c10::1"], database))


def test_json(database: LocationDatabase) -> None:
    (result,) = locate_many(["61.139.2.69"], database)
    assert json.loads(json.dumps(to_json(result))) == {
        "argument": "61.139.2.69",
        "host": None,
        "aliases": [],
        "asked": None,
        "note": None,
        "warnings": [],
        "places": [
            {
                "address": "61.139.2.69",
                "scope": "global",
                "country": "CN",
                "country_name": "China",
                "country_certainty": "likely",
                "reason": "DB-IP IP to Country Lite says CN",
                "country_evidence": [
                    {
                        "kind": "table",
                        "says": "DB-IP IP to Country Lite says China",
                        "country": "CN",
                        "source": "DB-IP IP to Country Lite",
                        "date": "2026-10-01",
                    }
                ],
                "excluded_countries": [],
                "bound_km": None,
                "bound_from": None,
                "anycast": False,
                "asn": 4134,
                "organisation": "Chinanet",
                "cloud": None,
                "reverse_name": None,
                "registry": None,
                "sources": [
                    {"name": "DB-IP IP to Country Lite", "date": "2026-10-01"},
                    {"name": "ip-location-db ASN", "date": "2026-06-17"},
                ],
            }
        ],
    }


@pytest.fixture(scope="module")
def online(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnlineLookups]:
    records = {
        "zzhc.vnet.cn": [("CNAME", "act.vnet.cn.")],
        "act.vnet.cn": [("A", "61.139.2.69")],
        "69.2.139.61.in-addr.arpa": [("PTR", "host.sc.cn.")],
    }
    with (
        name_server(records) as names,
        registry({"61.139.2.69": (200, rdap("CHINANET-SC", "CN", "Chinanet"))}) as rir,
    ):
        yield OnlineLookups(
            tmp_path_factory.mktemp("cache"),
            timeout=1.0,
            nameservers=["127.0.0.1"],
            port=names.port,
            opener=rir.opener,
            now=lambda: 1_800_000_000.0,
        )


def test_online_a_name_has_today_s_addresses(database: LocationDatabase, online: OnlineLookups) -> None:
    (result,) = locate_many(["http://zzhc.vnet.cn/"], database, online)
    assert result.aliases == ("act.vnet.cn",)
    assert result.asked == 1_800_000_000.0
    assert "Today's addresses" in result.note
    (place,) = result.places
    assert (place.location.country, place.reverse_name) == ("CN", "host.sc.cn")
    text = render_text([result])
    assert "alias of    act.vnet.cn" in text
    assert "registry    held by Chinanet, registered for China (CN)" in text
    assert to_json(result)["places"][0]["registry"]["network_name"] == "CHINANET-SC"


def test_online_faults_are_said(database: LocationDatabase, online: OnlineLookups) -> None:
    gone, local, address = locate_many(["gone.example.org", "printer.local", "88.198.0.1"], database, online)
    assert gone.note == "the name does not exist today"
    assert local.note == "the name was not looked up"
    assert address.places[0].location.country == "DE"
    assert address.places[0].registry is not None
    assert address.places[0].registry.problem


def test_warnings_are_said_once(database: LocationDatabase, tmp_path: Path) -> None:
    lookups = OnlineLookups(
        tmp_path, timeout=5.0, total_timeout=0.0, nameservers=["127.0.0.1"], port=9, opener=None
    )
    results = locate_many(["a.example.org", "b.example.org"], database, lookups)
    assert all(result.warnings for result in results)
    assert render_text(results).count("look-ups had no answer") == 1


def test_control_characters_do_not_reach_the_terminal() -> None:
    text = render_text([LocateResult(argument="a\x1b]0;title\x07b\r\n", note="n")])
    assert text == "a�]0;title�b��\n  n"


def test_how_soon_it_answered_and_where_that_was_measured(database: LocationDatabase) -> None:
    (result,) = locate_many(
        ["23.45.67.89"], database, None, Observed(seconds=0.012, at=("Netherlands", "NL"))
    )
    location = result.places[0].location
    assert (location.country, location.country_certainty) == (None, "unknown")
    assert (location.bound_km, location.bound_from) == (1200, "Netherlands")
    assert "US" in location.excluded
    assert not {"NL", "DE", "BE", "GB"} & location.excluded
    text = render_text([result])
    assert "not the United States, as DB-IP IP to Country Lite of 2026-10 says: it answered in 12 ms" in text
    assert "not in      Afghanistan, " in text


def test_what_the_answer_said(database: LocationDatabase) -> None:
    headers = (("cf-ray", "230b030023ae2822-SJC"),)
    (result,) = locate_many(["104.16.132.229"], database, None, Observed(headers=headers))
    location = result.places[0].location
    assert (location.country, location.country_certainty) == ("US", "certain")
    assert location.reason == "answered in San Jose (Cloudflare's word); what lies behind it is not visible"
    (result,) = locate_many(["88.198.0.1"], database, None, Observed(headers=headers))
    location = result.places[0].location
    assert (location.country, location.country_certainty) == ("DE", "uncertain")
    assert "which any server can write" in location.reason
