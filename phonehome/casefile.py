"""A report as an archive that says how it was made: what `phonehome report -o case.zip` writes."""

import argparse
import hashlib
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from phonehome.analysis.casefile import container, record
from phonehome.analysis.casefile.contents import ABOUT, README, RECORD, contents
from phonehome.analysis.render.escape import json_text
from phonehome.analysis.render.output import replacing
from phonehome.documents import Given
from phonehome.options import UsageError

if TYPE_CHECKING:
    from phonehome.analysis.report.entries import Document

_ALWAYS_KEPT: Final = frozenset({"catalogue", "policy", "waivers"})
"""Nobody minds that these are in the archive."""
_NEVER_KEPT: Final = frozenset({"geo_db"})
"""Their licences differ. What is in neither of the two holds what phones sent, or opens it: it is kept with
`--include-captures`."""
_GUESSED: Final = frozenset({"known", "case"})
"""Short texts with identifiers in them: a hash would tell whoever guesses these."""
_FOLDER = re.compile(r"=[^=]*[/\\]")


class Source(NamedTuple):
    """A file that was read for the report."""

    option: record.Option
    path: Path
    said: str | None = None
    """As `record.Input`."""


def save(
    document: "Document",
    given: Given,
    options: argparse.Namespace,
    hidden: Callable[[str], str],
    judged_on: str | None,
) -> str:
    """Writes the archive where the options say; `hidden` masks names, and `judged_on` is as `record.Options`. Returns
    its SHA-256. Raises UsageError."""
    try:
        members, digests = _members(document, given, options, hidden, judged_on)
        if options.output and options.output != "-" and not _is_stream(Path(options.output)):
            with replacing(options.output) as target:
                _write(target, members, digests)
            with open(options.output, "rb") as written:
                return hashlib.file_digest(written, "sha256").hexdigest()
        with tempfile.TemporaryFile() as whole:  # an archive is not written from the beginning to the end
            _write(whole, members, digests)
            whole.seek(0)
            if options.output and options.output != "-":
                with open(options.output, "wb") as stream:
                    shutil.copyfileobj(whole, stream, container.PIECE)
            else:
                shutil.copyfileobj(whole, sys.stdout.buffer, container.PIECE)
            whole.seek(0)
            return hashlib.file_digest(whole, "sha256").hexdigest()
    except container.ContainerError as error:
        raise UsageError(f"{error}; nothing was written") from error


def _is_stream(path: Path) -> bool:
    return path.exists() and not path.is_file()


def _write(target: BinaryIO, members: Iterator[container.Member], digests: dict[str, str]) -> None:
    """Raises ContainerError if a file is not what it was when it was read."""
    written = container.write(target, members)
    for name, digest in digests.items():
        if written[name] != digest:
            raise container.ContainerError(f"{name!r} changed after it was read")


def _members(
    document: "Document",
    given: Given,
    options: argparse.Namespace,
    hidden: Callable[[str], str],
    judged_on: str | None,
) -> tuple[Iterator[container.Member], dict[str, str]]:
    """The files of the archive, and the SHA-256 of those that were read for the report, by name."""
    made = record.made()
    found = contents(document, made)
    program, catalogue = record.program()
    sources = list(_sources(given, options))
    read = {file.path: file.sha256 for file in given.reading.files}
    inputs: list[record.Input] = []
    for source, place in _places(sources):
        kept = source.option in _ALWAYS_KEPT or (
            options.include_captures and source.option not in _NEVER_KEPT
        )
        sha256 = read.get(str(source.path)) or _sha256(source.path)
        inputs.append(
            {
                "option": source.option,
                "place": place if kept else hidden(place),
                "kept": kept,
                "sha256": None if source.option in _GUESSED and not kept else sha256,
                "said": source.said,
            }
        )
    about: record.Record = {
        "schema": record.SCHEMA,
        "made": made,
        "program": program,
        "catalogue": {
            "endpoints": document["sources"]["catalogue"]["endpoints"],
            "sha256": catalogue,
        },
        "tables": record.tables(),
        "environment": record.environment(),
        "command": _command(inputs, options, hidden),
        "options": {
            "device": [hidden(_without_folder(name)) for name in options.device],
            "as_of": str(options.as_of),
            "depth": options.depth,
            "unpacked": options.unpacked,
            "market": [hidden(market) for market in options.market],
            "mark": [hidden(mark) for mark in options.mark],
            "judged_on": judged_on,
            "show_identifiers": options.show_identifiers,
            "online": options.online,
        },
        "inputs": inputs,
        "pdf": found.pdf,
    }

    def members() -> Iterator[container.Member]:
        yield container.whole(README, ABOUT.encode())
        for name, data in found.files.items():
            yield container.whole(name, data)
        yield container.whole(RECORD, (json_text(about) + "\n").encode())
        for source, item in zip(sources, inputs, strict=True):
            if item["kept"]:
                yield container.of_file(item["place"], source.path)

    return members(), {item["place"]: item["sha256"] or "" for item in inputs if item["kept"]}


def _sources(given: Given, options: argparse.Namespace) -> Iterator[Source]:
    """All files that were read: captures first, in the order in which they were given."""
    from phonehome.analysis.places.database import OwnDatabase
    from phonehome.analysis.sources import beside

    captures = [Path(path) for path in given.paths if Path(path).is_file()]
    for path in captures:
        at = given.at.get(str(path))
        yield Source("capture", path, at[0] if at else None)
    others = dict.fromkeys(other for path in captures for other in beside(path))
    yield from (Source("companion", path) for path in others if path not in captures)
    yield from (Source("keys", Path(path)) for path in options.keys)
    yield from (Source("apps", Path(path)) for path in options.apps)
    if options.known:
        yield Source("known", Path(options.known))
    for text in options.catalogue:
        entry = Path(text).expanduser()
        for path in sorted(entry.glob("*.toml")) if entry.is_dir() else [entry]:
            yield Source("catalogue", path)
    if options.policy:
        yield Source("policy", _policy(options.policy))
    if options.waivers:
        yield Source("waivers", Path(options.waivers))
    if options.case:
        yield Source("case", Path(options.case))
    for text in options.geo_db:
        path = OwnDatabase(text).path
        yield Source("geo_db", path, text.rpartition("@")[2] if str(path) != text else None)


def _policy(name: str) -> Path:
    from phonehome.analysis.knowledge import FOLDER
    from phonehome.analysis.policy import rules

    return FOLDER / "policies" / f"{name}.toml" if name in rules.names() else Path(name)


def _places(sources: list[Source]) -> Iterator[tuple[Source, str]]:
    """For each file, its name in the archive: what lay in one folder lies in one folder."""
    for source in sources:
        top = _top(source)
        folders = list(dict.fromkeys(other.path.parent for other in sources if _top(other) == top))
        number = f"{folders.index(source.path.parent) + 1}/" if len(folders) > 1 else ""
        yield source, f"{top}/{number}{source.path.name}"


def _top(source: Source) -> str:
    return "captures" if source.option in ("capture", "companion") else f"inputs/{source.option}"


def _command(inputs: list[record.Input], options: argparse.Namespace, hidden: Callable[[str], str]) -> str:
    """The command that does the same in a folder in which the archive was unpacked."""
    words = ["phonehome", "report"]
    words += [item["place"] for item in inputs if item["option"] == "capture"]
    for name in options.device:
        words += ["--device", hidden(_without_folder(name))]
    for item in inputs:
        if item["option"] not in ("capture", "companion"):
            day = f"@{item['said']}" if item["said"] else ""
            words += [f"--{item['option'].replace('_', '-')}", item["place"] + day]
    for name, value in (("as-of", options.as_of), ("depth", options.depth), ("unpacked", options.unpacked)):
        words += [f"--{name}", str(value)] if value not in (None, "auto") else []
    for name, texts in (("market", options.market), ("mark", options.mark)):
        for text in texts:
            words += [f"--{name}", hidden(text)]
    if options.at:
        words += ["--at", options.at[0]]
    for name in ("show_identifiers", "online", "include_captures"):
        words += [f"--{name.replace('_', '-')}"] if getattr(options, name) else []
    return shlex.join([*words, "-o", "case.zip"])


def _without_folder(device: str) -> str:
    """`Anna=/home/anna/monday.mitm:10.0.0.2` without the path, which tells of its maker's machine."""
    return _FOLDER.sub("=", device)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
