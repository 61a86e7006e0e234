"""Sentences of what people read, and how long they are."""

import re
from collections.abc import Iterable

from phonehome.analysis.policy.verdict import Verdict
from phonehome.analysis.report import phrases
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.headline import headline
from phonehome.analysis.report.summary import MAX_WORDS, as_sentences

_ENDS = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(•])|\n")


def sentences(text: str) -> list[str]:
    """The sentences of a text. What only separates clauses ends none."""
    return [part for part in _ENDS.split(text) if part]


def too_long(texts: Iterable[str]) -> list[str]:
    """The sentences that have more words than may be."""
    return [one for text in texts for one in sentences(text) if len(one.split()) > MAX_WORDS]


def said(report: Document) -> list[str]:
    """All sentences of a report."""
    return [
        headline(report).text,
        *(entry["summary"] for entry in report["devices"]),
        *(line for entry in report["devices"] for line in phrases.notes(entry)),
        *phrases.not_seen(report),
        *phrases.outliers(report),
    ]


def said_of(verdict: Verdict) -> list[str]:
    """All sentences of a verdict."""
    return [
        verdict["summary"],
        *(rule["reason"] for rule in verdict["rules"]),
        *(line for rule in verdict["rules"] for line in rule["left_out"]),
        *(line for rule in verdict["rules"] for line in phrases.evidence(rule)),
        *(
            as_sentences(problem)
            for rule in verdict["rules"]
            for entry in (*rule["broken"], *rule["not_judged"])
            for problem in entry["problems"]
        ),
    ]
