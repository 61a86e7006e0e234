"""`phonehome export`: the report as tables, and a row for each transmission."""

import argparse
from pathlib import Path

from phonehome.documents import read_given
from phonehome.options import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    UsageError,
    add_captures,
    add_catalogue,
    add_decoding,
    add_known,
    add_location,
    add_reading,
    knowledge_of,
    say,
)

NAME = "export"
SUMMARY = "tables for analysts: captures, devices, destinations, identifiers, transmissions"
EPILOG = """\
examples:
  phonehome export captures/ -o tables/
  phonehome export captures/ -o tables/ --format parquet
  phonehome export phone.mitm -o tables/ --format jsonl

One file for each table, under names and types that stay; docs/analysis.md says what each column is, and has queries
for DuckDB and pandas. Identifiers are masked, as in the report.

exit status: 0 all captures were read; 1 at least one was not, or nothing was written; 2 wrong usage; 130 interrupted
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_captures(parser)
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="the folder for the tables")
    parser.add_argument(
        "--format",
        choices=("csv", "jsonl", "parquet"),
        default="csv",
        help="csv (default); jsonl, with ECS names, for OpenSearch and Timesketch; parquet",
    )
    add_reading(parser)
    add_catalogue(parser)
    add_known(parser)
    add_decoding(parser)
    add_location(parser)


def run(options: argparse.Namespace) -> int:
    """Reads the captures, and once more for the rows of their transmissions."""
    from phonehome.analysis import pipeline
    from phonehome.analysis.render import output, table_files
    from phonehome.analysis.render.masked import masked, masking_of
    from phonehome.analysis.render.tables import TransmissionRows, rows
    from phonehome.analysis.report.document import capture_names, device_ids, document
    from phonehome.analysis.sources import CaptureError
    from phonehome.progress import Progress

    knowledge = knowledge_of(options)
    given = read_given(options.captures, options, knowledge)
    reading = given.reading
    for path, error in sorted(reading.errors.items()):
        say(f"phonehome: {path}: {error}")
    if not reading.files:
        say("phonehome: nothing could be read, so nothing was written")
        return EXIT_SOME_FAILED
    context = output.context_of(reading, given.database, given.names, at=given.at, knowledge=knowledge)
    whole = document(reading.report, context)
    given.say_unused()
    masking = None if options.show_identifiers else masking_of([whole])
    made = rows(masked(whole, masking) if masking else whole)
    of_transmissions = TransmissionRows.of(
        whole,
        made["destinations"],
        capture_names(reading.report, context),
        device_ids(reading.report, context),
        masking,
    )
    written = 0
    try:
        with table_files.tables(Path(options.output), options.format) as write:
            for table, found in made.items():
                write[table](found)
            with Progress(enabled=not options.quiet) as progress:
                for part in pipeline.of_each_task(
                    reading, of_transmissions, given.examining, given.executors, progress, given.keys
                ):
                    write["transmissions"](part)
                    written += len(part)
    except table_files.MissingLibraryError as error:
        raise UsageError(str(error)) from error
    except CaptureError as error:
        say(f"phonehome: {error}; nothing was written")
        return EXIT_SOME_FAILED
    except OSError as error:
        raise UsageError(f"cannot write to {options.output}: {error.strerror or error}") from error
    if not options.quiet:
        say(f"{len(made) + 1} tables are in {options.output}, with {written:,} transmissions")
    return EXIT_SOME_FAILED if reading.errors else EXIT_OK
