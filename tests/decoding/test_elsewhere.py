"""Data in places that are no fields."""

from phonehome.analysis.decoding.elsewhere import holds_data, in_headers, in_names

IMEI = "352099001761481"
UUID = "6f1d0c52-8a37-4b0e-9d7f-52a1c3e80b41"


def test_names() -> None:
    found = in_names(
        (f"{IMEI}.a.example", f"x-{UUID}.example", f"X{IMEI}", (f"{IMEI}.b.example", "c.example"))
    )
    assert [(value.path, value.data) for value in found] == [
        (("host",), IMEI),
        (("authority",), UUID),
        (("method",), IMEI),
        (("question",), IMEI),
    ]
    assert in_names(("zzhc.vnet.cn", None, "POST", ("ec2-52-74-0-1.example",))) == ()


def test_headers() -> None:
    headers = (
        (f"X-{IMEI}", "1"),
        ("Accept-Language", IMEI),
        ("User-Agent", f"App/1 (imei/{IMEI}; ac:37:43:11:22:33; me@example.org)"),
        ("X-Id", IMEI),
    )
    found = list(in_headers(headers, {"accept-language"}))
    assert found[2].key == "imei"
    assert [(value.path[-1], value.data) for value in found] == [
        ("header name", IMEI),
        ("accept-language", IMEI),
        ("user-agent", IMEI),
        ("user-agent", "ac:37:43:11:22:33"),
        ("user-agent", "me@example.org"),
    ]


def test_names_that_hold_data() -> None:
    assert holds_data(f"{IMEI}.example")
    assert not holds_data("rr3---sn-4g5e6nls.googlevideo.com")
