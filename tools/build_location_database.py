"""Builds the embedded location database, one MMDB file, from three tables.

    python tools/build_location_database.py TABLES [OUTPUT]

TABLES is a folder with `country.csv.xz` (start, end, country), `asn.csv.xz` (start, end, asn,
organisation) and `cloud.csv.xz` (prefix, provider, region, service); `location_tables.toml` beside
this file says what they are and from when.

Strategy: each table becomes disjoint address ranges in order, the three are merged in one sweep, and the
result becomes a binary tree in which equal neighbours are one leaf and equal subtrees are one node (a
format of pointers allows it, and it makes the file smaller by a third). IPv4 is `::/96`, as the format
wants it. The same tables give the same bytes: nothing is taken from the clock or from hash order.

Format: MaxMind DB 2.0, https://maxmind.github.io/MaxMind-DB/. The library `mmdb_writer` is not used here
because it cannot share subtrees and takes minutes and gigabytes for tables of this size; the tests use it
as the independent implementation.

A record is a map with, as far as known: `country`, `asn`, `organisation`, `provider`, `region`, `service`
(only those that `knowledge/anycast.toml` asks for) and `country_from`, which is `cloud` where the
provider's region decided the country and absent where the country table did.
"""

import argparse
import csv
import datetime
import ipaddress
import json
import lzma
import os
import struct
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "analysis" / "knowledge"
OUTPUT = ROOT / "analysis" / "places" / "data" / "locations.mmdb"
TABLES = ("country", "asn", "cloud")
RECORD_KEYS = ("country", "asn", "organisation", "provider", "region", "service", "country_from")

ADDRESS_BITS = 128
METADATA_MARK = b"\xab\xcd\xefMaxMind.com"
SEPARATOR = bytes(16)  # between tree and data; data pointers of the tree count it


class BuildError(Exception):
    """A table that cannot be built from; the text says which line and why."""


class Cloud(NamedTuple):
    provider: str
    region: str | None
    service: str | None


class Range(NamedTuple):
    """Addresses from `first` to `last`, both inside, as 128-bit numbers (IPv4 below 2**32)."""

    first: int
    last: int
    value: Any


Record = dict[str, str | int]


# --- reading the tables -------------------------------------------------------------------------------


def rows(folder: Path, table: str) -> Iterator[list[str]]:
    with lzma.open(folder / f"{table}.csv.xz", "rt", encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        yield from reader


def address_number(text: str) -> int:
    return int(ipaddress.ip_address(text))


def in_order(table: str, ranges: Iterable[Range]) -> list[Range]:
    """The ranges, as they are, once it is sure that they are in order and do not overlap."""
    checked: list[Range] = []
    before = -1
    for item in ranges:
        if not before < item.first <= item.last:
            raise BuildError(f"{table}: the range {item} is out of order or overlaps the one before it")
        checked.append(item)
        before = item.last
    return checked


def read_country(folder: Path) -> list[Range]:
    return in_order(
        "country", (Range(address_number(a), address_number(b), c) for a, b, c in rows(folder, "country"))
    )


def read_asn(folder: Path) -> list[Range]:
    return in_order(
        "asn",
        (
            Range(address_number(a), address_number(b), (int(asn), name))
            for a, b, asn, name in rows(folder, "asn")
        ),
    )


def read_cloud(folder: Path, services: set[tuple[str, str]]) -> list[Range]:
    """The cloud table, flattened. What a prefix says itself goes before what the prefix around it says;
    a region is inherited only from the same provider.

    `services` are the (provider, service) pairs that are kept.
    """
    prefixes: dict[tuple[int, int], set[Cloud]] = {}
    for prefix, provider, region, service in rows(folder, "cloud"):
        network = ipaddress.ip_network(prefix)
        key = int(network.network_address), int(network.broadcast_address)
        kept = service if (provider, service) in services else None
        prefixes.setdefault(key, set()).add(Cloud(provider, region or None, kept))

    flat: list[Range] = []
    around: list[tuple[int, Cloud]] = []  # last address and meaning of the prefixes that we are inside of
    position = 0

    def fill(upto: int) -> None:
        nonlocal position
        if around and position <= upto:
            flat.append(Range(position, upto, around[-1][1]))
        position = max(position, upto + 1)

    def leave(before: int) -> None:
        while around and around[-1][0] < before:
            fill(around[-1][0])
            around.pop()

    for first, last in sorted(prefixes, key=lambda key: (key[0], -key[1])):
        leave(first)
        fill(first - 1)
        own = one_meaning(prefixes[first, last], first)
        outer = around[-1][1] if around else None
        if outer is not None and outer.provider == own.provider and own.region is None:
            own = Cloud(own.provider, outer.region, own.service or outer.service)
        around.append((last, own))
    leave(1 << ADDRESS_BITS)
    return in_order("cloud", flat)


def one_meaning(claims: set[Cloud], first: int) -> Cloud:
    """What the rows of one prefix say together."""
    providers = {claim.provider for claim in claims}
    regions = {claim.region for claim in claims if claim.region}
    services = sorted({claim.service for claim in claims if claim.service})
    if len(providers) > 1 or len(regions) > 1:
        raise BuildError(f"cloud: rows of the prefix at {first:#x} contradict one another")
    return Cloud(providers.pop(), regions.pop() if regions else None, services[0] if services else None)


# --- what a location is -------------------------------------------------------------------------------


class Regions(NamedTuple):
    """`catalogue/cloud_regions.toml`: where regions are, and which zones of theirs are abroad."""

    country: dict[tuple[str, str], str]
    abroad: dict[tuple[str, str], frozenset[str]]


def load_regions(path: Path) -> Regions:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    country = {
        (group["provider"], region): code
        for group in data["group"]
        for region, code in group["regions"].items()
    }
    abroad: dict[tuple[str, str], frozenset[str]] = {}
    for zones in data["zones"]:
        for region, codes in zones["regions"].items():
            key = zones["provider"], region
            abroad[key] = abroad.get(key, frozenset()) | frozenset(codes)
    return Regions(country, abroad)


def load_services(path: Path) -> set[tuple[str, str]]:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return {(entry["provider"], entry["service"]) for entry in data["cloud"] if "service" in entry}


def make_record(
    country: str | None, network: tuple[int, str] | None, cloud: Cloud | None, regions: Regions
) -> Record:
    record: Record = {}
    key = (cloud.provider, cloud.region or "") if cloud else ("", "")
    of_region = regions.country.get(key)
    if of_region is not None and country not in regions.abroad.get(key, ()):
        record["country"] = of_region
        record["country_from"] = "cloud"
    elif country:
        record["country"] = country
    if network:
        record["asn"], record["organisation"] = network
    if cloud:
        record["provider"] = cloud.provider
        if cloud.region:
            record["region"] = cloud.region
        if cloud.service:
            record["service"] = cloud.service
    return record


def merged(layers: list[list[Range]]) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
    """Cuts several lists of disjoint ranges into pieces of (first, last, one value or None for each list)."""
    at = [0] * len(layers)
    position = 0
    while True:
        values: list[Any] = []
        end = (1 << ADDRESS_BITS) - 1
        for number, layer in enumerate(layers):
            while at[number] < len(layer) and layer[at[number]].last < position:
                at[number] += 1
            if at[number] == len(layer):
                values.append(None)
                continue
            first, last, value = layer[at[number]]
            if first <= position:
                values.append(value)
                end = min(end, last)
            else:
                values.append(None)
                end = min(end, first - 1)
        if any(value is not None for value in values):
            yield position, end, tuple(values)
        elif all(at[number] == len(layer) for number, layer in enumerate(layers)):
            return
        position = end + 1
        if position >> ADDRESS_BITS:
            return


# --- the tree -----------------------------------------------------------------------------------------

EMPTY = -1


class Tree:
    """Nodes by number, children before parents; a child that is a leaf is `-2 - number of its record`."""

    def __init__(self, pieces: list[tuple[int, int, int]]) -> None:
        self.pieces = pieces
        self.nodes: list[tuple[int, int]] = []
        self._numbers: dict[tuple[int, int], int] = {}
        self.root = self._branch(0, ADDRESS_BITS, 0, len(pieces))
        if self.root < 0:  # a database has at least one node
            self.root = self._node(self.root, self.root)

    def _node(self, left: int, right: int) -> int:
        number = self._numbers.setdefault((left, right), len(self.nodes))
        if number == len(self.nodes):
            self.nodes.append((left, right))
        return number

    def _branch(self, first: int, bits: int, low: int, high: int) -> int:
        """The tree of the `2**bits` addresses from `first`; pieces[low:high] are those that meet them."""
        if low == high:
            return EMPTY
        if high - low == 1:
            begin, end, record = self.pieces[low]
            if begin <= first and first + (1 << bits) - 1 <= end:
                return -2 - record
        half = first + (1 << (bits - 1))
        cut = self._first_ending_at_or_after(half, low, high)
        left_high = cut + 1 if cut < high and self.pieces[cut][0] < half else cut
        left = self._branch(first, bits - 1, low, left_high)
        right = self._branch(half, bits - 1, cut, high)
        if left == right and left < 0:
            return left
        return self._node(left, right)

    def _first_ending_at_or_after(self, address: int, low: int, high: int) -> int:
        while low < high:
            middle = (low + high) // 2
            if self.pieces[middle][1] < address:
                low = middle + 1
            else:
                high = middle
        return low

    def in_reading_order(self) -> tuple[list[int], dict[int, int]]:
        """Node numbers from the root, each subtree together, and where each stands: what is read in one
        look-up then lies close together in the file."""
        order: list[int] = []
        place: dict[int, int] = {}
        waiting = [self.root]
        while waiting:
            number = waiting.pop()
            if number in place:
                continue
            place[number] = len(order)
            order.append(number)
            left, right = self.nodes[number]
            waiting += [child for child in (right, left) if child >= 0]
        return order, place


# --- the file -----------------------------------------------------------------------------------------

POINTER, STRING, MAP, UINT16, UINT32, UINT64, ARRAY = 1, 2, 7, 5, 6, 9, 11


def control(kind: int, size: int) -> bytes:
    """Type and size of a value, as the section "Data Field Format" of the specification has it."""
    if size < 29:
        low, rest = size, b""
    elif size < 285:
        low, rest = 29, struct.pack(">B", size - 29)
    elif size < 65821:
        low, rest = 30, struct.pack(">H", size - 285)
    else:
        raise BuildError(f"a value of {size} bytes is too long for the database")
    if kind > 7:
        return bytes((low, kind - 7)) + rest
    return bytes((kind << 5 | low,)) + rest


def pointer(offset: int) -> bytes:
    if offset < 1 << 11:
        return struct.pack(">H", POINTER << 13 | offset)
    if offset < (1 << 19) + 2048:
        return struct.pack(">I", POINTER << 29 | 1 << 27 | (offset - 2048) << 8)[:3]
    if offset < (1 << 27) + 526336:
        return struct.pack(">I", POINTER << 29 | 2 << 27 | (offset - 526336))
    return struct.pack(">BI", POINTER << 5 | 3 << 3, offset)


def string(text: str) -> bytes:
    encoded = text.encode()
    return control(STRING, len(encoded)) + encoded


def number(value: int, kind: int) -> bytes:
    digits = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return control(kind, len(digits)) + digits


class DataSection:
    """Values, each text once: the second time it is a pointer, if that is shorter."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        self._texts: dict[str, int] = {}

    def add(self, encoded: bytes) -> int:
        offset = self.size
        self.parts.append(encoded)
        self.size += len(encoded)
        return offset

    def text(self, value: str) -> bytes:
        """A pointer to the text, which is written first if it is new. (Not while a map is being written.)"""
        offset = self._texts.get(value)
        if offset is None:
            offset = self._texts[value] = self.add(string(value))
        shortcut = pointer(offset)
        literal = string(value)
        return shortcut if len(shortcut) < len(literal) else literal

    def record(self, record: Record) -> int:
        body = b"".join(
            self.text(key) + (self.text(value) if isinstance(value, str) else number(value, UINT32))
            for key, value in record.items()
        )
        return self.add(control(MAP, len(record)) + body)


def encode_plain(value: Any) -> bytes:
    """Metadata: maps, lists, texts, and integers as (value, type)."""
    if isinstance(value, str):
        return string(value)
    if isinstance(value, dict):
        return control(MAP, len(value)) + b"".join(string(k) + encode_plain(v) for k, v in value.items())
    if isinstance(value, list):
        return control(ARRAY, len(value)) + b"".join(encode_plain(item) for item in value)
    return number(*value)


def tree_bytes(tree: Tree, offsets: list[int], data_size: int) -> tuple[int, int, bytes]:
    """(node count, record size in bits, search tree section)."""
    order, place = tree.in_reading_order()
    count = len(order)
    record_bits = 24 if count + len(SEPARATOR) + data_size < 1 << 24 else 32

    def target(child: int) -> int:
        if child >= 0:
            return place[child]
        return count if child == EMPTY else count + len(SEPARATOR) + offsets[-2 - child]

    size = record_bits // 8
    out = bytearray()
    for node in order:
        left, right = tree.nodes[node]
        out += target(left).to_bytes(size, "big") + target(right).to_bytes(size, "big")
    return count, record_bits, bytes(out)


def build(folder: Path, about: dict[str, dict[str, str]], catalogue: Path = CATALOGUE) -> bytes:
    """The whole database as bytes.

    `about` is the content of `location_tables.toml`. Raises BuildError for a table that contradicts
    itself, OSError for one that is not there.
    """
    regions = load_regions(catalogue / "cloud_regions.toml")
    services = load_services(catalogue / "anycast.toml")
    layers = [read_country(folder), read_asn(folder), read_cloud(folder, services)]

    records: dict[tuple[tuple[str, str | int], ...], int] = {}
    numbers: dict[tuple[Any, ...], int] = {}
    uses: list[int] = []
    pieces: list[tuple[int, int, int]] = []
    for first, last, values in merged(layers):
        known = numbers.get(values)
        if known is None:
            country, network, cloud = values
            key = tuple(make_record(country, network, cloud, regions).items())
            known = numbers[values] = records.setdefault(key, len(records))
            if known == len(uses):
                uses.append(0)
        uses[known] += 1
        pieces.append((first, last, known))
    tree = Tree(pieces)

    data = DataSection()
    content = [dict(key) for key in records]
    # Texts that stand in most records come first, where a pointer takes two bytes.
    for common in (*RECORD_KEYS, "cloud"):
        data.text(common)
    for code in sorted({str(record["country"]) for record in content if "country" in record}):
        data.text(code)
    offsets = [data.record(record) for record in content]

    node_count, record_bits, search_tree = tree_bytes(tree, offsets, data.size)
    dates = [datetime.date.fromisoformat(about[table]["date"]) for table in TABLES]
    epoch = int(datetime.datetime.combine(max(dates), datetime.time(), datetime.UTC).timestamp())
    tables = {table: {**about[table], "rows": len(list(rows(folder, table)))} for table in TABLES}
    metadata = {
        "binary_format_major_version": (2, UINT16),
        "binary_format_minor_version": (0, UINT16),
        "build_epoch": (epoch, UINT64),
        "database_type": "phonehome-locations",
        # Readers know no keys but the standard ones; a description may be in any "language".
        "description": {
            "en": "Country, network and cloud region of internet addresses, merged from three tables",
            "tables": json.dumps(tables, ensure_ascii=False, sort_keys=True),
        },
        "ip_version": (6, UINT16),
        "languages": ["en"],
        "node_count": (node_count, UINT32),
        "record_size": (record_bits, UINT16),
    }
    return b"".join((search_tree, SEPARATOR, *data.parts, METADATA_MARK, encode_plain(metadata)))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Builds the embedded location database.")
    parser.add_argument("tables", type=Path, help="folder with country.csv.xz, asn.csv.xz and cloud.csv.xz")
    parser.add_argument("output", type=Path, nargs="?", default=OUTPUT)
    parser.add_argument("--about", type=Path, default=Path(__file__).with_name("location_tables.toml"))
    options = parser.parse_args(arguments)
    try:
        about = tomllib.loads(options.about.read_text(encoding="utf-8"))
        content = build(options.tables, about)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        partial = options.output.with_suffix(".partial")
        partial.write_bytes(content)
        os.replace(partial, options.output)
    except (BuildError, OSError, ValueError) as error:
        print(f"No database was built: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: {len(content):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
