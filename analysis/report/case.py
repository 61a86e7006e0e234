"""What a report is made for, in the words of whoever makes it. Pure.

Number, operator and place are said of the people who made the captures, and stand as they were written. Phone, SIM and
notes are where an IMEI or a telephone number is written down: these are masked like a name of a file
(`render.masked`).
"""

import re
from collections.abc import Callable
from typing import Final

from phonehome.analysis.knowledge.reading import many
from phonehome.analysis.knowledge.schema import CaseFile
from phonehome.analysis.report.entries import CaseEntry, Document

TITLE: Final = "Case"
_PARAGRAPH = re.compile(r"\n[ \t\r]*\n")


def case_entry(case: CaseFile) -> CaseEntry:
    """The case as the document has it: each text in one line, a paragraph each."""

    def paragraphs(texts: str | tuple[str, ...]) -> list[str]:
        parts = (_line(part) for text in many(texts) for part in _PARAGRAPH.split(text))
        return [part for part in parts if part]

    return {
        "number": _line(case.number) or None,
        "operator": _line(case.operator) or None,
        "place": _line(case.place) or None,
        "phone": paragraphs(case.phone),
        "sim": paragraphs(case.sim),
        "notes": paragraphs(case.notes),
    }


def shown_case(case: CaseEntry, hidden: Callable[[str], str]) -> CaseEntry:
    """The same with what may hold an identifier shown so."""
    return {
        **case,
        "phone": list(map(hidden, case["phone"])),
        "sim": list(map(hidden, case["sim"])),
        "notes": list(map(hidden, case["notes"])),
    }


def case_lines(document: Document) -> list[tuple[str, str]]:
    """What each line is called, and what it says; empty if no case was given."""
    case = document.get("case")
    if case is None:
        return []
    lines = [("Number", case["number"]), ("Operator", case["operator"]), ("Place", case["place"])]
    for label, texts in (("Phone", case["phone"]), ("SIM", case["sim"]), ("Notes", case["notes"])):
        lines += [(label, text) for text in texts]
    return [(label, text) for label, text in lines if text]


def _line(text: str | None) -> str:
    return " ".join(text.split()) if text else ""
