"""What is worse in the later of two reports, for a build that must fail on it: `phonehome compare --fail-on`.

Each answer is "new", or "cannot be told": nothing is said to be as before of what nobody could read or place. A name is
what a phone says: whose a destination is counts only in the networks in which it was that before.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypedDict, get_args

from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.knowledge.addresses import the_country
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, IdentifierEntry
from phonehome.analysis.report.shown import Shown
from phonehome.analysis.report.summary import listed, unread

FailOn = Literal["new-country", "new-owner", "new-identifier", "unencrypted"]
FAIL_ON: Final[tuple[FailOn, ...]] = get_args(FailOn)
MAX_NAMED: Final = 6


class RegressionEntry(TypedDict):
    """What one phone does, and did not before; or may do."""

    what: FailOn
    found: bool
    """Whether it does; else that cannot be told."""
    text: str


class _Case(NamedTuple):
    """A destination that is worse, or may be."""

    row: DestinationEntry
    why: str
    found: bool = True


def regressions(
    old: DeviceEntry | None, new: DeviceEntry, asked: Sequence[FailOn], shown: Shown
) -> list[RegressionEntry]:
    """What a phone does, or may do, that it was not seen to do before. Of a phone that is in the later report only,
    nothing can be told."""
    if old is None:
        found: list[RegressionEntry] = [
            {"what": what, "found": False, "text": "there is no such phone in the earlier report"}
            for what in asked
            if what != "unencrypted"
        ]
        return found + _of_one((), new, [what for what in asked if what == "unencrypted"], shown)
    return _of_one(old["destinations"], new, asked, shown)


def _of_one(
    before: Sequence[DestinationEntry], new: DeviceEntry, asked: Iterable[FailOn], shown: Shown
) -> list[RegressionEntry]:
    found: list[RegressionEntry] = []
    after = [row for row in new["destinations"] if not row["local"]]
    for what in asked:
        groups: dict[tuple[bool, str], list[DestinationEntry]] = {}
        for row, why, is_found in _LOOKS[what](before, after):
            groups.setdefault((is_found, why), []).append(row)
        for (is_found, why), rows in sorted(groups.items(), key=lambda item: (not item[0][0], item[0][1])):
            found.append({"what": what, "found": is_found, "text": f"{why}: {_hosts(rows, shown)}"})
    return found


def _countries(before: Sequence[DestinationEntry], after: Iterable[DestinationEntry]) -> Iterator[_Case]:
    known = {row["country"] for row in before if _is_placed(row)}
    for row in after:
        if _is_placed(row):
            if row["country"] not in known:
                yield _Case(row, f"to {the_country(row['country'] or '')}, where nothing went before")
        elif not _same_machines(row, before):
            yield _Case(row, "to where is not known or uncertain", False)


def _owners(before: Sequence[DestinationEntry], after: Iterable[DestinationEntry]) -> Iterator[_Case]:
    networks = _networks(before)
    for row in after:
        owner = _owner(row)
        if owner is None:
            if not _same_machines(row, before):
                yield _Case(row, "to somebody who is not known", False)
        elif owner not in networks:
            yield _Case(row, f"to {owner}, to whom nothing went before")
        elif row["asn"] is None or row["asn"] not in networks[owner]:
            yield _Case(row, f"by its name to {owner}, but in a network in which it was not before", False)


def _identifiers(before: Sequence[DestinationEntry], after: Iterable[DestinationEntry]) -> Iterator[_Case]:
    known = {(item["kind"], _owner(row), row["asn"]) for row in before for item in _telling(row, "likely")}
    for row in after:
        sure = _telling(row, "likely")
        new = [item["label"] for item in sure if (item["kind"], _owner(row), row["asn"]) not in known]
        if new:
            yield _Case(row, f"{listed(list(dict.fromkeys(new))[:MAX_NAMED])}, which did not go there before")
            continue
        perhaps = [
            item["label"]
            for item in _telling(row, "possible")
            if (item["kind"], _owner(row), row["asn"]) not in known
        ]
        if perhaps:
            labels = listed(list(dict.fromkeys(perhaps))[:MAX_NAMED])
            yield _Case(row, f"perhaps {labels}, which did not go there before", False)
        elif why := unread(row):
            yield _Case(row, why, False)


def _unencrypted(before: Sequence[DestinationEntry], after: Iterable[DestinationEntry]) -> Iterator[_Case]:
    """Whether it was so before or not."""
    for row in after:
        exposed = [item["label"] for item in _telling(row, "likely") if item["unencrypted"]]
        if exposed:
            yield _Case(row, f"{listed(list(dict.fromkeys(exposed))[:MAX_NAMED])} unencrypted")
        elif not (row["unencrypted"] or row["encryption_unknown"]):
            continue
        elif perhaps := [item["label"] for item in _telling(row, "possible") if item["unencrypted"]]:
            yield _Case(row, f"perhaps {listed(list(dict.fromkeys(perhaps))[:MAX_NAMED])} unencrypted", False)
        elif row["not_understood"]:
            yield _Case(row, "a part that is not encrypted, or may not be, was not understood", False)


_LOOKS: Final[
    Mapping[FailOn, Callable[[Sequence[DestinationEntry], Iterable[DestinationEntry]], Iterator[_Case]]]
] = {
    "new-country": _countries,
    "new-owner": _owners,
    "new-identifier": _identifiers,
    "unencrypted": _unencrypted,
}


def _is_placed(row: DestinationEntry) -> bool:
    return bool(row["country"]) and row["country_certainty"] in ("certain", "likely")


def _same_machines(row: DestinationEntry, before: Iterable[DestinationEntry]) -> bool:
    """Whether it went to no address to which nothing went before."""
    there = {address for other in before for address in other["addresses"]}
    return bool(row["addresses"]) and there.issuperset(row["addresses"])


def _owner(row: DestinationEntry) -> str | None:
    return row["company"] or row["owner"]


def _networks(rows: Iterable[DestinationEntry]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for row in rows:
        if owner := _owner(row):
            found.setdefault(owner, set()).update({row["asn"]} if row["asn"] is not None else ())
    return found


def _telling(row: DestinationEntry, least: str) -> list[IdentifierEntry]:
    """Identifiers that tell one phone or person from another, at least as sure as that."""
    kinds = catalogue().kinds
    return [
        item
        for item in row["identifiers"]
        if RANK.get(item["certainty"], 0) >= RANK[least]
        and (item["kind"] not in kinds or kinds[item["kind"]].singles_out)
    ]


def _hosts(rows: Iterable[DestinationEntry], shown: Shown) -> str:
    names = sorted(
        {shown.host(row["host"] or next(iter(row["addresses"]), "") or "(no name)") for row in rows}
    )
    more = [f"{len(names) - MAX_NAMED} more"] if len(names) > MAX_NAMED else []
    return listed([*names[:MAX_NAMED], *more])
