"""mitmproxy flow files.

Strategy: a flow file is a row of tnetstrings, one for each flow. `scan` hops over them by their length
prefixes and never looks inside, which finds out where a file is cut off or damaged, and where it can be
divided among workers. `read` then takes from each flow the fields that become a Transmission, and steps
over certificates, long replies and the rest. A device sends many requests over one connection and with
the same headers, so both are converted once and found again by their bytes.

Flow formats 4 to 21 differ only in names that `flow_state` knows, and are read directly; so is a newer
one, with a warning. Before 12 a WebSocket is two flows, its handshake and its messages, which become one
here. What mitmproxy wrote before 3.0 goes through its own `compat`, which is imported only then.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from phonehome.analysis import knowledge
from phonehome.analysis.sources import flow_state
from phonehome.analysis.sources.flow_state import MAX_PAYLOAD, MAX_REPLY_BODY
from phonehome.analysis.sources.source import CaptureError, Part, Plan, Warnings, check_whole, release
from phonehome.analysis.sources.tnetstring import (
    DICT,
    LENGTH,
    LIST,
    NULL,
    Buffer,
    Run,
    Taker,
    TnetstringError,
    element,
    number,
    pick,
    raw,
    up_to,
    value,
)
from phonehome.analysis.transmission import Headers, NameAnswer, Transmission

OLDEST_DIRECT = 4
FIRST_WITH_WEBSOCKETS = 12
"""Since this format a WebSocket's messages stand in the flow of its handshake (mitmproxy `io/compat.py`)."""
NEWEST_KNOWN = 21

PIECE = 16 << 20
"""Bytes after which what was read is let go of."""

_SIGNATURE = re.compile(rb"[1-9]\d{0,11}:\d{1,3}:[a-z_]{1,40}[;,]")
# What a flow begins with, in any format: used to find the next one behind damaged bytes.
_FLOW_START = re.compile(
    rb"[1-9]\d{1,11}:\d{1,2}:(?:websocket|messages|response|request|version|type|id|error|mode|client_conn|server_conn)[;,]"
)
_WINDOW, _LONGEST_START = 1 << 20, 40
"""Bytes that are searched for the next flow at a time, and of what it begins with."""
_HOLE = bytes(_WINDOW + _LONGEST_START)
_HOLDS_NOTHING = "no request or messages of a type that is known"
_VERSION_AT_END = re.compile(rb"4:type;\d:([a-z]{2,5});7:version;\d{1,2}:(\d{1,15})#\Z")


@cache
def _answer_headers() -> re.Pattern[bytes]:
    """What is looked for in an answer. Not made at import: a command tells what is wrong in the catalogue."""
    names = b"|".join(map(re.escape, sorted(knowledge.shipped().edges.header_names)))
    return re.compile(rb":(content-encoding|%s),(\d{1,5}):" % names, re.IGNORECASE)


class Scan(NamedTuple):
    """What hopping over a file found."""

    flows: int
    parts: tuple[tuple[int, int], ...]
    """Byte ranges, each of whole flows, that may be read one without the other."""
    names: tuple[NameAnswer, ...]
    """DNS answers in the file, by time."""
    warnings: tuple[str, ...]


def recognises(beginning: bytes) -> bool:
    """Whether a file that begins so (32 bytes do) is a flow file."""
    return _SIGNATURE.match(beginning) is not None


def scan(data: Buffer, parts: int = 1, done: Callable[[int, int], None] = lambda start, end: None) -> Scan:
    """Where the flows are, in about `parts` ranges of like size, and what DNS answers they hold.
    `done` is told which bytes will not be looked at again."""
    warnings = Warnings()
    reader = FlowFileReader(data)
    names: list[NameAnswer] = []
    bounds: list[tuple[int, int]] = []
    wanted = max(1, -(-len(data) // max(1, parts)))
    begin = flows = gap_before = 0
    whole = False
    handshakes: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    for start, content, end in _flows(data, warnings):
        if start != gap_before:  # damaged bytes were skipped: a range must not hold them
            if gap_before > begin:
                bounds.append((begin, gap_before))
            begin = start
        flows += 1
        gap_before = end + 1
        kind, version, state = _look(data, content, end)
        if version < FIRST_WITH_WEBSOCKETS:
            whole = whole or version < OLDEST_DIRECT
            metadata = state.get("metadata") or {}
            if kind == b"websocket":
                begun = handshakes.pop(flow_state.text(metadata.get("websocket_handshake")), start)
                pairs.append((begun, end + 1))
            elif metadata.get("websocket"):
                handshakes[flow_state.text(state.get("id"))] = start
        if kind == b"dns":
            try:
                found = reader.one(content, end)
            except Exception:  # reading it will say so
                found = None
            if found is not None:
                names.extend(found.answers)
        if gap_before - begin >= wanted:
            bounds.append((begin, gap_before))
            done(begin, gap_before)
            begin = gap_before
    if gap_before > begin:
        bounds.append((begin, gap_before))
    if whole:  # mitmproxy keeps what it needs of one flow for another
        bounds = [(bounds[0][0], bounds[-1][1])]
    elif pairs:
        bounds = _joined(bounds, pairs)
    names.sort(key=lambda answer: answer.time)
    return Scan(flows, tuple(bounds), tuple(names), warnings.lines())


def _joined(bounds: Sequence[tuple[int, int]], pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges, in which no pair is divided: a WebSocket's handshake and its messages."""
    joined: list[tuple[int, int]] = []
    pairs.sort(reverse=True)
    reach = 0
    for start, end in bounds:
        while pairs and pairs[-1][0] < start:
            reach = max(reach, pairs.pop()[1])
        if reach > start:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined


class MitmSource:
    """A flow file as a source."""

    context: Any = None

    def __init__(self, data: Buffer, path: Path, keys: Sequence[Path] = ()) -> None:
        self._data = data
        self._done = partial(release, data)
        self._reader = FlowFileReader(data)

    def plan(self, size: int) -> Plan:
        """Hops over the flows, see `scan`. Raises CaptureError if there is no whole one."""
        found = scan(self._data, -(-len(self._data) // size), self._done)
        if not found.flows:
            raise CaptureError("no whole flow in it: " + ("; ".join(found.warnings) or "not a flow file"))
        return Plan(
            tuple([Part(start, end) for start, end in found.parts]),
            found.names,
            found.warnings,
            flow_state.UNSEEN_IN_FLOWS,
        )

    def read(self, part: Part) -> Iterator[Transmission]:
        """See `Reader.read`."""
        yield from self._reader.read(part.start, part.end, self._done)
        self._done(part.start, part.end)

    def warnings(self) -> tuple[str, ...]:
        """What reading came upon so far."""
        return self._reader.warnings.lines()

    def counted(self) -> Mapping[str, int]:
        """Nothing: what is wrong with a flow file is wrong at one place."""
        return {}


class FlowFileReader:
    """Reads flows of one file. `warnings` fills as it goes."""

    def __init__(self, data: Buffer) -> None:
        self.data = data
        self.warnings = Warnings()
        self._clients = _Remembered(data, _CLIENT, flow_state.client_from_state)
        self._servers = _Remembered(data, _SERVER, flow_state.server_from_state)
        self._headers = _RememberedHeaders()
        wanted: dict[bytes, Taker] = {
            b"request": _nested(
                {**_REQUEST, b"headers": self._headers.take, b"trailers": self._headers.take}, _REQUEST_RUNS
            ),
            b"response": _nested(_RESPONSE, _RESPONSE_RUNS),
            b"websocket": _nested(_WEBSOCKET),
            b"messages": value,
            b"metadata": _nested(_METADATA),
            b"client_conn": self._clients.take,
            b"server_conn": self._servers.take,
        }
        self._flow: dict[bytes, Taker] = {**_FLOW, **wanted}
        self._handshakes: dict[str, dict[str, Any]] = {}
        self._old_handshakes: dict[str, Transmission] = {}
        self._old_states: dict[Any, Any] = {}

    def read(
        self, start: int, end: int, done: Callable[[int, int], None] = lambda start, end: None
    ) -> Iterator[Transmission]:
        """The transmissions of the flows in data[start:end]. A flow that cannot be read gives a warning, the rest goes
        on.
        `done` is told, now and then, which bytes will not be looked at again."""
        begin = start
        for position, content, content_end in _flows(self.data, self.warnings, start, end):
            if position - begin >= PIECE:
                done(begin, position)
                begin = position
            try:
                found = self.one(content, content_end)
            except TnetstringError as error:
                self.warnings.add(
                    f"the flow at byte {position} is damaged at byte {error.offset} ({error}); it was skipped"
                )
                continue
            except Exception as error:  # a fault of ours must not cost the user the other flows
                self.warnings.add(
                    f"the flow at byte {position} was skipped by a fault of phonehome ({type(error).__name__}); "
                    "please report it"
                )
                continue
            if found is not None:
                yield found
        # WebSockets of which no message was kept.
        yield from filter(None, map(flow_state.assemble, self._handshakes.values()))
        yield from self._old_handshakes.values()
        self._handshakes.clear()
        self._old_handshakes.clear()
        self._old_states.clear()

    def one(self, start: int, end: int) -> Transmission | None:
        """The transmission of the flow whose content is data[start:end]; None if it comes with a later flow.

        Raises TnetstringError if the flow is damaged, or holds nothing that was sent."""
        state = pick(self.data, start, end, self._flow, _FLOW_RUNS)
        version = state.get("version")
        if isinstance(version, bytes):
            version = flow_state.integer(version)
        if not isinstance(version, int) or version < OLDEST_DIRECT:
            return self._old(start, end, version)
        if version > NEWEST_KNOWN:
            self.warnings.add(
                f"written in flow format {_format_name(version)}, newer than this version of phonehome knows "
                f"({NEWEST_KNOWN}): read as if it were that one"
            )
        state.setdefault("client_conn", _NO_CLIENT)
        state.setdefault("server_conn", _NO_SERVER)
        if version < FIRST_WITH_WEBSOCKETS:
            of_both = self._of_both(state)
            if of_both is None:
                return None
            state = of_both
        found = flow_state.assemble(state)
        if found is None:
            raise TnetstringError(_HOLDS_NOTHING, start)
        return found

    def _of_both(self, state: dict[str, Any]) -> dict[str, Any] | None:
        """A flow as it would be in a format since 12; None for the handshake of a WebSocket, which waits for its
        messages."""
        metadata = state.get("metadata") or {}
        if metadata.get("websocket") and state.get("type") == b"http":
            self._handshakes[flow_state.text(state.get("id"))] = state
            return None
        if state.get("type") != b"websocket":
            return state
        messages = {"messages": state.get("messages"), "timestamp_end": state["server_conn"].end}
        handshake = self._handshakes.pop(flow_state.text(metadata.get("websocket_handshake")), None)
        if handshake is None:
            handshake = {
                **state,
                "type": b"http",
                "request": {"method": b"GET"},
            }  # RFC 6455, 4.1: it is a GET
        return {**handshake, "websocket": messages}

    def _old(self, start: int, end: int, version: Any) -> Transmission | None:
        from mitmproxy.io import compat, tnetstring

        # It keeps handshakes of WebSockets for the flows that belong to them: those of this file, and no other.
        compat._websocket_handshakes = self._old_states
        try:
            state: Any = tnetstring.loads(bytes(self.data[start - len(str(end - start)) - 1 : end + 1]))
            if (said := state.pop(b"version", None)) is not None:
                # Since 1.0 this key is text. Where it is not, the version never becomes the next, and it never ends.
                state[b"version" if isinstance(said, list) and said[:1] == [0] else "version"] = said
            state = compat.migrate_flow(state)
        except Exception as error:  # compat takes what it expects for granted, and fails in any way it likes
            state = value(self.data, start, end, DICT)
            found = flow_state.transmission_from_state(state)
            # What it read may stand behind the message, or the address of it.
            reason = str(error).partition(": <")[0][:100]
            why = f"mitmproxy cannot convert its flow format {_format_name(version)}: {type(error).__name__} {reason}"
            if found is None:
                raise TnetstringError(why, start) from error
            self.warnings.add(f"{why}; read as it stands")
            return found
        metadata, request = state.get("metadata"), state.get("request")
        if not isinstance(metadata, dict):
            metadata = {}
        if "duplicated" in metadata and isinstance(request, dict) and request.get("host") == b"unknown":
            request["host"] = ""  # compat's dummy, not a name that anybody sent
        found = flow_state.transmission_from_state(state)
        if found is None:
            raise TnetstringError(_HOLDS_NOTHING, start)
        # The handshake comes first and the messages in a second flow, which compat makes a whole one.
        if "websocket" in metadata:
            if "duplicated" not in metadata:
                self._old_handshakes[found.flow_id] = found
                return None
            self._old_handshakes.pop(found.flow_id, None)
        return found


def _format_name(version: Any) -> str:
    if isinstance(version, list):
        return ".".join(map(str, version))[:20]
    return "of no version" if version is None else str(version)[:20]


def _flows(
    data: Buffer, warnings: Warnings, start: int = 0, end: int | None = None
) -> Iterator[tuple[int, int, int]]:
    """Position, start and end of content of each whole flow that begins in data[start:end]. Behind damaged bytes it
    goes on with the next; which one that is does not depend on start and end."""
    size = len(data)
    end = size if end is None else end
    position = start
    match_length = LENGTH.match
    while position < end:
        check_whole(data)
        # As `element`, here because this loop runs over every flow twice.
        match = match_length(data, position, size)
        if match is not None:
            content = match.end()
            content_end = content + int(match[1])
            if content_end < size and data[content_end] == DICT:
                yield position, content, content_end
                position = content_end + 1
                continue
        if match is None:
            why = "no length where an element should begin"
        elif content_end >= size:
            why = "an element is longer than what is left"
        else:
            why = "an element that is no flow"
        following = _next_flow(data, position + 1, size)
        if following is None:
            warnings.add(
                f"cut off or damaged at byte {position} of {size} ({why}): all whole flows before it were read"
            )
            return
        warnings.add(f"damaged from byte {position} to byte {following} ({why}): these were skipped")
        position = following


def _next_flow(data: Buffer, position: int, size: int) -> int | None:
    """Where the next whole flow begins, or None.

    A candidate must end where its length says, as a dictionary, and end like a flow or be followed by another
    or by the end of the file."""
    for start in range(position, size, _WINDOW):
        check_whole(data)
        window = data[start : start + _WINDOW + _LONGEST_START]
        if window == _HOLE:  # a hole in the file, or what a full disk left
            release(data, start, start + _WINDOW)
            continue
        for candidate in _FLOW_START.finditer(window):
            at = start + candidate.start()
            if candidate.start() >= _WINDOW:
                break
            try:
                _, end = element(data, at, size)
            except TnetstringError:
                continue
            if data[end] == DICT and (
                end + 1 == size
                or _SIGNATURE.match(data, end + 1)
                or _VERSION_AT_END.search(data[max(start + candidate.end(), end - 60) : end])
            ):
                return at
        release(data, start, start + _WINDOW)
    return None


def _look(data: Buffer, content: int, end: int) -> tuple[bytes, int, Mapping[str, Any]]:
    """Type and format of a flow, and of an older format what tells which flows belong together; as if it were of
    no type and the newest format if it is damaged."""
    tail = data[max(content, end - 40) : end]
    # So ends nearly every flow of a newer format.
    if tail[-22:-3] == b"4:http;7:version;2:" and tail[-3:-1] >= b"12":
        return b"http", NEWEST_KNOWN, {}
    if (match := _VERSION_AT_END.search(tail)) is not None and int(match[2]) >= FIRST_WITH_WEBSOCKETS:
        return match[1], NEWEST_KNOWN, {}
    # Formats 18 and older do not end with the type.
    try:
        state = pick(data, content, end, _LOOK, _FLOW_RUNS)
    except TnetstringError:
        return b"", NEWEST_KNOWN, {}
    version = state.get("version")
    if isinstance(version, bytes):
        version = flow_state.integer(version)
    return state.get("type", b""), version if isinstance(version, int) else 0, state


class _Remembered:
    """Connections, each converted once: a connection is written again with each flow that used it."""

    LIMIT = 2048
    ROOM = 64 << 20
    """Bytes of connections that are remembered; one of more than a sixteenth of that is not."""
    # A connection's id and addresses stand at its end; with certificates it has several kilobytes.
    TAIL = 160

    def __init__(
        self, data: Buffer, wanted: Mapping[bytes, Taker], convert: Callable[[Mapping[str, Any]], Any]
    ) -> None:
        self._known: dict[bytes, tuple[bytes, Any]] = {}
        self._size = 0
        self._wanted = wanted
        self._convert = convert
        self._nothing = convert({})

    def take(self, data: Buffer, start: int, end: int, kind: int) -> Any:
        if kind != DICT:
            return self._nothing
        whole = data[start:end]
        tail = whole[-self.TAIL :]
        known = self._known.get(tail)
        if known is not None and known[0] == whole:
            return known[1]
        try:
            picked = pick(whole, 0, end - start, self._wanted)
        except TnetstringError as error:
            raise TnetstringError(str(error), start + error.offset) from None
        converted = self._convert(picked)
        size = end - start
        if size * 16 <= self.ROOM:
            self._size += size
            if len(self._known) >= self.LIMIT or self._size > self.ROOM:
                self._known.clear()
                self._size = size
            self._known[tail] = whole, converted
        return converted


class _RememberedHeaders:
    """Header fields, each converted once: a phone sends the same ones over and over, and servers answer so."""

    LIMIT = 1 << 14
    BLOCKS = 1 << 11
    LONGEST = 1024
    ROOM = 16 << 20
    """Bytes of blocks that are remembered; a block of more than a sixteenth of that is not."""

    def __init__(self) -> None:
        self._blocks: dict[bytes, Headers] = {}
        self._size = 0
        self._known: dict[bytes, tuple[str, str]] = {}

    def take(self, data: Buffer, start: int, end: int, kind: int) -> Headers:
        if kind != LIST:
            return ()
        block = data[start:end]
        whole = self._blocks.get(block)
        if whole is not None:
            return whole
        size = end - start
        known = self._known
        found: list[tuple[str, str]] = []
        position = 0
        match_length = LENGTH.match
        while position < size:
            # As `element`, here because a flow has ten of them and more.
            match = match_length(block, position)
            if match is None:
                raise TnetstringError("no length where a header should begin", start + position)
            content = match.end()
            position = content + int(match[1])
            pair = block[content:position]
            field = known.get(pair)
            if field is None:
                field = self._convert(pair)
            if field is not None:
                found.append(field)
                if len(found) == flow_state.MAX_HEADERS:
                    break
            position += 1
        whole = tuple(found)
        if size * 16 <= self.ROOM:
            self._size += size
            if len(self._blocks) >= self.BLOCKS or self._size > self.ROOM:
                self._blocks.clear()
                self._size = size
            self._blocks[block] = whole
        return whole

    def _convert(self, pair: bytes) -> tuple[str, str] | None:
        fields = flow_state.headers_from_state([value(pair, 0, len(pair), LIST)])
        if not fields:
            return None
        if len(pair) <= self.LONGEST:
            if len(self._known) >= self.LIMIT:
                self._known.clear()
            self._known[pair] = fields[0]
        return fields[0]


def _nested(wanted: Mapping[bytes, Taker], runs: Mapping[bytes, Run] = {}) -> Taker:
    def take(data: Buffer, start: int, end: int, kind: int) -> Any:
        return pick(data, start, end, wanted, runs) if kind == DICT else None

    return take


def _answer(data: Buffer, start: int, end: int, kind: int) -> flow_state.ResponseHead:
    """The few headers of a reply that are wanted."""
    if flow_state.WHOLE_ANSWERS.get():
        return flow_state.answer_from_state(value(data, start, end, kind))
    fields = [
        (match[1], data[match.end() : min(match.end() + int(match[2]), end)])
        for match in _answer_headers().finditer(data, start, end)
    ]
    return flow_state.answer_from_state(fields) if fields else _NO_ANSWER


def _upstream(data: Buffer, start: int, end: int, kind: int) -> Any:
    """Whether there was an upstream proxy; which one does not matter."""
    return None if kind == NULL else True


_REQUEST: dict[bytes, Taker] = {
    b"path": raw,
    b"authority": raw,
    b"scheme": raw,
    b"method": raw,
    b"port": number,
    b"host": raw,
    b"timestamp_start": number,
    b"timestamp_end": number,
    b"http_version": raw,
    b"content": up_to(MAX_PAYLOAD),
    b"trailers": value,
    b"is_replay": value,  # formats before 9
    # a DNS message
    b"timestamp": number,
    b"questions": value,
}
_RESPONSE: dict[bytes, Taker] = {
    b"status_code": number,
    b"timestamp_start": number,
    b"timestamp_end": number,
    b"content": up_to(MAX_REPLY_BODY),
    b"headers": _answer,
    b"is_replay": value,  # formats before 9
    # a DNS message
    b"timestamp": number,
    b"response_code": number,
    b"answers": value,
}
_METADATA: dict[bytes, Taker] = {
    note.encode(): value
    for note in (
        flow_state.NOTE_UNOPENED,
        flow_state.NOTE_SENT,
        flow_state.NOTE_RECEIVED,
        flow_state.NOTE_PROCESS,
        "websocket",  # formats before 12
        "websocket_handshake",
    )
}
# A message of a WebSocket as mitmproxy 8 and newer write it: all before the content, and all behind.
_MESSAGE = re.compile(rb"(\d{1,12}):1:(\d)#(?:4:(true)|5:false)!(\d{1,12}):")
_MESSAGE_END = re.compile(rb",\d{1,2}:(\d{1,12}\.\d{1,12})\^(?:4:(true)|5:false)!(?:4:(true)|5:false)!\]")


def _messages(data: Buffer, start: int, end: int, kind: int) -> Any:
    """The messages of a WebSocket. A messenger's conversation has hundreds, of six entries each: an expression takes
    them at once; `value` takes what it does not fit."""
    if kind != LIST:
        return value(data, start, end, kind)
    begins, ends = _MESSAGE.match, _MESSAGE_END.match
    messages: list[Any] = []
    position = start
    while position < end:
        begin = begins(data, position, end)
        if begin is None:
            return value(data, start, end, kind)
        size, opcode, sent, length = begin.groups()
        content = begin.end()
        behind = content + int(length)
        rest = ends(data, behind, end)
        position = begin.end(1) + 1 + int(size) + 1
        if rest is None or rest.end() != position:
            return value(data, start, end, kind)
        time, dropped, injected = rest.groups()
        messages.append(
            [
                int(opcode),
                sent is not None,
                data[content:behind],
                float(time),
                dropped is not None,
                injected is not None,
            ]
        )
    return messages


_WEBSOCKET: dict[bytes, Taker] = {b"messages": _messages, b"timestamp_end": number}
_CLIENT: dict[bytes, Taker] = {
    b"peername": value,
    b"address": value,
    b"sockname": value,
    b"proxy_mode": raw,
    b"sni": value,
    b"timestamp_tls_setup": number,
    b"timestamp_ssl_setup": number,  # formats before 6
    b"tls_established": value,
    b"ssl_established": value,
    b"tls_version": raw,
    b"timestamp_start": number,
    b"timestamp_end": number,
}
_SERVER: dict[bytes, Taker] = {
    b"peername": value,
    b"ip_address": value,
    b"address": value,
    b"via": _upstream,
    b"via2": _upstream,
    b"transport_protocol": raw,
    b"timestamp_end": number,
    b"timestamp_start": number,
    b"timestamp_tcp_setup": number,
    b"timestamp_tls_setup": number,
    b"timestamp_ssl_setup": number,
}
_LOOK: dict[bytes, Taker] = {
    b"type": raw,
    b"version": value,
    b"id": raw,
    b"metadata": _nested({b"websocket": value, b"websocket_handshake": value}),
}
_FLOW: dict[bytes, Taker] = {
    b"type": raw,
    b"version": value,
    b"id": raw,
    b"is_replay": raw,
    b"error": value,
}
_NUMBER = rb"\d{1,2}:(?P<%s>[\d.]{1,20})[\^#]"
# How mitmproxy 10 and newer write these entries of nearly every flow.
_FLOW_RUNS = {
    b"request": Run(
        re.compile(
            rb"6:backup;0:~17:timestamp_created;\d{1,2}:[\d.]{1,20}[\^#]7:comment;0:;8:metadata;0:}6:marked;0:;"
            rb"9:is_replay;0:~11:intercepted;5:false!"
        ),
    ),
    b"client_conn": Run(
        re.compile(
            rb"5:error;0:~2:id;36:(?P<id>[0-9a-f-]{36});4:type;\d:(?P<type>[a-z]{2,5});"
            rb"7:version;2:(?P<version>\d\d)#"
        ),
    ),
}
_REQUEST_RUNS = {
    b"path": Run(
        re.compile(
            rb"9:authority;(?P<authority_length>\d{1,3}):(?P<authority>[^,]{0,300}),"
            rb"6:scheme;\d:(?P<scheme>[a-z]{0,9}),6:method;\d:(?P<method>[A-Z]{1,9}),4:port;\d:(?P<port>\d{1,5})#"
            rb"4:host;(?P<host_length>\d{1,3}):(?P<host>[^;]{0,300});"
            rb"13:timestamp_end;"
            + _NUMBER % b"timestamp_end"
            + rb"15:timestamp_start;"
            + _NUMBER % b"timestamp_start"
            + rb"8:trailers;0:~"
        ),
        ("authority", "host"),
    ),
}
_RESPONSE_RUNS = {
    b"": Run(
        re.compile(
            rb"6:reason;(?P<reason_length>\d{1,3}):(?P<reason>[^,]{0,100}),11:status_code;3:(?P<status_code>\d{3})#"
            rb"13:timestamp_end;"
            + _NUMBER % b"timestamp_end"
            + rb"15:timestamp_start;"
            + _NUMBER % b"timestamp_start"
            + rb"8:trailers;0:~"
        ),
        ("reason",),
    ),
}
_NO_ANSWER = flow_state.ResponseHead("", ())
_NO_CLIENT = flow_state.client_from_state({})
_NO_SERVER = flow_state.server_from_state({})


def read(data: Buffer) -> Iterator[Transmission]:
    """All transmissions of a flow file."""
    return FlowFileReader(data).read(0, len(data))
