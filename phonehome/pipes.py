"""Captures that come through a pipe (`/dev/stdin`, `<(...)`, a FIFO), as files: a capture is read more than once.

Each is kept in a temporary folder of its owner until the command is over, under the name that it has in the report.
"""

import os
import select
import stat
import time
from pathlib import Path
from typing import Final

from phonehome.options import UsageError, say

LARGEST: Final = 8 << 30
"""Bytes of a pipe that are kept."""
PIECE: Final = 1 << 20
SAY_AFTER: Final = 1.0
"""Seconds after which it is said that nobody writes to a FIFO."""
PATIENCE: Final = 60.0
"""Seconds after which nobody will."""
STANDARD_INPUT: Final = "/dev/stdin"


def spooled(path: str, folder: Path) -> str:
    """The path of a file with what comes through the pipe of that path; the path itself if it is none. `folder` is a
    new one of our own. Raises UsageError."""
    if path == "-":
        path = STANDARD_INPUT
    try:
        if not stat.S_ISFIFO(os.stat(path).st_mode):
            return path
    except OSError:
        return path  # whoever opens it says what is wrong
    inner = folder / str(sum(1 for _ in folder.iterdir()))
    target = inner / (Path(path).name or "pipe")
    try:
        inner.mkdir(mode=0o700)
        source = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                size = 0
                while piece := _next(source, path, begun=size > 0):
                    size += file.write(piece)
                    if size > LARGEST:
                        raise UsageError(
                            f"{path}: more than {LARGEST >> 30} GiB come through it: save it to a file"
                        )
        finally:
            os.close(source)
    except OSError as error:
        raise UsageError(
            f"{path}: what comes through it cannot be kept in {folder.parent}: {error.strerror or error}; "
            "TMPDIR names another folder"
        ) from error
    return str(target)


def _next(source: int, path: str, *, begun: bool) -> bytes:
    """What comes next; empty at the end. Raises UsageError if nobody opens a FIFO for writing."""
    unnamed = path.startswith(("/dev/", "/proc/"))  # of such a pipe both ends are there from the beginning
    waited, said = time.monotonic(), False
    while True:
        try:
            piece = os.read(source, PIECE)
        except BlockingIOError:
            select.select([source], [], [])
            begun = True
            continue
        if piece or begun or unnamed:
            return piece
        if time.monotonic() - waited > PATIENCE:
            raise UsageError(f"{path}: a FIFO that nobody writes to")
        if not said and time.monotonic() - waited > SAY_AFTER:
            said = True
            say(f"phonehome: {path} is a FIFO: waiting for somebody to write to it (Ctrl-C ends)")
        time.sleep(0.02)
