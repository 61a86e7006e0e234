"""Address and time -> what tables know of it, offline: from the embedded databases, and the user's own before them.

Strategy: what an address is by its number alone (private, multicast, IPv4 inside IPv6) is settled first, from the
catalogue's copy of the IANA registries; only addresses of the public internet are looked up. A look-up gathers what
tables say, each with its date; which of them decides depends on the time that is asked about. `locate` weighs it.

There are two embedded files (see `builder`): today's tables, and those of the past: countries of 2019-12, and the
ranges that cloud providers published, from when to when. The nearest tables before and after the time decide together;
a single one that is more than a year away is not enough to be likely. `phonehome update` can put newer ones in the
user's data folder.

The user's own may have the layout of MaxMind and DB-IP (https://dev.maxmind.com/geoip/docs/databases/:
`country.iso_code`, `autonomous_system_number`) or of IPinfo (https://ipinfo.io/developers/database-types:
`country_code` or `country`, `asn` as `AS123`). `registered_country` is not where a machine is, and is not read.
"""

import datetime
import ipaddress
import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Self

import maxminddb

from phonehome.analysis import knowledge
from phonehome.analysis.places.locate import (
    NOTHING_SEEN,
    AddressEvidence,
    Claim,
    Cloud,
    TableFacts,
    locate,
)
from phonehome.analysis.places.location import Location, TableName
from phonehome.analysis.places.prefixes import IPAddress

CACHED_ADDRESSES = 1 << 15
"""Distinct addresses of which the answer is kept; about 20 MB if all are used."""

LONGEST_ADDRESS = 128
"""Characters; what is longer is no address (an IPv6 address has up to 45, and a zone may follow)."""

FAR_APART = datetime.timedelta(days=365)
"""A table that is further from a capture than this gets a warning."""

LISTED_FOR = datetime.timedelta(days=183)
"""For so long a provider's last list is taken to be still true."""
BETWEEN_LISTS = datetime.timedelta(days=45)
"""So far apart lists of one provider can be: what a list has, it may have had for so long before."""

AsOf = Literal["auto", "now"] | datetime.date
"""The time that is asked about: that of the capture, today's, or a day."""

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # NAT64, RFC 6052
_COUNTRY = re.compile(r"[A-Z]{2}")
_AS_NUMBER = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)
_PROBED_RECORDS = 1000
PRESENT, PAST = "locations.mmdb", "past.mmdb"


class LocationDatabaseError(Exception):
    """A location database that cannot be used. The text is one line for people: what and what to do."""


class DamagedDatabaseError(LocationDatabaseError):
    """A database of the user's own cannot be read where an answer should stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCredit:
    """A table that answers may rest on, for the credits of a report."""

    name: str
    date: str
    """`YYYY-MM-DD`; `` if it does not say."""
    licence: str = ""
    """`` is unknown."""
    credit: str = ""
    link: str = ""
    rows: int | None = None


class LocationDatabase:
    """The embedded location database, alone or behind files of the user's own.

    Opening it maps the file and reads little of it. An object may be shared by threads, and is cheap
    enough to be opened in each process.
    """

    def __init__(
        self, own: Iterable["OwnDatabase"] = (), as_of: AsOf = "auto", folder: Path | None = None
    ) -> None:
        """`folder` has the databases that take the place of the embedded ones. Raises LocationDatabaseError if a file
        is missing or damaged."""
        self._own = tuple(own)
        self._as_of = as_of
        self._fixed = as_of if isinstance(as_of, datetime.date) else None
        self._embedded = _Embedded(folder)
        self._cached = lru_cache(maxsize=CACHED_ADDRESSES)(self._known)
        self._plain = lru_cache(maxsize=CACHED_ADDRESSES)(self._locate)

    @classmethod
    def open(cls, *paths: str | os.PathLike[str], as_of: AsOf = "auto") -> Self:
        """With files of the user's own, before the embedded ones; `FILE@2024-03-01` says the day of a file's data.

        Raises LocationDatabaseError for a file that cannot be read, is no MMDB, or has an unknown layout.
        """
        return cls((OwnDatabase(path) for path in paths), as_of, updated_folder())

    def locate(
        self, address: str | None, time: float | None = None, seen: AddressEvidence = NOTHING_SEEN
    ) -> Location:
        """Where the address was at a time (seconds since 1970-01-01T00:00Z; None is today), by tables and by what
        captures hold of it. Never raises: what cannot be told is None, and `reason` says why."""
        if address is not None and len(address) > LONGEST_ADDRESS:
            return Location(address=address[:LONGEST_ADDRESS], reason="not an IP address")
        day = self._fixed if time is None else self._day(time)
        if seen is NOTHING_SEEN:
            return self._plain(address, day)
        known = self._cached(address, day)
        return known if isinstance(known, Location) else locate(known, seen)

    def known(self, address: str | None, time: float | None = None) -> TableFacts | None:
        """What tables know of the address; None if it is none of the public internet."""
        known = self._cached(address, self._day(time))
        return known if isinstance(known, TableFacts) else None

    def _day(self, time: float | None) -> datetime.date | None:
        """The day that is asked about; None is today."""
        if self._fixed is not None:
            return self._fixed
        if self._as_of == "now" or time is None or not 0 < time < 1e11:
            return None
        return datetime.datetime.fromtimestamp(time, datetime.UTC).date()

    def sources(self) -> tuple[TableCredit, ...]:
        """All tables that answers may rest on, the user's own first."""
        return (*(own.table for own in self._own), *self._embedded.tables())

    def age_warning(self, time: float | None) -> str | None:
        """A sentence if no country table is from within a year of a capture."""
        day = self._day(time)
        dates = [
            table.date for table in (*(own.table for own in self._own), *self._embedded.country_tables())
        ]
        return _age_warning(day, dates) if day and self._as_of == "auto" else None

    def close(self) -> None:
        """Lets go of the files. `locate` then answers only what it has already answered."""
        self._embedded.close()
        for own in self._own:
            own.reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _locate(self, text: str | None, day: datetime.date | None) -> Location:
        known = self._cached(text, day)
        return known if isinstance(known, Location) else locate(known)

    def _known(self, text: str | None, day: datetime.date | None) -> TableFacts | Location:
        if text is None:
            return Location(address="", reason="no address is known")
        try:
            outer = ipaddress.ip_address(text.strip().partition("%")[0])
        except ValueError:
            return Location(address=text, reason="not an IP address")
        address, carried = _inner(outer)
        how = f"{carried} {address}" if carried else ""
        addresses = knowledge.shipped().addresses
        special = addresses.special.get(address)
        if special is not None and special.scope != "global":
            return Location(
                address=text,
                country_certainty="not-applicable",
                reason=(f"{how}: " if how else "") + f"{special.scope}: {special.meaning}",
                scope=special.scope,
            )
        answer = self._embedded.look_up(address, day)
        damaged = ""
        claims = list(answer.claims)
        for own in self._own:
            try:
                claim = own.improve(answer, address)
            except DamagedDatabaseError:
                damaged = f"; {own.table.name} is damaged at this address and was left out"
            else:
                if claim is not None:
                    claims.append(claim)
        decided, together, far = _decide(claims, day)
        cloud = answer.cloud
        spread = addresses.spread_ranges.get(address)
        return TableFacts(
            address=text,
            version=address.version,
            how=how,
            claims=decided,
            together=together,
            far=far,
            asn=answer.asn,
            organisation=answer.organisation,
            asn_source=answer.asn_source,
            cloud=cloud,
            was_not=answer.was_not,
            spread=spread
            or (addresses.spread_cloud(cloud.key, cloud.region, cloud.service) if cloud else None),
            damaged=damaged,
        )


@dataclass(slots=True)
class _Answer:
    """What tables say of one address."""

    claims: tuple[Claim, ...] = ()
    asn: int | None = None
    organisation: str | None = None
    asn_source: TableName | None = None
    own_asn: bool = False
    cloud: Cloud | None = None
    was_not: str = ""


def _decide(claims: Sequence[Claim], day: datetime.date | None) -> tuple[tuple[Claim, ...], int, str]:
    """The claims of countries for a day, those first that decide; how many these are; and, not empty, how far from the
    day the only one of them is, if that is more than a year.

    Today (no day), the user's own wins, and then the newest. Else the nearest before and the nearest after decide
    together; where only one side has any, that one alone. Of those within a year the user's own is before others."""
    if day is None:
        newest = sorted((claim for claim in claims if not claim.own), key=lambda claim: claim.source.date)
        own = [claim for claim in claims if claim.own]
        return tuple((*own, *newest[::-1])[:1]), 1, ""
    dated = [(claim, date) for claim in claims if (date := _date(claim.source.date)) is not None]
    undated = [claim for claim in claims if _date(claim.source.date) is None]

    def distance(item: tuple[Claim, datetime.date]) -> tuple[bool, bool, datetime.timedelta]:
        apart = abs(item[1] - day)
        return apart > FAR_APART, apart <= FAR_APART and not item[0].own, apart

    order = sorted(dated, key=distance)
    sides = [
        *[item for item in order if item[1] <= day][:1],
        *[item for item in order if item[1] > day][:1],
    ]
    sides.sort(key=distance)
    chosen = dict.fromkeys((*(claim for claim, _ in (*sides, *order)), *undated))
    far = ""
    if len(sides) == 1 and abs(sides[0][1] - day) > FAR_APART:
        far = _apart(sides[0][1], day)
    return tuple(chosen)[:3], max(1, len(sides)), far


def _apart(date: datetime.date, day: datetime.date) -> str:
    return f"{abs(date - day).days / 365.25:.1f} years {'before' if date < day else 'after'} the capture"


def _inner(address: IPAddress) -> tuple[IPAddress, str]:
    """The IPv4 address that an IPv6 address stands for, and how it is carried; else the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped, "IPv4 address"
        if address in _TRANSLATED:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF), "translated (NAT64) to the IPv4 address"
        if address.sixtofour is not None:
            return address.sixtofour, "tunnelled (6to4) to the IPv4 address"
        if address.teredo is not None:
            return address.teredo[1], "tunnelled (Teredo) to the IPv4 address"
    return address, ""


def data_folder() -> Path:
    """Where `phonehome update` puts databases."""
    base = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(base) / "phonehome" / "locations"


def updated_folder() -> Path | None:
    """The folder with the user's updated database, if there is one."""
    folder = data_folder()
    return folder if (folder / PRESENT).is_file() else None


class _Embedded:
    """The embedded files, or what an update put in the place of today's."""

    def __init__(self, folder: Path | None = None) -> None:
        shipped = Path(__file__).with_name("data")
        path = (folder or shipped) / PRESENT
        advice = "run phonehome update --rollback" if folder else "install phonehome again"
        self.reader = _open(path, advice, maxminddb.MODE_AUTO)
        self._past = _open(shipped / PAST, "install phonehome again", maxminddb.MODE_AUTO)
        try:
            self._tables = {
                key: TableCredit(**_known_fields(entry))
                for reader in (self.reader, self._past)
                for key, entry in json.loads(reader.metadata().description["tables"]).items()
            }
            self._country, self._asn, self._country_past = (
                _source(self._tables[key]) for key in ("country", "asn", "country-past")
            )
            self._cloud_date = datetime.date.fromisoformat(self._tables["cloud"].date)
            lists = json.loads(self._past.metadata().description["tables"])["cloud-past"]["lists"]
            self._lists = {name: (_iso(first), _iso(last)) for name, (first, last) in lists.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise LocationDatabaseError(
                f"{path}: the location database does not name its tables; {advice}"
            ) from error

    def tables(self) -> tuple[TableCredit, ...]:
        return tuple(self._tables.values())

    def country_tables(self) -> tuple[TableCredit, ...]:
        return self._tables["country"], self._tables["country-past"]

    def close(self) -> None:
        self.reader.close()
        self._past.close()

    def look_up(self, address: IPAddress, day: datetime.date | None) -> _Answer:
        record = self.reader.get(address)
        # The names that the builder gives, and the types that it writes.
        fields: dict[str, Any] = record if isinstance(record, dict) else {}
        answer = _Answer(asn=fields.get("asn"), organisation=fields.get("organisation"))
        if answer.asn is not None:
            answer.asn_source = self._asn
        today = None
        if "provider" in fields:
            today = Cloud(
                fields["provider"],
                fields.get("region", ""),
                fields.get("service", ""),
                self._cloud_source(fields["provider"], self._cloud_date.isoformat()),
            )
        claims = [Claim(fields["country"], self._country)] if "country" in fields else []
        if day is None:
            answer.cloud = today
        else:
            record = self._past.get(address)
            past: dict[str, Any] = record if isinstance(record, dict) else {}
            if "country" in past:
                claims.append(Claim(past["country"], self._country_past))
            answer.cloud, answer.was_not = self._cloud_at(day, today, past.get("clouds", ""))
        answer.claims = tuple(claims)
        return answer

    def _cloud_source(self, key: str, date: str) -> TableName:
        return TableName(knowledge.shipped().addresses.provider(key).table, date)

    def _cloud_at(self, day: datetime.date, today: Cloud | None, history: str) -> tuple[Cloud | None, str]:
        """What providers published of an address on a day, and what their lists say against today's."""
        seen = [_interval(line) for line in history.split("\n")] if history else []
        for name, region, first, last in seen:
            if first <= day <= last:
                key = _key(name)
                service = today.service if today and today.key == key else ""
                source = self._cloud_source(key, last.isoformat())
                return Cloud(key, region, service, source, "listed", f"lists of {first} to {last}"), ""
        if today is None:
            return None, ""
        name = knowledge.shipped().addresses.provider(today.key).name
        begin, end = self._lists.get(name, (self._cloud_date, self._cloud_date))
        of_it = [(region, first, last) for other, region, first, last in seen if other == name]
        if day > self._cloud_date:
            known = day - self._cloud_date <= LISTED_FOR
            return today._replace(
                standing="listed" if known else "earlier", when="" if known else today.source.date
            ), ""
        if day > end:
            before = any(region == today.region and end - last <= BETWEEN_LISTS for region, _, last in of_it)
            if before:
                return today._replace(
                    standing="before-and-after", when=f"lists of {end} and {self._cloud_date}"
                ), ""
            if self._cloud_date - day <= LISTED_FOR:
                return today._replace(when=f"list of {self._cloud_date}"), ""
            return today._replace(standing="later", when=f"list of {self._cloud_date}"), ""
        if day < begin:
            return today._replace(standing="later", when=f"list of {self._cloud_date}"), ""
        later = sorted(first for _, first, _ in of_it if first > day)
        if later and later[0] - day <= BETWEEN_LISTS:
            return today._replace(standing="later", when=f"lists from {later[0]} on"), ""
        since = f"from {later[0]} on only" if later else f"on {self._cloud_date}, and not on {day}"
        return None, f"{name} published this range {since}"


def _interval(line: str) -> tuple[str, str, datetime.date, datetime.date]:
    name, region, first, last = line.split("\t")
    # DigitalOcean's lists name the country first: `NL NL-NH`.
    return name, region.rpartition(" ")[2], _iso(first), _iso(last)


def _key(name: str) -> str:
    """The provider's key in the cloud table of today."""
    for key, provider in knowledge.shipped().addresses.providers.items():
        if provider.name in (name, f"{name} Cloud"):
            return key
    return name.lower()


_iso = lru_cache(maxsize=4096)(datetime.date.fromisoformat)


def _date(text: str) -> datetime.date | None:
    try:
        return _iso(text)
    except ValueError:
        return None


class OwnDatabase:
    """An MMDB file of the user's own."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises LocationDatabaseError for a file that cannot be read, is no MMDB, or has no known layout."""
        name, _, day = os.fspath(path).rpartition("@")
        dated = bool(name) and _date(day) is not None
        self.path = Path(name if dated else path)
        # The reader that is written in Python: that in C has been seen to abort the process on a damaged file.
        self.reader = _open(self.path, "give an MMDB file such as GeoLite2-Country.mmdb", maxminddb.MODE_MMAP)
        metadata = self.reader.metadata()
        self.table = TableCredit(name=self.path.name, date=day if dated else _day(metadata.build_epoch))
        self._source = _source(self.table)
        self._probe(metadata.database_type)

    def _probe(self, kind: str) -> None:
        """Refuses a file of which no early record gives a country or a network."""
        seen: set[str] = set()
        try:
            for _, record in islice(self.reader, _PROBED_RECORDS):
                if _first(record, _COUNTRY_PATHS, _country_code) or _first(record, _ASN_PATHS, _as_number):
                    return
                if isinstance(record, dict):
                    seen.update(map(str, record))
        except Exception as error:  # see _read
            raise LocationDatabaseError(
                f"{self.path}: the MMDB file is damaged ({type(error).__name__}); "
                "get it again from where it came from"
            ) from error
        held = ", ".join(sorted(seen)[:8]) or "nothing"
        raise LocationDatabaseError(
            f"{self.path}: unknown layout (type {kind!r}, its records hold {held}); give a country, city or "
            "ASN database of MaxMind, DB-IP or IPinfo"
        )

    def improve(self, answer: _Answer, address: IPAddress) -> Claim | None:
        """Puts the network that this file knows in place of what stood there, if no file before it did; returns the
        country that it names.

        Raises DamagedDatabaseError where the file is damaged; `answer` is then unchanged.
        """
        if address.version == 6 and self.reader.metadata().ip_version == 4:
            return None
        record = self._read(address)
        country = _first(record, _COUNTRY_PATHS, _country_code)
        asn = _first(record, _ASN_PATHS, _as_number)
        if asn is not None and not answer.own_asn:
            answer.own_asn = True
            # The holder belongs to the number: another table's name must not stand beside it.
            answer.organisation = _first(record, _HOLDER_PATHS, _text) or (
                answer.organisation if asn == answer.asn else None
            )
            answer.asn, answer.asn_source = asn, self._source
        return Claim(country, self._source, own=True) if country is not None else None

    def _read(self, address: IPAddress) -> object:
        try:
            return self.reader.get(address)
        except Exception as error:
            # Damage shows as whatever the reader stumbles over: a bad pointer, bad UTF-8, a bad size, ...
            raise DamagedDatabaseError(f"{self.path}: the MMDB file is damaged at {address}") from error


# Where a field stands, by layout: MaxMind and DB-IP, then IPinfo, then this project's own.
_COUNTRY_PATHS = (("country", "iso_code"), ("country_code",), ("country",))
_ASN_PATHS = (("autonomous_system_number",), ("traits", "autonomous_system_number"), ("asn",), ("asn", "asn"))
_HOLDER_PATHS = (
    ("autonomous_system_organization",),
    ("traits", "autonomous_system_organization"),
    ("as_name",),
    ("asn", "name"),
    ("name",),
    ("organisation",),
)


def _first[T](
    record: object, paths: Iterable[tuple[str, ...]], read: Callable[[object], T | None]
) -> T | None:
    for path in paths:
        value = record
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        found = read(value)
        if found is not None:
            return found
    return None


def _country_code(value: object) -> str | None:
    return value if isinstance(value, str) and _COUNTRY.fullmatch(value) else None


def _as_number(value: object) -> int | None:
    if isinstance(value, str) and (match := _AS_NUMBER.fullmatch(value)):
        value = int(match[1])
    return value if isinstance(value, int) and 0 < value < 1 << 32 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _open(path: Path, advice: str, mode: int) -> maxminddb.Reader:
    try:
        return maxminddb.open_database(path, mode)
    except OSError as error:
        raise LocationDatabaseError(
            f"{path}: the location database cannot be read ({error.strerror or error}); {advice}"
        ) from error
    except Exception as error:  # as in OwnDatabase._read
        raise LocationDatabaseError(f"{path}: not an MMDB location database; {advice}") from error


def _known_fields(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("name", "date", "licence", "credit", "link", "rows") if key in entry}


def _day(epoch: object) -> str:
    """`YYYY-MM-DD` of a time in seconds; `` if it is none."""
    try:
        return datetime.datetime.fromtimestamp(epoch, datetime.UTC).date().isoformat() if epoch else ""  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return ""


def _source(table: TableCredit) -> TableName:
    return TableName(table.name, table.date)


def _age_warning(day: datetime.date, tables: Iterable[str]) -> str | None:
    """A sentence if no table is from within a year of the day of a capture. An undated table says nothing."""
    dates = sorted(date for text in tables if (date := _date(text)) is not None)
    if not dates or any(abs(date - day) <= FAR_APART for date in dates):
        return None
    before = [date for date in dates if date < day][-1:]
    after = [date for date in dates if date > day][:1]
    nearest = " and ".join(
        [f"{(day - date).days / 365.25:.1f} years earlier ({date})" for date in before]
        + [f"{(date - day).days / 365.25:.1f} years later ({date})" for date in after]
    )
    return (
        f"The capture is of {day}, and the nearest location tables are {nearest}. Addresses move "
        "between countries, so they say less of where these were at the time."
    )
