"""Whether a device lets the proxy open its TLS to a host: what is known so far, and what follows from it.

Strategy: after mitmproxy's example `tls_passthrough.py`. Each handshake is told to the `Trust` of its device and host,
and one question is asked before the next one: open it, or let it through? Nothing here knows of mitmproxy or of
sockets, and the time is an argument: seconds of a clock that only goes forward.

A refusal is not for ever. The user may install the certificate only now, and an app may have closed its connection for
another reason. So a host is opened anew after a while, each time after a longer one, because each try costs the app a
connection; and at once when the device fetched the certificate, or took it for any host for the first time.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Literal

RETRY: Final = 600.0
"""Seconds after the first refusal until the host is opened anew; twice as many after each further one in a row."""
LONGEST_RETRY: Final = 4 * 3600.0
QUICK: Final = 2.0
"""Seconds. A library that pins may check the certificate after the handshake, and then closes at once without a word
(OkHttp does). A connection that was made ahead, and not needed, is closed later, or beside others to the host."""
QUIC_REFUSALS: Final = 3
"""A browser takes no user's certificate for QUIC, but falls back to TLS over TCP, which the proxy can open. QUIC is let
through only when TCP was refused as well, or when it is refused this often in a row and TCP is not tried."""
MAX_REMEMBERED: Final = 20_000
"""Pairs of device and host that are remembered; beyond it the one that was not used for longest is forgotten."""

Verdict = Literal["refused", "failed"]
"""What came of a handshake: the device refused the certificate; or it came to nothing for another reason."""

Device = tuple[str, str]
"""Client address and proxy mode."""


class Trust:
    """One device and one host."""

    __slots__ = ("_handshakes", "_let_through_until", "_quic_refusals", "_refusals", "opened")

    def __init__(self) -> None:
        self.opened = False
        """Whether the device has sent something that the proxy could read."""
        self._refusals = 0
        """In a row."""
        self._quic_refusals = 0
        self._handshakes = 0
        """Connections that have begun, and in which nothing was sent yet."""
        self._let_through_until = float("-inf")

    def opens(self, now: float) -> bool:
        """Whether to open the next connection."""
        return now >= self._let_through_until

    def began(self) -> None:
        """A handshake begins. It ends with exactly one of the following four."""
        self._handshakes += 1

    def used(self) -> None:
        """The device took the certificate, and sends."""
        self._handshakes -= 1
        self.opened = True
        self._refusals = self._quic_refusals = 0
        self.forget()

    def refused(self, now: float, *, quic: bool = False) -> Verdict:
        """The device said that it does not take the certificate."""
        self._handshakes -= 1
        if quic:
            self._quic_refusals += 1
        if not quic or self._quic_refusals >= QUIC_REFUSALS:
            self._let_through_until = now + min(RETRY * 2**self._refusals, LONGEST_RETRY)
            self._refusals = min(self._refusals + 1, 16)
        return "refused"

    def failed(self, now: float, *, closed: bool, quic: bool = False) -> Verdict:
        """The handshake failed, and not by an alert about the certificate. `closed` is whether the device closed the
        connection: that is a refusal, unless it took the certificate before."""
        if closed and not self.opened:
            return self.refused(now, quic=quic)
        self._handshakes -= 1
        return "failed"

    def unused(self, now: float, established: float) -> Verdict | None:
        """The device closed the connection after the handshake and sent nothing. None if that says nothing."""
        if not self.opened and self._handshakes == 1 and now - established <= QUICK:
            return self.refused(now)
        self._handshakes -= 1
        return None if self.opened or self._handshakes else "failed"

    def forget(self) -> None:
        """The device may have come to trust the certificate: the next connection is opened."""
        self._let_through_until = float("-inf")


class Trusts:
    """What is known of all devices and hosts."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Device, str], Trust] = OrderedDict()
        self._trusting: OrderedDict[Device, None] = OrderedDict()

    def of(self, device: Device, host: str) -> Trust:
        """What is known of this device and this host."""
        trust = self._known.get((device, host))
        if trust is None:
            trust = self._known[device, host] = Trust()
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end((device, host))
        return trust

    def used(self, device: Device, trust: Trust) -> None:
        """The device took the certificate and sends. Its first time is news for its other hosts as well: the refusals
        so far may be of before the certificate was installed."""
        trust.used()
        if device not in self._trusting:
            self._trusting[device] = None
            if len(self._trusting) > MAX_REMEMBERED:
                self._trusting.popitem(last=False)
            self.forget(device)

    def forget(self, device: Device) -> None:
        """The device may have come to trust the certificate."""
        for (other, _), trust in self._known.items():
            if other == device:
                trust.forget()


Opens = Callable[[Trust, float], bool]

STRATEGIES: Final[dict[str, Opens]] = {
    "after-refusal": Trust.opens,
    "never": lambda _, __: True,
    "always": lambda _, __: False,
}
"""When TLS is opened, by the value of the option `phonehome_undecrypted_tls`, which says when it is let through."""
