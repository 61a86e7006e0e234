"""`phonehome compare`: what changed from one capture to another."""

import argparse
from typing import TYPE_CHECKING, Final

from phonehome.documents import read_documents
from phonehome.options import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    UsageError,
    add_catalogue,
    add_location,
    add_output,
    add_reading,
    format_of,
    knowledge_of,
    say,
)

if TYPE_CHECKING:
    from phonehome.analysis.compare.regressions import FailOn

NAME = "compare"
SUMMARY = "what changed from one capture, or report, to another"
EPILOG = """\
examples:
  phonehome compare before.mitm after.mitm
  phonehome compare january.json march.mitm -o changes.html
  phonehome compare release-1.json release-2.mitm --fail-on new-country,new-owner,new-identifier,unencrypted

BEFORE and AFTER are each a capture, a folder of them, or a report that was saved as JSON. docs/compare.md says
how phones are matched, and when "the fix works" is said.

exit status: 0 both were read, and nothing that --fail-on names is there; 1 a file of them was not read, or what
--fail-on names cannot be told, and the result says which; 2 wrong usage, or nothing could be read; 3 something that
--fail-on names is there; 130 interrupted
"""

FORMATS: Final = ("text", "json", "html")
ENDINGS: Final = {".txt": "text", ".json": "json", ".html": "html", ".htm": "html"}
FAIL_ON: Final = ("new-country", "new-owner", "new-identifier", "unencrypted")
"""As `analysis.compare.regressions` has it, which takes too long to import for a line of help."""
EXIT_FAILED_ON: Final = 3


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("before", metavar="BEFORE", help="capture, folder of them, or a report saved as JSON")
    parser.add_argument("after", metavar="AFTER", help="the same, of later")
    parser.add_argument(
        "--fail-on",
        metavar="WHAT,...",
        default="",
        help=f"leave with status 3 if this is there in the later report: {', '.join(FAIL_ON)}; and with 1 if that "
        "cannot be told",
    )
    add_output(parser, FORMATS, ".txt, .json, .html")
    add_reading(parser)
    add_catalogue(parser)
    add_location(parser)


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
    fail_on = _fail_on(options.fail_on)
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
    found = compare(before, after, PLAIN if options.show_identifiers else masking_of(sides), fail_on)
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
    told = [entry for device in found["devices"] for entry in device.get("failed_on", [])]
    if any(entry["found"] for entry in told):
        return EXIT_FAILED_ON
    damaged = fail_on and any(capture["damage"] for capture in after["captures"])
    return EXIT_SOME_FAILED if found["errors"] or told or damaged else EXIT_OK


def _fail_on(given: str) -> "list[FailOn]":
    """What the option names. Raises UsageError."""
    from phonehome.analysis.compare.regressions import FAIL_ON
    from phonehome.analysis.knowledge.reading import meant

    names = [name.strip() for name in given.split(",") if name.strip()]
    for name in names:
        if name not in FAIL_ON:
            raise UsageError(f"--fail-on: there is no {name!r}{meant(name, FAIL_ON)}")
    return [what for what in FAIL_ON if what in names]
