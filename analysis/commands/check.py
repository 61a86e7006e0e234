"""`phonehome check`: whether what was captured keeps to a policy."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final

from analysis.commands.common import UsageError, add_output, add_reading, format_of, say
from analysis.commands.documents import read_documents

NAME = "check"
SUMMARY = "whether what these captures show keeps to a policy"
EPILOG = """\
examples:
  phonehome check phone.mitm --policy hmd-2019
  phonehome check phone.mitm --policy eea --format junit -o verdict.xml
  phonehome check report.json --policy release.toml --market WW --market "10.0.0.7=CN"

A CAPTURE can be a report that was saved as JSON. docs/policies.md says how a policy is written.

exit status: 0 all rules hold; 1 one is broken; 2 one could not be judged, and none is broken; 3 wrong usage,
a wrong policy, or nothing could be read; 130 interrupted
"""

EXIT_USAGE: Final = 3
STATUS: Final = {"holds": 0, "broken": 1, "not-judged": 2}
FORMATS: Final = ("text", "json", "junit")
ENDINGS: Final = {".txt": "text", ".json": "json", ".xml": "junit"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument(
        "captures", nargs="+", metavar="CAPTURE", help="flow file, folder of them, or a report saved as JSON"
    )
    parser.add_argument(
        "--policy",
        required=True,
        metavar="FILE|NAME",
        help="a TOML file, or one that comes along: hmd-2019, eea",
    )
    parser.add_argument(
        "--market",
        action="append",
        default=[],
        metavar="CODE|PHONE=CODE",
        help="market that the phones, or one of them (by label, id or address), were made for, such as WW or CN; "
        "default: what build numbers in the traffic say",
    )
    add_output(parser, FORMATS, ".txt, .json, .xml")
    add_reading(parser)
    parser.add_argument(
        "--geo-db", action="append", default=[], metavar="FILE", help="your own location database (MMDB)"
    )


def run(options: argparse.Namespace) -> int:
    """Judges and writes the verdict."""
    from analysis.policy import judge_policy
    from analysis.policy_file import PolicyError, load
    from analysis.report import verdict
    from analysis.report.output import save_text

    format_ = format_of(options.format, options.output, ENDINGS, "text")
    try:
        policy = load(options.policy)
    except PolicyError as error:
        raise UsageError(str(error)) from error
    market, markets = _markets(options.market)
    document = read_documents(options.captures, options)
    if document is None or not document["captures"]:
        for failed in document["errors"] if document else ():
            say(f"phonehome: {failed['path']}: {failed['error']}")
        raise UsageError("nothing could be read, so nothing was judged")
    known = {
        name for phone in document["devices"] for name in (phone["label"], phone["id"], *phone["addresses"])
    }
    for name in sorted(markets.keys() - known):
        raise UsageError(
            f"--market {name}={markets[name]}: there is no such phone; there is {', '.join(sorted(known))}"
        )
    found = judge_policy(document, policy, market, markets)
    text = verdict.render(found, format_)
    if options.output and options.output != "-":
        try:
            save_text(text, options.output)
        except OSError as error:
            raise UsageError(f"cannot write {options.output}: {error.strerror or error}") from error
        if not options.quiet:
            say(found["summary"])
    else:
        _print(text)
    return STATUS[found["result"]]


def _markets(given: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """The market of all phones, and of single ones. Raises UsageError."""
    from analysis import firmware

    every: str | None = None
    single: dict[str, str] = {}
    for text in given:
        phone, _, code = (part.strip() for part in text.rpartition("="))
        code = code.upper()
        if code not in firmware.markets():
            raise UsageError(f"--market {text}: known are {', '.join(sorted(firmware.markets()))}")
        known = single.get(phone) if phone else every
        if known not in (None, code):
            raise UsageError(f"--market: {phone or 'all phones'} cannot be {known} and {code}")
        if phone:
            single[phone] = code
        else:
            every = code
    return every, single


def _print(text: str) -> None:
    if hasattr(sys.stdout, "reconfigure"):
        # A terminal that cannot show a character gets an escape, not a traceback.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # The verdict stands, whether or not somebody reads on: 0 would say that all rules hold.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
