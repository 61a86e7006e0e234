"""What HTTP wraps values in: query and form, path segments, cookies, multipart bodies, content types.

Strategy: split first, decode after, as the sender encoded before it joined; what is no UTF-8 then is tried in the
charsets that phones send. A body that breaks off is read as far as it goes.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from phonehome.analysis.decoding.charset import to_text
from phonehome.analysis.decoding.compression import by_magic
from phonehome.analysis.decoding.paths import NAME
from phonehome.analysis.decoding.pieces import ContentType, Inner, Parts, Piece, one

Pairs = tuple[tuple[str, str], ...]
ValuePairs = tuple[tuple[str, str | bytes], ...]
"""The same with values that may be no text."""


def to_bytes(text: str) -> bytes:
    """What percent-encoding stands for. JSON can hold halves of characters, which UTF-8 cannot."""
    return unquote_to_bytes(text.encode("utf-8", "surrogatepass"))


def unquote(text: str) -> str:
    """Percent-encoding undone (RFC 3986 2.1); what is no UTF-8 is tried as GB 18030 and Latin-1."""
    if "%" not in text:
        return text
    return _text(to_bytes(text))


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        found = to_text(data, expect_text=True)
        return found.text if found else data.decode("utf-8", "backslashreplace")


def parse_pairs(text: str, most: int) -> ValuePairs:
    """`name=value&...` of a query or a form (WHATWG URL, application/x-www-form-urlencoded), at most `most`
    pairs; a part without `=` has no name. A value that was compressed stays bytes."""
    pairs: list[tuple[str, str | bytes]] = []
    for part in text.split("&", most)[:most]:
        if not part:
            continue
        if "+" in part:
            part = part.replace("+", " ")
        name, equals, value = part.partition("=")
        if not equals:
            name, value = "", name
        if "%" in part:
            pairs.append((unquote(name), _unquoted(value)))
        else:
            pairs.append((name, value))
    return tuple(pairs)


def _unquoted(text: str) -> str | bytes:
    if "%" not in text:
        return text
    data = to_bytes(text)
    return data if not data.isascii() and by_magic(data) else _text(data)


def parse_cookies(text: str, most: int) -> Pairs:
    """The pairs of a `Cookie` header (RFC 6265 4.2.1)."""
    pairs = []
    for part in text.split(";", most)[:most]:
        name, equals, value = part.strip().partition("=")
        if equals and value:
            pairs.append((name, value.strip('"')))
    return tuple(pairs)


_NAME = re.compile(r"[A-Za-z][A-Za-z_.\-]{1,63}\Z")
_TELLING = re.compile(r"[0-9@%=;]")


def parse_path(path: str, most: int) -> Pairs:
    """The segments of a path that can hold a value, each named by the segment before it if that is a word
    (`/imei/490154203237518`), as its sender would read it. Words without a digit are left out if short."""
    pairs = []
    before = ""
    for segment in path.split("/", most)[:most]:
        if not segment:
            continue
        if len(segment) >= 24 or _TELLING.search(segment):
            plain, *parameters = segment.split(";")
            if plain:
                pairs.append((before, unquote(plain)))
            for parameter in parameters:
                name, _, value = parameter.partition("=")
                if value:
                    pairs.append((name, unquote(value)))
        before = segment if _NAME.match(segment) else ""
    return tuple(pairs)


_PARAMETER = re.compile(r';\s*([\w\-]{1,40})\s*=\s*(?:"([^"]{0,200})"|([^\s;"]{0,200}))')


def parse_content_type(value: str) -> ContentType:
    """A `Content-Type` header (RFC 9110 8.3)."""
    media = value.partition(";")[0].strip().lower()
    found = {name.lower(): quoted or token for name, quoted, token in _PARAMETER.findall(value[:1000])}
    return ContentType(media[:100], found.get("charset", "").lower(), found.get("boundary", ""))


class FormPart(NamedTuple):
    """One part of a multipart body."""

    name: str
    filename: str
    content_type: str
    encoding: str
    """`Content-Transfer-Encoding` and `Content-Encoding`, lower case."""
    data: bytes


_BOUNDARY = re.compile(rb"\s{0,4}--([\x21-\x7e]{1,70})\r?\n")
_DISPOSITION = re.compile(r'\b(filename|name)="?([^";\r\n]{0,200})"?', re.IGNORECASE)


def find_boundary(data: bytes) -> str:
    """The boundary that a body begins with, if its header was lost; else an empty string."""
    match = _BOUNDARY.match(data)
    if not match:
        return ""
    name = match.group(1)
    return name.decode("ascii") if data.count(b"--" + name) >= 2 else ""


def parse_multipart(data: bytes, boundary: str, most: int) -> list[FormPart] | None:
    """The parts of a multipart body (RFC 2046 5.1, RFC 7578), at most `most`; None if it is none. The last one
    may have been cut off."""
    mark = b"--" + boundary.encode("latin-1", "replace")
    if not boundary or mark not in data:
        return None
    parts = []
    for piece in data.split(mark, most + 1)[1 : most + 1]:
        if piece.startswith(b"--"):
            break
        head, blank, body = piece.partition(b"\r\n\r\n")
        if not blank:
            head, blank, body = piece.partition(b"\n\n")
        if not blank:
            continue
        headers: dict[str, str] = {}
        for line in head[:4096].decode("utf-8", "replace").splitlines():
            name, colon, value = line.partition(":")
            if colon:
                headers[name.strip().lower()] = value.strip()
        names = {
            key.lower(): value for key, value in _DISPOSITION.findall(headers.get("content-disposition", ""))
        }
        encoding = headers.get("content-encoding", "") or headers.get("content-transfer-encoding", "")
        body = body[:-2] if body.endswith(b"\r\n") else body.removesuffix(b"\n")
        parts.append(
            FormPart(
                names.get("name", ""),
                names.get("filename", ""),
                headers.get("content-type", ""),
                encoding.lower(),
                body,
            )
        )
    return parts or None


def codings(value: str) -> tuple[str, ...]:
    """The content codings of a header, in the order in which they were applied."""
    return tuple(word.strip() for word in value.lower().split(",")[:8]) if value else ()


def read_form(piece: Piece) -> Parts | None:
    """A form."""
    data = piece.data
    if data[:1] in b"{[<" or b"=" not in data:
        return None
    found = to_text(data, piece.kind.charset, expect_text=True)
    # Base64 is sent under this content type as well, and its padding looks like an empty value.
    if found is None or ("&" not in found.text and not found.text.partition("=")[2].strip("=\r\n")):
        return None
    return one((*found.steps, "form"), parse_pairs(found.text.strip(), piece.budget.nodes + 1))


def read_multipart(piece: Piece) -> Parts | None:
    """A multipart body: the files and fields of a form."""
    for boundary in (piece.kind.boundary, find_boundary(piece.data)):
        found = parse_multipart(piece.data, boundary, piece.budget.nodes + 1)
        if found:
            return Parts(tuple(part for each in found for part in _form_part(each)))
    return None


def _form_part(part: FormPart) -> Iterator[Inner]:
    name = part.name[:NAME]
    steps = ("multipart", name) if name else ("multipart",)
    if part.filename:
        yield Inner((*steps, "filename"), part.filename, "filename")
    kind = parse_content_type("text/plain" if part.encoding == "base64" else part.content_type)
    yield Inner(steps, part.data, name, kind, codings(part.encoding))
