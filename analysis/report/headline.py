"""What happened, in one line: the headline of every format, and who, when, where and how sure below it.

It is put together from what the summary is put together from, with the same words for what was sent or tried, for how
sure it is, and for encryption, and says less: one device (or several that did the same), one company, a few kinds.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from phonehome.analysis.report.companies import Group, Row, group_of
from phonehome.analysis.report.concern import concern, level
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, Document
from phonehome.analysis.report.summary import (
    DESCRIPTIVE,
    ENCRYPTION,
    Carried,
    identifiers_carried,
    is_lasting,
    is_unread,
    number_of,
    place,
    purpose_phrase,
    shortest,
    times,
    told,
    unread,
)

MOST_KINDS: Final = 3
"""Kinds of identifiers that it names; the summary has all."""
LONGEST_NAME: Final = 80
"""Characters of a name in it."""


class Headline(NamedTuple):
    """The finding."""

    text: str
    """`Nokia 7 plus sent IMEI and SIM number (ICCID) to China Telecom, unencrypted`."""
    facts: tuple[tuple[str, str], ...]
    """Who, when, where, how sure: word, and what it is. Empty if nothing was found."""
    alarm: bool
    """Whether lasting identifiers went in clear text."""


def headline(report: Document) -> Headline:
    """The finding of a report, whose captured texts are shown as they are in it."""
    devices = [device for device in report["devices"] if device["destinations"]]
    rows: list[Row] = [(device, row) for device in devices for row in device["destinations"]]
    if not rows:
        return Headline("No transmission of a phone was found", (), False)
    found = min(rows, key=lambda item: (*_rank(item[1]), concern(item[1])))[1]
    grave, group = _rank(found), group_of(found)
    its = [(device, row) for device, row in rows if _rank(row) == grave and group_of(row) == group]
    carried = _carried(row for _, row in its)
    if not carried and found["purpose"] != "activation":
        return _nothing(devices, [row for _, row in rows])
    its, carried = _of_all(its, carried)
    sent = any(row["transmissions"] > row["attempts"] for _, row in its)
    words = {row["encrypted"] for _, row in its}
    encrypted = ENCRYPTION[
        words.pop() if len(words) == 1 else "mixed" if words & {"no", "mixed"} else "unknown"
    ]
    who = f"{_subject([device for device, _ in its], devices)} {'sent' if sent else 'tried to send'}"
    telling = _most_telling(carried, its)
    kinds = [told(telling[:number]) for number in range(len(telling), 0, -1)] or [purpose_phrase(found)]
    # "sent probably IMEI" is no English, and "probably sent IMEI" would doubt that it was sent.
    whats = [f"what is {what}" if what.startswith("probably ") else what for what in kinds]
    return Headline(
        shortest(f"{who} {what} to {_whom(group, found)}, {encrypted}" for what in whats),
        (
            ("Who", _who(its)),
            ("When", _when(its, telling)),
            ("Where", "; ".join(dict.fromkeys(place(row) for _, row in its))),
            ("How sure", _sure(its, group, found, carried)),
        ),
        grave[0] == 0,
    )


def _rank(row: DestinationEntry) -> tuple[int, bool]:
    """How grave; of what is nothing grave, whether it carries any identifier."""
    return level(row), not _carried((row,))


def _carried(rows: Iterable[DestinationEntry]) -> list[Carried]:
    """Kinds of identifiers in these rows; where lasting ones went in clear text, of these only."""
    rows = list(rows)
    return identifiers_carried(map(_in_clear, rows)) or identifiers_carried(rows)


def _in_clear(row: DestinationEntry) -> DestinationEntry:
    """The row with its lasting identifiers that went in clear text, and no others."""
    clear = [item for item in row["identifiers"] if item["unencrypted"] and is_lasting(item)]
    return {**row, "identifiers": clear}


def _of_all(its: list[Row], carried: list[Carried]) -> tuple[list[Row], list[Carried]]:
    """Of several devices, what each of them sent; if they have nothing in common, only the first."""
    by_device: dict[str, list[DestinationEntry]] = {}
    for device, row in its:
        by_device.setdefault(device["id"], []).append(row)
    common = set.intersection(*({each.label for each in _carried(rows)} for rows in by_device.values()))
    if not carried or len(by_device) == 1:
        return its, carried
    if not common:
        first = its[0][0]["id"]
        its = [(device, row) for device, row in its if device["id"] == first]
        return its, _carried(row for _, row in its)
    return its, [each for each in carried if each.label in common]


def _most_telling(carried: list[Carried], its: list[Row]) -> list[Carried]:
    """The first of each category, as far as there is room; then others."""
    category = {item["label"]: item["category"] for _, row in its for item in row["identifiers"]}
    firsts: dict[str, Carried] = {}
    for each in carried:
        firsts.setdefault(category[each.label], each)
    return list(firsts.values())[:MOST_KINDS]


def _nothing(devices: list[DeviceEntry], rows: list[DestinationEntry]) -> Headline:
    """For a report in which nothing was recognised: it says so, and no more than what could be read allows."""
    who = f"the {len(devices)} phones"
    if len(devices) == 1:
        who = _short(devices[0]["label"] if devices[0]["named"] else devices[0]["model"] or "the phone")
    possible = any(item["kind"] not in DESCRIPTIVE for row in rows for item in row["identifiers"])
    if all(map(is_unread, rows)):
        return Headline(f"What {who} sent could not be read", (), False)
    left = ", in what could be read" if any(unread(row) for row in rows) else ""
    sure = "for sure " if possible else ""
    return Headline(f"Nothing was recognised {sure}that identifies {who}{left}", (), False)


def _subject(those: list[DeviceEntry], devices: list[DeviceEntry]) -> str:
    number = len({device["id"] for device in those})
    if number > 1:
        return f"{number} of {len(devices)} phones"
    device = those[0]
    alone = sum(other["model"] == device["model"] for other in devices) == 1
    return _short(device["model"] if device["model"] and alone and not device["named"] else device["label"])


def _short(text: str) -> str:
    """A captured name, not longer than a headline can hold."""
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"


def _whom(group: Group, row: DestinationEntry) -> str:
    sort, name = group
    if sort == "company":
        return name
    if sort == "local":
        return "its own network"
    if sort == "nameless":
        return f"an address without a name ({next(iter(row['addresses']), 'not known')})"
    return f"{_short(row['host'] or name)} (owner not known)"


def _who(its: list[Row]) -> str:
    devices = {device["id"]: device for device, _ in its}
    names = [
        ", ".join(dict.fromkeys(filter(None, (device["label"], device["system"], *device["builds"][:1]))))
        for device in devices.values()
    ]
    more = f", and {len(names) - 3} more" if len(names) > 3 else ""
    return "; ".join(names[:3]) + more


def _when(its: list[Row], named: list[Carried]) -> str:
    attempts = sum(row["attempts"] for _, row in its)
    sent = sum(row["transmissions"] for _, row in its) - attempts
    how_often = times(sent) if sent else f"{times(attempts)}, without an answer"
    tried = f", and {times(attempts)} more without an answer" if sent and attempts else ""
    if not all(_in_each(row, each.label) for _, row in its for each in named):
        tried += ", not each with all of this"
    firsts = [row["first"] for _, row in its if row["first"]]
    lasts = [row["last"] for _, row in its if row["last"]]
    if not firsts or not lasts:
        return f"{how_often}{tried}, at times that are not known"
    first, last = min(firsts), max(lasts)
    if _time(first) == _time(last):
        return f"{how_often}{tried}, {_time(first)} UTC"
    until = _time(last)[11:] if first[:10] == last[:10] else _time(last)
    return f"{how_often}{tried}, {_time(first)} to {until} UTC"


def _in_each(row: DestinationEntry, label: str) -> bool:
    """Whether a kind of identifier can have been in each transmission of a row."""
    found: dict[str, int] = {}
    for item in row["identifiers"]:
        if item["label"] == label:
            found[item["value"]] = max(found.get(item["value"], 0), item["transmissions"])
    return sum(found.values()) >= row["transmissions"]


def _time(text: str) -> str:
    return text[:16].replace("T", " ")


def _sure(its: list[Row], group: Group, found: DestinationEntry, carried: list[Carried]) -> str:
    named = _most_telling(carried, its)
    certain = [each.label for each in named if each.certain]
    likely = [each.label for each in named if not each.certain]
    parts = [
        f"{', '.join(labels)}: {word}"
        for word, labels in (("certain", certain), ("likely", likely))
        if labels
    ]
    if group[0] == "company":
        basis = {row["owner_basis"] for _, row in its}
        known = "a known endpoint" if basis == {"catalogue"} else f"its domain {found['domain']}"
        parts.append(f"{group[1]}: by {known}")
    words = dict.fromkeys(row["country_certainty"] for _, row in its if row["country"])
    if words:
        parts.append(f"country: {', '.join(words)}")
    hosts = len({row["host"] for _, row in its if row["host"]})
    return "; ".join(parts) + (f" ({number_of(hosts, 'host')})" if hosts > 1 else "")
