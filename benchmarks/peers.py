"""What TrackHAR finds in HAR files that we do not, and the reverse: `python -m benchmarks.peers FOLDER [HAR ...]`

FOLDER is where `npm install trackhar` was run (MIT, tweasel.org: adapters that declare what each endpoint is sent).
Without HAR files, the labelled requests (`benchmarks/labels`) are compared, as one HAR file for each phone. Compared
are values by host, without regard to case and separators: of properties of TrackHAR that identify, and of what we call
certain or likely.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from benchmarks.labelled import requests, write_har
from benchmarks.recall import reported

IDENTIFY: Final = frozenset(
    {
        "advertisingId",
        "browserId",
        "carrier",
        "deviceId",
        "developerScopedId",
        "hashedAdvertisingId",
        "installationId",
        "latitude",
        "localIp",
        "longitude",
        "macAddress",
        "model",
        "otherIdentifiers",
        "publicIp",
        "pushNotificationToken",
        "sessionId",
        "userId",
    }
)
"""Properties of TrackHAR that tell one phone, installation or person from another, or that we report too."""

_SCRIPT: Final = """
import { readFile } from 'node:fs/promises';
import { process as read, unhar } from 'trackhar';
const har = JSON.parse((await readFile(process.argv[1], 'utf-8')).replace(/^\\uFEFF/, ''));
for (const entry of har.log.entries) entry.response.content ??= {};
const found = await read(har);
const asked = unhar(har);
console.log(JSON.stringify(asked.map((request, at) => ({ host: request.host, found: found[at] ?? null }))));
"""


class Found(NamedTuple):
    """A value at a host, and what it is called."""

    host: str
    value: str
    name: str


def of_trackhar(folder: Path, har: Path) -> tuple[set[Found], int, int]:
    """What TrackHAR finds; how many requests there are, and of how many it knows the endpoint. Raises
    CalledProcessError if it fails."""
    command = ["node", "--input-type=module", "-e", _SCRIPT, str(har.resolve())]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    asked: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    found = {
        Found(each["host"], str(one["value"]), one["property"])
        for each in asked
        for one in each["found"] or ()
        if one["property"] in IDENTIFY and _says_something(one["value"])
    }
    return found, len(asked), sum(each["found"] is not None for each in asked)


def ours(har: Path) -> set[Found]:
    """What we report as certain or likely."""
    return {
        Found(row["host"] or "", each["value"], each["kind"])
        for device in reported(har)["devices"]
        for row in device["destinations"]
        for each in row["identifiers"]
        if each["certainty"] != "possible"
    }


def _says_something(value: object) -> bool:
    return isinstance(value, (str, int, float)) and value not in ("", "null", "unknown", 0, True)


def _bare(text: str) -> str:
    return re.sub(r"[\W_]", "", text.lower())


def missing(these: Iterable[Found], among: Iterable[Found]) -> list[Found]:
    """Those whose value is not there at the host; a part of a value counts, as a position is one of two numbers."""
    held: dict[str, list[str]] = {}
    for each in among:
        held.setdefault(each.host, []).append(_bare(each.value))
    return sorted(
        each
        for each in these
        if not any(
            _bare(each.value) in other or (len(other) > 5 and other in _bare(each.value))
            for other in held.get(each.host, ())
        )
    )


def _hosts(har: Path) -> int:
    entries = json.loads(har.read_text(encoding="utf-8-sig"))["log"]["entries"]
    return len({urlsplit(entry["request"]["url"]).hostname for entry in entries})


def compare(folder: Path, har: Path) -> None:
    """Prints what either finds."""
    theirs, asked, known = of_trackhar(folder, har)
    mine = ours(har)
    print(f"\n{har.name}: {asked} requests to {_hosts(har)} hosts; TrackHAR knows the endpoint of {known}")
    for who, those, others in (("TrackHAR", theirs, mine), ("we", mine, theirs)):
        alone = missing(those, others)
        print(f"{who}: {len(those)} values, of which {len(alone)} alone")
        for each in alone:
            print(f"  {each.host}: {each.name} {each.value[:80]}")


def main() -> int:
    """Prints the comparison of each file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="where `npm install trackhar` was run")
    parser.add_argument("har", type=Path, nargs="*")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        files = options.har
        if not files:
            sent = list(requests())
            for client in dict.fromkeys(each.client for each in sent):
                files.append(Path(place, f"labelled-{client}.har"))
                write_har(files[-1], [each for each in sent if each.client == client])
        for har in files:
            try:
                compare(options.folder, har)
            except subprocess.CalledProcessError as error:
                said = (
                    error.stderr if isinstance(error.stderr, str) else error.stderr.decode(errors="replace")
                )
                why = next((line for line in said.splitlines() if "Error" in line), said[-200:])
                print(f"\n{har.name}: {error.cmd[0]}: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
