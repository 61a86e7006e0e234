"""The network: IP address, Wi-Fi name, operator, access points near by, cell."""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cache
from typing import Final

from phonehome.analysis.identifiers.device import mac_digits, spelled
from phonehome.analysis.identifiers.finding import Certainty, Finding
from phonehome.analysis.identifiers.kinds import NOTHING, kind, meaning
from phonehome.analysis.identifiers.rule import (
    Check,
    Checked,
    Noted,
    Placed,
    Strength,
    declared_reason,
    list_path,
)
from phonehome.analysis.knowledge import operators

MAX_LISTED: Final = 64
"""Access points that a finding names."""
MOST_OWN: Final = 3
"""Addresses that a device may have itself (Wi-Fi, Bluetooth, Ethernet)."""
MAX_CELLS: Final = 64
"""Cells that one transmission gives; a body with more is hostile."""
LEAST_CELL: Final = 256
"""A lower number under the name of a cell id is rather a place in a table on a screen, if all that speaks for it
is an operator's code or a device beside it."""
MAX_TEXT: Final = 8192
"""Characters of a text that are searched for addresses."""

_INTEGER = re.compile(r"-?[0-9]{1,11}").fullmatch
_TOKEN = re.compile(r"[0-9A-Za-z_+/=-]{16,}").fullmatch
_UP = re.compile(r"[a-z][A-Z]").findall
_RARELY: Final = 6
"""Characters of the shortest words on average, if a capital begins each; of random letters each fourth is a capital
behind a small one."""


def ssid(text: str) -> Checked | None:
    """Free text; what looks like a random token is a session's, not a network's name."""
    name = text[1:-1] if len(text) > 2 and text[0] == text[-1] == '"' else text
    if name.lower() in kind("ssid").never or not name.strip():
        return None
    if name != text:
        return Checked(name, Strength.SPECIFIC, "a name in quotation marks, as Android gives it")
    if name.lstrip("-").isdecimal() or (
        _TOKEN(name) and (any(map(str.isdecimal, name)) or len(_UP(name)) * _RARELY > len(name))
    ):
        return None
    return Checked(name, Strength.FITS, "a name")


def ip_address(text: str) -> Checked | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if str(address) in kind("ip-address").never or address.is_multicast or address.is_unspecified:
        return None
    where = "of a private network" if address.is_private else "public"
    return Checked(str(address), Strength.FITS, f"IPv{address.version} address, {where}")


def carrier(text: str) -> Checked | None:
    """A name that an operator has, or its code; many other things are carried and operated as well."""
    if not any(map(str.isalnum, text)) or text.lower() in kind("carrier").never:
        return None
    if text.isdecimal():
        its = operators.network(text) if len(text) in (5, 6) else None
        if its is None or its.rest or not its.told:
            return None
        return Checked(text, Strength.SPECIFIC, "the code of an operator")
    words = _name_words(text)
    names = _operators()
    for count in range(len(words), 0, -1):
        if words[:count] in names:
            short = count == 1 and len(words[0]) <= _COMMON
            return Checked(text, Strength.FITS if short else Strength.SPECIFIC, "the name of an operator")
    if text.lower().startswith(kind("carrier").prefixes):
        return Checked(text, Strength.SPECIFIC, "the name of an operator")
    return Checked(text, Strength.WEAK, "a name, but of no operator that is known")


_COMMON: Final = 4
"""Letters of a word up to which an operator's name is also another word: Plus, Free, One."""
_LEAST_NAMED: Final = 3
"""Operators whose names begin with the same word, from which on this word is a name by itself: Vodafone."""


def _name_words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W_]+", text.casefold()))


@cache
def _operators() -> frozenset[tuple[str, ...]]:
    """Names of the operators that have codes (ITU-T E.212), as words."""
    names = {_name_words(name) for name in operators.names()}
    first = Counter(name[0] for name in names if len(name) > 1 and len(name[0]) > _COMMON)
    return frozenset(names) | {(word,) for word, count in first.items() if count >= _LEAST_NAMED}


CHECKS: Final[Mapping[str, Check]] = {"ssid": ssid, "ip-address": ip_address, "carrier": carrier}

_MACS = re.compile(
    r"(?<![0-9A-Fa-f:-])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:])|(?<![0-9A-Fa-f-])(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f-])"
)
_JOINED = re.compile(
    r"(?<![0-9A-Za-z:-])((?:[0-9A-Fa-f]{2}[:-]?){5}[0-9A-Fa-f]{2})[,;*]-?[1-9][0-9]{1,2}(?=[,;|*#]|\Z)"
)
"""An address and a signal strength in one text (`a41a3a0d5b90;47;Home|`), as location SDKs write lists."""
_DBM = re.compile(r"(?<![0-9])-[2-9][0-9](?![0-9])")


def access_points(noted: Sequence[Noted]) -> tuple[list[Placed], set[int]]:
    """Access points and other stations near by: one finding for each list of them. Also gives the places of
    the values that it took, so that they are not reported once more as addresses of the device itself."""
    lists: dict[tuple[str, ...], list[tuple[Noted, str]]] = {}
    found: list[Placed] = []
    taken: set[int] = set()
    for each in noted:
        if not _may_be_station(each):
            continue
        if kind("access-points").shape(each.text):
            if (digits := mac_digits(each.text)) is not None:
                lists.setdefault(list_path(each.value.path), []).append((each, spelled(digits)))
        elif len(each.text) > 17 and each.meaning is not NOTHING:
            text = each.text[:MAX_TEXT]
            listed = "access_points" in each.meaning.roles or each.declared is not None
            joined = (
                {spelled(digits) for written in _JOINED.findall(text) if (digits := mac_digits(written))}
                if listed
                else set[str]()
            )
            if joined:
                found.append(_points(each, each.value.path, joined, True, True))
                taken.add(each.place)
                continue
            addresses = {
                spelled(digits) for written in _MACS.findall(text) if (digits := mac_digits(written))
            }
            if len(addresses) > 1 or (addresses and listed):
                signals = _DBM.search(text) is not None
                likely = len(addresses) > 1 and signals
                found.append(_points(each, each.value.path, addresses, signals, likely))
                taken.add(each.place)
    groups = {each.value.group for each in noted if "signal" in each.meaning.roles}
    for path, members in lists.items():
        addresses = {address for _, address in members}
        first = members[0][0]
        several = len(addresses) > 1
        named = first.declared is not None or any(
            rule.id == "access-points" for rule, _ in first.meaning.kinds
        )
        signals = any(each.value.group in groups for each, _ in members)
        likely = named or (several and (signals or _within_a_list(first.value.path)))
        # A phone has a few interfaces of its own, so a short list that nothing else speaks for stays theirs.
        if likely or len(addresses) > MOST_OWN or (several and first.meaning is NOTHING):
            at = path if several else first.value.path
            found.append(_points(first, at, addresses, signals, likely))
            taken.update(each.place for each, _ in members)
    return found, taken


def _within_a_list(path: tuple[str, ...]) -> bool:
    return any("access_points" in meaning(segment).roles for segment in path)


def _may_be_station(each: Noted) -> bool:
    if each.declared is not None:
        return each.declared.kind == "access-points"
    if each.meaning is NOTHING:
        alone = kind("mac").alone
        return alone is not None and alone(each.text) is not None
    return "access_points" in each.meaning.roles or any(
        rule.id in ("access-points", "mac") for rule, _ in each.meaning.kinds
    )


def _points(each: Noted, path: tuple[str, ...], addresses: Set[str], signals: bool, likely: bool) -> Placed:
    distinct = sorted(addresses)
    note = f"{len(distinct)} addresses in one list" if len(distinct) > 1 else "the address of one"
    note += ", with signal strength" if signals else ""
    certainty: Certainty = "likely" if likely else "possible"
    reason = f"key {each.value.key}; {note}"
    if each.declared is not None:
        certainty, reason = "certain", declared_reason(each.declared, note)
    value = ",".join(distinct[:MAX_LISTED])
    return each.place, Finding("access-points", value, certainty, reason, path)


def cells(noted: Sequence[Noted], with_device: set[int]) -> list[Placed]:
    """Cells. A number called a cell id is one if what belongs to a cell stands beside it: its area, its
    network, its signal. `with_device` are the groups in which a SIM or hardware identifier was found: that
    is company too."""
    groups: dict[int, list[Noted]] = {}
    for each in noted:
        declared = each.declared is not None and each.declared.kind == "cell"
        if declared or any(role.startswith("cell_") for role in each.meaning.roles):
            groups.setdefault(each.value.group, []).append(each)
    found: list[Placed] = [*_joined_cells(noted)]
    for group, members in groups.items():
        by_role: dict[str, Noted] = {}
        for each in members:
            for role in each.meaning.roles & _RANGES.keys():
                if _fits(each, role):
                    by_role.setdefault(role, each)
        codes = [by_role[role].text for role in ("cell_mcc", "cell_mnc", "cell_area") if role in by_role]
        for each in members:
            if len(found) >= MAX_CELLS or not _is_cell_id(each) or not _fits(each, "cell_id"):
                continue
            judged = _judge_cell(each, by_role.keys(), group in with_device)
            if judged is not None:
                value = "-".join([*codes, each.text])
                found.append((each.place, Finding("cell", value, *judged, each.value.path)))
    return found


_CELL = re.compile(
    r"([0-9]{3})([|,_:;/-])([0-9]{1,3})\2([0-9]{1,8})\2([0-9]{2,11})(?:[|,_:;/#*&-].{0,8000}+)?", re.DOTALL
).fullmatch


def _joined_cells(noted: Sequence[Noted]) -> Iterator[Placed]:
    """Cells of which network, area and number stand in one text, one mark between (`460|11|6218|118390275`)."""
    for each in noted:
        if "cell_text" not in each.meaning.roles or not (match := _CELL(each.text[:MAX_TEXT])):
            continue
        country, _, network, area, number = match.groups()
        operator = country + network.zfill(2)
        checked = carrier(operator) if number not in kind("cell").never and int(area) < 1 << 24 else None
        if checked is not None and LEAST_CELL <= int(number) < 1 << 36:
            value = "-".join((country, network, area, number))
            reason = f"key {each.value.key}; {checked.note}, area and cell in one text"
            yield each.place, Finding("cell", value, "likely", reason, each.value.path)


def _is_cell_id(each: Noted) -> bool:
    roles = each.meaning.roles
    declared = each.declared is not None and each.declared.kind == "cell"
    return "cell_id" in roles or "cell_id_vague" in roles or (declared and not roles)


def _judge_cell(each: Noted, beside: Set[str], with_device: bool) -> tuple[Certainty, str] | None:
    """Certainty and reason of a number that may be a cell id, by the roles of what stands beside it."""
    if each.declared is not None and each.declared.kind == "cell":
        return "certain", declared_reason(each.declared, "in the range of cell ids")
    key = f"key {each.value.key}"
    area = "cell_area" in beside
    network = "cell_mcc" in beside or "cell_mnc" in beside
    if "cell_id_vague" in each.meaning.roles:
        # Advertising requests have a campaign id of this name beside the operator's codes, but no area.
        if area and network:
            return "likely", f"{key}; with its area and network beside it"
        return ("possible", f"{key}; with an area beside it") if area else None
    cdma = "cell_system" in beside and "cell_network" in beside
    real = int(each.text) >= LEAST_CELL
    if area or "cell_signal" in beside or cdma or (real and (network or with_device)):
        return "likely", f"{key}; with what belongs to a cell in the same object"
    return "possible", f"{key}; without what belongs to a cell in the same object"


_RANGES: Final = {
    "cell_id": (1, (1 << 36) - 2),
    "cell_area": (1, (1 << 24) - 2),
    "cell_mcc": (1, 999),
    "cell_mnc": (0, 999),
    "cell_system": (1, 32767),
    "cell_network": (0, 65535),
    "cell_signal": (-200, 1 << 20),
}


def _fits(each: Noted, role: str) -> bool:
    low, high = _RANGES[role]
    if each.text in kind("cell").never or not _INTEGER(each.text):
        return False
    return low <= int(each.text) <= high
