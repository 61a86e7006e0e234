"""Helpers of the tests: tiny source tables, and tiny databases of other layouts."""

import csv
import lzma
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

HEADERS = {
    "country": ("start", "end", "country"),
    "asn": ("start", "end", "asn", "organisation"),
    "cloud": ("prefix", "provider", "region", "service"),
    "country-2019-12": ("start", "end", "country"),
    "cloud-history": ("prefix", "provider", "region", "first_seen", "last_seen"),
}
ABOUT = {
    table: {"name": f"{table} table", "date": date, "licence": "none", "credit": "nobody", "link": ""}
    for table, date in (
        ("country", "2020-02-02"),
        ("asn", "2020-03-03"),
        ("cloud", "2020-01-01"),
        ("country-past", "2019-12-24"),
        ("cloud-past", "2019-12-01"),
    )
}


def write_tables(folder: Path, **tables: Iterable[Iterable[object]]) -> Path:
    for table, header in HEADERS.items():
        with lzma.open(folder / f"{table}.csv.xz", "wt", encoding="utf-8", newline="", preset=0) as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(tables.get(table, ()))
    return folder


def write_mmdb(
    path: Path, kind: str, records: Mapping[str, Any], version: int = 6, built: int = 1_700_000_000
) -> Path:
    """An MMDB file from another implementation than the project's; `built` is 2023-11-14 unless told."""
    writer = MMDBWriter(version, kind, ipv4_compatible=version == 6)
    for prefix, record in records.items():
        writer.insert_network(IPSet([prefix]), record)
    writer.to_db_file(str(path))
    content = path.read_bytes()
    mark = content.index(b"build_epoch") + len(b"build_epoch")
    size = content[mark] & 0x1F  # an extended type of up to 8 bytes: see "Data Field Format"
    written = built.to_bytes(size, "big")
    path.write_bytes(content[: mark + 2] + written + content[mark + 2 + size :])
    return path
