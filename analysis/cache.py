"""The program's folder in the user's cache, and files there that come into being whole or not at all."""

import os
import tempfile
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import msgspec

MAX_FILE: Final = 1 << 26
"""Bytes of a kept file that are read."""
_DIGEST: Final = 32
"""Bytes of a digest."""


def default_cache_dir() -> Path:
    """`phonehome` in the user's cache folder, after the XDG Base Directory Specification."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The specification: a path that is not absolute is to be ignored.
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "phonehome"


def write_whole(file: Path, data: bytes) -> None:
    """Puts a file in place with all its content, readable for its owner only. Raises OSError."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A temporary file has mode 0600; what the phone talks to is nobody else's business.
    descriptor, partial = tempfile.mkstemp(prefix=f".{file.stem}-", dir=file.parent)
    try:
        with open(descriptor, "wb") as opened:
            opened.write(data)
        os.replace(partial, file)
    except BaseException:
        os.unlink(partial)
        raise


def digest(*parts: bytes) -> bytes:
    """A digest of parts, that tells where one ends and the next begins."""
    total = blake2b(digest_size=_DIGEST)
    for part in parts:
        total.update(len(part).to_bytes(8))
        total.update(part)
    return total.digest()


def kept(file: Path, key: bytes) -> Any:
    """What was kept under a key of `digest`; None if it is of another key, damaged, somebody else's, or not there."""
    try:
        with file.open("rb") as opened:
            status = os.fstat(opened.fileno())
            if status.st_mode & 0o022 or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
                return None  # another user could have written it, where XDG_CACHE_HOME is a shared folder
            data = opened.read(MAX_FILE + 1)
        if len(data) > MAX_FILE or data[:_DIGEST] != key:
            return None
        content = data[2 * _DIGEST :]
        return msgspec.msgpack.decode(content) if data[_DIGEST : 2 * _DIGEST] == digest(content) else None
    except (OSError, ValueError, RecursionError, RuntimeError):  # RuntimeError: the user has no home folder
        return None


def keep(file: Path, key: bytes, content: Any) -> None:
    """Keeps content of plain types in place of what the file held. A folder that cannot be written is no error."""
    data = msgspec.msgpack.encode(content)
    try:
        write_whole(file, key + digest(data) + data)
    except (OSError, RuntimeError):
        return
