"""Which phone it was: one device for each client, and what it said of itself.

Two clients are never taken for one phone by guess, however alike they look. What a device is called is the
user's word, else the model that it named most often, with its address.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from phonehome.analysis import knowledge
from phonehome.analysis.identifiers.finding import Finding
from phonehome.analysis.sources.flow_state import ip
from phonehome.analysis.transmission import Transmission

UNKNOWN: Final = "unknown"
"""Id of a device of which nothing is known: the client's address names none (loopback), or was not recorded."""

MAX_USER_AGENT: Final = 1000
"""Characters of a user agent that are looked at."""
MAX_DIFFERENT: Final = 50
"""Different models, builds and versions of one device that are kept; a phone has a few."""

# In these modes of mitmproxy each phone has a listener of its own, and as a rule the same address.
_OWN_LISTENER: Final = ("wireguard",)
_USUAL_ADDRESS: Final = "10.0.0.1"
"""What mitmproxy's own WireGuard configuration gives every client."""
_SYSTEMS: Final = {"android": "Android", "ios": "iOS"}


class DeviceNameError(ValueError):
    """A `NAME=ADDRESS` that is none; the message says what was meant."""


def device_id(sent: Transmission) -> str:
    """Address of the client, or the mode that only this phone uses (`wireguard:phone.conf@51820`); UNKNOWN for
    a loopback address or none."""
    return listener_of(sent.client, sent.proxy_mode)


def listener_of(client: str | None, mode: str) -> str:
    """As `device_id`, from the client's address and the proxy's mode."""
    if mode.startswith(_OWN_LISTENER):
        return mode if client in (None, "", _USUAL_ADDRESS) else f"{mode} {client}"
    return UNKNOWN if not client or client.startswith("127.") or client == "::1" else client


@dataclass(slots=True)
class DeviceFacts:
    """What a device said of itself, and how often; contradictions are kept."""

    _models: Counter[str] = field(default_factory=Counter)
    _builds: Counter[str] = field(default_factory=Counter)
    _systems: Counter[str] = field(default_factory=Counter)

    def add(self, sent: Transmission, findings: Iterable[Finding]) -> None:
        """Takes in what one transmission says."""
        for finding in findings:
            if finding.certainty == "possible":
                continue
            if (
                finding.kind == "model"
                and finding.value.lower() not in knowledge.shipped().software.not_models
            ):
                self._models[finding.value] += 1
            elif finding.kind == "build":
                self._builds[finding.value] += 1
        user_agent = sent.header("user-agent")
        if user_agent and (system := _system(user_agent[:MAX_USER_AGENT])):
            self._systems[system] += 1
        self._bound()

    def merge(self, other: "DeviceFacts") -> None:
        """Adds what another counted of the same device."""
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
        """The model that it named most often; None if it named none."""
        return next(iter(self.models), None)

    @property
    def models(self) -> list[str]:
        """All that it named, most often first."""
        return _by_number(self._models)

    @property
    def builds(self) -> list[str]:
        """Software builds, most often first."""
        return _by_number(self._builds)

    @property
    def system(self) -> str | None:
        """Operating system and version, as most often named: `Android 9`; None if it was not named."""
        return next(iter(_by_number(self._systems)), None)


class DeviceNames:
    """The names that the user gave to devices."""

    def __init__(self, names: Iterable[tuple[str, str]] = ()) -> None:
        self._names = dict(names)

    @classmethod
    def parse(cls, given: Sequence[str]) -> "DeviceNames":
        """From texts such as `Anna=10.0.0.2`, `Anna=wireguard@51820` or `Anna=wireguard:anna.conf@51820`.

        Raises DeviceNameError for another text, and for one address with two names."""
        names: dict[str, str] = {}
        for text in given:
            name, equals, where = (part.strip() for part in text.rpartition("="))
            address = ip(where)
            if not equals or not name or not (address or where.startswith(_OWN_LISTENER)):
                raise DeviceNameError(
                    f"--device {text!r} is not NAME=ADDRESS: give the phone's IP address, or wireguard@PORT, "
                    'as in --device "Anna=10.0.0.2"'
                )
            key = address or where
            if names.setdefault(key, name) != name:
                raise DeviceNameError(f"--device: {key} has two names, {names[key]!r} and {name!r}")
        return cls(names.items())

    def name(self, id_: str, addresses: Collection[str]) -> str | None:
        """The user's name for this device, or None."""
        own_listener = id_.startswith(_OWN_LISTENER)
        for where, name in self._names.items():
            if where == id_ or (where in addresses and (not own_listener or where != _USUAL_ADDRESS)):
                return name
            kind, _, port = where.partition("@")
            if own_listener and port and kind in _OWN_LISTENER and id_.rpartition("@")[2] == port:
                return name
        return None

    def label(self, id_: str, addresses: Collection[str], facts: DeviceFacts) -> str:
        """What to call the device: the user's name, else model and id, else the id."""
        name = self.name(id_, addresses)
        if name:
            return name
        known = "device without an address of its own" if id_.startswith(UNKNOWN) else id_
        return f"{facts.model} ({known})" if facts.model else known


@lru_cache(maxsize=4096)
def _system(user_agent: str) -> str | None:
    for pattern in knowledge.shipped().software.systems:
        match = pattern.search(user_agent)
        if match is not None:
            group, version = next(iter(match.groupdict().items()))
            return f"{_SYSTEMS[group]} {version.replace('_', '.')}"
    return None


def _by_number(counted: Counter[str]) -> list[str]:
    return sorted(counted, key=lambda text: (-counted[text], text))[:MAX_DIFFERENT]


def _cut(counted: Counter[str]) -> None:
    for text in sorted(counted, key=lambda text: (-counted[text], text))[2 * MAX_DIFFERENT :]:
        del counted[text]
