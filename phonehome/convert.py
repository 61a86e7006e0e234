"""`phonehome convert`: what a capture holds, for other tools."""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from phonehome.options import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    UsageError,
    add_captures,
    add_catalogue,
    add_decoding,
    add_keys,
    add_known,
    key_logs,
    knowledge_of,
    known_values,
    limits_of,
    say,
)

if TYPE_CHECKING:
    from phonehome.analysis.transmission import Transmission

NAME = "convert"
SUMMARY = "what a capture holds as a HAR or flow file for other tools, with identifiers masked on request"
EPILOG = """\
examples:
  phonehome convert phone.pcapng --keys keys.log -o phone.har
  phonehome convert phone.mitm -o shared.har --mask
  phonehome convert browser.har -o browser.mitm

With --mask each identifier becomes a placeholder (masked-imei-1), the same value the same; cookies and credentials
too. What cannot be written anew without them (compressed, encrypted, signed, or not understood) is replaced by a note.

exit status: 0 all was read; 1 a capture was not; 2 wrong usage; 130 interrupted
"""
ENDINGS = (".har", ".mitm", ".flow", ".flows")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_captures(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help="FILE.har, or FILE.mitm for mitmproxy (mode 0600)",
    )
    parser.add_argument("--mask", action="store_true", help="without identifiers, cookies and credentials")
    add_keys(parser)
    add_catalogue(parser)
    add_known(parser)
    add_decoding(parser)
    parser.add_argument("--quiet", action="store_true", help="no notes on standard error")


def run(options: argparse.Namespace) -> int:
    """Writes the file, whole or not at all."""
    from phonehome.analysis import pipeline
    from phonehome.analysis.convert import flows, har
    from phonehome.analysis.convert.cleaning import Cleaner
    from phonehome.analysis.examiner import Examiner, Names, Options
    from phonehome.analysis.identifiers.known import with_known
    from phonehome.analysis.render import output
    from phonehome.analysis.sources import CaptureError, find_captures, joined, open_source
    from phonehome.analysis.sources.flow_state import WHOLE_ANSWERS

    target = Path(options.output)
    if target.suffix.lower() not in ENDINGS:
        raise UsageError(f"-o {options.output}: its ending says the format: {', '.join(ENDINGS)}")
    format_ = har if target.suffix.lower() == ".har" else flows
    knowledge = knowledge_of(options)
    examining = Options(known_values(options.known), limits_of(options), knowledge.own)
    keys = key_logs(options)
    paths, errors = find_captures(options.captures)
    more = joined(paths)
    followers = {path for rest in more.values() for path in rest}
    paths = [path for path in paths if path not in followers]
    if any(os.path.exists(path) and target.exists() and os.path.samefile(path, target) for path in paths):
        raise UsageError(f"-o {options.output} is the capture itself")
    left_out = written = 0
    readable: list[str] = []

    def sent(path: str) -> Iterator["Transmission"]:
        with open_source(path, keys, more.get(path, ())) as source:
            plan = source.plan(pipeline.PART)
            names = Names(plan.names)
            for part in plan.parts:
                for one in source.read(part):
                    yield names.complete(one)

    identifiers: set[tuple[str, str]] = set()
    for path in paths:
        try:
            with open_source(path, keys, more.get(path, ())) as source:
                said = source.plan(pipeline.PART).said
            if options.mask:
                known = with_known(examining.known, said.values) if said else examining.known
                examiner = Examiner(knowledge, examining._replace(known=known))
                for one in sent(path):
                    evidence = examiner.examine(one)
                    identifiers.update((found.kind, found.value) for found in evidence.findings)
                if known is not None:
                    identifiers.update(("known-value", value.value) for value in known.values)
            readable.append(path)
        except CaptureError as error:
            errors[path] = str(error)
    for path, problem in errors.items():
        say(f"phonehome: {path}: {problem}")
    if not readable:
        say("phonehome: nothing could be read, so nothing was written")
        return EXIT_SOME_FAILED
    cleaner = (
        Cleaner(Examiner(knowledge, examining._replace(known=None)), identifiers) if options.mask else None
    )

    def wanted() -> Iterator["Transmission"]:
        nonlocal left_out, written
        for path in readable:
            for one in sent(path):
                # Names that the proxy itself resolved for the phone tell what its connections were to.
                names = one.protocol == "dns" and one.origin == "proxy"
                if not (one.origin == "device" or names) or not format_.fits(one):
                    left_out += 1
                    continue
                written += 1
                yield cleaner.clean(one) if cleaner else one

    whole = WHOLE_ANSWERS.set(True)
    try:
        output.save_pieces(format_.write(wanted()), options.output)
    except OSError as error:
        raise UsageError(f"cannot write {options.output}: {error.strerror or error}") from error
    finally:
        WHOLE_ANSWERS.reset(whole)
    if not options.quiet:
        say(f"{written:,} transmissions are in {options.output}")
        if left_out:
            say(
                f"left out, because the format has no place for them, or they are not the phone's: {left_out:,}"
            )
        if cleaner and cleaner.removed:
            say(f"parts replaced by a note, because they may hold an identifier: {cleaner.removed:,}")
    return EXIT_SOME_FAILED if errors else EXIT_OK
