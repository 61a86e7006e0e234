"""The first reading of a capture: what must be known before what was sent can be read.

Strategy: the same pair of MACs and addresses is looked at once, the rest of the frames only for what may stand in any
of them (DNS answers, connections that begin, DHCP). Key logs are collected by `blocks` on the way.
"""

from collections.abc import Iterable
from typing import Final

from phonehome.analysis.sources.packets import dhcp, dns
from phonehome.analysis.sources.packets.blocks import Frame
from phonehome.analysis.sources.packets.devices import Devices, Gathered
from phonehome.analysis.sources.packets.layers import ETHERNET, TCP, UDP, Dissector, Packet
from phonehome.analysis.sources.packets.notes import Notes
from phonehome.analysis.sources.packets.tcp import ACK, SYN
from phonehome.analysis.transmission import NameAnswer

MAX_NAMES: Final = 200_000
_REMEMBERED: Final = 100_000
_ROUTER_ADVERTISEMENT: Final = 134
_ICMP6: Final = 58
_DNS, _DNS_MULTICAST, _DHCP_SERVER = 53, 5353, 67
JUMP: Final = 30 * 86400
"""Seconds between two packets beyond which they are not of one recording."""


class Survey:
    """Reads all frames once."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._dissector = Dissector(notes)
        self._seen = Gathered()
        self._known: set[bytes] = set()
        self._names: list[tuple[float, bytes, bytes, str, tuple[str, ...]]] = []
        self.frames = 0
        self.bytes = 0
        self.packets = 0
        """Frames with TCP or UDP in them."""
        self.cut = 0
        """Frames of which the capture kept only the beginning."""
        self.first = float("inf")
        self.last = 0.0
        self.eras: set[int] = set()
        """Years, if the times of the packets lie far apart."""

    def read(self, frames: Iterable[Frame]) -> None:
        """Takes them in."""
        known = self._known
        before = 0.0
        count = size = packets = cut = 0
        for time, link, frame, length in frames:
            count += 1
            kept = len(frame)
            size += kept
            if kept < length:
                cut += 1
            if time - before > JUMP or before - time > JUMP:
                self._jump(before, time)
            before = time
            if (
                link == ETHERNET
                and kept > 53
                and frame[12:15] == b"\x08\x00\x45"
                and not (frame[20] & 0x3F or frame[21])
            ):
                protocol = frame[23]
                if protocol == TCP:
                    packets += 1
                    path = frame[:12] + frame[26:34]
                    if path in known:
                        if frame[47] & SYN:
                            self._seen.asks.add(frame[30:34] if frame[47] & ACK else frame[26:30])
                    else:
                        self._packet(
                            Packet(frame[26:38], TCP, frame, 34, kept, 0, frame[6:12], frame[:6]), time, path
                        )
                    continue
            elif link == ETHERNET and kept > 73 and frame[12:14] == b"\x86\xdd" and frame[20] == TCP:
                packets += 1
                path = frame[:12] + frame[22:54]
                if path not in known or frame[67] & 2:
                    self._packet(
                        Packet(frame[22:58], TCP, frame, 54, kept, 0, frame[6:12], frame[:6]), time, path
                    )
                continue
            packet = self._dissector.packet(link, frame)
            if packet is not None:
                if packet.protocol in (TCP, UDP):
                    packets += 1
                self._packet(packet, time, packet.destination + packet.source + packet.key[:-4])
        self.frames += count
        self.bytes += size
        self.packets += packets
        self.cut += cut
        self._jump(before, before)
        self._dissector.finish()

    def _jump(self, before: float, time: float) -> None:
        for moment in (before, time):
            if moment > 0:
                self.first = min(self.first, moment)
                self.last = max(self.last, moment)
                if moment < 1e11 and len(self.eras) < 20:
                    self.eras.add(1970 + int(moment // 31_556_952))

    def _packet(self, packet: Packet, time: float, path: bytes) -> None:
        seen = self._seen
        half = (len(packet.key) - 4) // 2
        source, destination = packet.key[:half], packet.key[half : 2 * half]
        if path not in self._known and packet.protocol in (TCP, UDP):
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known.add(path)
            seen.path(packet.source, packet.destination, source, destination)
        data, start = packet.data, packet.start
        if packet.protocol == TCP:
            if packet.end - start >= 14 and data[start + 13] & SYN:
                seen.asks.add(destination if data[start + 13] & ACK else source)
            else:
                self._ports(packet.key, source, destination)
            return
        if packet.protocol == _ICMP6:
            if data[start : start + 1] == bytes([_ROUTER_ADVERTISEMENT]):
                seen.hands_out.add(packet.source or source)
            return
        if packet.protocol != UDP:
            return
        ports = int.from_bytes(packet.key[-4:-2]), int.from_bytes(packet.key[-2:])
        if ports[0] == _DNS:
            self._answer(data[start + 8 : packet.end], time, source, destination, packet.destination)
        elif ports[0] == _DHCP_SERVER and dhcp.is_server(data[start + 8 : packet.end]):
            seen.hands_out.update(filter(None, (packet.source, source)))
        else:
            self._ports(packet.key, source, destination)

    def _ports(self, key: bytes, source: bytes, destination: bytes) -> None:
        """Of two ports, the well-known one is a server's."""
        ports = int.from_bytes(key[-4:-2]), int.from_bytes(key[-2:])
        if ports[1] < 1024 <= ports[0]:
            self._seen.asks.add(source)
        elif ports[0] < 1024 <= ports[1]:
            self._seen.asks.add(destination)

    def _answer(self, data: bytes, time: float, server: bytes, client: bytes, mac: bytes) -> None:
        message = dns.parse(data)
        if message is None or not message.is_answer:
            return
        self._seen.serves_names.add(server)
        if message.questions and message.addresses and len(self._names) < MAX_NAMES:
            self._names.append((time, client, mac, message.questions[0], message.addresses))

    def devices(self) -> Devices:
        """Who is who."""
        return Devices(self._seen)

    def names(self, devices: Devices) -> tuple[NameAnswer, ...]:
        """DNS answers, by time; the client as it is called."""
        return tuple(
            NameAnswer(name, address, time, client)
            for time, asker, mac, name, addresses in sorted(self._names)
            if (client := devices.client(asker, mac)) is not None
            for address in addresses
        )
