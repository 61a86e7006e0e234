"""What the live page shows of a report: texts and nothing else, each made safe to show.

The page puts these texts where they belong; it interprets nothing. The wording is that of the other formats.
"""

from typing import Any

from phonehome.analysis.render.escape import printable
from phonehome.analysis.report import phrases
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, Document

MAX_DEVICES = 20
MAX_ROWS = 200
"""Destinations of a device; what is beyond is counted."""
MAX_IDENTIFIERS = 12


def view(report: Document) -> dict[str, Any]:
    """The report for the page, worst first."""
    devices = report["devices"]
    return {
        "devices": [_device(device) for device in devices[:MAX_DEVICES]],
        "more_devices": max(0, len(devices) - MAX_DEVICES),
        "not_seen": [printable(line) for line in phrases.not_seen(report)],
        "sources": [printable(line) for line in phrases.tables(report)],
    }


def _device(device: DeviceEntry) -> dict[str, Any]:
    rows = device["destinations"]
    facts = [device["model"], device["system"], *device["builds"], *device["addresses"]]
    return {
        "id": printable(device["id"]),
        "label": printable(device["label"]),
        "facts": " · ".join(printable(fact) for fact in facts if fact and fact != device["label"]),
        "summary": printable(device["summary"], 4000),
        "counts": phrases.counts(device),
        "rows": [_row(row) for row in rows[:MAX_ROWS]],
        "more_rows": max(0, len(rows) - MAX_ROWS),
    }


def _row(row: DestinationEntry) -> dict[str, Any]:
    identifiers = phrases.identifiers(row)
    more = len(identifiers) - MAX_IDENTIFIERS
    addresses = row["addresses"]
    first, *where = phrases.where(row)
    detail = row["owner"] if row["entry"] else row["purpose_reason"]
    return {
        "host": printable(row["host"] or "(no name)"),
        "addresses": [printable(address) for address in addresses[:2]]
        + ([f"+{len(addresses) - 2} addresses"] if len(addresses) > 2 else []),
        "where": printable(first),
        "where_more": [printable(line) for line in where],
        "doubt": row["country_certainty"] in ("uncertain", "unknown"),
        "purpose": printable(row["purpose_label"]),
        "purpose_more": printable(detail or "") if row["purpose"] != "unclassified" else "",
        "activation": row["purpose"] == "activation",
        "sent": phrases.sent(row),
        "encrypted": phrases.ENCRYPTED[row["encrypted"]],
        "open": row["unencrypted"] > 0,
        "identifiers": [printable(line, 100) for line in identifiers[:MAX_IDENTIFIERS]]
        + ([f"+{more} more"] if more > 0 else []),
    }
