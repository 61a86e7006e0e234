"""Reports for tests: of the samples, and small ones made by hand."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.firmware import market_of
from phonehome.analysis.pipeline import read_captures
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.render.output import make_document
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, Document

CAPTURES = Path(__file__).parent.parent / "captures"
AFFECTED, FIXED, CHINA = (
    str(CAPTURES / f"{name}.mitm")
    for name in ("nokia-7-plus-affected", "nokia-7-plus-fixed", "china-variant")
)


@cache
def _sample(path: str) -> Document:
    return make_document(read_captures([path]), LocationDatabase.open(), DeviceNames())


def sample(path: str) -> Document:
    """The report of a sample capture; a copy, so that a test can change it."""
    return copy.deepcopy(_sample(path))


def row(host: str = "a.example", country: str | None = "CN", **more: Any) -> DestinationEntry:
    """A destination: three activations, answered, encrypted, by an unknown owner, unless said otherwise."""
    entry: dict[str, Any] = {
        "host": host,
        "name_candidates": [],
        "host_sources": ["sni"],
        "authorities": [],
        "addresses": ["192.0.2.1"],
        "address_sources": ["connection"],
        "ports": [443],
        "protocols": ["http"],
        "country": country,
        "country_name": {"CN": "China", "SG": "Singapore", "DE": "Germany", "US": "United States"}.get(
            country or ""
        ),
        "country_certainty": "likely" if country else "unknown",
        "country_reason": "a table says so" if country else "no table knows it",
        "anycast": False,
        "scope": "global",
        "local": False,
        "asn": 64500,
        "organisation": "Example network",
        "cloud": None,
        "location_sources": ["a table, 2026-01-01"],
        "country_evidence": [],
        "excluded_countries": [],
        "bound_km": None,
        "bound_from": None,
        "owner": None,
        "company": None,
        "owner_country": None,
        "owner_basis": "catalogue" if more.get("owner") else None,
        "owner_reason": "by a test",
        "hosted_by": None,
        "domain": None,
        "purpose": "activation",
        "purpose_label": "Activation and registration",
        "purpose_reason": "by its looks",
        "entry": None,
        "references": [],
        "transmissions": 3,
        "attempts": 0,
        "outcome_unknown": 0,
        "acknowledged": None,
        "bytes_sent": 300,
        "bytes_received": 30,
        "encrypted": "yes",
        "unencrypted": 0,
        "encryption_unknown": 0,
        "identifiers": [],
        "identifiers_left_out": 0,
        "not_understood": {},
        "tls_not_opened": {"refused": 0, "failed": 0, "passed": 0},
        "examples": [],
        "first": "2019-01-22T07:00:00Z",
        "last": "2019-01-22T09:00:00Z",
        "online": None,
    }
    return entry | more  # type: ignore[return-value]


def identifier(kind: str = "imei", category: str = "hardware", **more: Any) -> Any:
    """An identifier that went three times, answered, encrypted."""
    return {
        "kind": kind,
        "label": kind.upper(),
        "category": category,
        "certainty": "certain",
        "reason": "known field",
        "path": "body > json > x",
        "value": "001012340000425",
        "transmissions": 3,
        "unencrypted": 0,
        "delivered": 3,
        **more,
    }


def device(*rows: DestinationEntry, id: str = "10.0.0.2", **more: Any) -> DeviceEntry:
    """A phone whose build says that it is for the world."""
    base: DeviceEntry = copy.deepcopy(_sample(FIXED)["devices"][0])
    changed: dict[str, Any] = {
        "id": id,
        "label": id,
        "addresses": [id],
        "builds": ["00WW_3_22C"],
        "firmware": [],
        "destinations": list(rows),
        "transmissions": sum(item["transmissions"] for item in rows),
        "names_only": [],
        "names_only_count": 0,
        "names_only_known": [],
        "fingerprints": [],
        "names_only_with_data": 0,
        **more,
    }
    changed.setdefault("named", "label" in more)
    changed.setdefault("markets", market_of(changed["builds"]))
    return base | changed  # type: ignore[return-value]


def document(*devices: DeviceEntry) -> Document:
    """A report of these devices."""
    report = sample(FIXED)
    report["devices"] = list(devices)
    return report
