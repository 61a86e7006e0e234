"""Packets to conversations, and each conversation to the speaker of its protocol.

Strategy: a table has both directions of a conversation under the bytes of its addresses and ports, so that a packet
costs one look-up. What comes in order goes on at once. A connection is over when both ends said so, when it is reset,
when nothing came for long, or at the end of the capture; then its Transmissions are made.
"""

import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from phonehome.analysis.sources.packets.blocks import Frame
from phonehome.analysis.sources.packets.budget import MemoryBudget
from phonehome.analysis.sources.packets.choose import speaker_for
from phonehome.analysis.sources.packets.devices import Devices, address_of, is_group
from phonehome.analysis.sources.packets.keys import Keys
from phonehome.analysis.sources.packets.layers import ETHERNET, TCP, UDP, Dissector, layers
from phonehome.analysis.sources.packets.notes import Notes
from phonehome.analysis.sources.packets.tcp import ACK, FIN, RST, SYN, WRAP, Direction, ahead
from phonehome.analysis.sources.packets.udp import Datagrams
from phonehome.analysis.sources.packets.wire import CLIENT, SERVER, Speaker, Wire
from phonehome.analysis.sources.pirogue import Traces
from phonehome.analysis.sources.pirogue import app_of as traced_app
from phonehome.analysis.transmission import App, Reply, RoundTrips, Transmission, TransportOutcome

UDP_IDLE: Final = 120.0
TCP_IDLE: Final = 3600.0
"""Seconds without a packet after which a conversation is over."""
AFTERWARDS: Final = 120.0
"""Seconds for which a connection that is over is remembered, because late packets come."""
MAX_OPEN: Final = 20_000
SWEEP: Final = 20_000
"""Packets after which idle conversations are looked for."""
MAX_CALLS: Final = 20_000
"""Connections of which only the SYN was seen, and that may still come about."""
SINGLE: Final = 20
"""Connections to one place in a minute, without an answer, that are Transmissions of their own. Further ones are
counted in one: a scan or a flood makes hundreds of thousands of them out of a small file."""
MINUTE: Final = 60
PATIENCE: Final = 3.0
"""Seconds after which what was not confirmed is not going to be, if the capture goes on so long."""

_HEADER: Final = struct.Struct(">IIBB").unpack_from
MISSING: Final = object()
Parties = tuple[str, tuple[bytes, int], tuple[bytes, int]]
"""What the device is called, and address and port of both ends, the device first."""
Share = tuple[int, int]
"""Which of how many workers this is: each keeps the conversations of its number."""


class Packet(NamedTuple):
    """What a conversation is told of a packet, and what it takes to make one."""

    key: bytes
    protocol: int
    data: bytes
    start: int
    end: int
    length: int
    time: float
    link: int
    frame: bytes


class Call:
    """A connection that was asked for. Nothing came of it so far, or it was refused."""

    __slots__ = ("first", "last", "refusal")

    def __init__(self, first: Packet) -> None:
        self.first = first
        """The SYN."""
        self.last = first.time
        self.refusal: Packet | None = None


class Tries:
    """How often something was tried in a minute."""

    __slots__ = ("call", "last", "more", "single")

    def __init__(self) -> None:
        self.single = 0
        """Those that are Transmissions of their own."""
        self.more = 0
        self.call: Call | None = None
        """The first of those that are counted in one."""
        self.last = 0.0


class Conversation:
    """One connection, or the datagrams between two ports."""

    __slots__ = (
        "app",
        "begun",
        "called",
        "connected",
        "directions",
        "emitted",
        "idle",
        "key",
        "last",
        "multicast",
        "over",
        "parties",
        "reached",
        "repeats",
        "speaker",
        "started",
        "table",
        "turned",
        "udp",
        "until",
    )

    def __init__(self, key: bytes, table: "Conversations", time: float, *, udp: bool) -> None:
        self.key = key
        self.table = table
        self.udp = udp
        self.directions = (Direction(), Direction())
        self.parties: Parties = "", (b"", 0), (b"", 0)
        self.started = time
        self.emitted = False
        self.called = self.connected = 0.0
        """When its first SYN was seen, and the answer to it."""
        self.speaker: Speaker | None = None
        """Made when something is sent: many connections never come about."""
        self.turned = False
        """Whether the other end began it, and the device is the one that was called."""
        self.begun = False
        self.multicast = False
        self.reached = True
        """Whether the capture holds anything that was sent to the device."""
        self.repeats = 0
        """How many more of the same it stands for, the last of which began at `until`."""
        self.until = time
        self.over = False
        self.app: App | None = None
        self.last = time
        self.idle = UDP_IDLE if udp else TCP_IDLE

    def emit(self, sent: Transmission) -> None:
        """Takes a Transmission of it."""
        self.emitted = True
        if (
            not self.directions[SERVER].packets
            and self.directions[CLIENT].acked < 0
            and sent.address is not None
        ):
            sent = sent._replace(address_source="request")
        if self.app is not None:
            sent = sent._replace(app=self.app)
        if self.repeats:
            sent = sent._replace(repeats=self.repeats, end=self.until)
        took = self.connected - self.called
        if took > 0 and self.called and sent.address is not None and not self.turned:
            sent = sent._replace(round_trips=(sent.round_trips or RoundTrips())._replace(tcp=took))
        self.table.ready.append(sent)

    def base(self) -> Transmission:
        """What all Transmissions of it have in common."""
        client, (mine, my_port), (theirs, their_port) = self.parties
        return Transmission(
            time=self.started,
            client=client or None,
            proxy_mode="",
            address=str(address_of(theirs)),
            address_source="connection",
            port=their_port or None,
            transport="udp" if self.udp else "tcp",
            encrypted=None,
            flow_id=_name(mine, my_port, theirs, their_port, self.started),
        )

    def _speaker(self) -> Speaker:
        """Who is told what is sent."""
        table = self.table
        wire = Wire(self.base(), self.emit, self.mark, self.outcome, table.budget, table.notes, self.begun)
        if self.udp:
            self.speaker = Datagrams(wire, table.keys)
        else:
            self.speaker = speaker_for(wire, table.keys, turned=self.turned)
        return self.speaker

    def mark(self) -> int:
        """How far the client's stream was seen."""
        return self.directions[CLIENT].sent

    def outcome(self, mark: int) -> TransportOutcome | None:
        """What became of the client's stream up to a mark."""
        client, server = self.directions
        if self.udp:
            return "unknown" if self.multicast or not self.reached else "attempted"
        if server.packets:
            if client.syn >= 0 and server.syn < 0 and server.reset:
                return "attempted"  # refused, which confirms the SYN
            if (
                server.acked >= 0
                and client.base >= 0
                and ahead(server.acked, (client.base + mark) & WRAP) >= 0
            ):
                return "delivered"
            if server.reset or self.table.now - client.last > PATIENCE:
                return "attempted"
            return "unknown"
        if client.acked >= 0:
            # The server's packets are not in the capture; what the client says of them is.
            return "delivered" if ahead(client.acked, client.acked_first) > 0 else "unknown"
        return "attempted"

    def segment(self, sender: int, time: float, data: bytes, start: int, end: int, length: int) -> None:
        """A TCP segment: from `start` to `end` in `data`, of `length` bytes on the wire."""
        number, confirmed, offset, flags = _HEADER(data, start + 4)
        mine = self.directions[sender]
        mine.packets += 1
        self.last = time
        if flags & ACK and confirmed != mine.acked:
            if mine.acked < 0:
                mine.acked = mine.acked_first = confirmed
            elif ahead(confirmed, mine.acked) > 0:
                mine.acked = confirmed
        header = (offset >> 4) * 4
        start += header
        length -= header
        if flags & SYN:
            mine.syn = number
            if sender == CLIENT:
                self.called = self.called or time
            else:
                self.connected = self.connected or time
            number = (number + 1) & WRAP
            if mine.next < 0:
                mine.next = mine.base = number
        if length > 0:
            mine.last = time
            if not mine.first:
                mine.first = time
            speaker = self.speaker
            if speaker is None and not self.over:
                speaker = self._speaker()
            if mine.next < 0:
                mine.next = mine.base = number
            if number == mine.next and end - start >= length and not mine.waiting:
                mine.next = (number + length) & WRAP
                mine.bytes += length
                if speaker is not None and not speaker.counting:
                    speaker.data(sender, data[start : start + length], time)
            elif speaker is None or speaker.counting:
                place = ahead((number + length) & WRAP, mine.next)
                if place > 0:
                    mine.bytes += min(length, place)
                    mine.missing += max(place - length, 0)
                    mine.next = (number + length) & WRAP
                mine.waiting.clear()
            else:
                self._pass(sender, mine.segment(number, data[start : max(end, start)], length), time)
                if mine.waiting and mine.overdue(-1):
                    self._pass(sender, mine.skip(), time)
        other = self.directions[1 - sender]
        if other.waiting and other.overdue(mine.acked):
            self._pass(1 - sender, other.skip(), time)
        if flags & (FIN | RST):
            if flags & FIN:
                mine.fin = (number + max(length, 0)) & WRAP
            else:
                mine.reset = True
            if mine.reset or (other.fin >= 0 and ahead(mine.next, mine.fin) >= 0):
                self.close(time)

    def _pass(self, sender: int, stream: Iterator[bytes | int], time: float) -> None:
        speaker = self.speaker
        for item in stream:
            if speaker is None or speaker.counting:
                continue
            if isinstance(item, int):
                speaker.gap(sender, item, time)
            else:
                speaker.data(sender, item, time)

    def datagram(self, sender: int, time: float, data: bytes, start: int, end: int, length: int) -> None:
        """A UDP datagram."""
        mine = self.directions[sender]
        mine.packets += 1
        self.last = mine.last = time
        size = min(int.from_bytes(data[start + 4 : start + 6]) or length, length) - 8
        if size < 0:
            return
        if not mine.first:
            mine.first = time
        mine.bytes += size
        if not self.over:
            speaker = self.speaker or self._speaker()
            content = data[start + 8 : min(start + 8 + size, end)]
            if len(content) < size:
                speaker.gap(sender, size - len(content), time)
            if content:
                speaker.data(sender, content, time)

    def close(self, time: float) -> None:
        """It is over: makes its Transmissions, once."""
        if self.over:
            return
        for sender in (CLIENT, SERVER):
            while self.directions[sender].waiting and self.speaker is not None and not self.speaker.counting:
                before = len(self.directions[sender].waiting)
                self._pass(sender, self.directions[sender].skip(), time)
                if len(self.directions[sender].waiting) >= before:
                    break
            self.directions[sender].waiting.clear()
        self.over = True
        self.idle = AFTERWARDS
        speaker, self.speaker = self.speaker, None
        client, server = self.directions
        if not client.packets:
            # Only the other end was captured. What it confirmed the device has sent; if nothing, it only received.
            confirmed = ahead(server.acked, server.acked_first) if server.acked >= 0 else 0
            if confirmed <= 1:
                self.table.notes.count("conversations in which a device only received were left out")
                return
            client.missing = confirmed
        elif self.turned and not client.sent:
            self.table.notes.count(
                "conversations that others began, and in which a device sent nothing, were left out"
            )
            return
        elif not self.udp and not client.sent and (not self.begun or server.syn >= 0 or client.acked >= 0):
            self.table.notes.count("connections in which a device sent nothing were left out")
            return
        if speaker is not None:
            speaker.finish(self.last, client.sent, server.sent)
        if not self.emitted and (client.sent or not self.udp):
            # What nobody could make sense of was sent nevertheless, and what did not come about was tried.
            self.emit(
                self.base()._replace(
                    time=client.first or self.started,
                    end=self.last,
                    protocol="udp" if self.udp else "tcp",
                    truncated=client.sent,
                    reply=Reply(None, "", None, server.sent) if server.sent else None,
                    transport_outcome=self.outcome(client.sent),
                    bytes_sent=client.sent,
                    bytes_received=server.sent,
                )
            )


class Conversations:
    """All that are open in a capture, or in one worker's share of it."""

    def __init__(
        self,
        devices: Devices,
        keys: Keys,
        notes: Notes,
        share: Share = (0, 1),
        app_of: Callable[[bytes], App | None] | None = None,
        traces: Traces | None = None,
    ) -> None:
        """`app_of` tells which app the frame that was given last is of, where the capture marks its packets; `traces`
        which process opened a connection."""
        self._devices = devices
        self.keys = keys
        self.notes = notes
        self._share = share
        self._app_of = app_of
        self._traces = traces
        self._table: dict[bytes, tuple[Conversation, int] | None] = {}
        self._calls: OrderedDict[bytes, Call] = OrderedDict()
        """By the key of the SYN; what is in here is not in the table."""
        self._tries: dict[tuple[int, bytes, bytes], Tries] = {}
        self.ready: list[Transmission] = []
        self.budget = MemoryBudget()
        self._dissector = Dissector(Notes())  # what it counts was counted in the first reading
        self.now = 0.0

    def read(self, frames: Iterable[Frame]) -> Iterator[Transmission]:
        """The Transmissions of these packets, as they are over."""
        table, ready = self._table, self.ready
        dissect = self._dissector.packet
        app_of = self._app_of
        until_sweep = SWEEP
        for time, link, frame, _ in frames:
            if (
                link == ETHERNET
                and len(frame) > 53
                and frame[12:15] == b"\x08\x00\x45"
                and not (frame[20] & 0x3F or frame[21])
            ):
                key = frame[26:38]
                protocol = frame[23]
                data, start = frame, 34
                length = (frame[16] << 8 | frame[17]) - 20
                if length < 0:
                    length = len(frame) - 34
                end = min(len(frame), 34 + length)
                if protocol not in (TCP, UDP) or (protocol == UDP and frame[36:38] == b"\x08\x68"):
                    packet = dissect(link, frame)
                    if packet is None or packet.protocol not in (TCP, UDP):
                        continue
                    key, protocol, data, start, end, length, *_ = packet
            else:
                packet = dissect(link, frame)
                if packet is None:
                    continue
                key, protocol, data, start, end, length, *_ = packet
                if protocol not in (TCP, UDP):
                    continue
            self.now = time
            if protocol == UDP:
                key += b"U"
            entry: tuple[Conversation, int] | None = table.get(key, MISSING)  # type: ignore[arg-type]
            if entry is MISSING:
                entry = self._first(Packet(key, protocol, data, start, end, length, time, link, frame))
            if entry is None:
                continue
            conversation, sender = entry
            if app_of is not None and conversation.app is None:
                conversation.app = app_of(frame)
            if protocol == TCP:
                if end - start < 20:
                    continue
                if data[start + 13] & SYN and self._is_another(conversation, sender, data, start):
                    entry = self._new(Packet(key, protocol, data, start, end, length, time, link, frame))
                    if entry is None:
                        continue
                    conversation, sender = entry
                conversation.segment(sender, time, data, start, end, length)
            else:
                if conversation.over or time - conversation.last > UDP_IDLE:
                    entry = self._new(Packet(key, protocol, data, start, end, length, time, link, frame))
                    if entry is None:
                        continue
                    conversation, sender = entry
                conversation.datagram(sender, time, data, start, end, length)
            until_sweep -= 1
            if not until_sweep:
                until_sweep = SWEEP
                self._sweep(time)
            if ready:
                yield from ready
                ready.clear()
        for call in self._calls.values():
            self._came_to_nothing(call)
        self._calls.clear()
        self._count_tries()
        for entry in list(table.values()):
            if entry is not None:
                entry[0].close(entry[0].last)
        yield from ready
        ready.clear()
        table.clear()

    def _is_another(self, conversation: Conversation, sender: int, data: bytes, start: int) -> bool:
        """Whether a SYN begins another connection between the same ports."""
        number = int.from_bytes(data[start + 4 : start + 8])
        mine = conversation.directions[sender]
        if data[start + 13] & ACK:
            return False
        return mine.syn != number and (mine.syn >= 0 or mine.next >= 0)

    def _first(self, packet: Packet) -> tuple[Conversation, int] | None:
        """The conversation of a packet that is of none that is known; None if there is nothing more to do with it.

        A SYN waits: most of what a scan or a flood tries comes to nothing, and then needs no conversation."""
        key, protocol, data, start, end, length, *_ = packet
        if protocol != TCP or end - start < 20 or self._app_of is not None or self._traces:
            return self._new(packet)
        flags = data[start + 13] & (SYN | ACK | FIN | RST)
        carries = length > (data[start + 12] >> 4) * 4
        call = self._calls.get(key)
        if call is not None:
            if flags == SYN and not carries:
                first = call.first
                if data[start + 4 : start + 8] == first.data[first.start + 4 : first.start + 8]:
                    call.last = packet.time
                    return None
                self._came_to_nothing(self._calls.pop(key))
            else:
                self._begins(self._calls.pop(key))
                return self._table.get(key)
        elif (call := self._calls.get(_reversed(key))) is not None:
            if flags & RST and not carries:
                call.refusal = call.refusal or packet
                return None
            self._begins(self._calls.pop(call.first.key))
            return self._table.get(key)
        elif flags != SYN or carries:
            return self._new(packet)
        if not self._is_mine(key):
            self._table[key] = self._table[_reversed(key)] = None
            return None
        if len(self._calls) >= MAX_CALLS:
            self._came_to_nothing(self._calls.popitem(last=False)[1])
        self._calls[key] = Call(packet)
        return None

    def _begins(self, call: Call) -> None:
        """More than a SYN came: makes the conversation."""
        entry = self._new(call.first)
        if entry is not None:
            self._tell(call, *entry)

    def _tell(self, call: Call, conversation: Conversation, sender: int) -> None:
        for packet, end in ((call.first, sender), (call.refusal, 1 - sender)):
            if packet is not None:
                conversation.segment(end, packet.time, packet.data, packet.start, packet.end, packet.length)
        conversation.last = max(conversation.last, call.last)

    def _came_to_nothing(self, call: Call) -> None:
        """Makes a Transmission of it, or counts it with others like it."""
        key, frame = call.first.key, call.first.frame
        where = frame[:12] if call.first.link == ETHERNET else b""
        place = int(call.first.time) // MINUTE, key[:-4] + key[-2:], where
        tries = self._tries.get(place)
        if tries is None:
            if len(self._tries) >= MAX_CALLS:
                self._count_tries()
            tries = self._tries[place] = Tries()
        if tries.single < SINGLE:
            tries.single += 1
            self._tried(call, 0)
            return
        tries.call = tries.call or call
        tries.last = max(tries.last, call.last)
        tries.more += 1

    def _count_tries(self) -> None:
        """Makes a Transmission of each lot of those that were counted."""
        for tries in self._tries.values():
            if tries.call is not None:
                tries.call.last = tries.last
                self._tried(tries.call, tries.more - 1)
        self._tries.clear()

    def _tried(self, call: Call, repeats: int) -> None:
        entry = self._made(call.first)
        if entry is not None:
            conversation = entry[0]
            conversation.repeats, conversation.until = repeats, call.last
            self._tell(call, *entry)
            conversation.close(conversation.last)

    def _is_mine(self, key: bytes) -> bool:
        """Whether it is of this worker's share."""
        number, of = self._share
        return of == 1 or zlib.crc32(min(key, _reversed(key))) % of == number

    def _new(self, packet: Packet) -> tuple[Conversation, int] | None:
        """Makes the conversation that this packet begins, in place of an older one; None if it is another worker's,
        or nobody's."""
        table, key = self._table, packet.key
        older = table.get(key)
        if older is not None:
            older[0].close(older[0].last)
        if len(table) >= 2 * MAX_OPEN:
            self._sweep(packet.time, crowded=True)
        entry = self._made(packet) if self._is_mine(key) else None
        table[key] = entry
        table[_reversed(key)] = (entry[0], 1 - entry[1]) if entry else None
        return entry

    def _made(self, packet: Packet) -> tuple[Conversation, int] | None:
        """The conversation that this packet begins, and which end sent it; None if it is of nobody's."""
        key, protocol, data, start, end, _, time, link, frame = packet
        udp = protocol == UDP
        conversation = Conversation(key, self, time, udp=udp)
        half = len(key[: -5 if udp else -4]) // 2
        sender, receiver = key[:half], key[half : 2 * half]
        ports = int.from_bytes(key[2 * half : 2 * half + 2]), int.from_bytes(key[2 * half + 2 : 2 * half + 4])
        found = layers(link, frame)
        source, target = found[2:] if found else (b"", b"")
        flags = data[start + 13] if not udp and end - start >= 14 else 0
        group = is_group(receiver) or (bool(target) and bool(target[0] & 1))
        client_sends = self._began(sender, receiver, ports, flags, source, target, group)
        conversation.begun = udp or bool(flags & SYN)
        conversation.multicast = group
        ends = ((sender, source, ports[0]), (receiver, target, ports[1]))
        mine, theirs = ends if client_sends else ends[::-1]
        client = self._devices.client(mine[0], mine[1])
        if (
            client is None
            and (called := self._devices.client(theirs[0], theirs[1])) is not None
            and not group
        ):
            # Begun from outside: what matters is what the device sent.
            client, mine, theirs = called, theirs, mine
            client_sends = not client_sends
            conversation.turned = True
        if client is None:
            router = self._devices.is_router(mine[0])
            what = "of routers themselves" if router else "between addresses that are no device's"
            self.notes.count(f"conversations {what} were left out")
            return None
        conversation.reached = self._devices.was_reached(mine[0])
        conversation.parties = client, (mine[0], mine[2]), (theirs[0], theirs[2])
        if self._app_of is not None:
            conversation.app = self._app_of(frame)
        elif self._traces:
            socket = str(address_of(mine[0])), mine[2], str(address_of(theirs[0])), theirs[2]
            conversation.app = traced_app(self._traces, socket, time)
        return conversation, CLIENT if client_sends else SERVER

    def _began(
        self,
        sender: bytes,
        receiver: bytes,
        ports: tuple[int, int],
        flags: int,
        source: bytes,
        target: bytes,
        group: bool,
    ) -> bool:
        """Whether the sender of a conversation's first packet is who began it."""
        if flags & SYN:
            return not flags & ACK
        if group:
            return True
        if (ports[0] < 1024) != (ports[1] < 1024):
            return ports[1] < 1024
        inside = [self._devices.client(*end) is not None for end in ((sender, source), (receiver, target))]
        return inside[0] or not inside[1]

    def _sweep(self, time: float, *, crowded: bool = False) -> None:
        """Closes what is idle; when there are too many, the longest idle ones too."""
        table = self._table
        open_ = [entry[0] for key, entry in table.items() if entry is not None and entry[0].key == key]
        for conversation in open_:
            if abs(time - conversation.last) > conversation.idle:
                self._end(conversation)
        if crowded and len(table) >= 2 * MAX_OPEN:
            for key in [key for key, entry in table.items() if entry is None]:
                del table[key]
            if len(table) >= 2 * MAX_OPEN:
                self.notes.count(
                    "times that too many conversations were open at once, and the longest idle were ended"
                )
                for conversation in sorted(open_, key=lambda each: each.last)[: MAX_OPEN // 2]:
                    self._end(conversation)

    def _end(self, conversation: Conversation) -> None:
        conversation.close(conversation.last)
        self._table.pop(conversation.key, None)
        self._table.pop(_reversed(conversation.key), None)


def _reversed(key: bytes) -> bytes:
    udp = len(key) & 1
    end = len(key) - udp
    half = (end - 4) // 2
    return key[half : 2 * half] + key[:half] + key[end - 2 : end] + key[end - 4 : end - 2] + key[end:]


def _name(client: bytes, client_port: int, server: bytes, server_port: int, time: float) -> str:
    """How a conversation is named in the report: as people know it from other tools."""
    ends = [
        f"[{address_of(address)}]:{port}" if len(address) == 16 else f"{address_of(address)}:{port}"
        for address, port in ((client, client_port), (server, server_port))
    ]
    return f"{ends[0]}>{ends[1]}@{time:.6f}"
