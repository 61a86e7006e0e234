"""HTTP/1 in clear, from captures made by hand."""

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonehome.analysis.sources.packets.blocks import Blocks
from phonehome.analysis.sources.packets.conversations import Conversations
from phonehome.analysis.sources.packets.keys import Keys
from phonehome.analysis.sources.packets.notes import Notes
from phonehome.analysis.sources.packets.survey import Survey
from phonehome.analysis.transmission import Reply, Transmission
from tests.sources.packets.build import Talk, Timed, client_hello, pcap, record
from tests.sources.packets.test_websocket import frame

POST = b"POST /a?b=c HTTP/1.1\r\nHost: A.example:80\r\nUser-Agent: x\r\nContent-Length: 5\r\n\r\nhello"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: GZIP\r\n\r\nok"


def sent_in(frames: list[Timed]) -> list[Transmission]:
    data = pcap(sorted(frames, key=lambda frame: frame[0]))
    survey = Survey(Notes())
    survey.read(Blocks(Notes()).frames([data]))
    conversations = Conversations(survey.devices(), Keys(), Notes())
    return sorted(conversations.read(Blocks(Notes()).frames([data])), key=lambda sent: sent.time)


def test_a_request_and_its_reply() -> None:
    (sent,) = sent_in(Talk().open().send(POST).reply(OK).close().frames)
    assert (sent.method, sent.path, sent.http_version) == ("POST", "/a?b=c", "HTTP/1.1")
    assert (sent.host, sent.host_source, sent.encrypted) == ("a.example", "host", False)
    assert sent.headers == (("Host", "A.example:80"), ("User-Agent", "x"), ("Content-Length", "5"))
    assert sent.payloads == (b"hello",)
    assert sent.reply == Reply(200, "gzip", b"ok", 2)
    assert (sent.client, sent.address, sent.port) == ("192.168.1.20", "203.0.113.7", 80)
    assert (sent.bytes_sent, sent.bytes_received) == (len(POST), 2)
    assert sent.transport_outcome == "delivered"


REPLIES = [
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    b"1\r\no\r\n1;x=y\r\nk\r\n0\r\nA: b\r\n\r\n",
    b"HTTP/1.0 200 OK\ncontent-encoding: gzip\n\nok",
]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), st.sampled_from(REPLIES))
def test_it_does_not_matter_how_it_is_cut(segment: int, reply: bytes) -> None:
    request = b"POST /a?b=c HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    request += b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
    (sent,) = sent_in(Talk(segment=segment).open().send(request).reply(reply).close().frames)
    assert sent.payloads == (b"hello",)
    assert sent.reply == Reply(200, "gzip", b"ok", 2)


def test_requests_that_are_sent_before_the_replies() -> None:
    heads = b"HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n"
    replies = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 304 X\r\n\r\n"
    replies += b"HTTP/1.1 404 X\r\nContent-Length: 1\r\n\r\nx"
    found = sent_in(Talk().open().send(heads).reply(replies).close().frames)
    assert [(sent.path, sent.reply and sent.reply.status) for sent in found] == [
        ("/1", 200),
        ("/2", 304),
        ("/3", 404),
    ]


def test_where_the_answer_came_from() -> None:
    reply = OK.replace(b"Content-Length", b"CF-RAY: 8a1b2c3d4e5f6071-AMS\r\nContent-Length")
    (sent,) = sent_in(Talk().open().send(POST).reply(reply).close().frames)
    assert sent.reply is not None
    assert sent.reply.edge == (("cf-ray", "8a1b2c3d4e5f6071-AMS"),)


def test_a_long_reply_is_counted_and_not_kept() -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + bytes(100_000)
    (sent,) = sent_in(Talk().open().send(POST).reply(reply).close().frames)
    assert sent.reply == Reply(200, "", None, 100_000)


def test_a_gap_inside_a_body_is_stepped_over() -> None:
    body = b"x" * 10_000
    request = b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n" + body
    talk = Talk().open().send(request).reply(OK).send(POST).reply(OK).close()
    frames = [frame for place, frame in enumerate(talk.frames) if place != 5]
    first, second = sent_in(frames)
    assert (len(first.payloads[0]), first.truncated) == (8600, 1400)
    assert (second.path, second.payloads) == ("/a?b=c", (b"hello",))


@pytest.mark.parametrize("side", [0, 1])
def test_behind_another_gap_the_next_message_is_found(side: int) -> None:
    lost = (POST[:40] + b"?" * 200, OK)[side]
    talk = Talk().open().send(POST).reply(OK)
    before = len(talk.frames)
    (talk.send if side == 0 else talk.reply)(lost)
    missing = talk.frames[before]
    talk.send(POST.replace(b"/a", b"/z")).reply(OK).close()
    found = sent_in([frame for frame in talk.frames if frame is not missing])
    assert (found[0].path, found[-1].path) == ("/a?b=c", "/z?b=c")
    assert found[-1].reply is not None


def test_one_that_was_begun_before_the_capture() -> None:
    talk = Talk().send(b"the rest of a body that began before\r\n").reply(OK).send(POST).reply(OK).close()
    (sent,) = sent_in(talk.frames)
    assert (sent.path, sent.payloads) == ("/a?b=c", (b"hello",))


def test_what_goes_through_a_proxy_goes_to_another_host() -> None:
    talk = (
        Talk(port=8080).open().send(b"CONNECT www.a.example:443 HTTP/1.1\r\nHost: www.a.example:443\r\n\r\n")
    )
    talk.reply(b"HTTP/1.1 200 Connection established\r\n\r\n")
    talk.send(record(22, client_hello("www.a.example"))).reply(record(22, b"\x02" + bytes(60))).send(
        record(23, bytes(90))
    )
    (sent,) = sent_in(talk.close().frames)
    assert (sent.host, sent.host_source, sent.address, sent.port) == ("www.a.example", "sni", None, 443)
    assert (sent.protocol, sent.encrypted) == ("tls", True)
    (sent,) = sent_in(
        Talk(port=8080).open().send(POST.replace(b"/a?", b"http://b.example/a?")).reply(OK).close().frames
    )
    assert (sent.host, sent.address, sent.path) == ("b.example", None, "/a?b=c")


def test_a_websocket() -> None:
    upgrade = b"GET /w HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    agreed = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
    talk = (
        Talk()
        .open()
        .send(upgrade)
        .reply(agreed + b"\x81\x02hi")
        .send(frame(b'{"imei": 1}') + frame(b"two"))
        .close()
    )
    (sent,) = sent_in(talk.frames)
    assert (sent.protocol, sent.path, sent.payloads) == ("websocket", "/w", (b'{"imei": 1}', b"two"))
    assert sent.reply is not None
    assert (sent.reply.status, sent.bytes_received) == (101, 2)


def test_what_is_no_http() -> None:
    (sent,) = sent_in(
        Talk(port=9998).open().send(b'{"IMEI1":"490154203237518"}').reply(b'{"resultCode":"0"}').frames
    )
    assert (sent.protocol, sent.encrypted, sent.payloads) == ("tcp", False, (b'{"IMEI1":"490154203237518"}',))
    assert sent.reply is not None
    assert sent.reply.body == b'{"resultCode":"0"}'


def test_packed_bodies_stay_as_they_were_transferred() -> None:
    body = gzip.compress(b'{"a": 1}')
    request = (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
        + body
    )
    (sent,) = sent_in(Talk().open().send(request).reply(OK).close().frames)
    assert sent.payloads == (body,)


@settings(deadline=None)
@given(st.data())
def test_no_mutation_raises(data: st.DataObject) -> None:
    content = bytearray(POST + POST)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    reply = bytearray(REPLIES[1])
    reply[data.draw(st.integers(0, len(reply) - 1))] = data.draw(st.integers(0, 255))
    assert sent_in(Talk().open().send(bytes(content)).reply(bytes(reply)).close().frames)
