"""The glance never clears what `examine` holds to be an activation, however it is dressed."""

import base64
import gzip
import json
import random
import zlib
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from captures.flows import build_flow
from phonehome.analysis.examiner import examine
from phonehome.analysis.glance import RawHeaders, may_be_activation, may_tell
from phonehome.analysis.identifiers.kinds import kinds
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.purposes import ACTIVATION
from phonehome.analysis.sources import live_flow, mitm
from phonehome.analysis.transmission import Transmission
from tests.identifiers.test_corpus import iccid, imei, imsi, mac, meid, phone_number

SAMPLES = sorted((Path(__file__).parents[1] / "captures").glob("*.mitm"))


def glance(sent: Transmission) -> bool:
    headers: RawHeaders = tuple((name.encode(), value.encode()) for name, value in sent.headers)
    hosts = (sent.host if sent.host_source != "dns" else None, sent.authority)
    return may_be_activation(hosts, sent.port or 0, sent.path.encode(), headers, b"".join(sent.payloads))


def test_samples_clear_nothing_that_is_an_activation_and_most_of_the_rest() -> None:
    cleared = others = 0
    for path in SAMPLES:
        for sent in mitm.read(path.read_bytes()):
            if sent.protocol != "http":
                continue
            activation = examine(sent).judgement.purpose == ACTIVATION
            assert glance(sent) or not activation, sent
            others += not activation
            cleared += not glance(sent)
    assert others > 100
    assert cleared > others / 3


DRESSES = {
    "json": lambda fields: ("application/json", "", json.dumps(fields).encode()),
    "json in json": lambda fields: (
        "application/json",
        "",
        json.dumps({"data": json.dumps(fields)}).encode(),
    ),
    "escaped": lambda fields: (
        "application/json",
        "",
        "".join(f"\\u{ord(c):04x}" if c.isdigit() else c for c in json.dumps(fields)).encode(),
    ),
    "form": lambda fields: ("application/x-www-form-urlencoded", "", urlencode(fields).encode()),
    "xml": lambda fields: (
        "text/xml",
        "",
        b"<a>" + b"".join(f"<{k}>{v}</{k}>".encode() for k, v in fields.items()) + b"</a>",
    ),
    "base64": lambda fields: ("text/plain", "", base64.b64encode(json.dumps(fields).encode())),
    "base64 in lines": lambda fields: ("", "", base64.encodebytes(json.dumps(fields).encode())),
    "base64url in a form": lambda fields: (
        "application/x-www-form-urlencoded",
        "",
        b"d=" + base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"="),
    ),
    "base64 of each": lambda fields: (
        "application/json",
        "",
        json.dumps({k: base64.b64encode(v.encode()).decode() for k, v in fields.items()}).encode(),
    ),
    "hexadecimal": lambda fields: ("text/plain", "", json.dumps(fields).encode().hex().encode()),
    "hexadecimal of gzip": lambda fields: ("", "", gzip.compress(json.dumps(fields).encode()).hex().encode()),
    "gzip": lambda fields: ("application/json", "gzip", gzip.compress(json.dumps(fields).encode())),
    "gzip, not declared": lambda fields: ("", "", gzip.compress(json.dumps(fields).encode())),
    "base64 of zlib": lambda fields: ("", "", base64.b64encode(zlib.compress(json.dumps(fields).encode()))),
    "utf-16": lambda fields: ("application/json", "", json.dumps(fields).encode("utf-16")),
    "multipart": lambda fields: (
        "multipart/form-data; boundary=b",
        "",
        b"".join(
            f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode()
            for k, v in fields.items()
        )
        + b"--b--\r\n",
    ),
}
VALUES = {"imei": imei, "iccid": iccid, "imsi": imsi, "macAddress": mac, "meid": meid, "msisdn": phone_number}


def fields_of(draw: random.Random) -> dict[str, str]:
    chosen = draw.sample(sorted(VALUES), 2)
    fields = {"model": "TA-1046", **{name: str(VALUES[name](draw)) for name in chosen}}
    if draw.random() < 0.3:
        del fields[chosen[0]]
        fields["serialno"] = "B2N" + "".join(draw.choices("0123456789ABCDEF", k=11))
    return fields


@pytest.mark.parametrize("dress", DRESSES)
def test_no_dress_hides_an_activation(dress: str) -> None:
    draw = random.Random(dress)
    found = 0
    for _ in range(150):
        fields = fields_of(draw)
        kind, encoding, body = DRESSES[dress](fields)
        headers = [
            (name, value) for name, value in (("Content-Type", kind), ("Content-Encoding", encoding)) if value
        ]
        flow = build_flow("http://a.example/r", method="POST", headers=tuple(headers), body=body)
        sent = live_flow.transmission(flow)
        assert sent is not None
        if examine(sent).judgement.purpose == ACTIVATION:
            found += 1
            assert glance(sent), (fields, body)
    assert found > 75


def in_groups(draw: random.Random, digits: str) -> str:
    """As people and programs write long numbers."""
    if not digits.isalnum():
        return digits
    cuts = sorted(draw.sample(range(1, len(digits)), draw.randint(1, 4)))
    return draw.choice(" -._").join(
        digits[a:b] for a, b in zip([0, *cuts], [*cuts, len(digits)], strict=True)
    )


@pytest.mark.parametrize("dress", DRESSES)
def test_nor_do_groups(dress: str) -> None:
    draw = random.Random(dress)
    found = 0
    for _ in range(150):
        fields = {name: in_groups(draw, value) for name, value in fields_of(draw).items() if name != "model"}
        kind, encoding, body = DRESSES[dress](fields)
        headers = tuple(
            (name, value) for name, value in (("Content-Type", kind), ("Content-Encoding", encoding)) if value
        )
        sent = live_flow.transmission(
            build_flow("http://a.example/r", method="POST", headers=headers, body=body)
        )
        assert sent is not None
        if examine(sent).judgement.purpose == ACTIVATION:
            found += 1
            assert glance(sent), (fields, body)
    assert found > 50


@pytest.mark.parametrize("place", ["query", "quoted", "path", "header", "cookie", "base64 in query"])
def test_nor_does_another_place(place: str) -> None:
    draw = random.Random(place)
    found = 0
    for _ in range(150):
        fields = fields_of(draw)
        pairs = urlencode(fields)
        packed = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")
        url, headers = {
            "query": (f"/r?{pairs}", ()),
            "quoted": (f"/r?u={quote(quote('http://b.example/?' + pairs))}", ()),
            "path": ("/r/" + "/".join(f"{k}/{quote(v)}" for k, v in fields.items()), ()),
            "header": ("/r", tuple((f"X-{k}", v) for k, v in fields.items())),
            "cookie": ("/r", (("Cookie", "; ".join(f"{k}={quote(v)}" for k, v in fields.items())),)),
            "base64 in query": (f"/r?d={packed}", ()),
        }[place]
        sent = live_flow.transmission(build_flow(f"http://a.example{url}", headers=headers))
        assert sent is not None
        if examine(sent).judgement.purpose == ACTIVATION:
            found += 1
            assert glance(sent), (url, headers)
    assert found > 30


def test_every_endpoint_of_an_activation_is_looked_at() -> None:
    for entry in catalogue().endpoints.values():
        if entry.purpose != ACTIVATION or "http" not in entry.protocols:
            continue
        host = entry.hosts[0].replace("*", "x") if entry.hosts else "a.example"
        port = min(entry.ports, default=80)
        headers = ((b"content-type", entry.content_type.encode()),) if entry.content_type else ()
        assert may_be_activation((host,), port, b"/", headers, b""), entry.id
        assert entry.hosts or entry.ports or entry.content_type, (
            f"{entry.id} would have every request examined"
        )
    assert may_be_activation((None, None), 80, b"/", (), b"")
    assert may_be_activation(("93.184.216.34",), 80, b"/", (), b"")


def test_the_stems_are_in_every_name() -> None:
    told_by_name = {kind.id: kind for kind in kinds().values() if kind.stems}
    assert told_by_name.keys() == {"meid", "serial", "phone-number"}
    for kind in told_by_name.values():
        # Under vague names groups are not read.
        for name in kind.exclusive | kind.names | (frozenset() if kind.grouped else kind.vague):
            assert any(stem in name for stem in kind.stems), name


def test_what_may_be_grouped_has_decimal_digits_or_a_name_that_is_looked_for() -> None:
    grouped = {kind.id for kind in kinds().values() if kind.grouped}
    assert grouped == {"imei", "imeisv", "meid", "imsi", "iccid"}


def test_kinds_that_stand_in_other_forms_are_known_here() -> None:
    told = {
        kind.id
        for kind in catalogue().kinds.values()
        if kind.category in ("hardware", "sim") and kind.singles_out
    }
    assert told == {"imei", "imeisv", "meid", "mac", "imsi", "iccid", "serial", "phone-number"}


@pytest.mark.parametrize(
    "text",
    [
        b'{"event":"screen_view","at":1700000000977,"note":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}',
        b"/v1/items/3?page=21&lang=nb",
        b"id=6f1d3c2a-4a51-4b43-9d5e-0f3f2d1cab41&v=1.2.3",
        b"etag=da39a3ee5e6b4b0d3255bfef95601890afd80709",
        b"2019-03-21T10:11:12Z battery_charging_state_changed",
    ],
)
def test_what_is_usual_is_cleared(text: bytes) -> None:
    assert not may_tell(text)
