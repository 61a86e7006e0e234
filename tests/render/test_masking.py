"""Identifiers stand in more places than their field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.render.masking import Masking, carries_identifier

IMEI = ("imei", "001012340000425")
EMAIL = ("email", "someone@example.org")
MODEL = ("model", "Nokia 7 plus")
MAC = ("mac", "ac:37:43:11:22:33")
TEXTS = ("text", "host", "name", "id", "url", "path", "key", "known")


def test_in_any_form_and_anywhere() -> None:
    masking = Masking([IMEI, EMAIL, MODEL])
    url = masking.url("https://x/001012340000425/someone%40example.org/SOMEONE@EXAMPLE.ORG?m=x")
    assert url == "https://x/‹IMEI #1›/‹e-mail address #1›/‹e-mail address #1›?m=•"


def test_what_is_no_secret_stays() -> None:
    assert Masking([MODEL]).text("Nokia 7 plus") == "Nokia 7 plus"
    assert Masking([]).known("001012340000425") == "001012340000425"


@pytest.mark.parametrize("what", TEXTS)
@given(before=st.text(), behind=st.text())
def test_no_text_holds_the_value(what: str, before: str, behind: str) -> None:
    assert IMEI[1] not in getattr(Masking([IMEI]), what)(f"{before}{IMEI[1]}{behind}")


@pytest.mark.parametrize("what", ["text", "host", "name", "id", "url", "path", "key"])
@pytest.mark.parametrize("around", ["{}", "‹{}›", "‹IMEI #1 {}›", "a.{}.b", "x{}", "{}‹", "›{}"])
def test_what_nobody_recognised_is_hidden_by_its_form_and_no_mark_protects_it(what: str, around: str) -> None:
    text = around.format("356938035643518").replace("x3", "x/3" if what == "url" else "x-3")
    assert "356938035643518" not in getattr(Masking([]), what)(text)


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("zzhc.vnet.cn", "zzhc.vnet.cn"),
        ("001012340000425.push.example", "‹IMEI #1›.push.example"),
        ("x-001012340000425x.example", "x-‹IMEI #1›x.example"),
        ("356938035643518.push.example", "3569•••••••.push.example"),
        ("ac3743a1b2c3.push.example", "ac•••••••.push.example"),
        ("6f1d0c52-8a37-4b0e-9d7f-52a1c3e80b41.example", "6f1d•••••••.example"),
        (
            "ec2-52-74-0-1.ap-southeast-1.compute.amazonaws.com",
            "ec2-52-74-0-1.ap-southeast-1.compute.amazonaws.com",
        ),
        ("rr3---sn-4g5e6nls.googlevideo.com", "rr3---sn-4g5e6nls.googlevideo.com"),
        ("d2vzz0abxkz9mm.cloudfront.net", "d2vzz0abxkz9mm.cloudfront.net"),
        ("61.139.2.69", "61.139.2.69"),
        ("2a00:1450:400f:80a::200e", "2a00:1450:400f:80a::200e"),
        ("fe80::ae37:43ff:fea1:b2c3", "fe80:0000:0000:0000:•••••••"),
    ],
)
def test_hosts(host: str, shown: str) -> None:
    assert Masking([IMEI, ("ip-address", "61.139.2.69")]).host(host) == shown
    assert carries_identifier(host) == ("•" in shown or "‹" in shown)


def test_the_name_of_a_network_that_is_a_word_hides_no_host() -> None:
    masking = Masking([("ssid", "activation"), ("ssid", "global"), ("ssid", "Mueller-Home")])
    assert masking.host("device-activation.example") == "device-activation.example"
    assert masking.host("activation.global.example") == "activation.global.example"
    assert masking.host("mueller-home.example") == "‹Wi-Fi name (SSID) #3›.example"
    assert masking.name("activation data to global") == "activation data to global"


def test_two_files_stay_two() -> None:
    masking = Masking([])
    assert masking.name("a/356938035643518.mitm") == "a/‹number #1›.mitm"
    assert masking.name("a/356938035643809.mitm") == "a/‹number #2›.mitm"


def test_ids_of_flows() -> None:
    random = "6f1d0c52-8a37-4b0e-9d7f-52a1c3e80b41"
    assert Masking([]).id(random) == random
    assert Masking([("advertising-id", random)]).id(random) == "‹advertising ID #1›"
    assert Masking([]).id("entry 5") == "entry 5"


def test_urls() -> None:
    url = Masking([]).url
    shown = url("https://a.example/v1/ZXlKaGJHY2lPaUpJVXpJMU5pSXNJblI1Y0NJNklrcFhWQ0o5?imei=1&x&y=2")
    assert shown == "https://a.example/v1/ZXlK••••?imei=•&x=•&y=•"
    assert url("tcp://192.0.2.1:9998") == "tcp://192.0.2.1:9998"
    assert url("https://someone:secret@a.example/") == "https://•@a.example/"
    assert url("") == ""


def test_an_encoded_identifier_in_a_path_is_cut_and_words_stay() -> None:
    url = Masking([]).url
    assert url("https://a.example/MDAxMDEyMzQwMDAwNDI1/x") == "https://a.example/MDAx••••/x"
    assert (
        url("https://a.example/v1/projectSettings_and.more")
        == "https://a.example/v1/projectSettings_and.more"
    )
    assert url("https://a.example/6f1d0c52-8a37-4b0e-9d3c-1a2b3c4d5e6f") == "https://a.example/6f1d••••"


def test_what_was_masked_before_stays() -> None:
    masking = Masking([("imei", "#1 35693803•••••••")], already={"#1 35693803•••••••", "‹IMEI #1›.example"})
    assert masking.value("imei", "#1 35693803•••••••") == "#1 35693803•••••••"
    assert masking.host("‹IMEI #1›.example") == "‹IMEI #1›.example"


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("someone.private.at.example.org.tracker.cn", False),
        ("someone-at-example.org.t.tracker.cn", False),
        # Names of hosts in Austria, and others with such a label.
        ("ads.at.example.com", True),
        ("at.example.com", True),
        ("look-at-this.example.com", True),
    ],
)
def test_an_address_of_e_mail_in_a_host_name(host: str, shown: bool) -> None:
    assert (Masking([]).host(host) == host) is shown


def test_a_known_address_of_e_mail_in_a_host_name() -> None:
    masking = Masking([("email", "me@example.org")])
    assert masking.host("me.at.example.org.cn") == "‹e-mail address #1›.cn"
