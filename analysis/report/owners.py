"""Whose a destination is, and how that is known.

By the catalogue, which knows the endpoint; else by the domain that its name is below. Neither the holder of the address
nor the operator of its network is the owner of a service: they are never taken for it.
"""

from typing import Final, Literal, NamedTuple

from phonehome.analysis.knowledge.catalogue import Endpoint
from phonehome.analysis.knowledge.companies import Belongs, owners
from phonehome.analysis.knowledge.schema import Company
from phonehome.analysis.knowledge.suffixes import private_suffix, registrable

Basis = Literal["catalogue", "domain", "hosting"]
"""What is known of an owner: `catalogue`, an entry names it; `domain`, its name is below a company's domain; `hosting`,
its name is one that a company gives to its customers, and the owner is not known."""

_NO_NAME: Final = "not known: the capture holds no name for it"
_NO_COMPANY: Final = "not known: its domain is on no list that this program carries"
_CUSTOMER: Final = "not known: its name is one that the holder of the domain gives to customers"


class Owner(NamedTuple):
    """Whose a destination is."""

    owner: str | None
    """As the catalogue says, or the company of its domain."""
    company: str | None
    """The company, by the name under which the report gathers what is its; None if no company is known."""
    country: str | None
    """Of the company's headquarters."""
    basis: Basis | None
    reason: str
    hosted_by: str | None
    """The company, or the domain, below whose name a customer has its service."""
    domain: str | None
    """The domain that somebody registered; of a customer, its name below the hosting company's."""


def owner_of(host: str | None, endpoint: Endpoint | None) -> Owner:
    """Whose a host is, of which an entry of the catalogue may know the endpoint. Raises nothing that loading the
    knowledge does not raise."""
    found = owners().of(host) if host else None
    if endpoint is not None:
        return _by_catalogue(endpoint, host, found)
    if host is None:
        return Owner(None, None, None, None, _NO_NAME, None, None)
    if found is not None:
        return _by_domain(host, found)
    domain = registrable(host)
    suffix = private_suffix(host)
    if suffix is not None:
        return Owner(None, None, None, "hosting", _CUSTOMER, suffix, domain or host)
    return Owner(None, None, None, None, _NO_COMPANY, None, domain)


def _by_catalogue(endpoint: Endpoint, host: str | None, found: Belongs | None) -> Owner:
    """The catalogue's word. The company is the one of that name; or the one whose domain it is, for a name that is a
    product's or was bought (`Vungle`), and for what anybody may run (`a name server`)."""
    its = found.company if found and not found.hosted and not endpoint.own else None
    known = None if _is_generic(endpoint.owner) else owners().named(endpoint.owner)
    known = known or its
    company = known.name if known else None if _is_generic(endpoint.owner) else _bare(endpoint.owner)
    domain = found.domain if found and not found.hosted else registrable(host) if host else None
    country = known.country if known else None
    return Owner(endpoint.owner, company, country, "catalogue", endpoint.reason, None, domain)


def _by_domain(host: str, found: Belongs) -> Owner:
    company: Company = found.company
    if found.hosted:
        reason = f"not known: below {found.domain} customers of {company.name} have their services ({found.reference})"
        return Owner(None, None, None, "hosting", reason, company.name, registrable(host) or host)
    reason = f"by its domain: {found.domain} belongs to {company.name} ({found.reference})"
    return Owner(company.name, company.name, company.country, "domain", reason, None, found.domain)


def _is_generic(owner: str) -> bool:
    return owner.startswith(("a ", "an ", "the "))


def _bare(owner: str) -> str:
    """`FIH Mobile` of `FIH Mobile (for Nokia phones)`."""
    return owner.partition(" (")[0]
