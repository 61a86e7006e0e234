"""From the sum to the document: located, named, sorted, phrased.

The document is the report as everybody gets it: the JSON is this dictionary (its schema is
`docs/report.schema.json`), and the other formats are drawn from it. Unknown is None, never a guess.
Captured text stands in it as it was captured, identifiers too: conclusions are drawn from what was seen. Whoever
shows it masks it (`render.masked`) and escapes it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from phonehome.analysis import __version__, knowledge
from phonehome.analysis.decoding.elsewhere import holds_data
from phonehome.analysis.devices import DeviceNames, label
from phonehome.analysis.firmware import firmware_of, market_of
from phonehome.analysis.identifiers.finding import Finding
from phonehome.analysis.knowledge.addresses import country_name
from phonehome.analysis.knowledge.catalogue import Catalogue, Endpoint
from phonehome.analysis.makers import maker
from phonehome.analysis.places.location import Location
from phonehome.analysis.report import summary
from phonehome.analysis.report.again import Again, left_out
from phonehome.analysis.report.apps import apps_of, candidates_of, device_apps
from phonehome.analysis.report.companies import companies
from phonehome.analysis.report.concern import concern
from phonehome.analysis.report.entries import (
    CaptureEntry,
    DestinationEntry,
    DeviceEntry,
    Document,
    Encrypted,
    ExampleEntry,
    IdentifierEntry,
    KnownName,
    OnlineEntry,
    RegistryItem,
    TimelineEntry,
)
from phonehome.analysis.report.located import Locate, Located, Vantage
from phonehome.analysis.report.model import (
    AtAddress,
    Capture,
    Destination,
    Device,
    DeviceKey,
    Example,
    Report,
)
from phonehome.analysis.report.outliers import outliers
from phonehome.analysis.report.owners import owner_of
from phonehome.analysis.report.phones import Phone, phones
from phonehome.analysis.report.texts import Sighting
from phonehome.analysis.report.timeline import Timeline
from phonehome.analysis.sources.flow_state import UNSEEN_IN_FLOWS
from phonehome.analysis.transmission import Remark

if TYPE_CHECKING:  # its libraries are slow to load, and only --online needs them
    from phonehome.analysis.places.online import OnlineResults

SCHEMA = "phonehome/report/1"

LOCAL_SCOPES: Final = frozenset(
    {"private", "unique-local", "link-local", "loopback", "multicast", "broadcast"}
)
"""Addresses of a phone's own network."""

MAX_EVIDENCE = 20
"""Pieces of evidence of where a destination is that are listed: the weightiest."""
MAX_LISTED = 50
"""Names that a device looked up and never contacted, as far as they are listed; all are counted."""
TOO_VARIED: Final = (
    "Of {} fields that vary a lot, not all values were compared with what is certain elsewhere."
)


REMARKS: Final[Mapping[Remark, str]] = {
    "body rebuilt": "bodies put together again from form fields, of which order and encoding may differ: {}",
    "body damaged": "bodies that lost bytes, because the tool that wrote the file kept them as text: {}",
    "body missing": "bodies that the tool that wrote the file left out: {}",
    "time unknown": "times that could not be read, so that the one before stands for them: {}",
}
"""What the tool that wrote a capture did to transmissions, and to how many."""


@dataclass(slots=True)
class File:
    """A file that was read."""

    path: str
    sha256: str
    bytes: int
    follows: str = ""
    """Path of the first file of the capture that it goes on with; empty if it is one by itself."""


@dataclass(slots=True)
class Context:
    """What the sum needs to become a document."""

    catalogue: Catalogue
    locate: Locate
    tables: Sequence[Mapping[str, str]]
    """Name, date, licence of each location table that may be named."""
    names: DeviceNames
    files: list[File] = field(default_factory=list)
    errors: Mapping[str, str] = field(default_factory=dict)
    """By path: why a file could not be read."""
    copies: Mapping[str, str] = field(default_factory=dict)
    """By path: the file with the same content that was read instead."""
    age_warning: Callable[[float], str | None] = lambda time: None
    """Told the time of a capture's last transmission."""
    at: Mapping[str, Vantage] = field(default_factory=dict)
    """By path: where a capture was made, as far as the user says."""
    online: "OnlineResults | None" = None
    """What was looked up online; None if nothing was."""


def document(report: Report, context: Context) -> Document:
    """The report for people and programs."""
    report.cut()
    for counted in report.devices.values():
        counted.cut()
    names = capture_names(report, context)
    located = Located(report.captures, context.locate, context.at, context.online)
    _take_over(report)
    found = phones(report, context.names, context.catalogue.kinds)
    ids = _ids(found, names)
    devices = [_device(phone, names, ids[phone.keys[0]], located, context) for phone in found]
    labels = _repeated(device["label"] for device in devices)
    for device in devices:
        if device["label"] in labels and len(names) > 1:
            device["label"] += f" in {', '.join(device['captures'])}"
    devices.sort(
        key=lambda entry: (
            not entry["destinations"],
            [concern(row) for row in entry["destinations"][:1]],
            entry["label"],
            entry["id"],
        )
    )
    result: Document = {
        "schema": SCHEMA,
        "captures": [
            _capture(file, report.captures.get(file.path, Capture()), names, located, context)
            for file in context.files
            if not file.follows
        ],
        "verdict": None,
        "devices": devices,
        "companies": companies(devices),
        "outliers": [],
        "not_seen": _not_seen(report, devices, found, context),
        "sources": {
            "tool": {"name": "phonehome", "version": __version__},
            "location_tables": [dict(table) for table in context.tables],
            "catalogue": {"endpoints": len(context.catalogue.endpoints)},
            "online": bool(context.online),
            "identifiers": "shown",
        },
        "errors": [{"path": names[path], "error": error} for path, error in sorted(context.errors.items())],
    }
    result["outliers"] = outliers(result["devices"])
    return result


def device_ids(report: Report, context: Context) -> dict[DeviceKey, str]:
    """What `document` calls the device that a client of a capture is."""
    names = capture_names(report, context)
    return _ids(phones(report, context.names, context.catalogue.kinds), names)


def _ids(found: Sequence[Phone], captures: Mapping[str, str]) -> dict[DeviceKey, str]:
    clashing = _repeated(phone.keys[0].id for phone in found)
    ids = {}
    for phone in found:
        first = phone.keys[0]
        # The same address in two captures is two devices: then the id says of which capture.
        id_ = f"{captures[first.capture]}:{first.id}" if first.id in clashing else first.id
        ids.update(dict.fromkeys(phone.keys, id_))
    return ids


def _take_over(report: Report) -> None:
    """What a capture says of its phone is said of the device in it, if it is the only one."""
    of: dict[str, list[Device]] = {}
    for key, device in report.devices.items():
        of.setdefault(key.capture, []).append(device)
    for path, capture in report.captures.items():
        devices = of.get(path, [])
        for device in devices:
            if (mac := capture.macs.get(device.id)) is not None:
                device.facts.card = maker(mac)
        if capture.said is not None and len(devices) == 1:
            devices[0].facts.said = capture.said


def time_text(time: float) -> str | None:
    """RFC 3339 in UTC, to the second; None for a time that was not recorded."""
    if not 0 < time < 1e11:
        return None
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def capture_names(report: Report, context: Context) -> dict[str, str]:
    """What captures are called: a report may be shared, and a path tells of its maker's machine. Of files with one
    name, each has its number as well."""
    paths = [file.path for file in context.files]
    paths += sorted({*report.captures, *context.errors, *context.copies} - set(paths))
    names = {path: path.replace("\\", "/").rstrip("/").rpartition("/")[2] or path for path in paths}
    repeated = _repeated(names.values())
    numbers: Counter[str] = Counter()
    for path, name in names.items():
        if name in repeated:
            numbers[name] += 1
            names[path] = f"{name} #{numbers[name]}"
    return names


def _repeated(texts: Iterable[str]) -> set[str]:
    return {text for text, number in Counter(texts).items() if number > 1}


def _device(
    phone: Phone, captures: Mapping[str, str], id_: str, located: Located, context: Context
) -> DeviceEntry:
    device = phone.device
    destinations = sorted(_destinations(device, located, context), key=concern)
    seen = [at for addresses in device.destinations.values() for at in addresses.values()]
    contacted = {destination.host for destination in device.destinations}
    for at in seen:
        contacted |= at.authorities
    names_only = sorted(device.asked_names - contacted)
    facts = device.facts
    entry: DeviceEntry = {
        "id": id_,
        "label": label(phone.name, id_, facts),
        "named": phone.name is not None,
        "captures": sorted({captures[key.capture] for key in phone.keys}),
        "joined_by": phone.joined_by or None,
        "doubts": list(phone.doubts),
        "addresses": sorted(device.addresses),
        "model": facts.model,
        "models": list(facts.models),
        "system": facts.system,
        "card": facts.card,
        "builds": list(facts.builds),
        "markets": market_of(facts.builds),
        "firmware": firmware_of(facts.models, facts.builds),
        "summary": "",
        "transmissions": sum(at.transmissions for at in seen),
        "attempts": sum(at.attempts for at in seen),
        "first": time_text(min((at.first for at in seen), default=0)),
        "last": time_text(max((at.last for at in seen), default=0)),
        "destinations": destinations,
        "names_only": names_only[:MAX_LISTED],
        "names_only_count": len(names_only),
        "fingerprints": [],
        "names_only_with_data": sum(map(holds_data, names_only)),
        "names_only_known": _known_names(names_only, context.catalogue),
        "timeline": _timeline(device.timeline),
        "apps": device_apps(destinations),
    }
    entry["summary"] = summary.device_summary(entry)
    return entry


def _known_names(names: Iterable[str], known: Catalogue) -> list[KnownName]:
    found: list[KnownName] = []
    for name in names:
        entry = next((entry for entry in known.candidates(name) if entry.hosts), None)
        if entry is not None:
            found.append({"host": name, "purpose": entry.purpose, "owner": entry.owner})
    found.sort(key=lambda entry: (known.purposes[entry["purpose"]].rank, entry["host"]))
    return found[:MAX_LISTED]


def _is_local_name(host: str | None) -> bool:
    """Whether the public name system knows nothing of a name; also where there is none."""
    if host is None or "." not in host:
        return True
    endings = knowledge.shipped().addresses.local_endings
    return any(host.endswith(f".{ending}") for ending in endings)


def _timeline(timeline: Timeline) -> TimelineEntry:
    return {
        "bucket_seconds": timeline.width,
        "buckets": [
            {
                # The first bucket of all begins at the time that stands for "not recorded".
                "start": time_text(max(bucket * timeline.width, 1)),
                "purpose": purpose,
                "transmissions": transmissions,
                "attempts": attempts,
                "unencrypted": unencrypted,
                "exposed": exposed,
            }
            for (bucket, purpose), (transmissions, attempts, unencrypted, exposed) in sorted(
                timeline.counts.items()
            )
        ],
    }


def _destinations(device: Device, located: Located, context: Context) -> Iterable[DestinationEntry]:
    """Addresses of a destination that lie in one place are one row; a name with addresses in two countries
    is two."""
    again = Again(device, context.catalogue.kinds)
    for destination, by_address in device.destinations.items():
        rows: dict[tuple[Any, ...], tuple[list[Location], list[str], AtAddress]] = {}
        for address in sorted(by_address, key=lambda address: address or ""):
            location = located.locate(address, by_address[address].first, destination.host)
            place = (
                destination.host or address,
                location.country,
                location.country_certainty,
                location.asn,
                location.organisation,
                location.cloud_provider,
                location.cloud_region,
                location.scope,
                location.anycast,
                address is None,
            )
            if place not in rows:
                rows[place] = ([], [], AtAddress())
            locations, addresses, seen = rows[place]
            locations.append(location)
            if address is not None:
                addresses.append(address)
            seen.merge(by_address[address])
        for locations, addresses, seen in rows.values():
            again.add_to(seen, destination.host or next(iter(addresses), None))
            yield _destination(destination, locations, addresses, seen, context)


def _destination(
    destination: Destination,
    locations: Sequence[Location],
    addresses: list[str],
    seen: AtAddress,
    context: Context,
) -> DestinationEntry:
    location = locations[0]
    # What holds for all addresses of the row.
    widest = max(locations, key=lambda each: each.bound_km or 0)
    bounded = all(each.bound_km is not None for each in locations)
    evidence = list(dict.fromkeys(piece for each in locations for piece in each.evidence))
    catalogue = context.catalogue
    endpoint = catalogue.endpoints.get(destination.entry or "")
    owner = owner_of(destination.host, endpoint)
    purpose = catalogue.purposes[destination.purpose]
    identifiers = seen.kept_identifiers()
    known_address = bool(addresses)
    return {
        "host": destination.host,
        "name_candidates": sorted(seen.name_candidates)[:MAX_LISTED],
        "host_sources": sorted(seen.host_sources),
        "authorities": sorted(seen.authorities)[:MAX_LISTED],
        "addresses": addresses,
        "address_sources": sorted(seen.address_sources),
        "ports": sorted(seen.ports),
        "protocols": sorted(seen.protocols),
        "country": location.country,
        "country_name": country_name(location.country) if location.country else None,
        "country_certainty": location.country_certainty if known_address else "unknown",
        "country_reason": location.reason if known_address else "the capture holds no address for it",
        "anycast": location.anycast,
        "scope": location.scope if known_address else None,
        "local": known_address and location.scope in LOCAL_SCOPES and _is_local_name(destination.host),
        "asn": location.asn,
        "organisation": location.organisation,
        "cloud": (
            {"provider": location.cloud_provider, "region": location.cloud_region}
            if location.cloud_provider
            else None
        ),
        "location_sources": [f"{source.name}, {source.date}" for source in location.sources],
        "country_evidence": [
            {
                "kind": piece.kind,
                "says": piece.says,
                "country": piece.country,
                "source": piece.source,
                "date": piece.date,
            }
            for piece in evidence[:MAX_EVIDENCE]
        ],
        "excluded_countries": sorted(frozenset.intersection(*(each.excluded for each in locations))),
        "bound_km": round(widest.bound_km) if bounded and widest.bound_km is not None else None,
        "bound_from": widest.bound_from if bounded else None,
        "owner": owner.owner,
        "company": owner.company,
        "owner_country": owner.country,
        "owner_basis": owner.basis,
        "owner_reason": owner.reason,
        "hosted_by": owner.hosted_by,
        "domain": owner.domain,
        "purpose": purpose.id,
        "purpose_label": purpose.label,
        "purpose_reason": max(seen.reasons, key=lambda reason: (seen.reasons[reason], reason)),
        "entry": endpoint.id if endpoint else None,
        "references": [f"{reference.title}: {reference.where}" for reference in endpoint.references]
        if endpoint
        else [],
        "transmissions": seen.transmissions,
        "attempts": seen.attempts,
        "outcome_unknown": seen.outcome_unknown,
        "acknowledged": _acknowledged(endpoint, seen),
        "bytes_sent": seen.bytes_sent,
        "bytes_received": seen.bytes_received,
        "encrypted": _encrypted(seen),
        "unencrypted": seen.unencrypted,
        "encryption_unknown": seen.encryption_unknown,
        "identifiers": [_identifier(finding, count, context) for finding, count in identifiers.items()],
        "identifiers_left_out": seen.identifiers_found
        - sum(count.transmissions for count in identifiers.values()),
        "not_understood": {
            **{looks: seen.opaque[looks] for looks in sorted(seen.opaque)},
            **({"bytes": seen.opaque_bytes} if seen.opaque_bytes else {}),
            **({"bytes_not_kept": seen.truncated} if seen.truncated else {}),
        },
        "tls_not_opened": {how: seen.unopened[how] for how in sorted(seen.unopened)},
        "examples": [_example(example) for example in seen.examples],
        "first": time_text(seen.first),
        "last": time_text(seen.last),
        "online": _online(destination.host, addresses, context) if context.online else None,
        "apps": apps_of(seen.apps),
        "app_candidates": candidates_of(seen.app_candidates),
    }


def _online(host: str | None, addresses: Sequence[str], context: Context) -> OnlineEntry | None:
    found = context.online
    if found is None:
        return None
    answers = found.names.get(host or "")
    today = list(answers.addresses) if answers and not addresses else []
    asked = [answers.asked] if answers else []
    items: list[RegistryItem] = []
    for address in [*addresses, *today]:
        reverse = found.reverse.get(address)
        entry = found.registry.get(address)
        if reverse is None and entry is None:
            continue
        asked += [item.asked for item in (reverse, entry) if item]
        items.append(
            {
                "address": address,
                "reverse_name": reverse.name if reverse else None,
                "holder": (entry.holder or entry.network_name) if entry else None,
                "registered_country": entry.country if entry else None,
                "network": entry.network_range if entry else None,
                "problem": (entry.problem or None) if entry else None,
            }
        )
    return {
        "asked": time_text(min(asked, default=0)),
        "aliases": list(answers.aliases) if answers else [],
        "addresses_today": [
            {"address": address, "country": context.locate(address).country} for address in today
        ],
        "registry": items,
    }


def _acknowledged(endpoint: Endpoint | None, seen: AtAddress) -> int | None:
    """None where it cannot be known: nobody knows how this endpoint says it, or its answers are not in the capture."""
    if endpoint is None or endpoint.acknowledged is None:
        return None
    return None if seen.transmissions == seen.outcome_unknown else seen.acknowledged


def _encrypted(seen: AtAddress) -> Encrypted:
    if seen.unencrypted:
        return "mixed" if seen.encrypted or seen.encryption_unknown else "no"
    # Attempts that carried nothing change nothing.
    return "yes" if seen.encrypted and not seen.encryption_unknown else "unknown"


def _identifier(finding: Finding, seen: Sighting, context: Context) -> IdentifierEntry:
    kind = context.catalogue.kinds.get(finding.kind)
    return {
        "kind": finding.kind,
        "label": f"your {finding.name}" if finding.name else kind.label if kind else finding.kind,
        "category": kind.category if kind else "unknown",
        "certainty": finding.certainty,
        "reason": finding.reason,
        "path": " > ".join(finding.path),
        "value": finding.value,
        "transmissions": seen.transmissions,
        "unencrypted": seen.unencrypted,
        "delivered": seen.delivered,
    }


def _example(example: Example) -> ExampleEntry:
    return {
        "time": time_text(example.time),
        "method": example.method or None,
        "url": example.url,
        "status": example.status or None,
        "outcome": example.outcome,
        "encrypted": example.encrypted,
        "flow": example.flow_id,
    }


def _capture(
    file: File, capture: Capture, names: Mapping[str, str], located: Located, context: Context
) -> CaptureEntry:
    warnings = list(capture.warnings)
    warnings += [f"{what}: {number:,}" for what, number in sorted(capture.counted.items())]
    for fault, transmissions in sorted(capture.faults.items()):
        warnings.append(
            f"a fault of phonehome ({fault}): what {transmissions} transmissions carry was not read; please report it"
        )
    warnings += [
        text.format(f"{capture.remarks[remark]:,}")
        for remark, text in REMARKS.items()
        if capture.remarks[remark]
    ]
    age = context.age_warning(capture.last) if capture.transmissions else None
    of_places = [each for each in (age, located.warnings.get(file.path)) if each]
    return {
        "path": names[file.path],
        "sessions": [names[path] for path in capture.sessions],
        "continued": [
            {"path": names[each.path], "sha256": each.sha256, "bytes": each.bytes}
            for each in context.files
            if each.follows == file.path
        ],
        "phone": (
            {
                "by": capture.said.by,
                "maker": capture.said.maker,
                "model": capture.said.model,
                "system": capture.said.system,
                "build": capture.said.build,
            }
            if capture.said
            else None
        ),
        "copies": [names[path] for path, original in context.copies.items() if original == file.path],
        "sha256": file.sha256,
        "bytes": file.bytes,
        "transmissions": capture.transmissions,
        "repeated": capture.repeated,
        "replayed": capture.replayed,
        "proxy_pages": capture.proxy_pages,
        "resolved_by_proxy": capture.resolved_by_proxy,
        "unsent": capture.unsent,
        "first": time_text(capture.first),
        "last": time_text(capture.last),
        "warnings": [*warnings, *of_places],
        "damage": warnings,
        "faults": capture.faults.total(),
    }


def _not_seen(
    report: Report, devices: Sequence[DeviceEntry], phones: Sequence[Phone], context: Context
) -> dict[str, Any]:
    """What the report cannot speak of. Seen is not sent, and not seen is not not-sent."""
    rows = [row for device in devices for row in device["destinations"]]
    captures = [report.captures[path] for path in sorted(report.captures)]
    varied = left_out((phone.device for phone in phones), context.catalogue.kinds)
    return {
        "replayed_by_the_analyst": sum(capture.replayed for capture in captures),
        "pages_of_the_proxy": sum(capture.proxy_pages for capture in captures),
        "never_left_the_device": sum(capture.unsent for capture in captures),
        "names_resolved_by_the_proxy": sum(capture.resolved_by_proxy for capture in captures),
        "without_an_address": sum(row["transmissions"] for row in rows if not row["addresses"]),
        "without_a_name": sum(row["transmissions"] for row in rows if row["host"] is None),
        "not_understood": {
            "looks_encrypted": sum(row["not_understood"].get("encrypted", 0) for row in rows),
            "unknown_format": sum(row["not_understood"].get("unknown", 0) for row in rows),
            "over_a_limit": sum(row["not_understood"].get("limit", 0) for row in rows),
            "bytes": sum(row["not_understood"].get("bytes", 0) for row in rows),
            "bytes_not_kept": sum(row["not_understood"].get("bytes_not_kept", 0) for row in rows),
        },
        "names_looked_up_only": sum(device["names_only_count"] for device in devices),
        "tls_not_opened": sum(sum(row["tls_not_opened"].values()) for row in rows),
        "tls_refused": sum(row["tls_not_opened"].get("refused", 0) for row in rows),
        "tls_failed": sum(row["tls_not_opened"].get("failed", 0) for row in rows),
        "tls_passed_through": sum(row["tls_not_opened"].get("passed", 0) for row in rows),
        "tls_without_keys": sum(row["tls_not_opened"].get("no-keys", 0) for row in rows),
        "encryption_unknown": sum(row["encryption_unknown"] for row in rows),
        "outcome_unknown": sum(row["outcome_unknown"] for row in rows),
        "identifiers_left_out": sum(row["identifiers_left_out"] for row in rows),
        "notes": [
            *(dict.fromkeys(text for capture in captures for text in capture.unseen) or UNSEEN_IN_FLOWS),
            *([TOO_VARIED.format(f"{varied:,}")] if varied else []),
            "Nothing is known of the time before the first and after the last transmission.",
        ],
    }
