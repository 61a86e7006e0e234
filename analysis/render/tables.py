"""The report as tidy tables: one row for one thing, under names and types that stay.

Each row names its capture or device, so that tables can be joined. Captured text in them is as in the document
that they are made of, masked or not. Nothing here writes a file; `table_files` does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from phonehome.analysis.devices import device_id
from phonehome.analysis.examiner import Evidence
from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.render.masking import Masking
from phonehome.analysis.report.apps import app_label
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, Document
from phonehome.analysis.report.model import OTHERS, DeviceKey, url

Type = Literal["text", "integer", "seconds", "truth", "time", "texts"]
"""`time` is RFC 3339 in UTC, `seconds` a number of them, `texts` a list. Any value may be null: not known."""
Row = dict[str, Any]


class Column(NamedTuple):
    """A column of a table."""

    name: str
    type: Type
    ecs: str = ""
    """Its name in the Elastic Common Schema 8.17; empty if the schema has none, or has it for the whole table."""


TABLES: Final[Mapping[str, tuple[Column, ...]]] = {
    "captures": (
        Column("capture", "text", "file.name"),
        Column("sha256", "text", "file.hash.sha256"),
        Column("bytes", "integer", "file.size"),
        Column("transmissions", "integer"),
        Column("repeated", "integer"),
        Column("first", "time", "event.start"),
        Column("last", "time", "event.end"),
        Column("damage", "texts"),
    ),
    "devices": (
        Column("device", "text", "device.id"),
        Column("label", "text"),
        Column("model", "text", "device.model.name"),
        Column("system", "text", "host.os.full"),
        Column("builds", "texts"),
        Column("captures", "texts"),
        Column("joined_by", "text"),
        Column("doubts", "texts"),
        Column("transmissions", "integer"),
        Column("attempts", "integer"),
        Column("first", "time", "event.start"),
        Column("last", "time", "event.end"),
        Column("summary", "text"),
    ),
    "destinations": (
        Column("destination", "integer"),
        Column("device", "text", "device.id"),
        Column("host", "text", "destination.domain"),
        Column("addresses", "texts", "destination.ip"),
        Column("country", "text", "destination.geo.country_iso_code"),
        Column("country_certainty", "text"),
        Column("country_reason", "text"),
        Column("asn", "integer", "destination.as.number"),
        Column("organisation", "text", "destination.as.organization.name"),
        Column("cloud_provider", "text", "cloud.target.provider"),
        Column("cloud_region", "text", "cloud.target.region"),
        Column("owner", "text"),
        Column("purpose", "text"),
        Column("purpose_reason", "text", "event.reason"),
        Column("entry", "text"),
        Column("transmissions", "integer"),
        Column("attempts", "integer"),
        Column("acknowledged", "integer"),
        Column("encrypted", "text"),
        Column("unencrypted", "integer"),
        Column("not_opened", "integer"),
        Column("not_understood", "integer"),
        Column("bytes_sent", "integer", "source.bytes"),
        Column("bytes_received", "integer", "destination.bytes"),
        Column("apps", "texts"),
        Column("first", "time", "event.start"),
        Column("last", "time", "event.end"),
    ),
    "identifiers": (
        Column("destination", "integer"),
        Column("device", "text", "device.id"),
        Column("kind", "text"),
        Column("category", "text"),
        Column("certainty", "text"),
        Column("value", "text"),
        Column("path", "text"),
        Column("reason", "text", "event.reason"),
        Column("transmissions", "integer"),
        Column("unencrypted", "integer"),
        Column("delivered", "integer"),
    ),
    "transmissions": (
        Column("capture", "text", "file.name"),
        Column("device", "text", "device.id"),
        Column("destination", "integer"),
        Column("flow", "text", "event.id"),
        Column("time", "time", "@timestamp"),
        Column("duration", "seconds"),
        Column("host", "text", "destination.domain"),
        Column("address", "text", "destination.ip"),
        Column("port", "integer", "destination.port"),
        Column("transport", "text", "network.transport"),
        Column("protocol", "text", "network.protocol"),
        Column("encrypted", "truth"),
        Column("tls_version", "text"),
        Column("not_opened", "text"),
        Column("method", "text", "http.request.method"),
        Column("url", "text", "url.full"),
        Column("status", "integer", "http.response.status_code"),
        Column("outcome", "text"),
        Column("purpose", "text"),
        Column("purpose_reason", "text", "event.reason"),
        Column("country", "text", "destination.geo.country_iso_code"),
        Column("country_certainty", "text"),
        Column("asn", "integer", "destination.as.number"),
        Column("organisation", "text", "destination.as.organization.name"),
        Column("owner", "text"),
        Column("app", "text"),
        Column("identifiers", "texts"),
        Column("identifiers_possible", "texts"),
        Column("not_understood", "integer"),
        Column("bytes_sent", "integer", "source.bytes"),
        Column("bytes_received", "integer", "destination.bytes"),
        Column("repeats", "integer"),
    ),
}
"""By table. A column may be added; none is taken out or changes its meaning. `docs/analysis.md` says what each is."""


def rows(document: Document) -> dict[str, list[Row]]:
    """All tables but the transmissions, which no document holds."""
    made: dict[str, list[Row]] = {"captures": [], "devices": [], "destinations": [], "identifiers": []}
    for capture in document["captures"]:
        made["captures"].append(_picked("captures", {**capture, "capture": capture["path"]}))
    for number, device, entry in _numbered(document):
        made["destinations"].append(_destination(number, device, entry))
        made["identifiers"] += [
            _picked("identifiers", {**found, "destination": number, "device": device["id"]})
            for found in entry["identifiers"]
        ]
    for device in document["devices"]:
        made["devices"].append(_picked("devices", {**device, "device": device["id"]}))
    return made


def _numbered(document: Document) -> Iterator[tuple[int, DeviceEntry, DestinationEntry]]:
    """The destinations in the document's order, counted from 1."""
    number = 0
    for device in document["devices"]:
        for entry in device["destinations"]:
            number += 1
            yield number, device, entry


def _picked(table: str, fields: Mapping[str, Any]) -> Row:
    return {column.name: fields[column.name] for column in TABLES[table]}


def _destination(number: int, device: DeviceEntry, entry: DestinationEntry) -> Row:
    cloud = entry["cloud"]
    understood = entry["not_understood"]
    return _picked(
        "destinations",
        {
            **entry,
            "destination": number,
            "device": device["id"],
            "cloud_provider": cloud["provider"] if cloud else None,
            "cloud_region": cloud["region"] if cloud else None,
            "not_opened": sum(entry["tls_not_opened"].values()),
            "not_understood": sum(understood.get(looks, 0) for looks in ("encrypted", "unknown", "limit")),
            "apps": [app_label(app) for app in entry.get("apps", [])],
        },
    )


Place = tuple[str, str | None, str, str | None, str | None]
"""Device, host, purpose, catalogue entry and address of a destination."""


@dataclass(frozen=True, slots=True)
class TransmissionRows:
    """Makes rows of transmissions. Can be sent to another process."""

    captures: Mapping[str, str]
    """By path: what a capture is called."""
    devices: Mapping[DeviceKey, tuple[str, str]]
    """The id of its device, and that id as it is shown."""
    destinations: Mapping[Place, Row]
    """Rows of the destinations, as they are shown."""
    masking: Masking | None

    @classmethod
    def of(
        cls,
        document: Document,
        destinations: list[Row],
        captures: Mapping[str, str],
        devices: Mapping[DeviceKey, str],
        masking: Masking | None,
    ) -> "TransmissionRows":
        """`document` is not masked; `destinations` are the rows of it as it is shown."""
        places: dict[Place, Row] = {
            (device["id"], entry["host"], entry["purpose"], entry["entry"], address): destinations[number - 1]
            for number, device, entry in _numbered(document)
            for address in (entry["addresses"] or (None,))
        }
        return cls(
            {path: masking.name(name) if masking else name for path, name in captures.items()},
            {key: (id_, masking.name(id_) if masking else id_) for key, id_ in devices.items()},
            places,
            masking,
        )

    def __call__(self, path: str, transmissions: Iterator[Evidence]) -> list[Row]:
        """The rows of some transmissions of a capture; those of the analyst and of the proxy itself are none."""
        return [
            self._row(path, evidence)
            for evidence in transmissions
            if evidence.transmission.origin == "device"
        ]

    def _row(self, path: str, evidence: Evidence) -> Row:
        sent = evidence.transmission
        judgement = evidence.judgement
        key = DeviceKey(path, device_id(sent))
        id_, device = self.devices.get(key) or self.devices.get(DeviceKey(path, OTHERS)) or (key.id, key.id)
        entry = judgement.entry.id if judgement.entry else None
        destination = self.destinations.get((id_, sent.host, judgement.purpose, entry, sent.address), {})
        masking = self.masking
        host = masking.host if masking else str
        text = masking.text if masking else str
        sure = {found.kind for found in evidence.findings if RANK[found.certainty] >= RANK["likely"]}
        return {
            "capture": self.captures[path],
            "device": device,
            "destination": destination.get("destination"),
            "flow": (masking.id(sent.flow_id) if masking else sent.flow_id) or None,
            "time": _time(sent.time),
            "duration": round(sent.end - sent.time, 6) if sent.end and sent.end >= sent.time else None,
            "host": host(sent.host) if sent.host else None,
            "address": host(sent.address) if sent.address else None,
            "port": sent.port,
            "transport": sent.transport,
            "protocol": sent.protocol,
            "encrypted": evidence.encrypted,
            "tls_version": sent.tls_version,
            "not_opened": sent.unopened,
            "method": text(sent.method) if sent.method else None,
            "url": masking.url(url(sent)) if masking else url(sent),
            "status": sent.reply.status if sent.reply else None,
            "outcome": evidence.outcome,
            "purpose": judgement.purpose,
            "purpose_reason": judgement.reason,
            **{
                name: destination.get(name)
                for name in ("country", "country_certainty", "asn", "organisation", "owner")
            },
            "app": text(sent.app.name or sent.app.id) if sent.app else None,
            "identifiers": sorted(sure),
            "identifiers_possible": sorted({found.kind for found in evidence.findings} - sure),
            "not_understood": len(evidence.opaque),
            "bytes_sent": sent.bytes_sent,
            "bytes_received": sent.bytes_received,
            "repeats": sent.repeats,
        }


def _time(time: float) -> str | None:
    """RFC 3339 in UTC, to the microsecond; None for a time that was not recorded."""
    if not 0 < time < 1e11:
        return None
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
