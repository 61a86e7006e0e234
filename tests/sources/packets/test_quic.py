"""QUIC packets."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.sources.packets import quic
from phonehome.analysis.sources.packets.ciphers import expand_label

DESTINATION = bytes.fromhex("8394c8f03e515708")  # RFC 9001, A; RFC 9369, A


@pytest.mark.parametrize(
    ("version", "prefix", "key"),
    [
        (1, "quic ", "1f369613dd76d5467730efcbe3b1a22d"),
        (quic.VERSION_2, "quicv2 ", "8b1a0bc121284290a29e0971b5cd045d"),
    ],
)
def test_keys_of_the_standards_examples(version: int, prefix: str, key: str) -> None:
    client, _ = quic.initial(version, DESTINATION)
    assert expand_label("sha256", client._secret, prefix + "key", 16).hex() == key


def test_a_packet_of_the_standards_example() -> None:
    # The server's Initial of RFC 9001, A.3.
    data = bytes.fromhex(
        "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf7"
        "3c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f"
        "58891850abbdca3d20398c276456cbc42158407dd074ee"
    )
    (packet,) = quic.packets(data, 0)
    assert (packet.kind, packet.source.hex()) == (quic.INITIAL, "f067a5502a4262b5")
    _, server = quic.initial(1, DESTINATION)
    first, number, size = server.first_byte_and_number(data, packet, -1)
    assert (first, number, size) == (0xC1, 1, 2)
    (frame,) = quic.frames(server.open(data, packet, first, number, size))
    assert isinstance(frame, quic.Crypto)
    assert (frame.offset, frame.data[:1]) == (0, b"\x02")


@given(st.data())
def test_pieces_in_any_order_that_overlap(data: st.DataObject) -> None:
    stream = bytes(range(200))
    cuts = sorted({0, 200, *data.draw(st.lists(st.integers(1, 199), max_size=10))})
    pieces = [
        (start, stream[start : min(end + data.draw(st.integers(0, 20)), 200)])
        for start, end in itertools.pairwise(cuts)
    ]
    whole = quic.Pieces(1000)
    assert b"".join(whole.add(*piece) for piece in data.draw(st.permutations(pieces))) == stream


@given(st.binary(max_size=200), st.sampled_from([1, quic.VERSION_2, 0xFACEB002]))
def test_nothing_raises(noise: bytes, version: int) -> None:
    list(quic.frames(noise))
    for packet in quic.packets(b"\xc3" + version.to_bytes(4) + noise, 8):
        assert packet.end <= 5 + len(noise)
    quic.google_name(b"CHLO" + noise)


def test_a_name_as_google_sent_it_before() -> None:
    values = b"\x01\x02" + b"www.a.example"
    tags = b"PAD\0" + (2).to_bytes(4, "little") + b"SNI\0" + (15).to_bytes(4, "little")
    assert quic.google_name(b"..CHLO\x02\0\0\0" + tags + values) == "www.a.example"
    assert quic.google_name(b"..CHLO") is None
