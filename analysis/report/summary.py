"""The answer in a few short sentences, computed from the rows of a device.

Nothing is phrased by hand for a case: the sentences are put together from what was counted, so that they
say neither more nor less. "Tried to send" and "sent" are different claims, and "accepted" is a third. Each carries the
least certainty of what it rests on.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.identifiers.kinds import LASTING
from phonehome.analysis.knowledge.addresses import the_country
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.purposes import UNCLASSIFIED
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, IdentifierEntry

MAX_COUNTRIES = 5
MAX_WORDS = 25
"""Words of a sentence."""


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
    sentences = [*_sentences(groups[0], "It")] if groups else [*_plain_sentences(device)]
    for group in groups[1:2]:
        sentences += _sentences(group, "It also")
    rest = [row for row in rows if not any(row in group for group in groups[:2])]
    told = {label for group in groups[:2] for label in kinds_carried(group)}
    further = [carried for carried in identifiers_carried(rest) if carried.label not in told]
    if len(groups) > 2:
        others = len(groups) - 2
        left = [row for group in groups[2:] for row in group]
        sentences.append(
            f"{others} more {'kind' if others == 1 else 'kinds'} of data with such identifiers, or for activation, "
            f"{'went' if _was_sent(left) else 'would have gone'} elsewhere."
        )
    if further and groups:
        labels = {carried.label for carried in further}
        to = [row for row in rest if labels & set(kinds_carried((row,)))]
        did = "sent" if _was_sent(to) else "tried to send"
        sentences += in_sentences(f"To {number_of(hosts(to), 'other host')} it also {did}", further, "Also")
    return " ".join(sentences)


def _whither(rows: Sequence[DestinationEntry]) -> str:
    return f"to {number_of(hosts(rows), 'host')} {_countries(rows)}"


def _was_sent(rows: Iterable[DestinationEntry]) -> bool:
    return any(row["transmissions"] > row["attempts"] for row in rows)


def _failed(rows: Iterable[DestinationEntry]) -> int:
    """How many were tried in TLS or QUIC that failed: a server that says so has answered."""
    return sum(row["tls_not_opened"].get(how, 0) for row in rows for how in ("refused", "failed"))


def _in_vain(attempts: int, failed: int) -> str:
    if not failed:
        return "without an answer"
    return f"in vain ({'no answer, or ' if failed < attempts else ''}TLS or QUIC failed)"


def _plain_sentences(device: DeviceEntry) -> Iterator[str]:
    """For a device of which nothing is worth a sentence of its own."""
    rows = device["destinations"]
    attempts = device["attempts"]
    sent = device["transmissions"] - attempts
    answered = [row for row in rows if row["transmissions"] > row["attempts"]]
    tried = [row for row in rows if row not in answered]
    failed = _failed(rows)
    if not sent:
        came = f", {_in_vain(attempts, failed)}" if failed else ", and got no answer"
        yield f"It tried {number_of(attempts, 'transmission')} {_whither(rows)}{came}."
    elif not tried or _whither(rows) == _whither(answered):  # not tried at another host, nor elsewhere
        more = f", and tried {attempts:,} more {_in_vain(attempts, failed)}" if attempts else ""
        yield f"It sent {number_of(sent, 'transmission')} {_whither(rows)}{more}."
    else:
        yield f"It sent {number_of(sent, 'transmission')} {_whither(answered)}."
        some = sum(row["transmissions"] for row in tried)
        of_these = "" if some == attempts else f"; {some:,} of these"
        yield f"It tried {attempts:,} more {_in_vain(attempts, failed)}{of_these} {_whither(tried)}."
    carried = identifiers_carried(rows)
    if carried:
        yield from in_sentences("What could be read held", carried, "Also")
        yield "No identifier of hardware or SIM was recognised."
    elif all(map(is_unread, rows)):
        yield "None of it could be read: what it carried is not known."
    else:
        yield "No identifier of any kind was recognised in what could be read."


def is_unread(row: DestinationEntry) -> bool:
    """Whether nothing of it could be read, not even its head."""
    parts = sum(row["not_understood"].get(looks, 0) for looks in ("encrypted", "unknown", "limit"))
    with_head = row["protocols"] and not {"tls", "quic", "tcp", "udp", "dtls"} >= set(row["protocols"])
    return closed(row) + (0 if with_head else parts) >= row["transmissions"]


def closed(row: DestinationEntry) -> int:
    """How many transmissions stayed closed: also TLS and QUIC that broke off before anything was in it."""
    if row["protocols"] and {"tls", "quic"} >= set(row["protocols"]):
        return row["transmissions"]
    return sum(row["tls_not_opened"].values())


def place(row: DestinationEntry) -> str:
    """Where a row lies, and how surely, for a cell: `China (likely)`, `Singapore (AWS ap-southeast-1)`."""
    if not _is_placed(row):
        return _no_place(row)
    doubt = "" if row["country_certainty"] == "certain" else f" ({row['country_certainty']})"
    return f"{row['country_name'] or row['country']}{_region(row)}{doubt}"


def where(row: DestinationEntry) -> str:
    """The same for a sentence: `probably China`, `perhaps the United States`."""
    if not _is_placed(row):
        return _no_place(row)
    how = HOW_SURELY.get(row["country_certainty"], "")
    return f"{how}{the_country(row['country'] or '')}{_region(row)}"


def whither(row: DestinationEntry) -> str:
    """`to China`, and how surely: `probably to China`, `perhaps to the United States`."""
    how = HOW_SURELY.get(row["country_certainty"], "") if _is_placed(row) else ""
    return f"{how}to {where(row).removeprefix(how)}"


def how_surely(rows: Iterable[DestinationEntry]) -> str:
    """`probably `, `perhaps `, or nothing: the least certainty of the country of these rows."""
    found = {row["country_certainty"] for row in rows}
    return next((HOW_SURELY[word] for word in ("uncertain", "likely") if word in found), "")


def _is_placed(row: DestinationEntry) -> bool:
    return bool(row["country"]) and row["scope"] in (None, "global") and not row["local"]


def _no_place(row: DestinationEntry) -> str:
    if row["local"]:
        return f"its own network ({row['scope']} address)"
    if row["scope"] not in (None, "global"):
        return f"an unknown place ({row['scope']} address)"
    return "a country that is not known"


def _region(row: DestinationEntry) -> str:
    """The cloud region, where it is by that that the country is known: some have no one place (GLOBAL)."""
    cloud = row["cloud"]
    decided = row["country_certainty"] == "certain" and any(
        piece["kind"] == "provider-list" and piece["country"] == row["country"]
        for piece in row["country_evidence"]
    )
    return f" ({cloud['provider']} {cloud['region']})" if cloud and cloud["region"] and decided else ""


def purpose_phrase(row: DestinationEntry) -> str:
    """What was sent, for a sentence; where no entry of the catalogue says so, what it looks like."""
    phrase = catalogue().purposes[row["purpose"]].phrase
    return f"what looks like {phrase}" if _by_looks(row) else phrase


def _by_looks(row: DestinationEntry) -> str:
    """Why it looks like data for its purpose, where no entry of the catalogue says that it is; else empty."""
    looks = row["entry"] is None and row["purpose"] != UNCLASSIFIED
    return row["purpose_reason"].removeprefix("by its looks: ") if looks else ""


def times(number: int) -> str:
    """`once`, `twice`, `14 times`."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def listed(items: Sequence[str]) -> str:
    """`IMEI, ICCID and cell id`."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


class Carried(NamedTuple):
    """A kind of identifiers that something carries."""

    label: str
    certain: bool
    """Whether at least one of that kind is."""


def identifiers_carried(rows: Iterable[DestinationEntry]) -> list[Carried]:
    """The kinds of identifiers in these rows that are at least likely, but for what only describes a phone; those of
    which one is certain first, and of them the gravest."""
    found: dict[str, tuple[bool, int, int]] = {}
    for row in rows:
        for item in row["identifiers"]:
            if RANK[item["certainty"]] >= RANK["likely"] and item["kind"] not in DESCRIPTIVE:
                order = item["certainty"] != "certain", CATEGORY_ORDER.get(item["category"], 9), len(found)
                found[item["label"]] = min(order, found.get(item["label"], order))
    return [Carried(label, not found[label][0]) for label in sorted(found, key=lambda label: found[label])]


def kinds_carried(rows: Iterable[DestinationEntry]) -> list[str]:
    """The labels of these kinds."""
    return [carried.label for carried in identifiers_carried(rows)]


def told(carried: Sequence[Carried]) -> str:
    """`IMEI and ICCID, and probably position`."""
    sure, likely = ([each.label for each in carried if each.certain is certain] for certain in (True, False))
    if not likely:
        return listed(sure)
    return f"{listed(sure)}, and probably {listed(likely)}" if sure else f"probably {listed(likely)}"


def in_sentences(lead: str, carried: Sequence[Carried], again: str) -> Iterator[str]:
    """All of them, in sentences that are not too long: the first begins with `lead`, others with `again`."""
    rest = list(carried)
    while rest:
        number = max(
            (n for n in range(2, len(rest) + 1) if _words(f"{lead} {told(rest[:n])}") <= MAX_WORDS), default=1
        )
        yield f"{lead} {told(rest[:number])}."
        rest, lead = rest[number:], again


def shortest(texts: Iterable[str]) -> str:
    """The first that is short enough for a sentence, else the last."""
    text = ""
    for text in texts:
        if _words(text) <= MAX_WORDS:
            break
    return text


def as_sentences(clauses: str) -> str:
    """Clauses between which `; ` stands, a sentence each."""
    parts = [part.removeprefix("but ").removeprefix("and ") for part in clauses.split("; ")]
    return " ".join(f"{part[:1].upper()}{part[1:].rstrip('.')}." for part in parts)


def _words(text: str) -> int:
    return len(text.split())


HOW_SURELY: Final = {"likely": "probably ", "uncertain": "perhaps "}
"""Words for `DestinationEntry.country_certainty` before a country."""

ENCRYPTION: Final = {
    "yes": "encrypted",
    "no": "unencrypted",
    "mixed": "partly unencrypted",
    "unknown": "not known whether encrypted",
}
"""Words for `DestinationEntry.encrypted` in a sentence."""

CATEGORY_ORDER = {"hardware": 0, "sim": 1, "account": 2, "location": 3, "network": 4, "advertising": 5}

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
        what = purpose_phrase(row) + _by_looks(row)
        groups.setdefault((what, whither(row), row["encrypted"]), []).append(row)
    return list(groups.values())


def _sentences(rows: Sequence[DestinationEntry], subject: str) -> Iterator[str]:
    first = rows[0]
    total = sum(row["transmissions"] for row in rows)
    attempts = sum(row["attempts"] for row in rows)
    acknowledged = [row["acknowledged"] for row in rows if row["acknowledged"] is not None]
    sent = total - attempts
    what, why = purpose_phrase(first), _by_looks(first)
    carried = identifiers_carried(rows)
    did = "sent" if sent else "tried to send"
    went = f"{whither(first)} {times(sent or total)}, {ENCRYPTION[first['encrypted']]}"
    whole = f"{subject} {did} {what} ({why}) {went}"
    apart = not why or _words(whole) > MAX_WORDS
    if apart:
        whole = f"{subject} {did} {what} {went}"
    inside = f", with {told(carried)}" if carried else ""
    if _words(whole + inside) <= MAX_WORDS:
        yield f"{whole}{inside}."
    else:
        yield f"{whole}."
        yield from in_sentences(f"Inside {'were' if sent else 'would have been'}", carried, "Also")
    if why and apart:
        yield f"It looks so by {why}."
    if not sent:
        yield "It got no answer."
        return
    if attempts:
        yield f"It tried {times(attempts)} more without an answer."
    if unknown := sum(row["outcome_unknown"] for row in rows):
        yield f"Whether {'it' if sent == 1 else f'{unknown:,} of them'} arrived is not known."
    if len(acknowledged) == len(rows):
        accepted = sum(acknowledged)
        if accepted == 0:
            yield "No answer says that it was accepted."
        elif accepted == sent:
            yield "The answer says that it was accepted" + (" each time." if sent > 1 else ".")
        else:
            yield f"The answer says {times(accepted)} that it was accepted."


def hosts(rows: Sequence[DestinationEntry]) -> int:
    """How many hosts these rows are; an address without a name is none of its own if a name has it as well."""
    names = {row["host"] for row in rows if row["host"]}
    named = {address for row in rows if row["host"] for address in row["addresses"]}
    bare = {tuple(row["addresses"]) for row in rows if not row["host"]}
    return len(names) + sum(not addresses or not named.issuperset(addresses) for addresses in bare)


def _countries(rows: Sequence[DestinationEntry]) -> str:
    """Where hosts are, and how surely; the countries of most transmissions first."""
    weights: dict[str, Counter[str]] = {"certain": Counter(), "likely": Counter()}
    local = doubtful = False
    for row in rows:
        if row["country"] and _is_placed(row) and row["country_certainty"] in weights:
            weights[row["country_certainty"]][row["country"]] += row["transmissions"]
        else:
            local = local or row["local"]
            doubtful = doubtful or not row["local"]
    clauses = [
        f"{HOW_SURELY.get(certainty, '')}in {_most(found)}" for certainty, found in weights.items() if found
    ]
    clauses += ["in its own network"] if local else []
    if doubtful and not clauses:
        return "whose country is not certain"
    clauses += ["in countries that are not certain"] if doubtful else []
    return clauses[0] if len(clauses) == 1 else f"{', '.join(clauses[:-1])}, and {clauses[-1]}"


def _most(weights: Counter[str]) -> str:
    codes = sorted(weights, key=lambda code: (-weights[code], code))
    return (
        f"{len(codes)} countries"
        if len(codes) > MAX_COUNTRIES
        else listed([the_country(code) for code in codes])
    )


def number_of(number: int, word: str) -> str:
    """`1 host`, `1,200 hosts`."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")
