"""A zip archive with the same bytes for the same content, and its strict reader.

Strategy: files are kept as they are, not compressed. So their bytes depend on no compression library, the archive can
be no larger inside than outside, and a file is read from it in pieces without being unpacked. One fixed time stands for
all, since a clock would make each archive another one.

The reader takes nothing but what the writer makes: no compression, no links or folders, no two files of one name, no
name that leads out of a folder on any system, nothing before, between or behind the files. What somebody packed anew is
refused with the reason, even if its content is right: what is hidden in an archive is not in its manifest.
(Format: APPNOTE.TXT 6.3.10 of PKWARE.)
"""

import hashlib
import os
import re
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, NamedTuple, Self

MANIFEST: Final = "MANIFEST.sha256"
"""In the form of `sha256sum`, so that anybody can check it: `sha256sum -c MANIFEST.sha256` in the unpacked folder."""
PIECE: Final = 1 << 20
"""Bytes that are read at a time."""
MAX_FILES: Final = 100_000
MAX_DIRECTORY: Final = 64 << 20
"""Bytes of the list of files at the end of the archive."""
MAX_MANIFEST: Final = 64 << 20
MAX_NAME: Final = 400
"""Bytes of a name."""
MAX_EXTRA: Final = 32
"""Bytes beside a name: those of a length above 4 GiB (APPNOTE.TXT 4.5.3) are up to 28."""

_TIME: Final = (1980, 1, 1, 0, 0, 0)
"""The first that the format knows."""
_MODE: Final = (stat.S_IFREG | 0o600) << 16
_UNIX: Final = 3
_END: Final = struct.Struct("<4s4H2LH")
"""End of central directory record (APPNOTE.TXT 4.3.16)."""
_LOCATOR: Final = 20
_END64: Final = struct.Struct("<40xQ8x20x")
"""The same of archives with more or larger files, with its length, and the locator of 20 bytes between the two (4.3.14,
4.3.15)."""
_LOCAL: Final = struct.Struct("<4s5H3L2H")
"""Local file header (4.3.7)."""
_LINE = re.compile(r"([0-9a-f]{64})  (.+)").fullmatch
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE).fullmatch
_NOT_IN_NAMES: Final = frozenset('\\:*?"<>|')


class ContainerError(ValueError):
    """An archive that is not as phonehome writes it; the message says what is wrong, and of which file."""


class Member(NamedTuple):
    """A file of an archive."""

    name: str
    size: int
    pieces: Iterable[bytes]


def whole(name: str, data: bytes) -> Member:
    """A file that is in memory."""
    return Member(name, len(data), (data,))


def of_file(name: str, path: Path) -> Member:
    """A file on disk, which is read when it is its turn. Raises OSError."""

    def pieces() -> Iterator[bytes]:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece

    return Member(name, path.stat().st_size, pieces())


def write(file: BinaryIO, members: Iterable[Member]) -> dict[str, str]:
    """Writes an archive of these files, and the manifest as its last. Returns the SHA-256 of each by name. Raises
    ContainerError for a name that not every system could keep, or a file that changed its size meanwhile."""
    digests: dict[str, str] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for member in members:
            if wrong := wrong_name(member.name):
                raise ContainerError(f"{member.name!r} cannot be the name of a file in an archive: {wrong}")
            if member.name in digests:
                raise ContainerError(f"two files are called {member.name!r}")
            digests[member.name] = _add(archive, member)
        _add(archive, whole(MANIFEST, manifest(digests)))
    return digests


def manifest(digests: dict[str, str]) -> bytes:
    """The file that names the others."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()


def _add(archive: zipfile.ZipFile, member: Member) -> str:
    info = zipfile.ZipInfo(member.name, _TIME)
    info.create_system, info.external_attr, info.file_size = _UNIX, _MODE, member.size
    digest, size = hashlib.sha256(), 0
    with archive.open(info, "w") as target:
        for piece in member.pieces:
            digest.update(piece)
            size += target.write(piece)
            if size > member.size:
                break
    if size != member.size:
        raise ContainerError(f"{member.name!r} changed while it was read")
    return digest.hexdigest()


def wrong_name(name: str) -> str:
    """Why a file cannot be called so on Linux, macOS and Windows; empty if it can."""
    if not name or len(name.encode("utf-8", "replace")) > MAX_NAME:
        return "it is empty, or too long"
    if unicodedata.normalize("NFC", name) != name:
        return "its letters are composed of parts"
    if not name.isprintable() or not _NOT_IN_NAMES.isdisjoint(name):
        return "it has characters that not every system allows"
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return "it leads out of its folder"
        if part[-1] in " ." or _RESERVED(part):
            return "Windows cannot keep it"
    return ""


class Archive:
    """An archive that is read."""

    def __init__(self, path: Path) -> None:
        """Raises ContainerError if it is not as `write` makes it, OSError if it cannot be read."""
        self._file = path.open("rb")
        try:
            if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                raise ContainerError("not a file")
            self._size = os.fstat(self._file.fileno()).st_size
            self._check_end()
            try:
                self._archive = zipfile.ZipFile(self._file)
                self.sizes = self._checked()
            except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
                if isinstance(error, ContainerError):
                    raise
                raise ContainerError(f"not a zip archive that can be read ({error})") from error
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()
        self._file.close()

    def pieces(self, name: str) -> Iterator[bytes]:
        """The content of a file. Raises ContainerError if it is damaged, KeyError if there is none of that name."""
        info = self._archive.getinfo(name)
        try:
            with self._archive.open(info) as file:
                while piece := file.read(PIECE):
                    yield piece
        except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
            raise ContainerError(f"{name}: damaged ({error})") from error

    def read(self, name: str, most: int) -> bytes:
        """The same as one piece. Raises ContainerError also if it is longer than so many bytes, or not there."""
        size = self.sizes.get(name)
        if size is None:
            raise ContainerError(f"{name}: missing")
        if size > most:
            raise ContainerError(f"{name}: longer than {most:,} bytes")
        return b"".join(self.pieces(name))

    def digest(self, name: str) -> str:
        """The SHA-256 of a file. Raises ContainerError."""
        found = hashlib.sha256()
        for piece in self.pieces(name):
            found.update(piece)
        return found.hexdigest()

    def manifest(self) -> dict[str, str]:
        """SHA-256 by name, as the manifest says. Raises ContainerError."""
        try:
            text = self.read(MANIFEST, MAX_MANIFEST).decode()
        except UnicodeDecodeError as error:
            raise ContainerError(f"{MANIFEST}: not a text in UTF-8") from error
        found: dict[str, str] = {}
        for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
            match = _LINE(line)
            if match is None or match[2] in found or match[2] == MANIFEST:
                raise ContainerError(f"{MANIFEST}: line {number} is not a hash, two blanks and a new name")
            found[match[2]] = match[1]
        return found

    def _check_end(self) -> None:
        """The last record says how long the list of files is, and that is read at once."""
        if self._size < _END.size:
            raise ContainerError("not a zip archive")
        self._file.seek(-min(self._size, _END64.size + _END.size), os.SEEK_END)
        tail = self._file.read()
        signature, *_, length, _, comment = _END.unpack(tail[-_END.size :])
        if signature != b"PK\x05\x06" or comment:
            raise ContainerError("no zip archive that ends where its list of files does")
        if tail[-_END.size - _LOCATOR : -_END.size].startswith(b"PK\x06\x07"):
            length = max(length, _END64.unpack(tail[: _END64.size])[0]) if len(tail) > _END64.size else length
        if length > MAX_DIRECTORY:
            raise ContainerError("its list of files is too long")

    def _checked(self) -> dict[str, int]:
        """Size by name, if all is as it should be."""
        infos = self._archive.infolist()
        if len(infos) > MAX_FILES:
            raise ContainerError(f"more than {MAX_FILES:,} files")
        sizes: dict[str, int] = {}
        seen: set[str] = set()
        position = 0
        for info in infos:
            name = info.filename
            if wrong := "it is cut off" if name != info.orig_filename else wrong_name(name):
                raise ContainerError(f"{name!r} cannot be the name of a file: {wrong}")
            if (same := unicodedata.normalize("NFKC", name).casefold()) in seen:
                raise ContainerError(f"two files are called {name!r}, or so alike that one hides the other")
            seen.add(same)
            if info.external_attr != _MODE or info.create_system != _UNIX:
                raise ContainerError(f"{name!r} is a link, a folder, or a file of another mode")
            if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
                raise ContainerError(f"{name!r} is compressed")
            if info.flag_bits & ~0x800 or info.comment or len(info.extra) > MAX_EXTRA:
                raise ContainerError(f"{name!r} is encrypted, or something is hidden beside it")
            if info.header_offset != position:
                raise ContainerError(f"{name!r} does not begin where the file before it ends")
            position = self._end_of(info)
            sizes[name] = info.file_size
        if position != self._archive.start_dir or self._list_ends(infos) != self._size:
            raise ContainerError("something is hidden between its files, or behind them")
        return sizes

    def _end_of(self, info: zipfile.ZipInfo) -> int:
        self._file.seek(info.header_offset)
        header = self._file.read(_LOCAL.size)
        if len(header) < _LOCAL.size:
            raise ContainerError(f"{info.filename!r} is cut off")
        *_, name, extra = _LOCAL.unpack(header)
        if extra > MAX_EXTRA:
            raise ContainerError(f"something is hidden beside {info.filename!r}")
        return info.header_offset + _LOCAL.size + int(name) + int(extra) + info.file_size

    def _list_ends(self, infos: list[zipfile.ZipInfo]) -> int:
        """Where the archive should end. Behind the list (46 bytes, name and extra for each file, 4.3.12) two more
        records stand if something is too large for the last one."""
        length = sum(46 + len(info.orig_filename.encode()) + len(info.extra) for info in infos)
        end = self._archive.start_dir + length + _END.size
        large = len(infos) >= 0xFFFF or self._archive.start_dir > zipfile.ZIP64_LIMIT
        return end + _END64.size if large and self._size == end + _END64.size else end
