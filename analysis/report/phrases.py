"""Short texts for the cells of a row, the same in every format for people."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.policy.verdict import RuleVerdict, Verdict
from phonehome.analysis.render.escape import printable
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, Document, IdentifierEntry
from phonehome.analysis.report.outliers import NOTE
from phonehome.analysis.report.summary import (
    CATEGORY_ORDER,
    DESCRIPTIVE,
    as_sentences,
    closed,
    hosts,
    listed,
    place,
)

MAX_BUILDS: Final = 3
LONGEST_BUILD: Final = 30
"""Characters."""

MOST_VALUES: Final = 4
"""Values of one kind at one destination that are listed for people; JSON has all."""

MOST_NAMED = 5
"""Destinations that one sentence names,"""
LONGEST_NAME = 100
"""each with so many characters."""


def where(row: DestinationEntry) -> list[str]:
    """Country, region and network, a line each."""
    online = _online(row)
    if not row["addresses"]:
        return ["not known", row["country_reason"], *online]
    if row["scope"] not in (None, "global"):
        return [str(row["scope"]), row["country_reason"]]
    lines = [place(row) + (f" [{row['country']}]" if row["country"] else "")]
    if row["country_certainty"] in ("uncertain", "unknown"):
        lines.append(row["country_reason"])
    if row["asn"] is not None:
        lines.append(f"AS{row['asn']} {row['organisation'] or ''}".rstrip())
    return lines + online


def _online(row: DestinationEntry) -> list[str]:
    """What was found online; nothing of it is what the capture says."""
    found = row["online"]
    if found is None:
        return []
    lines = []
    if found["addresses_today"]:
        places = ", ".join(
            f"{item['address']} ({item['country'] or '?'})" for item in found["addresses_today"]
        )
        lines.append(f"today the name has {places}")
    if found["aliases"]:
        lines.append("alias today of " + " > ".join(found["aliases"]))
    for item in found["registry"]:
        holder = f"registry: {item['holder']}" if item["holder"] else ""
        country = f"registered in {item['registered_country']}" if item["registered_country"] else ""
        reverse = f"reverse name {item['reverse_name']}" if item["reverse_name"] else ""
        said = ", ".join(part for part in (holder, country, reverse) if part)
        if said:
            lines.append(f"{item['address']}: {said}")
    return lines


def sent(row: DestinationEntry) -> str:
    """How often, and what came of it: `9 sent, 5 tried, none acknowledged`."""
    delivered = row["transmissions"] - row["attempts"] - row["outcome_unknown"]
    parts = []
    if delivered or not (row["attempts"] or row["outcome_unknown"]):
        parts.append(f"{delivered:,} sent")
    if row["outcome_unknown"]:
        parts.append(f"{row['outcome_unknown']:,} sent, arrival not known")
    if row["attempts"]:
        parts.append(f"{row['attempts']:,} tried")
    if row["acknowledged"] is not None:
        parts.append(f"{row['acknowledged'] or 'none'} acknowledged")
    return ", ".join(parts)


RESULTS = {
    "broken": "BROKEN",
    "not-judged": "could not be judged",
    "accepted": "broken only as accepted",
    "holds": "holds",
    "does-not-apply": "does not apply",
}
"""What came of a policy or of a rule, the gravest first."""


def rules(verdict: Verdict) -> list[RuleVerdict]:
    """Its rules, the gravest results first."""
    return sorted(verdict["rules"], key=lambda rule: list(RESULTS).index(rule["result"]))


def judged_by(verdict: Verdict) -> str:
    """What judged, by which rules and tables."""
    policy = verdict["policy"]
    return (
        f"Judged by {verdict['program']} with the policy {policy['id']} (SHA-256 {policy['sha256']}); places by "
        f"{'; '.join(verdict['tables']) or 'no table'}."
    )


BASES: Final = {"stated": "", "inference": " (conclusion)"}
"""What stands behind the words of a rule, by what it rests on."""

ENCRYPTED = {
    "yes": "encrypted",
    "no": "UNENCRYPTED",
    "mixed": "partly UNENCRYPTED",
    "unknown": "not known whether encrypted",
}


def identifier(found: IdentifierEntry) -> str:
    """`IMEI #1 35693803•••••••`, with the certainty where it is less than certain."""
    doubt = "" if found["certainty"] == "certain" else f" ({found['certainty']})"
    return f"{found['label']} {found['value']}{doubt}"


def identifiers(row: DestinationEntry) -> list[str]:
    """One text for each kind and value that says who or where, the surest reading of it; the most lasting first, and
    of each kind not more than a few. Then model, build and the like, without their values, and last, what was not
    opened: where that is all, nobody knows whether there were any."""
    shown: dict[tuple[int, str], dict[str, str]] = {}
    also: dict[str, None] = {}
    for found in row["identifiers"]:
        if found["kind"] in DESCRIPTIVE:
            also[found["label"]] = None
        else:
            order = CATEGORY_ORDER.get(found["category"], len(CATEGORY_ORDER))
            of_kind = shown.setdefault((order, found["label"]), {})
            of_kind.setdefault(found["value"], identifier(found))
    lines = []
    for (_, label), texts in sorted(shown.items(), key=lambda item: item[0][0]):
        lines += list(texts.values())[:MOST_VALUES]
        if len(texts) > MOST_VALUES:
            lines.append(f"{label}: {len(texts) - MOST_VALUES:,} more")
    return [*lines, *([", ".join(also)] if also else []), *not_opened(row)]


def not_opened(row: DestinationEntry) -> list[str]:
    """How much went there in TLS or QUIC that stayed closed; empty if nothing did."""
    number = closed(row)
    if not number:
        return []
    whole = number >= row["transmissions"]
    return ["not opened" if whole else f"{number:,} of {row['transmissions']:,} not opened"]


def kinds(row: DestinationEntry) -> list[str]:
    """The same without values, for a line: `IMEI ×2`, with the certainty where none of them is certain. Then model,
    build and the like, and last, what was not opened."""
    values: dict[str, set[str]] = {}
    certainty: dict[str, str] = {}
    order: dict[str, tuple[bool, int]] = {}
    for found in row["identifiers"]:
        label = found["label"]
        values.setdefault(label, set()).add(found["value"])
        certainty[label] = max(
            certainty.get(label, ""), found["certainty"], key=lambda word: RANK.get(word, 0)
        )
        rank = CATEGORY_ORDER.get(found["category"], len(CATEGORY_ORDER))
        order.setdefault(label, (found["kind"] in DESCRIPTIVE, rank))
    lines = [
        label
        + (f" ×{len(values[label])}" if len(values[label]) > 1 else "")
        + ("" if certainty[label] == "certain" else f" ({certainty[label]})")
        for label in sorted(order, key=lambda label: order[label])
    ]
    return [*lines, *not_opened(row)]


def evidence(rule: RuleVerdict, most: int | None = None) -> list[str]:
    """What is against a rule, then what is put up with, then what leaves it in doubt: a sentence each, with the reason;
    at most so many, and how many more there are."""
    accepted = [
        f"Put up with{' until ' + entry['until'] if entry['until'] else ''} ({entry['accepted_because']}): "
        f"{entry['claim']}"
        for entry in rule.get("accepted", [])
    ]
    broken, doubtful = (
        [f"{said}{entry['claim']} Why? {' '.join(map(as_sentences, entry['problems']))}" for entry in entries]
        for said, entries in (("", rule["broken"]), ("In doubt: ", rule["not_judged"]))
    )
    lines = [*broken, *accepted, *doubtful]
    more = len(lines[most:] if most is not None else ()) + rule["listed_only"]
    return [*lines[:most], *([f"And {_number(more, 'destination')} more."] if more else [])]


def not_seen(report: Document) -> list[str]:
    """What the report cannot speak of, a sentence each; what is nought is left out."""
    seen = report["not_seen"]
    not_understood = seen["not_understood"]
    counted: Sequence[tuple[int, str]] = (
        (seen["replayed_by_the_analyst"], "{} replayed by the analyst: left out, they are not the device's."),
        (seen["pages_of_the_proxy"], "{} for the proxy's own pages (mitm.it): left out."),
        (
            seen.get("never_left_the_device", 0),
            "{} never left the device (answered from a cache, or blocked): left out.",
        ),
        (
            seen["names_resolved_by_the_proxy"],
            "{} with a DNS question that the proxy answered itself: left out.",
        ),
        (
            seen["tls_refused"],
            "{} did not happen, because the device refused the certificate: tried, not sent."
            + _whom(report, "tls_not_opened", "refused"),
        ),
        (
            seen["tls_failed"],
            "{} did not happen, because TLS or QUIC failed for another reason: tried, not sent."
            + _whom(report, "tls_not_opened", "failed"),
        ),
        (
            seen["tls_passed_through"],
            "{} inside TLS or QUIC that was let through unopened: only the destination is known."
            + _whom(report, "tls_not_opened", "passed"),
        ),
        (
            seen["tls_without_keys"],
            "{} inside TLS or QUIC for which no key was given: only the destination is known."
            + _whom(report, "tls_not_opened", "no-keys"),
        ),
        (
            seen["encryption_unknown"],
            "{} in a protocol that is not known: perhaps encrypted.",
        ),
        (
            seen["outcome_unknown"],
            "{} whose arrival the capture does not tell: broadcasts, or one direction only.",
        ),
        (
            not_understood["looks_encrypted"],
            "{} with a part that looks encrypted once more: not read."
            + _whom(report, "not_understood", "encrypted"),
        ),
        (
            not_understood["unknown_format"],
            "{} with a part in a format that is not known: not read."
            + _whom(report, "not_understood", "unknown"),
        ),
        (
            not_understood["over_a_limit"],
            "{} with a part beyond the limits of decoding: not read."
            + _whom(report, "not_understood", "limit"),
        ),
        (seen["without_an_address"], "{} without an address in the capture: the country is not known."),
        (seen["without_a_name"], "{} to an address that the capture holds no name for."),
    )
    lines = [text.replace("{}", _transmissions(number), 1) for number, text in counted if number]
    if not_understood["bytes_not_kept"]:
        lines.append(f"{_number(not_understood['bytes_not_kept'], 'byte')} of very long payloads: not read.")
    if seen["names_looked_up_only"]:
        lines.append(
            f"{_number(seen['names_looked_up_only'], 'name')} looked up in DNS by a device, to which no transmission "
            "was seen: listed in the JSON report."
        )
    if seen["identifiers_left_out"]:
        lines.append(
            f"{_number(seen['identifiers_left_out'], 'identifier')} found beyond those that are listed."
        )
    return [*lines, *seen["notes"]]


READING: Final = (
    ("sent", "The phone sent it, and something came back, or its side of the connection took it."),
    (
        "tried",
        "The phone tried to send it, and no answer was seen. What it would have sent may have left it.",
    ),
    (
        "accepted",
        "The answer itself says that it was accepted, in a way that this endpoint is known to say so.",
    ),
    (
        "encrypted",
        "Encrypted on the way between phone and destination; opened for this test, so that it can be read.",
    ),
    ("unencrypted", "Whoever was on the way could read it."),
    ("not opened", "Its connection stayed closed in this test: what went through it is not known."),
    (
        "certain",
        "A known field of a known endpoint, a name and a check that leave no other reading, or your own word.",
    ),
    ("likely, probably", "Name and form speak for it, or a table does; it can be wrong."),
    ("possible, perhaps", "It looks like it, and nothing more is known. No verdict rests on it."),
    ("looks like", "Concluded from what was inside, not from knowing the endpoint."),
)
"""How the words of a report are meant: word, and what it claims."""


def builds(device: DeviceEntry) -> list[str]:
    """The first of its builds that are short: a whole fingerprint only repeats one."""
    return [build for build in device["builds"] if len(build) <= LONGEST_BUILD][:MAX_BUILDS]


def _whom(report: Document, what: Literal["not_understood", "tls_not_opened"], how: str) -> str:
    """A sentence on the hosts that got what could not be read, most frequent first, each with how often."""
    counts: dict[str, int] = {}
    for device in report["devices"]:
        for row in device["destinations"]:
            if number := row[what].get(how, 0):
                name = row["host"] or next(iter(row["addresses"]), "no address")
                counts[name] = counts.get(name, 0) + number
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    names = [f"{printable(name, LONGEST_NAME)} ({number:,})" for name, number in ordered[:MOST_NAMED]]
    more = [f"{len(ordered) - MOST_NAMED:,} more"] if len(ordered) > MOST_NAMED else []
    return f" To {listed([*names, *more])}." if names else ""


def notes(device: DeviceEntry) -> list[str]:
    """What is known of its builds, and whether it is one phone, a line each."""
    identity = [*filter(None, (device["joined_by"],)), *device["doubts"]]
    return [
        *identity,
        *_firmware(device),
    ]


def _firmware(device: DeviceEntry) -> list[str]:
    return [
        f"{entry['build']}: {entry['statement']}"
        + "".join(f" By the numbering (inference): {each}." for each in entry["inference"])
        for entry in device["firmware"]
    ]


def outliers(report: Document) -> list[str]:
    """What a few phones of a model did, a sentence each, and how to take it; empty if there is nothing."""
    lines = [entry["text"] for entry in report["outliers"]]
    return [*lines, NOTE] if lines else []


def tables(report: Document) -> list[str]:
    """The tables behind locations, with dates and the credits that their licences ask for."""
    return [_table(table) for table in report["sources"]["location_tables"]]


def counts(device: DeviceEntry) -> str:
    """`14 transmissions to 3 hosts (4 rows: one for each host, purpose and place), 2019-...`."""
    rows = device["destinations"]
    number = hosts(rows)
    more = "" if number == len(rows) else f" ({len(rows):,} rows: one for each host, purpose and place)"
    return (
        f"{_transmissions(device['transmissions'])} to {_number(number, 'host')}{more}, "
        f"{period(device['first'], device['last'])}"
    )


def period(first: str | None, last: str | None) -> str:
    """From when to when."""
    return f"{first} to {last}" if first and last else "at unknown times"


def _table(table: Mapping[str, Any]) -> str:
    parts = [
        table["name"],
        table["date"] and f"of {table['date']}",
        table["licence"],
        table["credit"],
        table["link"],
    ]
    return ", ".join(part for part in parts if part)


def _transmissions(number: int) -> str:
    return _number(number, "transmission")


def _number(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")
