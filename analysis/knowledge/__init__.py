"""All that is known, as data: TOML files of this folder, each entry with the reference that it rests on.

Everything is read and checked at once. `docs/catalogue.md` says how to write an entry.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from phonehome.analysis.knowledge import addresses, catalogue, countries, identifiers, software
from phonehome.analysis.knowledge.addresses import Addresses
from phonehome.analysis.knowledge.catalogue import Catalogue
from phonehome.analysis.knowledge.countries import Countries
from phonehome.analysis.knowledge.identifiers import Identifiers
from phonehome.analysis.knowledge.software import Software

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What all conclusions rest on."""

    catalogue: Catalogue
    """Endpoints and purposes."""
    identifiers: Identifiers
    """Kinds of identifiers, and the names by which they are known."""
    headers: frozenset[str]
    """Names of headers (lower case) that carry nothing of the phone or its owner."""
    software: Software
    """Systems, models, builds, markets and fixes of phones."""
    countries: Countries
    """Names of countries, and where data may go to."""
    addresses: Addresses
    """Special addresses, anycast, networks with servers everywhere, clouds."""


@cache
def shipped() -> Knowledge:
    """What comes with the program, read at the first call."""
    return load()


def load(own: Sequence[Path] = ()) -> Knowledge:
    """The same behind the user's own entries. Raises CatalogueError if a file is wrong."""
    headers = tomllib.loads((FOLDER / "headers.toml").read_text("utf-8"))
    return Knowledge(
        catalogue=catalogue.load(FOLDER),
        identifiers=identifiers.read(),
        headers=frozenset(entry["name"] for entry in headers["header"]),
        software=software.read(),
        countries=countries.read(),
        addresses=addresses.read(),
    )
