"""The index of a folder of reports: a row for each phone, the worst first.

What it says of a phone is taken from that phone's report, masked as it is there.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from phonehome.analysis import __version__
from phonehome.analysis.policy.verdict import Result
from phonehome.analysis.render import html
from phonehome.analysis.render.escape import json_text, printable
from phonehome.analysis.report.concern import concern
from phonehome.analysis.report.entries import Document, ErrorEntry
from phonehome.analysis.report.headline import headline
from phonehome.analysis.report.summary import number_of

SCHEMA: Final = "phonehome/index/1"
MAX_TEXT: Final = 300
MAX_ERRORS: Final = 1000
"""Files that could not be read, as far as the page lists them; `index.json` has all."""
_RESULTS: Final[Sequence[Result]] = ("broken", "not-judged", "holds", "does-not-apply")
"""Of a policy, the worst first."""


class Row(NamedTuple):
    """A phone."""

    rank: tuple[Any, ...]
    """Sorts phones, the worst first."""
    file: str
    finding: str
    alarm: bool
    """Whether lasting identifiers went in clear text."""
    phone: str
    system: str
    captures: tuple[str, ...]
    destinations: int
    unencrypted: int
    """Transmissions whose content was seen in clear."""
    transmissions: int
    first: str | None
    last: str | None
    verdict: str
    """Of the policy; empty without one."""
    problem: str = ""
    """Why there is no page; else empty."""


def rank(document: Document) -> tuple[Any, ...]:
    """How bad what one phone did is, smallest is worst; of a document that is not masked."""
    (device,) = document["devices"]
    verdict = document["verdict"]
    broken = _RESULTS.index(verdict["result"]) if verdict else 0
    worst = [concern(row) for row in device["destinations"][:1]]
    return broken, not worst, worst, device["label"], device["id"], device["captures"]


def row(document: Document, file: str, rank: tuple[Any, ...]) -> Row:
    """What the index says of a phone, by its report."""
    (device,) = document["devices"]
    found = headline(document)
    verdict = document["verdict"]
    return Row(
        rank,
        file,
        found.text,
        found.alarm,
        device["label"],
        ", ".join(filter(None, (device["system"], *device["builds"][:1]))),
        tuple(device["captures"]),
        len(device["destinations"]),
        sum(each["unencrypted"] for each in device["destinations"]),
        device["transmissions"],
        device["first"],
        device["last"],
        verdict["result"] if verdict else "",
    )


def lost(file: str, problem: str) -> Row:
    """A phone whose page could not be made: it stands first."""
    return Row(
        (-1, False, [], file, "", []), file, problem, True, file, "", (), 0, 0, 0, None, None, "", problem
    )


def errors(failed: Mapping[str, str]) -> list[ErrorEntry]:
    """Files that could not be read, by name only: a path tells of its maker's machine."""
    return [
        {"path": path.replace("\\", "/").rstrip("/").rpartition("/")[2] or path, "error": error}
        for path, error in sorted(failed.items())
    ]


def page(rows: Sequence[Row], failed: Sequence[ErrorEntry], files: int, folder: str) -> bytes:
    """The index as a page; its links lead to the pages in `folder`."""
    alarms = sum(each.alarm for each in rows if not each.problem)
    counted = [number_of(len(rows), "phone"), f"in {number_of(files, 'file')}"]
    shown = [
        {
            "link": "" if each.problem else f"{folder}/{each.file}",
            "finding": _text(each.finding),
            "alarm": each.alarm,
            "phone": _text(each.phone),
            "system": _text(each.system),
            "captures": _text(", ".join(each.captures[:3]) + (" ..." if len(each.captures) > 3 else "")),
            "destinations": each.destinations,
            "unencrypted": each.unencrypted,
            "transmissions": each.transmissions,
            "when": html.period(each.first, each.last),
            "first": each.first or "",
            "verdict": each.verdict,
        }
        for each in sorted(rows)
    ]
    written = html.rendered(
        "index.html.j2",
        "Where these phones sent their data",
        "index.js",
        rows=shown,
        counted=" ".join(counted),
        alarms=alarms,
        with_verdict=any(each.verdict for each in rows),
        errors=[{key: _text(str(text)) for key, text in each.items()} for each in failed[:MAX_ERRORS]],
        errors_left_out=max(0, len(failed) - MAX_ERRORS),
    )
    return "".join(written).encode("utf-8", "backslashreplace")


def listing(rows: Sequence[Row], failed: Sequence[ErrorEntry], folder: str) -> bytes:
    """The index for programs."""
    phones = [
        {
            "report": None if each.problem else f"{folder}/{each.file}",
            **{
                name: item for name, item in each._asdict().items() if name not in ("rank", "file", "problem")
            },
            "verdict": each.verdict or None,
        }
        for each in sorted(rows)
    ]
    found = {
        "schema": SCHEMA,
        "tool": {"name": "phonehome", "version": __version__},
        "phones": phones,
        "errors": list(failed),
    }
    return (json_text(found) + "\n").encode()


def _text(text: str) -> str:
    text = printable(text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
