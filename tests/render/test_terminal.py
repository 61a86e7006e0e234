"""The report on a terminal, of any width, and in a pipe."""

import io
import re

import pytest

from phonehome.analysis.policy.judge import judge_policy
from phonehome.analysis.policy.rules import load
from phonehome.analysis.render import terminal
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.headline import headline
from tests.report.documents import hostile_document, judged_document, sample_document
from tests.reports import device, document, row


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_screen(report: Document, width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    terminal.write(report, screen)
    text = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    return [line.rstrip() for line in text.splitlines()]


@pytest.mark.parametrize("width", [40, 80, 109, 110, 140, 200])
def test_no_line_is_longer_than_the_screen(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert max(map(len, on_screen(sample_document(), width, monkeypatch))) <= width


@pytest.mark.parametrize("width", [80, 100])
def test_on_a_narrow_screen_no_name_is_broken(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = sample_document()
    lines = on_screen(shown, width, monkeypatch)
    words = re.split(r"[\s,;]+", " ".join(lines))
    for phone in shown["devices"]:
        for entry in phone["destinations"]:
            assert any(line.startswith(f"{entry['host']}  {entry['purpose_label']}") for line in lines)
            assert {entry["addresses"][0], "encrypted", "UNENCRYPTED"} <= set(words)
    place = lines.index("zzhc.vnet.cn  Activation and registration, China Telecom")
    assert lines[place + 1 : place + 4] == [
        "  China (likely) [CN], AS4134 Chinanet, 61.139.2.69",
        "  10 sent, 4 tried, none acknowledged, UNENCRYPTED",
        lines[place + 3],
    ]
    assert lines[place + 3].startswith("  IMEI #1 00101234•••••••; IMEI ")


def test_a_wide_screen_has_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_screen(sample_document(), 140, monkeypatch)
    assert any(
        re.match(r"Destination +Where +What for +How often +Identifiers inside", line) for line in lines
    )
    assert any(
        re.match(r"zzhc\.vnet\.cn +China \(likely\) \[CN\] +Activation and +10 sent", line) for line in lines
    )


@pytest.mark.parametrize("width", [80, 140])
def test_captured_text_does_nothing_to_the_screen(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(on_screen(hostile_document(), width, monkeypatch))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


@pytest.mark.parametrize(
    ("columns", "table", "widest"),
    [(None, True, 132), ("170", True, 170), ("70", False, 70), ("1", False, 40), ("wide", True, 132)],
)
def test_a_pipe_is_as_wide_as_it_is_told(
    columns: str | None, table: bool, widest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    out = io.StringIO()
    terminal.write(sample_document(), out)
    assert ("Identifiers inside" in out.getvalue()) is table
    assert max(map(len, out.getvalue().splitlines())) <= widest
    assert "\x1b" not in out.getvalue()


def test_the_finding_stands_first_and_once_more_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    report = judged_document()
    finding = headline(report).text
    lines = on_screen(report, 140, monkeypatch)
    assert lines[0] == finding
    place = len(lines) - 1 - lines[::-1].index(finding)
    assert place > len(lines) - 12, "it is on the screen when the report has run by"
    assert any("BROKEN" in line for line in lines[place:])


def test_companies_stand_with_what_they_got_and_the_routine_is_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = [line.strip() for line in on_screen(sample_document(), 200, monkeypatch)]
    section = lines[lines.index("By company") : lines.index("Not seen")]
    assert section[1].startswith("China Telecom (China): IMEI")
    assert section[1].endswith("10 sent, 4 tried; unencrypted")
    assert section[2] == "zzhc.vnet.cn"
    assert sum(line.startswith("Routine, as of any phone: ") for line in section) == 1


def test_between_two_rows_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (80, 140):
        lines = on_screen(document(device(row("a.example"), row("b.example"))), width, monkeypatch)
        first, second = (
            next(place for place, line in enumerate(lines) if line.startswith(name))
            for name in ("a.example", "b.example")
        )
        assert any(not line.strip() for line in lines[first:second])


def test_a_pipe_has_every_destination_and_no_colours() -> None:
    rows = [row(f"h{number}.example") for number in range(terminal.MAX_ROWS + 9)]
    out = io.StringIO()
    terminal.write(document(device(*rows)), out)
    assert all(f"h{number}.example" in out.getvalue() for number in range(len(rows)))
    assert "\x1b" not in out.getvalue()


def test_a_terminal_says_how_many_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(f"h{number}.example") for number in range(terminal.MAX_ROWS + 9)]
    assert any("9 more destinations" in line for line in on_screen(document(device(*rows)), 120, monkeypatch))


def test_the_verdict_stands_below_the_finding_and_hostile_text_acts_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = document(device(row("\x1b[31mevil\u202e.example"), label="Nokia [bold]x[/bold]\x1b]0;t\x07"))
    report["verdict"] = judge_policy(report, load("hmd-2019"), "WW")
    lines = on_screen(report, 100, monkeypatch)
    verdict = "HMD Global's statements of March 2019: could not be judged."
    assert next(place for place, line in enumerate(lines) if line.startswith(verdict)) < 12
    text = "\n".join(lines)
    assert "[bold]x[/bold]" in text
    assert "\\x1b[31mevil\\u202e.example" in text
    assert not set("\x1b\x07\u202e") & set(text)
