"""`phonehome inspect`: the transmissions behind a line of the report."""

import argparse
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import chain
from typing import TYPE_CHECKING

from phonehome.options import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    UsageError,
    add_apps,
    add_captures,
    add_catalogue,
    add_decoding,
    add_keys,
    add_known,
    add_location,
    app_list,
    device_names,
    key_logs,
    knowledge_of,
    known_values,
    limits_of,
    location_database,
    positive,
    say,
    vantages,
)

if TYPE_CHECKING:
    from phonehome.analysis.examiner import Evidence
    from phonehome.analysis.knowledge.catalogue import Catalogue
    from phonehome.analysis.transmission import Transmission

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
    add_keys(parser)
    add_apps(parser)
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
    add_catalogue(parser)
    add_known(parser)
    add_decoding(parser)
    add_location(parser)


def run(options: argparse.Namespace) -> int:
    """Reads the captures until enough was found, and prints it."""
    import json

    from phonehome.analysis import pipeline
    from phonehome.analysis.devices import UNKNOWN, DeviceFacts, device_id
    from phonehome.analysis.devices import label as device_label
    from phonehome.analysis.examiner import Evidence, Examiner, Names, Options
    from phonehome.analysis.identifiers.known import with_known
    from phonehome.analysis.identifiers.mask import Masks
    from phonehome.analysis.render import transmissions
    from phonehome.analysis.report.located import Session
    from phonehome.analysis.sources import CaptureError, find_captures, joined, open_source
    from phonehome.analysis.transmission import Transmission

    knowledge = knowledge_of(options)
    known_catalogue = knowledge.catalogue
    _check(options, known_catalogue)
    database = location_database(options.geo_db, options.as_of)
    examining = Options(known_values(options.known), limits_of(options), apps=app_list(options))
    usual = Examiner(knowledge, examining)
    names_given = device_names([text for text in options.device if "=" in text])
    ids = {text.strip() for text in options.device if "=" not in text}
    keys = key_logs(options)
    paths, errors = find_captures(options.captures)
    for path, error in errors.items():
        say(f"phonehome: {path}: {error}")
    failed = bool(errors)
    more = joined(paths)
    at = vantages(paths, options.at)
    sessions = {path: Session(database.locate, at.get(path)) for path in paths}
    followers = {follower for rest in more.values() for follower in rest}

    def addresses(sent: Transmission, id_: str) -> set[str]:
        return {sent.client} if sent.client and id_ != UNKNOWN else set()

    def matching(path: str) -> Iterator[tuple[str, str, Evidence]]:
        with open_source(path, keys, more.get(path, ())) as source:
            plan = source.plan(pipeline.PART)
            examiner = usual
            if plan.said is not None and plan.said.values:
                known = with_known(examining.known, plan.said.values)
                examiner = Examiner(knowledge, examining._replace(known=known))
            examiner.names = Names(plan.names)
            for sent in chain.from_iterable(map(source.read, plan.parts)):
                id_ = device_id(sent)
                sessions[path].add(sent)
                if sent.origin != "device" or (
                    options.device
                    and not ids & {id_, sent.client}
                    and names_given.name(path, id_, addresses(sent, id_)) is None
                ):
                    continue
                if not _is_to(options.host, examiner.names.complete(sent)):
                    continue
                evidence = examiner.examine(sent)
                if _matches(options, evidence):
                    label = device_label(
                        names_given.name(path, id_, addresses(sent, id_)), id_, DeviceFacts()
                    )
                    # What was sent is in the values; the bytes would fill memory.
                    yield (
                        path,
                        label,
                        evidence._replace(transmission=evidence.transmission._replace(payloads=())),
                    )

    found: list[tuple[str, str, Evidence]] = []
    for path in (path for path in paths if path not in followers):
        try:
            for one in matching(path):
                found.append(one)
                if len(found) > options.limit:
                    break
        except CaptureError as error:
            say(f"phonehome: {path}: {error}")
            failed = True
        if len(found) > options.limit:
            break
    left_out = len(found) > options.limit
    shown = sorted(found[: options.limit], key=lambda one: one[2].transmission.time)
    # What one transmission shows to be an identifier is hidden in all of them.
    findings = [finding for _, _, evidence in shown for finding in evidence.findings]
    masks = None if options.show_identifiers else Masks()
    entries = (
        transmissions.entry(path, label, evidence, sessions[path].locate, known_catalogue, masks, findings)
        for path, label, evidence in shown
    )
    if options.format == "json":
        print(json.dumps(list(entries), indent=2))
    else:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")
        transmissions.write(entries, sys.stdout)
    if left_out:
        say(f"more match than these {options.limit}, the first in the capture: --limit N shows N")
    if not found:
        say("phonehome: no transmission matches")
    return EXIT_SOME_FAILED if failed or not found else EXIT_OK


def _is_to(host: str | None, sent: "Transmission") -> bool:
    pattern = (host or "*").lower().rstrip(".")
    return pattern == "*" or any(
        name is not None and fnmatchcase(name, pattern) for name in (sent.host, sent.authority, sent.address)
    )


def _matches(options: argparse.Namespace, evidence: "Evidence") -> bool:
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
