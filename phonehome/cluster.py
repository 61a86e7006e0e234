"""Captures read by a cluster: Dask's `distributed` runs the tasks that this machine's processes would.

Nothing is different but where tasks run: a task needs its argument, this package in the same version, and the captures
under the same paths. A worker that dies has its tasks done by another; a task that took several with it is tried once
more alone, and then named as lost.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from functools import partial
from typing import Any

from phonehome.analysis.pipeline import Executors
from phonehome.options import UsageError

LOCAL = "local"
WAIT = 15
"""Seconds for a scheduler to answer, and for a first worker to be there."""


def executors(address: str) -> Executors:
    """On the cluster whose scheduler has this address (`tcp://host:8786`); or, for `local`, on one that is started on
    this machine. What they make raises UsageError if there is none, or if its workers are of another version."""
    return partial(_connected, address)


@contextmanager
def _connected(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise UsageError(
            '--cluster needs Dask, which is not installed: pip install "phonehome[cluster]"'
        ) from error
    try:
        where: Any = address
        if address == LOCAL:
            where = LocalCluster(
                processes=True, threads_per_worker=1, dashboard_address=None, silence_logs=50
            )
        client = Client(where, timeout=WAIT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"--cluster {address}: no scheduler answers there ({error})") from error
    try:
        _check(client, address)
        with _Tasks(client.get_executor(pure=False)) as tasks:
            yield tasks
    finally:
        client.close()
        if address == LOCAL:
            where.close()


def _check(client: Any, address: str) -> None:
    """Raises UsageError if tasks could not be run as here."""
    try:
        client.wait_for_workers(1, timeout=WAIT)
    except TimeoutError as error:
        raise UsageError(f"--cluster {address}: the scheduler has no worker") from error
    mine = _version()
    others = {
        worker: version
        for worker, version in client.run(_version, on_error="return").items()
        if version != mine
    }
    for worker, version in sorted(others.items()):
        has = f"has phonehome {version}" if isinstance(version, str) else "has no phonehome"
        raise UsageError(
            f"--cluster {address}: the worker {worker} {has}, this machine {mine}: install the same"
        )


def _version() -> str:
    from phonehome.analysis import __version__

    return __version__


class _Tasks(Executor):
    """Dask's executor; what is lost with workers is said as `concurrent.futures` says it."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See `Executor.submit`."""
        outer: Future[T] = Future()
        inner = self._pool.submit(fn, *args, **kwargs)
        inner.add_done_callback(partial(_hand_on, outer))
        return outer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See `Executor.shutdown`."""
        self._pool.shutdown(wait=wait)


def _hand_on(outer: "Future[Any]", inner: "Future[Any]") -> None:
    from concurrent.futures import CancelledError

    from distributed.scheduler import KilledWorker

    try:
        outer.set_result(inner.result())
    except (KilledWorker, CancelledError) as error:
        outer.set_exception(BrokenExecutor(str(error)))
    except Exception as error:
        outer.set_exception(error)
