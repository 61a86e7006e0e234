"""A file of packets: opened, unpacked, read twice.

The only module here that touches the disk. A compressed file is unpacked as it is read, and never as a whole.
"""

import gzip
import lzma
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, cast

import zstandard

from phonehome.analysis.sources.packets import blocks, keys
from phonehome.analysis.sources.packets.blocks import Blocks
from phonehome.analysis.sources.packets.conversations import Conversations
from phonehome.analysis.sources.packets.devices import Devices
from phonehome.analysis.sources.packets.keys import Keys
from phonehome.analysis.sources.packets.notes import Notes
from phonehome.analysis.sources.packets.survey import Survey
from phonehome.analysis.transmission import NameAnswer, Transmission

PIECE: Final = 1 << 20
"""Bytes that are read at a time."""
_GZIP, _ZSTD, _XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00"
_BROKEN: Final = (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError)


class PacketError(Exception):
    """A file that gives nothing; the message says why."""


class Part(NamedTuple):
    """A worker's share: the conversations with this number, of so many."""

    number: int
    of: int


def beginning(path: Path) -> bytes:
    """How a file begins, unpacked; empty if it cannot be."""
    try:
        with _unpacked(path) as file:
            return file.read(64)
    except _BROKEN:
        return b""


def recognises(path: Path) -> bool:
    """Whether it is a file of packets, perhaps compressed."""
    return blocks.recognises(beginning(path))


def _unpacked(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        signature = file.read(6)
    if signature.startswith(_GZIP):
        return cast("BinaryIO", gzip.open(path, "rb"))
    if signature.startswith(_XZ):
        return cast("BinaryIO", lzma.open(path, "rb"))
    if signature.startswith(_ZSTD):
        return cast("BinaryIO", zstandard.open(path, "rb"))
    return path.open("rb")


def _pieces(path: Path, notes: Notes) -> Iterator[bytes]:
    with _unpacked(path) as file:
        while True:
            try:
                piece = file.read(PIECE)
            except _BROKEN:
                notes.add("the compression is damaged: what lies behind was not read")
                return
            if not piece:
                return
            yield piece


class PacketSource:
    """One capture. `names`, `devices` and the warnings are known once it is made: it reads the file for them."""

    def __init__(self, path: Path, logs: Iterable[Path] = ()) -> None:
        self.path = path
        self.notes = Notes()
        self.keys = Keys()
        given = list(logs)
        beside = [file for file in _beside(path) if file not in given]
        for log in (*given, *beside):
            self._take_keys(log, asked=log in given)
        survey = Survey(self.notes)
        reader = Blocks(self.notes)
        try:
            survey.read(reader.frames(_pieces(path, self.notes)))
        except OSError as error:
            raise PacketError(f"cannot be read: {error.strerror or error}") from error
        self.keys.merge(reader.secrets)
        self.facts = reader.facts
        self.frames = survey.frames
        self.bytes = survey.bytes
        """Of the frames, unpacked."""
        if not survey.packets:
            raise PacketError("; ".join(("no packets of TCP or UDP in it", *self.notes.lines())))
        self.devices: Devices = survey.devices()
        self.names: tuple[NameAnswer, ...] = survey.names(self.devices)
        if reader.dropped:
            self.notes.count("packets were lost by the program that captured", reader.dropped)
        if survey.cut:
            self.notes.count("packets were cut by the program that captured (snapshot length)", survey.cut)
        if len(survey.eras) > 1:
            years = ", ".join(map(str, sorted(survey.eras)))
            self.notes.add(
                f"the times of its packets lie in different years ({years}): it is put together, or a clock was wrong"
            )

    def _take_keys(self, log: Path, *, asked: bool) -> None:
        try:
            found = self.keys.add(log.read_bytes())
        except OSError as error:
            if asked:
                raise PacketError(f"--keys {log}: {error.strerror or error}") from error
            return
        if asked and not found:
            self.notes.add(f"no key in {log.name}: it is no key log (SSLKEYLOGFILE)")

    def parts(self, wanted: int) -> tuple[Part, ...]:
        """About so many shares; each reads all frames and keeps its own conversations."""
        return tuple(Part(number, max(wanted, 1)) for number in range(max(wanted, 1)))

    def read(self, part: Part) -> Iterator[Transmission]:
        """The Transmissions of a share, as they end. What is counted goes to `notes`."""
        conversations = Conversations(self.devices, self.keys, self.notes, part)
        ignored = Notes()
        yield from conversations.read(Blocks(ignored).frames(_pieces(self.path, ignored)))

    def warnings(self) -> tuple[str, ...]:
        """What could not be read, a line each."""
        return self.notes.lines()


def _beside(path: Path) -> list[Path]:
    """Key logs that lie beside a capture: `NAME.keys`, `NAME.keylog`, and the usual sslkeylog.txt."""
    stem = path.name.split(".")[0]
    candidates = [path.with_name(stem + ending) for ending in (".keys", ".keylog", ".sslkeylog")]
    candidates += [path.with_name(name) for name in ("sslkeylog.txt", "sslkeys.log", "sslkeylogfile.txt")]
    found = []
    for candidate in candidates:
        try:
            with candidate.open("rb") as file:
                if keys.recognises(file.read(4096)):
                    found.append(candidate)
        except OSError:
            continue
    return found
