"""Data where no field is: in a label of a host name, the name of a header, the method, or within a user agent.

A phone, or who made its software, chooses where data stands. What has the form of data is a value wherever it was sent;
it has no name there, so that shape alone tells what it is.
"""

import re
from collections.abc import Collection, Iterator
from typing import Final

from phonehome.analysis.decoding.values import Value
from phonehome.analysis.transmission import Headers

_LONGEST: Final = 4096
"""Characters of one text that are looked through."""
_IN_TEXT: Final = re.compile(
    r"(?:(?<![\w.\-])([A-Za-z_][\w.\-]{0,40}+)[ ]?[/=:][ ]?)?(?<![0-9A-Za-z])"
    r"([0-9]{14,20}+|(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4})(?![0-9A-Za-z])"
)
"""Numbers as long as an IMEI, MAC addresses, UUIDs and addresses of e-mail within a text, and the name before them."""
_IN_NAME: Final = re.compile(
    r"[0-9]{14,20}+|(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}"
    r"|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|(?<![0-9A-Za-z])[0-9A-Fa-f]{16}(?![0-9A-Za-z])"
)
"""The same in a name, where UUIDs and numbers of 16 hexadecimal digits are data, too."""
_TAKEN_APART: Final = ("{", "[", "<")


Names = tuple[str | None, str | None, str | None, tuple[str, ...]]
"""Host, `:authority`, method, and names that were looked up."""


def in_names(names: Names) -> tuple[Value, ...]:
    """Data in the names that a transmission goes by."""
    host, authority, method, questions = names
    named = (
        ("host", host),
        ("authority", authority),
        ("method", method),
        *(("question", name) for name in questions),
    )
    return tuple(
        Value((where,), "", match[0], 0)
        for where, text in named
        if text
        for match in _IN_NAME.finditer(text[:_LONGEST])
    )


def holds_data(name: str) -> bool:
    """Whether a host name has the form of data in one of its labels."""
    return _IN_NAME.search(name[:_LONGEST]) is not None


def in_headers(headers: Headers, ignored: Collection[str]) -> Iterator[Value]:
    """Data in the names of headers, in those whose values carry nothing as a rule, and inside longer values."""
    for name, value in headers:
        lower = name.lower()
        for match in _IN_NAME.finditer(name[:_LONGEST]):
            yield Value(("header name",), "", match[0], 0)
        if lower == "cookie" or value[:1] in _TAKEN_APART or "=" in value:
            continue  # the decoder takes these apart
        for match in _IN_TEXT.finditer(value[:_LONGEST]):
            if lower in ignored or match[2] != value:
                yield Value(("header", lower[:80]), match[1] or "", match[2], 0)
