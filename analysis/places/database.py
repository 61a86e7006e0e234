"""Address -> Location, offline: from the embedded database, and the user's own in front of it.

Strategy: what an address is by its number alone (private, multicast, IPv4 inside IPv6) is settled first,
from the catalogue's copy of the IANA registries; only addresses of the public internet are looked up.
A look-up gives a record of a table; what is known of the address beside the table (anycast, a network
that tables get wrong, no network at all) can take certainty away from it and never adds any. Each answer
names the tables that it rests on.

The embedded database is described in `tools/build_location_database.py`. The user's own may have the
layout of MaxMind and DB-IP (https://dev.maxmind.com/geoip/docs/databases/: `country.iso_code`,
`autonomous_system_number`) or of IPinfo (https://ipinfo.io/developers/database-types: `country_code` or
`country`, `asn` as `AS123`). `registered_country` is no answer to where a machine is, and is not read.
"""

import datetime
import ipaddress
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any, Self

import maxminddb

from phonehome.analysis import knowledge
from phonehome.analysis.knowledge.schema import SpreadCloud, SpreadRange
from phonehome.analysis.places.location import CountryCertainty, Location, Source
from phonehome.analysis.places.prefixes import IPAddress

CACHED_ADDRESSES = 1 << 15
"""Distinct addresses of which the answer is kept; about 20 MB if all are used."""

LONGEST_ADDRESS = 128
"""Characters; what is longer is no address (an IPv6 address has up to 45, and a zone may follow)."""

FAR_APART = datetime.timedelta(days=365)
"""A table that is further from a capture than this gets a warning."""

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # NAT64, RFC 6052
_COUNTRY = re.compile(r"[A-Z]{2}")
_AS_NUMBER = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)
_PROBED_RECORDS = 1000


class LocationDatabaseError(Exception):
    """A location database that cannot be used. The text is one line for people: what and what to do."""


class DamagedDatabaseError(LocationDatabaseError):
    """A database of the user's own cannot be read where an answer should stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
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

    def __init__(self, own: Iterable["OwnDatabase"] = ()) -> None:
        """Raises LocationDatabaseError if the embedded file is missing or damaged."""
        self._own = tuple(own)
        self._embedded = _Embedded()
        self._cached = lru_cache(maxsize=CACHED_ADDRESSES)(self._locate)

    @classmethod
    def open(cls, *paths: str | os.PathLike[str]) -> Self:
        """With files of the user's own: the first that has a field wins, the embedded one fills the rest.

        Raises LocationDatabaseError for a file that cannot be read, is no MMDB, or has an unknown layout.
        """
        return cls(OwnDatabase(path) for path in paths)

    def locate(self, address: str | None) -> Location:
        """Where the address is. Never raises: what cannot be told is None, and `reason` says why."""
        if address is not None and len(address) > LONGEST_ADDRESS:
            return Location(address=address[:LONGEST_ADDRESS], reason="not an IP address")
        return self._cached(address)

    def sources(self) -> tuple[Table, ...]:
        """All tables that answers may rest on, the user's own first."""
        return (*(own.table for own in self._own), *self._embedded.tables.values())

    def close(self) -> None:
        """Lets go of the files. `locate` then answers only what it has already answered."""
        self._embedded.reader.close()
        for own in self._own:
            own.reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _locate(self, text: str | None) -> Location:
        if text is None:
            return Location(address="", reason="no address is known")
        try:
            address = ipaddress.ip_address(text.strip().partition("%")[0])
        except ValueError:
            return Location(address=text, reason="not an IP address")
        inner, how = _inner(address)
        location = self._locate_public(text, inner)
        if how:
            location = replace(location, reason=f"{how} {inner}: {location.reason}")
        return location

    def _locate_public(self, text: str, address: IPAddress) -> Location:
        special = knowledge.shipped().addresses.special.get(address)
        if special is not None and special.scope != "global":
            return Location(
                address=text,
                country_certainty="not-applicable",
                reason=f"{special.scope}: {special.meaning}",
                scope=special.scope,
            )
        answer = self._embedded.look_up(address)
        damaged = ""
        for own in reversed(self._own):
            try:
                own.improve(answer, address)
            except DamagedDatabaseError:
                damaged = f"; {own.table.name} is damaged at this address and was left out"
        certainty, anycast, reason = _judge(answer, address)
        return Location(
            address=text,
            country=answer.country,
            country_certainty=certainty,
            reason=reason + damaged,
            asn=answer.asn,
            organisation=answer.organisation,
            cloud_provider=knowledge.shipped().addresses.provider(answer.provider).name
            if answer.provider
            else None,
            cloud_region=answer.region or None,
            anycast=anycast,
            sources=tuple(dict.fromkeys(s for s in answer.sources() if s is not None)),
        )


@dataclass(slots=True)
class _Answer:
    """What tables say of one address, before it is judged."""

    country: str | None = None
    country_source: Source | None = None
    by_region: bool = False
    """Whether the provider's region decided the country."""
    own_country: bool = False
    asn: int | None = None
    organisation: str | None = None
    asn_source: Source | None = None
    provider: str = ""
    region: str = ""
    service: str = ""
    cloud_source: Source | None = None

    def sources(self) -> tuple[Source | None, ...]:
        return self.country_source, self.asn_source, self.cloud_source


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


def _judge(answer: _Answer, address: IPAddress) -> tuple[CountryCertainty, bool, str]:
    """(certainty, anycast, reason) of a country that tables gave; takes the country away if it is filler."""
    addresses = knowledge.shipped().addresses
    spread: SpreadRange | SpreadCloud | None = addresses.spread_ranges.get(address)
    if spread is None and answer.provider:
        spread = addresses.spread_cloud(answer.provider, answer.region, answer.service)
    anycast = spread is not None and spread.anycast
    says = f"{answer.country_source.name} says {answer.country}" if answer.country_source else ""

    if spread is not None:
        how = "any of its places may have answered (anycast)" if anycast else "may be in another country"
        said = f"; {says}" if says else ""
        return ("uncertain" if answer.country else "unknown"), anycast, f"{spread.what}: {how}{said}"
    if answer.country is None:
        return "unknown", False, "no table knows a country for it"
    cloud = addresses.provider(answer.provider) if answer.provider else None
    if answer.by_region and cloud:
        return "certain", False, f"{cloud.name} publishes this range as its region {answer.region}"

    network = addresses.spread_networks.get(answer.asn) if answer.asn is not None else None
    if network is not None:
        return "uncertain", False, f"{says}, but {network.reason}"
    of_region = addresses.region_countries.get((answer.provider, answer.region))
    if cloud and of_region is not None and of_region != answer.country:
        region = f"{answer.region} ({of_region})"
        if answer.own_country:
            return "uncertain", False, f"{says}, but {cloud.name} publishes this range as its region {region}"
        return "uncertain", False, f"{says}, where {cloud.name} has a zone of its region {region}"
    if answer.asn is None and not answer.own_country and not cloud:
        idle = f"{says}, but no network announced the address when the tables were made"
        filler = addresses.filler.get(address.version)
        if filler is not None:
            answer.country = None
            return "unknown", False, f"{idle}, and {filler}"
        return "uncertain", False, idle
    return "likely", False, says


class _Embedded:
    """The embedded file."""

    def __init__(self) -> None:
        path = resources.files("phonehome.analysis.places") / "data" / "locations.mmdb"
        with resources.as_file(path) as file:
            self.reader = _open(file, "install phonehome again", maxminddb.MODE_AUTO)
        try:
            described = json.loads(self.reader.metadata().description["tables"])
            self.tables = {key: Table(**_known_fields(entry)) for key, entry in described.items()}
            self._country = _source(self.tables["country"])
            self._asn = _source(self.tables["asn"])
            self._cloud_date = self.tables["cloud"].date
        except (KeyError, TypeError, ValueError) as error:
            raise LocationDatabaseError(
                f"{file}: the embedded location database does not name its tables; install phonehome again"
            ) from error
        self._cloud: dict[str, Source] = {}

    def look_up(self, address: IPAddress) -> _Answer:
        record = self.reader.get(address)
        if not isinstance(record, dict):
            return _Answer()
        # The names that the builder gives, and the types that it writes.
        fields: dict[str, Any] = record
        answer = _Answer(
            country=fields.get("country"),
            by_region=fields.get("country_from") == "cloud",
            asn=fields.get("asn"),
            organisation=fields.get("organisation"),
            provider=fields.get("provider", ""),
            region=fields.get("region", ""),
            service=fields.get("service", ""),
        )
        if answer.provider:
            answer.cloud_source = self._cloud_source(answer.provider)
        if answer.country is not None:
            answer.country_source = answer.cloud_source if answer.by_region else self._country
        if answer.asn is not None:
            answer.asn_source = self._asn
        return answer

    def _cloud_source(self, provider: str) -> Source:
        source = self._cloud.get(provider)
        if source is None:
            source = Source(knowledge.shipped().addresses.provider(provider).table, self._cloud_date)
            self._cloud[provider] = source
        return source


class OwnDatabase:
    """An MMDB file of the user's own."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises LocationDatabaseError for a file that cannot be read, is no MMDB, or has no known layout."""
        self.path = Path(path)
        # The reader that is written in Python: that in C has been seen to abort the process on a damaged file.
        self.reader = _open(self.path, "give an MMDB file such as GeoLite2-Country.mmdb", maxminddb.MODE_MMAP)
        metadata = self.reader.metadata()
        self.table = Table(name=self.path.name, date=_day(metadata.build_epoch))
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

    def improve(self, answer: _Answer, address: IPAddress) -> None:
        """Puts what this file knows in place of what stood there.

        Raises DamagedDatabaseError where the file is damaged; `answer` is then unchanged.
        """
        if address.version == 6 and self.reader.metadata().ip_version == 4:
            return
        record = self._read(address)
        country = _first(record, _COUNTRY_PATHS, _country_code)
        if country is not None:
            answer.by_region = answer.by_region and country == answer.country
            answer.country, answer.country_source = country, self._source
            answer.own_country = True
        asn = _first(record, _ASN_PATHS, _as_number)
        if asn is not None:
            # The holder belongs to the number: another table's name must not stand beside it.
            answer.organisation = _first(record, _HOLDER_PATHS, _text) or (
                answer.organisation if asn == answer.asn else None
            )
            answer.asn, answer.asn_source = asn, self._source

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


def _source(table: Table) -> Source:
    return Source(table.name, table.date)


def age_warning(sources: Iterable[Source | Table], capture_time: float | None) -> str | None:
    """A sentence if a table is more than a year younger or older than the capture, else None.

    `capture_time` is in seconds since 1970-01-01T00:00Z; None, or a time that no calendar has, gives None.
    """
    if capture_time is None:
        return None
    try:
        captured = datetime.datetime.fromtimestamp(capture_time, datetime.UTC).date()
    except (ValueError, OverflowError, OSError):
        return None
    far: list[tuple[datetime.timedelta, str, datetime.date]] = []
    for source in sources:
        try:
            made = datetime.date.fromisoformat(source.date)
        except ValueError:
            continue
        if abs(made - captured) > FAR_APART:
            far.append((abs(made - captured), source.name, made))
    if not far:
        return None
    apart, name, made = max(far)
    years = apart.days / 365.25
    return (
        f"The capture is of {captured}, the location table {name} of {made}, {years:.1f} years "
        f"{'later' if made > captured else 'earlier'}: addresses move between networks and countries, "
        "so it says little of where they were at the time."
    )
