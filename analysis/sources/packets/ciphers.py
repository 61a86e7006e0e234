"""Opening the records of TLS and the packets of QUIC with known secrets.

Formats: RFC 5246 (6.2.3, 6.3, 8.1), RFC 5288 (GCM), RFC 7905 (ChaCha20), RFC 7366 (encrypt-then-MAC), RFC 8446 (5.2,
7.1), RFC 9001 (5). The cryptography is that of the library `cryptography`.
"""

import hashlib
import hmac
import struct
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305


class WrongKeyError(Exception):
    """What was opened is not what was closed."""


class Suite(NamedTuple):
    """A cipher suite."""

    kind: str
    """`gcm`, `ccm`, `ccm8`, `chacha` or `cbc`."""
    key: int
    """Bytes of the key."""
    hash: str
    """Of the pseudo-random function (of TLS 1.2 and newer)."""
    mac: str = ""
    """Of CBC suites."""


_GCM_128, _GCM_256 = Suite("gcm", 16, "sha256"), Suite("gcm", 32, "sha384")
_CBC_128, _CBC_256 = Suite("cbc", 16, "sha256", "sha1"), Suite("cbc", 32, "sha256", "sha1")
_CBC_128_256: Final = Suite("cbc", 16, "sha256", "sha256")
_CHACHA: Final = Suite("chacha", 32, "sha256")
SUITES: Final[dict[int, Suite]] = {
    **dict.fromkeys((0x1301, 0x009C, 0x009E, 0x00A2, 0x00A8, 0x00AA, 0xC02B, 0xC02D, 0xC02F, 0xC031, 0xD001), _GCM_128),
    **dict.fromkeys((0x1302, 0x009D, 0x009F, 0x00A3, 0x00A9, 0x00AB, 0xC02C, 0xC02E, 0xC030, 0xC032, 0xD002), _GCM_256),
    **dict.fromkeys((0x1303, 0xCCA8, 0xCCA9, 0xCCAA, 0xCCAB, 0xCCAC, 0xCCAD), _CHACHA),
    **dict.fromkeys((0x1304, 0xC09C, 0xC09E, 0xC0A4, 0xC0A6, 0xC0AC), Suite("ccm", 16, "sha256")),
    **dict.fromkeys((0xC09D, 0xC09F, 0xC0A5, 0xC0A7, 0xC0AD), Suite("ccm", 32, "sha256")),
    **dict.fromkeys((0x1305, 0xC0A0, 0xC0A2, 0xC0A8, 0xC0AA, 0xC0AE), Suite("ccm8", 16, "sha256")),
    **dict.fromkeys((0xC0A1, 0xC0A3, 0xC0A9, 0xC0AB, 0xC0AF), Suite("ccm8", 32, "sha256")),
    **dict.fromkeys((0x002F, 0x0032, 0x0033, 0x008C, 0xC004, 0xC009, 0xC00E, 0xC013, 0xC035), _CBC_128),
    **dict.fromkeys((0x0035, 0x0038, 0x0039, 0x008D, 0xC005, 0xC00A, 0xC00F, 0xC014, 0xC036), _CBC_256),
    **dict.fromkeys((0x003C, 0x0040, 0x0067, 0x00AE, 0xC023, 0xC025, 0xC027, 0xC029, 0xC037), _CBC_128_256),
    **dict.fromkeys((0x003D, 0x006A, 0x006B), Suite("cbc", 32, "sha256", "sha256")),
    **dict.fromkeys((0x00AF, 0xC024, 0xC026, 0xC028, 0xC02A, 0xC038), Suite("cbc", 32, "sha384", "sha384")),
}  # fmt: skip
"""By number (https://www.iana.org/assignments/tls-parameters): those with AES or ChaCha20."""

_MAC_SIZES: Final = {"sha1": 20, "sha256": 32, "sha384": 48}
_TAGS: Final = {"gcm": 16, "ccm": 16, "ccm8": 8, "chacha": 16}


class Opener(Protocol):
    """One direction of a connection."""

    overhead: int
    """Bytes of a record, its header included, that are not content (0: it depends)."""

    def open(self, number: int, header: bytes, body: bytes) -> tuple[int, bytes]:
        """Content type and content of the record of that number (from 0). Raises WrongKeyError."""


def _aead(suite: Suite, key: bytes) -> AESGCM | AESCCM | ChaCha20Poly1305:
    if suite.kind == "gcm":
        return AESGCM(key)
    if suite.kind == "chacha":
        return ChaCha20Poly1305(key)
    return AESCCM(key, tag_length=_TAGS[suite.kind])


class Aead12:
    """TLS 1.2 with AEAD."""

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self._aead = _aead(suite, key)
        self._iv = iv
        self._explicit = 0 if suite.kind == "chacha" else 8
        self._tag = _TAGS[suite.kind]
        self.overhead = 5 + self._explicit + self._tag

    def open(self, number: int, header: bytes, body: bytes) -> tuple[int, bytes]:
        size = len(body) - self._explicit - self._tag
        if size < 0:
            raise WrongKeyError
        nonce = self._iv + body[:8] if self._explicit else _xor(self._iv, number)
        extra = struct.pack(">Q", number) + header[:3] + struct.pack(">H", size)
        try:
            return header[0], self._aead.decrypt(nonce, body[self._explicit :], extra)
        except (InvalidTag, ValueError) as error:
            raise WrongKeyError from error


class Aead13:
    """TLS 1.3."""

    def __init__(self, suite: Suite, secret: bytes) -> None:
        self._suite = suite
        self._secret = secret
        self._aead = _aead(suite, expand_label(suite.hash, secret, "key", suite.key))
        self._iv = expand_label(suite.hash, secret, "iv", 12)
        self.overhead = 5 + 1 + _TAGS[suite.kind]

    def open(self, number: int, header: bytes, body: bytes) -> tuple[int, bytes]:
        try:
            content = self._aead.decrypt(_xor(self._iv, number), body, header)
        except (InvalidTag, ValueError) as error:
            raise WrongKeyError from error
        content = content.rstrip(b"\0")
        if not content:
            raise WrongKeyError
        return content[-1], content[:-1]

    def updated(self) -> "Aead13":
        """Behind a KeyUpdate."""
        suite = self._suite
        size = hashlib.new(suite.hash).digest_size
        return Aead13(suite, expand_label(suite.hash, self._secret, "traffic upd", size))


class Cbc:
    """TLS 1.0 to 1.2 with AES in CBC mode."""

    def __init__(
        self, suite: Suite, version: int, key: bytes, mac_key: bytes, iv: bytes, mac_first: bool
    ) -> None:
        self._key, self._mac_key, self._mac = algorithms.AES(key), mac_key, suite.mac
        self._explicit = version >= 0x0302
        self._iv = iv
        self._mac_first = mac_first
        self._size = _MAC_SIZES[suite.mac]
        self.overhead = 0

    def open(self, number: int, header: bytes, body: bytes) -> tuple[int, bytes]:
        whole = body
        if not self._mac_first:  # the MAC is of what was encrypted, and stands behind it
            body = body[: -self._size]
        iv, secret = (body[:16], body[16:]) if self._explicit else (self._iv, body)
        if not secret or len(secret) % 16 or len(iv) < 16:
            raise WrongKeyError
        decryptor = Cipher(self._key, modes.CBC(iv)).decryptor()
        plain = decryptor.update(secret) + decryptor.finalize()
        if not self._explicit:
            self._iv = secret[-16:]
        end = len(plain) - 1 - plain[-1]
        content = plain[: max(end - (self._size if self._mac_first else 0), 0)]
        signed, mac = (
            (content, plain[len(content) : max(end, 0)]) if self._mac_first else (body, whole[-self._size :])
        )
        expected = hmac.new(
            self._mac_key,
            struct.pack(">Q", number) + header[:3] + struct.pack(">H", len(signed)) + signed,
            self._mac,
        ).digest()
        if not hmac.compare_digest(mac, expected):
            raise WrongKeyError
        return header[0], content


def openers_12(
    suite: Suite, version: int, master: bytes, client_random: bytes, server_random: bytes, *, mac_first: bool
) -> tuple[Opener, Opener]:
    """Client's and server's direction of a connection of TLS 1.2 or older."""
    mac = _MAC_SIZES[suite.mac] if suite.mac else 0
    iv = {"cbc": 16, "chacha": 12}.get(suite.kind, 4)
    seed = b"key expansion" + server_random + client_random
    block = _prf(suite.hash, version, master, seed, 2 * (mac + suite.key + iv))
    parts = []
    for size in (mac, mac, suite.key, suite.key, iv, iv):
        parts.append(block[:size])
        block = block[size:]
    macs, keys, ivs = parts[:2], parts[2:4], parts[4:]
    if suite.kind == "cbc":
        made = [Cbc(suite, version, keys[i], macs[i], ivs[i], mac_first) for i in (0, 1)]
        return made[0], made[1]
    return Aead12(suite, keys[0], ivs[0]), Aead12(suite, keys[1], ivs[1])


def expand_label(hash_: str, secret: bytes, label: str, size: int) -> bytes:
    """HKDF-Expand-Label of RFC 8446 (7.1), with an empty context."""
    name = b"tls13 " + label.encode()
    return expand(hash_, secret, struct.pack(">HB", size, len(name)) + name + b"\0", size)


def expand(hash_: str, secret: bytes, info: bytes, size: int) -> bytes:
    """HKDF-Expand of RFC 5869 (2.3)."""
    block = result = b""
    place = 1
    while len(result) < size:
        block = hmac.digest(secret, block + info + bytes([place]), hash_)
        result += block
        place += 1
    return result[:size]


def _prf(hash_: str, version: int, secret: bytes, seed: bytes, size: int) -> bytes:
    if version >= 0x0303:
        return _p_hash(hash_, secret, seed, size)
    half = (len(secret) + 1) // 2
    first, second = _p_hash("md5", secret[:half], seed, size), _p_hash("sha1", secret[-half:], seed, size)
    return bytes(one ^ other for one, other in zip(first, second, strict=True))


def _p_hash(hash_: str, secret: bytes, seed: bytes, size: int) -> bytes:
    result, step = b"", seed
    while len(result) < size:
        step = hmac.digest(secret, step, hash_)
        result += hmac.digest(secret, step + seed, hash_)
    return result[:size]


def _xor(iv: bytes, number: int) -> bytes:
    return (int.from_bytes(iv) ^ number).to_bytes(12)
