"""The builder: every address answers as the tables do, and the same tables give the same bytes."""

import bisect
import collections
import functools
import io
import ipaddress
import json
import os
import random
import tempfile
from pathlib import Path
from typing import Any

import maxminddb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPRange, IPSet

from phonehome.analysis.places import builder
from tests.places.tables import ABOUT, write_tables


def content(folder: Path, name: str = builder.PRESENT) -> bytes:
    return b"".join(builder.from_folder(folder, ABOUT)[name])


def build(folder: Path, name: str = builder.PRESENT) -> Any:
    return maxminddb.open_database(io.BytesIO(content(folder, name)), maxminddb.MODE_FD)


def test_a_record_says_what_each_table_says(tmp_path: Path) -> None:
    reader = build(
        write_tables(
            tmp_path,
            country=[("13.228.0.0", "13.228.255.255", "US")],
            asn=[("13.228.0.0", "13.228.127.255", 16509, "Amazon.com, Inc.")],
            cloud=[("13.228.0.0/24", "aws", "ap-southeast-1", "EC2")],
        )
    )
    assert reader.get("13.228.0.1") == {
        "country": "US",
        "asn": 16509,
        "organisation": "Amazon.com, Inc.",
        "provider": "aws",
        "region": "ap-southeast-1",
    }
    assert reader.get("13.228.1.1") == {"country": "US", "asn": 16509, "organisation": "Amazon.com, Inc."}
    assert reader.get("13.228.128.1") == {"country": "US"}
    assert reader.get("13.229.0.0") is None


def test_a_prefix_without_region_lies_in_the_region_around_it(tmp_path: Path) -> None:
    reader = build(
        write_tables(
            tmp_path,
            cloud=[
                ("20.0.0.0/16", "azure", "japaneast", "AZURECLOUD"),
                ("20.0.1.0/24", "azure", "", "SQL"),
                ("20.0.1.128/25", "azure", "japanwest", "SQL"),
                ("20.0.2.0/24", "cloudflare", "", ""),
                ("20.0.3.0/24", "azure", "", "AZUREFRONTDOOR.FRONTEND"),
            ],
        )
    )
    assert reader.get("20.0.1.1")["region"] == "japaneast"
    assert reader.get("20.0.1.129")["region"] == "japanwest"
    assert reader.get("20.0.2.1") == {"provider": "cloudflare"}
    assert reader.get("20.0.3.1")["service"] == "AZUREFRONTDOOR.FRONTEND"
    assert "service" not in reader.get("20.0.4.1")
    assert reader.get("20.0.255.255") == {"provider": "azure", "region": "japaneast"}


def test_the_past_says_who_published_a_range_and_when(tmp_path: Path) -> None:
    countries = [("13.0.0.0", "13.255.255.255", "US"), ("::13.0.0.0", "::13.0.0.255", "CA")]
    history = [
        ("13.0.0.0/8", "AWS", "us-east-1", "2016-01-01", "2026-08-16"),
        ("13.1.0.0/16", "AWS", "eu-west-1", "2018-01-01", "2019-01-01"),
        ("13.1.0.0/16", "AWS", "eu-west-2", "2019-01-08", "2026-08-16"),
        ("14.0.0.0/8", "Azure", "westeurope", "2022-03-15", "2025-07-25"),
    ]
    past: dict[str, list[tuple[str, ...]]]
    past = {"country-2019-12": list(countries), "cloud-history": list(history)}
    tables = write_tables(tmp_path, **past)
    reader = build(tables, builder.PAST)
    assert reader.get("13.0.0.1") == {"country": "US", "clouds": "AWS\tus-east-1\t2016-01-01\t2026-08-16"}
    assert reader.get("13.1.2.3")["clouds"].split("\n") == [
        "AWS\teu-west-1\t2018-01-01\t2019-01-01",
        "AWS\teu-west-2\t2019-01-08\t2026-08-16",
        "AWS\tus-east-1\t2016-01-01\t2026-08-16",
    ]
    described = json.loads(reader.metadata().description["tables"])
    assert described["cloud-past"]["lists"] == {
        "AWS": ["2016-01-01", "2026-08-16"],
        "Azure": ["2022-03-15", "2025-07-25"],
    }
    assert described["country-past"]["rows"] == 1


def test_metadata_names_the_tables_and_takes_nothing_from_the_clock(tmp_path: Path) -> None:
    tables = write_tables(tmp_path, country=[("1.0.0.0", "1.0.0.255", "AU"), ("2a00::", "2a00::ff", "DE")])
    metadata = build(tables).metadata()
    assert metadata.build_epoch == 1583193600  # 2020-03-03, the latest of the tables
    assert metadata.record_size == 24
    described = json.loads(metadata.description["tables"])
    assert described["country"] == {**ABOUT["country"], "rows": 2}
    assert content(tables) == content(tables)


@pytest.mark.parametrize(
    "tables",
    [
        {"country": [("1.0.0.0", "1.0.0.255", "AU"), ("1.0.0.255", "1.0.1.0", "CN")]},
        {"country": [("1.0.1.0", "1.0.1.255", "AU"), ("1.0.0.0", "1.0.0.255", "CN")]},
        {"asn": [("1.0.1.0", "1.0.0.0", 1, "backwards")]},
        {"cloud": [("1.0.0.0/24", "aws", "us-east-1", "A"), ("1.0.0.0/24", "gcp", "us-east1", "B")]},
        {"cloud": [("1.0.0.0/24", "aws", "us-east-1", "A"), ("1.0.0.0/24", "aws", "us-west-1", "B")]},
    ],
)
def test_tables_that_contradict_themselves_are_refused(tmp_path: Path, tables: dict[str, Any]) -> None:
    with pytest.raises(builder.BuildError):
        content(write_tables(tmp_path, **tables))


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out"
    assert builder.main([str(tmp_path), str(output)]) == 1
    assert "No database was built" in capsys.readouterr().err
    assert not list(output.glob("*"))


@pytest.mark.parametrize("size", [0, 1, 28, 29, 284, 285, 65820])
def test_texts_of_every_length_class_can_be_read(tmp_path: Path, size: int) -> None:
    name = "é" * (size // 2) + "x" * (size % 2)
    reader = build(write_tables(tmp_path, asn=[("1.0.0.0", "1.0.0.255", 4294967295, name)]))
    assert reader.get("1.0.0.7") == {"asn": 4294967295, "organisation": name}


def test_pointers_of_every_length_class_can_be_read(tmp_path: Path) -> None:
    first = ipaddress.ip_address("1.0.0.0")
    # Each name twice, with another number: the second is a pointer, ever further away.
    rows = [
        (first + number * 256, first + number * 256 + 255, 1 + number, f"{number // 2:0600d}")
        for number in range(4000)
    ]
    reader = build(write_tables(tmp_path, asn=rows))
    for start, end, asn, name in rows:
        assert reader.get(end) == reader.get(start) == {"asn": asn, "organisation": name}


def test_equal_answers_as_another_implementation(tmp_path: Path) -> None:
    """The same ranges through `mmdb_writer`."""
    rows = [
        ("1.0.0.0", "1.0.0.255", "AU"),
        ("1.0.1.3", "1.0.3.77", "CN"),
        ("255.255.255.255", "255.255.255.255", "JP"),
        ("2001:4::7", "2001:4:0:1::", "DE"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "CH"),
    ]
    writer = MMDBWriter(6, "test", ipv4_compatible=True)
    for start, end, code in rows:
        writer.insert_network(IPSet(IPRange(start, end)), {"country": code})
    writer.to_db_file(str(tmp_path / "other.mmdb"))
    other = maxminddb.open_database(tmp_path / "other.mmdb")
    reader = build(write_tables(tmp_path, country=rows))
    for start, end, _ in rows:
        for edge in (ipaddress.ip_address(start), ipaddress.ip_address(end)):
            for step in (-1, 0, 1):
                number = int(edge) + step
                if 0 <= number < 1 << edge.max_prefixlen:
                    near = type(edge)(number)
                    assert reader.get(near) == other.get(near), near


edges = st.lists(st.integers(0, 2**20 - 1), min_size=2, max_size=24, unique=True).map(sorted)


@settings(max_examples=60, deadline=None)
@given(
    country=edges,
    asn=edges,
    prefixes=st.dictionaries(
        st.tuples(st.integers(0, 2**20 - 1), st.integers(12, 32)),
        st.sampled_from([("aws", "eu-north-1"), ("aws", ""), ("gcp", "europe-west1"), ("aws", "us-east-1")]),
        max_size=12,
    ),
)
def test_any_tables_answer_as_they_say(
    country: list[int], asn: list[int], prefixes: dict[tuple[int, int], tuple[str, str]]
) -> None:
    def spans(numbers: list[int]) -> list[tuple[int, int]]:
        return list(zip(numbers[0::2], numbers[1::2], strict=False))

    def text(number: int) -> str:
        return str(ipaddress.IPv4Address(number))

    networks = {
        ipaddress.ip_network((number, length), strict=False): says
        for (number, length), says in prefixes.items()
    }
    codes = ["FI", "SE", "DE"]
    with tempfile.TemporaryDirectory() as folder:
        reader = build(
            write_tables(
                Path(folder),
                country=[(text(a), text(b), codes[a % 3]) for a, b in spans(country)],
                asn=[(text(a), text(b), a % 5 + 1, f"AS of {a % 5}") for a, b in spans(asn)],
                cloud=[(net, provider, region, "X") for net, (provider, region) in networks.items()],
            )
        )
    interesting = {number + step for number in (*country, *asn) for step in (-1, 0, 1)}
    interesting |= {int(edge) for net in networks for edge in (net[0], net[-1])}
    for number in sorted(number for number in interesting if 0 <= number < 2**32):
        expected: dict[str, Any] = {}
        for a, b in spans(country):
            if a <= number <= b:
                expected["country"] = codes[a % 3]
        for a, b in spans(asn):
            if a <= number <= b:
                expected |= {"asn": a % 5 + 1, "organisation": f"AS of {a % 5}"}
        around = sorted(
            (net for net in networks if ipaddress.IPv4Address(number) in net), key=lambda net: net.prefixlen
        )
        if around:
            provider = networks[around[-1]][0]
            region = ""
            for net in reversed(around):  # outwards, as long as it is the same provider
                if networks[net][0] != provider:
                    break
                region = region or networks[net][1]
            expected["provider"] = provider
            if region:
                expected["region"] = region
        assert (reader.get(text(number)) or {}) == expected, text(number)


# --- against the real tables --------------------------------------------------------------------------

TABLES = os.environ.get("PHONEHOME_GEO_TABLES", "")
EMBEDDED = builder.OUTPUT / builder.PRESENT
needs_tables = pytest.mark.skipif(not TABLES, reason="PHONEHOME_GEO_TABLES names no folder with the tables")


class Plain:
    """The tables, looked up without cleverness: bisection in ranges; prefixes by trying each length."""

    def __init__(self, folder: Path) -> None:
        self.country = self._ranges(folder, "country")
        self.asn = self._ranges(folder, "asn")
        self.prefixes: dict[tuple[int, int, int], set[tuple[str, str, str]]] = collections.defaultdict(set)
        for prefix, provider, region, service in builder.rows(folder, "cloud"):
            net = ipaddress.ip_network(prefix)
            self.prefixes[net.version, net.prefixlen, int(net[0])].add((provider, region, service))
        self.services = builder.wanted_services()

    @staticmethod
    def _ranges(folder: Path, table: str) -> dict[int, tuple[list[int], list[list[str]]]]:
        kept: dict[int, tuple[list[int], list[list[str]]]] = {4: ([], []), 6: ([], [])}
        for row in builder.rows(folder, table):
            start = ipaddress.ip_address(row[0])
            kept[start.version][0].append(int(start))
            kept[start.version][1].append(row)
        return kept

    @staticmethod
    def _find(table: dict[int, tuple[list[int], list[list[str]]]], address: Any) -> list[str] | None:
        starts, rows = table[address.version]
        at = bisect.bisect_right(starts, int(address)) - 1
        if at < 0 or int(ipaddress.ip_address(rows[at][1])) < int(address):
            return None
        return rows[at]

    def get(self, address: Any) -> dict[str, Any]:
        expected: dict[str, Any] = {}
        row = self._find(self.country, address)
        if row:
            expected["country"] = row[2]
        row = self._find(self.asn, address)
        if row:
            expected |= {"asn": int(row[2]), "organisation": row[3]}
        bits = address.max_prefixlen
        for length in range(bits, -1, -1):
            claims = self.prefixes.get(
                (address.version, length, int(address) >> (bits - length) << (bits - length))
            )
            if not claims:
                continue
            provider = next(iter(claims))[0]
            if expected.setdefault("provider", provider) != provider:
                break
            services = [claim[2] for claim in claims if (provider, claim[2]) in self.services]
            if services:
                expected.setdefault("service", min(services))
            regions = [claim[1] for claim in claims if claim[1]]
            if regions:
                expected["region"] = regions[0]
                break
        return expected


@functools.cache
def plain() -> Plain:
    return Plain(Path(TABLES))


@needs_tables
def test_the_embedded_file_answers_as_the_tables_do() -> None:
    reader = maxminddb.open_database(EMBEDDED)
    chance = random.Random(20261026)
    sampled: list[Any] = [ipaddress.IPv4Address(chance.getrandbits(32)) for _ in range(8000)]
    sampled += [ipaddress.IPv6Address(0x2 << 124 | chance.getrandbits(124)) for _ in range(1000)]
    for table in (plain().country, plain().asn):
        for row in chance.sample(table[4][1], 3000) + chance.sample(table[6][1], 3000):
            first, last = map(ipaddress.ip_address, row[:2])
            sampled += [first, last, first + chance.randrange(int(last) - int(first) + 1)]
    for version, length, start in chance.sample(sorted(plain().prefixes), 6000):
        base: Any = ipaddress.IPv4Address(start) if version == 4 else ipaddress.IPv6Address(start)
        sampled += [base, base + chance.randrange(1 << base.max_prefixlen - length)]
    wrong = [
        (str(a), reader.get(a), plain().get(a)) for a in sampled if (reader.get(a) or {}) != plain().get(a)
    ]
    assert len(sampled) > 50_000
    assert wrong == []
