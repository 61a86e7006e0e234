"""`phonehome locate`: what the report would say of a host or an address."""

import argparse

from phonehome.options import EXIT_OK, EXIT_SOME_FAILED, add_location, location_database, say

NAME = "locate"
SUMMARY = "what the report would say of a host or an address"
EPILOG = """\
examples:
  phonehome locate 61.139.2.69 2406:da18::1
  phonehome locate --online zzhc.vnet.cn

exit status: 0 each was understood; 1 at least one is neither a name nor an address; 2 wrong usage
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("targets", nargs="+", metavar="HOST_OR_ADDRESS", help="name, address, or URL")
    parser.add_argument("--format", choices=("terminal", "json"), default="terminal")
    add_location(parser)


def run(options: argparse.Namespace) -> int:
    """Locates and prints."""
    from phonehome.analysis.places.locate import locate_many, render_text, to_json

    online = None
    if options.online:
        from phonehome.analysis.places.online import OnlineLookups

        say("--online: asking DNS and the address registries; they learn what you ask about")
        online = OnlineLookups()
    results = locate_many(options.targets, location_database(options.geo_db), online)
    if options.format == "json":
        import json

        print(json.dumps([to_json(result) for result in results], indent=2))
    else:
        print(render_text(results))
    return EXIT_OK if all(result.host or result.places for result in results) else EXIT_SOME_FAILED
