"""Frames to packets."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.sources.packets.layers import Dissector, Packet
from phonehome.analysis.sources.packets.notes import Notes
from tests.sources.packets.build import PHONE, PHONE_MAC, ROUTER_MAC, SERVER, address, ethernet, ip, udp

DATAGRAM = udp(PHONE, 4000, SERVER, 5683, b"hello, world")
SIX = udp("2001:db8::1", 4000, "2001:db8::2", 5683, b"hello, world")


def dissected(link: int, frame: bytes) -> Packet | None:
    return Dissector(Notes()).packet(link, frame)


def content(packet: Packet | None) -> bytes:
    assert packet is not None
    assert packet.protocol == 17
    assert packet.key[-4:] == struct.pack(">HH", 4000, 5683)
    return packet.data[packet.start + 8 : packet.end]


@pytest.mark.parametrize("packet", [DATAGRAM, SIX])
@pytest.mark.parametrize(
    ("link", "wrap"),
    [
        (1, ethernet),
        (
            1,
            lambda packet: (
                ethernet(packet)[:12] + b"\x81\x00\x00\x07\x81\x00\x00\x08" + ethernet(packet)[12:]
            ),
        ),
        (12, bytes),
        (101, bytes),
        (229, bytes),
        (0, lambda packet: b"\x02\0\0\0" + packet),
        (108, lambda packet: b"\0\0\0\x02" + packet),
        (113, lambda packet: b"\0\0\0\x01\0\x06" + PHONE_MAC + b"\0\0" + ethernet(packet)[12:14] + packet),
        (276, lambda packet: ethernet(packet)[12:14] + bytes(8) + b"\0\x06" + PHONE_MAC + b"\0\0" + packet),
        (9, lambda packet: b"\xff\x03\x00" + (b"\x57" if packet[0] >> 4 == 6 else b"\x21") + packet),
    ],
)
def test_each_link_type(link: int, wrap: object, packet: bytes) -> None:
    frame = wrap(packet)  # type: ignore[operator]
    found = dissected(link, frame + bytes(6))  # short frames are padded
    assert content(found) == b"hello, world"
    assert found is not None
    assert found.source in (PHONE_MAC, b"")


@pytest.mark.parametrize(
    "frame",
    [
        ip("198.51.100.1", "198.51.100.2", 41, SIX),
        ip("198.51.100.1", "198.51.100.2", 4, DATAGRAM),
        ip("198.51.100.1", "198.51.100.2", 47, b"\x20\x00\x08\x00" + bytes(4) + DATAGRAM),
        udp(
            "198.51.100.1",
            2152,
            "198.51.100.2",
            2152,
            b"\x30\xff" + struct.pack(">HI", len(DATAGRAM), 1) + DATAGRAM,
        ),
        ip("2001:db8::8", "2001:db8::9", 0, b"\x11\0" + bytes(6) + DATAGRAM[20:]),
    ],
)
def test_tunnels_and_extensions(frame: bytes) -> None:
    assert content(dissected(101, frame)) == b"hello, world"


def test_macs_of_a_tunnel_are_not_those_of_who_speaks_in_it() -> None:
    found = dissected(1, ethernet(ip("198.51.100.1", "198.51.100.2", 4, DATAGRAM)))
    assert found is not None
    assert (found.source, found.destination) == (b"", b"")
    found = dissected(1, ethernet(DATAGRAM))
    assert found is not None
    assert (found.source, found.destination) == (PHONE_MAC, ROUTER_MAC)


@given(st.permutations(range(4)))
def test_fragments_in_any_order(order: list[int]) -> None:
    body = struct.pack(">HHHH", 4000, 5683, 8 + 900, 0) + bytes(900)
    pieces = [
        ip(
            PHONE,
            SERVER,
            17,
            body[start : start + 256],
            fragment=start // 8 | (0x2000 if start < 768 else 0),
            id_=9,
        )
        for start in range(0, len(body), 256)
    ]
    dissector = Dissector(Notes())
    found = [packet for place in order if (packet := dissector.packet(101, pieces[place]))]
    assert len(found) == 1
    assert content(found[0]) == bytes(900)


def test_fragments_of_which_one_is_missing_are_counted() -> None:
    dissector = Dissector(Notes())
    assert dissector.packet(101, ip(PHONE, SERVER, 17, bytes(64), fragment=0x2000, id_=9)) is None
    dissector.finish()
    assert dissector.notes.lines() == ("packets in fragments were not read, because a part is missing: 1",)


def test_a_packet_that_the_capture_cut_says_how_long_it_was() -> None:
    frame = ethernet(udp(PHONE, 4000, SERVER, 5683, bytes(500)))
    found = dissected(1, frame[:100])
    assert found is not None
    assert (found.end - found.start, found.length) == (100 - 34, 508)


def test_what_is_not_read_is_named() -> None:
    dissector = Dissector(Notes())
    assert dissector.packet(105, bytes(100)) is None
    assert dissector.notes.lines() == (
        "frames of Wi-Fi (802.11) were not read (this kind of capture is not known): 1",
    )


@given(st.sampled_from([0, 1, 9, 12, 101, 113, 276]), st.binary(max_size=120), st.integers(0, 120))
def test_nothing_raises(link: int, noise: bytes, place: int) -> None:
    frame = ethernet(SIX)[:place] + noise
    found = dissected(link, frame)
    assert found is None or found.start <= found.end <= len(found.data) or found.end - found.start < 8


def test_the_key_is_what_stands_in_the_packet() -> None:
    found = dissected(1, ethernet(DATAGRAM))
    assert found is not None
    assert found.key == address(PHONE) + address(SERVER) + struct.pack(">HH", 4000, 5683)
