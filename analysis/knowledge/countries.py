"""Names of countries, and since when data may go to them without a further safeguard."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Self

from phonehome.analysis.knowledge.reading import TomlReader
from phonehome.analysis.knowledge.schema import (
    CountryNames,
    Protection,
    Recipient,
    Transfers,
    named_references,
)


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
    article: frozenset[str]
    """Those whose names take an article in a sentence."""
    statuses: Mapping[str, tuple[Status, ...]]
    recipients: tuple[Recipient, ...]
    """Who had joined the framework that a status depends on, as far as somebody looked."""

    def name(self, code: str) -> str:
        """English name of the country; the code itself if it is not known."""
        return self.names.get(code.upper(), code)

    def in_sentence(self, code: str) -> str:
        """The same as it stands in a sentence: `the United States`."""
        return f"the {self.name(code)}" if code.upper() in self.article else self.name(code)

    @classmethod
    def of(cls, names: CountryNames, transfers: Transfers, reader: TomlReader) -> Self:
        """What the files say."""
        all_names = {**names.assigned, **{code: other.name for code, other in names.other.items()}}
        found: dict[str, tuple[Status, ...]] = {}
        for table in transfers.country:
            wrong = partial(reader.wrong, transfers.NAME, f"country {table.code!r}")
            references = named_references(table.reference, transfers.references, wrong)
            status = Status(
                table.status,
                table.since.isoformat(),
                table.until.isoformat() if table.until else "",
                table.condition,
                tuple((reference.title, reference.where) for reference in references),
            )
            found[table.code] = (*found.get(table.code, ()), status)
        return cls(all_names, frozenset(names.article), found, transfers.recipient)
