"""What the domain name system says today: the alias chain and addresses of a name, the name of an address.

Only for `--online`. An answer of today is not where data went when a capture was made; it carries the time
at which it was asked for, and nothing here is taken for the address of a transmission. Nothing raises for a
fault of the network: `problem` says what happened.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
import dns.reversename

LONGEST_CHAIN = 16
"""Aliases that are kept of a chain."""
MOST_ADDRESSES = 64
"""Addresses that are kept of a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameAnswers:
    """What a name leads to today."""

    name: str
    aliases: tuple[str, ...] = ()
    """The names that it is an alias of, in order (CNAME); the last one has the addresses."""
    addresses: tuple[str, ...] = ()
    """IPv4 first. Today's, not those of any capture."""
    problem: str = ""
    """Why there is no or only half an answer; `` if there is one."""
    asked: float
    """Seconds since 1970-01-01T00:00Z."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseName:
    """The name that the holder of an address gave it (PTR). The holder may write there what they like."""

    address: str
    name: str | None = None
    problem: str = ""
    asked: float


def resolver(timeout: float, nameservers: Sequence[str] = (), port: int = 53) -> dns.resolver.Resolver:
    """A resolver that gives up after `timeout` seconds; with the system's name servers unless told others.

    Raises OSError if the system has none configured.
    """
    try:
        made = dns.resolver.Resolver(configure=not nameservers)
    except dns.resolver.NoResolverConfiguration as error:
        raise OSError("no name server is configured on this system") from error
    if nameservers:
        made.nameservers = list(nameservers)
    made.port = port
    made.timeout = min(timeout, 2.0)  # for one server; then the next is asked, or the same again
    made.lifetime = timeout
    return made


def look_up_name(name: str, asks: dns.resolver.Resolver, now: Callable[[], float] = time.time) -> NameAnswers:
    """Alias chain and addresses of the name, IPv4 and IPv6."""
    aliases: tuple[str, ...] = ()
    addresses: list[str] = []
    problems: list[str] = []
    for kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
        try:
            answer = asks.resolve(_absolute(name), kind, raise_on_no_answer=False, search=False)
        except (dns.exception.DNSException, OSError, ValueError) as error:
            problems.append(_said(error))
            if isinstance(error, dns.resolver.NXDOMAIN):
                break
            continue
        chain = tuple(_text(rdata.target) for rrset in answer.chaining_result.cnames for rdata in rrset)
        aliases = aliases or chain[:LONGEST_CHAIN]
        if answer.rrset is not None:
            addresses += [rdata.address for rdata in answer.rrset]
    if not addresses and not problems:
        problems.append("the name has no address today")
    return NameAnswers(
        name=name,
        aliases=aliases,
        addresses=tuple(addresses[:MOST_ADDRESSES]),
        problem="; ".join(dict.fromkeys(problems)),
        asked=now(),
    )


def look_up_reverse(
    address: str, asks: dns.resolver.Resolver, now: Callable[[], float] = time.time
) -> ReverseName:
    """The name of the address."""
    name: str | None = None
    problem = ""
    try:
        answer = asks.resolve(dns.reversename.from_address(address), dns.rdatatype.PTR, search=False)
        name = _text(answer[0].target)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        problem = "the address has no name"
    except (dns.exception.DNSException, OSError, ValueError) as error:
        problem = _said(error)
    return ReverseName(address=address, name=name, problem=problem, asked=now())


def _absolute(name: str) -> dns.name.Name:
    return dns.name.from_text(name.rstrip(".") + ".")


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _said(error: Exception) -> str:
    for kind, text in _PROBLEMS:
        if isinstance(error, kind):
            return text
    return f"the look-up failed ({type(error).__name__})"


_PROBLEMS: tuple[tuple[type[Exception], str], ...] = (
    (dns.resolver.NXDOMAIN, "the name does not exist today"),
    (dns.exception.Timeout, "the name server did not answer in time"),
    (dns.resolver.NoNameservers, "no name server gave a usable answer"),
    (dns.name.NameTooLong, "not a domain name"),
    (dns.name.LabelTooLong, "not a domain name"),
    (dns.name.EmptyLabel, "not a domain name"),
    (dns.exception.SyntaxError, "not a domain name"),
    (OSError, "the name server cannot be reached"),
)
