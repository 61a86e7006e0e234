"""`phonehome verify`: whether a case.zip is what it says, and whether its report comes out of its captures again."""

import argparse
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from phonehome.options import (
    EXIT_OK,
    UsageError,
    add_apps,
    add_keys,
    add_known,
    as_of,
    knowledge_of,
    positive,
    vantage,
)

if TYPE_CHECKING:
    from phonehome.analysis.casefile.container import Archive
    from phonehome.analysis.casefile.record import Input, Record
    from phonehome.analysis.report.entries import Document

NAME = "verify"
SUMMARY = "whether a case.zip is whole, and its report comes out of its captures again"
EPILOG = """\
examples:
  phonehome verify case.zip
  phonehome verify case.zip phone.mitm
  phonehome verify case.zip phone.pcapng --keys keys.log

Each file is held against the manifest, each form of the report against report.json, and where the captures are in the
archive, or given here, the report is made again with the same options. Another version of phonehome or of a table, and
other libraries, are said: a difference can come from them.

exit status: 0 all is as it says; 1 something is not, and is named; 2 wrong usage; 3 the archive is whole, but the
report made again is another one, or could not be made again from the captures; 130 interrupted
"""

EXIT_NOT_WHOLE: Final = 1
EXIT_ANOTHER: Final = 3
MAX_RECORD: Final = 64 << 20
MAX_FORM: Final = 512 << 20
"""Bytes of a form of the report."""
MAX_SHOWN: Final = 12
"""Differences that are listed."""
LONGEST_SHOWN: Final = 80

Digests = Mapping[str, Sequence[Path]]
"""Files that the user gave, by SHA-256."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("case", metavar="CASE.ZIP", help="what phonehome report -o case.zip wrote")
    parser.add_argument(
        "captures",
        nargs="*",
        metavar="CAPTURE",
        help="the captures, or a folder of them, if they are not inside",
    )
    add_keys(parser)
    add_apps(parser)
    add_known(parser)
    parser.add_argument(
        "--geo-db",
        action="append",
        default=[],
        metavar="FILE",
        help="the location databases it was made with",
    )
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="processes to use (default: one for each processor)"
    )
    parser.add_argument("--quiet", action="store_true", help="only what is wrong, and no progress")


def run(options: argparse.Namespace) -> int:
    """Checks, and says what was found."""
    from phonehome.analysis.casefile.container import Archive, ContainerError

    path = Path(options.case)
    say_all = _Sayer(options.quiet)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        say_all.good(f"{path.name}: SHA-256 {digest}")
        with Archive(path) as archive:
            return _verified(archive, options, say_all)
    except OSError as error:
        raise UsageError(f"{options.case}: {error.strerror or error}") from error
    except ContainerError as error:
        say_all.bad(f"{path.name}: {error}")
        return EXIT_NOT_WHOLE


class _Sayer:
    """Says on standard output what was found; what comes out of an archive acts on no terminal."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet

    def good(self, text: str) -> None:
        if not self._quiet:
            self.bad(text)

    def bad(self, text: str) -> None:
        from phonehome.analysis.render.escape import printable

        print(printable(text))


def _verified(archive: "Archive", options: argparse.Namespace, say_all: _Sayer) -> int:
    from phonehome.analysis.casefile.contents import RECORD, REPORT
    from phonehome.analysis.report.saved import SavedReportError, saved_report

    wrong = list(_mismatches(archive))
    if wrong:
        for line in wrong:
            say_all.bad(line)
        return EXIT_NOT_WHOLE
    say_all.good(f"whole: {len(archive.sizes) - 1} files are as the manifest says")
    try:
        record = _record(archive.read(RECORD, MAX_RECORD))
        document = saved_report(archive.read(REPORT, MAX_FORM))
    except SavedReportError as error:
        say_all.bad(f"{REPORT}: {error}")
        return EXIT_NOT_WHOLE
    except _RecordError as error:
        say_all.bad(f"{RECORD}: {error}")
        return EXIT_NOT_WHOLE
    wrong = [*_apart(archive, record, document), *_other_forms(archive, record, document)]
    changed = _changed(record)
    for line in wrong:
        say_all.bad(line)
    if not wrong:
        say_all.good("each form of the report is what report.json makes")
    say_changed = say_all.bad if wrong else say_all.good
    for line in changed:
        say_changed(f"another than when it was made: {line}")
    if not changed:
        say_changed("program, tables and libraries are those that it was made with")
    if wrong:
        return EXIT_NOT_WHOLE
    return _again(archive, record, document, changed, options, say_all)


def _mismatches(archive: "Archive") -> Iterator[str]:
    """What is not as the manifest says."""
    from phonehome.analysis.casefile.container import MANIFEST, ContainerError

    listed = archive.manifest()
    inside = archive.sizes.keys() - {MANIFEST}
    yield from (f"{name}: missing, though the manifest lists it" for name in sorted(listed.keys() - inside))
    yield from (f"{name}: the manifest does not list it" for name in sorted(inside - listed.keys()))
    for name in sorted(inside & listed.keys()):
        try:
            found = archive.digest(name)
        except ContainerError as error:
            yield str(error)
            continue
        if found != listed[name]:
            yield f"{name}: changed: its SHA-256 is {found}, in the manifest {listed[name]}"


class _RecordError(ValueError):
    """The record is none that this version can read."""


def _record(data: bytes) -> "Record":
    from phonehome.analysis.casefile.record import SCHEMA, Record
    from phonehome.analysis.report.saved import misfit

    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _RecordError("not valid JSON") from error
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise _RecordError(f"not of schema {SCHEMA}: another version of phonehome made it")
    if wrong := misfit(found, Record, "record"):
        raise _RecordError(f"not as this version writes it ({wrong})")
    return cast("Record", found)


def _apart(archive: "Archive", record: "Record", document: "Document") -> Iterator[str]:
    """Where record, report and files do not speak of the same."""
    known = {item["sha256"] for item in record["inputs"]}
    for capture in document["captures"]:
        for file in ({"path": capture["path"], "sha256": capture["sha256"]}, *capture.get("continued", [])):
            if file["sha256"] not in known:
                yield f"report.json: {file['path']} is none of the captures in provenance.json"
    kept = {item["place"]: item["sha256"] for item in record["inputs"] if item["kept"]}
    for name in archive.sizes:
        if name.startswith(("captures/", "inputs/")) and name not in kept:
            yield f"{name}: provenance.json does not know it"
    for name, sha256 in kept.items():
        if name not in archive.sizes:
            yield f"{name}: missing, though provenance.json says that it is there"
        elif archive.digest(name) != sha256:
            yield f"{name}: not the file of provenance.json"


def _other_forms(archive: "Archive", record: "Record", document: "Document") -> Iterator[str]:
    """Forms of the report that are not what report.json makes."""
    made = _made(lambda: document, record)
    if isinstance(made, str):
        yield f"report.json: {made}"
        return
    yield from _unlike(archive, made, "is not what report.json makes")


def _made(document: "Callable[[], Document]", record: "Record") -> "Mapping[str, bytes] | str":
    """All forms of a document, or why there are none: one that a stranger wrote can be anything."""
    from phonehome.analysis.casefile.contents import contents

    try:
        return contents(document(), record["made"]).files
    except Exception as error:
        return f"no report can be made of it ({type(error).__name__}: {error})"


def _unlike(archive: "Archive", made: Mapping[str, bytes], what: str) -> Iterator[str]:
    from phonehome.analysis.casefile.contents import VERDICT

    for name, data in made.items():
        if name not in archive.sizes:
            yield f"{name}: missing"
        elif archive.digest(name) != hashlib.sha256(data).hexdigest():
            yield f"{name}: {what}"
    if VERDICT in archive.sizes and VERDICT not in made:
        yield f"{VERDICT}: {what}"


def _changed(record: "Record") -> list[str]:
    """What is another now than when the report was made."""
    from phonehome.analysis.casefile import record as records

    program, catalogue = records.program()
    now: Record = {
        **record,
        "program": program,
        "catalogue": {"endpoints": 0, "sha256": catalogue},
        "tables": records.tables(),
        "environment": records.environment(),
    }
    return records.differences(record, now)


class _Staged(NamedTuple):
    """The files that a report was made from, under the names that they had."""

    paths: Sequence[str]
    at: Mapping[str, Any]
    options: argparse.Namespace
    missing: Sequence[str]


def _again(
    archive: "Archive",
    record: "Record",
    document: "Document",
    changed: list[str],
    options: argparse.Namespace,
    say_all: _Sayer,
) -> int:
    """Makes the report again, if it can be, and says whether it is the same."""
    captures = [item for item in record["inputs"] if item["option"] == "capture"]
    inside = any(item["kept"] for item in captures)
    if record["options"]["online"]:
        say_all.good("not made again: names and registries were asked online, and may answer otherwise today")
        return EXIT_OK
    if not inside and not options.captures:
        say_all.good(
            f"not made again: {len(captures)} captures are not in the archive; give them to have that done: "
            f"phonehome verify {options.case} CAPTURE..."
        )
        return EXIT_OK
    with tempfile.TemporaryDirectory(prefix="phonehome-") as folder:
        staged = _stage(archive, record, options, Path(folder))
        for line in staged.missing:
            say_all.bad(f"not made again: {line}")
        if staged.missing:
            return EXIT_ANOTHER
        made = _made(lambda: _report(staged, document, record["options"]["judged_on"]), record)
    if isinstance(made, str):
        say_all.bad(f"not made again: {made}")
        return EXIT_ANOTHER
    unlike = list(_unlike(archive, made, "another one when it is made again"))
    if not unlike:
        say_all.good(f"made again from {len(captures)} captures: the same, byte for byte")
        return EXIT_OK
    for line in unlike:
        say_all.bad(line)
    for line in _differences(document, json.loads(made["report.json"])):
        say_all.bad(f"  {line}")
    if changed:
        say_all.bad(f"this can come from what is another than when it was made: {'; '.join(changed)}")
    else:
        say_all.bad("and program, tables and libraries are those that it was made with")
    return EXIT_ANOTHER


def _stage(archive: "Archive", record: "Record", options: argparse.Namespace, folder: Path) -> _Staged:
    """Puts what the report was made from below a folder, as it lay. Nothing is taken out of the archive that its reader
    did not let pass, and nothing of it is overwritten."""
    given = _given(options)
    places: dict[str, list[str]] = {}
    at: dict[str, Any] = {}
    missing: list[str] = []
    for item in record["inputs"]:
        place = folder / item["place"]
        if item["kept"]:
            _write(archive, item["place"], place)
        elif item["option"] == "case":
            continue  # what it says is in the report
        else:
            own = _fitting(item, given)
            if own is None:
                missing.append(_missing(item))
                continue
            place = _linked(own, item, folder)
        said = item["said"]
        if item["option"] == "capture" and said:
            try:
                at[str(place)] = vantage(said)
            except argparse.ArgumentTypeError as error:
                missing.append(f"--at {error}")
        text = f"{place}@{said}" if item["option"] == "geo_db" and said else str(place)
        places.setdefault(item["option"], []).append(text)
    was = record["options"]
    try:
        day = as_of(was["as_of"])
    except argparse.ArgumentTypeError as error:
        missing.append(f"--as-of {error}")
        day = "auto"
    return _Staged(
        places.get("capture", []),
        at,
        argparse.Namespace(
            device=was["device"],
            keys=places.get("keys", []),
            apps=places.get("apps", []),
            known=next(iter(places.get("known", [])), None),
            catalogue=places.get("catalogue", []),
            policy=next(iter(places.get("policy", [])), None),
            market=was["market"],
            mark=was["mark"],
            waivers=next(iter(places.get("waivers", [])), None),
            geo_db=places.get("geo_db", []),
            as_of=day,
            at=None,
            depth=was["depth"],
            unpacked=was["unpacked"],
            show_identifiers=was["show_identifiers"],
            workers=options.workers,
            cluster=None,
            state=None,
            quiet=options.quiet,
        ),
        missing,
    )


def _given(options: argparse.Namespace) -> Digests:
    """What the user gave, and what lies beside the captures."""
    from phonehome.analysis.places.database import LocationDatabaseError, OwnDatabase
    from phonehome.analysis.sources import beside, find_captures

    captures, wrong = find_captures(options.captures)
    for given, problem in wrong.items():
        raise UsageError(f"{given}: {problem}")
    paths = [Path(path) for path in captures]
    paths += [other for path in paths for other in beside(path)]
    paths += [Path(path) for path in (*options.keys, *options.apps)]
    try:
        paths += [OwnDatabase(text).path for text in options.geo_db]
    except LocationDatabaseError as error:
        raise UsageError(str(error)) from error
    found: dict[str, list[Path]] = {}
    for path in dict.fromkeys(paths):
        try:
            with path.open("rb") as file:
                found.setdefault(hashlib.file_digest(file, "sha256").hexdigest(), []).append(path)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror or error}") from error
    if options.known:
        found["known"] = [Path(options.known)]
    return found


def _fitting(item: "Input", given: Digests) -> Path | None:
    """The file that was given for one that is not in the archive: best the one of its name."""
    name = item["place"].rpartition("/")[2]
    fits = given.get(item["sha256"] or item["option"], ())
    return next((path for path in fits if path.name == name), next(iter(fits), None))


def _missing(item: "Input") -> str:
    hint = "" if item["option"] == "capture" else f" (--{item['option'].replace('_', '-')})"
    sha256 = f": its SHA-256 is {item['sha256']}" if item["sha256"] else ""
    return f"{item['place'].rpartition('/')[2]}{hint} was not given{sha256}"


def _write(archive: "Archive", name: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.writelines(archive.pieces(name))


def _linked(own: Path, item: "Input", folder: Path) -> Path:
    """A file of the user's under the name that it had; under its own, if that was masked or cannot be a name."""
    from phonehome.analysis.casefile.container import wrong_name

    place = item["place"]
    if wrong_name(place) or not place.startswith(("captures/", "inputs/")):
        place = "captures/?"
    if "‹" in place or wrong_name(place):
        place = f"{place.rpartition('/')[0]}/{own.name}"
    target = folder / place
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        target.symlink_to(own.resolve())
    except FileExistsError:
        target = Path(tempfile.mkdtemp(dir=folder)) / own.name
        target.symlink_to(own.resolve())
    except OSError:  # Windows, without the right to make links
        shutil.copyfile(own, target)
    return target


def _report(staged: _Staged, before: "Document", day: str | None) -> "Document":
    from phonehome.documents import read_given
    from phonehome.policy_options import judge_of
    from phonehome.report import make_document

    knowledge = knowledge_of(staged.options)
    judge = judge_of(staged.options).on(day) if staged.options.policy else None
    moments = judge.moments if judge else ()
    given = read_given(staged.paths, staged.options, knowledge, moments)._replace(at=staged.at)
    document = make_document(given, staged.options, knowledge, judge, None, None, known_again=True).document
    if case := before.get("case"):  # no capture tells it
        document["case"] = case
    return document


def _differences(before: Any, after: Any) -> list[str]:
    """Where two documents differ, and how, as far as people read on."""
    found: list[str] = []

    def compare(a: Any, b: Any, where: str) -> None:
        if a == b:
            return
        if isinstance(a, dict) and isinstance(b, dict):
            for key in (*a, *(key for key in b if key not in a)):
                compare(a.get(key), b.get(key), f"{where}.{key}".lstrip("."))
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            for number, pair in enumerate(zip(a, b, strict=True)):
                compare(*pair, f"{where}[{number}]")
        else:
            found.append(f"{where}: {_short(a)} was {_short(b)} now")

    compare(before, after, "")
    more = len(found) - MAX_SHOWN
    return [*found[:MAX_SHOWN], f"and {more:,} more differences"] if more > 0 else found


def _short(value: Any) -> str:
    text = f"a list of {len(value)}" if isinstance(value, list) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
