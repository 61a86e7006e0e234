"""Where captures are read: in this process, or in processes of this machine."""

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial

from phonehome.analysis.pipeline import Executors, InThisProcess

WORTH_PROCESSES = 12 << 20
"""Bytes of captures from which on processes are started."""


def executors(workers: int | None, paths: Iterable[str]) -> Executors:
    """For so many processes (None is one for each processor), or for this one if there is little to read."""
    count = workers or os.cpu_count() or 1
    if count == 1 or sum(map(_size, paths)) < WORTH_PROCESSES:
        return InThisProcess
    return partial(_processes, count)


def _processes(count: int) -> Executor:
    context = multiprocessing.get_context("fork" if _may_fork() else "spawn")
    return ProcessPoolExecutor(count, context, _start)


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
