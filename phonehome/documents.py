"""Documents for commands that work on a report: made from captures, or read from where one was saved."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from phonehome.options import (
    UsageError,
    app_list,
    device_names,
    key_logs,
    known_values,
    limits_of,
    location_database,
    say,
    vantages,
)

if TYPE_CHECKING:
    from phonehome.analysis.devices import DeviceNames
    from phonehome.analysis.examiner import Options
    from phonehome.analysis.knowledge import Knowledge
    from phonehome.analysis.pipeline import Executors, Reading
    from phonehome.analysis.places.database import LocationDatabase
    from phonehome.analysis.report.entries import Document
    from phonehome.analysis.report.located import Vantage
    from phonehome.analysis.shelf import Shelf
    from phonehome.analysis.state import State


class Given(NamedTuple):
    """Captures that were read as the options say, and what the options say of them besides."""

    paths: Sequence[str]
    """The files that were meant, in their order."""
    reading: "Reading"
    names: "DeviceNames"
    database: "LocationDatabase"
    at: "Mapping[str, Vantage]"
    examining: "Options"
    executors: "Executors"
    keys: Sequence[Path]

    def say_unused(self) -> None:
        """Says which phones that were named are in no capture; to be called when the document is made."""
        for unused in self.names.unused():
            say(f"phonehome: --device {unused}: no phone in these captures fits it")


def read_given(
    captures: Sequence[str],
    options: argparse.Namespace,
    knowledge: "Knowledge",
    moments: tuple[float, ...] = (),
    shelf: "Shelf | None" = None,
) -> Given:
    """Reads captures and folders of them, with the options of `add_reading`, `add_as_of` and `add_at`, and those of
    `add_known` and `add_decoding` where the command has them. What was sent before each of the moments and what came
    after it are counted apart. What could not be read is among the errors. Raises UsageError."""
    from phonehome.analysis import pipeline
    from phonehome.analysis.examiner import Options
    from phonehome.analysis.sources import find_captures
    from phonehome.executors import executors
    from phonehome.progress import Progress

    names = device_names(options.device)
    known = known_values(options.known) if hasattr(options, "known") else None
    limits = limits_of(options) if hasattr(options, "depth") else None
    examining = Options(known, own=knowledge.own, apps=app_list(options), moments=moments)
    if limits is not None:
        examining = examining._replace(limits=limits)
    database = location_database(options.geo_db, options.as_of)
    keys = key_logs(options)
    paths, errors = find_captures(captures)
    where = executors(options.workers, paths, options.cluster)
    state = _state(options, repr((examining.limits, moments)), keys)
    try:
        with Progress(enabled=not options.quiet) as progress:
            reading = pipeline.read_captures(paths, examining, where, progress, keys, state, shelf)
    except KeyboardInterrupt:
        if state is not None:
            say(f"what was read is in {options.state}: the same command goes on from there")
        raise
    _say_state(reading, options)
    reading.errors.update(errors)
    return Given(paths, reading, names, database, vantages(paths, options.at), examining, where, keys)


def _state(options: argparse.Namespace, settings: str, keys: Sequence[Path]) -> "State | None":
    """Where totals are kept, from `--state`: they rest on all that the user gave for reading. Raises UsageError."""
    if options.state is None:
        return None
    from phonehome.analysis import state

    given = [Path(path) for path in (*keys, *options.apps)]
    given += [Path(path) for path in (getattr(options, "known", None),) if path]
    for path in map(Path, getattr(options, "catalogue", ())):
        given += (
            sorted(path.expanduser().glob("*.toml")) if path.expanduser().is_dir() else [path.expanduser()]
        )
    try:
        return state.open_folder(options.state, settings.encode(), state.contents(given))
    except state.StateError as error:
        raise UsageError(f"--state {options.state}: {error}") from error


def _say_state(reading: "Reading", options: argparse.Namespace) -> None:
    """What became of totals on disk."""
    from phonehome.analysis.pipeline import DAMAGED, TAKEN

    for what, number in sorted(reading.state.items()):
        if what == TAKEN:
            if not options.quiet:
                say(
                    f"{number:,} of what there is to read were read before: their totals are from {options.state}"
                )
        elif what == DAMAGED:
            say(f"phonehome: --state {options.state}: {number:,} files are {what}; they were not used")
        else:
            say(f"phonehome: --state {options.state}: {number:,} totals could not be kept: {what}")


def read_documents(
    paths: Sequence[str],
    options: argparse.Namespace,
    knowledge: "Knowledge",
    moments: tuple[float, ...] = (),
) -> "list[Document]":
    """Documents of these captures and saved reports, for `joined`: those of captures are one, and not masked. Empty if
    nothing could be read. What could not be read is among the errors. Raises UsageError for a wrong option."""
    from phonehome.analysis.render import output
    from phonehome.analysis.report.entries import ErrorEntry
    from phonehome.analysis.report.saved import (
        SavedReportError,
        is_saved_report,
        read_saved_report,
        told_apart,
    )

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
        given = read_given(captures, options, knowledge, moments)
        documents.append(
            output.make_document(given.reading, given.database, given.names, at=given.at, knowledge=knowledge)
        )
        given.say_unused()
    if not documents:
        for failed in errors:
            say(f"phonehome: {failed['path']}: {failed['error']}")
        return []
    documents[0] = {**documents[0], "errors": [*documents[0]["errors"], *errors]}
    return told_apart(documents)
