"""`phonehome check`: whether what was captured keeps to a policy."""

import argparse
import sys
from typing import Final

from phonehome.documents import read_documents
from phonehome.options import (
    OutputError,
    UsageError,
    add_as_of,
    add_at,
    add_catalogue,
    add_output,
    add_reading,
    forget_output,
    format_of,
    knowledge_of,
    say,
)
from phonehome.policy_options import add_policy, judge_of

NAME = "check"
SUMMARY = "whether what these captures show keeps to a policy"
EPILOG = """\
examples:
  phonehome check phone.mitm --policy hmd-2019
  phonehome check phone.mitm --policy eea --format junit -o build_server.xml
  phonehome check report.json --policy release.toml --market WW --market "10.0.0.7=CN"

A CAPTURE can be a report that was saved as JSON. docs/policies.md says how a policy is written.

exit status: 0 all rules hold; 1 one is broken; 2 one could not be judged, and none is broken; 3 wrong usage,
a wrong policy, or nothing could be read; 4 a fault of phonehome itself kept something from being read, or the
rules from being judged (what is broken is said all the same); 5 standard output cannot be written;
130 interrupted
"""

EXIT_USAGE: Final = 3
EXIT_FAULT: Final = 4
STATUS: Final = {"holds": 0, "broken": 1, "not-judged": 2}
FORMATS: Final = ("text", "json", "junit")
ENDINGS: Final = {".txt": "text", ".json": "json", ".xml": "junit"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument(
        "captures", nargs="+", metavar="CAPTURE", help="capture, folder of them, or a report saved as JSON"
    )
    add_policy(parser, required=True)
    add_output(parser, FORMATS, ".txt, .json, .xml")
    add_reading(parser)
    add_catalogue(parser)
    parser.add_argument(
        "--geo-db", action="append", default=[], metavar="FILE", help="your own location database (MMDB)"
    )
    add_as_of(parser)
    add_at(parser)


def run(options: argparse.Namespace) -> int:
    """Judges and writes the verdict. A fault of ours has an exit status of its own: it is no broken rule."""
    try:
        return _run(options)
    except (UsageError, BrokenPipeError, OutputError):
        raise
    except Exception as error:
        say(
            f"phonehome: a fault of phonehome ({type(error).__name__}: {error}): nothing was judged; please report it"
        )
        return EXIT_FAULT


def _run(options: argparse.Namespace) -> int:
    from phonehome.analysis.render import build_server
    from phonehome.analysis.render.masked import masked, masking_of
    from phonehome.analysis.render.output import save_text
    from phonehome.analysis.report.saved import joined
    from phonehome.analysis.report.shown import PLAIN

    format_ = format_of(options.format, options.output, ENDINGS, "text")
    knowledge = knowledge_of(options)
    judge = judge_of(options)
    documents = read_documents(options.captures, options, knowledge)
    if not any(document["captures"] for document in documents):
        for failed in (failed for document in documents for failed in document["errors"]):
            say(f"phonehome: {failed['path']}: {failed['error']}")
        raise UsageError("nothing could be read, so nothing was judged")
    masking = None if options.show_identifiers else masking_of(documents)
    document = joined(documents)
    found = judge(document, masking or PLAIN)
    document = masked(document, masking) if masking else document
    text = build_server.render(found, document, format_)
    if options.output and options.output != "-":
        try:
            save_text(text, options.output)
        except OSError as error:
            raise UsageError(f"cannot write {options.output}: {error.strerror or error}") from error
        if not options.quiet:
            say(found["summary"])
    else:
        _print(text)
    for line in build_server.gaps(document):
        say(f"phonehome: {line}")
    return (
        EXIT_FAULT if any(capture["faults"] for capture in document["captures"]) else STATUS[found["result"]]
    )


def _print(text: str) -> None:
    if hasattr(sys.stdout, "reconfigure"):
        # A terminal that cannot show a character gets an escape, not a traceback.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # The verdict stands, whether or not somebody reads on: 0 would say that all rules hold.
        forget_output()
