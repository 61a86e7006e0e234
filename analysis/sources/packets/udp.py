"""Conversations by UDP: DNS, QUIC, and what no protocol was recognised in.

DTLS (RFC 9147) is recognised by its records, and never opened.
"""

from collections.abc import Sequence
from typing import Final

from phonehome.analysis.sources.packets import dhcp, dns, hello, quic
from phonehome.analysis.sources.packets.budget import Kept
from phonehome.analysis.sources.packets.keys import Keys
from phonehome.analysis.sources.packets.quic_connection import MAX_LOOKED, QuicConnection
from phonehome.analysis.sources.packets.raw import Queries, encryption, readable
from phonehome.analysis.sources.packets.wire import CLIENT, SERVER, ReplyBody, Wire
from phonehome.analysis.transmission import Headers, Protocol, Reply, RoundTrips, TransportOutcome, Unopened

MAX_DATAGRAMS: Final = 10_000
"""Datagrams of a conversation that are kept one by one."""
_DNS_PORTS: Final = frozenset({53, 5353, 5355})
_DHCP_PORT: Final = 67
_DTLS: Final = (b"\x16\xfe", b"\x17\xfe", b"\x14\xfe", b"\x15\xfe")
_NETBIOS_NAMES_PORT: Final = 137
_QUIC_PORT: Final = 443


class Datagrams:
    """The speaker, which chooses by the first datagram what the conversation is."""

    def __init__(self, wire: Wire, keys: Keys) -> None:
        self.counting = False
        self._wire = wire
        self._keys = keys
        self._quic: QuicConnection | None = None
        self._kind = ""
        self._queries: Queries | None = None
        self._kept = Kept(wire.budget)
        self._payloads: list[bytes] = []
        self._left_out = 0
        self._answer = ReplyBody()
        self._received = b""
        self._time = self._end = 0.0
        self._answered = 0.0
        """When the first answer came."""
        self._hello: hello.ClientHello | None = None
        self._version: str | None = None
        self._looked = 0
        self._name: str | None = None

    def data(self, sender: int, data: bytes, time: float) -> None:
        if sender == CLIENT:
            self._time = self._time or time
        elif self._time:
            self._answered = self._answered or time
        self._end = time
        if not self._kind:
            self._kind = self._recognise(sender, data)
        if self._kind == "dns":
            assert self._queries is not None
            if not self._queries.message(sender, data, time) and not self._queries.messages:
                self._kind = "udp"
        if self._kind == "quic":
            if self._quic is not None:
                self._quic.data(sender, data, time)
            elif sender == CLIENT and self._name is None and self._looked < MAX_LOOKED:
                self._looked += 1
                self._name = quic.google_name(data)
        elif self._kind == "dtls":
            if self._hello is None or self._version is None:
                self._dtls(sender, data)
        elif self._kind == "udp":
            self._plain(sender, data)

    def gap(self, sender: int, size: int, time: float) -> None:
        """A datagram that the capture cut."""
        if self._kind in ("", "udp"):
            if sender == CLIENT:
                self._kept.lost(size)
            else:
                self._answer.lost(size)

    def finish(self, time: float, sent: int, received: int) -> None:
        failed: Unopened | None = None
        if self._kind == "dns":
            assert self._queries is not None
            self._queries.finish()
            return
        if self._quic is not None:
            if self._quic.opened:
                self._quic.finish(time)
                return
            self._hello = self._quic.hello
            self._name = self._hello.name if self._hello else None
            failed = self._quic.failed
            if self._keys and not failed:
                self._wire.notes.count(f"QUIC connections were not opened ({self._quic.why})")
        base = self._wire.base
        protocol: Protocol = "udp"
        unopened: Unopened | None = None
        content = tuple(self._payloads)
        answer = self._answer.body
        if self._kind in ("quic", "dtls"):
            protocol = "quic" if self._kind == "quic" else "udp"
            unopened = failed or "no-keys"
            encrypted: bool | None = True
            answer = None
            if self._hello and self._hello.encrypted:
                self._wire.notes.count(
                    "names of servers may be those of a front, because the client offered to encrypt its hello (ECH)"
                )
        else:
            encrypted = encryption(b"".join(content[:8]), self._received)
        headers: Headers = ()
        if self._wire.base.port == _DHCP_PORT and content and dhcp.options(content[0]):
            encrypted, headers = False, dhcp.facts(content[0])
        self._kept.take()
        base = base._replace(
            time=self._time or base.time,
            end=self._end or time,
            protocol=protocol,
            encrypted=encrypted,
            tls_version=self._version,
            round_trips=RoundTrips(tls=self._answered - self._time)
            if unopened and self._answered > self._time > 0
            else None,
            unopened=unopened,
            headers=headers,
            payloads=content,
            truncated=self._left_out + self._kept.left_out,
            reply=Reply(None, "", answer, received) if received and not failed else None,
            transport_outcome="attempted" if failed else None if received else self._unanswered(content),
            bytes_sent=sent,
            bytes_received=received,
        )
        if self._name:
            base = base._replace(host=self._name, host_source="sni")
        self._wire.emit(base)

    def _unanswered(self, content: Sequence[bytes]) -> TransportOutcome | None:
        outcome = self._wire.outcome(self._wire.mark())
        if outcome == "attempted" and content and _is_answer(content[0], self._wire.base.port):
            return "unknown"
        return outcome

    def _recognise(self, sender: int, data: bytes) -> str:
        port = self._wire.base.port
        if port in _DNS_PORTS and dns.parse(data):
            self._queries = Queries(self._wire)
            return "dns"
        if quic.is_long(data):
            self._quic = QuicConnection(self._wire, self._keys)
            return "quic"
        if quic.is_google(data):
            return "quic"
        if port == _QUIC_PORT and data[0] & 0xC0 == 0x40 and len(data) > 20 and not readable(data):
            return "quic"  # a short header: the capture began later than the connection
        if data[:2] in _DTLS and len(data) >= 13 and data[2] in (0xFF, 0xFD, 0xFC):
            return "dtls"
        return "udp"

    def _plain(self, sender: int, data: bytes) -> None:
        if sender == SERVER:
            self._answer.add(data)
            if len(self._received) < 4096:
                self._received += data[:4096]
            return
        if len(self._payloads) >= MAX_DATAGRAMS:
            self._left_out += len(data)
            return
        size = self._kept.size
        self._kept.add(data)
        kept = data[: self._kept.size - size]
        if kept:
            self._payloads.append(kept)

    def _dtls(self, sender: int, data: bytes) -> None:
        position = 0
        while position + 13 <= len(data) and data[position] == 22:
            size = int.from_bytes(data[position + 11 : position + 13])
            body = data[position + 13 : position + 13 + size]
            position += 13 + size
            if len(body) < 12 or body[1:4] != body[9:12]:  # fragments of it are rare, and left
                continue
            if body[0] == hello.CLIENT_HELLO and sender == CLIENT:
                self._hello = hello.client_hello(body[12:], datagram=True) or self._hello
                self._name = self._hello.name if self._hello else None
            elif body[0] == hello.SERVER_HELLO and sender == SERVER:
                found = hello.server_hello(body[12:])
                self._version = hello.VERSIONS.get(found.version) if found else None


def _is_answer(data: bytes, port: int | None) -> bool:
    """Whether a datagram answers a question that was asked of all: a NetBIOS name (RFC 1002, 4.2), or SSDP."""
    if port == _NETBIOS_NAMES_PORT:
        return len(data) >= 12 and data[2] >= 0x80
    return data.startswith(b"HTTP/1.")
