"""`phonehome report`: where each phone in these captures sent its data."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from phonehome import reports
from phonehome.analysis.render.formats import ENDINGS, FORMATS
from phonehome.documents import Given, read_given
from phonehome.options import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    OutputError,
    UsageError,
    add_captures,
    add_case,
    add_catalogue,
    add_decoding,
    add_known,
    add_location,
    add_online,
    add_output,
    add_reading,
    case_of,
    format_of,
    knowledge_of,
    say,
)
from phonehome.policy_options import add_policy, judge_of

if TYPE_CHECKING:
    from phonehome.analysis.knowledge import Knowledge
    from phonehome.analysis.places.online import OnlineResults
    from phonehome.analysis.report.entries import CaseEntry, Document
    from phonehome.analysis.report.model import Report
    from phonehome.analysis.report.shown import Shown
    from phonehome.policy_options import Judge

ZIP = "zip"
"""The format that is an archive: what it is made of needs more than the document."""

NAME = "report"
SUMMARY = "where each phone in these captures sent its data"
EPILOG = """\
examples:
  phonehome report phone.mitm
  phonehome report phone.mitm -o report.html
  phonehome report monday.mitm tuesday.mitm -o report.pdf
  phonehome report phone.mitm --policy hmd-2019 -o report.html
  phonehome report phone.mitm --case case.toml --policy hmd-2019 -o case.zip
  phonehome report captures/ --format csv > destinations.csv
  phonehome report captures/ -o reports/            an index, and a page for each phone: for thousands of captures
  phonehome report phone.mitm --device "test phone=10.0.0.2" --device "second=wireguard@51821"

case.zip is the file for an authority: the report in all forms, how it was made, and a hash of each part
(docs/case-file.md); phonehome verify checks it.
With --policy the verdict stands at the top; `phonehome check` is for a build that must fail on it.

exit status, whatever the verdict: 0 all captures were read; 1 at least one was not, and the report names it;
2 wrong usage; 130 interrupted
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_captures(parser)
    add_output(parser, (*FORMATS, ZIP), ", ".join([*ENDINGS, ".zip"]))
    add_reading(parser)
    add_catalogue(parser)
    add_known(parser)
    add_decoding(parser)
    add_location(parser)
    add_online(parser)
    add_policy(parser)
    add_case(parser)
    parser.add_argument(
        "--include-captures",
        action="store_true",
        help="keep the captures in case.zip, and what opens them: they hold what is masked in the report",
    )


def run(options: argparse.Namespace) -> int:
    """Makes the report and writes it."""
    from phonehome.analysis.render import output

    if reports.is_folder(options.output):
        return reports.run(options)
    format_ = format_of(options.format, options.output, {**ENDINGS, ".zip": ZIP}, "terminal")
    if options.include_captures and format_ != ZIP:
        raise UsageError("--include-captures is for an archive: -o case.zip")
    for name in ("market", "mark", "waivers"):
        if getattr(options, name) and not options.policy:
            raise UsageError(f"--{name} is for --policy: say which rules")
    knowledge = knowledge_of(options)
    judge = judge_of(options) if options.policy else None
    case = case_of(options.case)
    given = read_given(options.captures, options, knowledge, judge.moments if judge else ())
    reading = given.reading
    if reading.errors and not reading.files:
        for path, error in sorted(reading.errors.items()):
            say(f"phonehome: {path}: {error}")
        say("phonehome: nothing could be read, so no report was written")
        return EXIT_SOME_FAILED
    online = ask_online(reading.report, options.quiet) if options.online else None
    made = make_document(given, options, knowledge, judge, case, online, known_again=format_ in ("json", ZIP))
    document = made.document
    try:
        if format_ == ZIP:
            from phonehome.casefile import save

            digest = save(document, given, options, made.shown.name, judge.day if judge else None)
            if not options.quiet:
                say(f"SHA-256 {digest} {options.output or ''}".rstrip())
        elif options.output and options.output != "-":
            output.save(document, format_, options.output)
        else:
            output.show(document, format_)
    except OSError as error:
        if isinstance(error, OutputError | BrokenPipeError):
            raise
        raise UsageError(f"cannot write {options.output}: {error.strerror or error}") from error
    if options.output and options.output != "-" and not options.quiet:
        say(f"the report is in {options.output}")
    given.say_unused()
    for failed in document["errors"]:
        say(f"phonehome: {failed['path']}: {failed['error']}")
    return EXIT_SOME_FAILED if document["errors"] else EXIT_OK


class Made(NamedTuple):
    """A document as it is shown, and what shows captured texts so."""

    document: "Document"
    shown: "Shown"


def make_document(
    given: Given,
    options: argparse.Namespace,
    knowledge: "Knowledge",
    judge: "Judge | None",
    case: "CaseEntry | None",
    online: "OnlineResults | None",
    *,
    known_again: bool,
) -> Made:
    """The report of what was read: judged, and masked as the options say. `known_again` as in `masked`."""
    from phonehome.analysis.render import output
    from phonehome.analysis.render.masked import masked, masking_of
    from phonehome.analysis.report.shown import PLAIN

    document = output.make_document(
        given.reading, given.database, given.names, online=online, at=given.at, knowledge=knowledge
    )
    if case:
        document["case"] = case
    masking = None if options.show_identifiers else masking_of([document])
    if judge:
        [document["verdict"]] = judge.judge(document, masking or PLAIN)
    if masking:
        document = masked(document, masking, known_again=known_again)
    return Made(document, masking or PLAIN)


def ask_online(report: "Report", quiet: bool) -> "OnlineResults":
    """Asks about what the report names; said aloud, because it tells others what the phone talks to. Names and
    addresses that hold an identifier, or look as if they did, are told to nobody."""
    from phonehome.analysis.places.online import OnlineLookups
    from phonehome.analysis.render.masking import Masking

    masking = Masking(
        (finding.kind, finding.value)
        for device in report.devices.values()
        for at in device.destinations.values()
        for seen in at.values()
        for finding in seen.identifiers
    )

    def may_be_told(name: str) -> bool:
        return masking.host(name) == name

    every = list(_destinations(report))
    addresses = {address for _, address in every if address and may_be_told(address)}
    names = {host for host, _ in every if host and may_be_told(host)}
    unplaced = {host for host, address in every if host in names and host and not address}
    kept_back = len({name for pair in every for name in pair if name}) - len(addresses | names)
    if not quiet:
        held = f"; {kept_back} that may hold an identifier are not asked about" if kept_back else ""
        say(
            f"--online: asking DNS about {len(names)} names and {len(addresses)} addresses, and the address "
            f"registries about the addresses; they learn what the phone talked to{held}"
        )
    lookups = OnlineLookups()
    found = lookups.look_up(addresses, names)
    today = {
        address for host in unplaced if (answer := found.names.get(host)) for address in answer.addresses
    }
    if today:
        found = found.joined(lookups.look_up(today, ()))
    for warning in found.warnings:
        say(f"phonehome: {warning}")
    return found


def _destinations(report: "Report") -> Iterator[tuple[str | None, str | None]]:
    for device in report.devices.values():
        for destination, addresses in device.destinations.items():
            for address in addresses:
                yield destination.host, address
