"""A verdict as text, as JSON, and as JUnit XML for a build server (a rule is a test case)."""

from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree

from phonehome.analysis.policy.verdict import RuleVerdict, Verdict
from phonehome.analysis.render.escape import json_text, printable
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.phrases import BASES, RESULTS, judged_by

SCHEMA: Final = "phonehome/verdict/1"
MAX_PROPERTY: Final = 4000
"""Characters."""


def render(verdict: Verdict, document: Document, format_: str) -> str:
    """The verdict on the document in `text`, `json` or `junit`, with a line feed at the end."""
    return {"text": _text, "json": _json, "junit": _junit}[format_](verdict, document)


def gaps(document: Document) -> list[str]:
    """What was not read of the captures, a line each: it may be what is against a rule."""
    lines = [
        f"{capture['path']}: {damage}" for capture in document["captures"] for damage in capture["damage"]
    ]
    return [*lines, *(f"{failed['path']}: {failed['error']}" for failed in document["errors"])]


def _json(verdict: Verdict, document: Document) -> str:
    captures = [
        {"path": item["path"], "sha256": item["sha256"], "damage": item["damage"], "faults": item["faults"]}
        for item in document["captures"]
    ]
    whole = {"schema": SCHEMA, **verdict, "captures": captures, "errors": document["errors"]}
    return json_text(whole) + "\n"


def _properties(verdict: Verdict, document: Document) -> Iterator[tuple[str, str]]:
    """What judged what: program, policy, tables, captures."""
    yield "result", verdict["result"]
    yield "summary", verdict["summary"]
    yield "program", verdict["program"]
    yield from ((f"policy.{key}", value) for key, value in verdict["policy"].items())
    yield from (("table", table) for table in verdict["tables"])
    for capture in document["captures"]:
        yield "capture", f"{capture['path']}, SHA-256 {capture['sha256']}"
    for rule in verdict["rules"]:
        if rule["same_as"]:
            yield f"{rule['id']}.same_transmissions_as", ", ".join(rule["same_as"])


def _text(verdict: Verdict, document: Document) -> str:
    lines = [verdict["summary"], ""]
    for phone in verdict["phones"]:
        about = f"market {phone['market'] or 'not known'} ({phone['market_source']})"
        lines.append(f"{phone['label']}: {about if phone['bound'] else 'the policy is not about this phone'}")
    for rule in verdict["rules"]:
        lines += ["", *_rule_lines(rule)]
    lines += [f"not read: {line}" for line in gaps(document)]
    lines += ["", judged_by(verdict)]
    return "\n".join(printable(line) for line in lines) + "\n"


def _rule_lines(rule: RuleVerdict) -> list[str]:
    lines = [f"[{RESULTS[rule['result']]}] {rule['says']}{BASES[rule['basis']]}", f"  {rule['reason']}"]
    for mark, entries in (("against it", rule["broken"]), ("not judged", rule["not_judged"])):
        for entry in entries:
            lines += [f"  - {mark}: {entry['claim']}", *(f"      {problem}" for problem in entry["problems"])]
    if rule["listed_only"]:
        lines.append(f"  - and {rule['listed_only']} destinations more")
    lines += [f"  {left_out}" for left_out in rule["left_out"]]
    lines += [f"  note: {rule['note']}"] if rule["note"] else []
    return [*lines, *(f"  rests on: {reference}" for reference in rule["references"])]


def _junit(verdict: Verdict, document: Document) -> str:
    """One test suite. What could not be judged is an error, as a build server's user must not take it for passed."""
    rules = verdict["rules"]
    counts = {name: sum(rule["result"] == name for rule in rules) for name in RESULTS}
    unread = int(bool(gaps(document)))
    suite = ElementTree.Element(
        "testsuite",
        name=printable(verdict["policy"]["id"]),
        tests=str(len(rules) + unread),
        failures=str(counts["broken"]),
        errors=str(counts["not-judged"] + unread),
        skipped=str(counts["does-not-apply"]),
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _properties(verdict, document):
        ElementTree.SubElement(properties, "property", name=name, value=printable(value, MAX_PROPERTY))
    for rule in rules:
        case = ElementTree.SubElement(
            suite, "testcase", classname=printable(verdict["policy"]["id"]), name=printable(rule["id"])
        )
        tag = {"broken": "failure", "not-judged": "error", "does-not-apply": "skipped"}.get(rule["result"])
        if tag:
            outcome = ElementTree.SubElement(case, tag, message=printable(rule["reason"]))
            outcome.text = "\n".join(printable(line) for line in _rule_lines(rule))
    if unread:
        case = ElementTree.SubElement(
            suite, "testcase", classname=printable(verdict["policy"]["id"]), name="files"
        )
        outcome = ElementTree.SubElement(case, "error", message="not every file could be read whole")
        outcome.text = "\n".join(map(printable, gaps(document)))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=False) + "\n"
