"""TLS on a TCP connection: its names, how it failed, and, with the keys, what is inside.

Strategy: records are cut out of both directions. Handshake messages in clear give name, version and suite. If the key
log has the connection's secrets, each record behind is opened and what it holds goes to a speaker, as if it came in
clear; else only bytes are counted, and nothing is kept.

Formats: RFC 8446, RFC 5246.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from phonehome.analysis.sources.packets import ciphers, hello, keys
from phonehome.analysis.sources.packets.ciphers import Aead13, Opener, WrongKeyError
from phonehome.analysis.sources.packets.wire import CLIENT, SERVER, Speaker, Wire
from phonehome.analysis.transmission import Reply, RoundTrips, Unopened

_CHANGE, _ALERT, _HANDSHAKE, _DATA = 20, 21, 22, 23
_TYPES: Final = frozenset({_CHANGE, _ALERT, _HANDSHAKE, _DATA, 24})
MAX_RECORD: Final = (1 << 14) + 2048
MAX_HANDSHAKE: Final = 1 << 18
"""Bytes of one handshake message; certificates are the longest."""
MAX_PROBED: Final = 3000
"""Numbers that are tried for the first record behind a gap."""
_FATAL: Final = 2
_CERTIFICATE_ALERTS: Final = frozenset({41, 42, 43, 44, 45, 46, 48})
"""What a client says of a certificate that it does not accept (RFC 8446, 6.2)."""
_END_OF_EARLY_DATA, _FINISHED, _KEY_UPDATE = 5, 20, 24


def is_client_hello(data: bytes) -> bool | None:
    """Whether a connection on which the client sent this first speaks TLS; None if it takes more to tell."""
    if data[:1] != b"\x16" or data[1:2] not in (b"", b"\x03"):
        return False
    return None if len(data) < 6 else data[5] == hello.CLIENT_HELLO and data[2] <= 4


def is_record(data: bytes) -> bool:
    """Whether this looks like a record, for a connection of which the beginning was not captured."""
    return (
        len(data) >= 5
        and data[0] in _TYPES
        and data[1] == 3
        and 1 <= data[2] <= 4
        and 0 < int.from_bytes(data[3:5]) <= MAX_RECORD
    )


class _Side:
    __slots__ = (
        "buffer",
        "changed",
        "handshake",
        "lost",
        "needed",
        "number",
        "opener",
        "pieces",
        "stages",
        "waiting",
    )

    def __init__(self) -> None:
        self.buffer = b""
        self.pieces: list[bytes] = []
        self.waiting = 0
        self.needed = 5
        self.handshake = b""
        self.changed = False
        """Whether what follows is encrypted."""
        self.opener: Opener | None = None
        self.stages: list[Opener] = []
        """What opens the rest, one after the other (TLS 1.3)."""
        self.number = 0
        self.lost = 0
        """Bytes of the gap behind which the next record is searched."""


class ConnectionKeys(NamedTuple):
    """What a connection may be opened with."""

    keys: keys.Keys
    inside: Callable[[Wire], Speaker]
    """Makes the speaker for what is inside."""


class Tls:
    """The speaker."""

    def __init__(self, wire: Wire, given: ConnectionKeys) -> None:
        self.counting = False
        self._wire = wire
        self._given = given
        self._sides = (_Side(), _Side())
        self._client: hello.ClientHello | None = None
        self._server: hello.ServerHello | None = None
        self._secrets: dict[str, bytes] | None = None
        self._failed: Unopened | None = None
        self._why = ""
        """Why it stays closed, for the count."""
        self._inner: Speaker | None = None
        self._opened = 0
        """Records of content that were opened."""
        self._fits = False
        """Whether the keys opened anything."""
        self._time = 0.0
        self._asked = self._answered = 0.0
        """When the client's hello was whole, and when the server's first record was."""
        self._protected = not wire.begun
        """Whether there was anything behind the handshake's part in clear."""

    # -- what comes

    def data(self, sender: int, data: bytes, time: float) -> None:
        if sender == CLIENT and not self._time:
            self._time = time
        if self.counting:
            return
        side = self._sides[sender]
        side.pieces.append(data)
        side.waiting += len(data)
        if side.waiting < side.needed:
            return
        buffer = b"".join((side.buffer, *side.pieces))
        side.pieces = []
        position = 0
        if side.lost:
            position = self._found_again(sender, side, buffer)
            if position < 0:
                side.buffer = buffer[-MAX_RECORD - 5 :]
                side.lost += len(buffer) - len(side.buffer)
                side.waiting, side.needed = len(side.buffer), len(side.buffer) + 1
                return
        side.needed = 5
        while position + 5 <= len(buffer):
            kind, size = buffer[position], int.from_bytes(buffer[position + 3 : position + 5])
            if kind not in _TYPES or buffer[position + 1] != 3 or size > MAX_RECORD:
                self._stop("its records cannot be read")
                return
            end = position + 5 + size
            if end > len(buffer):
                side.needed = end - position
                break
            self._record(
                sender, side, kind, buffer[position : position + 5], buffer[position + 5 : end], time
            )
            if self.counting:
                return
            position = end
        side.buffer = buffer[position:]
        side.waiting = len(side.buffer)

    def gap(self, sender: int, size: int, time: float) -> None:
        if self.counting:
            return
        side = self._sides[sender]
        if not side.changed or not self._secrets:
            self._stop("the capture lacks a part of the handshake")
            return
        side.lost += size + len(side.buffer) + sum(map(len, side.pieces))
        side.buffer, side.pieces, side.waiting, side.needed = b"", [], 0, 5

    def finish(self, time: float, sent: int, received: int) -> None:
        if self._inner and self._opened:
            if self.counting or any(side.lost for side in self._sides):
                self._wire.notes.count("TLS connections were opened only in part (the capture lacks packets)")
            self._inner.finish(time, sent, received)
            return
        closed: Unopened | None = self._failed or ("no-keys" if self._protected and not self._fits else None)
        if self._given.keys and closed == "no-keys":
            self._wire.notes.count(f"TLS connections were not opened ({self._why or 'it was cut off'})")
        if self._client and self._client.encrypted:
            self._wire.notes.count(
                "names of servers may be those of a front, because the client offered to encrypt its hello (ECH)"
            )
        answered = received > 0 and self._failed is None
        self._wire.emit(
            self._based().base._replace(
                time=self._time or self._wire.base.time,
                end=time,
                protocol="tls",
                unopened=closed,
                reply=Reply(None, "", None, received) if answered else None,
                transport_outcome="attempted" if self._failed else self._wire.outcome(self._wire.mark()),
                bytes_sent=sent,
                bytes_received=received,
            )
        )

    # -- records

    def _record(self, sender: int, side: _Side, kind: int, header: bytes, body: bytes, time: float) -> None:
        if sender == SERVER and self._asked and not self._answered:
            self._answered = time
        if kind == _CHANGE:
            # In TLS 1.3 it means nothing.
            if self._server and self._server.version <= 0x0303:
                self._change(sender, side)
            return
        if kind == _DATA and not side.changed and not (self._server and self._server.version <= 0x0303):
            self._change(sender, side)
        if side.changed:
            if side.opener is None and not self._ready(sender, side):
                return
            self._open(sender, side, header, body, time)
            return
        if kind == _HANDSHAKE:
            self._messages(sender, side, body, time)
        elif kind == _ALERT:
            self._alert(sender, body)

    def _messages(self, sender: int, side: _Side, body: bytes, time: float) -> None:
        side.handshake += body
        while len(side.handshake) >= 4:
            size = int.from_bytes(side.handshake[1:4])
            if size > MAX_HANDSHAKE:
                self._protected = True  # as an encrypted message looks
                self._stop("its handshake cannot be read")
                return
            if len(side.handshake) < 4 + size:
                return
            kind, message = side.handshake[0], side.handshake[4 : 4 + size]
            side.handshake = side.handshake[4 + size :]
            if kind == hello.CLIENT_HELLO and sender == CLIENT:
                self._client = hello.client_hello(message) or self._client
                self._asked = time
                self._secrets = self._given.keys.of(self._client.random) if self._client else None
            elif kind == hello.SERVER_HELLO and sender == SERVER:
                found = hello.server_hello(message)
                if found and not found.retry:
                    self._server = found

    def _alert(self, sender: int, body: bytes) -> None:
        if len(body) == 2 and body[0] == _FATAL and not self._protected:
            refused = sender == CLIENT and body[1] in _CERTIFICATE_ALERTS
            self._failed = "refused" if refused else "failed"

    def _change(self, sender: int, side: _Side) -> None:
        """What follows in this direction is encrypted."""
        side.changed = self._protected = True
        side.handshake = b""
        if self._failed:
            self._failed = None  # it went on
        if self._client is None:
            self._stop("the capture lacks its beginning")
        elif self._secrets is None:
            self._stop("no key of it was given")

    def _ready(self, sender: int, side: _Side) -> bool:
        """Makes what opens this direction. False if it stays closed."""
        client, server, secrets = self._client, self._server, self._secrets or {}
        if client is None:
            return False
        if server is None:
            if sender == CLIENT and keys.EARLY in secrets:
                # Early data: its suite is that of the session before, which has the same hash as a rule.
                side.stages = [
                    Aead13(ciphers.SUITES[number], secrets[keys.EARLY])
                    for number in ((0x1302,) if len(secrets[keys.EARLY]) == 48 else (0x1301, 0x1303))
                ]
                side.opener = side.stages[0]
                return True
            if sender == CLIENT and not self._given.keys:
                self._stop("no key of it was given")
            elif sender == CLIENT:
                self._stop("the capture lacks the server's part of the handshake")
            return False
        suite = ciphers.SUITES.get(server.suite)
        if suite is None:
            self._stop(f"cipher suite 0x{server.suite:04X} is not known")
            return False
        if server.version <= 0x0303:
            master = secrets.get(keys.MASTER)
            if master is None:
                self._stop("its key is not in the log, which has others of it")
                return False
            both = ciphers.openers_12(
                suite,
                server.version,
                master,
                client.random,
                server.random,
                mac_first=not server.encrypt_then_mac,
            )
            side.opener = both[sender]
            side.number = 0
            return True
        stages: list[Opener] = []
        if sender == CLIENT and keys.EARLY in secrets:
            stages.append(Aead13(suite, secrets[keys.EARLY]))
        stages += [
            Aead13(suite, secrets[label])
            for label in (keys.HANDSHAKE[sender], keys.TRAFFIC[sender])
            if label in secrets
        ]
        if not stages:
            self._stop("its key is not in the log, which has others of it")
            return False
        side.stages = stages
        side.opener = stages[0]
        return True

    def _open(self, sender: int, side: _Side, header: bytes, body: bytes, time: float) -> None:
        assert side.opener is not None
        try:
            kind, content = side.opener.open(side.number, header, body)
        except WrongKeyError:
            kind, content = self._next_stage(sender, side, header, body)
            if kind < 0:
                return
        side.number += 1
        self._fits = True
        if kind == _DATA:
            if self._inner is None:
                self._inner = self._given.inside(self._based())
            self._opened += 1
            if content:
                self._inner.data(sender, content, time)
        elif kind == _HANDSHAKE:
            self._protected_messages(side, content)

    def _next_stage(self, sender: int, side: _Side, header: bytes, body: bytes) -> tuple[int, bytes]:
        """Tries what opens what comes later: a handshake may be missing from the log, early data may be refused."""
        fresh = side
        if self._server is not None and self._server.version > 0x0303:
            known = _Side()
            if self._ready(sender, known):
                for stage in known.stages:
                    if stage is side.opener:
                        continue
                    try:
                        found = stage.open(0, header, body)
                    except WrongKeyError:
                        continue
                    fresh.stages = known.stages[known.stages.index(stage) :]
                    fresh.opener, fresh.number = stage, 0
                    return found
        else:
            for stage in side.stages[1:]:
                try:
                    found = stage.open(0, header, body)
                except WrongKeyError:
                    continue
                side.opener, side.number = stage, 0
                return found
        if (
            sender == CLIENT
            and not self._opened
            and (self._secrets or {}).get(keys.EARLY)
            and not side.number
        ):
            return -1, b""  # early data that the server refused, and that nobody read
        self._stop("the keys do not fit it")
        return -1, b""

    def _protected_messages(self, side: _Side, content: bytes) -> None:
        side.handshake += content
        while len(side.handshake) >= 4:
            size = int.from_bytes(side.handshake[1:4])
            if len(side.handshake) < 4 + size:
                return
            kind = side.handshake[0]
            side.handshake = side.handshake[4 + size :]
            if self._server is None or self._server.version <= 0x0303:
                continue
            if kind == _KEY_UPDATE and isinstance(side.opener, Aead13):
                side.opener, side.number = side.opener.updated(), 0
            elif kind in (_FINISHED, _END_OF_EARLY_DATA):
                later = (
                    side.stages[side.stages.index(side.opener) + 1 :] if side.opener in side.stages else []
                )
                if later:
                    side.opener, side.number = later[0], 0

    def _found_again(self, sender: int, side: _Side, buffer: bytes) -> int:
        """Where the first whole record behind a gap begins; -1 if it is not there yet."""
        opener = side.opener
        if opener is None:
            self._stop("the capture lacks a part of the handshake")
            return -1
        position = -1
        while (position := buffer.find(b"\x17\x03\x03", position + 1)) >= 0:
            size = int.from_bytes(buffer[position + 3 : position + 5])
            if size > MAX_RECORD or position + 5 + size > len(buffer):
                continue
            header, body = buffer[position : position + 5], buffer[position + 5 : position + 5 + size]
            lost = side.lost + position
            low = side.number + lost // (MAX_RECORD + 5)
            for number in range(low, min(side.number + lost // 22 + 2, low + MAX_PROBED)):
                try:
                    opener.open(number, header, body)
                except WrongKeyError:
                    continue
                if self._inner:
                    self._inner.gap(
                        sender, max(lost - (number - side.number) * opener.overhead, 1), self._time
                    )
                side.number, side.lost = number, 0
                return position
        return -1

    def _stop(self, why: str) -> None:
        """From here on, bytes are only counted."""
        self.counting = True
        self._why = self._why or why
        for side in self._sides:
            side.buffer, side.pieces, side.handshake = b"", [], b""

    def _based(self) -> Wire:
        base: dict[str, object] = {"encrypted": True}
        if self._client and self._client.name:
            base |= {"host": self._client.name, "host_source": "sni"}
        if self._answered > self._asked and self._wire.base.address:
            base["round_trips"] = RoundTrips(tls=self._answered - self._asked)
        if self._server:
            base["tls_version"] = hello.VERSIONS.get(self._server.version)
        return self._wire.with_base(**base)
