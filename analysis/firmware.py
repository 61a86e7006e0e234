"""What a build number says: the market that it was made for, and what is known of the build.

A statement is the maker's word about this very build. Everything that is worked out from how builds are
numbered is inference, and says so; whether a build that nobody spoke of carries a fix is not known.

All knowledge is in `knowledge/markets.toml` and `knowledge/firmware.toml`. The functions are pure, and nothing
that a captured build holds makes them raise.
"""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Literal, TypedDict

from phonehome.analysis import knowledge
from phonehome.analysis.knowledge.reading import many
from phonehome.analysis.knowledge.software import MAX_BUILD, Build, Fix, parse_build

Status = Literal["stated", "not-known"]


class FirmwareEntry(TypedDict):
    """What is known of a build, about one fix. In the report's JSON for each build of a known numbering."""

    build: str
    market: str
    status: Status
    statement: str
    """A sentence; for `not-known` it says that."""
    inference: list[str]
    """How the build compares with those that the statement names, by the numbering. Not the maker's word."""
    references: list[str]


def markets() -> Mapping[str, str]:
    """The markets that the catalogue knows: code to name."""
    return knowledge.shipped().software.markets


def parse(text: str) -> Build | None:
    """The build number in a build or a fingerprint; None if it is of no numbering that is known."""
    return parse_build(text, knowledge.shipped().software.numberings)


def market_of(builds: Iterable[str]) -> list[str]:
    """The markets that these builds name, sorted. Empty: none does. More than one: they contradict each other."""
    return sorted({found.market for build in builds if (found := parse(build))})


def describe(text: str, models: Sequence[str] = (), builds: Sequence[str] = ()) -> list[FirmwareEntry]:
    """What is known of a build, an entry for each fix. Empty if it is of no numbering that is known.

    `models` and `builds` are all that the same phone named: a build number of another phone than the one that the
    statement is about proves nothing."""
    build = parse(text)
    if build is None:
        return []
    return [
        _entry(build, fix, models, (text, *builds))
        for fix in knowledge.shipped().software.fixes
        if fix.said.numbering == build.numbering
    ]


def firmware_of(models: Sequence[str], builds: Sequence[str]) -> list[FirmwareEntry]:
    """What is known of the builds of one phone, each build number once."""
    found: dict[str, list[FirmwareEntry]] = {}
    for text in builds:
        build = parse(text)
        if build is not None and build.text not in found:
            found[build.text] = describe(text, models, builds)
    return [entry for entries in found.values() for entry in entries]


def _entry(build: Build, fix: Fix, models: Sequence[str], builds: Sequence[str]) -> FirmwareEntry:
    references = [f"{reference.title}: {reference.where}" for reference in many(fix.said.reference)]
    status: Status = "not-known"
    inference: list[str] = []
    if not _is_phone(fix, models, builds):
        statement = (
            f"Whether it carries {fix.said.what} is not known. What {fix.said.by} said is about the "
            f"{fix.said.phone}, and this phone names itself otherwise."
        )
    elif any(build == fixed for fixed in fix.builds):
        status = "stated"
        statement = f"Carries {fix.said.what}, by {fix.said.by}'s statement on the {fix.said.phone}."
    else:
        statement = (
            f"Whether it carries {fix.said.what} is not known. "
            f"{fix.said.by}'s statement does not name this build."
        )
        inference = [_compared(build, fixed) for fixed in fix.builds]
    return {
        "build": build.text,
        "market": build.market,
        "status": status,
        "statement": statement,
        "inference": inference,
        "references": references,
    }


def _is_phone(fix: Fix, models: Sequence[str], builds: Sequence[str]) -> bool:
    """Whether it can be the phone that a statement is about: it names itself so, or names nothing at all."""
    products = [build for build in builds if "/" in build]
    if not models and not products:
        return True
    return _fits(models, fix.said.models) or _fits(products, fix.said.products)


def _fits(texts: Sequence[str], patterns: Sequence[str]) -> bool:
    return any(
        fnmatchcase(text[:MAX_BUILD].lower(), pattern.lower()) for text in texts for pattern in patterns
    )


def _compared(build: Build, fixed: Build) -> str:
    """A clause on how two builds compare, by their numbers."""
    if build.market != fixed.market:
        return (
            f"made for market {build.market}, where {fixed.text} is for {fixed.market}: "
            "their numbers cannot be compared"
        )
    mine, other = (build.release, build.version), (fixed.release, fixed.version)
    if mine != other:
        return f"{'an older' if mine < other else 'a newer'} version than {fixed.text}"
    have = "no service pack" if build.service_pack is None else f"service pack {build.service_pack}"
    order = "older" if (build.service_pack or 0) < (fixed.service_pack or 0) else "newer"
    return f"the same version with {have}: {order} than {fixed.text}"
