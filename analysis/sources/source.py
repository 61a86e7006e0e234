"""What every source of traffic has in common: parts that can be read apart, DNS names, transmissions, warnings.

A source does the input, and only that: what it gives are `Transmission`s, which know nothing of its format.
"""

import mmap
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from phonehome.analysis.transmission import NameAnswer, Transmission

Buffer = bytes | mmap.mmap

MAX_WARNINGS = 20
"""Lines about one file; more are counted."""


class CaptureError(Exception):
    """A file that gives no report; the message says why, and what to do."""


class Part(NamedTuple):
    """A piece of a capture that can be read without the others. What the numbers mean is the source's affair, but
    that their difference is about the bytes to be read, for whoever shows progress."""

    start: int
    end: int


class Said(NamedTuple):
    """What a capture, or a file beside it, says of the phone that it was made of. Empty is "not said"."""

    by: str
    """Who says so."""
    maker: str = ""
    model: str = ""
    system: str = ""
    """`Android 9`."""
    build: str = ""
    values: tuple[tuple[str, str], ...] = ()
    """Names and values that only this phone has, to be searched for."""

    @property
    def phone(self) -> str:
        """Maker, model, system and build in a line."""
        maker = "" if self.model.lower().startswith(self.maker.lower()) else self.maker
        return ", ".join(filter(None, (f"{maker} {self.model}".strip(), self.system, self.build)))


class Plan(NamedTuple):
    """What a first look over the whole capture found."""

    parts: tuple[Part, ...]
    names: tuple[NameAnswer, ...]
    """DNS answers in the capture, by time: what one part holds can name the addresses of another."""
    warnings: tuple[str, ...]
    unseen: tuple[str, ...] = ()
    """What a capture of this format cannot tell, whatever happened: sentences."""
    context: object = None
    """What this look found that reading a part needs. It goes with each part to whoever reads it, maybe in another
    process, and is given to the source there."""
    said: Said | None = None
    macs: Mapping[str, bytes] = {}
    """By client: the MAC address of its network card."""
    together: int | None = None
    """How many parts are best read one after the other by the same reader: 1 where each part takes a look at the whole
    capture; None if it does not matter."""


class Warnings:
    """What was wrong with a file, one line each; capped, because a hostile file can be wrong all over."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._more = 0

    def add(self, line: str) -> None:
        if line in self._lines:
            return
        if len(self._lines) < MAX_WARNINGS:
            self._lines.append(line)
        else:
            self._more += 1

    def lines(self) -> tuple[str, ...]:
        more = (f"{self._more} more warnings of this kind",) if self._more else ()
        return (*self._lines, *more)


class Source(Protocol):
    """A capture that is open."""

    context: Any
    """As in the plan; None before `plan`, and where a part needs nothing."""

    def plan(self, size: int) -> Plan:
        """Looks over the capture, and divides it in parts of about `size` bytes. Raises CaptureError if it holds
        nothing that could be read."""

    def read(self, part: Part) -> Iterator[Transmission]:
        """The transmissions of one part. What cannot be read is skipped, with a warning; raises nothing for it."""

    def warnings(self) -> tuple[str, ...]:
        """What reading came upon so far, in sentences for people; a bounded number."""

    def counted(self) -> Mapping[str, int]:
        """The same, of what adds up over parts: what it was (a plural), and how often; a bounded number."""


def check_whole(data: Buffer) -> None:
    """Whether a mapped file is still as long as it was: whoever touches what is gone is ended by the system. To be
    asked before each piece. Raises CaptureError."""
    if isinstance(data, mmap.mmap) and data.size() < len(data):
        raise CaptureError("it became shorter while it was read: read a copy of it")


def release(data: Buffer, start: int, end: int) -> None:
    """Tells the system that data[start:end] will not be needed again, so that a large file does not
    fill memory. Does nothing where the system has no such call."""
    if isinstance(data, mmap.mmap) and hasattr(data, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
        start -= start % mmap.PAGESIZE
        if end > start:
            data.madvise(mmap.MADV_DONTNEED, start, end - start)
