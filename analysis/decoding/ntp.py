"""NTP (RFC 5905, figure 8): a client's question for the time, which carries nothing of the phone by its protocol.

Strategy: strict, because whoever wants to send something unseen would send it to this port. Only 48 bytes of which each
field is zero, what clients fill it with, or a time stamp of about now, are such a question. The rest stays not
understood: random time stamps (as some clients send for privacy) can be any 64 bits. The fraction of a second in a time
stamp is not looked at.
"""

from typing import Final

PORT: Final = 123
_SIZE: Final = 48
_CLIENT: Final = 3
_VERSIONS: Final = range(1, 5)
_SINCE_1900: Final = 2_208_988_800
"""Seconds from 1900, when its time stamps begin, to 1970."""
_ERA: Final = 1 << 32
_DAY: Final = 86_400
"""Seconds by which a phone's clock may be wrong: a time stamp farther from the capture's could be anything."""
_POLL: Final = frozenset({0, *range(3, 18)})
"""Exponents of the seconds between questions (RFC 5905, 7.3)."""
_PRECISION: Final = frozenset({0, 0x20, *range(0xE0, 0x100)})
"""Not said, chrony's 32, or -32 to -1: a second to less than a nanosecond."""
_ROOT: Final = frozenset({0, 0x1_0000})
"""Delay and dispersion to the reference clock: none, or a second, as ntpdate has it."""


def asks_for_time(data: bytes, time: float) -> bool:
    """Whether a datagram is a client's question and nothing else; `time` is when it was sent, in seconds since 1970."""
    if len(data) != _SIZE or data[0] & 7 != _CLIENT or data[0] >> 3 & 7 not in _VERSIONS:
        return False
    stratum, poll, precision = data[1:4]
    words = [int.from_bytes(data[place : place + 4]) for place in range(4, _SIZE, 4)]
    delay, dispersion, reference = words[:3]
    if stratum or poll not in _POLL or precision not in _PRECISION or reference:
        return False
    stamps = zip(words[3::2], words[4::2], strict=True)
    return {delay, dispersion} <= _ROOT and all(_is_now(*stamp, time) for stamp in stamps)


def _is_now(seconds: int, fraction: int, time: float) -> bool:
    """Whether a time stamp is empty, or of about that time."""
    if not seconds:
        return not fraction
    apart = (seconds - int(time) - _SINCE_1900) % _ERA
    return time > 0 and min(apart, _ERA - apart) <= _DAY
