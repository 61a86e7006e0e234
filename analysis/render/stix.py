"""The report as a STIX 2.1 bundle: for tools that gather what is known of endpoints (MISP, OpenCTI).

Each destination is infrastructure, with what was observed of it: names, addresses, networks and traffic, the country
with its certainty, who runs it, and a note with the identifiers that it got. Nothing is called malicious.
(https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html)

The same report gives the same bundle: ids are derived from what they name (section 2.9), and the time of all objects is
that of the last transmission.
"""

import json
import re
import uuid
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, Final, TextIO

from phonehome.analysis.render.escape import json_text, printable
from phonehome.analysis.report import phrases
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, Document
from phonehome.analysis.report.headline import headline

Object = dict[str, Any]

OBSERVABLES: Final = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""The namespace of ids that others derive from the same properties (section 2.9)."""
OWN: Final = uuid.UUID("444caf8d-5ed8-5644-9670-683044fdca8d")
"""Ours, for all other objects."""
CONFIDENCE: Final = {"certain": 85, "likely": 50, "uncertain": 15, "unknown": 0}
"""High, medium, low and none of appendix A."""
MAX_OBSERVED: Final = 999_999_999
"""The highest that `number_observed` may be (section 4.14)."""
NO_TIME: Final = "1970-01-01T00:00:00Z"

_PROTOCOLS: Final = {
    "http": ("tcp", "http"),
    "websocket": ("tcp", "http", "websocket"),
    "tls": ("tcp", "tls"),
    "quic": ("udp", "quic"),
    "dns": ("udp", "dns"),
}
"""By protocol of a transmission, from the lowest layer on (section 6.12)."""
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}", re.IGNORECASE
).fullmatch


def write(report: Document, out: TextIO) -> None:
    """Writes the bundle."""
    out.write(json_text(bundle(report)) + "\n")


def bundle(report: Document) -> Object:
    """The report as objects of STIX."""
    return _Bundle(report).whole()


class _Bundle:
    def __init__(self, report: Document) -> None:
        self._report = report
        lasts = [last for capture in report["captures"] if (last := capture["last"])]
        self._now = max(lasts, default=NO_TIME)
        self._objects: dict[str, Object] = {}
        self._tool = ""
        self._tool = self._add(
            "identity",
            "phonehome",
            name="phonehome",
            description=f"phonehome {report['sources']['tool']['version']}, which reads what phones sent",
            identity_class="system",
        )

    def whole(self) -> Object:
        """The bundle; a report without destinations has the tool in it and nothing else."""
        for device in self._report["devices"]:
            self._device(device)
        refs = list(self._objects)
        if len(refs) > 1:
            found = headline(self._report)
            lines = [f"{word}: {what}" for word, what in found.facts]
            if verdict := self._report["verdict"]:
                lines.append(verdict["summary"])
            lines += [
                f"{capture['path']}: SHA-256 {capture['sha256']}" for capture in self._report["captures"]
            ]
            self._add(
                "report",
                *(capture["sha256"] for capture in self._report["captures"]),
                name=printable(found.text),
                description=_text(lines),
                report_types=["observed-data"],
                published=self._now,
                object_refs=refs,
            )
        objects = list(self._objects.values())
        return {"type": "bundle", "id": f"bundle--{_own(json.dumps(objects))}", "objects": objects}

    def _device(self, device: DeviceEntry) -> None:
        known = (device["model"], device["system"], *device["builds"])
        captures = [capture["sha256"] for capture in self._report["captures"]]
        phone = self._add(
            "identity",
            *captures,
            device["id"],
            name=printable(device["label"]),
            description=_text([", ".join(fact for fact in known if fact), device["summary"]]),
            identity_class="system",
        )
        for number, row in enumerate(device["destinations"]):
            self._destination(phone, row, [phone, str(number)])

    def _destination(self, phone: str, row: DestinationEntry, key: list[str]) -> None:
        names, addresses = self._names(row), self._addresses(row)
        name = row["host"] or ", ".join(row["addresses"]) or "unknown destination"
        machine = self._add(
            "infrastructure",
            *key,
            name=printable(name),
            description=_text([row["purpose_label"], row["purpose_reason"], row["country_reason"]]),
            infrastructure_types=["unknown"],
            **_between(row, "first_seen", "last_seen"),
        )
        for other in (*names, *addresses):
            self._relate(machine, "consists-of", other)
        for address in addresses if len(names) == 1 else ():
            self._relate(names[0], "resolves-to", address)
        self._place(machine, row)
        self._owner(machine, row)
        if names or addresses:
            seen = self._observed(row, key, [*names, *addresses])
            self._relate(seen, "related-to", phone, "what this phone sent")
            self._identifiers(row, key, [seen, machine])

    def _names(self, row: DestinationEntry) -> list[str]:
        host = row["host"] or ""
        return [self._observable("domain-name", {"value": host.lower()})] if _DOMAIN(host) else []

    def _addresses(self, row: DestinationEntry) -> list[str]:
        network = []
        if row["asn"] is not None:
            more = {"name": printable(row["organisation"])} if row["organisation"] else {}
            network = [self._observable("autonomous-system", {"number": row["asn"]}, **more)]
        found = []
        for text in row["addresses"]:
            try:
                address = ip_address(text)
            except ValueError:  # masked
                continue
            kind = f"ipv{address.version}-addr"
            # Which of several addresses is in the network that is named, nothing says.
            its = network if len(row["addresses"]) == 1 else []
            found.append(
                self._observable(kind, {"value": str(address)}, **({"belongs_to_refs": its} if its else {}))
            )
        return found

    def _place(self, machine: str, row: DestinationEntry) -> None:
        if row["country"] is None:
            return
        place = self._add(
            "location",
            row["country"],
            name=printable(row["country_name"] or row["country"]),
            country=row["country"],
        )
        self._relate(
            machine,
            "located-at",
            place,
            row["country_reason"],
            confidence=CONFIDENCE.get(row["country_certainty"], 0),
        )

    def _owner(self, machine: str, row: DestinationEntry) -> None:
        if row["owner"] is None or row["owner_basis"] == "hosting":
            return
        owner = self._add(
            "identity",
            "organization",
            row["owner"],
            name=printable(row["owner"]),
            identity_class="organization",
        )
        self._relate(machine, "related-to", owner, f"run by, {row['owner_reason']}")

    def _observed(self, row: DestinationEntry, key: list[str], refs: list[str]) -> str:
        its = [protocol for name in row["protocols"] for protocol in _PROTOCOLS.get(name, (name,))]
        id_ = f"network-traffic--{_own('network-traffic', *key)}"
        traffic: Object = {
            "type": "network-traffic",
            "spec_version": "2.1",
            "id": id_,
            "dst_ref": refs[0],
            **({"dst_port": row["ports"][0]} if len(row["ports"]) == 1 else {}),
            "protocols": list(dict.fromkeys(printable(name).lower() for name in its)) or ["ip"],
            "src_byte_count": row["bytes_sent"],
            "dst_byte_count": row["bytes_received"],
            **_between(row, "start", "end"),
        }
        if "end" in traffic:
            traffic["is_active"] = False
        self._objects[id_] = traffic
        times = _between(row, "first_observed", "last_observed")
        return self._add(
            "observed-data",
            *key,
            number_observed=min(max(row["transmissions"], 1), MAX_OBSERVED),
            object_refs=[id_, *refs],
            **(times or {"first_observed": self._now, "last_observed": self._now}),
        )

    def _identifiers(self, row: DestinationEntry, key: list[str], refs: list[str]) -> None:
        lines = [
            f"{found['label']} {found['value']}: {found['certainty']}, {found['transmissions']:,} times"
            + (f", {found['unencrypted']:,} unencrypted" if found["unencrypted"] else "")
            + f"; {found['path']}; {found['reason']}"
            for found in row["identifiers"]
        ]
        if lines:
            self._add(
                "note",
                *key,
                abstract="Identifiers that were sent",
                content=_text([f"How often: {phrases.sent(row)}", *lines]),
                object_refs=refs,
            )

    def _add(self, kind: str, *key: str, **properties: Any) -> str:
        """An object of a kind that has times and a maker (section 3.2); what it is named by decides its id."""
        id_ = f"{kind}--{_own(kind, *key)}"
        self._objects.setdefault(
            id_,
            {
                "type": kind,
                "spec_version": "2.1",
                "id": id_,
                **({"created_by_ref": self._tool} if self._tool else {}),
                "created": self._now,
                "modified": self._now,
                **{name: value for name, value in properties.items() if value != ""},
            },
        )
        return id_

    def _relate(self, source: str, kind: str, target: str, description: str = "", **properties: Any) -> None:
        self._add(
            "relationship",
            source,
            kind,
            target,
            relationship_type=kind,
            source_ref=source,
            target_ref=target,
            description=printable(description),
            **properties,
        )

    def _observable(self, kind: str, named_by: Object, **more: Any) -> str:
        """An object that others know by the same id."""
        name = json.dumps(named_by, sort_keys=True, separators=(",", ":"), ensure_ascii=False)  # RFC 8785
        id_ = f"{kind}--{uuid.uuid5(OBSERVABLES, name)}"
        found = self._objects.setdefault(id_, {"type": kind, "spec_version": "2.1", "id": id_, **named_by})
        found.update(more)
        return id_


def _own(*key: str) -> uuid.UUID:
    return uuid.uuid5(OWN, json.dumps(key))


def _between(row: DestinationEntry, first: str, last: str) -> dict[str, str]:
    """From when to when, under these names; nothing if it is not known."""
    return {first: row["first"], last: row["last"]} if row["first"] and row["last"] else {}


def _text(lines: Iterable[str]) -> str:
    return "\n".join(printable(line) for line in lines if line)
