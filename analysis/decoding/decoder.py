"""Everything that a transmission carries, as named values: host, method, path, query, fragment, headers and cookies,
body, messages, content, questions.

Strategy: phones send the same header lines, paths and small bodies over and over, so what was decoded of these is
remembered, within bounds, by the `Decoder`. Values of one source are numbered (`Value.group`) from a base of its own:
what is remembered of one source is then put beside that of another as it stands.
"""

from collections.abc import Iterable
from typing import NamedTuple

from phonehome.analysis.decoding import elsewhere, http, ntp
from phonehome.analysis.decoding.encodings import LONGEST_PLAIN, PLAIN
from phonehome.analysis.decoding.engine import MORE, Memory, Walk
from phonehome.analysis.decoding.limits import DEFAULT, HEADS, Limits
from phonehome.analysis.decoding.memo import ROOM, Memo
from phonehome.analysis.decoding.paths import NAME, Path
from phonehome.analysis.decoding.values import Decoded, Opaque, Value
from phonehome.analysis.transmission import Headers, Transmission

_HEADERS, _URL, _PAYLOADS = 0, 1 << 24, 2 << 24
"""Bases of group numbers."""

_LINE = 2048
"""Characters of a header, of all of them together, or of a path, up to which it is remembered."""
_HEADS = 2048
"""Blocks of header lines that are remembered."""
_BODIES = 256
"""Bodies that are remembered,"""
_BODY = 4096
"""of up to so many bytes,"""
_BODY_VALUES = 200
"""with up to so many values"""
_BODY_TEXT = 32 * 1024
"""and so many characters in them, since a small body can unpack to a large one."""

_Line = tuple[str | None, str, Value | None, tuple[Value, ...]]
"""Of a header line: its name in lower case, what it says, that as a value if it is plain, and data inside it where no
field is. The name is None if the value is plain, or of no interest."""

Part = tuple[tuple[Value, ...], tuple[Opaque, ...], int, int]
"""Values, opaque parts, the first group number that is not used, and the bytes that were looked at."""


class _Head(NamedTuple):
    """What header lines carry, and what they say of the body."""

    values: tuple[Value, ...]
    opaque: tuple[Opaque, ...]
    content_type: str
    encoding: str
    """Content codings as they were declared, lower case."""
    announced: int
    """Bytes that the body has, as Content-Length says; 0 if it is not said."""


_OF_THE_BODY = frozenset(("content-type", "content-encoding", "content-length"))

_ROOTS = {"http": "body", "websocket": "message"}
"""Protocol -> what its payloads are called in a path; in all others they are `content`."""


class Decoder:
    """Bytes to named values, under limits. Owns what it remembers of earlier ones, all of it bounded; one thread
    may use it at a time."""

    def __init__(
        self,
        limits: Limits = DEFAULT,
        ignored_headers: Iterable[str] = (),
        declared_positions: Iterable[tuple[Path, int]] = (),
    ) -> None:
        """`ignored_headers` are names (lower case) of headers that carry nothing of the phone or its owner;
        `declared_positions` are lists whose items have their position in the path, with how many of them do."""
        self.limits = limits
        self._ignored = {*_OF_THE_BODY, *ignored_headers}
        self._memory = Memory(declared_positions)
        self._heads: dict[Headers, _Head] = {}
        self._size_of_heads = 0
        self._lines: Memo[tuple[str, str], _Line] = Memo(self._line, 8192)
        self._headers: Memo[tuple[str, str], Part] = Memo(self._header, 4096, _size_of_part)
        self._urls: Memo[str, Part] = Memo(self._url, 2048, _size_of_part)
        self._names: Memo[elsewhere.Names, tuple[Value, ...]] = Memo(elsewhere.in_names, 4096)
        self._bodies: dict[tuple[bytes, str, str, Path], Part] = {}

    def decode(self, sent: Transmission) -> Decoded:
        """All values that a transmission carried: in path, query, headers, cookies, body, WebSocket messages, TCP and
        UDP content, DNS questions; and what nothing decoded. Never raises, whatever was captured; what exceeds the
        limits is an `Opaque` that looks like `limit`."""
        head = self._head(sent.headers)
        values = [*head.values]
        opaque = [*head.opaque]
        values += self._names[sent.host, sent.authority, sent.method, sent.questions]
        url = sent.path
        if len(url) > 1:
            part = self._urls[url] if len(url) <= _LINE else self._url(url)
            values += part[0]
            opaque += part[1]
        if sent.payloads and not (sent.port == ntp.PORT and _asks_for_time(sent)):
            self._payloads(sent, head, values, opaque)
        for name in sent.questions[: self.limits.values]:
            values.append(Value(("question",), "", name, _PAYLOADS))
        root = "body" if sent.protocol == "http" else _ROOTS.get(sent.protocol, "content")
        missing = sent.truncated or (0 if sent.payloads else head.announced)
        if missing:
            opaque.append(Opaque((root,), missing, "limit", "not kept of the capture"))
        return Decoded(tuple(values), tuple(opaque))

    def decode_bytes(
        self, data: bytes, content_type: str = "", content_encoding: str = "", path: Path = ("body",)
    ) -> Decoded:
        """The values in bytes that were sent under a content type and a content encoding (both as in HTTP, both may
        be empty: then looks decide). `path` is what the paths of the values begin with. Never raises."""
        walk = Walk(self.limits, self._memory)
        walk.payload(data, content_type, content_encoding.lower(), path)
        return Decoded(tuple(walk.values), tuple(walk.opaque))

    def _head(self, headers: Headers) -> _Head:
        """All header lines. They come again as a whole in two of three requests."""
        found = self._heads.get(headers)
        if found is None:
            found = self._new_head(headers)
            if sum(len(name) + len(value) for name, value in headers) <= _LINE:
                size = 100 * (len(found.values) + len(found.opaque))
                self._size_of_heads += size
                if len(self._heads) >= _HEADS or self._size_of_heads > ROOM:
                    self._heads.clear()
                    self._size_of_heads = size
                self._heads[headers] = found
        return found

    def _new_head(self, headers: Headers) -> _Head:
        values: list[Value] = []
        inside: list[Value] = []
        opaque: list[Opaque] = []
        content_type = encoding = ""
        announced = 0
        next_group = _HEADERS + 1
        most = self.limits.values
        left, unread = self.limits.looked_at // HEADS, 0
        lines = self._lines
        for header in headers[:most]:
            name, value, plain, more = lines[header] if len(header[1]) <= _LINE else self._line(header)
            inside += more
            if plain is not None:
                values.append(plain)
                continue
            if name in _OF_THE_BODY:
                if name == "content-type":
                    content_type = value
                elif name == "content-encoding":
                    encoding = f"{encoding},{value}" if encoding else value
                else:
                    announced = int(value) if value.isascii() and value.isdecimal() and len(value) < 16 else 0
                continue
            if name is None:
                continue
            if left <= 0:
                unread += len(value)
                continue
            line = (name, value)
            part = self._headers[line] if len(value) <= _LINE else self._header(line)
            left -= part[3]
            shift = next_group - _HEADERS - 1
            if part[2] > _HEADERS + 1:
                next_group += part[2] - _HEADERS - 1
                if shift:
                    part = _shifted(part, shift, _HEADERS)
            values += part[0]
            opaque += part[1]
        values += inside
        if unread:
            opaque.append(Opaque(("header",), unread, "limit", MORE))
        if len(headers) > most:
            opaque.append(Opaque(("header",), len(headers) - most, "limit", f"more than {most} values"))
        return _Head(tuple(values), tuple(opaque), content_type, encoding.lower(), announced)

    def _line(self, header: tuple[str, str]) -> _Line:
        """One header line, as far as it can be told without taking it apart. Of a block that is new most lines are
        not."""
        inside = tuple(elsewhere.in_headers((header,), self._ignored))
        name, value = header
        name = name.lower()
        if name in self._ignored:
            return (name if name in _OF_THE_BODY else None), value, None, inside
        if len(value) <= LONGEST_PLAIN and PLAIN(value) and name != "cookie":
            name = name[:NAME]
            known = self._memory.paths.of_object(("header",))
            path = known.get(name) or self._memory.paths.of_field(known, ("header",), name)
            return None, value, Value(path, name, value, _HEADERS), inside
        return name, value, None, inside

    def _header(self, line: tuple[str, str]) -> Part:
        """One header line. What stands in it directly is of the header block's group."""
        name, value = line
        left = self.limits.looked_at // HEADS
        walk = Walk(self.limits, self._memory, _HEADERS + 1, left)
        if name == "cookie":
            left = value.count(";") + 1 - self.limits.values
            if left > 0:
                walk.exhausted(("cookie",), left)
            for cookie, data in http.parse_cookies(value, self.limits.values):
                cookie = cookie[:NAME]
                walk.text(http.unquote(data), (("cookie", cookie), cookie, _HEADERS, 0, 0))
        else:
            name = name[:NAME]
            walk.text(value, (("header", name), name, _HEADERS, 0, 0))
        return tuple(walk.values), tuple(walk.opaque), walk.group, left - walk.left

    def _url(self, url: str) -> Part:
        """Path and query. The segments of the path are one group, the pairs of the query another."""
        walk = Walk(self.limits, self._memory, _URL + 1)
        most = self.limits.values
        url, _, fragment = url.partition("#")
        path, _, query = url.partition("?")
        left = path.count("/") - most
        if left > 0:
            walk.exhausted(("path",), left)
        for name, segment in http.parse_path(path, most):
            walk.text(segment, (("path", name) if name else ("path",), name, _URL, 0, 0))
        for root, pairs in (("query", query), ("fragment", fragment)):
            if pairs:
                walk.tree(http.parse_pairs(pairs, most + 1), ((root,), "", _URL, 0, 0))
        return tuple(walk.values), tuple(walk.opaque), walk.group, self.limits.looked_at - walk.left

    def _body(self, data: bytes, kind: str, encoding: str, path: Path, room: int) -> Part:
        """The first payload."""
        small = len(data) <= _BODY
        if small:
            remembered = self._bodies.get((data, kind, encoding, path))
            if remembered:
                return remembered
        walk = Walk(self.limits, self._memory, _PAYLOADS)
        walk.nodes = max(0, room)
        walk.payload(data, kind, encoding, path)
        part = (tuple(walk.values), tuple(walk.opaque), walk.group, self.limits.looked_at - walk.left)
        if small and len(walk.values) <= _BODY_VALUES and len(walk.opaque) <= _BODY_VALUES:
            length = sum(len(value.data) for value in walk.values if isinstance(value.data, (str, bytes)))
            if length <= _BODY_TEXT:
                if len(self._bodies) >= _BODIES:
                    self._bodies.clear()
                self._bodies[data, kind, encoding, path] = part
        return part

    def _payloads(self, sent: Transmission, head: _Head, values: list[Value], opaque: list[Opaque]) -> None:
        content_type, encoding = head.content_type, head.encoding
        first, *others = sent.payloads
        root = _ROOTS.get(sent.protocol, "content")
        if root == "message":
            # The handshake of a WebSocket has no body, and its content type, if any, is not that of the messages.
            if sent.header("content-length").strip("0 "):
                root = "body"
            else:
                content_type = encoding = ""
        room = self.limits.values - len(values)
        part = self._body(first, content_type, encoding, (root,), room)
        values += part[0]
        opaque += part[1]
        if others:
            walk = Walk(self.limits, self._memory, part[2])
            walk.nodes = max(0, room - len(part[0]))
            path = ("message",) if sent.protocol == "websocket" else (root,)
            for index, data in enumerate(others):
                if walk.nodes <= 0 or walk.unpacked <= 0 or walk.left <= 0:
                    left = sum(map(len, others[index:]))
                    few = f"more than {self.limits.values} values or {self.limits.unpacked} bytes unpacked"
                    walk.limit(path, left, MORE if walk.left <= 0 else few)
                    break
                walk.nodes -= 1
                walk.payload(data, content_type if root == path[0] == "body" else "", "", path)
            values += walk.values
            opaque += walk.opaque


def _asks_for_time(sent: Transmission) -> bool:
    """Whether it is nothing but questions for the time."""
    return sent.protocol == "udp" and all(ntp.asks_for_time(data, sent.time) for data in sent.payloads)


def _shifted(part: Part, shift: int, base: int) -> Part:
    """A remembered part with its own groups, those above the base, moved behind those that are taken."""
    moved = tuple(
        value if value.group == base else value._replace(group=value.group + shift) for value in part[0]
    )
    return moved, part[1], part[2], part[3]


def _size_of_part(_: object, part: Part) -> int:
    """Bytes that a part keeps, about: what was looked at, of which values are pieces, and the values."""
    return part[3] + 100 * (len(part[0]) + len(part[1]))
