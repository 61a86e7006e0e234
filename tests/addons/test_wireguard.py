"""The configuration that a phone gets, and the code that it scans."""

import ipaddress
import re

import pytest
import segno
from mitmproxy.net import local_ip

from phonehome.addons import wireguard

MADE = """[Interface]
PrivateKey = qP5z1r8m8rJ2tK6hVb1n0o0uYw6bq3ZkqvS9h4x8h1E=
Address = 10.0.0.1/32
DNS = 10.0.0.53

[Peer]
PublicKey = 1Jm1mQdW9l2nq3F0qf0x2l6Q0i9pPq0vX0t5r0p8h3s=
AllowedIPs = 0.0.0.0/0
Endpoint = None:51821"""


def test_it_leads_here_by_both_protocols() -> None:
    text = wireguard.configuration(MADE, "192.168.1.7")
    assert "Endpoint = 192.168.1.7:51821" in text
    assert "AllowedIPs = 0.0.0.0/0, ::/0" in text
    addresses = re.findall(r"Address = (.*)", text)[0].split(", ")
    assert addresses[0] == "10.0.0.1/32"
    assert ipaddress.ip_interface(addresses[1]).ip in ipaddress.ip_network("fc00::/7")
    assert "None" not in text
    keys = re.compile(r"(?:Private|Public)Key = .*")
    assert keys.findall(text) == keys.findall(MADE)


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("192.168.1.7", "192.168.1.7"),
        ("2001:db8::7", "[2001:db8::7]"),
        ("[2001:db8::7]", "[2001:db8::7]"),
        ("laptop.local", "laptop.local"),
    ],
)
def test_an_address_is_taken_as_it_is(given: str, host: str) -> None:
    assert wireguard.checked_host(given) == host
    assert f"Endpoint = {host}:51821" in wireguard.configuration(MADE, host)


@pytest.mark.parametrize(
    "given", ["", r"\1", r"\g<0>", "a b", "a\nDNS = 1.1.1.1", "x:1", "-a", "a" * 300, "[", "1.2.3.4/8"]
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="neither an address nor a host name"):
        wireguard.checked_host(given)


def test_own_addresses_are_such_that_a_phone_can_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_ip, "get_local_ip", lambda: None)
    monkeypatch.setattr(local_ip, "get_local_ip6", lambda: "fe80::1%eth0")
    monkeypatch.setattr(wireguard, "_of_interfaces", lambda: ["127.0.0.1", "10.1.2.3", "169.254.1.1"])
    assert wireguard.own_addresses() == ["10.1.2.3"]
    monkeypatch.setattr(wireguard, "_of_interfaces", list)
    assert wireguard.own_addresses() == []


def test_this_computers_interfaces_are_found() -> None:
    assert all(ipaddress.IPv4Address(address) for address in wireguard._of_interfaces())


def test_names_of_tunnels_are_such_that_the_apps_take_them() -> None:
    names = wireguard.tunnel_names(
        ["Anna", "test phone", "Ærlig talt, en lang telefon", "test-phone", "...", "anna"]
    )
    assert names[:2] == ["Anna", "test-phone"]
    assert all(re.fullmatch(r"[A-Za-z0-9_=+.-]{1,15}", name) for name in names)
    assert len({name.lower() for name in names}) == 6


def modules(lines: list[str]) -> list[list[int]]:
    """What a camera sees: for each module whether it is dark, by the colours and signs of the lines."""
    seen: list[list[int]] = []
    for line in lines:
        colours, signs, end = re.fullmatch(r"((?:\x1b\[[0-9;]*m)+)([ ▀▄█]*)(\x1b\[0m)", line).groups()  # type: ignore[union-attr]
        assert colours == "\x1b[38;5;16m\x1b[48;5;231m", "black on white, on any terminal"
        assert end
        seen.append([sign in "▀█" for sign in signs])
        seen.append([sign in "▄█" for sign in signs])
    return seen


def test_the_code_on_the_terminal_is_the_code() -> None:
    text = wireguard.configuration(MADE, "192.168.1.7")
    lines = wireguard.code(text)
    seen = modules(lines)
    wanted = [[bool(cell) for cell in row] for row in segno.make(text, error="l").matrix_iter(border=4)]
    assert seen[: len(wanted)] == wanted
    assert not any(map(any, seen[len(wanted) :]))
    assert len(lines) <= 40


def test_the_picture_is_a_picture() -> None:
    assert wireguard.picture(MADE).startswith(b"\x89PNG")
