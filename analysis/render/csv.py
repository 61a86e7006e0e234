"""The report as CSV: a line for each destination of each device. RFC 4180, UTF-8."""

import csv
from typing import TextIO

from phonehome.analysis.render.escape import csv_cell
from phonehome.analysis.report.apps import app_label
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, Document

COLUMNS = (
    "device",
    "model",
    "host",
    "addresses",
    "country",
    "country_certainty",
    "asn",
    "organisation",
    "cloud_provider",
    "cloud_region",
    "owner",
    "owner_country",
    "owner_basis",
    "hosted_by",
    "purpose",
    "purpose_reason",
    "transmissions",
    "attempts",
    "acknowledged",
    "encrypted",
    "identifiers",
    "bytes_sent",
    "bytes_received",
    "first",
    "last",
    "not_understood",
    "apps",
    "device_id",
    "captures",
)

LOOKS = ("encrypted", "unknown", "limit")
"""What is counted of what was not understood, as `decoding.Opaque.looks`."""


def write(report: Document, out: TextIO) -> None:
    """Writes a header line and a line for each destination, devices and destinations in the report's order."""
    lines = csv.writer(out)
    lines.writerow(COLUMNS)
    for device in report["devices"]:
        for row in device["destinations"]:
            lines.writerow([_cell(item) for item in _line(device, row)])


def _line(device: DeviceEntry, row: DestinationEntry) -> tuple[object, ...]:
    cloud = row["cloud"]
    return (
        device["label"],
        device["model"],
        row["host"],
        " ".join(row["addresses"]),
        row["country"],
        row["country_certainty"],
        row["asn"],
        row["organisation"],
        cloud["provider"] if cloud else None,
        cloud["region"] if cloud else None,
        row["owner"],
        row["owner_country"],
        row["owner_basis"],
        row["hosted_by"],
        row["purpose"],
        row["purpose_reason"],
        row["transmissions"],
        row["attempts"],
        row["acknowledged"],
        row["encrypted"],
        "; ".join(f"{found['kind']}={found['value']} ({found['certainty']})" for found in row["identifiers"]),
        row["bytes_sent"],
        row["bytes_received"],
        row["first"],
        row["last"],
        "; ".join(f"{looks}={number}" for looks, number in row["not_understood"].items() if looks in LOOKS),
        "; ".join(f"{app_label(app)} ({', '.join(app['sources'])})" for app in row.get("apps", [])),
        device["id"],
        "; ".join(device["captures"]),
    )


def _cell(item: object) -> object:
    if item is None:
        return ""
    return csv_cell(item) if isinstance(item, str) else item
