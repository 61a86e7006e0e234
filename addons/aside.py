"""Examines what is long in another process, so that no traffic waits for it.

A thread would not do: Python's lock lets one thread run at a time, and a step that is one call, such as parsing 10 MB
of JSON, keeps the event loop waiting to its end.
"""

import asyncio
import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache

from phonehome.analysis.examiner import Evidence, Examiner
from phonehome.analysis.transmission import Transmission


class Aside:
    """The process. It is started when it is first needed, and again if it has died."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    async def examine(self, sent: Transmission) -> Evidence:
        """What `examine` gives, without the decoded values."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_begin)
        pool = self._pool
        try:
            # In a thread, because the first call starts the process, which takes a while.
            future = await asyncio.to_thread(pool.submit, _examine, sent)
            return await asyncio.wrap_future(future)
        except (BrokenProcessPool, RuntimeError):  # killed for its memory, or the proxy ends
            if self._pool is pool:
                self._pool = None
            return await asyncio.to_thread(_examine, sent)

    def close(self) -> None:
        """Ends the process, and does not wait for it."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the proxy to decide
    _examiner()


@cache
def _examiner() -> Examiner:
    """Of that process."""
    return Examiner()


def _examine(sent: Transmission) -> Evidence:
    return _examiner().examine(sent)._replace(values=(), opaque=())
