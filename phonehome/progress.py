"""How far a long run is: one line on standard error, if that is a terminal."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

SHOW_AFTER = 0.5
"""Seconds: what is over sooner needs no progress."""


class Progress:
    """Called with the bytes that are done and all; shows a bar, and takes it away at the end."""

    def __init__(self, enabled: bool = True) -> None:
        self._bar: Bar | None = None
        self._enabled = enabled and sys.stderr.isatty()
        self._start = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if not self._enabled or time.monotonic() - self._start < SHOW_AFTER:
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            # Without its own thread: workers may be forked while it shows.
            self._bar = Bar(
                TextColumn("reading"),
                BarColumn(),
                DownloadColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                auto_refresh=False,
                transient=True,
            )
            self._bar.start()
            self._bar.add_task("reading", total=total)
        self._bar.update(self._bar.task_ids[0], completed=done, total=total, refresh=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
