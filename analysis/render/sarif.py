"""Verdicts as SARIF 2.1.0 (OASIS standard, errata 01), for GitHub's code scanning and other viewers of findings.

A policy is a run, a rule a reporting descriptor, a destination that is against a rule a result. What could not be
judged is a result of kind `open`: viewers show as a rule only what failed, so a job must go by the exit status of
`phonehome check`.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

from phonehome.analysis.policy.verdict import AcceptedEntry, EvidenceEntry, RuleVerdict, Verdict
from phonehome.analysis.render.escape import json_text, printable
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.summary import as_sentences

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_NO_ENTRIES: Final = {"broken": "fail", "not-judged": "open", "accepted": "pass", "holds": "pass"}
"""Kind of the one result of a rule that names no destination."""


def sarif(verdicts: Sequence[Verdict], document: Document) -> str:
    """The log, with a line feed at the end."""
    runs = [_run(verdict, document) for verdict in verdicts]
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": runs}) + "\n"


def _run(verdict: Verdict, document: Document) -> dict[str, Any]:
    tool = document["sources"]["tool"]
    policy = verdict["policy"]
    return {
        "tool": {
            "driver": {
                "name": printable(tool["name"]),
                "version": printable(tool["version"]),
                "rules": [_descriptor(rule) for rule in verdict["rules"]],
            }
        },
        "automationDetails": {"id": f"phonehome/{printable(policy['id'])}/"},
        "artifacts": [
            {
                "location": {"uri": _uri(item["path"])},
                "length": item["bytes"],
                "hashes": {"sha-256": item["sha256"]},
            }
            for item in document["captures"]
        ],
        "invocations": [
            {
                "executionSuccessful": not any(item["faults"] for item in document["captures"]),
                "toolExecutionNotifications": [
                    {"level": "error", "message": _message(text)} for text in _unread(document)
                ],
            }
        ],
        "results": [
            result
            for number, rule in enumerate(verdict["rules"])
            for result in _results(rule, number, verdict, document)
        ],
        "properties": {
            "policy": {key: printable(value) for key, value in policy.items()},
            "program": printable(verdict["program"]),
            "result": verdict["result"],
            "summary": printable(verdict["summary"]),
            "tables": [printable(table) for table in verdict["tables"]],
            **({"waivers": verdict["waivers"]} if "waivers" in verdict else {}),
            **({"baseline": verdict["baseline"]} if "baseline" in verdict else {}),
        },
    }


def _unread(document: Document) -> Iterator[str]:
    for capture in document["captures"]:
        yield from (f"{capture['path']}: {damage}" for damage in capture["damage"])
    yield from (f"{failed['path']}: {failed['error']}" for failed in document["errors"])


def _descriptor(rule: RuleVerdict) -> dict[str, Any]:
    rests_on = "".join(f"\nRests on: {printable(reference)}" for reference in rule["references"])
    return {
        "id": printable(rule["id"]),
        "shortDescription": _message(rule["says"]),
        "fullDescription": _message(f"{rule['says']} {rule['note']}".strip()),
        "help": {"text": f"{printable(rule['note'] or rule['says'])}{rests_on}"},
        "defaultConfiguration": {"level": "error"},
    }


def _results(
    rule: RuleVerdict, number: int, verdict: Verdict, document: Document
) -> Iterator[dict[str, Any]]:
    compared = "baseline" in verdict
    for entry in rule["broken"]:
        yield {
            **_result(rule, number, "fail", entry, document),
            **({"baselineState": "new"} if compared else {}),
        }
    for item in rule.get("accepted", []):
        result = _result(rule, number, "fail", item, document)
        if item["by"] == "waiver":
            until = f"{item['accepted_because']} (until {item['until']})"
            result["suppressions"] = [
                {"kind": "external", "status": "accepted", "justification": printable(until)}
            ]
        if compared:
            result["baselineState"] = "unchanged" if item["by"] == "baseline" else "new"
        yield result
    for entry in rule["not_judged"]:
        yield _result(rule, number, "open", entry, document)
    if not (rule["broken"] or rule["not_judged"] or rule.get("accepted")):
        kind = _NO_ENTRIES.get(rule["result"], "notApplicable")
        yield _of_rule(rule, number, kind, rule["reason"])


def _of_rule(rule: RuleVerdict, number: int, kind: str, text: str) -> dict[str, Any]:
    # A level other than "none" is for what failed: SARIF 2.1.0, 3.27.10.
    return {
        "ruleId": printable(rule["id"]),
        "ruleIndex": number,
        "kind": kind,
        "level": "error" if kind == "fail" else "none",
        "message": _message(text),
    }


def _result(
    rule: RuleVerdict,
    number: int,
    kind: str,
    entry: EvidenceEntry | AcceptedEntry,
    document: Document,
) -> dict[str, Any]:
    text = " ".join([entry["claim"], *map(as_sentences, entry["problems"])])
    where = entry["host"] or next(iter(entry["addresses"]), "")
    return {
        **_of_rule(rule, number, kind, text),
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": _uri(capture), "index": place}},
                "logicalLocations": [{"name": printable(where or "no name"), "kind": "resource"}],
            }
            for place, capture in _captures(entry, document)
        ],
        "partialFingerprints": {"destination/v1": _fingerprint(rule, entry)},
        "properties": {
            "flows": [printable(flow) for flow in entry["flows"]],
            "country": entry["country"] or "unknown",
            "countryCertainty": entry["country_certainty"],
            "sent": entry["sent"],
            "tried": entry["tried"],
            "unencrypted": entry["unencrypted"],
        },
    }


def _captures(entry: EvidenceEntry | AcceptedEntry, document: Document) -> list[tuple[int, str]]:
    """The captures that the phone of an entry is in, each with its number; all, if that is not known."""
    named = {
        name
        for device in document["devices"]
        if device["id"] == entry["device"]
        for name in device["captures"]
    }
    every = [(place, capture["path"]) for place, capture in enumerate(document["captures"])]
    return [each for each in every if each[1] in named] or every


def _fingerprint(rule: RuleVerdict, entry: EvidenceEntry | AcceptedEntry) -> str:
    """The same for the same destination of a rule in every run, so that a viewer knows it again."""
    what = (rule["id"], entry["host"] or entry["addresses"], entry["purpose"], entry["country"], entry["asn"])
    return hashlib.sha256(repr(what).encode("utf-8", "replace")).hexdigest()


def _message(text: str) -> dict[str, str]:
    """Captured texts hold no link and no placeholder (SARIF 2.1.0, 3.11.5 and 3.11.6)."""
    return {"text": _SPECIAL.sub(r"\\\g<0>", printable(text))}


_SPECIAL: Final = re.compile(r"[\[\]{}\\]")


def _uri(path: str) -> str:
    """A relative reference: the name of a file can hold anything."""
    return quote(printable(path), safe="") or "capture"
