"""QUIC and HTTP/3, from what the library aioquic writes on both sides."""

import io
import os
import random
from pathlib import Path

import pytest
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet import QuicProtocolVersion
from aioquic.tls import CipherSuite, SessionTicket

from phonehome.analysis.transmission import Transmission
from tests.sources.packets.build import (
    PHONE,
    PHONE_MAC,
    ROUTER_MAC,
    SERVER,
    START,
    Timed,
    ethernet,
    pcap,
    udp,
)
from tests.sources.packets.live import NAME, certificate, opened, read, tshark

Record = list[tuple[str, str, bytes]]


class Quic:
    """A client and a server that talk HTTP/3, captured. `record` is what the server says it got."""

    def __init__(
        self,
        folder: Path,
        *,
        version: int = QuicProtocolVersion.VERSION_1,
        suite: CipherSuite | None = None,
        ticket: SessionTicket | None = None,
        tickets: dict[bytes, SessionTicket] | None = None,
        alpn: list[str] = H3_ALPN,
        padding: bytes = b"",
    ) -> None:
        crt, pem = certificate(folder)
        self.log = io.StringIO()
        self.frames: list[Timed] = []
        self.record: Record = []
        self.tickets: list[SessionTicket] = []
        self.now = START
        client = QuicConfiguration(
            is_client=True, alpn_protocols=alpn, server_name=NAME, secrets_log_file=self.log
        )
        client.load_verify_locations(str(crt))
        client.original_version = version
        client.supported_versions = [version, QuicProtocolVersion.VERSION_1]
        client.session_ticket = ticket
        if suite:
            client.cipher_suites = [suite]
        server = QuicConfiguration(is_client=False, alpn_protocols=alpn)
        server.load_cert_chain(crt, pem)
        server.supported_versions = [version, QuicProtocolVersion.VERSION_1]
        tickets = {} if tickets is None else tickets
        self.client = QuicConnection(configuration=client, session_ticket_handler=self.tickets.append)
        self.client.connect((SERVER, 443), now=self.now)
        self.server = QuicConnection(
            configuration=server,
            original_destination_connection_id=self.client.original_destination_connection_id,
            session_ticket_handler=lambda ticket: tickets.update({ticket.ticket: ticket}),
            session_ticket_fetcher=tickets.get,
        )
        self.h3: list[H3Connection | None] = [None, None]
        self._bodies: dict[int, tuple[list[tuple[bytes, bytes]], bytes]] = {}

    def move(self, rounds: int = 6) -> "Quic":
        for _ in range(rounds):
            for sender, (one, other) in enumerate(((self.client, self.server), (self.server, self.client))):
                self.now += 0.001
                for data, _ in one.datagrams_to_send(self.now):
                    ends = ((PHONE, 5555), (SERVER, 443))
                    source, target = ends if sender == 0 else ends[::-1]
                    macs = (PHONE_MAC, ROUTER_MAC) if sender == 0 else (ROUTER_MAC, PHONE_MAC)
                    self.frames.append((self.now, ethernet(udp(*source, *target, data), *macs)))
                    other.receive_datagram(data, ends[sender], self.now)
                while event := other.next_event():
                    h3 = self.h3[1 - sender]
                    if h3 is None:
                        h3 = self.h3[1 - sender] = H3Connection(other)
                    for found in h3.handle_event(event):
                        if sender == 0:
                            self._serve(found)
        return self

    def _serve(self, event: object) -> None:
        if isinstance(event, HeadersReceived):
            headers, body = self._bodies.get(event.stream_id, ([], b""))
            self._bodies[event.stream_id] = (headers or event.headers, body)
        elif isinstance(event, DataReceived):
            headers, body = self._bodies.get(event.stream_id, ([], b""))
            self._bodies[event.stream_id] = (headers, body + event.data)
        else:
            return
        if event.stream_ended:
            headers, body = self._bodies.pop(event.stream_id)
            named = dict(headers)
            self.record.append((named[b":method"].decode(), named[b":path"].decode(), body))
            h3 = self.h3[1]
            assert h3 is not None
            h3.send_headers(event.stream_id, [(b":status", b"200"), (b"x-a", b"b" * 40)])
            h3.send_data(event.stream_id, b"got %d" % len(body), end_stream=True)

    def ask(self, path: str, *bodies: bytes) -> "Quic":
        h3 = self.h3[0] = self.h3[0] or H3Connection(self.client)
        stream = self.client.get_next_available_stream_id()
        head = [
            (b":method", b"POST"),
            (b":scheme", b"https"),
            (b":authority", NAME.encode()),
            (b":path", path.encode()),
        ]
        h3.send_headers(stream, [*head, (b"user-agent", b"x" * 30)], end_stream=not bodies)
        for place, body in enumerate(bodies):
            h3.send_data(stream, body, end_stream=place == len(bodies) - 1)
        return self

    def saved(self, folder: Path, frames: list[Timed] | None = None) -> tuple[Path, Path]:
        path, log = folder / "quic.pcap", folder / "quic.log"
        path.write_bytes(pcap(self.frames if frames is None else frames))
        log.write_text(self.log.getvalue())
        return path, log


def told(
    folder: Path, talk: Quic, frames: list[Timed] | None = None
) -> tuple[list[Transmission], dict[str, int]]:
    return read(*talk.saved(folder, frames))


@pytest.mark.parametrize("version", [QuicProtocolVersion.VERSION_1, QuicProtocolVersion.VERSION_2])
@pytest.mark.parametrize(
    "suite",
    [CipherSuite.AES_128_GCM_SHA256, CipherSuite.AES_256_GCM_SHA384, CipherSuite.CHACHA20_POLY1305_SHA256],
)
def test_each_exchange_as_the_server_had_it(tmp_path: Path, version: int, suite: CipherSuite) -> None:
    talk = Quic(tmp_path, version=version, suite=suite).move()
    for number in range(5):
        talk.ask(f"/{number}?x=y", b'{"imei": "490154203237518"}', os.urandom(3000 * number)).move()
    talk.ask("/6").ask("/7", b"two at once").move(12)
    found, counted = told(tmp_path, talk)
    assert sorted(opened(found)) == sorted(talk.record)
    assert len(found) == 7
    assert counted == {}
    for sent in found:
        assert (sent.host, sent.host_source, sent.http_version, sent.transport) == (
            NAME,
            "sni",
            "HTTP/3",
            "udp",
        )
        assert (sent.encrypted, sent.unopened) == (True, None)
        assert sent.reply is not None
        assert sent.round_trips is not None
        assert sent.round_trips.tcp is None
        assert sent.round_trips.tls
        assert sent.round_trips.first_byte
        assert (sent.reply.status, sent.reply.body) == (200, b"got %d" % len(b"".join(sent.payloads)))


def test_without_keys_the_name(tmp_path: Path) -> None:
    talk = Quic(tmp_path).move().ask("/a", b"x").move()
    path, log = talk.saved(tmp_path)
    (sent,), counted = read(path)
    assert (sent.protocol, sent.host, sent.encrypted, sent.unopened) == ("quic", NAME, True, "no-keys")
    assert counted == {}
    log.write_text(f"CLIENT_RANDOM {'00' * 32} {'00' * 48}\n")
    (sent,), counted = read(path, log)
    assert counted == {"QUIC connections were not opened (no key of it was given)": 1}


def test_a_hello_over_several_packets_in_any_order(tmp_path: Path) -> None:
    # A list of protocols that makes the hello longer than a packet.
    talk = Quic(
        tmp_path, alpn=[*H3_ALPN, *(f"protocol-{number:03}-{'x' * 80}" for number in range(30))]
    ).move()
    first = [frame for frame in talk.frames[:6] if frame[1][6:12] == PHONE_MAC and frame[1][42] & 0x80][:3]
    assert len(first) == 3
    for seed in range(6):
        mixed = random.Random(seed).sample(first, 3)
        (sent,), _ = told(tmp_path, talk, [(START + place, frame) for place, (_, frame) in enumerate(mixed)])
        assert sent.host == NAME
    (sent,), _ = told(tmp_path, talk, first[1:])
    assert sent.host is None


def test_a_key_update(tmp_path: Path) -> None:
    talk = Quic(tmp_path).move().ask("/1", b"before").move()
    talk.client.request_key_update()
    talk.ask("/2", b"behind").move().ask("/3", b"and on").move()
    talk.server.request_key_update()
    talk.ask("/4", b"again").move()
    assert opened(told(tmp_path, talk)[0]) == talk.record
    assert len(talk.record) == 4


def test_early_data(tmp_path: Path) -> None:
    tickets: dict[bytes, SessionTicket] = {}
    first = Quic(tmp_path, tickets=tickets).move().ask("/first", b"x").move()
    assert first.tickets
    again = Quic(tmp_path, ticket=first.tickets[0], tickets=tickets).ask("/early", b"bird").move(8)
    assert again.client.tls.early_data_accepted
    assert opened(told(tmp_path, again)[0]) == again.record == [("POST", "/early", b"bird")]


def test_packets_out_of_order_and_twice(tmp_path: Path) -> None:
    talk = Quic(tmp_path).move()
    for number in range(4):
        talk.ask(f"/{number}", os.urandom(9000)).move()
    chance = random.Random(3)
    frames = []
    for place in range(0, len(talk.frames), 4):
        group = [frame for _, frame in talk.frames[place : place + 4]]
        group.append(chance.choice(group))
        chance.shuffle(group)
        frames += [(talk.frames[place][0], frame) for frame in group]
    assert sorted(opened(told(tmp_path, talk, frames)[0])) == sorted(talk.record)


def test_what_the_capture_lacks_costs_only_what_was_in_it(tmp_path: Path) -> None:
    talk = Quic(tmp_path).move()
    for number in range(6):
        talk.ask(f"/{number}", os.urandom(3000)).move()
    large = [place for place, (_, frame) in enumerate(talk.frames) if len(frame) > 1200]
    found, _ = told(tmp_path, talk, [frame for place, frame in enumerate(talk.frames) if place != large[-2]])
    whole = [sent for sent in opened(found) if sent in talk.record]
    assert len(whole) >= 5


def test_what_tshark_says(tmp_path: Path) -> None:
    talk = Quic(tmp_path).move().ask("/a?b=c", b"hello").move()
    path, log = talk.saved(tmp_path)
    assert tshark(path, None, "tls.handshake.type == 1", "tls.handshake.extensions_server_name") == [[NAME]]
    said = tshark(path, log, "quic.stream_data contains 68:65:6c:6c:6f", "quic.stream.stream_id")
    assert said
    (sent,), _ = read(path, log)
    assert sent.payloads == (b"hello",)
