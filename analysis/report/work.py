"""Captures to a report: finds the files, divides them among workers, adds up what they count.

A flow file is cut into parts of whole flows (see `readers.mitm`), each part becomes a `Report`, and these
are merged. Small input is read in this process, because starting workers costs more than reading it.
"""

import gc
import hashlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from analysis.evidence import Names, examine, unexamined
from analysis.identifiers import KnownValues
from analysis.readers import CaptureError, is_capture, mitm, opened, release
from analysis.report.document import ErrorEntry, File
from analysis.report.model import Capture, Report
from analysis.transmission import NameAnswer

LARGEST_PART = 24 << 20
"""Bytes of a file that are mapped by one worker at a time: memory stays flat however large the file is."""
SMALLEST_PART = 4 << 20
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


@dataclass(slots=True)
class _Part:
    path: str
    start: int
    end: int
    names: tuple[NameAnswer, ...]


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
    known: KnownValues | None = None,
) -> Outcome:
    """The sum of these files. A file that gives nothing becomes an entry in `errors`, the others go on.

    `workers` is the number of processes; None is one for each processor. `known` are values to search for."""
    result = Outcome()
    sizes = {path: _size(path) for path in paths}
    total = sum(sizes.values())
    count = workers or os.cpu_count() or 1
    if count == 1 or total < WORTH_WORKERS:
        _read_here(paths, sizes, result, progress, known)
    else:
        _read_in_workers(paths, sizes, count, result, progress, known)
    result.errors.sort(key=lambda error: error["path"])
    order = {path: place for place, path in enumerate(paths)}
    result.files.sort(key=lambda file: order[file.path])
    return result


def _read_here(
    paths: Sequence[str],
    sizes: dict[str, int],
    result: Outcome,
    progress: Progress,
    known: KnownValues | None,
) -> None:
    done = 0
    total = sum(sizes.values())
    for path in paths:
        try:
            flows, parts = _plan(path, 1)
            for part in parts:
                result.report.merge(_read_part(part, known))
            result.files.append(File(path, _sha256(path), sizes[path]))
            result.report.captures.setdefault(path, Capture()).warnings.update(flows)
        except CaptureError as error:
            result.errors.append({"path": path, "error": str(error)})
        done += sizes[path]
        progress(done, total)


def _read_in_workers(
    paths: Sequence[str],
    sizes: dict[str, int],
    count: int,
    result: Outcome,
    progress: Progress,
    known: KnownValues | None,
) -> None:
    total = sum(sizes.values())
    done = 0
    # Forking is safe before any thread was started, and spares each worker the imports.
    method = "fork" if sys.platform == "linux" else "spawn"
    context = multiprocessing.get_context(method)
    with _interruptible(ProcessPoolExecutor(count, context, _start_worker, (known,))) as pool:
        parts: dict[Future[Report], _Part] = {}
        hashes: dict[Future[str], str] = {}
        for path in paths:
            try:
                flows, planned = _plan(path, 4 * count if sizes[path] >= WORTH_WORKERS else 1)
            except CaptureError as error:
                result.errors.append({"path": path, "error": str(error)})
                done += sizes[path]
                continue
            result.report.captures.setdefault(path, Capture()).warnings.update(flows)
            hashes[pool.submit(_sha256, path)] = path
            parts.update((pool.submit(_read_part_in_worker, part), part) for part in planned)
        for future in as_completed(parts):
            part = parts.pop(future)
            try:
                result.report.merge(future.result())
            except CaptureError as error:  # it was there when it was planned
                result.errors.append({"path": part.path, "error": str(error)})
            done += part.end - part.start
            progress(min(done, total), total)
        for hashed, path in hashes.items():
            try:
                result.files.append(File(path, hashed.result(), sizes[path]))
            except CaptureError as error:
                result.errors.append({"path": path, "error": str(error)})
    progress(total, total)


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


_workers_known: KnownValues | None = None
"""In a worker: the values to search for. They come once, because making them ready to be searched takes time."""


def _start_worker(known: KnownValues | None) -> None:
    """Ctrl-C reaches every process of the terminal; the one that started the others decides."""
    global _workers_known
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A worker makes millions of small objects and hardly a cycle: looking for them costs a twentieth of its time.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    _workers_known = known


def _read_part_in_worker(part: _Part) -> Report:
    return _read_part(part, _workers_known)


def _plan(path: str, parts: int) -> tuple[dict[str, None], list[_Part]]:
    """Warnings about a file, and the parts to read it in. Raises CaptureError."""
    with opened(Path(path)) as data:
        size = len(data)
        wanted = max(1, min(parts, size // SMALLEST_PART), -(-size // LARGEST_PART))
        scan = mitm.scan(data, wanted, partial(release, data))
    if not scan.flows:
        raise CaptureError("no whole flow in it: " + ("; ".join(scan.warnings) or "not a flow file"))
    return dict.fromkeys(scan.warnings), [_Part(path, start, end, scan.names) for start, end in scan.parts]


def _read_part(part: _Part, known: KnownValues | None) -> Report:
    report = Report()
    capture = report.captures[part.path] = Capture()
    names = Names(part.names)
    faults: set[str] = set()
    with opened(Path(part.path)) as data:
        reader = mitm.Reader(data)
        for transmission in reader.read(part.start, part.end, partial(release, data)):
            try:
                evidence = examine(names.complete(transmission), known)
            except Exception as error:  # a fault of ours must not cost the user the rest of the capture
                faults.add(
                    f"a fault of phonehome ({type(error).__name__}): what some transmissions carry was not read; "
                    "please report it"
                )
                evidence = unexamined(transmission)
            report.add(part.path, evidence)
        release(data, part.start, part.end)
    capture.warnings.update(dict.fromkeys((*reader.warnings.lines(), *sorted(faults))))
    return report


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
