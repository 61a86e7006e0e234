"""The command `phonehome`.

What each command needs is imported when it runs, so that `--help` answers at once.
"""

import argparse
import gc
import os
import stat
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NoReturn

from phonehome import (
    addon_paths,
    catalogue,
    check,
    compare,
    completion,
    convert,
    export,
    firmware,
    inspect,
    locate,
    proxy,
    report,
    update,
    verify,
)
from phonehome.options import (
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_OUTPUT,
    EXIT_USAGE,
    OutputError,
    UsageError,
    forget_output,
    say,
    watch_output,
)

COMMANDS = (
    report,
    verify,
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
    completion,
)

_DESCRIPTION = """\
Where does this phone send its data? phonehome reads what a phone sent through mitmproxy and tells, for each
phone, to which hosts, in which country and network, for what purpose, with which identifiers inside,
encrypted or not.
"""

_READ = ("captures", "before", "after", "case", "keys", "known", "policy")
"""Options that are files to be read, and may be pipes."""

_EXAMPLES = """\
examples:
  phonehome report phone.mitm                          the report, on the terminal
  phonehome report captures/ -o report.json            all captures in a folder, as JSON
  phonehome report phone.mitm --device "Anna=10.0.0.2" --show-identifiers
  phonehome locate zzhc.vnet.cn 52.74.0.1              what the report would say of these

Nothing is looked up online unless you say --online, and only phonehome update fetches anything. Identifiers are
masked unless you say --show-identifiers. Each command explains itself: phonehome report --help
Captures may come through a pipe: ssh router tcpdump -w - | phonehome report -

exit status of every command: 5 standard output cannot be written (its disk is full, or it is closed);
130 interrupted. A reader that goes away (| head) is no error.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options, unknown = _parser().parse_known_args(arguments)
    if options.run is not proxy.run:
        # What a start makes (modules, knowledge) stays, and has hardly a cycle: looking for some takes a tenth of it.
        gc.set_threshold(100_000, 50, 100)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    watch_output()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="phonehome-") if _pipes(options) else nullcontext("") as folder
        ):
            _spool(options, folder)
            status: int = options.run(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        say("interrupted: nothing was written")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        forget_output()  # the reader of a pipe went away
        return EXIT_OK
    except OutputError as error:
        forget_output()
        say(f"phonehome: standard output cannot be written: {error.strerror}")
        return EXIT_OUTPUT
    except UsageError as error:
        say(f"phonehome: {error}")
        usage_status: int = options.parser.usage_status
        return usage_status


def _pipes(options: argparse.Namespace) -> bool:
    """Whether a file that is to be read may be a pipe."""
    return any(_is_pipe(path) for name in _READ for path in _paths(options, name))


def _is_pipe(path: str) -> bool:
    try:
        return path == "-" or stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _paths(options: argparse.Namespace, name: str) -> list[str]:
    given = getattr(options, name, None) or []
    return [given] if isinstance(given, str) else list(given)


def _spool(options: argparse.Namespace, folder: str) -> None:
    """Puts files in the place of pipes."""
    if not folder:
        return
    from phonehome.pipes import spooled

    for name in _READ:
        paths = [spooled(path, Path(folder)) for path in _paths(options, name)]
        if paths:
            setattr(options, name, paths[0] if isinstance(getattr(options, name), str) else paths)


class _ArgumentParser(argparse.ArgumentParser):
    """A parser whose exit status for wrong usage a command can choose."""

    usage_status = EXIT_USAGE

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(self.usage_status, f"{self.prog}: error: {message}\n")


class _Version(argparse.Action):
    """Prints what decides what a report says. What that takes is imported when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from phonehome.version import lines

        print("\n".join(lines()))
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = _ArgumentParser(
        prog="phonehome",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="version, and of what date the tables are"
    )
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
        subparser.set_defaults(run=command.run, parser=subparser, whole=parser)
    return parser
