"""`phonehome inspect`: the transmissions behind a line of the report."""

import argparse
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.commands.common import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    UsageError,
    add_captures,
    add_known,
    device_names,
    known_values,
    location_database,
    positive,
    say,
)

if TYPE_CHECKING:
    from analysis.catalogue import Catalogue
    from analysis.evidence import Evidence

NAME = "inspect"
SUMMARY = "the transmissions behind a line of the report, decoded"
EPILOG = """\
examples:
  phonehome inspect phone.mitm --host zzhc.vnet.cn
  phonehome inspect phone.mitm --kind imei --limit 3
  phonehome inspect captures/ --host "*.example.com" --format json

exit status: 0 something was found; 1 nothing was, or a capture was not read; 2 wrong usage; 130 interrupted
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_captures(parser)
    parser.add_argument("--host", metavar="H", help="name, address, or pattern such as *.vnet.cn")
    parser.add_argument("--kind", metavar="K", help="with an identifier of this kind, such as imei")
    parser.add_argument("--purpose", metavar="P", help="for this purpose, such as activation")
    parser.add_argument(
        "--device",
        action="append",
        default=[],
        metavar="D",
        help="of this device: its address or id; or NAME=ADDRESS, to name it",
    )
    parser.add_argument("--limit", type=positive, default=20, metavar="N", help="at most N (default: 20)")
    parser.add_argument("--format", choices=("terminal", "json"), default="terminal")
    parser.add_argument(
        "--show-identifiers", action="store_true", help="print identifiers whole instead of masked"
    )
    add_known(parser)
    parser.add_argument(
        "--geo-db", action="append", default=[], metavar="FILE", help="your own location database"
    )


def run(options: argparse.Namespace) -> int:
    """Reads the captures until enough was found, and prints it."""
    import json

    from rich.console import Console

    from analysis.catalogue import catalogue
    from analysis.devices import UNKNOWN, DeviceFacts, device_id
    from analysis.evidence import Names, examine
    from analysis.readers import CaptureError, mitm, opened, release
    from analysis.report import inspect
    from analysis.report.work import find_captures

    known_catalogue = catalogue()
    _check(options, known_catalogue)
    database = location_database(options.geo_db)
    known = known_values(options.known)
    names_given = device_names([text for text in options.device if "=" in text])
    wanted = {text.rpartition("=")[2].strip() for text in options.device}
    paths, errors = find_captures(options.captures)
    for error in errors:
        say(f"phonehome: {error['path']}: {error['error']}")
    failed = bool(errors)

    def matching(path: str) -> Iterator[inspect.Entry]:
        with opened(Path(path)) as data:
            scan = mitm.scan(data)
            names = Names(scan.names)
            reader = mitm.Reader(data)
            for start, end in scan.parts:
                for sent in reader.read(start, end, lambda begin, done: release(data, begin, done)):
                    id_ = device_id(sent)
                    if sent.origin != "device" or (wanted and not wanted & {id_, sent.client}):
                        continue
                    evidence = examine(names.complete(sent), known)
                    if _matches(options, evidence):
                        addresses = {sent.client} if sent.client and id_ != UNKNOWN else set()
                        label = names_given.label(id_, addresses, DeviceFacts())
                        yield inspect.entry(
                            path, label, evidence, database.locate, known_catalogue, options.show_identifiers
                        )

    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    entries: list[inspect.Entry] = []
    more = False
    for path in paths:
        try:
            for shown in matching(path):
                if len(entries) == options.limit:
                    more = True
                    break
                entries.append(shown)
                if options.format == "terminal":
                    for line in inspect.lines(shown):
                        console.print(line)
        except CaptureError as error:
            say(f"phonehome: {path}: {error}")
            failed = True
        if more:
            break
    if options.format == "json":
        print(json.dumps(entries, indent=2))
    if more:
        say(f"there are more than {options.limit}: --limit N shows them")
    if not entries:
        say("phonehome: no transmission matches")
    return EXIT_SOME_FAILED if failed or not entries else EXIT_OK


def _matches(options: argparse.Namespace, evidence: "Evidence") -> bool:
    sent = evidence.transmission
    if options.host:
        pattern = options.host.lower().rstrip(".")
        if not any(
            name is not None and fnmatchcase(name, pattern)
            for name in (sent.host, sent.authority, sent.address)
        ):
            return False
    if options.purpose and evidence.judgement.purpose != options.purpose:
        return False
    return not options.kind or any(finding.kind == options.kind for finding in evidence.findings)


def _check(options: argparse.Namespace, catalogue: "Catalogue") -> None:
    """Raises UsageError for a kind or purpose that there is not: it would find nothing, and prove nothing."""
    for option, given, existing in (
        ("--kind", options.kind, {*catalogue.kinds, "known-value"}),
        ("--purpose", options.purpose, set(catalogue.purposes)),
    ):
        if given and given not in existing:
            near = sorted(get_close_matches(given, existing, 3))
            hint = (
                f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(existing))}"
            )
            raise UsageError(f"{option} {given!r} is not known: {hint}")
