"""A file of packets as a source: unpacked if it is compressed, read twice.

Strategy: `plan` reads all of it for what must be known before: devices, DNS names, keys. That is its context, which
goes with each part to whoever reads it. A part is a share of the conversations: who reads it goes over all frames, and
keeps its own. A compressed file is unpacked as it is read, and never as a whole.
"""

import gzip
import io
import itertools
import lzma
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast

import zstandard

from phonehome.analysis.sources import pirogue
from phonehome.analysis.sources.packets import blocks, keys
from phonehome.analysis.sources.packets.blocks import Blocks, Frame
from phonehome.analysis.sources.packets.conversations import Conversations
from phonehome.analysis.sources.packets.devices import Devices
from phonehome.analysis.sources.packets.keys import Keys
from phonehome.analysis.sources.packets.notes import Notes
from phonehome.analysis.sources.packets.survey import Survey
from phonehome.analysis.sources.pirogue import Traces
from phonehome.analysis.sources.source import Buffer, CaptureError, Part, Plan, Said, check_whole, release
from phonehome.analysis.transmission import Transmission

PIECE: Final = 1 << 20
"""Bytes that are read at a time."""
SHARE: Final = 32 << 20
"""Bytes of a file from which on a second worker is worth that it reads all frames too."""
MAX_SHARES: Final = 16
_BZIP2: Final = b"BZh"
UNSEEN: Final = (
    "What did not pass where the packets were captured is in none of them, nor what a VPN or another app wrapped.",
)
_BROKEN: Final = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zstandard.ZstdError)
MAX_LOG: Final = 256 << 20
"""Bytes of a key log that are read."""
_BESIDE: Final = ("sslkeylog.txt", "sslkeylog.log", "sslkeylogfile.txt", "sslkeys.log", "keylog.txt")
_BESIDE_ENDINGS: Final = (".keys", ".keylog", ".sslkeylog")


class FirstReading(NamedTuple):
    """What the first reading found, and the second needs."""

    devices: Devices
    keys: Keys
    shares: int
    marked: bool
    """Whether packets say which app they are of."""
    traces: Traces
    """Which process opened which connection."""


class PacketSource:
    """One capture."""

    def __init__(
        self, data: Buffer, path: Path, logs: Sequence[Path] = (), more: Sequence[Buffer] = ()
    ) -> None:
        """`more` are the files that go on with it, in order."""
        self._files = (data, *more)
        self._size = sum(map(len, self._files))
        self._path = path
        self._logs = logs
        self._notes = Notes()
        self.context: FirstReading | None = None
        if not blocks.may_hold_packets(data[:12]):
            raise CaptureError("no file of packets (pcap or pcapng)")
        if data[:6].startswith(blocks.COMPRESSED):
            try:
                with _unpacked(data) as file:
                    beginning = file.read(64)
            except _BROKEN as error:
                raise CaptureError("compressed, and damaged: nothing of it can be unpacked") from error
            if not blocks.recognises(beginning):
                raise CaptureError(
                    "compressed, and no file of packets (pcap or pcapng) inside: unpack it first"
                )

    def plan(self, size: int) -> Plan:
        """Reads all frames once. Raises CaptureError if none of them holds TCP or UDP."""
        notes = Notes()
        reader = Blocks(notes)
        survey = Survey(notes)
        survey.read(self._frames(reader, notes))
        if not survey.packets:
            raise CaptureError("; ".join(("a pcap or pcapng file without TCP or UDP in it", *notes.lines())))
        known = Keys()
        for log in self._logs:
            self._take(known, log, notes)
        for log in _beside(self._path):
            self._take(known, log, Notes())
        known.merge(reader.secrets)
        _said(notes, reader, survey)
        bytes_ = self._size
        shares = max(1, min(bytes_ // SHARE, os.cpu_count() or 1, MAX_SHARES))
        devices = survey.devices()
        self.context = FirstReading(devices, known, shares, reader.marked, pirogue.traces(self._path))
        bounds = [bytes_ * number // shares for number in range(shares + 1)]
        parts = tuple(Part(start, end) for start, end in itertools.pairwise(bounds))
        said = pirogue.phone(self._path) or _said_by_pcapdroid(reader.facts)
        return Plan(
            parts, survey.names(devices), notes.lines(), UNSEEN, self.context, said, devices.macs, together=1
        )

    def read(self, part: Part) -> Iterator[Transmission]:
        """The Transmissions of a share, as they end."""
        if self.context is None:
            self.plan(0)
        context = cast("FirstReading", self.context)
        share = round(part.start * context.shares / self._size), context.shares
        ignored = Notes()  # what is wrong with the file was said in the first reading
        reader = Blocks(ignored)
        app_of = reader.app if context.marked else None
        conversations = Conversations(
            context.devices, context.keys, self._notes, share, app_of, context.traces
        )
        yield from conversations.read(self._frames(reader, ignored))

    def warnings(self) -> tuple[str, ...]:
        """None beside those of the plan and those that are counted."""
        return ()

    def counted(self) -> Mapping[str, int]:
        """What could not be read, and how often."""
        return self._notes.counts()

    def _take(self, known: Keys, log: Path, notes: Notes) -> None:
        try:
            with log.open("rb") as file:
                found = known.add(file.read(MAX_LOG))
        except OSError as error:
            raise CaptureError(f"the keys {log} cannot be read: {error.strerror or error}") from error
        if not found:
            notes.add(f"no new key in {log.name}: give a key log as SSLKEYLOGFILE writes it")

    def _frames(self, reader: Blocks, notes: Notes) -> Iterator[Frame]:
        """The frames of all files."""
        for data in self._files:
            yield from reader.frames(pieces_of(data, notes))


def pieces_of(data: Buffer, notes: Notes) -> Iterator[bytes]:
    """What a file holds, unpacked if it is compressed, piece by piece."""
    if not data[:6].startswith(blocks.COMPRESSED):
        for start in range(0, len(data), PIECE):
            check_whole(data)
            yield data[start : start + PIECE]
            release(data, start, min(start + PIECE, len(data)))
        return
    with _unpacked(data) as file:
        while True:
            try:
                piece = file.read(PIECE)
            except _BROKEN:
                notes.add("the compression is damaged: what lies behind was not read")
                return
            if not piece:
                return
            yield piece


def _unpacked(data: Buffer) -> BinaryIO:
    beginning = data[:6]
    file = io.BufferedReader(_Window(data), PIECE)
    if beginning.startswith(blocks.ZSTD):
        reader: Any = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return cast("BinaryIO", reader)
    return cast(
        "BinaryIO",
        (gzip.GzipFile(fileobj=file) if beginning.startswith(blocks.GZIP) else lzma.LZMAFile(file)),
    )


class _Window(io.RawIOBase):
    """A buffer as a file, with a place of its own."""

    def __init__(self, data: Buffer) -> None:
        self._data = data
        self._place = 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        check_whole(self._data)
        piece = self._data[self._place : self._place + len(target)]
        target[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)


def _said_by_pcapdroid(facts: Mapping[str, str]) -> Said | None:
    """The section of a pcapng file is of the computer that captured; if PCAPdroid did, that is the phone."""
    tool = facts.get("application", "")
    if not tool.startswith("PCAPdroid"):
        return None
    return Said(tool, "", facts.get("hardware", ""), facts.get("system", ""))


def _said(notes: Notes, reader: Blocks, survey: Survey) -> None:
    """What a reader of the report must know of the capture as a whole."""
    if reader.dropped:
        notes.count("packets were lost by the program that captured", reader.dropped)
    if survey.cut:
        notes.count("packets were cut short by the program that captured (snapshot length)", survey.cut)
    if len(survey.eras) > 1:
        years = ", ".join(map(str, sorted(survey.eras)))
        notes.add(f"its packets are of different years ({years}): it was put together, or a clock was wrong")


def beside(path: Path) -> list[Path]:
    """All that lies beside a capture and is read with it."""
    return [*_beside(path), *pirogue.beside(path)]


def _beside(path: Path) -> list[Path]:
    """Key logs that lie beside a capture: of its name, and those with the usual names."""
    stem = path.name.split(".")[0]
    candidates = [path.with_name(stem + ending) for ending in _BESIDE_ENDINGS]
    candidates += [path.with_name(name) for name in _BESIDE]
    return [candidate for candidate in candidates if _is_key_log(candidate)]


def _is_key_log(path: Path) -> bool:
    try:
        if not path.is_file():  # a pipe would wait for its writer
            return False
        with path.open("rb") as file:
            return keys.recognises(file.read(4096))
    except OSError:
        return False
