"""What a client will not have opened gets through, and is in the capture, by real TLS through real mitmdump."""

import http.client
import json
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import tcp

from phonehome.analysis.sources.flow_state import transmission_from_state
from phonehome.cli import main
from tests.network.parts import (
    MITMDUMP,
    ROOT,
    certificate,
    flows,
    free_port,
    running,
    stop,
    through,
    transmissions,
    web_server,
)

ADDON = ROOT / "addons" / "undecrypted_tls.py"


class Setting:
    """A TLS server, a proxy before it, and what the proxy saved."""

    def __init__(self, folder: Path, own: Path, server: int, proxy: int) -> None:
        self.own = own
        """The server's certificate: who trusts only this one pins."""
        self.proxys = folder / "mitmproxy-ca-cert.pem"
        self.server, self.proxy, self.capture = server, proxy, folder / "out.mitm"
        self.process: Any = None

    def get(self, trust: Path, host: str = "localhost") -> bytes:
        return through(self.proxy, host, self.server, trust)


@pytest.fixture
def setting(tmp_path: Path) -> Callable[..., Any]:
    own = certificate(tmp_path, "localhost")

    @contextmanager
    def make(*options: str) -> Iterator[Setting]:
        with web_server(own) as server:
            made = Setting(tmp_path, own[0], server, free_port())
            command = [MITMDUMP, "-q", "-w", made.capture, "-s", ADDON, "--listen-host", "127.0.0.1"]
            command += ["-p", made.proxy, "--set", f"confdir={tmp_path}"]
            command += ["--set", f"ssl_verify_upstream_trusted_ca={own[0]}"]
            for option in options:
                command += ["--set", option]
            with running(command, made.proxy) as made.process:
                yield made

    return make


def test_a_client_that_pins_gets_through_at_its_second_try(setting: Any, tmp_path: Path) -> None:
    with setting() as at:
        assert at.get(at.proxys) == b"hello from the server"
        with pytest.raises(ssl.SSLError):
            at.get(at.own)
        assert at.get(at.own) == b"hello from the server"
        stop(at.process)
    opened, refused, passed = sorted(transmissions(at.capture), key=lambda sent: sent.time)
    assert (opened.unopened, opened.protocol) == (None, "http")
    assert (refused.unopened, refused.protocol, refused.host) == ("refused", "tls", "localhost")
    assert refused.error is not None
    assert refused.error.startswith("refused: it does not trust the proxy's certificate")
    assert (refused.reply, refused.bytes_sent, refused.encrypted) == (None, 0, True)
    assert (passed.unopened, passed.host, passed.address) == ("passed", "localhost", "127.0.0.1")
    assert passed.port == at.server
    assert passed.bytes_sent > 500 < passed.bytes_received
    assert passed.reply is not None
    # The ClientHello is kept, and nothing else of what passed.
    kept = next(flow for flow in flows(at.capture) if flow.metadata.get("phonehome_tls") == "passed")
    assert isinstance(kept, tcp.TCPFlow)
    assert [message.from_client for message in kept.messages] == [True]
    assert kept.metadata["phonehome_tls_offered"] == "TLSv1.3"
    assert kept.metadata["phonehome_bytes_sent"] == passed.bytes_sent > len(kept.messages[0].content)
    assert (
        "hello from the server"
        not in at.capture.read_bytes()[opened.bytes_received :].decode("latin-1")[-4000:]
    )


def test_a_stock_mitmdump_reads_the_capture_and_the_report_tells(setting: Any, tmp_path: Path) -> None:
    with setting() as at:
        with pytest.raises(ssl.SSLError):
            at.get(at.own)
        at.get(at.own)
        stop(at.process)
    again = tmp_path / "again.mitm"
    run = subprocess.run(
        [MITMDUMP, "-nr", at.capture, "-w", again], capture_output=True, text=True, timeout=60, check=True
    )
    assert "refused: it does not trust" in run.stdout
    assert [sent.unopened for sent in transmissions(again)] == ["refused", "passed"]
    # Live or from a file, the same is concluded.
    live = [transmission_from_state(flow.get_state()) for flow in flows(again)]
    assert live == transmissions(again)
    report = tmp_path / "report.json"
    assert main(["report", str(at.capture), "--quiet", "-o", str(report)]) == 0
    document = json.loads(report.read_text())
    (row,) = document["devices"][0]["destinations"]
    assert row["tls_not_opened"] == {"passed": 1, "refused": 1}
    assert (row["attempts"], row["transmissions"], row["encrypted"]) == (1, 2, "yes")
    seen = document["not_seen"]
    assert (seen["tls_refused"], seen["tls_failed"], seen["tls_passed_through"]) == (1, 0, 1)
    assert seen["tls_not_opened"] == 2


def test_only_this_host_is_let_through(setting: Any) -> None:
    with setting() as at:
        with pytest.raises(ssl.SSLError):
            at.get(at.own)
        assert at.get(at.proxys, "127.0.0.1") == b"hello from the server"
        stop(at.process)
    assert [sent.unopened for sent in transmissions(at.capture)] == ["refused", None]


def test_never_lets_nothing_through_and_keeps_the_refusals(setting: Any) -> None:
    with setting("phonehome_undecrypted_tls=never") as at:
        for _ in range(3):
            with pytest.raises(ssl.SSLError):
                at.get(at.own)
        stop(at.process)
    assert [sent.unopened for sent in transmissions(at.capture)] == ["refused"] * 3


def test_always_opens_nothing(setting: Any) -> None:
    with setting("phonehome_undecrypted_tls=always") as at:
        assert at.get(at.own) == b"hello from the server"
        stop(at.process)
    (passed,) = transmissions(at.capture)
    assert (passed.unopened, passed.host) == ("passed", "localhost")


def tunnel(at: Setting) -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", at.proxy), timeout=20)
    raw.sendall(f"CONNECT localhost:{at.server} HTTP/1.1\r\n\r\n".encode())
    answer = raw.recv(4096)
    assert b" 200 " in answer
    return raw


def test_a_client_that_closes_when_it_sees_the_certificate_refused(setting: Any) -> None:
    """Its alert may be lost on the way, or never be sent."""
    with setting() as at:
        with tunnel(at) as raw:
            hello = ssl.MemoryBIO()
            client = ssl.create_default_context().wrap_bio(
                ssl.MemoryBIO(), hello, server_hostname="localhost"
            )
            with pytest.raises(ssl.SSLWantReadError):
                client.do_handshake()
            raw.sendall(hello.read())
            assert raw.recv(65536)
        assert at.get(at.own) == b"hello from the server"
        stop(at.process)
    refused, passed = transmissions(at.capture)
    assert (refused.unopened, passed.unopened) == ("refused", "passed")
    assert refused.error == "refused: it closed the connection when it saw the proxy's certificate"


def silent(at: Setting) -> None:
    """A client that checks the certificate after the handshake, as OkHttp's pinning does."""
    raw = tunnel(at)
    context = ssl.create_default_context(cafile=str(at.proxys))
    context.wrap_socket(raw, server_hostname="localhost").close()


def test_a_client_that_closes_right_after_the_handshake_refused(setting: Any, tmp_path: Path) -> None:
    with setting() as at:
        silent(at)
        assert at.get(at.own) == b"hello from the server"
        stop(at.process)
    refused, passed = transmissions(at.capture)
    assert refused.error == "refused: it closed the connection right after the handshake, without a word"
    assert (refused.unopened, refused.protocol, refused.host) == ("refused", "tls", "localhost")
    assert (refused.payloads, refused.bytes_sent, refused.reply) == ((), 0, None), (
        "a ClientHello is no payload"
    )
    assert passed.unopened == "passed"
    report = tmp_path / "report.json"
    assert main(["report", str(at.capture), "--quiet", "-o", str(report)]) == 0
    (row,) = json.loads(report.read_text())["devices"][0]["destinations"]
    assert row["tls_not_opened"] == {"passed": 1, "refused": 1}


def fetch_certificate(at: Setting) -> None:
    client = http.client.HTTPConnection("127.0.0.1", at.proxy, timeout=20)
    client.request("GET", "http://mitm.it/cert/pem")
    assert b"BEGIN CERTIFICATE" in client.getresponse().read()
    client.close()


def test_what_was_refused_before_the_certificate_was_there_is_opened_once_it_is(setting: Any) -> None:
    with setting() as at:
        with pytest.raises(ssl.SSLError):
            at.get(at.own)
        fetch_certificate(at)
        assert at.get(at.proxys) == b"hello from the server"
        stop(at.process)
    assert [sent.unopened for sent in transmissions(at.capture) if sent.origin == "device"] == [
        "refused",
        None,
    ]


def test_the_first_host_that_a_device_has_opened_opens_the_others_anew(setting: Any) -> None:
    with setting() as at:
        with pytest.raises(ssl.SSLError):
            at.get(at.own)
        assert at.get(at.proxys, "127.0.0.1") == b"hello from the server"
        assert at.get(at.proxys) == b"hello from the server"
        stop(at.process)
    assert [sent.unopened for sent in transmissions(at.capture)] == ["refused", None, None]


def test_connections_that_are_made_ahead_are_no_refusal(setting: Any) -> None:
    with setting() as at:
        at.get(at.proxys)
        for _ in range(4):
            silent(at)
        at.get(at.proxys)
        stop(at.process)
    assert [sent.unopened for sent in transmissions(at.capture)] == [None, None]


def test_another_failure_is_not_called_a_refusal(setting: Any) -> None:
    with setting("ciphers_client=ECDHE-RSA-AES256-GCM-SHA384") as at:
        context = ssl.create_default_context(cafile=str(at.proxys))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
        client = http.client.HTTPSConnection("127.0.0.1", at.proxy, timeout=20, context=context)
        client.set_tunnel("localhost", at.server)
        with pytest.raises(ssl.SSLError):
            client.request("GET", "/")
        client.close()
        stop(at.process)
    (failed,) = transmissions(at.capture)
    assert failed.unopened == "failed"
    assert failed.error is not None
    assert failed.error.startswith("not opened: ")


def test_what_is_not_tls_is_left_alone(setting: Any) -> None:
    with setting("phonehome_undecrypted_tls=always") as at, web_server() as plain:
        client = http.client.HTTPConnection("127.0.0.1", at.proxy, timeout=20)
        client.request("GET", f"http://127.0.0.1:{plain}/")
        assert client.getresponse().read() == b"hello from the server"
        client.close()
        stop(at.process)
    assert [sent.protocol for sent in transmissions(at.capture)] == ["http"]
