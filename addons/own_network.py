"""Keeps phones under test out of this computer and its network.

    mitmdump --mode socks5 -s addons/own_network.py
    mitmdump --mode socks5 -s addons/own_network.py --set phonehome_allow_local=true

A phone under test is not trusted, nor is whoever else finds the proxy's port. What they ask for is connected to from
here: a service on the loopback interface, a router's page, the addresses of a VPN. Such destinations are refused, by
address and by the addresses of a name; each is in the capture as tried. `phonehome_allow_local` lets them through.
"""

import asyncio
import ipaddress
import socket
from typing import Final

from mitmproxy import connection, ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import mode_specs, server_hooks

from phonehome.addons import wireguard

REFUSED: Final = "refused: it is an address of this computer or its network, and --allow-local was not said"
_OF_PHONES: Final = (
    *(mode_specs.WireGuardMode, mode_specs.TransparentMode, mode_specs.TunMode),
    *(mode_specs.RegularMode, mode_specs.Socks5Mode),
)
"""Modes in which a phone says where to connect to; in the others whoever started the proxy does."""
_DNS: Final = 53
_LOCAL: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        # IANA IPv4 and IPv6 Special-Purpose Address Registries
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.168.0.0/16", "::/127", "fc00::/7", "fe80::/10"),
    )
)
_EMBEDS_IPV4: Final = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052


class OwnNetwork:
    """The addon. Its state is the computer's own addresses, which can be public."""

    def __init__(self) -> None:
        self._own: frozenset[str] = frozenset()

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "phonehome_allow_local",
            bool,
            False,
            "Let phones under test connect to this computer and its network.",
        )

    def running(self) -> None:
        self._own = frozenset(wireguard.own_addresses())

    async def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        server = data.server
        if self._allows(data) or server.address is None:
            return
        host, port = server.address[:2]
        if server.transport_protocol == "udp" and port == _DNS:
            return  # a phone asks the name server that its Wi-Fi gave it
        if any(map(self._is_inside, await _addresses(host, port))):
            server.error = REFUSED

    def server_connected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """A name can have other addresses the next time that it is asked for."""
        peer = data.server.peername
        if self._allows(data) or peer is None or not self._is_inside(peer[0]):
            return
        if data.server.transport_protocol == "tcp" and _was_asked_for(data.server):
            handler = ctx.master.addons.get("proxyserver").connections.get(data.client.id)
            kept = handler.transports.get(data.server) if handler is not None else None
            if kept is not None and kept.writer is not None:
                kept.writer.close()

    def _allows(self, data: server_hooks.ServerConnectionHookData) -> bool:
        return bool(ctx.options.phonehome_allow_local) or not isinstance(data.client.proxy_mode, _OF_PHONES)

    def _is_inside(self, text: str) -> bool:
        """Whether an address is this computer's, or of a network that only those in it can reach."""
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address):
            embedded = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _EMBEDS_IPV4 else None
            address = address.ipv4_mapped or embedded or address
        return str(address) in self._own or any(address in network for network in _LOCAL)


def _was_asked_for(server: connection.Server) -> bool:
    """Whether it was a name: an address was judged before, and the live report's is our own."""
    try:
        ipaddress.ip_address((server.address or ("",))[0])
    except ValueError:
        return True
    return False


async def _addresses(host: str, port: int) -> list[str]:
    """What a host stands for; empty if nobody knows, and then nothing is connected to."""
    try:
        return [str(ipaddress.ip_address(host.partition("%")[0]))]
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(entry[4][0]) for entry in found]


addons = [OwnNetwork()]
