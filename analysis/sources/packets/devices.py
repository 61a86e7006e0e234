"""Which addresses are a device's, and which are a router's or lie outside: by MAC, and by who speaks to whom.

A device is what sends from one MAC, its IPv4 and IPv6 addresses together. A MAC with addresses of several networks,
or that hands addresses out, is a router, and what comes through it lies outside. Where a capture has no MACs, a
device is an address. Nothing here is more than what the packets show: two devices behind one address are one.
"""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

MAX_PAIRS: Final = 100_000
"""Pairs of MAC and address, and addresses, that are told apart."""
MANY: Final = 3
"""Networks behind a MAC from which on it is a router: a phone has an IPv4 address and one or two IPv6 networks."""
_NO_MAC: Final = b""


@lru_cache(maxsize=65536)
def address_of(data: bytes) -> IPv4Address | IPv6Address:
    """The address whose 4 or 16 bytes these are; an IPv4 address inside IPv6 is IPv4."""
    found = ip_address(data)
    return getattr(found, "ipv4_mapped", None) or found


_INSIDE: Final = tuple(
    ip_network(network)
    for network in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "::1/128",
        "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
"""Networks that are nobody's on the internet (RFC 1918, 6598, 3927, 4193, 4291)."""


@lru_cache(maxsize=65536)
def is_inside(data: bytes) -> bool:
    """Whether it is an address that only a local network has."""
    found = address_of(data)
    return any(found in network for network in _INSIDE)


def is_group(data: bytes) -> bool:
    """Whether it is multicast or broadcast by its form (a network's own broadcast address is not told by form)."""
    if len(data) == 16:
        return data[0] == 0xFF
    return data[0] >> 4 == 14 or data == b"\xff\xff\xff\xff"


class Gathered:
    """What the first reading gathers."""

    def __init__(self) -> None:
        self.pairs: Counter[tuple[bytes, bytes]] = Counter()
        """MAC and address of senders, by number of different destinations."""
        self.towards: dict[bytes, set[bytes]] = {}
        """Public networks to which frames went by way of a MAC."""
        self.hands_out: set[bytes] = set()
        """MACs, and addresses, that hand out addresses or say that they are routers."""
        self.serves_names: set[bytes] = set()
        """Addresses that answered DNS."""
        self.asks: set[bytes] = set()
        """Addresses that opened connections."""
        self.forwards: set[bytes] = set()
        """MACs from which packets of both directions of a conversation came."""
        self._paths: set[bytes] = set()
        self.reached: set[bytes] = set()
        """Addresses to which packets were sent."""

    def path(self, source: bytes, destination: bytes, sender: bytes, receiver: bytes) -> None:
        """A frame from one MAC to another (empty: none), with packets from sender to receiver."""
        if len(self.pairs) < MAX_PAIRS or (source, sender) in self.pairs:
            self.pairs[source, sender] += 1
        if len(self.reached) < MAX_PAIRS:
            self.reached.add(receiver)
        if source and sender != receiver and len(self._paths) < MAX_PAIRS:
            self._paths.add(source + sender + receiver)
            if source + receiver + sender in self._paths:
                self.forwards.add(source)
        if destination and not is_group(receiver) and not destination[0] & 1 and not is_inside(receiver):
            networks = self.towards.setdefault(destination, set())
            if len(networks) < 2 * MANY:
                networks.add(_network(receiver))


def _network(data: bytes) -> bytes:
    return data if len(data) == 4 else data[:8]


class Devices:
    """The answer."""

    def __init__(self, seen: Gathered) -> None:
        self._by_mac: dict[bytes, str] = {}
        self._by_address: dict[bytes, str] = {}
        self.routers: set[bytes] = set()
        """Addresses of routers themselves."""
        self._reached = seen.reached
        macs: dict[bytes, Counter[bytes]] = {}
        for (mac, address), number in seen.pairs.items():
            macs.setdefault(mac, Counter())[address] += number
        if len(macs) == 1 and _is_router(mac := next(iter(macs)), macs[mac], seen):
            macs = {_NO_MAC: macs[mac]}  # both directions from one MAC: captured between two routers
        self._macs = macs
        gateways = {mac for mac in macs if mac and _is_router(mac, macs[mac], seen)}
        private_somewhere = any(
            is_inside(address)
            for mac, addresses in macs.items()
            if mac not in gateways
            for address in addresses
        )
        for mac, addresses in macs.items():
            if not mac or mac in gateways:
                self._by_addresses(addresses, seen, own=bool(mac))
                continue
            inside = any(map(is_inside, addresses))
            if inside or (not private_somewhere and any(address in seen.asks for address in addresses)):
                client = _primary(addresses)
                self._by_mac[mac] = client
                for address in addresses:
                    if _names_one(address):
                        self._by_address.setdefault(address, client)
        self._join_two_families()
        for address in seen.reached:  # those of whom the capture has nothing but what came to them
            if is_inside(address) and _names_one(address) and address not in self.routers:
                self._by_address.setdefault(address, str(address_of(address)))

    def client(self, address: bytes, mac: bytes) -> str | None:
        """What to call the device that sends from here: its main address; None if it is no device."""
        found = self._by_mac.get(mac) if mac else None
        if found is not None:
            return found
        return self._by_address.get(address)

    def is_router(self, address: bytes) -> bool:
        """Whether it is a router's own address."""
        return address in self.routers

    def was_reached(self, address: bytes) -> bool:
        """Whether the capture holds anything that was sent to it; if not, it lacks the answers."""
        return address in self._reached

    @property
    def macs(self) -> dict[str, bytes]:
        """By what a device is called: its MAC, where it has one."""
        return {client: mac for mac, client in sorted(self._by_mac.items(), reverse=True)}

    @property
    def number(self) -> int:
        """How many there are."""
        return len({*self._by_mac.values(), *self._by_address.values()})

    def _by_addresses(self, addresses: Iterable[bytes], seen: Gathered, *, own: bool) -> None:
        """Behind a router, or without MACs: each address of its own."""
        addresses = list(addresses)
        inside = [address for address in addresses if is_inside(address)]
        servers = [address for address in inside if address in seen.serves_names or address in seen.hands_out]
        if own and not servers and len(inside) == 1:
            servers = inside
        self.routers.update(servers)
        if not own and not inside:
            inside = [address for address in addresses if address in seen.asks]
        for address in inside:
            if address not in servers and _names_one(address):
                self._by_address.setdefault(address, str(address_of(address)))

    def _join_two_families(self) -> None:
        """On a link without MACs (a VPN's own interface) with one private IPv4 and one private IPv6 address, both are
        the one device whose interface it is."""
        if set(self._macs) != {_NO_MAC}:
            return
        fours = [address for address in self._by_address if len(address) == 4]
        sixes = [address for address in self._by_address if len(address) == 16]
        if len(fours) == 1 and len(sixes) == 1 and not address_of(sixes[0]).is_loopback:
            self._by_address[sixes[0]] = self._by_address[fours[0]]


def _is_router(mac: bytes, addresses: Iterable[bytes], seen: Gathered) -> bool:
    if mac in seen.hands_out or mac in seen.forwards:
        return True
    public = [address for address in addresses if _names_one(address) and not is_inside(address)]
    networks = {_network(address) for address in public}
    if len(networks | seen.towards.get(mac, set())) >= MANY:
        return True
    # A phone has no public IPv4 address beside a private one.
    return any(len(address) == 4 for address in public) and any(
        len(address) == 4 and is_inside(address) for address in addresses
    )


def _names_one(address: bytes) -> bool:
    return any(address) and not is_group(address)


def _primary(addresses: Counter[bytes]) -> str:
    """The address to call a device by: private IPv4, then other IPv4, then global IPv6; of several the busiest."""

    def rank(address: bytes) -> tuple[int, int, bytes]:
        found = address_of(address)
        if len(address) == 4:
            order = 0 if is_inside(address) and not found.is_link_local else 1
        else:
            order = 3 if found.is_link_local else 2
        return order, -addresses[address], address

    named = [address for address in addresses if _names_one(address)]
    return str(address_of(min(named, key=rank))) if named else ""
