"""Captures to a report: plan, read a part, merge.

Each capture is divided in tasks (parts of one file, read together); a task becomes `Totals`, and these are merged in
whatever order they come. Where tasks run is the caller's choice: it hands in what makes a
`concurrent.futures.Executor`. Nothing here starts a process, and a task needs nothing but its argument.
"""

import hashlib
import os
import re
from array import array
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from hashlib import blake2b
from heapq import nsmallest
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from phonehome.analysis import state as on_disk
from phonehome.analysis.examiner import Evidence, Examiner, Names, Options
from phonehome.analysis.identifiers.known import with_known
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.report.document import File
from phonehome.analysis.report.model import SAMPLE, Capture, Report
from phonehome.analysis.shelf import Shelf, outline
from phonehome.analysis.sources import CaptureError, Part, beside, format_name, joined, open_source
from phonehome.analysis.sources.source import Plan
from phonehome.analysis.state import State
from phonehome.analysis.transmission import NameAnswer, Transmission

PART: Final = 4 << 20
"""Bytes of a capture, about, that are read at a time."""
PARTS: Final = 4
"""Parts that make a task, unless the source has a reason for another number."""
BATCH: Final = 256
"""Transmissions that are examined together,"""
BATCH_BYTES: Final = 1 << 20
"""or fewer, if they carry so much."""
NEAR: Final = 2
"""Seconds by which the times of one exchange may differ in captures of different formats."""
FEWEST: Final = 3
"""Exchanges that two captures must share, if the smaller has so many, to be of one session."""
WAITING: Final = 64
"""Tasks that are handed out before one of them must be done."""

SAMPLES: Final = 400_000
"""Hashes of flows that are kept of all captures together if they are on a shelf,"""
LEAST_SAMPLE: Final = 32
"""but not fewer of each: of two that share half of their flows, each is recognised, of a tenth, 97 of 100."""

Progress = Callable[[int, int], None]
"""Called with the bytes that are done, and all."""
Executors = Callable[[], AbstractContextManager[Executor]]
"""Makes what runs tasks; called again if a task took its executor down with it."""

DIED: Final = (
    "not read: a process that read it was ended from outside, because memory ran out or because the capture became "
    "shorter meanwhile; try again with --workers 1"
)


@dataclass(slots=True)
class Reading:
    """What came of reading some captures."""

    report: Report = field(default_factory=Report)
    files: list[File] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    """By path: why a capture could not be read."""
    copies: dict[str, str] = field(default_factory=dict)
    """By path: the file with the same content that was read instead."""
    repeated: dict[str, frozenset[int]] = field(default_factory=dict)
    """By path: flows, by hash, that earlier captures may hold as well, and count there."""
    state: Counter[str] = field(default_factory=Counter)
    """What became of totals on disk (`TAKEN`, `DAMAGED`, or why one could not be kept), and how often."""


class Task(NamedTuple):
    """Some parts of one capture, and all that it takes to read them."""

    path: str
    parts: tuple[Part, ...]
    names: tuple[NameAnswer, ...]
    """DNS answers in the whole capture."""
    context: object
    """What the plan found that reading needs."""
    options: Options
    skip: frozenset[int] = frozenset()
    """Flows, by hash, that count in another capture."""
    more: tuple[str, ...] = ()
    """The files that go on with it."""
    state: State | None = None
    """Where its totals are kept, but for the parts and what is skipped; None if nowhere."""

    @property
    def size(self) -> int:
        """Bytes, about."""
        return sum(part.end - part.start for part in self.parts)


class Opening(NamedTuple):
    """A capture that nobody has looked at."""

    path: str
    size: int
    keys: tuple[Path, ...]
    options: Options
    more: tuple[str, ...] = ()
    """The files that go on with it."""
    state: State | None = None
    """Where totals are kept, but for what the capture holds; None if nowhere."""


TAKEN: Final = "taken from the disk"
DAMAGED: Final = "damaged, or another user's"


@dataclass(slots=True)
class Totals:
    """What was read of some tasks."""

    report: Report = field(default_factory=Report)
    errors: dict[str, str] = field(default_factory=dict)
    """By path: why a capture that was planned could not be read."""
    state: Counter[str] = field(default_factory=Counter)
    """As `Reading.state`."""


class Opened(NamedTuple):
    """What came of a first look at a capture."""

    plan: Plan
    tasks: Sequence[Task] = ()
    """What there is to read of it,"""
    totals: Totals | None = None
    """unless it was so little that it was read at once."""
    digests: Sequence[str] = ()
    """SHA-256 of it and of what goes on with it, if they are known already."""


class InThisProcess(Executor):
    """Runs a task when it is handed in: for input so small that starting processes costs more than reading it."""

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """The future is done, whatever came of it."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def read_captures(
    paths: Sequence[str],
    options: Options | None = None,
    executors: Executors = InThisProcess,
    progress: Progress = lambda done, total: None,
    keys: Sequence[Path] = (),
    state: State | None = None,
    shelf: Shelf | None = None,
) -> Reading:
    """The totals of these files. A file that gives nothing becomes an entry in `errors`, the others go on. Does not
    depend on the executor, nor on the order in which tasks are done. `keys` are key logs for captures of packets.
    `state` is where totals are kept for the next run; it rests on the options and the keys. With a shelf, the totals of
    each capture are there, and the report has only what tells devices apart."""
    return _Run(paths, options or Options(), progress, keys, state, shelf).over(executors)


def of_each_task[T](
    reading: Reading,
    function: Callable[[str, Iterator[Evidence]], T],
    options: Options,
    executors: Executors = InThisProcess,
    progress: Progress = lambda done, total: None,
    keys: Sequence[Path] = (),
) -> Iterator[T]:
    """Reads captures once more, of which the totals are known: what the function makes of the path and the
    transmissions of each task, in the order of the captures. It is run where the executor runs tasks. Raises
    CaptureError."""
    total = sum(file.bytes for file in reading.files)
    done = 0
    waiting: deque[tuple[Task, Future[T]]] = deque()

    def next_done() -> T:
        nonlocal done
        task, future = waiting.popleft()
        try:
            result = future.result()
        except BrokenExecutor as error:
            raise CaptureError(f"{task.path}: {DIED}") from error
        done += task.size
        progress(min(done, total), total)
        return result

    following = joined([file.path for file in reading.files])
    followers = {path for more in following.values() for path in more}
    with executors() as pool:
        for path in (file.path for file in reading.files if file.path not in followers):
            for task in _tasks_of(path, keys, options, following.get(path, ()))[1]:
                task = task._replace(skip=reading.repeated.get(path, frozenset()))
                waiting.append((task, _submitted(pool, partial(_of_task, function), task)))
                if len(waiting) >= WAITING // 4:
                    yield next_done()
        while waiting:
            yield next_done()


def _of_task[T](function: Callable[[str, Iterator[Evidence]], T], task: Task) -> T:
    return function(task.path, _examined(task, Capture()))


class _Run:
    """One run over some captures."""

    def __init__(
        self,
        paths: Sequence[str],
        options: Options,
        progress: Progress,
        keys: Sequence[Path],
        state: State | None,
        shelf: Shelf | None,
    ) -> None:
        self._keys = tuple(keys)
        self._state = state
        self._shelf = shelf
        self._left: Counter[str] = Counter()
        """Tasks of a capture that are not done."""
        self._open: dict[str, Report] = {}
        """Captures of which not all is read, if there is a shelf; and of each that is read, """
        self._samples: dict[str, _Sample] = {}
        """what tells whether others hold the same."""
        self._more = joined(paths)
        followers = {path for more in self._more.values() for path in more}
        self._paths = [path for path in dict.fromkeys(paths) if path not in followers]
        self._options = options
        self._progress = progress
        self._sizes = {path: _size(path) for path in dict.fromkeys(paths)}
        self._total = sum(self._sizes.values())
        self._done = 0
        self._result = Reading()
        self._lost: list[Opening | Task] = []
        self._tasks: deque[Task] = deque()
        """What is known to be there to read."""
        self._digests: dict[str, Future[str] | str] = {}
        self._by_size: dict[int, tuple[str, dict[str, str]]] = {}
        """By length: the first file, and by digest the files of which one was needed."""

    def over(self, executors: Executors) -> Reading:
        self._read_all(executors, self._openings())
        self._hashed()
        self._count_once(executors)
        self._count_sessions_once(executors)
        self._progress(self._total, self._total)
        result = self._result
        captures = result.report.captures
        result.report.captures = {path: captures[path] for path in self._paths if path in captures}
        if self._shelf is None:
            for capture in result.report.captures.values():
                capture.warnings = dict.fromkeys(sorted(capture.warnings, key=_by_place))
        return result

    def _read_all(self, executors: Executors, jobs: Iterator[Opening | Task]) -> None:
        """Reads it all, however many processes are ended meanwhile. What was under way when one was is tried once more,
        each by itself, so that only what is at fault is lost; then the rest goes on."""
        while True:
            with executors() as pool:
                self._read(pool, jobs)
                self._wait_for_digests()
            alone, self._lost = self._lost, []
            if not alone:
                return
            waiting, self._tasks = self._tasks, deque()
            for job in alone:
                with executors() as pool:
                    # What is in a large capture is no longer the job itself: its turn comes later.
                    self._read(pool, iter((job,)), one=True)
                    self._wait_for_digests()
                waiting += self._tasks
                self._tasks.clear()
                if self._lost:
                    self._result.errors[job.path] = DIED
                    self._advance(job.size)
                    self._lost = []
                    self._done_with(job)
            self._tasks = waiting

    def _wait_for_digests(self) -> None:
        """A pool that is left is not asked any more."""
        wait([digest for digest in self._digests.values() if not isinstance(digest, str)])

    def _openings(self) -> Iterator[Opening]:
        """The captures to read, one after the other."""
        for path in self._paths:
            original = self._is_copy_of(path)
            if original is not None:
                self._result.copies[path] = original
                self._advance(self._sizes[path])
                continue
            files = self._files(path)
            size = sum(self._sizes[file] for file in files)
            yield Opening(path, size, self._keys, self._options, files[1:], self._state)

    def _files(self, path: str) -> tuple[str, ...]:
        """A capture's file, and those that go on with it."""
        return path, *self._more.get(path, ())

    def _is_copy_of(self, path: str) -> str | None:
        """An earlier file with the same content. Only files of one length are compared, so that few are read for it."""
        size = self._sizes[path]
        first, known = self._by_size.setdefault(size, (path, {}))
        if not size or first == path:
            return None
        try:
            if not known:
                known[sha256(first)] = first
            original = known.setdefault(sha256(path), path)
        except CaptureError:
            return None  # its turn will come, and then it is said
        return original if original != path else None

    def _note(self, path: str, plan: Plan) -> None:
        """What a capture's plan says of it."""
        capture = self._report_of(path).captures.setdefault(path, Capture())
        capture.warnings.update(dict.fromkeys(plan.warnings))
        capture.unseen.update(dict.fromkeys(plan.unseen))
        capture.said = plan.said
        capture.macs.update(plan.macs)

    def _read(self, pool: Executor, jobs: Iterator[Opening | Task], *, one: bool = False) -> None:
        """Has captures looked at and read, some at a time: all, or only `one`. If a process is ended, what was under
        way is in `_lost`, and nothing more is handed out."""
        pending: dict[Future[Opened | Totals], Opening | Task] = {}
        while True:
            while len(pending) < WAITING and not self._lost:
                job = self._tasks.popleft() if self._tasks and not one else next(jobs, None)
                if job is None:
                    break
                pending[_submitted(pool, run_job, job)] = job
            if not pending:
                return
            done = wait(pending, return_when=FIRST_COMPLETED).done
            for future in [future for future in pending if future in done]:  # a set has no order that stays
                job = pending.pop(future)
                try:
                    result = future.result()
                except BrokenExecutor:
                    self._lost.append(job)
                    continue
                except CaptureError as error:
                    self._result.errors[job.path] = str(error)
                    self._advance(job.size)
                    self._done_with(job)
                    continue
                if isinstance(result, Opened):
                    self._tasks.extend(self._opened(job, result, pool))
                else:
                    self._add(job.path, result)
                    self._advance(job.size)
                    self._done_with(job)

    def _opened(self, job: Opening | Task, result: Opened, pool: Executor) -> Sequence[Task]:
        """What is left to read of a capture."""
        self._note(job.path, result.plan)
        files = self._files(job.path)
        self._left[job.path] = len(result.tasks)
        if result.totals is not None:
            self._add(job.path, result.totals)
            self._advance(job.size)
        if not result.tasks:
            self._shelve(job.path)
        if result.digests:
            self._digests.update(zip(files, result.digests, strict=True))
        else:
            for file in files:
                self._digests[file] = _submitted(pool, sha256, file)
        return result.tasks

    def _count_once(self, executors: Executors) -> None:
        """Reads captures anew that hold flows of earlier ones (overlapping saves), without these."""
        jobs = self._overlapping()
        first = next(jobs, None)
        if first is not None:
            self._read_all(executors, chain((first,), jobs))

    def _overlapping(self) -> Iterator[Task]:
        """Captures that hold flows of earlier ones. Which do is told by samples of their flows; which flows, by all of
        the earlier ones."""
        holders: dict[int, str] = {}
        for path in self._paths:
            flows = self._sample(path).flows
            earlier = {holders[flow] for flow in flows if flow in holders}
            for flow in flows:
                holders.setdefault(flow, path)
            if not earlier:
                continue
            skip = frozenset(flow for other in sorted(earlier) for flow in self._flows(other))
            self._result.repeated[path] = skip
            yield from self._again(path, skip)

    def _count_sessions_once(self, executors: Executors) -> None:
        """The same for captures of one session in several formats: the format that keeps most counts. Two are of one
        session if half of the exchanges of the smaller one are in both; which exchanges count in the other is told by
        what was asked and when."""
        captures = self._result.report.captures
        formats = {path: format_name(path) for path in self._paths if path in captures}
        order = {
            format_: rank
            for rank, format_ in enumerate(dict.fromkeys(sorted(formats.values(), key=_fullest)))
        }
        if len(order) < 2:
            return
        known: dict[str, list[int]] = {}
        paths = sorted(formats, key=lambda path: order[formats[path]])
        for place, path in enumerate(paths):
            others = [
                other
                for other in paths[:place]
                if formats[other] != formats[path]
                and _of_one_session(self._sample(other), self._sample(path))
            ]
            if not others:
                continue
            for other in others:
                if other not in known:
                    known[other] = [moment for sent in self._sent(other) for moment in _moments(sent)[:1]]
            skip = self._result.repeated.get(path, frozenset())
            skip |= {moment for other in others for moment in known[other]}
            self._result.repeated[path] = skip
            self._read_all(executors, iter(self._again(path, skip, others)))

    def _again(self, path: str, skip: frozenset[int], sessions: Sequence[str] = ()) -> list[Task]:
        """Forgets what was read of a capture. Returns what is to be read of it instead."""
        if self._shelf is not None:
            report = self._open[path] = self._shelf.get(path)
            for key in report.devices:
                self._result.report.devices.pop(key, None)
        report = self._report_of(path)
        report.captures[path].sessions.update(dict.fromkeys(sessions))
        report.remove(path)
        plan, tasks = _tasks_of(path, self._keys, self._options, self._files(path)[1:])
        self._note(path, plan)
        self._left[path] = len(tasks)
        return [task._replace(skip=skip) for task in tasks]

    def _flows(self, path: str) -> Iterator[int]:
        """The hashes of all flows of a capture."""
        return (_flow(sent) for sent in self._sent(path) if sent.flow_id)

    def _sent(self, path: str) -> Iterator[Transmission]:
        with open_source(path, self._keys, self._more.get(path, ())) as source:
            for part in source.plan(PART).parts:
                yield from source.read(part)

    def _hashed(self) -> None:
        """Notes the files that were read, in their order."""
        for first in self._paths:
            if first not in self._result.report.captures and self._result.errors.get(first) != DIED:
                continue
            for path in self._files(first):
                try:
                    try:
                        found = self._digests[path]
                        digest = found if isinstance(found, str) else found.result()
                    except (KeyError, BrokenExecutor):
                        digest = sha256(path)
                except CaptureError as error:  # it was there when it was planned
                    self._result.errors[path] = str(error)
                else:
                    begin = "" if path == first else first
                    self._result.files.append(File(path, digest, self._sizes[path], begin))

    def _report_of(self, path: str) -> Report:
        """Where a capture is added up."""
        return self._result.report if self._shelf is None else self._open.setdefault(path, Report())

    def _done_with(self, job: Opening | Task) -> None:
        self._left[job.path] -= isinstance(job, Task)
        if self._left[job.path] <= 0:
            self._shelve(job.path)

    def _shelve(self, path: str) -> None:
        """Puts a capture that is read on the shelf, if there is one, and keeps what is needed of it."""
        report = self._open.pop(path, None)
        if self._shelf is None or report is None:
            return
        report.cut()
        capture = report.captures[path]
        capture.warnings = dict.fromkeys(sorted(capture.warnings, key=_by_place))
        size = max(LEAST_SAMPLE, min(SAMPLE, SAMPLES // len(self._paths)))
        flows, exchanges = (array("Q", nsmallest(size, each)) for each in (capture.flows, capture.exchanges))
        self._samples[path] = _Sample(flows, exchanges, capture.first, capture.last, size)
        capture.flows, capture.exchanges = set(), set()
        self._shelf.put(path, report)
        self._result.report.captures[path] = _SHELVED
        for key, device in report.devices.items():
            self._result.report.devices[key] = outline(device, catalogue().kinds)

    def _sample(self, path: str) -> "_Sample":
        """What tells whether other captures hold the same as this one."""
        if self._shelf is not None:
            return self._samples.get(path, _NOTHING)
        capture = self._result.report.captures.get(path, _SHELVED)
        return _Sample(capture.flows, capture.exchanges, capture.first, capture.last, SAMPLE)

    def _add(self, path: str, totals: Totals) -> None:
        self._report_of(path).merge(totals.report)
        self._result.errors.update(totals.errors)
        self._result.state.update(totals.state)

    def _advance(self, size: int) -> None:
        self._done = min(self._done + size, self._total)
        self._progress(self._done, self._total)


def _submitted[A, T](pool: Executor, function: Callable[[A], T], argument: A) -> Future[T]:
    """What the executor makes of it; if it has ended, a future that says so."""
    try:
        return pool.submit(function, argument)
    except BrokenExecutor as error:
        future: Future[T] = Future()
        future.set_exception(error)
        return future


def _tasks_of(
    path: str, keys: Sequence[Path], options: Options, more: tuple[str, ...] = ()
) -> tuple[Plan, list[Task]]:
    """What there is to read in a capture. Raises CaptureError."""
    with open_source(path, keys, more) as source:
        plan = source.plan(PART)
    if plan.said is not None and plan.said.values:
        options = options._replace(known=with_known(options.known, plan.said.values))
    together = plan.together or PARTS
    return plan, [
        Task(path, plan.parts[start : start + together], plan.names, plan.context, options, more=more)
        for start in range(0, len(plan.parts), together)
    ]


def run_job(job: Opening | Task) -> Opened | Totals:
    """Looks at a capture, and reads it if it is one task: nobody waits until all captures were looked at. Or reads a
    task. Needs nothing but its argument: any process that has this program can do it. Raises CaptureError."""
    if isinstance(job, Task):
        state = job.state and job.state.of(repr((job.parts, sorted(job.skip))).encode())
        return _unless_kept(state, (job.path, *job.more), partial(read, job))
    if job.state is None:
        return _opened(job, None, ())
    files = job.path, *job.more
    stamps = on_disk.stamps(files)
    digests = [sha256(path) for path in files]
    state = job.state.of(repr(files).encode(), "".join(digests).encode(), on_disk.contents(beside(job.path)))
    state = state._replace(stamps=stamps)
    return _unless_kept(state, files, partial(_opened, job, state, digests))


def _opened(job: Opening, state: State | None, digests: Sequence[str]) -> Opened:
    plan, tasks = _tasks_of(job.path, job.keys, job.options, job.more)
    if len(tasks) > 1:
        return Opened(plan, [task._replace(state=state) for task in tasks], None, digests)
    totals = Totals()
    for task in tasks:
        totals = read(task)
    return Opened(
        plan._replace(parts=(), names=(), context=None),
        (),
        totals,
        digests or [sha256(path) for path in (job.path, *job.more)],
    )


def _unless_kept[T: (Opened, Totals)](state: State | None, files: Sequence[str], make: Callable[[], T]) -> T:
    """What a run before has kept under this state; or what is made now, and kept if the files stayed as they were."""
    if state is None:
        return make()
    said: Counter[str] = Counter()
    try:
        found = on_disk.kept(state)
    except on_disk.DamagedError:
        found = None
        said[DAMAGED] += 1
    if found is not None:
        said[TAKEN] += 1
        result: T = found
    else:
        result = make()
    totals = result if isinstance(result, Totals) else result.totals
    if totals is None:  # there are tasks, and each keeps its own
        return result
    if found is None and not totals.errors and state.stamps and on_disk.stamps(files) == state.stamps:
        try:
            on_disk.keep(state, result)
        except OSError as error:
            said[error.strerror or str(error)] += 1
    totals.state = said
    return result


def read(task: Task) -> Totals:
    """What one task holds."""
    result = Totals(Report(moments=task.options.moments))
    capture = result.report.captures[task.path] = Capture(parts=set(task.parts))
    try:
        for evidence in _examined(task, capture):
            result.report.add(task.path, evidence)
    except CaptureError as error:  # it was there when it was planned
        result.errors[task.path] = str(error)
    return result


def _examined(task: Task, capture: Capture) -> Iterator[Evidence]:
    """The transmissions of a task; in the end, `capture` knows what reading came upon. Raises CaptureError."""
    examiner = _examiner(task.options)
    examiner.names = Names(task.names)
    with open_source(task.path, more=task.more) as source:
        source.context = task.context
        for part in task.parts:
            for batch in _batches(_once(source.read(part), task.skip, capture)):
                yield from examiner.examine_all(batch)
        capture.warnings.update(dict.fromkeys(source.warnings()))
        capture.counted.update(source.counted())


def _once(
    transmissions: Iterable[Transmission], skip: frozenset[int], capture: Capture
) -> Iterator[Transmission]:
    """Those that do not count in another capture; all are taken note of."""
    for sent in transmissions:
        if sent.flow_id:
            flow = _flow(sent)
            capture.note(flow)
            if flow in skip:
                capture.repeated += 1
                continue
        if sent.method and sent.origin == "device":
            capture.note_exchange(_exchange(sent))
            if skip and not skip.isdisjoint(_moments(sent)):
                capture.repeated += 1
                continue
        yield sent


def _exchange(sent: Transmission) -> int:
    """A hash of what was asked of whom: in every format the same."""
    asked = f"{sent.method} {sent.authority or sent.host or sent.address} {sent.path}".encode(
        "utf-8", "replace"
    )
    return int.from_bytes(blake2b(asked, digest_size=8).digest())


def _moments(sent: Transmission) -> list[int]:
    """Hashes of what was asked and about when: first that of its own time, then those of the times beside it."""
    if not sent.method or sent.origin != "device":
        return []
    asked, time = _exchange(sent), int(sent.time // NEAR)
    return [hash((asked, time + step)) for step in (0, -1, 1)]


class _Sample(NamedTuple):
    """What tells whether two captures hold the same."""

    flows: Collection[int]
    exchanges: Collection[int]
    first: float
    last: float
    size: int
    """Hashes that there are of each if there were more in the capture."""


_SHELVED: Final = Capture()
"""Stands in the report for a capture on the shelf."""
_NOTHING: Final = _Sample((), (), float("inf"), float("-inf"), SAMPLE)


def _of_one_session(one: _Sample, other: _Sample) -> bool:
    """Whether two captures hold the same exchanges, at the same time."""
    # Of a long capture only the smallest hashes are kept: beyond these nothing can be compared.
    bound = min(
        (max(each.exchanges) for each in (one, other) if len(each.exchanges) >= each.size), default=1 << 64
    )
    mine, its = ({hash_ for hash_ in each.exchanges if hash_ <= bound} for each in (one, other))
    smaller, shared = min(len(mine), len(its)), len(mine & its)
    apart = one.first > other.last + NEAR or other.first > one.last + NEAR
    return not apart and shared >= max(1, min(FEWEST, smaller), smaller / 2)


def _fullest(format_: str) -> int:
    """Sorts formats, those that keep most of a session first."""
    return next((rank for rank, word in enumerate(("flow", "packets", "HAR")) if word in format_), 9)


def _flow(sent: Transmission) -> int:
    """A hash of what tells flows apart: the same in every process and every run."""
    identity = f"{sent.flow_id} {sent.time!r}".encode("utf-8", "replace")
    return int.from_bytes(blake2b(identity, digest_size=8).digest())


@lru_cache(maxsize=1)
def _examiner(options: Options) -> Examiner:
    """The examiner of this process, so that what it remembers serves the next task too."""
    return Examiner(None, options)


def _batches(sent: Iterable[Transmission]) -> Iterator[list[Transmission]]:
    """Some transmissions at a time, but not much content."""
    batch: list[Transmission] = []
    size = 0
    for transmission in sent:
        batch.append(transmission)
        size += sum(map(len, transmission.payloads)) + sum([len(value) for _, value in transmission.headers])
        if len(batch) >= BATCH or size >= BATCH_BYTES:
            yield batch
            batch = []
            size = 0
    if batch:
        yield batch


def _by_place(warning: str) -> list[Any]:
    """Sorts lines that name a byte in the order of the bytes: tasks come upon them in any."""
    return [int(word) if place % 2 else word for place, word in enumerate(re.split(r"(\d{1,19})", warning))]


def sha256(path: str) -> str:
    """Of the whole file, in hexadecimal. Raises CaptureError if it cannot be read."""
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
