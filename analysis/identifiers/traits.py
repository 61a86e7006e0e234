"""The device's fingerprint: properties that alone tell nothing, and together tell one device from another."""

from collections.abc import Collection
from typing import Final

from phonehome.analysis.identifiers.finding import Finding

LEAST: Final = 7
"""Properties in one transmission; fewer is what most apps send to show a page right. Of the properties that are
counted, each halves the devices that it could be, and most do far more (Eckersley, How Unique Is Your Web Browser,
2010; Laperdrix et al., Browser Fingerprinting: A Survey, 2020)."""


def fingerprint(traits: Collection[str], path: tuple[str, ...]) -> Finding | None:
    """The finding for the properties that a transmission carries; None if they are too few. Its value is which they
    are, not what they are."""
    if len(traits) < LEAST:
        return None
    reason = f"{len(traits)} properties that together tell devices apart"
    return Finding("device-fingerprint", ", ".join(sorted(traits)), "likely", reason, path)
