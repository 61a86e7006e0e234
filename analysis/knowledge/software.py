"""What is known of phones' software: what user agents say of systems, how builds are numbered, which carry a fix."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from phonehome.analysis.knowledge.reading import TomlReader
from phonehome.analysis.knowledge.schema import DevicesFile, Firmware, FixTable, Markets, Numbering

MAX_BUILD: Final = 500
"""Characters of a build or a fingerprint that are looked at."""


class Build(NamedTuple):
    """A build number, taken apart."""

    text: str
    """As it stands in the build or the fingerprint: `00WW_3_39B_SP03`."""
    numbering: str
    market: str
    release: int
    version: str
    service_pack: int | None


class Fix(NamedTuple):
    """Which builds carry a fix, by whose word."""

    said: FixTable
    builds: tuple[Build, ...]


@dataclass(frozen=True, slots=True)
class Software:
    """All of it."""

    systems: tuple[re.Pattern[str], ...]
    """Searched in user agents; the group that fits is the system, and its text the version."""
    not_models: frozenset[str]
    """What stands where a model would, and is none; lower case."""
    darwin: Mapping[str, str]
    """First number of the version of Apple's kernel, to that of iOS."""
    numberings: tuple[Numbering, ...]
    markets: Mapping[str, str]
    """Code to name."""
    fixes: tuple[Fix, ...]

    @classmethod
    def of(cls, devices: DevicesFile, markets: Markets, firmware: Firmware, reader: TomlReader) -> Self:
        """What the files say."""
        fixes = []
        for fix in firmware.fix:
            builds = {text: parse_build(text, markets.numbering) for text in fix.builds}
            for text, build in builds.items():
                if build is None or (build.text, build.numbering) != (text, fix.numbering):
                    what = f"'builds': {text!r} is not numbered by {fix.numbering}"
                    reader.wrong(firmware.NAME, f"fix {fix.id!r}", what)
            fixes.append(Fix(fix, tuple(build for build in builds.values() if build is not None)))
        return cls(
            tuple(system.pattern for system in devices.user_agent),
            frozenset(devices.not_models.names),
            {version.major: version.ios for version in devices.darwin.version},
            markets.numbering,
            {market.code: market.name for market in markets.market},
            tuple(fixes),
        )


def parse_build(text: str, numberings: Sequence[Numbering]) -> Build | None:
    """The build number in a build or a fingerprint; None if it is of none of these numberings."""
    for numbering in numberings:
        match = numbering.pattern.search(text[:MAX_BUILD])
        if match is not None:
            pack = match["service_pack"]
            return Build(
                match[0],
                numbering.id,
                match["market"],
                int(match["release"]),
                match["version"],
                int(pack) if pack else None,
            )
    return None
