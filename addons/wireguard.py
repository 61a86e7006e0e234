"""What a phone's WireGuard app needs: a configuration that leads here, as a file and as a code to scan.

mitmproxy makes the configuration; here it gets an address that the phone can reach, and IPv6. The phone's own IPv6
address is a unique local one (RFC 4193), so that it prefers IPv4 where a destination has both (RFC 6724, 2.1 and 5),
and nothing passes beside the tunnel where it has only IPv6.
"""

import io
import ipaddress
import re
import socket
import struct
import sys
from collections.abc import Iterable
from typing import Final

import segno
from mitmproxy.net import local_ip

from phonehome.analysis.devices import PHONES_IPV6

QUIET: Final = 4
"""Modules around a code, without which readers do not find it (ISO/IEC 18004, 5.3.8)."""
LONGEST_NAME: Final = 15
"""Characters of a tunnel's name that the apps take, as that of a network interface."""

_HOST_NAME: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9][A-Za-z0-9-]*+(?:\.[A-Za-z0-9-]++)*+\.?")
_SIOCGIFADDR: Final = 0x8915
_DARK, _LIGHT, _PLAIN = "\x1b[38;5;16m", "\x1b[48;5;231m", "\x1b[0m"


def checked_host(text: str) -> str:
    """An address or a name as it stands before a port: IPv6 in brackets. Raises ValueError if it is neither."""
    bare = text.removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        if not _HOST_NAME.fullmatch(text):
            raise ValueError(f"{text!r} is neither an address nor a host name") from None
        return text
    return f"[{address}]" if address.version == 6 else str(address)


def own_addresses() -> list[str]:
    """Addresses by which a phone may reach this computer, the likeliest first. Empty if none is known."""
    found = [local_ip.get_local_ip(), *_of_interfaces(), local_ip.get_local_ip6()]
    addresses: dict[str, None] = {}
    for text in found:
        if text is None:
            continue
        address = ipaddress.ip_address(text.partition("%")[0])
        if not (address.is_loopback or address.is_link_local or address.is_unspecified):
            addresses[str(address)] = None
    return list(addresses)


def _of_interfaces() -> Iterable[str]:
    """IPv4 addresses of the network interfaces, as Linux tells them (netdevice(7))."""
    if sys.platform != "linux":
        return
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(any_socket, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue  # it has none
            yield socket.inet_ntoa(answer[20:24])


def configuration(made: str, host: str) -> str:
    """mitmproxy's configuration for a phone, with this host (see `checked_host`) as the place to go to, and IPv6."""
    lines = []
    for line in made.splitlines():
        key, _, value = line.partition(" = ")
        if key == "Endpoint":
            value = f"{host}:{value.rpartition(':')[2]}"
        elif key == "Address":
            value += f", {PHONES_IPV6}/128"
        elif key == "AllowedIPs":
            value += ", ::/0"
        lines.append(f"{key} = {value}" if value else line)
    return "\n".join(lines)


def tunnel_names(names: Iterable[str]) -> list[str]:
    """For each of these names one that the apps take for a tunnel, no two alike."""
    made: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_=+.-]+", "-", name).strip("-.")[:LONGEST_NAME] or "phone"
        number, unique = 2, plain
        while unique.lower() in (other.lower() for other in made):
            unique = f"{plain[: LONGEST_NAME - len(str(number)) - 1]}-{number}"
            number += 1
        made.append(unique)
    return made


def code(text: str) -> list[str]:
    """A code to scan, as lines for a terminal: dark on light whatever the terminal's own colours are, two modules above
    each other in one character."""
    rows = [list(row) for row in segno.make(text, error="l", micro=False).matrix_iter(border=QUIET)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    signs = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
    return [
        f"{_DARK}{_LIGHT}{''.join(signs[bool(a), bool(b)] for a, b in zip(upper, lower, strict=True))}{_PLAIN}"
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]


def picture(text: str) -> bytes:
    """The same as PNG."""
    out = io.BytesIO()
    segno.make(text, error="l", micro=False).save(out, kind="png", scale=8, border=QUIET)
    return out.getvalue()
