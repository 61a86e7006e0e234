"""Damaged flow files: the harness finds what it is there for, and a short run of it finds nothing."""

import pytest

from fuzz.driver import run
from fuzz.mutate_flow_files import Mutant, check, dump, files_of, flows_of, made, parse, problems, report_of
from phonehome.analysis.sources import flow_state, mitm


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return files_of(())


def test_a_few_hundred_damaged_files_are_read_as_they_should(files: dict[str, bytes]) -> None:
    assert list(run(files, check, 400, seed=0)) == []


def test_a_report_over_a_damaged_file_has_no_fault(files: dict[str, bytes]) -> None:
    assert list(run(files, check, 12, seed=7000, report=True)) == []


def test_samples_are_parsed_and_written_back(files: dict[str, bytes]) -> None:
    for data in files.values():
        assert b"".join(dump(parse(flow, 0, len(flow))[0]) for flow in flows_of(data)) == data
        assert len(flows_of(data)) > 5


def test_a_reader_that_drops_a_flow_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    data = made()["(made here)"]
    whole = Mutant(data, data)
    assert list(problems(whole)) == []
    read = mitm.FlowFileReader.read
    monkeypatch.setattr(
        mitm.FlowFileReader,
        "read",
        lambda self, start, end: list(read(self, start, end))[: -1 if start == 0 else None],
    )
    assert any("dropped without a warning" in problem for problem in problems(whole))


def test_a_fault_of_ours_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    data = made()["(made here)"]

    def broken(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(flow_state, "assemble", broken)
    assert any("fault of phonehome" in problem for problem in problems(Mutant(data, None)))
    assert list(report_of(data))
