"""The report as JSON: the document itself. Its schema is `docs/report.schema.json`."""

from typing import TextIO

from phonehome.analysis.render.escape import json_text
from phonehome.analysis.report.entries import Document


def write(report: Document, out: TextIO) -> None:
    """Writes the document. Text is ASCII with escapes, so that no captured character acts on whoever shows it."""
    out.write(json_text(report) + "\n")
