"""The command `phonehome`.

What each command needs is imported when it runs, so that `--help` answers at once.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from analysis import __version__

if TYPE_CHECKING:
    from analysis.devices import DeviceNames
    from analysis.geolocation.database import LocationDatabase
    from analysis.geolocation.online import OnlineResults
    from analysis.report.model import Report

EXIT_OK = 0
EXIT_SOME_FAILED = 1
"""At least one file gave nothing; the others are in the report."""
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

FORMATS = ("terminal", "json", "csv", "markdown")
_ENDINGS = {".json": "json", ".csv": "csv", ".md": "markdown", ".markdown": "markdown", ".txt": "terminal"}

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

Nothing is looked up online unless you say --online. Identifiers are masked unless you say
--show-identifiers. Each command explains itself: phonehome report --help
"""

_REPORT_EXAMPLES = """\
examples:
  phonehome report phone.mitm
  phonehome report monday.mitm tuesday.mitm -o report.md
  phonehome report captures/ --format csv > destinations.csv
  phonehome report phone.mitm --device "test phone=10.0.0.2" --device "second=wireguard@51821"

exit status: 0 all captures were read; 1 at least one was not, and the report names it; 2 wrong usage;
130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe went away; Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except UsageError as error:
        print(f"phonehome: {error}", file=sys.stderr)
        return EXIT_USAGE


class UsageError(Exception):
    """Something that the user can mend; the message says what."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="phonehome",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"phonehome {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    report = _command(
        commands, "report", "where each phone in these captures sent its data", _report, _REPORT_EXAMPLES
    )
    report.add_argument(
        "captures",
        nargs="+",
        metavar="CAPTURE",
        help="mitmproxy flow file, or a folder: all flow files in it",
    )
    report.add_argument(
        "-o", "--output", metavar="FILE", help="write to FILE (mode 0600); its ending chooses the format"
    )
    report.add_argument(
        "--format",
        choices=FORMATS,
        help="default: by the ending of FILE (.json, .csv, .md, .txt), else terminal",
    )
    report.add_argument(
        "--device",
        action="append",
        default=[],
        metavar='"NAME=ADDRESS"',
        help="name the phone that has this address, or this WireGuard port as wireguard@PORT; can be repeated",
    )
    report.add_argument(
        "--show-identifiers",
        action="store_true",
        help="print identifiers whole instead of masked (3569••••••••518)",
    )
    report.add_argument(
        "--workers", type=_positive, metavar="N", help="processes to use (default: one for each processor)"
    )
    report.add_argument("--quiet", action="store_true", help="no progress on the terminal")
    _location_options(report)

    locate = _command(
        commands,
        "locate",
        "what the report would say of a host or an address",
        _locate,
        "examples:\n  phonehome locate 61.139.2.69 2406:da18::1\n  phonehome locate --online zzhc.vnet.cn\n",
    )
    locate.add_argument("targets", nargs="+", metavar="HOST_OR_ADDRESS", help="name, address, or URL")
    locate.add_argument("--format", choices=("terminal", "json"), default="terminal")
    _location_options(locate)
    return parser


def _command(
    commands: Any, name: str, what: str, run: Callable[[argparse.Namespace], int], epilog: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=what,
        description=what[:1].upper() + what[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _location_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--geo-db",
        action="append",
        default=[],
        metavar="FILE",
        help="your own location database (MMDB in MaxMind, DB-IP or IPinfo layout), asked before the embedded one; "
        "can be repeated, for country and AS files",
    )
    parser.add_argument(
        "--online",
        action="store_true",
        help="also ask DNS and the address registries (RDAP); this tells them what the phone talked to",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _report(options: argparse.Namespace) -> int:
    from analysis.report import output, work
    from analysis.report.progress import Progress

    format_ = _format(options.format, options.output)
    names = _device_names(options.device)
    database = _database(options.geo_db)
    paths, errors = work.find_captures(options.captures)
    with Progress(enabled=not options.quiet) as progress:
        outcome = work.read_captures(paths, options.workers, progress)
    outcome.errors += errors
    online = _ask_online(outcome.report, options.quiet) if options.online else None
    document = output.make_document(
        outcome, database, names, show_identifiers=options.show_identifiers, online=online
    )
    if options.output and options.output != "-":
        output.save(document, format_, options.output)
        if not options.quiet:
            print(f"the report is in {options.output}", file=sys.stderr)
    else:
        output.show(document, format_)
    for error in document["errors"]:
        print(f"phonehome: {_line(error['path'])}: {_line(error['error'])}", file=sys.stderr)
    return EXIT_SOME_FAILED if document["errors"] else EXIT_OK


def _format(chosen: str | None, output: str | None) -> str:
    if chosen:
        return chosen
    if not output or output == "-":
        return "terminal"
    ending = os.path.splitext(output)[1].lower()
    if ending not in _ENDINGS:
        raise UsageError(
            f"no format for the ending of {output!r}: use {', '.join(sorted(_ENDINGS))}, or say --format"
        )
    return _ENDINGS[ending]


def _line(text: str) -> str:
    from analysis.report.escape import printable

    return printable(text)


def _device_names(given: Sequence[str]) -> "DeviceNames":
    from analysis.devices import DeviceNameError, DeviceNames

    try:
        return DeviceNames.parse(given)
    except DeviceNameError as error:
        raise UsageError(str(error)) from error


def _database(own: Sequence[str]) -> "LocationDatabase":
    from analysis.geolocation.database import LocationDatabase, LocationDatabaseError

    try:
        return LocationDatabase.open(*own)
    except LocationDatabaseError as error:
        raise UsageError(str(error)) from error


def _ask_online(report: "Report", quiet: bool) -> "OnlineResults":
    """Asks about what the report names; said aloud, because it tells others what the phone talks to."""
    from analysis.geolocation.online import OnlineLookups

    addresses = {address for _, address in _destinations(report) if address}
    unplaced = {host for host, address in _destinations(report) if host and not address}
    names = {host for host, _ in _destinations(report) if host}
    if not quiet:
        print(
            f"--online: asking DNS about {len(names)} names and {len(addresses)} addresses, and the address "
            f"registries about the addresses; they learn what the phone talked to",
            file=sys.stderr,
        )
    lookups = OnlineLookups()
    found = lookups.look_up(addresses, names)
    today = {
        address for host in unplaced if (answer := found.names.get(host)) for address in answer.addresses
    }
    if today:
        found = found.joined(lookups.look_up(today, ()))
    for warning in found.warnings:
        print(f"phonehome: {_line(warning)}", file=sys.stderr)
    return found


def _destinations(report: "Report") -> Iterator[tuple[str | None, str | None]]:
    for device in report.devices.values():
        for destination, addresses in device.destinations.items():
            for address in addresses:
                yield destination.host, address


def _locate(options: argparse.Namespace) -> int:
    from analysis.geolocation.locate import locate_many, render_text, to_json

    online = None
    if options.online:
        from analysis.geolocation.online import OnlineLookups

        print(
            "--online: asking DNS and the address registries; they learn what you ask about", file=sys.stderr
        )
        online = OnlineLookups()
    results = locate_many(options.targets, _database(options.geo_db), online)
    if options.format == "json":
        import json

        print(json.dumps([to_json(result) for result in results], indent=2))
    else:
        print(render_text(results))
    return EXIT_OK if all(result.host or result.places for result in results) else EXIT_SOME_FAILED
