"""`phonehome proxy`: routes phones through mitmproxy, saves what they send, and ends with the report."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from phonehome.options import (
    EXIT_OK,
    NOTE,
    UsageError,
    add_at,
    add_catalogue,
    add_geo_db,
    knowledge_of,
    location_database,
    say,
    vantages,
)

if TYPE_CHECKING:
    from phonehome.addons.proxy import Settings
    from phonehome.analysis.knowledge import Knowledge
    from phonehome.analysis.places.database import LocationDatabase
    from phonehome.analysis.report.located import Vantage

NAME = "proxy"
SUMMARY = "route phones through mitmproxy, save what they send, and report it"
EPILOG = """\
examples:
  phonehome proxy                                one phone, by WireGuard: scan the code, and go
  phonehome proxy --phone Anna --phone "test phone"
  phonehome proxy --web                          with mitmproxy's page in the browser
  phonehome proxy --mode regular@8080            as an ordinary HTTP proxy

Ctrl-C ends it and prints the report. The capture stays, for you and whoever checks it; it holds everything the
phone sent, passwords included: see to it who gets it.

exit status: 0 the proxy ran; 2 it could not start
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument(
        "--phone",
        action="append",
        default=[],
        metavar="NAME",
        help="a phone with a WireGuard configuration of its own; repeat it for more (default: one called phone)",
    )
    parser.add_argument(
        "--mode",
        action="append",
        default=[],
        metavar="SPEC",
        help="mode of mitmproxy instead: regular, transparent, local, socks5, ...; can be repeated",
    )
    parser.add_argument(
        "--port", type=int, default=51820, help="UDP port of the first phone (default: 51820)"
    )
    parser.add_argument(
        "--address", metavar="ADDRESS", help="address of this computer for phones, if the guess is wrong"
    )
    parser.add_argument(
        "--allow-local",
        action="store_true",
        help="let phones connect to this computer and its network; else such destinations are refused, and recorded",
    )
    parser.add_argument("--web", action="store_true", help="show what passes in the browser (mitmweb)")
    parser.add_argument(
        "--captures",
        metavar="DIR",
        help="folder for the new capture (default: phonehome/captures in $XDG_DATA_HOME or ~/.local/share)",
    )
    parser.add_argument(
        "--undecrypted-tls",
        choices=("after-refusal", "never", "always"),
        default="after-refusal",
        help="when TLS is let through unopened (default: after the phone refused the certificate for that host)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="an option of mitmproxy or of an addon; can be repeated",
    )
    add_geo_db(parser)
    add_at(parser)
    add_catalogue(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the proxy, then prints the report."""
    knowledge = knowledge_of(options)  # before the addons, which want it when they are imported
    from phonehome.addons import proxy, wireguard

    if not 0 < options.port < 65536:
        raise UsageError(f"--port {options.port} is no port")
    database = location_database(options.geo_db)
    names = options.phone or ([] if options.mode else ["phone"])
    folder = Path(options.captures).expanduser() if options.captures else proxy.data_folder() / "captures"
    try:
        address = wireguard.checked_host(options.address) if options.address else None
    except ValueError as error:
        raise UsageError(f"--address: {error}") from error
    try:
        phones = proxy.phones(names, options.port)
        capture = proxy.new_capture(folder)
    except proxy.ProxyError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"cannot save captures in {folder}: {error.strerror or error}") from error
    settings = proxy.Settings(
        capture=capture,
        activation_log=capture.with_suffix(".activation.jsonl"),
        phones=phones,
        modes=options.mode,
        address=address,
        allow_local=options.allow_local,
        web=options.web,
        undecrypted_tls=options.undecrypted_tls,
        geo_db=options.geo_db,
        at=_text(options.at) if options.at is not None else "",
        catalogue=options.catalogue,
        extra=options.set,
    )
    try:
        proxy.run(settings)
    except proxy.ProxyError as error:
        _remove_if_empty(settings)
        raise UsageError(f"the proxy could not run: {error}") from error
    if options.at is not None:
        _note(settings.capture, options.at)
    _report(settings, database, options.at, knowledge)
    return EXIT_OK


def _text(at: "Vantage") -> str:
    """As `--at` has it."""
    _, place = at
    return place if isinstance(place, str) else f"{place.latitude},{place.longitude}"


def _note(capture: Path, at: "Vantage") -> None:
    """Leaves a note beside the capture of where it was made, for later reports."""
    try:
        if capture.stat().st_size:
            Path(f"{capture}{NOTE}").write_text(_text(at) + "\n", encoding="utf-8")
    except OSError as error:
        say(f"phonehome: where the capture was made could not be noted: {error.strerror or error}")


def _report(
    settings: "Settings", database: "LocationDatabase", at: "Vantage | None", knowledge: "Knowledge"
) -> None:
    from phonehome.analysis import pipeline
    from phonehome.analysis.devices import DeviceNames
    from phonehome.analysis.examiner import Options
    from phonehome.analysis.render import output
    from phonehome.analysis.render.masked import masked, masking_of
    from phonehome.executors import executors

    if _remove_if_empty(settings):
        say("nothing was sent through the proxy: there is nothing to report")
        return
    devices = [phone.device for phone in settings.phones]
    paths = [str(settings.capture)]
    again = ["phonehome", "report", str(settings.capture)]
    again += [part for device in devices for part in ("--device", device)]
    again += [part for path in settings.geo_db for part in ("--geo-db", path)]
    again += [part for path in settings.catalogue for part in ("--catalogue", path)]
    try:
        reading = pipeline.read_captures(paths, Options(own=knowledge.own), executors(None, paths))
        print()
        document = output.make_document(
            reading, database, DeviceNames.parse(devices), at=vantages(paths, at), knowledge=knowledge
        )
        output.show(masked(document, masking_of([document])), "terminal")
    finally:  # also for who does not wait for the report
        say(f"The capture is {settings.capture}. The report again, in any format:")
        say(f"  {shlex.join([*again, '-o', 'report.html'])}")


def _remove_if_empty(settings: "Settings") -> bool:
    """Removes files that nothing was written to, and says whether the capture was one."""
    empty = True
    for path in (settings.capture, settings.activation_log):
        try:
            if path.stat().st_size == 0:
                path.unlink()
            elif path == settings.capture:
                empty = False
        except OSError:
            pass
    return empty
