"""What a page of the report shows, for HTML and PDF alike: everything of the document that fits, made safe
to show, and a count of what does not.

Every text of the document goes through `escape.printable` here, once, so that no template can forget it.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple, cast

from phonehome.analysis.knowledge.addresses import country_name, the_country
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.knowledge.countries import Status
from phonehome.analysis.policy.verdict import PhoneVerdict, RuleVerdict, Verdict
from phonehome.analysis.render import charts, flow_view, map_view, time_view
from phonehome.analysis.render.escape import printable
from phonehome.analysis.report import companies as by_company
from phonehome.analysis.report import phrases
from phonehome.analysis.report.apps import app_did, app_label, app_words
from phonehome.analysis.report.captures import card_words
from phonehome.analysis.report.concern import is_routine
from phonehome.analysis.report.concern import level as concern_level
from phonehome.analysis.report.entries import (
    CompanyEntry,
    DestinationEntry,
    DeviceEntry,
    Document,
    IdentifierEntry,
)
from phonehome.analysis.report.headline import Headline, headline
from phonehome.analysis.report.matters import Why, why
from phonehome.analysis.report.summary import (
    CATEGORY_ORDER,
    ENCRYPTION,
    exposed,
    hosts,
    kinds_carried,
    listed,
    number_of,
    place,
)
from phonehome.analysis.transfers import status

MAX_TEXT: Final = 300
"""Characters of a text; names and paths can be long, and are written by strangers."""
MAX_SENTENCES: Final = 4000
_SENTENCES: Final = frozenset({"summary", "text", "statement", "verdict"})
"""Keys of what this program phrased itself: it is longer than a name."""
MAX_ROWS: Final = 2500
"""Destinations of all devices together."""
LONG: Final = 400
"""Rows from which a page is a long one."""
MAX_DETAILS: Final = 300
"""Destinations, of all devices together, that open to everything known of them; the most worrying do."""
MAX_CARDS: Final = 6
"""Devices whose answer stands large; of more, the others follow as a list."""
MAX_PICTURES: Final = 4
"""Devices with a time line of their own, a lane for each purpose."""
MAX_LANES: Final = 40
"""Devices that have a lane each, where there are more than have a time line of their own."""
MAX_BARS: Final = 12
"""Countries that have a bar beside the map."""
MAX_ADDRESSES: Final = 12
MAX_IDENTIFIERS: Final = 24
MAX_APPS: Final = 40
"""Apps of a device."""
MAX_EVIDENCE: Final = 12
"""Sentences for a rule."""
MAX_CODES: Final = 10
MAX_SIDE_BY_SIDE: Final = 100
"""Phones of a model in one table."""
MAX_REFERENCES: Final = 4
MAX_COMPANIES: Final = 60
UNFOLDED: Final = 15
"""Companies that are seen at once; the others are folded."""
MAX_OF_COMPANY: Final = 20
"""Destinations of a company that are listed under it."""
MAX_ROUTINE: Final = 100
"""Routine destinations that are listed."""
MAX_NAMED_DEVICES: Final = 3


_NEXT_SENTENCE = re.compile(r"(?<=\.) (?=It )")


class Detail(NamedTuple):
    """What a row opens to."""

    addresses: list[str]
    addresses_left_out: int
    contact: str
    """Ports, protocols, and what name and address rest on."""
    location: list[str]
    purpose: list[str]
    identifiers: list[IdentifierEntry]
    identifiers_left_out: int
    apps: str
    """Which app sent it; empty if none is known."""
    more: list[str]
    """Bytes, times, what was not understood."""


class Row(NamedTuple):
    """A destination in the table."""

    entry: DestinationEntry
    number: int
    """Among all destinations, from 1: what to cite it by."""
    name: str
    address: str
    where: str
    doubt: str
    """Why its country is not sure; empty if it is."""
    network: str
    transfer: str
    """EEA, or whether there is an adequacy decision; empty where no country is known."""
    neither: bool
    """Whether neither holds, and something went there for which that matters."""
    sent: str
    encrypted: str
    identifiers: str
    """Their kinds, the most lasting first."""
    level: charts.Level
    exposed: bool
    """Whether something that tells one device or person from another went there in clear text."""
    detail: Detail | None


class CompanyView(NamedTuple):
    """What a company got."""

    entry: CompanyEntry
    level: charts.Level
    seat: str
    """Country of its headquarters."""
    where: str
    """Countries of its machines, and how surely."""
    sent: str
    encrypted: str
    exposed: bool
    """Whether something that tells one device or person from another went there in clear text."""
    identifiers: str
    purposes: str
    devices: str
    """Which phones, of several."""
    rows: list[tuple[int, str, str]]
    """Its destinations: number, name, and what went there."""
    rows_left_out: int


class Companies(NamedTuple):
    """All of them, and the routine apart."""

    views: list[CompanyView]
    left_out: int
    routine: str
    """In a line; empty if there is none."""
    routine_rows: list[tuple[int, str, str]]
    routine_left_out: int


class DeviceView(NamedTuple):
    entry: DeviceEntry
    number: int
    """Place among all devices, from 1."""
    alarm: bool
    """Whether it sent lasting identifiers in clear text."""
    facts: list[str]
    firmware: list[str]
    """What is known of its builds."""
    sentences: list[str]
    numbers: list[tuple[str, str]]
    rows: list[Row]
    rows_left_out: int
    details_left_out: int
    """Of the rows, those without a detail."""
    lanes: list[time_view.Lane]
    """By purpose; none where it has no time line of its own."""
    apps: list[tuple[str, str]]
    """What it is called, and what it did."""
    apps_left_out: int


class CountryView(NamedTuple):
    country: charts.Country
    bar: list[tuple[float, float, str]]
    """From where on and how long, in per cent, how grave, and `unsure` for what is in doubt."""
    sure: str
    """How sure it is that it went there: `likely`, or `2 likely, 3 uncertain`."""
    transfer: str
    neither: bool
    """Whether neither holds, and something went there for which that matters."""
    since: str
    """Of the status, a day; empty if it has none."""
    condition: str
    reference: tuple[str, str] | None
    """Title, and where to find it, of the decision that is its alone."""


class RuleView(NamedTuple):
    rule: RuleVerdict
    result: str
    """In words."""
    evidence: list[str]
    basis: list[str]
    """What it leaves out, how it is meant, what it rests on."""


class VerdictView(NamedTuple):
    verdict: Verdict
    result: str
    rules: list[RuleView]
    """The gravest first."""
    phones: list[str]
    """Of which market they are held to be, and why."""
    judged_by: str


class PhoneSummary(NamedTuple):
    """A phone beside the others of its model."""

    label: str
    number: int
    """Place among all devices, from 1."""
    odd: bool
    builds: list[str]
    activation: list[str]
    """Where its activation data went."""
    exposed: str
    """Kinds of lasting identifiers in clear text."""
    countries: str


class SideBySide(NamedTuple):
    """The phones that name themselves the same model."""

    model: str
    phones: list[PhoneSummary]
    left_out: int


class Page(NamedTuple):
    report: Document
    headline: Headline
    companies: Companies
    verdict: VerdictView | None
    outliers: list[str]
    """What one phone of a model does that the others do not."""
    side_by_side: list[SideBySide]
    devices: list[DeviceView]
    countries: list[CountryView]
    excluded: str
    """Countries that tables name, and that are excluded, in a sentence; empty if there is none."""
    eea: list[tuple[str, str]]
    """What membership of the EEA rests on, for the countries here: titles, and where to find them."""
    elsewhere: int
    """Transmissions whose country is not known, but for those in the local network."""
    wide: map_view.MapView
    narrow: map_view.MapView
    paper: map_view.MapView
    axis: time_view.Axis | None
    """Of all time lines; None if nothing has a time."""
    lanes: list[time_view.Lane]
    """A lane for each device, if there are more than have a time line of their own."""
    lanes_left_out: int
    wide_flow: flow_view.FlowView | None
    narrow_flow: flow_view.FlowView | None
    paper_flow: flow_view.FlowView | None
    flow_table: flow_view.FlowTable
    why: list[Why]
    """Why it matters, by what was found."""
    not_seen: list[str]
    certainty: list[tuple[str, int, str]]
    """How sure countries are: word, transmissions, what it means."""
    long: bool
    """Whether there are so many rows that a browser had better not lay out those that are out of sight."""
    day: str
    """Of the last transmission: the day that transfer decisions are looked up for."""


def page(document: Document, max_rows: int = MAX_ROWS, max_details: int = MAX_DETAILS) -> Page:
    """What is shown of a document: at most so many destinations of all devices together, of which at most so
    many with their evidence."""
    report = shown(document)
    found = charts.countries(report, kinds_carried)
    excluded = charts.excluded(report)
    most = max((country.transmissions for country in found), default=1)
    sizes = [len(device["destinations"]) for device in report["devices"]]
    rows = shares(sizes, max_rows)
    details = shares(rows, max_details)
    lasts = [capture["last"] for capture in report["captures"] if capture["last"]]
    axis = time_view.axis(report)
    devices = report["devices"]
    many = time_view.phone_lanes(devices, axis) if axis and len(devices) > MAX_PICTURES else []
    ways = flow_view.ways(report)
    before = list(accumulate(sizes, initial=0))
    return Page(
        report,
        headline(report),
        _companies(report),
        _verdict(report["verdict"]) if report["verdict"] else None,
        phrases.outliers(report),
        _side_by_side(report),
        [
            _device(
                device,
                place + 1,
                before[place],
                rows[place],
                details[place],
                axis if _has_time_line(device, place, many) else None,
            )
            for place, device in enumerate(report["devices"])
        ],
        [_country(country, most) for country in found],
        _excluded(excluded),
        _eea_references(found),
        sum(
            row["transmissions"]
            for device in devices
            for row in device["destinations"]
            if not row["country"] and row["scope"] in (None, "global")
        ),
        map_view.map_view(found, 720, 14, 1.6, excluded),
        map_view.map_view(found, 360, 9, 1.45, excluded),
        map_view.map_view(found, 720, 14, 2.0, excluded),
        axis,
        many[:MAX_LANES],
        len(many[MAX_LANES:]),
        flow_view.flow(ways),
        flow_view.flow(ways, flow_view.NARROW_FLOW),
        flow_view.flow(ways, flow_view.PAPER_FLOW),
        flow_view.flow_table(ways),
        why(report),
        phrases.not_seen(report),
        _certainty(report),
        sum(rows) > LONG,
        max(lasts, default="")[:10],
    )


def shown(document: Document) -> Document:
    """The document with each text made printable and cut; `document` stays as it is."""

    def clean(item: Any, limit: int) -> Any:
        if isinstance(item, str):
            return printable(item, limit)
        if isinstance(item, list):
            return [clean(inner, limit) for inner in item]
        if isinstance(item, dict):
            return {
                key: clean(inner, MAX_SENTENCES if key in _SENTENCES else limit)
                for key, inner in item.items()
            }
        return item

    return cast("Document", clean(document, MAX_TEXT))


def shares(sizes: Sequence[int], total: int) -> list[int]:
    """How many of each may be shown if all together may be `total`: the small ones whole, the large ones alike."""
    result = [0] * len(sizes)
    left = total
    for done, item in enumerate(sorted(range(len(sizes)), key=lambda item: sizes[item])):
        result[item] = min(sizes[item], left // (len(sizes) - done))
        left -= result[item]
    return result


def _verdict(verdict: Verdict) -> VerdictView:
    return VerdictView(
        verdict,
        phrases.RESULTS[verdict["result"]],
        [
            RuleView(
                rule,
                phrases.RESULTS[rule["result"]],
                phrases.evidence(rule, MAX_EVIDENCE),
                [*rule["left_out"], *([rule["note"]] if rule["note"] else []), *rule["references"]],
            )
            for rule in phrases.rules(verdict)
        ],
        [
            *map(_held, verdict["phones"][:MAX_SIDE_BY_SIDE]),
            *([f"and {more:,} more phones"] if (more := len(verdict["phones"][MAX_SIDE_BY_SIDE:])) else []),
        ],
        phrases.judged_by(verdict),
    )


def _held(phone: PhoneVerdict) -> str:
    if not phone["bound"]:
        return f"{phone['label']}: the rules are not about this phone"
    return f"{phone['label']}: market {phone['market'] or 'not known'}, {phone['market_source']}"


def _side_by_side(report: Document) -> list[SideBySide]:
    models: dict[str, list[PhoneSummary]] = {}
    odd = {id_ for entry in report["outliers"] for id_ in entry["devices"]}
    for number, device in enumerate(report["devices"], 1):
        if device["model"] and device["destinations"]:
            phone = _phone_summary(device, number, device["id"] in odd)
            models.setdefault(device["model"].casefold(), []).append(phone)
    return [
        SideBySide(
            report["devices"][phones[0].number - 1]["model"] or "",
            phones[:MAX_SIDE_BY_SIDE],
            len(phones[MAX_SIDE_BY_SIDE:]),
        )
        for phones in models.values()
        if len(phones) > 1
    ]


def _is_placed(row: DestinationEntry) -> bool:
    """Whether its country is known, and not in doubt."""
    return row["country_certainty"] in ("certain", "likely") and row["scope"] in (None, "global")


def _phone_summary(device: DeviceEntry, number: int, odd: bool) -> PhoneSummary:
    rows = device["destinations"]
    activation = [row for row in rows if row["purpose"] == "activation"]
    countries = Counter[str]()
    for row in rows:
        if _is_placed(row):
            countries[row["country"] or ""] += row["transmissions"]
    most = [f"{code} {count:,}" for code, count in countries.most_common(MAX_CODES)]
    if len(countries) > MAX_CODES:
        most.append(f"and {len(countries) - MAX_CODES} more")
    elsewhere = sum(row["transmissions"] for row in rows if not row["local"]) - countries.total()
    if elsewhere > 0:
        most.append(f"not certain {elsewhere:,}")
    return PhoneSummary(
        device["label"],
        number,
        odd,
        phrases.builds(device),
        list(dict.fromkeys(place(row) for row in activation)),
        ", ".join(exposed(device)),
        ", ".join(most),
    )


def transfer_text(country: str | None, day: str | None) -> tuple[str, bool, Status | None]:
    """What held for data of people in the EEA: in words, whether neither, and the entry. Empty if no country or
    no time is known."""
    if not country or not day:
        return "", False, None
    found = status(country, day)
    if found is None:
        return "neither EEA nor adequate", True, None
    if found.kind == "eea":
        return "EEA", False, found
    return "adequacy decision" + (", for some recipients" if found.condition else ""), False, found


def _has_time_line(device: DeviceEntry, place: int, many: Sequence[time_view.Lane]) -> bool:
    """Of many devices, only those that sent lasting identifiers in clear text have one of their own."""
    return place < MAX_PICTURES and (not many or any(_is_open(row) for row in device["destinations"][:1]))


def _is_open(row: DestinationEntry) -> bool:
    return charts.level(row) == "open"


def _is_exposed(row: DestinationEntry) -> bool:
    return concern_level(row) in (0, 2)


def _device(
    device: DeviceEntry, number: int, before: int, rows: int, details: int, axis: time_view.Axis | None
) -> DeviceView:
    """What is shown of a device, whose destinations are numbered from `before` on; a time line only if its axis is
    given."""
    entries = device["destinations"]
    facts = [
        device["model"],
        device["system"],
        *phrases.builds(device),
        *device["addresses"],
        card_words(device),
    ]
    places = {row["country"] for row in entries if _is_placed(row)}
    unencrypted = sum(row["unencrypted"] for row in entries if not is_routine(row))
    routine = sum(row["unencrypted"] for row in entries) - unencrypted
    labels = {purpose.id: purpose.label for purpose in catalogue().purposes.values()}
    return DeviceView(
        device,
        number,
        any(map(_is_open, entries[:1])),
        [fact for fact in dict.fromkeys(facts) if fact and fact != device["label"]],
        phrases.notes(device),
        _NEXT_SENTENCE.split(device["summary"]),
        [
            (f"{device['transmissions']:,}", _word(device["transmissions"], "transmission")),
            (f"{hosts(entries):,}", _word(hosts(entries), "host")),
            (f"{len(places):,}", "known country" if len(places) == 1 else "known countries"),
            (f"{unencrypted:,}", "unencrypted"),
            *([(f"{routine:,}", "unencrypted, routine")] if routine else []),
            (f"{device['attempts']:,}", "unanswered"),
        ],
        [
            _row(entry, before + place + 1, detail=place < details)
            for place, entry in enumerate(entries[:rows])
        ],
        len(entries) - rows,
        rows - details,
        time_view.lanes(device, axis, labels) if axis else [],
        [(app_label(app), app_did(app)) for app in device.get("apps", [])[:MAX_APPS]],
        len(device.get("apps", [])[MAX_APPS:]),
    )


def _word(number: int, word: str) -> str:
    return word if number == 1 else word + "s"


def _companies(report: Document) -> Companies:
    every = (row for device in report["devices"] for row in device["destinations"])
    numbers = {id(row): number for number, row in enumerate(every, 1)}
    found = by_company.companies_and_rows(report["devices"])
    telling = [(entry, rows) for entry, rows in found if not entry["routine"]]
    views = [
        _company(entry, rows, numbers, len(report["devices"])) for entry, rows in telling[:MAX_COMPANIES]
    ]
    routine = [row for _, rows in found for _, row in rows if is_routine(row)]
    return Companies(
        views,
        len(telling) - len(views),
        by_company.routine_line(report["devices"]),
        [_of_company(row, numbers) for row in routine[:MAX_ROUTINE]],
        max(0, len(routine) - MAX_ROUTINE),
    )


def _company(
    entry: CompanyEntry,
    rows: Sequence[tuple[DeviceEntry, DestinationEntry]],
    numbers: Mapping[int, int],
    devices: int,
) -> CompanyView:
    telling = [row for _, row in rows if not is_routine(row)]
    which = list(dict.fromkeys(device["label"] for device, row in rows if not is_routine(row)))
    many = f"{len(which)} of {devices} phones" if len(which) > MAX_NAMED_DEVICES else ", ".join(which)
    return CompanyView(
        entry,
        charts.level(telling[0]),
        country_name(entry["country"]) if entry["country"] else "",
        by_company.where_words(entry),
        by_company.how_often(entry),
        ENCRYPTION[entry["encrypted"]],
        any(map(_is_exposed, telling)),
        by_company.got(entry) or "no identifier recognised",
        by_company.purpose_words(entry),
        many if devices > 1 else "",
        [_of_company(row, numbers) for row in telling[:MAX_OF_COMPANY]],
        max(0, len(telling) - MAX_OF_COMPANY),
    )


def _of_company(row: DestinationEntry, numbers: Mapping[int, int]) -> tuple[int, str, str]:
    name = row["host"] or next(iter(row["addresses"]), "(no name)")
    said = f"{row['purpose_label']}, {phrases.sent(row)}, {ENCRYPTION[row['encrypted']]}"
    return numbers[id(row)], name, said + (f"; {row['owner_reason']}" if not row["entry"] else "")


def _row(entry: DestinationEntry, number: int, *, detail: bool) -> Row:
    located = entry["addresses"] and entry["scope"] in (None, "global")
    transfer, neither, _ = transfer_text(entry["country"] if located else None, entry["last"])
    network = f"AS{entry['asn']} {entry['organisation'] or ''}".rstrip() if entry["asn"] is not None else ""
    where = phrases.where(entry)[0] if not located else place(entry)
    unsure = entry["country_certainty"] in ("uncertain", "unknown", "not-applicable")
    addresses = entry["addresses"]
    return Row(
        entry,
        number,
        entry["host"] or (addresses[0] if addresses else "(no name)"),
        "" if not addresses or entry["host"] is None else addresses[0] + _plus(len(addresses) - 1),
        where,
        entry["country_reason"] if unsure else "",
        network,
        transfer,
        neither and charts.level(entry) != "other",
        phrases.sent(entry),
        ENCRYPTION[entry["encrypted"]],
        ", ".join(phrases.kinds(entry)) or "none recognised",
        charts.level(entry),
        _is_exposed(entry),
        _detail(entry) if detail else None,
    )


def _plus(number: int) -> str:
    return f" +{number}" if number else ""


_RESTS_ON: Final = {
    "sni": "TLS (SNI)",
    "authority": ":authority",
    "host": "the Host header",
    "dns": "a DNS answer in the capture",
    "url": "the URL",
    "connection": "the connection that was made",
    "request": "what the device asked for",
    "error": "a failed connection",
}
_ASKED: Final = {
    "encrypted": "looks encrypted once more",
    "unknown": "is in a format that is not known",
    "limit": "is beyond the limits of decoding",
}
_CLOSED: Final = {
    "refused": "the device refused the certificate",
    "failed": "TLS or QUIC failed for another reason",
    "passed": "TLS or QUIC was let through unopened",
    "no-keys": "no key that opens it was given",
}


def _place_evidence(entry: DestinationEntry) -> list[str]:
    """What was weighed to tell the country, a sentence each; of a round trip also what it excludes."""
    lines = []
    for piece in entry["country_evidence"]:
        dated = f" [{piece['date']}]" if piece["date"] else ""
        lines.append(f"{EVIDENCE[piece['kind']]}: {piece['says']}{dated}")
    return lines


EVIDENCE: Final = {
    "provider-list": "The provider's list",
    "table": "Table",
    "edge-header": "Header of the answer",
    "round-trip": "Round trip",
    "name": "Name",
    "registry": "Registry",
}


def _detail(entry: DestinationEntry) -> Detail:
    ports = ", ".join(map(str, entry["ports"][:8]))
    contact = " · ".join(
        part
        for part in (
            ", ".join(entry["protocols"]) + (f", port {ports}" if ports else ""),
            "name from " + _listed(entry["host_sources"]) if entry["host_sources"] else "",
            "address from " + _listed(entry["address_sources"]) if entry["address_sources"] else "",
            "also asked for as " + ", ".join(entry["authorities"][:4]) if entry["authorities"] else "",
        )
        if part
    )
    transfer, _, found = transfer_text(entry["country"], entry["last"])
    location = [
        f"{entry['country_certainty']}: {entry['country_reason']}",
        *_place_evidence(entry),
        *(["Tables: " + "; ".join(entry["location_sources"])] if entry["location_sources"] else []),
        *([_transfer_sentence(transfer, found, entry["last"] or "")] if transfer else []),
        *phrases.where(entry)[3:],
    ]
    owner = f"{entry['owner'] or 'owner'}: {entry['owner_reason']}"
    if entry["owner_country"]:
        owner += f"; headquarters in {country_name(entry['owner_country'])}"
    purpose = [
        entry["purpose_reason"],
        *([owner] if not entry["entry"] else []),
        *entry["references"][:MAX_REFERENCES],
    ]
    if len(entry["references"]) > MAX_REFERENCES:
        purpose.append(f"and {len(entry['references']) - MAX_REFERENCES} more references")
    identifiers = sorted(
        entry["identifiers"],
        key=lambda item: (CATEGORY_ORDER.get(item["category"], len(CATEGORY_ORDER)), item["label"]),
    )
    more = [f"{entry['bytes_sent']:,} bytes sent, {entry['bytes_received']:,} received"]
    if entry["first"]:
        more.append(f"{time(entry['first'])} to {time(entry['last'])}")
    more += [
        f"{number:,} with a part that {_ASKED[looks]}"
        for looks, number in entry["not_understood"].items()
        if looks in _ASKED
    ]
    more += [
        f"{number:,} times {_CLOSED[why]}"
        for why, number in entry["tls_not_opened"].items()
        if number and why in _CLOSED
    ]
    return Detail(
        entry["addresses"][:MAX_ADDRESSES],
        max(0, len(entry["addresses"]) - MAX_ADDRESSES),
        contact,
        location,
        purpose,
        identifiers[:MAX_IDENTIFIERS],
        len(identifiers[MAX_IDENTIFIERS:]) + entry["identifiers_left_out"],
        app_words(entry),
        more,
    )


def _listed(sources: Sequence[str]) -> str:
    return ", ".join(_RESTS_ON.get(source, source) for source in sources)


def _transfer_sentence(text: str, found: Status | None, day: str) -> str:
    if found is None:
        return (
            f"Neither in the EEA nor covered by an adequacy decision of the European Commission on {day[:10]}"
        )
    if found.kind == "eea":
        return f"In the European Economic Area on {day[:10]}"
    condition = f", {found.condition}" if found.condition else ""
    return f"Adequacy decision of the European Commission since {found.since}{condition} ({found.references[0][0]})"


def _country(country: charts.Country, most: int) -> CountryView:
    text, neither, found = transfer_text(country.code, country.last)
    bar, x = [], 0.0
    for (grave, unsure), number in country.parts.items():
        width = round(max(number / most * 100, 0.8), 2)
        bar.append((round(x, 2), width, grave + (" unsure" if unsure else "")))
        x += width
    words = [f"{number:,} {word}" for word, number in country.sure.items()]
    return CountryView(
        country,
        bar,
        ", ".join(words) if len(words) > 1 else next(iter(country.sure), ""),
        text,
        neither and country.level != "other",
        found.since if found else "",
        found.condition if found else "",
        found.references[0] if found and found.kind == "adequate" else None,
    )


def _excluded(found: Sequence[charts.Excluded]) -> str:
    if not found:
        return ""
    named = listed(
        [f"{the_country(each.code)} ({number_of(each.destinations, 'destination')})" for each in found]
    )
    return f"Named by a table, and excluded because the answer came too soon: {named}."


def _eea_references(found: Sequence[charts.Country]) -> list[tuple[str, str]]:
    statuses = [transfer_text(country.code, country.last)[2] for country in found]
    return sorted({item for entry in statuses if entry and entry.kind == "eea" for item in entry.references})


_MEANING: Final = {
    "certain": "the cloud provider publishes the region of the address",
    "likely": "a geolocation table says so",
    "uncertain": "a table says so, but the address or its network answers from several places",
    "unknown": "no table knows, or the capture holds no address",
    "not-applicable": "no address of the internet: the local network",
}


def _certainty(report: Document) -> list[tuple[str, int, str]]:
    rows = [row for device in report["devices"] for row in device["destinations"]]
    return [
        (word, number, meaning)
        for word, meaning in _MEANING.items()
        if (number := sum(row["transmissions"] for row in rows if row["country_certainty"] == word))
    ]


def time(text: str | None) -> str:
    """`2019-01-22 06:58:09 UTC`."""
    return text.replace("T", " ").replace("Z", " UTC") if text else "at an unknown time"
