"""Data in places that are no fields."""

from base64 import b64encode

from phonehome.analysis.decoding.elsewhere import holds_data, in_fragment, in_headers, in_names
from phonehome.analysis.decoding.values import Opaque, Value

IMEI = "352099001761481"
UUID = "6f1d0c52-8a37-4b0e-9d7f-52a1c3e80b41"


def test_names() -> None:
    found = in_names(f"{IMEI}.a.example", f"x-{UUID}.example", f"X{IMEI}", (f"{IMEI}.b.example", "c.example"))
    assert [(value.path, value.data) for value in found] == [
        (("host",), IMEI),
        (("authority",), UUID),
        (("method",), IMEI),
        (("question",), IMEI),
    ]
    assert in_names("zzhc.vnet.cn", None, "POST", ("ec2-52-74-0-1.example",)) == ()


def test_headers() -> None:
    headers = (
        (f"X-{IMEI}", "1"),
        ("Accept-Language", IMEI),
        ("User-Agent", f"App/1 (id {IMEI}; ac:37:43:11:22:33; me@example.org)"),
        ("X-Id", IMEI),
        ("Cookie", "a=1; b=2; c=3"),
    )
    found = list(in_headers(headers, {"accept-language"}, 10))
    assert [(value.path[-1], value.data) for value in found if isinstance(value, Value)] == [
        ("header name", IMEI),
        ("accept-language", IMEI),
        ("user-agent", IMEI),
        ("user-agent", "ac:37:43:11:22:33"),
        ("user-agent", "me@example.org"),
    ]
    (left,) = in_headers(headers[-1:], (), 2)
    assert isinstance(left, Opaque)
    assert left.looks == "limit"


def test_basic_credentials() -> None:
    token = b64encode(f"imei:{IMEI}".encode()).decode()
    found = [
        value
        for value in in_headers((("Authorization", f"Basic {token}"),), (), 10)
        if isinstance(value, Value)
    ]
    assert [(value.key, value.data) for value in found] == [("username", "imei"), ("imei", IMEI)]
    assert (
        list(in_headers((("Authorization", "Basic !!!!"), ("Authorization", "Basic /////w==")), (), 10)) == []
    )


def test_a_fragment() -> None:
    assert [(value.key, value.data) for value in in_fragment(f"/a?b=1#imei={IMEI}&x")] == [
        ("imei", IMEI),
        ("", "x"),
    ]
    assert list(in_fragment("/a")) == []


def test_names_that_hold_data() -> None:
    assert holds_data(f"{IMEI}.example")
    assert not holds_data("rr3---sn-4g5e6nls.googlevideo.com")
