"""Captures of real clients and servers, made on the loopback interface while they talk.

It takes a raw socket, so the tests that need it skip themselves where they may not have one.
"""

import datetime
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from phonehome.analysis.sources import open_source
from phonehome.analysis.transmission import Transmission
from tests.sources.packets.build import Timed, pcap

_ALL = 3
_OUTGOING = 4
NAME = "server.example"


def may_capture() -> bool:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL)).close()
    except (AttributeError, OSError):
        return False
    return True


needs_capture = pytest.mark.skipif(not may_capture(), reason="a raw socket is for root, and for Linux")
TSHARK = shutil.which("tshark")


class Loopback:
    """Captures what passes over the loopback interface."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        self._socket.bind(("lo", 0))
        self._socket.settimeout(0.05)
        self._over = threading.Event()
        self.frames: list[Timed] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        quiet = 0
        while quiet < 4:
            try:
                frame, address = self._socket.recvfrom(1 << 17)
            except TimeoutError:
                quiet += self._over.is_set()
                continue
            if address[2] != _OUTGOING:  # each packet is seen going out and coming in
                self.frames.append((time.time(), frame))

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def of_port(self, port: int) -> list[Timed]:
        """The frames of one server."""
        wanted = port.to_bytes(2)
        return [
            (time_, frame)
            for time_, frame in self.frames
            if frame[12:14] == b"\x08\x00" and wanted in (frame[34:36], frame[36:38])
        ]


@contextmanager
def captured(folder: Path, port: int, *, linger: float = 0.1) -> Iterator[Path]:
    """Captures until the block ends; then the file is there."""
    path = folder / "capture.pcap"
    loopback = Loopback()
    try:
        yield path
        time.sleep(linger)
    finally:
        loopback.stop()
        path.write_bytes(pcap(loopback.of_port(port)))


def certificate(folder: Path, *, key: str = "ec") -> tuple[Path, Path]:
    """A certificate for NAME that signs itself, and its key."""
    private = (
        ec.generate_private_key(ec.SECP256R1()) if key == "ec" else rsa.generate_private_key(65537, 2048)
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(private, hashes.SHA256())
    )
    crt, pem = folder / "server.crt", folder / "server.key"
    crt.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return crt, pem


@dataclass
class Server:
    """A TLS server on the loopback interface, one thread for each connection. `record` is what it says it got."""

    context: ssl.SSLContext | None
    handle: Callable[[socket.socket, list[tuple[str, str, bytes]]], None]
    record: list[tuple[str, str, bytes]] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def running(self) -> Iterator["Server"]:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        threads = []

        def serve(connection: socket.socket) -> None:
            try:
                with connection:
                    if self.context is None:
                        self.handle(connection, self.record)
                        return
                    with self.context.wrap_socket(connection, server_side=True) as secure:
                        self.handle(secure, self.record)
            except OSError:
                pass

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=serve, args=(connection,), daemon=True)
                thread.start()
                threads.append(thread)

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield self
            for thread in threads:
                thread.join(5)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            accepting.join(5)


def http1(connection: socket.socket, record: list[tuple[str, str, bytes]]) -> None:
    """HTTP/1.1 with kept connections; a reply echoes the size of the body, in chunks if the path says so."""
    file = connection.makefile("rb")
    while line := file.readline():
        method, path, _ = line.decode().split()
        length = 0
        chunked = False
        while (field_ := file.readline().decode().strip().lower()) != "":
            if field_.startswith("content-length:"):
                length = int(field_.split(":")[1])
            chunked |= field_ == "transfer-encoding: chunked"
        body = file.read(length)
        while chunked and (size := int(file.readline(), 16)):
            body += file.read(size)
            file.readline()
        if chunked:
            file.readline()
        record.append((method, path, body))
        answer = f"got {len(body)}".encode() * (300 if "long" in path else 1)
        if "chunks" in path:
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(answer), answer))
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)


def read(path: Path, *logs: Path) -> tuple[list[Transmission], dict[str, int]]:
    """What the capture holds, in order of time; and what was counted."""
    with open_source(path, logs) as source:
        plan = source.plan(1 << 30)
        found = [sent for part in plan.parts for sent in source.read(part)]
        return sorted(found, key=lambda sent: sent.time), dict(source.counted())


def opened(found: list[Transmission]) -> list[tuple[str, str, bytes]]:
    """As a server's record has it."""
    return [
        (sent.method or "", sent.path, b"".join(sent.payloads))
        for sent in found
        if sent.protocol in ("http", "websocket")
    ]


def tshark(path: Path, log: Path | None, display: str, *fields: str) -> list[list[str]]:
    """What tshark says of a capture: the fields of each packet that the filter lets through."""
    if TSHARK is None:
        pytest.skip("tshark is not installed")
    keys = ["-o", f"tls.keylog_file:{log}"] if log else []
    wanted = [part for name in fields for part in ("-e", name)]
    done = subprocess.run(
        [TSHARK, "-r", str(path), *keys, "-Y", display, "-T", "fields", *wanted],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [line.split("\t") for line in done.stdout.splitlines()]
