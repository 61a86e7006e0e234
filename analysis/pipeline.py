"""Captures to a report: finds the files, divides them among workers, adds up what they count.

A flow file is cut into parts of whole flows (see `readers.mitm`). Each worker takes the next part from a common
list, adds all that it reads to one report of its own, and hands this over at the end; these are merged. Parts are
small, so that workers end together, and few reports cross between processes. Small input is read in this
process, because starting workers costs more than reading it.
"""

import gc
import hashlib
import multiprocessing
import os
import re
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from phonehome.analysis.examiner import Asked, Evidence, Names, examine, examine_all, unexamined
from phonehome.analysis.report.document import File
from phonehome.analysis.report.entries import ErrorEntry
from phonehome.analysis.report.model import Capture, Report
from phonehome.analysis.sources import CaptureError, is_capture, mitm, opened, release
from phonehome.analysis.transmission import NameAnswer, Transmission

PART = 4 << 20
"""Bytes of a file, about, that a worker takes at a time."""
BATCH = 256
"""Transmissions that are examined together,"""
BATCH_BYTES = 1 << 20
"""or fewer, if they carry so much."""
WORTH_WORKERS = 12 << 20
"""Bytes of captures from which on workers are started."""

Progress = Callable[[int, int], None]
"""Called with the bytes that are done, and all."""


@dataclass(slots=True)
class Outcome:
    """What came of a run over some captures."""

    report: Report = field(default_factory=Report)
    files: list[File] = field(default_factory=list)
    errors: list[ErrorEntry] = field(default_factory=list)


class _Part(NamedTuple):
    path: str
    start: int
    end: int
    names: tuple[NameAnswer, ...]
    """DNS answers in the whole file; the same object for all parts of it."""


@dataclass(slots=True)
class _Sum:
    """What was read of some parts."""

    report: Report = field(default_factory=Report)
    errors: dict[str, str] = field(default_factory=dict)
    """By path."""


def find_captures(paths: Iterable[str]) -> tuple[list[str], list[ErrorEntry]]:
    """The files that are meant: a folder stands for the captures in it, by their content. In stable order,
    each once."""
    found: dict[str, None] = {}
    errors: list[ErrorEntry] = []
    for given in paths:
        path = Path(given)
        if not path.is_dir():
            found[given] = None
            continue
        inside = sorted(str(file) for file in path.rglob("*") if file.is_file() and is_capture(file))
        if not inside:
            errors.append({"path": given, "error": "a folder with no flow file in it"})
        found.update(dict.fromkeys(inside))
    return list(found), errors


def read_captures(
    paths: Sequence[str],
    workers: int | None = None,
    progress: Progress = lambda done, total: None,
    asked: Asked | None = None,
) -> Outcome:
    """The sum of these files. A file that gives nothing becomes an entry in `errors`, the others go on.

    `workers` is the number of processes; None is one for each processor. `asked` is how they are examined."""
    asked = asked or Asked()
    result = Outcome()
    sizes = {path: _size(path) for path in paths}
    total = sum(sizes.values())
    count = workers or os.cpu_count() or 1
    if count == 1 or total < WORTH_WORKERS:
        _read_here(paths, sizes, result, progress, asked)
    else:
        _read_in_workers(paths, sizes, count, result, progress, asked)
    result.errors.sort(key=lambda error: error["path"])
    order = {path: place for place, path in enumerate(paths)}
    result.files.sort(key=lambda file: order[file.path])
    for capture in result.report.captures.values():
        capture.warnings = dict.fromkeys(sorted(capture.warnings, key=_by_place))
    return result


def _by_place(warning: str) -> list[Any]:
    """Sorts lines that name a byte in the order of the bytes: workers come upon them in any."""
    return [int(word) if place % 2 else word for place, word in enumerate(re.split(r"(\d{1,19})", warning))]


def _read_here(
    paths: Sequence[str],
    sizes: dict[str, int],
    result: Outcome,
    progress: Progress,
    asked: Asked,
) -> None:
    done = 0
    total = sum(sizes.values())
    for path in paths:
        parts = _planned(path, result)
        _join(result, _read_parts(parts, asked))
        if parts:
            _hashed(path, sizes, result, partial(_sha256, path))
        done += sizes[path]
        progress(done, total)


def _read_in_workers(
    paths: Sequence[str],
    sizes: dict[str, int],
    count: int,
    result: Outcome,
    progress: Progress,
    asked: Asked,
) -> None:
    total = sum(sizes.values())
    context = multiprocessing.get_context("fork" if _may_fork() else "spawn")
    shared = _Shared(context.Value("q", 0), context.Value("q", 0))
    try:
        with _interruptible(ProcessPoolExecutor(count, context, _start_worker, (asked, shared))) as pool:
            # One worker hashes the files while this process finds out where their flows are.
            hashes = {path: pool.submit(_sha256, path) for path in paths}
            parts = [part for path in paths for part in _planned(path, result)]
            pending: set[Future[_Sum]] = {pool.submit(_take_parts, parts) for _ in range(count)}
            while pending:
                ready, pending = wait(pending, timeout=0.2)
                for future in ready:
                    _join(result, future.result())
                progress(min(shared.done.value, total), total)
            for path in dict.fromkeys(part.path for part in parts):
                _hashed(path, sizes, result, hashes[path].result)
    except BrokenProcessPool:
        # What it had added up is gone, and which files that concerns is not known.
        result.report, result.files = Report(), []
        result.errors = [{"path": path, "error": _DIED} for path in paths]
    progress(total, total)


def _may_fork() -> bool:
    """Forking spares each worker the imports, but where a thread runs (also one of a library in another language)
    it can copy a lock that nobody opens again. Only Linux says how many threads there are."""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


_DIED = (
    "not read: a process that read captures was ended from outside, because memory ran out or because a capture "
    "became shorter meanwhile; try again with --workers 1"
)


def _planned(path: str, result: Outcome) -> list[_Part]:
    """The parts of a file, its warnings taken note of; none, and an error, if nothing can be read."""
    try:
        with opened(Path(path)) as data:
            size = len(data)
            scan = mitm.scan(data, -(-size // PART), partial(release, data))
        if not scan.flows:
            raise CaptureError("no whole flow in it: " + ("; ".join(scan.warnings) or "not a flow file"))
    except CaptureError as error:
        result.errors.append({"path": path, "error": str(error)})
        return []
    result.report.captures.setdefault(path, Capture()).warnings.update(dict.fromkeys(scan.warnings))
    return [_Part(path, start, end, scan.names) for start, end in scan.parts]


def _hashed(path: str, sizes: dict[str, int], result: Outcome, sha256: Callable[[], str]) -> None:
    try:
        result.files.append(File(path, sha256(), sizes[path]))
    except CaptureError as error:  # it was there when it was planned
        result.errors.append({"path": path, "error": str(error)})


def _join(result: Outcome, read: _Sum) -> None:
    result.report.merge(read.report)
    for path, error in read.errors.items():
        entry: ErrorEntry = {"path": path, "error": error}
        if entry not in result.errors:  # several workers may have come upon it
            result.errors.append(entry)


class _interruptible:
    """A pool that is stopped at once, not waited for, when the user interrupts."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def __enter__(self) -> ProcessPoolExecutor:
        return self._pool

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for process in list((self._pool._processes or {}).values()):
                process.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)


class _Shared(NamedTuple):
    """What workers have in common."""

    taken: Any
    """How many parts were taken; a `multiprocessing.Value`, of which the type is not public."""
    done: Any
    """Bytes of the parts that were read."""


_asked: Asked
_shared: _Shared
"""In a worker: the values to search for, which come once because making them ready takes time, and what it
has in common with the others."""


def _start_worker(asked: Asked, shared: _Shared) -> None:
    """Ctrl-C reaches every process of the terminal; the one that started the others decides."""
    global _asked, _shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    look_for_cycles_seldom()
    _asked, _shared = asked, shared


def look_for_cycles_seldom() -> None:
    """A worker makes millions of small objects and hardly a cycle: looking for them costs a twentieth of its time."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _take_parts(parts: Sequence[_Part]) -> _Sum:
    """In a worker: reads the next part that none has taken, until there is none."""

    def taken() -> Iterable[_Part]:
        while True:
            with _shared.taken.get_lock():
                place = _shared.taken.value
                _shared.taken.value += 1
            if place >= len(parts):
                return
            yield parts[place]
            with _shared.done.get_lock():
                _shared.done.value += parts[place].end - parts[place].start

    return _read_parts(taken(), _asked)


def _read_parts(parts: Iterable[_Part], asked: Asked) -> _Sum:
    """The sum of these parts; those of one file follow one another."""
    result = _Sum()
    for path, of_file in groupby(parts, key=lambda part: part.path):
        try:
            _read_file(path, of_file, asked, result.report)
        except CaptureError as error:  # it was there when it was planned
            result.errors[path] = str(error)
    return result


def _read_file(path: str, parts: Iterable[_Part], asked: Asked, report: Report) -> None:
    """Adds some parts of one file. Raises CaptureError."""
    names: Names | None = None
    faults: set[str] = set()
    with opened(Path(path)) as data:
        reader = mitm.Reader(data)
        for part in parts:
            names = names or Names(part.names)
            for batch in _batches(reader.read(part.start, part.end, partial(release, data))):
                batch = [names.complete(sent) for sent in batch]
                try:
                    examined = examine_all(batch, *asked)
                except Exception:
                    examined = [_examine_safely(sent, asked, faults) for sent in batch]
                for evidence in examined:
                    report.add(path, evidence)
            release(data, part.start, part.end)
    warnings = dict.fromkeys((*reader.warnings.lines(), *sorted(faults)))
    report.captures.setdefault(path, Capture()).warnings.update(warnings)


def _batches(sent: Iterable[Transmission]) -> Iterator[list[Transmission]]:
    """Some transmissions at a time, but not much content."""
    batch: list[Transmission] = []
    size = 0
    for transmission in sent:
        batch.append(transmission)
        size += sum(map(len, transmission.payloads))
        if len(batch) >= BATCH or size >= BATCH_BYTES:
            yield batch
            batch = []
            size = 0
    if batch:
        yield batch


def _examine_safely(sent: Transmission, asked: Asked, faults: set[str]) -> Evidence:
    """A fault of ours must not cost the user the rest of the capture."""
    try:
        return examine(sent, *asked)
    except Exception as error:
        faults.add(
            f"a fault of phonehome ({type(error).__name__}): what some transmissions carry was not read; "
            "please report it"
        )
        return unexamined(sent)


def _sha256(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CaptureError(f"cannot be read: {error.strerror or error}") from error


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
