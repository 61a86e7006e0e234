"""DHCP: what a device says of itself when it asks for an address, and who hands addresses out.

Formats: RFC 2131 (2), RFC 2132 (options 12, 50, 53, 55, 60).
"""

from typing import Final

from phonehome.analysis.transmission import Headers

_COOKIE: Final = b"\x63\x82\x53\x63"
_TEXTS: Final = {12: "host-name", 60: "vendor-class", 81: "client-fqdn"}
_PAD, _END, _TYPE = 0, 255, 53
_OFFER, _ACKNOWLEDGE = 2, 5
_SERVER_TYPES: Final = frozenset({_OFFER, _ACKNOWLEDGE, 6})


def options(data: bytes) -> dict[int, bytes]:
    """The options of a message by number; none if this is no DHCP."""
    found: dict[int, bytes] = {}
    if len(data) < 240 or data[236:240] != _COOKIE or data[0] not in (1, 2):
        return found
    position = 240
    while position + 2 <= len(data) and data[position] != _END:
        if data[position] == _PAD:
            position += 1
            continue
        length = data[position + 1]
        found.setdefault(data[position], data[position + 2 : position + 2 + length])
        position += 2 + length
    return found


def is_server(data: bytes) -> bool:
    """Whether who sent this hands addresses out."""
    kind = options(data).get(_TYPE, b"")
    return data[:1] == b"\x02" and len(kind) == 1 and kind[0] in _SERVER_TYPES


def facts(data: bytes) -> Headers:
    """What the message says of the device, as names and values: `host-name`, `vendor-class` (`android-dhcp-10`),
    `client-fqdn`."""
    found = options(data)
    return tuple(
        (name, found[number][3 if number == 81 else 0 :].decode("utf-8", "backslashreplace"))
        for number, name in _TEXTS.items()
        if number in found
    )
