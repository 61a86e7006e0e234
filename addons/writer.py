"""Writes to a file in a thread: a disk that is busy can keep a write for a second, and no traffic is to wait for it.

Who needs to know that something is in the file waits for the future that `put` gives; what has gathered meanwhile is
written in one go. Something is in the file whole or not at all: after a write that failed the file is cut back.
"""

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

PATIENCE: Final = 30.0
"""Seconds that closing waits for a disk."""
BATCH: Final = 200
"""Entries that are reported together."""

Pieces = Sequence[bytes]


class _Entry(NamedTuple):
    pieces: Pieces | Callable[[], Pieces]
    loop: asyncio.AbstractEventLoop
    written: asyncio.Future[None]


class Writer:
    """A file, and the thread that writes to it, which starts when it is first needed."""

    def __init__(self, file: int, failed: Callable[[OSError | None], None], *, sync: bool = False) -> None:
        """Takes over the file, which is opened for appending. `failed` hears of each entry that could not be written,
        and, with None, of each that could. `sync` is for a log of few lines: each is on the disk itself."""
        self._file = file
        self._failed = failed
        self._sync = sync
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def put(self, pieces: Pieces | Callable[[], Pieces]) -> asyncio.Future[None] | None:
        """Writes pieces, or what a function gives when the thread calls it. The future is done when they are in the
        file, or cannot be; None if they are already, because no event loop runs."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write(pieces)
            return None
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
            self._thread.start()
        written = loop.create_future()
        self._queue.put(_Entry(pieces, loop, written))
        return written

    def close(self) -> None:
        """Waits until all is written, and closes the file."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(PATIENCE)
        os.close(self._file)

    # In the thread.

    def _work(self) -> None:
        while (entry := self._queue.get()) is not None:
            done = [entry]
            self._write(entry.pieces)
            while len(done) < BATCH and not self._queue.empty():
                more = self._queue.get()
                if more is None:
                    self._queue.put(None)
                    break
                self._write(more.pieces)
                done.append(more)
            try:
                entry.loop.call_soon_threadsafe(_finish, [each.written for each in done])
            except RuntimeError:
                pass  # the loop has ended, and nobody waits

    def _write(self, pieces: Pieces | Callable[[], Pieces]) -> None:
        if callable(pieces):
            pieces = pieces()
        before, written = os.fstat(self._file).st_size, 0
        try:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    count = os.write(self._file, rest)
                    written += count
                    rest = rest[count:]
            if self._sync:
                os.fsync(self._file)
        except OSError as error:
            try:
                if os.fstat(self._file).st_size == before + written:  # else others write to it as well
                    os.ftruncate(self._file, before)
            except OSError:
                pass  # no ordinary file
            self._failed(error)
        else:
            self._failed(None)


def _finish(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
