"""The checks of all families, by kind."""

from collections.abc import Mapping
from typing import Final

from phonehome.analysis.identifiers import device, network, person, sim, software
from phonehome.analysis.identifiers.rule import Check

CHECKS: Final[Mapping[str, Check]] = {
    **device.CHECKS,
    **sim.CHECKS,
    **network.CHECKS,
    **software.CHECKS,
    **person.CHECKS,
}
