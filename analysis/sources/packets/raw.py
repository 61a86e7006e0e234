"""What no known protocol was recognised in: the bytes themselves, and whether they can be read.

Also the choice of the protocol, by how a connection begins.
"""

import re
from typing import Final

from phonehome.analysis.sources.packets import dns
from phonehome.analysis.sources.packets.budget import Kept
from phonehome.analysis.sources.packets.wire import CLIENT, SERVER, ReplyBody, Wire
from phonehome.analysis.transmission import NameAnswer, Reply

SAMPLE: Final = 4096
"""Bytes that are looked at to tell whether something can be read."""
_READABLE_RUN: Final = re.compile(rb"[\t\n\r -~]{8,}")
_TEXT: Final = bytes(range(32, 127)) + b"\t\n\r"
_ENCRYPTED: Final = (b"SSH-",)


def readable(data: bytes) -> bool:
    """Whether it is in clear, by its looks: at least half of it is text of eight characters and more in a row. Of
    random bytes that is one in four hundred at most; a greeting before what is encrypted is little of the whole."""
    sample = data[:SAMPLE]
    if len(sample) < 8:
        return len(sample) > 1 and not sample.translate(None, _TEXT)
    return 2 * sum(map(len, _READABLE_RUN.findall(sample))) >= len(sample)


def encryption(sent: bytes, received: bytes) -> bool | None:
    """Whether a protocol that is not known is encrypted: False if clear bytes are seen, None if nothing tells."""
    if sent.startswith(_ENCRYPTED) or received.startswith(_ENCRYPTED):
        return True
    return False if readable(sent) or readable(received) else None


class Raw:
    """A TCP connection in a protocol that is not known: one Transmission with all that the client sent."""

    def __init__(self, wire: Wire) -> None:
        self.counting = False
        self._wire = wire
        self._kept = Kept(wire.budget)
        self._answer = ReplyBody()
        self._received = b""
        self._time = 0.0
        self._end = 0.0

    def data(self, sender: int, data: bytes, time: float) -> None:
        if sender == CLIENT:
            self._kept.add(data)
            self._time = self._time or time
        else:
            self._answer.add(data)
            if len(self._received) < SAMPLE:
                self._received += data[:SAMPLE]
        self._end = time

    def gap(self, sender: int, size: int, time: float) -> None:
        if sender == CLIENT:
            self._kept.lost(size)
        else:
            self._answer.lost(size)

    def finish(self, time: float, sent: int, received: int) -> None:
        size, left_out = self._kept.total, self._kept.left_out
        content = self._kept.take()
        base = self._wire.base
        encrypted = base.encrypted if base.encrypted is not None else encryption(content, self._received)
        self._wire.emit(
            base._replace(
                time=self._time or base.time,
                end=self._end or time,
                protocol="tcp",
                encrypted=encrypted,
                payloads=(content,) if content else (),
                truncated=left_out,
                reply=Reply(None, "", self._answer.body, self._answer.size) if self._answer.size else None,
                transport_outcome=self._wire.outcome(self._wire.mark()),
                bytes_sent=size,
                bytes_received=self._answer.size,
            )
        )


class DnsStream:
    """DNS by TCP (RFC 7766): each message behind its length."""

    def __init__(self, wire: Wire) -> None:
        self.counting = False
        self._queries = Queries(wire)
        self._held = [b"", b""]
        self._lost = [False, False]

    def data(self, sender: int, data: bytes, time: float) -> None:
        if self._lost[sender]:
            return
        data = self._held[sender] + data
        position = 0
        while len(data) >= position + 2:
            end = position + 2 + int.from_bytes(data[position : position + 2])
            if end > len(data):
                break
            self._queries.message(sender, data[position + 2 : end], time)
            position = end
        self._held[sender] = data[position:]

    def gap(self, sender: int, size: int, time: float) -> None:
        self._lost[sender] = True

    def finish(self, time: float, sent: int, received: int) -> None:
        self._queries.finish()


MAX_PENDING: Final = 1000


class Queries:
    """Questions and their answers on one connection or between two ports."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._pending: dict[int, tuple[dns.DnsMessage, float, int, int]] = {}
        self.messages = 0

    def message(self, sender: int, data: bytes, time: float) -> bool:
        """Takes a message; False if it is none."""
        found = dns.parse(data)
        if found is None:
            return False
        self.messages += 1
        if sender == SERVER and found.is_answer:
            asked = self._pending.pop(found.id, None)
            if asked is None:
                self._wire.notes.count("DNS answers of which the capture lacks the question were left out")
            else:
                self._emit(*asked, found, time, len(data))
        elif sender == CLIENT and not found.is_answer:
            if found.id in self._pending:  # asked again
                return True
            if len(self._pending) >= MAX_PENDING:
                self._emit(*self._pending.pop(next(iter(self._pending))))
            self._pending[found.id] = found, time, len(data), self._wire.mark()
        return True

    def finish(self) -> None:
        """What was not answered."""
        for asked in self._pending.values():
            self._emit(*asked)
        self._pending.clear()

    def _emit(
        self,
        asked: dns.DnsMessage,
        time: float,
        size: int,
        mark: int,
        answer: dns.DnsMessage | None = None,
        answered: float | None = None,
        received: int = 0,
    ) -> None:
        base = self._wire.base
        name = asked.questions[0] if asked.questions else ""
        self._wire.emit(
            base._replace(
                time=time,
                end=answered,
                protocol="dns",
                encrypted=bool(base.encrypted),
                questions=tuple(question for question in asked.questions if not _is_local(question)),
                answers=tuple(
                    NameAnswer(name, address, answered or time, base.client or "")
                    for address in (answer.addresses if answer else ())
                ),
                reply=Reply(None, "", None, received) if answer else None,
                transport_outcome=None if answer else self._wire.outcome(mark),
                bytes_sent=size,
                bytes_received=received,
            )
        )


def _is_local(name: str) -> bool:
    return name.endswith((".local", ".arpa")) or "." not in name
