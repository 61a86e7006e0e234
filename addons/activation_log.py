"""Logs each activation request of a phone, the moment it is seen.

    mitmdump -s addons/activation_log.py --set phonehome_activation_log=activation.jsonl
    mitmdump -nr capture.mitm -s addons/activation_log.py --set phonehome_activation_log=activation.jsonl

One JSON line, in names of the Elastic Common Schema, is on disk before the request goes on to its
destination, and a second one says what came of it. Where the destination is rests on what the session
holds by then (`Session`); if its rest says otherwise, a line at its end does (`activation-location`). The flow
is marked and commented, so that it stands out in mitmproxy's and mitmweb's list. What counts as an activation is
decided by `analysis`, as in the report.
"""

import asyncio
import errno
import json
import logging
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from mitmproxy import ctx, dns, exceptions, flow, http, tcp, udp
from mitmproxy.addonmanager import Loader

from phonehome.addons import shared
from phonehome.addons.offload import Offload
from phonehome.addons.writer import Writer
from phonehome.analysis import __version__
from phonehome.analysis.devices import DeviceNames, device_id
from phonehome.analysis.examiner import Evidence, Examiner
from phonehome.analysis.identifiers.mask import Masks
from phonehome.analysis.knowledge import Knowledge
from phonehome.analysis.knowledge.addresses import the_country
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.places.location import Location
from phonehome.analysis.purposes import ACTIVATION
from phonehome.analysis.render.masking import Masking
from phonehome.analysis.report.located import Session
from phonehome.analysis.report.model import url
from phonehome.analysis.report.summary import HOW_SURELY
from phonehome.analysis.sources import live_flow
from phonehome.analysis.sources.flow_state import NOTE_UNOPENED
from phonehome.analysis.transmission import Transmission

logger = logging.getLogger(__name__)

MARK = ":warning:"
ECS_VERSION = "8.17.0"
MAX_PENDING = 10_000
"""Requests without an outcome that are remembered; beyond it the oldest is closed as an attempt."""
MAX_CLEARED = 10_000
"""Requests that were no activation and are not answered yet; one that is forgotten is looked at once more."""
MAX_PLACES = 1000
"""Destinations of activations of which it is remembered what was said of their place; the oldest is looked at for the
last time when it is forgotten."""
LONG = 8192
"""Bytes; what is longer is examined in another process, because it can take longer than other traffic should wait."""
EACH_MESSAGE = 32
"""Messages of a stream up to which it is looked at with each; then at 64, 128, 256, ..., and at its end."""

Later = Awaitable[None] | None
"""What a hook gives back: what mitmproxy is to wait for, or nothing."""


class ActivationLog:
    """The addon. Its state is the open file, the names that DNS gave, and the requests without an outcome."""

    def __init__(self) -> None:
        self._writer: Writer | None = None
        self._unwritten: asyncio.Future[None] | None = None
        self._session: Session | None = None
        self._places: dict[tuple[str | None, str | None], tuple[Evidence, Location]] = {}
        self._examiner = Examiner()
        self._masks = Masks()
        self._devices = DeviceNames()
        self._pending: dict[str, Evidence] = {}
        self._cleared: dict[str, None] = {}
        self._broken = False
        self._offload = Offload()
        self._ending: asyncio.Future[None] | None = None
        self._faults: set[str] = set()

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "phonehome_activation_log",
            str,
            "",
            "File that activation requests are logged to, one JSON line each (mode 0600).",
        )
        loader.add_option(
            "phonehome_activation_log_identifiers",
            str,
            "masked",
            "How identifiers are written to the activation log.",
            choices=["masked", "shown"],
        )
        shared.load(loader)

    def configure(self, updated: set[str]) -> None:
        shared.configure(updated)
        if shared.DEVICES in updated:
            self._devices = shared.device_names()
        if shared.GEO_DB in updated or shared.AT in updated:
            self._session = None
        if shared.CATALOGUE in updated:
            self._know(shared.knowledge())
        if "phonehome_activation_log" not in updated:
            return
        self._close()
        path = ctx.options.phonehome_activation_log
        if path:
            try:
                file = _opened(os.path.expanduser(path))
            except OSError as error:
                reason = "it is a link" if error.errno == errno.ELOOP else error.strerror
                message = f"activation_log: cannot write {path}: {reason}"
                raise exceptions.OptionsError(message) from error
            self._writer = Writer(file, self._wrote, sync=True)

    def running(self) -> None:
        if shared.loses_attempts():
            logger.warning(
                "activation_log: connection_strategy is eager: what a phone sends to a destination that does not "
                "answer is neither logged nor saved. --set connection_strategy=lazy, with addons/attempts.py, keeps it"
            )

    def _know(self, knowledge: Knowledge) -> None:
        """What conclusions rest on, from now on."""
        names = self._examiner.names
        self._examiner = Examiner(knowledge)
        self._examiner.names = names
        self._offload.own = shared.catalogue()
        if self._offload.running:
            self._ending = asyncio.ensure_future(self._offload.close())

    def done(self) -> Later:
        for evidence in list(self._pending.values()):
            self._write("activation-outcome", evidence)
        self._pending.clear()
        while self._places:
            self._correct()
        self._close()
        return asyncio.ensure_future(self._offload.close()) if self._offload.running else None

    def dns_response(self, flow: dns.DNSFlow) -> Later:
        if (sent := live_flow.transmission(flow)) is not None:
            self._examiner.learn(sent)
        return self._examine(flow, self._over)

    def dns_error(self, flow: dns.DNSFlow) -> Later:
        return self._examine(flow, self._over)

    def request(self, flow: http.HTTPFlow) -> Later:
        return self._examine(flow, self._requested)

    def response(self, flow: http.HTTPFlow) -> Later:
        # A WebSocket's handshake is answered before anything is sent in it.
        return self._answered(flow) if flow.websocket is None else None

    def websocket_end(self, flow: http.HTTPFlow) -> Later:
        return self._examine(flow, self._over)

    def error(self, flow: http.HTTPFlow) -> Later:
        return self._answered(flow)

    def tcp_message(self, flow: tcp.TCPFlow) -> Later:
        return self._streamed(flow)

    def tcp_end(self, flow: tcp.TCPFlow) -> Later:
        return self._examine(flow, self._over)

    def tcp_error(self, flow: tcp.TCPFlow) -> Later:
        return self._examine(flow, self._over)

    def udp_message(self, flow: udp.UDPFlow) -> Later:
        return self._streamed(flow)

    def udp_end(self, flow: udp.UDPFlow) -> Later:
        return self._examine(flow, self._over)

    def udp_error(self, flow: udp.UDPFlow) -> Later:
        return self._examine(flow, self._over)

    def _streamed(self, flow: tcp.TCPFlow | udp.UDPFlow) -> Later:
        """A stream is looked at again with each message until it is known; a long one ever more seldom, because
        each time it is looked at as a whole."""
        number = len(flow.messages)
        often = number <= EACH_MESSAGE or number & (number - 1) == 0
        if flow.id in self._pending or not often or not flow.messages[-1].from_client:
            return None
        if NOTE_UNOPENED in flow.metadata and number > 1:
            return None  # more of what nobody can read
        return self._examine(flow, self._seen)

    def _answered(self, flow: http.HTTPFlow) -> Later:
        # What a request is for is decided by what was sent: no answer changes it. What the user, or what came
        # later in a WebSocket, may have changed is looked at again.
        cleared = self._cleared.pop(flow.id, flow) is None
        if cleared and flow.websocket is None and not flow.modified():
            self._heard().hear(flow.request.timestamp_start, *live_flow.heard(flow))
            return None
        return self._examine(flow, self._over)

    def _examine(self, flow: flow.Flow, then: Callable[[flow.Flow, Evidence | None], None]) -> Later:
        """Examines what was sent, and then goes on: at once, or, where it is long, when another process is done
        with it. Until then mitmproxy keeps this exchange back, and no other."""
        sent = live_flow.transmission(flow)
        if sent is None or sent.origin != "device":
            then(flow, None)
            return self._written()
        self._heard().add(sent)
        if sum(map(len, sent.payloads)) > LONG:
            return self._examine_long(flow, sent, then)
        then(flow, self._examined(self._examiner.examine(sent)))
        return self._written()

    async def _examine_long(
        self, flow: flow.Flow, sent: Transmission, then: Callable[[flow.Flow, Evidence | None], None]
    ) -> None:
        then(flow, self._examined(await self._offload.examine(self._examiner.names.complete(sent))))
        if (written := self._written()) is not None:
            await written

    def _examined(self, evidence: Evidence) -> Evidence:
        """The same; each fault of ours is said once."""
        if evidence.fault and evidence.fault not in self._faults:
            self._faults.add(evidence.fault)
            where = evidence.transmission.host or evidence.transmission.address
            logger.error(
                f"activation_log: what was sent to {where} was not examined, and is not in the log if it was an "
                f"activation: {evidence.fault}"
            )
        return evidence

    def _requested(self, flow: flow.Flow, evidence: Evidence | None) -> None:
        self._seen(flow, evidence)
        if flow.id in self._pending:
            return
        if len(self._cleared) >= MAX_CLEARED:
            self._cleared.pop(next(iter(self._cleared)))
        self._cleared[flow.id] = None

    def _seen(self, flow: flow.Flow, evidence: Evidence | None) -> None:
        """Something was sent."""
        if evidence is None or evidence.judgement.purpose != ACTIVATION or flow.id in self._pending:
            return
        self._log(flow, evidence)

    def _over(self, flow: flow.Flow, evidence: Evidence | None) -> None:
        """The exchange is over: what was sent is known as a whole, and what came of it."""
        logged = flow.id in self._pending
        self._cleared.pop(flow.id, None)
        if evidence is None or (not logged and evidence.judgement.purpose != ACTIVATION):
            return
        if not logged:
            self._log(flow, evidence)
        self._pending.pop(flow.id, None)
        self._write("activation-outcome", evidence)

    def _log(self, flow: flow.Flow, evidence: Evidence) -> None:
        self._write("activation-request", evidence)
        comment = self._comment(evidence)
        flow.marked = flow.marked or MARK
        if comment not in flow.comment:
            flow.comment = f"{flow.comment}\n{comment}".strip()
        if len(self._pending) >= MAX_PENDING:
            self._write("activation-outcome", self._pending.pop(next(iter(self._pending))))
        self._pending[flow.id] = evidence

    def _comment(self, evidence: Evidence) -> str:
        """For the list of flows: where it goes and what is inside, without any value."""
        location = self._heard().locate(evidence.transmission)
        kinds = catalogue().kinds
        carried = dict.fromkeys(kinds[found.kind].label for found in evidence.findings if found.kind in kinds)
        where = the_country(location.country) if location.country else "a country that is not known"
        surely = HOW_SURELY.get(location.country_certainty, "")
        encrypted = {True: "encrypted", False: "UNENCRYPTED", None: "tried only"}[evidence.encrypted]
        inside = f", with {', '.join(carried)}" if carried else ""
        return f"phonehome: activation data {surely}to {where}, {encrypted}{inside} ({evidence.judgement.reason})"

    def _heard(self) -> Session:
        """What the session holds of where destinations are."""
        if self._session is None:
            self._session = Session(shared.location_database().locate, shared.at())
        return self._session

    def _write(self, action: str, evidence: Evidence) -> None:
        if self._writer is None:
            return
        sent = evidence.transmission
        location = self._heard().locate(sent)
        self._put(action, evidence, location)
        self._places.pop(place := (sent.host, sent.address), None)
        # What was sent is long, and no line has it.
        slim = evidence._replace(transmission=sent._replace(payloads=()), values=(), opaque=())
        self._places[place] = slim, location
        if len(self._places) > MAX_PLACES:
            self._correct()

    def _correct(self) -> None:
        """Says where the destination is that was longest in no line, if that is no more what its last line said."""
        evidence, said = self._places.pop(next(iter(self._places)))
        location = self._heard().locate(evidence.transmission)
        if (location.country, location.country_certainty) != (said.country, said.country_certainty):
            self._put("activation-location", evidence, location)

    def _put(self, action: str, evidence: Evidence, location: Location) -> None:
        if self._writer is None:
            return
        masks = None if ctx.options.phonehome_activation_log_identifiers == "shown" else self._masks
        sent = evidence.transmission
        name = self._devices.name("live", device_id(sent), [sent.client] if sent.client else [])
        line = json.dumps(event(action, evidence, location, masks, name)) + "\n"
        self._unwritten = self._writer.put([line.encode()])

    def _written(self) -> Later:
        """For a hook to give back: until what it has logged is on the disk, mitmproxy keeps this exchange back."""
        unwritten, self._unwritten = self._unwritten, None
        return unwritten

    def _wrote(self, error: OSError | None) -> None:
        # Traffic goes on, and the user is told once, not for each request.
        if error is not None and not self._broken:
            logger.error(
                f"activation_log: cannot write to {ctx.options.phonehome_activation_log}: {error.strerror}"
            )
        self._broken = error is not None

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _opened(path: str) -> int:
    """A file to append to. What is new is its owner's only; what is there keeps its mode, and a link is not followed:
    what it leads to may be somebody's. Raises OSError."""
    how = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.open(path, how | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, how)


def event(
    action: str, evidence: Evidence, location: Location, masks: Masks | None, device_name: str | None = None
) -> dict[str, Any]:
    """The line for an activation request, or for its outcome, in names and values of the Elastic Common Schema
    (https://www.elastic.co/docs/reference/ecs); what it has no name for stands under `phonehome`. Captured texts
    are masked, unless `masks` is None. `device_name` is what the user calls the device."""
    sent = evidence.transmission
    judgement = evidence.judgement
    over, corrected = action == "activation-outcome", action == "activation-location"
    found_here = [(found.kind, found.value) for found in evidence.findings]
    masking = Masking(found_here, masks) if masks else None
    host = masking.host if masking else str
    text = masking.text if masking else str
    name = masking.name if masking else str
    line: dict[str, Any] = {
        "@timestamp": _time(sent.end if over and sent.end else sent.time),
        "ecs": {"version": ECS_VERSION},
        "event": {
            "kind": "event",
            "category": ["network"],
            "type": ["info"] if corrected else ["end"] if over else ["start"],
            "action": action,
            "dataset": "phonehome.activation",
            "id": masking.id(sent.flow_id) if masking else sent.flow_id,
            "reason": judgement.reason,
        },
        "observer": {"product": "phonehome", "version": __version__},
        "source": {"ip": sent.client},
        "destination": {
            "address": host(sent.host or sent.address or ""),
            "domain": host(sent.host or ""),
            "ip": host(sent.address or ""),
            "port": sent.port,
            "geo": {"country_iso_code": location.country},
            "as": {"number": location.asn, "organization": {"name": location.organisation}},
        },
        "network": {"transport": sent.transport, "protocol": sent.protocol},
        "tls": _tls(sent),
        "url": {"full": masking.url(url(sent)) if masking else url(sent)},
        "http": {"request": {"method": text(sent.method or "")}},
        "user_agent": {"original": name(sent.header("user-agent"))},
        "phonehome": {
            "device": name(device_id(sent)),
            "device_name": device_name,
            "purpose": judgement.purpose,
            "endpoint": judgement.entry.id if judgement.entry else None,
            "country_certainty": location.country_certainty,
            "country_reason": location.reason,
            "country_basis": "tables and all of this session"
            if corrected
            else "tables and this session so far",
            "identifiers": [
                {
                    "kind": found.kind,
                    "value": masking.value(found.kind, found.value) if masking else found.value,
                    "certainty": found.certainty,
                    "reason": name(found.reason),
                    "path": " > ".join([masking.key(step) if masking else step for step in found.path]),
                }
                for found in evidence.findings
            ],
        },
    }
    if location.cloud_provider:
        line["cloud"] = {"target": {"provider": location.cloud_provider, "region": location.cloud_region}}
    if over:
        line["event"]["outcome"] = _outcome(evidence)
        line["phonehome"]["outcome"] = evidence.outcome
        if sent.reply is not None and sent.reply.status is not None:
            line["http"]["response"] = {"status_code": sent.reply.status, "body": {"bytes": sent.reply.size}}
        if sent.error:
            line["error"] = {"message": text(sent.error)}
    found: dict[str, Any] = _without_unknown(line)
    return found


def _tls(sent: Transmission) -> dict[str, Any]:
    """`established` is whether the handshake with somebody came to its end; the version is a number without the name of
    the protocol, and QUIC has that of TLS 1.3 (RFC 9001)."""
    numbers = {"TLSv1": "1.0", "QUICv1": "1.3"}
    version = sent.tls_version and numbers.get(sent.tls_version, sent.tls_version.removeprefix("TLSv"))
    established = sent.encrypted if sent.unopened in (None, "passed") else False
    return {"established": established, "version": version, "version_protocol": "tls" if version else None}


def _outcome(evidence: Evidence) -> str:
    """By the schema: success or failure of the exchange. What an answer with an error status made of it was none."""
    reply = evidence.transmission.reply
    refused = reply is not None and reply.status is not None and reply.status >= 400
    return "failure" if refused or evidence.outcome == "attempted" else "success"


def _without_unknown(item: Any) -> Any:
    """Without fields that are None or empty: in ECS a field that is not known is not there."""
    if isinstance(item, dict):
        cleaned = {key: _without_unknown(inner) for key, inner in item.items()}
        return {key: inner for key, inner in cleaned.items() if inner not in (None, {}, "")}
    return item


def _time(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


addons = [ActivationLog()]
