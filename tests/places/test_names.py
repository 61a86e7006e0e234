"""Names, asked of a real name server on the loopback interface."""

from collections.abc import Iterator

import dns.resolver
import pytest

from phonehome.analysis.places.names import (
    MOST_ADDRESSES,
    look_up_name,
    look_up_reverse,
    resolver,
)
from tests.places.servers import NameServer, name_server

RECORDS = {
    "zzhc.vnet.cn": [("A", "202.96.209.1"), ("AAAA", "240e::7")],
    "www.example.org": [("CNAME", "Edge.Example.NET.")],
    "edge.example.net": [("CNAME", "e1.cdn.example.net.")],
    "e1.cdn.example.net": [("A", "151.101.1.69")],
    "dangling.example.org": [("CNAME", "gone.example.net.")],
    "six.example.org": [("AAAA", "2a00::1")],
    "mail.example.org": [("MX", "10 mx.example.org.")],
    "many.example.org": [("A", f"198.18.0.{number}") for number in range(100)],
    "1.0.228.13.in-addr.arpa": [("PTR", "ec2-13-228-0-1.Ap-Southeast-1.compute.amazonaws.com.")],
    "xn--nxasmq6b.example.org": [("A", "192.0.2.1")],
}


def now() -> float:
    return 1000.0


@pytest.fixture(scope="module")
def server() -> Iterator[NameServer]:
    with name_server(RECORDS) as running:
        running.silent.add("silent.example.org")
        running.broken.add("broken.example.org")
        yield running


@pytest.fixture
def asks(server: NameServer) -> dns.resolver.Resolver:
    return resolver(0.3, ["127.0.0.1"], server.port)


def test_addresses_of_both_versions(asks: dns.resolver.Resolver) -> None:
    found = look_up_name("zzhc.vnet.cn", asks, now)
    assert found.addresses == ("202.96.209.1", "240e::7")
    assert (found.aliases, found.problem, found.asked) == ((), "", 1000.0)


def test_the_chain_of_aliases_in_order(asks: dns.resolver.Resolver) -> None:
    found = look_up_name("www.example.org.", asks, now)
    assert found.aliases == ("edge.example.net", "e1.cdn.example.net")
    assert found.addresses == ("151.101.1.69",)


def test_a_name_with_ipv6_alone(asks: dns.resolver.Resolver) -> None:
    assert look_up_name("six.example.org", asks, now).addresses == ("2a00::1",)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nowhere.example.org", "the name does not exist today"),
        ("dangling.example.org", "the name does not exist today"),
        ("mail.example.org", "the name has no address today"),
        ("silent.example.org", "the name server did not answer in time"),
        ("broken.example.org", "no name server gave a usable answer"),
        ("x" * 64 + ".org", "not a domain name"),
        ("a.." + "b.org", "not a domain name"),
        (".".join(["x" * 60] * 5), "not a domain name"),
    ],
)
def test_what_happened_is_said(asks: dns.resolver.Resolver, name: str, problem: str) -> None:
    found = look_up_name(name, asks, now)
    assert found.addresses == ()
    assert found.problem == problem


def test_a_server_that_is_not_there(server: NameServer) -> None:
    found = look_up_name("zzhc.vnet.cn", resolver(0.3, ["127.0.0.1"], 9), now)
    assert found.problem in (
        "the name server did not answer in time",
        "no name server gave a usable answer",
        "the name server cannot be reached",
    )


def test_many_addresses_are_cut(asks: dns.resolver.Resolver) -> None:
    assert len(look_up_name("many.example.org", asks, now).addresses) <= MOST_ADDRESSES


def test_the_name_of_an_address(asks: dns.resolver.Resolver) -> None:
    found = look_up_reverse("13.228.0.1", asks, now)
    assert found.name == "ec2-13-228-0-1.ap-southeast-1.compute.amazonaws.com"
    assert (found.address, found.problem, found.asked) == ("13.228.0.1", "", 1000.0)


@pytest.mark.parametrize(
    ("address", "problem"), [("13.228.0.2", "the address has no name"), ("nonsense", "not a domain name")]
)
def test_addresses_without_a_name(asks: dns.resolver.Resolver, address: str, problem: str) -> None:
    found = look_up_reverse(address, asks, now)
    assert found.name is None
    assert found.problem == problem
