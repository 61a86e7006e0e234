"""`phonehome firmware`: what the catalogue says of a build."""

import argparse
from typing import TYPE_CHECKING

from phonehome.options import EXIT_OK, knowledge_of

if TYPE_CHECKING:
    from phonehome.analysis.firmware import FirmwareEntry

NAME = "firmware"
SUMMARY = "what is known of a build number"
EPILOG = """\
examples:
  phonehome firmware 00WW_3_39B_SP03
  phonehome firmware "Nokia/Onyx_00WW/B2N_sprout:9/PPR1.180610.011/00WW_3_22C:user/release-keys" --format json

The build number is in Settings > System > About phone > Build number. What follows from how builds are
numbered is inference, and marked so: only a maker knows what is in a build.

exit status: 0 there is a statement about each build; 1 there is none about at least one; 2 wrong usage
"""

EXIT_NOT_KNOWN = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument(
        "builds", nargs="+", metavar="BUILD", help="build number, or a fingerprint that holds it"
    )
    parser.add_argument("--format", choices=("terminal", "json"), default="terminal")


def run(options: argparse.Namespace) -> int:
    """Looks up and prints."""
    from phonehome.analysis.firmware import describe

    knowledge_of(options)
    found = {build: describe(build) for build in dict.fromkeys(options.builds)}
    if options.format == "json":
        import json

        print(json.dumps([{"asked": build, "known": entries} for build, entries in found.items()], indent=2))
    else:
        for build, entries in found.items():
            _show(build, entries)
    known = all(any(entry["status"] == "stated" for entry in entries) for entries in found.values())
    return EXIT_OK if known else EXIT_NOT_KNOWN


def _show(build: str, entries: "list[FirmwareEntry]") -> None:
    from phonehome.analysis.firmware import markets
    from phonehome.analysis.render.escape import printable

    print(printable(build))
    if not entries:
        print("  not known: the catalogue knows neither this build nor how it is numbered")
    for number, entry in enumerate(entries):
        if number == 0:
            name = markets().get(entry["market"], "a market that the catalogue does not know")
            print(f"  market {entry['market']}: {name}")
        print(f"  {entry['statement']}")
        for clause in entry["inference"]:
            print(f"    inference from the numbering: {clause}")
        for reference in entry["references"]:
            print(f"    rests on: {reference}")
