"""Reports as JSON, read again: for `check` and `compare`, which work on a document wherever it comes from.

A saved report is input like any other: it is checked against the types of `document`, so that what works on
it needs no doubts.
"""

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.report.companies import companies
from phonehome.analysis.report.document import SCHEMA
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.outliers import outliers

MAX_FILE: Final = 1 << 28
"""Bytes of a saved report that are read."""
_HEAD: Final = 4096
MAX_SHOWN: Final = 40
"""Characters of a wrong value that a message shows."""


class SavedReportError(ValueError):
    """A file is no report that this version can read; the message says why."""


def is_saved_report(path: str) -> bool:
    """Whether a file says that it is a report of this program."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return head.lstrip().startswith(b"{") and b'"phonehome/report/' in head


def read_saved_report(path: str) -> Document:
    """The document in a file that `phonehome report -o FILE.json` wrote. Raises SavedReportError."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise SavedReportError(f"cannot be read: {error.strerror or error}") from error
    return saved_report(data)


def saved_report(data: bytes) -> Document:
    """The document in the content of such a file. Raises SavedReportError."""
    if len(data) > MAX_FILE:
        raise SavedReportError(f"longer than {MAX_FILE:,} bytes")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SavedReportError("not valid JSON") from error
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise SavedReportError(f"not a report of schema {SCHEMA}")
    wrong = misfit(found, Document, "report") or _unknown_word(cast("Document", found))
    if wrong:
        raise SavedReportError(
            f"not as a report of this version is ({wrong}): make it again from the capture"
        )
    return cast("Document", found)


def joined(documents: Sequence[Document]) -> Document:
    """One document with all devices, captures and errors, and no verdict: that was about fewer. Devices of
    different reports stay apart."""
    first = documents[0]
    if len(documents) == 1:
        return first
    devices = [item for document in documents for item in document["devices"]]
    masked = {document["sources"]["identifiers"] for document in documents}
    return {
        **first,
        "sources": {**first["sources"], "identifiers": masked.pop() if len(masked) == 1 else "shown"},
        "captures": [item for document in documents for item in document["captures"]],
        "verdict": None,
        "devices": devices,
        "companies": companies(devices),
        "outliers": outliers(devices),
        "errors": [item for document in documents for item in document["errors"]],
    }


def told_apart(documents: Sequence[Document]) -> list[Document]:
    """The same, for `joined`: reports that were saved with masks number their values each for itself, and `#1` of one
    is another value than `#1` of the next."""
    return [
        document
        if number == 1 or document["sources"]["identifiers"] != "masked"
        else cast("Document", {**document, "devices": _numbered_apart(document["devices"], number)})
        for number, document in enumerate(documents, 1)
    ]


def _numbered_apart(item: Any, report: int) -> Any:
    """The same with the numbers of its masks made those of that report: `#1` of another one is another value."""
    if isinstance(item, str):
        return _NUMBER_OF_MASK.sub(rf"\g<1>{report}.\g<2>", item)
    if isinstance(item, list):
        return [_numbered_apart(inner, report) for inner in item]
    if isinstance(item, dict):
        return {key: _numbered_apart(inner, report) for key, inner in item.items()}
    return item


_NUMBER_OF_MASK: Final = re.compile(r"(\A#|‹[^‹›]{1,80} #)([0-9]+)(?= |›)")


def _unknown_word(document: Document) -> str:
    """A purpose or a certainty that this version does not know, which can be one of another version's; empty
    if there is none."""
    purposes = catalogue().purposes
    for device in document["devices"]:
        for row in device["destinations"]:
            if row["purpose"] not in purposes:
                return f"purpose {row['purpose'][:MAX_SHOWN]!r}"
            for item in row["identifiers"]:
                if item["certainty"] not in RANK:
                    return f"certainty {item['certainty'][:MAX_SHOWN]!r}"
    return ""


@cache
def _fields(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def misfit(value: Any, kind: Any, where: str) -> str:
    """Where a value out of JSON is not of its type (`TypedDict`s, lists, unions, literals of texts); empty if it is."""
    if kind is Any:
        return ""
    if is_typeddict(kind):
        if not isinstance(value, dict):
            return where
        for key in sorted(kind.__required_keys__ - value.keys()):
            return f"{where}.{key} is missing"
        fields = _fields(kind)
        checks = [(value[key], fields[key], f"{where}.{key}") for key in fields if key in value]
        return next((wrong for check in checks if (wrong := misfit(*check))), "")
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return where if all(misfit(value, option, where) for option in arguments) else ""
    if origin is Literal:
        return "" if isinstance(value, str) and value in arguments else where
    if origin is list:
        if not isinstance(value, list):
            return where
        return next((wrong for item in value if (wrong := misfit(item, arguments[0], where))), "")
    if origin is dict:
        if not isinstance(value, dict):
            return where
        return next((wrong for item in value.values() if (wrong := misfit(item, arguments[1], where))), "")
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    return "" if fits else where
