"""The command `phonehome`.

What each command needs is imported when it runs, so that `--help` answers at once.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from phonehome import (
    addon_paths,
    catalogue,
    check,
    compare,
    convert,
    export,
    firmware,
    inspect,
    locate,
    proxy,
    report,
    update,
)
from phonehome.analysis import __version__
from phonehome.options import EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, UsageError, say

COMMANDS = (
    report,
    proxy,
    check,
    compare,
    inspect,
    export,
    convert,
    locate,
    firmware,
    catalogue,
    update,
    addon_paths,
)

_DESCRIPTION = """\
Where does this phone send its data? phonehome reads what a phone sent through mitmproxy and tells, for each
phone, to which hosts, in which country and network, for what purpose, with which identifiers inside,
encrypted or not.
"""

_EXAMPLES = """\
examples:
  phonehome report phone.mitm                          the report, on the terminal
  phonehome report captures/ -o report.json            all captures in a folder, as JSON
  phonehome report phone.mitm --device "Anna=10.0.0.2" --show-identifiers
  phonehome locate zzhc.vnet.cn 52.74.0.1              what the report would say of these

Nothing is looked up online unless you say --online, and only phonehome update fetches anything. Identifiers are
masked unless you say --show-identifiers. Each command explains itself: phonehome report --help
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options, unknown = _parser().parse_known_args(arguments)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        say("interrupted: nothing was written")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe went away; Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except UsageError as error:
        say(f"phonehome: {error}")
        usage_status: int = options.parser.usage_status
        return usage_status


class _Parser(argparse.ArgumentParser):
    """A parser whose exit status for wrong usage a command can choose."""

    usage_status = EXIT_USAGE

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(self.usage_status, f"{self.prog}: error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="phonehome",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"phonehome {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        subparser = commands.add_parser(
            command.NAME,
            help=command.SUMMARY,
            description=command.SUMMARY[:1].upper() + command.SUMMARY[1:] + ".",
            epilog=command.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.configure(subparser)
        subparser.usage_status = getattr(command, "EXIT_USAGE", EXIT_USAGE)
        subparser.set_defaults(run=command.run, parser=subparser)
    return parser
