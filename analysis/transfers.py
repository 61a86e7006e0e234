"""Whether data of people in the EEA may go to a country without a further safeguard, on a given day.

A country is in the European Economic Area, or the European Commission has decided that its protection of
personal data is adequate (Article 45 of the General Data Protection Regulation, before that Article 25 of
Directive 95/46/EC), or neither. The facts are in `catalogue/transfers.toml`, each with its reference.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

Kind = Literal["eea", "adequate"]


class Status(NamedTuple):
    """Why data may go to a country without a further safeguard."""

    kind: Kind
    since: str
    """Day, ISO 8601."""
    until: str
    """First day on which it no longer was so; empty if it has no end."""
    condition: str
    """Which recipients it covers, if not all; whether one of them is meant, no capture tells."""
    references: tuple[tuple[str, str], ...]
    """Title, and where to find it."""


def status(country: str, day: str) -> Status | None:
    """What held for a country (ISO 3166-1 alpha-2) on a day (ISO 8601; a time that begins with one will do);
    None if it was neither in the EEA nor covered by a decision."""
    for entry in _statuses().get(country, ()):
        if entry.since <= day[:10] and (not entry.until or day[:10] < entry.until):
            return entry
    return None


@cache
def _statuses() -> dict[str, list[Status]]:
    document = tomllib.loads((files("phonehome.analysis.knowledge") / "transfers.toml").read_text("utf-8"))
    shared = document["references"]
    found: dict[str, list[Status]] = {}
    for entry in document["country"]:
        given = entry["reference"]
        references = [
            shared[item] if isinstance(item, str) else item
            for item in (given if isinstance(given, list) else [given])
        ]
        found.setdefault(entry["code"], []).append(
            Status(
                entry["status"],
                str(entry["since"]),
                str(entry.get("until", "")),
                entry.get("condition", ""),
                tuple((reference["title"], reference["where"]) for reference in references),
            )
        )
    return found
