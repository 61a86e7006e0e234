"""The odd one out: what one phone, or a few, of a model do that the others of it do not.

A pure function of the devices of a document. Phones count as of one model if they name the same one; whether
they are is their word. What differs is told for data that matters (activation, identifiers of hardware, SIM,
place or account): phones have different apps on them, and that is no news.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, OutlierEntry
from phonehome.analysis.report.shown import PLAIN, Shown
from phonehome.analysis.report.summary import (
    exposed,
    identifiers_carried,
    in_sentences,
    is_lasting,
    listed,
    purpose_phrase,
    shortest,
    times,
    whither,
)

MAX_OUTLIERS: Final = 50
"""Differences that are listed, most telling first."""
MAX_NAMED: Final = 5

NOTE: Final = (
    "Phones of one model can differ without a fault: by SIM, by set-up, and by when they were captured. What was "
    "not seen of the others is not thereby not sent."
)


def outliers(devices: Iterable[DeviceEntry], shown: Shown = PLAIN) -> list[OutlierEntry]:
    """What sets a phone, or a few, apart from the others of its model; empty if nothing does, and for models
    of which there is one phone. `shown` is how captured texts stand in the answer."""
    groups: dict[str, list[DeviceEntry]] = {}
    for device in devices:
        if device["model"] and device["destinations"]:
            groups.setdefault(device["model"].casefold(), []).append(device)
    found: list[OutlierEntry] = []
    for _, group in sorted(groups.items()):
        if len(group) > 1:
            found += _destinations(group, shown)
            found += _unencrypted(group, shown)
    return found[:MAX_OUTLIERS]


def _destinations(group: Sequence[DeviceEntry], shown: Shown) -> list[OutlierEntry]:
    """Data for a purpose to a country, where the others contact none of the hosts for it."""
    users: dict[tuple[str | None, str], set[str]] = {}
    for device in group:
        for row in device["destinations"]:
            users.setdefault((row["host"], row["purpose"]), set()).add(device["id"])

    found: dict[tuple[str, str], dict[str, list[DestinationEntry]]] = {}
    for device in group:
        for row in device["destinations"]:
            shared = row["host"] is not None and not _few(len(users[row["host"], row["purpose"]]), len(group))
            if (
                row["country"]
                and row["country_certainty"] in ("certain", "likely")
                and _telling(row)
                and not shared
            ):
                phones = found.setdefault((row["purpose"], row["country"]), {})
                phones.setdefault(device["id"], []).append(row)
    entries = [
        _destination(group, purpose, country, rows, shown)
        for (purpose, country), rows in found.items()
        if _few(len(rows), len(group))
    ]
    ranks = catalogue().purposes
    return sorted(
        entries,
        key=lambda entry: (ranks[entry["purpose"] or ""].rank, entry["country"] or "", entry["devices"]),
    )


def _destination(
    group: Sequence[DeviceEntry],
    purpose: str,
    country: str,
    rows: dict[str, list[DestinationEntry]],
    shown: Shown,
) -> OutlierEntry:
    every = [row for mine in rows.values() for row in mine]
    attempts = sum(row["attempts"] for row in every)
    sent = sum(row["transmissions"] for row in every) - attempts
    hosts = _hosts(every, shown)
    least_sure = next((row for row in every if row["country_certainty"] != "certain"), every[0])
    did = [f"{'sent' if sent else 'tried to send'} {purpose_phrase(every[0])} {whither(least_sure)}."]
    counts = [f"sent {times(sent)}"] if sent else []
    counts += [f"tried {times(attempts)} without an answer"] if attempts else []
    did.append(f"It was {listed(counts)}.")
    return _entry(group, list(rows), "destination", purpose, country, hosts, [], did, shown)


def _unencrypted(group: Sequence[DeviceEntry], shown: Shown) -> list[OutlierEntry]:
    """Kinds of identifiers in clear text; those that the same phones sent are one entry."""
    holders: dict[str, dict[str, list[DestinationEntry]]] = {}
    for device in group:
        for label, rows in exposed(device).items():
            holders.setdefault(label, {})[device["id"]] = rows
    by_phones: dict[tuple[str, ...], list[str]] = {}
    for label in holders:
        if _few(len(holders[label]), len(group)):
            by_phones.setdefault(tuple(sorted(holders[label])), []).append(label)
    entries = []
    for phones, labels in by_phones.items():
        every = [row for label in labels for rows in holders[label].values() for row in rows]
        hosts = _hosts(every, shown)
        verb = "sent" if any(row["transmissions"] > row["attempts"] for row in every) else "tried to send"
        carried = [each for each in identifiers_carried(every) if each.label in labels]
        did = [f"{verb} identifiers unencrypted.", *in_sentences("These are", carried, "Also")]
        entries.append(_entry(group, list(phones), "unencrypted", None, None, hosts, labels, did, shown))
    return entries


def _few(number: int, phones: int) -> bool:
    """Whether so many of the phones are the odd ones: one, or fewer than half."""
    return 0 < number < phones and (number == 1 or 2 * number < phones)


def _telling(row: DestinationEntry) -> bool:
    return row["purpose"] == "activation" or any(map(is_lasting, row["identifiers"]))


def _entry(
    group: Sequence[DeviceEntry],
    devices: list[str],
    what: Literal["destination", "unencrypted"],
    purpose: str | None,
    country: str | None,
    hosts: list[str],
    identifiers: list[str],
    did: Sequence[str],
    shown: Shown,
) -> OutlierEntry:
    model = shown.name(group[0]["model"] or "")
    labels = [shown.name(device["label"]) for device in group if device["id"] in devices]
    who = f"only {labels[0]}" if len(labels) == 1 else f"{len(labels)}"
    of_all = f"Of {len(group)} phones that name themselves {model}, {who}"
    one = len(labels) == 1
    first = [f"{of_all} {did[0]}"]
    if first != [shortest((first[0], ""))]:
        first = [f"{of_all} stand{'s' * one} out.", f"{'It' if one else 'They'} {did[0]}"]
    those = [f"These phones are {_named(labels)}."] if len(labels) > 1 else []
    to = [f"The {'host is' if len(hosts) == 1 else 'hosts are'} {_named(hosts)}."] if hosts else []
    return {
        "model": model,
        "phones": len(group),
        "devices": [shown.name(id) for id in devices],
        "what": what,
        "purpose": purpose,
        "country": country,
        "hosts": hosts,
        "identifiers": identifiers,
        "text": " ".join([*first, *did[1:], *to, *those]),
    }


def _hosts(rows: Iterable[DestinationEntry], shown: Shown) -> list[str]:
    names = {row["host"] or ", ".join(row["addresses"][:1]) for row in rows}
    return sorted(shown.host(name) if name else "an unknown host" for name in names)


def _named(names: Sequence[str]) -> str:
    if len(names) > MAX_NAMED:
        names = [*names[:MAX_NAMED], f"{len(names) - MAX_NAMED} more"]
    return listed(names)
