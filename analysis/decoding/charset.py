"""Bytes to text: by the charset that was declared, by a byte order mark, as UTF-8, or by looks."""

import re
from typing import NamedTuple

_CODECS: dict[str, str] = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "utf-32": "utf-32",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "latin-1": "latin-1",
    "iso-8859-15": "iso8859-15",
    "windows-1250": "cp1250",
    "windows-1251": "cp1251",
    "windows-1252": "cp1252",
    "koi8-r": "koi8-r",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5",
    "shift_jis": "shift_jis",
    "euc-jp": "euc-jp",
    "euc-kr": "euc-kr",
}
"""Charset names of the WHATWG Encoding Standard that phones send -> Python's codec. A closed list: Python
knows codecs that are no charsets, and some that take quadratic time."""

_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNPRINTABLE = re.compile(
    r"[^\t\n\r\x20-\x7e\x80-\U0010ffff]|[\x80-\x9f\ud800-\udfff\ue000-\uf8ff\ufffe\uffff]"
)


class Text(NamedTuple):
    text: str
    charset: str
    """`` for UTF-8 and ASCII, else the name of the codec: a step in the path of a value."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The charset as the first step in a path, if it is one."""
        return (self.charset,) if self.charset else ()


def printable(text: str) -> bool:
    """Whether text has no control characters but tabs and line breaks, and none that no writer uses."""
    return _UNPRINTABLE.search(text) is None


def is_utf8_text(data: bytes) -> str | None:
    """The text, if bytes are printable UTF-8; else None."""
    if data.isascii():
        text = data.decode("ascii")
        return text if text.isprintable() or not _CONTROL.search(data) else None
    if _CONTROL.search(data):
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if printable(text) else None


def _try(data: bytes, codec: str) -> str | None:
    try:
        text = data.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return None
    return text if printable(text) else None


def to_text(data: bytes, declared: str = "", *, expect_text: bool = False) -> Text | None:
    """Bytes as text, or None if they are none. `expect_text` is set where the sender said that it is text:
    then charsets are tried that nearly any bytes fit."""
    for mark, codec in _MARKS:
        if data.startswith(mark):
            text = _try(data, codec)
            if text is not None:
                return Text(text, "" if codec == "utf-8-sig" else codec)
    codec = _CODECS.get(declared, "")
    if codec and codec != "utf-8":
        text = _try(data, codec)
        if text is not None:
            return Text(text, codec)
    text = is_utf8_text(data)
    if text is not None:
        return Text(text, "")
    # Text in a Latin script as UTF-16 has a zero in every second byte.
    if len(data) >= 8 and len(data) % 2 == 0:
        for codec, zeros, letters in (
            ("utf-16-le", data[1:64:2], data[:64:2]),
            ("utf-16-be", data[:64:2], data[1:64:2]),
        ):
            if zeros.count(0) * 8 >= len(zeros) * 7 and letters.count(0) == 0:
                text = _try(data, codec)
                if text is not None:
                    return Text(text, codec)
    if expect_text and not _CONTROL.search(data):
        for codec in ("gb18030", "latin-1"):
            text = _try(data, codec)
            if text is not None:
                return Text(text, codec)
    return None
