"""One value in one encoding at a time: what must be found as certain or likely, whatever a program wrapped it in."""

import base64
import gzip
import json
import plistlib
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape, quoteattr

import brotli
import cbor2
import msgpack
import zstandard

from captures.flows import protobuf
from phonehome.analysis.decoding import Decoded
from phonehome.analysis.transmission import Transmission
from tests.decoding.usual import decode, decode_bytes
from tests.identifiers.build import recognise
from tests.identifiers.test_corpus import (
    Draw,
    hexadecimal,
    holds,
    iccid,
    imei,
    imsi,
    mac,
    random_uuid,
    subscriber,
    token,
)

LEAST = 0.95
VALUES = 20

Pairs = dict[str, Any]
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def dumps(fields: Any) -> bytes:
    return json.dumps(fields).encode()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def body(data: bytes | str, kind: str = "", coding: str = "") -> Decoded:
    return decode_bytes(data.encode() if isinstance(data, str) else data, kind, coding)


def get(path: str = "/", *headers: tuple[str, str], host: str = "api.example.com") -> Decoded:
    return decode(Transmission(time=0.0, method="GET", host=host, path=path, headers=headers))


def one(fields: Pairs) -> tuple[str, str]:
    (pair,) = fields.items()
    return pair[0], str(pair[1])


def joined(fields: Pairs, between: str, of: str) -> str:
    pairs = {"app": "shop", **fields, "lang": "nb"}
    return between.join(f"{name}{of}{value}" for name, value in pairs.items())


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def multipart(fields: Pairs) -> Decoded:
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()
    )
    return body(parts + "--b--\r\n", "multipart/form-data; boundary=b")


def multipart_mixed(fields: Pairs) -> Decoded:
    text = f"--b\r\nContent-Type: application/json\r\n\r\n{json.dumps(fields)}\r\n--b--\r\n"
    return body(text, "multipart/mixed; boundary=b")


def grpc(fields: Pairs) -> Decoded:
    message = protobuf((1, json.dumps(fields)))
    return body(b"\0" + len(message).to_bytes(4, "big") + message, "application/grpc")


ENCODINGS: dict[str, Callable[[Pairs], Decoded]] = {
    "JSON": lambda f: body(dumps(f), JSON),
    "JSON without a type": lambda f: body(dumps(f)),
    "JSON as text": lambda f: body(dumps(f), "text/plain"),
    "JSON, indented, with BOM": lambda f: body("\ufeff" + json.dumps(f, indent=2), JSON),
    "JSON, nested": lambda f: body(dumps({"a": {"b": [{"c": {"d": f}}]}}), JSON),
    "JSON in JSON": lambda f: body(dumps({"a": json.dumps(f)}), JSON),
    "JSON in JSON in JSON": lambda f: body(dumps({"a": json.dumps({"b": json.dumps(f)})}), JSON),
    "JSON, name and value apart": lambda f: body(
        dumps([{"name": k, "value": v} for k, v in f.items()]), JSON
    ),
    "JSON, key and val apart": lambda f: body(
        dumps({"p": [{"key": k, "val": v} for k, v in f.items()]}), JSON
    ),
    "JSON, value within": lambda f: body(dumps({k: {"value": v} for k, v in f.items()}), JSON),
    "JSON, list of the value": lambda f: body(dumps({k: [v] for k, v in f.items()}), JSON),
    "JSON5": lambda f: body(
        "{app: 'x', " + ", ".join(f"{k}: '{v}'" for k, v in f.items()) + ",}", "text/plain"
    ),
    "JSONP": lambda f: body(f"cb({json.dumps(f)});", "text/javascript"),
    "script": lambda f: body(f"var d = {json.dumps(f)};", "text/javascript"),
    "NDJSON": lambda f: body(b'{"n":1}\n' + dumps(f) + b'\n{"n":2}\n', "application/x-ndjson"),
    "JSON sequence": lambda f: body(b"\x1e" + dumps(f) + b"\n", "application/json-seq"),
    "escaped JSON": lambda f: body(
        '{"' + one(f)[0] + '":"' + "".join(f"\\u{ord(c):04x}" for c in one(f)[1]) + '"}', JSON
    ),
    "gzip": lambda f: body(gzip.compress(dumps(f)), JSON, "gzip"),
    "gzip, not declared": lambda f: body(gzip.compress(dumps(f))),
    "gzip twice": lambda f: body(gzip.compress(gzip.compress(dumps(f))), JSON, "gzip"),
    "deflate": lambda f: body(zlib.compress(dumps(f)), JSON, "deflate"),
    "zlib, not declared": lambda f: body(zlib.compress(dumps(f))),
    "raw deflate": lambda f: body(deflated(dumps(f)), JSON, "deflate"),
    "brotli": lambda f: body(brotli.compress(dumps(f)), JSON, "br"),
    "zstd": lambda f: body(zstandard.compress(dumps(f)), JSON, "zstd"),
    "base64 of JSON": lambda f: body(b64(dumps(f)), "text/plain"),
    "base64 with line breaks": lambda f: body(
        base64.encodebytes(dumps({**f, "pad": "x" * 90})), "text/plain"
    ),
    "base64url of JSON": lambda f: get("/t?d=" + url64(dumps(f))),
    "base64 twice": lambda f: body(dumps({"d": b64(b64(dumps(f)).encode())}), JSON),
    "base64 behind a version": lambda f: body(dumps({"d": "v1:" + b64(dumps(f))}), JSON),
    "base64 of gzip": lambda f: body(dumps({"d": b64(gzip.compress(dumps(f)))}), JSON),
    "base64 of zlib": lambda f: body(dumps({"d": b64(zlib.compress(dumps(f)))}), JSON),
    "base64 of a form": lambda f: body(dumps({"d": b64(urlencode({"a": 1, **f}).encode())}), JSON),
    "base64 of the value": lambda f: body(dumps({one(f)[0]: b64(one(f)[1].encode())}), JSON),
    "base64 of MessagePack": lambda f: body(dumps({"d": b64(msgpack.packb({**f, "n": 1}))}), JSON),
    "data URL": lambda f: body(dumps({"d": "data:application/json;base64," + b64(dumps(f))}), JSON),
    "hex of JSON": lambda f: body(dumps({"d": dumps(f).hex()}), JSON),
    "hex of the value": lambda f: body(dumps({one(f)[0]: one(f)[1].encode().hex()}), JSON),
    "hex of gzip": lambda f: body(gzip.compress(dumps(f)).hex(), "text/plain"),
    "form": lambda f: body(urlencode({"v": 1, **f}), FORM),
    "form without a type": lambda f: body(urlencode({"v": 1, **f, "z": "q"})),
    "JSON in a form": lambda f: body(urlencode({"payload": json.dumps(f)}), FORM),
    "form in a form": lambda f: body(urlencode({"p": urlencode({"v": 1, **f})}), FORM),
    "percent twice": lambda f: get("/t?d=" + quote(quote(json.dumps(f), safe=""), safe="")),
    "names in brackets": lambda f: body(urlencode({f"device[{k}]": v for k, v in f.items()}), FORM),
    "query": lambda f: get("/t?" + urlencode(f)),
    "query of a URL within": lambda f: get(
        "/r?u=" + quote("https://x.example.com/p?" + urlencode(f), safe="")
    ),
    "matrix parameters": lambda f: get(f"/a;{one(f)[0]}={quote(one(f)[1])}/b"),
    "path, name and value": lambda f: get(f"/v1/{one(f)[0]}/{quote(one(f)[1])}/set"),
    "fragment": lambda f: get("/p#" + urlencode({"a": 1, **f})),
    "cookie": lambda f: get(
        "/", ("Cookie", "a=1; " + "; ".join(f"{k}={quote(str(v))}" for k, v in f.items()))
    ),
    "header": lambda f: get("/", (f"X-{one(f)[0]}", one(f)[1])),
    "JSON in a header": lambda f: get("/", ("x-device", json.dumps(f))),
    "base64 in a header": lambda f: get("/", ("x-device", b64(dumps(f)))),
    "pairs in a header": lambda f: get("/", ("x-device", joined(f, "; ", "="))),
    "JWT": lambda f: get(
        "/", ("Authorization", f"Bearer {url64(b'{"alg":"HS256"}')}.{url64(dumps(f))}.{url64(bytes(32))}")
    ),
    "Basic": lambda f: get("/", ("Authorization", "Basic " + b64(f"u:{json.dumps(f)}".encode()))),
    "protobuf with JSON": lambda f: body(protobuf((1, 7), (2, json.dumps(f))), "application/x-protobuf"),
    "protobuf map": lambda f: body(
        protobuf(*[(5, protobuf((1, k), (2, str(v)))) for k, v in f.items()]), "application/x-protobuf"
    ),
    "gRPC": grpc,
    "multipart": multipart,
    "multipart/mixed": multipart_mixed,
    "XML elements": lambda f: body(
        "<r>" + "".join(f"<{k}>{escape(str(v))}</{k}>" for k, v in f.items()) + "</r>", "text/xml"
    ),
    "XML attributes": lambda f: body(
        "<r><d " + " ".join(f"{k}={quoteattr(str(v))}" for k, v in f.items()) + "/></r>", "text/xml"
    ),
    "XML, name and value": lambda f: body(
        "<map>" + "".join(f'<string name="{k}">{escape(str(v))}</string>' for k, v in f.items()) + "</map>",
        "text/xml",
    ),
    "property list": lambda f: body(plistlib.dumps(f), "application/x-plist"),
    "binary property list": lambda f: body(plistlib.dumps(f, fmt=plistlib.FMT_BINARY)),
    "CBOR": lambda f: body(cbor2.dumps(f), "application/cbor"),
    "MessagePack": lambda f: body(msgpack.packb(f), "application/msgpack"),
    "MessagePack, not declared": lambda f: body(msgpack.packb({"v": 2, **f}), "application/octet-stream"),
    "CSV": lambda f: body(f"app,{one(f)[0]},n\nshop,{one(f)[1]},2\n", "text/csv"),
    "tabs": lambda f: body(f"app\t{one(f)[0]}\tn\nshop\t{one(f)[1]}\t2\n", "text/plain"),
    "INI": lambda f: body(f"[device]\n{one(f)[0]}={one(f)[1]}\nlang=nb\n", "text/plain"),
    "YAML": lambda f: body(f"device:\n  {one(f)[0]}: {one(f)[1]}\n  lang: nb\n", "text/yaml"),
    "log line": lambda f: body(
        f"01-02 03:04:05.678 I/Boot: {one(f)[0]}: {one(f)[1]}, lang: nb\n", "text/plain"
    ),
    "bars": lambda f: body(joined(f, "|", "="), "text/plain"),
    "semicolons": lambda f: body(joined(f, ";", ":"), "text/plain"),
    "lines": lambda f: body(joined(f, "\n", "="), "text/plain"),
    "Java object": lambda f: body("Phone{" + joined(f, ", ", "=") + "}", "text/plain"),
    "UTF-16": lambda f: body(json.dumps(f).encode("utf-16"), "application/json; charset=utf-16"),
    "UTF-16, not declared": lambda f: body(json.dumps(f).encode("utf-16-le")),
    "WebSocket": lambda f: decode(Transmission(time=0.0, protocol="websocket", payloads=(dumps(f),))),
    "socket.io": lambda f: decode(
        Transmission(time=0.0, protocol="websocket", payloads=(b"42" + dumps(["reg", f]),))
    ),
    "TCP behind a length": lambda f: decode(
        Transmission(time=0.0, protocol="tcp", payloads=(len(dumps(f)).to_bytes(4, "big") + dumps(f),))
    ),
    "UDP": lambda f: decode(
        Transmission(time=0.0, protocol="udp", transport="udp", payloads=(joined(f, "&", "=").encode(),))
    ),
    "GraphQL": lambda f: body(
        dumps({"query": "mutation M($i: In!) { reg(i: $i) }", "variables": {"i": f}}), JSON
    ),
    "JSON patch": lambda f: body(
        dumps([{"op": "add", "path": f"/device/{k}", "value": v} for k, v in f.items()]), JSON
    ),
    "host label": lambda f: get(
        "/", host=f"{one(f)[1].replace(':', '').replace('@', '-at-')}.{one(f)[0]}.t.example.com"
    ),
}

DRAWN: list[tuple[str, str, Callable[[Draw], Any]]] = [
    ("imei", "imei", imei),
    ("imsi", "imsi", imsi),
    ("iccid", "iccid", lambda draw: iccid(draw).rstrip("F")),
    ("mac", "wifi_mac", lambda draw: mac(draw).replace("-", ":")),
    ("android-id", "android_id", lambda draw: "a" + hexadecimal(draw, 15)),
    ("advertising-id", "gaid", random_uuid),
    ("vendor-id", "idfv", lambda draw: random_uuid(draw).upper()),
    (
        "serial",
        "serialno",
        lambda draw: "R58" + hexadecimal(draw, 8, "ABCDEFGHJKMNPQRTVWXYZ0123456789") + "7",
    ),
    ("phone-number", "msisdn", subscriber),
    ("email", "email", lambda draw: f"{token(draw, 6)}@example.org"),
]

NOT_IN = {
    "host label": {"email", "mac", "gaid", "wifi_mac", "msisdn", "idfv"},
    "path, name and value": {"email"},
}
"""Names of values that cannot be written so, or are not."""


def missed() -> tuple[dict[str, list[str]], int]:
    """Values that were not found, by encoding, and how many there were."""
    lost: dict[str, list[str]] = {}
    total = 0
    for name, encode in ENCODINGS.items():
        draw = Draw(name)
        for number in range(VALUES):
            kind, key, make = DRAWN[number % len(DRAWN)]
            if key in NOT_IN.get(name, ()):
                continue
            fields = {key: make(draw)}
            total += 1
            found = recognise(encode(fields))
            if not any(
                each.kind == kind and each.certainty != "possible" and holds(each, fields) for each in found
            ):
                lost.setdefault(name, []).append(f"{key}={fields[key]}")
    return lost, total


def test_values_are_found_in_each_encoding() -> None:
    lost, total = missed()
    assert len(ENCODINGS) >= 40
    assert total >= 40 * VALUES
    assert sum(map(len, lost.values())) <= (1 - LEAST) * total, lost
