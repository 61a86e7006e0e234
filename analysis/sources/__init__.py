"""Captures, of whatever format, as Transmissions.

The content decides the format, never the name: people call flow files `.har`, and the other way round. A format is
a module with a `Source`, and a row in `FORMATS`.
"""

import mmap
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from phonehome.analysis.sources import har, mitm
from phonehome.analysis.sources.packets import blocks
from phonehome.analysis.sources.rotation import joined
from phonehome.analysis.sources.source import Buffer, CaptureError, Part, Plan, Source

__all__ = [
    "FORMATS",
    "CaptureError",
    "Format",
    "Part",
    "Plan",
    "Source",
    "beside",
    "find_captures",
    "format_name",
    "is_capture",
    "joined",
    "open_source",
]


class Format(NamedTuple):
    """A format of captures."""

    name: str
    recognises: Callable[[bytes], bool]
    """Whether a file that begins so (BEGINNING bytes, or all of it) is of this format."""
    open: Callable[[Buffer, Path, Sequence[Path]], Source]
    """The source over the bytes of a file; the path is for what lies beside it, and the key logs for what is encrypted
    in it. Raises CaptureError."""


def _packets(data: Buffer, path: Path, keys: Sequence[Path] = (), more: Sequence[Buffer] = ()) -> Source:
    """Its module is imported when it is needed: all protocols below HTTP take a sixth of a start."""
    from phonehome.analysis.sources.packets.source import PacketSource

    return PacketSource(data, path, keys, more)


FORMATS: tuple[Format, ...] = (
    Format("mitmproxy flow file", mitm.recognises, mitm.MitmSource),
    Format("HAR file", har.recognises, har.HarSource),
    Format("packets (pcap or pcapng)", blocks.may_hold_packets, _packets),
)
"""The first that recognises a file reads it."""

BEGINNING = 4096
"""Bytes by which a format is recognised."""
LARGEST_READ = 16 << 20
"""Bytes up to which a file is read into memory."""

_JSON = "JSON, but no HAR file (it does not begin with a log)"

# What else people hand over, by how it begins, and what to tell them.
_NOT_READ: tuple[tuple[bytes, str], ...] = (
    (b"{", _JSON),
    (b"\xef\xbb\xbf{", _JSON),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"PK\x03\x04", "a zip archive: unpack it first (of Fiddler's .saz, export HAR instead)"),
    (b"<?xml", "XML: of Burp's saved items, export HAR instead"),
    (b"SQLite format 3", "a database: export HAR, pcap or a flow file from its tool"),
)

_NAMED_AS_CAPTURES = (".mitm", ".flow", ".flows", ".har", ".zhar", ".pcap", ".pcapng", ".cap")


@contextmanager
def open_source(
    path: Path | str, keys: Sequence[Path] = (), more: Sequence[Path | str] = ()
) -> Iterator[Source]:
    """The source for a capture file, chosen by its content. `more` are the files that go on with it, in order: `joined`
    tells which do.

    A large file is mapped: it is read when it is touched, and needs no memory. A small one is read, because if a file
    that is mapped becomes shorter, the system ends the process that touches it. `keys` are key logs (SSLKEYLOGFILE) for
    what the capture holds encrypted.

    Raises CaptureError if the file cannot be opened, is empty, or is of no format that is read."""
    with ExitStack() as files:
        format_, data = _opened(Path(path), files)
        rest = [_opened(Path(each), files)[1] for each in more]
        if rest:
            yield _packets(data, Path(path), keys, rest)
        else:
            yield format_.open(data, Path(path), keys)


def _opened(path: Path, files: ExitStack) -> tuple[Format, Buffer]:
    """The format of a file, and its bytes. Raises CaptureError."""
    try:
        with path.open("rb") as file:
            beginning = file.read(BEGINNING)
            if not beginning:
                raise CaptureError("empty: it holds no flows")
            format_ = _format_of(beginning)
            if format_ is None:
                raise CaptureError(_what_it_is(beginning))
            if os.fstat(file.fileno()).st_size > LARGEST_READ:
                data: Buffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            else:
                data = beginning + file.read()
    except OSError as error:
        if path.is_symlink() and not path.exists():
            raise CaptureError("a link that leads to nothing") from error
        raise CaptureError(f"cannot be read: {error.strerror or error}") from error
    if isinstance(data, mmap.mmap):
        files.enter_context(data)
    return format_, data


def format_name(path: Path | str) -> str:
    """What the format of a file is called; empty if it is none that is read."""
    try:
        with Path(path).open("rb") as file:
            found = _format_of(file.read(BEGINNING))
    except OSError:
        return ""
    return found.name if found else ""


def beside(path: Path | str) -> list[Path]:
    """Files beside a capture that are read with it."""
    if "packets" not in format_name(path):
        return []
    from phonehome.analysis.sources.packets import source

    return source.beside(Path(path))


def is_capture(path: Path) -> bool:
    """Whether a file in a folder is meant when the folder is: it is a capture by its content, or by its name, and then
    it is not passed over in silence if it cannot be read."""
    if path.suffix.lower() in _NAMED_AS_CAPTURES:
        return True
    try:
        with path.open("rb") as file:
            return _format_of(file.read(BEGINNING)) is not None
    except OSError:
        return False


def find_captures(paths: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """The files that are meant: a folder stands for the captures in it. In stable order, each once; and, by path, what
    is wrong with a folder that holds none."""
    found: dict[str, None] = {}
    errors: dict[str, str] = {}
    for given in paths:
        path = Path(given)
        if not path.is_dir():
            found[given] = None
            continue
        inside = sorted(str(file) for file in path.rglob("*") if file.is_file() and is_capture(file))
        if not inside:
            errors[given] = "a folder with no flow file in it"
        found.update(dict.fromkeys(inside))
    return list(found), errors


def _format_of(beginning: bytes) -> Format | None:
    return next((format_ for format_ in FORMATS if format_.recognises(beginning)), None)


def _what_it_is(beginning: bytes) -> str:
    for signature, what in _NOT_READ:
        if beginning.startswith(signature):
            return what
    return f"not a capture of a known format ({', '.join(format_.name for format_ in FORMATS)})"
