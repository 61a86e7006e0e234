"""The network: IP address, Wi-Fi name, access points near by, cell."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Final

from analysis.identifiers.device import mac_digits, spelled
from analysis.identifiers.finding import Certainty, Finding
from analysis.identifiers.kinds import kind
from analysis.identifiers.rule import Check, Checked, Noted, Placed, Strength, declared_reason, list_path

MAX_LISTED: Final = 64
"""Access points that a finding names."""
MAX_CELLS: Final = 64
"""Cells that one transmission gives; a body with more is hostile."""
MAX_TEXT: Final = 8192
"""Characters of a text that are searched for addresses."""

_TOKEN = re.compile(r"[0-9A-Za-z_+/=-]{16,}").fullmatch


def ssid(text: str) -> Checked | None:
    """Free text; what looks like a random token is a session's, not a network's name."""
    name = text[1:-1] if len(text) > 2 and text[0] == text[-1] == '"' else text
    if name.lower() in kind("ssid").never or not name.strip():
        return None
    if name != text:
        return Checked(name, Strength.SPECIFIC, "a name in quotation marks, as Android gives it")
    if (_TOKEN(name) and any(map(str.isdecimal, name))) or name.lstrip("-").isdecimal():
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


CHECKS: Final[Mapping[str, Check]] = {"ssid": ssid, "ip-address": ip_address}

_MACS = re.compile(
    r"(?<![0-9A-Fa-f:-])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:])|(?<![0-9A-Fa-f-])(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f-])"
)
_DBM = re.compile(r"(?<![0-9])-[2-9][0-9](?![0-9])")


def access_points(noted: Sequence[Noted]) -> tuple[list[Placed], set[int]]:
    """Access points and other stations near by: one finding for each list of them. Also gives the places of
    the values that it took, so that they are not reported once more as addresses of the device itself."""
    lists: dict[tuple[str, ...], list[tuple[Noted, str]]] = {}
    found: list[Placed] = []
    taken: set[int] = set()
    is_mac = kind("mac").shape
    is_bssid = kind("access-points").shape
    for each in noted:
        ids = {rule.id for rule, _ in each.meaning.kinds}
        declared = each.declared is not None and each.declared.kind == "access-points"
        if each.declared is not None and not declared:
            continue
        listed = "access_points" in each.meaning.roles
        if not (declared or listed or "access-points" in ids or "mac" in ids):
            continue
        if is_mac(each.text) or (is_bssid(each.text) and "mac" not in ids):
            digits = mac_digits(each.text)
            if digits is not None:
                lists.setdefault(list_path(each.value.path), []).append((each, spelled(digits)))
        elif len(each.text) > 17:
            inside = [digits for text in _MACS.findall(each.text[:MAX_TEXT]) if (digits := mac_digits(text))]
            addresses = [spelled(digits) for digits in inside]
            if addresses and (len(set(addresses)) > 1 or listed or declared):
                signals = _DBM.search(each.text[:MAX_TEXT]) is not None
                found.append(
                    _points(each, each.value.path, addresses, signals, len(set(addresses)) > 1 and signals)
                )
                taken.add(each.place)
    groups = {each.value.group for each in noted if "signal" in each.meaning.roles}
    for path, members in lists.items():
        addresses = [address for _, address in members]
        several = len(set(addresses)) > 1
        first = members[0][0]
        ids = {rule.id for rule, _ in first.meaning.kinds}
        named = "access-points" in ids or first.declared is not None
        if not several and not named:
            continue
        signals = any(each.value.group in groups for each, _ in members)
        within = any(_names_a_list(segment) for segment in first.value.path)
        found.append(
            _points(
                first, path if several else first.value.path, addresses, signals, named or signals or within
            )
        )
        taken.update(each.place for each, _ in members)
    return found, taken


def _names_a_list(segment: str) -> bool:
    from analysis.identifiers.kinds import meaning

    return "access_points" in meaning(segment).roles


def _points(each: Noted, path: tuple[str, ...], addresses: list[str], signals: bool, likely: bool) -> Placed:
    distinct = sorted(set(addresses))
    note = f"{len(distinct)} addresses in one list" if len(distinct) > 1 else "the address of one"
    note += ", with signal strength" if signals else ""
    certainty: Certainty = "likely" if likely else "possible"
    reason = f"key {each.value.key}; {note}"
    if each.declared is not None:
        certainty, reason = "certain", declared_reason(each.declared, note)
    value = ",".join(distinct[:MAX_LISTED])
    return each.place, Finding("access-points", value, certainty, reason, path)


def cells(noted: Sequence[Noted], with_sim: set[int]) -> list[Placed]:
    """Cells. A number called a cell id is one if what belongs to a cell stands beside it: its area, its
    network, its signal. `with_sim` are the groups in which a SIM or hardware identifier was found: that is
    company too."""
    groups: dict[int, list[Noted]] = {}
    for each in noted:
        if (each.declared is not None and each.declared.kind == "cell") or (
            each.declared is None and any(role.startswith("cell_") for role in each.meaning.roles)
        ):
            groups.setdefault(each.value.group, []).append(each)
    found: list[Placed] = []
    for group, members in groups.items():
        by_role: dict[str, Noted] = {}
        for each in members:
            for role in each.meaning.roles:
                if each.text not in kind("cell").never and _fits(each, role):
                    by_role.setdefault(role, each)
        area, country, network = by_role.get("cell_area"), by_role.get("cell_mcc"), by_role.get("cell_mnc")
        beside = [each.text for each in (country, network, area) if each is not None]
        sure = area is not None or (country is not None and network is not None)
        company = (
            sure
            or country is not None
            or network is not None
            or group in with_sim
            or ("cell_network" in by_role or "cell_signal" in by_role)
        )
        for each in members:
            roles = each.meaning.roles
            is_id = "cell_id" in roles or "cell_id_vague" in roles
            if not (is_id or (each.declared is not None and not roles)) or not _fits(each, "cell_id"):
                continue
            if each.text in kind("cell").never or len(found) >= MAX_CELLS:
                continue
            certainty: Certainty
            if each.declared is not None:
                certainty, reason = "certain", declared_reason(each.declared, "in the range of cell ids")
            elif "cell_id" in roles:
                certainty = "likely" if company else "possible"
                beside_it = "with" if company else "without"
                reason = f"key {each.value.key}; {beside_it} what belongs to a cell in the same object"
            elif sure:
                certainty, reason = "likely", f"key {each.value.key}; with its area or network code beside it"
            else:
                continue
            path = each.value.path
            found.append(
                (each.place, Finding("cell", "-".join([*beside, each.text]), certainty, reason, path))
            )
    return found


_RANGES: Final = {
    "cell_id": (1, (1 << 36) - 2),
    "cell_id_vague": (1, (1 << 36) - 2),
    "cell_area": (1, (1 << 24) - 2),
    "cell_mcc": (1, 999),
    "cell_mnc": (0, 999),
    "cell_network": (1, 65535),
}


def _fits(each: Noted, role: str) -> bool:
    low, high = _RANGES.get(role, (0, 0))
    if not high:
        return bool(each.text)
    text = each.text
    return len(text) <= 11 and text.isascii() and text.isdecimal() and low <= int(text) <= high
