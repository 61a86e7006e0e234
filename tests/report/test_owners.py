"""Whose a destination is: by the catalogue, by its domain, or not known."""

from dataclasses import replace

import pytest

from phonehome.analysis.knowledge import shipped
from phonehome.analysis.report.owners import owner_of


def test_the_catalogue_comes_before_the_domain() -> None:
    endpoint = shipped().catalogue.endpoints["china-telecom-self-registration"]
    found = owner_of("zzhc.vnet.cn", endpoint)
    assert (found.owner, found.company, found.country, found.basis) == (
        "China Telecom",
        "China Telecom",
        "CN",
        "catalogue",
    )
    assert endpoint.id in found.reason


def test_what_anybody_may_run_is_the_company_s_whose_domain_it_is() -> None:
    generic = next(each for each in shipped().catalogue.endpoints.values() if each.owner.startswith("a "))
    assert owner_of("time.example.google.com", generic).company == "Google"
    unknown = owner_of("time.example", generic)
    assert (unknown.owner, unknown.company, unknown.country) == (generic.owner, None, None)
    assert owner_of(None, generic).company is None


def test_a_product_is_its_company_s_and_your_own_entry_is_yours() -> None:
    endpoint = shipped().catalogue.endpoints["china-telecom-self-registration"]
    product = replace(endpoint, owner="Vungle")
    assert owner_of("api.vungle.com", product)[:3] == ("Vungle", "Liftoff (Vungle)", "US")
    mine = replace(endpoint, owner="Somebody of mine", own="mine.toml")
    assert owner_of("zzhc.vnet.cn", mine)[:3] == ("Somebody of mine", "Somebody of mine", None)


@pytest.mark.parametrize(
    ("host", "owner", "basis", "hosted_by", "domain", "says"),
    [
        ("www.vnet.cn", "China Telecom", "domain", None, "vnet.cn", "by its domain: vnet.cn belongs to China Telecom"),
        ("www.google.com", "Google", "domain", None, "google.com", "google.com belongs to Google"),
        ("a.example", None, None, None, "a.example", "not known: its domain is on no list"),
        (None, None, None, None, None, "not known: the capture holds no name"),
        ("b.s3.amazonaws.com", None, "hosting", "Amazon Web Services", "b.s3.amazonaws.com", "customers of Amazon"),
        ("ec2.compute.amazonaws.com", None, "hosting", "Amazon Web Services", "ec2.compute.amazonaws.com", "amazonaws"),
        ("x.y.12hp.at", None, "hosting", "12hp.at", "y.12hp.at", "gives to customers"),
        ("router", None, None, None, None, "not known"),
    ],
)  # fmt: skip
def test_without_an_entry(
    host: str | None,
    owner: str | None,
    basis: str | None,
    hosted_by: str | None,
    domain: str | None,
    says: str,
) -> None:
    found = owner_of(host, None)
    assert (found.owner, found.company, found.basis, found.hosted_by, found.domain) == (
        owner,
        owner,
        basis,
        hosted_by,
        domain,
    )
    assert says in found.reason


def test_a_reason_never_repeats_the_name_that_was_captured() -> None:
    """The name may hold an identifier: the masked report masks the fields that hold it, not the reason."""
    for host in ("imei-356938035643809.example", "356938035643809.github.io", "356938035643809.12hp.at"):
        assert "356938035643809" not in owner_of(host, None).reason
