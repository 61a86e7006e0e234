"""QUIC packets: headers, protection, frames.

Strategy: the keys of Initial packets follow from a number in the first one, so that anybody can open them and read the
ClientHello; all others need the key log. A datagram is cut into its packets; one that cannot be opened is left.

Formats: RFC 9000 (12, 16, 17, 19), RFC 9001 (5, 6), RFC 9369 (version 2), RFC 9221 (datagrams). Meta's versions have
the salts of drafts 22 and 27 (https://github.com/facebook/mvfst), Google's T051 one of its own.
"""

import hmac
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from phonehome.analysis.sources.packets.ciphers import Suite, WrongKeyError, expand_label

INITIAL, EARLY, HANDSHAKE, RETRY, SHORT = range(5)
_SALT_22: Final = bytes.fromhex("7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a")
_SALT_23: Final = bytes.fromhex("c3eef712c72ebb5a11a7d2432bb46365bef9f502")
_SALT_29: Final = bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")
_SALT_1: Final = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
_SALT_2: Final = bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9")
_SALT_T051: Final = bytes.fromhex("7a4edef4e7ccee5fa4506c19124fc8ccda6e033d")
VERSION_2: Final = 0x6B3343CF
_T051: Final = 0x54303531
SALTS: Final[dict[int, bytes]] = {
    1: _SALT_1,
    VERSION_2: _SALT_2,
    0xFACEB001: _SALT_22,
    0xFACEB002: _SALT_23,
    0xFACEB00E: _SALT_23,
    _T051: _SALT_T051,
    **{0xFF000000 + draft: _SALT_22 for draft in (21, 22)},
    **{0xFF000000 + draft: _SALT_23 for draft in range(23, 29)},
    **{0xFF000000 + draft: _SALT_29 for draft in range(29, 33)},
    **{0xFF000000 + draft: _SALT_1 for draft in (33, 34)},
}
"""By version: what the keys of Initial packets are derived with."""
_INITIAL_SUITE: Final = Suite("gcm", 16, "sha256")
_PADDING, _PING, _ACK, _ACK_ECN, _RESET, _STOP, _CRYPTO, _TOKEN, _STREAM, _CLOSE = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    0x1C,
)
_NUMBERS: Final = {
    0x10: 1,
    0x11: 2,
    0x12: 1,
    0x13: 1,
    0x14: 1,
    0x15: 2,
    0x16: 1,
    0x17: 1,
    0x19: 1,
    0x1E: 0,
    0x1F: 0,
    0xAF: 4,
    0x2F5: 1,
}
"""Frames of this many numbers, of which nothing is needed; those of drafts (acknowledgement frequency, timestamps)
too."""


_GOOGLE: Final = re.compile(rb"[QT]0\d\d")


class PacketHeader(NamedTuple):
    """A packet in a datagram."""

    kind: int
    version: int
    destination: bytes
    """Connection ids."""
    source: bytes
    start: int
    """Of the packet in the datagram."""
    number: int
    """Where its number begins."""
    end: int


class Crypto(NamedTuple):
    """A piece of the handshake."""

    offset: int
    data: bytes


class StreamPiece(NamedTuple):
    """A piece of a stream."""

    id: int
    offset: int
    data: bytes
    last: bool


class Closed(NamedTuple):
    """The end of the connection; an error of TLS has 0x100 and the alert."""

    error: int


Frame = Crypto | StreamPiece | Closed


def is_long(data: bytes) -> bool:
    """Whether a datagram begins with a long header of a version that is known."""
    return len(data) > 20 and data[0] & 0x80 != 0 and int.from_bytes(data[1:5]) in SALTS


def is_google(data: bytes) -> bool:
    """Whether a datagram is of QUIC as Google had it before the IETF (Q039 and the like, public header with version;
    or Q046, Q050 and T050 with a long header)."""
    if len(data) < 14:
        return False
    old = data[0] & 0x89 == 0x09 and _GOOGLE.match(data, 9)
    return bool(old or (data[0] & 0x80 and _GOOGLE.match(data, 1)))


def google_name(data: bytes) -> str | None:
    """The server's name in such a client's hello, whose tags stand with their ends before the values; None if there
    is none."""
    start = data.find(b"CHLO")
    if start < 0:
        return None
    number = int.from_bytes(data[start + 4 : start + 6], "little")
    before = 0
    for place in range(min(number, 64)):
        entry = data[start + 8 + 8 * place : start + 16 + 8 * place]
        end = int.from_bytes(entry[4:], "little")
        if entry[:4] == b"SNI\0":
            values = start + 8 + 8 * number
            text = data[values + before : values + end]
            return text.decode("ascii").lower() if text.isascii() and 0 < len(text) < 256 else None
        before = end
    return None


def packets(data: bytes, short_id: int) -> Iterator[PacketHeader]:
    """The packets in a datagram; behind a short header nothing follows. `short_id` is the length of the connection id
    in short headers."""
    position = 0
    while position < len(data):
        first = data[position]
        if not first & 0x80:
            # Ends may agree that the fixed bit says nothing (RFC 9287); behind another packet it tells from padding.
            if (not position or first & 0x40) and len(data) - position > short_id + 20:
                number = position + 1 + short_id
                yield PacketHeader(SHORT, 0, data[position + 1 : number], b"", position, number, len(data))
            return
        try:
            version = int.from_bytes(data[position + 1 : position + 5])
            if version not in SALTS:
                return
            place = position + 5
            destination = data[place + 1 : place + 1 + data[place]]
            place += 1 + data[place]
            source = data[place + 1 : place + 1 + data[place]]
            place += 1 + data[place]
            kind = first >> 4 & 3
            if version == VERSION_2:
                kind = (kind - 1) % 4
            if kind == RETRY:
                yield PacketHeader(RETRY, version, destination, source, position, place, len(data))
                return
            if kind == INITIAL:
                length, place = number_at(data, place)
                place += length
            length, place = number_at(data, place)
        except IndexError:
            return
        end = place + length
        if end > len(data) or length < 20:
            return
        yield PacketHeader(kind, version, destination, source, position, place, end)
        position = end


def number_at(data: bytes, position: int) -> tuple[int, int]:
    """A number of variable length, and where it ends. Raises IndexError."""
    size = 1 << (data[position] >> 6)
    if position + size > len(data):
        raise IndexError
    return int.from_bytes(data[position : position + size]) & ((1 << (8 * size - 2)) - 1), position + size


class Protection:
    """What opens the packets of one direction at one level."""

    def __init__(self, suite: Suite, secret: bytes, version: int, header_key: bytes | None = None) -> None:
        self._suite, self._secret, self._version = suite, secret, version
        prefix = "quicv2 " if version == VERSION_2 else "quic "
        key = expand_label(suite.hash, secret, prefix + "key", suite.key)
        self._iv = expand_label(suite.hash, secret, prefix + "iv", 12)
        self._header_key = header_key or expand_label(suite.hash, secret, prefix + "hp", suite.key)
        self._aead: AESGCM | AESCCM | ChaCha20Poly1305
        if suite.kind == "chacha":
            self._aead = ChaCha20Poly1305(key)
        else:
            self._aead = AESGCM(key) if suite.kind == "gcm" else AESCCM(key)
            self._ecb = Cipher(algorithms.AES(self._header_key), modes.ECB()).encryptor()

    def next(self) -> "Protection":
        """Behind an update of keys (RFC 9001, 6)."""
        label = "quicv2 ku" if self._version == VERSION_2 else "quic ku"
        size = len(self._secret)
        secret = expand_label(self._suite.hash, self._secret, label, size)
        return Protection(self._suite, secret, self._version, self._header_key)

    def first_byte_and_number(self, data: bytes, header: PacketHeader, largest: int) -> tuple[int, int, int]:
        """Takes the protection off a header: its first byte, the packet's number, and how many bytes that has."""
        sample = data[header.number + 4 : header.number + 20]
        if len(sample) < 16:
            raise WrongKeyError
        if self._suite.kind == "chacha":
            cipher = Cipher(algorithms.ChaCha20(self._header_key, sample), mode=None)
            mask = cipher.encryptor().update(bytes(5))
        else:
            mask = self._ecb.update(sample)
        first = data[header.start] ^ mask[0] & (0x0F if data[header.start] & 0x80 else 0x1F)
        size = (first & 3) + 1
        short = int.from_bytes(data[header.number : header.number + size]) ^ int.from_bytes(
            mask[1 : 1 + size]
        )
        # RFC 9000, A.3.
        window = 1 << 8 * size
        number = (largest + 1) & ~(window - 1) | short
        if number <= largest + 1 - window // 2 and number < (1 << 62) - window:
            number += window
        elif number > largest + 1 + window // 2 and number >= window:
            number -= window
        return first, number, size

    def open(self, data: bytes, header: PacketHeader, first: int, number: int, size: int) -> bytes:
        """The frames of a packet. Raises WrongKeyError."""
        clear = bytearray(data[header.start : header.number + size])
        clear[0] = first
        clear[-size:] = (number & ((1 << 8 * size) - 1)).to_bytes(size)
        nonce = (int.from_bytes(self._iv) ^ number).to_bytes(12)
        try:
            return self._aead.decrypt(nonce, data[header.number + size : header.end], bytes(clear))
        except (InvalidTag, ValueError) as error:
            raise WrongKeyError from error


def initial(version: int, destination: bytes) -> tuple[Protection, Protection]:
    """What opens the Initial packets of client and server, by the connection id that the client chose."""
    secret = hmac.digest(SALTS[version], destination, "sha256")
    return (
        Protection(_INITIAL_SUITE, expand_label("sha256", secret, "client in", 32), version),
        Protection(_INITIAL_SUITE, expand_label("sha256", secret, "server in", 32), version),
    )


def frames(data: bytes, version: int = 1) -> Iterator[Frame]:
    """The frames in an opened packet that matter; what cannot be read ends it."""
    crypto = _STREAM if version == _T051 else _CRYPTO
    position = 0
    try:
        while position < len(data):
            kind, position = number_at(data, position)
            if kind in (_PADDING, _PING):
                continue
            if kind in (_ACK, _ACK_ECN):
                _, position = number_at(data, position)
                _, position = number_at(data, position)
                ranges, position = number_at(data, position)
                for _ in range(1 + 2 * min(ranges, len(data)) + (3 if kind == _ACK_ECN else 0)):
                    _, position = number_at(data, position)
            elif kind == crypto:
                offset, position = number_at(data, position)
                length, position = number_at(data, position)
                yield Crypto(offset, data[position : position + length])
                position += length
            elif _STREAM <= kind < _STREAM + 8:
                stream, position = number_at(data, position)
                offset = 0
                if kind & 4:
                    offset, position = number_at(data, position)
                length = len(data) - position
                if kind & 2:
                    length, position = number_at(data, position)
                yield StreamPiece(stream, offset, data[position : position + length], bool(kind & 1))
                position += length
            elif kind in (_RESET, _STOP):
                for _ in range(3 if kind == _RESET else 2):
                    _, position = number_at(data, position)
            elif kind == _TOKEN:
                length, position = number_at(data, position)
                position += length
            elif kind == 0x18:  # a new connection id
                _, position = number_at(data, position)
                _, position = number_at(data, position)
                position += 1 + data[position] + 16
            elif kind in (0x1A, 0x1B):
                position += 8
            elif kind in (_CLOSE, _CLOSE + 1):
                error, position = number_at(data, position)
                yield Closed(error if kind == _CLOSE else 0)
                return
            elif kind in (0x30, 0x31):  # a datagram
                length = len(data) - position
                if kind & 1:
                    length, position = number_at(data, position)
                position += length
            elif kind in _NUMBERS:
                for _ in range(_NUMBERS[kind]):
                    _, position = number_at(data, position)
            else:
                return
    except IndexError:
        return


class Pieces:
    """Pieces of a stream in any order, put together from its beginning; at most so many bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: dict[int, bytes] = {}
        self._held = 0
        self.end = 0
        """How far it is whole."""

    def add(self, offset: int, data: bytes) -> bytes:
        """Takes a piece; what is whole now and was not before comes back."""
        if offset > self.end:
            if offset + len(data) <= self.end + self._limit and self._held + len(data) <= self._limit:
                known = self._waiting.get(offset, b"")
                if len(data) > len(known):
                    self._waiting[offset] = data
                    self._held += len(data) - len(known)
            return b""
        ready = bytearray(data[self.end - offset :])
        end = self.end + len(ready)
        moved = bool(ready)
        while moved and self._waiting:
            moved = False
            for start in sorted(self._waiting):
                if start > end:
                    break
                piece = self._waiting.pop(start)
                self._held -= len(piece)
                if start + len(piece) > end:
                    ready += piece[end - start :]
                    end = start + len(piece)
                    moved = True
        self.end = end
        return bytes(ready)
