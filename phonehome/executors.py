"""Where captures are read: in this process, or in processes of this machine."""

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from phonehome.analysis.pipeline import Executors, InThisProcess

WORTH_PROCESSES = 12 << 20
"""Bytes of captures from which on processes are started."""


_SAFE_PATH: Final = "PYTHONSAFEPATH"
"""Does in the environment what `-P` does (https://docs.python.org/3/using/cmdline.html#envvar-PYTHONSAFEPATH)."""


@contextmanager
def _safe_path() -> Iterator[None]:
    """Python processes that are started meanwhile do not look for modules in the current folder, where a `pickle.py`
    may lie beside a capture: `multiprocessing` starts its own with `-c`, which looks there first, and passes on no
    such option."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


class _Pool(ProcessPoolExecutor):
    """Processes are started when something is handed in, and one that keeps the books before."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        with _safe_path():
            super().__init__(*arguments, **named)

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See `Executor.submit`."""
        with _safe_path():
            return super().submit(fn, *args, **kwargs)


def executors(workers: int | None, paths: Iterable[str], cluster: str | None = None) -> Executors:
    """For so many processes (None is one for each processor), or for this one if there is little to read; or on a
    cluster."""
    if cluster is not None:
        from phonehome import cluster as on_cluster

        return on_cluster.executors(cluster)
    count = workers or os.cpu_count() or 1
    if count == 1 or sum(map(_size, paths)) < WORTH_PROCESSES:
        return InThisProcess
    return partial(_processes, count)


def _processes(count: int) -> Executor:
    context = multiprocessing.get_context("fork" if _may_fork() else "spawn")
    return _Pool(count, context, _start)


def _start() -> None:
    """In a worker. Ctrl-C reaches every process of the terminal; the one that started the others decides. A worker
    ends with it, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    look_for_cycles_seldom()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def look_for_cycles_seldom() -> None:
    """A worker makes millions of small objects and hardly a cycle: looking for them costs a twentieth of its time."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _may_fork() -> bool:
    """Forking spares each worker the imports, but where a thread runs (also one of a library in another language)
    it can copy a lock that nobody opens again. Only Linux says how many threads there are."""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
