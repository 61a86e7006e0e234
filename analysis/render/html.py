"""The report as one page of HTML that loads nothing: it opens offline and can be mailed.

Names, paths and values in it were written by strangers. Three things keep them text: `page` makes each
printable, Jinja2 escapes each, and the Content-Security-Policy allows the page's own style and script, by
their hash, and nothing else.
"""

import base64
import hashlib
import io
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final, TextIO

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from phonehome.analysis import __version__
from phonehome.analysis.render import csv, json
from phonehome.analysis.render.flow_view import FLOW_COLUMNS
from phonehome.analysis.render.map import world_map
from phonehome.analysis.render.page import MAX_BARS, MAX_CARDS, UNFOLDED, CountryView, page, time
from phonehome.analysis.report.captures import capture_lines
from phonehome.analysis.report.case import case_lines
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.phrases import READING
from phonehome.analysis.report.summary import number_of

MAX_DOWNLOAD: Final = 400_000
"""Bytes of a file that a page holds."""


def write(report: Document, out: TextIO) -> None:
    """Writes the page."""
    view = page(report)
    out.writelines(
        rendered(
            "report.html.j2",
            view.headline.text,
            "page.js",
            page=view,
            case=case_lines(view.report),
            world=world_map(),
            areas=areas(view.countries),
            bars=MAX_BARS,
            unfolded=UNFOLDED,
            columns=FLOW_COLUMNS,
            cards=MAX_CARDS,
            capture_lines=capture_lines,
            period=period,
            downloads=_downloads(report),
            reading=READING,
            time=time,
        )
    )


def _downloads(report: Document) -> list[tuple[str, str, str]]:
    """The report as CSV and JSON inside the page: file name, address that holds the content itself, and size. What is
    too long is left out."""
    table, tree = io.StringIO(), io.StringIO()
    csv.write(report, table)
    json.write(report, tree)
    found = []
    for name, media, text in (
        ("report.csv", "text/csv", table.getvalue()),
        ("report.json", "application/json", tree.getvalue()),
    ):
        data = text.encode()
        if len(data) <= MAX_DOWNLOAD:
            content = base64.b64encode(data).decode()
            found.append(
                (name, f"data:{media};charset=utf-8;base64,{content}", f"{len(data) / 1000:,.0f} kB")
            )
    return found


def areas(countries: Iterable[CountryView]) -> dict[str, str]:
    """How the area of a country is drawn: as one that got something, or as one that only may have."""
    return {
        item.country.code: "unsure" if item.country.in_doubt else item.country.level for item in countries
    }


def rendered(template: str, title: str, script: str = "", **values: Any) -> Iterator[str]:
    """A page from a template that extends `base.html.j2`, with the one style and perhaps a script, in parts."""
    style, code = _static("page.css"), _static(script) if script else ""
    return (
        environment()
        .get_template(template)
        .generate(
            title=title,
            version=__version__,
            style=style,
            style_hash=_hash(style),
            script=code,
            script_hash=_hash(code),
            **values,
        )
    )


def period(first: str | None, last: str | None) -> str:
    """From when to when: `2019-01-22 06:58:09 to 23:20:19 UTC`."""
    if not first or not last:
        return "at unknown times"
    end = last[11:] if first[:10] == last[:10] else last
    return f"{time(first).removesuffix(' UTC')} to {time(end)}"


@cache
def environment() -> Environment:
    """The templates of reports. A name that a template misspells is an error, not an empty text."""
    found = Environment(
        loader=PackageLoader("phonehome.analysis.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["breakable"] = _breakable
    found.filters["number_of"] = number_of
    return found


def _breakable(text: str) -> Markup:
    """A name that breaks after its dots, if it must."""
    return Markup(".<wbr>").join(text.split("."))


@cache
def _static(name: str) -> str:
    return (files("phonehome.analysis.render") / "templates" / name).read_text("utf-8")


def _hash(text: str) -> str:
    """As a Content-Security-Policy names an inline style or script (CSP level 3, section 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
