"""A verdict as text, JSON and JUnit XML."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema

from phonehome.analysis.policy.judge import Said, judge_policy
from phonehome.analysis.policy.rules import parse
from phonehome.analysis.render import output
from phonehome.analysis.render.build_server import render
from phonehome.analysis.report.entries import Document
from tests.reports import device, document, row

POLICY = parse(
    b"""
[policy]
id = "p"
title = "P"
[[rule]]
id = "not-to-china"
says = "Nothing goes to China."
basis = "inference"
note = "A note."
reference = { title = "A statement", where = "https://maker.example/statement" }
forbidden = { countries = ["CN"] }
[[rule]]
id = "of-china"
says = "Phones sold in China."
markets = ["CN"]
reference = { title = "A statement", where = "https://maker.example/statement" }
allowed = { countries = ["CN"] }
""",
    "p.toml",
)
HOSTILE = "<b>&\x1b[31m\u202e\x00\ufffe\x7f\x9b\U000e0041.example"


def rendered(report: Document, format_: str) -> str:
    return render([judge_policy(report, POLICY)], report, format_)


def test_text_tells_what_is_against_a_rule_from_what_could_not_be_judged() -> None:
    text = rendered(document(device(row(), row("b.example", country=None))), "text")
    assert "[BROKEN] Nothing goes to China. (conclusion)" in text
    assert (
        "  - against it: 10.0.0.2 sent what looks like activation data "
        "probably to China (a.example) 3 times" in text
    )
    assert (
        "  - not judged: 10.0.0.2 sent what looks like activation data to "
        "a country that is not known (b.example) 3 times" in text
    )
    assert "[does not apply] Phones sold in China." in text
    assert "  note: A note." in text
    assert "  rests on: A statement: https://maker.example/statement" in text


def test_json_is_the_verdict() -> None:
    report = document(device(row()))
    found = json.loads(rendered(report, "json"))
    assert found["schema"] == "phonehome/verdict/1"
    assert found["captures"][0]["sha256"] == report["captures"][0]["sha256"]
    assert judge_policy(report, POLICY).items() <= found.items()


def test_junit_has_a_case_for_each_rule() -> None:
    suite = ElementTree.fromstring(rendered(document(device(row(country=None))), "junit"))
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "2",
        "failures": "0",
        "errors": "1",
        "skipped": "1",
    }


@pytest.mark.parametrize(
    "format_", ["text", "json", "junit", "sarif", "terminal", "markdown", "html", "report json"]
)
def test_each_format_names_what_judged_what(format_: str) -> None:
    report = document(device(row()))
    verdict = judge_policy(report, POLICY)
    if format_ in ("text", "json", "junit", "sarif"):
        said = render([verdict], report, format_)
    else:
        said = output.rendered({**report, "verdict": verdict}, format_.removeprefix("report ")).decode()
    said = "".join(said.split())
    table = report["sources"]["location_tables"][0]
    for named in (verdict["policy"]["sha256"], verdict["program"], table["name"], table["date"]):
        assert "".join(named.split()) in said


def test_junit_is_by_the_schema_that_build_servers_read_it_by() -> None:
    """The text is that of a schema of others: `schemas/README.md`."""
    schema = xmlschema.XMLSchema(str(Path(__file__).parent / "schemas" / "junit-10.xsd"))
    report = document(device(row(HOSTILE), row("b.example", country=None), label=HOSTILE))
    report["captures"][0]["damage"] = ["cut off"]
    said = Said(explain=True, baseline=document(device(row(HOSTILE))), today="2026-01-01")
    one = judge_policy(report, POLICY, said=said)
    for verdicts in ([one], [one, judge_policy(report, POLICY)]):
        schema.validate(render(verdicts, report, "junit"))
    root = ElementTree.fromstring(render([one, one], report, "junit"))
    assert [suite.get("errors") for suite in root] == ["2", "2"]


def test_several_policies_stand_one_after_the_other() -> None:
    report = document(device(row()))
    both = [judge_policy(report, POLICY), judge_policy(report, POLICY)]
    assert render(both, report, "text").count("P: BROKEN") == 2
    found = json.loads(render(both, report, "json"))
    assert (found["schema"], len(found["verdicts"])) == ("phonehome/verdicts/1", 2)


def test_captured_text_acts_nowhere() -> None:
    report = document(device(row(HOSTILE), label=HOSTILE))
    for format_ in ("text", "json"):
        assert not set("\x1b\u202e\x00\ufffe\x7f\x9b\U000e0041") & set(rendered(report, format_))
    failure = ElementTree.fromstring(rendered(report, "junit")).find("testcase/failure")
    assert failure is not None
    assert "<b>&\\x1b[31m" in (failure.text or "")
