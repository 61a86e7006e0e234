"""Verdicts as text, as JSON, as JUnit XML for a build server (a rule is a test case), and as SARIF."""

from collections.abc import Iterator, Sequence
from typing import Final
from xml.etree import ElementTree

from phonehome.analysis.policy.verdict import RuleVerdict, Verdict
from phonehome.analysis.render.escape import json_text, printable
from phonehome.analysis.render.sarif import sarif
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.phrases import BASES, RESULTS, judged_by
from phonehome.analysis.report.summary import as_sentences, number_of, times

SCHEMA: Final = "phonehome/verdict/1"
SEVERAL: Final = "phonehome/verdicts/1"
MAX_PROPERTY: Final = 4000
"""Characters."""


def render(verdicts: Sequence[Verdict], document: Document, format_: str) -> str:
    """The verdicts on the document in `text`, `json`, `junit` or `sarif`, with a line feed at the end."""
    return {"text": _text, "json": _json, "junit": _junit, "sarif": sarif}[format_](verdicts, document)


def gaps(document: Document) -> list[str]:
    """What was not read of the captures, a line each: it may be what is against a rule."""
    lines = [
        f"{capture['path']}: {damage}" for capture in document["captures"] for damage in capture["damage"]
    ]
    return [*lines, *(f"{failed['path']}: {failed['error']}" for failed in document["errors"])]


def _json(verdicts: Sequence[Verdict], document: Document) -> str:
    """One verdict by itself; several in a list."""
    captures = [
        {"path": item["path"], "sha256": item["sha256"], "damage": item["damage"], "faults": item["faults"]}
        for item in document["captures"]
    ]
    of = {"captures": captures, "errors": document["errors"]}
    if len(verdicts) == 1:
        return json_text({"schema": SCHEMA, **verdicts[0], **of}) + "\n"
    return json_text({"schema": SEVERAL, "verdicts": verdicts, **of}) + "\n"


def _properties(verdict: Verdict, document: Document) -> Iterator[tuple[str, str]]:
    """What judged what: program, policy, tables, captures."""
    yield "result", verdict["result"]
    yield "summary", verdict["summary"]
    yield "program", verdict["program"]
    yield from ((f"policy.{key}", value) for key, value in verdict["policy"].items())
    yield from (("table", table) for table in verdict["tables"])
    for capture in document["captures"]:
        yield "capture", f"{capture['path']}, SHA-256 {capture['sha256']}"
    for number, line in enumerate((*_waiver_lines(verdict), *_baseline_lines(verdict)), 1):
        yield f"accepted.{number}", line.strip()
    for rule in verdict["rules"]:
        if rule["same_as"]:
            yield f"{rule['id']}.same_transmissions_as", ", ".join(rule["same_as"])


def _text(verdicts: Sequence[Verdict], document: Document) -> str:
    lines: list[str] = []
    for verdict in verdicts:
        lines += [*_verdict_lines(verdict, document), "", judged_by(verdict), ""]
    return "\n".join(printable(line) for line in lines[:-1]) + "\n"


def _verdict_lines(verdict: Verdict, document: Document) -> list[str]:
    lines = [verdict["summary"], ""]
    for phone in verdict["phones"]:
        about = f"market {phone['market'] or 'not known'} ({phone['market_source']})"
        lines.append(f"{phone['label']}: {about if phone['bound'] else 'the policy is not about this phone'}")
    for rule in verdict["rules"]:
        lines += ["", *_rule_lines(rule)]
    more = [*_waiver_lines(verdict), *_baseline_lines(verdict)]
    lines += ["", *more] if more else []
    return [*lines, *(f"not read: {line}" for line in gaps(document))]


def _waiver_lines(verdict: Verdict) -> Iterator[str]:
    for waiver in verdict.get("waivers", []):
        fits = f"it fits {number_of(waiver['transmissions'], 'transmission')}"
        state = f"EXPIRED, does not count ({fits})" if waiver["expired"] else fits
        if not waiver["transmissions"]:
            state = "expired" if waiver["expired"] else "it fits nothing here"
        yield f"waiver of {', '.join(waiver['rules'])} until {waiver['until']} ({waiver['reason']}): {state}"


def _baseline_lines(verdict: Verdict) -> Iterator[str]:
    baseline = verdict.get("baseline")
    if baseline is None:
        return
    yield f"baseline ({'; '.join(baseline['captures'])}): {baseline['known']} known, {baseline['new']} new"
    yield from (f"  not seen any more: {gone}" for gone in baseline["gone"])
    if baseline["other_phones"]:
        yield (
            f"  no phone here is known to be {', '.join(baseline['other_phones'])} of the baseline, of which nothing "
            'counts (name phones: --device "NAME=ADDRESS")'
        )


def _rule_lines(rule: RuleVerdict) -> list[str]:
    lines = [f"[{RESULTS[rule['result']]}] {rule['says']}{BASES[rule['basis']]}", f"  {rule['reason']}"]
    for mark, entries in (("against it", rule["broken"]), ("not judged", rule["not_judged"])):
        for entry in entries:
            lines += [
                f"  - {mark}: {entry['claim']}",
                *(f"      {as_sentences(problem)}" for problem in entry["problems"]),
            ]
    for item in rule.get("accepted", []):
        why = f"waived until {item['until']}" if item["by"] == "waiver" else "known"
        lines += [f"  - {why}: {item['claim']}", f"      {item['accepted_because']}"]
    if rule["listed_only"]:
        lines.append(f"  - and {rule['listed_only']} destinations more")
    lines += [f"  {left_out}" for left_out in rule["left_out"]]
    lines += [f"  note: {rule['note']}"] if rule["note"] else []
    lines += [f"  rests on: {reference}" for reference in rule["references"]]
    return [*lines, *_explained_lines(rule)]


def _explained_lines(rule: RuleVerdict) -> Iterator[str]:
    """How it was judged, if somebody asked."""
    found = rule.get("explained")
    if found is None:
        return
    yield f"  looked at {number_of(found['destinations'], 'destination')}"
    for entry in found["entries"]:
        name = entry["host"] or ", ".join(entry["addresses"][:1]) or "no name"
        why = f": {'; '.join(entry['why'])}" if entry["why"] else ""
        yield (
            f"    {entry['role']}: {name} ({entry['label']}), {entry['purpose']}, {entry['where']}, "
            f"{times(entry['transmissions'])}{why}"
        )
    yield from (f"    not what the rule is about: {text}" for text in found["not_meant"])
    yield from (f"    exception: {text}" for text in found["exceptions"])
    yield from (f"    not known: {text}" for text in found["doubts"])
    yield from (f"    would settle it: {text}" for text in found["settle"])


def _junit(verdicts: Sequence[Verdict], document: Document) -> str:
    """A test suite for each policy. What could not be judged is an error, as a build server's user must not take it for
    passed."""
    suites = [_suite(verdict, document) for verdict in verdicts]
    root = suites[0]
    if len(suites) > 1:
        root = ElementTree.Element("testsuites")
        root.extend(suites)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _suite(verdict: Verdict, document: Document) -> ElementTree.Element:
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
        elif rule["result"] == "accepted":
            passed = ElementTree.SubElement(case, "system-out")
            passed.text = "\n".join(printable(line) for line in _rule_lines(rule))
    if unread:
        case = ElementTree.SubElement(
            suite, "testcase", classname=printable(verdict["policy"]["id"]), name="files"
        )
        outcome = ElementTree.SubElement(case, "error", message="not every file could be read whole")
        outcome.text = "\n".join(map(printable, gaps(document)))
    return suite
