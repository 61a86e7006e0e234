"""A line for each destination, as soon as a phone first sends there.

    mitmdump -q -s addons/console.py

Device, host, country, network, purpose, encrypted or not, and the identifiers inside, masked. A destination gets
another line when other kinds of identifiers are first seen in what goes there, and each activation request gets one,
in red on a terminal, if `activation_log.py` runs as well.

Strategy: a phone asks for the same few things over and over. The event loop only looks whether device, host, port,
method and path came together before; what is new goes to a thread that examines it, locates it and prints. What does
not fit into the queue to the thread is counted, and said at the end: it is in the capture.
"""

import logging
import queue
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from mitmproxy import ctx, dns, exceptions, flow, http, tcp, udp
from mitmproxy.addonmanager import Loader

from addons.activation_log import MARK
from analysis.catalogue import catalogue
from analysis.devices import DeviceNameError, DeviceNames, device_id
from analysis.evidence import Evidence, Names, examine, unexamined
from analysis.geolocation.database import LocationDatabase
from analysis.geolocation.knowledge import country_name
from analysis.geolocation.location import Location
from analysis.identifiers import mask
from analysis.identifiers.finding import RANK
from analysis.purposes import ACTIVATION
from analysis.readers import live_flow
from analysis.readers.flow_state import transmission_from_state
from analysis.report.escape import printable
from analysis.report.masking import Masking

logger = logging.getLogger(__name__)

MAX_WAITING: Final = 2000
"""Exchanges in the queue to the thread."""
MAX_SEEN: Final = 50_000
"""Combinations that are remembered; the oldest is forgotten, and looked at once more."""
MAX_LONG: Final = 1 << 20
"""Bytes of content up to which an exchange is examined here; the report reads it in any case."""
MAX_IDENTIFIERS: Final = 8
MAX_MESSAGES: Final = 100
"""Messages of a stream that are looked at here."""

_RED: Final = "\x1b[1;31m"
_PLAIN: Final = "\x1b[0m"
_UNOPENED: Final = {
    "refused": "TLS refused, not sent",
    "failed": "TLS failed, not sent",
    "passed": "TLS let through unopened",
}

Seen = OrderedDict[Any, None]


class Console:
    """The addon. Its state is what was seen, and the thread that prints."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out
        self._seen: Seen = OrderedDict()
        self._queue: queue.Queue[Mapping[str, Any] | None] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._names = DeviceNames()
        self._lost = 0

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "console_devices",
            Sequence[str],
            [],
            "What to call devices: NAME=ADDRESS, or NAME=wireguard@PORT, as in `phonehome report --device`.",
        )

    def configure(self, updated: set[str]) -> None:
        if "console_devices" in updated:
            try:
                self._names = DeviceNames.parse(ctx.options.console_devices)
            except DeviceNameError as error:
                raise exceptions.OptionsError(str(error)) from error  # type: ignore[no-untyped-call]

    def running(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="console", daemon=True)
            self._thread.start()

    def done(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(timeout=10)
        if self._lost:
            logger.warning(f"console: {self._lost} exchanges were not looked at here, but are in the capture")

    def dns_response(self, flow: dns.DNSFlow) -> None:
        self._hand_on(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.websocket is None:
            self._http(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._http(flow)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        self._http(flow)

    def tcp_end(self, flow: tcp.TCPFlow) -> None:
        self._stream(flow)

    def tcp_error(self, flow: tcp.TCPFlow) -> None:
        self._stream(flow)

    def udp_end(self, flow: udp.UDPFlow) -> None:
        self._stream(flow)

    def udp_error(self, flow: udp.UDPFlow) -> None:
        self._stream(flow)

    def _http(self, flow: http.HTTPFlow) -> None:
        request = flow.request
        client = flow.client_conn
        path = request.path.partition("?")[0]
        key = (client.peername[0], client.proxy_mode, request.pretty_host, request.port, request.method, path)
        if flow.marked == MARK or _first(self._seen, key):
            self._hand_on(flow)

    def _stream(self, flow: tcp.TCPFlow | udp.UDPFlow) -> None:
        client = flow.client_conn
        how = flow.metadata.get("phonehome_tls")
        key = (client.peername[0], client.proxy_mode, client.sni, flow.server_conn.address, how)
        if flow.marked == MARK or _first(self._seen, key):
            self._hand_on(flow)

    def _hand_on(self, flow: flow.Flow) -> None:
        if self._thread is None:
            return
        try:
            self._queue.put_nowait(live_flow.state(flow))
        except queue.Full:
            self._lost += 1

    # In the thread.

    def _work(self) -> None:
        lines = Lines(self._names)
        faults: set[str] = set()
        while (state := self._queue.get()) is not None:
            try:
                line = lines.line(state)
                if line is not None:
                    self._print(*line)
            except Exception as error:  # a fault of ours must not end the lines
                if type(error).__name__ not in faults:
                    faults.add(type(error).__name__)
                    logger.error(f"console: a fault of phonehome ({type(error).__name__}): {error}")

    def _print(self, text: str, loud: bool) -> None:
        out = self._out or sys.stdout
        text = f"{_RED}{text}{_PLAIN}" if loud and out.isatty() else text
        try:
            out.write(text + "\n")
            out.flush()
        except UnicodeEncodeError:
            out.write(text.encode("ascii", "backslashreplace").decode() + "\n")
        except OSError:
            pass  # the terminal is gone; traffic goes on


class Lines:
    """What to say of which exchange."""

    def __init__(self, names: DeviceNames) -> None:
        self._device_names = names
        self._names = Names()
        self._database = LocationDatabase()
        self._said: Seen = OrderedDict()

    def line(self, state: Mapping[str, Any]) -> tuple[str, bool] | None:
        """The line for an exchange, and whether it is one that must not be overlooked; None if there is nothing new
        to say."""
        if isinstance(state.get("messages"), list):
            state = {**state, "messages": state["messages"][:MAX_MESSAGES]}
        sent = transmission_from_state(state)
        if sent is None or sent.origin != "device":
            return None
        if sent.protocol == "dns":
            for answer in sent.answers:
                self._names.add(answer)
        sent = self._names.complete(sent)
        evidence = examine(sent) if sum(map(len, sent.payloads)) <= MAX_LONG else unexamined(sent)
        device, purpose = device_id(sent), evidence.judgement.purpose
        kinds = frozenset(
            found.kind for found in evidence.findings if RANK[found.certainty] >= RANK["likely"]
        )
        key = (device, sent.host or sent.address, purpose, sent.unopened, kinds)
        if not _first(self._said, key) and purpose != ACTIVATION:
            return None
        name = self._device_names.name(device, [sent.client] if sent.client else []) or device
        return self._text(name, evidence, self._database.locate(sent.address)), purpose == ACTIVATION

    def _text(self, device: str, evidence: Evidence, location: Location) -> str:
        sent = evidence.transmission
        purpose = catalogue().purposes[evidence.judgement.purpose].label
        clock = datetime.fromtimestamp(sent.time, UTC).strftime("%H:%M:%SZ")
        kept = _UNOPENED.get(sent.unopened or "", "encrypted" if sent.encrypted else "UNENCRYPTED")
        if sent.unopened is None and evidence.outcome == "attempted":
            kept += ", no answer"
        parts = [clock, device, sent.host or sent.address or "unknown", _place(location), _network(location)]
        parts += [purpose.upper() if purpose and evidence.judgement.purpose == ACTIVATION else purpose, kept]
        parts.append(_identifiers(evidence))
        text = "  ".join(part for part in parts if part)
        return printable(Masking(evidence.findings).text(text))


def _first(seen: Seen, key: Any) -> bool:
    """Whether this key is new; from now on it is not."""
    if key in seen:
        return False
    seen[key] = None
    if len(seen) > MAX_SEEN:
        seen.popitem(last=False)
    return True


def _place(location: Location) -> str:
    if location.scope != "global":
        return f"no place on the internet ({location.scope})"
    if not location.country:
        return "country not known"
    name = country_name(location.country)
    # A region says where it is only if it decided the country: some have no one place.
    if location.cloud_region and location.country_certainty == "certain":
        name += f" ({location.cloud_provider} {location.cloud_region})"
    return f"{name} (uncertain)" if location.country_certainty == "uncertain" else name


def _network(location: Location) -> str:
    return f"AS{location.asn} {location.organisation or ''}".rstrip() if location.asn is not None else ""


def _identifiers(evidence: Evidence) -> str:
    """Those that are at least likely and say who or where, masked."""
    kinds = catalogue().kinds
    shown: dict[str, None] = {}
    for found in evidence.findings:
        kind = kinds.get(found.kind)
        if kind is not None and kind.category != "software" and RANK[found.certainty] >= RANK["likely"]:
            shown[f"{kind.label} {mask(found.kind, found.value)}"] = None
    texts = list(shown)[:MAX_IDENTIFIERS]
    more = len(shown) - len(texts)
    return ", ".join(texts) + (f" and {more} more" if more else "")


addons = [Console()]
