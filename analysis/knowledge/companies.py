"""Which company a name belongs to, by the domain that it is below.

Strategy: of a file with some 930 companies a report needs twenty. The text is searched for the places of its quoted
names once, and only the tables that hold one that was asked for are parsed (6 ms, and 0.1 ms for each, instead of 120).
"""

import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from phonehome.analysis.knowledge.reading import KnowledgeError, TomlReader, many
from phonehome.analysis.knowledge.schema import CompaniesFile, Company, named_references

_TABLE: Final = "\n[[company]]\n"
_QUOTED: Final = re.compile(r'"([^"\n]+)"')


class Belongs(NamedTuple):
    """What a name says of who is behind it."""

    domain: str
    """The domain that tells."""
    company: Company
    hosted: bool
    """The company only gives room to a customer, whom the name does not tell."""
    reference: str
    """What it rests on, in words."""


class Owners:
    """Companies, by domain and by name."""

    def __init__(self, text: str, name: str = CompaniesFile.NAME) -> None:
        """`text` is the content of a file called `name`."""
        self._file = name
        head, *self._tables = text.replace("\r\n", "\n").split(_TABLE)
        self._read: dict[int, Company] = {}
        self._references = self._parse(head).references
        self._places: dict[str, int] = {}
        for place, table in enumerate(self._tables):
            for quoted in _QUOTED.findall(table):
                self._places.setdefault(quoted, place)

    def of(self, host: str) -> Belongs | None:
        """Whose a name is (lower case, no trailing dot): by the longest domain of the list that it is, or is below.
        None if there is none. Raises KnowledgeError if what the file has of it is wrong."""
        domain = host[-253:]
        while domain:
            place = self._places.get(domain)
            if place is not None:
                company = self._company(place)
                hosted = domain in company.hosting
                # What stands quoted in a table can be something else, such as a name.
                if hosted or domain in company.domains:
                    return Belongs(domain, company, hosted, self._reference(company))
            domain = domain.partition(".")[2]
        return None

    def named(self, name: str) -> Company | None:
        """The company of that name, or of the name without what stands behind it in brackets; None if there is none."""
        for wanted in (name, name.partition(" (")[0]):
            place = self._places.get(wanted)
            if place is not None and self._company(place).name == wanted:
                return self._company(place)
        return None

    def _company(self, place: int) -> Company:
        company = self._read.get(place)
        if company is None:
            (company,) = self._parse(_TABLE + self._tables[place]).company
            self._read[place] = company
        return company

    def _parse(self, text: str) -> CompaniesFile:
        reader = TomlReader()
        # A file without a company is none; what stands before the first table has none yet.
        content = reader.parse(
            (text if _TABLE in text else f"company = []\n{text}").encode(), self._file, CompaniesFile
        )
        reader.stop()
        if content is None:
            raise KnowledgeError(reader.mistakes)
        return content

    def _reference(self, company: Company) -> str:
        def wrong(what: str) -> None:
            reader = TomlReader()
            reader.wrong(self._file, f"company {company.name!r}", what)
            reader.stop()

        titles = [found.title for found in named_references(company.reference, self._references, wrong)]
        return "; ".join(titles)


@cache
def owners() -> Owners:
    """What comes with the program."""
    return Owners((Path(__file__).parent / CompaniesFile.NAME).read_text("utf-8"))


def read_whole(file: Path) -> CompaniesFile:
    """All of a file, checked as a whole: no domain twice, each reference there. Raises KnowledgeError."""
    reader = TomlReader()
    content = reader.read(file, CompaniesFile)
    reader.stop()
    if content is None:
        raise KnowledgeError(reader.mistakes)
    for company in content.company:
        for name in (item for item in many(company.reference) if isinstance(item, str)):
            if name not in content.references:
                reader.wrong(file.name, f"company {company.name!r}", f"no {name!r} in [references]")
    reader.stop()
    return content
