"""Which clients of which captures are one phone.

A device is a client of one capture. Two are one phone only by the user's word, or by an identifier that only one phone
has and that both sent, surely; never because they have the same address or look alike. What contradicts that is said,
and without the user's word it keeps them apart. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.identifiers.finding import Finding
from phonehome.analysis.knowledge.identifiers import Kind
from phonehome.analysis.report.model import (
    MAX_DESTINATIONS,
    MAX_DEVICES,
    MAX_OTHERS,
    Device,
    DeviceKey,
    Report,
)

_LISTED: Final = 3
"""Kinds that are named as the reason."""


class Phone(NamedTuple):
    """What a report takes for one phone."""

    keys: tuple[DeviceKey, ...]
    device: Device
    name: str | None
    """The user's word for it."""
    joined_by: str
    """Why several clients are one phone; empty for a single one."""
    doubts: tuple[str, ...]
    """What speaks against it being one phone, in sentences."""


def phones(report: Report, names: DeviceNames, kinds: Mapping[str, Kind]) -> list[Phone]:
    """The phones of a report, in stable order. `kinds` tells which identifiers only one phone has."""
    groups = _by_word(report, names)
    groups = _by_identifier(report, groups, kinds)
    return [_phone(report, keys, names, kinds) for keys in sorted(map(sorted, groups))]


def _by_word(report: Report, names: DeviceNames) -> list[list[DeviceKey]]:
    groups: list[list[DeviceKey]] = []
    named: dict[str, list[DeviceKey]] = {}
    for key in sorted(report.devices):
        name = names.joins(key.capture, key.id, report.devices[key].addresses)
        if name is None:
            groups.append([key])
        elif name in named:
            named[name].append(key)
        else:
            groups.append(named.setdefault(name, [key]))
    return groups


def _by_identifier(
    report: Report, groups: list[list[DeviceKey]], kinds: Mapping[str, Kind]
) -> list[list[DeviceKey]]:
    joined: list[list[DeviceKey]] = []
    holders: dict[tuple[str, str], list[DeviceKey]] = {}
    for group in groups:
        own = {identity for key in group for identity in _own(report.devices[key], kinds)}
        others: list[list[DeviceKey]] = []
        for identity in sorted(own):
            other = holders.get(identity)
            if other is not None and not any(other is each for each in others):
                others.append(other)
        target = group
        for other in others:
            if not _contradicted([report.devices[key] for key in (*other, *target)]):
                if target is not other:
                    other.extend(target)
                    joined = [each for each in joined if each is not target]
                    holders.update({identity: other for identity, at in holders.items() if at is target})
                target = other
        if target is group:
            joined.append(group)
        for identity in own:
            holders.setdefault(identity, target)
    return joined


def _phone(report: Report, keys: Sequence[DeviceKey], names: DeviceNames, kinds: Mapping[str, Kind]) -> Phone:
    devices = [report.devices[key] for key in keys]
    addresses = {address for device in devices for address in device.addresses}
    name = next(
        filter(None, (names.name(key.capture, key.id, report.devices[key].addresses) for key in keys)), None
    )
    doubts: list[str] = []
    if len(keys) == 1:
        (device,), by = devices, ""
        if len(device.facts.families) > 1:
            doubts.append(
                f"What it says of its system contradicts itself ({' and '.join(device.facts.families)}): "
                "this address may have changed hands."
            )
    else:
        device = Device(keys[0].id)
        for each in devices:
            device.merge(each)
        said = {names.joins(key.capture, key.id, report.devices[key].addresses) for key in keys}
        if None not in said and len(said) == 1:
            by = f"{len(keys)} clients are taken for one phone because --device says so."
        else:
            shared = _shared([set(_own(each, kinds)) for each in devices])
            labels = list(dict.fromkeys(kinds[kind].label for kind, _ in sorted(shared)))[:_LISTED]
            by = f"{len(keys)} clients are taken for one phone because they sent the same {' and '.join(labels)}."
        if _contradicted(devices):
            doubts.append("What they say of their model or system contradicts that they are one phone.")
    if device.others:
        number = (
            f"{len(device.others):,}" if len(device.others) <= MAX_OTHERS else f"More than {MAX_OTHERS:,}"
        )
        doubts.append(f"{number} clients are added up here: {MAX_DEVICES:,} of a capture are kept apart.")
    if device.crowded:
        doubts.append(
            f"It has more than {MAX_DESTINATIONS:,} destinations: further ones are added up, without name and address."
        )
    device.addresses |= addresses
    return Phone(tuple(keys), device, name, by, tuple(doubts))


def _own(device: Device, kinds: Mapping[str, Kind]) -> Iterator[tuple[str, str]]:
    """Kind and value of what only this phone has, where that is certain."""
    if device.others:
        return
    for addresses in device.destinations.values():
        for seen in addresses.values():
            for finding in seen.identifiers:
                if is_own(finding, kinds):
                    yield finding.kind, finding.value


def is_own(finding: Finding, kinds: Mapping[str, Kind]) -> bool:
    """Whether only one phone has this, for certain."""
    kind = kinds.get(finding.kind)
    if finding.certainty != "certain" or kind is None or not kind.one_phone:
        return False
    # A MAC address with the local bit is made up, and can be so again elsewhere (IEEE 802c).
    return finding.kind != "mac" or not int(finding.value[1], 16) & 2


def _shared(sets: Sequence[set[tuple[str, str]]]) -> set[tuple[str, str]]:
    """What at least two of them hold."""
    seen: set[tuple[str, str]] = set()
    twice: set[tuple[str, str]] = set()
    for each in sets:
        twice |= seen & each
        seen |= each
    return twice


def _contradicted(devices: Iterable[Device]) -> bool:
    """Whether two of these cannot be one phone: they name no model in common, or systems of two makers."""
    families: set[str] = set()
    models: list[set[str]] = []
    for device in devices:
        families.update(device.facts.families)
        if device.facts.models:
            models.append({model.lower() for model in device.facts.models})
    apart = any(not one & other for place, one in enumerate(models) for other in models[place + 1 :])
    return len(families) > 1 or apart
