"""`phonehome check`: whether what was captured keeps to a policy."""

import argparse
import sys
from typing import TYPE_CHECKING, Final

from phonehome.documents import read_documents
from phonehome.options import (
    OutputError,
    UsageError,
    add_catalogue,
    add_location,
    add_output,
    add_reading,
    forget_output,
    format_of,
    knowledge_of,
    say,
)
from phonehome.policy_options import add_policy, judge_of

if TYPE_CHECKING:
    from phonehome.analysis.report.entries import Document

NAME = "check"
SUMMARY = "whether what these captures show keeps to a policy"
EPILOG = """\
examples:
  phonehome check phone.mitm --policy hmd-2019
  phonehome check phone.mitm --policy hmd-2019 --policy eea --format sarif -o verdict.sarif
  phonehome check report.json --policy release.toml --market WW --market "10.0.0.7=CN"
  phonehome check phone.mitm --policy release.toml --mark consent=2026-11-26T10:05:00Z --explain
  phonehome check new.mitm --policy release.toml --baseline release.json --waivers waivers.toml

A CAPTURE can be a report that was saved as JSON. docs/policies.md says how a policy is written, and what a
baseline and a waiver cover; docs/ci.md has the jobs of build servers.

exit status: 0 all rules hold, or are broken only by what a baseline or a waiver covers (the output says so);
1 one is broken; 2 one could not be judged, and none is broken; 3 wrong usage, a wrong policy, or nothing could
be read; 4 a fault of phonehome itself kept something from being read, or the rules from being judged (what is
broken is said all the same); 5 standard output cannot be written; 130 interrupted
"""

EXIT_USAGE: Final = 3
EXIT_FAULT: Final = 4
STATUS: Final = {"holds": 0, "accepted": 0, "broken": 1, "not-judged": 2}
GRAVEST: Final = (1, 2, 0)
"""The status of several policies is that of the gravest."""
FORMATS: Final = ("text", "json", "junit", "sarif")
ENDINGS: Final = {".txt": "text", ".json": "json", ".xml": "junit", ".sarif": "sarif"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument(
        "captures", nargs="+", metavar="CAPTURE", help="capture, folder of them, or a report saved as JSON"
    )
    add_policy(parser, several=True)
    parser.add_argument(
        "--baseline",
        metavar="REPORT",
        help="an earlier report, saved as JSON: what is against a rule there as well is known, and only what is new "
        "breaks it; what is gone is said",
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="for each rule: what was looked at, what counts, which exceptions applied, why it could not be judged and "
        "what would settle it",
    )
    add_output(parser, FORMATS, ".txt, .json, .xml, .sarif")
    add_reading(parser)
    add_catalogue(parser)
    add_location(parser)


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
    baseline = _baseline(options.baseline) if options.baseline else None
    judge = judge._replace(said=judge.said._replace(baseline=baseline, explain=options.explain))
    documents = read_documents(options.captures, options, knowledge, judge.moments)
    if not any(document["captures"] for document in documents):
        for failed in (failed for document in documents for failed in document["errors"]):
            say(f"phonehome: {failed['path']}: {failed['error']}")
        raise UsageError("nothing could be read, so nothing was judged")
    masking = None
    if not options.show_identifiers:
        masking = masking_of([*documents, baseline] if baseline else documents)
    document = joined(documents)
    found = judge.judge(document, masking or PLAIN)
    document = masked(document, masking) if masking else document
    text = build_server.render(found, document, format_)
    if options.output and options.output != "-":
        try:
            save_text(text, options.output)
        except OSError as error:
            raise UsageError(f"cannot write {options.output}: {error.strerror or error}") from error
        for verdict in () if options.quiet else found:
            say(verdict["summary"])
    else:
        _print(text)
    for line in build_server.gaps(document):
        say(f"phonehome: {line}")
    if any(capture["faults"] for capture in document["captures"]):
        return EXIT_FAULT
    return min((STATUS[verdict["result"]] for verdict in found), key=GRAVEST.index)


def _baseline(path: str) -> "Document":
    """The earlier report. Raises UsageError."""
    from phonehome.analysis.report.saved import SavedReportError, is_saved_report, read_saved_report

    if not is_saved_report(path):
        raise UsageError(
            f"--baseline {path}: a report is meant that was saved as JSON: phonehome report CAPTURE -o FILE.json"
        )
    try:
        return read_saved_report(path)
    except SavedReportError as error:
        raise UsageError(f"--baseline {path}: {error}") from error


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
