"""Registrable domains and private suffixes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.knowledge.suffixes import private_suffix, registrable


@pytest.mark.parametrize(
    ("host", "domain", "suffix"),
    [
        ("zzhc.vnet.cn", "vnet.cn", None),
        ("a.b.example.co.uk", "example.co.uk", None),
        ("you.github.io", "you.github.io", "github.io"),
        ("github.io", None, "github.io"),
        ("a.b.appspot.com", "b.appspot.com", "appspot.com"),
        ("a.b.example", "b.example", None),
        ("中国.cn", "中国.cn", None),
        ("食狮.公司.cn", "食狮.公司.cn", None),
        ("a.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn", None),
        ("localhost", None, None),
        ("192.0.2.1", None, None),
        ("2001:db8::1", None, None),
        ("", None, None),
        ("a..b", None, None),
        (".com", None, None),
        ("a." * 200 + "example", None, None),
    ],
)
def test_table(host: str, domain: str | None, suffix: str | None) -> None:
    assert (registrable(host), private_suffix(host)) == (domain, suffix)


@given(st.text(max_size=300))
def test_any_text_has_a_domain_that_it_ends_in_or_none(text: str) -> None:
    for found in (registrable(text), private_suffix(text)):
        assert found is None or text.lower().endswith(found.lower())
