"""Why it matters what was found: a line for each sort of identifier in a report, with what it rests on. Pure."""

from typing import NamedTuple

from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.knowledge import shipped
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.summary import CATEGORY_ORDER, is_lasting, listed


class Why(NamedTuple):
    """A line."""

    what: str
    """Labels of the kinds that were found: `IMEI and MEID`."""
    says: str
    references: tuple[tuple[str, str], ...]
    """Title, and where."""


def why(report: Document) -> list[Why]:
    """What is to be said of the kinds that are at least likely in a report, the most lasting first; before them, of
    those in clear text."""
    labels: dict[str, tuple[int, str]] = {}
    clear = False
    for device in report["devices"]:
        for row in device["destinations"]:
            for item in row["identifiers"]:
                if RANK.get(item["certainty"], 0) >= RANK["likely"]:
                    order = CATEGORY_ORDER.get(item["category"], len(CATEGORY_ORDER))
                    labels.setdefault(item["kind"], (order, item["label"]))
                    clear = clear or bool(item["unencrypted"] and is_lasting(item))
    lines: list[tuple[int, Why]] = []
    for matter in shipped().matters:
        found = [labels[kind] for kind in matter.kinds if kind in labels]
        if matter.unencrypted and clear:
            found = [(-1, "in clear text")]
        if found:
            what = listed(list(dict.fromkeys(label for _, label in found)))
            references = matter.reference if isinstance(matter.reference, tuple) else (matter.reference,)
            titles = tuple((reference.title, reference.where) for reference in references)
            lines.append((min(order for order, _ in found), Why(what, matter.says, titles)))
    return [line for _, line in sorted(lines, key=lambda item: item[0])]
