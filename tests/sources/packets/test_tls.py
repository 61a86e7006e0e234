"""TLS: what is known without keys, and with the keys each exchange as the server had it."""

import os
import shutil
import socket
import ssl
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.sources.packets import hello, tls
from phonehome.analysis.transmission import Transmission
from tests.sources.packets.build import Talk, client_hello, record, saved
from tests.sources.packets.live import (
    NAME,
    Server,
    captured,
    certificate,
    http1,
    needs_capture,
    opened,
    read,
    tshark,
)

ALERT = 21


def one(folder: Path, talk: Talk) -> Transmission:
    found, _ = read(saved(folder, talk.frames))
    (sent,) = found
    return sent


class TestWithoutKeys:
    def test_the_name_of_a_hello_in_pieces(self, tmp_path: Path) -> None:
        talk = Talk(port=443, segment=40).open().send(record(22, client_hello("www.a.example")))
        talk.reply(record(22, b"\x02" + bytes(40))).send(record(23, os.urandom(200), 0x303)).close()
        sent = one(tmp_path, talk)
        assert (sent.protocol, sent.host, sent.host_source) == ("tls", "www.a.example", "sni")
        assert (sent.encrypted, sent.unopened) == (True, "no-keys")
        assert sent.payloads == ()

    def test_a_hello_in_several_records(self, tmp_path: Path) -> None:
        message = client_hello("www.a.example", extra=struct.pack(">HH", 0xAAAA, 600) + bytes(600))
        records = b"".join(record(22, message[start : start + 100]) for start in range(0, len(message), 100))
        assert one(tmp_path, Talk(port=443).open().send(records).close()).host == "www.a.example"

    def test_a_server_that_refuses(self, tmp_path: Path) -> None:
        talk = (
            Talk(port=443)
            .open()
            .send(record(22, client_hello("a.example")))
            .reply(record(ALERT, b"\x02\x46"))
        )
        sent = one(tmp_path, talk.close())
        assert (sent.unopened, sent.reply, sent.transport_outcome) == ("failed", None, "attempted")

    def test_a_device_that_does_not_accept_the_certificate(self, tmp_path: Path) -> None:
        talk = (
            Talk(port=443)
            .open()
            .send(record(22, client_hello("a.example")))
            .reply(record(22, b"\x02" + bytes(60)))
        )
        sent = one(tmp_path, talk.send(record(ALERT, b"\x02\x30")).close())
        assert (sent.unopened, sent.reply) == ("refused", None)

    def test_an_alert_behind_the_handshake_is_no_refusal(self, tmp_path: Path) -> None:
        talk = (
            Talk(port=443)
            .open()
            .send(record(22, client_hello("a.example")))
            .reply(record(23, bytes(300), 0x303))
        )
        sent = one(tmp_path, talk.send(record(23, bytes(50), 0x303)).send(record(ALERT, b"\x02\x30")).close())
        assert sent.unopened == "no-keys"

    def test_one_that_was_begun_before_the_capture(self, tmp_path: Path) -> None:
        talk = (
            Talk(port=443).send(record(23, os.urandom(300), 0x303)).reply(record(23, os.urandom(300), 0x303))
        )
        sent = one(tmp_path, talk)
        assert (sent.protocol, sent.host, sent.encrypted, sent.unopened) == ("tls", None, True, "no-keys")

    def test_a_hello_that_nobody_answered(self, tmp_path: Path) -> None:
        talk = Talk(port=443).open().send(record(22, client_hello("a.example")), acked=False)
        talk.time += 60
        sent = one(tmp_path, talk.reset(0))
        assert (sent.unopened, sent.reply, sent.transport_outcome) == (None, None, "attempted")

    @given(st.binary(max_size=300))
    def test_hellos_of_noise(self, noise: bytes) -> None:
        hello.client_hello(noise)
        hello.client_hello(noise, datagram=True)
        hello.server_hello(noise)
        hello.chosen_protocol(noise)
        assert tls.is_client_hello(noise) in (True, False, None)


def contexts(folder: Path, *, key: str = "ec") -> tuple[ssl.SSLContext, ssl.SSLContext, Path]:
    crt, pem = certificate(folder, key=key)
    log = folder / "keys.log"
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(crt, pem)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(crt)
    client.keylog_filename = str(log)
    return client, server, log


def request(body: bytes, path: str = "/a", method: str = "POST") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def converse(connection: ssl.SSLSocket, *bodies: bytes, path: str = "/a") -> None:
    file = connection.makefile("rb")
    for body in bodies:
        connection.sendall(request(body, path))
        length = 0
        while (line := file.readline().strip()) != b"":
            if line.lower().startswith(b"content-length"):
                length = int(line.split(b":")[1])
        file.read(length)


SUITES_12 = [
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "ec"),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", "ec"),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", "ec"),
    ("ECDHE-ECDSA-AES128-CCM", "ec"),
    ("ECDHE-ECDSA-AES128-CCM8", "ec"),
    ("ECDHE-ECDSA-AES256-CCM", "ec"),
    ("ECDHE-ECDSA-AES128-SHA", "ec"),
    ("ECDHE-ECDSA-AES256-SHA384", "ec"),
    ("ECDHE-RSA-AES128-SHA256", "rsa"),
    ("AES256-SHA", "rsa"),
    ("AES128-GCM-SHA256", "rsa"),
]


@needs_capture
class TestWithKeys:
    @pytest.mark.parametrize(("suite", "key"), SUITES_12)
    def test_tls_1_2(self, tmp_path: Path, suite: str, key: str) -> None:
        client, server, log = contexts(tmp_path, key=key)
        for context in (client, server):
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(suite + ":@SECLEVEL=0")
        self.check(tmp_path, client, server, log, "TLSv1.2")

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
    def test_older_ones(self, tmp_path: Path, version: ssl.TLSVersion) -> None:
        client, server, log = contexts(tmp_path, key="rsa")
        for context in (client, server):
            context.set_ciphers("AES128-SHA:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
        name = {ssl.TLSVersion.TLSv1: "TLSv1", ssl.TLSVersion.TLSv1_1: "TLSv1.1"}[version]
        self.check(tmp_path, client, server, log, name)

    def test_tls_1_3(self, tmp_path: Path) -> None:
        self.check(tmp_path, *contexts(tmp_path), "TLSv1.3")

    def check(
        self, folder: Path, client: ssl.SSLContext, server: ssl.SSLContext, log: Path, version: str
    ) -> None:
        bodies = (b'{"imei": "490154203237518"}', os.urandom(100_000), b"")
        with Server(server, http1).running() as running, captured(folder, running.port) as path:
            for _ in range(2):  # the second resumes the first's session
                with socket.create_connection(("127.0.0.1", running.port)) as plain:
                    session = None
                    with client.wrap_socket(plain, server_hostname=NAME, session=session) as secure:
                        converse(secure, *bodies)
                        session = secure.session
        found, counted = read(path, log)
        assert opened(found) == running.record
        assert len(running.record) == 6
        assert counted == {}
        for sent in found:
            assert (sent.host, sent.host_source, sent.encrypted) == (NAME, "sni", True)
            assert (sent.tls_version, sent.unopened, sent.http_version) == (version, None, "HTTP/1.1")
            assert sent.reply is not None
            assert sent.reply.status == 200
            assert sent.reply.body == b"got %d" % len(b"".join(sent.payloads))
            assert sent.round_trips is not None
            assert all(0 < took < 5 for took in sent.round_trips if took is not None)
            assert sent.round_trips.tls

    def test_a_session_that_is_resumed(self, tmp_path: Path) -> None:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client, server, log = contexts(tmp_path)
            client.maximum_version = version
            with Server(server, http1).running() as running, captured(tmp_path, running.port) as path:
                session = None
                for number in range(2):
                    with (
                        socket.create_connection(("127.0.0.1", running.port)) as plain,
                        client.wrap_socket(plain, server_hostname=NAME, session=session) as secure,
                    ):
                        converse(secure, b"number %d" % number)
                        assert secure.session_reused == bool(number)
                        session = secure.session
            assert opened(read(path, log)[0]) == running.record
            assert len(running.record) == 2

    def test_keys_that_fit_nothing_are_told_from_none(self, tmp_path: Path) -> None:
        client, server, log = contexts(tmp_path)
        with (
            Server(server, http1).running() as running,
            captured(tmp_path, running.port) as path,
            socket.create_connection(("127.0.0.1", running.port)) as plain,
            client.wrap_socket(plain, server_hostname=NAME) as secure,
        ):
            converse(secure, b"secret")
        found, counted = read(path)
        assert [(sent.protocol, sent.unopened) for sent in found] == [("tls", "no-keys")]
        assert counted == {}
        other = tmp_path / "other.log"
        other.write_text(f"CLIENT_RANDOM {'00' * 32} {'00' * 48}\n")
        _, counted = read(path, other)
        assert counted == {"TLS connections were not opened (no key of it was given)": 1}
        wrong = tmp_path / "wrong.log"
        lines = log.read_text().splitlines()
        wrong.write_text("\n".join(line[:-4] + "0000" for line in lines if not line.startswith("#")))
        found, counted = read(path, wrong)
        assert counted == {"TLS connections were not opened (the keys do not fit it)": 1}
        assert found[0].unopened == "no-keys"

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_behind_a_gap_reading_goes_on(self, tmp_path: Path, version: ssl.TLSVersion) -> None:
        client, server, log = contexts(tmp_path)
        client.maximum_version = version
        with (
            Server(server, http1).running() as running,
            captured(tmp_path, running.port) as path,
            socket.create_connection(("127.0.0.1", running.port)) as plain,
            client.wrap_socket(plain, server_hostname=NAME) as secure,
        ):
            converse(secure, b"first")
            for _ in range(20):
                secure.sendall(request(b"x" * 60_000)[:20_000])
                secure.sendall(request(b"x" * 60_000)[20_000:])
                secure.recv(1000)
            converse(secure, b"last")
        data = path.read_bytes()
        whole, _ = read(path, log)
        assert opened(whole) == running.record
        # Each packet of the middle that carries much is lost, one at a time.
        truncated = 0
        for lost in range(5, 15):
            position, kept, seen = 24, data[:24], 0
            while position < len(data):
                size = 16 + struct.unpack_from("<I", data, position + 8)[0]
                large = size > 12_000
                seen += large
                if not (large and seen == lost):
                    kept += data[position : position + size]
                position += size
            path.write_bytes(kept)
            found, _ = read(path, log)
            assert opened(found)[0] == running.record[0]
            assert opened(found)[-1] == running.record[-1]
            assert len(found) >= len(whole) - 1
            truncated += sum(sent.truncated for sent in found)
        assert truncated > 0

    def test_what_tshark_says(self, tmp_path: Path) -> None:
        client, server, log = contexts(tmp_path)
        with (
            Server(server, http1).running() as running,
            captured(tmp_path, running.port) as path,
            socket.create_connection(("127.0.0.1", running.port)) as plain,
            client.wrap_socket(plain, server_hostname=NAME) as secure,
        ):
            converse(secure, b"one", b"two and two", path="/long?x=1")
        found, _ = read(path, log)
        decode = f"tls.port=={running.port}"
        said = tshark(
            path, log, "http.request", "http.request.method", "http.request.uri", "http.content_length"
        )
        assert decode
        assert [(sent.method, sent.path, str(len(sent.payloads[0]))) for sent in found] == [
            tuple(line) for line in said
        ]
        names = tshark(path, None, "tls.handshake.type == 1", "tls.handshake.extensions_server_name")
        assert names == [[NAME]]

    def test_curl(self, tmp_path: Path) -> None:
        curl = shutil.which("curl")
        if curl is None:
            pytest.skip("curl is not installed")
        _, server, _ = contexts(tmp_path)
        log = tmp_path / "curl.log"
        with Server(server, http1).running() as running, captured(tmp_path, running.port) as path:
            subprocess.run(
                [curl, "-sk", "--http1.1", "--resolve", f"{NAME}:{running.port}:127.0.0.1",
                 "-H", "Transfer-Encoding: chunked", "-d", "x" * 5000, f"https://{NAME}:{running.port}/chunks?a=b"],
                check=True, capture_output=True, timeout=30, env={**os.environ, "SSLKEYLOGFILE": str(log)},
            )  # fmt: skip
        found, _ = read(path, log)
        assert opened(found) == running.record == [("POST", "/chunks?a=b", b"x" * 5000)]
        assert found[0].reply is not None
        assert found[0].reply.body == b"got 5000"

    def test_early_data(self, tmp_path: Path) -> None:
        openssl = shutil.which("openssl")
        if openssl is None:
            pytest.skip("openssl is not installed")
        crt, pem = certificate(tmp_path)
        log, session, early = tmp_path / "keys.log", tmp_path / "session", tmp_path / "early"
        early.write_bytes(request(b"early bird", "/early"))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = subprocess.Popen(
            [openssl, "s_server", "-accept", f"127.0.0.1:{port}", "-cert", crt, "-key", pem, "-early_data", "-tls1_3",
             "-num_tickets", "2", "-quiet", "-no_anti_replay"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            wait_for(port)
            with captured(tmp_path, port) as path:
                arguments = [
                    openssl, "s_client", "-connect", f"127.0.0.1:{port}", "-servername", NAME, "-tls1_3",
                    "-keylogfile", log,
                ]  # fmt: skip
                first = request(b"first", "/first") + request(b"", "/second", "GET")
                talk([*arguments, "-sess_out", str(session)], first)
                said = talk(
                    [*arguments, "-sess_in", str(session), "-early_data", str(early)],
                    request(b"late", "/late"),
                )
        finally:
            server.terminate()
            server.wait(10)
        assert b"Early data was accepted" in said
        found, _ = read(path, log)
        assert [sent.path for sent in found] == ["/first", "/second", "/early", "/late"]
        assert [sent.payloads for sent in found] == [(b"first",), (), (b"early bird",), (b"late",)]


def wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            import time

            time.sleep(0.05)
        else:
            return
    raise AssertionError("the server does not answer")


def talk(arguments: list[object], text: bytes) -> bytes:
    """What `openssl s_client` says when this is typed into it."""
    import time

    process = subprocess.Popen(
        list(map(str, arguments)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdin is not None
    time.sleep(0.7)
    process.stdin.write(text)
    process.stdin.flush()
    time.sleep(0.5)
    out, _ = process.communicate(timeout=20)
    return out
