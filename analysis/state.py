"""Totals on disk, so that a run that was ended goes on where it stopped.

Each result is a file under the digest of all that it rests on: program, knowledge, options, content of the capture. So
a file is right or not found, and nothing has to be told when a capture or the program changes.

Totals are pickled, because what was captured holds text that no stricter format takes (lone surrogates), and because
processes hand them to one another so. What is read back was written by this user (the folder is the user's own, and
closed to others), is undamaged (a digest says so), and can name no class but those of totals: a file of a stranger can
neither be read nor run anything.
"""

import io
import os
import pickle
import stat
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from phonehome.analysis.cache import digest, write_whole

ENDING: Final = ".totals"
MAX_FILE: Final = 1 << 30
"""Bytes of a file that are read, and that it unpacks to."""
_MAGIC: Final = b"phonehome totals 1\n"
_DIGEST: Final = 32

_CLASSES: Final = frozenset(
    f"phonehome.analysis.{name}"
    for name in (
        "pipeline.Opened",
        "pipeline.Totals",
        "report.model.Report",
        "report.model.Capture",
        "report.model.Device",
        "report.model.DeviceKey",
        "report.model.Destination",
        "report.model.AtAddress",
        "report.model.Example",
        "report.texts.Sighting",
        "report.texts.Texts",
        "report.timeline.Timeline",
        "devices.DeviceFacts",
        "identifiers.finding.Finding",
        "places.round_trips.Answers",
        "sources.source.Part",
        "sources.source.Plan",
        "sources.source.Said",
        "transmission.App",
    )
) | {"collections.Counter", "collections.defaultdict", "builtins.set", "builtins.frozenset", "builtins.list"}
"""What totals are made of, besides plain values."""


class StateError(Exception):
    """A folder that cannot be used for totals; the message says why."""


class DamagedError(Exception):
    """A file of totals that is damaged, or somebody else's."""


class State(NamedTuple):
    """Where a result is, or will be."""

    folder: str
    key: bytes
    """Digest of all that it rests on."""
    stamps: tuple[tuple[int, int], ...] = ()
    """Size and time of change (ns) of its files when the digest was made."""

    def of(self, *parts: bytes) -> "State":
        """Where a result is that rests on these as well."""
        return self._replace(key=digest(self.key, *parts))

    @property
    def file(self) -> Path:
        """The file of the result."""
        return Path(self.folder) / (self.key.hex() + ENDING)


def open_folder(path: str, *parts: bytes) -> State:
    """The folder for results that rest on these parts; made if it is not there. Raises StateError if it is not the
    user's own, or open to others: who can write there could make results up, and they hold identifiers."""
    folder = Path(path)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except FileExistsError:
        raise StateError("is no folder") from None
    except OSError as error:
        raise StateError(f"cannot be made or read: {error.strerror or error}") from error
    if hasattr(os, "getuid"):
        if status.st_uid != os.getuid():
            raise StateError("belongs to another user")
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise StateError("is open to other users, and totals hold identifiers: chmod 700 it")
    return State(str(folder.absolute()), digest(_program(), *parts))


def _program() -> bytes:
    """A digest of this program: its version does not change with each change of a checkout."""
    root = Path(__file__).parent
    found = (path for path in root.rglob("*") if path.suffix in (".py", ".toml"))
    return digest(*(path.read_bytes() for path in sorted(found)))


def stamps(paths: Iterable[str]) -> tuple[tuple[int, int], ...]:
    """Size and time of change of files; empty if one is not there."""
    try:
        return tuple((status.st_size, status.st_mtime_ns) for status in map(os.stat, paths))
    except OSError:
        return ()


def contents(paths: Sequence[Path]) -> bytes:
    """A digest of names and contents of small files; one that cannot be read is as if it were empty."""
    parts = []
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError:
            data = b""
        parts += [os.fsencode(path.name), data]
    return digest(*parts)


def keep(state: State, result: object) -> None:
    """Writes a result, readable for its owner only, whole or not at all. Raises OSError."""
    data = zlib.compress(packed(result), 1)
    write_whole(state.file, _MAGIC + state.key + digest(data) + data)


def kept(state: State) -> Any:
    """The result that was kept; None if there is none. Raises DamagedError."""
    try:
        descriptor = os.open(
            state.file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedError from error
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        foreign = hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022)
        if foreign or not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
            raise DamagedError
        head = len(_MAGIC) + 2 * _DIGEST
        whole = file.read()
    data = whole[head:]
    if whole[:head] != _MAGIC + state.key + digest(data):
        raise DamagedError
    try:
        unpacking = zlib.decompressobj()
        plain = unpacking.decompress(data, MAX_FILE)
        if not unpacking.eof:
            raise DamagedError
        return unpacked(plain)
    except (
        zlib.error,
        pickle.UnpicklingError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        EOFError,
    ) as error:
        raise DamagedError from error


def packed(result: object) -> bytes:
    """A result as bytes."""
    return pickle.dumps(result, pickle.HIGHEST_PROTOCOL)


def unpacked(data: bytes) -> Any:
    """The result again. Raises pickle.UnpicklingError where it names a class that totals are not made of."""
    return _Unpickler(io.BytesIO(data)).load()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in _CLASSES:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of totals")
        return super().find_class(module, name)
