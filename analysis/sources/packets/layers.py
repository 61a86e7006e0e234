"""From a frame to the transport inside it: link layer, VLAN, tunnels, IPv4, IPv6, fragments.

Strategy: a link type says where IP begins and which MAC sent it; IP is followed through tunnels until TCP or UDP.
Addresses and ports are kept as the bytes that stand in the packet, cut out in one slice: the key of a conversation.

Formats: RFC 791, 8200, 768, 9293, 4213 (6in4), 2784 (GRE), 3GPP TS 29.281 (GTP-U), IEEE 802.1Q,
https://www.tcpdump.org/linktypes.html.
"""

import struct
from collections import OrderedDict
from typing import Final, NamedTuple

from phonehome.analysis.sources.packets.notes import Notes

TCP: Final = 6
UDP: Final = 17

ETHERNET: Final = 1
_RAW: Final = frozenset({12, 14, 101, 228, 229})
_NULL, _LOOP, _PPP, _COOKED, _COOKED_2 = 0, 108, 9, 113, 276
_IP4, _IP6, _PPPOE = 0x0800, 0x86DD, 0x8864
_VLAN: Final = frozenset({0x8100, 0x88A8, 0x9100})
_PPP_IP4, _PPP_IP6 = 0x21, 0x57
_IPIP, _IP6_IN, _GRE, _FRAGMENT, _NOTHING = 4, 41, 47, 44, 59
_EXTENSIONS: Final = frozenset({0, 43, 60, 51, 135, 139, 140})
_AUTHENTICATION: Final = 51
_GTP_PORT: Final = b"\x08\x68"
MAX_TUNNELS: Final = 4
MAX_EXTENSIONS: Final = 8
MAX_FRAGMENTED: Final = 256
"""Datagrams in fragments that wait for the rest, and the pieces of one."""

_LINK_NAMES: Final = {
    105: "Wi-Fi (802.11)", 127: "Wi-Fi (802.11 with radiotap)", 119: "Wi-Fi (802.11 with Prism header)",
    187: "Bluetooth", 201: "Bluetooth", 220: "USB", 189: "USB", 239: "Linux netfilter log",
    195: "IEEE 802.15.4", 230: "IEEE 802.15.4", 9: "PPP",
}  # fmt: skip


class Packet(NamedTuple):
    """A TCP segment or UDP datagram (or the rest of IP that is neither, to be counted)."""

    key: bytes
    """Source address, destination address (4 or 16 bytes each), source port, destination port (2 bytes each)."""
    protocol: int
    data: bytes
    start: int
    """Of the TCP or UDP header in `data`."""
    end: int
    """Of what was captured."""
    length: int
    """Bytes from `start` on, on the wire: more than were captured if the capture cuts packets."""
    source: bytes
    """MAC; empty if the link has none."""
    destination: bytes


def layers(link: int, frame: bytes) -> tuple[int, int, bytes, bytes] | None:
    """Ethertype, where its content begins, and the MACs of sender and receiver; None for a link that is not read."""
    if link == ETHERNET:
        kind, start = int.from_bytes(frame[12:14]), 14
        while kind in _VLAN and start + 4 <= len(frame):
            kind = int.from_bytes(frame[start + 2 : start + 4])
            start += 4
        if kind == _PPPOE:
            kind, start = _ppp(int.from_bytes(frame[start + 6 : start + 8])), start + 8
        return kind, start, _mac(frame[6:12]), _mac(frame[:6])
    if link in _RAW:
        return _by_version(frame, 0), 0, b"", b""
    if link in (_NULL, _LOOP):
        return _by_version(frame, 4), 4, b"", b""
    if link in (_COOKED, _COOKED_2):
        two = link == _COOKED_2
        kind, start = int.from_bytes(frame[0:2] if two else frame[14:16]), 20 if two else 16
        while kind in _VLAN and start + 4 <= len(frame):
            kind = int.from_bytes(frame[start + 2 : start + 4])
            start += 4
        length = frame[11] if two and len(frame) > 11 else int.from_bytes(frame[4:6])
        source = frame[12:18] if two else frame[6:12]
        return kind, start, _mac(source) if length == 6 else b"", b""
    if link == _PPP:
        start = 2 if frame[:2] == b"\xff\x03" else 0
        wide = start < len(frame) and not frame[start] & 1
        return _ppp(int.from_bytes(frame[start : start + 1 + wide])), start + 1 + wide, b"", b""
    return None


def _mac(data: bytes) -> bytes:
    """Empty for one of zeros, which people put in the place of those that they hide."""
    return data if any(data) else b""


def _ppp(kind: int) -> int:
    return {_PPP_IP4: _IP4, _PPP_IP6: _IP6}.get(kind, kind)


def _by_version(frame: bytes, start: int) -> int:
    return {4: _IP4, 6: _IP6}.get(frame[start] >> 4, 0) if len(frame) > start else 0


def link_name(link: int) -> str:
    """What a link type is called, for a sentence."""
    return _LINK_NAMES.get(link, f"link type {link}")


class Dissector:
    """Finds the transport in frames. Owns the fragments that wait, and counts what it cannot read."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self._fragments: OrderedDict[bytes, dict[int, tuple[bytes, bool]]] = OrderedDict()

    def packet(self, link: int, frame: bytes) -> Packet | None:
        """The packet in a frame; None if there is no IP in it, it is damaged, or it is a fragment whose others are
        not here yet."""
        found = layers(link, frame)
        if found is None:
            self.notes.count(f"frames of {link_name(link)} were not read (this kind of capture is not known)")
            return None
        kind, start, source, destination = found
        data = frame
        for _ in range(MAX_TUNNELS):
            if kind == _IP4:
                inner = self._ip4(data, start)
            elif kind == _IP6:
                inner = self._ip6(data, start)
            else:
                return None  # ARP, LLDP and the like go no further than the next switch
            if inner is None:
                return None
            data, addresses, protocol, start, length = inner
            end = min(len(data), start + length)
            if protocol in (TCP, UDP):
                if end - start < 8:
                    self.notes.count("packets are too short for their headers")
                    return None
                if protocol == UDP and (tunnel := _gtp(data, start, end)):
                    kind, start = _by_version(data, tunnel), tunnel
                    source = destination = b""
                    continue
                key = addresses + data[start : start + 4]
                return Packet(key, protocol, data, start, end, length, source, destination)
            if protocol in (_IPIP, _IP6_IN):
                kind = _IP4 if protocol == _IPIP else _IP6
                source = destination = b""  # those of the tunnel's ends
            elif protocol == _GRE and end - start >= 4:
                flags, kind = struct.unpack_from(">HH", data, start)
                source = destination = b""
                start += 4 + 4 * (bool(flags & 0x8000) + bool(flags & 0x2000) + bool(flags & 0x1000))
            else:
                return Packet(addresses + bytes(4), protocol, data, start, end, length, source, destination)
        self.notes.count("packets in too many tunnels were not read")
        return None

    def _ip4(self, data: bytes, start: int) -> tuple[bytes, bytes, int, int, int] | None:
        if len(data) < start + 20 or data[start] >> 4 != 4:
            self.notes.count("packets are too short for their headers")
            return None
        header = (data[start] & 15) * 4
        total = (
            int.from_bytes(data[start + 2 : start + 4]) or len(data) - start
        )  # 0: left to the network card
        if header < 20 or total < header:
            self.notes.count("packets with a wrong header were not read")
            return None
        addresses = data[start + 12 : start + 20]
        protocol = data[start + 9]
        fragment = int.from_bytes(data[start + 6 : start + 8])
        body, length = start + header, total - header
        if fragment & 0x3FFF:
            key = b"4" + addresses + bytes([protocol]) + data[start + 4 : start + 6]
            whole = self._joined(
                key, (fragment & 0x1FFF) * 8, bool(fragment & 0x2000), data[body : start + total], length
            )
            return None if whole is None else (whole, addresses, protocol, 0, len(whole))
        return data, addresses, protocol, body, length

    def _ip6(self, data: bytes, start: int) -> tuple[bytes, bytes, int, int, int] | None:
        if len(data) < start + 40 or data[start] >> 4 != 6:
            self.notes.count("packets are too short for their headers")
            return None
        addresses = data[start + 8 : start + 40]
        protocol = data[start + 6]
        length = int.from_bytes(data[start + 4 : start + 6]) or len(data) - start - 40
        body = start + 40
        for _ in range(MAX_EXTENSIONS):
            if protocol in _EXTENSIONS:
                if len(data) < body + 8:
                    return None
                size = (data[body + 1] + 2) * 4 if protocol == _AUTHENTICATION else (data[body + 1] + 1) * 8
                protocol = data[body]
            elif protocol == _FRAGMENT:
                if len(data) < body + 8:
                    return None
                offset = int.from_bytes(data[body + 2 : body + 4])
                inner, size = data[body], 8
                if offset & 0xFFF9:
                    key = b"6" + addresses + data[body + 4 : body + 8]
                    piece = data[body + 8 : body + length]
                    whole = self._joined(key, offset & 0xFFF8, bool(offset & 1), piece, length - 8)
                    return None if whole is None else (whole, addresses, inner, 0, len(whole))
                protocol = inner
            else:
                break
            body += size
            length -= size
            if length < 0:
                self.notes.count("packets with a wrong header were not read")
                return None
        return data, addresses, protocol, body, length

    def _joined(self, key: bytes, offset: int, more: bool, piece: bytes, length: int) -> bytes | None:
        """The whole datagram, once all its fragments are here."""
        pieces = self._fragments.setdefault(key, {})
        if len(piece) < length or len(pieces) >= MAX_FRAGMENTED or offset + length > 1 << 16:
            del self._fragments[key]
            self.notes.count("packets in fragments were not read, because a part is missing")
            return None
        pieces.setdefault(offset, (piece, more))
        whole = bytearray()
        while (found := pieces.get(len(whole))) is not None and found[0]:
            whole += found[0]
            if not found[1]:
                del self._fragments[key]
                return bytes(whole)
        if len(self._fragments) > MAX_FRAGMENTED:
            self._fragments.popitem(last=False)
            self.notes.count("packets in fragments were not read, because a part is missing")
        return None

    def finish(self) -> None:
        """Counts what still waits."""
        if self._fragments:
            self.notes.count(
                "packets in fragments were not read, because a part is missing", len(self._fragments)
            )
            self._fragments.clear()


def _gtp(data: bytes, start: int, end: int) -> int:
    """Where the packet inside a GTP-U tunnel begins; 0 if this is none."""
    if data[start + 2 : start + 4] != _GTP_PORT or end - start < 8 + 8 or data[start + 8] >> 5 != 1:
        return 0
    if data[start + 9] != 0xFF:
        return 0
    inner = start + 16 + (4 if data[start + 8] & 7 else 0)
    if (
        data[start + 8] & 4
    ):  # extension headers: length in units of four bytes, the next one's type at the end
        for _ in range(MAX_EXTENSIONS):
            if inner > end or not data[inner - 1]:
                break
            size = data[inner] * 4 if inner < end else 0
            if not size:
                return 0
            inner += size
    return inner if inner < end and data[inner] >> 4 in (4, 6) else 0
