"""Builds location databases, MMDB files, from tables of address ranges: what is embedded, and what `update` fetches.

    python -m phonehome.analysis.places.builder TABLES [OUTPUT]

TABLES is a folder with `country.csv.xz` (start, end, country), `asn.csv.xz` (start, end, asn, organisation) and
`cloud.csv.xz` (prefix, provider, region, service), for the database of today; and, for that of the past, with
`country-2019-12.csv.xz` and `cloud-history.csv.xz` (prefix, provider, region, first_seen, last_seen).
`data/tables.toml` says what they are and from when.

Strategy: each table is a stream of disjoint address ranges in order. The streams are merged in one sweep, and the tree
is made in the same sweep, from left to right: no more of it is in memory than its nodes. Equal neighbours are one leaf
and equal subtrees are one node (a format of pointers allows it, and it makes the file smaller by a third). IPv4 is
`::/96`, as the format wants it. The same tables give the same bytes: nothing comes from the clock or from hash order.

Format: MaxMind DB 2.0, https://maxmind.github.io/MaxMind-DB/. The library `mmdb_writer` is not used here because it
cannot share subtrees and takes minutes and gigabytes for tables of this size; the tests use it as the independent
implementation.

A record of today is a map with, as far as known: `country` (of the country table), `asn`, `organisation`, `provider`,
`region`, `service` (only those that `knowledge` asks for). One of the past has `country` and `clouds`: who published
the range, the most specific prefix first, as `provider region first last`, tab and line feed between.
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
from array import array
from collections.abc import Buffer, Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

OUTPUT = Path(__file__).parent / "data"
ABOUT = OUTPUT / "tables.toml"
PRESENT, PAST = "locations.mmdb", "past.mmdb"
KEYS = ("country", "asn", "organisation", "provider", "region", "service", "clouds")

ADDRESS_BITS = 128
METADATA_MARK = b"\xab\xcd\xefMaxMind.com"
SEPARATOR = bytes(16)  # between tree and data; data pointers of the tree count it

Record = Mapping[str, str | int]


class BuildError(Exception):
    """A table that cannot be built from; the text says which line and why."""


class Range(NamedTuple):
    """Addresses from `first` to `last`, both inside, as 128-bit numbers (IPv4 below 2**32)."""

    first: int
    last: int
    value: Any


class PublishedRange(NamedTuple):
    """What a provider publishes of a range."""

    provider: str
    region: str | None
    service: str | None


class Interval(NamedTuple):
    """From when to when a provider was seen to publish a range."""

    provider: str
    region: str
    first: str
    last: str


class RangeTable:
    """Ranges in order, counted; raises BuildError where they are not in order."""

    def __init__(self, name: str, ranges: Iterable[Range]) -> None:
        self.name = name
        self.rows = 0
        self._ranges = ranges

    def __iter__(self) -> Iterator[Range]:
        before = -1
        for item in self._ranges:
            if not before < item.first <= item.last:
                raise BuildError(
                    f"{self.name}: the range {item} is out of order or overlaps the one before it"
                )
            before = item.last
            self.rows += 1
            yield item


# --- reading the tables -------------------------------------------------------------------------------


def rows(folder: Path, table: str) -> Iterator[list[str]]:
    """Rows of a table of the folder, without the header."""
    with lzma.open(folder / f"{table}.csv.xz", "rt", encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        yield from reader


def address_number(text: str) -> int:
    return int(ipaddress.ip_address(text))


def country_ranges(table: Iterable[list[str]]) -> Iterator[Range]:
    """From rows of start, end, country. IPv6 addresses that stand for IPv4 ones are left out."""
    for start, end, country in table:
        first, last = address_number(start), address_number(end)
        if first >> 32 or ":" not in start:
            yield Range(first, last, country)


def asn_ranges(table: Iterable[list[str]]) -> Iterator[Range]:
    """From rows of start, end, AS number, organisation."""
    return (Range(address_number(a), address_number(b), (int(asn), name)) for a, b, asn, name in table)


def cloud_ranges(table: Iterable[list[str]], services: frozenset[tuple[str, str]]) -> Iterator[Range]:
    """From rows of prefix, provider, region, service. What a prefix says itself goes before what the prefix around it
    says; a region is inherited only from the same provider. `services` are the (provider, service) pairs that are
    kept."""
    prefixes: dict[tuple[int, int], tuple[PublishedRange, ...]] = {}
    alike: dict[PublishedRange, PublishedRange] = {}
    for prefix, provider, region, service in table:
        kept = service if (provider, service) in services else None
        cloud = PublishedRange(provider, region or None, kept)
        cloud = alike.setdefault(cloud, cloud)
        key = _bounds(prefix)
        known = prefixes.get(key, ())
        if cloud not in known:
            prefixes[key] = (*known, cloud)

    def meaning(key: tuple[int, int], outer: PublishedRange | None) -> PublishedRange:
        own = _one_meaning(prefixes[key], key[0])
        if outer is not None and outer.provider == own.provider and own.region is None:
            return PublishedRange(own.provider, outer.region, own.service or outer.service)
        return own

    return flattened(prefixes, meaning)


def history_ranges(table: Iterable[list[str]]) -> Iterator[Range]:
    """From rows of prefix, provider, region, first_seen, last_seen: all intervals of all prefixes around an address,
    the most specific first."""
    prefixes: dict[tuple[int, int], list[Interval]] = {}
    for prefix, *interval in table:
        prefixes.setdefault(_bounds(prefix), []).append(Interval(*interval))

    def meaning(key: tuple[int, int], outer: tuple[Interval, ...] | None) -> tuple[Interval, ...]:
        return (*sorted(prefixes[key], key=lambda interval: (interval.first, interval)), *(outer or ()))

    return flattened(prefixes, meaning)


def _bounds(prefix: str) -> tuple[int, int]:
    network = ipaddress.ip_network(prefix)
    return int(network.network_address), int(network.broadcast_address)


def flattened[T](
    prefixes: Iterable[tuple[int, int]], meaning: Callable[[tuple[int, int], T | None], T]
) -> Iterator[Range]:
    """Prefixes, which contain or miss one another, as disjoint ranges. `meaning` is told a prefix and what the prefix
    around it means."""
    around: list[tuple[int, T]] = []  # last address and meaning of the prefixes that we are inside of
    position = 0
    for key in [*sorted(prefixes, key=lambda key: (key[0], -key[1])), (1 << ADDRESS_BITS, 0)]:
        first, last = key
        while around and around[-1][0] < first:
            ended, value = around.pop()
            if position <= ended:
                yield Range(position, ended, value)
            position = ended + 1
        if around and position < first:
            yield Range(position, first - 1, around[-1][1])
        position = max(position, first)
        if first >> ADDRESS_BITS:
            return
        around.append((last, meaning(key, around[-1][1] if around else None)))


def _one_meaning(claims: Collection[PublishedRange], first: int) -> PublishedRange:
    """What the rows of one prefix say together."""
    providers = {claim.provider for claim in claims}
    regions = {claim.region for claim in claims if claim.region}
    services = sorted({claim.service for claim in claims if claim.service})
    if len(providers) > 1 or len(regions) > 1:
        raise BuildError(f"cloud: rows of the prefix at {first:#x} contradict one another")
    return PublishedRange(
        providers.pop(), regions.pop() if regions else None, services[0] if services else None
    )


# --- what a record is ---------------------------------------------------------------------------------


def present_record(
    country: str | None, network: tuple[int, str] | None, cloud: PublishedRange | None
) -> Record:
    """What today's tables say of a range."""
    record: dict[str, str | int] = {}
    if country:
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


def past_record(country: str | None, intervals: tuple[Interval, ...] | None) -> Record:
    """What tables of the past say of a range."""
    record: dict[str, str | int] = {}
    if country:
        record["country"] = country
    if intervals:
        record["clouds"] = "\n".join("\t".join(interval) for interval in intervals)
    return record


def merged(tables: Iterable[Iterable[Range]]) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
    """Cuts streams of disjoint ranges into pieces of (first, last, one value or None for each stream)."""
    streams = [iter(table) for table in tables]
    heads = [next(stream, None) for stream in streams]
    position = 0
    while any(heads):
        values: list[Any] = []
        end = (1 << ADDRESS_BITS) - 1
        for number, head in enumerate(heads):
            while head is not None and head.last < position:
                head = heads[number] = next(streams[number], None)
            if head is None:
                values.append(None)
            elif head.first <= position:
                values.append(head.value)
                end = min(end, head.last)
            else:
                values.append(None)
                end = min(end, head.first - 1)
        if any(value is not None for value in values):
            yield position, end, tuple(values)
        position = end + 1
        if position >> ADDRESS_BITS:
            return


# --- the tree -----------------------------------------------------------------------------------------

EMPTY = -1


class Tree:
    """Nodes by number, children before parents; a child that is a leaf is `-2 - number of its record`."""

    def __init__(self, pieces: Iterator[tuple[int, int, int]]) -> None:
        self.left = array("i")
        self.right = array("i")
        # Numbers of nodes by what their children hash to; a dictionary would take ten times the memory.
        self._slots = array("i", [EMPTY]) * (1 << 12)
        self._pieces = pieces
        self._first, self._last, self._record = next(pieces, _NO_PIECE)
        self.root = self._branch(0, ADDRESS_BITS)
        if self.root < 0:  # a database has at least one node
            self.root = self._node(self.root, self.root)
        self._slots = array("i")

    def _node(self, left: int, right: int) -> int:
        """The number of the node with these children, which is made if it is new."""
        slot = self._slot(left, right)
        number = self._slots[slot]
        if number == EMPTY:
            number = self._slots[slot] = len(self.left)
            self.left.append(left)
            self.right.append(right)
            if 2 * number > len(self._slots):
                self._slots = array("i", [EMPTY]) * (4 * len(self._slots))
                for each in range(len(self.left)):
                    self._slots[self._slot(self.left[each], self.right[each])] = each
        return number

    def _slot(self, left: int, right: int) -> int:
        """Where the number of this node stands, or may be put."""
        last = len(self._slots) - 1
        slot = hash((left, right)) & last
        while (number := self._slots[slot]) != EMPTY and (self.left[number], self.right[number]) != (
            left,
            right,
        ):
            slot = (slot + 1) & last
        return slot

    def _branch(self, first: int, bits: int) -> int:
        """The tree of the `2**bits` addresses from `first`. Branches are asked for from left to right."""
        while self._last < first:
            self._first, self._last, self._record = next(self._pieces, _NO_PIECE)
        last = first + (1 << bits) - 1
        if self._first > last:
            return EMPTY
        if self._first <= first and last <= self._last:
            return -2 - self._record
        left = self._branch(first, bits - 1)
        right = self._branch(first + (1 << (bits - 1)), bits - 1)
        if left == right and left < 0:
            return left
        return self._node(left, right)

    def in_reading_order(self) -> tuple[array[int], array[int]]:
        """Node numbers from the root, each subtree together, and where each stands: what is read in one look-up then
        lies close together in the file."""
        order = array("q")
        place = array("q", [-1]) * len(self.left)
        waiting = [self.root]
        while waiting:
            number = waiting.pop()
            if place[number] >= 0:
                continue
            place[number] = len(order)
            order.append(number)
            waiting += [child for child in (self.right[number], self.left[number]) if child >= 0]
        return order, place


_NO_PIECE = (1 << ADDRESS_BITS, 1 << ADDRESS_BITS, 0)


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
        self.content = bytearray()
        self._texts: dict[str, int] = {}

    def add(self, encoded: bytes) -> int:
        offset = len(self.content)
        self.content += encoded
        return offset

    def text(self, value: str) -> bytes:
        """A pointer to the text, which is written first if it is new. (Not while a map is being written.)"""
        offset = self._texts.get(value)
        if offset is None:
            offset = self._texts[value] = self.add(string(value))
        shortcut = pointer(offset)
        literal = string(value)
        return shortcut if len(shortcut) < len(literal) else literal

    def record(self, record: Iterable[tuple[str, str | int]]) -> int:
        fields = list(record)
        body = b"".join(
            self.text(key) + (self.text(value) if isinstance(value, str) else number(value, UINT32))
            for key, value in fields
        )
        return self.add(control(MAP, len(fields)) + body)


def encode_plain(value: Any) -> bytes:
    """Metadata: maps, lists, texts, and integers as (value, type)."""
    if isinstance(value, str):
        return string(value)
    if isinstance(value, dict):
        return control(MAP, len(value)) + b"".join(string(k) + encode_plain(v) for k, v in value.items())
    if isinstance(value, list):
        return control(ARRAY, len(value)) + b"".join(encode_plain(item) for item in value)
    return number(*value)


def tree_bytes(tree: Tree, offsets: array[int], data_size: int) -> tuple[int, int, bytearray]:
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
        out += target(tree.left[node]).to_bytes(size, "big") + target(tree.right[node]).to_bytes(size, "big")
    return count, record_bits, out


def database(
    pieces: Iterable[tuple[int, int, Record]],
    kind: str,
    description: str,
    about: Callable[[], Mapping[str, Mapping[str, Any]]],
) -> Iterator[Buffer]:
    """The parts of a database file. `about` describes the tables, once all pieces were read. Raises BuildError for a
    table that contradicts itself."""
    records: dict[tuple[tuple[str, str | int], ...], int] = {}

    def numbered() -> Iterator[tuple[int, int, int]]:
        for first, last, record in pieces:
            yield first, last, records.setdefault(tuple(record.items()), len(records))

    tree = Tree(numbered())
    data = DataSection()
    # Texts that stand in most records come first, where a pointer takes two bytes.
    for common in KEYS:
        data.text(common)
    for code in sorted({str(value) for record in records for key, value in record if key == "country"}):
        data.text(code)
    offsets = array("q", [data.record(record) for record in records])
    records.clear()
    node_count, record_bits, search_tree = tree_bytes(tree, offsets, len(data.content))
    tables = about()
    newest = max(datetime.date.fromisoformat(table["date"]) for table in tables.values())
    epoch = int(datetime.datetime.combine(newest, datetime.time(), datetime.UTC).timestamp())
    metadata = {
        "binary_format_major_version": (2, UINT16),
        "binary_format_minor_version": (0, UINT16),
        "build_epoch": (epoch, UINT64),
        "database_type": kind,
        # Readers know no keys but the standard ones; a description may be in any "language".
        "description": {
            "en": description,
            "tables": json.dumps(tables, ensure_ascii=False, sort_keys=True),
        },
        "ip_version": (6, UINT16),
        "languages": ["en"],
        "node_count": (node_count, UINT32),
        "record_size": (record_bits, UINT16),
    }
    yield from (
        memoryview(search_tree),
        SEPARATOR,
        memoryview(data.content),
        METADATA_MARK,
        encode_plain(metadata),
    )


About = Mapping[str, Mapping[str, Any]]


def present(country: RangeTable, asn: RangeTable, cloud: RangeTable, about: About) -> Iterator[Buffer]:
    """The database of today, from `country_ranges`, `asn_ranges` and `cloud_ranges`."""
    return _of_tables(
        {"country": country, "asn": asn, "cloud": cloud},
        present_record,
        "phonehome-locations",
        "Country, network and cloud region of internet addresses, merged from three tables",
        about,
    )


def past(country: RangeTable, cloud: RangeTable, about: About) -> Iterator[Buffer]:
    """The database of the past, from `country_ranges` and `history_ranges`."""
    return _of_tables(
        {"country-past": country, "cloud-past": cloud},
        past_record,
        "phonehome-past-locations",
        "Country of internet addresses in the past, and who published them as a cloud range from when to when",
        about,
    )


def _of_tables(
    tables: Mapping[str, RangeTable],
    record: Callable[..., Record],
    kind: str,
    description: str,
    about: About,
) -> Iterator[Buffer]:
    known: dict[tuple[Any, ...], Record] = {}

    def pieces() -> Iterator[tuple[int, int, Record]]:
        for first, last, values in merged(tables.values()):
            found = known.get(values)
            if found is None:
                if len(known) > 1 << 12:
                    known.clear()
                found = known[values] = record(*values)
            yield first, last, found

    return database(
        pieces(),
        kind,
        description,
        lambda: {name: {**about[name], "rows": table.rows} for name, table in tables.items()},
    )


def from_folder(folder: Path, about: About) -> dict[str, Iterator[Buffer]]:
    """File name -> parts, of all databases that the folder has tables for."""
    made = {
        PRESENT: present(
            RangeTable("country", country_ranges(rows(folder, "country"))),
            RangeTable("asn", asn_ranges(rows(folder, "asn"))),
            RangeTable("cloud", cloud_ranges(rows(folder, "cloud"), wanted_services())),
            about,
        )
    }
    if (folder / "cloud-history.csv.xz").exists():
        made[PAST] = past(
            RangeTable("country-2019-12", country_ranges(rows(folder, "country-2019-12"))),
            RangeTable("cloud-history", history_ranges(rows(folder, "cloud-history"))),
            {**about, "cloud-past": {**about["cloud-past"], "lists": covered(rows(folder, "cloud-history"))}},
        )
    return made


def covered(table: Iterable[list[str]]) -> dict[str, list[str]]:
    """Provider -> the days of its first and its last list."""
    days: dict[str, list[str]] = {}
    for _, provider, _, first, last in table:
        known = days.setdefault(provider, [first, last])
        known[:] = min(known[0], first), max(known[1], last)
    return days


def wanted_services() -> frozenset[tuple[str, str]]:
    """(provider, service) pairs that tell one place from many, by the catalogue."""
    from phonehome.analysis import knowledge

    known = knowledge.shipped()
    spread = {(entry.provider, entry.service) for entry in known.addresses.spread_clouds if entry.service}
    edges = {
        (cloud.provider, cloud.service)
        for of_header in known.edges.by_header.values()
        for edge in of_header
        for cloud in edge.clouds
        if cloud.service
    }
    return frozenset(spread | edges)


def write(parts: Iterable[Buffer], path: Path) -> int:
    """Writes a file at once or not at all; returns its size in bytes. Raises BuildError, OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path.stat().st_size


def main(arguments: list[str] | None = None) -> int:
    """Builds what is embedded."""
    parser = argparse.ArgumentParser(description="Builds the embedded location databases.")
    parser.add_argument("tables", type=Path, help="folder with the tables, such as country.csv.xz")
    parser.add_argument("output", type=Path, nargs="?", default=OUTPUT, help="folder for the databases")
    parser.add_argument("--about", type=Path, default=ABOUT)
    options = parser.parse_args(arguments)
    try:
        about = tomllib.loads(options.about.read_text(encoding="utf-8"))
        for name, parts in from_folder(options.tables, about).items():
            print(f"{options.output / name}: {write(parts, options.output / name):,} bytes")
    except (BuildError, OSError, ValueError) as error:
        print(f"No database was built: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
