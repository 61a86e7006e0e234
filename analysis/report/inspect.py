"""The transmissions behind a line of the report, so that a reader can check a claim by eye.

`entry` makes of one examined transmission a dictionary that is safe to show; the formats are drawn from it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict

from rich.text import Text

from analysis.catalogue import Catalogue
from analysis.decoding.values import Value
from analysis.evidence import Evidence
from analysis.geolocation.knowledge import country_name
from analysis.geolocation.location import Location
from analysis.identifiers import mask
from analysis.identifiers.finding import Finding
from analysis.report.document import time_text
from analysis.report.escape import printable
from analysis.report.masking import Masking, masked_url
from analysis.report.model import url

MAX_VALUES = 400
"""Values of one transmission that are shown; more are counted."""
MAX_VALUE = 300
"""Characters of one value that are shown."""


class Mark(TypedDict):
    """An identifier that a value is."""

    kind: str
    label: str
    certainty: str
    reason: str


class ShownValue(TypedDict):
    path: str
    value: str
    identifiers: list[Mark]


class Entry(TypedDict):
    """One transmission, as it is shown. None is "unknown"."""

    capture: str
    flow: str
    time: str | None
    device: str
    method: str | None
    url: str
    address: str | None
    country: str | None
    country_certainty: str
    asn: int | None
    organisation: str | None
    encrypted: bool
    outcome: str
    status: int | None
    error: str | None
    purpose: str
    purpose_reason: str
    values: list[ShownValue]
    values_left_out: int
    not_understood: list[dict[str, Any]]


def entry(
    capture: str,
    device: str,
    evidence: Evidence,
    locate: Callable[[str | None], Location],
    catalogue: Catalogue,
    show_identifiers: bool,
) -> Entry:
    """What there is to show of a transmission. Unless identifiers are to be shown, no text in it holds one."""
    sent = evidence.transmission
    location = locate(sent.address)
    masking = Masking(() if show_identifiers else evidence.findings)
    values = list(_values(evidence, catalogue, None if show_identifiers else masking))
    address = url(sent)
    shown: Entry = {
        "capture": capture,
        "flow": sent.flow_id,
        "time": time_text(sent.time),
        "device": device,
        "method": sent.method,
        "url": address if show_identifiers else masking.text(masked_url(address)),
        "address": sent.address,
        "country": location.country,
        "country_certainty": location.country_certainty,
        "asn": location.asn,
        "organisation": location.organisation,
        "encrypted": sent.encrypted,
        "outcome": evidence.outcome,
        "status": sent.reply.status if sent.reply else None,
        "error": sent.error,
        "purpose": catalogue.purposes[evidence.judgement.purpose].label,
        "purpose_reason": evidence.judgement.reason,
        "values": values[:MAX_VALUES],
        "values_left_out": max(0, len(values) - MAX_VALUES),
        "not_understood": [
            {"path": " > ".join(part.path), "bytes": part.size, "looks": part.looks, "reason": part.reason}
            for part in evidence.opaque
        ],
    }
    return shown


def _values(evidence: Evidence, catalogue: Catalogue, masking: Masking | None) -> Iterable[ShownValue]:
    found: dict[tuple[str, ...], list[Finding]] = {}
    for finding in evidence.findings:
        found.setdefault(finding.path, []).append(finding)
    above = {path[:length] for path in found for length in range(1, len(path))}
    seen: dict[tuple[str, ...], int] = {}
    for value in evidence.values:
        seen[value.path] = seen.get(value.path, 0) + 1
    for value in evidence.values:
        here = found.get(value.path, [])
        yield {
            "path": " > ".join(value.path) if masking is None else masking.text(" > ".join(value.path)),
            "value": _shown(value, here, value.path in above, seen[value.path], masking),
            "identifiers": [_mark(finding, catalogue) for finding in here],
        }


def _shown(
    value: Value, here: Sequence[Finding], decoded_deeper: bool, at_this_path: int, masking: Masking | None
) -> str:
    text = value.data.hex() if isinstance(value.data, bytes) else str(value.data)
    if masking is None:
        return text[:MAX_VALUE]
    if decoded_deeper:
        # The encoded original of something that holds an identifier.
        return "(its content stands below)"
    if here:
        # It may be an identifier in another form, such as a hash: what is shown is made from the identifier.
        masked = dict.fromkeys(mask(finding.kind, finding.value) for finding in here)
        return ", ".join(masked) if at_this_path == 1 else "one of: " + ", ".join(masked)
    return masking.text(text)[:MAX_VALUE]


def _mark(finding: Finding, catalogue: Catalogue) -> Mark:
    kind = catalogue.kinds.get(finding.kind)
    label = f"your {finding.name}" if finding.name else kind.label if kind else finding.kind
    return {
        "kind": finding.kind,
        "label": label,
        "certainty": finding.certainty,
        "reason": finding.reason,
    }


def lines(shown: Entry) -> Iterable[Text]:
    """The entry for a terminal; colours are dropped where there is none."""
    yield Text.assemble(
        (shown["time"] or "time not known", "bold"),
        "  ",
        printable(shown["device"]),
        ("  " + shown["flow"], "dim"),
    )
    yield Text.assemble(
        "  ", shown["method"] or "", " " if shown["method"] else "", (printable(shown["url"]), "bold")
    )
    place = country_name(shown["country"]) if shown["country"] else "country not known"
    doubt = " (uncertain)" if shown["country_certainty"] == "uncertain" else ""
    network = f", AS{shown['asn']} {shown['organisation'] or ''}".rstrip() if shown["asn"] else ""
    yield Text(printable(f"  {shown['address'] or 'no address'}, {place}{doubt}{network}"))
    status = f", status {shown['status']}" if shown["status"] else ""
    failed = f", {shown['error']}" if shown["error"] else ""
    yield Text.assemble(
        "  ",
        ("encrypted", "green") if shown["encrypted"] else ("UNENCRYPTED", "bold red"),
        printable(f", {shown['outcome']}{status}{failed}"),
    )
    yield Text(printable(f"  {shown['purpose']}: {shown['purpose_reason']}"))
    for value in shown["values"]:
        yield _value_line(value)
    if shown["values_left_out"]:
        yield Text(f"    {shown['values_left_out']:,} more values are not shown", "dim")
    for part in shown["not_understood"]:
        yield Text(
            printable(
                f"    not understood: {part['path']}, {part['bytes']:,} bytes, {part['looks']}: {part['reason']}"
            ),
            "yellow",
        )
    yield Text("")


def _value_line(value: ShownValue) -> Text:
    text = Text.assemble("    ", (printable(value["path"]), "dim"), "  ")
    marks: Sequence[Mapping[str, Any]] = value["identifiers"]
    text.append(printable(value["value"]), "bold yellow" if marks else "")
    for mark_ in marks:
        text.append(f"  <- {mark_['label']}, {mark_['certainty']}: {printable(mark_['reason'])}", "bold")
    return text
