"""`phonehome update`: newer location tables."""

import argparse
from datetime import UTC, date, datetime

from phonehome.options import EXIT_OK, EXIT_SOME_FAILED, UsageError, say

NAME = "update"
SUMMARY = "fetch newer location tables; nothing else fetches anything"
EPILOG = """\
examples:
  phonehome update --check            what would come, without using it
  phonehome update                    fetch, check and use the tables of this month
  phonehome update --as-of 2026-11-01
  phonehome update --rollback         use those from before again

The tables are DB-IP's (CC BY 4.0) and the ranges that AWS, Google Cloud and Oracle publish. They learn that somebody at
your address fetched them, and nothing of any phone. The old tables stay in use until the new ones were checked.

exit status: 0 done; 1 no update was made, and the old tables stay in use; 2 wrong usage
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--check", action="store_true", help="fetch, build and check, but do not use it")
    parser.add_argument(
        "--rollback", action="store_true", help="use the tables from before the last update again"
    )
    parser.add_argument(
        "--as-of", type=day, metavar="DATE", help="the tables of the month of this day (default: today)"
    )
    parser.add_argument(
        "--proxy", default="", metavar="URL", help="HTTP proxy (default: the system's setting)"
    )
    parser.add_argument(
        "--mirror",
        default="",
        metavar="URL",
        help="fetch URL/HOST/PATH in the place of https://HOST/PATH, for machines that reach no one else",
    )


def day(text: str) -> date:
    """A day such as 2026-11-01."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day like 2026-11-01") from None


def run(options: argparse.Namespace) -> int:
    """Updates, or takes an update back."""
    from phonehome.analysis.places.update import Sources, UpdateError, rollback, update

    if options.rollback and (options.check or options.as_of):
        raise UsageError("--rollback stands alone: it fetches nothing")
    try:
        if options.rollback:
            print(f"in use again: {rollback()}")
            return EXIT_OK
        sources = Sources(mirror=options.mirror, proxy=options.proxy)
        as_of = options.as_of or datetime.now(UTC).date()
        done = update(sources, as_of, say=say, check_only=options.check)
    except UpdateError as error:
        say(f"phonehome: {error}")
        return EXIT_SOME_FAILED
    rows = ", ".join(f"{name} {number:,} rows" for name, number in done.rows.items())
    what = "can be used" if options.check else f"in use: {done.path}"
    print(f"tables of {done.day} ({rows}), before {done.before}; {what}")
    return EXIT_OK
