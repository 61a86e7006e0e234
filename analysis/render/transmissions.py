"""The transmissions behind a line of the report, so that a reader can check a claim by eye.

`entry` makes of one examined transmission a dictionary that is safe to show; the formats are drawn from it.

What is masked is more than what was found: an identifier also stands in texts around it, its parts stand beside it
(a longitude beside its latitude), and one that nothing recognised looks like a long run of letters and digits.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TextIO, TypedDict

from rich.console import Console
from rich.text import Text

from phonehome.analysis.decoding.values import Value
from phonehome.analysis.examiner import Evidence
from phonehome.analysis.identifiers.finding import Finding
from phonehome.analysis.identifiers.kinds import meaning
from phonehome.analysis.identifiers.known import variants
from phonehome.analysis.identifiers.mask import HIDDEN, Masks
from phonehome.analysis.identifiers.rule import list_path
from phonehome.analysis.knowledge.addresses import country_name
from phonehome.analysis.knowledge.catalogue import Catalogue
from phonehome.analysis.places.location import Location
from phonehome.analysis.render.escape import printable
from phonehome.analysis.render.masking import Masking, is_secret
from phonehome.analysis.render.terminal import Terminal
from phonehome.analysis.report.apps import app_says
from phonehome.analysis.report.document import time_text
from phonehome.analysis.report.model import url
from phonehome.analysis.transmission import Remark, Transmission

MAX_VALUES = 400
"""Values of one transmission that are shown, besides those that are identifiers; more are counted."""
MAX_VALUE = 300
"""Characters of one value that are shown."""
MAX_SPELLED = 512
"""Characters of an identifier as it was sent that is looked for elsewhere."""

_HANGING = 4
"""Columns by which a line that goes on is indented further,"""
_NARROWEST = 20
"""of which this is the least that is used of a terminal."""

DEEPER = "(decoded below)"
"""In place of a value that was decoded further: it holds in another form what stands under it."""

_PARTNERS: Mapping[str, frozenset[str]] = {
    "position": frozenset({"latitude", "longitude", "latitude_e7", "longitude_e7"}),
    "cell": frozenset({"cell_id", "cell_id_vague", "cell_area", "cell_system", "cell_network"}),
}
"""Kind of identifier -> roles of the values that are part of it, and stand in the same object."""


REMARKS: Final[Mapping[Remark, str]] = {
    "body rebuilt": "the body was put together again from form fields: order and encoding may have been others",
    "body damaged": "the body lost bytes: the tool that wrote the file kept it as text",
    "body missing": "the body is not in the file: the tool that wrote it left it out",
    "time unknown": "the time could not be read: it is that of the one before",
}


class IdentifierMark(TypedDict):
    """An identifier that a value is."""

    kind: str
    label: str
    certainty: str
    reason: str


class ShownValue(TypedDict):
    path: str
    value: str
    identifiers: list[IdentifierMark]


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
    encrypted: bool | None
    outcome: str
    status: int | None
    error: str | None
    purpose: str
    purpose_reason: str
    values: list[ShownValue]
    values_left_out: int
    not_understood: list[dict[str, Any]]
    remarks: list[str]
    """What the tool that wrote the capture did to it."""
    apps: list[str]
    """The app that sent it, or those of which it was one, each with by whose word."""


def entry(
    capture: str,
    device: str,
    evidence: Evidence,
    locate: Callable[[Transmission], Location],
    catalogue: Catalogue,
    masks: Masks | None,
    elsewhere: Iterable[Finding] = (),
) -> Entry:
    """What there is to show of a transmission. Unless `masks` is None, no text in it holds an identifier, nor one of
    those that were found `elsewhere`."""
    sent = evidence.transmission
    location = locate(sent)
    masking = _masking(evidence, elsewhere, masks) if masks else None
    values = list(show_values(evidence.values, evidence.findings, catalogue, masking))
    listed = [value for place, value in enumerate(values) if place < MAX_VALUES or value["identifiers"]]
    return {
        "capture": masking.name(capture) if masking else capture,
        "flow": masking.id(sent.flow_id) if masking else sent.flow_id,
        "time": time_text(sent.time),
        "device": masking.name(device) if masking else device,
        "method": _hidden(sent.method, masking) if sent.method else sent.method,
        "url": masking.url(url(sent)) if masking else url(sent),
        "address": masking.host(sent.address) if masking and sent.address else sent.address,
        "country": location.country,
        "country_certainty": location.country_certainty,
        "asn": location.asn,
        "organisation": location.organisation,
        "encrypted": evidence.encrypted,
        "outcome": evidence.outcome,
        "status": sent.reply.status if sent.reply else None,
        "error": _hidden(sent.error, masking) if sent.error else None,
        "purpose": catalogue.purposes[evidence.judgement.purpose].label,
        "purpose_reason": evidence.judgement.reason,
        "values": listed,
        "values_left_out": len(values) - len(listed),
        "not_understood": [
            {
                "path": _path(part.path, masking),
                "bytes": part.size,
                "looks": part.looks,
                "reason": part.reason,
            }
            for part in evidence.opaque
        ],
        "remarks": [
            *(REMARKS[remark] for remark in sent.remarks),
            *([f"stands for {sent.repeats + 1:,} connections that came to nothing"] if sent.repeats else ()),
        ],
        "apps": [
            masking.name(label) if masking else label
            for app in ([sent.app] if sent.app else sent.app_candidates)
            for label in (app_says(app),)
        ],
    }


def _masking(evidence: Evidence, elsewhere: Iterable[Finding], masks: Masks) -> Masking:
    """Hides the identifiers, also as the sender spelled them (`35-693803-564380-9`)."""
    values = Counter(value.path for value in evidence.values)
    secret = [finding for finding in evidence.findings if is_secret(finding.kind, finding.value)]
    number = Counter(finding.path for finding in secret)
    alone = {finding.path: finding for finding in secret if number[finding.path] == values[finding.path] == 1}
    spelled = [
        (text, alone[value.path].kind, alone[value.path].value)
        for value in evidence.values
        if value.path in alone and len(text := _text(value)) <= MAX_SPELLED
    ]
    found = [(finding.kind, finding.value) for finding in (*evidence.findings, *elsewhere)]
    return Masking(found, masks, spelled)


def show_values(
    values: Sequence[Value], findings: Sequence[Finding], catalogue: Catalogue, masking: Masking | None
) -> Iterator[ShownValue]:
    """The values in their order, each with the identifiers that it is; last, identifiers that stand in no value, but
    in what was sent as it was sent."""
    found: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        if finding.path:
            found.setdefault(finding.path, []).append(finding)
    at_path: dict[tuple[str, ...], list[Finding]] = {}
    for path in {value.path for value in values}:
        of_list = list_path(path)
        at_path[path] = [*found.get(path, ()), *(found.get(of_list, ()) if of_list != path else ())]
    above = {path[:length] for path in at_path for length in range(1, len(path))}
    groups = {
        (value.group, finding.kind)
        for value in values
        for finding in at_path[value.path]
        if finding.kind in _PARTNERS
    }
    for value in values:
        here = at_path[value.path]
        text = _text(value)
        if len(here) > 1:
            here = [finding for finding in here if text in variants(finding.value)] or here
        if masking is None:
            shown = text
        elif value.path in above:
            shown = DEEPER
        elif here:
            shown = _masked(text, here, masking)
        elif groups and _is_partner(value, groups):
            shown = HIDDEN
        elif isinstance(value.data, bytes):
            shown = _hidden_bytes(value.data, masking)
        else:
            shown = _hidden(text, masking)
        yield _shown_value(value.path, shown, here, catalogue, masking)
    places = {*at_path, *map(list_path, at_path)}
    for path, here in found.items():
        if path not in places:
            shown = ", ".join(dict.fromkeys(_identifier(finding, masking) for finding in here))
            yield _shown_value(path, shown, here, catalogue, masking)


def _text(value: Value) -> str:
    return value.data.hex() if isinstance(value.data, bytes) else str(value.data)


def _shown_value(
    path: tuple[str, ...], text: str, here: Sequence[Finding], catalogue: Catalogue, masking: Masking | None
) -> ShownValue:
    return {
        "path": _path(path, masking),
        "value": text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…",
        "identifiers": [_mark(finding, catalogue, masking) for finding in here],
    }


def _identifier(finding: Finding, masking: Masking | None) -> str:
    return finding.value if masking is None else masking.value(finding.kind, finding.value)


def _masked(text: str, here: Sequence[Finding], masking: Masking) -> str:
    """A value that is, or holds, identifiers. It may be one in another form, such as a hash, and a list's values may
    be one identifier together, so what cannot be replaced in the text is made from the identifier."""
    secret = [finding for finding in here if is_secret(finding.kind, finding.value)]
    if not secret and any(finding.value == text for finding in here):
        return masking.name(text)
    if not secret or masking.holds_more(text):
        return masking.text(text)
    return ", ".join(dict.fromkeys(_identifier(finding, masking) for finding in secret))


def _is_partner(value: Value, groups: set[tuple[int, str]]) -> bool:
    return any(
        (value.group, kind) in groups and not roles.isdisjoint(meaning(value.key).roles)
        for kind, roles in _PARTNERS.items()
    )


def _hidden(text: str, masking: Masking | None) -> str:
    return text if masking is None else masking.text(text)


def _hidden_bytes(data: bytes, masking: Masking) -> str:
    """In hexadecimal, unless what is secret stands in them as it is."""
    readable = data.decode("latin-1")
    return _hidden(data.hex(), masking) if masking.known(readable) == readable else HIDDEN


def _path(path: tuple[str, ...], masking: Masking | None) -> str:
    return " > ".join([masking.key(segment) if masking else segment for segment in path])


def _mark(finding: Finding, catalogue: Catalogue, masking: Masking | None) -> IdentifierMark:
    kind = catalogue.kinds.get(finding.kind)
    label = f"your {finding.name}" if finding.name else kind.label if kind else finding.kind
    return {
        "kind": finding.kind,
        "label": label,
        "certainty": finding.certainty,
        "reason": finding.reason if masking is None else masking.name(finding.reason),
    }


def write(entries: Iterable[Entry], out: TextIO) -> None:
    """Writes entries to a terminal, where long lines go on under their beginning; or elsewhere, where they stay one."""
    console = Terminal(file=out, highlight=False, soft_wrap=True)
    for shown in entries:
        for line in lines(shown):
            for row in _fitted(line, console) if console.is_terminal else (line,):
                console.print(row)


def _fitted(line: Text, console: Console) -> Iterator[Text]:
    indent = len(line.plain) - len(line.plain.lstrip(" "))
    rows = line[indent:].wrap(console, max(_NARROWEST, console.width - indent - _HANGING))
    for place, row in enumerate(rows):
        row.rstrip()
        yield Text(" " * (indent + (_HANGING if place else 0))) + row


def lines(shown: Entry) -> Iterator[Text]:
    """The entry for a terminal; colours are dropped where there is none."""
    yield Text.assemble(
        (shown["time"] or "time not known", "bold"),
        "  ",
        printable(shown["device"]),
        ("  " + printable(shown["flow"]), "dim"),
    )
    yield Text.assemble(
        "  ", printable(f"{shown['method']} " if shown["method"] else ""), (printable(shown["url"]), "bold")
    )
    place = country_name(shown["country"]) if shown["country"] else "country not known"
    doubt = " (uncertain)" if shown["country_certainty"] == "uncertain" else ""
    network = f", AS{shown['asn']} {shown['organisation'] or ''}".rstrip() if shown["asn"] else ""
    yield Text(printable(f"  {shown['address'] or 'no address'}, {place}{doubt}{network}"))
    status = f", status {shown['status']}" if shown["status"] else ""
    failed = f", {shown['error']}" if shown["error"] else ""
    yield Text.assemble(
        "  ",
        _ENCRYPTED[shown["encrypted"]],
        printable(f", {shown['outcome']}{status}{failed}"),
    )
    yield Text(printable(f"  {shown['purpose']}: {shown['purpose_reason']}"))
    if shown["apps"]:
        one_of = "one of " if len(shown["apps"]) > 1 else ""
        yield Text(printable(f"  by {one_of}{', '.join(shown['apps'])}"))
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
    for remark in shown["remarks"]:
        yield Text(f"    {remark}", "yellow")
    yield Text("")


_ENCRYPTED: Final = {
    True: ("encrypted", "green"),
    False: ("UNENCRYPTED", "bold red"),
    None: ("not known whether encrypted", "yellow"),
}


def _value_line(value: ShownValue) -> Text:
    text = Text.assemble("    ", (printable(value["path"]), "dim"), "  ")
    text.append(printable(value["value"]), "bold yellow" if value["identifiers"] else "")
    for mark in value["identifiers"]:
        text.append(f"  <- {said(mark)}", "bold")
    return text


def said(mark: IdentifierMark) -> str:
    """What a value was found to be, and why, in one line."""
    return printable(f"{mark['label']}, {mark['certainty']}: {mark['reason']}")
