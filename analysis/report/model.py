"""A report as a sum.

`Report.add` takes one examined transmission in; `Report.merge` adds another report. Both only count,
keep the first few of something by a fixed order, or join sets, so that the result does not depend on how
captures were divided among workers, and its size depends on devices and destinations, not on flows.

Nothing is located or phrased here: that is done once, at the end, by `document`.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import NamedTuple

from phonehome.analysis.devices import DeviceFacts, device_id
from phonehome.analysis.examiner import Evidence
from phonehome.analysis.identifiers.finding import RANK, Finding
from phonehome.analysis.identifiers.kinds import LASTING
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.places.locate import words_of
from phonehome.analysis.places.round_trips import Answers
from phonehome.analysis.purposes import UNCLASSIFIED
from phonehome.analysis.report.texts import Sighting, Texts
from phonehome.analysis.report.timeline import Timeline
from phonehome.analysis.sources.source import Part, Said
from phonehome.analysis.transmission import App, Headers, Remark, RoundTrips, Transmission

MAX_IDENTIFIERS = 500
"""Different identifiers kept for one destination; the surest are, and what is left out is counted."""
MAX_EXAMPLES = 3
"""Transmissions that are shown for a destination: the first ones."""
MAX_URL = 500
SAMPLE = 1024
"""Hashes of flows that are kept of a capture: of two that share a hundredth of their flows, all but 1 in 30,000 are
recognised, of two that share all, each."""
MAX_APPS = 100
"""Apps that are kept for one address of a destination; a list of another tool can name thousands."""
MAX_DEVICES = 1000
"""Clients of one capture that are kept apart: the first by their ids, so that it does not matter in which order they
came. The others are added up as one (`OTHERS`): whoever forges senders makes a million of them in a minute."""
MAX_OTHERS = 100_000
"""Ids of these that are kept, to count them."""
OTHERS = "other clients"
"""The id of what they did."""
MAX_DESTINATIONS = 5_000
"""Addresses of destinations of one device that are kept apart: those with a purpose and a name before the others, so
that it does not matter in which order they came. What went to the others is added up by purpose, with neither name nor
address: a scan makes a hundred thousand of them out of a small file."""
MAX_NAMES = 2000
"""Names that a device looked up and that are kept."""


class Destination(NamedTuple):
    """What is counted as one: the same name (or address, where no name is known) for the same purpose."""

    host: str | None
    purpose: str
    entry: str | None
    """Catalogue entry that the purpose rests on."""
    phase: int = 0
    """How many of the report's moments it came after."""


class DeviceKey(NamedTuple):
    """What tells devices apart: a client of one capture. The same address in another capture is another device."""

    capture: str
    """Path of the file."""
    id: str
    """As `devices.device_id`."""


class Example(NamedTuple):
    """One transmission, to show. Compared by time."""

    time: float
    method: str
    url: str
    status: int
    """HTTP status of the reply; 0 if there was none."""
    outcome: str
    encrypted: bool | None
    flow_id: str


@dataclass(slots=True)
class AtAddress:
    """What went to one address of a destination. Addresses are kept apart because they can lie apart."""

    transmissions: int = 0
    attempts: int = 0
    acknowledged: int = 0
    outcome_unknown: int = 0
    """The capture lacks what would tell whether they arrived."""
    encrypted: int = 0
    unencrypted: int = 0
    encryption_unknown: int = 0
    """They carried something, and it is neither seen to be encrypted nor to be readable."""
    bytes_sent: int = 0
    bytes_received: int = 0
    first: float = float("inf")
    last: float = float("-inf")
    ports: set[int] = field(default_factory=set)
    protocols: set[str] = field(default_factory=set)
    address_sources: set[str] = field(default_factory=set)
    host_sources: set[str] = field(default_factory=set)
    authorities: set[str] = field(default_factory=set)
    name_candidates: set[str] = field(default_factory=set)
    reasons: Counter[str] = field(default_factory=Counter)
    identifiers: dict[Finding, Sighting] = field(default_factory=dict)
    identifiers_found: int = 0
    """Findings, counted once for each transmission; more than are kept in `identifiers` if some were left out."""
    examples: list[Example] = field(default_factory=list)
    opaque: Counter[str] = field(default_factory=Counter)
    """Transmissions with a part that was not understood, by its looks."""
    opaque_bytes: int = 0
    truncated: int = 0
    unopened: Counter[str] = field(default_factory=Counter)
    """Transmissions inside TLS or QUIC that stayed closed, by how."""
    apps: Counter[App] = field(default_factory=Counter)
    """Transmissions of which the app is known, by app."""
    app_candidates: set[App] = field(default_factory=set)
    texts: Texts = field(default_factory=Texts)
    """What may be an identifier that is certain elsewhere."""

    def add(self, evidence: Evidence) -> None:
        sent = evidence.transmission
        number = 1 + sent.repeats
        self.transmissions += number
        if evidence.outcome == "attempted":
            self.attempts += number
        elif evidence.outcome == "acknowledged":
            self.acknowledged += number
        elif evidence.outcome == "unknown":
            self.outcome_unknown += number
        encrypted = evidence.encrypted
        if encrypted:
            self.encrypted += 1
        elif encrypted is not None:
            self.unencrypted += 1
        elif sent.bytes_sent:
            self.encryption_unknown += 1
        self.bytes_sent += sent.bytes_sent
        self.bytes_received += sent.bytes_received
        time = sent.time
        if time < self.first:
            self.first = time
        last = sent.end or time if sent.repeats else time
        if last > self.last:
            self.last = last
        if sent.port is not None:
            self.ports.add(sent.port)
        self.protocols.add(sent.protocol)
        if sent.address_source is not None:
            self.address_sources.add(sent.address_source)
        if sent.host_source is not None:
            self.host_sources.add(sent.host_source)
        if sent.authority is not None:
            _join(self.authorities, (sent.authority,))
        if sent.host_candidates:
            _join(self.name_candidates, sent.host_candidates)
        self.reasons[evidence.judgement.reason] += number
        if len(self.examples) < MAX_EXAMPLES or time <= self.examples[-1].time:
            self.examples = nsmallest(MAX_EXAMPLES, [*self.examples, _example(evidence)])
        for looks in {part.looks for part in evidence.opaque}:
            self.opaque[looks] += 1
        self.opaque_bytes += sum(part.size for part in evidence.opaque)
        self.truncated += sent.truncated
        if sent.unopened is not None:
            self.unopened[sent.unopened] += 1
        if sent.app is not None:
            self.apps[sent.app] += 1
        self.app_candidates.update(sent.app_candidates)
        if len(self.apps) > 4 * MAX_APPS or len(self.app_candidates) > 4 * MAX_APPS:
            self._cut_apps()
        for finding in evidence.findings:
            self.identifiers_found += 1
            seen = self.identifiers.get(finding)
            if seen is None:
                seen = self.identifiers[finding] = Sighting()
            seen.transmissions += 1
            seen.unencrypted += encrypted is False
            seen.delivered += evidence.outcome != "attempted"
        if evidence.longer:
            self.texts.add(evidence.longer, encrypted is False, evidence.outcome != "attempted")
        # Cut seldom, because it sorts: only what is kept in the end has to be the same however it is divided.
        if len(self.identifiers) > 4 * MAX_IDENTIFIERS:
            self._cut()

    def merge(self, other: "AtAddress") -> None:
        self.transmissions += other.transmissions
        self.attempts += other.attempts
        self.acknowledged += other.acknowledged
        self.outcome_unknown += other.outcome_unknown
        self.encrypted += other.encrypted
        self.unencrypted += other.unencrypted
        self.encryption_unknown += other.encryption_unknown
        self.bytes_sent += other.bytes_sent
        self.bytes_received += other.bytes_received
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)
        self.ports |= other.ports
        self.protocols |= other.protocols
        self.address_sources |= other.address_sources
        self.host_sources |= other.host_sources
        _join(self.authorities, other.authorities)
        _join(self.name_candidates, other.name_candidates)
        self.reasons += other.reasons
        self.identifiers_found += other.identifiers_found
        self.examples = nsmallest(MAX_EXAMPLES, [*self.examples, *other.examples])
        self.opaque += other.opaque
        self.opaque_bytes += other.opaque_bytes
        self.truncated += other.truncated
        self.unopened += other.unopened
        self.apps += other.apps
        self.app_candidates |= other.app_candidates
        self._cut_apps()
        self.texts.merge(other.texts)
        for finding, seen in other.identifiers.items():
            self.identifiers.setdefault(finding, Sighting()).merge(seen)
        self._cut()

    def kept_identifiers(self) -> dict[Finding, Sighting]:
        """The surest identifiers, at most MAX_IDENTIFIERS, in stable order."""
        kept = nsmallest(MAX_IDENTIFIERS, self.identifiers, key=_by_certainty)
        return {finding: self.identifiers[finding] for finding in kept}

    def _cut_apps(self) -> None:
        for app in sorted(self.apps)[MAX_APPS:]:
            del self.apps[app]
        if len(self.app_candidates) > MAX_APPS:
            self.app_candidates = set(nsmallest(MAX_APPS, self.app_candidates))

    def _cut(self) -> None:
        if len(self.identifiers) > MAX_IDENTIFIERS:
            self.identifiers = self.kept_identifiers()


@dataclass(slots=True)
class Device:
    """What one device did."""

    id: str
    facts: DeviceFacts = field(default_factory=DeviceFacts)
    addresses: set[str] = field(default_factory=set)
    destinations: dict[Destination, dict[str | None, AtAddress]] = field(default_factory=dict)
    """By destination, then by address; None is "address not known"."""
    asked_names: set[str] = field(default_factory=set)
    timeline: Timeline = field(default_factory=Timeline)
    others: set[str] = field(default_factory=set)
    """Ids of the clients that are added up in it, beyond those that are kept apart."""
    crowded: bool = False
    """Whether some destinations are added up without their names and addresses."""
    _kept_apart: int = field(default=0, repr=False, compare=False)
    """Addresses of destinations that there are."""

    def at(self, destination: Destination, address: str | None) -> AtAddress:
        """What went there, to add to."""
        addresses = self.destinations.get(destination)
        if addresses is None:
            addresses = self.destinations[destination] = {}
        seen = addresses.get(address)
        if seen is None:
            self._kept_apart += 1
            if self._kept_apart > 2 * MAX_DESTINATIONS:  # cut seldom, because it sorts
                self.cut()
                return self.at(destination, address)
            seen = addresses[address] = AtAddress()
        return seen

    def cut(self) -> None:
        """Adds up what went to addresses that are too many to be kept apart."""
        self._kept_apart = sum(map(len, self.destinations.values()))
        if self._kept_apart <= MAX_DESTINATIONS:
            return
        pairs = [
            (destination, address)
            for destination, addresses in self.destinations.items()
            for address in addresses
            if (destination.host, address) != (None, None)
        ]
        for destination, address in sorted(pairs, key=_known_first)[MAX_DESTINATIONS:]:
            moved = self.destinations[destination].pop(address)
            if not self.destinations[destination]:
                del self.destinations[destination]
            added_up = self.destinations.setdefault(destination._replace(host=None), {})
            added_up.setdefault(None, AtAddress()).merge(moved)
            self.crowded = True
        self._kept_apart = sum(map(len, self.destinations.values()))

    def merge(self, other: "Device") -> None:
        self.facts.merge(other.facts)
        self.others |= other.others
        self.crowded |= other.crowded
        self.addresses |= other.addresses
        for destination, addresses in other.destinations.items():
            mine = self.destinations.setdefault(destination, {})
            for address, seen in addresses.items():
                mine.setdefault(address, AtAddress()).merge(seen)
        self.cut()
        _join(self.asked_names, other.asked_names)
        self.timeline.merge(other.timeline)


@dataclass(slots=True)
class Capture:
    """What one file held."""

    transmissions: int = 0
    """Of devices; those of the analyst and of the proxy are counted apart."""
    repeated: int = 0
    """Flows that an earlier capture of the same run holds as well; they count there."""
    flows: set[int] = field(default_factory=set)
    """A sample of its flows (their smallest hashes), by which captures that share flows are recognised."""
    exchanges: set[int] = field(default_factory=set)
    """A sample of what was asked of whom, by which captures of one session in several formats are recognised."""
    sessions: dict[str, None] = field(default_factory=dict)
    """Paths of captures in other formats of which it is the same session; what is in both counts there."""
    parts: set[Part] = field(default_factory=set)
    """What of the capture has been added; empty where it is no file."""
    replayed: int = 0
    proxy_pages: int = 0
    resolved_by_proxy: int = 0
    """DNS questions that the proxy answered itself."""
    unsent: int = 0
    """What never left the device."""
    remarks: Counter[Remark] = field(default_factory=Counter)
    """Transmissions of which the tool that wrote the capture did not keep all."""
    said: Said | None = None
    """What it says of the phone that it was made of."""
    macs: dict[str, bytes] = field(default_factory=dict)
    """By client: the MAC address of its network card."""
    unseen: dict[str, None] = field(default_factory=dict)
    """What a capture of its format cannot tell; in order, each once."""
    first: float = float("inf")
    last: float = float("-inf")
    faults: Counter[str] = field(default_factory=Counter)
    """Transmissions of which a fault of ours kept what they carry from being read, by what it was."""
    warnings: dict[str, None] = field(default_factory=dict)
    """In order, each once."""
    answers: dict[str, Answers] = field(default_factory=dict)
    """By address: how soon it answered, and what it said of its place."""
    counted: Counter[str] = field(default_factory=Counter)
    """What could not be read of it, and how often."""

    def merge(self, other: "Capture") -> None:
        self.transmissions += other.transmissions
        self.repeated += other.repeated
        self.parts |= other.parts
        self.flows |= other.flows
        self.exchanges |= other.exchanges
        self.sessions.update(other.sessions)
        self._cut()
        self.replayed += other.replayed
        self.proxy_pages += other.proxy_pages
        self.resolved_by_proxy += other.resolved_by_proxy
        self.unsent += other.unsent
        self.remarks.update(other.remarks)
        self.said = self.said or other.said
        self.macs.update(other.macs)
        self.unseen.update(other.unseen)
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)
        self.faults += other.faults
        self.warnings.update(other.warnings)
        for address, answers in other.answers.items():
            self.answers.setdefault(address, Answers()).merge(answers)
        self.counted += other.counted

    def heard(self, address: str | None, round_trips: RoundTrips | None, edge: Headers) -> None:
        """Takes in how soon an address answered, and the headers in which it named its place."""
        if address is None or (round_trips is None and not edge):
            return
        answers = self.answers.get(address)
        if answers is None:
            answers = self.answers[address] = Answers()
        answers.add(round_trips, words_of(edge) if edge else ())

    def note(self, flow: int) -> None:
        """Takes a flow's hash into the sample."""
        self.flows.add(flow)
        if len(self.flows) > 4 * SAMPLE:
            self._cut()

    def note_exchange(self, exchange: int) -> None:
        """Takes the hash of what was asked of whom into the other sample."""
        self.exchanges.add(exchange)
        if len(self.exchanges) > 4 * SAMPLE:
            self._cut()

    def _cut(self) -> None:
        if len(self.flows) > SAMPLE:
            self.flows = set(nsmallest(SAMPLE, self.flows))
        if len(self.exchanges) > SAMPLE:
            self.exchanges = set(nsmallest(SAMPLE, self.exchanges))


@dataclass(slots=True)
class Report:
    """The sum over any number of captures, or over a part of one."""

    captures: dict[str, Capture] = field(default_factory=dict)
    """By path."""
    devices: dict[DeviceKey, Device] = field(default_factory=dict)
    moments: tuple[float, ...] = ()
    """Seconds since 1970, sorted: what was sent before one and what came after it are counted apart."""
    _cut_to: int = field(default=0, repr=False, compare=False)
    """Devices that there were when they were last looked through for too many."""

    def add(self, path: str, evidence: Evidence) -> None:
        """Takes one transmission of that capture in."""
        sent = evidence.transmission
        capture = self.captures.get(path)
        if capture is None:
            capture = self.captures[path] = Capture()
        if sent.origin != "device":
            if sent.origin == "replayed":
                capture.replayed += 1
            elif sent.origin == "unsent":
                capture.unsent += 1
            elif sent.protocol == "dns":
                capture.resolved_by_proxy += 1
                _join(self._device(path, sent).asked_names, sent.questions)
            else:
                capture.proxy_pages += 1
            return
        capture.transmissions += 1 + sent.repeats
        if sent.remarks:
            capture.remarks.update(sent.remarks)
        if evidence.fault:
            capture.faults[evidence.fault] += 1
        time = sent.time
        if 0 < time < capture.first:
            capture.first = time
        last = sent.end or time if sent.repeats else time
        if last > capture.last:
            capture.last = last
        _add_answer(capture, sent)
        device = self._device(path, sent)
        device.facts.add(sent, evidence.findings)
        judgement = evidence.judgement
        key = Destination(
            sent.host,
            judgement.purpose,
            judgement.entry.id if judgement.entry else None,
            bisect_right(self.moments, time),
        )
        device.at(key, sent.address).add(evidence)
        device.timeline.add(
            time,
            judgement.purpose,
            attempted=evidence.outcome == "attempted",
            unencrypted=evidence.encrypted is False,
            exposed=evidence.encrypted is False and any(map(_is_lasting, evidence.findings)),
            number=1 + sent.repeats,
        )
        _join(device.asked_names, sent.questions)

    def _device(self, path: str, sent: Transmission) -> Device:
        key = DeviceKey(path, device_id(sent))
        device = self.devices.get(key)
        if device is None:
            # Cut seldom, because it sorts.
            if len(self.devices) >= 2 * max(self._cut_to, MAX_DEVICES):
                self.cut()
            device = self.devices[key] = Device(key.id)
        if sent.client is not None:
            device.addresses.add(sent.client)
        return device

    def cut(self) -> None:
        """Adds up the clients of a capture that are too many to be kept apart."""
        if len(self.devices) <= max(self._cut_to, MAX_DEVICES):
            return
        by_capture: dict[str, list[str]] = {}
        for key in self.devices:
            if key.id != OTHERS:
                by_capture.setdefault(key.capture, []).append(key.id)
        for path, ids in by_capture.items():
            for id_ in sorted(ids)[MAX_DEVICES:]:
                others = self.devices.setdefault(DeviceKey(path, OTHERS), Device(OTHERS))
                others.merge(self.devices.pop(DeviceKey(path, id_)))
                others.others.add(id_)
                if len(others.others) > 2 * MAX_OTHERS:
                    others.others = set(nsmallest(MAX_OTHERS, others.others))
                # What they say of themselves is not what one phone says.
                others.facts, others.addresses = DeviceFacts(), set()
        self._cut_to = len(self.devices)

    def merge(self, other: "Report") -> None:
        """Adds what the other counted; the other must not be used afterwards. Parts of captures that are in it already
        are not added once more, so that a report of a capture and itself is that report."""
        known: set[str] = set()
        for path, capture in other.captures.items():
            mine = self.captures.setdefault(path, Capture())
            if capture.parts and capture.parts <= mine.parts:
                known.add(path)
            else:
                mine.merge(capture)
        for key, device in other.devices.items():
            if key.capture not in known:
                self.devices.setdefault(key, Device(key.id)).merge(device)
        # Cut seldom, because it looks through all devices of all captures.
        if len(self.devices) >= 2 * max(self._cut_to, MAX_DEVICES):
            self.cut()

    def remove(self, path: str) -> None:
        """Takes a capture out again, but for what was noted of it as a whole."""
        before = self.captures[path]
        self.captures[path] = Capture(
            warnings=before.warnings, said=before.said, macs=before.macs, sessions=before.sessions
        )
        for key in [key for key in self.devices if key.capture == path]:
            del self.devices[key]


def total(reports: Iterable[Report]) -> Report:
    """The sum of reports."""
    result = Report()
    for report in reports:
        result.merge(report)
    return result


def _add_answer(capture: Capture, sent: Transmission) -> None:
    edge = sent.reply.edge if sent.reply is not None else ()
    capture.heard(sent.address, sent.round_trips, edge)


def _join(names: set[str], more: Iterable[str]) -> None:
    """Adds names that strangers chose, and keeps no more than a multiple of MAX_NAMES: the first by alphabet,
    so that it does not matter in which order they came."""
    names.update(more)
    if len(names) > 2 * MAX_NAMES:
        kept = nsmallest(MAX_NAMES, names)
        names.clear()
        names.update(kept)


def _is_lasting(finding: Finding) -> bool:
    """Whether it tells of a phone, its holder or a place, surely enough to say so."""
    kind = catalogue().kinds.get(finding.kind)
    return kind is not None and kind.category in LASTING and RANK[finding.certainty] >= RANK["likely"]


def _known_first(pair: tuple[Destination, str | None]) -> tuple[bool, bool, bool, str, str, str]:
    destination, address = pair
    return (
        destination.entry is None,
        destination.purpose == UNCLASSIFIED,
        destination.host is None,
        destination.host or "",
        address or "",
        repr(destination),
    )


def _by_certainty(finding: Finding) -> tuple[int, Finding]:
    return -RANK[finding.certainty], finding


def _example(evidence: Evidence) -> Example:
    sent = evidence.transmission
    return Example(
        sent.time,
        sent.method or "",
        url(sent)[:MAX_URL],
        (sent.reply.status or 0) if sent.reply else 0,
        evidence.outcome,
        evidence.encrypted,
        sent.flow_id,
    )


def url(sent: Transmission) -> str:
    """The URL of a transmission, or what comes nearest: `tcp://61.139.2.69:9998`."""
    where = (
        sent.authority or sent.host or (f"[{sent.address}]" if ":" in (sent.address or "") else sent.address)
    )
    scheme, usual = _SCHEMES.get((sent.protocol, bool(sent.encrypted)), (sent.protocol, 0))
    port = "" if sent.port in (usual, None) else f":{sent.port}"
    return f"{scheme}://{where or 'unknown'}{port}{sent.path}"


_SCHEMES = {
    ("http", False): ("http", 80),
    ("http", True): ("https", 443),
    ("websocket", False): ("ws", 80),
    ("websocket", True): ("wss", 443),
    ("tcp", True): ("tls", 0),
    ("udp", True): ("dtls", 0),
    ("dns", False): ("dns", 53),
}
