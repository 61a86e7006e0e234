"""QUIC packets."""

import itertools

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.sources.packets import quic
from phonehome.analysis.sources.packets.ciphers import expand_label
from tests.sources.packets.build import PHONE, SERVER, START, client_hello, ethernet, udp
from tests.sources.packets.test_http1 import sent_in

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


def test_keys_of_metas_version_are_those_of_draft_23() -> None:
    client, _ = quic.initial(0xFACEB002, DESTINATION)
    draft, _ = quic.initial(0xFF000017, DESTINATION)
    assert client._secret == draft._secret
    assert expand_label("sha256", client._secret, "quic key", 16).hex() == "af7fd7efebd21878ff66811248983694"


def first_packet(version: int, pieces: list[tuple[int, bytes]]) -> bytes:
    """A client's Initial with these pieces of its hello."""
    secret = quic.initial(version, DESTINATION)[0]._secret
    prefix = "quicv2 " if version == quic.VERSION_2 else "quic "
    key, iv, mask_key = (
        expand_label("sha256", secret, prefix + what, size)
        for what, size in (("key", 16), ("iv", 12), ("hp", 16))
    )
    frames = b"".join(
        b"\x06" + (0x4000 | at).to_bytes(2) + (0x4000 | len(data)).to_bytes(2) + data for at, data in pieces
    )
    frames += bytes(1100 - len(frames))
    first = 0xD3 if version == quic.VERSION_2 else 0xC3  # version 2 has other numbers for kinds of packets
    head = bytes([first]) + version.to_bytes(4) + bytes([len(DESTINATION)]) + DESTINATION + b"\0\0"
    head += (0x4000 | len(frames) + 4 + 16).to_bytes(2)
    number = bytes(4)
    sealed = AESGCM(key).encrypt(iv, frames, head + number)
    mask = Cipher(algorithms.AES(mask_key), modes.ECB()).encryptor().update(sealed[:16])
    masked = bytes([head[0] ^ mask[0] & 0x0F]) + head[1:]
    return masked + bytes(one ^ other for one, other in zip(number, mask[1:5], strict=True)) + sealed


@pytest.mark.parametrize("version", [1, quic.VERSION_2, 0xFACEB002])
@pytest.mark.parametrize("turned", [False, True])
def test_the_name_of_a_connection(version: int, turned: bool) -> None:
    hello = client_hello("www.a.example")
    pieces = [(0, hello[:20]), (20, hello[20:60]), (60, hello[60:])]
    data = first_packet(version, pieces[::-1] if turned else pieces)
    (sent,) = sent_in([(START, ethernet(udp(PHONE, 50000, SERVER, 443, data)))])
    assert (sent.protocol, sent.host, sent.host_source, sent.unopened) == (
        "quic",
        "www.a.example",
        "sni",
        "no-keys",
    )


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
