"""Two reports side by side: what is new, gone or changed, and what follows from it.

`compare` is a function of two documents. Phones are matched by the user's label, else by model and address, else
by the model or the address alone if only one phone has it, and never against what they say of themselves; by
which of these is part of the answer. The sentences are computed, and say no more than was seen: that
something is gone counts only as far as the later report could have shown it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple, NotRequired, TypedDict

from phonehome.analysis.compare.regressions import FailOn, RegressionEntry, regressions
from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.identifiers.fingerprint import fingerprints
from phonehome.analysis.knowledge.addresses import the_country
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, Document, Encrypted, ErrorEntry
from phonehome.analysis.report.shown import PLAIN, Shown
from phonehome.analysis.report.summary import (
    ENCRYPTION,
    exposed,
    how_surely,
    identifiers_carried,
    in_sentences,
    is_closed,
    is_lasting,
    kinds_carried,
    listed,
    number_of,
    place,
    shortest,
    times,
    told,
    unread,
    whither,
)

COMPARISON_SCHEMA: Final = "phonehome/comparison/1"

VOLUME_FACTOR: Final = 2
VOLUME_LEAST: Final = 10
"""Transmissions by which a number must differ, beside the factor, to be told as a change."""
DETAIL: Final = " Seen before"
"""Begins, in a finding, what it follows from."""
MAX_NAMED: Final = 3
"""Hosts and kinds that a sentence names."""

LEAST_SPAN: Final = 0.8
"""Of the time for which a phone was watched before, the least for which it must be watched afterwards."""
LEAST_OCCASIONS: Final = 0.5
"""Of the occasions before, the least that there must be afterwards."""
_OCCASIONS: Final = {"": "transmissions", "connectivity-check": "changes of the network"}
"""What shows that a phone was in use, and had occasion to send (purpose, or any): an activation client runs when a
phone starts and when its network changes, which is when it checks its connectivity."""

_ACTIVATION: Final = "activation"

Status = Literal["new", "gone", "changed"]
MatchedBy = Literal["label", "identifier", "model and address", "model", "address"]


class Side(TypedDict):
    """What went to a destination, in one of the reports."""

    places: list[str]
    networks: list[str]
    encrypted: Encrypted
    identifiers: list[str]
    """Labels of the kinds that are at least likely."""
    transmissions: int
    sent: int
    tried: int
    bytes_sent: int


class DestinationChange(TypedDict):
    host: str
    """The name, or the addresses where there is none."""
    purpose: str
    purpose_label: str
    status: Status
    changes: list[str]
    """For `changed`: what did, a clause each."""
    before: Side | None
    after: Side | None


class DeviceChange(TypedDict):
    before: str | None
    """Label; None if the phone is only in the other report."""
    after: str | None
    matched_by: MatchedBy | None
    builds_before: list[str]
    builds_after: list[str]
    findings: list[str]
    """What follows, a sentence each."""
    destinations: list[DestinationChange]
    unchanged: int
    failed_on: NotRequired[list[RegressionEntry]]
    """What a build was to fail on, and is there, or may be."""


class CaptureSet(TypedDict):
    captures: list[dict[str, str]]
    devices: int
    transmissions: int
    first: str | None
    last: str | None


class Comparison(TypedDict):
    schema: str
    before: CaptureSet
    after: CaptureSet
    findings: list[str]
    """The sentences of all phones, with the phone's name where there are several."""
    devices: list[DeviceChange]
    errors: list[ErrorEntry]


class _Pair(NamedTuple):
    before: DeviceEntry | None
    after: DeviceEntry | None
    by: MatchedBy | None


class _Both(NamedTuple):
    """A phone that is in both reports."""

    old: DeviceEntry
    new: DeviceEntry
    by: MatchedBy


def compare(
    before: Document, after: Document, shown: Shown = PLAIN, fail_on: Sequence[FailOn] = ()
) -> Comparison:
    """What changed from one report to the other. The documents are as they were seen; `shown` is how captured texts
    stand in the answer; `fail_on` is what a build is to fail on."""
    gaps = [
        f"{shown.name(capture['path'])}: {shown.name(damage)}"
        for capture in after["captures"]
        for damage in capture["damage"]
    ]
    gaps += [f"{shown.name(error['path'])}: {shown.name(error['error'])}" for error in after["errors"]]
    pairs = match(before["devices"], after["devices"])
    devices = [_device(pair, gaps, shown) for pair in pairs]
    for device, pair in zip(devices, pairs, strict=True) if fail_on else ():
        device["failed_on"] = regressions(pair.before, pair.after, fail_on, shown) if pair.after else []
        device["findings"] = [*map(_failed_on, device["failed_on"]), *device["findings"]]
    several = len(devices) > 1
    return {
        "schema": COMPARISON_SCHEMA,
        "before": _captures(before, shown),
        "after": _captures(after, shown),
        "findings": [
            f"{device['after'] or device['before']}: {finding}" if several else finding
            for device in devices
            for finding in device["findings"]
        ],
        "devices": devices,
        "errors": [
            {"path": shown.name(error["path"]), "error": shown.name(error["error"])}
            for error in (*before["errors"], *after["errors"])
        ],
    }


def _failed_on(entry: RegressionEntry) -> str:
    return f"{'Fails on' if entry['found'] else 'Cannot be told for'} {entry['what']}: {entry['text']}."


def _captures(document: Document, shown: Shown) -> CaptureSet:
    return {
        "captures": [
            {"path": shown.name(item["path"]), "sha256": item["sha256"]} for item in document["captures"]
        ],
        "devices": len(document["devices"]),
        "transmissions": sum(device["transmissions"] for device in document["devices"]),
        "first": min((device["first"] for device in document["devices"] if device["first"]), default=None),
        "last": max((device["last"] for device in document["devices"] if device["last"]), default=None),
    }


# -- which phone is which ------------------------------------------------------------------------------


def match(before: Sequence[DeviceEntry], after: Sequence[DeviceEntry]) -> list[_Pair]:
    """Pairs of phones, in the order of the later report; then those that are in one report only."""
    steps: tuple[tuple[MatchedBy, Callable[[DeviceEntry], str | None]], ...] = (
        ("label", _own_label),
        (
            "model and address",
            lambda device: f"{device['model']}\0{device['id']}" if device["model"] else None,
        ),
        ("model", lambda device: device["model"]),
        ("address", lambda device: None if device["id"].startswith("unknown") else device["id"]),
    )
    left, right = list(before), list(after)
    found: dict[str, _Pair] = {}
    for by, key in steps:
        if by != "label":
            _match_by_identifier(left, right, found)
        olds, news = _unique(left, key), _unique(right, key)
        for name in olds.keys() & news.keys():
            old, new = olds[name], news[name]
            if by != "label" and _contradict(old, new):
                continue
            found[new["id"]] = _Pair(old, new, by)
            left.remove(old)
            right.remove(new)
    pairs = [found[device["id"]] for device in after if device["id"] in found]
    pairs += [_Pair(None, device, None) for device in right]
    return [*pairs, *(_Pair(device, None, None) for device in left)]


def _match_by_identifier(left: list[DeviceEntry], right: list[DeviceEntry], found: dict[str, _Pair]) -> None:
    """Takes those phones out that show an identifier of their hardware on both sides, and no other phone does."""
    for old in list(left):
        same = [new for new in right if _is_one(old, new)]
        if len(same) != 1 or _named_apart(old, new := same[0]):
            continue
        if sum(_is_one(other, new) for other in left) == 1:
            found[new["id"]] = _Pair(old, new, "identifier")
            left.remove(old)
            right.remove(new)


def _is_one(old: DeviceEntry, new: DeviceEntry) -> bool:
    """Whether both show an identifier of one phone's hardware; of a masked report, two that are independent."""
    if old["fingerprints"] or new["fingerprints"]:
        one, other = (device["fingerprints"] or fingerprints(_hardware(device)) for device in (old, new))
        return not set(one).isdisjoint(other)
    return not _hardware(old).isdisjoint(_hardware(new))


def _hardware(device: DeviceEntry) -> set[tuple[str, str]]:
    """Identifiers of a phone's hardware, by kind and value. A masked value tells no phone from another."""
    return {
        (item["kind"], item["value"])
        for row in device["destinations"]
        for item in row["identifiers"]
        if (item["category"] == "hardware" or item["kind"] == "android-id")
        and RANK.get(item["certainty"], 0) >= RANK["likely"]
        and "•" not in item["value"]
    }


def _named_apart(old: DeviceEntry, new: DeviceEntry) -> bool:
    labels = _own_label(old), _own_label(new)
    return all(labels) and labels[0] != labels[1]


def _own_label(device: DeviceEntry) -> str | None:
    """The user's name for it; None for a label that was made of model and id."""
    return device["label"] if device["named"] else None


def _unique(
    devices: Iterable[DeviceEntry], key: Callable[[DeviceEntry], str | None]
) -> dict[str, DeviceEntry]:
    """By key; a key that two have tells neither."""
    found: dict[str, DeviceEntry | None] = {}
    for device in devices:
        name = key(device)
        if name:
            found[name.casefold()] = None if name.casefold() in found else device
    return {name: device for name, device in found.items() if device is not None}


def _contradict(old: DeviceEntry, new: DeviceEntry) -> bool:
    """Whether two phones cannot be one: both name themselves, and have no model in common; or the user gave
    them different names."""
    if _named_apart(old, new):
        return True
    models = {model.casefold() for model in old["models"]}, {model.casefold() for model in new["models"]}
    return bool(models[0] and models[1]) and not models[0] & models[1]


# -- what changed --------------------------------------------------------------------------------------


def _device(pair: _Pair, gaps: Sequence[str], shown: Shown) -> DeviceChange:
    old, new = pair.before, pair.after
    changes: list[DestinationChange] = []
    unchanged = 0
    findings: list[str] = []
    if old and new and pair.by:
        olds, news = _by_destination(old), _by_destination(new)
        for key in olds.keys() | news.keys():
            change = _change(key, olds.get(key, []), news.get(key, []), shown)
            if change:
                changes.append(change)
            else:
                unchanged += 1
        changes.sort(key=_order)
        findings = _findings(_Both(old, new, pair.by), gaps, shown)
    elif new:
        findings = ["This phone is in the later report only: there is nothing to compare it with."]
    else:
        findings = ["This phone is in the earlier report only: nothing follows from that."]
    return {
        "before": shown.name(old["label"]) if old else None,
        "after": shown.name(new["label"]) if new else None,
        "matched_by": pair.by,
        "builds_before": [shown.name(build) for build in old["builds"]] if old else [],
        "builds_after": [shown.name(build) for build in new["builds"]] if new else [],
        "findings": findings,
        "destinations": changes,
        "unchanged": unchanged,
    }


def _by_destination(device: DeviceEntry) -> dict[tuple[str, str], list[DestinationEntry]]:
    found: dict[tuple[str, str], list[DestinationEntry]] = {}
    for row in device["destinations"]:
        found.setdefault((_name(row), row["purpose"]), []).append(row)
    return found


def _name(row: DestinationEntry) -> str:
    return row["host"] or ", ".join(row["addresses"]) or "(no name)"


def _order(change: DestinationChange) -> tuple[int, int, str]:
    purpose = catalogue().purposes.get(change["purpose"])
    return purpose.rank if purpose else 99, ("gone", "new", "changed").index(change["status"]), change["host"]


def _change(
    key: tuple[str, str],
    old: Sequence[DestinationEntry],
    new: Sequence[DestinationEntry],
    shown: Shown,
) -> DestinationChange | None:
    """The change of a destination; None if there is none that is worth telling."""
    before, after = (_side(old) if old else None), (_side(new) if new else None)
    changes = _differences(before, after) if before and after else []
    if before and after and not changes:
        return None
    return {
        "host": _shown_name((new or old)[0], shown),
        "purpose": key[1],
        "purpose_label": (new or old)[0]["purpose_label"],
        "status": "changed" if before and after else "gone" if before else "new",
        "changes": changes,
        "before": before,
        "after": after,
    }


def _side(rows: Sequence[DestinationEntry]) -> Side:
    transmissions = sum(row["transmissions"] for row in rows)
    tried = sum(row["attempts"] for row in rows)
    closed = {row["encrypted"] for row in rows}
    return {
        "places": _by_weight((place(row), row) for row in rows),
        "networks": _by_weight(
            (f"AS{row['asn']} {row['organisation'] or ''}".strip(), row) for row in rows if row["asn"]
        ),
        "encrypted": closed.pop() if len(closed) == 1 else "mixed" if closed & {"no", "mixed"} else "unknown",
        "identifiers": kinds_carried(rows),
        "transmissions": transmissions,
        "sent": transmissions - tried,
        "tried": tried,
        "bytes_sent": sum(row["bytes_sent"] for row in rows),
    }


def _differences(before: Side, after: Side) -> list[str]:
    changes = []
    if set(before["places"]) != set(after["places"]):
        changes.append(f"to {listed(after['places'])}, before to {listed(before['places'])}")
    if set(before["networks"]) != set(after["networks"]):
        names = [
            listed(side["networks"]) if side["networks"] else "no known network" for side in (after, before)
        ]
        changes.append(f"in {names[0]}, before in {names[1]}")
    if before["encrypted"] != after["encrypted"]:
        changes.append(f"{ENCRYPTION[after['encrypted']]}, before {ENCRYPTION[before['encrypted']]}")
    more = [label for label in after["identifiers"] if label not in before["identifiers"]]
    fewer = [label for label in before["identifiers"] if label not in after["identifiers"]]
    if more:
        changes.append(f"now with {listed(more)}")
    if fewer:
        changes.append(f"no longer seen with {listed(fewer)}")
    changes += _volume(before, after)
    return changes


def _volume(before: Side, after: Side) -> list[str]:
    low, high = sorted((before["transmissions"], after["transmissions"]))
    if bool(before["sent"]) != bool(after["sent"]):
        was = "got no answer" if after["sent"] else "was answered"
        return [f"{'is answered' if after['sent'] else 'gets no answer'} now, before it {was}"]
    if high >= VOLUME_FACTOR * low and high - low >= VOLUME_LEAST:
        return [f"{times(after['transmissions'])}, before {times(before['transmissions'])}"]
    return []


# -- what follows from it ------------------------------------------------------------------------------


def _findings(pair: _Both, gaps: Sequence[str], shown: Shown) -> list[str]:
    old, new = pair.old, pair.new
    before, after = _activation(old), _activation(new)
    findings = [
        _gone(country, rows, pair, gaps, shown) for country, rows in before.items() if country not in after
    ]
    for country, rows in before.items():
        if country in after:
            findings += _still(country, rows, after[country], shown)
    findings += [
        _appeared(country, rows, old, shown) for country, rows in after.items() if country not in before
    ]
    findings += _clear_text(old, new, shown)
    if findings:
        return findings
    if not any(row["purpose"] == _ACTIVATION for device in (old, new) for row in device["destinations"]):
        return ["Activation data was seen in neither, and no change in which identifiers go unencrypted."]
    return ["No change was seen in where activation data goes, nor in which identifiers go unencrypted."]


def _activation(device: DeviceEntry) -> dict[str, list[DestinationEntry]]:
    """Rows of activation by country, as far as it is known; those most to worry about first."""
    found: dict[str, list[DestinationEntry]] = {}
    for row in device["destinations"]:
        if row["purpose"] == _ACTIVATION and _is_placed(row):
            found.setdefault(row["country"] or "", []).append(row)
    return dict(
        sorted(
            found.items(),
            key=lambda item: (not any(row["unencrypted"] for row in item[1]), -_total(item[1]), item[0]),
        )
    )


def _is_placed(row: DestinationEntry) -> bool:
    return bool(row["country"]) and row["country_certainty"] in ("certain", "likely")


def _gone(
    country: str, rows: Sequence[DestinationEntry], pair: _Both, gaps: Sequence[str], shown: Shown
) -> str:
    """Activation data that went to a country, and was not seen to go there afterwards."""
    old, new = pair.old, pair.new
    there = the_country(country)
    hosts = {_name(row) for row in rows}
    surely = how_surely(rows)
    before = f"Before, in {_span(old)}: {_counted(rows, shown)}.{_doubt(rows, there)}"
    later = [row for row in new["destinations"] if row["purpose"] == _ACTIVATION]
    nowhere = [row for row in later if not _is_placed(row) and country not in row["excluded_countries"]]
    closed = _unread_there(country, rows, new)
    moved = [row for row in later if _name(row) in hosts and _is_placed(row)]
    lasting = [
        row
        for row in new["destinations"]
        if any(map(is_lasting, row["identifiers"])) and (row["country"] == country or not _is_known(row))
    ]
    if lasting:
        went = "went" if _was_sent(lasting) else "would have gone"
        unfixed = "No fix can be seen:"
        claim = shortest(
            (
                *(
                    f"{unfixed} {_kinds(lasting, most)} {went} {_whither(lasting, places)} afterwards"
                    for places in (2, 1)
                    for most in (MAX_NAMED, 2, 1)
                ),
                f"{unfixed} {_kinds(lasting, 1)} {went} there or to where is not known afterwards",
            )
        )
        return f"{claim}. Whatever it was for: {_counted(lasting, shown)}. {before}"
    if nowhere or closed:
        if nowhere:
            why = (
                f"{_number(nowhere)} of activation data went to where is not known: {_hosts(nowhere, shown)}."
            )
        else:
            how = "closed" if all(map(is_closed, closed)) else "not read"
            seen = f"Now {times(_total(closed))}, {how}, to {_hosts(closed, shown)}"
            why = f"{seen}. It went {_whither(closed, 1)}."
        return f"Whether activation data still goes to {there} cannot be said. {why} {before}"
    if not later:
        return (
            f"No activation data was seen afterwards at all, in {_span(new)}. That none went to {there} does not "
            f"show that none would. {before}"
        )
    went = shortest(
        f"What was seen of activation then went {_whither(later, most, names)}"
        for most, names in ((2, shown), (1, shown), (2, None), (1, None))
    )
    now = f"Afterwards, in {_span(new)}: not once. {went}."
    known = {name["host"] for name in new["names_only_known"] if name["purpose"] == _ACTIVATION}
    looked_up = sorted(known | hosts & set(new["names_only"]))
    if looked_up:
        return (
            f"Activation data was not seen to go to {there} any more. But the phone still looked up "
            f"{_named(shown.host(name) for name in looked_up)}. {before} {now}"
        )
    if moved:
        now = f"Activation data for {_hosts(moved, shown)} now goes {_whither(moved, 1)}."
        return f"{now} Before, it went {surely}to {there}."
    needed = _needed(pair, gaps)
    if needed:
        return (
            f"Activation data was not seen to go to {there} any more. {before} {now} To say that the fix works would "
            f"need more. {' '.join(f'Needed: {each}.' for each in needed)}"
        )
    stated = [entry for entry in new["firmware"] if entry["status"] == "stated"]
    repaired = any(row["unencrypted"] for row in rows) or bool(stated)
    delivered = any(row["transmissions"] > row["attempts"] for row in rows)
    claim = f"activation data {'no longer goes' if delivered else 'is no longer tried to be sent'} to {there}"
    claim = (
        f"The fix works, as far as these captures show: {claim}"
        if repaired
        else f"{claim[0].upper()}{claim[1:]}"
    )
    builds = "".join(f" Build {shown.name(entry['build'])}: {entry['statement']}" for entry in stated)
    return f"{claim}.{DETAIL}{before.removeprefix('Before')} {now}{builds}"


def _doubt(rows: Sequence[DestinationEntry], there: str) -> str:
    """A sentence if the country of these rows is less than certain."""
    return f" That it went to {there} is likely, not certain." if how_surely(rows) else ""


def _kinds(rows: Sequence[DestinationEntry], most: int) -> str:
    carried = identifiers_carried(rows)
    return f"{told(carried[:most])}{' and more' if len(carried) > most else ''}"


def _needed(pair: _Both, gaps: Sequence[str]) -> list[str]:
    """What the captures would have to show besides, for it to be said that something is mended."""
    old, new = pair.old, pair.new
    needed = [f"a later capture that was read whole. {gaps[0].rstrip('.')}"] if gaps else []
    if not (pair.by == "identifier" or (pair.by == "label" and old["named"] and new["named"])):
        needed.append(
            'that both are one phone (an identifier of it in both captures, or your word: --device "NAME=ADDRESS")'
        )
    models = {model.casefold() for model in old["models"]}, {model.casefold() for model in new["models"]}
    if all(models) and models[0].isdisjoint(models[1]):
        needed.append("that both are of one model, which they do not name")
    if _seconds(new) < LEAST_SPAN * _seconds(old):
        needed.append(f"a later capture that is as long ({_span(old)}; it has {_span(new)})")
    for purpose, what in _OCCASIONS.items():
        before, after = (
            sum(row["transmissions"] for row in device["destinations"] if purpose in ("", row["purpose"]))
            for device in (old, new)
        )
        if after < LEAST_OCCASIONS * before:
            needed.append(f"as many {what} ({before:,} before, {after:,} after)")
    return needed


def _unread_there(country: str, rows: Sequence[DestinationEntry], new: DeviceEntry) -> list[DestinationEntry]:
    """What nobody could read that went to the same hosts or networks as before, or to hosts of that country that nobody
    knows: it might be the same under another name."""
    hosts, networks = {_name(row) for row in rows}, {row["asn"] for row in rows if row["asn"] is not None}
    return [
        row
        for row in new["destinations"]
        if unread(row)
        and not row["local"]
        and (
            _name(row) in hosts
            or row["asn"] in networks
            or (row["entry"] is None and (row["country"] == country or not _is_known(row)))
        )
    ]


def _is_known(row: DestinationEntry) -> bool:
    """Whether it is known where it went; to the own network is."""
    return row["local"] or row["country"] is not None


def _still(
    country: str, rows: Sequence[DestinationEntry], after: Sequence[DestinationEntry], shown: Shown
) -> list[str]:
    """Activation data that goes where it went before."""
    before = f"Before: {_counted(rows, shown)}{_clear(rows)}."
    still = f"Activation data {_goes(after, 'still ')} {how_surely(after)}to {the_country(country)}"
    if any(row["unencrypted"] for row in after):
        return [f"{still} unencrypted. Now: {_counted(after, shown)}. {before}"]
    closed = [row for row in after if is_closed(row)]
    if closed:
        now = f"Now {times(_total(closed))}, closed, so that nobody can read it, to {_hosts(closed, shown)}."
        return [f"{still}. {now} {before}"]
    if any(row["unencrypted"] for row in rows):
        return [f"{still}, now encrypted. Now: {_counted(after, shown)}. {before}"]
    return []


def _goes(rows: Iterable[DestinationEntry], when: str) -> str:
    """`still goes`, or `is still tried to be sent` if no answer was seen."""
    return f"{when}goes" if _was_sent(rows) else f"is {when}tried to be sent"


def _was_sent(rows: Iterable[DestinationEntry]) -> bool:
    return any(row["transmissions"] > row["attempts"] for row in rows)


def _clear(rows: Sequence[DestinationEntry]) -> str:
    return ", unencrypted" if any(row["unencrypted"] for row in rows) else ""


def _appeared(country: str, rows: Sequence[DestinationEntry], old: DeviceEntry, shown: Shown) -> str:
    hosts = {_name(row) for row in rows}
    known = any(_name(row) in hosts for row in old["destinations"] if row["purpose"] == _ACTIVATION)
    how = " unencrypted" if any(row["unencrypted"] for row in rows) else ""
    seen = "it went elsewhere" if known else "it was not seen to go there"
    return (
        f"Activation data {_goes(rows, 'now ')} {how_surely(rows)}to {the_country(country)}{how}. "
        f"Now: {_counted(rows, shown)}. Before, {seen}."
    )


def _clear_text(old: DeviceEntry, new: DeviceEntry, shown: Shown) -> list[str]:
    """Kinds of identifiers that went in clear text in one report only."""
    before, after = exposed(old), exposed(new)
    findings = []
    gone = [label for label in before if label not in after]
    if gone:
        findings.append(
            f"{_told('Not seen unencrypted any more:', before, gone)} Before, they went to "
            f"{_hosts([row for label in gone for row in before[label]], shown)}."
        )
    added = [label for label in after if label not in before]
    if added:
        findings.append(
            f"{_told('Now unencrypted:', after, added)} They go to "
            f"{_hosts([row for label in added for row in after[label]], shown)}. Before they were not seen so."
        )
    return findings


def _told(lead: str, rows: Mapping[str, Sequence[DestinationEntry]], labels: Sequence[str]) -> str:
    """These kinds of identifiers, and of which it is only probable what they are, in sentences."""
    carried = identifiers_carried([row for label in labels for row in rows[label]])
    return " ".join(in_sentences(lead, [each for each in carried if each.label in labels], "Also"))


def _counted(rows: Sequence[DestinationEntry], shown: Shown) -> str:
    """`sent 10 times and tried 4 times without an answer, to zzhc.vnet.cn`."""
    tried = sum(row["attempts"] for row in rows)
    sent = sum(row["transmissions"] for row in rows) - tried
    parts = [f"sent {times(sent)}"] if sent else []
    parts += [f"tried {times(tried)} without an answer"] if tried else []
    return f"{listed(parts)}, to {_hosts(rows, shown)}"


def _whither(rows: Sequence[DestinationEntry], most: int, shown: Shown | None = None) -> str:
    """`to Singapore and probably to Germany`, the place of most first; with hosts, if it is told how to show them."""
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(whither(row), set()).add(_shown_name(row, shown) if shown else "")
    order = _by_weight((whither(row), row) for row in rows)
    texts = [f"{where} ({_named(found[where])})" if shown else where for where in order[:most]]
    return listed(
        [*texts, *([f"to {number_of(len(order) - most, 'other place')}"] if len(order) > most else [])]
    )


def _by_weight(named: Iterable[tuple[str, DestinationEntry]]) -> list[str]:
    """Each text once, that of most transmissions first."""
    weights: Counter[str] = Counter()
    for text, row in named:
        weights[text] += row["transmissions"]
    return sorted(weights, key=lambda text: (-weights[text], text))


def _span(device: DeviceEntry) -> str:
    """How long the phone was watched, from its first transmission to its last."""
    seconds = _seconds(device)
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}s"
    return f"{seconds:.0f} seconds" if seconds else "an unknown time"


def _seconds(device: DeviceEntry) -> float:
    try:
        first, last = (datetime.fromisoformat(device[end] or "") for end in ("first", "last"))
        return float((last - first).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _total(rows: Iterable[DestinationEntry]) -> int:
    return sum(row["transmissions"] for row in rows)


def _number(rows: Sequence[DestinationEntry]) -> str:
    number = _total(rows)
    return f"{number:,} transmission" + ("" if number == 1 else "s")


def _hosts(rows: Iterable[DestinationEntry], shown: Shown) -> str:
    return _named(_shown_name(row, shown) for row in rows)


def _shown_name(row: DestinationEntry, shown: Shown) -> str:
    if row["host"]:
        return shown.host(row["host"])
    more = f" and {len(row['addresses']) - 1} more" if len(row["addresses"]) > 1 else ""
    return "".join(f"{shown.host(address)}{more}" for address in row["addresses"][:1]) or "(no name)"


def _named(names: Iterable[str]) -> str:
    found = sorted(set(names))
    if len(found) > MAX_NAMED:
        found = [*found[:MAX_NAMED], f"{len(found) - MAX_NAMED} more"]
    return listed(found)
