"""What is against a rule and is put up with: by a waiver, until a day and for a reason, or because an earlier report,
the baseline, shows the same.

The phone under test must not be able to bring this about by what it sends. So a waiver names networks, and counts until
a day by the clock of who checks. A baseline counts for the phone that the user, or the proxy, takes for the same, never
by what phones say of themselves; for the same host in the same network and country; for no kind of identifier that is
new; and not where something could not be read, in which more could be.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from phonehome.analysis.policy.looks import Level, Look, Problem, fits
from phonehome.analysis.policy.rules import Rule, Waiver
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry
from phonehome.analysis.report.summary import listed, unread

By = Literal["baseline", "waiver"]
Phone = tuple[str, str]
"""How a phone is told from others: the user's name for it, or else its id at the proxy."""
Key = tuple[object, ...]
"""A destination of a phone, as far as the phone does not choose it alone."""


class Accepted(NamedTuple):
    """Why something that is against a rule is put up with."""

    by: By
    reason: str
    until: str
    """ISO date of a waiver; empty for the baseline."""


class Known(NamedTuple):
    """What was against a rule in the baseline, at one destination."""

    row: DestinationEntry
    transmissions: int
    kinds: frozenset[str]
    """Of the identifiers that were at least likely."""
    addresses: frozenset[str]
    sent: bool
    unencrypted: bool


def pairs(before: Sequence[DeviceEntry], after: Sequence[DeviceEntry]) -> dict[str, DeviceEntry]:
    """By id of a phone that is judged: the same phone in the baseline. That is the one of the user's label, else of the
    same id at the proxy; and where each report has one phone only, the user's word that gave both."""
    if len(before) == len(after) == 1 and not _named_apart(before[0], after[0]):
        return {after[0]["id"]: before[0]}
    found = {}
    for device in after:
        same = [other for other in before if _phone(other) == _phone(device)]
        if len(same) == 1 and sum(_phone(other) == _phone(device) for other in after) == 1:
            found[device["id"]] = same[0]
    return found


def _named_apart(one: DeviceEntry, other: DeviceEntry) -> bool:
    return one["named"] and other["named"] and _phone(one) != _phone(other)


def _phone(device: DeviceEntry) -> Phone:
    return ("label", device["label"].casefold()) if device["named"] else ("id", device["id"])


def key_of(row: DestinationEntry) -> Key:
    """Of a destination."""
    cloud = row["cloud"]
    name: object = row["host"] or tuple(sorted(row["addresses"]))
    return (
        name,
        row["purpose"],
        row["country"],
        row["asn"],
        (cloud["provider"], cloud["region"]) if cloud else None,
    )


def kinds_of(rule: Rule, row: DestinationEntry) -> frozenset[str]:
    """Kinds of identifiers that a rule is about and a row carries, or may carry."""
    return frozenset(item["kind"] for item in row["identifiers"] if item["kind"] in rule.kinds)


def known(rule: Rule, row: DestinationEntry, look: Look, before: Known | None) -> Known:
    """A destination of the baseline that is against a rule, added to what stands there of it already."""
    return Known(
        row,
        row["transmissions"] + (before.transmissions if before else 0),
        frozenset(item["kind"] for item in look.matched) | (before.kinds if before else frozenset()),
        frozenset(row["addresses"]) | (before.addresses if before else frozenset()),
        row["transmissions"] > row["attempts"] or bool(before and before.sent),
        row["unencrypted"] > 0 or bool(before and before.unencrypted),
    )


MORE: Final = "so that more in it would not be seen"


def by_baseline(
    rule: Rule, row: DestinationEntry, look: Look, before: Known | None
) -> Accepted | Problem | None:
    """Why what is against a rule is known from the baseline; a doubt, if it cannot be told whether it is; None if it is
    new."""
    if before is None or row["country"] is None or row["asn"] is None:
        return None
    if any(problem.together for problem in look.problems if problem.level == Level.BROKEN):
        return None  # a number that grows stays the same destination
    if row["transmissions"] > row["attempts"] and not before.sent:
        return None
    if row["unencrypted"] and not before.unencrypted:
        return None
    sure = frozenset(item["kind"] for item in look.matched)
    if not sure <= before.kinds:
        return None
    if row["cloud"] and not before.addresses.issuperset(row["addresses"]):
        return Problem(
            Level.DOUBT,
            "it is in the baseline, but at another address of a cloud in which anybody can have a machine",
            settle="a waiver that names the network, or a baseline that holds the address",
        )
    if not kinds_of(rule, row) <= before.kinds:
        return Problem(
            Level.DOUBT,
            "it is in the baseline, but may carry a kind of identifier now that it did not carry then",
            settle="the phone's own values (--known FILE)",
        )
    if rule.kinds and (why := unread(row)):
        return Problem(
            Level.DOUBT, f"it is in the baseline, but {why}, {MORE}", settle="what it carries, in the open"
        )
    return Accepted("baseline", "known from the baseline", "")


def by_waiver(
    rule: Rule, policy: str, row: DestinationEntry, look: Look, waivers: Sequence[Waiver], today: str
) -> Accepted | Problem | None:
    """Why what is against a rule is put up with; a doubt, if it cannot be told whether it is; None if it is not."""
    doubt: Problem | None = None
    for waiver in waivers:
        if not _is_meant(waiver, rule, policy, row) or waiver.until <= today:
            continue
        if waiver.kinds:
            if not frozenset(item["kind"] for item in look.matched) <= waiver.kinds:
                continue
            more = kinds_of(rule, row) - waiver.kinds
            why = f"may carry {listed(sorted(more))}" if more else unread(row)
            if why:
                doubt = Problem(
                    Level.DOUBT,
                    f"a waiver is for {listed(sorted(waiver.kinds))}; but {why}, {MORE}",
                    settle="what it carries, in the open",
                )
                continue
        return Accepted("waiver", waiver.reason, waiver.until)
    return doubt


def fits_waiver(waiver: Waiver, rule: Rule, policy: str, row: DestinationEntry) -> bool:
    """Whether a waiver is about this destination, whatever the day and whatever it carries."""
    return _is_meant(waiver, rule, policy, row)


def _is_meant(waiver: Waiver, rule: Rule, policy: str, row: DestinationEntry) -> bool:
    owner = row["owner"] if row["owner_basis"] == "catalogue" else None
    return (
        rule.id in waiver.rules
        and waiver.policy in ("", policy)
        and row["asn"] in waiver.networks
        and (not waiver.hosts or fits(row["host"] or "", waiver.hosts))
        and (not waiver.owners or owner in waiver.owners)
        and (not waiver.countries or row["country"] in waiver.countries)
    )
