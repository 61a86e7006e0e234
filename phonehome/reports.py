"""A folder of reports: a page for each phone, and an index of them with the worst first.

For many captures: their totals lie on disk meanwhile, and one phone at a time is in memory. Each page is the report of
that phone's captures, and of nothing else.
"""

import argparse
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from phonehome.analysis.render.formats import ENDINGS
from phonehome.documents import Given, read_given
from phonehome.options import (
    EXIT_OK,
    EXIT_SOME_FAILED,
    UsageError,
    case_of,
    knowledge_of,
    location_database,
    say,
)
from phonehome.policy_options import judge_of

if TYPE_CHECKING:
    from phonehome.analysis.devices import DeviceNames
    from phonehome.analysis.render.index import Row
    from phonehome.analysis.report.document import File
    from phonehome.analysis.report.located import Vantage
    from phonehome.analysis.report.phones import Phone
    from phonehome.analysis.shelf import Shelf

PAGES: Final = "phones"
"""The folder of the pages, beside the index."""
WAITING: Final = 16
"""Pages that are handed out before one of them must be done."""
_MAKING: Final = (
    *(
        "geo_db",
        "as_of",
        "catalogue",
        "policy",
        "market",
        "mark",
        "waivers",
        "show_identifiers",
        "case",
        "format",
    ),
)
LOST: Final = "no page: the process that made it was ended from outside, perhaps because memory ran out"


Making = tuple[tuple[str, Any], ...]


class Job(NamedTuple):
    """A page to make, and all that it takes; any process that has this program can do it."""

    making: Making
    """Options of the command."""
    name: str
    """Of the file."""
    report: bytes
    """Totals of this phone."""
    names: "DeviceNames"
    files: "Sequence[File]"
    copies: dict[str, str]
    at: "dict[str, Vantage]"


def is_folder(output: str | None) -> bool:
    """Whether reports go to a folder: it is there, or its name ends as one."""
    return (
        bool(output) and output != "-" and (str(output).endswith(("/", "\\")) or Path(str(output)).is_dir())
    )


def run(options: argparse.Namespace) -> int:
    """Reads the captures, and makes pages and index."""
    from phonehome.analysis.render import index, output
    from phonehome.analysis.shelf import Shelf

    if options.include_captures:
        raise UsageError("--include-captures is for an archive: -o case.zip")
    for name in ("market", "mark", "waivers"):
        if getattr(options, name) and not options.policy:
            raise UsageError(f"--{name} is for --policy: say which rules")
    if options.format == "zip":
        raise UsageError("--format zip: a folder of reports holds pages, and no archives")
    if options.online:
        raise UsageError("--online asks about a report: with a page for each phone, it cannot be used")
    if any("=" in market for market in options.market):
        raise UsageError(
            "--market PHONE=CODE: with a page for each phone, say the market of all (--market CODE)"
        )
    options.format = options.format or "html"
    ending = next(ending for ending, format_ in ENDINGS.items() if format_ == options.format)
    making = tuple(
        (name, tuple(given) if isinstance(given := getattr(options, name), list) else given)
        for name in _MAKING
    )
    # What is wrong with an option is said before anything is read; and processes are forked with what is loaded here.
    judge = _maker(making)[3]
    moments = judge.moments if judge else ()
    folder = Path(options.output)
    try:
        (folder / PAGES).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {options.output}: {error.strerror or error}") from error
    with Shelf() as shelf:
        given = read_given(options.captures, options, knowledge_of(options), moments, shelf)
        if not given.reading.files:
            for path, why in sorted(given.reading.errors.items()):
                say(f"phonehome: {path}: {why}")
            say("phonehome: nothing could be read, so no report was written")
            return EXIT_SOME_FAILED
        rows: list[Row] = []
        try:
            for row, data in _pages(given, shelf, making, ending):
                if data:
                    output.save_bytes(data, str(folder / PAGES / row.file))
                rows.append(row)
            errors = index.errors(given.reading.errors)
            output.save_bytes(
                index.page(rows, errors, len(given.reading.files), PAGES), str(folder / "index.html")
            )
            output.save_bytes(index.listing(rows, errors, PAGES), str(folder / "index.json"))
        except OSError as error:
            raise UsageError(f"cannot write to {options.output}: {error.strerror or error}") from error
    given.say_unused()
    made = {row.file for row in rows}
    old = [file for file in (folder / PAGES).glob(f"phone-*{ending}") if file.name not in made]
    if old:
        where = folder / PAGES
        say(f"phonehome: {len(old):,} pages in {where} are of earlier reports, and not in the index")
    for failed in errors:
        say(f"phonehome: {failed['path']}: {failed['error']}")
    if not options.quiet:
        say(f"{len(rows):,} phones: begin with {folder / 'index.html'}")
    return EXIT_SOME_FAILED if errors or any(row.problem for row in rows) else EXIT_OK


def _pages(given: Given, shelf: "Shelf", making: Making, ending: str) -> "Iterator[tuple[Row, bytes]]":
    """What is said of each phone in the index, and its page. A page whose process was ended is tried once more by
    itself."""
    from phonehome.analysis.render.index import lost

    jobs = _jobs(given, shelf, making, ending)
    again: list[Job] = []
    while True:
        waiting: deque[tuple[Job, Future[tuple[Row, bytes]]]] = deque()
        with given.executors() as pool:
            broken = False
            while not broken or waiting:
                job = next(jobs, None) if not broken and len(waiting) < WAITING else None
                if job is not None:
                    try:
                        waiting.append((job, pool.submit(make_page, job)))
                    except BrokenExecutor:
                        again.append(job)
                        broken = True
                    continue
                if not waiting:
                    break
                job, future = waiting.popleft()
                try:
                    yield future.result()
                except BrokenExecutor:
                    again.append(job)
                    broken = True
        for job in again:
            try:
                with given.executors() as pool:
                    yield pool.submit(make_page, job).result()
            except BrokenExecutor:
                yield lost(job.name, LOST), b""
        again = []
        if not broken:
            return


def _jobs(given: Given, shelf: "Shelf", making: Making, ending: str) -> Iterator[Job]:
    from phonehome.analysis.knowledge.catalogue import catalogue
    from phonehome.analysis.report.phones import phones

    reading = given.reading
    files: dict[str, list[File]] = {}
    for file in reading.files:
        files.setdefault(file.follows or file.path, []).append(file)
    copies: dict[str, dict[str, str]] = {}
    for copy, original in reading.copies.items():
        copies.setdefault(original, {})[copy] = original
    for phone in phones(reading.report, given.names, catalogue().kinds):
        paths = sorted({key.capture for key in phone.keys})
        first = phone.keys[0]
        mark = blake2b(
            f"{files[first.capture][0].sha256} {first.id}".encode("utf-8", "replace"), digest_size=8
        )
        yield Job(
            making,
            f"phone-{mark.hexdigest()}{ending}",
            _of_phone(phone, shelf),
            given.names,
            [file for path in paths for file in files[path]],
            {copy: original for path in paths for copy, original in copies.get(path, {}).items()},
            {path: given.at[path] for path in paths if path in given.at},
        )


def _of_phone(phone: "Phone", shelf: "Shelf") -> bytes:
    """The totals of one phone: its captures without the other phones in them."""
    from phonehome.analysis.report.model import Report
    from phonehome.analysis.state import packed

    result = Report()
    for path in sorted({key.capture for key in phone.keys}):
        report = shelf.get(path)
        capture = report.captures[path]
        # What a capture says of its phone is said of nobody where there are several.
        result.captures[path] = replace(capture, said=capture.said if len(report.devices) == 1 else None)
        result.devices.update({key: device for key, device in report.devices.items() if key in phone.keys})
    return packed(result)


@lru_cache(maxsize=1)
def _maker(making: Making) -> tuple[argparse.Namespace, Any, Any, Any, Any]:
    """What a process needs for any page: options, knowledge, locations, policy, case."""
    options = argparse.Namespace(
        **{name: list(given) if isinstance(given, tuple) else given for name, given in making}
    )
    return (
        options,
        knowledge_of(options),
        location_database(options.geo_db, options.as_of),
        judge_of(options) if options.policy else None,
        case_of(options.case),
    )


def make_page(job: Job) -> "tuple[Row, bytes]":
    """A phone's page, and what the index says of it."""
    from phonehome.analysis.pipeline import Reading
    from phonehome.analysis.render import index, output
    from phonehome.analysis.render.masked import masked, masking_of
    from phonehome.analysis.report.shown import PLAIN
    from phonehome.analysis.state import unpacked

    options, knowledge, database, judge, case = _maker(job.making)
    reading = Reading(report=unpacked(job.report), files=list(job.files), copies=job.copies)
    document = output.make_document(reading, database, job.names, at=job.at, knowledge=knowledge)
    if case:
        document["case"] = case
    masking = None if options.show_identifiers else masking_of([document])
    if judge:
        [document["verdict"]] = judge.judge(document, masking or PLAIN)
    rank = index.rank(document)
    if masking:
        document = masked(document, masking, known_again=options.format == "json")
    return index.row(document, job.name, rank), output.rendered(document, options.format)
