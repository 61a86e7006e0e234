"""What a phone tried leaves a trace in log, line, capture and report, although nothing came of it."""

import http.client
import json
import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import tcp

from phonehome.addons.attempts import SILENCE
from phonehome.cli import main
from tests.network.parts import (
    MITMDUMP,
    REGISTRATION,
    ROOT,
    certificate,
    flows,
    free_port,
    running,
    stop,
    transmissions,
    web_server,
)
from tests.network.test_proxy import Proxy, proxy

IDENTIFIERS = {"imei", "iccid"}
RAW = b'{"REGVER":"1.0","MODEL":"WATCH-TEST","IMEI1":"001012340000425","SIM1ICCID":"8947990000000000048"}'


def connect(at: Proxy, where: str) -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", at.port), timeout=20)
    raw.sendall(f"CONNECT {where} HTTP/1.1\r\n\r\n".encode())
    assert b" 200 " in raw.recv(4096)
    return raw


def by_http(at: Proxy, host: str, port: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", at.port, timeout=20)
    headers = {"Content-Type": "application/encrypted-json"}
    client.request("POST", f"http://{host}:{port}/", REGISTRATION, headers)
    assert client.getresponse().status == 502
    client.close()


def by_https(at: Proxy, host: str, port: int) -> None:
    trust = ssl.create_default_context(cafile=str(at.folder.parent / "conf" / "mitmproxy-ca-cert.pem"))
    trust.check_hostname = False
    raw = connect(at, f"{host}:{port}")
    with trust.wrap_socket(raw, server_hostname=host) as tls:
        head = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/encrypted-json\r\n"
        tls.sendall(f"{head}Content-Length: {len(REGISTRATION)}\r\n\r\n".encode() + REGISTRATION)
        assert b" 502 " in tls.recv(4096)


def by_tcp(at: Proxy, host: str, port: int) -> None:
    with connect(at, f"{host}:{port}") as raw:
        raw.sendall(RAW)
        assert raw.recv(4096) == b""


@pytest.mark.parametrize("how", [by_http, by_https, by_tcp])
@pytest.mark.parametrize("host", ["127.0.0.1", "zzhc.vnet.cn.invalid"])
def test_an_activation_that_was_tried_leaves_a_trace(how: Any, host: str, tmp_path: Path) -> None:
    port = free_port()
    with proxy(tmp_path) as at:
        how(at, host, port)
        said = stop(at.process)
    (sent,) = transmissions(at.capture)
    assert (sent.host or sent.address, sent.port, sent.reply) == (host, port, None)
    assert sent.error
    (log,) = at.folder.glob("*.jsonl")
    logged = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["event"]["action"] for line in logged] == ["activation-request", "activation-outcome"]
    assert logged[1]["phonehome"]["outcome"] == "attempted"
    assert {found["kind"] for found in logged[0]["phonehome"]["identifiers"]} >= IDENTIFIERS
    (line,) = [line for line in said.splitlines() if f"  {host}  " in line and "ACTIVATION" in line]
    assert "no answer" in line
    report = tmp_path / "report.json"
    assert main(["report", str(at.capture), "--quiet", "-o", str(report)]) == 0
    (row,) = json.loads(report.read_text())["devices"][0]["destinations"]
    assert (row["purpose"], row["transmissions"], row["attempts"]) == ("activation", 1, 1)
    assert row["encrypted"] == ("yes" if how is by_https else "no")
    assert {found["kind"] for found in row["identifiers"]} >= IDENTIFIERS


@contextmanager
def stock(tmp_path: Path, *more: str) -> Iterator[Proxy]:
    """Somebody's mitmdump, with its own idea of when to connect."""
    port = free_port()
    (tmp_path / "captures").mkdir()
    command: list[Any] = [
        MITMDUMP,
        "-w",
        tmp_path / "captures" / "a.mitm",
        "-s",
        ROOT / "addons" / "attempts.py",
    ]
    command += ["-s", ROOT / "addons" / "activation_log.py", "--set", f"confdir={tmp_path}"]
    command += ["--listen-host", "127.0.0.1", "-p", port]
    with running([*command, *more], port) as process:
        yield Proxy(tmp_path / "captures", port, process)


def test_a_connect_to_a_dead_port_is_kept_where_mitmproxy_connects_first(tmp_path: Path) -> None:
    port = free_port()
    with stock(tmp_path) as at:
        raw = socket.create_connection(("127.0.0.1", at.port), timeout=20)
        raw.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
        assert b" 502 " in raw.recv(4096)
        raw.close()
        said = stop(at.process)
    assert "connection_strategy" not in said, "nothing is lost here: the phone asks first"
    (kept,) = flows(at.capture)
    assert isinstance(kept, tcp.TCPFlow)
    assert kept.messages == []
    (sent,) = transmissions(at.capture)
    assert (sent.address, sent.port, sent.reply, sent.bytes_sent) == ("127.0.0.1", port, None, 0)
    assert sent.encrypted is None, "nobody knows what would have been sent"
    assert "Connect call failed" in (sent.error or "")


def test_bytes_are_in_the_flow_before_the_connection_is_tried_in_a_script(tmp_path: Path) -> None:
    with stock(tmp_path, "--set", "connection_strategy=lazy") as at:
        by_tcp(at, "127.0.0.1", free_port())
        stop(at.process)
    (sent,) = transmissions(at.capture)
    assert sent.payloads == (RAW,)


@pytest.mark.skipif(os.name != "posix", reason="reads a banner")
@pytest.mark.parametrize("strategy", ["lazy", "eager"])
def test_a_destination_that_speaks_first_is_heard(strategy: str, tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        proxy(tmp_path, "--set", f"connection_strategy={strategy}") as at,
    ):
        port = listener.getsockname()[1]
        with connect(at, f"127.0.0.1:{port}") as raw:
            listener.settimeout(20)
            server, _ = listener.accept()
            server.sendall(b"220 mail.example\r\n")
            assert raw.recv(4096) == b"220 mail.example\r\n"
            raw.sendall(b"EHLO phone\r\n")
            assert server.recv(4096) == b"EHLO phone\r\n"
            server.close()
        stop(at.process)
    (sent,) = transmissions(at.capture)
    assert (sent.protocol, sent.payloads, sent.bytes_received) == ("tcp", (b"EHLO phone\r\n",), 18)


def test_tls_after_a_silence_is_opened_all_the_same(tmp_path: Path) -> None:
    """A connection that was made ahead, and used later."""
    own = certificate(tmp_path, "localhost")
    with (
        web_server(own) as server,
        proxy(tmp_path, "--set", f"ssl_verify_upstream_trusted_ca={own[0]}") as at,
    ):
        raw = connect(at, f"localhost:{server}")
        time.sleep(SILENCE + 1)
        trust = ssl.create_default_context(cafile=str(at.folder.parent / "conf" / "mitmproxy-ca-cert.pem"))
        with trust.wrap_socket(raw, server_hostname="localhost") as tls:
            tls.sendall(b"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b" 200 " in tls.recv(4096)
        stop(at.process)
    (sent,) = transmissions(at.capture)
    assert (sent.protocol, sent.path, sent.encrypted) == ("http", "/late", True)
