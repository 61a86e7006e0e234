"""What one destination of one phone means for a rule: whether the rule is about it, what speaks against it, what is
not known, and why it is left out. Functions of a row of the document, and of the rule.

Whatever a phone says of itself, of the host, or of the app can bring a row under a rule, but never out of one: where a
row is left out, or taken for somebody's, it is by the address that was connected to, or only where nothing is in it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from fnmatch import fnmatchcase
from typing import Final, Literal, NamedTuple

from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.knowledge.addresses import the_country
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.policy.rules import Places, Policy, Rule
from phonehome.analysis.purposes import UNCLASSIFIED, told_by_name
from phonehome.analysis.report.document import MAX_LISTED
from phonehome.analysis.report.entries import AppEntry, DestinationEntry, IdentifierEntry
from phonehome.analysis.report.summary import how_surely, listed, times, unread, where

MAX_NAMED: Final = 5
MAX_KINDS: Final = 3


class Level(IntEnum):
    FINE = 0
    DOUBT = 1
    BROKEN = 2


Certainty = Literal["certain", "likely", "uncertain"]
CERTAINTY: Final[tuple[Certainty, ...]] = ("certain", "likely", "uncertain")
Meant = Literal["yes", "no", "unknown"]

_READ: Final = (
    "what it carries in the open (the proxy's certificate on the phone, a key log), or an exception that "
    "names networks"
)
_PLACE: Final = "a table or a place that knows the address: --geo-db FILE, --at, phonehome update"


class Problem(NamedTuple):
    """What speaks against a row, or is not known of it."""

    level: Level
    text: str
    certainty: Certainty = "certain"
    """Of the country, if it is about that."""
    settle: str = ""
    """What would settle it, if it is a doubt."""
    together: bool = False
    """Whether it is about all rows of a phone together."""


class Look(NamedTuple):
    """What one destination of one phone means for a rule."""

    problems: Sequence[Problem] = ()
    matched: Sequence[IdentifierEntry] = ()
    judged: bool = False
    """Whether the rule is about it, and it is known that it keeps to the rule or not."""
    seen: bool = False
    """Whether it shows that there was something to judge."""
    left_out: str = ""
    """Why the rule leaves it out; empty if it does not."""
    why: str = ""
    """Why the rule is not about it, or what makes it fine."""
    perhaps: bool = False
    """Whether some of it may be of what the rule is about."""


class Scene(NamedTuple):
    """What a rule is asked about."""

    rule: Rule
    policy: Policy
    marks: Mapping[str, str]
    """When the policy's marks were: RFC 3339 in UTC, whole seconds."""
    hosts: frozenset[str | None] = frozenset()
    """Names that the phone sends something to that the rule is about."""
    addresses: frozenset[str] = frozenset()
    """Addresses of the hosts that the rule names."""


def look(scene: Scene, row: DestinationEntry) -> Look:
    """What a destination means for a rule."""
    rule, policy = scene.rule, scene.policy
    in_time, when = _in_time(scene, row)
    if in_time == "no":
        return Look(why=when)
    found = _look(scene, rule, policy, row)
    if in_time == "unknown" and (found.problems or found.judged or found.perhaps):
        doubts = [
            Problem(Level.DOUBT, f"{problem.text}; but {when}", settle=_when_settles(scene))
            for problem in found.problems or (Problem(Level.DOUBT, "it can be of this kind"),)
        ]
        needed = found.problems or any(name not in scene.marks for name in (rule.before, rule.after) if name)
        return found._replace(problems=doubts if needed else (), judged=False, seen=False, perhaps=True)
    return found


def _look(scene: Scene, rule: Rule, policy: Policy, row: DestinationEntry) -> Look:
    if row["local"]:
        return _at_home(rule, row)
    of_host, of_app = _of_host(scene, row), _of_app(rule, row)
    if of_host[0] == "no":
        return Look(why=of_host[1])
    if of_app[0] == "no":
        return Look(why=of_app[1])
    problems = _problems(rule, policy, row, ())
    if rule.purposes and (row["purpose"] not in rule.purposes or told_by_name(row["purpose"], row["entry"])):
        return _unclassified(rule, row, problems, scene.hosts)
    excepted = _left_out(rule, policy, row)
    if excepted:
        return Look(left_out=excepted)
    matched = _matched(rule, row)
    unknown = [found for found in (of_host, of_app) if found[0] == "unknown"]
    meant = is_of_owner(rule, row)
    perhaps = _perhaps(rule, row) if rule.kinds and not matched and rule.unread == "doubt" else ""
    if perhaps and problems and meant == "yes" and rule.forbidden != Places(anything=True):
        return Look(
            [
                Problem(Level.DOUBT, f"{problem.text}; it may carry {perhaps}", settle=_LOOKS_SETTLES)
                for problem in problems
            ],
            perhaps=True,
        )
    if matched is None:  # no identifier of the kinds, and all of it was read
        seen = rule.forbidden is not None and rule.forbidden.anything and meant != "no"
        return Look(seen=seen, why="all of it was read, and nothing of the kinds is in it")
    if matched:
        problems = _problems(rule, policy, row, matched)
    if unknown:
        _, why = unknown[0]
        doubts = [
            Problem(Level.DOUBT, f"{problem.text}; but {why}", settle=_WHO_SETTLES) for problem in problems
        ]
        return Look(doubts, matched, perhaps=True, why=why)
    if meant == "no" or (meant == "unknown" and rule.unknown_owner != "counts"):
        return _of_others(rule, row, matched, problems, meant)
    if rule.kinds and not matched:
        if rule.unread == "left-out":
            return Look(left_out=f"{unread(row)}, and the rule leaves that out")
        # It is a question of what is inside only if it must not go there.
        doubts = [
            Problem(Level.DOUBT, f"{problem.text}; {unread(row)}", settle=_READ) for problem in problems
        ]
        return Look(doubts, perhaps=True, why="wherever it carries them, they may go there")
    if rule.uncertain_location == "left-out" and _location_doubt(rule, row) == "":
        return Look(left_out="where it went is uncertain")
    return Look(problems, matched, judged=True, seen=True)


_LOOKS_SETTLES: Final = (
    "the phone's own values (--known FILE), or an entry of the catalogue that declares the field"
)
_WHO_SETTLES: Final = "a capture that says which app sent it, or which name was meant (docs/captures.md)"
_OWNER_SETTLES: Final = (
    "an entry of the catalogue for the host (--catalogue FILE), or 'unknown_owner' in the rule"
)


def _in_time(scene: Scene, row: DestinationEntry) -> tuple[Meant, str]:
    """Whether it was sent before, or after, the marks that the rule names; and why not, or why that is not known."""
    found: tuple[Meant, str] = ("yes", "")
    for name, is_before in ((scene.rule.before, True), (scene.rule.after, False)):
        if not name:
            continue
        mark = scene.marks.get(name)
        side, other = ("before", "after") if is_before else ("after", "before")
        if mark is None:
            found = ("unknown", f"when {name!r} was is not known")
            continue
        first, last = row["first"], row["last"]
        if not first or not last:
            found = ("unknown", "when it was sent is not known")
            continue
        begins, ends, moment = map(datetime.fromisoformat, (first, last, mark))
        inside = (ends < moment, begins < moment) if is_before else (begins >= moment, ends >= moment)
        if not inside[1]:
            return "no", f"it was sent {other} {name!r}"
        if not inside[0]:
            found = ("unknown", f"only a part of it was sent {side} {name!r}, and which one was not kept")
    return found


def _when_settles(scene: Scene) -> str:
    for name in (scene.rule.before, scene.rule.after):
        if name and name not in scene.marks:
            return f"--mark {name}=TIME"
    return "the capture itself in place of a report that was saved without the mark"


def _of_host(scene: Scene, row: DestinationEntry) -> tuple[Meant, str]:
    """Whether the rule is about a destination of that name. What the phone calls it is its own word: at an address of
    a host that is meant, and at one without a name, it can be that host."""
    patterns = scene.rule.hosts
    if not patterns:
        return "yes", ""
    said = [name for name in (row["host"], *row["authorities"]) if name]
    if any(fits(name, patterns) for name in said):
        return "yes", ""
    if not said:
        return "unknown", "the name of the host is not known"
    if any(fits(name, patterns) for name in row["name_candidates"]):
        return "unknown", "it may be a host that the rule names"
    if not scene.addresses.isdisjoint(row["addresses"]):
        return "unknown", "it went to an address of a host that the rule names, under another name"
    if len(row["authorities"]) >= MAX_LISTED:
        return "unknown", "it asked for so many hosts that not all of their names were kept"
    return "no", "it went to another host"


def fits(text: str, patterns: Iterable[str]) -> bool:
    """Whether a text is of one of these patterns, in which `*` stands for any text."""
    return any(fnmatchcase(text.lower(), pattern) for pattern in patterns)


def _of_app(rule: Rule, row: DestinationEntry) -> tuple[Meant, str]:
    """Whether the rule is about what sent it. A request's own word for that is no more than a hint."""
    if not rule.apps:
        return "yes", ""
    apps = row.get("apps", [])
    sure = [app for app in apps if set(app["sources"]) - {"says"}]
    its = sum(app["transmissions"] for app in sure if _is_app(app, rule.apps))
    others = sum(app["transmissions"] for app in sure if not _is_app(app, rule.apps))
    if others >= row["transmissions"]:
        return "no", "another app sent it"
    if its >= row["transmissions"]:
        return "yes", ""
    # Where it went and for what is the same for all of it; what was in it, and how it was protected, is not.
    same = not rule.kinds and not any(
        places and (places.encryption or any(each.encryption for each in places.any_of))
        for places in (rule.allowed, rule.forbidden)
    )
    if its and same and rule.at_most is None:
        return "yes", ""
    return "unknown", "which app sent it is not known" if not its else "a part of it was sent by another app"


def _is_app(app: AppEntry, patterns: Sequence[str]) -> bool:
    return any(text and fits(text, patterns) for text in (app["id"], app["name"]))


def _at_home(rule: Rule, row: DestinationEntry) -> Look:
    """What goes to a phone's own network does not leave; but a resolver there asks others."""
    if "dns" in row["protocols"] and rule.kinds and (matched := _matched(rule, row)):
        return Look(
            [
                Problem(
                    Level.DOUBT,
                    "it stands in a name that was looked up: whom the resolver asked is not known",
                    settle="a capture that holds what the resolver asked, or one without such names",
                )
            ],
            matched,
        )
    return Look(why="it stayed in the phone's own network")


def _unclassified(
    rule: Rule, row: DestinationEntry, problems: Sequence[Problem], about: Collection[str | None]
) -> Look:
    """A destination of another purpose. Where nobody could read what it was for, it can be of this one."""
    why_not = unread(row)
    by_name = told_by_name(row["purpose"], row["entry"])
    if by_name and not why_not and row["purpose"] in rule.purposes:
        return Look(left_out="what it was for is told by the host's name alone", perhaps=True)
    if (row["purpose"] != UNCLASSIFIED and not by_name) or not why_not:
        return Look(why=f"it was for another purpose: {row['purpose']}")
    if not problems:
        return Look(
            why="what it was for is not known, and wherever it belongs, it keeps to the rule", perhaps=True
        )
    if row["host"] in about:
        why = "the rule is about this host"
    elif rule.forbidden and rule.forbidden.names_places and row["entry"] is None:
        why = "nobody knows what this host is for"
    else:
        return Look(left_out=f"what it was for is not known, and {why_not}", perhaps=True)
    return Look(
        [Problem(Level.DOUBT, f"{problem.text}; {why_not}, and {why}", settle=_READ) for problem in problems],
        perhaps=True,
    )


def _of_others(
    rule: Rule,
    row: DestinationEntry,
    matched: Sequence[IdentifierEntry],
    problems: Sequence[Problem],
    meant: Meant,
) -> Look:
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
        doubts = [
            Problem(Level.DOUBT, f"{problem.text}; but {whose}", settle=_OWNER_SETTLES)
            for problem in problems
        ]
        return Look(doubts, matched, perhaps=True)
    if meant == "unknown" and rule.unknown_owner == "doubt":
        return Look((), matched, judged=True, seen=True, perhaps=rule.at_most is not None)
    return Look(left_out=whose)


def is_of_owner(rule: Rule, row: DestinationEntry) -> Meant:
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
    return listed(list(labels)[:MAX_KINDS]) if labels else ""


def _left_out(rule: Rule, policy: Policy, row: DestinationEntry) -> str:
    """Why a row is excepted. Names and ports are the phone's word: an exception holds at the networks that it names,
    or, if it names none, for what was read and carries no identifier."""
    host = row["host"] or ""
    for item in rule.exceptions:
        given = (
            (item.owners, _owner(row) in item.owners),
            (item.entries, row["entry"] in item.entries),
            (item.hosts, any(fnmatchcase(host, pattern) for pattern in item.hosts)),
            (item.purposes, row["purpose"] in item.purposes),
            (item.countries != Places(), _is_surely_in(item.countries, policy, row)),
            (item.networks, row["asn"] in item.networks),
        )
        if not all(fits for condition, fits in given if condition):
            continue
        if not item.networks and not _is_read(row, item.most_bytes):
            continue
        if not _tells(row) or (item.networks and (item.owners or item.entries)):
            return item.reason
    return ""


def _is_surely_in(places: Places, policy: Policy, row: DestinationEntry) -> bool:
    """Whether it went to one of these countries, at a time when it was in the group without a condition."""
    if not row["addresses"] or row["country"] is None or row["country_certainty"] == "uncertain":
        return False
    inside, condition = _membership(places, policy, row)
    return inside and not condition


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
) -> list[Problem]:
    """All that speaks against a row, or that is not known of it."""
    problems = [
        *(_place_problems(rule, rule.allowed, True, policy, row, matched) if rule.allowed else ()),
        *(_place_problems(rule, rule.forbidden, False, policy, row, matched) if rule.forbidden else ()),
    ]
    if problems and (outside := _outside(rule, row)):
        return [
            Problem(Level.DOUBT, outside, settle="a rule for that time, or a capture from when it speaks")
        ]
    if _owner(row) is None and rule.unknown_owner == "doubt":
        return [
            Problem(
                Level.DOUBT,
                f"{problem.text}; but whose endpoint it is, is not known",
                settle=_OWNER_SETTLES,
            )
            for problem in problems
        ]
    return problems


def _outside(rule: Rule, row: DestinationEntry) -> str:
    """Why a row is not from the time for which the rule speaks; empty if it is."""
    if rule.until and not (row["last"] and row["last"][:10] < rule.until):
        return f"it is not all from before {rule.until}, until when the rule speaks"
    if rule.since and not (row["first"] and row["first"][:10] >= rule.since):
        return f"it is not all from {rule.since} or later, since when the rule speaks"
    return ""


def _place_problems(
    rule: Rule,
    places: Places,
    allowed: bool,
    policy: Policy,
    row: DestinationEntry,
    matched: Sequence[IdentifierEntry],
) -> Iterable[Problem]:
    if places.anything:
        yield Problem(Level.BROKEN, "the rule forbids it wherever it goes")
    if places.countries or places.groups:
        yield from _country(rule, places, allowed, policy, row)
    if places.networks:
        yield from _network(places, allowed, row)
    if places.cloud:
        yield from _cloud(rule, places, allowed, row)
    if places.any_of:
        yield from _any_of(rule, places.any_of, policy, row, matched)
    if places.encryption:
        count = max((item["unencrypted"] for item in matched), default=row["unencrypted"])
        number = max((item["transmissions"] for item in matched), default=row["transmissions"])
        unknown = 0 if matched else row["encryption_unknown"]
        for name, seen in (("unencrypted", count), ("encrypted", number - count - unknown)):
            if seen > 0 and (name in places.encryption) != allowed:
                yield Problem(Level.BROKEN, f"{times(seen)} {name}")
        if unknown:
            yield Problem(
                Level.DOUBT,
                f"{times(unknown)} in a protocol that is not known: perhaps encrypted",
                settle="an entry of the catalogue or a reader that knows the protocol",
            )


def _any_of(
    rule: Rule,
    alternatives: Sequence[Places],
    policy: Policy,
    row: DestinationEntry,
    matched: Sequence[IdentifierEntry],
) -> Iterator[Problem]:
    """Nothing, if one of the alternatives holds; a doubt, if one of them may; else what is against each."""
    found = [list(_place_problems(rule, each, True, policy, row, matched)) for each in alternatives]
    levels = [max((problem.level for problem in problems), default=Level.FINE) for problems in found]
    if Level.FINE in levels:
        return
    worst = [
        next(problem for problem in problems if problem.level == level)
        for problems, level in zip(found, levels, strict=True)
    ]
    if Level.DOUBT in levels:
        yield from (problem for problem in worst if problem.level == Level.DOUBT)
        return
    sure = [
        min(CERTAINTY.index(problem.certainty) for problem in problems if problem.level == Level.BROKEN)
        for problems in found
    ]
    texts = dict.fromkeys(problem.text for problem in worst)
    yield Problem(Level.BROKEN, f"none of what is allowed fits: {'; '.join(texts)}", CERTAINTY[max(sure)])


def _country(
    rule: Rule, places: Places, allowed: bool, policy: Policy, row: DestinationEntry
) -> Iterable[Problem]:
    if not allowed and _cannot_be_in(places, policy, row):
        return
    doubt = _location_doubt(rule, row)
    if doubt is not None:
        if doubt:
            yield Problem(Level.DOUBT, doubt, settle=_PLACE)
        return
    code = row["country"] or ""
    inside, condition = _membership(places, policy, row)
    if inside and condition:
        yield Problem(
            Level.DOUBT, f"{the_country(code)} is among these countries {condition}", settle=_JOINED_SETTLES
        )
    elif inside != allowed:
        names = listed(sorted({*places.countries, *places.groups}))
        yield Problem(
            Level.BROKEN,
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
        return f"where it went is not known; {row['country_reason']}"
    if row["country_certainty"] == "uncertain":
        if rule.uncertain_location == "counts":
            return None
        uncertain = f"where it went is uncertain; {row['country_reason']}"
        return "" if rule.uncertain_location == "left-out" else uncertain
    return None


def _membership(places: Places, policy: Policy, row: DestinationEntry) -> tuple[bool, str]:
    """Whether a country is among those named, at the time of the transmissions; and, not empty, the condition
    under which it is."""
    code, first, last = row["country"] or "", row["first"], row["last"]
    if code in places.countries:
        return True, ""
    periods = [period for group in places.groups for period in policy.groups[group].get(code, ())]
    start, end = (first or last or "9999")[:10], (last or first or "9999")[:10]
    touching = [
        period for period in periods if period.since <= end and (not period.until or start < period.until)
    ]
    if not touching:
        return False, ""
    within = [
        period for period in touching if period.since <= start and (not period.until or end < period.until)
    ]
    if not all(period.condition for period in within):
        return True, ""
    condition = next((period.condition for period in touching if period.condition), "")
    if not condition:
        return True, f"for a part of the time only (since {touching[0].since})"
    had_joined, told = _had_joined(policy, row, start, end)
    return True, "" if within and had_joined else f"{condition}; {told}"


_JOINED_SETTLES: Final = (
    "who the recipient is, and whether it had joined, from the list that the framework keeps: as [[recipient]] in the "
    "policy, with the networks that are its own"
)


def _had_joined(policy: Policy, row: DestinationEntry, start: str, end: str) -> tuple[bool, str]:
    """Whether the recipient had joined what the adequacy of its country depends on, and what to say of it. A name is
    what the phone said: it counts at an address in the recipient's own network."""
    owner = _owner(row)
    listed_ = [item for item in policy.recipients if item.country == row["country"] and owner in item.owners]
    if not listed_:
        return False, "the recipient is not on the list that comes along, which is short; it may have joined"
    if all(row["asn"] not in item.networks for item in listed_):
        return False, f"the name is of {owner}, but the address is not in a network of its own"
    there = [item for item in listed_ if row["asn"] in item.networks]
    if any(item.since.isoformat() <= start and end <= item.checked.isoformat() for item in there):
        return True, ""
    item = there[-1]
    return (
        False,
        f"{item.name} had, from {item.since} to {item.checked} at least; of that day it is not known",
    )


def _network(places: Places, allowed: bool, row: DestinationEntry) -> Iterable[Problem]:
    if row["asn"] is None:
        yield Problem(Level.DOUBT, "its network is not known", settle=_PLACE)
    elif (row["asn"] in places.networks) != allowed:
        kind = "not among what is allowed" if allowed else "forbidden"
        yield Problem(
            Level.BROKEN, f"AS{row['asn']} {row['organisation'] or ''} is {kind}".replace("  ", " ")
        )


def _cloud(rule: Rule, places: Places, allowed: bool, row: DestinationEntry) -> Iterable[Problem]:
    doubt = _location_doubt(rule, row)
    if doubt is not None:
        if doubt:
            yield Problem(Level.DOUBT, doubt, settle=_PLACE)
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
        yield Problem(Level.BROKEN, what, _certainty(row))


def _certainty(row: DestinationEntry) -> Certainty:
    return next((word for word in CERTAINTY if word == row["country_certainty"]), "uncertain")
