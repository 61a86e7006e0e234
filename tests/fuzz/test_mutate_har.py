"""Damaged HAR files: the harness finds what it is there for, and a short run of it finds nothing."""

import json
from typing import Any

import pytest

from fuzz.driver import run
from fuzz.mutate_har import Mutant, check, made, problems, read, report_of
from phonehome.analysis.examiner import Examiner
from phonehome.analysis.sources import har

WHOLE = json.dumps(made()["(made here, mitmproxy)"]).encode()


def test_a_few_hundred_damaged_files_are_read_as_they_should() -> None:
    assert list(run(made(), check, 400, seed=0)) == []


def test_a_report_over_a_damaged_file_has_no_fault() -> None:
    assert list(run(made(), check, 12, seed=7000, report=True)) == []


def test_what_is_made_here_has_all() -> None:
    found = read(WHOLE, 1 << 20)
    assert len(found.sent) == 11
    assert found.warnings == set()
    assert {remark for sent in found.sent for remark in sent.remarks} == {"body rebuilt", "body missing"}


def test_an_entry_that_is_dropped_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Mutant(WHOLE, WHOLE)
    assert list(problems(whole, Examiner())) == []
    objects = har.HarSource._entries
    monkeypatch.setattr(har.HarSource, "_entries", lambda self, *range_: objects(self, *range_)[1:])
    assert any("in parts" in problem for problem in problems(whole, Examiner()))


def test_a_fault_of_ours_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise LookupError

    monkeypatch.setattr(har, "_body", broken)
    ((_, _, problem), *_) = run(made(), check, 3, seed=0)
    assert "LookupError" in problem


def test_a_report_is_made() -> None:
    assert list(report_of(WHOLE)) == []
