"""Files of packets to frames."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.sources.packets.blocks import Blocks, recognises
from phonehome.analysis.sources.packets.notes import Notes
from tests.sources.packets.build import (
    START,
    block,
    interface,
    packet_block,
    pcap,
    pcapng,
    secrets_block,
    section,
)

FRAMES = [(START + place, bytes([place]) * (60 + place)) for place in range(5)]


def read(data: bytes, piece: int = 1 << 20) -> tuple[list[tuple[float, int, bytes, int]], Blocks]:
    reader = Blocks(Notes())
    pieces = [data[start : start + piece] for start in range(0, len(data), piece)]
    return list(reader.frames(pieces)), reader


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap_with_each_magic(order: str, nano: bool) -> None:
    data = pcap(FRAMES, order=order, nano=nano, link=113)
    assert recognises(data)
    frames, reader = read(data)
    assert [frame[2] for frame in frames] == [content for _, content in FRAMES]
    assert [frame[0] for frame in frames] == pytest.approx([time for time, _ in FRAMES])
    assert {frame[1] for frame in frames} == {113}
    assert reader.notes.lines() == ()


@given(st.integers(1, 300))
def test_it_does_not_matter_where_pieces_end(piece: int) -> None:
    for data in (pcap(FRAMES), pcapng(FRAMES)):
        assert [frame[2] for frame in read(data, piece)[0]] == [content for _, content in FRAMES]


def test_sections_of_both_byte_orders_and_interfaces_with_their_own_units() -> None:
    frame = bytes(60)
    data = (
        section()
        + interface(1)
        + interface(113, resolution=9)
        + packet_block(START, frame)
        + packet_block(START, frame, number=1, unit=10**9)
        + section(">")
        + interface(101, ">")
        + packet_block(START, frame, order=">")
    )
    frames, _ = read(data)
    assert [(frame[0], frame[1]) for frame in frames] == [(START, 1), (START, 113), (START, 101)]


def test_what_a_file_says_beside_its_packets() -> None:
    options = struct.pack("<HH8s", 2, 8, b"Pixel 6a") + struct.pack("<HH4s", 3, 4, b"A 14")
    dropped = block(5, struct.pack("<III", 0, 0, 0) + struct.pack("<HHQ", 5, 8, 12))
    data = (
        section(options=options)
        + interface()
        + packet_block(START, bytes(60))
        + secrets_block(b"A B C")
        + dropped
    )
    _, reader = read(data)
    assert reader.facts == {"hardware": "Pixel 6a", "system": "A 14"}
    assert reader.secrets == [b"A B C"]
    assert reader.dropped == 12


def test_blocks_without_a_time() -> None:
    simple = block(3, struct.pack("<I", 60) + bytes(60))
    old = block(2, struct.pack("<HHIIII", 0, 0, 0, 5, 60, 60) + bytes(60))
    frames, reader = read(section() + interface() + simple + old)
    assert [frame[0] for frame in frames] == pytest.approx([0.0, 5e-6])
    assert reader.notes.lines() == ("packets without a time: 1",)


@pytest.mark.parametrize("cut", [1, 10, 70])
def test_a_file_that_is_cut_off_gives_what_is_whole(cut: int) -> None:
    for make in (pcap, pcapng):
        frames, reader = read(make(FRAMES)[:-cut])
        assert 3 <= len(frames) <= 4
        assert "cut off" in reader.notes.lines()[0]


def test_behind_a_damaged_record_reading_goes_on() -> None:
    data = bytearray(pcap(FRAMES))
    second = 24 + 16 + 60
    data[second + 8 : second + 12] = b"\xff\xff\xff\x7f"
    frames, reader = read(bytes(data))
    assert [frame[2] for frame in frames] == [FRAMES[place][1] for place in (0, 2, 3, 4)]
    assert reader.notes.lines() == ("damaged places in the file were skipped: 1",)


def test_behind_a_damaged_block_reading_goes_on() -> None:
    data = bytearray(pcapng(FRAMES))
    first = len(section() + interface())
    data[first + 4 : first + 8] = b"\xff\xff\xff\x7f"
    frames, reader = read(bytes(data))
    assert [frame[2] for frame in frames] == [content for _, content in FRAMES[1:]]
    assert reader.notes.lines() == ("damaged places in the file were skipped: 1",)


@given(st.data(), st.booleans())
def test_no_mutation_raises(data: st.DataObject, modern: bool) -> None:
    content = bytearray((pcapng if modern else pcap)(FRAMES))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    frames, _ = read(bytes(content), 64)
    assert len(frames) < 100


def test_a_hole_in_a_file_is_damage_and_no_packets() -> None:
    data = pcap(FRAMES) + bytes(4 << 20) + pcap(FRAMES)[24:]
    frames, reader = read(data)
    assert len(frames) <= 2 * len(FRAMES)
    assert [frame[2] for frame in frames[: len(FRAMES)]] == [content for _, content in FRAMES]
    assert "damaged places in the file were skipped" in reader.notes.counts()
