"""Which client it was, what it said of itself, and what the user calls it. `report.phones` says which clients are one
phone.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from phonehome.analysis import knowledge
from phonehome.analysis.identifiers.finding import Finding
from phonehome.analysis.sources.flow_state import ip
from phonehome.analysis.sources.source import Said
from phonehome.analysis.transmission import Transmission

UNKNOWN: Final = "unknown"
"""Id of a device of which nothing is known: the client's address names none (loopback), or was not recorded."""

MAX_USER_AGENT: Final = 1000
"""Characters of a user agent that are looked at."""
MAX_DIFFERENT: Final = 50
"""Different models, builds and versions of one device that are kept; a phone has a few."""

CERTAIN_COUNTS: Final = 3
"""How many times what is only likely must be said to weigh as much as what is certain."""

# In these modes of mitmproxy each phone has a listener of its own, and as a rule the same address.
_OWN_LISTENER: Final = ("wireguard",)
PHONES_IPV6: Final = "fd70:686f:6e65::1"
"""What `phonehome proxy` gives every client of WireGuard besides: one of our own, from fd00::/8 (RFC 4193)."""
_USUAL_ADDRESSES: Final = frozenset({"10.0.0.1", PHONES_IPV6})
"""What a WireGuard configuration gives every client: mitmproxy's own the first, and `phonehome proxy` the other."""
_SYSTEMS: Final = {"android": "Android", "ios": "iOS"}


_Fact = tuple[str, bool]
"""What a device said of itself, and whether that is certain."""


class DeviceNameError(ValueError):
    """A `NAME=ADDRESS` that is none; the message says what was meant."""


def device_id(sent: Transmission) -> str:
    """Address of the client, or the mode that only this phone uses (`wireguard:phone.conf@51820`); UNKNOWN for
    a loopback address or none."""
    return listener_of(sent.client, sent.proxy_mode)


def listener_of(client: str | None, mode: str) -> str:
    """As `device_id`, from the client's address and the proxy's mode."""
    if mode.startswith(_OWN_LISTENER):
        return mode if not client or client in _USUAL_ADDRESSES else f"{mode} {client}"
    return UNKNOWN if not client or client.startswith("127.") or client == "::1" else client


@dataclass(slots=True)
class DeviceFacts:
    """What a device said of itself, and how often; contradictions are kept."""

    _models: Counter[_Fact] = field(default_factory=Counter)
    _builds: Counter[_Fact] = field(default_factory=Counter)
    _systems: Counter[_Fact] = field(default_factory=Counter)
    said: Said | None = None
    """What the capture says of it, where it is the only device in it: it counts where the device names nothing."""
    card: str | None = None
    """Who made its network card, by its MAC address."""

    def add(self, sent: Transmission, findings: Iterable[Finding]) -> None:
        """Takes in what one transmission says."""
        for finding in findings:
            if finding.certainty == "possible":
                continue
            fact = (finding.value, finding.certainty == "certain")
            if (
                finding.kind == "model"
                and finding.value.lower() not in knowledge.shipped().software.not_models
            ):
                self._models[fact] += 1
            elif finding.kind == "build":
                self._builds[fact] += 1
        user_agent = sent.header("user-agent")
        if user_agent and (system := _system(user_agent[:MAX_USER_AGENT])):
            self._systems[system] += 1
        self._bound()

    def merge(self, other: "DeviceFacts") -> None:
        """Adds what another counted of the same device."""
        self.said = self.said or other.said
        self.card = self.card or other.card
        self._models.update(other._models)
        self._builds.update(other._builds)
        self._systems.update(other._systems)
        self._bound()

    def _bound(self) -> None:
        for counted in (self._models, self._builds, self._systems):
            if len(counted) > 4 * MAX_DIFFERENT:
                _cut(counted)

    @property
    def model(self) -> str | None:
        """The model for which most speaks; None if it named none."""
        return next(iter(self.models), (self.said and self.said.model) or None)

    @property
    def models(self) -> list[str]:
        """All that it named, in order of the evidence."""
        return _by_evidence(self._models)

    @property
    def builds(self) -> list[str]:
        """Software builds, in the same order."""
        said = [self.said.build] if self.said and self.said.build else []
        return list(dict.fromkeys([*_by_evidence(self._builds), *said]))

    @property
    def system(self) -> str | None:
        """Operating system and version for which most speaks: `Android 9`; None if it was not named."""
        return next(iter(_by_evidence(self._systems)), (self.said and self.said.system) or None)

    @property
    def families(self) -> list[str]:
        """Systems without their versions, where they are certain: more than one is a contradiction."""
        return sorted({system.split()[0] for system, certain in self._systems if certain})


class _Named(NamedTuple):
    """What the user says of one device."""

    name: str
    file: str
    """Name of the file or path, `*` for all files; empty if none was said."""
    where: str
    """Address or listener; empty for whatever device the file holds."""


class DeviceNames:
    """The names that the user gave to devices. One that is given with a file, or with `*` for all, joins what it names;
    one that is given without a file only names."""

    def __init__(self, names: Iterable[_Named] = ()) -> None:
        self._names = tuple(names)
        self._used: set[_Named] = set()

    @classmethod
    def parse(cls, given: Sequence[str]) -> "DeviceNames":
        """From texts such as `Anna=10.0.0.2`, `Anna=wireguard@51820`, `Anna=monday.mitm:10.0.0.2`, `Anna=*:10.0.0.2` or
        `Anna=monday.har`.

        Raises DeviceNameError for another text, and for one device with two names."""
        names: dict[tuple[str, str], _Named] = {}
        for text in given:
            name, found = _split(text)
            if found is None or not name:
                raise DeviceNameError(
                    f"--device {text!r} is not NAME=ADDRESS: give the phone's IP address, or wireguard@PORT, "
                    'as in --device "Anna=10.0.0.2"; or with the file, as in "Anna=monday.mitm:10.0.0.2"'
                )
            before = names.setdefault(found, _Named(name, *found))
            if before.name != name:
                raise DeviceNameError(
                    f"--device: {':'.join(filter(None, found))} has two names, {before.name!r} and {name!r}"
                )
        return cls(names.values())

    def name(self, capture: str, id_: str, addresses: Collection[str]) -> str | None:
        """The user's name for this device of this capture, or None."""
        found = self._find(capture, id_, addresses)
        return found.name if found else None

    def joins(self, capture: str, id_: str, addresses: Collection[str]) -> str | None:
        """The same where the user also says that all that is so named is one device."""
        found = self._find(capture, id_, addresses)
        return found.name if found and found.file else None

    def unused(self) -> list[str]:
        """What the user named and nothing fitted so far, as `NAME=FILE:ADDRESS`."""
        return [
            f"{named.name}={':'.join(filter(None, (named.file, named.where)))}"
            for named in self._names
            if named not in self._used
        ]

    def _find(self, capture: str, id_: str, addresses: Collection[str]) -> _Named | None:
        for named in self._names:
            if _is_of(named.file, capture) and _is_at(named.where, id_, addresses):
                self._used.add(named)
                return named
        return None


def _split(text: str) -> tuple[str, tuple[str, str] | None]:
    """Name, and what `_placed` makes of the rest; a name may hold "=" itself."""
    for equals in re.finditer("=", text):
        if found := _placed(text[equals.end() :].strip()):
            return text[: equals.start()].strip(), found
    return "", None


def _placed(text: str) -> tuple[str, str] | None:
    """File and address or listener that a text names; None if it names neither."""
    for place in (-1, *(match.start() for match in re.finditer(":", text))):
        file, where = text[: max(place, 0)], text[place + 1 :]
        if address := ip(where):
            return file, address
        if where.startswith(_OWN_LISTENER):
            return file, where
    return (text, "") if re.search(r"\.[A-Za-z]\w*\Z", text) else None


def _is_of(file: str, capture: str) -> bool:
    return file in ("", "*", capture) or file == re.split(r"[/\\]", capture)[-1]


def _is_at(where: str, id_: str, addresses: Collection[str]) -> bool:
    own_listener = id_.startswith(_OWN_LISTENER)
    if where in ("", id_) or (where in addresses and (not own_listener or where not in _USUAL_ADDRESSES)):
        return True
    kind, _, port = where.partition("@")
    return own_listener and bool(port) and kind in _OWN_LISTENER and id_.rpartition("@")[2] == port


def label(name: str | None, id_: str, facts: DeviceFacts) -> str:
    """What to call a device: the user's name, else model and id, else the id."""
    if name:
        return name
    known = "device without an address of its own" if id_ == UNKNOWN else id_
    return f"{facts.model} ({known})" if facts.model else known


@lru_cache(maxsize=4096)
def _system(user_agent: str) -> _Fact | None:
    """What a user agent says of the system, and whether that is certain."""
    software = knowledge.shipped().software
    for pattern in software.systems:
        match = pattern.search(user_agent)
        if match is None:
            continue
        group, version = next(iter(match.groupdict().items()))
        if group != "darwin":
            return f"{_SYSTEMS[group]} {version.replace('_', '.')}", True
        if of_ios := software.darwin.get(version):
            return f"iOS {of_ios}", False
    return None


def _by_evidence(counted: Counter[_Fact]) -> list[str]:
    """Each text once, that for which most and best evidence speaks first."""
    weights: Counter[str] = Counter()
    for (text, certain), number in counted.items():
        weights[text] += number * (CERTAIN_COUNTS if certain else 1)
    return sorted(weights, key=lambda text: (-weights[text], text))[:MAX_DIFFERENT]


def _cut(counted: Counter[_Fact]) -> None:
    for fact in sorted(counted, key=lambda fact: (not fact[1], -counted[fact], fact))[2 * MAX_DIFFERENT :]:
        del counted[fact]
