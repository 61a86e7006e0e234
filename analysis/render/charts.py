"""What the pictures of a report have in common: how grave what they show is, and what went to each country.

The pictures are geometry, made of the document by `map_view`, `time_view` and `flow_view`: they say where marks, lines
and labels stand, and a template makes SVG of it. What does not fit is added up as "others" and counted, never left out
in silence.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple

from phonehome.analysis.knowledge.addresses import country_name
from phonehome.analysis.report.concern import is_routine
from phonehome.analysis.report.concern import level as concern_level
from phonehome.analysis.report.entries import DestinationEntry, Document

Level = Literal["open", "carried", "other"]
"""What went there: identifiers of phone, SIM, account or place in clear text; identifiers of phone or SIM,
encrypted; anything else."""
LEVELS: Final[tuple[Level, ...]] = ("open", "carried", "other")

Band = Literal["closed", "plain", "open"]
"""Encrypted; unencrypted; unencrypted with identifiers of phone, SIM, account or place."""
BANDS: Final[tuple[Band, ...]] = ("closed", "plain", "open")

LETTER_WIDTH: Final = 0.62
"""Of the height of a letter: a little more than most sans-serif fonts need."""


def level(row: DestinationEntry) -> Level:
    """How much a destination should worry the reader."""
    worst = concern_level(row)
    return "open" if worst == 0 else "carried" if worst == 1 else "other"


class Country(NamedTuple):
    """What went to one country."""

    code: str
    name: str
    transmissions: int
    attempts: int
    unencrypted: int
    """But for routine."""
    routine: int
    """Unencrypted, and routine."""
    hosts: int
    level: Level
    sure: dict[str, int]
    """Transmissions by the certainty of the country, the surest first."""
    parts: dict[tuple[Level, bool], int]
    """Transmissions by how grave their destination is, and whether the country is in doubt."""
    first: str
    last: str
    """Times, RFC 3339; empty if not recorded."""
    kinds: tuple[str, ...]
    """Labels of identifiers that went there and tell one device or person from another."""

    @property
    def in_doubt(self) -> bool:
        """Whether nothing but what is in doubt says that something went there."""
        return all(unsure for _, unsure in self.parts)


_CERTAINTIES: Final = ("certain", "likely", "uncertain")


def countries(report: Document, kinds: Callable[[Iterable[DestinationEntry]], list[str]]) -> list[Country]:
    """By country, the most worrying first."""
    rows: dict[str, list[DestinationEntry]] = {}
    for device in report["devices"]:
        for row in device["destinations"]:
            if row["country"] and row["scope"] in (None, "global"):
                rows.setdefault(row["country"], []).append(row)
    found = [_country(code, there, tuple(kinds(there))) for code, there in rows.items()]
    return sorted(found, key=lambda at: (LEVELS.index(at.level), -at.transmissions, at.code))


def _country(code: str, there: list[DestinationEntry], kinds: tuple[str, ...]) -> Country:
    sure, parts = Counter[str](), Counter[tuple[Level, bool]]()
    levels = [level(row) for row in there]
    for row, grave in zip(there, levels, strict=True):
        sure[row["country_certainty"]] += row["transmissions"]
        parts[grave, row["country_certainty"] not in ("certain", "likely")] += row["transmissions"]
    routine = sum(row["unencrypted"] for row in there if is_routine(row))
    return Country(
        code,
        there[0]["country_name"] or code,
        sum(row["transmissions"] for row in there),
        sum(row["attempts"] for row in there),
        sum(row["unencrypted"] for row in there) - routine,
        routine,
        len({row["host"] or tuple(row["addresses"]) for row in there}),
        min(levels, key=LEVELS.index),
        {word: sure[word] for word in sorted(sure, key=lambda word: (*_CERTAINTIES, word).index(word))},
        dict(sorted(parts.items(), key=lambda item: (item[0][1], LEVELS.index(item[0][0])))),
        min((row["first"] for row in there if row["first"]), default=""),
        max((row["last"] for row in there if row["last"]), default=""),
        kinds,
    )


class Excluded(NamedTuple):
    """A country that a table or a header names, and where some destinations are not, because they answered too soon."""

    code: str
    name: str
    destinations: int


def excluded(report: Document) -> list[Excluded]:
    """Those of most destinations first."""
    found: dict[str, int] = {}
    for device in report["devices"]:
        for row in device["destinations"]:
            named = {piece["country"] for piece in row["country_evidence"] if piece["kind"] != "registry"}
            for code in named & set(row["excluded_countries"]) - {None, row["country"]}:
                found[code or ""] = found.get(code or "", 0) + 1
    return [
        Excluded(code, country_name(code), number)
        for code, number in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]
