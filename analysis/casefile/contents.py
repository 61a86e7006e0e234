"""The files of a case that are made from a document: the report in each of its forms, and the verdict."""

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

from phonehome.analysis.render.escape import json_text
from phonehome.analysis.render.output import rendered
from phonehome.analysis.render.pdf import typeset
from phonehome.analysis.report.entries import Document

REPORT: Final = "report.json"
RECORD: Final = "provenance.json"
README: Final = "README.txt"
VERDICT: Final = "verdict.json"

ABOUT: Final = """\
Where phones sent their data: a report, and what it takes to check it.

report.html      the report, for any browser; it loads nothing
report.pdf       the same on paper
report.json      the same for programs; all other forms are made from it
report.csv       its destinations, a line each
verdict.json     whether the phones keep to a policy, if one was given
provenance.json  how it was made: program, tables, catalogue, environment, command, and the SHA-256 of what was read
inputs/          files that it was made with: the policy, entries of the maker's own
captures/        the captures, if they were included: they hold what is masked in the report
MANIFEST.sha256  the SHA-256 of each of these files

To check the files by hand: sha256sum -c MANIFEST.sha256
To check them, and make the report again: phonehome verify case.zip [CAPTURE...]
The manifest proves nothing of who made it: keep the SHA-256 of the archive elsewhere, or sign it.
"""


class Contents(NamedTuple):
    """What a document became."""

    files: Mapping[str, bytes]
    pdf: str
    """What the PDF keeps to."""


def contents(document: Document, made: int | None) -> Contents:
    """All forms of a report that may be shared. They are made from the very JSON that stands beside them, so that they
    can be made from it again. `made`: as `pdf.typeset`."""
    text = rendered(document, "json")
    read: Document = json.loads(text)
    pdf = typeset(read, made)
    files = {
        "report.html": rendered(read, "html"),
        "report.pdf": pdf.data,
        REPORT: text,
        "report.csv": rendered(read, "csv"),
    }
    if read["verdict"]:
        files[VERDICT] = (json_text(read["verdict"]) + "\n").encode()
    return Contents(files, pdf.standard)
