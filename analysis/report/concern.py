"""What is the most worrying, and what is no news."""

from typing import Any

from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.report import summary
from phonehome.analysis.report.entries import DestinationEntry


def concern(entry: DestinationEntry) -> tuple[Any, ...]:
    """Sorts destinations, worst first: identifiers of hardware, SIM, person or place in clear text; then the
    same encrypted; then other identifiers in clear text; activation; the rest; by purpose and by number."""
    # Its own network is where a phone asks for names and time; that is no news.
    abroad = entry["local"]
    return (
        level(entry),
        abroad,
        summary.purpose_rank(entry["purpose"]),
        -entry["transmissions"],
        entry["host"] or "",
        entry["addresses"],
        entry["purpose_reason"],
    )


def level(entry: DestinationEntry) -> int:
    """How worrying a destination is, 0 is worst, 5 is nothing of the kind."""
    sure = [found for found in entry["identifiers"] if RANK[found["certainty"]] >= RANK["likely"]]
    lasting = [found for found in sure if summary.is_lasting(found)]
    if any(found["unencrypted"] for found in lasting):
        return 0
    if any(found["category"] in ("hardware", "sim") for found in lasting):
        return 1
    if any(found["unencrypted"] and found["category"] != "software" for found in sure):
        return 2
    if entry["purpose"] == "activation":
        return 3
    if lasting or any(found["category"] == "advertising" for found in sure):
        return 4
    return 5


def is_routine(entry: DestinationEntry) -> bool:
    """Whether any phone does this (asks for names, for the time, whether it is online, holds its push channel), and
    nothing was recognised in it that tells this phone, its holder or its place from another."""
    return catalogue().purposes[entry["purpose"]].routine and not summary.kinds_carried((entry,))
