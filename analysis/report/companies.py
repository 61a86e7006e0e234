"""What each company got: the destinations of all devices, gathered by whose they are.

A pure function of the devices of a document. A domain of which no company is known stands for itself; so does a
customer of a hosting company, whom the name does not tell.
"""

from collections.abc import Iterable
from typing import Final

from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.report.concern import concern, is_routine
from phonehome.analysis.report.entries import (
    CompanyCountry,
    CompanyEntry,
    CompanyIdentifier,
    DestinationEntry,
    DeviceEntry,
    Encrypted,
)
from phonehome.analysis.report.summary import CATEGORY_ORDER, hosts, number_of, purpose_rank

MAX_NAMED: Final = 5
"""Companies that a line names."""

Row = tuple[DeviceEntry, DestinationEntry]
Group = tuple[str, str]
"""What rows are gathered by: what sort of holder, and its name."""


def companies(devices: Iterable[DeviceEntry]) -> list[CompanyEntry]:
    """What each got, what is only routine last, else the most worrying first."""
    return [found for found, _ in companies_and_rows(devices)]


def companies_and_rows(devices: Iterable[DeviceEntry]) -> list[tuple[CompanyEntry, list[Row]]]:
    """The same, each with its destinations, the most worrying first."""
    groups: dict[Group, list[Row]] = {}
    for device in devices:
        for row in device["destinations"]:
            groups.setdefault(group_of(row), []).append((device, row))
    for rows in groups.values():
        rows.sort(key=lambda item: concern(item[1]))
    found = [(entry(group, rows), rows) for group, rows in groups.items()]
    found.sort(key=lambda item: (item[0]["routine"], concern(item[1][0][1])))
    return found


def group_of(row: DestinationEntry) -> Group:
    """Whose a destination is, as far as that is known."""
    if row["local"]:
        return ("local", "")
    if row["company"]:
        return ("company", row["company"])
    if row["domain"] or row["host"]:
        return ("hosted" if row["hosted_by"] else "domain", row["domain"] or row["host"] or "")
    return ("nameless", "")


def entry(group: Group, rows: list[Row]) -> CompanyEntry:
    """What one of them got."""
    its = [row for _, row in rows]
    sort, name = group
    hosted = its[0]["hosted_by"] if sort == "hosted" else None
    words = {
        "local": "the phone's own network",
        "nameless": "addresses without a name",
        "company": name,
        "domain": f"{name} (owner not known)",
        "hosted": f"{name} (owner not known, hosted by {hosted})",
    }
    telling = [row for row in its if not is_routine(row)]
    firsts = [row["first"] for row in its if row["first"]]
    lasts = [row["last"] for row in its if row["last"]]
    purposes = dict.fromkeys(row["purpose"] for row in telling or its)
    return {
        "label": words[sort],
        "company": name if sort == "company" else None,
        "country": next((row["owner_country"] for row in its if row["owner_country"]), None),
        "hosted_by": hosted,
        "basis": sorted({row["owner_basis"] for row in its if row["owner_basis"]}),
        "devices": list(dict.fromkeys(device["id"] for device, _ in rows)),
        "hosts": sorted({row["host"] for row in its if row["host"]}),
        "destinations": len(its),
        "transmissions": sum(row["transmissions"] for row in its),
        "attempts": sum(row["attempts"] for row in telling or its),
        "unencrypted": sum(row["unencrypted"] for row in its),
        "encrypted": _encrypted(telling or its),
        "routine_transmissions": sum(map(_transmissions, its)) - sum(map(_transmissions, telling)),
        "routine_unencrypted": sum(row["unencrypted"] for row in its)
        - sum(row["unencrypted"] for row in telling),
        "identifiers": _identifiers(its),
        "countries": _countries(its),
        "purposes": sorted(purposes, key=purpose_rank),
        "routine": not telling,
        "first": min(firsts, default=None),
        "last": max(lasts, default=None),
    }


def _transmissions(row: DestinationEntry) -> int:
    return row["transmissions"]


def _encrypted(rows: list[DestinationEntry]) -> Encrypted:
    words: set[Encrypted] = {row["encrypted"] for row in rows}
    if len(words) == 1:
        return words.pop()
    return "mixed" if words & {"no", "mixed"} else "unknown"


def _identifiers(rows: list[DestinationEntry]) -> list[CompanyIdentifier]:
    """By kind, the surest reading of each, the most lasting first."""
    found: dict[str, CompanyIdentifier] = {}
    values: dict[str, set[str]] = {}
    for row in rows:
        for item in row["identifiers"]:
            label = item["label"]
            values.setdefault(label, set()).add(item["value"])
            known = found.setdefault(
                label,
                {
                    "kind": item["kind"],
                    "label": label,
                    "category": item["category"],
                    "certainty": item["certainty"],
                    "values": 0,
                    "transmissions": 0,
                    "unencrypted": 0,
                },
            )
            if RANK[item["certainty"]] > RANK[known["certainty"]]:
                known["certainty"] = item["certainty"]
            known["transmissions"] += item["transmissions"]
            known["unencrypted"] += item["unencrypted"]
    for label, known in found.items():
        known["values"] = len(values[label])
    last = len(CATEGORY_ORDER)
    return sorted(
        found.values(), key=lambda item: (CATEGORY_ORDER.get(item["category"], last), item["label"])
    )


def _countries(rows: list[DestinationEntry]) -> list[CompanyCountry]:
    """Where its machines are, as surely as the surest of them says; None is "not known"."""
    found: dict[str | None, CompanyCountry] = {}
    order = ("certain", "likely", "uncertain", "unknown", "not-applicable")
    for row in rows:
        # An address of a network of its own lies in no country.
        if row["scope"] not in (None, "global"):
            continue
        known = found.setdefault(
            row["country"],
            {
                "country": row["country"],
                "country_name": row["country_name"],
                "certainty": row["country_certainty"],
                "transmissions": 0,
            },
        )
        known["certainty"] = min(known["certainty"], row["country_certainty"], key=order.index)
        known["transmissions"] += row["transmissions"]
    return sorted(
        found.values(),
        key=lambda item: (item["country"] is None, -item["transmissions"], item["country"] or ""),
    )


def got(found: CompanyEntry) -> str:
    """What identifiers it got, in a line: `IMEI ×2, position (likely)`; empty if none."""
    return ", ".join(
        item["label"]
        + (f" ×{item['values']}" if item["values"] > 1 else "")
        + ("" if item["certainty"] == "certain" else f" ({item['certainty']})")
        for item in found["identifiers"]
    )


def where_words(found: CompanyEntry) -> str:
    """Where its machines are, in a line: `China (likely), not known`."""
    return ", ".join(
        (item["country_name"] or item["country"] or "not known")
        + ("" if item["certainty"] == "certain" or not item["country"] else f" ({item['certainty']})")
        for item in found["countries"]
    )


def how_often(found: CompanyEntry) -> str:
    """`9 sent, 5 tried, 12 routine`."""
    routine = found["routine_transmissions"]
    attempts = found["attempts"]
    sent = found["transmissions"] - attempts - routine
    parts = [(sent, "sent"), (attempts, "tried"), (routine, "routine")]
    return ", ".join(f"{number:,} {word}" for number, word in parts if number > 0)


def purpose_words(found: CompanyEntry) -> str:
    """Labels of its purposes."""
    return ", ".join(catalogue().purposes[purpose].label for purpose in found["purposes"])


def routine_line(devices: Iterable[DeviceEntry]) -> str:
    """What is routine, in a line; empty if nothing is."""
    rows = [row for device in devices for row in device["destinations"] if is_routine(row)]
    if not rows:
        return ""
    purposes = dict.fromkeys(row["purpose_label"] for row in rows)
    whose = list(dict.fromkeys(row["company"] for row in rows if row["company"]))
    more = " and others" if len(whose) > MAX_NAMED else ""
    named = f" ({', '.join(whose[:MAX_NAMED])}{more})" if whose else ""
    clear = sum(row["unencrypted"] for row in rows)
    return (
        f"Routine, as of any phone: {number_of(sum(map(_transmissions, rows)), 'transmission')} to "
        f"{number_of(hosts(rows), 'host')}{named} for {', '.join(purposes)}. "
        f"Nothing that identifies the phone was recognised in them; {clear:,} unencrypted."
    )
