"""What commands share: errors, exit statuses, options, and how they say things on standard error."""

import argparse
import io
import os
import shlex
import stat
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    from phonehome.analysis.apps import AppList
    from phonehome.analysis.decoding.limits import Limits
    from phonehome.analysis.devices import DeviceNames
    from phonehome.analysis.identifiers import KnownValues
    from phonehome.analysis.knowledge import Knowledge
    from phonehome.analysis.places.database import AsOf, LocationDatabase
    from phonehome.analysis.report.entries import CaseEntry
    from phonehome.analysis.report.located import Vantage

NOTE = ".at"
"""What is added to the name of a capture for the note of where it was made."""

MAX_APPS = 64 << 20
"""Bytes of a list of apps that are read."""

EXIT_OK = 0
EXIT_SOME_FAILED = 1
"""At least one file gave nothing; the others are in the result."""
EXIT_USAGE = 2
EXIT_OUTPUT = 5
"""Standard output cannot be written."""
EXIT_INTERRUPTED = 130


class UsageError(Exception):
    """Something that the user can mend; the message says what."""


def say(text: str) -> None:
    """One line on standard error; captured text in it is made safe to show."""
    from phonehome.analysis.render.escape import printable

    if sys.stderr is not None:
        try:
            print(printable(text), file=sys.stderr)
        except OSError:
            pass  # nobody can be told


class OutputError(OSError):
    """Standard output cannot be written."""


class _Output(io.FileIO):
    """Standard output, whose errors can be told from those of other files."""

    def write(self, data: "ReadableBuffer") -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(error.errno, error.strerror) from error


def watch_output() -> None:
    """Sees to it that writing to standard output raises OutputError where it fails."""
    old = sys.__stdout__
    if sys.stdout is None:  # it was closed by whoever started this
        unwritable = _Output(os.open(os.devnull, os.O_RDONLY), "wb")
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(unwritable))
    elif old is not None and sys.stdout is old:
        file = io.BufferedWriter(_Output(old.fileno(), "wb", closefd=False))
        sys.stdout = io.TextIOWrapper(file, old.encoding, old.errors, line_buffering=old.line_buffering)


def forget_output() -> None:
    """Python would complain once more about what waits when it closes the stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def add_captures(parser: argparse.ArgumentParser) -> None:
    """The captures to read."""
    parser.add_argument(
        "captures",
        nargs="+",
        metavar="CAPTURE",
        help="mitmproxy flow file, HAR, pcap or pcapng (also .gz, .xz, .zst), or a folder: all captures in it",
    )


def add_output(parser: argparse.ArgumentParser, formats: Sequence[str], endings: str) -> None:
    """Where the result goes, and as what."""
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write to FILE (mode 0600); its ending chooses the format"
    )
    parser.add_argument(
        "--format", choices=formats, help=f"default: by the ending of FILE ({endings}), else {formats[0]}"
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """How captures are read and devices named."""
    parser.add_argument(
        "--device",
        action="append",
        default=[],
        metavar='"NAME=[FILE:]ADDRESS"',
        help="name the phone that has this address, or this WireGuard port as wireguard@PORT; with FILE: in that "
        "capture, with *: in all of them, and all that has one name is one phone; can be repeated",
    )
    add_keys(parser)
    add_apps(parser)
    parser.add_argument(
        "--show-identifiers",
        action="store_true",
        help="print identifiers whole instead of masked (#1 35693803•••••••)",
    )
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="processes to use (default: one for each processor)"
    )
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="read on a Dask cluster whose workers see the captures under the same paths: the scheduler's "
        'tcp://HOST:PORT, or "local" (docs/cluster.md)',
    )
    parser.add_argument(
        "--state",
        metavar="DIR",
        help="keep the totals of what was read in DIR, which only you can read: a run that was stopped goes on from "
        "there, and what was not changed is not read again",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress and no notes on standard error")


def add_keys(parser: argparse.ArgumentParser) -> None:
    """Keys of encrypted connections."""
    parser.add_argument(
        "--keys",
        action="append",
        default=[],
        metavar="FILE",
        help="keys of TLS and QUIC connections in captures of packets, as SSLKEYLOGFILE writes them; can be repeated",
    )


def add_apps(parser: argparse.ArgumentParser) -> None:
    """Which app contacted whom."""
    parser.add_argument(
        "--apps",
        action="append",
        default=[],
        metavar="FILE",
        help="which app contacted whom, as the phone saw it: iOS App Privacy Report (.ndjson), or the CSV of "
        "TrackerControl or of PCAPdroid's connections; can be repeated",
    )


def app_list(options: argparse.Namespace) -> "AppList | None":
    """From `--apps`; None if it was not given. Raises UsageError."""
    from phonehome.analysis.apps import AppList, AppListError

    if not options.apps:
        return None
    files = []
    for given in options.apps:
        try:
            with open(given, "rb") as file:
                files.append((f"--apps {given}", file.read(MAX_APPS)))
        except OSError as error:
            raise UsageError(f"--apps {given}: {error.strerror or error}") from error
    try:
        return AppList.of(files)
    except AppListError as error:
        raise UsageError(str(error)) from error


def key_logs(options: argparse.Namespace) -> "list[Path]":
    """From `--keys`. Raises UsageError for a file that cannot be read, or is no key log."""
    from pathlib import Path

    from phonehome.analysis.sources.packets.keys import recognises

    logs = [Path(given) for given in options.keys]
    for log in logs:
        try:
            with log.open("rb") as file:
                if not recognises(file.read(1 << 16)):
                    raise UsageError(f"--keys {log}: no key log as SSLKEYLOGFILE writes it")
        except OSError as error:
            raise UsageError(f"--keys {log}: {error.strerror or error}") from error
    return logs


def add_location(parser: argparse.ArgumentParser) -> None:
    """Where locations come from, without asking anybody."""
    add_geo_db(parser)
    add_as_of(parser)
    add_at(parser)


def add_geo_db(parser: argparse.ArgumentParser) -> None:
    """The user's own location databases."""
    parser.add_argument(
        "--geo-db",
        action="append",
        default=[],
        metavar="FILE",
        help="your own location database (MMDB in MaxMind, DB-IP or IPinfo layout), asked before the embedded "
        "one; FILE@2024-03-01 says the day of its data; can be repeated, for country and AS files",
    )


def add_online(parser: argparse.ArgumentParser) -> None:
    """Whether anybody is asked."""
    parser.add_argument(
        "--online",
        action="store_true",
        help="also ask DNS and the address registries (RDAP); this tells them what the phone talked to",
    )


def add_as_of(parser: argparse.ArgumentParser) -> None:
    """The time at which addresses are located."""
    parser.add_argument(
        "--as-of",
        type=as_of,
        default="auto",
        metavar="auto|now|DATE",
        help="locate addresses at the time of the capture (default), now, or on a day such as 2022-05-01",
    )


def as_of(text: str) -> "AsOf":
    """`auto`, `now`, or a day."""
    if text in ("auto", "now"):
        return cast("AsOf", text)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither auto nor now nor a day like 2022-05-01"
        ) from None


def add_at(parser: argparse.ArgumentParser) -> None:
    """Where captures were made."""
    parser.add_argument(
        "--at",
        type=vantage,
        metavar="COUNTRY|LAT,LON",
        help="where the captures were made, such as NL or 52.4,4.9: what answers sooner than light gets to a country "
        "and back is not there",
    )


def vantage(text: str) -> "Vantage":
    """A country by code or name, or a place by its coordinates; what to call it comes first."""
    from phonehome.analysis.report import located

    try:
        return located.vantage(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def vantages(paths: Iterable[str], given: "Vantage | None") -> "dict[str, Vantage]":
    """By path of a capture: where it was made, by the user's word now, or by the note that `phonehome proxy --at` left
    beside it. A note that says nothing is passed over, aloud."""
    found: dict[str, Vantage] = {}
    for path in paths:
        if given is not None:
            found[path] = given
            continue
        try:
            note = Path(path + NOTE).read_text(encoding="utf-8")[:100]
        except (OSError, ValueError):
            continue
        try:
            found[path] = vantage(note.strip())
        except argparse.ArgumentTypeError as error:
            say(f"phonehome: {path}{NOTE}: {error}")
    return found


def add_catalogue(parser: argparse.ArgumentParser) -> None:
    """The user's own knowledge of endpoints."""
    parser.add_argument(
        "--catalogue",
        action="append",
        default=[],
        metavar="DIR",
        help="your own entries of endpoints: a TOML file, or a folder of them; for the same host they are asked before "
        "those that come along (docs/catalogue.md); can be repeated",
    )


def add_known(parser: argparse.ArgumentParser) -> None:
    """Values that the user knows to be the phone's."""
    parser.add_argument(
        "--known",
        metavar="FILE",
        help='TOML file of what is this phone\'s own, such as imei = "...", email = "...": each is searched in '
        "every usual form, hashed and encoded as well",
    )


def add_decoding(parser: argparse.ArgumentParser) -> None:
    """How far what was sent is decoded. The defaults are those of `decoding.limits`, which takes too long to import
    for a line of help."""
    parser.add_argument(
        "--depth",
        type=positive,
        metavar="N",
        help="layers inside one another that are decoded, such as gzip > json > base64 > json (default: 8, at most 16)",
    )
    parser.add_argument(
        "--unpacked",
        type=positive,
        metavar="MIB",
        help="MiB that one transmission may become when it is unpacked; what is beyond is counted as not understood "
        "(default: 16)",
    )


def limits_of(options: argparse.Namespace) -> "Limits":
    """From the options of `add_decoding`. Raises UsageError."""
    from phonehome.analysis.decoding.limits import DEFAULT, MOST_DEPTH, Limits

    if options.depth is None and options.unpacked is None:
        return DEFAULT
    if options.depth is not None and options.depth > MOST_DEPTH:
        raise UsageError(f"--depth {options.depth}: at most {MOST_DEPTH} layers can be decoded")
    unpacked = options.unpacked << 20 if options.unpacked else DEFAULT.unpacked
    return Limits.of(options.depth or DEFAULT.depth, unpacked)


def positive(text: str) -> int:
    """A number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return number


def format_of(chosen: str | None, output: str | None, endings: dict[str, str], default: str) -> str:
    """As `render.formats.format_of`. Raises UsageError for an unknown ending."""
    from phonehome.analysis.render import formats

    try:
        return formats.format_of(chosen, output, endings, default)
    except formats.UnknownEndingError as error:
        raise UsageError(str(error)) from error


def device_names(given: Sequence[str]) -> "DeviceNames":
    """From `--device`. Raises UsageError."""
    from phonehome.analysis.devices import DeviceNameError, DeviceNames

    try:
        return DeviceNames.parse(given)
    except DeviceNameError as error:
        raise UsageError(str(error)) from error


def location_database(own: Sequence[str], as_of: "AsOf" = "auto") -> "LocationDatabase":
    """From `--geo-db` and `--as-of`. Raises UsageError."""
    from phonehome.analysis.places.database import LocationDatabase, LocationDatabaseError

    try:
        return LocationDatabase.open(*own, as_of=as_of)
    except LocationDatabaseError as error:
        raise UsageError(str(error)) from error


def knowledge_of(options: argparse.Namespace) -> "Knowledge":
    """All that is known, with what `--catalogue` adds: each command asks for it before it reads anything. Raises
    UsageError."""
    from pathlib import Path

    from phonehome.analysis.knowledge import KnowledgeError, load

    try:
        return load([Path(path).expanduser() for path in getattr(options, "catalogue", ())])
    except KnowledgeError as error:
        raise UsageError(str(error)) from error


def add_case(parser: argparse.ArgumentParser) -> None:
    """What the report is made for."""
    parser.add_argument(
        "--case",
        metavar="FILE",
        help="TOML file of what the report is made for: number, operator, place, phone, sim, notes; it stands in the "
        "report (docs/case-file.md)",
    )


def case_of(path: str | None) -> "CaseEntry | None":
    """From `--case`; None if it was not given. Raises UsageError."""
    if path is None:
        return None
    from phonehome.analysis.knowledge import KnowledgeError
    from phonehome.analysis.knowledge.reading import TomlReader
    from phonehome.analysis.knowledge.schema import CaseFile
    from phonehome.analysis.report.case import case_entry

    reader = TomlReader()
    try:
        found = reader.read(Path(path), CaseFile)
        reader.stop()
    except KnowledgeError as error:
        raise UsageError(f"--case: {error}") from error
    return case_entry(found) if found else None


def known_values(path: str | None) -> "KnownValues | None":
    """From `--known`; None if it was not given. Raises UsageError."""
    if path is None:
        return None
    from phonehome.analysis.identifiers.known import KnownValues, KnownValuesError

    try:
        known = KnownValues.load(path)
        mode = os.stat(path).st_mode
    except (KnownValuesError, OSError) as error:
        raise UsageError(f"--known: {error}") from error
    if stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH) and os.name == "posix":
        say(
            f"phonehome: {path} holds identifiers, and others on this machine can read it: "
            f"chmod 600 {shlex.quote(path)}"
        )
    return known
