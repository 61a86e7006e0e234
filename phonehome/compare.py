"""`phonehome compare`: what changed from one capture to another."""

import argparse
from typing import Final

from phonehome.documents import read_documents
from phonehome.options import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    UsageError,
    add_as_of,
    add_at,
    add_catalogue,
    add_output,
    add_reading,
    format_of,
    knowledge_of,
    say,
)

NAME = "compare"
SUMMARY = "what changed from one capture, or report, to another"
EPILOG = """\
examples:
  phonehome compare before.mitm after.mitm
  phonehome compare january.json march.mitm -o changes.html

BEFORE and AFTER are each a capture, a folder of them, or a report that was saved as JSON. docs/compare.md says
how phones are matched, and when "the fix works" is said.

exit status: 0 both were read; 1 a file of them was not, and the result names it; 2 wrong usage, or nothing could
be read; 130 interrupted
"""

FORMATS: Final = ("text", "json", "html")
ENDINGS: Final = {".txt": "text", ".json": "json", ".html": "html", ".htm": "html"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("before", metavar="BEFORE", help="capture, folder of them, or a report saved as JSON")
    parser.add_argument("after", metavar="AFTER", help="the same, of later")
    add_output(parser, FORMATS, ".txt, .json, .html")
    add_reading(parser)
    add_catalogue(parser)
    parser.add_argument(
        "--geo-db", action="append", default=[], metavar="FILE", help="your own location database (MMDB)"
    )
    add_as_of(parser)
    add_at(parser)


def run(options: argparse.Namespace) -> int:
    """Compares and writes what changed."""
    import sys

    from phonehome.analysis.compare.changes import compare
    from phonehome.analysis.render import side_by_side
    from phonehome.analysis.render.masked import masking_of
    from phonehome.analysis.render.output import save_text
    from phonehome.analysis.report.saved import joined
    from phonehome.analysis.report.shown import PLAIN

    format_ = format_of(options.format, options.output, ENDINGS, "text")
    knowledge = knowledge_of(options)
    sides = []
    for path in (options.before, options.after):
        documents = read_documents([path], options, knowledge)
        if not any(document["captures"] for document in documents):
            for failed in (failed for document in documents for failed in document["errors"]):
                say(f"phonehome: {failed['path']}: {failed['error']}")
            raise UsageError(f"{path}: nothing could be read, so nothing was compared")
        sides.append(joined(documents))
    before, after = sides
    found = compare(before, after, PLAIN if options.show_identifiers else masking_of(sides))
    text = side_by_side.render(found, format_)
    if options.output and options.output != "-":
        try:
            save_text(text, options.output)
        except OSError as error:
            raise UsageError(f"cannot write {options.output}: {error.strerror or error}") from error
        if not options.quiet:
            say(f"the comparison is in {options.output}")
    else:
        if hasattr(sys.stdout, "reconfigure"):
            # A terminal that cannot show a character gets an escape, not a traceback.
            sys.stdout.reconfigure(errors="backslashreplace")
        sys.stdout.write(text)
    return EXIT_SOME_FAILED if found["errors"] else EXIT_OK
