"""How a report was made: program, tables, catalogue, environment, command, options, and what was read.

Nothing in it tells the time or the machine, so that the same input gives the same record: no clock (but where
SOURCE_DATE_EPOCH says what it should be: https://reproducible-builds.org/specs/source-date-epoch/), no path, no name of
a user or a computer.
"""

import hashlib
import importlib.metadata
import importlib.resources
import os
import platform
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources.abc import Traversable
from typing import Final, Literal, TypedDict

from phonehome.analysis import __version__
from phonehome.analysis.places.database import PAST, PRESENT, updated_folder

SCHEMA: Final = "phonehome/case/1"
Option = Literal[
    "capture", "companion", "keys", "apps", "known", "catalogue", "policy", "waivers", "case", "geo_db"
]

_TABLES: Final = "analysis/places/data/"
_CATALOGUE: Final = "analysis/knowledge/"
_PACKAGES: Final = (
    ("phonehome", "phonehome"),
    ("analysis", "phonehome.analysis"),
    ("addons", "phonehome.addons"),
)
_NO_CODE: Final = frozenset({"__pycache__", "py.typed"})
_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")


class Input(TypedDict):
    """A file that was read."""

    option: Option
    """How it was given; a companion is a file beside a capture that is read with it."""
    place: str
    """Its name in the archive, or what that would be."""
    kept: bool
    """Whether it is there."""
    sha256: str | None
    """None: of known values and of the case, because what is masked could be guessed from it."""
    said: str | None
    """What was said with it: of a capture, where it was made; of a location database, the day of its data."""


class Options(TypedDict):
    """What decides what the report says, besides files."""

    device: list[str]
    as_of: str
    depth: int | None
    unpacked: int | None
    market: list[str]
    mark: list[str]
    judged_on: str | None
    """ISO date of the day on which waivers were held against; None if there are none."""
    show_identifiers: bool
    online: bool


class Program(TypedDict):
    name: str
    version: str
    sha256: str
    """Of the list of its files with the SHA-256 of each, in the form of `sha256sum`, but for tables and catalogue."""


class Catalogue(TypedDict):
    endpoints: int
    sha256: str
    """As that of the program."""


class Table(TypedDict):
    """A file of locations that comes with the program, or that `phonehome update` made."""

    file: str
    sha256: str


class Environment(TypedDict):
    python: str
    implementation: str
    system: str
    machine: str
    libraries: dict[str, str]


class Record(TypedDict):
    """`provenance.json`."""

    schema: str
    made: int | None
    """Seconds since 1970-01-01T00:00Z, by SOURCE_DATE_EPOCH; None if that was not set."""
    program: Program
    catalogue: Catalogue
    tables: list[Table]
    environment: Environment
    command: str
    """What does the same again, with the names of the files."""
    options: Options
    inputs: list[Input]
    pdf: str
    """What the PDF keeps to."""


def made() -> int | None:
    """The time that the report gives for itself, by SOURCE_DATE_EPOCH; None if it is not set, or no number."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else None


@cache
def program() -> tuple[Program, str]:
    """The program, and the SHA-256 of its catalogue."""
    files = {path: _sha256(file.read_bytes()) for path, file in _files() if not path.startswith(_TABLES)}
    code = {path: digest for path, digest in files.items() if not path.startswith(_CATALOGUE)}
    knowledge = {path: digest for path, digest in files.items() if path.startswith(_CATALOGUE)}
    return {"name": "phonehome", "version": __version__, "sha256": _of_list(code)}, _of_list(knowledge)


def tables() -> list[Table]:
    """The embedded location tables, or those that an update put in their place."""
    shipped = importlib.resources.files("phonehome.analysis.places") / "data"
    folder = updated_folder()
    present: Traversable = folder / PRESENT if folder else shipped / PRESENT
    return [{"file": file.name, "sha256": _sha256(file.read_bytes())} for file in (present, shipped / PAST)]


def environment() -> Environment:
    """What the program runs on."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "machine": platform.machine(),
        "libraries": dict(_libraries()),
    }


def differences(then: Record, now: Record) -> list[str]:
    """What is another now than when a record was made, in words: each can be why a report comes out otherwise."""
    found = []
    before, after = then["program"], now["program"]
    if before != after:
        same = before["version"] == after["version"]
        found.append(
            f"the program: it was phonehome {before['version']} ({before['sha256'][:12]}), this is "
            f"{'another build of it' if same else 'phonehome ' + after['version']} ({after['sha256'][:12]})"
        )
    if then["catalogue"]["sha256"] != now["catalogue"]["sha256"]:
        found.append("the catalogue of endpoints and identifiers")
    tables_then = {table["file"]: table["sha256"] for table in then["tables"]}
    found += [
        f"the location table {table['file']}"
        for table in now["tables"]
        if tables_then.get(table["file"]) != table["sha256"]
    ]
    libraries = then["environment"]["libraries"], now["environment"]["libraries"]
    changed = [
        f"{name} {libraries[0].get(name, 'none')}, now {libraries[1].get(name, 'none')}"
        for name in sorted({*libraries[0], *libraries[1]})
        if libraries[0].get(name) != libraries[1].get(name)
    ]
    if changed:
        found.append(f"libraries: {'; '.join(changed)}")
    machines = [
        f"{each['implementation']} {each['python']} on {each['system']} {each['machine']}"
        for each in (then["environment"], now["environment"])
    ]
    if machines[0] != machines[1]:
        found.append(f"the machine: {machines[0]}, now {machines[1]}")
    return found


def _files() -> Iterator[tuple[str, Traversable]]:
    for folder, package in _PACKAGES:
        yield from _below(folder, importlib.resources.files(package), nested=folder != "phonehome")


def _below(path: str, folder: Traversable, *, nested: bool) -> Iterator[tuple[str, Traversable]]:
    for item in folder.iterdir():
        if item.name in _NO_CODE or item.name.startswith("."):
            continue
        if item.is_file():
            yield f"{path}/{item.name}", item
        elif nested and item.is_dir():
            yield from _below(f"{path}/{item.name}", item, nested=True)


def _libraries() -> Iterable[tuple[str, str]]:
    try:
        required = importlib.metadata.requires("phonehome") or []
    except importlib.metadata.PackageNotFoundError:
        return
    for requirement in sorted(required):
        if "extra ==" not in requirement and (name := _REQUIREMENT.match(requirement)):
            try:
                yield name[0], importlib.metadata.version(name[0])
            except importlib.metadata.PackageNotFoundError:
                continue


def _of_list(digests: dict[str, str]) -> str:
    return _sha256("".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items())).encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
