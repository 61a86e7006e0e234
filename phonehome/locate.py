"""`phonehome locate`: what the report would say of a host or an address."""

import argparse

from phonehome.options import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    UsageError,
    add_location,
    add_online,
    knowledge_of,
    location_database,
    say,
)

NAME = "locate"
SUMMARY = "what the report would say of a host or an address"
EPILOG = """\
examples:
  phonehome locate 61.139.2.69 2406:da18::1
  phonehome locate --online zzhc.vnet.cn
  phonehome locate 23.45.67.89 --rtt 12 --at NL
  phonehome locate 104.16.132.229 --header "cf-ray: 230b030023ae2822-SJC"
  phonehome locate 47.128.0.1 --as-of 2019-01-22

exit status: 0 each was understood; 1 at least one is neither a name nor an address; 2 wrong usage
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("targets", nargs="+", metavar="HOST_OR_ADDRESS", help="name, address, or URL")
    parser.add_argument("--format", choices=("terminal", "json"), default="terminal")
    parser.add_argument(
        "--rtt",
        type=milliseconds,
        metavar="MS",
        help="how long the address took to answer, in milliseconds, from where --at says",
    )
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        type=header,
        metavar='"NAME: VALUE"',
        help="a header of its answer, such as cf-ray: content networks name the place there; can be repeated",
    )
    add_location(parser)
    add_online(parser)


def milliseconds(text: str) -> float:
    """A positive number of milliseconds, as seconds."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of milliseconds above 0")
    return number / 1000


def header(text: str) -> tuple[str, str]:
    """Name (lower case) and value."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a header: write it as "cf-ray: 230b030023ae2822-SJC"'
        )
    return name.strip().lower(), value.strip()


def run(options: argparse.Namespace) -> int:
    """Locates and prints."""
    from phonehome.analysis.places.lookup import Observed, locate_many, render_text, to_json

    knowledge_of(options)
    online = None
    if options.online:
        from phonehome.analysis.places.online import OnlineLookups

        say("--online: asking DNS and the address registries; they learn what you ask about")
        online = OnlineLookups()
    if options.rtt is not None and options.at is None:
        raise UsageError("--rtt needs --at: say where it was measured, such as --at NL")
    observed = Observed(headers=tuple(options.header), seconds=options.rtt, at=options.at)
    database = location_database(options.geo_db, options.as_of)
    results = locate_many(options.targets, database, online, observed)
    if options.format == "json":
        import json

        print(json.dumps([to_json(result) for result in results], indent=2))
    else:
        print(render_text(results))
    return EXIT_OK if all(result.host or result.places for result in results) else EXIT_SOME_FAILED
