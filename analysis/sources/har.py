"""HAR files (HTTP Archive 1.2, http://www.softwareishard.com/blog/har-12-spec/), as some twenty tools write them.

Strategy: a HAR file is one JSON document with a list of entries. `plan` cuts the list in ranges of whole entries, which
need no memory until they are read: it guesses where an entry begins by its first key, and `msgspec` confirms the guess
by going over the range as a list of raw values. Where it does not confirm (a file that is cut off, a lone surrogate,
NaN, a control character: exporters write all of them), brackets are counted, which needs no valid JSON. `read` decodes
a range into the few fields that become a Transmission; an entry that `msgspec` refuses goes through `json`, which takes
more.

What each tool does to a body is undone by who wrote it and by the length that it states; what cannot be undone is a
remark on the transmission. How the tools differ was learnt from their sources and files: mitmproxy
(addons/savehar.py), HTTP Toolkit (model/http/har.ts), PCAPdroid (HarWriter), pcapng-utils, Chrome, Firefox, Charles,
Proxyman.
"""

import base64
import binascii
import json
import mmap
import re
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, cached_property, lru_cache, partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import msgspec

from phonehome.analysis import knowledge
from phonehome.analysis.sources.flow_state import (
    MAX_EDGE_HEADER,
    MAX_HEADERS,
    MAX_PAYLOAD,
    MAX_REPLY_BODY,
    PROXY_HOSTS,
    WHOLE_ANSWERS,
    failed_address,
    ip,
    name,
    port,
)
from phonehome.analysis.sources.source import (
    Buffer,
    CaptureError,
    Part,
    Plan,
    Said,
    Warnings,
    check_whole,
    release,
)
from phonehome.analysis.transmission import (
    AddressSource,
    App,
    Headers,
    HostSource,
    Origin,
    Protocol,
    Remark,
    Reply,
    RoundTrips,
    Transmission,
    Unopened,
)

PIECE: Final = 1 << 20
"""Bytes that are unpacked at a time."""
LONGEST_ENTRY: Final = 256 << 20
"""Bytes of one entry; what is longer is damage."""
LONGEST_FRAME: Final = 16 << 20
"""Bytes around the list of entries (who wrote the file, its pages) that are looked at."""
MOST_UNPACKED: Final = 64
"""A `.zhar` is unpacked up to so many times its size: JSON shrinks to a tenth or a twentieth."""
IN_MEMORY: Final = 64 << 20
"""Bytes of an unpacked `.zhar` that are kept in memory; more go to a temporary file."""
LONGEST_SPACE: Final = 256
"""Bytes of white space that may stand before the first key of an entry."""
DEEPEST: Final = 10_000
"""Brackets inside one another: JSON of that depth is not read by either library."""
RANGE: Final = 1 << 20
"""Bytes of entries that are decoded at a time, at most: of the shortest ones, these are many."""
LONGEST_BEHIND: Final = 4 << 20
"""Bytes behind the entries in which metadata is looked for."""
MAX_APPS: Final = 50
MAX_APP: Final = 100
"""Characters of the name of an app."""
MOST_DAMAGE: Final = 1000
"""Damaged places that are stepped over."""
TRIES: Final = 4
"""Guesses at where an entry begins, before brackets are counted."""

_BOM: Final = b"\xef\xbb\xbf"
_STRING: Final = rb'"(?:[^"\\]++|\\.)*+"'
_NEXT_BRACKET: Final = re.compile(
    rb'[^"\[\]{}]*+(?:' + _STRING + rb'[^"\[\]{}]*+)*+([\[\]{}])', re.DOTALL
).match
_ENTRIES: Final = re.compile(rb'"entries"\s*+:\s*+\[\Z').search
_TLS_ERRORS: Final = re.compile(rb'"_tlsErrors"\s*+:\s*+\[').search
_LOG: Final = re.compile(rb'\s*+\{.*?"log"\s*+:\s*+\{', re.DOTALL).match
_FIRST_KEY: Final = re.compile(rb'\{\s*+("(?:[^"\\]|\\.){1,80}+"|\})').match
_USUAL_KEY: Final = b'"startedDateTime"'
_ENTRY_BEGINS: Final = re.compile(rb"(?<!\s)\s*+,\s*+(\{)\s*+\Z").search
_NO_CONTROLS: Final = bytes(max(byte, 32) for byte in range(256))
_SURROGATES: Final = re.compile(
    rb"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(\\u[dD][c-fC-F][0-9a-fA-F]{2})?+|[c-fC-F][0-9a-fA-F]{2})"
).sub
_NUMBERS: Final = ((b"NaN", b"0  "), (b"Infinity", b"0       "))
_SPACE: Final = re.compile(rb"\s*+").match
_COMMA: Final = re.compile(rb"\s*+,?+\s*+").match
_URL: Final = re.compile(
    r"([A-Za-z][A-Za-z0-9+.\-]*+):(?://(?:[^@/?#]*@)?(\[[^\]/?#]*\]|[^:/?#]*)(?::(\d*))?)?([^#]*)", re.DOTALL
).match
_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_VERSIONS: Final = {"H2": "HTTP/2.0", "HTTP/2": "HTTP/2.0", "H3": "HTTP/3", "HTTP/3.0": "HTTP/3"}
_UTF8_KINDS: Final = ("json", "html", "xml", "javascript", "ecmascript", "text/css")
"""What mitmproxy takes for UTF-8 where no charset is stated; all else is Latin-1 (net/http/headers.py, version 12)."""
_NEVER_LEFT: Final = re.compile(
    r"net::ERR_(?:BLOCKED_BY_(?:CLIENT|ADMINISTRATOR|CSP|ENTERPRISE_POLICY)|INTERNET_DISCONNECTED|CACHE_MISS"
    r"|UNKNOWN_URL_SCHEME|DISALLOWED_URL_SCHEME)"
)
"""Chrome's names (net/base/net_error_list.h) for what failed before anything was sent; other failures are attempts."""
_REFUSALS: Final = frozenset({"cert-rejected", "closed", "reset"})
"""HTTP Toolkit's causes for which the device turned the certificate down; others failed for another reason."""
_CHARSET: Final = re.compile(r"charset\s*+=\s*+[\"']?([^\s\"';,]{1,40})", re.IGNORECASE).search
_BOUNDARY: Final = re.compile(r"boundary\s*+=\s*+\"?([^\s\";,]{1,200})", re.IGNORECASE).search
_PRIVATE_NAMES: Final = ("localhost", "local", "lan", "home", "internal", "intranet", "test")

_LOST: Final = (
    "A HAR file holds HTTP only: no other TCP or UDP, no DNS, no version of TLS, no SNI. TLS that a device would not "
    "have opened is in it only if HTTP Toolkit wrote it.",
    "A HAR file does not mark the analyst's own requests: they may be among those of the phone.",
)
_NO_CLIENT: Final = (
    "A HAR file without addresses of clients does not say which phone sent what: it may be of several."
)


# What an entry is read into. Only what is used is named: the rest is skipped. What may be of any type is tested where
# it is used.


class _Field(msgspec.Struct):
    name: Any = ""
    value: Any = ""
    fileName: Any = None
    contentType: Any = None


class _Content(msgspec.Struct):
    """A body: `postData` and `_content` of a request, `content` of a response."""

    mimeType: Any = ""
    text: msgspec.Raw | str | None = None
    encoding: Any = None
    size: Any = None
    params: list[_Field] | None = None


class _Message(msgspec.Struct):
    """A request or a response."""

    method: Any = ""
    url: Any = ""
    httpVersion: Any = ""
    headers: list[_Field] | None = None
    postData: _Content | None = None
    content: _Content | None = None
    own: _Content | None = msgspec.field(default=None, name="_content")
    communication: Any = msgspec.field(default=None, name="_communication")
    bodySize: Any = None
    status: Any = None
    statusText: Any = None
    error: Any = msgspec.field(default=None, name="_error")
    charles: Any = msgspec.field(default=None, name="_charlesStatus")


class _WebSocketMessage(msgspec.Struct):
    type: Any = ""
    opcode: Any = None
    data: Any = ""


class _Entry(msgspec.Struct):
    startedDateTime: Any = None
    time: Any = None
    request: _Message | None = None
    response: _Message | None = None
    serverIPAddress: Any = None
    timings: Any = None
    from_cache: Any = msgspec.field(default=None, name="_fromCache")
    messages: list[_WebSocketMessage] | None = msgspec.field(default=None, name="_webSocketMessages")
    client: Any = msgspec.field(default=None, name="_clientAddress")
    device: Any = msgspec.field(default=None, name="_remoteDeviceIP")
    process: Any = msgspec.field(default=None, name="_clientName")
    program: Any = msgspec.field(default=None, name="_clientBundlePath")
    # Of HTTP Toolkit's `_tlsErrors`, which have no request:
    cause: Any = None
    hostname: Any = None
    clientIPAddress: Any = None


class _Creator(NamedTuple):
    """Who wrote the file, as far as it changes how it is read."""

    name: str
    mitmproxy: bool
    firefox: bool
    apps: tuple[App, ...] = ()
    """What sent it, says the file: one of these."""
    said: Said | None = None
    """What it says of the phone."""


_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_entries = msgspec.json.Decoder(list[_Entry]).decode
_entry = msgspec.json.Decoder(_Entry).decode
_text = msgspec.json.Decoder(str).decode


def recognises(beginning: bytes) -> bool:
    """Whether a file that begins so is a HAR file, packed or not."""
    if beginning[:1] == b"\x78":
        try:
            beginning = zlib.decompressobj().decompress(beginning, 4096)
        except zlib.error:
            return False
    elif beginning[:2] in (b"\xff\xfe", b"\xfe\xff"):
        beginning = beginning[: len(beginning) & ~1].decode("utf-16", "replace").encode()
    return _LOG(beginning.removeprefix(_BOM)) is not None


class HarSource:
    """A HAR file as a source."""

    context: Any = None

    def __init__(self, data: Buffer, path: Path, keys: Sequence[Path] = ()) -> None:
        self._warnings = Warnings()
        self._packed = data[:1] == b"\x78"
        if self._packed:
            data = _unpacked(data, self._warnings)
        elif data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            if len(data) > IN_MEMORY:
                raise CaptureError("a HAR file in UTF-16: save it as UTF-8")
            data = data[:].decode("utf-16", "replace").encode()
        self._data = data
        self._done = partial(release, data)

    def plan(self, size: int) -> Plan:
        """Cuts the list of entries in ranges of about `size` bytes. Raises CaptureError if there is no whole entry."""
        ranges = list(self._ranges(min(size, RANGE)))
        if not ranges:
            raise CaptureError(
                "no whole entry in it: " + ("; ".join(self._warnings.lines()) or "no HAR file")
            )
        parts = tuple([Part(start, end) for start, end in ranges])
        if self._packed:  # unpacked once, not once for each of its parts
            parts = (Part(parts[0].start, parts[-1].end),)
        lost = _LOST if self._names_clients(ranges[0]) else (*_LOST, _NO_CLIENT)
        return Plan(parts, (), self._warnings.lines(), lost, said=self._creator.said)

    def read(self, part: Part) -> Iterator[Transmission]:
        """The transmissions of the entries in a part. An entry that cannot be read gives a warning."""
        ranges = self._ranges(RANGE) if self._packed else ((part.start, part.end),)
        for start, end in ranges:
            entries = self._entries(start, end)
            for entry, time, known in zip(entries, *_times(entries), strict=True):
                found = (
                    _tls_error(entry, time)
                    if entry.request is None
                    else _exchange(entry, time, self._creator)
                )
                if found is None:
                    self._warnings.add("some entries hold no request that can be read; they were skipped")
                    continue
                yield found if known else found._replace(remarks=("time unknown", *found.remarks))
            self._done(start, end)

    def warnings(self) -> tuple[str, ...]:
        """What reading came upon so far."""
        return self._warnings.lines()

    def counted(self) -> Mapping[str, int]:
        """Nothing: what is wrong with a HAR file is wrong at one place."""
        return {}

    # Where the entries are.

    @cached_property
    def _start(self) -> int | None:
        """Where the list of entries begins, behind its bracket; None if there is none."""
        data, position, depth = self._data, 0, 0
        while (match := _NEXT_BRACKET(data, position)) is not None:
            position = match.end()
            bracket = match[1]
            if bracket == b"[" and depth in (1, 2) and _ENTRIES(data[max(0, position - 80) : position]):
                return position
            depth += 1 if bracket in b"[{" else -1
            if depth <= 0:
                return None
        return None

    @cached_property
    def _creator(self) -> _Creator:
        """Who wrote the file: it says so before the entries, or not at all."""
        log: Any = {}
        if self._start is not None and self._start < LONGEST_FRAME:
            head = _loads(self._data[: self._start].removeprefix(_BOM) + b"]}}")
            log = head.get("log") if isinstance(head, dict) else None
        log = log if isinstance(log, dict) else {}
        names = [_string(_mapping(log.get(key)).get("name")) for key in ("creator", "browser")]
        apps: tuple[App, ...] = (App(names[1][:MAX_APP], "", "file"),) if names[1] else ()
        said = None
        if tweasel := _mapping(log.get("_tweasel")) or self._behind():
            said, listed = _tweasel(tweasel)
            apps = listed or apps
        return _Creator(names[0], "mitmproxy" in names[0].lower(), "Firefox" in names, apps, said)

    def _behind(self) -> Mapping[str, Any]:
        """What tweasel's tools write behind the entries; empty if they did not write the file."""
        data = self._data
        found = data.rfind(b'"_tweasel"', max(0, len(data) - LONGEST_BEHIND))
        begin = data.find(b"{", found) if found >= 0 and data[found - 1 : found] != b"\\" else -1
        close = _end(data, begin, len(data)) if begin >= 0 else None
        return _mapping(_loads(data[begin:close])) if close is not None else {}

    def _ranges(self, size: int) -> Iterator[tuple[int, int]]:
        """Ranges of whole entries, about `size` bytes each; at last the errors of TLS that HTTP Toolkit notes."""
        data, total = self._data, len(self._data)
        if self._start is None:
            self._warnings.add("it has no list of entries, or is cut off before it")
            return
        position = _skipped(data, self._start)
        key = _FIRST_KEY(data, position)
        begins = re.compile(
            rb"\{\s*+(?:" + re.escape(key[1] if key else _USUAL_KEY) + b"|" + _USUAL_KEY + b")"
        )
        begin = end = position  # a range that grows entry by entry, while brackets are counted
        counting = damaged = wasted = 0
        while data[position : position + 1] != b"]":
            check_whole(data)
            if position >= counting and key is not None:
                guess = self._guess(position, size, key[1])
                if guess is not None:
                    if end > begin:
                        yield begin, end
                    yield position, guess[0]
                    self._done(position, guess[1])
                    begin = end = position = guess[1]
                    continue
                counting = position + size
            limit = min(total, position + LONGEST_ENTRY)
            close = _end(data, position, limit) if data[position : position + 1] == b"{" else None
            if close is not None and _is_entry(data[position:close]):
                if close - begin > size and end > begin:
                    yield begin, end
                    begin = position
                end = close
                position = _skipped(data, close, comma=True)
                continue
            # Cut off or damaged: on with the next that begins as the first one does, or as most do.
            if end > begin:
                yield begin, end
            damaged += 1
            wasted += (close or limit) - position  # as much may have been looked at in vain
            release(data, position, limit)
            next_ = _found(data, begins, position + 1)
            if next_ is None or damaged > MOST_DAMAGE or wasted > 2 * total:
                self._warnings.add(
                    f"cut off or damaged at byte {position} of {total}: all whole entries before it were read"
                )
                return
            self._warnings.add(f"damaged from byte {position} to byte {next_}: these were skipped")
            begin = end = position = next_
        if end > begin:
            yield begin, end
        errors = _TLS_ERRORS(data, position, min(total, position + LONGEST_FRAME))
        if errors is not None:
            start, close = errors.end(), _end(data, errors.end() - 1, total)
            if close is not None and data[start : close - 1].strip():
                yield start, close - 1

    def _guess(self, position: int, size: int, key: bytes) -> tuple[int, int] | None:
        """Where a range of about `size` bytes from here ends, and where the next entry begins; None if no guess at it
        is confirmed."""
        found = position + size
        if found >= len(self._data):
            return None
        for _ in range(TRIES):
            found = self._data.rfind(key, position + 1, found)
            if found < 0:
                return None
            start = max(position, found - LONGEST_SPACE)
            before = _ENTRY_BEGINS(self._data[start : max(found, start)])
            if (
                before is not None
                and _raws_of(_listed(self._data, position, start + before.start())) is not None
            ):
                return start + before.start(), start + before.start(1)
        return None

    def _names_clients(self, range_: tuple[int, int]) -> bool:
        """Whether the first entries say which phone sent them; loopback names none."""
        clients = [_client(entry) for entry in self._entries(*range_)[:100]]
        return any(client and not ip_address(client).is_loopback for client in clients)

    # What is in them.

    def _entries(self, start: int, end: int) -> list[_Entry]:
        text = _listed(self._data, start, end)
        try:
            return _entries(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        found: list[_Entry] = []
        for position, close in _objects(text):
            entry = _one(text[position:close])
            if entry is None:
                self._warnings.add(f"the entry at byte {start + position - 1} cannot be read; it was skipped")
            else:
                found.append(entry)
        return found


def _found(data: Buffer, pattern: re.Pattern[bytes], position: int) -> int | None:
    """Where a pattern of up to `LONGEST_SPACE` bytes next begins. It is looked for in pieces, so that a large hole in a
    file needs no memory."""
    for start in range(position, len(data), PIECE):
        check_whole(data)
        match = pattern.search(data[start : start + PIECE + LONGEST_SPACE])
        if match is not None and match.start() < PIECE:
            return start + match.start()
        release(data, start, start + PIECE)
    return None


def _listed(data: Buffer, start: int, end: int) -> bytes:
    """data[start:end] as a list, copied once."""
    check_whole(data)
    with memoryview(data) as whole, whole[start:end] as part:
        return b"".join((b"[", part, b"]"))


def _raws_of(text: bytes) -> list[msgspec.Raw] | None:
    """The elements of a list, each as long as it stands there; None if it is none."""
    for made in (text, None):
        try:
            return _raws(text if made is not None else _tamed(text))
        except (msgspec.DecodeError, RecursionError):
            continue
    return None


def _tamed(text: bytes) -> bytes:
    """The same, of the same length, without what exporters write and `msgspec` refuses: control characters, lone
    surrogates, NaN and infinity."""
    text = text.translate(_NO_CONTROLS)
    text = _SURROGATES(lambda match: match[0] if match[1] else b"\\u0020", text)
    for wrong, right in _NUMBERS:
        text = text.replace(wrong, right)
    return text


def _unpacked(data: Buffer, warnings: Warnings) -> Buffer:
    """The content of a `.zhar`, as far as it is whole; what is long is kept in a temporary file."""
    most = MOST_UNPACKED * len(data) + (1 << 20)
    stream = zlib.decompressobj()
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as out:
        try:
            for start in range(0, len(data), PIECE):
                piece = data[start : start + PIECE]
                while piece and out.tell() < most:
                    out.write(stream.decompress(piece, PIECE))
                    piece = stream.unconsumed_tail
        except zlib.error:
            warnings.add("its compression is damaged: what stands before that was read")
        if out.tell() >= most:
            warnings.add(f"unpacks to more than {MOST_UNPACKED} times its size: the rest was not read")
        if out.tell() > IN_MEMORY:
            out.flush()
            return mmap.mmap(out.fileno(), 0, access=mmap.ACCESS_READ)
        out.seek(0)
        return out.read()


def _end(data: Buffer, start: int, limit: int) -> int | None:
    """Behind the bracket that closes the one at `start`; None if there is none before `limit`, or if brackets stand in
    brackets too often for any library."""
    depth, position = 0, start
    while (match := _NEXT_BRACKET(data, position, limit)) is not None:
        position = match.end()
        depth += 1 if match[1] in b"{[" else -1
        if depth <= 0:
            return position
        if depth > DEEPEST:
            return None
    return None


def _skipped(data: Buffer, position: int, *, comma: bool = False) -> int:
    """The position behind white space, and behind a comma in it if one is to be skipped."""
    match = (_COMMA if comma else _SPACE)(data, position)
    return match.end() if match is not None else position


def _objects(text: bytes) -> Iterator[tuple[int, int]]:
    """Where the elements of a list begin and end; if it is none, those before the damage."""
    position = _skipped(text, 1)
    for raw in _raws_of(text) or ():
        close = position + len(bytes(raw))
        yield position, close
        position = _skipped(text, close, comma=True)
    while text[position : position + 1] == b"{" and (close_ := _end(text, position, len(text))) is not None:
        yield position, close_
        position = _skipped(text, close_, comma=True)


def _is_entry(text: bytes) -> bool:
    return _raws_of(b"[" + text + b"]") is not None or _one(text) is not None


def _one(text: bytes) -> _Entry | None:
    """One entry, of whatever types its values are; None if it is no JSON object."""
    try:
        return _entry(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = _loads(text)
    return _shaped(_Entry, found) if isinstance(found, dict) else None


def _loads(text: bytes) -> Any:
    """JSON by the library that takes more than `msgspec` does; None if it does not take it either."""
    try:
        return json.loads(text.decode("utf-8", "replace"), strict=False, parse_int=_integer)
    except (ValueError, RecursionError):
        return None


def _integer(digits: str) -> int:
    """A number that some field of a HAR file can have; of 5,000 digits, none has."""
    return int(digits) if len(digits) < 20 else 0


def _shaped[S: msgspec.Struct](kind: type[S], found: Mapping[str, Any]) -> S:
    """A mapping as one of the types above; what is of another type is left out."""
    values: dict[str, Any] = {}
    for key, attribute in _names_in(kind).items():
        value = found.get(key)
        inner = _INNER.get(attribute)
        if value is None:
            continue
        if inner is None:
            values[attribute] = value
        elif attribute not in _LISTS:
            values[attribute] = _shaped(inner, value) if isinstance(value, dict) else None
        elif isinstance(value, list):
            values[attribute] = [_shaped(inner, item) for item in value if isinstance(item, dict)]
    return kind(**values)


@cache
def _names_in(kind: type[msgspec.Struct]) -> dict[str, str]:
    """What the fields are called in the file, and here."""
    return {field.encode_name: field.name for field in msgspec.structs.fields(kind)}


_INNER: Final[Mapping[str, type[msgspec.Struct]]] = {
    "request": _Message,
    "response": _Message,
    "messages": _WebSocketMessage,
    "headers": _Field,
    "params": _Field,
    "postData": _Content,
    "content": _Content,
    "own": _Content,
}
_LISTS: Final = frozenset({"messages", "headers", "params"})


# What an entry says.


def _exchange(entry: _Entry, time: float, creator: _Creator) -> Transmission | None:
    request = entry.request
    if request is None:
        return None
    url = _URL(_string(request.url))
    if url is None:
        return None
    scheme = url[1].lower()
    method = _string(request.method)
    fields = _headers(request.headers)
    headers: Headers = tuple([field for field in fields if not field[0].startswith(":")])
    first = {key.lower(): value for key, value in reversed(fields)}
    authority = first.get(":authority", "")
    plain = not first.get("content-encoding")
    host, host_source, other = _host(authority or first.get("host", ""), bool(authority), url[2] or "")
    body, remarks = _body(request, first.get("content-type", ""), plain, creator)

    size = _size(request.bodySize)
    if not body and size:
        remarks.append("body missing")
    payloads: tuple[bytes, ...] = (body[:MAX_PAYLOAD],) if body else ()
    truncated = len(body) - MAX_PAYLOAD if len(body) > MAX_PAYLOAD else 0 if body else size
    size = size or len(body)
    reply, error, received = _reply(entry.response)
    address, address_source = _address(entry.serverIPAddress, url[2] or "", host, error)
    protocol: Protocol = "http"
    if entry.messages is not None:
        protocol = "websocket"
        sent, left_out, got = _websocket(entry.messages)
        payloads += sent
        truncated += left_out
        size += left_out + sum(map(len, sent))
        received += got

    origin: Origin = "device"
    if host in PROXY_HOSTS or other in PROXY_HOSTS:
        origin = "proxy"
    elif scheme not in _PORTS or _never_left(entry, reply, error, creator):
        origin = "unsent"
    unopened: Unopened | None = None
    if method == "CONNECT" and not creator.mitmproxy and reply is not None and (reply.status or 0) < 300:
        protocol, unopened = "tls", "passed"  # a tunnel that the proxy did not look into
    encrypted = scheme in ("https", "wss")
    path = url[4] if scheme in _PORTS else ""
    version = _string(request.httpVersion).upper()
    version = _VERSIONS.get(version, version)
    duration = entry.time if isinstance(entry.time, int | float) else 0
    return Transmission(
        time=time,
        end=time + duration / 1000 if 0 < duration < 1e10 else None,
        client=_client(entry),
        origin=origin,
        address=address,
        address_source=address_source,
        port=port(_number(url[3])) or _PORTS.get(scheme),
        host=host,
        host_source=host_source,
        authority=other,
        transport="udp" if version == "HTTP/3" else "tcp",
        protocol=protocol,
        http_version=version if version.startswith("HTTP/") else None,
        encrypted=encrypted or unopened is not None,
        unopened=unopened,
        method=method or None,
        path=path if path.startswith("/") else "/" + path,
        headers=headers,
        payloads=payloads,
        truncated=truncated,
        reply=reply if unopened is None else None,
        error=error,
        bytes_sent=len(method)
        + len(path)
        + 12
        + sum(len(key) + len(value) + 4 for key, value in headers)
        + size,
        bytes_received=received,
        round_trips=_round_trips(entry, encrypted, "body missing" in remarks) if creator.mitmproxy else None,
        remarks=tuple(remarks),
        app=_process(entry) or (creator.apps[0] if len(creator.apps) == 1 else None),
        app_candidates=creator.apps if len(creator.apps) > 1 and not entry.program else (),
    )


_PLATFORMS: Final = {
    "android": "Android",
    "ios": "iOS",
    "windows": "Windows",
    "macos": "macOS",
    "linux": "Linux",
}


def _tweasel(found: Mapping[str, Any]) -> tuple[Said, tuple[App, ...]]:
    """What tweasel's tools say of the phone, and of the apps that were analysed (cyanoacrylate, TweaselHarMetaV1)."""
    device = {key: _string(value)[:MAX_APP] for key, value in _mapping(found.get("device")).items()}
    version = device.get("osVersion", "")
    system = f"{_PLATFORMS.get(device.get('platform', ''), '')} {'' if '<' in version else version}".strip()
    model = device.get("model") or device.get("modelCodeName", "")
    listed = found.get("apps")
    apps = [
        App(_string(app.get("name"))[:MAX_APP], _string(app.get("id"))[:MAX_APP], "file")
        for app in (listed if isinstance(listed, list) else [])[:MAX_APPS]
        if isinstance(app, dict) and (app.get("name") or app.get("id"))
    ]
    said = Said(
        "tweasel's metadata", device.get("manufacturer", ""), model, system, device.get("osBuild", "")
    )
    # Only if nothing but these apps was recorded is it one of them that sent it.
    return said, tuple(apps) if _mapping(found.get("options")).get("mode") == "allowlist" else ()


def _process(entry: _Entry) -> App | None:
    """The process on this computer that Proxyman names. For another device it has no program, and its name is that of
    the device."""
    called, program = _string(entry.process), _string(entry.program)
    if not program or _string(entry.device):
        return None
    file = re.split(r"[/\\]", program.rstrip("/\\"))[-1]  # the path before it can name a person
    return App((called or file.removesuffix(".app").removesuffix(".exe"))[:MAX_APP], "", "process")


def _tls_error(entry: _Entry, time: float) -> Transmission | None:
    """A handshake that failed, from HTTP Toolkit's list of them."""
    stated, cause = _string(entry.hostname), _string(entry.cause)
    if not stated and not cause:
        return None
    host = name(stated)
    return Transmission(
        time=time,
        client=_client(entry),
        address=ip(stated),
        address_source="request" if ip(stated) else None,
        port=443,
        host=host,
        host_source="url" if host else None,
        protocol="tls",
        encrypted=True,
        unopened="refused" if cause in _REFUSALS else "failed",
        error=f"TLS: {cause}"[:500] if cause else None,
    )


def _round_trips(entry: _Entry, encrypted: bool, streamed: bool) -> RoundTrips | None:
    """How long the destination took to answer mitmproxy. What a browser measured may be as far as to a proxy. A body
    that was not kept went on while it came in, so that an answer need not have waited for its end."""
    timings = _mapping(entry.timings)
    taken = [
        time / 1000 if isinstance(time := timings.get(key), int | float) and 0 < time < 1e6 else None
        for key in ("connect", "ssl", "wait")
    ]
    if not encrypted:
        taken[1:] = (None, None)
    elif streamed:
        taken[2] = None
    return RoundTrips(*taken) if any(taken) and ip(_string(entry.serverIPAddress)) else None


def _never_left(entry: _Entry, reply: Reply | None, error: str | None, creator: _Creator) -> bool:
    """Whether it was answered on the device itself, or blocked there."""
    if reply is None:
        return _NEVER_LEFT.match(error or "") is not None
    if entry.from_cache:
        return True
    # Firefox notes the address of every server that it spoke to, and the time that it waited for it.
    return creator.firefox and not entry.serverIPAddress and not _mapping(entry.timings).get("wait")


def _host(said: str, is_authority: bool, asked: str) -> tuple[str | None, HostSource | None, str | None]:
    """Name of the destination, what it rests on, and None: a HAR file says nothing of the connection, so that the name
    in the request is the only one."""
    if found := name(said):
        return found, "authority" if is_authority else "host", None
    found = name(asked)
    return found, "url" if found else None, None


def _address(
    stated: Any, asked: str, host: str | None, error: str | None
) -> tuple[str | None, AddressSource | None]:
    """The address that was connected to. That of a proxy on the same machine or network is not the destination's."""
    found = ip(_string(stated))
    by_number = ip(asked)
    if found and (_is_global(found) or _is_private(host or by_number or "")):
        return found, "connection"
    if by_number:
        return by_number, "request"
    found = failed_address(error or "")
    return found, "error" if found else None


@lru_cache(maxsize=4096)
def _is_global(address: str) -> bool:
    return ip_address(address).is_global


@lru_cache(maxsize=4096)
def _is_private(host: str) -> bool:
    """Whether a name or an address is of a network of its own."""
    if ip(host):
        return not _is_global(host)
    return "." not in host or host.rpartition(".")[2] in _PRIVATE_NAMES or host.endswith(".home.arpa")


def _client(entry: _Entry) -> str | None:
    """The address of the device, in the tools that note it: Proxyman, pcapng-utils, HTTP Toolkit."""
    for stated in (entry.device, entry.client, entry.clientIPAddress):
        if found := ip(_string(stated)):
            return found
    if entry.request is not None and entry.request.communication is not None:
        return ip(_string(_mapping(_mapping(entry.request.communication).get("src")).get("ip")))
    return None


def _headers(fields: Sequence[_Field] | None) -> Headers:
    return tuple([(_string(field.name), _string(field.value)) for field in (fields or ())[:MAX_HEADERS]])


def _body(message: _Message, kind: str, plain: bool, creator: _Creator) -> tuple[bytes, list[Remark]]:
    """The body of a request as it was sent, as far as the file tells. `plain` says that it was sent as it is, without
    content encoding, so that its length is known."""
    for content in (message.own, message.postData):
        if content is None:
            continue
        text = _decoded(content.text)
        if text:
            kind = kind or _string(content.mimeType)
            coded = content.encoding == "base64" or (content.encoding is None and creator.name == "Reqable")
            if coded and (found := _base64(text)) is not None:
                return found, []
            damaged: list[Remark] = ["body damaged"] if "\ufffd" in text else []
            return _bytes(text, kind, _size(message.bodySize) if plain else 0, creator), damaged
        if content.params:
            return _form(content.params, kind or _string(content.mimeType)), ["body rebuilt"]
    return b"", []


def _bytes(text: str, kind: str, size: int, creator: _Creator) -> bytes:
    """The bytes that an exporter made this text of. `size` is how many there are, 0 if that is not known."""
    if text.isascii():
        return text.encode()
    charset = _CHARSET(kind)
    likely = charset[1] if charset else "utf-8"
    if creator.mitmproxy and charset is None and not any(part in kind for part in _UTF8_KINDS):
        likely = "latin-1"
    made = []
    for encoding in dict.fromkeys((likely, "utf-8", "latin-1")):
        try:
            found = text.encode(encoding, "surrogateescape" if encoding == "utf-8" else "strict")
        except (UnicodeError, LookupError):
            continue
        if len(found) == size:
            return found
        made.append(found)
    return made[0] if made else text.encode("utf-8", "surrogatepass")


def _form(params: Sequence[_Field], kind: str) -> bytes:
    """A form, made again from its fields: their order and their encoding may have been others."""
    if len(params) == 1 and not params[0].value and _string(params[0].name)[:1] in ("{", "["):
        return _string(params[0].name).encode(
            "utf-8", "surrogatepass"
        )  # Charles: JSON that was sent as a form
    boundary = _BOUNDARY(kind) if "multipart" in kind else None
    if boundary is None:
        pairs = [(_string(param.name), _string(param.value)) for param in params]
        return urlencode(pairs, errors="surrogatepass").encode()
    parts = []
    for param in params:
        file = f'; filename="{_string(param.fileName)}"' if param.fileName else ""
        type_ = f"\r\nContent-Type: {_string(param.contentType)}" if param.contentType else ""
        parts.append(
            f'--{boundary[1]}\r\nContent-Disposition: form-data; name="{_string(param.name)}"{file}{type_}\r\n\r\n'
            f"{_string(param.value)}\r\n"
        )
    return ("".join(parts) + f"--{boundary[1]}--\r\n").encode("utf-8", "surrogatepass")


def _reply(response: _Message | None) -> tuple[Reply | None, str | None, int]:
    """What came back, what went wrong, and how many bytes came."""
    if response is None:
        return None, None, 0
    status = _number(response.status)
    error = _string(response.error)[:500] or None
    if response.charles in ("FAILED", "EXCEPTION"):  # beside a status that Charles made up
        status, error = 0, f"Charles: {response.charles.lower()}"
    if not status:
        return None, error, 0
    content = response.content
    size = _size(response.bodySize) or (_size(content.size) if content is not None else 0)
    body = None
    if (
        content is not None
        and size <= MAX_REPLY_BODY
        and (text := _decoded(content.text, MAX_REPLY_BODY)) is not None
    ):
        body = _base64(text) if content.encoding == "base64" else text.encode("utf-8", "surrogatepass")
    if not size:
        body = b""
    if WHOLE_ANSWERS.get():
        undone = ("content-encoding", "transfer-encoding")
        edge = [(name, value) for name, value in _headers(response.headers) if name.lower() not in undone]
    else:
        wanted = knowledge.shipped().edges.by_header
        edge = [
            (key, value[:MAX_EDGE_HEADER])
            for field, value in _headers(response.headers)
            if (key := field.lower()) in wanted
        ]
    # Every exporter undoes the content encoding.
    return Reply(status, "", body, size or len(body or b""), tuple(edge)), error, size


def _websocket(messages: Sequence[_WebSocketMessage]) -> tuple[tuple[bytes, ...], int, int]:
    """What was sent, how many bytes of it are left out because there are so many, and how many were received."""
    sent: list[bytes] = []
    room, left_out, received = MAX_PAYLOAD, 0, 0
    for message in messages:
        text = _string(message.data)
        data = _base64(text) if message.opcode == 2 else None
        if data is None:
            data = text.encode("utf-8", "surrogatepass")
        if message.type == "receive":
            received += len(data)
        elif message.type == "send":
            if data[:room]:
                sent.append(data[:room])
            left_out += len(data) - len(data[:room])
            room -= len(data[:room])
    return tuple(sent), left_out, received


def _times(entries: Sequence[_Entry]) -> tuple[list[float], list[bool]]:
    """When each began, and whether that is known: if not, it is taken for the time of the one before."""
    read = [_time(entry.startedDateTime) for entry in entries]
    last = next((time for time in read if time is not None), 0.0)
    times = []
    for time in read:
        last = last if time is None else time
        times.append(last)
    return times, [time is not None for time in read]


def _time(stated: Any) -> float | None:
    """Seconds since 1970-01-01T00:00Z; None if it is no time that a capture could have. A time without a zone is taken
    for UTC."""
    if stated is None:
        return None
    if isinstance(stated, int | float):
        time = stated / 1000 if stated > 1e11 else float(stated)
    else:
        try:
            read = datetime.fromisoformat(_string(stated).strip())
            time = (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    return time if 0 < time < 1e11 else None


def _decoded(text: msgspec.Raw | str | None, most: int | None = None) -> str | None:
    """A text that was stepped over so far; None if it is none, or longer than `most` bytes."""
    if not isinstance(text, msgspec.Raw):
        return text if isinstance(text, str) else None
    raw = bytes(text)
    longest = len(raw) if most is None else 6 * most  # `\u0000` is the longest escape
    if not raw.startswith(b'"') or len(raw) > longest:
        return None
    try:
        return _text(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        found = _loads(raw)
        return found if isinstance(found, str) else None


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) else None


def _size(value: Any) -> int:
    """Bytes; 0 if that is not known, which HAR writes as -1."""
    found = _number(value)
    return found if found is not None and 0 < found < 1 << 50 else 0
