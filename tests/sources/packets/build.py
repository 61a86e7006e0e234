"""Captures made by hand: frames, conversations, files."""

import ipaddress
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PHONE = "192.168.1.20"
PHONE_MAC = bytes.fromhex("3c5ab4000001")
ROUTER_MAC = bytes.fromhex("0014220000fe")
SERVER = "203.0.113.7"
START = 1_700_000_000.0

Timed = tuple[float, bytes]


def address(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def ip(
    source: str, destination: str, protocol: int, body: bytes, *, fragment: int = 0, id_: int = 0
) -> bytes:
    """An IPv4 or IPv6 packet."""
    if ":" in source:
        return (
            struct.pack(">IHBB", 6 << 28, len(body), protocol, 64)
            + address(source)
            + address(destination)
            + body
        )
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), id_, fragment, 64, protocol, 0)
    return head + address(source) + address(destination) + body


def ethernet(packet: bytes, source: bytes = PHONE_MAC, destination: bytes = ROUTER_MAC) -> bytes:
    return destination + source + (b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00") + packet


def udp(source: str, source_port: int, destination: str, port: int, body: bytes) -> bytes:
    return ip(source, destination, 17, struct.pack(">HHHH", source_port, port, 8 + len(body), 0) + body)


def tcp(
    source: str,
    source_port: int,
    destination: str,
    port: int,
    number: int,
    ack: int,
    flags: int,
    body: bytes = b"",
) -> bytes:
    head = struct.pack(
        ">HHIIBBHHH", source_port, port, number & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, 65535, 0, 0
    )
    return ip(source, destination, 6, head + body)


SYN, ACK, FIN, RST = 2, 16, 1, 4


@dataclass
class Talk:
    """A TCP connection as it would be captured. `frames` fills; times go up by a millisecond."""

    client: str = PHONE
    server: str = SERVER
    port: int = 80
    client_port: int = 40000
    time: float = START
    mac: bytes = PHONE_MAC
    router: bytes = ROUTER_MAC
    segment: int = 1400
    frames: list[Timed] = field(default_factory=list)
    numbers: list[int] = field(default_factory=lambda: [0xFFFFFF00, 5000])

    def _packet(self, sender: int, flags: int, body: bytes = b"") -> None:
        ends = (self.client, self.client_port), (self.server, self.port)
        source, target = ends if sender == 0 else ends[::-1]
        acked = self.numbers[1 - sender] if flags & ACK else 0
        packet = tcp(*source, *target, self.numbers[sender], acked, flags, body)
        macs = (self.mac, self.router) if sender == 0 else (self.router, self.mac)
        self.time += 0.001
        self.frames.append((self.time, ethernet(packet, *macs)))
        self.numbers[sender] += len(body) + (1 if flags & (SYN | FIN) else 0)

    def open(self) -> "Talk":
        self._packet(0, SYN)
        self._packet(1, SYN | ACK)
        self._packet(0, ACK)
        return self

    def send(self, data: bytes, *, acked: bool = True) -> "Talk":
        """From the client."""
        return self._say(0, data, acked)

    def reply(self, data: bytes, *, acked: bool = True) -> "Talk":
        """From the server."""
        return self._say(1, data, acked)

    def _say(self, sender: int, data: bytes, acked: bool) -> "Talk":
        for start in range(0, len(data), self.segment):
            self._packet(sender, ACK | 8, data[start : start + self.segment])
        if acked:
            self._packet(1 - sender, ACK)
        return self

    def close(self) -> "Talk":
        self._packet(0, FIN | ACK)
        self._packet(1, FIN | ACK)
        self._packet(0, ACK)
        return self

    def reset(self, sender: int = 1) -> "Talk":
        self._packet(sender, RST | ACK)
        return self

    def only(self, sender: int) -> list[Timed]:
        """The frames of one end."""
        mac = self.mac if sender == 0 else self.router
        return [frame for frame in self.frames if frame[1][6:12] == mac]


def pcap(
    frames: Iterable[Timed], *, link: int = 1, order: str = "<", nano: bool = False, snap: int = 0
) -> bytes:
    """A pcap file."""
    magic, unit = (0xA1B23C4D, 10**9) if nano else (0xA1B2C3D4, 10**6)
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)]
    for time, frame in frames:
        kept = frame[:snap] if snap else frame
        ticks = round(time * unit)
        out += [struct.pack(order + "IIII", ticks // unit, ticks % unit, len(kept), len(frame)), kept]
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A block of pcapng."""
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str = "<", options: bytes = b"") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + options, order)


def interface(link: int = 1, order: str = "<", resolution: int | None = None) -> bytes:
    options = b"" if resolution is None else struct.pack(order + "HHB3xHH", 9, 1, resolution, 0, 0)
    return block(1, struct.pack(order + "HHI", link, 0, 0) + options, order)


def packet_block(time: float, frame: bytes, *, number: int = 0, order: str = "<", unit: int = 10**6) -> bytes:
    ticks = round(time * unit)
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(6, head + frame, order)


def secrets_block(log: bytes, order: str = "<") -> bytes:
    return block(10, struct.pack(order + "II", 0x544C534B, len(log)) + log, order)


def pcapng(
    frames: Iterable[Timed], *, link: int = 1, order: str = "<", secrets: Sequence[bytes] = ()
) -> bytes:
    """A pcapng file with one interface, and key logs behind the packets."""
    packets = b"".join(packet_block(time, frame, order=order) for time, frame in frames)
    return (
        section(order)
        + interface(link, order)
        + packets
        + b"".join(secrets_block(log, order) for log in secrets)
    )


def saved(folder: Path, frames: Iterable[Timed], name: str = "a.pcap") -> Path:
    """A pcap file with these frames, in order of time."""
    path = folder / name
    path.write_bytes(pcap(sorted(frames, key=lambda frame: frame[0])))
    return path


def dns_message(id_: int, name: str, addresses: Sequence[str] = (), *, answer: bool = False) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    six = bool(addresses) and ":" in addresses[0]
    question = labels + struct.pack(">HH", 28 if six else 1, 1)
    records = b"".join(
        b"\xc0\x0c"
        + struct.pack(">HHIH", 28 if ":" in text else 1, 1, 60, len(address(text)))
        + address(text)
        for text in addresses
    )
    return (
        struct.pack(">HHHHHH", id_, 0x8180 if answer else 0x0100, 1, len(addresses), 0, 0)
        + question
        + records
    )


def asked(
    name: str, addresses: Sequence[str], time: float = START - 1, server: str = "192.168.1.1"
) -> list[Timed]:
    """A name that the phone looked up."""
    return [
        (time, ethernet(udp(PHONE, 5300, server, 53, dns_message(7, name)))),
        (
            time + 0.01,
            ethernet(
                udp(server, 53, PHONE, 5300, dns_message(7, name, addresses, answer=True)),
                ROUTER_MAC,
                PHONE_MAC,
            ),
        ),
    ]


def client_hello(name: str | None, random: bytes = bytes(32), extra: bytes = b"") -> bytes:
    """A handshake message."""
    extensions = extra
    if name is not None:
        listed = b"\0" + struct.pack(">H", len(name)) + name.encode()
        content = struct.pack(">H", len(listed)) + listed
        extensions += struct.pack(">HH", 0, len(content)) + content
    body = (
        b"\x03\x03"
        + random
        + b"\0"
        + b"\x00\x02\x13\x01"
        + b"\x01\0"
        + struct.pack(">H", len(extensions))
        + extensions
    )
    return b"\x01" + len(body).to_bytes(3) + body


def record(kind: int, body: bytes, version: int = 0x0301) -> bytes:
    """A TLS record."""
    return struct.pack(">BHH", kind, version, len(body)) + body


def trailer(frame: bytes, app: str, uid: int = 10123) -> bytes:
    """A frame as PCAPdroid marks it in a pcap file."""
    padded = frame + bytes(-len(frame) % 4)
    return padded + struct.pack(">Ii20s4x", 0x01072021, uid, app.encode())


def uid_block(uid: int, package: str, name: str, order: str = "<") -> bytes:
    """What PCAPdroid says in pcapng of the number of a user."""
    texts = package.encode() + name.encode()
    head = struct.pack(order + "IHBxIBB", 62652, 1, 1, uid, len(package.encode()), len(name.encode()))
    return block(0xBAD, head + texts, order)


def marked_block(time: float, frame: bytes, uid: int, order: str = "<") -> bytes:
    """A packet of that user in pcapng."""
    ticks = round(time * 10**6)
    head = struct.pack(order + "IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    comment = f"u-{uid}".encode()
    option = struct.pack(order + "HH", 1, len(comment)) + comment + bytes(-len(comment) % 4)
    flags = struct.pack(order + "HHI", 2, 4, 1)
    return block(6, head + frame + bytes(-len(frame) % 4) + flags + option + bytes(4), order)
