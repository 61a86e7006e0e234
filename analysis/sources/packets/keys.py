"""Keys of TLS and QUIC connections, as browsers and libraries log them.

Format: draft-ietf-tls-keylogfile (SSLKEYLOGFILE): label, client random, secret, in hexadecimal, a line each.
"""

import re
from collections.abc import Iterable
from typing import Final

MAX_SECRETS: Final = 1_000_000
_LINE: Final = re.compile(
    rb"^(?:QUIC_)?([A-Z][A-Z0-9_]{3,40}) ([0-9A-Fa-f]{64}) ([0-9A-Fa-f]{2,128})\s*$", re.MULTILINE
)
MASTER: Final = "CLIENT_RANDOM"
EARLY: Final = "CLIENT_EARLY_TRAFFIC_SECRET"
HANDSHAKE: Final = ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET")
TRAFFIC: Final = ("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0")
_KNOWN: Final = frozenset({MASTER, EARLY, *HANDSHAKE, *TRAFFIC})


def recognises(beginning: bytes) -> bool:
    """Whether a file that begins so is a key log. Comments may stand first."""
    lines = [line for line in beginning.split(b"\n") if line.strip() and not line.startswith(b"#")]
    return bool(lines) and _LINE.match(lines[0].rstrip(b"\r")) is not None


class Keys:
    """Secrets by client random."""

    def __init__(self) -> None:
        self._secrets: dict[bytes, dict[str, bytes]] = {}
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def __len__(self) -> int:
        return len(self._secrets)

    def add(self, log: bytes) -> int:
        """Takes a key log in; how many secrets were new to it. Lines that are none are passed over."""
        before = self._count
        for match in _LINE.finditer(log):
            if self._count >= MAX_SECRETS:
                break
            label = match[1].decode()
            if label not in _KNOWN or len(match[3]) & 1:
                continue
            mine = self._secrets.setdefault(bytes.fromhex(match[2].decode()), {})
            if label not in mine:
                mine[label] = bytes.fromhex(match[3].decode())
                self._count += 1
        return self._count - before

    def merge(self, logs: Iterable[bytes]) -> None:
        """Several logs."""
        for log in logs:
            self.add(log)

    def of(self, random: bytes) -> dict[str, bytes] | None:
        """The secrets of the connection whose client said this random; None if there are none."""
        return self._secrets.get(random)
