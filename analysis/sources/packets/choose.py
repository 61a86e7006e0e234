"""Which protocol a TCP connection speaks, by how it begins."""

from typing import Final

from phonehome.analysis.sources.packets import http1, http2, tls
from phonehome.analysis.sources.packets.keys import Keys
from phonehome.analysis.sources.packets.raw import DnsStream, Raw
from phonehome.analysis.sources.packets.wire import Speaker, Wire

MAX_HELD: Final = 1 << 17
"""Bytes that are held before a protocol is chosen."""
_DNS_PORT: Final = 53


def speaker_for(wire: Wire, keys: Keys, *, turned: bool = False) -> Speaker:
    """A speaker for a connection. `turned`: the other end began it, so that none of the protocols is spoken by the
    device as a client."""
    if turned:
        return Raw(wire)
    if wire.base.port == _DNS_PORT and wire.begun:
        return DnsStream(wire)
    return Chooser(wire, keys)


class Chooser:
    """Holds what comes until it is clear what it is; then it is that speaker."""

    def __init__(self, wire: Wire, keys: Keys) -> None:
        self._wire = wire
        self._keys = keys
        self._held: list[tuple[int, bytes, float]] = []
        self._size = 0
        self._beginning = [b"", b""]
        self._speaker: Speaker | None = None
        self.counting = False

    def data(self, sender: int, data: bytes, time: float) -> None:
        if self._speaker is not None:
            self._speaker.data(sender, data, time)
            self.counting = self._speaker.counting
            return
        self._held.append((sender, data, time))
        self._size += len(data)
        if len(self._beginning[sender]) < http1.MAX_HEAD:
            self._beginning[sender] += data
        speaker = self._choose()
        if speaker is None and self._size > MAX_HELD:
            speaker = Raw(self._wire)
        if speaker is not None:
            self._become(speaker)

    def gap(self, sender: int, size: int, time: float) -> None:
        if self._speaker is None:
            self._become(self._choose(last=True) or Raw(self._wire))
        assert self._speaker is not None
        self._speaker.gap(sender, size, time)
        self.counting = self._speaker.counting

    def finish(self, time: float, sent: int, received: int) -> None:
        if self._speaker is None:
            self._become(self._choose(last=True) or Raw(self._wire))
        assert self._speaker is not None
        self._speaker.finish(time, sent, received)

    def _become(self, speaker: Speaker) -> None:
        self._speaker = speaker
        held, self._held = self._held, []
        self._beginning = [b"", b""]
        for sender, data, time in held:
            speaker.data(sender, data, time)
        self.counting = speaker.counting

    def _choose(self, *, last: bool = False) -> Speaker | None:
        sent, received = self._beginning
        begun = self._wire.begun
        given = tls.ConnectionKeys(self._keys, lambda wire: Chooser(wire, self._keys))
        if sent:
            if tls.is_client_hello(sent) or (not begun and tls.is_record(sent)):
                return tls.Tls(self._wire, given)
            if sent.startswith(http2.PREFACE[: max(len(sent), 16)]) and len(sent) >= 16:
                return http2.Http2(self._wire)
            likely = http1.looks_like_request(sent)
            if likely:
                return http1.Http1(self._wire, given.inside)
            if not last and (likely is None or tls.is_client_hello(sent) is None):
                return None
        if not begun and received:
            if http1.looks_like_reply(received):
                return http1.Http1(self._wire, given.inside, lost=bool(sent))
            if tls.is_record(received):
                return tls.Tls(self._wire, given)
        if not sent and not last:
            return None  # some servers speak first
        if not begun and not received and not last:
            return None
        return Raw(self._wire)
