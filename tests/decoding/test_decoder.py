"""The places of a transmission that carry values."""

import json

import pytest

from phonehome.analysis.decoding import Limits
from phonehome.analysis.transmission import Transmission
from tests.decoding.usual import decode

IMEI = "490154203237518"
HEADERS = (
    ("Host", "api.example.com"),
    ("User-Agent", "Dalvik/2.1.0 (Linux; U; Android 9; Nokia 7 plus Build/PPR1.180610.011)"),
    ("Content-Type", "application/json"),
    ("Accept-Encoding", "gzip"),
    ("Cookie", "SSID=AbC; uid=ola%40example.no"),
    ("X-Device", '{"imei":"490154203237518"}'),
    ("X-Other", '{"lat":59.91,"lng":10.75}'),
)


def test_each_source_has_its_root() -> None:
    transmission = Transmission(
        time=0,
        method="POST",
        path="/v1/imei/490154203237518?adid=x1&loc=%7B%22lat%22%3A1.5%7D",
        headers=HEADERS,
        payloads=(b'{"android_id":"9f2c71d0aa3e4b12"}',),
    )
    values = decode(transmission).values
    assert [value[:3] for value in values] == [
        (("header", "user-agent"), "user-agent", HEADERS[1][1]),
        (("cookie", "SSID"), "SSID", "AbC"),
        (("cookie", "uid"), "uid", "ola@example.no"),
        (("header", "x-device"), "x-device", HEADERS[5][1]),
        (("header", "x-device", "json", "imei"), "imei", IMEI),
        (("header", "x-other"), "x-other", HEADERS[6][1]),
        (("header", "x-other", "json", "lat"), "lat", 59.91),
        (("header", "x-other", "json", "lng"), "lng", 10.75),
        (("path",), "", "v1"),
        (("path", "imei"), "imei", IMEI),
        (("query", "adid"), "adid", "x1"),
        (("query", "loc"), "loc", '{"lat":1.5}'),
        (("query", "loc", "json", "lat"), "lat", 1.5),
        (("body", "json", "android_id"), "android_id", "9f2c71d0aa3e4b12"),
    ]
    # Objects: header block, two documents in headers, path, query, document in the query, body.
    objects = ["header", "header", "header", "header", "x-device", "header", "x-other", "x-other"]
    objects += ["path", "path", "query", "query", "loc", "body"]
    by_object: dict[str, set[int]] = {}
    for name, value in zip(objects, values, strict=True):
        by_object.setdefault(name, set()).add(value.group)
    assert all(len(groups) == 1 for groups in by_object.values())
    assert len(set().union(*by_object.values())) == len(by_object)


def test_what_is_remembered_is_the_same_the_second_time() -> None:
    transmission = Transmission(
        time=0, path="/a/b?c=1&d=eyJhIjoxfQ", headers=HEADERS, payloads=(b'{"a":[{"b":1},{"b":2}]}',)
    )
    assert decode(transmission) == decode(transmission)


def test_body_of_a_form_with_its_coding() -> None:
    transmission = Transmission(
        time=0,
        headers=(("content-type", "application/x-www-form-urlencoded"), ("CONTENT-ENCODING", "GZIP")),
        payloads=(
            b"extinfo=%5B%22a2%22%2C%22T-Mobile%22%5D&advertiser_id=1209d0b9-b959-42e6-b921-aa5d9d08c1af",
        ),
    )
    values = decode(transmission).values
    assert (("body", "form", "extinfo", "json", "[1]"), "extinfo", "T-Mobile") in [
        value[:3] for value in values
    ]
    assert values[-1].path == ("body", "form", "advertiser_id")


def test_websocket_messages() -> None:
    transmission = Transmission(
        time=0,
        protocol="websocket",
        method="GET",
        path="/socket",
        headers=(("Upgrade", "websocket"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")),
        payloads=(b'42["hello",{"imei":"490154203237518"}]', b'{"mac":"02:1a:11:f0:a9:e1"}', b"ping"),
    )
    values = decode(transmission).values
    assert [value[:3] for value in values] == [
        (("message", "json"), "", "hello"),
        (("message", "json", "imei"), "imei", IMEI),
        (("message", "json", "mac"), "mac", "02:1a:11:f0:a9:e1"),
        (("message",), "", "ping"),
    ]
    assert values[1].group != values[2].group


def test_a_body_before_websocket_messages() -> None:
    transmission = Transmission(
        time=0,
        protocol="websocket",
        headers=(("Content-Length", "27"), ("Content-Type", "application/json")),
        payloads=(b'{"mac":"02:1a:11:f0:a9:e1"}', b'{"n":1}'),
    )
    assert [value.path for value in decode(transmission).values] == [
        ("body", "json", "mac"),
        ("message", "json", "n"),
    ]


def test_streams_and_datagrams() -> None:
    body = json.dumps({"IMEI": IMEI}).encode()
    for protocol in ("tcp", "udp"):
        transmission = Transmission(time=0, protocol=protocol, payloads=(body, body))
        assert [value.path for value in decode(transmission).values] == [("content", "json", "IMEI")] * 2


def test_questions() -> None:
    values = decode(Transmission(time=0, protocol="dns", questions=("zzhc.vnet.cn",))).values
    assert [value[:3] for value in values] == [(("question",), "", "zzhc.vnet.cn")]


def test_what_was_not_kept_is_said() -> None:
    decoded = decode(Transmission(time=0, payloads=(b'{"a":1}',), truncated=900))
    assert [(part.path, part.size, part.looks) for part in decoded.opaque] == [(("body",), 900, "limit")]


def test_other_limits_are_not_mixed_with_the_usual_ones() -> None:
    transmission = Transmission(time=0, headers=HEADERS)
    shallow = decode(transmission, Limits(depth=0))
    assert all(len(value.path) == 2 for value in shallow.values)
    assert any(len(value.path) > 2 for value in decode(transmission).values)
    assert decode(transmission, Limits()) == decode(transmission)


def found(sent: Transmission) -> list[tuple[tuple[str, ...], str, object]]:
    return [value[:3] for value in decode(sent).values]


def test_what_stands_in_names() -> None:
    sent = Transmission(time=0, method="POST", host=f"{IMEI}.example.com", headers=((f"X-{IMEI}", "1"),))
    assert [each[0] for each in found(sent) if each[2] == IMEI] == [("header name",), ("host",)]
    values = found(Transmission(time=0, protocol="dns", questions=(f"{IMEI}.example.com",)))
    assert values == [(("question",), "", IMEI), (("question",), "", f"{IMEI}.example.com")]


def test_the_fragment() -> None:
    values = found(Transmission(time=0, path=f"/a?b=c1#imei={IMEI}&x={{%22n%22:5}}"))
    assert values[:2] == [(("query", "b"), "b", "c1"), (("fragment", "imei"), "imei", IMEI)]
    assert values[-1] == (("fragment", "x", "json", "n"), "n", 5)


def test_credentials() -> None:
    line = ("Authorization", "Basic b2xhOmhlbW1lbGln")
    assert found(Transmission(time=0, headers=(line,)))[1:] == [
        (("header", "authorization", "basic", "username"), "username", "ola"),
        (("header", "authorization", "basic", "ola"), "ola", "hemmelig"),
    ]


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        (Transmission(time=0, path="/p?" + "a=1&" * 40), "query"),
        (Transmission(time=0, path="/p#" + "a=1&" * 40), "fragment"),
        (Transmission(time=0, path="/s1" * 40), "path"),
        (Transmission(time=0, headers=(("cookie", "a=1; " * 40),)), "cookie"),
        (Transmission(time=0, headers=(("a", "1"),) * 40), "header"),
        (Transmission(time=0, method="POST", headers=(("content-length", "900"),)), "body"),
    ],
)
def test_what_is_not_read_is_counted(sent: Transmission, path: str) -> None:
    (part,) = decode(sent, Limits(values=30)).opaque
    assert (part.path[0], part.looks) == (path, "limit")


def test_a_body_that_is_there_or_was_never_is_not_missed() -> None:
    for sent in (
        Transmission(time=0, headers=(("content-length", "7"),), payloads=(b'{"a":1}',)),
        Transmission(time=0, headers=(("content-length", "0"),)),
        Transmission(time=0, headers=(("content-length", "a lot"),)),
        Transmission(time=0),
    ):
        assert decode(sent).opaque == ()
