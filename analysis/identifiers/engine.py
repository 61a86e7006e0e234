"""Recognition: the values of one transmission in, identifiers out. Pure.

Strategy: one pass finds the few values that are worth a look, by the name (a dictionary access) or, under
names that say nothing, by a length or a part that all values worth a look have. Only these go through the
tables: kind by name, shape, check, and certainty from what name and check are worth together
(`rule.CERTAINTY`). Kinds that are several values (position, cell, access points, installed apps) are put
together at the end, from what the pass noted.
"""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import cache
from typing import Final

from phonehome.analysis.decoding.memo import Memo
from phonehome.analysis.decoding.values import Decoded, Value
from phonehome.analysis.identifiers import apps, network, person, position
from phonehome.analysis.identifiers.checks import CHECKS
from phonehome.analysis.identifiers.finding import RANK, Certainty, DeclaredField, Finding
from phonehome.analysis.identifiers.kinds import (
    MAX_KEY,
    NOTHING,
    Kind,
    Meaning,
    Weight,
    kinds,
    meaning,
    tables,
    words_of,
)
from phonehome.analysis.identifiers.known import KnownValues
from phonehome.analysis.identifiers.rule import (
    CERTAINTY,
    REPEATED,
    Checked,
    Noted,
    Placed,
    Strength,
    declared_reason,
)
from phonehome.analysis.identifiers.subject import Subjects
from phonehome.analysis.identifiers.traits import LEAST as LEAST_TRAITS
from phonehome.analysis.identifiers.traits import fingerprint
from phonehome.analysis.knowledge.catalogue import fits, without_compression
from phonehome.analysis.transmission import Transmission

MAX_REMEMBERED: Final = 8192
"""Names, and declarations, that are remembered; then memory starts anew."""
MAX_PATHS: Final = 1024
"""Places that are remembered for each declaration."""
MAX_AGENT: Final = 1024
"""Characters of a user agent that are looked at."""
WORTH_A_DOUBT: Final = 30
"""Severity from which on a kind is reported if a vague name is all that speaks for it: that something may be a
phone's model helps nobody."""
MAX_VALUE: Final = 512
"""Characters; a longer text is no single identifier (lists of them excepted)."""
MAX_FOUND: Final = 2000
"""Findings that one transmission gives. An address book has that many; more would say nothing more."""
MAX_NOTED: Final = 20_000
"""Values of one transmission that are looked at closely; a body with more is hostile."""

_PACKAGE: Final = Meaning()
"""The name is that of an app: lists of apps are often objects with a name for each."""
_AGENT: Final = Meaning()
"""The value is a user agent."""


_OF_A_CONTACT: Final = frozenset({"phone-number", "email"})
"""Kinds of which an address book is made."""
_LINES: Final = frozenset({"header", "cookie"})
"""First segments of paths where what stands beside a value says nothing of it."""
_LESS: Final[Mapping[Certainty, Certainty]] = {
    "certain": "likely",
    "likely": "possible",
    "possible": "possible",
}

_Candidates = tuple[tuple[Kind, Checked], ...]
_Judged = tuple[Finding | None, _Candidates]
"""What a value is; or what it could be in the company of others, first the likelier."""


class Recogniser:
    """Recognises identifiers in one transmission after the other. It remembers names, user agents and values that
    come again, since a device sends the same ones over and over, at the same places; each memory is bounded."""

    def __init__(self, known: KnownValues | None = None) -> None:
        """`known` are values that the user says are this phone's; they are searched in all their forms."""
        self._known = known
        self._meanings: Memo[str, Meaning] = Memo(_meaning, MAX_REMEMBERED)
        self._agents: Memo[tuple[str, str, tuple[str, ...]], tuple[Finding, ...]] = Memo(
            _read_agent, MAX_REMEMBERED
        )
        self._judged: Memo[tuple[str, tuple[str, ...], str], _Judged] = Memo(
            self._judge, MAX_REMEMBERED, _size_of_judged
        )
        self._declared: dict[int, tuple[Sequence[DeclaredField], _Declared]] = {}
        self._subjects = Subjects()

    def recognise(
        self,
        decoded: Decoded,
        declared: Sequence[DeclaredField] = (),
        transmission: Transmission | None = None,
        *,
        received: bool = False,
    ) -> tuple[Finding, ...]:
        """The identifiers among the values, in the order in which they stand. What a server sent (`received`) is less
        sure to be the device's: what would be certain is likely, and what would be likely is possible.

        `declared` are the fields that the catalogue declares for the endpoint; a value at such a place is
        reported as certain if it has the shape of the declared kind, and else judged as any other. Known values
        are searched in the decoded values and, with `transmission`, also in URL, headers and payloads as sent. Each
        kind, value and path is given once. Raises nothing."""
        meanings = self._meanings
        known = self._known
        by_length, parts = _marks()
        noted: list[tuple[int, Value, Meaning]] = []
        agents: tuple[Finding, ...] = ()
        traits: dict[str, tuple[str, ...]] = {}
        for place, value in enumerate(decoded.values):
            its = meanings[value[1]]
            if its is NOTHING:
                # Most values stand under such names: the most that `_looks_worth` refuses is refused here.
                data = value[2]
                if data.__class__ is str:
                    if len(data) not in by_length:
                        for part in parts:
                            if part in data:
                                break
                        else:
                            continue
                elif data.__class__ is not int or not 10**14 <= data < 10**21:
                    continue
                if not _looks_worth(data):
                    continue
            elif its.trait:
                traits.setdefault(its.trait, value[0])
                if not its.kinds and not its.roles:
                    continue
            elif its is _AGENT:
                agents += self._agent(value)
                continue
            elif its.carrier:
                if meanings[_above(value)] is NOTHING and not _looks_worth(value.data):
                    continue
                value, its = self._meant(value)
            elif its.joined:
                value, its = self._meant(value)
                if its.joined and not _looks_worth(value.data):
                    continue
            noted.append((place, value, its))
        if len(traits) >= LEAST_TRAITS and (whole := fingerprint(traits, next(iter(traits.values()))[:1])):
            agents += (whole,)
        if not noted and not declared and known is None:
            return () if received else agents
        found = self._examine(decoded.values, noted, declared)
        if received:
            agents = ()
            found = [each._replace(certainty=_LESS[each.certainty]) for each in found]
        if known is not None:
            found += [
                *(
                    known.search_values(decoded)
                    if transmission is None
                    else known.search(transmission, decoded)
                )
            ]
        return _once(agents, found)

    def _meant(self, value: Value) -> tuple[Value, Meaning]:
        """A value under the name that it is to be judged by, and what that stands for."""
        its = self._meanings[value.key]
        if its.joined:
            name = f"{_above(value)}.{value.key}"
            both = self._meanings[name]
            return (value, its) if both is NOTHING else (value._replace(key=name), both)
        if not its.carrier:
            return value, its
        name = _above(value)
        return value._replace(key=name), self._meanings[name]

    def _agent(self, value: Value) -> tuple[Finding, ...]:
        """What a user agent tells of the device."""
        text = value.data
        return self._agents[text[:MAX_AGENT], value.key, value.path] if isinstance(text, str) else ()

    def _examine(
        self,
        values: Sequence[Value],
        candidates: list[tuple[int, Value, Meaning]],
        declared: Sequence[DeclaredField],
    ) -> list[Finding]:
        """The findings among the values that are worth a look, in the order of the values."""
        fields: dict[int, DeclaredField] = {}
        if declared:
            index = self._index(declared)
            at = index.at
            for place, value in enumerate(values):
                field = at[value[0]]
                if field is not None:
                    fields[place] = field
            undeclared = [each for each in candidates if each[0] not in fields]
            candidates = [
                *undeclared,
                *((place, *self._meant(values[place])) for place in fields),
            ]
            candidates.sort(key=lambda each: each[0])
        noted: list[Noted] = []
        packages: list[Noted] = []
        for place, value, its in candidates[:MAX_NOTED]:
            if its is _PACKAGE and place not in fields:
                packages.append(Noted(place, value._replace(path=value.path[:-1]), value.key, NOTHING, None))
                continue
            text = _text(value.data)
            if its is NOTHING and place not in fields and apps.is_package(text):
                packages.append(Noted(place, value, text, its, None))
            elif text:
                noted.append(Noted(place, value, text, its, fields.get(place)))
        # Most transmissions have nothing that counts only together with something else.
        roles = frozenset[str]().union(*[each.meaning.roles for each in noted])
        found: list[Placed] = []
        stations, taken = network.access_points(noted)
        found += stations
        vague: list[tuple[Noted, _Candidates]] = []
        groups_with_device: set[int] = set()
        for each in noted:
            if each.place in taken:
                continue
            for one in self._of_one_value(each, vague):
                found.append((each.place, one))
                if (
                    one.certainty != "possible"
                    and tables().kinds[one.kind].category in ("hardware", "sim")
                    and (each.declared or not self._subjects.other(one.path))
                ):
                    groups_with_device.add(each.value.group)
        roles_by_group = _roles_by_group(noted) if vague else {}
        for each, possible in vague:
            beside = frozenset[str]().union(
                *[its for place, its in roles_by_group.get(each.value.group, ()) if place != each.place]
            )
            others = beside - each.meaning.roles
            fitting = [one for one in possible if one[0].not_beside.isdisjoint(others)]
            if not fitting:
                continue
            kind, checked = fitting[0]
            company = each.value.group in groups_with_device or not kind.company.isdisjoint(beside)
            if not company and kind.severity < WORTH_A_DOUBT:
                continue
            certainty: Certainty = "likely" if company else "possible"
            reason = f"key {each.value.key}, which can mean other things; {checked.note}"
            reason += "; with others of its kind beside it" if company else ""
            found.append((each.place, Finding(kind.id, checked.value, certainty, reason, each.value.path)))
        short = [each for each in noted if each.meaning.short]
        if len(short) > 1 and (read := _of_short_names(short, found, groups_with_device)):
            places = {place for place, _ in read}
            found = [each for each in found if each[0] not in places] + read
        if roles or fields:
            found += position.positions(noted)
            found += network.cells(noted, groups_with_device)
        if "contacts" in roles or any(finding[0] in _OF_A_CONTACT for _, finding in found):
            books, of_books = person.contacts(noted, found)
            if books:
                found = [each for each in found if each[0] not in of_books] + books
        if packages or "packages" in roles or fields:
            found += apps.installed_apps(
                [each for each in noted if "packages" in each.meaning.roles or each.declared], packages
            )
        found.sort(key=lambda each: each[0])
        described = "device_description" in roles or bool(fields)
        return self._doubted(values, found[:MAX_FOUND], fields, described)

    def _doubted(
        self,
        values: Sequence[Value],
        found: list[Placed],
        fields: Mapping[int, DeclaredField],
        described: bool,
    ) -> list[Finding]:
        """The findings; one that stands in what describes something or somebody else is possible only. What the
        catalogue declares is not doubted. `described`: something in the transmission describes a device."""
        its = kinds()
        read: list[Finding] = []
        lists: dict[tuple[str, tuple[str, ...]], set[str]] = {}
        certain: set[int] = set()
        of_a_phone = described
        for place, finding in found:
            kind = its[finding.kind]
            if (
                kind.phones_only
                and finding.certainty != "possible"
                and not self._subjects.other(finding.path)
            ):
                of_a_phone = True
            if kind.few:
                lists.setdefault((finding.kind, finding.path), set()).add(finding.value)
            if finding.certainty == "certain" and kind.category in ("hardware", "sim"):
                certain.add(values[place].group)
        for place, finding in found:
            kind = its[finding.kind]
            if finding.certainty != "possible" and kind.doubts and place not in fields:
                listed = bool(kind.few) and len(lists[finding.kind, finding.path]) > kind.few
                why = self._not_its(values, place, finding, values[place].group in certain, listed)
                certainty: Certainty = "possible"
                if not why and not of_a_phone and not kind.phones_only:
                    unknown = self._subjects.unknown(finding.path)
                    why = f"within {unknown}, which may be anything" if unknown else ""
                    certainty = _LESS[finding.certainty]
                if why:
                    reason = f"{finding.reason}; {why}, so perhaps not the device's"
                    finding = finding._replace(certainty=certainty, reason=reason)
            read.append(finding)
        return read

    def _not_its(
        self, values: Sequence[Value], place: int, finding: Finding, with_device: bool, listed: bool
    ) -> str:
        """Why a finding may not be of this device or who uses it; empty if nothing says so. `with_device`: a number of
        its hardware or SIM, which is certain, stands beside it. `listed`: one of several in a list."""
        other = self._subjects.other(finding.path)
        if other:
            return f"within {other}"
        if finding.path[0] in _LINES and not listed:
            return ""
        signs = self._subjects.signs(values, place, finding.path)
        for sign in kinds()[finding.kind].doubts:
            name = signs.get(sign)
            if name is None or (sign != "machine" and with_device) or (sign == "place" and "own" in signs):
                continue
            if sign == "campaign" and any(
                weight == "exclusive" for _, weight in self._meanings[finding.path[-1]].kinds
            ):
                continue
            return f"beside {name}, which describes something else"
        if listed and not ("track" in signs or "own" in signs or with_device):
            return "one of several in a list"
        return ""

    def _of_one_value(self, each: Noted, vague: list[tuple[Noted, _Candidates]]) -> Sequence[Finding]:
        """What one value is: as it stands, or else its parts, if it is of a kind that is written so."""
        one = self._as_it_stands(each, vague)
        if one is not None:
            return (one,)
        declared = kinds().get(each.declared.kind) if each.declared is not None else None
        named = tuple([its for its in each.meaning.kinds if its[0].grouped and its[1] != "vague"])
        if not (named or (declared and declared.grouped)) or len(each.text) > MAX_VALUE:
            return ()
        parts = [
            _BETWEEN_GROUPS.sub("", part.rpartition(":")[2]) for part in _BETWEEN_VALUES.split(each.text)
        ]
        read: list[Finding] = []
        for part in dict.fromkeys(parts):
            alone = each._replace(text=part)
            one = _declared_single(alone) or _best(each.value.key, each.value.path, part, named)[0]
            if one is not None:
                read.append(one)
        return read

    def _as_it_stands(self, each: Noted, vague: list[tuple[Noted, _Candidates]]) -> Finding | None:
        """What a value is as a whole; that which needs company is put into `vague`."""
        # A declared place can hold another thing than declared: then it is judged as any other.
        one = _declared_single(each)
        if one is not None or len(each.text) > MAX_VALUE:
            return one
        identity = (each.value.key, each.value.path, each.text)
        best, uncertain = self._judged[identity]
        if uncertain:
            vague.append((each, uncertain))
        return best

    def _index(self, fields: Sequence[DeclaredField]) -> "_Declared":
        """The fields by path. The catalogue gives the same sequence for an endpoint each time: it is indexed once."""
        remembered = self._declared.get(id(fields))
        if remembered is None or remembered[0] is not fields:
            if len(self._declared) >= MAX_REMEMBERED:
                self._declared.clear()
            remembered = self._declared[id(fields)] = (fields, _Declared(fields))
        return remembered[1]

    def _judge(self, identity: tuple[str, tuple[str, ...], str]) -> _Judged:
        key, path, text = identity
        return _best(key, path, text, self._meanings[key].kinds)


def _size_of_judged(identity: tuple[str, tuple[str, ...], str], judged: _Judged) -> int:
    """Bytes, about: each name in a path is held by the names of paths already."""
    return len(identity[2]) + 8 * len(identity[1])


def _meaning(key: str) -> Meaning:
    """What a name stands for to the engine."""
    if len(key) > MAX_KEY:
        return NOTHING
    its = meaning(key)
    if "useragent" in its.roles:
        its = _AGENT
    elif its is NOTHING and apps.is_package(key):
        its = _PACKAGE
    return its


def _read_agent(identity: tuple[str, str, tuple[str, ...]]) -> tuple[Finding, ...]:
    """What a user agent, under this name at this place, tells of the device."""
    text, key, path = identity
    return tuple(
        Finding(kind.id, said, "likely", f"key {key}; its place in a user agent", path)
        for kind, pattern in tables().agents
        if (match := pattern.search(text))
        and (said := match[match.lastindex or 0].strip()).lower() not in tables().agents_never
    )


def _looks_worth(data: str | int | float | bytes) -> bool:
    """Whether a value is worth a look under a name that says nothing."""
    if isinstance(data, int):
        data = str(data)
    if not isinstance(data, str) or len(data) > MAX_VALUE:
        return False
    by_length, parts = _marks()
    for shape in by_length.get(len(data), ()):
        if shape(data):
            return True
    return any(part in data for part in parts)


_Shape = Callable[[str], re.Match[str] | None]


@cache
def _marks() -> tuple[dict[int, tuple[_Shape, ...]], tuple[str, ...]]:
    """What every value has that is worth a look under a name that says nothing: a length and one of the shapes that
    go with it, or a part."""
    by_length: dict[int, tuple[_Shape, ...]] = {}
    for kind in _alone():
        for length in kind.alone_lengths:
            assert kind.alone is not None
            by_length[length] = (*by_length.get(length, ()), kind.alone)
    return by_length, tuple(kind.alone_part for kind in kinds().values() if kind.alone_part)


@cache
def _alone() -> tuple[Kind, ...]:
    return tuple(kind for kind in kinds().values() if kind.alone is not None)


class _Declared:
    """Declared fields, by path."""

    def __init__(self, fields: Sequence[DeclaredField]) -> None:
        self._exact = {field.path: field for field in fields if "*" not in field.path}
        self._wild: dict[int, list[DeclaredField]] = {}
        for field in fields:
            if "*" in field.path:
                self._wild.setdefault(len(field.path), []).append(field)

        self.at = Memo(self._find, MAX_PATHS)
        """The field that is declared for a path; None if none is."""

    def _find(self, path: tuple[str, ...]) -> DeclaredField | None:
        path = without_compression(path)
        found = self._exact.get(path)
        if found is None and self._wild:
            for field in self._wild.get(len(path), ()):
                if fits(field.path, path):
                    return field
        return found


def _check(id: str, text: str) -> Checked | None:
    """Shape and check."""
    kind = kinds()[id]
    check = CHECKS.get(id)
    if check is None or not kind.shape(text) or text.lower() in kind.never:
        return None
    return check(text)


def _wide(kind: Kind, text: str) -> Checked | None:
    """A value under a name that means nothing else, in a form of a maker's own."""
    if kind.wide is None or not kind.wide(text) or text.lower() in kind.never:
        return None
    return Checked(text, Strength.FITS, f"{len(text)} characters, as makers and programs number")


def _once(first: Sequence[Finding], rest: Sequence[Finding]) -> tuple[Finding, ...]:
    """Each kind, value and path once, at its best certainty, in their order; of equals the later, since what
    the user said is this phone's comes last and says most."""
    if len(rest) == 1 and not first:
        return (rest[0],)
    best: dict[tuple[str, str, tuple[str, ...]], Finding] = {}
    for finding in (*first, *rest):
        identity = (finding.kind, finding.value, finding.path)
        before = best.get(identity)
        if before is None or RANK[finding.certainty] >= RANK[before.certainty]:
            best[identity] = finding
    return tuple(best.values())


def _text(data: str | int | float | bytes) -> str:
    """A value as text: numbers in decimal, bytes in hexadecimal (16 as a UUID); empty if it is no single
    identifier's."""
    if isinstance(data, str):
        return data.strip()
    if isinstance(data, float):
        return str(int(data)) if data.is_integer() and abs(data) < 1 << 53 else repr(data)
    if isinstance(data, int):
        return str(data) if -(1 << 64) < data < 1 << 128 else ""
    if len(data) == 16:
        return str(uuid.UUID(bytes=bytes(data)))
    return data.hex() if len(data) in (6, 8) else ""


def _above(value: Value) -> str:
    """The name one step further up, for a value whose own says nothing."""
    for segment in value.path[-2::-1]:
        if not segment.isdecimal():
            return segment
    return value.key


def _never(text: str) -> bool:
    return text.lower() in tables().never or REPEATED(text) is not None


_BETWEEN_VALUES: Final = re.compile(r"[,;|/]")
_BETWEEN_GROUPS: Final = re.compile(r"[\s\"'{}()<>._-]+")


def _declared_single(each: Noted) -> Finding | None:
    """What a declared field holds, if it is one value that has the declared shape."""
    field = each.declared
    if field is None:
        return None
    kind = kinds().get(field.kind)
    if kind is None or len(each.text) > MAX_VALUE or _never(each.text):
        return None
    checked = _check(kind.id, each.text) or _wide(kind, each.text)
    if checked is None:
        return None
    return Finding(kind.id, checked.value, "certain", declared_reason(field, checked.note), each.value.path)


def _best(key: str, path: tuple[str, ...], text: str, named: Sequence[tuple[Kind, Weight]]) -> _Judged:
    """The kind that name and value together speak best for; if there is none, those that need company."""
    if _never(text):
        return None, ()
    best: Finding | None = None
    uncertain: _Candidates = ()
    for kind, weight in _possible_kinds(key, named, text):
        if (kind.not_in and not kind.not_in.isdisjoint(path[:2])) or (
            kind.only_in and path[0] not in kind.only_in
        ):
            continue
        checked = _check(kind.id, text)
        if weight == "exclusive" and kind.wide and (checked is None or not checked.strength):
            checked = _wide(kind, text) or checked
        if checked is None or (weight == "vague" and kind.special and checked.strength < Strength.SPECIFIC):
            continue
        certainty = CERTAINTY.get((weight, checked.strength))
        if certainty is None or (best is not None and RANK[certainty] <= RANK[best.certainty]):
            continue
        if certainty == "possible" and weight == "vague":
            uncertain = (*uncertain, (kind, checked))
            continue
        said = f"key {key}; " if weight is not None else "looks like one, under a name that does not say so; "
        best = Finding(kind.id, checked.value, certainty, said + checked.note, path)
    return best, () if best is not None else uncertain


LEAST_SHORT: Final = 3
"""Kinds under short names in one object, from which on the names are believed; two if one value is proven."""


def _of_short_names(
    noted: Sequence[Noted], found: Sequence[Placed], groups_with_device: Set[int]
) -> list[Placed]:
    """What stands under the names of a few letters that kits use, where several kinds of them stand together; what was
    found by its shape alone is found anew."""
    taken = {place for place, finding in found if finding.certainty != "possible"}
    groups: dict[int, list[tuple[Noted, Kind, Checked]]] = {}
    for each in noted:
        if each.place in taken or len(each.text) < LEAST_SHORT_VALUE or _never(each.text):
            continue
        for kind, weight in each.meaning.kinds:
            if (
                weight == "short"
                and (checked := _check(kind.id, each.text))
                and checked.strength > Strength.WEAK
            ):
                groups.setdefault(each.value.group, []).append((each, kind, checked))
                break
    read: list[Placed] = []
    for group, members in groups.items():
        several = len({kind.id for _, kind, _ in members})
        proven = any(checked.strength >= Strength.SPECIFIC for *_, checked in members)
        if several + (group in groups_with_device) < LEAST_SHORT - proven:
            continue
        for each, kind, checked in members:
            reason = f"key {each.value.key}, short for it; with {several} kinds of such names together; {checked.note}"
            read.append((each.place, Finding(kind.id, checked.value, "likely", reason, each.value.path)))
    return read


LEAST_SHORT_VALUE: Final = 8
"""Characters of a value that short names can stand for."""


def _possible_kinds(
    key: str, named: Sequence[tuple[Kind, Weight]], text: str
) -> Iterator[tuple[Kind, Weight | None]]:
    yield from named
    for kind in _alone():
        if (
            kind.alone is not None
            and kind.alone(text)
            and (not kind.alone_words or _says_nothing(key, kind.alone_words))
        ):
            yield kind, None


_SHORT_NAME: Final = 3
"""Letters up to which a name may be short for anything."""


def _says_nothing(key: str, words: frozenset[str]) -> bool:
    """Whether a name leaves open what stands under it, as those of an order or an account do not."""
    if len(key) <= _SHORT_NAME:
        return True
    return len(key) <= MAX_KEY and all(
        word in words or word.isdecimal() or len(word) == 1 for word in words_of(key)
    )


def _roles_by_group(noted: Sequence[Noted]) -> dict[int, list[tuple[int, frozenset[str]]]]:
    """What else an object holds: the places and roles of its values, one place for each set of roles and one more,
    since no value is its own company."""
    roles: dict[int, dict[frozenset[str], list[int]]] = {}
    for each in noted:
        if each.meaning.roles:
            places = roles.setdefault(each.value.group, {}).setdefault(each.meaning.roles, [])
            if len(places) < 2:
                places.append(each.place)
    return {
        group: [(place, its) for its, places in sets.items() for place in places]
        for group, sets in roles.items()
    }
