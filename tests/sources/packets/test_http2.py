"""HTTP/2, from what the library h2 writes on both sides."""

import gzip
import os

import h2.config
import h2.connection
import h2.events
import pytest
from hpack import Encoder

from phonehome.analysis.examiner import Examiner
from phonehome.analysis.transmission import Reply
from tests.sources.packets.build import Talk
from tests.sources.packets.test_http1 import sent_in
from tests.sources.packets.test_websocket import frame as websocket_frame

Pair = tuple[h2.connection.H2Connection, h2.connection.H2Connection]
HEAD = [(":method", "POST"), (":path", "/a?b=c"), (":scheme", "https"), (":authority", "a.example")]


def pair() -> Pair:
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    client.initiate_connection()
    server.initiate_connection()
    return client, server


def move(both: Pair, talk: Talk) -> None:
    """What each has to say, to the other and to the capture."""
    client, server = both
    for _ in range(3):
        if data := client.data_to_send():
            talk.send(data)
            server.receive_data(data)
        if data := server.data_to_send():
            talk.reply(data)
            client.receive_data(data)


@pytest.mark.parametrize("segment", [7, 100, 1400])
def test_streams_that_are_mixed(segment: int) -> None:
    talk = Talk(segment=segment).open()
    both = client, server = pair()
    client.send_headers(1, [*HEAD, ("user-agent", "x" * 50)])
    client.send_headers(3, [*HEAD[:1], (":path", "/other"), *HEAD[2:], ("user-agent", "x" * 50)])
    client.send_data(3, b"three", end_stream=True)
    move(both, talk)
    client.send_data(1, b"one ")
    server.send_headers(3, [(":status", "204")], end_stream=True)
    move(both, talk)
    client.send_data(1, b"and more", end_stream=True, pad_length=9)
    server.send_headers(1, [(":status", "200"), ("content-encoding", "gzip")])
    server.send_data(1, b"answer", end_stream=True)
    move(both, talk)
    one, three = sorted(sent_in(talk.close().frames), key=lambda sent: sent.path)
    assert (one.method, one.path, one.host, one.host_source) == ("POST", "/a?b=c", "a.example", "authority")
    assert (one.payloads, one.http_version, one.headers) == (
        (b"one and more",),
        "HTTP/2.0",
        (("user-agent", "x" * 50),),
    )
    assert one.reply == Reply(200, "gzip", b"answer", 6)
    assert (three.path, three.payloads, three.reply) == ("/other", (b"three",), Reply(204, "", b"", 0))


def test_trailers_and_headers_that_go_on() -> None:
    talk = Talk().open()
    both = client, server = pair()
    client.send_headers(
        1, [*HEAD, *((f"x-{number}", "y" * 200) for number in range(200)), ("te", "trailers")]
    )
    client.send_data(1, b"\0\0\0\0\5hello")
    client.send_headers(1, [("x-last", "z")], end_stream=True)
    move(both, talk)
    server.send_headers(1, [(":status", "200")])
    server.send_data(1, b"\0\0\0\0\0")
    server.send_headers(1, [("grpc-status", "0")], end_stream=True)
    move(both, talk)
    (sent,) = sent_in(talk.close().frames)
    assert len(sent.headers) == 202
    assert sent.headers[-1] == ("x-last", "z")
    assert sent.payloads == (b"\0\0\0\0\5hello",)
    assert sent.reply is not None
    assert sent.reply.status == 200


def test_a_connection_that_begins_as_http_1() -> None:
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    settings = (client.initiate_upgrade_connection() or b"").decode()
    server.initiate_upgrade_connection(settings.encode())
    talk = Talk().open()
    talk.send(
        b"GET /first?x=1 HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: %s\r\nX-Imei: 1\r\n\r\n" % settings.encode()
    )
    talk.reply(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    both = client, server
    move(both, talk)
    server.send_headers(1, [(":status", "200")])
    server.send_data(1, b"first", end_stream=True)
    move(both, talk)
    client.send_headers(3, [*HEAD[:1], (":path", "/second"), *HEAD[2:]])
    client.send_data(3, b"body", end_stream=True)
    move(both, talk)
    server.send_headers(3, [(":status", "204")], end_stream=True)
    move(both, talk)
    first, second = sent_in(talk.close().frames)
    assert (first.method, first.path, first.host, first.http_version) == (
        "GET",
        "/first?x=1",
        "a.example",
        "HTTP/2.0",
    )
    assert ("X-Imei", "1") in first.headers
    assert first.reply == Reply(200, "", b"first", 5)
    assert (second.path, second.payloads, second.reply) == ("/second", (b"body",), Reply(204, "", b"", 0))
    assert {first.transport_outcome, second.transport_outcome} == {"delivered"}


def test_what_grpc_carries_is_read() -> None:
    message = b"\x0a\x0f356938035643809\x10\x05"  # field 1: text, field 2: a number
    talk = Talk().open()
    both = client, server = pair()
    head = [
        *HEAD[:1],
        (":path", "/maker.Activation/Register"),
        *HEAD[2:],
        ("content-type", "application/grpc"),
    ]
    client.send_headers(1, [*head, ("te", "trailers"), ("grpc-encoding", "gzip")])
    squeezed = gzip.compress(message)
    client.send_data(1, b"\0" + len(message).to_bytes(4) + message)
    client.send_data(1, b"\1" + len(squeezed).to_bytes(4) + squeezed, end_stream=True)
    move(both, talk)
    server.send_headers(1, [(":status", "200"), ("content-type", "application/grpc")])
    server.send_data(1, b"\0\0\0\0\0")
    server.send_headers(1, [("grpc-status", "0"), ("grpc-message", "")], end_stream=True)
    move(both, talk)
    (sent,) = sent_in(talk.close().frames)
    evidence = Examiner().examine(sent)
    texts = [value.path for value in evidence.values if value.data == "356938035643809"]
    assert len(texts) == 2
    assert all("grpc" in path for path in texts)
    assert not evidence.opaque
    assert sent.reply is not None
    assert (sent.reply.status, sent.transport_outcome) == (200, "delivered")


def test_a_websocket_inside() -> None:
    talk = Talk().open()
    client, server = pair()
    server.local_settings.update({8: 1})
    talk.send(client.data_to_send())
    encoder = Encoder()
    head = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":path", "/w"),
        (":scheme", "https"),
        (":authority", "a"),
    ]
    block = encoder.encode(head)
    body = websocket_frame(b'{"imei": 1}')
    talk.send(len(block).to_bytes(3) + b"\x01\x04\0\0\0\x01" + block)
    talk.send(len(body).to_bytes(3) + b"\x00\x01\0\0\0\x01" + body)
    (sent,) = sent_in(talk.close().frames)
    assert (sent.protocol, sent.path, sent.payloads) == ("websocket", "/w", (b'{"imei": 1}',))


def test_behind_a_gap_nothing_is_guessed() -> None:
    talk = Talk().open()
    both = client, server = pair()
    for stream in (1, 3, 5):
        client.send_headers(stream, [*HEAD, ("x-stream", str(stream))])
        client.send_data(stream, os.urandom(3000), end_stream=True)
        server_replies = both
        move(both, talk)
        server.send_headers(stream, [(":status", "200")], end_stream=True)
        move(server_replies, talk)
    frames = talk.close().frames
    large = [place for place, (_, frame) in enumerate(frames) if len(frame) > 1000]
    found = sent_in([frame for place, frame in enumerate(frames) if place != large[3]])
    assert found[0].path == "/a?b=c"
    assert len(found) < 3


def test_noise_behind_a_preface() -> None:
    for _ in range(20):
        sent_in(
            Talk()
            .open()
            .send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + os.urandom(500))
            .reply(os.urandom(300))
            .frames
        )
