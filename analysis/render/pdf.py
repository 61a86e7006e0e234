"""The report as PDF, for a file that goes to an authority: what the page shows, on paper.

Typeset by Typst, whose compiler and fonts come with its Python package: no browser is needed. What was
captured reaches the template as JSON and is only ever text there.
"""

import json
import re
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import typst

from phonehome.analysis.render import charts
from phonehome.analysis.render.html import areas, environment, period
from phonehome.analysis.render.map import world_map
from phonehome.analysis.render.page import (
    MAX_CARDS,
    CountryView,
    Detail,
    DeviceView,
    Page,
    Row,
    VerdictView,
    page,
    time,
)
from phonehome.analysis.render.time_view import Axis, Lane
from phonehome.analysis.report.case import case_lines
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.phrases import BASES, READING

if TYPE_CHECKING:
    from typst import PDFStandard

MAX_ROWS: Final = 600
MAX_DEVICES: Final = 100
"""Devices that are printed, the most worrying; of thousands, a book would come out."""
MAX_CAPTURES: Final = 500
MAX_DETAILS: Final = 40
"""Destinations whose evidence is printed: a page each, or so, for two of them."""
LONGEST_PART: Final = 20
"""Characters of a part of a name that stay together; a column of the tables holds a few more."""
_LONG_WORD = re.compile(rf"\S{{{LONGEST_PART + 1},}}")
_SEPARATORS: Final = "./:?&=,;_-"
_CREASE = re.compile(
    rf"(?<=[{_SEPARATORS}])(?=[^\s{_SEPARATORS}])|(?<=[^\s{_SEPARATORS}]{{{LONGEST_PART}}})(?=[^\s{_SEPARATORS}])"
)


_WAYS: Final[tuple[tuple["PDFStandard | None", bool, str], ...]] = (
    ("a-2u", True, "PDF/A-2u"),
    ("a-2u", False, "PDF/A-2u"),
    (None, False, "PDF 1.7, not PDF/A: no font has all of its characters"),
)
"""Standard, whether only Typst's own fonts are used, and what to call it: the first way that works is taken. With its
own fonts a report is the same on every machine; those of the system have further scripts. PDF/A (ISO 19005-2, level U)
takes no character that no font has."""


class Typeset(NamedTuple):
    """A PDF."""

    data: bytes
    standard: str
    """What it keeps to, and if that is not PDF/A, why."""


def write(report: Document, out: BinaryIO) -> None:
    """Writes the PDF."""
    out.write(typeset(report).data)


def typeset(report: Document, made: int | None = None) -> Typeset:
    """The PDF. `made`: the time that it gives for itself (seconds since 1970-01-01T00:00Z), which PDF/A wants; None is
    that of the last transmission, so that the same report is the same file."""
    source = (files("phonehome.analysis.render") / "templates" / "report.typ").read_bytes()
    data = {"data": json.dumps(_creased(_data(page(report, MAX_ROWS, MAX_DETAILS))))}
    time = _last(report) if made is None else made
    problem: Exception | None = None
    for standard, own_fonts, name in _WAYS:
        try:
            found = typst.compile(
                source,
                sys_inputs=data,
                pdf_standards=standard,
                ignore_system_fonts=own_fonts,
                timestamp=time,
            )
            return Typeset(found, name)
        except typst.TypstError as error:
            problem = error
    raise problem or AssertionError


def _last(report: Document) -> int:
    lasts = [last for capture in report["captures"] if (last := capture["last"])]
    try:
        return int(datetime.fromisoformat(max(lasts)).timestamp())
    except ValueError:  # no capture, or no time
        return 0


def _data(view: Page) -> dict[str, Any]:
    report = view.report
    tool = report["sources"]["tool"]
    picture = environment().get_template("pictures.svg.j2")
    online = "yes" if report["sources"]["online"] else "nothing"
    return {
        "title": view.headline.text,
        "facts": view.headline.facts,
        "alarm": view.headline.alarm,
        "case": case_lines(report),
        "companies": [
            {
                "label": company.entry["label"],
                "seat": company.seat,
                "devices": company.devices,
                "got": company.identifiers,
                "purposes": company.purposes,
                "where": company.where or "not known",
                "sent": company.sent,
                "encrypted": company.encrypted,
                "exposed": company.exposed,
                "rows": ", ".join(f"D{number} {name}" for number, name, _ in company.rows)
                + (f" and {company.rows_left_out} more" if company.rows_left_out else ""),
            }
            for company in view.companies.views
        ],
        "companies_left_out": view.companies.left_out,
        "routine": view.companies.routine,
        "tool": f"{tool['name']} {tool['version']}",
        "verdict": _verdict(view.verdict) if view.verdict else None,
        "outliers": view.outliers,
        "side_by_side": [
            {
                "model": item.model,
                "left_out": item.left_out,
                "phones": [phone._asdict() for phone in item.phones],
            }
            for item in view.side_by_side
        ],
        "devices": [_device(device, view.axis, picture) for device in view.devices[:MAX_DEVICES]],
        "devices_left_out": max(0, len(view.devices) - MAX_DEVICES),
        "axis": _axis(view.axis) if view.axis else None,
        "lanes": [_lane(lane, view.axis, picture) for lane in view.lanes],
        "lanes_left_out": view.lanes_left_out,
        "cards": MAX_CARDS,
        "map": _Drawing(picture.render(view=view.paper, world=world_map(), areas=areas(view.countries))),
        "countries": [_country(item, picture) for item in view.countries],
        "excluded": view.excluded,
        "eea": "; ".join(title for title, _ in view.eea),
        "flow_picture": _Drawing(picture.render(flow=view.paper_flow) if view.paper_flow else ""),
        "flow": [line._asdict() for line in view.flow_table.lines],
        "flow_left_out": view.flow_table.left_out,
        "why": [
            {
                "what": line.what,
                "says": line.says,
                "rests_on": "; ".join(f"{title}, {at}" for title, at in line.references),
            }
            for line in view.why
        ],
        "not_seen": view.not_seen,
        "reading": READING,
        "certainty": view.certainty,
        "captures": [
            {
                **capture,
                "sha256": _Drawing(capture["sha256"]),
                "name": capture["path"].rpartition("/")[2],
                "period": period(capture["first"], capture["last"]),
            }
            for capture in report["captures"][:MAX_CAPTURES]
        ],
        "captures_left_out": max(0, len(report["captures"]) - MAX_CAPTURES),
        "errors": report["errors"],
        "made": f"Made by {tool['name']} {tool['version']}, which knows {report['sources']['catalogue']['endpoints']} "
        f"endpoints. Identifiers are {report['sources']['identifiers']}. Looked up online: {online}.",
        "tables": [
            {
                "text": ", ".join(
                    part
                    for part in (
                        table["name"] + (f" of {table['date']}" if table["date"] else ""),
                        table["licence"],
                    )
                    if part
                ),
                "credit": table["credit"] or table["name"],
                "link": _Drawing(table["link"] if table["link"].startswith("https://") else ""),
            }
            for table in report["sources"]["location_tables"]
        ],
    }


class _Drawing(str):
    """A text that is no prose: it must reach the template as it is."""

    __slots__ = ()


def _creased(item: Any) -> Any:
    """The same, with places where a long name may be broken: Typst would let it run over the edge."""
    if isinstance(item, _Drawing):
        return item
    if isinstance(item, str):
        return _LONG_WORD.sub(lambda found: _CREASE.sub("\u200b", found[0]), item)
    if isinstance(item, dict):
        return {key: _creased(inner) for key, inner in item.items()}
    if isinstance(item, list | tuple):
        return [_creased(inner) for inner in item]
    return item


def _verdict(view: VerdictView) -> dict[str, Any]:
    return {
        "broken": view.verdict["result"] == "broken",
        "summary": view.verdict["summary"],
        "phones": view.phones,
        "judged_by": view.judged_by,
        "rules": [
            {
                "broken": item.rule["result"] == "broken",
                "result": item.result,
                "says": item.rule["says"] + BASES[item.rule["basis"]],
                "reason": item.rule["reason"],
                "evidence": item.evidence,
                "basis": item.basis,
            }
            for item in view.rules
        ],
    }


def _axis(axis: Axis) -> dict[str, Any]:
    return {
        "bin": axis.bin_words,
        "ticks": axis.ticks,
        "recorded": [(piece.x / 10, piece.shown) for piece in axis.recorded if piece.shown],
        "captures": len(axis.recorded),
        "breaks": [x / 10 for x in axis.breaks],
    }


def _lane(lane: Lane, axis: Axis | None, picture: Any) -> dict[str, Any]:
    return {
        "label": lane.label,
        "picture": _Drawing(picture.render(lane=lane, axis=axis)),
        "counts": f"{lane.transmissions:,}" + (f" ({lane.attempts:,} unanswered)" if lane.attempts else ""),
    }


def _device(device: DeviceView, axis: Axis | None, picture: Any) -> dict[str, Any]:
    return {
        "label": device.entry["label"],
        "facts": device.facts,
        "firmware": device.firmware,
        "sentences": device.sentences,
        "numbers": device.numbers,
        "alarm": device.alarm,
        "lanes": [_lane(lane, axis, picture) for lane in device.lanes],
        "apps": device.apps,
        "apps_left_out": device.apps_left_out,
        "rows": [_row(row) for row in device.rows],
        "rows_left_out": device.rows_left_out,
        "details_left_out": device.details_left_out,
    }


def _country(item: CountryView, picture: Any) -> dict[str, Any]:
    country: charts.Country = item.country
    counts = [f"{country.transmissions:,}"]
    if country.attempts:
        counts.append(f"{country.attempts:,} without an answer")
    if country.unencrypted:
        counts.append(f"{country.unencrypted:,} unencrypted")
    if country.routine:
        counts.append(f"{country.routine:,} unencrypted, routine")
    note = f"since {item.since}" if item.since else ""
    if item.reference:
        condition = f", {item.condition}" if item.condition else ""
        note = f"{item.reference[0]} of {item.since}{condition}"
    return {
        "name": country.name,
        "code": country.code,
        "level": country.level,
        "transfer": item.transfer or "not known",
        "neither": item.neither,
        "note": note,
        "counts": ", ".join(counts),
        "bar": _Drawing(picture.render(bar=item.bar)),
        "sure": item.sure,
        "hosts": country.hosts,
        "kinds": ", ".join(country.kinds) or "none recognised",
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "cite": f"D{row.number}",
        "name": row.name,
        "address": row.address,
        "where": row.where,
        "transfer": row.transfer,
        "neither": row.neither,
        "doubt": row.doubt,
        "network": row.network,
        "purpose": row.entry["purpose_label"],
        "owner": row.entry["owner"] or "",
        "sent": row.sent,
        "encrypted": row.encrypted,
        "exposed": row.exposed,
        "identifiers": row.identifiers,
        "detail": _detail(row, row.detail) if row.detail else None,
    }


def _detail(row: Row, detail: Detail) -> list[dict[str, Any]]:
    addresses = ", ".join(detail.addresses) + (
        f", and {detail.addresses_left_out} more" if detail.addresses_left_out else ""
    )
    identifiers = [
        f"{found['label']} {found['value']}: {found['certainty']}, {found['transmissions']:,} times"
        + (f", {found['unencrypted']:,} unencrypted" if found["unencrypted"] else "")
        + f"; {found['path']}; {found['reason']}"
        for found in detail.identifiers
    ]
    if detail.identifiers_left_out:
        identifiers.append(f"and {detail.identifiers_left_out:,} more, in the JSON report")
    examples = [
        f"{time(example['time'])} {example['method'] or ''} {example['url']} {example['outcome']}"
        + (f", status {example['status']}" if example["status"] else "")
        for example in row.entry["examples"]
    ]
    parts = {
        "Addresses": [line for line in (addresses, detail.contact) if line],
        "Location": detail.location,
        "Purpose": detail.purpose,
        "Identifiers": identifiers,
        "App": [detail.apps] if detail.apps else [],
        "First seen": examples,
        "In all": detail.more,
    }
    return [{"title": title, "lines": lines} for title, lines in parts.items() if lines]
