"""A QUIC connection: the name in its hello and, with the keys, the streams inside.

Strategy: Initial packets are opened by anybody; they hold both hellos, and so random, name and suite. If the key log
has the connection's secrets, what is behind them is opened and streams go to HTTP/3; else bytes are only counted.
Packets that come before what opens them wait.

Formats: RFC 9000, RFC 9001, RFC 9369 (compatible versions: the server's packets say which version the keys are of).
"""

from typing import Final

from phonehome.analysis.sources.packets import ciphers, hello, keys, quic
from phonehome.analysis.sources.packets.ciphers import WrongKeyError
from phonehome.analysis.sources.packets.http3 import Http3
from phonehome.analysis.sources.packets.keys import Keys
from phonehome.analysis.sources.packets.quic import PacketHeader, Pieces, Protection
from phonehome.analysis.sources.packets.wire import CLIENT, SERVER, Wire
from phonehome.analysis.transmission import RoundTrips, Unopened

MAX_CRYPTO: Final = 1 << 18
MAX_WAITING: Final = 64
"""Packets that wait for what opens them."""
MAX_STREAMS: Final = 4096
MAX_PIECES: Final = 4 << 20
"""Bytes of a stream that wait for those before them."""
MAX_LOOKED: Final = 64
"""Datagrams in which a ClientHello is looked for."""
_VERSIONS: Final = {1: "QUICv1", quic.VERSION_2: "QUICv2"}
_TLS_ERROR: Final = 0x100
_CERTIFICATE_ALERTS: Final = frozenset({41, 42, 43, 44, 45, 46, 48})
_HELLO_TYPES: Final = (hello.CLIENT_HELLO, hello.SERVER_HELLO)


class _End:
    """What one end sends."""

    __slots__ = ("crypto", "handshake", "id_size", "largest", "phase", "protection", "traffic", "version")

    def __init__(self) -> None:
        self.crypto = Pieces(MAX_CRYPTO)
        self.handshake = b""
        self.id_size = 0
        """Bytes of the connection id in short headers that it sends."""
        self.largest = [-1] * 5
        """Packet numbers, by kind of packet."""
        self.protection: dict[int, Protection] = {}
        """By kind of packet."""
        self.phase = 0
        self.version = 0


class QuicConnection:
    """Both ends. It ends in `finish`, for what was opened; else who holds it says what is known."""

    def __init__(self, wire: Wire, known: Keys) -> None:
        self._wire = wire
        self._known = known
        self._ends = (_End(), _End())
        self._original = b""
        """The connection id that the keys of Initial packets are of."""
        self._waiting: list[tuple[int, bytes, PacketHeader, float]] = []
        self._secrets: dict[str, bytes] | None = None
        self._server: hello.ServerHello | None = None
        self._streams: dict[tuple[int, int], tuple[Pieces, list[int]]] = {}
        self._http: Http3 | None = None
        self._looked = 0
        self._asked = self._answered = 0.0
        """When the first packets of client and server were seen."""
        self.hello: hello.ClientHello | None = None
        self.failed: Unopened | None = None
        self.counting = False
        self.opened = 0
        """Packets behind the handshake that were opened,"""
        self.closed = 0
        """and those that were not."""
        self.why = "the capture lacks its beginning"

    def data(self, sender: int, data: bytes, time: float) -> None:
        """A datagram."""
        self._looked += 1
        if sender == CLIENT:
            self._asked = self._asked or time
        elif self._asked:
            self._answered = self._answered or time
        if self.counting or (self.hello is None and self._looked > MAX_LOOKED):
            self.counting = True
            return
        for packet in quic.packets(data, self._ends[sender].id_size):
            self._packet(sender, data, packet, time)

    def finish(self, time: float) -> None:
        """Makes Transmissions of what is open."""
        if self._http is not None:
            if self.closed or self._waiting:
                self._wire.notes.count(
                    "QUIC connections were opened only in part (the capture lacks packets)"
                )
            self._http.finish()

    def _packet(self, sender: int, data: bytes, packet: PacketHeader, time: float) -> None:
        end = self._ends[sender]
        if packet.kind != quic.SHORT:
            self._ends[1 - sender].id_size = len(packet.source)
            end.version = packet.version
        if packet.kind == quic.RETRY:
            self._original = b""  # the client begins again, with an id that the server chose
            self._ends[CLIENT].crypto = Pieces(MAX_CRYPTO)
            self._ends[CLIENT].handshake = b""
            return
        if packet.kind == quic.INITIAL:
            if sender == CLIENT and not self._original:
                self._original = packet.destination
            self._initial(sender, end, data, packet, time)
            return
        protection = end.protection.get(packet.kind) or self._protection(sender, packet.kind)
        if protection is None:
            if self.counting or len(self._waiting) >= MAX_WAITING:
                self.closed += 1
            else:
                self._waiting.append((sender, data, packet, time))
            return
        end.protection[packet.kind] = protection
        content = self._opened(end, protection, data, packet)
        if content is None:
            self.closed += 1
            if not self.opened and self.closed > MAX_WAITING:
                self.why = "the keys do not fit it"
                self.counting = True
            return
        self.opened += packet.kind in (quic.SHORT, quic.EARLY)
        self._frames(sender, packet, content, time)

    def _initial(self, sender: int, end: _End, data: bytes, packet: PacketHeader, time: float) -> None:
        ids = [self._original] if self._original else []
        if sender == CLIENT and packet.destination != self._original:
            ids.append(packet.destination)
        if not ids and len(self._waiting) < MAX_WAITING:
            self._waiting.append((sender, data, packet, time))
        for id_ in ids:
            protection = quic.initial(packet.version, id_)[sender]
            content = self._opened(end, protection, data, packet)
            if content is not None:
                self._original = id_
                self._frames(sender, packet, content, time)
                return

    def _opened(self, end: _End, protection: Protection, data: bytes, packet: PacketHeader) -> bytes | None:
        kind = quic.SHORT if packet.kind == quic.EARLY else packet.kind  # one space of numbers
        try:
            first, number, size = protection.first_byte_and_number(data, packet, end.largest[kind])
            phase = first >> 2 & 1
            updated = packet.kind == quic.SHORT and phase != end.phase
            if updated:
                protection = protection.next()
            content = protection.open(data, packet, first, number, size)
        except WrongKeyError:
            return None
        if updated:
            end.protection[quic.SHORT], end.phase = protection, phase
        end.largest[kind] = max(end.largest[kind], number)
        return content

    def _protection(self, sender: int, kind: int) -> Protection | None:
        """What opens such packets of this end; None if that is not known (yet)."""
        secrets = self._secrets
        if not secrets:
            return None
        if kind == quic.EARLY:
            secret = secrets.get(keys.EARLY)
            number = (
                self._server.suite if self._server else 0x1302 if secret and len(secret) == 48 else 0x1301
            )
            version = self._ends[CLIENT].version
        else:
            if self._server is None:
                return None
            secret = secrets.get((keys.HANDSHAKE if kind == quic.HANDSHAKE else keys.TRAFFIC)[sender])
            number = self._server.suite
            version = self._ends[SERVER].version
        suite = ciphers.SUITES.get(number)
        if suite is None or suite.kind not in ("gcm", "chacha", "ccm"):
            self.why = f"cipher suite 0x{number:04X} is not known"
            return None
        if secret is None:
            self.why = "its key is not in the log, which has others of it"
            return None
        return Protection(suite, secret, version or 1)

    def _frames(self, sender: int, packet: PacketHeader, content: bytes, time: float) -> None:
        end = self._ends[sender]
        for frame in quic.frames(content, packet.version):
            if isinstance(frame, quic.Crypto):
                if packet.kind == quic.INITIAL:
                    end.handshake += end.crypto.add(frame.offset, frame.data)
                    self._hello(sender, end)
            elif isinstance(frame, quic.Closed):
                if packet.kind != quic.SHORT and not self.opened and 0 <= frame.error - _TLS_ERROR < 256:
                    refused = sender == CLIENT and frame.error - _TLS_ERROR in _CERTIFICATE_ALERTS
                    self.failed = "refused" if refused else "failed"
            elif packet.kind in (quic.SHORT, quic.EARLY):
                self._stream(sender, frame, time)

    def _hello(self, sender: int, end: _End) -> None:
        size = int.from_bytes(end.handshake[1:4])
        if len(end.handshake) < 4 + size or end.handshake[0] != _HELLO_TYPES[sender]:
            return
        message = end.handshake[4 : 4 + size]
        if sender == CLIENT and self.hello is None:
            self.hello = hello.client_hello(message)
            if self.hello is None:
                return
            self._secrets = self._known.of(self.hello.random)
            if self._secrets is None:
                self.why = "no key of it was given"
                if not self._known:
                    self.counting = True
                return
            self._try_again()
        elif sender == SERVER and self._server is None:
            self._server = hello.server_hello(message)
            self._try_again()

    def _try_again(self) -> None:
        waiting, self._waiting = self._waiting, []
        for sender, data, packet, time in waiting:
            if packet.kind == quic.SHORT:  # how long its connection id is was perhaps not known before
                packet = packet._replace(number=packet.start + 1 + self._ends[sender].id_size)
            self._packet(sender, data, packet, time)

    def _stream(self, sender: int, frame: quic.StreamPiece, time: float) -> None:
        found = self._streams.get((frame.id, sender))
        if found is None:
            if len(self._streams) >= MAX_STREAMS:
                return
            found = self._streams[frame.id, sender] = Pieces(MAX_PIECES), []
        pieces, last = found
        if frame.last:
            last.append(frame.offset + len(frame.data))
        ready = pieces.add(frame.offset, frame.data)
        ended = bool(last) and pieces.end >= last[0]
        if ready or ended:
            if self._http is None:
                base: dict[str, object] = {
                    "encrypted": True,
                    "tls_version": _VERSIONS.get(self._ends[SERVER].version),
                }
                if self.hello and self.hello.name:
                    base |= {"host": self.hello.name, "host_source": "sni"}
                if self._answered > self._asked:
                    base["round_trips"] = RoundTrips(tls=self._answered - self._asked)
                self._http = Http3(self._wire.with_base(**base))
            self._http.data(frame.id, sender, ready, ended, time)
