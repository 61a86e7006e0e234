"""The report on a terminal, of any width, and in a pipe."""

import io
import re

import pytest

from analysis.report import terminal
from analysis.report.document import Document
from tests.report.documents import hostile_document, sample_document


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_screen(document: Document, width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    terminal.write(document, screen)
    text = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    return [line.rstrip() for line in text.splitlines()]


@pytest.mark.parametrize("width", [40, 80, 109, 110, 140, 200])
def test_no_line_is_longer_than_the_screen(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert max(map(len, on_screen(sample_document(), width, monkeypatch))) <= width


@pytest.mark.parametrize("width", [80, 100])
def test_on_a_narrow_screen_no_name_is_broken(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    document = sample_document()
    lines = on_screen(document, width, monkeypatch)
    words = re.split(r"[\s,;]+", " ".join(lines))
    for device in document["devices"]:
        for row in device["destinations"]:
            assert any(line.startswith(f"{row['host']}  {row['purpose_label']}") for line in lines)
            assert {row["addresses"][0], "encrypted", "UNENCRYPTED"} <= set(words)
    place = lines.index("zzhc.vnet.cn  Activation and registration, China Telecom")
    assert lines[place + 1 : place + 4] == [
        "  China [CN], AS4134 Chinanet, 61.139.2.69",
        "  10 sent, 4 tried, none acknowledged, UNENCRYPTED",
        lines[place + 3],
    ]
    assert lines[place + 3].startswith("  IMEI 0010••••••••425; IMEI ")


def test_a_wide_screen_has_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_screen(sample_document(), 140, monkeypatch)
    assert any(
        re.match(r"Destination +Where +What for +How often +Identifiers inside", line) for line in lines
    )
    assert any(re.match(r"zzhc\.vnet\.cn +China \[CN\] +Activation and +10 sent", line) for line in lines)


@pytest.mark.parametrize("width", [80, 140])
def test_captured_text_does_nothing_to_the_screen(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(on_screen(hostile_document(), width, monkeypatch))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


def test_a_pipe_has_a_table_whatever_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    out = io.StringIO()
    terminal.write(sample_document(), out)
    assert "Identifiers inside" in out.getvalue()
    assert "\x1b" not in out.getvalue()
