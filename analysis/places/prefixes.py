"""A table of address prefixes, most specific first, without a tree.

The prefixes are flattened once into disjoint ranges; a look-up is then one bisection. IPv4 and IPv6 have
a table each, so the same number cannot mean two addresses.
"""

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class PrefixTable[T]:
    """What the most specific prefix around an address says."""

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        """Raises ValueError for a prefix that is none, or that stands there twice."""
        networks = {4: dict[tuple[int, int], T](), 6: dict[tuple[int, int], T]()}
        for prefix, value in entries:
            network = ipaddress.ip_network(prefix)
            key = int(network.network_address), int(network.broadcast_address)
            if key in networks[network.version]:
                raise ValueError(f"the prefix {prefix} stands there twice")
            networks[network.version][key] = value
        self._tables = {version: _flatten(prefixes) for version, prefixes in networks.items()}

    def get(self, address: IPAddress) -> T | None:
        starts, values = self._tables[address.version]
        at = bisect_right(starts, int(address)) - 1
        return values[at] if at >= 0 else None


def _flatten[T](prefixes: dict[tuple[int, int], T]) -> tuple[list[int], list[T | None]]:
    """Where each stretch of one meaning begins, and the meaning. Prefixes contain or miss one another,
    so that the ones around a position are a stack."""
    starts: list[int] = []
    values: list[T | None] = []

    def begin(position: int, value: T | None) -> None:
        if starts and starts[-1] == position:
            values[-1] = value
        else:
            starts.append(position)
            values.append(value)

    around: list[tuple[int, T]] = []
    for first, last in sorted(prefixes, key=lambda key: (key[0], -key[1])):
        while around and around[-1][0] < first:
            ended, _ = around.pop()
            begin(ended + 1, around[-1][1] if around else None)
        around.append((last, prefixes[first, last]))
        begin(first, prefixes[first, last])
    while around:
        ended, _ = around.pop()
        begin(ended + 1, around[-1][1] if around else None)
    return starts, values
