"""Documents for commands that work on a report: made from captures, or read from where one was saved."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from phonehome.options import app_list, device_names, key_logs, location_database, say, vantages

if TYPE_CHECKING:
    from phonehome.analysis.knowledge import Knowledge
    from phonehome.analysis.report.entries import Document


def read_documents(
    paths: Sequence[str], options: argparse.Namespace, knowledge: "Knowledge"
) -> "list[Document]":
    """Documents of these captures and saved reports, for `joined`: those of captures are one, and not masked. Empty if
    nothing could be read. What could not be read is among the errors. Raises UsageError for a wrong option."""
    from phonehome.analysis import pipeline
    from phonehome.analysis.examiner import Options
    from phonehome.analysis.render import output
    from phonehome.analysis.report.entries import ErrorEntry
    from phonehome.analysis.report.saved import (
        SavedReportError,
        is_saved_report,
        read_saved_report,
        told_apart,
    )
    from phonehome.analysis.sources import find_captures
    from phonehome.executors import executors
    from phonehome.progress import Progress

    documents: list[Document] = []
    errors: list[ErrorEntry] = []
    captures = []
    for path in paths:
        if not is_saved_report(path):
            captures.append(path)
            continue
        try:
            documents.append(read_saved_report(path))
        except SavedReportError as error:
            errors.append({"path": path, "error": str(error)})
    if captures:
        names = device_names(options.device)
        database = location_database(options.geo_db, options.as_of)
        keys = key_logs(options)
        found, missing = find_captures(captures)
        with Progress(enabled=not options.quiet) as progress:
            reading = pipeline.read_captures(
                found,
                Options(own=knowledge.own, apps=app_list(options)),
                executors(options.workers, found, options.cluster),
                progress,
                keys,
            )
        reading.errors.update(missing)
        at = vantages(found, options.at)
        documents.append(output.make_document(reading, database, names, at=at, knowledge=knowledge))
        for unused in names.unused():
            say(f"phonehome: --device {unused}: no phone in these captures fits it")
    if not documents:
        for failed in errors:
            say(f"phonehome: {failed['path']}: {failed['error']}")
        return []
    documents[0] = {**documents[0], "errors": [*documents[0]["errors"], *errors]}
    return told_apart(documents)
