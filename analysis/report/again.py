"""What is certain of a phone, found again in whatever else it sent: under any name, hashed or encoded.

Strategy: one pass. While transmissions are counted, each destination keeps a sketch of the longer values that it was
sent (`texts`). When all is merged, the values that are certain for a phone are searched in the sketches of that phone,
in all forms in which values that a user names are searched (`identifiers.known`).

Nothing is concluded from a short value, from one that could be a date, or from one that another phone sent.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Final, NamedTuple

from phonehome.analysis.decoding.values import SHORTEST
from phonehome.analysis.identifiers.finding import RANK, Certainty, Finding
from phonehome.analysis.identifiers.kinds import Kind
from phonehome.analysis.identifiers.known import LONGEST, PART, Form, Known, KnownValues
from phonehome.analysis.report.model import AtAddress, Device
from phonehome.analysis.report.texts import Path, Sighting

SURE: Final = 12
"""Letters and digits from which on a value that is written as it is, is certain."""
LONG_NUMBER: Final = 16
"""Digits from which on chance does not make two numbers equal."""
VARIED: Final = 5
"""Different characters that a value has at least: 1000000001 stands for nobody."""
MOST_SEARCHED: Final = 200
"""Values of one phone that are searched: the weightiest."""
WORTH: Final = 50
"""Severity from which on a kind is searched: not what lasts for a session."""

_CATEGORIES: Final = frozenset({"hardware", "sim", "advertising", "software", "account"})
"""Of the others (places, networks), the same stands in what other phones send."""
_STATIONS: Final = "access-points"
_TELLS: Final = re.compile(r"\d|@").search
"""Words alone tell of nobody."""
_DATE: Final = re.compile(r"(?:19|20)\d\d[-/.]?[01]\d[-/.]?[0-3]\d(?!\d)").match
_BARE: Final = re.compile(r"[\W_]+")


class _Source(NamedTuple):
    """A value that is certain of a phone, or likely."""

    kind: Kind
    value: str
    certainty: Certainty
    host: str
    """Where; the first by alphabet, if it is at several."""
    alone: bool
    """Whether it is likely at one host only."""


class Again:
    """The values that are certain for one phone, ready to be searched in the rest of what it sent."""

    def __init__(self, device: Device, kinds: Mapping[str, Kind]) -> None:
        self._sources = _sources(device, kinds)[:MOST_SEARCHED]
        self._device = device

    def add_to(self, seen: AtAddress, host: str | None) -> None:
        """Adds what was sent to one destination, and is certain elsewhere, to its identifiers. A weaker word for the
        same value at the same place is taken out."""
        if not self._sources:
            return
        places = [(path, text, count) for path, text, count in seen.texts if _TELLS(text)]
        if not places:
            return
        hits = self._known.found([text.encode("utf-8", "replace") for _, text, _ in places])
        whole = {piece for piece, _, form in hits if form.spelling != PART}
        there = {
            (finding.kind, _bare(finding.value))
            for finding in seen.identifiers
            if finding.certainty != "possible"
        }
        added: dict[tuple[Path, int], tuple[Finding, Sighting]] = {}
        weaker: set[tuple[Path, str]] = set()
        for piece, number, form in hits:
            source = self._sources[number]
            path, text, count = places[piece]
            certainty = _certainty(form, source)
            if (
                certainty is None
                or (form.spelling == PART and piece in whole)
                or (source.kind.id, _bare(source.value)) in there
            ):
                continue
            finding = Finding(source.kind.id, source.value, certainty, _reason(source, form, host), path)
            if (path, number) in added:
                added[path, number][1].merge(count)
            else:
                added[path, number] = (
                    finding,
                    Sighting(count.transmissions, count.unencrypted, count.delivered),
                )
            weaker |= {(path, _bare(text)), (path, _bare(source.value))}
        # A text that was decoded is also there as it was sent, one step before.
        above = {(path[:size], number) for path, number in added for size in range(1, len(path))}
        for finding in [each for each in seen.identifiers if each.certainty != "certain"]:
            if (finding.path, _bare(finding.value)) in weaker:
                seen.identifiers_found -= seen.identifiers.pop(finding).transmissions
        for at, (finding, count) in added.items():
            if at not in above:
                # Several texts of one list can hold it: then they were in as many transmissions at most.
                count.transmissions = min(count.transmissions, seen.transmissions)
                count.delivered = min(count.delivered, count.transmissions)
                count.unencrypted = min(count.unencrypted, count.transmissions)
                seen.identifiers[finding] = count
                seen.identifiers_found += count.transmissions

    @cached_property
    def _known(self) -> KnownValues:
        """The values, as far as a form of them can be in what the phone sent."""
        known = _search(tuple(Known(source.kind.id, source.value) for source in self._sources))
        return known.within(
            b"\n".join([text.encode("utf-8", "replace") for text in seen.texts.every() if _TELLS(text)])
            for addresses in self._device.destinations.values()
            for seen in addresses.values()
        )


@lru_cache(maxsize=4)
def _search(values: tuple[Known, ...]) -> KnownValues:
    """A live report asks for the same again and again."""
    return KnownValues(values)


def _sources(device: Device, kinds: Mapping[str, Kind]) -> list[_Source]:
    """What can be searched, the weightiest first. One value under two kinds is that which is certain, and then the
    weightier, such as a vendor ID that serves as a device ID."""
    hosts: dict[tuple[str, str, Certainty], set[str]] = {}
    values: dict[tuple[str, str], str] = {}
    stations = _stations(device)
    for destination, addresses in device.destinations.items():
        for address, seen in addresses.items():
            host = destination.host or address or "an unknown address"
            for finding in seen.identifiers:
                kind = kinds.get(finding.kind)
                if kind is not None and _is_searched(finding, kind):
                    bare = _bare(finding.value)
                    if bare in stations and finding.certainty != "certain":
                        continue
                    hosts.setdefault((bare, kind.id, finding.certainty), set()).add(host)
                    values[bare, kind.id] = min(finding.value, values.get((bare, kind.id), finding.value))
    best: dict[str, _Source] = {}
    for (bare, id_, certainty), at in sorted(hosts.items(), key=lambda item: item[0]):
        alone = certainty != "certain" and len(at) == 1
        source = _Source(kinds[id_], values[bare, id_], certainty, min(at), alone)
        before = best.get(bare)
        if before is None or _weight(source) < _weight(before):
            best[bare] = source
    return sorted(best.values(), key=_weight)


def _stations(device: Device) -> set[str]:
    """Addresses of access points near by: where one is called the phone's own, that is an error of who wrote it."""
    return {
        _bare(address)
        for addresses in device.destinations.values()
        for seen in addresses.values()
        for finding in seen.identifiers
        if finding.kind == _STATIONS and finding.certainty != "possible"
        for address in finding.value.split(",")
    }


def _weight(source: _Source) -> tuple[int, int, str, str]:
    return -RANK[source.certainty], -source.kind.severity, source.kind.id, source.value


def _is_searched(finding: Finding, kind: Kind) -> bool:
    value = finding.value
    bare = _bare(value)
    return (
        finding.certainty != "possible"
        and not finding.name
        and kind.singles_out
        and kind.mask != "count"
        and kind.category in _CATEGORIES
        and kind.severity >= WORTH
        and len(bare) >= SHORTEST
        and len(value) <= LONGEST
        and len(set(bare)) >= VARIED
        and _TELLS(value) is not None
        and _DATE(value) is None
    )


def _certainty(form: Form, source: _Source) -> Certainty | None:
    """How sure a form makes it; None if it is so short that it could be another value. What is likely at one host only
    must be so long, or hashed, that no other value is the same."""
    text = form.pattern if form.encoding else _bare(form.pattern.decode("latin-1")).encode()
    size = len(text)
    if size < SHORTEST or (source.alone and size < (LONG_NUMBER if text.isdigit() else SURE)):
        return None
    return source.certainty if size >= SURE else "likely"


def _reason(source: _Source, form: Form, host: str | None) -> str:
    where = "here" if host == source.host else f"at {source.host}"
    said = f"{form.encoding} of the value" if form.encoding else "the value"
    said += f" that is {source.certainty} as {source.kind.label} {where}"
    return said + (f", {form.spelling}" if form.spelling else "")


def _bare(text: str) -> str:
    return _BARE.sub("", text).lower()


def left_out(devices: Iterable[Device], kinds: Mapping[str, Kind]) -> int:
    """Places of which not all texts could be looked through, and values that could not be searched."""
    return sum(
        max(0, len(_sources(device, kinds)) - MOST_SEARCHED)
        + sum(seen.texts.cut for addresses in device.destinations.values() for seen in addresses.values())
        for device in devices
    )
