"""The answer in a few short sentences, computed from the rows of a device.

Nothing is phrased by hand for a case: the sentences are put together from what was counted, so that they
say neither more nor less. "Tried to send" and "sent" are different claims, and "accepted" is a third. Each carries the
least certainty of what it rests on.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.identifiers.kinds import LASTING
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.purposes import ACTIVATION
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, IdentifierEntry

MAX_KINDS = 8
"""Kinds of identifiers that a sentence names; more are counted."""
MAX_COUNTRIES = 5
MAX_WORDS = 25
"""Words of a sentence."""
MAX_FURTHER = 6
"""Kinds of identifiers that went elsewhere and are named."""


def purpose_rank(purpose: str) -> int:
    """Order of concern, 1 is worst."""
    return catalogue().purposes[purpose].rank


def device_summary(device: DeviceEntry) -> str:
    """A few short sentences on what the device did; its destinations are sorted, worst first. Each says how sure it
    is: of the place, of the purpose, of what arrived."""
    rows = device["destinations"]
    if not rows:
        return "It looked up names; no transmission of it was seen."
    groups = _groups(row for row in rows if _telling(row))
    sentences = [*_sentences(groups[0], "It")] if groups else [_plain_sentence(device)]
    for group in groups[1:2]:
        sentences += _sentences(group, "It also")
    rest = [row for row in rows if not any(row in group for group in groups[:2])]
    told = {label for group in groups[:2] for label in kinds_carried(group)[:MAX_KINDS]}
    further = [label for label in kinds_carried(rest) if label not in told]
    if len(groups) > 2:
        others = len(groups) - 2
        sentences.append(
            f"{others} more {'kind' if others == 1 else 'kinds'} of data with such identifiers, or for activation, "
            "went elsewhere."
        )
    if further and groups:
        to = [row for row in rest if set(further) & set(kinds_carried((row,)))]
        named = (
            further
            if len(further) <= MAX_FURTHER
            else [
                *further[:MAX_FURTHER],
                f"{len(further) - MAX_FURTHER} more kinds of identifiers",
            ]
        )
        sentences.append(f"To {number_of(_hosts(to), 'other host')} it also sent {listed(named)}.")
    return " ".join(sentences)


def _plain_sentence(device: DeviceEntry) -> str:
    """For a device of which nothing is worth a sentence of its own."""
    rows = device["destinations"]
    attempts = device["attempts"]
    sent = device["transmissions"] - attempts
    whither = f"to {number_of(_hosts(rows), 'host')} {_countries(rows)}"
    if not sent:
        did = f"It tried {number_of(attempts, 'transmission')} {whither}, and got no answer."
    else:
        more = f", and tried {attempts:,} more without an answer" if attempts else ""
        did = f"It sent {number_of(sent, 'transmission')} {whither}{more}."
    carried = kinds_carried(rows)
    if not carried:
        return f"{did} No identifier of any kind was recognised in what could be read."
    named = (
        carried
        if len(carried) <= MAX_KINDS
        else [
            *carried[:MAX_KINDS],
            f"{len(carried) - MAX_KINDS} more kinds of identifiers",
        ]
    )
    return f"{did} What could be read held {listed(named)}; no identifier of hardware or SIM was recognised."


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


def whither(row: DestinationEntry) -> str:
    """`to China`, and how surely: `probably to China`, `perhaps to China`."""
    named = row["country"] and row["scope"] in (None, "global") and not row["local"]
    how = HOW_SURELY.get(row["country_certainty"], "") if named else ""
    return f"{how}to {place(row).removesuffix(' (uncertain)')}"


def purpose_phrase(row: DestinationEntry) -> str:
    """What was sent, for a sentence; where no entry of the catalogue says so, what it looks like, and why."""
    phrase = catalogue().purposes[row["purpose"]].phrase
    if row["entry"] is None and row["purpose"] == ACTIVATION:
        return f"what looks like {phrase} ({row['purpose_reason'].removeprefix('by its looks: ')})"
    return phrase


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


RANK_OF_PLACE: Final = {"certain": 2, "likely": 1}
"""Certainties of a country with which a sentence may name it."""

HOW_SURELY: Final = {"likely": "probably ", "uncertain": "perhaps "}
"""Words for `DestinationEntry.country_certainty` before a country."""

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
    """Rows that one sentence can speak of: same purpose, as surely; same place, same encryption."""
    groups: dict[tuple[str, str, str], list[DestinationEntry]] = {}
    for row in rows:
        groups.setdefault((purpose_phrase(row), whither(row), row["encrypted"]), []).append(row)
    return list(groups.values())


def _sentences(rows: Sequence[DestinationEntry], subject: str) -> Iterator[str]:
    first = rows[0]
    total = sum(row["transmissions"] for row in rows)
    attempts = sum(row["attempts"] for row in rows)
    acknowledged = sum(row["acknowledged"] for row in rows)
    sent = total - attempts
    what = purpose_phrase(first)
    carried = kinds_carried(rows)
    if len(carried) > MAX_KINDS:
        carried = [*carried[:MAX_KINDS], f"{len(carried) - MAX_KINDS} more kinds of identifiers"]
    whole = f"{subject} {'sent' if sent else 'tried to send'} {what} {whither(first)} {times(sent or total)}"
    whole += f", {ENCRYPTION[first['encrypted']]}"
    inside = f", with {listed(carried)}" if carried else ""
    if len((whole + inside).split()) <= MAX_WORDS:
        yield f"{whole}{inside}."
    else:
        yield f"{whole}."
        yield f"Inside {'were' if sent else 'would have been'} {listed(carried)}."
    if not sent:
        yield "It got no answer."
        return
    if attempts:
        yield f"It tried {times(attempts)} more without an answer."
    if unknown := sum(row["outcome_unknown"] for row in rows):
        yield f"Whether {'it' if sent == 1 else f'{unknown:,} of them'} arrived is not known."
    if all(row["acknowledgement_known"] for row in rows):
        if acknowledged == 0:
            yield "No answer says that it was accepted."
        elif acknowledged == sent:
            yield "The answer says that it was accepted" + (" each time." if sent > 1 else ".")
        else:
            yield f"The answer says {times(acknowledged)} that it was accepted."


def _hosts(rows: Sequence[DestinationEntry]) -> int:
    return len({row["host"] or tuple(row["addresses"]) for row in rows})


def _countries(rows: Sequence[DestinationEntry]) -> str:
    """Where hosts are, the country of most transmissions first; only what is at least likely is named."""
    weights: Counter[str] = Counter()
    doubtful = likely = False
    for row in rows:
        if row["country_name"] and RANK_OF_PLACE.get(row["country_certainty"], 0):
            weights[row["country_name"]] += row["transmissions"]
            likely = likely or row["country_certainty"] == "likely"
        else:
            doubtful = doubtful or row["scope"] in (None, "global")
    names = sorted(weights, key=lambda name: (-weights[name], name))
    if not names:
        return "whose country is not certain"
    where = f"{len(names)} countries" if len(names) > MAX_COUNTRIES else listed(names)
    return f"{'probably ' if likely else ''}in {where}" + (
        ", and in countries that are not certain" if doubtful else ""
    )


def number_of(number: int, word: str) -> str:
    """`1 host`, `1,200 hosts`."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")
