"""A report as it may be shared: each captured text masked by what it is, words and numbers of ours as they are.

The document knows by its schema (`report.entries`) which of its fields hold captured text. What is drawn from them in
sentences is phrased once more from the masked pieces; nothing is replaced inside a sentence of ours.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.identifiers.fingerprint import fingerprints
from phonehome.analysis.identifiers.mask import Masks
from phonehome.analysis.render.masking import Masking
from phonehome.analysis.report.case import shown_case
from phonehome.analysis.report.companies import companies
from phonehome.analysis.report.entries import (
    AppEntry,
    DestinationEntry,
    DeviceEntry,
    Document,
    OnlineEntry,
    SaidEntry,
)
from phonehome.analysis.report.outliers import outliers

MASKED = "masked"


def masking_of(documents: Iterable[Document], masks: Masks | None = None) -> Masking:
    """How the captured texts of these documents are shown. What was masked when it was saved stays as it is."""
    documents = list(documents)
    already: set[str] = set()
    for document in documents:
        if document["sources"]["identifiers"] == MASKED:
            already.update(_texts(document["devices"]))
            already.update(_texts(document["captures"]))
    return Masking(
        (
            (found["kind"], found["value"])
            for document in documents
            if document["sources"]["identifiers"] != MASKED
            for device in document["devices"]
            for row in device["destinations"]
            for found in row["identifiers"]
        ),
        masks,
        already=already,
    )


def masked(document: Document, masking: Masking, *, known_again: bool = False) -> Document:
    """The document with captured texts masked; its verdict was phrased with the same masking. `known_again`: phones get
    fingerprints, which takes a tenth of a second for each."""
    if document["sources"]["identifiers"] == MASKED:
        return document
    devices = [_device(device, masking, known_again) for device in document["devices"]]
    shown: Document = {
        **document,
        "captures": [
            {
                **capture,
                "path": masking.name(capture["path"]),
                "sessions": [masking.name(other) for other in capture.get("sessions", [])],
                "phone": _said(capture.get("phone"), masking),
                "continued": [
                    {**file, "path": masking.name(file["path"])} for file in capture.get("continued", [])
                ],
                "warnings": [masking.name(warning) for warning in capture["warnings"]],
                "damage": [masking.name(warning) for warning in capture["damage"]],
            }
            for capture in document["captures"]
        ],
        "devices": devices,
        "companies": companies(devices),
        "outliers": outliers(document["devices"], masking),
        "sources": {**document["sources"], "identifiers": MASKED},
        "errors": [
            {"path": masking.name(error["path"]), "error": masking.name(error["error"])}
            for error in document["errors"]
        ],
    }
    if case := document.get("case"):
        # Last, so that the marks of what is captured do not depend on it.
        shown["case"] = shown_case(case, masking.name)
    return shown


def _device(device: DeviceEntry, masking: Masking, known_again: bool) -> DeviceEntry:
    name, host = masking.name, masking.host
    sure = {
        (found["kind"], found["value"])
        for row in device["destinations"]
        for found in row["identifiers"]
        if RANK[found["certainty"]] >= RANK["likely"]
    }
    return {
        **device,
        "id": name(device["id"]),
        "label": name(device["label"]),
        "captures": [name(capture) for capture in device["captures"]],
        "addresses": [host(address) for address in device["addresses"]],
        "model": name(device["model"]) if device["model"] else None,
        "models": [name(model) for model in device["models"]],
        "builds": [name(build) for build in device["builds"]],
        "firmware": [{**entry, "build": name(entry["build"])} for entry in device["firmware"]],
        "destinations": [_destination(row, masking) for row in device["destinations"]],
        "fingerprints": fingerprints(sure) if known_again else [],
        "names_only": [host(asked) for asked in device["names_only"]],
        "names_only_known": [{**known, "host": host(known["host"])} for known in device["names_only_known"]],
        "apps": [
            {**_app(app, masking), "hosts": list(dict.fromkeys(map(host, app["hosts"])))}
            for app in device.get("apps", [])
        ],
    }


def _said(said: SaidEntry | None, masking: Masking) -> SaidEntry | None:
    if said is None:
        return None
    name = masking.name
    return {
        "by": said["by"],
        "maker": name(said["maker"]),
        "model": name(said["model"]),
        "system": name(said["system"]),
        "build": name(said["build"]),
    }


def _app[E: AppEntry](app: E, masking: Masking) -> E:
    changed = app.copy()
    changed["name"], changed["id"] = masking.name(app["name"]), masking.name(app["id"])
    return changed


def _destination(row: DestinationEntry, masking: Masking) -> DestinationEntry:
    host = masking.host
    return {
        **row,
        "host": host(row["host"]) if row["host"] else None,
        "name_candidates": [host(candidate) for candidate in row["name_candidates"]],
        "authorities": [host(authority) for authority in row["authorities"]],
        "addresses": [host(address) for address in row["addresses"]],
        "hosted_by": host(row["hosted_by"]) if row["hosted_by"] else None,
        "domain": host(row["domain"]) if row["domain"] else None,
        "identifiers": [
            {
                **found,
                "reason": masking.name(found["reason"]),
                "path": masking.path(found["path"]),
                "value": masking.value(found["kind"], found["value"]),
            }
            for found in row["identifiers"]
        ],
        "examples": [
            {
                **example,
                "method": masking.text(example["method"]) if example["method"] else None,
                "url": masking.url(example["url"]),
                "flow": masking.id(example["flow"]),
            }
            for example in row["examples"]
        ],
        "online": _online(row["online"], masking) if row["online"] else None,
        "apps": [_app(app, masking) for app in row.get("apps", [])],
        "app_candidates": [_app(app, masking) for app in row.get("app_candidates", [])],
    }


def _online(found: OnlineEntry, masking: Masking) -> OnlineEntry:
    host = masking.host
    return {
        **found,
        "aliases": [host(alias) for alias in found["aliases"]],
        "registry": [
            {
                **item,
                "address": host(item["address"]),
                "reverse_name": host(item["reverse_name"]) if item["reverse_name"] else None,
            }
            for item in found["registry"]
        ],
    }


def _texts(item: Any) -> Iterator[str]:
    if isinstance(item, str):
        yield item
    elif isinstance(item, list):
        for inner in item:
            yield from _texts(inner)
    elif isinstance(item, dict):
        for inner in item.values():
            yield from _texts(inner)
