"""What a protocol is given by the connection that it runs on, and the protocol for them all.

A speaker is fed what each end sent, in order, and makes a Transmission of each exchange when it is over. TLS is a
speaker that feeds another one with what it opened.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from phonehome.analysis.sources.flow_state import MAX_REPLY_BODY, ip, name
from phonehome.analysis.sources.packets.budget import MemoryBudget
from phonehome.analysis.sources.packets.notes import Notes
from phonehome.analysis.transmission import HostSource, RoundTrips, Transmission, TransportOutcome

CLIENT: Final = 0
SERVER: Final = 1


@dataclass(frozen=True, slots=True)
class Wire:
    """A connection as those see it who speak on it."""

    base: Transmission
    """What all exchanges on it have in common."""
    emit: Callable[[Transmission], None]
    mark: Callable[[], int]
    """How far the client's stream was seen, so far."""
    outcome: Callable[[int], TransportOutcome | None]
    """What became of the client's stream up to such a mark."""
    budget: MemoryBudget
    notes: Notes
    begun: bool = True
    """Whether its beginning was captured."""

    def with_base(self, **changes: object) -> "Wire":
        """The same, with other things in common."""
        return replace(self, base=self.base._replace(**changes))  # type: ignore[arg-type]


class Speaker(Protocol):
    """A protocol on a connection."""

    counting: bool
    """Whether it only needs to know how much there was, and no bytes any more."""

    def data(self, sender: int, data: bytes, time: float) -> None:
        """The next bytes that an end (CLIENT or SERVER) sent."""

    def gap(self, sender: int, size: int, time: float) -> None:
        """The capture lacks the next bytes."""

    def finish(self, time: float, sent: int, received: int) -> None:
        """The connection is over, after so many bytes of payload each way: makes Transmissions of what is open."""


class ReplyBody:
    """A reply's body: its size, and the whole of it as long as it is short."""

    __slots__ = ("_kept", "_whole", "size")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._whole = True
        self.size = 0

    def add(self, data: bytes) -> None:
        """The next bytes."""
        if self.size + len(data) <= MAX_REPLY_BODY:
            self._kept += data
        self.size += len(data)

    def lost(self, size: int) -> None:
        """Bytes that the capture lacks: what is kept is no longer whole."""
        self.size += size
        self._whole = False

    @property
    def body(self) -> bytes | None:
        """None if it is long, or not whole."""
        return bytes(self._kept) if self._whole and self.size == len(self._kept) else None


def timed(base: Transmission, asked: float, answered: float) -> RoundTrips | None:
    """The round trips of an exchange, with how long its answer took to begin. Only where it went through TLS or QUIC:
    what is in clear anybody on the way can answer."""
    took = answered - asked
    if not base.encrypted or not asked or took <= 0:
        return base.round_trips
    return (base.round_trips or RoundTrips())._replace(first_byte=took)


def named(base: Transmission, said: str, source: HostSource) -> dict[str, object]:
    """Host, what it rests on, and the authority, for a request that names `said` on a connection that may have a name
    by SNI."""
    found = name(said)
    if base.host and base.host_source == "sni":
        return {"authority": found if found != base.host else None}
    if found:
        return {"host": found, "host_source": source}
    return {}


def through_proxy(base: Transmission, target: str, port: int | None) -> dict[str, object]:
    """What is known of the destination behind a proxy: its name, and not its address, unless that was asked for."""
    address = ip(target)
    host = None if address else name(target)
    return {
        "address": address,
        "address_source": "request" if address else None,
        "host": host,
        "host_source": "url" if host else None,
        "port": port or base.port,
    }


def header(headers: Iterable[tuple[str, str]], wanted: str) -> str:
    """The first header of that name (lower case), or an empty string."""
    for key, value in headers:
        if len(key) == len(wanted) and key.lower() == wanted:
            return value
    return ""
