"""The answer in a sentence or two, computed from the rows of a device.

Nothing is phrased by hand for a case: the sentences are put together from what was counted, so that they
say neither more nor less. "Tried to send" and "sent" are different claims, and "accepted" is a third.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.identifiers.kinds import LASTING
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, IdentifierEntry

MAX_KINDS = 8
"""Kinds of identifiers that a sentence names; more are counted."""
MAX_COUNTRIES = 5


def purpose_rank(purpose: str) -> int:
    """Order of concern, 1 is worst."""
    return catalogue().purposes[purpose].rank


def device_summary(device: DeviceEntry) -> str:
    """One or two sentences on what the device did; its destinations are sorted, worst first."""
    rows = device["destinations"]
    if not rows:
        return "It looked up names; no transmission of it was seen."
    groups = _groups(row for row in rows if _telling(row))
    sentences = [_sentence(group, "It") for group in groups[:1]]
    sentences += [_sentence(group, "It also") for group in groups[1:2]]
    if not sentences:
        sentences = [_plain_sentence(device)]
    elif len(groups) > 2:
        others = len(groups) - 2
        sentences[-1] = (
            f"{sentences[-1][:-1]}; {others} more {'kind' if others == 1 else 'kinds'} of data with such "
            "identifiers, or for activation, went elsewhere."
        )
    return " ".join(sentences)


def _plain_sentence(device: DeviceEntry) -> str:
    """For a device of which nothing is worth a sentence of its own."""
    rows = device["destinations"]
    attempts = device["attempts"]
    sent = device["transmissions"] - attempts
    whither = f"to {number_of(_hosts(rows), 'host')} {_countries(rows)}"
    if not sent:
        did = f"It tried {number_of(attempts, 'transmission')} {whither}, and got no answer"
    else:
        more = f", and tried {attempts:,} more without an answer" if attempts else ""
        did = f"It sent {number_of(sent, 'transmission')} {whither}{more}"
    return f"{did}; no IMEI, SIM number or other identifier of hardware or SIM was recognised in what could be read."


def place(row: DestinationEntry) -> str:
    """Where a row lies, for a sentence: `China`, `Singapore (AWS ap-southeast-1)`."""
    if row["local"]:
        return f"its own network ({row['scope']} address)"
    if row["scope"] not in (None, "global"):
        return f"an unknown place ({row['scope']} address)"
    if not row["country"]:
        return "a country that is not known"
    name = row["country_name"] or row["country"]
    cloud = row["cloud"]
    # A region says where it is only if it decided the country: some have no one place (GLOBAL).
    if cloud and cloud["region"] and row["country_certainty"] == "certain":
        name += f" ({cloud['provider']} {cloud['region']})"
    return f"{name} (uncertain)" if row["country_certainty"] == "uncertain" else name


def times(number: int) -> str:
    """`once`, `twice`, `14 times`."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def listed(items: Sequence[str]) -> str:
    """`IMEI, ICCID and cell id`."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def kinds_carried(rows: Iterable[DestinationEntry]) -> list[str]:
    """Labels of the kinds of identifiers in these rows that are at least likely, and say who or where."""
    labels: dict[str, tuple[int, int]] = {}
    for row in rows:
        for found in row["identifiers"]:
            if RANK[found["certainty"]] >= RANK["likely"] and found["category"] != "software":
                order = (CATEGORY_ORDER.get(found["category"], 9), len(labels))
                labels.setdefault(found["label"], order)
    return sorted(labels, key=lambda label: labels[label])


ENCRYPTION: Final = {
    "yes": "encrypted",
    "no": "unencrypted",
    "mixed": "partly unencrypted",
    "unknown": "not known whether encrypted",
}
"""Words for `DestinationEntry.encrypted` in a sentence."""

CATEGORY_ORDER = {"hardware": 0, "sim": 1, "location": 2, "network": 3, "account": 4, "advertising": 5}

DESCRIPTIVE = frozenset({"model", "build"})
"""Kinds that describe a phone and do not tell it from another of its make."""


def is_lasting(found: IdentifierEntry) -> bool:
    """Whether an identifier is of these, surely enough to say so."""
    return found["category"] in LASTING and RANK[found["certainty"]] >= RANK["likely"]


def exposed(device: DeviceEntry) -> dict[str, list[DestinationEntry]]:
    """What went in clear text and is lasting: labels of kinds, the gravest first, and where each went."""
    found: dict[str, tuple[int, list[DestinationEntry]]] = {}
    for row in device["destinations"]:
        for item in row["identifiers"]:
            if item["unencrypted"] and is_lasting(item):
                found.setdefault(item["label"], (CATEGORY_ORDER[item["category"]], []))[1].append(row)
    return {label: rows for label, (_, rows) in sorted(found.items(), key=lambda item: (item[1][0], item[0]))}


def unread(row: DestinationEntry) -> str:
    """Why it is not known all that a row carries; empty if it is."""
    if is_closed(row):
        return "what it carries was not decrypted"
    if row["not_understood"].get("encrypted"):
        return "a part of what it carries looks encrypted once more"
    if row["not_understood"]:
        return "a part of what it carries was not understood"
    if row["identifiers_left_out"]:
        return "it carries more identifiers than are kept"
    return ""


def is_closed(row: DestinationEntry) -> bool:
    """Whether some of it was inside TLS or QUIC that stayed closed."""
    return bool({"tls", "quic"} & set(row["protocols"])) or any(row["tls_not_opened"].values())


def _telling(row: DestinationEntry) -> bool:
    """Whether a row is worth a sentence: activation, or an identifier of hardware or SIM."""
    return row["purpose"] == "activation" or any(
        found["category"] in ("hardware", "sim") and RANK[found["certainty"]] >= RANK["likely"]
        for found in row["identifiers"]
    )


def _groups(rows: Iterable[DestinationEntry]) -> list[list[DestinationEntry]]:
    """Rows that one sentence can speak of: same purpose, same place, same encryption."""
    groups: dict[tuple[str, str, str], list[DestinationEntry]] = {}
    for row in rows:
        groups.setdefault((row["purpose"], place(row), row["encrypted"]), []).append(row)
    return list(groups.values())


def _sentence(rows: Sequence[DestinationEntry], subject: str) -> str:
    first = rows[0]
    total = sum(row["transmissions"] for row in rows)
    attempts = sum(row["attempts"] for row in rows)
    acknowledged = sum(row["acknowledged"] for row in rows)
    sent = total - attempts
    what = catalogue().purposes[first["purpose"]].phrase
    carried = kinds_carried(rows)
    if len(carried) > MAX_KINDS:
        carried = [*carried[:MAX_KINDS], f"{len(carried) - MAX_KINDS} more kinds of identifiers"]
    encryption = ENCRYPTION[first["encrypted"]]
    manner = f", {encryption}" + (f", with {listed(carried)}" if carried else "")
    if not sent:
        return f"{subject} tried to send {what} to {place(first)} {times(total)}{manner}, and got no answer."
    result = f"{subject} sent {what} to {place(first)} {times(sent)}{manner}"
    if attempts:
        result += f", and tried {times(attempts)} more without an answer"
    if unknown := sum(row["outcome_unknown"] for row in rows):
        result += f"; whether {'it' if sent == 1 else f'{unknown:,} of them'} arrived is not in the capture"
    if all(row["acknowledgement_known"] for row in rows):
        if acknowledged == 0:
            result += "; no answer says that it was accepted"
        elif acknowledged == sent:
            result += "; the answer says that it was accepted" + (" each time" if sent > 1 else "")
        else:
            result += f"; the answer says {times(acknowledged)} that it was accepted"
    return result + "."


def _hosts(rows: Sequence[DestinationEntry]) -> int:
    return len({row["host"] or tuple(row["addresses"]) for row in rows})


def _countries(rows: Sequence[DestinationEntry]) -> str:
    names = sorted({row["country_name"] for row in rows if row["country_name"]})
    if not names:
        return "in no country that is known"
    if len(names) > MAX_COUNTRIES:
        return f"in {len(names)} countries"
    return f"in {listed(names)}"


def number_of(number: int, word: str) -> str:
    """`1 host`, `1,200 hosts`."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")
