"""How often a place is wrong, and how often a true one is excluded.

    python -m benchmarks.places lists TABLES      addresses out of providers' lists, at five dates
    python -m benchmarks.places names             addresses whose holders publish their places in names
    python -m benchmarks.places trips             simulated round trips from 20 cities to all cloud regions

    python -m benchmarks.places captures CAPTURE...   countries against which a header or a round trip of theirs speaks

TABLES is the folder with `cloud-history.csv.xz` (see `analysis/places/builder.py`). `names` reads
`tests/places/published_names.csv`.
"""

import argparse
import csv
import datetime
import ipaddress
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from phonehome.analysis import knowledge
from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.pipeline import read_captures
from phonehome.analysis.places import builder
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.places.distances import Point, airport, between_points
from phonehome.analysis.places.round_trips import KM_A_SECOND, TLS, Bounds, Landmark
from phonehome.analysis.render.output import make_document
from phonehome.analysis.report.entries import Document

NAMES = Path(__file__).parents[1] / "tests" / "places" / "published_names.csv"
DATES = ("2017-06-01", "2019-01-22", "2021-11-01", "2023-06-01", "2025-06-01")
ADDRESSES = 10_000
CITIES = (
    *("AMS", "OSL", "FRA", "LHR", "MAD", "WAW", "IST", "TLV", "DXB", "BOM"),
    *("SIN", "HKG", "NRT", "SYD", "JNB", "GRU", "MEX", "JFK", "SFO", "YYZ"),
)
DRAWS = 100_000
DESTINATIONS = 8
"""Cloud regions that a simulated capture talks to."""


def _time(day: datetime.date) -> float:
    return datetime.datetime.combine(day, datetime.time(12), datetime.UTC).timestamp()


def lists(folder: Path, chance: random.Random) -> None:
    """Addresses out of what providers published on five dates: who says what, and how often it is the region."""
    regions = knowledge.shipped().addresses.region_countries
    keys = {provider.name: key for key, provider in knowledge.shipped().addresses.providers.items()}
    keys["Oracle"] = "oracle"
    history = [
        (ipaddress.ip_network(prefix), keys[provider], region.rpartition(" ")[2], first, last)
        for prefix, provider, region, first, last in builder.rows(folder, "cloud-history")
        if provider in keys
    ]
    outcomes: dict[str, Counter[str]] = {day: Counter() for day in DATES}
    with LocationDatabase() as database:
        for day in DATES:
            then = [
                (net, country)
                for net, key, region, first, last in history
                if first <= day <= last and (country := regions.get((key, region))) is not None
            ]
            for net, country in chance.choices(then, k=ADDRESSES // len(DATES)):
                address = net[0] + chance.randrange(min(net.num_addresses, 1 << 64))
                found = database.locate(str(address), _time(datetime.date.fromisoformat(day)))
                right = "right" if found.country == country else "none" if found.country is None else "wrong"
                outcomes[day][f"{found.country_certainty} {right}"] += 1
    for day, counts in outcomes.items():
        print(day, ", ".join(f"{what} {number}" for what, number in sorted(counts.items())))


def published() -> Iterator[tuple[str, str, str]]:
    """Address, name, country."""
    with NAMES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            yield row["address"], row["name"], row["country"]


def names() -> int:
    """How often a country is wrong, by certainty. Returns how often one is wrong as certain or likely."""
    counts: Counter[str] = Counter()
    with LocationDatabase() as database:
        for address, _, country in published():
            for when in (None, _time(datetime.date(2019, 6, 1)), _time(datetime.date(2023, 6, 1))):
                found = database.locate(address, when)
                counts[f"{found.country_certainty} {'right' if found.country == country else 'wrong'}"] += 1
    print(", ".join(f"{what} {number}" for what, number in sorted(counts.items())))
    return counts["certain wrong"] + counts["likely wrong"]


def trips(chance: random.Random, draws: int = DRAWS) -> int:
    """Round trips of 1.2 to 3 times the least possible, from each city to regions of clouds at places drawn in their
    countries. Returns how often a true country was excluded."""
    places = _region_places()
    false_far = excluded_far = wrong = contradictions = done = 0
    continents = _continents()
    while done < draws:
        city = airport(chance.choice(CITIES))
        assert city is not None
        here = Point(city.latitude, city.longitude)
        drawn = chance.sample(places, DESTINATIONS)
        timed = []
        for country, name, place in drawn:
            least = max(between_points(here, place), 1.0) / KM_A_SECOND
            timed.append((country, name, least * chance.uniform(1.2, 3)))
        bounds = Bounds(Landmark(seconds, name, country) for country, name, seconds in timed[1:])
        contradictions += bool(bounds.contradiction)
        country, _, seconds = timed[0]
        bound = bounds.of(seconds, TLS)
        excluded = bound.excluded if bound else frozenset()
        wrong += country in excluded
        far = [code for code, where in continents.items() if where != continents.get(country)]
        false_far += len(far)
        excluded_far += sum(code in excluded for code in far)
        done += 1
    print(
        f"{done:,} draws: a true country excluded {wrong:,} times, contradictions {contradictions:,}; "
        f"a country on another continent is excluded in {100 * excluded_far / false_far:.1f} per cent"
    )
    return wrong + contradictions


def _region_places() -> list[tuple[str, str, Point]]:
    """Country, name and a place of each cloud region: one of the country's airports, drawn once."""
    chance = random.Random(0)
    by_country: dict[str, list[Point]] = {}
    for line in (builder.OUTPUT / "airports.csv").read_text("utf-8").splitlines():
        _, country, latitude, longitude, _ = line.split(",")
        by_country.setdefault(country, []).append(Point(float(latitude), float(longitude)))
    return [
        (country, f"{country} ({provider} {region})", chance.choice(by_country[country]))
        for (provider, region), country in sorted(knowledge.shipped().addresses.region_countries.items())
        if country in by_country
    ]


def _continents() -> dict[str, int]:
    """Countries by a coarse part of the world, the nearest of some middles: far apart is what counts."""
    middles = [(48, 10), (40, -98), (-12, -55), (0, 22), (25, 80), (33, 108), (-25, 135)]
    found: dict[str, int] = {}
    for line in (builder.OUTPUT / "airports.csv").read_text("utf-8").splitlines():
        _, country, latitude, longitude, _ = line.split(",")
        if country not in found:
            place = Point(float(latitude), float(longitude))
            found[country] = min(
                range(len(middles)), key=lambda number: between_points(place, Point(*middles[number]))
            )
    return found


def contradicted(document: Document) -> list[str]:
    """Destinations to which a country is given as certain or likely although how soon they answered excludes it, or
    what the edge says is another; a line each. A provider's list stands against a header that any server can write."""
    found = []
    for device in document["devices"]:
        for row in device["destinations"]:
            country, certainty = row["country"], row["country_certainty"]
            if certainty not in ("certain", "likely"):
                continue
            pieces = [piece for piece in row["country_evidence"] if piece["country"] is not None]
            listed = any(piece["kind"] == "provider-list" and piece["country"] == country for piece in pieces)
            against = [
                piece["says"]
                for piece in pieces
                if piece["kind"] == "edge-header"
                and piece["country"] != country
                and not (certainty == "certain" and listed)
            ]
            against += ["excluded by how soon it answered"] if country in row["excluded_countries"] else []
            found += [
                f"{row['host']} {row['addresses']}: {certainty} {country}, but {why}" for why in against
            ]
    return found


def captures(paths: list[str]) -> int:
    """How many places of these captures are contradicted by their own evidence."""
    wrong = places = 0
    with LocationDatabase() as database:
        for path in paths:
            document = make_document(read_captures([path]), database, DeviceNames())
            places += sum(len(device["destinations"]) for device in document["devices"])
            for line in contradicted(document):
                wrong += 1
                print(f"{path}: {line}")
    print(f"{len(paths)} captures, {places:,} destinations: {wrong} contradicted by their own evidence")
    return wrong


def main(arguments: list[str] | None = None) -> int:
    """Runs one of the measurements; exit status 1 if a claim was wrong."""
    parser = argparse.ArgumentParser(description="Measures locations.")
    parser.add_argument("what", choices=("lists", "names", "trips", "captures"))
    parser.add_argument("files", nargs="*", metavar="TABLES|CAPTURE")
    parser.add_argument("--draws", type=int, default=DRAWS)
    options = parser.parse_args(arguments)
    chance = random.Random(20261126)
    if options.what == "names":
        return 1 if names() else 0
    if options.what == "trips":
        return 1 if trips(chance, options.draws) else 0
    if options.what == "captures":
        return 1 if captures(options.files) else 0
    if len(options.files) != 1:
        parser.error("lists needs the folder with the tables")
    lists(Path(options.files[0]), chance)
    return 0


if __name__ == "__main__":
    sys.exit(main())
