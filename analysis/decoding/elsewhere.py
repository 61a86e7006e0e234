"""Data where no field is: in a label of a host name, the name of a header, the method, a fragment, credentials, or
within a user agent.

A phone, or who made its software, chooses where data stands. What has the form of data is a value wherever it was sent;
it has no name there, so that shape alone tells what it is.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Final

from phonehome.analysis.decoding.values import Opaque, Value
from phonehome.analysis.transmission import Headers

_LONGEST: Final = 4096
"""Characters of one text that are looked through."""
_IN_TEXT: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9]{14,20}+|(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4})"
    r"(?![0-9A-Za-z])"
)
"""Numbers as long as an IMEI, MAC addresses and addresses of e-mail within a text."""
_IN_NAME: Final = re.compile(
    r"[0-9]{14,20}+|(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}"
    r"|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|(?<![0-9A-Za-z])[0-9A-Fa-f]{16}(?![0-9A-Za-z])"
)
"""The same in a name, where UUIDs and numbers of 16 hexadecimal digits are data, too."""
_TAKEN_APART: Final = ("{", "[", "<")
_BASIC: Final = re.compile(r"[Bb]asic\s+([0-9A-Za-z+/_-]{4,4096}={0,2})\s*\Z")


@lru_cache(maxsize=4096)
def in_names(
    host: str | None, authority: str | None, method: str | None, questions: tuple[str, ...]
) -> tuple[Value, ...]:
    """Data in the names that a transmission goes by: host, `:authority`, method, and names that were looked up."""
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


def in_headers(headers: Headers, ignored: Collection[str], most: int) -> Iterator[Value | Opaque]:
    """Data in the names of headers, in those whose values carry nothing as a rule, inside longer values, and in
    credentials. More cookies than `most` are counted as not read."""
    for name, value in headers[:most]:
        lower = name.lower()
        for match in _IN_NAME.finditer(name[:_LONGEST]):
            yield Value(("header name",), "", match[0], 0)
        if lower == "cookie":
            if value.count(";") >= most:
                yield Opaque(("cookie",), len(value), "limit", f"more than {most} values")
            continue
        if (credentials := _BASIC.match(value)) is not None:
            yield from _basic(lower, credentials[1])
        if value[:1] in _TAKEN_APART or "=" in value:
            continue  # the decoder takes these apart
        for match in _IN_TEXT.finditer(value[:_LONGEST]):
            if lower in ignored or match[0] != value:
                yield Value(("header", lower[:80]), "", match[0], 0)


def _basic(header: str, token: str) -> Iterator[Value]:
    """User and password (RFC 7617): one can be the other's name."""
    try:
        text = b64decode(token.replace("-", "+").replace("_", "/") + "=" * (-len(token) % 4)).decode()
    except (ValueError, binascii.Error):
        return
    user, colon, password = text.partition(":")
    path = ("header", header[:80], "basic")
    if user:
        yield Value((*path, "username"), "username", user, 0)
    if colon and password:
        yield Value((*path, user[:80]), user[:80], password, 0)


def in_fragment(url: str) -> Iterator[Value]:
    """The pairs of a fragment, which browsers keep to themselves and others send."""
    fragment = url.partition("#")[2][:_LONGEST]
    for pair in fragment.split("&") if fragment else ():
        name, equals, value = pair.partition("=")
        data = value if equals else name
        if data:
            key = name[:80] if equals else ""
            yield Value(("fragment", key) if key else ("fragment",), key, data, 0)
