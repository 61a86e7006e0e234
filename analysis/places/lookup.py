"""What the report would say of a host or an address: the work behind `phonehome locate`.

A name has no address of its own: a report takes the address from the capture. So a name alone gives a
location only with `--online`, from today's addresses, and says so.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from phonehome.analysis.knowledge.addresses import country_name
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.places.distances import Point
from phonehome.analysis.places.locate import AddressEvidence, Reverse, words_of
from phonehome.analysis.places.location import Location
from phonehome.analysis.places.round_trips import Bounds, Landmark

if TYPE_CHECKING:  # its libraries are slow to load, and only `--online` needs them
    from phonehome.analysis.places.online import OnlineLookups, OnlineResults
    from phonehome.analysis.places.registry import RegistryEntry

LONGEST_ARGUMENT = 4096
MOST_EXCLUDED = 12
"""Countries that a line names."""


class Target(NamedTuple):
    """What an argument asks about: a name, or an address; neither if it is none."""

    host: str | None
    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedAddress:
    """One address, and what is known of it."""

    location: Location
    reverse_name: str | None = None
    """Today's, given by the holder of the address; only online."""
    registry: "RegistryEntry | None" = None
    """Only online."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocateResult:
    """The answer to one argument."""

    argument: str
    host: str | None = None
    aliases: tuple[str, ...] = ()
    """The names that the host is an alias of today; only online."""
    asked: float | None = None
    """When the name was looked up, in seconds since 1970-01-01T00:00Z; None if it was not."""
    places: tuple[LocatedAddress, ...] = ()
    note: str = ""
    """What a reader must know of this answer; `` if nothing."""
    warnings: tuple[str, ...] = ()
    """Of the look-ups as a whole: the same in each result of one call."""


def read_target(argument: str) -> Target:
    """Reads an address, a name, `host:port`, `[address]:port` or a URL. Never raises."""
    text = argument.strip()
    if len(text) > LONGEST_ARGUMENT:
        return Target(None, None)
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if _is_address(bare):
        return Target(None, bare)
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host = parts.hostname
        _ = parts.port  # raises if what stands for a port is none
    except ValueError:
        return Target(None, None)
    if not host:
        return Target(None, None)
    host = host.rstrip(".")
    if _is_address(host):
        return Target(None, host)
    return Target(host, None) if _is_name(host) else Target(None, None)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    try:
        ascii_form = text.encode("idna")
    except UnicodeError:
        return False
    labels = ascii_form.split(b".")
    return len(ascii_form) <= 253 and all(
        label and label.replace(b"-", b"").replace(b"_", b"").isalnum() for label in labels
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the user saw of the destination."""

    headers: tuple[tuple[str, str], ...] = ()
    """Of its answer; names lower case."""
    seconds: float | None = None
    """Its round trip."""
    at: tuple[str, Point | str] | None = None
    """Where that was measured: what to call it, and the place or the country."""

    def seen(
        self, host: str | None, reverse: Reverse | None, registered: tuple[str, str] | None
    ) -> AddressEvidence:
        """As evidence."""
        bound = None
        if self.seconds is not None and self.at is not None:
            bound = Bounds([Landmark(0.0, *self.at)]).of(self.seconds, "round trip")
        words = dict.fromkeys(words_of(self.headers), 1)
        hosts = (host,) if host else ()
        return AddressEvidence(words=words, hosts=hosts, bound=bound, reverse=reverse, registered=registered)


NOTHING_OBSERVED = Observed()


def locate_many(
    arguments: Sequence[str],
    database: LocationDatabase,
    online: "OnlineLookups | None" = None,
    observed: Observed = NOTHING_OBSERVED,
) -> list[LocateResult]:
    """One result for each argument, in order. Asks nobody unless `online` is given."""
    targets = [read_target(argument) for argument in arguments]
    found: OnlineResults | None = None
    if online is not None:
        found = online.look_up((), [target.host for target in targets if target.host])
        today = [address for answers in found.names.values() for address in answers.addresses]
        of_addresses = online.look_up(today + [target.address for target in targets if target.address], ())
        found = found.joined(of_addresses)
    results = [_result(*pair, database, found, observed) for pair in zip(arguments, targets, strict=True)]
    if found is not None and found.warnings:
        results = [replace(result, warnings=found.warnings) for result in results]
    return results


def _result(
    argument: str,
    target: Target,
    database: LocationDatabase,
    found: "OnlineResults | None",
    observed: Observed,
) -> LocateResult:
    if target.address is not None:
        places = _places([target.address], None, database, found, observed)
        return LocateResult(argument=argument, places=places)
    if target.host is None:
        return LocateResult(argument=argument, note="neither a host name nor an IP address")
    if found is None:
        return LocateResult(
            argument=argument,
            host=target.host,
            note="A name has no address of its own, so its country is unknown: a report takes the address "
            "from the capture. With --online, today's addresses of the name are looked up.",
        )
    answers = found.names.get(target.host)
    if answers is None:
        return LocateResult(argument=argument, host=target.host, note="the name was not looked up")
    note = "Today's addresses, which need not be those of any capture."
    return LocateResult(
        argument=argument,
        host=target.host,
        aliases=answers.aliases,
        asked=answers.asked,
        places=_places(answers.addresses, target.host, database, found, observed),
        note=note if answers.addresses else answers.problem,
    )


def _places(
    addresses: Iterable[str],
    host: str | None,
    database: LocationDatabase,
    found: "OnlineResults | None",
    observed: Observed,
) -> tuple[LocatedAddress, ...]:
    places: list[LocatedAddress] = []
    for address in addresses:
        reverse = found.reverse.get(address) if found else None
        registry = found.registry.get(address) if found else None
        named = Reverse(reverse.name, None) if reverse and reverse.name else None
        held = None
        if registry is not None and registry.country is not None:
            held = registry.country, registry.holder or registry.network_name or "a holder who is not named"
        places.append(
            LocatedAddress(
                location=database.locate(address, None, observed.seen(host, named, held)),
                reverse_name=reverse.name if reverse else None,
                registry=registry,
            )
        )
    return tuple(places)


# --- for people and for programs ----------------------------------------------------------------------


def printable(text: str) -> str:
    """The text without control characters, which could do things to a terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)


def describe_country(location: Location) -> str:
    """`Singapore (SG)`, `United States (US), uncertain`, or why there is none."""
    if location.country_certainty == "not-applicable":
        return f"not on the internet ({location.scope})"
    if location.country is None:
        return "unknown"
    doubt = ", uncertain" if location.country_certainty == "uncertain" else ""
    return f"{country_name(location.country)} ({location.country}){doubt}"


def render_text(results: Iterable[LocateResult]) -> str:
    """Plain text, a paragraph for each argument, then warnings."""
    results = list(results)
    warnings = dict.fromkeys(warning for result in results for warning in result.warnings)
    return "\n\n".join([*("\n".join(_lines(result)) for result in results), *warnings])


def _lines(result: LocateResult) -> list[str]:
    lines = [printable(result.argument)]
    if result.aliases:
        lines.append(f"  alias of    {printable(' > '.join(result.aliases))}")
    for place in result.places:
        lines += [f"  {label:<11} {printable(value)}" for label, value in _fields(place)]
    if result.note:
        lines.append(f"  {result.note}")
    return lines


def _fields(place: LocatedAddress) -> list[tuple[str, str]]:
    location = place.location
    shown = [
        ("address", location.address),
        ("country", describe_country(location)),
        ("because", location.reason),
    ]
    shown += [
        ("evidence", f"{piece.kind}: {piece.says}" + (f" [{piece.date}]" if piece.date else ""))
        for piece in location.evidence
    ]
    if location.excluded:
        names = sorted(country_name(code) for code in location.excluded)
        more = f" and {len(names) - MOST_EXCLUDED} more" if len(names) > MOST_EXCLUDED else ""
        shown.append(("not in", f"{', '.join(names[:MOST_EXCLUDED])}{more}"))
    if location.asn is not None:
        shown.append(("network", f"AS{location.asn} {location.organisation or ''}".rstrip()))
    if location.cloud_provider:
        shown.append(("cloud", f"{location.cloud_provider} {location.cloud_region or ''}".rstrip()))
    if place.reverse_name:
        shown.append(("named", f"{place.reverse_name} (by the holder of the address, today)"))
    if place.registry is not None:
        shown.append(("registry", _registry(place.registry)))
    if location.sources:
        tables = ", ".join(f"{source.name} {source.date}".rstrip() for source in location.sources)
        shown.append(("tables", tables))
    return shown


def _registry(entry: "RegistryEntry") -> str:
    if entry.problem:
        return entry.problem
    held = entry.holder or entry.network_name or "a holder who is not named"
    country = f", registered for {country_name(entry.country)} ({entry.country})" if entry.country else ""
    return f"held by {held}{country}"


def to_json(result: LocateResult) -> dict[str, Any]:
    """Values that `json.dumps` takes; unknown is None."""
    return {
        "argument": result.argument,
        "host": result.host,
        "aliases": list(result.aliases),
        "asked": result.asked,
        "note": result.note or None,
        "warnings": list(result.warnings),
        "places": [_place_json(place) for place in result.places],
    }


def _place_json(place: LocatedAddress) -> dict[str, Any]:
    location = place.location
    entry = place.registry
    return {
        "address": location.address,
        "scope": location.scope,
        "country": location.country,
        "country_name": country_name(location.country) if location.country else None,
        "country_certainty": location.country_certainty,
        "reason": location.reason,
        "country_evidence": [asdict(piece) for piece in location.evidence],
        "excluded_countries": sorted(location.excluded),
        "bound_km": location.bound_km,
        "bound_from": location.bound_from,
        "anycast": location.anycast,
        "asn": location.asn,
        "organisation": location.organisation,
        "cloud": {"provider": location.cloud_provider, "region": location.cloud_region}
        if location.cloud_provider
        else None,
        "reverse_name": place.reverse_name,
        "registry": {
            "holder": entry.holder,
            "country": entry.country,
            "network_name": entry.network_name,
            "network_range": entry.network_range,
            "problem": entry.problem or None,
            "asked": entry.asked,
        }
        if entry
        else None,
        "sources": [{"name": source.name, "date": source.date or None} for source in location.sources],
    }
