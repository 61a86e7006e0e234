"""WebSocket messages."""

import os
import zlib

from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.sources.packets.budget import Kept, MemoryBudget
from phonehome.analysis.sources.packets.websocket import Messages


def frame(content: bytes, *, first: int = 0x81, mask: bytes = b"\1\2\3\4") -> bytes:
    size = len(content)
    length = (
        bytes([size | 0x80])
        if size < 126
        else b"\xfe" + size.to_bytes(2)
        if size < 65536
        else b"\xff" + size.to_bytes(8)
    )
    return (
        bytes([first]) + length + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))
    )


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 50))
def test_messages_in_pieces(messages: list[bytes], piece: int) -> None:
    data = b"".join(frame(message) for message in messages)
    found = Messages(Kept(MemoryBudget()), compression=False)
    for start in range(0, len(data), piece):
        found.data(0, data[start : start + piece], 1.0)
    assert found.take() == (tuple(filter(None, messages)), 0, sum(map(len, messages)), 0)


def test_a_message_in_frames_with_a_ping_between_them() -> None:
    data = frame(b"one ", first=0x01) + frame(b"!", first=0x89) + frame(b"two", first=0x80)
    found = Messages(Kept(MemoryBudget()), compression=False)
    found.data(0, data, 1.0)
    assert found.take()[0] == (b"one two",)


def test_compressed_messages_with_one_window() -> None:
    deflate = zlib.compressobj(wbits=-15)
    messages = [os.urandom(70_000), b"again", b"again and again"]
    found = Messages(Kept(MemoryBudget()), compression=True)
    for message in messages:
        packed = deflate.compress(message) + deflate.flush(zlib.Z_SYNC_FLUSH)
        found.data(0, frame(packed[:-4], first=0xC2), 1.0)
    assert found.take()[0] == tuple(messages)


def test_the_server_is_counted() -> None:
    found = Messages(Kept(MemoryBudget()), compression=False)
    found.data(1, b"\x82\x05hello", 1.0)
    assert found.take() == ((), 0, 0, 5)


@given(st.binary(max_size=200))
def test_nothing_raises(noise: bytes) -> None:
    found = Messages(Kept(MemoryBudget()), compression=True)
    found.data(0, noise, 1.0)
    found.gap(0)
    found.data(0, noise, 1.0)
    found.take()
