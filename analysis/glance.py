"""Whether a request can be an activation at all, told from its bytes, without decoding them.

A proxy must have an activation on disk before it forwards it, and cannot decode everything that passes to find out
which request is one. This takes a seventh of the time, and errs on one side only: where it says no, `examine` says
no (the tests hold it to that on all corpora); where it says yes, `examine` decides.

Strategy: an activation is told by an entry of the catalogue, or by two kinds of identifiers of hardware or SIM. For
the entries, host, port and content type are looked up. For the identifiers: all kinds but the serial number and the
phone number are 12 or more digits, decimal or hexadecimal, that stand in the bytes as they are, or under base64,
hexadecimal, compression and the like, which show as such, or in groups; and those two count only under their names.
So the bytes are searched for such digits, for what can be a dress, and for the names.
"""

import re
from functools import cache, lru_cache
from urllib.parse import unquote_to_bytes

from phonehome.analysis.decoding.sources import innocent_headers
from phonehome.analysis.identifiers.kinds import kinds
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.purposes import ACTIVATION
from phonehome.analysis.sources.flow_state import MAX_HEADERS, name

RawHeaders = tuple[tuple[bytes, bytes], ...]

_NOT_TEXT = re.compile(rb"[^\t\n\r -~]").search
"""Compressed, protobuf, UTF-16, ..."""
_ESCAPES = (b"\\u", b"&#")
"""Of JSON and of XML."""
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}").search
"""What is left of percent-encoding when it was taken off once."""
_RUNS = re.compile(rb"[0-9A-Za-z+/_:.\-]{12,}").findall
"""The only places where the digits, or a dress of letters, can be."""
_DIGITS = re.compile(
    # IMEI, IMSI, ICCID; MEID, alone; the same as hexadecimal of their text.
    rb"[0-9]{14}|(?<![0-9A-Za-z])[0-9A-Fa-f]{14,15}(?![0-9A-Za-z])|(?:[2-7][0-9A-Fa-f]){12}"
    # A MAC address; not the ends of a UUID, and not a time in milliseconds.
    rb"|(?<![0-9A-Za-z\-])(?:[0-9A-Fa-f]{2}[:\-]?){5}[0-9A-Fa-f]{2}(?![0-9A-Za-z\-])"
    rb"|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}"
    # Hexadecimal of something compressed, or longer than any digest.
    rb"|(?:1[Ff]8[Bb]|28[Bb]5|78|62706[Cc])[0-9A-Fa-f]{16}|[0-9A-Fa-f]{129}"
).search
_GROUPS = re.compile(rb"(?:[0-9][\s\"'{}()<>._+\-]{0,3}){14}").search
"""Such digits, written in groups."""
_BASE64 = re.compile(rb"[0-9A-Za-z+/_\-]{16,}").findall
"""What can be base64; of one case only it is a word, a path or a digest."""


def may_be_activation(
    hosts: tuple[str | None, ...], port: int, path: bytes, headers: RawHeaders, body: bytes
) -> bool:
    """Whether a request over HTTP can be an activation. `hosts` are the names that it goes to, as SNI, Host and URL
    have them. False is certain."""
    if _expected(hosts, port):
        return True
    head = _head(headers)
    if head is None:
        return True
    if b"%" in path:
        path = unquote_to_bytes(path)
    return may_tell(path) or may_tell(body) or _names(b"\n".join((head, path, body)).lower())


def may_tell(text: bytes) -> bool:
    """Whether these bytes can hold an identifier that is known by its digits, or something that is encoded."""
    if (
        _NOT_TEXT(text) is not None
        or any(escape in text for escape in _ESCAPES)
        or _PERCENT(text) is not None
        or _GROUPS(text) is not None
    ):
        return True
    for run in _RUNS(text):
        one_case = run.islower() or run.isupper()
        if one_case and run.isalpha() and run.strip(b"abcdefABCDEF"):
            continue  # a word
        if _DIGITS(run) is not None:
            return True
        if not one_case and any(
            not (part.islower() or part.isupper() or part.isdigit()) for part in _BASE64(run)
        ):
            return True
    return False


def _names(text: bytes) -> bool:
    """Whether names stand here that tell by themselves: a MEID's, which has letters among its digits and may be written
    in groups, or both a serial number's and a phone number's."""
    return _named("meid", text) or (_named("serial", text) and _named("phone-number", text))


def _named(kind: str, text: bytes) -> bool:
    return any(stem in text for stem in _stems(kind))


@cache
def _stems(kind: str) -> tuple[bytes, ...]:
    return tuple(stem.encode() for stem in kinds()[kind].stems)


@lru_cache(maxsize=4096)
def _expected(hosts: tuple[str | None, ...], port: int) -> bool:
    """Whether the catalogue knows an activation there, or there is no name to look up."""
    names = [found for host in hosts if host and (found := name(host))]
    ports, _ = _anywhere()
    return not names or port in ports or any(map(_activates, names))


def _activates(host: str) -> bool:
    return any(entry.hosts and entry.purpose == ACTIVATION for entry in catalogue().candidates(host))


@cache
def _anywhere() -> tuple[frozenset[int], frozenset[str]]:
    """Ports and content types by which the catalogue knows activations at hosts that it does not know."""
    entries = [
        entry
        for entry in catalogue().endpoints.values()
        if not entry.hosts and entry.purpose == ACTIVATION and "http" in entry.protocols
    ]
    return (
        frozenset().union(*(entry.ports for entry in entries)),
        frozenset(entry.content_type for entry in entries if entry.content_type),
    )


@lru_cache(maxsize=1024)
def _head(headers: RawHeaders) -> bytes | None:
    """The header fields that can carry something; None if one of them can tell, or hides what the body is."""
    _, types = _anywhere()
    kept = []
    for field, content in headers[:MAX_HEADERS]:
        key = field.lower().decode("latin-1")
        if key == "content-encoding":
            return None
        if key == "content-type":
            kind = content.decode("latin-1").partition(";")[0].strip().lower()
            if kind in types or kind.startswith("multipart/"):
                return None  # a part of multipart can have an encoding of its own
        elif key != "user-agent" and key not in innocent_headers():
            line = field + b": " + unquote_to_bytes(content)
            if may_tell(line):
                return None
            kept.append(line)
    return b"\n".join(kept)
