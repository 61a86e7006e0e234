"""Captured text is written by strangers."""

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.render.escape import csv_cell, markdown, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("zzhc.vnet.cn", "zzhc.vnet.cn"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\r\tc", "a\\x0ab\\x0d\\x09c"),
        ("exe.\u202egpj", "exe.\\u202egpj"),
        ("\u2028\u200b", "\\u2028\\u200b"),
        ("\udc80", "\\udc80"),
        ("\U000e0041", "\\U000e0041"),
        ("München 上海", "München 上海"),
    ],
)
def test_what_is_not_visible_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_nothing_printable_returns_acts_on_a_terminal(text: str) -> None:
    shown = printable(text)
    assert not any(unicodedata.category(character).startswith("C") for character in shown)
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")


def test_long_text_is_cut() -> None:
    assert printable("x" * 10_000, 100) == "x" * 99 + "…"


@given(st.text("=+-@0123456789.ab\t\n\"',;|"))
def test_no_cell_is_a_formula(text: str) -> None:
    cell = csv_cell(text)
    assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r")
    out = io.StringIO()
    csv.writer(out).writerow([cell, "next"])
    assert next(csv.reader(io.StringIO(out.getvalue())))[1] == "next"


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "a|b", "[x](javascript:alert(1))", "**bold**", "`code`", "<img src=x>"],
)
def test_markdown_stays_text(text: str) -> None:
    from markdown_it import MarkdownIt

    html = (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .render(f"| head |\n|---|\n| {markdown(text)} |\n")
    )
    assert html.count("<td>") == 1
    assert not any(tag in html for tag in ("<script", "<img", "<a ", "<strong", "<code"))


def test_markdown_makes_no_links_of_captured_addresses() -> None:
    assert "://" not in markdown("http://evil.example/")
