"""The registry's entry, through ipwhois, from a server on the loopback interface."""

import json

import pytest

from phonehome.analysis.places.registry import LARGEST_REPLY, RegistryEntry, look_up_registry
from tests.places.servers import rdap, registry

ADDRESS = "13.228.0.1"


def ask(status: int, body: bytes) -> RegistryEntry:
    with registry({ADDRESS: (status, body)}) as server:
        return look_up_registry(ADDRESS, 2.0, server.opener, lambda: 1000.0)


def test_holder_country_and_range() -> None:
    assert ask(200, rdap("AMAZON-SIN", "US", "Amazon  Data\nServices")) == RegistryEntry(
        address=ADDRESS,
        holder="Amazon Data Services",
        country="US",
        network_name="AMAZON-SIN",
        network_range="13.228.0.0/14",
        asked=1000.0,
    )


def test_a_country_that_is_not_stated_is_unknown() -> None:
    assert ask(200, rdap("AT-88-Z", None, "Amazon")).country is None
    assert ask(200, rdap("AT-88-Z", "EUROPE", "Amazon")).country is None


def test_the_registrant_goes_before_others() -> None:
    entry = json.loads(rdap("NET", "SG", "Registrant Ltd"))
    other = json.loads(rdap("NET", "SG", "Abuse Desk", ("abuse",)))["entities"][0]
    entry["entities"].insert(0, {**other, "handle": "ORG-2"})
    assert ask(200, json.dumps(entry).encode()).holder == "Registrant Ltd"
    entry["entities"].pop()
    assert ask(200, json.dumps(entry).encode()).holder == "Abuse Desk"


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (404, b"{}", "the registry did not answer, or has no entry"),
        (500, b"", "the registry did not answer, or has no entry"),
        (429, b"", "the registry allows no more questions for now"),
        (200, b"<html>", "the registry did not answer, or has no entry"),
        (200, b"[]", "the registry did not answer, or has no entry"),
        (200, b'{"startAddress": 7, "endAddress": []}', "not understood"),
        (200, b"{", "the registry did not answer, or has no entry"),
        (200, b"[" * 100_000, "the registry did not answer, or has no entry"),
    ],
)
def test_what_happened_is_said(status: int, body: bytes, problem: str) -> None:
    found = ask(status, body)
    assert (found.holder, found.country, found.network_name) == (None, None, None)
    assert problem in found.problem


def test_a_reply_without_end_is_cut() -> None:
    whole = rdap("NET", "SG", "Registrant Ltd")
    assert not ask(200, b" " * (LARGEST_REPLY - len(whole)) + whole).problem
    assert ask(200, b" " * (LARGEST_REPLY * 20) + whole).problem


def test_a_registry_that_is_not_there() -> None:
    with registry({}) as server:
        opener = server.opener
    assert "did not answer" in look_up_registry(ADDRESS, 0.5, opener).problem


@pytest.mark.parametrize("address", ["10.0.0.1", "fe80::1", "nonsense"])
def test_addresses_that_no_registry_has(address: str) -> None:
    with registry({}) as server:
        found = look_up_registry(address, 0.5, server.opener)
        assert found.problem
        assert server.asked == []
