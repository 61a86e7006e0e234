"""All that is known, as data: TOML files of this folder, each entry with the reference that it rests on.

Everything is read and checked at once. `docs/catalogue.md` says how to write an entry.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import msgspec

from phonehome.analysis.cache import default_cache_dir, digest, keep, kept
from phonehome.analysis.knowledge import schema
from phonehome.analysis.knowledge.addresses import Addresses
from phonehome.analysis.knowledge.apps import Apps
from phonehome.analysis.knowledge.catalogue import Catalogue, Endpoint, endpoints
from phonehome.analysis.knowledge.countries import Countries
from phonehome.analysis.knowledge.edges import Edges
from phonehome.analysis.knowledge.identifiers import Identifiers
from phonehome.analysis.knowledge.reading import KnowledgeError, KnowledgeFile, TomlReader
from phonehome.analysis.knowledge.software import Software

__all__ = ["FOLDER", "Knowledge", "KnowledgeError", "load", "read_folder", "shipped"]

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
    apps: Apps
    """What requests say of the app that sent them."""
    edges: Edges
    """Headers and names in which networks say where a machine is."""
    matters: tuple[schema.Matter, ...]
    """Why it matters that an identifier is sent."""

    @property
    def own(self) -> tuple[Endpoint, ...]:
        """The user's own entries."""
        return tuple(entry for entry in self.catalogue.endpoints.values() if entry.own)

    def with_own(self, entries: Iterable[Endpoint]) -> "Knowledge":
        """The same, and these entries of the user."""
        catalogue = self.catalogue
        if not (entries := tuple(entries)):
            return self
        every = (*catalogue.endpoints.values(), *entries)
        return replace(self, catalogue=Catalogue(catalogue.purposes, catalogue.kinds, every))


@cache
def shipped() -> Knowledge:
    """What comes with the program, read at the first call. Raises KnowledgeError if a file is wrong.

    TOML is slow to read: what stands in the files is kept in the user's cache folder, with a digest of the files and of
    the modules that check them. As long as that is the same, they are neither parsed nor checked again."""
    try:
        file = default_cache_dir() / "knowledge.msgpack"
        key = digest(
            *(path.read_bytes() for path in sorted(FOLDER.rglob("*")) if path.suffix in (".toml", ".py"))
        )
    except (OSError, RuntimeError):  # no home folder, or a file that cannot be read: that is told below
        return read_folder(FOLDER)
    documents = kept(file, key)
    if isinstance(documents, dict):
        # What another program wrote there under this key is no reason to fail.
        with suppress(
            KnowledgeError, msgspec.MsgspecError, LookupError, TypeError, ValueError, AttributeError
        ):
            return read_folder(FOLDER, TomlReader(documents))
    reader = TomlReader()
    known = read_folder(FOLDER, reader)
    keep(file, key, reader.documents)
    return known


def load(own: Sequence[Path] = ()) -> Knowledge:
    """The same, and the user's own entries: files of endpoints, or folders of them.

    An own entry is asked before those that come with the program for the same host. Raises KnowledgeError with all that
    is wrong in the files."""
    known = shipped()
    reader = TomlReader()
    entries = _endpoints(_read_endpoints(_own_files(own, reader), reader), reader, own=True)
    for entry in entries:
        if entry.id in known.catalogue.endpoints:
            what = "an entry of that id comes with the program: choose another"
            reader.wrong(entry.own, f"endpoint {entry.id!r}", what)
    reader.check({"purpose": known.catalogue.purposes, "kind": known.identifiers.kinds})
    return known.with_own(entries)


def read_folder(folder: Path, reader: TomlReader | None = None) -> Knowledge:
    """All that stands in a folder. Raises KnowledgeError."""
    reader = reader or TomlReader()

    def one[T: KnowledgeFile](shape: type[T]) -> T:
        content = reader.read(folder / shape.NAME, shape)
        if content is None:
            raise KnowledgeError(reader.mistakes)
        return content

    purposes, names, headers = one(schema.Purposes), one(schema.IdentifierNames), one(schema.Headers)
    devices, markets, firmware = one(schema.DevicesFile), one(schema.Markets), one(schema.Firmware)
    codes, transfers, clouds = one(schema.CountryNames), one(schema.Transfers), one(schema.CloudRegions)
    special, anycast, networks = one(schema.SpecialAddresses), one(schema.Anycast), one(schema.Networks)
    apps, matters = one(schema.AppsFile), one(schema.Matters)
    edges, place_names = one(schema.EdgeHeaders), one(schema.PlaceNames)
    files = _read_endpoints(sorted(folder.glob(schema.Endpoints.NAME)), reader)
    reader.stop()  # what is missing because it is wrong would make more mistakes

    identifiers = Identifiers.of(names)
    by_id = {purpose.id: purpose for purpose in purposes.purpose}
    knowledge = Knowledge(
        catalogue=Catalogue(by_id, identifiers.kinds, _endpoints(files, reader, own=False)),
        identifiers=identifiers,
        headers=frozenset(header.name for header in headers.header),
        software=Software.of(devices, markets, firmware, reader),
        countries=Countries.of(codes, transfers, reader),
        addresses=Addresses.of(special, anycast, networks, clouds),
        apps=Apps.of(apps),
        edges=Edges.of(edges, place_names),
        matters=matters.matter,
    )
    reader.check(
        {
            "purpose": by_id,
            "kind": identifiers.kinds,
            "role": identifiers.roles,
            "country": knowledge.countries.names,
            "numbering": [numbering.id for numbering in markets.numbering],
            "provider": clouds.provider,
        }
    )
    return knowledge


def _read_endpoints(files: Iterable[Path], reader: TomlReader) -> list[tuple[str, schema.Endpoints]]:
    read = [(file.name, reader.read(file, schema.Endpoints)) for file in files]
    return [(name, content) for name, content in read if content is not None]


def _endpoints(
    files: Iterable[tuple[str, schema.Endpoints]], reader: TomlReader, *, own: bool
) -> list[Endpoint]:
    return [entry for name, content in files for entry in endpoints(name, content, own, reader)]


def _own_files(given: Iterable[Path], reader: TomlReader) -> Iterator[Path]:
    for path in given:
        inside = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not inside:
            reader.wrong(path.name, "", "a folder with no .toml file in it")
        yield from inside
