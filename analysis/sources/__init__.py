"""A capture file, of whatever format, to Transmissions.

The content decides the format, never the name: people call flow files `.har`, and the other way round.
"""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from phonehome.analysis.sources import mitm
from phonehome.analysis.sources.tnetstring import Buffer

# What else people hand over, by how it begins, and what to tell them.
_NOT_READ: tuple[tuple[bytes, str], ...] = (
    (
        b"\xd4\xc3\xb2\xa1",
        "a pcap file: these are not read yet; route the phone through mitmproxy and save its flows",
    ),
    (
        b"\xa1\xb2\xc3\xd4",
        "a pcap file: these are not read yet; route the phone through mitmproxy and save its flows",
    ),
    (
        b"\x4d\x3c\xb2\xa1",
        "a pcap file: these are not read yet; route the phone through mitmproxy and save its flows",
    ),
    (
        b"\x0a\x0d\x0d\x0a",
        "a pcapng file: these are not read yet; route the phone through mitmproxy and save its flows",
    ),
    (b"{", "a HAR or other JSON file: these are not read yet; save the flows as a mitmproxy flow file"),
    (
        b"\xef\xbb\xbf{",
        "a HAR or other JSON file: these are not read yet; save the flows as a mitmproxy flow file",
    ),
    (b"\x1f\x8b", "compressed with gzip: unpack it first"),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"\xfd7zXZ\x00", "compressed with xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"),
    (b"PK\x03\x04", "a zip archive: unpack it first"),
)


LARGEST_READ = 16 << 20
"""Bytes up to which a file is read into memory."""


class CaptureError(Exception):
    """A file that gives no report; the message says why, and what to do."""


@contextmanager
def opened(path: Path) -> Iterator[Buffer]:
    """The bytes of a flow file. A large one is mapped: it is read when it is touched, and needs no memory. A small
    one is read, because if a file that is mapped becomes shorter, the system ends the process that touches it.

    Raises CaptureError if the file cannot be opened, is empty, or is no flow file."""
    try:
        with path.open("rb") as file:
            beginning = file.read(64)
            if not beginning:
                raise CaptureError("empty: it holds no flows")
            if not mitm.recognises(beginning):
                raise CaptureError(_what_it_is(beginning))
            if os.fstat(file.fileno()).st_size > LARGEST_READ:
                data: Buffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            else:
                data = beginning + file.read()
    except OSError as error:
        raise CaptureError(f"cannot be read: {error.strerror or error}") from error
    with data if isinstance(data, mmap.mmap) else nullcontext():
        yield data


def release(data: Buffer, start: int, end: int) -> None:
    """Tells the system that data[start:end] will not be needed again, so that a large file does not
    fill memory. Does nothing where the system has no such call."""
    if isinstance(data, mmap.mmap) and hasattr(data, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
        start -= start % mmap.PAGESIZE
        if end > start:
            data.madvise(mmap.MADV_DONTNEED, start, end - start)


_NAMED_AS_CAPTURES = (".mitm", ".flow", ".flows", ".har", ".pcap", ".pcapng")


def is_capture(path: Path) -> bool:
    """Whether a file in a folder is meant when the folder is: it is a flow file by its content, or some capture
    by its name, and then it is not passed over in silence if it cannot be read."""
    if path.suffix.lower() in _NAMED_AS_CAPTURES:
        return True
    try:
        with path.open("rb") as file:
            return mitm.recognises(file.read(64))
    except OSError:
        return False


def _what_it_is(beginning: bytes) -> str:
    for signature, what in _NOT_READ:
        if beginning.startswith(signature):
            return what
    return "not a mitmproxy flow file (it does not begin as one)"
