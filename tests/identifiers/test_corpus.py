"""Two corpora, made from fixed seeds: what must be found, and what must not be taken for an identifier.

Neither is made from the program's own tables: the names and values are written down here, from the key names of
the project's facts, public SDK documentation and what traffic looks like.
"""

import base64
import gzip
import hashlib
import json
import random
import string
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from phonehome.analysis.decoding import Decoded
from phonehome.analysis.identifiers import Finding
from phonehome.analysis.transmission import Transmission
from tests.decoding.usual import decode, decode_bytes
from tests.identifiers.build import recognise

Draw = random.Random


def digits(draw: Draw, count: int) -> str:
    return "".join(draw.choice(string.digits) for _ in range(count))


def hexadecimal(draw: Draw, count: int, alphabet: str = "0123456789abcdef") -> str:
    return "".join(draw.choice(alphabet) for _ in range(count))


def with_luhn(body: str) -> str:
    """Written from the definition, apart from the library that the program uses."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return body + str(-total % 10)


def random_uuid(draw: Draw) -> str:
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))


def token(draw: Draw, count: int) -> str:
    return "".join(draw.choice(string.ascii_letters + string.digits) for _ in range(count))


# --- what carries a value


def as_json(draw: Draw, fields: dict[str, Any]) -> Decoded:
    return decode_bytes(json.dumps(fields).encode(), "application/json")


def as_nested_json(draw: Draw, fields: dict[str, Any]) -> Decoded:
    return decode_bytes(
        json.dumps({"header": {"v": 3}, "events": [{"body": fields}]}).encode(), "application/json"
    )


def as_form(draw: Draw, fields: dict[str, Any]) -> Decoded:
    return decode_bytes(urlencode(fields).encode(), "application/x-www-form-urlencoded")


def as_query(draw: Draw, fields: dict[str, Any]) -> Decoded:
    return decode(
        Transmission(time=0.0, method="GET", path="/v2/collect?" + urlencode(fields, quote_via=quote))
    )


def as_mime_base64(draw: Draw, fields: dict[str, Any]) -> Decoded:
    """Base64 with a line break each 76 characters, as Android's Base64.DEFAULT writes it."""
    text = base64.b64encode(json.dumps(fields).encode()).decode()
    lines = [text[place : place + 76] for place in range(0, len(text), 76)]
    return decode_bytes(("\n".join(lines) + "\n").encode(), "application/encrypted-json")


def as_gzip_json(draw: Draw, fields: dict[str, Any]) -> Decoded:
    return decode_bytes(gzip.compress(json.dumps(fields).encode()), "application/json", "gzip")


def as_undeclared_gzip(draw: Draw, fields: dict[str, Any]) -> Decoded:
    return decode_bytes(gzip.compress(json.dumps(fields).encode()), "application/octet-stream")


def as_json_in_form(draw: Draw, fields: dict[str, Any]) -> Decoded:
    body = urlencode({"app": "7", "payload": json.dumps(fields)})
    return decode_bytes(body.encode(), "application/x-www-form-urlencoded")


def as_base64url_in_query(draw: Draw, fields: dict[str, Any]) -> Decoded:
    text = base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()
    return decode(Transmission(time=0.0, method="GET", path=f"/t?d={text}&v=1"))


def as_hex(draw: Draw, fields: dict[str, Any]) -> Decoded:
    return decode_bytes(json.dumps({"d": json.dumps(fields).encode().hex()}).encode(), "application/json")


def as_ndjson(draw: Draw, fields: dict[str, Any]) -> Decoded:
    lines = [json.dumps({"event": "open", "n": 1}), json.dumps(fields)]
    return decode_bytes("\n".join(lines).encode(), "application/x-ndjson")


def as_websocket(draw: Draw, fields: dict[str, Any]) -> Decoded:
    message = json.dumps(fields).encode()
    return decode(Transmission(time=0.0, protocol="websocket", payloads=(message,)))


CARRIERS: list[Callable[[Draw, dict[str, Any]], Decoded]] = [
    as_json,
    as_nested_json,
    as_form,
    as_query,
    as_mime_base64,
    as_gzip_json,
    as_undeclared_gzip,
    as_json_in_form,
    as_base64url_in_query,
    as_hex,
    as_ndjson,
    as_websocket,
]

FILLER: list[tuple[str, Callable[[Draw], Any]]] = [
    ("event", lambda draw: draw.choice(["app_open", "screen_view", "heartbeat"])),
    ("ts", lambda draw: 1_550_000_000_000 + draw.randrange(10**10)),
    ("locale", lambda draw: draw.choice(["nb_NO", "de-DE", "en_US"])),
    ("app_version", lambda draw: f"{draw.randrange(9)}.{draw.randrange(30)}.{draw.randrange(400)}"),
    ("debug", lambda draw: 0),
    ("request_id", random_uuid),
    ("tz", lambda draw: "Europe/Oslo"),
    ("battery", lambda draw: draw.randrange(100)),
    ("note", lambda draw: "æøå, in a note"),
]

# --- true ones


def imei(draw: Draw) -> str:
    return with_luhn(draw.choice(["35", "86", "01"]) + digits(draw, 12))


def imsi(draw: Draw) -> str:
    operator = draw.choice(
        ["24201", "24202", "26201", "26202", "46003", "46000", "46011", "23415", "24405", "310260"]
    )
    return operator + digits(draw, 15 - len(operator))


def iccid(draw: Draw) -> str:
    issuer = draw.choice(
        ["894701", "894702", "894902", "898603", "898611", "898612", "8944110", "8901260", "8935301"]
    )
    number = with_luhn(issuer + digits(draw, draw.choice([18, 19]) - len(issuer)))
    if draw.random() < 0.2:  # as real Chinese cards, and others, have it
        number = number[:-1] + str((int(number[-1]) + 1 + draw.randrange(8)) % 10)
    return number + ("F" if len(number) == 19 and draw.random() < 0.3 else "")


def mac(draw: Draw) -> str:
    first = draw.choice(["ac3743", "001a11", "f0d7aa", "3c5ab4", "d8c4e9", "dea632"])
    number = first + hexadecimal(draw, 6)
    separator = draw.choice([":", ":", "-", ""])
    text = separator.join(number[place : place + 2] for place in range(0, 12, 2))
    return text.upper() if draw.random() < 0.5 else text


def meid(draw: Draw) -> str:
    number = draw.choice(["A0", "A1", "99"]) + digits(draw, 6) + hexadecimal(draw, 6, "0123456789ABCDEF")
    return number.lower() if draw.random() < 0.3 else number


def phone_number(draw: Draw) -> str:
    return draw.choice(["+479", "+4915", "+8613", "+4479", "+1212555"])[:8]


def subscriber(draw: Draw) -> str:
    country = draw.choice(["no", "de", "cn", "fi"])
    if country == "no":
        return "+479" + digits(draw, 7)
    if country == "de":
        return "+49151" + digits(draw, 8)
    if country == "fi":
        return "+35840" + digits(draw, 7)
    return "+86139" + digits(draw, 8)


def installation(draw: Draw) -> str:
    return draw.choice("cdef") + "".join(
        draw.choice(string.ascii_letters + string.digits + "-_") for _ in range(21)
    )


def cell(draw: Draw) -> dict[str, Any]:
    area = draw.choice(["lac", "tac"])
    return {
        "mcc": draw.choice([242, 262, 460]),
        "mnc": draw.choice([1, 2, 11]),
        area: draw.randrange(100, 65000),
        draw.choice(["cid", "cellid", "cellId", "eci", "cell_id"]): draw.randrange(1000, 1 << 28),
    }


def position(draw: Draw) -> dict[str, Any]:
    latitude, longitude = round(draw.uniform(-89, 89), 6), round(draw.uniform(-179, 179), 6)
    latitude += 0.000001 if latitude == round(latitude, 2) else 0
    style = draw.randrange(4)
    names = draw.choice(
        [
            ("lat", "lng"),
            ("latitude", "longitude"),
            ("lat", "lon"),
            ("gps_lat", "gps_lng"),
            ("Latitude", "Longitude"),
        ]
    )
    if style == 0:
        return {names[0]: str(latitude), names[1]: str(longitude)}
    if style == 1:
        return {draw.choice(["location", "ll", "latlng", "loc"]): f"{latitude:.5f}1,{longitude:.5f}1"}
    return {names[0]: latitude, names[1]: longitude}


def packages(draw: Draw) -> dict[str, Any]:
    names = [f"com.{token(draw, 6).lower()}.{token(draw, 5).lower()}" for _ in range(draw.randrange(5, 30))]
    names = [name if name.split(".")[2][0].isalpha() else name + "a" for name in names]
    names = [
        ".".join(("a" + part) if part[0].isdigit() else part for part in name.split(".")) for name in names
    ]
    return {draw.choice(["packages", "appList", "installed_apps", "installedPackages"]): names}


def one(names: list[str], value: Callable[[Draw], Any]) -> Callable[[Draw], dict[str, Any]]:
    return lambda draw: {draw.choice(names): value(draw)}


TRUE: dict[str, tuple[int, Callable[[Draw], dict[str, Any]]]] = {
    "imei": (
        700,
        one(
            [
                "imei",
                "imei1",
                "imei2",
                "IMEI",
                "IMEI1",
                "IMEI2",
                "deviceId",
                "device_imei",
                "x-imei",
                "meta[imei]",
            ],
            imei,
        ),
    ),
    "imeisv": (150, one(["imeisv", "IMEISV", "imeiSv"], lambda draw: imei(draw)[:14] + digits(draw, 2))),
    "meid": (200, one(["meid", "MEID", "device_meid"], meid)),
    "iccid": (
        500,
        one(
            [
                "iccid",
                "ICCID",
                "SIM1ICCID",
                "SIM2ICCID",
                "sim1iccid",
                "simSerial",
                "sim_serial_number",
                "iccId",
            ],
            iccid,
        ),
    ),
    "imsi": (
        500,
        one(
            ["imsi", "IMSI", "SIM1LTEIMSI", "SIM2CDMAIMSI", "sim1lteimsi", "subscriberId", "subscriber_id"],
            imsi,
        ),
    ),
    "phone-number": (
        300,
        one(["msisdn", "phone", "line1Number", "phone_number", "phoneNumber", "MSISDN"], subscriber),
    ),
    "mac": (
        500,
        one(
            [
                "mac",
                "macid",
                "MACID",
                "wifimac",
                "wifi_mac",
                "macAddress",
                "mac_address",
                "wlanMac",
                "bt_mac",
            ],
            mac,
        ),
    ),
    "serial": (
        200,
        one(
            ["serialno", "serial_no", "serialNumber", "ro.serialno", "device_serial"],
            lambda draw: "R58" + hexadecimal(draw, 8, "ABCDEFGHJKMNPQRTVWXYZ0123456789") + "7",
        ),
    ),
    "cell": (400, cell),
    "position": (400, position),
    "android-id": (
        400,
        one(
            ["android_id", "androidId", "ssaid", "ANDROID_ID", "androidid"],
            lambda draw: (
                "a" + hexadecimal(draw, 15) if draw.random() < 0.7 else str((1 << 60) + draw.getrandbits(62))
            ),
        ),
    ),
    "advertising-id": (
        500,
        one(
            [
                "gaid",
                "adid",
                "aaid",
                "advertiser_id",
                "idfa",
                "oaid",
                "advertisingId",
                "google_aid",
                "rdid",
                "ifa",
                "IDFA",
            ],
            lambda draw: random_uuid(draw).upper() if draw.random() < 0.3 else random_uuid(draw),
        ),
    ),
    "vendor-id": (
        150,
        one(["idfv", "IDFV", "ios_ifv", "identifier_for_vendor"], lambda draw: random_uuid(draw).upper()),
    ),
    "installation-id": (
        350,
        one(
            ["fid", "instance_id", "hardware_id", "appInstanceId", "installation_id"],
            lambda draw: random_uuid(draw),
        ),
    ),
    "ssid": (
        150,
        one(
            ["ssid", "wifi_ssid", "SSID"],
            lambda draw: (
                draw.choice(["Home of ", "NETGEAR-", "Cafe ", '"Telenor'])
                + str(draw.randrange(99))
                + ' 5G"'[: 3 + draw.randrange(1)]
            ),
        ),
    ),
    "email": (
        250,
        one(
            ["email", "Email", "user_email", "emailAddress", "e-mail"],
            lambda draw: (
                f"{token(draw, 6)}.{token(draw, 4)}@{draw.choice(['example.org', 'mail.example.no', 'EXAMPLE.com'])}"
            ),
        ),
    ),
    "build": (
        150,
        one(
            ["fingerprint", "swver", "build_fingerprint", "SWVER"],
            lambda draw: (
                f"google/redfin/redfin:13/TQ3A.{digits(draw, 6)}.001/{digits(draw, 7)}:user/release-keys"
            ),
        ),
    ),
    "installed-apps": (150, packages),
    "access-points": (
        250,
        lambda draw: {
            draw.choice(["wifi", "scanResults", "wifiAccessPoints"]): [
                {
                    draw.choice(["bssid", "BSSID", "macAddress"]): ":".join(
                        hexadecimal(draw, 2, "02468ace") for _ in range(6)
                    ),
                    draw.choice(["rssi", "signalStrength", "level"]): -draw.randrange(30, 95),
                }
                for _ in range(draw.randrange(2, 12))
            ]
        },
    ),
}

FLAT = {"as_form", "as_query"}


def true_ones() -> Iterator[tuple[str, dict[str, Any], str, Decoded]]:
    draw = Draw(20190321)
    for kind, (count, make) in TRUE.items():
        for _ in range(count):
            fields = make(draw)
            carriers = CARRIERS
            if any(isinstance(value, list) for value in fields.values()):
                carriers = [carrier for carrier in CARRIERS if carrier.__name__ not in FLAT]
            carrier = draw.choice(carriers)
            filler = {name: value(draw) for name, value in draw.sample(FILLER, draw.randrange(6))}
            items = [*fields.items(), *filler.items()]
            draw.shuffle(items)
            yield kind, fields, carrier.__name__, carrier(draw, dict(items))


def holds(finding: Finding, fields: dict[str, Any]) -> bool:
    """Whether the finding's value is the one that was put in, whatever its normal form."""
    if finding.kind in ("position", "cell", "access-points", "installed-apps", "ssid", "android-id"):
        return True
    (value,) = fields.values()
    plain = "".join(filter(str.isalnum, str(value))).lower()
    return "".join(filter(str.isalnum, finding.value)).lower() in (plain, plain.rstrip("f"))


def test_true_ones_are_found() -> None:
    missed: Counter[str] = Counter()
    unsure: Counter[str] = Counter()
    total = 0
    examples = []
    for kind, fields, carrier, decoded in true_ones():
        total += 1
        found = [each for each in recognise(decoded) if each.kind == kind and holds(each, fields)]
        if not found:
            missed[kind] += 1
            examples.append((kind, carrier, fields))
        elif all(each.certainty == "possible" for each in found):
            unsure[kind] += 1
    assert total >= 5000
    assert sum(missed.values()) <= total / 100, (missed, examples[:10])
    assert all(count <= TRUE[kind][0] / 20 for kind, count in missed.items()), (missed, examples[:10])
    # A phone number without its country, a MEID that could be another number: few, and said to be unsure.
    assert sum(unsure.values()) <= total / 50, unsure


# --- look-alikes

Pair = tuple[str, Any]


def order_number(draw: Draw) -> Pair:
    name = draw.choice(
        [
            "order",
            "order_id",
            "orderNumber",
            "invoice",
            "ref",
            "transaction_id",
            "tracking",
            "parcel",
            "account_number",
        ]
    )
    return name, with_luhn(draw.choice([digits(draw, 14), "35" + digits(draw, 12), "86" + digits(draw, 12)]))


def card_number(draw: Draw) -> Pair:
    return draw.choice(["card", "pan", "cc", "giftcard"]), with_luhn("4" + digits(draw, 14))


def microseconds(draw: Draw) -> Pair:
    name = draw.choice(
        ["ts", "time", "timestamp", "t0", "event_time_us", "start", "client_ts", "uptime_us", "clock"]
    )
    return name, draw.choice([str, int])(1_540_000_000_000_000 + draw.randrange(10**14))


def nanoseconds(draw: Draw) -> Pair:
    return draw.choice(["ts_ns", "nanos", "startTimeUnixNano"]), str(
        1_540_000_000 * 10**9 + draw.randrange(10**17)
    )


def hash_value(draw: Draw) -> Pair:
    name = draw.choice(
        [
            "md5",
            "sha1",
            "sha256",
            "hash",
            "checksum",
            "digest",
            "sig",
            "signature",
            "sign",
            "crc",
            "token",
            "nonce",
            "integrity",
        ]
    )
    return name, hexadecimal(draw, draw.choice([12, 14, 16, 32, 40, 64]))


def message_code(draw: Draw) -> Pair:
    return draw.choice(["mac", "hmac", "Mac", "x-mac", "MAC"]), hexadecimal(draw, draw.choice([32, 40, 64]))


def encoded_code(draw: Draw) -> Pair:
    return draw.choice(["mac", "hmac"]), base64.b64encode(draw.randbytes(draw.choice([16, 20, 32]))).decode()


def firebase_app(draw: Draw) -> Pair:
    name = draw.choice(
        [
            "gmp_app_id",
            "app_id",
            "appId",
            "google_app_id",
            "firebaseAppId",
            "x-firebase-appid",
            "gmpAppId",
            "aid",
        ]
    )
    return name, f"1:{digits(draw, 12)}:android:{hexadecimal(draw, 16)}"


def limit_tracking(draw: Draw) -> Pair:
    name = draw.choice(
        ["is_lat", "lat", "dnt", "isLat", "is_LAT", "limit_ad_tracking", "lat_enabled", "isLAT"]
    )
    return name, draw.choice(["0", "1", 0, 1, "false", "true"])


def version(draw: Draw) -> Pair:
    name = draw.choice(
        ["version", "v", "sdk", "ver", "app_version", "sdk_version", "chrome", "build_version", "lib"]
    )
    return name, ".".join(str(draw.randrange(120)) for _ in range(4))


def request_id(draw: Draw) -> Pair:
    name = draw.choice(
        [
            "request_id",
            "x-request-id",
            "id",
            "uuid",
            "guid",
            "trace_id",
            "correlationId",
            "event_id",
            "eventId",
            "message_id",
            "msgid",
            "nonce",
            "batch_id",
            "order_uuid",
            "idempotency-key",
            "transactionId",
            "uid",
            "page_id",
        ]
    )
    return name, random_uuid(draw)


def trace(draw: Draw) -> Pair:
    name = draw.choice(
        [
            "traceparent",
            "b3",
            "x-b3-traceid",
            "x-b3-spanid",
            "span_id",
            "spanId",
            "parentId",
            "traceId",
            "x-cloud-trace-context",
        ]
    )
    return name, hexadecimal(draw, draw.choice([16, 32]))


def price(draw: Draw) -> Pair:
    name = draw.choice(
        [
            "price",
            "amount",
            "total",
            "latency",
            "score",
            "ratio",
            "value",
            "weight",
            "long_side",
            "length",
            "duration",
            "lng",
            "elapsed",
            "width",
        ]
    )
    return name, round(draw.uniform(0, 179), draw.choice([2, 3, 4, 5, 6]))


def lone_coordinate(draw: Draw) -> Pair:
    return draw.choice(["lat", "latitude", "lon", "longitude"]), f"{draw.uniform(-89, 89):.5f}"


def screen_point(draw: Draw) -> Pair:
    name = draw.choice(
        ["position", "point", "coords", "coordinates", "touch", "scroll", "rect", "bounds", "center"]
    )
    return name, [
        round(draw.uniform(0, 80), draw.choice([3, 4, 5])) for _ in range(draw.choice([2, 2, 3, 4]))
    ]


def language(draw: Draw) -> Pair:
    return draw.choice(["lng", "lang", "lon", "language"]), draw.choice(["en", "nb", "de", "zh-CN"])


def etag(draw: Draw) -> Pair:
    return draw.choice(
        ["etag", "if-none-match", "revision", "rev", "ETag"]
    ), f'"{hexadecimal(draw, draw.choice([16, 32]))}"'


def campaign(draw: Draw) -> Pair:
    name = draw.choice(
        [
            "cid",
            "campaign_id",
            "campaignId",
            "utm_cid",
            "creative_id",
            "ad_id",
            "gclid",
            "lac",
            "tac",
            "ad_group",
        ]
    )
    return name, draw.choice([digits(draw, 9), draw.randrange(10**6, 10**8), random_uuid(draw)])


def sequence(draw: Draw) -> Pair:
    return draw.choice(
        ["sn", "seq", "serial", "sequence_number", "n", "no", "serial_no", "counter"]
    ), draw.randrange(10**5)


def long_sequence(draw: Draw) -> Pair:
    return draw.choice(["sn", "seq", "msg_sn", "serial"]), draw.choice([str, int])(
        draw.randrange(10**7, 10**12)
    )


def app_id(draw: Draw) -> Pair:
    return draw.choice(["aid", "app_id", "bundle", "client_id"]), draw.choice(
        [digits(draw, 4), digits(draw, 9), "com.example.game"]
    )


def nothing(draw: Draw) -> Pair:
    name = draw.choice(
        [
            "imei",
            "imei2",
            "meid",
            "mac",
            "bssid",
            "iccid",
            "imsi",
            "android_id",
            "gaid",
            "idfa",
            "serialno",
            "ssid",
            "msisdn",
            "email",
            "local_ip",
            "lat",
            "cellid",
            "deviceId",
            "idfv",
        ]
    )
    return name, draw.choice(
        [
            "unknown",
            "null",
            "0",
            "",
            "000000000000000",
            "00000000-0000-0000-0000-000000000000",
            "9774d56d682e549c",
            "02:00:00:00:00:00",
            "00:00:00:00:00:00",
            "ff:ff:ff:ff:ff:ff",
            "none",
            "N/A",
            "<unknown ssid>",
            "127.0.0.1",
            "-1",
            "undefined",
            0,
            "999999999999999",
        ]
    )


def wrong_digit(draw: Draw) -> Pair:
    right = imei(draw)
    return draw.choice(["imei", "imei1", "deviceId"]), right[:-1] + str(
        (int(right[-1]) % 9) + 1 if right[-1] != "9" else 1
    )


def user_number(draw: Draw) -> Pair:
    name = draw.choice(["uid", "id", "user", "userId", "account", "profile", "member_id", "login"])
    return name, draw.choice(
        [digits(draw, 10), hexadecimal(draw, 16), hexadecimal(draw, 24), random_uuid(draw)]
    )


def snowflake(draw: Draw) -> Pair:
    return draw.choice(["tweet", "post_id", "message", "channel", "sid", "nid", "parent"]), str(
        (1 << 59) + draw.getrandbits(59)
    )


def barcode(draw: Draw) -> Pair:
    name = draw.choice(["ean", "sku", "barcode", "gtin", "sscc"])
    return name, draw.choice([digits(draw, 13), "89" + digits(draw, 17), "89" + digits(draw, 18)])


def color(draw: Draw) -> Pair:
    return draw.choice(["color", "tint", "bg", "theme"]), draw.choice(["#", "0x", ""]) + hexadecimal(
        draw, draw.choice([6, 8])
    )


def time_of_day(draw: Draw) -> Pair:
    return draw.choice(["at", "start", "range", "schedule"]), ":".join(
        f"{draw.randrange(60):02d}" for _ in range(draw.choice([3, 4, 8]))
    )


def network_like(draw: Draw) -> Pair:
    text = ":".join(hexadecimal(draw, 2) for _ in range(6))
    return draw.choice(["fp", "certificate", "key", "cert_sha", "thumb"]), text + ":" + ":".join(
        hexadecimal(draw, 2) for _ in range(14)
    )


def at_sign(draw: Draw) -> Pair:
    return draw.choice(
        ["icon", "image", "asset", "dsn", "import", "pkg", "email_template", "contact_handle"]
    ), draw.choice(
        [
            f"{token(draw, 5)}@2x.png",
            f"react@{draw.randrange(19)}.2.0",
            f"https://{hexadecimal(draw, 32)}@o1.ingest.example.com/1",
            f"@{token(draw, 8)}",
            "logo@3x.jpeg",
        ]
    )


def browser_fingerprint(draw: Draw) -> Pair:
    return draw.choice(["fingerprint", "fp", "canvas", "ja3"]), hexadecimal(draw, draw.choice([32, 40, 64]))


def thing_model(draw: Draw) -> Pair:
    return draw.choice(["model", "model_name", "modelName"]), draw.choice(
        ["gpt-4", "XC40", "linear-v2", "User", "bert-base"]
    )


def carrier_of_parcels(draw: Draw) -> Pair:
    return draw.choice(["carrier", "operator", "operatorName"]), draw.choice(["DHL", "UPS", "add", "Posten"])


def table_cell(draw: Draw) -> Pair:
    return draw.choice(["cell", "cell_id", "cellId", "ci"]), draw.choice(
        [draw.randrange(500), f"A{draw.randrange(30)}"]
    )


def vendor(draw: Draw) -> Pair:
    return draw.choice(["vendor_id", "vendorId", "ad_id", "adId"]), random_uuid(draw)


def own_package(draw: Draw) -> Pair:
    return draw.choice(
        ["packageName", "pkg", "app", "bundle_id", "package"]
    ), f"com.example.{token(draw, 5).lower()}"


def class_names(draw: Draw) -> Pair:
    return draw.choice(["stack", "frames", "classes"]), [
        f"com.example.ui.{token(draw, 6).title()}" for _ in range(7)
    ]


def permissions(draw: Draw) -> Pair:
    return "permissions", [f"android.permission.{token(draw, 8).upper()}" for _ in range(8)]


def flag(draw: Draw) -> Pair:
    name = draw.choice(
        [
            "has_imei",
            "imei_granted",
            "email_verified",
            "phone_verified",
            "gps_enabled",
            "mac_os",
            "ssid_count",
            "show_location",
            "allow_idfa",
            "location_permission",
            "phone_type",
            "ip_version",
            "mac_version",
            "serial_port",
            "wifi",
            "cell_count",
        ]
    )
    return name, draw.choice([0, 1, "true", "false", "1", "granted", "10.15.7", "GSM", "4"])


LOOK_ALIKES: list[Callable[[Draw], Pair]] = [
    order_number, card_number, microseconds, nanoseconds, hash_value, message_code, encoded_code, firebase_app,
    limit_tracking, version, request_id, trace, price, lone_coordinate, screen_point, language, etag, campaign,
    sequence, long_sequence, app_id, nothing, wrong_digit, user_number, snowflake, barcode, color, time_of_day,
    network_like, at_sign, browser_fingerprint, thing_model, carrier_of_parcels, table_cell, vendor, own_package,
    class_names, permissions, flag,
]  # fmt: skip


def cookies(draw: Draw) -> Decoded:
    """Google's cookies, of which one has the name of a Wi-Fi network's."""
    names = ["SSID", "SID", "HSID", "APISID", "SAPISID", "NID", "sessionid", "mac", "lac", "cid"]
    line = "; ".join(f"{name}={token(draw, draw.choice([17, 24, 34]))}" for name in draw.sample(names, 5))
    return decode(
        Transmission(
            time=0.0, method="GET", path="/", headers=(("cookie", f"SSID={token(draw, 17)}; {line}"),)
        )
    )


def headers(draw: Draw) -> Decoded:
    lines = (
        ("x-request-id", random_uuid(draw)),
        ("x-amzn-trace-id", f"Root=1-{hexadecimal(draw, 8)}-{hexadecimal(draw, 24)}"),
        ("if-none-match", f'"{hexadecimal(draw, 16)}"'),
        ("x-client-data", base64.b64encode(draw.randbytes(18)).decode()),
        ("x-firebase-gmpid", f"1:{digits(draw, 12)}:android:{hexadecimal(draw, 16)}"),
        ("x-correlation", with_luhn("35" + digits(draw, 12))),
        ("x-timestamp", str(1_540_000_000_000_000 + draw.randrange(10**14))),
        ("authorization", f"Bearer {token(draw, 60)}"),
    )
    return decode(
        Transmission(
            time=0.0, method="GET", path=f"/v1/{random_uuid(draw)}/{digits(draw, 15)}", headers=lines
        )
    )


def look_alikes() -> Iterator[tuple[int, str, Any, Decoded]]:
    draw = Draw(20190322)
    for _ in range(1500):
        # Several in one body, so that none is taken as company for another.
        chosen = draw.sample(LOOK_ALIKES, draw.randrange(2, 6))
        fields = dict(make(draw) for make in chosen)
        if sum(name in fields for name in ("lat", "latitude")) and sum(
            name in fields for name in ("lng", "lon", "longitude")
        ):
            fields = {
                name: value for name, value in fields.items() if name not in ("lng", "lon", "longitude")
            }
        carriers = CARRIERS
        if any(isinstance(value, list) for value in fields.values()):
            carriers = [carrier for carrier in CARRIERS if carrier.__name__ not in FLAT]
        carrier = draw.choice(carriers)
        yield len(fields), carrier.__name__, fields, carrier(draw, fields)
    for make in LOOK_ALIKES:
        for _ in range(30):
            name, value = make(draw)
            yield 1, "as_json", {name: value}, as_json(draw, {name: value})
    for _ in range(60):
        yield 5, "cookies", None, cookies(draw)
        yield 8, "headers", None, headers(draw)


def right(each: Finding) -> bool:
    """Cookies of a website's and numbers of a user are what they are called."""
    if each.kind == "user-id" and each.path[-1] in ("userId", "member_id"):
        return True
    return each.certainty == "possible" or (each.kind == "cookie" and each.path[0] == "cookie")


def test_look_alikes_are_not_taken_for_identifiers() -> None:
    total = 0
    wrong = []
    for count, carrier, fields, decoded in look_alikes():
        total += count
        wrong += [(carrier, fields, each) for each in recognise(decoded) if not right(each)]
    assert total >= 5000
    assert not wrong, (len(wrong), wrong[:10])


def test_look_alikes_are_hardly_ever_possible() -> None:
    """Each "possible" costs a reader's time: one in fifteen at most."""
    total = sum_possible = 0
    for count, _, _, decoded in look_alikes():
        total += count
        sum_possible += sum(each.certainty == "possible" for each in recognise(decoded))
    assert sum_possible <= total / 15


@pytest.mark.parametrize("hashed", [hashlib.md5, hashlib.sha1, hashlib.sha256])
def test_a_hash_under_an_identifier_s_name_is_not_the_identifier(hashed: Any) -> None:
    value = hashed(b"356938035643809").hexdigest()
    decoded = as_json(
        Draw(1), {"imei": value, "imei_md5": value, "mac": value, "msisdn": value, "android_id": value}
    )
    assert [each for each in recognise(decoded) if each.certainty != "possible"] == []
