"""Whose network card it is, by the beginning of a MAC address: the IEEE's registry, as `netaddr` has it. Pure."""

from functools import lru_cache
from typing import Final

RANDOM: Final = "made up (a random MAC address)"
_LOCAL: Final = 2


@lru_cache(maxsize=4096)
def maker(mac: bytes) -> str | None:
    """Who made the network card with this address (6 bytes); RANDOM for one that the device made up, with the local bit
    (IEEE 802c); None if the registry does not know it. A card's maker need not be that of the phone."""
    from netaddr import EUI, NotRegisteredError  # takes a while to load, and few captures need it

    if len(mac) != 6:
        return None
    if mac[0] & _LOCAL:
        return RANDOM
    try:
        return str(EUI(mac.hex()).oui.registration().org)[:100]
    except NotRegisteredError:
        return None
