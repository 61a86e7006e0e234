"""What coverage found worth keeping is run again on each change; the rest of the time a fuzzer looks for more."""

import pytest

from fuzz import guided
from phonehome.analysis.render import csv, html
from phonehome.analysis.sources import har


@pytest.mark.parametrize("name", sorted(guided.TARGETS))
def test_nothing_in_the_corpus_is_wrong(name: str) -> None:
    assert guided.replay(name) > 0


def test_a_fault_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(har, "_body", broken)
    with pytest.raises(LookupError):
        guided.replay("har")


def test_captured_text_that_acts_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "csv_cell", str)
    with pytest.raises(AssertionError, match="a formula"):
        guided.replay("table")
    monkeypatch.setattr(html, "write", lambda document, out: out.write(f"<p>{document['captures']}<xss>"))
    with pytest.raises(AssertionError, match="became an element"):
        guided.replay("page")


def test_an_examiner_that_fails_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise LookupError

    monkeypatch.setattr(guided._examiner().recogniser, "recognise", broken)
    with pytest.raises(AssertionError, match="LookupError"):
        guided.replay("decoding")
