"""The places of a transmission that carry values: path, query, headers and cookies, body, messages, content, questions.

Phones send the same header lines, paths and small bodies over and over, so what was decoded of these is remembered.
Values of one source are numbered (`Value.group`) from a base of its own: what is remembered of one source is then put
beside that of another as it stands.
"""

from functools import lru_cache
from typing import NamedTuple

from phonehome.analysis import knowledge
from phonehome.analysis.decoding import http, paths
from phonehome.analysis.decoding.dress import LONGEST_PLAIN, PLAIN
from phonehome.analysis.decoding.engine import Run, codings
from phonehome.analysis.decoding.limits import DEFAULT, Limits
from phonehome.analysis.decoding.memo import Memo
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

Part = tuple[tuple[Value, ...], tuple[Opaque, ...], int]
"""Values, opaque parts, and the first group number that is not used."""


def innocent_headers() -> frozenset[str]:
    """Names of headers (lower case) that carry nothing of the phone or its owner, as the catalogue says."""
    return knowledge.shipped().headers


class _Head(NamedTuple):
    """What header lines carry, and what they say of the body."""

    values: tuple[Value, ...]
    opaque: tuple[Opaque, ...]
    content_type: str
    encoding: str
    """Content codings as they were declared, lower case."""


class _Memory:
    """What was decoded under the same limits before."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.heads: dict[Headers, _Head] = {}
        self.headers: Memo[tuple[str, str], Part] = Memo(self.header, 4096)
        self.urls: Memo[str, Part] = Memo(self.url, 2048)
        self.bodies: dict[tuple[bytes, str, str, Path], Part] = {}

    def head(self, headers: Headers) -> "_Head":
        """All header lines. They come again as a whole in two of three requests."""
        found = self.heads.get(headers)
        if found is None:
            found = self.new_head(headers)
            if sum(len(value) for _, value in headers) <= _LINE:
                if len(self.heads) >= _HEADS:
                    self.heads.clear()
                self.heads[headers] = found
        return found

    def new_head(self, headers: Headers) -> "_Head":
        values: list[Value] = []
        opaque: list[Opaque] = []
        innocent = innocent_headers()
        content_type = encoding = ""
        next_group = _HEADERS + 1
        known = paths.of_object(("header",))
        most = self.limits.values
        for name, value in headers[:most]:
            name = name.lower()
            if name in innocent:
                if name == "content-type":
                    content_type = value
                elif name == "content-encoding":
                    encoding = f"{encoding},{value}" if encoding else value
                continue
            if len(value) <= LONGEST_PLAIN and PLAIN(value) and name != "cookie":
                name = name[:NAME]
                path = known.get(name) or paths.of_field(known, ("header",), name)
                values.append(Value(path, name, value, _HEADERS))
                continue
            line = (name, value)
            part = self.headers[line] if len(value) <= _LINE else self.header(line)
            shift = next_group - _HEADERS - 1
            if part[2] > _HEADERS + 1:
                next_group += part[2] - _HEADERS - 1
                if shift:
                    part = _shifted(part, shift, _HEADERS)
            values += part[0]
            opaque += part[1]
        if len(headers) > most:
            opaque.append(Opaque(("header",), len(headers) - most, "limit", f"more than {most} values"))
        return _Head(tuple(values), tuple(opaque), content_type, encoding.lower())

    def header(self, line: tuple[str, str]) -> Part:
        """One header line. What stands in it directly is of the header block's group."""
        name, value = line
        run = Run(self.limits, _HEADERS + 1)
        if name == "cookie":
            for cookie, data in http.parse_cookies(value, self.limits.values):
                cookie = cookie[:NAME]
                run.text(http.unquote(data), ("cookie", cookie), cookie, _HEADERS, 0)
        else:
            name = name[:NAME]
            run.text(value, ("header", name), name, _HEADERS, 0)
        return run.part()

    def url(self, url: str) -> Part:
        """Path and query. The segments of the path are one group, the pairs of the query another."""
        run = Run(self.limits, _URL + 1)
        path, _, query = url.partition("?")
        for name, segment in http.parse_path(path, self.limits.values):
            run.text(segment, ("path", name) if name else ("path",), name, _URL, 0)
        if query:
            run.tree(http.parse_pairs(query.partition("#")[0], self.limits.values), ("query",), "", _URL, 0)
        return run.part()

    def body(self, data: bytes, kind: str, encoding: str, path: Path, room: int) -> Part:
        """The first payload."""
        small = len(data) <= _BODY
        if small:
            remembered = self.bodies.get((data, kind, encoding, path))
            if remembered:
                return remembered
        run = Run(self.limits, _PAYLOADS)
        run.nodes = max(0, room)
        _payload(run, data, kind, encoding, path)
        part = run.part()
        if small and len(run.values) <= _BODY_VALUES and len(run.opaque) <= _BODY_VALUES:
            length = sum(len(value.data) for value in run.values if isinstance(value.data, (str, bytes)))
            if length <= _BODY_TEXT:
                if len(self.bodies) >= _BODIES:
                    self.bodies.clear()
                self.bodies[data, kind, encoding, path] = part
        return part


def _payload(run: Run, data: bytes, kind: str, encoding: str, path: Path) -> None:
    declared = http.parse_content_type(kind) if kind else http.NO_TYPE
    if encoding and encoding != "identity":
        run.encoded(data, codings(encoding), path, "", run.new_group(), 0, declared)
    else:
        run.data(data, path, "", run.new_group(), 0, declared)


_usual = _Memory(DEFAULT)
_unusual = lru_cache(maxsize=4)(_Memory)


def decode(transmission: Transmission, limits: Limits = DEFAULT) -> Decoded:
    """All values that a transmission carried: in path, query, headers, cookies, body, WebSocket messages, TCP and
    UDP content, DNS questions; and what nothing decoded. Never raises, whatever was captured; what exceeds the
    limits is an `Opaque` that looks like `limit`."""
    memory = _usual if limits is DEFAULT else _unusual(limits)
    head = memory.head(transmission.headers)
    values = [*head.values]
    opaque = [*head.opaque]
    url = transmission.path
    if len(url) > 1:
        part = memory.urls[url] if len(url) <= _LINE else memory.url(url)
        values += part[0]
        opaque += part[1]
    if transmission.payloads:
        _payloads(transmission, head.content_type, head.encoding, memory, values, opaque)
    if transmission.questions:
        values += [
            Value(("question",), "", name, _PAYLOADS) for name in transmission.questions[: limits.values]
        ]
    if transmission.truncated:
        root = "body" if transmission.protocol == "http" else _ROOTS.get(transmission.protocol, "content")
        opaque.append(Opaque((root,), transmission.truncated, "limit", "not kept of the capture"))
    return Decoded(tuple(values), tuple(opaque))


_ROOTS = {"http": "body", "websocket": "message"}
"""Protocol -> what its payloads are called in a path; in all others they are `content`."""


def _payloads(
    transmission: Transmission,
    content_type: str,
    encoding: str,
    memory: _Memory,
    values: list[Value],
    opaque: list[Opaque],
) -> None:
    first, *others = transmission.payloads
    root = _ROOTS.get(transmission.protocol, "content")
    if root == "message":
        # The handshake of a WebSocket has no body, and its content type, if any, is not that of the messages.
        if transmission.header("content-length").strip("0 "):
            root = "body"
        else:
            content_type = encoding = ""
    room = memory.limits.values - len(values)
    part = memory.body(first, content_type, encoding, (root,), room)
    values += part[0]
    opaque += part[1]
    if others:
        run = Run(memory.limits, part[2])
        run.nodes = max(0, room - len(part[0]))
        path = ("message",) if transmission.protocol == "websocket" else (root,)
        for index, data in enumerate(others):
            if run.nodes <= 0 or run.unpacked <= 0:
                left = sum(map(len, others[index:]))
                run.limit(
                    path,
                    left,
                    f"more than {memory.limits.values} values or {memory.limits.unpacked} bytes unpacked",
                )
                break
            run.nodes -= 1
            _payload(run, data, content_type if root == path[0] == "body" else "", "", path)
        values += run.values
        opaque += run.opaque


def _shifted(part: Part, shift: int, base: int) -> Part:
    """A remembered part with its own groups, those above the base, moved behind those that are taken."""
    moved = tuple(
        value if value.group == base else value._replace(group=value.group + shift) for value in part[0]
    )
    return moved, part[1], part[2]


def decode_bytes(
    data: bytes,
    content_type: str = "",
    content_encoding: str = "",
    path: Path = ("body",),
    limits: Limits = DEFAULT,
) -> Decoded:
    """The values in bytes that were sent under a content type and a content encoding (both as in HTTP, both may
    be empty: then looks decide). `path` is what the paths of the values begin with. Never raises."""
    run = Run(limits)
    _payload(run, data, content_type, content_encoding.lower(), path)
    return Decoded(tuple(run.values), tuple(run.opaque))
