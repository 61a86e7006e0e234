"""`phonehome update`: newer location tables, from those who publish them. Nothing else of phonehome fetches anything.

Strategy: everything is fetched into a folder of its own, a database is built from it there and held against what is
known, and only then takes the place of the one in use, by renaming. The one before is kept for `rollback`. Whatever
goes wrong before that leaves the old one in use.

Sources, as their publishers document them: DB-IP's monthly files (https://db-ip.com/db/lite.php, MMDB, CC BY 4.0), and
the lists of ranges of AWS, Google Cloud and Oracle (JSON). What cannot be fetched so stays as it was embedded: the
ranges of the other providers, and the names of regions.
"""

import contextlib
import datetime
import gzip
import http.client
import ipaddress
import json
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import maxminddb

from phonehome.analysis.places import builder
from phonehome.analysis.places.builder import PRESENT, BuildError, Range, RangeTable
from phonehome.analysis.places.database import data_folder

PREVIOUS = "locations.previous.mmdb"
LARGEST = 512 << 20
"""Bytes of one file that are read."""
LARGEST_LIST = 64 << 20
TIMEOUT = 60.0
"""Seconds for each step of a connection."""
LEAST_ROWS = {"country": 300_000, "asn": 200_000, "cloud": 5_000}
"""Rows that a table has at least; the embedded ones have twice as many and more."""
PROBES: Mapping[str, str | None] = {
    "61.139.2.69": "CN",
    "88.198.0.1": "DE",
    "160.68.205.231": "NO",
    "240e::1": "CN",
    "193.0.6.139": "NL",
}
"""Addresses, and the country that a table must name: networks that have been there for decades."""
MOST_WRONG = 1


class UpdateError(Exception):
    """No update was made; the text is one line for people."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where tables come from."""

    mirror: str = ""
    """Begins all addresses, in the place of `https://host`: `http://127.0.0.1:8000/mirror` has
    `.../mirror/download.db-ip.com/free/...`."""
    proxy: str = ""
    """An HTTP proxy; `` is the system's setting."""

    def address(self, url: str) -> str:
        return f"{self.mirror.rstrip('/')}/{url.removeprefix('https://')}" if self.mirror else url

    def opener(self) -> urllib.request.OpenerDirector:
        if self.proxy:
            return urllib.request.build_opener(
                urllib.request.ProxyHandler({"http": self.proxy, "https": self.proxy})
            )
        return urllib.request.build_opener()


DBIP = "https://download.db-ip.com/free/dbip-{table}-lite-{month}.mmdb.gz"
LISTS: Mapping[str, str] = {
    "aws": "https://ip-ranges.amazonaws.com/ip-ranges.json",
    "gcp": "https://www.gstatic.com/ipranges/cloud.json",
    "oracle": "https://docs.oracle.com/iaas/tools/public_ip_ranges.json",
}


@dataclass(frozen=True, slots=True)
class Done:
    """What an update did, or would do."""

    day: str
    rows: Mapping[str, int]
    before: str
    path: Path


def month_of(day: datetime.date) -> str:
    return f"{day:%Y-%m}"


def in_use(folder: Path | None = None) -> tuple[Path, dict[str, Any]]:
    """The database that is in use, and what it says of its tables."""
    updated = (folder or data_folder()) / PRESENT
    path = updated if updated.is_file() else builder.OUTPUT / PRESENT
    with maxminddb.open_database(path) as reader:
        tables: dict[str, Any] = json.loads(reader.metadata().description["tables"])
    return path, tables


def update(
    sources: Sources,
    as_of: datetime.date,
    folder: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
    *,
    check_only: bool = False,
    least_rows: Mapping[str, int] = LEAST_ROWS,
) -> Done:
    """Fetches, builds, checks and puts into use. With `check_only` nothing is put into use. Raises UpdateError."""
    folder = folder or data_folder()
    _, old = in_use(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".update-", dir=folder))
    except OSError as error:
        raise UpdateError(f"nothing can be written in {folder}: {error.strerror or error}") from error
    try:
        path, tables = _build(sources, as_of, work, old, say)
        _check(path, tables, old, least_rows)
        done = Done(
            tables["country"]["date"],
            {key: one["rows"] for key, one in tables.items()},
            old["country"]["date"],
            folder / PRESENT,
        )
        if not check_only:
            _exchange(path, folder)
        return done
    except (
        BuildError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        maxminddb.InvalidDatabaseError,
    ) as error:
        raise UpdateError(
            f"what was fetched is not as it should be ({error}); the old tables stay in use"
        ) from error
    except OSError as error:
        raise UpdateError(f"{error}; the old tables stay in use") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def rollback(folder: Path | None = None) -> Path:
    """Puts the database before the last update into use again; without one, the embedded. Raises UpdateError."""
    folder = folder or data_folder()
    current, previous = folder / PRESENT, folder / PREVIOUS
    try:
        if previous.is_file():
            os.replace(previous, current)
            return current
        current.unlink()
    except FileNotFoundError:
        raise UpdateError("there is no update to take back: the embedded tables are in use") from None
    except OSError as error:
        raise UpdateError(f"{current}: {error.strerror or error}") from error
    return builder.OUTPUT / PRESENT


# --- fetching -----------------------------------------------------------------------------------------


def _fetch(sources: Sources, url: str, path: Path, largest: int) -> None:
    """Fetches a file; one that ends in .gz is unpacked. Raises UpdateError."""
    address = sources.address(url)
    request = urllib.request.Request(address, headers={"User-Agent": "phonehome-update"})
    try:
        with sources.opener().open(request, timeout=TIMEOUT) as reply, path.open("wb") as file:
            content = gzip.GzipFile(fileobj=reply) if url.endswith(".gz") else reply
            written = 0
            while part := content.read(1 << 20):
                written += len(part)
                if written > largest:
                    raise UpdateError(
                        f"{address} is longer than {largest >> 20} MiB; the old tables stay in use"
                    )
                file.write(part)
    except urllib.error.HTTPError as error:
        raise UpdateError(
            f"{address} answered {error.code} {error.reason}; the old tables stay in use"
        ) from error
    except (OSError, EOFError, http.client.HTTPException) as error:
        why = getattr(error, "reason", None) or error
        raise UpdateError(f"{address} cannot be fetched ({why}); the old tables stay in use") from error


def _build(
    sources: Sources, as_of: datetime.date, work: Path, old: Mapping[str, Any], say: Callable[[str], None]
) -> tuple[Path, dict[str, Any]]:
    """Fetches into `work`, and builds there. Returns the file, and what it says of its tables."""
    for table in ("country", "asn"):
        say(f"fetching DB-IP's table of {table}s of {month_of(as_of)}")
        _fetch(sources, DBIP.format(table=table, month=month_of(as_of)), work / f"{table}.mmdb", LARGEST)
    for provider, url in LISTS.items():
        say(f"fetching the ranges of {provider}")
        _fetch(sources, url, work / f"{provider}.json", LARGEST_LIST)
    say("building the database; this takes some minutes")
    clouds = [*_lists(work), *_kept_clouds(frozenset(LISTS))]
    with (
        maxminddb.open_database(work / "country.mmdb", maxminddb.MODE_MMAP) as country,
        maxminddb.open_database(work / "asn.mmdb", maxminddb.MODE_MMAP) as asn,
    ):
        about = {
            "country": {
                **old["country"],
                "name": "DB-IP IP to Country Lite",
                "date": _date_of(country),
                "licence": "CC BY 4.0",
            },
            "asn": {
                "name": "DB-IP IP to ASN Lite",
                "date": _date_of(asn),
                "licence": "CC BY 4.0",
                "credit": "IP Geolocation by DB-IP",
                "link": "https://db-ip.com",
            },
            "cloud": {**old["cloud"], "date": as_of.isoformat()},
        }
        path = work / PRESENT
        builder.write(
            builder.present(
                RangeTable("country", _countries(country)),
                RangeTable("asn", _networks(asn)),
                RangeTable("cloud", builder.cloud_ranges(clouds, builder.wanted_services())),
                about,
            ),
            path,
        )
    with maxminddb.open_database(path) as reader:
        tables: dict[str, Any] = json.loads(reader.metadata().description["tables"])
    return path, tables


def _date_of(reader: maxminddb.Reader) -> str:
    return datetime.datetime.fromtimestamp(reader.metadata().build_epoch, datetime.UTC).date().isoformat()


def _records(reader: maxminddb.Reader) -> Iterator[tuple[int, int, dict[str, Any]]]:
    for network, record in reader:
        net = ipaddress.ip_network(str(network))
        first, last = int(net[0]), int(net[-1])
        # Files repeat their IPv4 part where IPv6 addresses stand for IPv4 (::ffff:0:0/96, 2002::/16).
        if isinstance(record, dict) and first >> 32 != 0xFFFF and first >> 112 != 0x2002:
            yield first, last, record


def _countries(reader: maxminddb.Reader) -> Iterator[Range]:
    for first, last, record in _records(reader):
        code = (record.get("country") or {}).get("iso_code")
        if isinstance(code, str) and len(code) == 2:
            yield Range(first, last, code)


def _networks(reader: maxminddb.Reader) -> Iterator[Range]:
    for first, last, record in _records(reader):
        number = record.get("autonomous_system_number")
        if isinstance(number, int):
            yield Range(first, last, (number, str(record.get("autonomous_system_organization", ""))))


def _lists(work: Path) -> Iterator[list[str]]:
    """Rows of prefix, provider, region, service."""
    aws = json.loads((work / "aws.json").read_bytes())
    for key, field in (("prefixes", "ip_prefix"), ("ipv6_prefixes", "ipv6_prefix")):
        for entry in aws[key]:
            yield [entry[field], "aws", entry["region"], entry["service"]]
    for entry in json.loads((work / "gcp.json").read_bytes())["prefixes"]:
        yield [
            entry.get("ipv4Prefix") or entry["ipv6Prefix"],
            "gcp",
            entry["scope"],
            entry.get("service", ""),
        ]
    for region in json.loads((work / "oracle.json").read_bytes())["regions"]:
        for entry in region["cidrs"]:
            yield [entry["cidr"], "oracle", region["region"], ",".join(entry.get("tags", ()))]


@cache
def _kept_clouds(fetched: frozenset[str]) -> tuple[list[str], ...]:
    """Ranges of the other providers, as they are embedded."""
    kept: list[list[str]] = []
    with maxminddb.open_database(builder.OUTPUT / PRESENT) as reader:
        for network, record in reader:
            if isinstance(record, dict) and record.get("provider", "aws") not in fetched:
                kept.append(
                    [str(network), *(str(record.get(key, "")) for key in ("provider", "region", "service"))]
                )
    return tuple(kept)


# --- checking and exchanging --------------------------------------------------------------------------


def _check(path: Path, tables: Mapping[str, Any], old: Mapping[str, Any], least: Mapping[str, int]) -> None:
    """Raises UpdateError for tables that are older, shorter than they can be, or wrong about well-known addresses."""
    for key in ("country", "asn"):
        if tables[key]["date"] < old[key]["date"]:
            raise UpdateError(
                f"the table of {key}s is of {tables[key]['date']}, older than that in use ({old[key]['date']}): "
                "nothing was changed"
            )
    for key, rows in least.items():
        if tables[key]["rows"] < rows:
            raise UpdateError(
                f"the table {key} has {tables[key]['rows']:,} rows, and at least {rows:,} were expected; the old "
                "tables stay in use"
            )
    wrong: list[str] = []
    with maxminddb.open_database(path) as reader:
        for address, country in PROBES.items():
            record = reader.get(address)
            found = record.get("country") if isinstance(record, dict) else None
            if found != country:
                wrong.append(f"{address} is {found}, not {country}")
    if len(wrong) > MOST_WRONG:
        raise UpdateError(
            f"the new tables are wrong about known addresses ({'; '.join(wrong)}); the old stay in use"
        )


def _exchange(path: Path, folder: Path) -> None:
    current = folder / PRESENT
    if current.is_file():
        with contextlib.suppress(FileNotFoundError):
            os.unlink(folder / PREVIOUS)
        os.link(current, folder / PREVIOUS)
    os.replace(path, current)
