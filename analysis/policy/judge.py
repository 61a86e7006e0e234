"""Whether what a report says of phones keeps to a policy.

`judge_policy` is a function of the report's document, the policy, and what the user said; it reads nothing and looks
nothing up. A rule holds, is broken, could not be judged, or applies to no phone here; "could not be judged" is the
answer wherever the report is not sure, unless the rule says otherwise. An attempt is as much against a rule as what was
delivered, but the two are told apart.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.knowledge.schema import Reference
from phonehome.analysis.policy.accepted import (
    Accepted,
    Key,
    Known,
    by_baseline,
    by_waiver,
    fits_waiver,
    key_of,
    known,
    pairs,
)
from phonehome.analysis.policy.looks import (
    CERTAINTY,
    MAX_NAMED,
    Certainty,
    Level,
    Look,
    Problem,
    Scene,
    fits,
    is_of_owner,
    look,
)
from phonehome.analysis.policy.rules import AtMost, Policy, Rule, Waiver
from phonehome.analysis.policy.verdict import (
    AcceptedEntry,
    BaselineEntry,
    EvidenceEntry,
    ExplainedEntry,
    Explanation,
    Result,
    RuleVerdict,
    Verdict,
    WaiverEntry,
)
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry, Document, IdentifierEntry
from phonehome.analysis.report.model import MAX_NAMES
from phonehome.analysis.report.shown import PLAIN, Shown
from phonehome.analysis.report.summary import (
    as_sentences,
    identifiers_carried,
    in_sentences,
    listed,
    purpose_phrase,
    shortest,
    times,
    unread,
    whither,
)

MAX_PHONES: Final = 3
"""Phones that a sentence names."""
MAX_LISTED: Final = 100
"""Destinations that are listed for a rule; all are counted."""
SECONDS: Final = {"hour": 3600, "day": 86400}
_AGAINST: Final = {
    "certain": "Against it",
    "likely": "Probably against it",
    "uncertain": "Perhaps against it",
}


class _Phone(NamedTuple):
    entry: DeviceEntry
    market: str | None
    source: str


class Said(NamedTuple):
    """What the user said beside the policy."""

    market: str | None = None
    """Of all phones,"""
    markets: Mapping[str, str] = {}
    """and of single ones, by label, id or address. Without either, the build numbers in the traffic tell."""
    marks: Mapping[str, str] = {}
    """When the policy's marks were: RFC 3339 in UTC, whole seconds."""
    waivers: tuple[Waiver, ...] = ()
    """Beside those of the policy."""
    today: str = ""
    """ISO date by which waivers end; empty: none counts."""
    baseline: Document | None = None
    """An earlier report: what is against a rule there is known."""
    explain: bool = False
    """Whether the verdict says what was looked at, for each rule."""


def judge_policy(
    document: Document,
    policy: Policy,
    market: str | None = None,
    markets: Mapping[str, str] | None = None,
    shown: Shown = PLAIN,
    *,
    said: Said | None = None,
) -> Verdict:
    """Holds the document against the policy. `document` is as it was seen; `shown` is how captured texts stand in the
    answer. `market` and `markets` are as in `said`, which they are for if it is not given. Raises nothing that a
    document of the schema could cause."""
    said = said or Said(market, markets or {})
    phones = _phones(document, policy, said)
    gaps = _gaps(document, shown)
    waivers = _Waivers(tuple(waiver for waiver in (*policy.waivers, *said.waivers)), said.today)
    before = _Baseline.of(said.baseline, document, policy, said) if said.baseline else None
    bound = [phone for phone, is_bound in phones if is_bound]
    rules = [_judged(rule, policy, bound, gaps, shown, said, waivers, before) for rule in policy.rules]
    for rule in rules:
        rule["same_as"] = [
            other["id"] for other in rules if other is not rule and _rests_on(rule) & _rests_on(other)
        ]
    result = _overall([rule["result"] for rule in rules])
    sources = document["sources"]
    verdict: Verdict = {
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
        "summary": _summary(policy, result, rules),
        "phones": [
            {
                "id": shown.name(phone.entry["id"]),
                "label": shown.name(phone.entry["label"]),
                "market": phone.market,
                "market_source": phone.source,
                "bound": is_bound,
            }
            for phone, is_bound in phones
        ],
        "rules": rules,
    }
    if waivers.all:
        verdict["waivers"] = waivers.entries(policy)
    if before is not None:
        verdict["baseline"] = before.entry(rules, shown)
    return verdict


def _phones(document: Document, policy: Policy, said: Said) -> list[tuple[_Phone, bool]]:
    """The phones, and whether the policy is about each."""
    return [
        (
            _Phone(device, *_market(device, policy, said.market, said.markets)),
            _is_meant(device, policy.phones),
        )
        for device in document["devices"]
    ]


def _market(
    device: DeviceEntry, policy: Policy, market: str | None, markets: Mapping[str, str]
) -> tuple[str | None, str]:
    own = sorted(
        code
        for code, patterns in policy.markets.items()
        if any(
            fnmatchcase(build.lower(), pattern.lower()) for build in device["builds"] for pattern in patterns
        )
    )
    named = own or device["markets"]
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


_ORDER: Final[tuple[Result, ...]] = ("broken", "not-judged", "accepted", "holds")
"""What a policy comes to, by the gravest of its rules."""


def _overall(results: Sequence[Result]) -> Result:
    for result in _ORDER:
        if result in results:
            return result
    return "not-judged"


_WORDS: Final = {
    "stated": (
        "statement",
        {"broken": "contradicted", "accepted": "contradicted as accepted", "holds": "not contradicted"},
    ),
    "inference": ("conclusion", {"broken": "not met", "accepted": "not met, as accepted", "holds": "met"}),
    "": ("rule", {"broken": "broken", "accepted": "broken only as accepted", "holds": "kept to"}),
}
"""What rules are called, by what they rest on, and what came of them."""


def _summary(policy: Policy, result: Result, rules: Sequence[RuleVerdict]) -> str:
    """What was stated and what is concluded from it are counted apart."""
    if all(rule["result"] == "does-not-apply" for rule in rules):
        return f"{policy.title}: not judged, because no phone in the capture is one that its rules are about."
    verdict = {"broken": "BROKEN", "accepted": "broken only as accepted", "holds": "holds"}.get(
        result, "could not be judged"
    )
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
    sentences = [f"{policy.title}: {verdict}.", *(f"{count[0].upper()}{count[1:]}." for count in counts)]
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
    numbers = {name: sum(rule["result"] == name for rule in rules) for name in _ORDER}
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


@dataclass
class _Found:
    """What was found of one rule, phone by phone."""

    entries: dict[Level, list[EvidenceEntry]] = field(default_factory=lambda: {level: [] for level in Level})
    accepted: list[AcceptedEntry] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    judged: int = 0
    bound: int = 0
    """Phones that the rule is about, or may be."""
    unseen: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    """What is not known of a phone as a whole."""
    certainties: set[Certainty] = field(default_factory=set)
    explained: list[ExplainedEntry] = field(default_factory=list)
    not_meant: dict[str, list[int]] = field(default_factory=dict)
    """Why the rule is not about something: destinations, and transmissions."""
    settle: dict[str, None] = field(default_factory=dict)


def _judged(
    rule: Rule,
    policy: Policy,
    phones: Sequence[_Phone],
    gaps: Sequence[str],
    shown: Shown,
    said: Said,
    waivers: "_Waivers",
    before: "_Baseline | None",
) -> RuleVerdict:
    """`gaps` are what the captures do not hold although it was there."""
    found = _Found()
    for phone in phones:
        applies = _applies(rule, phone.market)
        if applies is False:
            continue
        found.bound += 1
        seen = False
        for row, look_ in _looks(rule, policy, phone.entry, said):
            seen |= look_.seen
            if applies is None and (look_.problems or look_.judged):
                doubt = f"the phone's market is not known ({phone.source}): say --market"
                look_ = look_._replace(problems=[Problem(Level.DOUBT, doubt, settle="--market CODE")])
            why = None
            if any(problem.level == Level.BROKEN for problem in look_.problems):
                why = waivers.accept(rule, policy, row, look_)
                if before is not None and not isinstance(why, Accepted):
                    why = before.accept(rule, phone.entry, row, look_) or why
            _add(found, phone, row, look_, why, shown)
        found.doubts += _looked_up(rule, phone.entry, shown)
        if rule.must_be_seen and not seen:
            found.unseen.append(shown.name(phone.entry["label"]))
    certainty = next((word for word in CERTAINTY if word in found.certainties), None)
    result, reason = _result(rule, found, [*found.doubts, *gaps], phones, certainty)
    broken, doubtful = found.entries[Level.BROKEN], found.entries[Level.DOUBT]
    verdict: RuleVerdict = {
        "id": rule.id,
        "says": rule.says,
        "basis": rule.basis,
        "note": rule.note,
        "references": [_reference(reference) for reference in rule.references],
        "result": result,
        "certainty": certainty,
        "same_as": [],
        "reason": reason,
        "judged": found.judged,
        "broken": broken[:MAX_LISTED],
        "not_judged": doubtful[:MAX_LISTED],
        "listed_only": sum(max(0, len(entries) - MAX_LISTED) for entries in found.entries.values()),
        "left_out": [
            as_sentences(f"{_transmissions(number)} left out: {reason}").removesuffix(".")
            for reason, number in sorted(found.left_out.items())
        ],
    }
    if found.accepted:
        verdict["accepted"] = found.accepted[:MAX_LISTED]
    if said.explain:
        verdict["explained"] = _explanation(rule, found, gaps, result)
    return verdict


def _add(
    found: _Found,
    phone: _Phone,
    row: DestinationEntry,
    look_: Look,
    why: Accepted | Problem | None,
    shown: Shown,
) -> None:
    """Takes in what one destination means for the rule; `why` is why what is against the rule is put up with, or why
    that cannot be told."""
    if look_.left_out:
        found.left_out[look_.left_out] = found.left_out.get(look_.left_out, 0) + row["transmissions"]
        _explain(found, phone, row, "left out", [look_.left_out], [], shown)
        return
    found.judged += row["transmissions"] if look_.judged else 0
    problems: Sequence[Problem] = look_.problems
    if isinstance(why, Accepted):
        entry = _evidence(phone.entry, row, look_.matched, [problem.text for problem in problems], shown)
        found.accepted.append({**entry, "by": why.by, "accepted_because": why.reason, "until": why.until})
        _explain(found, phone, row, "accepted", [why.reason], [], shown)
    if why is not None:
        problems = [problem for problem in problems if problem.level == Level.DOUBT]
        problems += [why] if isinstance(why, Problem) else []
    level = max((problem.level for problem in problems), default=Level.FINE)
    worst = [problem for problem in problems if problem.level == level]
    if level:
        found.certainties.update(problem.certainty for problem in worst if level == Level.BROKEN)
        texts = [problem.text for problem in worst]
        found.entries[level].append(_evidence(phone.entry, row, look_.matched, texts, shown))
        settle = [problem.settle for problem in worst if problem.settle]
        _explain(
            found, phone, row, "against it" if level == Level.BROKEN else "not judged", texts, settle, shown
        )
    elif look_.judged:
        if not isinstance(why, Accepted):
            _explain(found, phone, row, "keeps to it", [], [], shown)
    elif not isinstance(why, Accepted):
        counts = found.not_meant.setdefault(look_.why or "nothing in it is what the rule is about", [0, 0])
        counts[0] += 1
        counts[1] += row["transmissions"]


def _explain(
    found: _Found,
    phone: _Phone,
    row: DestinationEntry,
    role: str,
    why: Sequence[str],
    settle: Sequence[str],
    shown: Shown,
) -> None:
    found.settle.update(dict.fromkeys(settle))
    found.explained.append(
        {
            "label": shown.name(phone.entry["label"]),
            "host": shown.host(row["host"]) if row["host"] else None,
            "addresses": [shown.host(address) for address in row["addresses"]],
            "where": whither(row),
            "purpose": row["purpose"],
            "transmissions": row["transmissions"],
            "role": role,
            "why": list(why),
        }
    )


_LOOKED_UP_SETTLES: Final = "a capture that holds what was sent to the host that was looked up"
_WHOLE_SETTLES: Final = "captures that were read whole, without damage"
_SEEN_SETTLES: Final = (
    "a capture in which the phone does what the rule is about: it starts, gets a SIM, is set up"
)


def _explanation(rule: Rule, found: _Found, gaps: Sequence[str], result: Result) -> Explanation:
    settle = list(found.settle)
    if result == "not-judged":
        settle += [_WHOLE_SETTLES] if gaps else []
        settle += [_LOOKED_UP_SETTLES] if found.doubts else []
        settle += [_SEEN_SETTLES] if found.unseen else []
    not_meant = sorted(found.not_meant.items(), key=lambda item: (-item[1][1], item[0]))
    return {
        "destinations": len(found.explained) + sum(counts[0] for counts in found.not_meant.values()),
        "entries": found.explained[:MAX_LISTED],
        "not_meant": [
            f"{_destinations(number)}, {_transmissions(count)}: {why}" for why, (number, count) in not_meant
        ],
        "exceptions": [
            f"{item.reason}: {_transmissions(found.left_out.get(item.reason, 0))}" for item in rule.exceptions
        ],
        "doubts": [*found.doubts, *gaps],
        "settle": settle,
    }


def _looks(
    rule: Rule, policy: Policy, device: DeviceEntry, said: Said
) -> list[tuple[DestinationEntry, Look]]:
    """What each destination of a phone means for a rule."""
    addresses = frozenset(
        address
        for row in device["destinations"]
        if rule.hosts and any(fits(name, rule.hosts) for name in (row["host"], *row["authorities"]) if name)
        for address in row["addresses"]
    )
    scene = Scene(rule, policy, said.marks, _hosts_meant(rule, device), addresses)
    looks = [(row, look(scene, row)) for row in device["destinations"]]
    return _counted_together(rule.at_most, looks) if rule.at_most else looks


def _counted_together(
    limit: AtMost, looks: list[tuple[DestinationEntry, Look]]
) -> list[tuple[DestinationEntry, Look]]:
    """The same, with what is too much of all together: surely, or perhaps."""
    level, text = max(
        _too_much(limit.transmissions, limit, looks, "transmissions"),
        _too_much(limit.bytes, limit, looks, "bytes_sent"),
    )
    if not level:
        return looks
    problem = Problem(level, text, settle="a capture of that span alone, read whole", together=True)
    return [
        (row, each._replace(problems=[*each.problems, problem]) if _counts(each, level) else each)
        for row, each in looks
    ]


def _counts(look_: Look, level: Level) -> bool:
    """Whether a destination is among what is too much, surely or perhaps."""
    return look_.judged and not look_.perhaps if level == Level.BROKEN else look_.judged or look_.perhaps


def _too_much(
    limit: int | None,
    at_most: AtMost,
    looks: Iterable[tuple[DestinationEntry, Look]],
    what: str,
) -> tuple[Level, str]:
    """Whether it is more than the limit. What an hour or a day held is not known for itself: so many in so many of
    them are too much for one of them only if they are too many for all."""
    if limit is None:
        return Level.FINE, ""
    least = most = 0
    times_: list[float] = []
    timed = True
    for row, each in looks:
        if not (each.judged or each.perhaps):
            continue
        number = row["transmissions"] if what == "transmissions" else row["bytes_sent"]
        most += number
        if each.judged and not each.perhaps:
            some = max((item["transmissions"] for item in each.matched), default=row["transmissions"])
            whole = some == row["transmissions"]
            least += number if whole else some if what == "transmissions" else 0
        ends = [datetime.fromisoformat(end).timestamp() for end in (row["first"], row["last"]) if end]
        times_ += ends
        timed &= len(ends) == 2
    size = SECONDS.get(at_most.per or "", 0)
    spans = int(max(times_) // size - min(times_) // size) + 1 if size and times_ else 1
    unit = "transmissions" if what == "transmissions" else "bytes"
    per = f" in one {at_most.per}" if at_most.per else ""
    over = f" in {spans} of them" if spans > 1 else ""
    if least > limit * spans and (timed or not size):
        return Level.BROKEN, f"{least:,} {unit} of one phone{over}: more than {limit:,}{per}"
    if most > limit:
        return Level.DOUBT, f"up to {most:,} {unit} of one phone{over}: perhaps more than {limit:,}{per}"
    return Level.FINE, ""


class _Waivers:
    """Waivers, and what each was used for."""

    def __init__(self, all_: tuple[Waiver, ...], today: str) -> None:
        self.all = all_
        self._today = today or "9999-12-31"
        self._fitting: dict[Waiver, int] = {}

    def accept(
        self, rule: Rule, policy: Policy, row: DestinationEntry, look_: Look
    ) -> Accepted | Problem | None:
        for waiver in self.all:
            if fits_waiver(waiver, rule, policy.id, row):
                self._fitting[waiver] = self._fitting.get(waiver, 0) + row["transmissions"]
        return by_waiver(rule, policy.id, row, look_, self.all, self._today)

    def entries(self, policy: Policy) -> list[WaiverEntry]:
        """Those of a policy."""
        ids = {rule.id for rule in policy.rules}
        return [
            {
                "rules": sorted(waiver.rules & ids),
                "until": waiver.until,
                "reason": waiver.reason,
                "expired": waiver.until <= self._today,
                "transmissions": self._fitting.get(waiver, 0),
            }
            for waiver in self.all
            if waiver.policy in ("", policy.id) and waiver.rules & ids
        ]


class _Baseline:
    """What was against a policy in an earlier report."""

    def __init__(self, document: Document, pairs_: Mapping[str, DeviceEntry]) -> None:
        self._document, self._pairs = document, pairs_
        self._known: dict[tuple[str, str, Key], Known] = {}
        """By id of the phone in the earlier report, rule, and destination."""
        self._again: set[tuple[str, str, Key]] = set()

    @classmethod
    def of(cls, earlier: Document, later: Document, policy: Policy, said: Said) -> "_Baseline":
        found = cls(earlier, pairs(earlier["devices"], later["devices"]))
        for phone, bound in _phones(earlier, policy, said):
            for rule in policy.rules if bound else ():
                if not _applies(rule, phone.market):
                    continue
                for row, look_ in _looks(rule, policy, phone.entry, said):
                    if (
                        any(problem.level == Level.BROKEN for problem in look_.problems)
                        and not look_.left_out
                    ):
                        key = phone.entry["id"], rule.id, key_of(row)
                        found._known[key] = known(rule, row, look_, found._known.get(key))
        return found

    def accept(
        self, rule: Rule, phone: DeviceEntry, row: DestinationEntry, look_: Look
    ) -> Accepted | Problem | None:
        earlier = self._pairs.get(phone["id"])
        if earlier is None:
            return None
        key = earlier["id"], rule.id, key_of(row)
        self._again.add(key)
        return by_baseline(rule, row, look_, self._known.get(key))

    def entry(self, rules: Sequence[RuleVerdict], shown: Shown) -> BaselineEntry:
        """What is new, known and gone."""
        paired = {device["id"] for device in self._pairs.values()}
        labels = {device["id"]: device["label"] for device in self._document["devices"]}
        gone = [
            f"{shown.name(labels[phone])}, {rule}: {_name(item.row, shown)} ({whither(item.row)}), "
            f"{_transmissions(item.transmissions)} then"
            for (phone, rule, key), item in self._known.items()
            if phone in paired and (phone, rule, key) not in self._again
        ]
        return {
            "captures": [
                f"{shown.name(item['path'])}, SHA-256 {item['sha256']}" for item in self._document["captures"]
            ],
            "new": sum(len(rule["broken"]) for rule in rules),
            "known": sum(item["by"] == "baseline" for rule in rules for item in rule.get("accepted", [])),
            "gone": sorted(gone),
            "other_phones": sorted(shown.name(label) for id_, label in labels.items() if id_ not in paired),
        }


def _hosts_meant(rule: Rule, device: DeviceEntry) -> frozenset[str | None]:
    """Names that a phone sends something to that the rule is about."""
    if not rule.purposes:
        return frozenset()
    return frozenset(
        row["host"]
        for row in device["destinations"]
        if row["host"] and row["purpose"] in rule.purposes and is_of_owner(rule, row) != "no"
    )


def _looked_up(rule: Rule, device: DeviceEntry, shown: Shown) -> list[str]:
    """Names of the hosts that the rule is about, of which a look-up is all that was seen."""
    if rule.kinds and not rule.purposes and device["names_only_with_data"]:
        return [
            f"{shown.name(device['label'])} looked up names with what may be identifiers in them. Whom the "
            "resolver asked is not known"
        ]
    if rule.hosts:
        named = [name for name in device["names_only"] if fits(name, rule.hosts)]
        if named:
            return [
                f"{shown.name(device['label'])} looked up {shown.host(name)}, and nothing that it sent there was seen"
                for name in named
            ]
        if device["names_only_count"] > len(device["names_only"]):
            return [f"{shown.name(device['label'])} looked up so many names that not all of them were kept"]
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
        f"{shown.name(failed['path'])} could not be read. {as_sentences(shown.name(failed['error']))}"
        for failed in document["errors"]
    ]
    for capture in document["captures"]:
        if capture["damage"]:
            more = len(capture["damage"]) - 1
            first = shown.name(capture["damage"][0])
            gaps.append(
                f"{shown.name(capture['path'])} was not read whole. {as_sentences(first)}"
                + (f" {more} more such warning{'s' * (more > 1)}." if more else "")
            )
    return gaps


def _result(
    rule: Rule, found: _Found, doubts: Sequence[str], phones: Sequence[_Phone], certainty: Certainty | None
) -> tuple[Result, str]:
    broken, doubtful = found.entries[Level.BROKEN], found.entries[Level.DOUBT]
    if broken:
        sent = sum(entry["sent"] for entry in broken)
        tried = sum(entry["tried"] for entry in broken)
        counts = [f"sent {times(sent)}"] if sent else []
        counts += [f"tried {times(tried)} without an answer"] if tried else []
        against = _AGAINST[certainty or "certain"]
        if any(entry["country_certainty"] != certainty for entry in broken) and _asks_where(rule):
            against += ", in part only probably" if certainty == "certain" else ""
        return "broken", f"{against}: {listed(counts)}, to {_hosts(broken)}."
    if not found.bound:
        return "does-not-apply", "No phone in the capture is one that this rule is about."
    if doubtful:
        reasons = list(dict.fromkeys(problem for entry in doubtful for problem in entry["problems"]))
        return (
            "not-judged",
            f"Could not be judged for {_hosts(doubtful)}. {as_sentences(reasons[0])}{_more(reasons)}",
        )
    if doubts:
        return "not-judged", f"Could not be judged. {doubts[0].rstrip('.')}.{_more(doubts)}"
    unseen, judged = found.unseen, found.judged
    if judged and unseen:
        some = [*unseen[:MAX_PHONES], *_others(len(unseen) - MAX_PHONES)]
        return "not-judged", f"Could not be judged: nothing of this kind was seen of {listed(some)}."
    if found.accepted:
        whys = dict.fromkeys(
            f"waived until {entry['until']}: {entry['accepted_because']}"
            if entry["by"] == "waiver"
            else entry["accepted_because"]
            for entry in found.accepted
        )
        return (
            "accepted",
            f"Against it only as accepted, to {_hosts(found.accepted)}. {as_sentences('; '.join(whys))}",
        )
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
        f" {_transmissions(closed)} that nobody could read, to hosts that the catalogue does not know, may have been "
        "of it."
        if closed
        else ""
    )
    return "not-judged", f"Could not be judged: nothing of this kind was seen.{hidden}"


def _more(reasons: Sequence[str]) -> str:
    number = len(reasons) - 1
    return (
        f" There {'is' if number == 1 else 'are'} {number} more such reason{'s' * (number > 1)}."
        if number
        else ""
    )


def _others(number: int) -> list[str]:
    return [f"{number} more"] if number > 0 else []


def _asks_where(rule: Rule) -> bool:
    """Whether it asks where something goes, and not only how."""
    return any(
        bool(each.countries or each.groups or each.cloud)
        for places in (rule.allowed, rule.forbidden)
        if places is not None
        for each in (places, *places.any_of)
    )


def _applies(rule: Rule, market: str | None) -> bool | None:
    """Whether the rule is about phones of this market; None if the market is not known, and it matters."""
    if not rule.markets and not rule.not_markets:
        return True
    if market is None:
        return None
    return market in rule.markets if rule.markets else market not in rule.not_markets


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
    """What was seen, in sentences."""
    name = entry["host"] or next(iter(entry["addresses"]), "a host that has no name")
    did = f"{entry['label']} {'sent' if entry['sent'] else 'tried to send'} {purpose_phrase(row)}"
    often = times(entry["sent"] or entry["tried"])
    if entry["unencrypted"]:
        often += ", unencrypted" if entry["unencrypted"] == entry["transmissions"] else ", partly unencrypted"
    said = [f"{did} {whither(row)} ({name}) {often}."]
    if said != [shortest((said[0], ""))]:
        said = [f"{did} {whither(row)} {often}.", f"The host is {name}."]
    if not entry["sent"]:
        said.append("It got no answer.")
    elif entry["tried"]:
        said.append(f"It tried {times(entry['tried'])} more without an answer.")
    said += in_sentences(
        f"Inside {'were' if entry['sent'] else 'would have been'}", identifiers_carried([row]), "Also"
    )
    if entry["first"]:
        said.append(f"First {entry['first']}, last {entry['last']}.")
    return " ".join(said)


def _name(row: DestinationEntry, shown: Shown) -> str:
    name = row["host"] or next(iter(row["addresses"]), None)
    return shown.host(name) if name else "a host that has no name"


def _hosts(entries: Sequence[EvidenceEntry] | Sequence[AcceptedEntry]) -> str:
    found = list(
        dict.fromkeys(entry["host"] or ", ".join(entry["addresses"][:1]) or "?" for entry in entries)
    )
    return listed([*found[:MAX_NAMED], *_others(len(found) - MAX_NAMED)])


def _reference(reference: Reference) -> str:
    section = f" ({reference.section})" if reference.section else ""
    return f"{reference.title}{section}: {reference.where}"


def _transmissions(number: int) -> str:
    return f"{number:,} transmission" + ("" if number == 1 else "s")


def _destinations(number: int) -> str:
    return f"{number:,} destination" + ("" if number == 1 else "s")
