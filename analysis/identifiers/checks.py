"""The checks of all families, by kind."""

from collections.abc import Mapping
from typing import Final

from analysis.identifiers import device, network, sim, software
from analysis.identifiers.rule import Check

CHECKS: Final[Mapping[str, Check]] = {**device.CHECKS, **sim.CHECKS, **network.CHECKS, **software.CHECKS}
