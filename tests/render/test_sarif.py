"""A verdict as SARIF: by its schema, and what viewers do with it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from phonehome.analysis.policy.judge import Said, judge_policy
from phonehome.analysis.policy.rules import load, parse
from phonehome.analysis.render.build_server import render
from phonehome.analysis.report.entries import Document
from tests.policy.test_accepted import waived
from tests.policy.test_judge import HEAD, NOT_CHINA, rule
from tests.reports import AFFECTED, device, document, row, sample

SCHEMAS = Path(__file__).parent / "schemas"
HOSTILE = "[click](http://evil.example) {0} <b>\x1b[31m\u202e"


@cache
def schema() -> Any:
    return json.loads((SCHEMAS / "sarif-schema-2.1.0.json").read_text("utf-8"))


def sarif(report: Document, *policies: Any, **said: Any) -> Any:
    """The log, held to its schema."""
    verdicts = [judge_policy(report, policy, said=Said(**said)) for policy in policies]
    found = json.loads(render(verdicts, report, "sarif"))
    jsonschema.validate(found, schema(), cls=jsonschema.Draft4Validator)
    return found


def policy(text: str = NOT_CHINA, also: str = "") -> Any:
    return parse((HEAD + rule(text) + also).encode(), "p.toml")


def test_the_sample_by_two_policies() -> None:
    found = sarif(sample(AFFECTED), load("hmd-2019"), load("eea"), explain=True)
    assert len(found["runs"]) == 2
    run = found["runs"][0]
    assert [each["id"] for each in run["tool"]["driver"]["rules"]][:2] == ["not-to-china", "singapore"]
    failed = [result for result in run["results"] if result["kind"] == "fail"]
    assert {result["ruleId"] for result in failed} == {"not-to-china", "singapore", "encrypted", "no-person"}
    assert all(
        run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] == each["ruleId"] for each in run["results"]
    )
    uri = failed[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "nokia-7-plus-affected.mitm"
    assert [each["kind"] for each in run["results"] if each["ruleId"] == "china-variant"] == ["notApplicable"]


def test_only_what_failed_has_a_level() -> None:
    report = document(device(row(), row("b.example", country=None)))
    results = sarif(report, policy())["runs"][0]["results"]
    assert [(each["kind"], each["level"]) for each in results] == [("fail", "error"), ("open", "none")]


def test_what_is_put_up_with() -> None:
    report = document(device(row()))
    [waived_] = sarif(report, policy(also=waived()), today="2026-06-01")["runs"][0]["results"]
    assert waived_["suppressions"][0]["justification"] == "ticket 7 (until 2027-01-01)"
    more = document(device(row(), row("b.example")))
    known = sarif(more, policy(), baseline=report)["runs"][0]["results"]
    assert {each["baselineState"] for each in known} == {"new", "unchanged"}


def test_a_result_is_known_again_in_the_next_run() -> None:
    one, other = (
        sarif(document(device(row(transmissions=number))), policy())["runs"][0]["results"][0]
        for number in (3, 300)
    )
    assert one["message"] != other["message"]
    assert one["partialFingerprints"] == other["partialFingerprints"]


def test_captured_text_is_no_link_and_no_placeholder() -> None:
    report = document(device(row(HOSTILE), label=HOSTILE))
    report["captures"][0]["path"] = "../[a](b) {0}\x1b.mitm"
    found = sarif(report, policy())
    message = found["runs"][0]["results"][0]["message"]["text"]
    assert "\\[click\\](http" in message
    assert " {0}" not in message
    assert not set("\x1b\u202e") & set(json.dumps(found, ensure_ascii=False))
    assert "/" not in found["runs"][0]["artifacts"][0]["location"]["uri"]


def test_what_was_not_read_is_told() -> None:
    report = document(device(row(country="SG")))
    report["captures"][0]["damage"] = ["cut off"]
    run = sarif(report, policy())["runs"][0]
    assert "cut off" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    assert [each["kind"] for each in run["results"]] == ["open"]
