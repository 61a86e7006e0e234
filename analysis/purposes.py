"""What a transmission is for, and what came of it.

Three ways to a purpose, and the judgement says which: an entry of the catalogue knows the endpoint; or, if none
does, the request is an activation by its looks, because it carries two or more kinds of hardware or SIM
identifiers of the phone itself; or a word in the host's name says what it looks like. What none tells is unclassified.
"""

import json
import zlib
from collections.abc import Container, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from phonehome.analysis.identifiers.finding import RANK, Finding
from phonehome.analysis.knowledge.catalogue import Acknowledgement, Catalogue, Endpoint
from phonehome.analysis.knowledge.identifiers import Kind
from phonehome.analysis.transmission import Reply, Transmission

Outcome = Literal["attempted", "delivered", "acknowledged", "unknown"]
"""`attempted`: nothing came back. `delivered`: it was answered, with whatever, or the destination confirmed the last
byte. `acknowledged`: the answer says that what was sent has been accepted. `unknown`: the capture lacks what would
tell, such as the packets of one direction."""

MAX_REPLY: Final = 64 * 1024
"""Bytes of an unpacked reply that are looked at; one that says "accepted" is short."""
MAX_REPLY_FIELDS: Final = 1000

ACTIVATION: Final = "activation"
UNCLASSIFIED: Final = "unclassified"
_TELLING: Final = frozenset({"hardware", "sim"})
_NO_ENTRY: Final = "no entry of the catalogue knows it, and what it carries does not tell"


class Judgement(NamedTuple):
    """What a transmission is for."""

    purpose: str
    """Id in `catalogue/purposes.toml`."""
    reason: str
    """Names the entry, or the heuristic and what it saw."""
    entry: Endpoint | None
    acknowledged: bool
    """Whether the answer says that it was accepted; False also where no entry says how that would look."""


_UNKNOWN: Final = Judgement(UNCLASSIFIED, _NO_ENTRY, None, False)
UNEXAMINED: Final = Judgement(UNCLASSIFIED, "what it carries was not read", None, False)
"""For what a fault of ours kept from being examined."""


def judge(transmission: Transmission, decoded_keys: Container[str], known: Catalogue) -> Judgement | None:
    """What this transmission is for by the catalogue; None if no entry knows it. `decoded_keys` are the names of all
    values that decoding found in it. Raises nothing."""
    entry = known.find(transmission, decoded_keys)
    if entry is None:
        return None
    accepted = entry.acknowledged is not None and outcome(transmission, entry) == "acknowledged"
    return Judgement(entry.purpose, entry.reason, entry, accepted)


def judge_by_looks(findings: Sequence[Finding], host: str | None, known: Catalogue) -> Judgement:
    """The same for a transmission that no entry of the catalogue knows, by the identifiers in it and the name of its
    host. Unknown is the purpose `unclassified`."""
    if len(findings) > 1:
        labels = _telling_kinds(findings, known.kinds)
        if len(labels) > 1:
            return Judgement(ACTIVATION, f"by its looks: {_listed(labels)} in one request", None, False)
    if host and (named := known.by_name(host)):
        purpose, word = named
        return Judgement(purpose, f"by its looks: “{word}” in the host's name", None, False)
    return _UNKNOWN


def told_by_name(purpose: str, entry: str | None) -> bool:
    """Whether a purpose rests on the host's name alone, so that no verdict can."""
    return entry is None and purpose not in (ACTIVATION, UNCLASSIFIED)


def outcome(transmission: Transmission, entry: Endpoint | None) -> Outcome:
    """What came of it. An HTTP status is an answer, an error status as well; where a protocol has no
    status (TCP, UDP, DNS, untouched TLS), an answer is at least one byte. Where none came, packets can tell more.
    `acknowledged` only if `entry` declares how the endpoint says so. Never raises."""
    reply = transmission.reply
    if reply is None or (reply.status is None and not reply.size and not reply.body):
        return transmission.transport_outcome or "attempted"
    if entry is not None and entry.acknowledged is not None and _accepted(reply, entry.acknowledged):
        return "acknowledged"
    return "delivered"


def _telling_kinds(findings: Sequence[Finding], kinds: Mapping[str, Kind]) -> list[str]:
    """Labels of the kinds of hardware and SIM identifiers, in order of appearance; none if nothing says that they are
    this phone's, since printers, trackers and couriers have serial numbers, MAC addresses and telephones too. It does
    if a value is certain, or if there are both a number that only handsets have and one that only SIM cards have.

    One value that was taken for two kinds counts once."""
    seen: dict[str, str] = {}
    values = set()
    certain = False
    own: set[str] = set()
    for finding in findings:
        kind = kinds.get(finding.kind)
        if (
            kind is not None
            and kind.category in _TELLING
            and kind.singles_out
            and RANK[finding.certainty] >= RANK["likely"]
            and finding.kind not in seen
            and finding.value not in values
        ):
            seen[finding.kind] = kind.label
            values.add(finding.value)
            certain = certain or finding.certainty == "certain"
            if kind.anywhere:
                own.add(kind.category)
    return list(seen.values()) if certain or own >= _TELLING else []


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels[:-1]) + " and " + labels[-1]


def _accepted(reply: Reply, rule: Acknowledgement) -> bool:
    if reply.status is not None and not (
        reply.status in rule.status if rule.status else 200 <= reply.status < 400
    ):
        return False
    if reply.status is None and rule.status:
        return False
    if not (rule.json or rule.protobuf or rule.begins):
        return True
    body = _unpacked(reply)
    if not body.startswith(rule.begins):
        return False
    if rule.json:
        return _among(_at(_parsed(body, whole=reply.status is not None), rule.json), rule.equals)
    if rule.protobuf:
        return _among(_varint_field(body, rule.protobuf), rule.equals)
    return True


def _among(value: object, allowed: Sequence[str | int | bool]) -> bool:
    # In Python True == 1, in JSON it is not.
    return any(type(value) is type(item) and value == item for item in allowed)


def _unpacked(reply: Reply) -> bytes:
    """The body, unpacked if it is gzip or zlib, cut to what is looked at; empty if it was not kept."""
    body = reply.body or b""
    if "gzip" in reply.encoding or "deflate" in reply.encoding or body.startswith(b"\x1f\x8b"):
        try:
            return zlib.decompressobj(wbits=47).decompress(body, MAX_REPLY)
        except zlib.error:
            return b""
    return body[:MAX_REPLY]


def _parsed(body: bytes, *, whole: bool) -> Any:
    """The JSON in a body, or None. Where a protocol has no bodies, what stands before the first brace
    is taken for its framing."""
    text = body.decode("utf-8", "replace").lstrip("\ufeff")
    try:
        if whole:
            return json.loads(text)
        start = text.find("{")
        return json.JSONDecoder().raw_decode(text, start)[0] if start >= 0 else None
    except (ValueError, RecursionError):
        return None


def _at(value: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _varint_field(body: bytes, wanted: int) -> int | None:
    """The first varint field of that number in the outermost protobuf message, or None.

    Format: protobuf.dev/programming-guides/encoding."""
    position = 0
    for _ in range(MAX_REPLY_FIELDS):
        tag, position = _varint(body, position)
        if position < 0:
            return None
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(body, position)
            if position < 0:
                return None
            if number == wanted:
                return value
        elif wire == 1:
            position += 8
        elif wire == 2:
            length, position = _varint(body, position)
            if position < 0:
                return None
            position += length
        elif wire == 5:
            position += 4
        else:
            return None
    return None


def _varint(body: bytes, position: int) -> tuple[int, int]:
    """A varint and the position after it; position -1 if there is none whole."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(body):
            return 0, -1
        byte = body[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    return 0, -1
