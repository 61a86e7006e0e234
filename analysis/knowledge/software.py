"""What is known of phones' software: what user agents say of systems, how builds are numbered, which carry a fix."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, NamedTuple

from phonehome.analysis.knowledge.catalogue import Reference

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


class Numbering(NamedTuple):
    id: str
    pattern: re.Pattern[str]


class Fix(NamedTuple):
    what: str
    by: str
    phone: str
    models: tuple[str, ...]
    products: tuple[str, ...]
    numbering: str
    builds: tuple[Build, ...]
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Software:
    """All of it."""

    systems: tuple[re.Pattern[str], ...]
    """Searched in user agents; the group that fits is the system, and its text the version."""
    not_models: frozenset[str]
    """What stands where a model would, and is none; lower case."""
    numberings: tuple[Numbering, ...]
    markets: Mapping[str, str]
    """Code to name."""
    fixes: tuple[Fix, ...]


def parse(text: str, numberings: Sequence[Numbering]) -> Build | None:
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


def read() -> Software:
    """What the files say."""
    devices, markets = _load("devices.toml"), _load("markets.toml")
    numberings = tuple(
        Numbering(entry["id"], re.compile(entry["pattern"], re.ASCII)) for entry in markets["numbering"]
    )
    return Software(
        tuple(re.compile(entry["pattern"]) for entry in devices["user_agent"]),
        frozenset(devices["not_models"]["names"]),
        numberings,
        {entry["code"]: entry["name"] for entry in markets["market"]},
        tuple(_fix(entry, numberings) for entry in _load("firmware.toml")["fix"]),
    )


def _fix(entry: dict[str, Any], numberings: Sequence[Numbering]) -> Fix:
    builds = tuple(parse(text, numberings) for text in entry["builds"])
    reference = entry["reference"]
    return Fix(
        entry["what"],
        entry["by"],
        entry["phone"],
        tuple(entry["models"]),
        tuple(entry["products"]),
        entry["numbering"],
        tuple(build for build in builds if build is not None),
        tuple(Reference(**item) for item in (reference if isinstance(reference, list) else [reference])),
    )


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((files("phonehome.analysis.knowledge") / name).read_text("utf-8"))
