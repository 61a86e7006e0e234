"""What to say on the terminal of which exchange.

Device, host, country, network, purpose, encrypted or not, and the identifiers inside, masked. A destination gets
another line when other kinds of identifiers are first seen in what goes there; each activation request gets one.
"""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import UTC, datetime
from typing import Final

from phonehome.analysis.devices import DeviceNames, device_id
from phonehome.analysis.examiner import Evidence
from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.identifiers.mask import Masks
from phonehome.analysis.knowledge.addresses import country_name
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.places.location import Location
from phonehome.analysis.purposes import ACTIVATION
from phonehome.analysis.render.escape import printable
from phonehome.analysis.render.masking import Masking
from phonehome.analysis.report.located import Session
from phonehome.analysis.report.summary import DESCRIPTIVE

MAX_SAID: Final = 50_000
"""What was said and is remembered; the oldest is forgotten, and said once more."""
MAX_IDENTIFIERS: Final = 8

_UNOPENED: Final = {
    "refused": "TLS refused, not sent",
    "failed": "TLS failed, not sent",
    "passed": "TLS let through unopened",
}


class Lines:
    """What was said, so that nothing is said twice."""

    def __init__(self, names: DeviceNames, session: Session) -> None:
        self._names = names
        self._session = session
        self._masks = Masks()
        self._said: OrderedDict[Hashable, None] = OrderedDict()

    def line(self, evidence: Evidence, *, over: bool) -> tuple[str, bool] | None:
        """The line for an exchange, and whether it is one that must not be overlooked; None if there is nothing new
        to say. `over` is whether it is known what came of it."""
        sent = evidence.transmission
        self._session.add(sent)
        if sent.origin != "device" or not (over or sent.bytes_sent or sent.unopened):
            return None
        device, purpose = device_id(sent), evidence.judgement.purpose
        activation = purpose == ACTIVATION
        kinds = frozenset(
            found.kind for found in evidence.findings if RANK[found.certainty] >= RANK["likely"]
        )
        key = (device, sent.host or sent.address, purpose, sent.unopened, kinds)
        if not self._first(sent.flow_id if activation else key):
            return None
        name = self._names.name("live", device, [sent.client] if sent.client else []) or device
        return self._text(name, evidence, over), activation

    def _text(self, device: str, evidence: Evidence, over: bool) -> str:
        sent = evidence.transmission
        location = self._session.locate(sent)
        purpose = catalogue().purposes[evidence.judgement.purpose].label
        clock = datetime.fromtimestamp(sent.time, UTC).strftime("%H:%M:%SZ")
        kept = _UNOPENED.get(sent.unopened or "", "encrypted" if evidence.encrypted else "UNENCRYPTED")
        if sent.unresolved:
            kept = "tried, the name does not resolve"
        elif evidence.encrypted is None and not sent.bytes_sent:
            kept = "tried, nothing sent"
        elif sent.unopened is None and evidence.outcome == "attempted":
            kept += ", no answer" if over else ", no answer yet"
        masking = Masking([(found.kind, found.value) for found in evidence.findings], self._masks)
        where = masking.host(sent.host or sent.address or "unknown")
        parts = [clock, masking.name(device), where, _place(location), _network(location)]
        parts += [purpose.upper() if purpose and evidence.judgement.purpose == ACTIVATION else purpose, kept]
        parts.append(_identifiers(evidence, masking))
        return printable("  ".join(part for part in parts if part))

    def _first(self, key: Hashable) -> bool:
        """Whether this is new; from now on it is not."""
        if key in self._said:
            return False
        self._said[key] = None
        if len(self._said) > MAX_SAID:
            self._said.popitem(last=False)
        return True


def _place(location: Location) -> str:
    if location.scope != "global":
        return f"no place on the internet ({location.scope})"
    if not location.country:
        return "country not known"
    name = country_name(location.country)
    # A region says where it is only if it decided the country: some have no one place.
    if location.country_certainty == "certain" and any(
        piece.kind == "provider-list" and piece.country == location.country for piece in location.evidence
    ):
        name += f" ({location.cloud_provider} {location.cloud_region})"
    return name if location.country_certainty == "certain" else f"{name} ({location.country_certainty})"


def _network(location: Location) -> str:
    return f"AS{location.asn} {location.organisation or ''}".rstrip() if location.asn is not None else ""


def _identifiers(evidence: Evidence, masking: Masking) -> str:
    """Those that are at least likely and say who or where, masked."""
    kinds = catalogue().kinds
    shown: dict[str, None] = {}
    for found in evidence.findings:
        kind = kinds.get(found.kind)
        if kind is not None and found.kind not in DESCRIPTIVE and RANK[found.certainty] >= RANK["likely"]:
            shown[f"{kind.label} {masking.value(found.kind, found.value)}"] = None
    texts = list(shown)[:MAX_IDENTIFIERS]
    more = len(shown) - len(texts)
    return ", ".join(texts) + (f" and {more} more" if more else "")
