"""TLS that was let through, named by its ClientHello."""

import random
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captures.flows import client_hello
from phonehome.analysis.sources.client_hello import is_client_hello, server_name


def real_hello(name: str | None) -> bytes:
    """The first bytes of a real TLS client."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    sent = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name).do_handshake()
    return sent.read()


def test_a_real_client() -> None:
    hello = real_hello("zzhc.vnet.cn")
    assert is_client_hello(hello)
    assert server_name(hello) == "zzhc.vnet.cn"


def test_a_real_client_that_names_nobody() -> None:
    assert server_name(real_hello(None)) is None


def test_the_samples_own() -> None:
    assert server_name(client_hello("mtalk.google.com", random.Random(1))) == "mtalk.google.com"


def test_a_cut_hello_has_no_name_and_does_not_raise() -> None:
    hello = real_hello("zzhc.vnet.cn")
    names = {server_name(hello[:cut]) for cut in range(len(hello))}
    assert names <= {None, "zzhc.vnet.cn"} | {"zzhc.vnet.cn"[:cut] for cut in range(12)} | {
        "zzhc",
        "zzhc.vnet",
    }


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    is_client_hello(data)
    server_name(data)
    server_name(b"\x16\x03\x01" + data)
