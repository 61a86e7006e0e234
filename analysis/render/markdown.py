"""The report as Markdown (CommonMark with tables), to paste into an issue or an article."""

from typing import TextIO

from phonehome.analysis.knowledge.addresses import country_name
from phonehome.analysis.policy.verdict import Verdict
from phonehome.analysis.render.escape import markdown
from phonehome.analysis.report import phrases
from phonehome.analysis.report.apps import app_lines, app_words
from phonehome.analysis.report.captures import capture_lines, card_words
from phonehome.analysis.report.case import TITLE, case_lines
from phonehome.analysis.report.companies import (
    companies_and_rows,
    got,
    how_often,
    routine_line,
    where_words,
)
from phonehome.analysis.report.concern import is_routine
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, Document
from phonehome.analysis.report.headline import headline
from phonehome.analysis.report.matters import why
from phonehome.analysis.report.summary import ENCRYPTION, number_of

COMPANIES = (
    "| Company | What it got | Where its machines are | How often | Encrypted |\n|---|---|---|---|---|\n"
)
HEADER = "| Destination | Where | What for | How often | Encrypted | Identifiers inside |\n|---|---|---|---|---|---|\n"


def write(report: Document, out: TextIO) -> None:
    """Writes the report: devices, what was not seen, captures and sources."""
    found = headline(report)
    out.write(f"# {markdown(found.text)}\n\n")
    out.write("".join(f"- {word}: {markdown(what)}\n" for word, what in found.facts))
    if report["verdict"]:
        _verdict(report["verdict"], out)
    _list(out, TITLE, [f"{word}: {what}" for word, what in case_lines(report)])
    for device in report["devices"]:
        _device(device, out)
    if not report["devices"]:
        out.write("\nNo transmission of a device was found.\n")
    _companies(report, out)
    _list(out, "Phones of one model, side by side", phrases.outliers(report))
    _list(
        out,
        "Why it matters",
        [
            f"{line.what}: {line.says} ({'; '.join(title for title, _ in line.references)})"
            for line in why(report)
        ],
    )
    _list(out, "Not seen", phrases.not_seen(report))
    captures: list[str] = []
    for capture in report["captures"]:
        captures.append(
            f"{capture['path']}: {number_of(capture['transmissions'], 'transmission')}, "
            f"{phrases.period(capture['first'], capture['last'])}; SHA-256 {capture['sha256']}"
        )
        captures += [f"{capture['path']} {line}" for line in capture_lines(capture)]
        captures += [f"{capture['path']}: warning: {warning}" for warning in capture["warnings"]]
    captures += [f"{error['path']}: not read: {error['error']}" for error in report["errors"]]
    _list(out, "Captures", captures)
    tool = report["sources"]["tool"]
    online = "yes" if report["sources"]["online"] else "nothing"
    _list(
        out,
        "Sources",
        [
            f"phonehome {tool['version']}, {report['sources']['catalogue']['endpoints']} known endpoints",
            *(f"location: {line}" for line in phrases.tables(report)),
            f"looked up online: {online}",
        ],
    )


def _companies(report: Document, out: TextIO) -> None:
    """What each company got, with its destinations; the routine in a line."""
    found = [(each, rows) for each, rows in companies_and_rows(report["devices"]) if not each["routine"]]
    routine = routine_line(report["devices"])
    if found or routine:
        out.write("\n## By company\n\n")
    if found:
        out.write(COMPANIES)
    for company, rows in found:
        seat = f" ({country_name(company['country'])})" if company["country"] else ""
        hosts = dict.fromkeys(row["host"] or "(no name)" for _, row in rows if not is_routine(row))
        cells = [
            _lines([company["label"] + seat, *hosts]),
            markdown(got(company) or "no identifier recognised"),
            markdown(where_words(company) or "its own network"),
            how_often(company),
            ENCRYPTION[company["encrypted"]],
        ]
        out.write("| " + " | ".join(cells) + " |\n")
    if routine:
        out.write(f"\n{markdown(routine)}\n")


def _verdict(verdict: Verdict, out: TextIO) -> None:
    out.write(f"\n**{markdown(verdict['summary'])}**\n\n")
    for rule in phrases.rules(verdict):
        out.write(
            f"- **{phrases.RESULTS[rule['result']]}**: {markdown(rule['says'])}{phrases.BASES[rule['basis']]} "
            f"{markdown(rule['reason'])}\n"
        )
        out.write("".join(f"  - {markdown(line)}\n" for line in phrases.evidence(rule)))
    out.write(f"\n{markdown(phrases.judged_by(verdict))}\n")


def _device(device: DeviceEntry, out: TextIO) -> None:
    facts = [device["model"], device["system"], *device["builds"], *device["addresses"], card_words(device)]
    known = ", ".join(markdown(fact) for fact in dict.fromkeys(facts) if fact and fact != device["label"])
    out.write(f"\n## {markdown(device['label'])}\n\n")
    out.write(f"**{markdown(device['summary'])}**\n\n")
    for line in phrases.notes(device):
        out.write(f"{markdown(line)}\n\n")
    if known:
        out.write(f"{known}. ")
    out.write(f"{phrases.counts(device)}.\n\n{HEADER}")
    for row in device["destinations"]:
        out.write("| " + " | ".join(_cells(row)) + " |\n")
    if lines := app_lines(device):
        out.write("\nBy app, as far as it is known:\n\n" + "".join(f"- {markdown(line)}\n" for line in lines))


def _cells(row: DestinationEntry) -> list[str]:
    purpose = row["purpose_label"]
    return [
        _lines([row["host"] or "(no name)", *row["addresses"]]),
        _lines(phrases.where(row)),
        _lines([purpose, row["purpose_reason"], *([f"by {words}"] if (words := app_words(row)) else [])]),
        markdown(phrases.sent(row)),
        phrases.ENCRYPTED[row["encrypted"]],
        _lines(phrases.identifiers(row)),
    ]


def _lines(lines: list[str]) -> str:
    return "<br>".join(markdown(line) for line in lines)


def _list(out: TextIO, title: str, lines: list[str]) -> None:
    if lines:
        out.write(f"\n## {title}\n\n" + "".join(f"- {markdown(line)}\n" for line in lines))
