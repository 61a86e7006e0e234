"""Whether what a report says of phones keeps to a policy.

`judge_policy` is a function of the report's document, the policy, and the markets that the user named; it
reads nothing and looks nothing up. A rule holds, is broken, could not be judged, or applies to no phone here;
"could not be judged" is the answer wherever the report is not sure, unless the rule says otherwise. An attempt
is as much against a rule as what was delivered, but the two are told apart.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import IntEnum
from fnmatch import fnmatchcase
from typing import Final, Literal, NamedTuple

from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.knowledge.addresses import the_country
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.knowledge.schema import Reference
from phonehome.analysis.policy.rules import Places, Policy, Rule
from phonehome.analysis.policy.verdict import EvidenceEntry, PhoneVerdict, Result, RuleVerdict, Verdict
from phonehome.analysis.purposes import UNCLASSIFIED
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, Document, IdentifierEntry
from phonehome.analysis.report.model import MAX_NAMES
from phonehome.analysis.report.shown import PLAIN, Shown
from phonehome.analysis.report.summary import (
    how_surely,
    identifiers_carried,
    listed,
    purpose_phrase,
    times,
    told,
    unread,
    where,
    whither,
)

MAX_LISTED: Final = 100
"""Destinations that are listed for a rule; all are counted."""
MAX_NAMED: Final = 6


class _Level(IntEnum):
    FINE = 0
    DOUBT = 1
    BROKEN = 2


Certainty = Literal["certain", "likely", "uncertain"]
_CERTAINTY: Final[tuple[Certainty, ...]] = ("certain", "likely", "uncertain")
_AGAINST: Final = {
    "certain": "Against it",
    "likely": "Probably against it",
    "uncertain": "Perhaps against it",
}


class _Problem(NamedTuple):
    level: _Level
    text: str
    certainty: Certainty = "certain"
    """Of the country, if it is about that."""


class _Phone(NamedTuple):
    entry: DeviceEntry
    market: str | None
    source: str


def judge_policy(
    document: Document,
    policy: Policy,
    market: str | None = None,
    markets: Mapping[str, str] | None = None,
    shown: Shown = PLAIN,
) -> Verdict:
    """Holds the document against the policy. `document` is as it was seen; `shown` is how captured texts stand in the
    answer.

    `market` is the user's word for all phones, `markets` for single ones (by label, id or address); without
    either, the build numbers in the traffic tell. Raises nothing that a document of the schema could cause."""
    phones: list[_Phone] = []
    told: list[PhoneVerdict] = []
    for device in document["devices"]:
        code, source = _market(device, market, markets or {})
        bound = _is_meant(device, policy.phones)
        if bound:
            phones.append(_Phone(device, code, source))
        told.append(
            {
                "id": shown.name(device["id"]),
                "label": shown.name(device["label"]),
                "market": code,
                "market_source": source,
                "bound": bound,
            }
        )
    gaps = _gaps(document, shown)
    rules = [_rule_verdict(rule, policy, phones, gaps, shown) for rule in policy.rules]
    for rule in rules:
        rule["same_as"] = [
            other["id"] for other in rules if other is not rule and _rests_on(rule) & _rests_on(other)
        ]
    result = _overall([rule["result"] for rule in rules])
    summary = _summary(policy, result, rules)
    sources = document["sources"]
    return {
        "policy": {
            "id": policy.id,
            "title": policy.title,
            "description": policy.description,
            "sha256": policy.sha256,
        },
        "program": f"{sources['tool']['name']} {sources['tool']['version']}",
        "tables": [
            f"{table['name']}, {table['date']}" if table["date"] else f"{table['name']}"
            for table in sources["location_tables"]
        ],
        "result": result,
        "summary": summary,
        "phones": told,
        "rules": rules,
    }


def _market(device: DeviceEntry, market: str | None, markets: Mapping[str, str]) -> tuple[str | None, str]:
    named = device["markets"]
    for key in (device["label"], device["id"], *device["addresses"]):
        if key in markets:
            market = markets[key]
            break
    if market is not None:
        contradiction = [code for code in named if code != market]
        but = f"; its build numbers say {listed(contradiction)}" if contradiction else ""
        return market, f"given by the user{but}"
    if len(named) == 1:
        return named[0], "by the build number in the traffic"
    if named:
        return None, f"its build numbers contradict each other: {listed(named)}"
    return None, "no build number in the traffic names one"


def _is_meant(device: DeviceEntry, phones: Sequence[str]) -> bool:
    """Whether a policy is about this phone: it names itself so, or does not say what it is."""
    said = [*device["models"], *(build for build in device["builds"] if "/" in build)]
    return (
        not phones
        or not said
        or any(fnmatchcase(text.lower(), pattern.lower()) for text in said for pattern in phones)
    )


def _overall(results: Sequence[Result]) -> Result:
    for result in ("broken", "not-judged", "holds"):
        if result in results:
            return result
    return "not-judged"


_WORDS: Final = {
    "stated": ("statement", {"broken": "contradicted", "holds": "not contradicted"}),
    "inference": ("conclusion", {"broken": "not met", "holds": "met"}),
    "": ("rule", {"broken": "broken", "holds": "kept to"}),
}
"""What rules are called, by what they rest on, and what came of them."""


def _summary(policy: Policy, result: Result, rules: Sequence[RuleVerdict]) -> str:
    """What was stated and what is concluded from it are counted apart."""
    if all(rule["result"] == "does-not-apply" for rule in rules):
        return f"{policy.title}: not judged, because no phone in the capture is one that its rules are about."
    verdict = {"broken": "BROKEN", "holds": "holds"}.get(result, "could not be judged")
    if len(rules) == 1:
        return f"{policy.title}: {verdict}. {rules[0]['reason']}"
    bases = {rule["basis"] for rule in rules}
    groups = [[rule for rule in rules if rule["basis"] == basis] for basis in ("stated", "inference")]
    if len(bases) == 1:
        counts = [_counted(list(rules), *_WORDS[""])]
    else:
        counts = [
            _counted(groups[0], *_WORDS["stated"]),
            _counted(groups[1], *_WORDS["inference"], "further "),
        ]
    sentences = [f"{policy.title}: {verdict}.", f"{'; '.join(counts)}."]
    broken = [rule for rule in rules if rule["result"] == "broken"]
    likely = sum(rule["certainty"] != "certain" for rule in broken)
    if likely:
        of_all = (
            "This rests" if len(broken) == 1 else f"{likely} of these {len(broken)} rest{'s' * (likely == 1)}"
        )
        sentences.append(f"{of_all} on countries that are likely, not certain.")
    if len(broken) > 1:
        on = [(_rests_on(rule), [entry["transmissions"] for entry in rule["broken"]]) for rule in broken]
        if all(each == on[0] for each in on) and not any(rule["listed_only"] for rule in broken):
            sentences.append(
                f"All {len(broken)} rest on the same transmissions, to {_hosts(broken[0]['broken'])}."
            )
        elif any(rule["same_as"] for rule in broken):
            sentences.append("They rest, in part, on the same transmissions.")
    return " ".join(sentences)


def _counted(rules: Sequence[RuleVerdict], noun: str, said: Mapping[str, str], further: str = "") -> str:
    """`2 of 3 statements contradicted, 1 could not be judged`."""
    names = {**said, "not-judged": "could not be judged"}
    numbers = {
        name: sum(rule["result"] == name for rule in rules) for name in ("broken", "not-judged", "holds")
    }
    parts = [f"{number} {names[name]}" for name, number in numbers.items() if number]
    if idle := sum(rule["result"] == "does-not-apply" for rule in rules):
        parts.append(f"{idle} {'applies' if idle == 1 else 'apply'} to no phone here")
    number, _, verb = parts[0].partition(" ")
    of_all = "" if number == str(len(rules)) and further else f" of {len(rules)}"
    nouns = noun + "s" * (len(rules) > 1)
    return ", ".join([f"{number}{of_all} {further}{nouns} {verb}", *parts[1:]])


def _rests_on(rule: RuleVerdict) -> set[tuple[object, ...]]:
    """What is against a rule: transmissions of a phone to a destination for a purpose."""
    return {
        (entry["device"], entry["host"], *entry["addresses"], entry["purpose"]) for entry in rule["broken"]
    }


_Meant = Literal["yes", "no", "unknown"]


class _Look(NamedTuple):
    """What one destination of one phone means for a rule."""

    problems: Sequence[_Problem] = ()
    matched: Sequence[IdentifierEntry] = ()
    judged: bool = False
    """Whether the rule is about it, and it is known that it keeps to the rule or not."""
    seen: bool = False
    """Whether it shows that there was something to judge."""
    left_out: str = ""
    """Why the rule leaves it out; empty if it does not."""


_NOT_MEANT: Final = _Look()


def _rule_verdict(
    rule: Rule, policy: Policy, phones: Sequence[_Phone], gaps: Sequence[str], shown: Shown
) -> RuleVerdict:
    """`gaps` are what the captures do not hold although it was there."""
    found: dict[_Level, list[EvidenceEntry]] = {level: [] for level in _Level}
    left_out: dict[str, int] = {}
    judged = 0
    bound = 0
    unseen: list[str] = []
    doubts: list[str] = []
    certainties: set[Certainty] = set()
    for phone in phones:
        applies = _applies(rule, phone.market)
        bound += applies is not False
        if applies is False:
            continue
        seen = False
        about = _hosts_meant(rule, phone.entry)
        for row in phone.entry["destinations"]:
            look = _look(rule, policy, row, about)
            if look.left_out:
                left_out[look.left_out] = left_out.get(look.left_out, 0) + row["transmissions"]
                continue
            seen |= look.seen
            judged += row["transmissions"] if look.judged else 0
            problems: Sequence[_Problem] = look.problems
            if applies is None and (look.problems or look.judged):
                problems = [
                    _Problem(_Level.DOUBT, f"the phone's market is not known ({phone.source}): say --market")
                ]
            level = max((problem.level for problem in problems), default=_Level.FINE)
            if level:
                worst = [problem for problem in problems if problem.level == level]
                certainties.update(problem.certainty for problem in worst if level == _Level.BROKEN)
                texts = [problem.text for problem in worst]
                found[level].append(_evidence(phone.entry, row, look.matched, texts, shown))
        doubts += _looked_up(rule, phone.entry, shown)
        if rule.must_be_seen and not seen:
            unseen.append(shown.name(phone.entry["label"]))
    certainty = next((word for word in _CERTAINTY if word in certainties), None)
    result, reason = _result(
        rule,
        bound,
        judged,
        unseen,
        found[_Level.BROKEN],
        found[_Level.DOUBT],
        [*doubts, *gaps],
        phones,
        certainty,
    )
    return {
        "id": rule.id,
        "says": rule.says,
        "basis": rule.basis,
        "note": rule.note,
        "references": [_reference(reference) for reference in rule.references],
        "result": result,
        "certainty": certainty,
        "same_as": [],
        "reason": reason,
        "judged": judged,
        "broken": found[_Level.BROKEN][:MAX_LISTED],
        "not_judged": found[_Level.DOUBT][:MAX_LISTED],
        "listed_only": sum(max(0, len(entries) - MAX_LISTED) for entries in found.values()),
        "left_out": [
            f"{_transmissions(number)} left out: {reason}" for reason, number in sorted(left_out.items())
        ],
    }


def _look(rule: Rule, policy: Policy, row: DestinationEntry, about: Collection[str | None]) -> _Look:
    """What a destination means for a rule. `about` are the hosts that the rule is about, as far as they are known."""
    if row["local"]:
        return _at_home(rule, row)
    problems = _problems(rule, policy, row, ())
    if rule.purposes and row["purpose"] not in rule.purposes:
        return _unclassified(rule, row, problems, about)
    excepted = _left_out(rule, row)
    if excepted:
        return _Look(left_out=excepted)
    matched = _matched(rule, row)
    meant = _is_of_owner(rule, row)
    perhaps = _perhaps(rule, row) if rule.kinds and not matched and rule.unread == "doubt" else ""
    if perhaps and problems and meant == "yes" and rule.forbidden != Places(anything=True):
        return _Look(
            [_Problem(_Level.DOUBT, f"{problem.text}; it may carry {perhaps}") for problem in problems]
        )
    if matched is None:  # no identifier of the kinds, and all of it was read
        return _Look(seen=rule.forbidden is not None and rule.forbidden.anything and meant != "no")
    if matched:
        problems = _problems(rule, policy, row, matched)
    if meant == "no" or (meant == "unknown" and rule.unknown_owner != "counts"):
        return _of_others(rule, row, matched, problems, meant)
    if rule.kinds and not matched:
        if rule.unread == "left-out":
            return _Look(left_out=f"{unread(row)}, and the rule leaves that out")
        # It is a question of what is inside only if it must not go there.
        doubts = [_Problem(_Level.DOUBT, f"{problem.text}; {unread(row)}") for problem in problems]
        return _Look(doubts)
    if rule.uncertain_location == "left-out" and _location_doubt(rule, row) == "":
        return _Look(left_out="where it went is uncertain")
    return _Look(problems, matched, judged=True, seen=True)


def _at_home(rule: Rule, row: DestinationEntry) -> _Look:
    """What goes to a phone's own network does not leave; but a resolver there asks others."""
    if "dns" in row["protocols"] and rule.kinds and (matched := _matched(rule, row)):
        return _Look(
            [
                _Problem(
                    _Level.DOUBT,
                    "it stands in a name that was looked up: whom the resolver asked is not known",
                )
            ],
            matched,
        )
    return _NOT_MEANT


def _unclassified(
    rule: Rule, row: DestinationEntry, problems: Sequence[_Problem], about: Collection[str | None]
) -> _Look:
    """A destination of another purpose. Where nobody could read what it was for, it can be of this one."""
    why_not = unread(row)
    if row["purpose"] != UNCLASSIFIED or not why_not or not problems:
        return _NOT_MEANT
    if row["host"] in about:
        why = "the rule is about this host"
    elif rule.forbidden and rule.forbidden.names_places and row["entry"] is None:
        why = "nobody knows what this host is for"
    else:
        return _Look(left_out=f"what it was for is not known, and {why_not}")
    return _Look([_Problem(_Level.DOUBT, f"{problem.text}; {why_not}, and {why}") for problem in problems])


def _of_others(
    rule: Rule,
    row: DestinationEntry,
    matched: Sequence[IdentifierEntry],
    problems: Sequence[_Problem],
    meant: _Meant,
) -> _Look:
    """A destination of somebody whom the rule does not name. It is not accused of what is asked of others; but that
    nothing of the kind went to a place cannot be said of a phone that sends it there, whoever it is for."""
    if meant == "unknown":
        whose, forbids = "whose endpoint it is, is not known", rule.unknown_owner == "doubt"
    else:
        whose, forbids = (
            f"the endpoint is of {row['owner']}, whom the rule does not name",
            rule.forbidden is not None,
        )
    if problems and forbids:
        doubts = [_Problem(_Level.DOUBT, f"{problem.text}; but {whose}") for problem in problems]
        return _Look(doubts, matched)
    if meant == "unknown" and rule.unknown_owner == "doubt":
        return _Look((), matched, judged=True, seen=True)
    return _Look(left_out=whose)


def _hosts_meant(rule: Rule, device: DeviceEntry) -> frozenset[str | None]:
    """Names that a phone sends something to that the rule is about."""
    if not rule.purposes:
        return frozenset()
    return frozenset(
        row["host"]
        for row in device["destinations"]
        if row["host"] and row["purpose"] in rule.purposes and _is_of_owner(rule, row) != "no"
    )


def _looked_up(rule: Rule, device: DeviceEntry, shown: Shown) -> list[str]:
    """Names of the hosts that the rule is about, of which a look-up is all that was seen."""
    if rule.kinds and not rule.purposes and device["names_only_with_data"]:
        return [
            f"{shown.name(device['label'])} looked up names with what may be identifiers in them, and whom the "
            "resolver asked is not known"
        ]
    if not rule.purposes:
        return []
    if device["names_only_count"] >= MAX_NAMES:
        return [f"{shown.name(device['label'])} looked up so many names that not all of them were kept"]
    return [
        f"{shown.name(device['label'])} looked up {shown.host(known['host'])}, and nothing that it sent there was seen"
        for known in device["names_only_known"]
        if known["purpose"] in rule.purposes and (not rule.owners or known["owner"] in rule.owners)
    ]


def _gaps(document: Document, shown: Shown) -> list[str]:
    """What is not in the document although it was captured: it may be what is against a rule."""
    gaps = [
        f"{shown.name(failed['path'])} could not be read ({shown.name(failed['error'])})"
        for failed in document["errors"]
    ]
    for capture in document["captures"]:
        if capture["damage"]:
            more = len(capture["damage"]) - 1
            first = shown.name(capture["damage"][0])
            gaps.append(
                f"{shown.name(capture['path'])} was not read whole: {first}"
                + (f" (and {more} more)" if more else "")
            )
    return gaps


def _result(
    rule: Rule,
    bound: int,
    judged: int,
    unseen: Sequence[str],
    broken: Sequence[EvidenceEntry],
    doubtful: Sequence[EvidenceEntry],
    doubts: Sequence[str],
    phones: Sequence[_Phone],
    certainty: Certainty | None,
) -> tuple[Result, str]:
    if broken:
        sent = sum(entry["sent"] for entry in broken)
        tried = sum(entry["tried"] for entry in broken)
        counts = [f"sent {times(sent)}"] if sent else []
        counts += [f"tried {times(tried)} without an answer"] if tried else []
        against = _AGAINST[certainty or "certain"]
        if any(entry["country_certainty"] != certainty for entry in broken) and _asks_where(rule):
            against += ", in part only probably" if certainty == "certain" else ""
        return "broken", f"{against}: {listed(counts)}, to {_hosts(broken)}."
    if not bound:
        return "does-not-apply", "No phone in the capture is one that this rule is about."
    if doubtful:
        reasons = list(dict.fromkeys(problem for entry in doubtful for problem in entry["problems"]))
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        return "not-judged", f"Could not be judged for {_hosts(doubtful)}: {reasons[0]}{more}."
    if doubts:
        more = f" (and {len(doubts) - 1} more)" if len(doubts) > 1 else ""
        return "not-judged", f"Could not be judged: {doubts[0]}{more}."
    if judged and unseen:
        some = (
            unseen if len(unseen) <= MAX_NAMED else [*unseen[:MAX_NAMED], f"{len(unseen) - MAX_NAMED} more"]
        )
        return "not-judged", f"Could not be judged: nothing of this kind was seen of {listed(some)}."
    if judged:
        return "holds", f"{_transmissions(judged)} of this kind, and none against it."
    if not rule.must_be_seen:
        return "holds", "Nothing of this kind was seen, and it need not be."
    if not unseen:
        return "holds", "What could be of this kind was read, and nothing in it is against it."
    closed = sum(
        row["transmissions"]
        for phone in phones
        for row in phone.entry["destinations"]
        if row["entry"] is None and unread(row)
    )
    hidden = (
        f"; {_transmissions(closed)} that nobody could read, to hosts that the catalogue does not know, may have "
        "been of it"
        if closed
        else ""
    )
    return "not-judged", f"Could not be judged: nothing of this kind was seen{hidden}."


def _asks_where(rule: Rule) -> bool:
    """Whether it asks where something goes, and not only how."""
    return any(
        places is not None and bool(places.countries or places.groups or places.cloud)
        for places in (rule.allowed, rule.forbidden)
    )


def _applies(rule: Rule, market: str | None) -> bool | None:
    """Whether the rule is about phones of this market; None if the market is not known, and it matters."""
    if not rule.markets and not rule.not_markets:
        return True
    if market is None:
        return None
    return market in rule.markets if rule.markets else market not in rule.not_markets


def _is_of_owner(rule: Rule, row: DestinationEntry) -> _Meant:
    """Whether the rule is about whose endpoint it is. It is unknown only if it matters."""
    owner = _owner(row)
    if not rule.owners or owner in rule.owners:
        return "yes"
    return "unknown" if owner is None else "no"


def _owner(row: DestinationEntry) -> str | None:
    """Whose endpoint it is, as the catalogue says; a domain alone is no more than the name that the phone gave."""
    return row["owner"] if row["owner_basis"] == "catalogue" else None


def _matched(rule: Rule, row: DestinationEntry) -> list[IdentifierEntry] | None:
    """The identifiers that the rule is about; None if the row has none of them, and could be read."""
    if not rule.kinds:
        return []
    found = [
        item
        for item in row["identifiers"]
        if item["kind"] in rule.kinds and RANK.get(item["certainty"], 0) >= RANK["likely"]
    ]
    return found if found or unread(row) else None


def _perhaps(rule: Rule, row: DestinationEntry) -> str:
    """What looks like an identifier that the rule is about, and may be something else; empty if nothing does."""
    labels = dict.fromkeys(item["label"] for item in row["identifiers"] if item["kind"] in rule.kinds)
    return listed(list(labels)[:MAX_NAMED]) if labels else ""


def _left_out(rule: Rule, row: DestinationEntry) -> str:
    """Why a row is excepted. Names and ports are the phone's word: an exception holds at the networks that it names,
    or, if it names none, for what was read and carries no identifier."""
    host = row["host"] or ""
    for item in rule.exceptions:
        given = (
            (item.owners, _owner(row) in item.owners),
            (item.entries, row["entry"] in item.entries),
            (item.hosts, any(fnmatchcase(host, pattern) for pattern in item.hosts)),
            (item.purposes, row["purpose"] in item.purposes),
            (item.countries, row["country"] in item.countries and row["country_certainty"] != "uncertain"),
            (item.networks, row["asn"] in item.networks),
        )
        if not all(fits for condition, fits in given if condition):
            continue
        if not item.networks and not _is_read(row, item.most_bytes):
            continue
        if not _tells(row) or (item.networks and (item.owners or item.entries)):
            return item.reason
    return ""


def _tells(row: DestinationEntry) -> bool:
    """Whether something in it may tell one phone, or one person, from another."""
    kinds = catalogue().kinds
    return any(item["kind"] not in kinds or kinds[item["kind"]].singles_out for item in row["identifiers"])


def _is_read(row: DestinationEntry, most_bytes: int) -> bool:
    """Whether all that it carries was read, but for parts of so many bytes."""
    if not most_bytes or "bytes" not in row["not_understood"]:
        return not unread(row)
    parts = row["not_understood"].get("unknown", 0) + row["not_understood"].get("encrypted", 0)
    small = row["not_understood"]["bytes"] <= most_bytes * parts
    return small and not unread({**row, "not_understood": {}})


def _problems(
    rule: Rule, policy: Policy, row: DestinationEntry, matched: Sequence[IdentifierEntry]
) -> list[_Problem]:
    """All that speaks against a row, or that is not known of it."""
    problems = [
        *(_place_problems(rule, rule.allowed, True, policy, row, matched) if rule.allowed else ()),
        *(_place_problems(rule, rule.forbidden, False, policy, row, matched) if rule.forbidden else ()),
    ]
    if rule.until and problems and not (row["last"] and row["last"][:10] < rule.until):
        return [_Problem(_Level.DOUBT, f"it is not all from before {rule.until}, until when the rule speaks")]
    if _owner(row) is None and rule.unknown_owner == "doubt":
        return [
            _Problem(_Level.DOUBT, f"{problem.text}; but whose endpoint it is, is not known")
            for problem in problems
        ]
    return problems


def _place_problems(
    rule: Rule,
    places: Places,
    allowed: bool,
    policy: Policy,
    row: DestinationEntry,
    matched: Sequence[IdentifierEntry],
) -> Iterable[_Problem]:
    if places.anything:
        yield _Problem(_Level.BROKEN, "the rule forbids it wherever it goes")
    if places.countries or places.groups:
        yield from _country(rule, places, allowed, policy, row)
    if places.networks:
        yield from _network(places, allowed, row)
    if places.cloud:
        yield from _cloud(rule, places, allowed, row)
    if places.encryption:
        count = max((item["unencrypted"] for item in matched), default=row["unencrypted"])
        number = max((item["transmissions"] for item in matched), default=row["transmissions"])
        unknown = 0 if matched else row["encryption_unknown"]
        for name, seen in (("unencrypted", count), ("encrypted", number - count - unknown)):
            if seen > 0 and (name in places.encryption) != allowed:
                yield _Problem(_Level.BROKEN, f"{times(seen)} {name}")
        if unknown:
            yield _Problem(
                _Level.DOUBT, f"{times(unknown)} in a protocol that is not known: perhaps encrypted"
            )


def _country(
    rule: Rule, places: Places, allowed: bool, policy: Policy, row: DestinationEntry
) -> Iterable[_Problem]:
    if not allowed and _cannot_be_in(places, policy, row):
        return
    doubt = _location_doubt(rule, row)
    if doubt is not None:
        if doubt:
            yield _Problem(_Level.DOUBT, doubt)
        return
    code = row["country"] or ""
    inside, condition = _membership(places, policy, code, row["first"], row["last"])
    if inside and condition:
        yield _Problem(_Level.DOUBT, f"{the_country(code)} is among these countries {condition}")
    elif inside != allowed:
        names = listed(sorted({*places.countries, *places.groups}))
        yield _Problem(
            _Level.BROKEN,
            f"{how_surely([row])}in {the_country(code)}, which is "
            f"{'not among what is allowed' if allowed else 'forbidden'} ({names})",
            _certainty(row),
        )


def _cannot_be_in(places: Places, policy: Policy, row: DestinationEntry) -> bool:
    """Whether it is in none of these countries, because it answered too soon. Wherever it is, it is not there."""
    codes = {*places.countries, *(code for group in places.groups for code in policy.groups[group])}
    return bool(codes) and codes <= set(row["excluded_countries"])


def _location_doubt(rule: Rule, row: DestinationEntry) -> str | None:
    """None: the country can be judged. Empty: it is left out. Else why it cannot be judged."""
    if not row["addresses"] or row["country"] is None:
        return f"where it went is not known ({row['country_reason']})"
    if row["country_certainty"] == "uncertain":
        if rule.uncertain_location == "counts":
            return None
        uncertain = f"where it went is uncertain ({row['country_reason']})"
        return "" if rule.uncertain_location == "left-out" else uncertain
    return None


def _membership(
    places: Places, policy: Policy, code: str, first: str | None, last: str | None
) -> tuple[bool, str]:
    """Whether a country is among those named, at the time of the transmissions; and, not empty, the condition
    under which it is."""
    if code in places.countries:
        return True, ""
    periods = [period for group in places.groups for period in policy.groups[group].get(code, ())]
    start, end = (first or last or "9999")[:10], (last or first or "9999")[:10]
    touching = [
        period for period in periods if period.since <= end and (not period.until or start < period.until)
    ]
    if not touching:
        return False, ""
    if any(
        period.since <= start and (not period.until or end < period.until) and not period.condition
        for period in touching
    ):
        return True, ""
    condition = next((period.condition for period in touching if period.condition), "")
    return True, condition or f"for a part of the time only (since {touching[0].since})"


def _network(places: Places, allowed: bool, row: DestinationEntry) -> Iterable[_Problem]:
    if row["asn"] is None:
        yield _Problem(_Level.DOUBT, "its network is not known")
    elif (row["asn"] in places.networks) != allowed:
        kind = "not among what is allowed" if allowed else "forbidden"
        yield _Problem(
            _Level.BROKEN, f"AS{row['asn']} {row['organisation'] or ''} is {kind}".replace("  ", " ")
        )


def _cloud(rule: Rule, places: Places, allowed: bool, row: DestinationEntry) -> Iterable[_Problem]:
    doubt = _location_doubt(rule, row)
    if doubt is not None:
        if doubt:
            yield _Problem(_Level.DOUBT, doubt)
        return
    cloud = row["cloud"]
    inside = cloud is not None and any(
        provider == cloud["provider"] and region in ("", cloud["region"]) for provider, region in places.cloud
    )
    if inside != allowed:
        names = listed([f"{provider} {region}".strip() for provider, region in places.cloud])
        how = how_surely([row])
        what = (
            f"it is not in {names}, but {how}in {where(row).removeprefix(how)}"
            if allowed
            else f"{names} is forbidden"
        )
        yield _Problem(_Level.BROKEN, what, _certainty(row))


def _certainty(row: DestinationEntry) -> Certainty:
    return next((word for word in _CERTAINTY if word == row["country_certainty"]), "uncertain")


def _evidence(
    device: DeviceEntry,
    row: DestinationEntry,
    matched: Sequence[IdentifierEntry],
    problems: Sequence[str],
    shown: Shown,
) -> EvidenceEntry:
    # Counts of single identifiers overlap: the largest is what is sure.
    number = max((item["transmissions"] for item in matched), default=row["transmissions"])
    sent = max((item["delivered"] for item in matched), default=row["transmissions"] - row["attempts"])
    unencrypted = max((item["unencrypted"] for item in matched), default=row["unencrypted"])
    cloud = row["cloud"]
    entry: EvidenceEntry = {
        "device": shown.name(device["id"]),
        "label": shown.name(device["label"]),
        "claim": "",
        "problems": list(problems),
        "host": shown.host(row["host"]) if row["host"] else None,
        "addresses": [shown.host(address) for address in row["addresses"]],
        "country": row["country"],
        "country_name": row["country_name"],
        "country_certainty": row["country_certainty"],
        "asn": row["asn"],
        "organisation": row["organisation"],
        "cloud": f"{cloud['provider']} {cloud['region'] or ''}".strip() if cloud else None,
        "owner": row["owner"],
        "purpose": row["purpose"],
        "purpose_reason": row["purpose_reason"],
        "transmissions": number,
        "sent": sent,
        "tried": number - sent,
        "acknowledged": None if row["acknowledged"] is None else min(row["acknowledged"], sent),
        "unencrypted": unencrypted,
        "first": row["first"],
        "last": row["last"],
        "identifiers": list(
            dict.fromkeys(
                f"{item['label']} {shown.value(item['kind'], item['value'])}"
                for item in matched or _telling(row)
            )
        ),
        "flows": [shown.id(example["flow"]) for example in row["examples"]],
    }
    entry["claim"] = _claim(entry, row)
    return entry


def _telling(row: DestinationEntry) -> list[IdentifierEntry]:
    kinds = catalogue().kinds
    return [
        item
        for item in row["identifiers"]
        if RANK.get(item["certainty"], 0) >= RANK["likely"]
        and (item["kind"] not in kinds or kinds[item["kind"]].singles_out)
    ]


def _claim(entry: EvidenceEntry, row: DestinationEntry) -> str:
    """What was seen, in a sentence."""
    name = entry["host"] or next(iter(entry["addresses"]), "a host that has no name")
    what = f"{purpose_phrase(row)} {whither(row)} ({name})"
    if entry["sent"]:
        text = f"sent {what} {times(entry['sent'])}"
        if entry["tried"]:
            text += f" and tried {times(entry['tried'])} more without an answer"
    else:
        text = f"tried to send {what} {times(entry['tried'])}, and got no answer"
    if entry["unencrypted"]:
        text += ", unencrypted" if entry["unencrypted"] == entry["transmissions"] else ", partly unencrypted"
    carried = identifiers_carried([row])
    if carried:
        text += f", with {told(carried[:MAX_NAMED])}" + (" and more" if len(carried) > MAX_NAMED else "")
    period = f"; first {entry['first']}, last {entry['last']}" if entry["first"] else ""
    return f"{entry['label']} {text}{period}."


def _hosts(entries: Sequence[EvidenceEntry]) -> str:
    found = list(
        dict.fromkeys(entry["host"] or ", ".join(entry["addresses"][:1]) or "?" for entry in entries)
    )
    if len(found) > MAX_NAMED:
        found = [*found[:MAX_NAMED], f"{len(found) - MAX_NAMED} more"]
    return listed(found)


def _reference(reference: Reference) -> str:
    section = f" ({reference.section})" if reference.section else ""
    return f"{reference.title}{section}: {reference.where}"


def _transmissions(number: int) -> str:
    return f"{number:,} transmission" + ("" if number == 1 else "s")
