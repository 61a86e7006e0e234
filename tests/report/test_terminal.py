"""The report on a terminal: what fits its width, and no colours where there is none."""

import io
import re

import pytest

from analysis.policy import judge_policy
from analysis.policy_file import load
from analysis.report import terminal
from analysis.report.document import Document
from tests.reports import AFFECTED, device, document, row, sample

STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(report: Document, columns: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    out = Terminal()
    terminal.write(report, out)
    return [STYLE.sub("", line).rstrip() for line in out.getvalue().splitlines()]


def test_a_wide_one_has_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_terminal(sample(AFFECTED), 120, monkeypatch)
    assert any(line.split() == TITLES for line in lines)


def test_a_narrow_one_has_destinations_below_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_terminal(sample(AFFECTED), 80, monkeypatch)
    assert not any(line.split() == TITLES for line in lines)
    at = lines.index("zzhc.vnet.cn, 61.139.2.69")
    assert lines[at + 1 : at + 4] == [
        "  China [CN], AS4134 Chinanet",
        "  Activation and registration, China Telecom",
        "  10 sent, 4 tried, none acknowledged, UNENCRYPTED",
    ]
    assert all(len(line) <= 80 for line in lines)


def test_a_pipe_has_every_destination_and_no_colours() -> None:
    rows = [row(f"h{number}.example") for number in range(terminal.MAX_ROWS + 9)]
    out = io.StringIO()
    terminal.write(document(device(*rows)), out)
    assert all(f"h{number}.example" in out.getvalue() for number in range(len(rows)))
    assert "\x1b" not in out.getvalue()


def test_a_terminal_says_how_many_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(f"h{number}.example") for number in range(terminal.MAX_ROWS + 9)]
    assert any(
        "9 more destinations" in line for line in on_terminal(document(device(*rows)), 120, monkeypatch)
    )


def test_the_verdict_stands_first_and_hostile_text_acts_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    report = document(device(row("\x1b[31mevil\u202e.example"), label="Nokia [bold]x[/bold]\x1b]0;t\x07"))
    report["verdict"] = judge_policy(report, load("hmd-2019"), "WW")
    lines = on_terminal(report, 100, monkeypatch)
    assert lines[0].startswith("HMD Global's statements of March 2019: could not be judged.")
    text = "\n".join(lines)
    assert "[bold]x[/bold]" in text
    assert "\\x1b[31mevil\\u202e.example" in text
    assert not set("\x1b\x07\u202e") & set(text)


TITLES = ["Destination", "Where", "What", "for", "How", "often", "Identifiers", "inside"]
