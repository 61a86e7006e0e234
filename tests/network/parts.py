"""Real parts to test the proxy with: certificates, servers and proxies, on loopback addresses only.

In a network namespace the servers run as `python -m tests.network.parts KIND ADDRESS PORT [CERTIFICATE KEY]`,
and `greet ADDRESS PORT NAME CERTIFICATE` is a client over QUIC.
"""

import asyncio
import contextlib
import http.client
import http.server
import os
import random
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import dns.message
import dns.rrset
from aioquic.asyncio import QuicConnectionProtocol
from aioquic.asyncio import connect as quic_connect
from aioquic.asyncio import serve as quic_serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import QuicEvent, StreamDataReceived
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from mitmproxy import flow
from mitmproxy.io import FlowReader

from phonehome.analysis.sources import mitm
from phonehome.analysis.transmission import Transmission

ROOT = Path(__file__).parents[2]
MITMDUMP = Path(sys.executable).with_name("mitmdump")
PHONEHOME = (sys.executable, "-c", "import sys; from phonehome.cli import main; sys.exit(main())")
REGISTRATION = (
    b"eyJSRUdWRVIiOiIxLjAiLCJNT0RFTCI6IkhNRC1UQSAxMDQ2IiwiU1dWRVIiOiIwMFdXXzNfMjJDIiwi\n"
    b"U0lNMUlDQ0lEIjoiODk0Nzk5MDAwMDAwMDAwMDA0OCIsIklNRUkxIjoiMDAxMDEyMzQwMDAwNDI1In0=\n"
)
"""What the China Telecom client sends; the numbers in it are nobody's."""


def certificate(folder: Path, name: str, address: str = "127.0.0.1") -> tuple[Path, Path]:
    """A certificate that signs itself, for a name and an address, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address(address))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return chain, secret


MAY_ANSWER = threading.Event()
"""What the server's answer to `/slow` waits for."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/slow":
            MAY_ANSWER.wait(60)
        self._answer(b"hello from the server")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b'{"resultCode":"0","resultDesc":"Success"}')

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    """An HTTP server; of IPv6, if its address is one."""

    daemon_threads = True
    request_queue_size = (
        256  # else connections that come together wait for a retry of TCP, for up to a minute
    )

    def __init__(self, where: tuple[str, int], handler: Any) -> None:
        self.address_family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
        super().__init__(where, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that goes away in the middle is what some tests are about


@contextlib.contextmanager
def web_server(tls: tuple[Path, Path] | None = None, address: str = "127.0.0.1") -> Iterator[int]:
    """An HTTP server on a free port, with TLS if it is given a certificate."""
    server = _Server((address, 0), _Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Raw(socketserver.BaseRequestHandler):
    """The registration service in its raw form: JSON over TCP."""

    def handle(self) -> None:
        if self.request.recv(65536):
            self.request.sendall(b'{"resultCode":"0","resultDesc":"Success"}')


class _Names(socketserver.BaseRequestHandler):
    """A DNS server for which every name has its own address."""

    server: socketserver.UDPServer

    def handle(self) -> None:
        data, answers_by = self.request
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        address = self.server.server_address[0]
        answer.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", address))
        answers_by.sendto(answer.to_wire(), self.client_address)


class _Quic(QuicConnectionProtocol):
    """A server that greets whoever says something."""

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived) and event.end_stream:
            self._quic.send_stream_data(event.stream_id, b"hello from the server", end_stream=True)
            self.transmit()


async def _serve_quic(address: str, port: int, *tls: Path) -> None:
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["greeting"])
    certificate, key = tls
    configuration.load_cert_chain(certificate, key)
    await quic_serve(address, port, configuration=configuration, create_protocol=_Quic)
    await asyncio.Event().wait()


async def _greet(address: str, port: int, name: str, trust: str) -> bytes:
    configuration = QuicConfiguration(alpn_protocols=["greeting"], server_name=name, idle_timeout=5)
    configuration.load_verify_locations(trust)
    async with quic_connect(address, port, configuration=configuration) as connection:
        reader, writer = await connection.create_stream()
        writer.write(b"hello")
        writer.write_eof()
        return await reader.read()


def greet(address: str, port: str, name: str, trust: str) -> None:
    """A client over QUIC that trusts this certificate and no other: prints the greeting, or that it was none."""
    try:
        print(asyncio.run(_greet(address, int(port), name, trust)).decode())
    except (ConnectionError, TimeoutError) as error:
        print(f"refused: {error}")


def _serve(kind: str, address: str, port: str, *tls: str) -> None:
    where = (address, int(port))
    if kind == "quic":
        asyncio.run(_serve_quic(address, int(port), *map(Path, tls)))
    server: socketserver.BaseServer
    if kind == "tcp":
        server = socketserver.ThreadingTCPServer(where, _Raw)
    elif kind == "dns":
        server = socketserver.UDPServer(where, _Names)
    else:
        server = _Server(where, _Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, True, do_handshake_on_connect=False)
    server.serve_forever()


def free_port() -> int:
    """A port for a server that is started later: none of those that systems give to whoever asks for any, because
    another test may ask meanwhile."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def running(command: list[Any], port: int | None, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that listens on this TCP port (None: that is waited for elsewhere); it is stopped at the end, by
    its id."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**environment, **more.pop("env", {})},
        **more,
    )
    try:
        if port is not None:
            wait_for(lambda: process.poll() is not None or listens(port))
        assert process.poll() is None, process.communicate()[0]
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=20)


def stop(process: subprocess.Popen[str]) -> str:
    """Ctrl-C, and what the process said."""
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=30)[0]


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """What the condition gives, as soon as it gives something."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found or time.monotonic() > end:
            return found
        time.sleep(0.05)


def through(proxy: int, host: str, port: int, trust: Path, path: str = "/") -> bytes:
    """A GET by TLS through an HTTP proxy, by a client that trusts this certificate and no other."""
    context = ssl.create_default_context(cafile=str(trust))
    client = http.client.HTTPSConnection("127.0.0.1", proxy, timeout=20, context=context)
    client.set_tunnel(host, port)
    try:
        client.request("GET", path)
        return client.getresponse().read()
    finally:
        client.close()


def flows(path: Path) -> list[flow.Flow]:
    with path.open("rb") as file:
        return list(FlowReader(file).stream())


def transmissions(path: Path) -> list[Transmission]:
    return list(mitm.read(path.read_bytes()))


def listens(port: int) -> bool:
    """Whether something takes TCP connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    (greet if sys.argv[1] == "greet" else _serve)(*sys.argv[1 + (sys.argv[1] == "greet") :])
