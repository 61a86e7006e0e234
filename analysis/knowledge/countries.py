"""Names of countries, and since when data may go to them without a further safeguard."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, NamedTuple

Protection = Literal["eea", "adequate"]


class Status(NamedTuple):
    """Why data may go to a country without a further safeguard."""

    kind: Protection
    since: str
    """Day, ISO 8601."""
    until: str
    """First day on which it no longer was so; empty if it has no end."""
    condition: str
    """Which recipients it covers, if not all; whether one of them is meant, no capture tells."""
    references: tuple[tuple[str, str], ...]
    """Title, and where to find it."""


@dataclass(frozen=True, slots=True)
class Countries:
    """By ISO 3166-1 alpha-2 code."""

    names: Mapping[str, str]
    """English names."""
    statuses: Mapping[str, tuple[Status, ...]]

    def name(self, code: str) -> str:
        """English name of the country; the code itself if it is not known."""
        return self.names.get(code.upper(), code)


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((files("phonehome.analysis.knowledge") / name).read_text("utf-8"))


def read() -> Countries:
    """What the files say."""
    data = _load("countries.toml")
    names = {**data["assigned"], **{code: entry["name"] for code, entry in data["other"].items()}}
    document = _load("transfers.toml")
    shared = document["references"]
    found: dict[str, tuple[Status, ...]] = {}
    for entry in document["country"]:
        given = entry["reference"]
        references = [
            shared[item] if isinstance(item, str) else item
            for item in (given if isinstance(given, list) else [given])
        ]
        found[entry["code"]] = (
            *found.get(entry["code"], ()),
            Status(
                entry["status"],
                str(entry["since"]),
                str(entry.get("until", "")),
                entry.get("condition", ""),
                tuple((reference["title"], reference["where"]) for reference in references),
            ),
        )
    return Countries(names, found)
