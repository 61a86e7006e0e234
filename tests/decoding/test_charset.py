"""Bytes to text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.decoding.charset import is_utf8_text, printable, to_text

NORWEGIAN = "Blåbærsyltetøy på brødskiva"
CHINESE = "中国电信股份有限公司"


@pytest.mark.parametrize(
    ("text", "declared", "codec", "step"),
    [
        (NORWEGIAN, "utf-8", "utf-8", ""),
        (NORWEGIAN, "", "utf-8", ""),
        (NORWEGIAN, "", "utf-8-sig", ""),
        (NORWEGIAN, "iso-8859-1", "latin-1", "latin-1"),
        (NORWEGIAN, "windows-1252", "cp1252", "cp1252"),
        (NORWEGIAN, "utf-16", "utf-16", "utf-16"),
        (NORWEGIAN, "", "utf-16", "utf-16"),
        (NORWEGIAN, "", "utf-16-le", "utf-16-le"),
        (NORWEGIAN, "utf-16be", "utf-16-be", "utf-16-be"),
        (NORWEGIAN, "", "utf-32", "utf-32"),
        (CHINESE, "", "utf-8", ""),
        (CHINESE, "gbk", "gbk", "gb18030"),
        (CHINESE, "gb2312", "gb2312", "gb18030"),
        (CHINESE, "big5", "utf-8", ""),
        (CHINESE, "utf-8", "gb18030", "gb18030"),
    ],
)
def test_charsets(text: str, declared: str, codec: str, step: str) -> None:
    found = to_text(text.encode(codec), declared, expect_text=True)
    assert found is not None
    assert (found.text, found.charset) == (text, step)


def test_a_codec_that_is_no_charset_is_not_used() -> None:
    assert to_text(b"nggnpx ng qnja", "rot13") == ("nggnpx ng qnja", "")
    assert to_text(b"\xff\x01\x02", "unicode_escape", expect_text=True) is None


def test_bytes_that_are_no_text() -> None:
    assert to_text(b"\x00\x01\x02\x03", expect_text=True) is None
    assert to_text(b"\xe9t\xe9") is None
    assert is_utf8_text(b"a\x00b") is None
    assert is_utf8_text("private use \ue000".encode()) is None


@given(st.text(max_size=50))
def test_utf8_is_text_exactly_if_printable(text: str) -> None:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return
    assert (is_utf8_text(data) == text) == printable(text)
