"""Which company a domain belongs to: the file as a whole, and the few tables of it that are read."""

from pathlib import Path

import pytest

from phonehome.analysis.knowledge import FOLDER, shipped
from phonehome.analysis.knowledge.companies import Owners, owners, read_whole
from phonehome.analysis.knowledge.reading import KnowledgeError
from phonehome.analysis.knowledge.schema import CompaniesFile
from phonehome.analysis.knowledge.suffixes import private_suffix, registrable

FILE = FOLDER / CompaniesFile.NAME
SMALL = """
# of a test
[references]
list = { title = "A list of companies", where = "https://list.example/" }

[[company]]
name = "Maker"
country = "NO"
domains = ["maker.example", "own.cloud.example"]
reference = "list"

[[company]]
name = "cloud.example"
hosting = ["cloud.example"]
reference = ["list", { title = "Its own site", where = "https://cloud.example/" }]
"""


def test_the_whole_file_holds_together() -> None:
    content = read_whole(FILE)
    assert len(content.company) >= 600
    countries = shipped().countries.names
    assert [each.name for each in content.company if each.country and each.country not in countries] == []
    assert [each.name for each in content.company] == sorted(
        (each.name for each in content.company), key=str.lower
    )


def test_a_company_has_domains_that_somebody_registered_and_that_no_customer_has() -> None:
    """What the list of suffixes says at run time only where our list is silent holds for our list as well."""
    content = read_whole(FILE)
    hosting = {name for company in content.company for name in company.hosting}
    for company in content.company:
        for domain in company.domains:
            below_hosting = any(domain.endswith(f".{name}") for name in hosting)
            own_suffix = registrable(domain) is None and private_suffix(domain) == domain
            assert registrable(domain) == domain or below_hosting or own_suffix, (company.name, domain)


def test_a_private_suffix_below_a_company_s_domain_is_said_to_be_its_customers() -> None:
    from publicsuffixlist import PSLFILE

    found = owners()
    private = Path(PSLFILE).read_text("utf-8").partition("===BEGIN PRIVATE DOMAINS===")[2]
    missed = {}
    for line in private.splitlines():
        suffix = line.strip().removeprefix("*.")
        if suffix and suffix.isascii() and not suffix.startswith(("//", "!")):
            known = found.of(f"customer.{suffix}")
            if known is not None and not known.hosted:
                missed[suffix] = known.domain
    # On the list so that cookies are not shared there; what stands below it is Google's own, but for storage.
    assert missed == {"googleapis.com": "googleapis.com"}


@pytest.mark.parametrize(
    ("host", "domain", "company", "country", "hosted"),
    [
        ("zzhc.vnet.cn", "vnet.cn", "China Telecom", "CN", False),
        ("vnet.cn", "vnet.cn", "China Telecom", "CN", False),
        ("www.google.com", "google.com", "Google", "US", False),
        ("play.googleapis.com", "googleapis.com", "Google", "US", False),
        ("storage.googleapis.com", "storage.googleapis.com", "Google", "US", True),
        ("x.s3.eu-west-1.amazonaws.com", "amazonaws.com", "Amazon Web Services", "US", True),
        ("d111111abcdef8.cloudfront.net", "cloudfront.net", "Amazon Web Services", "US", True),
        ("app-1.appspot.com", "appspot.com", "Google", "US", True),
        ("name.firebaseio.com", "firebaseio.com", "Google", "US", True),
        ("you.github.io", "github.io", "GitHub", "US", True),
        ("api.github.com", "github.com", "GitHub", "US", False),
    ],
)
def test_it_tells_what_belongs_to_whom(
    host: str, domain: str, company: str, country: str, hosted: bool
) -> None:
    found = owners().of(host)
    assert found is not None
    assert (found.domain, found.company.name, found.company.country, found.hosted) == (
        domain,
        company,
        country,
        hosted,
    )
    assert found.reference


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "..",
        "com",
        "cn",
        "evilvnet.cn",
        "vnet.cn.example",
        "https://china",
        "CN",
        "Google",
        "192.0.2.1",
        "a" * 5000,
        "a." * 4000 + "example",
        '"',
        "ad-hoc.example",
    ],
)
def test_it_says_nothing_of_others(host: str) -> None:
    assert owners().of(host) is None


def test_the_longest_domain_counts_and_what_is_quoted_elsewhere_is_no_domain() -> None:
    found = Owners(SMALL, "small.toml")
    own, customer = found.of("api.own.cloud.example"), found.of("shop.cloud.example")
    assert own is not None
    assert customer is not None
    assert (own.company.name, own.hosted, own.reference) == ("Maker", False, "A list of companies")
    assert (customer.hosted, customer.reference) == (True, "A list of companies; Its own site")
    assert found.of("list.example") is None


def test_a_name_of_a_company_is_found_with_what_stands_in_brackets_behind_it() -> None:
    found = owners()
    for name in ("China Telecom", "China Telecom (by its client; the address has no name)"):
        company = found.named(name)
        assert company is not None
        assert company.country == "CN"
    assert found.named("vnet.cn") is None
    assert found.named("a name server") is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ('domains = ["Maker.example"]', "is not a domain"),
        ("domains = []", "'domains', or 'hosting'"),
        ('domains = ["maker.example"]\ncolour = "red"', "colour"),
    ],
)
def test_a_mistake_is_said_when_it_is_met(wrong: str, says: str, tmp_path: Path) -> None:
    text = SMALL.replace('domains = ["maker.example", "own.cloud.example"]', wrong)
    with pytest.raises(KnowledgeError, match=says):
        Owners(text, "small.toml").named("Maker")
    file = tmp_path / "small.toml"
    file.write_text(text)
    with pytest.raises(KnowledgeError, match=says):
        read_whole(file)


def test_a_domain_of_two_companies_and_a_reference_that_is_not_there_are_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    for text, says in (
        (SMALL.replace('"maker.example"', '"cloud.example"'), "already"),
        (SMALL.replace('reference = "list"', 'reference = "lost"'), "'lost'"),
    ):
        file.write_text(text)
        with pytest.raises(KnowledgeError, match=says):
            read_whole(file)
