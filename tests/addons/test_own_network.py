"""A phone under test reaches the internet, and not the computer that it is tested with."""

import asyncio

import pytest
from mitmproxy.proxy import mode_specs, server_hooks
from mitmproxy.test import taddons, tflow

from phonehome.addons import own_network
from phonehome.addons.own_network import OwnNetwork

INSIDE = (
    *(
        "127.0.0.1",
        "127.1.2.3",
        "10.0.0.7",
        "192.168.1.1",
        "172.20.0.1",
        "169.254.169.254",
        "100.100.1.1",
        "0.0.0.0",
    ),
    *(
        "::1",
        "::",
        "fe80::1%eth0",
        "fd12::1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "203.0.113.7",
        "localhost",
    ),
)
OUTSIDE = (
    "192.0.2.1",
    "203.0.113.8",
    "2001:db8::1",
    "64:ff9b::c000:201",
    "192.0.2.80",
    "no-such-name.invalid",
)


def refused(address: tuple[str, int], mode: str = "regular", udp: bool = False, **options: bool) -> bool:
    addon = OwnNetwork()
    with taddons.context(addon) as context:
        context.configure(addon, **options)
        addon._own = frozenset(["203.0.113.7"])
        flow = tflow.tflow()
        flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse(mode)
        flow.server_conn.address = address
        flow.server_conn.error = None
        flow.server_conn.transport_protocol = "udp" if udp else "tcp"
        data = server_hooks.ServerConnectionHookData(flow.server_conn, flow.client_conn)
        asyncio.run(addon.server_connect(data))
        return flow.server_conn.error is not None


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look_up(host: str, port: int) -> list[str]:
        known = {"localhost": ["::1", "127.0.0.1"], "both.example": ["192.0.2.1", "10.0.0.1"]}
        return known.get(host, []) if not host[0].isdigit() and ":" not in host else [host]

    monkeypatch.setattr(own_network, "_addresses", look_up)


@pytest.mark.parametrize("mode", ["regular", "socks5", "wireguard", "transparent"])
def test_what_is_inside_is_refused_and_the_rest_is_not(mode: str) -> None:
    assert [host for host in (*INSIDE, "both.example") if not refused((host, 80), mode)] == []
    assert [host for host in OUTSIDE if refused((host, 80), mode)] == []


def test_the_user_s_word_and_the_user_s_own_destinations() -> None:
    assert not refused(("127.0.0.1", 80), phonehome_allow_local=True)
    assert not refused(("127.0.0.1", 80), "reverse:http://127.0.0.1:80")
    assert not refused(("127.0.0.1", 80), "upstream:http://127.0.0.1:80")
    assert not refused(("192.168.1.1", 53), "wireguard", udp=True)  # the phone's own name server
    assert refused(("192.168.1.1", 80), "wireguard", udp=True)
