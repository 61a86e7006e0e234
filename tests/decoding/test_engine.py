"""Layers inside layers, each named in the path."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from urllib.parse import quote, urlencode

import brotli
import cbor2
import msgpack
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from phonehome.analysis.decoding import Limits
from phonehome.analysis.decoding.values import Value
from tests.decoding.protobuf import message
from tests.decoding.usual import decode_bytes

IMEI = "490154203237518"


def only(data: bytes, content_type: str = "", encoding: str = "") -> Value:
    (value,) = decode_bytes(data, content_type, encoding).values
    return value


def test_the_china_telecom_form() -> None:
    document = {
        "REGVER": "1.0",
        "IMEI1": IMEI,
        "SIM1ICCID": "89860300000000000000",
        "MACID": "02:1a:11:f0:a9:e1",
    }
    body = base64.encodebytes(json.dumps(document).encode())
    assert b"\n" in body[:-1]
    values = decode_bytes(body, "application/encrypted-json").values
    assert [value.path for value in values] == [("body", "base64", "json", name) for name in document]
    assert [value.data for value in values] == list(document.values())
    assert len({value.group for value in values}) == 1


def test_json_inside_a_form() -> None:
    body = urlencode(
        {"adid": "x1", "events": json.dumps([{"name": "open", "t": 1}, {"name": "close"}])}
    ).encode()
    values = decode_bytes(body, "application/x-www-form-urlencoded").values
    assert values[0][:3] == (("body", "form", "adid"), "adid", "x1")
    inside = [value for value in values if "json" in value.path]
    assert [value[:3] for value in inside] == [
        (("body", "form", "events", "json", "name"), "name", "open"),
        (("body", "form", "events", "json", "t"), "t", 1),
        (("body", "form", "events", "json", "name"), "name", "close"),
    ]
    assert inside[0].group == inside[1].group != inside[2].group


def test_what_a_value_was_decoded_from_is_a_value_too_if_it_is_short() -> None:
    encoded = base64.b64encode(IMEI.encode()).decode()
    values = decode_bytes(json.dumps({"id": encoded}).encode()).values
    assert [value[:3] for value in values] == [
        (("body", "json", "id"), "id", encoded),
        (("body", "json", "id", "base64"), "id", IMEI),
    ]


def test_lists_have_the_name_of_the_list() -> None:
    values = decode_bytes(b'{"macs":["02:00:00:00:00:01","02:00:00:00:00:02"],"n":1}').values
    assert [value.path for value in values] == [("body", "json", "macs")] * 2 + [("body", "json", "n")]
    assert len({value.group for value in values}) == 1


def test_an_item_of_device_management_has_the_last_name_of_its_address() -> None:
    item = "<Item><Source><LocURI>{}</LocURI></Source><Data>{}</Data></Item>"
    items = item.format("./DevInfo/Ext/ICCID", "8947010002618473050") + item.format(
        "https://a.example/b", "no name"
    )
    values = decode_bytes(f"<Replace><CmdID>3</CmdID>{items}</Replace>".encode()).values
    named = [(value.key, value.data) for value in values if value.path[-2:-1] == ("Data",)]
    assert named == [("ICCID", "8947010002618473050")]


def test_position_stands_in_one_group() -> None:
    values = decode_bytes(b'{"a":{"lat":59.91,"lng":10.75},"b":{"lat":1.5,"lng":2.5}}').values
    groups = [value.group for value in values]
    assert groups[0] == groups[1] != groups[2] == groups[3]


def test_names_and_values_in_a_list() -> None:
    values = decode_bytes(
        json.dumps([{"name": "imei", "value": IMEI}, {"key": "n", "value": 5}]).encode()
    ).values
    assert (("body", "json", "value"), "imei", IMEI) in [value[:3] for value in values]
    assert (("body", "json", "value"), "n", 5) in [value[:3] for value in values]


@pytest.mark.parametrize(
    "body",
    [
        [{"op": "replace", "path": "/device/imei", "value": IMEI}],
        [{"type": "string", "scope": 2, "name": "imei", "value": IMEI, "time": 1}],
        {"attributes": [{"key": "imei", "value": {"stringValue": IMEI}}]},
        {"columns": ["time", "imei"], "rows": [[1, "1"], [2, IMEI]]},
        {"keys": ["time", "imei"], "values": [1, IMEI]},
        {"props": [["time", 1], ["imei", IMEI]]},
    ],
)
def test_a_value_stands_under_the_name_that_is_written_elsewhere(body: object) -> None:
    found = decode_bytes(json.dumps(body).encode()).values
    assert ("imei", IMEI) in [(value.key, value.data) for value in found]


@pytest.mark.parametrize(
    "body",
    [
        {"columns": ["imei"], "rows": [[IMEI, 1], []]},
        {"columns": [IMEI, "mac"], "rows": [["a", "b"]]},
        {"columns": [["imei"]], "rows": [[[IMEI]]]},
        {"keys": [], "values": []},
        {"p": [[IMEI, "a"], ["b", "c"]]},
        {"p": [["imei", IMEI], ["b"]]},
    ],
)
def test_what_is_no_table_gives_no_names(body: object) -> None:
    assert {value.key for value in decode_bytes(json.dumps(body).encode()).values} <= {*dict(body), ""}  # type: ignore[call-overload]


def test_names_that_are_data_are_values() -> None:
    values = decode_bytes(b'{"scan":{"02:1a:11:f0:a9:e1":{"rssi":-60},"other":1}}').values
    assert values[0][:3] == (("body", "json", "scan", "02:1a:11:f0:a9:e1"), "", "02:1a:11:f0:a9:e1")


def test_booleans_and_nulls_are_no_values() -> None:
    assert decode_bytes(b'{"a":true,"b":null,"c":false,"d":"","e":[]}').values == ()


def test_content_codings_in_sequence() -> None:
    data = brotli.compress(gzip.compress(b'{"imei":"490154203237518"}'))
    assert only(data, "application/json", "gzip, br").path == ("body", "br", "gzip", "json", "imei")


def test_a_coding_that_was_declared_but_not_applied() -> None:
    assert only(b'{"imei":"490154203237518"}', "", "gzip").path == ("body", "json", "imei")


def test_compression_that_was_not_declared() -> None:
    document = b'{"imei":"490154203237518"}'
    raw = zlib.compressobj(wbits=-15)
    for name, data in (
        ("gzip", gzip.compress(document)),
        ("zlib", zlib.compress(document)),
        ("zstd", zstandard.compress(document)),
        ("deflate", raw.compress(document) + raw.flush()),
        ("br", brotli.compress(document)),
    ):
        assert only(data).path == ("body", name, "json", "imei"), name


def test_gzip_that_was_cut_off() -> None:
    document = json.dumps([{"imei": IMEI, "n": n} for n in range(500)]).encode()
    decoded = decode_bytes(gzip.compress(document)[:-200], "application/json", "gzip")
    assert decoded.values[0][:3] == (("body", "gzip", "json", "imei"), "imei", IMEI)
    assert {part.looks for part in decoded.opaque} == {"limit"}


def test_charsets_are_a_step() -> None:
    document = '{"navn":"Blåbær","imei":"490154203237518"}'
    assert decode_bytes(document.encode("utf-16")).values[1].path == ("body", "utf-16", "json", "imei")
    declared = decode_bytes(document.encode("latin-1"), "application/json; charset=iso-8859-1").values
    assert [value.data for value in declared] == ["Blåbær", IMEI]
    assert declared[1].path == ("body", "latin-1", "json", "imei")


def test_multipart() -> None:
    body = (
        b'--XX\r\nContent-Disposition: form-data; name="meta"\r\nContent-Type: application/json\r\n\r\n'
        b'{"imei":"490154203237518"}\r\n--XX\r\n'
        b'Content-Disposition: form-data; name="log"; filename="a.gz"\r\n\r\n'
        + gzip.compress(b'{"iccid":"89470000000000000018"}')
        + b"\r\n--XX--\r\n"
    )
    for content_type in ("multipart/form-data; boundary=XX", ""):
        values = decode_bytes(body, content_type).values
        assert [value[:3] for value in values] == [
            (("body", "multipart", "meta", "json", "imei"), "imei", IMEI),
            (("body", "multipart", "log", "filename"), "filename", "a.gz"),
            (("body", "multipart", "log", "gzip", "json", "iccid"), "iccid", "89470000000000000018"),
        ]


def test_json_under_the_content_type_of_a_form() -> None:
    assert only(b'{"imei":"490154203237518"}', "application/x-www-form-urlencoded").path == (
        "body",
        "json",
        "imei",
    )


def test_base64_under_the_content_type_of_a_form() -> None:
    body = base64.b64encode(b'{"imei":"490154203237518"} ')
    assert body.endswith(b"=") or len(body) % 4 == 0
    assert only(body, "application/x-www-form-urlencoded").path == ("body", "base64", "json", "imei")


def test_json_behind_a_binary_head() -> None:
    """CoAP: header, options, 0xFF, payload (RFC 7252 3)."""
    body = b"\x40\x02\x30\x39\xb2nb\xff" + b'{"imei":"490154203237518"}'
    assert only(body).path == ("body", "json", "imei")


def test_words_of_an_unknown_format_are_kept() -> None:
    decoded = decode_bytes(
        b"\x10\x2f\x00\x04MQTT\x04\xc2\x00\x3c\x00\x0f" + IMEI.encode() + b"\x00\x01\x02\x03" * 9
    )
    assert [value[:3] for value in decoded.values] == [(("body", "strings"), "", IMEI)]
    assert decoded.opaque[0].looks == "unknown"


def test_ciphertext_inside_json_is_noted() -> None:
    import random

    encoded = base64.b64encode(random.Random(1).randbytes(600)).decode()
    decoded = decode_bytes(json.dumps({"data": encoded}).encode())
    assert decoded.values[0].data == encoded
    assert [(part.path, part.size, part.looks) for part in decoded.opaque] == [
        (("body", "json", "data", "base64"), 600, "encrypted")
    ]


def test_plain_text_is_one_value() -> None:
    assert only(IMEI.encode(), "text/plain")[:3] == (("body",), "", IMEI)
    assert decode_bytes(b"").values == ()


def percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


TEXT_LAYERS: dict[str, Callable[[str], str]] = {
    "json": lambda text: json.dumps({"k": text}),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "percent": percent,
    "form": lambda text: urlencode({"a": "1", "k": text}),
    "url": lambda text: "https://example.com/x?k=" + quote(text, safe=""),
    "xml": lambda text: f"<r><k>{text.replace('&', '&amp;').replace('<', '&lt;')}</k></r>",
}
BYTE_LAYERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "zstd": zstandard.compress,
    "br": brotli.compress,
    "cbor": lambda data: cbor2.dumps({"k": data.decode()}),
    "msgpack": lambda data: msgpack.packb({"k": data.decode()}),
    "protobuf": lambda data: message([(1, "some words"), (2, data), (3, 7)]),
}
SECRET = st.text(
    "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz023456789-:. ", min_size=14, max_size=40
).map(lambda text: f"v-{text.strip()}-{len(text)}!")
"""Texts that are themselves no layer, and long enough not to be taken for chance."""


@settings(max_examples=400, deadline=None)
@given(secret=SECRET, inner=st.sampled_from(sorted(TEXT_LAYERS)), outer=st.sampled_from(sorted(TEXT_LAYERS)))
def test_any_value_is_found_through_any_two_layers_of_text(secret: str, inner: str, outer: str) -> None:
    body = TEXT_LAYERS[outer](TEXT_LAYERS[inner](secret)).encode()
    found = [value.path for value in decode_bytes(body).values if value.data == secret]
    named = [tuple(step for step in path if step in TEXT_LAYERS) for path in found]
    assert (outer, inner) in named


@settings(max_examples=400, deadline=None)
@given(secret=SECRET, inner=st.sampled_from(sorted(TEXT_LAYERS)), outer=st.sampled_from(sorted(BYTE_LAYERS)))
def test_any_value_is_found_through_a_layer_of_bytes_and_one_of_text(
    secret: str, inner: str, outer: str
) -> None:
    body = BYTE_LAYERS[outer](TEXT_LAYERS[inner](secret).encode())
    found = [value.path for value in decode_bytes(body).values if value.data == secret]
    layers = TEXT_LAYERS.keys() | BYTE_LAYERS.keys()
    assert (outer, inner) in [tuple(step for step in path if step in layers) for path in found]


@settings(max_examples=200, deadline=None)
@given(secret=SECRET, inner=st.sampled_from(sorted(BYTE_LAYERS)), outer=st.sampled_from(("base64", "hex")))
def test_any_value_is_found_in_bytes_that_are_dressed_as_text(secret: str, inner: str, outer: str) -> None:
    packed = BYTE_LAYERS[inner](secret.encode())
    if inner in ("br", "cbor", "msgpack") or (outer == "hex" and inner == "protobuf" and len(packed) <= 64):
        # Bytes without a mark under a text without a mark: too little to hold on to.
        return
    encoded = base64.b64encode(packed).decode() if outer == "base64" else packed.hex()
    values = decode_bytes(json.dumps({"field": encoded}).encode()).values
    found = [value.path for value in values if value.data == secret]
    assert [path[:5] for path in found] == [("body", "json", "field", outer, inner)]


@settings(max_examples=100, deadline=None)
@given(secret=SECRET, layers=st.lists(st.sampled_from(("json", "base64", "percent")), min_size=1, max_size=5))
def test_depth_is_what_the_limit_says(secret: str, layers: list[str]) -> None:
    text = secret
    for name in layers:
        text = TEXT_LAYERS[name](text)
    values = decode_bytes(text.encode(), limits=Limits(depth=len(layers))).values
    assert secret in [value.data for value in values]
    values = decode_bytes(text.encode(), limits=Limits(depth=len(layers) - 1)).values
    assert secret not in [value.data for value in values]


def test_a_number_in_an_object_of_its_own_stands_with_the_others() -> None:
    values = decode_bytes(
        b'{"lat":{"value":59.91387},"lon":{"value":10.75224,"type":"d"},"n":{"a":1.5,"b":2.5}}'
    ).values
    together = {value.key: value for value in values if value.key in ("lat", "lon")}
    assert (together["lat"].data, together["lon"].data) == (59.91387, 10.75224)
    assert together["lat"].group == together["lon"].group
    assert together["lat"].path == ("body", "json", "lat", "value")
    assert "n" not in [value.key for value in values]
