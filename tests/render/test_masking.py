"""Identifiers stand in more places than their field."""

from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.identifiers.finding import Finding
from phonehome.analysis.render.masking import Masking, masked_url

IMEI = Finding("imei", "001012340000425", "certain", "", ("body",))
EMAIL = Finding("email", "someone@example.org", "certain", "", ("body",))
MODEL = Finding("model", "Nokia 7 plus", "likely", "", ("header", "user-agent"))


def test_in_any_form_and_anywhere() -> None:
    masking = Masking([IMEI, EMAIL, MODEL])
    shown = masking.everywhere(
        {"url": "https://x/001012340000425?m=someone%40example.org", "list": ["SOMEONE@EXAMPLE.ORG", 3, None]}
    )
    assert "001012340000425" not in str(shown)
    assert "omeone" not in str(shown).lower().replace("s•••@e•••.org", "")
    assert shown["list"][1:] == [3, None]


def test_what_is_no_secret_stays() -> None:
    assert Masking([MODEL]).text("Nokia 7 plus") == "Nokia 7 plus"
    assert Masking([]).text("001012340000425") == "001012340000425"


@given(st.text(), st.text())
def test_no_text_holds_the_value(before: str, behind: str) -> None:
    assert IMEI.value not in Masking([IMEI]).text(f"{before}{IMEI.value}{behind}")


def test_urls() -> None:
    shown = masked_url("https://a.example/v1/ZXlKaGJHY2lPaUpJVXpJMU5pSXNJblI1Y0NJNklrcFhWQ0o5?imei=1&x&y=2")
    assert shown == "https://a.example/v1/ZXlK••••?imei=•&x=•&y=•"
    assert masked_url("tcp://192.0.2.1:9998") == "tcp://192.0.2.1:9998"
    assert masked_url("") == ""


def test_an_encoded_identifier_in_a_path_is_cut_and_words_stay() -> None:
    assert masked_url("https://a.example/MDAxMDEyMzQwMDAwNDI1/x") == "https://a.example/MDAx••••/x"
    assert (
        masked_url("https://a.example/v1/projectSettings_and.more")
        == "https://a.example/v1/projectSettings_and.more"
    )
    assert (
        masked_url("https://a.example/6f1d0c52-8a37-4b0e-9d3c-1a2b3c4d5e6f") == "https://a.example/6f1d••••"
    )
