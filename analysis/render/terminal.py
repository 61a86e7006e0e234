"""The report on a terminal. Colours only there; in a pipe it is plain text with every destination."""

import io
import os
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from phonehome.analysis.knowledge.addresses import country_name
from phonehome.analysis.policy.verdict import Verdict
from phonehome.analysis.render.escape import printable
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
from phonehome.analysis.report.summary import ENCRYPTION, number_of

MAX_ROWS = 40
"""Destinations of a device on a terminal; a pipe gets all."""
MAX_IDENTIFIERS = 12
"""Lines of identifiers of a destination."""
MAX_TEXT = 4000
"""Characters of what this program phrased itself."""
PIPE_WIDTH = 132
"""Columns where there is no terminal to ask, and COLUMNS is not set."""
NARROWEST, WIDEST = 40, 400
"""Columns that COLUMNS may ask for."""
MAX_HOSTS = 8
"""Hosts that are named under a company."""
LEAST_WIDTH = 110
"""Columns from which on a table has room for its own; on a narrower terminal each destination is a paragraph."""


class Terminal(Console):
    """A console that leaves it to the command what to do when nobody reads on (`phonehome report ... | head`)."""

    def on_broken_pipe(self) -> None:
        """Raises BrokenPipeError, which this was called for, instead of ending the program."""
        raise


def write(report: Document, out: TextIO) -> None:
    """Writes the report: devices, what was not seen, captures and sources."""
    terminal = out.isatty()
    if terminal:
        _write(report, Terminal(file=out, highlight=False), MAX_ROWS)
        return
    text = io.StringIO()
    _write(report, Console(file=text, highlight=False, width=_width()), None)
    # rich fills each line with spaces up to the width.
    out.writelines(line.rstrip() + "\n" for line in text.getvalue().splitlines())


def _width() -> int:
    """Columns of what is piped: as COLUMNS says, if it does."""
    try:
        return min(max(int(os.environ["COLUMNS"]), NARROWEST), WIDEST)
    except (KeyError, ValueError):
        return PIPE_WIDTH


def _write(report: Document, console: Console, limit: int | None) -> None:
    console.print(_headline(report))
    if report["verdict"]:
        console.print(_verdict(report["verdict"]))
    _section(console, TITLE, [f"{word}: {printable(what, MAX_TEXT)}" for word, what in case_lines(report)])
    for device in report["devices"]:
        console.print(_device(device, limit, console.width))
    if not report["devices"]:
        console.print("No transmission of a device was found.")
    _section(console, "By company", _companies(report, limit))
    _section(
        console,
        "Phones of one model, side by side",
        [printable(line) for line in phrases.outliers(report)],
    )
    _section(console, "Not seen", phrases.not_seen(report))
    captures: list[str] = []
    for capture in report["captures"]:
        captures.append(
            f"{printable(capture['path'])}: {number_of(capture['transmissions'], 'transmission')}, "
            f"{phrases.period(capture['first'], capture['last'])}"
        )
        captures.append(f"  SHA-256 {capture['sha256']}")
        captures += [f"  {printable(line)}" for line in capture_lines(capture)]
        captures += [f"  warning: {printable(warning)}" for warning in capture["warnings"]]
    captures += [
        f"{printable(error['path'])}: not read: {printable(error['error'])}" for error in report["errors"]
    ]
    _section(console, "Captures", captures)
    tool = report["sources"]["tool"]
    _section(
        console,
        "Sources",
        [
            f"phonehome {tool['version']}, {report['sources']['catalogue']['endpoints']} known endpoints",
            *(f"location: {line}" for line in phrases.tables(report)),
            "looked up online: " + ("yes" if report["sources"]["online"] else "nothing"),
        ],
    )
    # Once more, where the eye is when a long report has run by.
    console.print(_headline(report))
    if report["verdict"]:
        verdict = report["verdict"]
        console.print(Text(printable(verdict["summary"], MAX_TEXT), _STYLES[verdict["result"]]))


def _headline(report: Document) -> Group:
    found = headline(report)
    lines: list[RenderableType] = [
        Text(printable(found.text, MAX_TEXT), "bold red" if found.alarm else "bold")
    ]
    for word, what in found.facts:
        line = Text(f"{word}: ", "dim", overflow="fold").append(printable(what, MAX_TEXT), "not dim")
        lines.append(Padding(line, (0, 0, 0, 2)))
    return Group(*lines, Text(""))


def _companies(report: Document, limit: int | None) -> list[str]:
    """A line for each company and one for its destinations, then the routine."""
    found = [(each, rows) for each, rows in companies_and_rows(report["devices"]) if not each["routine"]]
    lines = []
    for company, rows in found[:limit]:
        seat = f" ({country_name(company['country'])})" if company["country"] else ""
        parts = [
            got(company) or "no identifier recognised",
            where_words(company) or "its own network",
            how_often(company),
            ENCRYPTION[company["encrypted"]],
        ]
        lines.append(f"{printable(company['label'])}{seat}: {printable('; '.join(parts), MAX_TEXT)}")
        hosts = list(dict.fromkeys(row["host"] or "no name" for _, row in rows if not is_routine(row)))
        more = f" and {len(hosts) - MAX_HOSTS} more" if len(hosts) > MAX_HOSTS else ""
        lines.append(f"  {printable(', '.join(hosts[:MAX_HOSTS]), MAX_TEXT)}{more}")
    if limit is not None and len(found) > limit:
        lines.append(f"{len(found) - limit:,} more companies and domains, in -o FILE.")
    routine = routine_line(report["devices"])
    return [*lines, *([printable(routine, MAX_TEXT)] if routine else [])]


_STYLES = {
    "broken": "bold red",
    "not-judged": "bold yellow",
    "accepted": "bold yellow",
    "holds": "bold green",
    "does-not-apply": "dim",
}


def _verdict(verdict: Verdict) -> Group:
    lines: list[RenderableType] = [Text(printable(verdict["summary"], MAX_TEXT), _STYLES[verdict["result"]])]
    for rule in phrases.rules(verdict):
        text = Text(phrases.RESULTS[rule["result"]], _STYLES[rule["result"]])
        text.append(
            f"  {printable(rule['says'], MAX_TEXT)}{phrases.BASES[rule['basis']]}", "not bold default"
        )
        if rule["result"] != "does-not-apply":
            text.append(f"\n{printable(rule['reason'], MAX_TEXT)}", "not bold dim")
        lines.append(Padding(text, (0, 0, 0, 2)))
    lines.append(Text("The evidence, rule by rule: phonehome check.", "dim"))
    lines.append(Text(printable(phrases.judged_by(verdict), MAX_TEXT), "dim"))
    return Group(*lines, Text(""))


def _section(console: Console, title: str, lines: list[str]) -> None:
    if not lines:
        return
    console.print(Text(title, "bold"))
    for line in lines:
        indent = 2 + len(line) - len(line.lstrip())
        console.print(Padding(Text(line.strip(), overflow="fold"), (0, 0, 0, indent)))
    console.print()


def _device(device: DeviceEntry, limit: int | None, width: int) -> Group:
    title = Text(printable(device["label"]), "bold")
    facts = [
        device["model"],
        device["system"],
        *phrases.builds(device),
        *device["addresses"],
        card_words(device),
    ]
    # The label is made of some of them.
    known = " · ".join(printable(fact) for fact in facts if fact and fact not in device["label"])
    if known:
        title.append(f"  {known}", "not bold dim")
    counts = phrases.counts(device)
    rows = device["destinations"]
    shown = rows[:limit]
    parts: list[RenderableType] = [
        title,
        Text(printable(device["summary"], MAX_TEXT)),
        *(Text(printable(line), "dim") for line in phrases.notes(device)),
        Text(counts, "dim"),
        *([_table(shown)] if width >= LEAST_WIDTH else map(_paragraph, shown)),
        *([] if width < LEAST_WIDTH else [Text("")]),
    ]
    if len(shown) < len(rows):
        parts.append(
            Text(
                f"{len(rows) - len(shown):,} more destinations are not shown here: pipe the report, or use -o FILE."
            )
        )
    parts += _apps(device)
    parts.append(Text(""))
    return Group(*parts)


def _apps(device: DeviceEntry) -> list[RenderableType]:
    """What each app did."""
    lines = app_lines(device)
    shown: list[RenderableType] = [
        Padding(Text(printable(line, MAX_TEXT), overflow="fold"), (0, 0, 0, 2)) for line in lines[:MAX_ROWS]
    ]
    if len(lines) > MAX_ROWS:
        shown.append(Text(f"  and {len(lines) - MAX_ROWS:,} more apps"))
    return [Text("By app, as far as it is known", "bold"), *shown] if shown else []


def _table(rows: list[DestinationEntry]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), header_style="bold", show_edge=False)
    table.add_column("Destination", ratio=29, overflow="fold")
    table.add_column("Where", ratio=26, overflow="fold")
    table.add_column("What for", ratio=17, overflow="fold")
    table.add_column("How often", ratio=14, overflow="fold")
    table.add_column("Identifiers inside", ratio=26, overflow="fold")
    table.expand = True
    for row in rows:
        table.add_row(_name(row), _where(row), _purpose(row), _sent(row), _identifiers(row))
    return table


def _paragraph(row: DestinationEntry) -> RenderableType:
    """What a row of the table says, a line for each column, as long as it needs to be."""
    name, *addresses = _name(row).split()
    lines = [
        name + Text("  ") + _in_one_line(_purpose(row)),
        Text(", ").join([*_where(row).split(), *addresses]),
        _in_one_line(_sent(row)),
        Text("; ").join(_identifiers(row).split()),
    ]
    return Group(
        *(
            Padding(_folded(line), (0, 0, 0, 2 if place else 0), expand=False)
            for place, line in enumerate(lines)
            if line.plain.strip()
        ),
        Text(""),
    )


def _in_one_line(cell: Text) -> Text:
    return Text(", ").join(cell.split())


def _folded(line: Text) -> Text:
    line.overflow = "fold"
    return line


def _name(row: DestinationEntry) -> Text:
    text = Text(printable(row["host"] or "(no name)"), "bold")
    for address in row["addresses"][:2]:
        text.append("\n" + printable(address), "not bold dim")
    if len(row["addresses"]) > 2:
        text.append(f"\n+{len(row['addresses']) - 2} addresses", "not bold dim")
    return text


def _where(row: DestinationEntry) -> Text:
    first, *more = phrases.where(row)
    text = Text(printable(first), "yellow" if row["country_certainty"] in ("uncertain", "unknown") else "")
    for line in more:
        text.append("\n" + printable(line), "dim")
    return text


def _purpose(row: DestinationEntry) -> Text:
    text = Text(row["purpose_label"])
    if row["entry"] is None and row["purpose"] != "unclassified":
        text.append("\n" + printable(row["purpose_reason"]), "dim")
    if row["owner"] or row["hosted_by"]:
        text.append("\n" + printable(row["owner"] or f"hosted by {row['hosted_by']}"), "dim")
    if words := app_words(row):
        text.append("\n" + printable(f"by {words}"), "dim")
    return text


def _sent(row: DestinationEntry) -> Text:
    text = Text(phrases.sent(row) + "\n")
    style = {"yes": "green", "unknown": "yellow"}.get(row["encrypted"], "bold red")
    return text.append(phrases.ENCRYPTED[row["encrypted"]], style)


def _identifiers(row: DestinationEntry) -> Text:
    lines = phrases.identifiers(row)
    text = Text("\n".join(printable(line, 100) for line in lines[:MAX_IDENTIFIERS]))
    if len(lines) > MAX_IDENTIFIERS:
        text.append(f"\n+{len(lines) - MAX_IDENTIFIERS} more", "dim")
    return text
