"""What the first corpus (`test_corpus.py`) did not think of: more look-alikes, look-alikes beside a real phone's
identifiers, which must not lend them their certainty, and more ways in which true ones travel."""

import base64
import gzip
import json
import plistlib
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape, quoteattr

import brotli
import cbor2
import msgpack
import pytest
import zstandard

from captures.flows import protobuf
from phonehome.analysis.decoding import Decoded
from phonehome.analysis.identifiers import Finding
from phonehome.analysis.transmission import Transmission
from tests.decoding.usual import decode, decode_bytes
from tests.identifiers.build import recognise
from tests.identifiers.test_corpus import (
    TRUE,
    Draw,
    Pair,
    as_form,
    as_json,
    digits,
    hexadecimal,
    holds,
    imei,
    random_uuid,
    token,
    with_luhn,
)

# --- look-alikes: names, and what stands under them

LookAlike = tuple[list[str], Callable[[Draw], Any]]

LOOK_ALIKES: dict[str, LookAlike] = {
    "a number to call": (
        ["support_phone", "supportPhoneNumber", "contact_phone", "hotline", "shop_phone", "customer_service_phone"],
        lambda draw: "+47" + draw.choice(["21", "22", "81"]) + digits(draw, 6),
    ),
    "the size of a memory": (
        ["ROM", "RAM", "rom", "rom_size", "internalStorage"],
        lambda draw: draw.choice(["64G", "4G", "128GB", "3.7 GB", "4096M", "6GB+128GB", "128.0 GiB", "8 GB / 256 GB"]),
    ),
    "the number of a certificate": (
        ["certificate_serial", "certSerialNumber", "cert_serial", "x509_serial", "serialNumber"],
        lambda draw: draw.choice([":".join(hexadecimal(draw, 2) for _ in range(16)), hexadecimal(draw, 38)]),
    ),
    "how exact, fast, high": (
        ["accuracy", "speed", "altitude", "bearing", "course"],
        lambda draw: round(draw.uniform(0, 170), 6),
    ),
    "a tile of a map": (
        ["tile", "tileId", "quadkey"],
        lambda draw: draw.choice(
            [f"{draw.randrange(18)}/{draw.randrange(9999)}/77", "".join(draw.choice("0123") for _ in range(16))]
        ),
    ),
    "what a map shows": (["bbox", "viewport"], lambda draw: [round(draw.uniform(50, 60), 4) for _ in range(4)]),
    "a bank account": (
        ["iban", "account_no", "bank_account", "kid"],
        lambda draw: draw.choice(["NO93" + digits(draw, 11), digits(draw, 11), "DE89" + digits(draw, 18)]),
    ),
    "a car": (["vin", "chassis"], lambda draw: "WVWZZZ" + hexadecimal(draw, 11, "ABCDEFGHJKLMN0123456789")),
    "a book": (
        ["isbn", "issn", "doi"],
        lambda draw: draw.choice(["978" + digits(draw, 10), f"10.1371/journal.pone.{digits(draw, 7)}"]),
    ),
    "a program's source": (
        ["commit", "gitSha", "revision", "build_hash", "buildId", "build_id"],
        lambda draw: "a" + hexadecimal(draw, draw.choice([6, 11, 39])),
    ),
    "a key of an interface": (
        ["api_key", "x-api-key", "appKey", "client_key", "dsn_key", "client_token"],
        lambda draw: draw.choice(["AIza" + token(draw, 35), hexadecimal(draw, 32), token(draw, 24)]),
    ),
    "a sender or project": (["sender_id", "senderId", "project_number"], lambda draw: digits(draw, 12)),
    "an address that is not the phone's": (
        ["server_ip", "dns_server", "gateway", "ntp_server", "edge_ip", "remote_ip", "resolved_ip"],
        lambda draw: ".".join(str(draw.randrange(1, 255)) for _ in range(4)),
    ),
    "an object identifier": (["oid", "schema", "section"], lambda draw: draw.choice(["1.3.6.1.4.1.311", "2.16.840.1"])),
    "a Bluetooth service": (
        ["service_uuid", "characteristic", "serviceUuid"],
        lambda draw: f"0000{hexadecimal(draw, 4)}-0000-1000-8000-00805f9b34fb",
    ),
    "an experiment": (
        ["experiment_id", "variant", "abTestId", "cohort", "config_id", "layer"],
        lambda draw: draw.choice([digits(draw, 8), random_uuid(draw), hexadecimal(draw, 16), token(draw, 22)]),
    ),
    "a film, a song, a thing to buy": (
        ["video_id", "trackId", "album", "asset_id", "content_id", "sku_id", "item_id"],
        lambda draw: draw.choice([token(draw, 11), digits(draw, 15), random_uuid(draw), hexadecimal(draw, 24)]),
    ),
    "a message's id": (
        ["message-id", "Message-ID", "content-id", "in-reply-to"],
        lambda draw: f"<{token(draw, 20)}@mail.example.org>",
    ),
    "an address of another kind": (
        ["repo", "clone_url", "remote", "image_ref"],
        lambda draw: draw.choice(
            [
                f"git@git.example:{token(draw, 6)}/x.git",
                f"registry.example/a/b@sha256:{hexadecimal(draw, 64)}",
                "https://user@host.example/p",
            ]
        ),
    ),
    "a place for an advertisement": (
        ["ad_unit_id", "adUnitId", "placement_id", "tagid", "pub_id", "publisher_id"],
        lambda draw: draw.choice(
            [f"ca-app-pub-{digits(draw, 16)}/{digits(draw, 10)}", digits(draw, 15), random_uuid(draw)]
        ),
    ),
    "something about an identifier": (
        ["imei_len", "iccid_length", "mac_count", "meid_supported", "ssid_visible", "gaid_optin", "location_mode"],
        lambda draw: draw.choice([15, "15", 2, "true", "gps"]),
    ),
    "the state of a SIM": (
        ["SIM1TYPE", "sim_state", "simCount", "sim_slot", "UETYPE", "phoneType", "phone_type", "phoneCount"],
        lambda draw: draw.choice(["1", "2", "GSM", 0, 5]),
    ),
    "where on a page": (
        ["location", "loc"],
        lambda draw: draw.choice(["home,feed", "1.5,2.5", "0.5, 0.25", "us-east-1", "fold-2"]),
    ),
    "a token named after what it proves": (
        ["imei_token", "id_token", "attestation", "mac_token"],
        lambda draw: ".".join(
            base64.urlsafe_b64encode(draw.randbytes(size)).decode().rstrip("=") for size in (30, 60, 32)
        ),
    ),
    "a port": (
        ["serial", "device_serial_port", "serialNo"],
        lambda draw: draw.choice(["COM3", "/dev/ttyS0", "ttyUSB1"]),
    ),
    "no Wi-Fi's name": (
        ["ssid", "SSID"],
        lambda draw: draw.choice(
            ["0", "false", "127.0.0.1", digits(draw, 9), hexadecimal(draw, 32), random_uuid(draw)]
        ),
    ),
    "a short number under a short name": (
        ["fid", "iid", "did", "dvid", "duid", "aid"],
        lambda draw: draw.choice([draw.randrange(10**6), digits(draw, 9), token(draw, 6), "home"]),
    ),
    "a name of a user that is no address": (
        ["user", "login", "account", "em", "mail"],
        lambda draw: draw.choice([token(draw, 8), f"{token(draw, 5)}@", "me@localhost", hexadecimal(draw, 64)]),
    ),
    "a kind of device": (
        ["device_id", "deviceId", "devId"],
        lambda draw: draw.choice(["default", "web", "tv", "android", "0001", "mobile-web"]),
    ),
    "a number against caches": (
        ["cb", "rnd", "ord", "z"],
        lambda draw: with_luhn(draw.choice(["01", "16", "35", "86"]) + digits(draw, 12)),
    ),
    "a session of a website": (
        ["jsessionid", "PHPSESSID", "csrf", "xsrf", "authenticity_token"],
        lambda draw: draw.choice([hexadecimal(draw, 32), token(draw, 26)]),
    ),
    "parts of a program": (
        ["modules", "plugins", "libraries", "dependencies"],
        lambda draw: [f"com.vendor.lib.{part}" for part in ("core", "net", "ui", "io", "db", "log")],
    ),
    "a telephone that is no number": (
        ["tel", "phone", "mobile"],
        lambda draw: draw.choice([digits(draw, 5), "112", "0800", draw.randrange(10**4), "iPhone"]),
    ),
}  # fmt: skip

OBJECTS: dict[str, Callable[[Draw], dict[str, Any]]] = {
    "a message that was authenticated": lambda draw: {
        "mac": hexadecimal(draw, 12),
        "nonce": hexadecimal(draw, 24),
        "data": base64.b64encode(draw.randbytes(60)).decode(),
    },
    "a certificate": lambda draw: {
        draw.choice(["cert", "certificate", "x509"]): {
            "serialNumber": hexadecimal(draw, 20, "0123456789ABCDEF")
        }
    },
    "a certificate by what else it says": lambda draw: {
        "serialNumber": hexadecimal(draw, 20),
        "issuer": "CN=Example",
        "notAfter": "2030-01-01",
    },
    "a flight": lambda draw: {
        "carrier": "SAS",
        "operator": "Widerøe",
        "flightNumber": "SK1",
        "os_version": "13",
    },
    "a parcel": lambda draw: {
        "carrier": "DHL",
        "trackingNumber": "JD" + digits(draw, 18),
        "deviceType": "phone",
    },
    "a thing for sale": lambda draw: {
        "product": {"serialNumber": "S" + digits(draw, 7), "model": "WH-1000XM4", "gtin": digits(draw, 13)}
    },
    "a shop": lambda draw: {
        "shop": {
            "phoneNumber": "+4722" + digits(draw, 6),
            "email": "post@shop.example",
            "lat": 59.91273,
            "lng": 10.74609,
        }
    },
    "where one wants to go": lambda draw: {
        "destination": {"lat": round(draw.uniform(40, 60), 6), "lng": round(draw.uniform(2, 30), 6)}
    },
    "what a map shows": lambda draw: {
        "viewport": {
            "northeast": {"lat": round(draw.uniform(40, 60), 6), "lng": round(draw.uniform(2, 30), 6)},
            "southwest": {"lat": round(draw.uniform(40, 60), 6), "lng": round(draw.uniform(2, 30), 6)},
        }
    },
    "parts of a screen": lambda draw: {
        "lat": round(draw.uniform(0, 1), 5),
        "lon": round(draw.uniform(0, 1), 5),
        "ll": f"{draw.random():.4f},{draw.random():.4f}",
    },
    "how long it took": lambda draw: {
        "lat": draw.uniform(2, 80),
        "long": draw.uniform(2, 99),
        "p99": draw.uniform(2, 99),
    },
    "a cell of a table": lambda draw: {"cellId": draw.randrange(300, 9999), "rowId": 2, "mcc": 242},
    "a shop's terminal": lambda draw: {
        "terminalId": with_luhn("35" + digits(draw, 12)),
        "merchantId": digits(draw, 15),
        "mcc": 5411,
    },
    "where a program failed": lambda draw: {
        "stack": [f"com.example.{part}.Main" for part in ("app", "ui", "net")]
        + ["java.lang.Thread", "android.os.Looper"],
    },
    "what a program is built from": lambda draw: {
        "packages": [
            "com.squareup.okhttp3",
            "com.google.gson",
            "io.reactivex.rxjava2",
            "org.jetbrains.kotlin",
            "org.json",
        ]
    },
    "servers": lambda draw: {"servers": [{"ip": f"93.184.216.{draw.randrange(255)}", "os_version": "22"}]},
    "times": lambda draw: {
        "timecode": f"{draw.randrange(24):02}:10:20:30:40:50",
        "marks": ["00:10:20:30:40:50", "02:12:22:32:42:52"],
    },
    "a session with small and large letters": lambda draw: {
        "ssid": "".join(draw.choice(["aB", "xYz", "Qr", "mN", "bcD"]) for _ in range(9))
    },
    "what a website counts by": lambda draw: {
        "cid": digits(draw, 9) + "." + digits(draw, 10),
        "tid": "UA-1-1",
        "gjid": digits(draw, 9),
        "_gid": digits(draw, 10),
        "sid": digits(draw, 10),
        "a": digits(draw, 10),
    },
    "a lake": lambda draw: {
        "lac": "Annecy",
        "position": "nord",
        "serial": "killer",
        "tel": "N/A",
        "ci": "joint",
    },
    "a conversation on the web": lambda draw: {
        "sdp": f"v=0\r\no=- {digits(draw, 19)} 2 IN IP4 127.0.0.1\r\na=fingerprint:sha-256 "
        + ":".join(hexadecimal(draw, 2) for _ in range(32))
        + f"\r\na=ice-ufrag:{token(draw, 4)}\r\na=mid:0\r\n",
    },
    "traces": lambda draw: {
        "trace_id": hexadecimal(draw, 32),
        "span_id": hexadecimal(draw, 16),
        "x-b3-traceid": hexadecimal(draw, 16),
        "dd.trace_id": digits(draw, 19),
    },
    "who pays": lambda draw: {
        "card_number": with_luhn("4" + digits(draw, 14)),
        "pan": with_luhn("35" + digits(draw, 13)),
        "amex": with_luhn("37" + digits(draw, 12)),
    },
    "who reads": lambda draw: {
        "reader": "1000" + digits(draw, 11),
        "pixel_id": digits(draw, 15),
        "sub": digits(draw, 21),
    },
}
"""What only the rest of the object tells apart."""

COOKIES: Callable[[Draw], str] = lambda draw: "; ".join(  # noqa: E731
    [
        f"_ga=GA1.2.{digits(draw, 9)}.{digits(draw, 10)}",
        f"_fbp=fb.1.{1_700_000_000_000 + draw.randrange(10**11)}.{digits(draw, 10)}",
        f"SSID={token(draw, 17)}",
        f"NID=511={token(draw, 60)}",
        f"mac={hexadecimal(draw, 40)}",
        f"sid={digits(draw, 6)}",
        f"cid={digits(draw, 9)}.{digits(draw, 10)}",
        f"aid={hexadecimal(draw, 16)}",
        f"did={random_uuid(draw)}",
        "lat=1; position=3",
    ]
)

DESCRIPTIVE = {"model", "build", "carrier"}
"""Kinds that single nobody out."""


def drawn(name: str, count: int) -> list[Pair]:
    names, value = LOOK_ALIKES[name]
    draw = Draw(name)
    return [(draw.choice(names), value(draw)) for _ in range(count)]


def sure(decoded: Decoded) -> list[Finding]:
    return [each for each in recognise(decoded) if each.certainty != "possible"]


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_no_look_alike_is_taken_for_an_identifier(name: str) -> None:
    draw = Draw(1)
    for key, value in drawn(name, 60):
        fields = {key: value, "app_version": "4.2.1", "platform": "android"}
        assert sure(as_json(draw, fields)) == [], fields
        if not isinstance(value, list):
            assert sure(as_form(draw, fields)) == [], fields


@pytest.mark.parametrize("name", OBJECTS)
def test_what_else_an_object_says_tells_a_look_alike(name: str) -> None:
    draw = Draw(name)
    for _ in range(60):
        fields = OBJECTS[name](draw)
        assert sure(as_json(draw, fields)) == [], fields


def test_cookies_of_websites_are_nothing_else() -> None:
    draw = Draw(4)
    for _ in range(200):
        cookies = COOKIES(draw)
        found = {(each.kind, each.path[-1]) for each in sure(get("/", ("Cookie", cookies)))}
        assert {kind for kind, _ in found} == {"cookie"}, cookies
        assert {name for _, name in found} >= {"_ga", "_fbp", "SSID", "NID"}, cookies


def test_the_same_of_the_device_itself_is_found() -> None:
    """What is told apart by its object is not lost where the object is the device."""
    fields = {
        "device": {
            "serialNumber": "S7868484AB",
            "lat": 59.912731,
            "lng": 10.746092,
            "wifi_mac": "ac3743a1b2c3",
        },
        "carrier": "Telenor",
        "os_version": "13",
    }
    assert {each.kind for each in sure(as_json(Draw(1), fields))} == {"serial", "position", "mac", "carrier"}


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_real_identifier_lends_a_look_alike_nothing(name: str) -> None:
    draw = Draw(2)
    for key, value in drawn(name, 30):
        fields = {"imei": imei(draw), "device_model": "Nokia 7 plus", "os_version": "9", key: value}
        wrong = [
            each
            for each in sure(as_json(draw, fields))
            if each.path[-1] == key and each.kind not in DESCRIPTIVE
        ]
        assert wrong == [], fields


@pytest.mark.parametrize("size", ["64G", "4G", "128GB", "3.7 GB", "6GB+128GB", "4096 MB"])
@pytest.mark.parametrize("key", ["ROM", "RAM", "rom", "romversion"])
def test_memory_is_no_build(key: str, size: str) -> None:
    fields = {"IMEI1": imei(Draw(3)), "MODEL": "HMD-TA 1046", "REGVER": "5.0", key: size}
    assert all(each.path[-1] != key for each in recognise(as_json(Draw(3), fields)))


def test_a_build_stays_one() -> None:
    fields = {"romversion": "V12.0.1.0.QJOCNXM", "swver": "00WW_3_22C", "buildid": "PPR1.180610.011"}
    assert [each.kind for each in sure(as_json(Draw(3), fields))] == ["build"] * 3


# --- true ones on other ways

Fields = dict[str, Any]
JSON = "application/json"


def dumps(fields: Any) -> bytes:
    return json.dumps(fields).encode()


def get(path: str, *headers: tuple[str, str]) -> Decoded:
    return decode(Transmission(time=0.0, method="GET", path=path, headers=headers))


def urlsafe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def multipart(fields: Fields) -> Decoded:
    parts = [
        f'--b7\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return decode_bytes("".join([*parts, "--b7--\r\n"]).encode(), "multipart/form-data; boundary=b7")


def multipart_file(fields: Fields) -> Decoded:
    head = b'--x\r\nContent-Disposition: form-data; name="log"; filename="l.gz"\r\n\r\n'
    return decode_bytes(
        head + gzip.compress(dumps(fields)) + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"
    )


def raw_deflate(fields: Fields) -> Decoded:
    packer = zlib.compressobj(wbits=-15)
    return decode_bytes(packer.compress(dumps(fields)) + packer.flush(), JSON, "deflate")


def jwt(fields: Fields) -> Decoded:
    parts = (urlsafe(b'{"alg":"HS256","typ":"JWT"}'), urlsafe(dumps(fields)), urlsafe(bytes(range(32))))
    return get("/", ("Authorization", "Bearer " + ".".join(parts)))


def grpc(fields: Fields) -> Decoded:
    message = protobuf((1, json.dumps(fields)))
    return decode_bytes(b"\0" + len(message).to_bytes(4, "big") + message, "application/grpc")


def length_prefixed(fields: Fields) -> Decoded:
    data = dumps(fields)
    return decode(Transmission(time=0.0, protocol="tcp", payloads=(len(data).to_bytes(4, "big") + data,)))


def xml_elements(fields: Fields) -> Decoded:
    inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in fields.items())
    return decode_bytes(f"<?xml version='1.0'?><r><device>{inner}</device></r>".encode(), "text/xml")


def xml_attributes(fields: Fields) -> Decoded:
    inner = " ".join(f"{name}={quoteattr(str(value))}" for name, value in fields.items())
    return decode_bytes(f"<r><device {inner}/></r>".encode(), "application/xml")


CARRIERS: dict[str, Callable[[Fields], Decoded]] = {
    "XML, elements": xml_elements,
    "XML, attributes": xml_attributes,
    "multipart": multipart,
    "file in multipart": multipart_file,
    "brotli": lambda fields: decode_bytes(brotli.compress(dumps(fields)), JSON, "br"),
    "zstd": lambda fields: decode_bytes(zstandard.compress(dumps(fields)), JSON, "zstd"),
    "deflate": lambda fields: decode_bytes(zlib.compress(dumps(fields)), JSON, "deflate"),
    "raw deflate": raw_deflate,
    "CBOR": lambda fields: decode_bytes(cbor2.dumps(fields), "application/cbor"),
    "MessagePack": lambda fields: decode_bytes(msgpack.packb(fields), "application/msgpack"),
    "MessagePack, not declared": lambda fields: decode_bytes(msgpack.packb(fields), "application/octet-stream"),
    "property list": lambda fields: decode_bytes(plistlib.dumps(fields), "application/x-plist"),
    "binary property list": lambda fields: decode_bytes(plistlib.dumps(fields, fmt=plistlib.FMT_BINARY)),
    "base64 twice": lambda fields: decode_bytes(
        dumps({"d": base64.b64encode(base64.b64encode(dumps(fields))).decode()}), JSON
    ),
    "gzip in base64": lambda fields: decode_bytes(
        dumps({"d": base64.b64encode(gzip.compress(dumps(fields))).decode()}), JSON
    ),
    "gzip in base64url in a form": lambda fields: decode_bytes(
        urlencode({"v": 1, "data": urlsafe(gzip.compress(dumps(fields)))}).encode(), "application/x-www-form-urlencoded"
    ),
    "gzip in hexadecimal": lambda fields: decode_bytes(gzip.compress(dumps(fields)).hex().encode(), "text/plain"),
    "JSON in JSON in JSON": lambda fields: decode_bytes(
        dumps({"a": json.dumps({"b": json.dumps(fields)})}), JSON
    ),
    "percent twice": lambda fields: get("/t?d=" + quote(quote(json.dumps(fields), safe=""), safe="")),
    "JWT": jwt,
    "base64 in a header": lambda fields: get("/", ("x-device", base64.b64encode(dumps(fields)).decode())),
    "JSON in a header": lambda fields: get("/", ("x-device", json.dumps(fields))),
    "raw TCP": lambda fields: decode(Transmission(time=0.0, protocol="tcp", payloads=(dumps(fields),))),
    "raw TCP behind a length": length_prefixed,
    "JSON in protobuf": lambda fields: decode_bytes(
        protobuf((1, 7), (2, protobuf((3, json.dumps(fields)), (4, 99)))), "application/x-protobuf"
    ),
    "map of protobuf": lambda fields: decode_bytes(
        protobuf(*[(5, protobuf((1, name), (2, str(value)))) for name, value in fields.items()]),
        "application/x-protobuf",
    ),
    "gRPC": grpc,
    "UTF-16": lambda fields: decode_bytes(json.dumps(fields).encode("utf-16"), "application/json; charset=utf-16"),
    "names and values": lambda fields: decode_bytes(
        dumps({"props": [{"name": name, "value": value} for name, value in fields.items()]}), JSON
    ),
    "pairs": lambda fields: get("/", ("x-device", "; ".join(f"{name}={value}" for name, value in fields.items()))),
    "an object that Java printed": lambda fields: decode_bytes(
        ("Phone{" + ", ".join(f"{name}='{value}'" for name, value in fields.items()) + "}").encode(), "text/plain"
    ),
    "names in brackets": lambda fields: decode_bytes(
        urlencode({f"device[info][{name}]": value for name, value in fields.items()}).encode(),
        "application/x-www-form-urlencoded",
    ),
}  # fmt: skip
FLAT = {
    "XML, elements",
    "XML, attributes",
    "multipart",
    "map of protobuf",
    "names in brackets",
    "pairs",
    "an object that Java printed",
}
APART = {"names and values", "map of protobuf"}
"""Latitude and longitude are not of one object there."""


@pytest.mark.parametrize("carrier", CARRIERS)
def test_true_ones_are_found_whatever_carries_them(carrier: str) -> None:
    draw = Draw(carrier)
    missed: Counter[str] = Counter()
    total = 0
    for kind, (_, make) in TRUE.items():
        for _ in range(12):
            fields = make(draw)
            if carrier in FLAT and any(isinstance(value, list) for value in fields.values()):
                continue
            if (carrier in APART and kind == "position") or (
                carrier.startswith("XML") and "meta[imei]" in fields
            ):
                continue
            total += 1
            decoded = CARRIERS[carrier]({**fields, "app_version": "1.2.3", "event": "open"})
            found = [each for each in recognise(decoded) if each.kind == kind and holds(each, fields)]
            missed[kind] += not found
    assert total > 150
    assert sum(missed.values()) <= total / 50, missed


IMEI = "356938035643809"
WRITTEN: list[tuple[str, str, str, str]] = [
    *[
        ("imei", "imei", written, IMEI)
        for written in (
            "35 693803 564380 9",
            "356938 035643 809",
            "35-693803-564380-9",
            "35-69380356438-09",
            "35.693803.564380.9",
            "IMEI:356938035643809",
            "IMEI: 35 693803 564380 9",
            '"356938035643809"',
            "[356938035643809]",
            "{356938035643809}",
            "356938035643809/01",
            "356938035643809 / 01",
            "356938035643809,",
            "356938035643809\r\n",
        )
    ],
    ("imei", "imei", "35-209900-176148-1", "352099001761481"),
    ("imeisv", "imeisv", "35-693803-564380-91", "3569380356438091"),
    ("meid", "meid", "A0 000000 002329", "A0000000002329"),
    ("iccid", "iccid", "8947 0000 0000 0000 048", "8947000000000000048"),
    ("iccid", "sim1_iccid", "89-47-0000-000000-00048", "8947000000000000048"),
    ("imsi", "imsi", "242 01 1234567890", "242011234567890"),
    ("imsi", "subscriberId", "242-01-1234567890", "242011234567890"),
    ("phone-number", "line1Number", "tel:+4791234567", "+4791234567"),
]


@pytest.mark.parametrize(("kind", "key", "written", "value"), WRITTEN, ids=lambda part: repr(part))
def test_one_written_in_groups_is_found(kind: str, key: str, written: str, value: str) -> None:
    for decoded in (as_json(Draw(1), {key: written}), get("/?" + urlencode({key: written}))):
        assert [(each.kind, each.value) for each in sure(decoded)] == [(kind, value)]


@pytest.mark.parametrize("between", [",", ";", "|", ", ", " / "])
def test_several_in_one_text_are_all_found(between: str) -> None:
    both = [IMEI, "356938035643817"]
    found = sure(as_json(Draw(1), {"imeis": between.join(both)}))
    assert [(each.kind, each.certainty, each.value) for each in found] == [
        ("imei", "certain", one) for one in both
    ]


@pytest.mark.parametrize("value", [int(IMEI), float(IMEI), [IMEI], [int(IMEI)], {"slot1": IMEI}])
def test_one_that_is_a_number_or_stands_deeper(value: Any) -> None:
    assert [(each.kind, each.certainty, each.value) for each in sure(as_json(Draw(1), {"imei": value}))] == [
        ("imei", "certain", IMEI)
    ]


@pytest.mark.parametrize("written", ["35-20-99-00-17-61-48-1", "35 209900 176148 1"])
def test_groups_count_only_under_a_name_that_means_nothing_else(written: str) -> None:
    for key in ("order", "deviceId", "did"):
        assert recognise(as_json(Draw(1), {key: written})) == ()
