"""Helpers of the tests: the builder as a module, tiny source tables, and tiny databases of other layouts."""

import csv
import importlib.util
import lzma
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

TOOLS = Path(__file__).parent.parent.parent / "tools"

HEADERS = {
    "country": ("start", "end", "country"),
    "asn": ("start", "end", "asn", "organisation"),
    "cloud": ("prefix", "provider", "region", "service"),
}
ABOUT = {
    table: {"name": f"{table} table", "date": date, "licence": "none", "credit": "nobody", "link": ""}
    for table, date in (("country", "2020-02-02"), ("asn", "2020-03-03"), ("cloud", "2020-01-01"))
}


def load_builder() -> ModuleType:
    name = "build_location_database"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


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
