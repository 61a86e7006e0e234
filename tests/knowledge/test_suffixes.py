"""Registrable domains and private suffixes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PSLFILE, PublicSuffixList

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


def test_the_same_as_the_library_says() -> None:
    """Of each rule, of names below it, in Unicode and in Punycode."""
    every = PublicSuffixList()
    with open(PSLFILE, encoding="utf-8") as file:
        text = file.read()
    private = text[text.index("// ===BEGIN PRIVATE") :]
    companies = PublicSuffixList(source=private, accept_unknown=False)
    rules = [line.split(" ")[0] for line in text.split("\n") if line and not line.startswith("//")]
    rules = rules[::7] + [rule for rule in rules if not rule.isascii() or rule[0] in "!*"]
    for rule in rules:
        name = rule.removeprefix("!").replace("*", "a")
        for written in (name, name.encode("idna").decode("ascii")):
            for host in (written, f"b.{written}", f"d.c.b.{written}"):
                suffix = companies.publicsuffix(host)
                assert private_suffix(host) == suffix, host
                if suffix is None:
                    assert registrable(host) == every.privatesuffix(host), host
