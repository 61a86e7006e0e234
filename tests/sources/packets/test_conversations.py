"""What is said of a conversation, and of whom: outcomes, devices, bounds."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonehome.analysis.examiner import Examiner
from phonehome.analysis.purposes import outcome
from phonehome.analysis.report.model import Report
from phonehome.analysis.sources.packets.blocks import Blocks
from phonehome.analysis.sources.packets.conversations import SINGLE, Conversations
from phonehome.analysis.sources.packets.keys import Keys
from phonehome.analysis.sources.packets.notes import Notes
from phonehome.analysis.sources.packets.survey import Survey
from phonehome.analysis.transmission import Transmission
from tests.sources.packets.build import (
    ACK,
    PHONE,
    PHONE_MAC,
    ROUTER_MAC,
    RST,
    SERVER,
    START,
    SYN,
    Talk,
    Timed,
    asked,
    client_hello,
    dns_message,
    ethernet,
    ip,
    pcap,
    record,
    tcp,
    udp,
)

REQUEST = b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OTHER_MAC = bytes.fromhex("3c5ab4000002")


def read(frames: list[Timed], shares: int = 1) -> tuple[list[Transmission], dict[str, int]]:
    data = pcap(sorted(frames, key=lambda frame: frame[0]))
    survey = Survey(Notes())
    survey.read(Blocks(Notes()).frames([data]))
    notes = Notes()
    found: list[Transmission] = []
    for share in range(shares):
        found += Conversations(survey.devices(), Keys(), notes, (share, shares)).read(
            Blocks(Notes()).frames([data])
        )
    return sorted(found, key=lambda sent: (sent.time, sent.flow_id)), dict(notes.counts())


def outcome_of(frames: list[Timed]) -> str:
    (sent,), _ = read(frames)
    return outcome(sent, None)


def after_a_while() -> list[Timed]:
    return Talk(time=START + 60, client_port=41000).open().send(b"x").frames


class TestOutcome:
    def test_an_answer(self) -> None:
        assert outcome_of(Talk().open().send(REQUEST).reply(OK).frames) == "delivered"

    def test_confirmed_and_not_answered(self) -> None:
        assert outcome_of(Talk().open().send(REQUEST).frames) == "delivered"

    def test_nobody_is_there(self) -> None:
        talk = Talk()
        talk._packet(0, SYN)
        (sent,), _ = read(talk.frames)
        assert (outcome(sent, None), sent.encrypted, sent.bytes_sent) == ("attempted", None, 0)
        assert (sent.protocol, sent.address_source) == ("tcp", "request")

    def test_refused(self) -> None:
        talk = Talk()
        talk._packet(0, SYN)
        assert outcome_of(talk.reset().frames) == "attempted"

    def test_reset_before_it_was_confirmed(self) -> None:
        assert outcome_of(
            [*Talk().open().send(REQUEST, acked=False).reset().frames[:4], Talk().open().reset().frames[-1]]
        )
        talk = Talk().open()
        before = talk.numbers[0]
        talk.send(REQUEST, acked=False)
        after, talk.numbers[0] = talk.numbers[0], before
        talk.reset()
        assert after > before
        assert outcome_of(talk.frames) == "attempted"

    def test_never_confirmed_while_the_capture_goes_on(self) -> None:
        found, _ = read(Talk().open().send(REQUEST, acked=False).frames + after_a_while())
        assert outcome(found[0], None) == "attempted"

    def test_the_capture_ends_too_soon_to_tell(self) -> None:
        assert outcome_of(Talk().open().send(REQUEST, acked=False).frames) == "unknown"

    def test_only_the_device_was_captured_and_it_heard_something(self) -> None:
        assert outcome_of(Talk().open().send(REQUEST).reply(OK).close().only(0)) == "delivered"

    def test_only_the_device_was_captured_and_it_heard_nothing(self) -> None:
        assert outcome_of(Talk().open().send(REQUEST).only(0)) == "unknown"

    def test_only_the_server_was_captured(self) -> None:
        frames = (
            Talk(port=443)
            .open()
            .send(record(22, client_hello("a.example")))
            .reply(bytes(900))
            .close()
            .only(1)
        )
        (sent,), _ = read(frames)
        assert (sent.client, sent.host, sent.payloads) == (PHONE, None, ())
        assert sent.bytes_sent == 0

    def test_who_only_received_sent_nothing(self) -> None:
        frames = Talk(port=443).reply(bytes(3000), acked=False).frames
        found, counted = read(frames)
        assert found == []
        assert counted == {"conversations in which a device only received were left out": 1}

    def test_a_datagram_without_an_answer(self) -> None:
        coap = (
            START,
            ethernet(udp(PHONE, 40000, SERVER, 5683, b"\x40\x02\x00\x01\xb2nb\xffhello hello hello")),
        )
        assert (
            outcome_of([coap]) == "unknown"
        )  # nothing at all came to the phone: perhaps it was not captured
        found, _ = read([coap, *asked("a.example", ["192.0.2.1"])])
        assert {sent.protocol: outcome(sent, None) for sent in found} == {
            "dns": "delivered",
            "udp": "attempted",
        }

    def test_a_broadcast_has_no_answer_to_wait_for(self) -> None:
        frame = ethernet(
            udp(PHONE, 137, "192.168.1.255", 137, b"hello hello hello hello"), destination=b"\xff" * 6
        )
        assert outcome_of([(START, frame), *asked("a.example", [], time=START + 200)][:1]) == "unknown"

    @pytest.mark.parametrize(
        ("port", "data"),
        [
            (
                137,
                b"\x12\x34\x85\x00\x00\x00\x00\x01\x00\x00\x00\x00\x20"
                + b"EHFFEOEOEBFCCACACACACACACACACAAA"
                + bytes(17),
            ),
            (50000, b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n"),
        ],
    )
    def test_an_answer_to_a_broadcast_waits_for_none(self, port: int, data: bytes) -> None:
        answer = (START, ethernet(udp(PHONE, 137 if port == 137 else 1900, "192.168.1.9", port, data)))
        found, _ = read([answer, *asked("a.example", ["192.0.2.1"])])
        assert {sent.protocol: outcome(sent, None) for sent in found} == {
            "dns": "delivered",
            "udp": "unknown",
        }


class TestEncryption:
    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (b'{"imei": 1}', False),
            (b"\x08\x01\x12\x20com.example.application.id", False),
            (os.urandom(300), None),
            (b"\x01\x02", None),
            (b"SSH-2.0-OpenSSH_9.6\r\n" + bytes(100), True),
        ],
    )
    def test_clear_only_where_it_can_be_read(self, data: bytes, expected: bool | None) -> None:
        (sent,), _ = read(Talk(port=9999).open().send(data).reply(b"\x00").close().frames)
        assert sent.encrypted is expected
        found, _ = read([(START, ethernet(udp(PHONE, 40000, SERVER, 9999, data)))])
        assert found[0].encrypted is expected


class TestDevices:
    def test_two_phones_and_their_router(self) -> None:
        other = Talk(client="192.168.1.21", mac=OTHER_MAC, server="198.51.100.9", client_port=1025)
        own = [
            (
                START,
                ethernet(
                    udp("192.168.1.1", 4000, "198.51.100.53", 53, dns_message(1, "b.example")), ROUTER_MAC
                ),
            )
        ]
        frames = [
            *Talk().open().send(REQUEST).reply(OK).frames,
            *other.open().send(REQUEST).reply(OK).frames,
            *Talk(server="192.0.2.200", client_port=7777).open().send(REQUEST).reply(OK).frames,
            *asked("a.example", [SERVER]),
        ]
        found, counted = read(frames + own)
        assert {sent.client for sent in found} == {PHONE, "192.168.1.21"}
        assert counted == {"conversations of routers themselves were left out": 1}

    def test_the_two_addresses_of_one_phone(self) -> None:
        six = Talk(client="2001:db8:5::20", server="2001:db8:9::7")
        frames = [*Talk().open().send(REQUEST).reply(OK).frames, *six.open().send(REQUEST).reply(OK).frames]
        found, _ = read(frames)
        assert [sent.client for sent in found] == [PHONE, PHONE]
        assert {sent.address for sent in found} == {SERVER, "2001:db8:9::7"}

    def test_both_directions_from_one_mac(self) -> None:
        talk = Talk(client="198.18.0.9", server="198.51.100.7", mac=ROUTER_MAC, router=ROUTER_MAC)
        frames = talk.open().send(REQUEST).reply(OK).frames[3:]
        (sent,), _ = read(frames)
        assert (sent.client, sent.address) == ("198.18.0.9", "198.51.100.7")

    def test_global_addresses_only(self) -> None:
        frames: list[Timed] = []
        for number in range(5):
            talk = Talk(client="2a00:1:2:3::20", server=f"2a00:9{number}::7", client_port=5000 + number)
            frames += talk.open().send(REQUEST).reply(OK).frames
        found, _ = read(frames)
        assert {sent.client for sent in found} == {"2a00:1:2:3::20"}
        assert len(found) == 5

    def test_a_vpn_interface_of_the_phone_itself(self) -> None:
        four, six = (
            Talk(client="10.215.173.1"),
            Talk(client="fd00:2:fd00:1:fd00:1:fd00:1", server="2001:db8:9::7"),
        )
        frames = [
            (time, frame[14:])
            for talk in (four, six)
            for time, frame in talk.open().send(REQUEST).reply(OK).close().frames
        ]
        data = pcap(frames, link=101)
        survey = Survey(Notes())
        survey.read(Blocks(Notes()).frames([data]))
        found = list(Conversations(survey.devices(), Keys(), Notes()).read(Blocks(Notes()).frames([data])))
        assert [sent.client for sent in found] == ["10.215.173.1", "10.215.173.1"]

    def test_who_is_called_from_outside_sends_what_it_answers(self) -> None:
        inward = Talk(client=SERVER, server=PHONE, port=5555, mac=ROUTER_MAC, router=PHONE_MAC)
        frames = (
            inward.open().send(b"host::features=shell_v2").reply(b"device::ro.product.name=x").close().frames
        )
        (sent,), _ = read(frames + Talk(client_port=1).frames)
        assert (sent.client, sent.address, sent.protocol) == (PHONE, SERVER, "tcp")
        assert sent.payloads == (b"device::ro.product.name=x",)
        silent = Talk(client=SERVER, server=PHONE, port=5555, mac=ROUTER_MAC, router=PHONE_MAC)
        found, counted = read(silent.open().send(b"hello hello").frames)
        assert found == []
        assert counted == {
            "conversations that others began, and in which a device sent nothing, were left out": 1
        }

    def test_nothing_is_sent_where_only_a_connection_was_made(self) -> None:
        found, counted = read(Talk().open().close().frames)
        assert found == []
        assert counted == {"connections in which a device sent nothing were left out": 1}


class TestRoundTrips:
    def test_from_the_syn_to_its_answer(self) -> None:
        (sent,), _ = read(Talk().open().send(REQUEST).reply(OK).frames)
        assert sent.round_trips is not None
        assert sent.round_trips.tcp == pytest.approx(0.001, rel=0.01)
        assert (sent.round_trips.tls, sent.round_trips.first_byte) == (
            None,
            None,
        )  # it is in clear

    def test_from_a_hello_to_its_answer(self) -> None:
        talk = Talk(port=443).open().send(record(22, client_hello("a.example")), acked=False)
        talk.time += 0.05
        (sent,), _ = read(talk.reply(record(22, b"\x02" + bytes(60))).frames)
        assert sent.round_trips is not None
        assert sent.round_trips.tls == pytest.approx(0.051, rel=0.01)

    def test_none_where_the_beginning_is_missing(self) -> None:
        (sent,), _ = read(Talk().open().send(REQUEST).reply(OK).frames[1:])
        assert sent.round_trips is None


def test_dns_gives_names_and_is_listed() -> None:
    data = pcap(asked("A.example", [SERVER, "203.0.113.8"]))
    survey = Survey(Notes())
    survey.read(Blocks(Notes()).frames([data]))
    names = survey.names(survey.devices())
    assert [(name.name, name.address, name.client) for name in names] == [
        ("a.example", SERVER, PHONE),
        ("a.example", "203.0.113.8", PHONE),
    ]
    (sent,), _ = read(asked("A.example", [SERVER]))
    assert (sent.protocol, sent.questions, sent.encrypted) == ("dns", ("a.example",), False)
    assert [answer.address for answer in sent.answers] == [SERVER]


def test_dns_by_tcp() -> None:
    question, answer = dns_message(3, "a.example"), dns_message(3, "a.example", [SERVER], answer=True)
    talk = (
        Talk(port=53)
        .open()
        .send(len(question).to_bytes(2) + question)
        .reply(len(answer).to_bytes(2) + answer)
    )
    (sent,), _ = read(talk.close().frames)
    assert (sent.protocol, sent.transport, sent.questions) == ("dns", "tcp", ("a.example",))


def test_ports_that_are_used_again() -> None:
    first = Talk().open().send(REQUEST).reply(OK).close()
    second = Talk(time=START + 5, numbers=[777_777, 888]).open().send(REQUEST.replace(b"/a", b"/b")).reply(OK)
    assert [sent.path for sent in read(first.frames + second.frames)[0]] == ["/a", "/b"]
    again = (START + 300, ethernet(udp(PHONE, 4000, SERVER, 5683, b"second")))
    found, _ = read([(START, ethernet(udp(PHONE, 4000, SERVER, 5683, b"first"))), again])
    assert [sent.payloads for sent in found] == [(b"first",), (b"second",)]


def test_late_packets_of_a_closed_connection_are_no_new_one() -> None:
    talk = Talk().open().send(REQUEST).reply(OK).close()
    late = [(time + 2, frame) for time, frame in talk.frames[3:]]
    assert len(read(talk.frames + late)[0]) == 1


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 5))
def test_shares_give_the_same_as_one(random: object, shares: int) -> None:
    frames: list[Timed] = asked("a.example", [SERVER])
    for number in range(12):
        talk = Talk(client_port=3000 + number, time=START + random.random())  # type: ignore[attr-defined]
        frames += talk.open().send(REQUEST).reply(OK).close().frames
    assert read(frames, shares)[0] == read(frames)[0]


def test_dhcp_is_of_the_device_that_asks() -> None:
    options = b"\x35\x01\x03" + b"\x3c\x0fandroid-dhcp-14" + b"\x0c\x06Pixel6" + b"\xff"
    message = b"\x01\x01\x06\0" + bytes(232) + b"\x63\x82\x53\x63" + options
    request = (START, ethernet(udp("0.0.0.0", 68, "255.255.255.255", 67, message), destination=b"\xff" * 6))
    found, _ = read([request, *asked("a.example", [SERVER])])
    (sent,) = [sent for sent in found if sent.port == 67]
    assert sent.client == PHONE
    assert dict(sent.headers) == {"host-name": "Pixel6", "vendor-class": "android-dhcp-14"}
    assert sent.encrypted is False


def test_who_hands_out_addresses_is_a_router() -> None:
    offer = b"\x02\x01\x06\0" + bytes(232) + b"\x63\x82\x53\x63" + b"\x35\x01\x02\xff"
    offered = (START, ethernet(udp("192.168.1.1", 67, PHONE, 68, offer), ROUTER_MAC, PHONE_MAC))
    found, counted = read([offered, *Talk(client="192.168.1.1", mac=ROUTER_MAC).open().send(REQUEST).frames])
    assert found == []
    assert counted == {
        "conversations of routers themselves were left out": 1,
        "conversations in which a device only received were left out": 1,
    }


def test_other_protocols_of_ip_are_no_conversations() -> None:
    found, _ = read([(START, ethernet(ip(PHONE, SERVER, 1, bytes(64)))), *Talk().open().send(REQUEST).frames])
    assert len(found) == 1


def test_a_segment_shorter_than_its_header(tmp_path: Path) -> None:
    frame = ethernet(tcp(PHONE, 1, SERVER, 80, 5, 0, SYN | ACK)[:-8])
    assert read([(START, frame)])[0] == []


def test_too_many_conversations_at_once_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phonehome.analysis.sources.packets.conversations.MAX_OPEN", 20)
    frames: list[Timed] = []
    for number in range(200):
        talk = Talk(client_port=2000 + number, time=START + number)
        frames += talk.open().send(REQUEST).frames
    found, counted = read(frames)
    assert len(found) == 200
    (line,) = counted
    assert line.startswith("times that too many conversations were open at once")


def syn(port: int, time: float, number: int = 7, server: str = SERVER) -> Timed:
    return time, ethernet(tcp(PHONE, port, server, 443, number, 0, SYN), PHONE_MAC, ROUTER_MAC)


def refusal(port: int, time: float, server: str = SERVER) -> Timed:
    return time, ethernet(tcp(server, 443, PHONE, port, 0, 8, RST | ACK), ROUTER_MAC, PHONE_MAC)


class TestTries:
    """Connections that come to nothing."""

    def total(self, frames: list[Timed], shares: int = 1) -> Report:
        report = Report()
        examiner = Examiner()
        for sent in read(frames, shares)[0]:
            report.add("a.pcap", examiner.examine(sent))
        return report

    @pytest.mark.parametrize("refused", [False, True])
    def test_a_flood_is_counted_as_a_whole_in_few_transmissions(self, refused: bool) -> None:
        frames = []
        for number in range(500):
            frames.append(syn(2000 + number, START + number / 10))
            if refused:
                frames.append(refusal(2000 + number, START + number / 10 + 0.01))
        found, counted = read(frames)
        assert SINGLE < len(found) <= 2 * (SINGLE + 1), "of two minutes"
        assert sum(1 + sent.repeats for sent in found) == 500
        assert {outcome(sent, None) for sent in found} == {"attempted"}
        assert {sent.bytes_sent for sent in found} == {0}
        assert counted == {}
        one, three = self.total(frames), self.total(frames, 3)
        ((key, device),) = one.devices.items()
        ((seen,),) = (addresses.values() for addresses in device.destinations.values())
        assert (seen.transmissions, seen.attempts, seen.ports) == (500, 500, {443})
        assert seen.last - seen.first == pytest.approx(49.9, abs=0.02)
        assert sum(counts[0] for counts in device.timeline.counts.values()) == 500
        assert three.devices[key].timeline == device.timeline
        assert [*three.devices[key].destinations] == [*device.destinations]

    def test_a_few_are_transmissions_of_their_own(self) -> None:
        found, _ = read([syn(2000 + number, START + number) for number in range(SINGLE)])
        assert [sent.repeats for sent in found] == [0] * SINGLE

    def test_one_that_is_sent_again_is_one(self) -> None:
        (sent,), _ = read([syn(2000, START + number) for number in range(5)])
        assert (sent.time, sent.end, sent.repeats) == (START, START + 4, 0)

    def test_another_one_between_the_same_ports_is_another(self) -> None:
        found, _ = read([syn(2000, START + number, number) for number in range(3)])
        assert len(found) == 3

    def test_one_that_comes_about_late_is_one(self) -> None:
        talk = Talk()
        talk._packet(0, SYN)
        talk.frames += [(talk.time + 1, talk.frames[0][1])]
        talk.time += 2
        talk._packet(1, SYN | ACK)
        talk._packet(0, ACK)
        talk.send(REQUEST).reply(OK).close()
        (sent,), _ = read(talk.frames)
        assert (sent.path, outcome(sent, None)) == ("/a", "delivered")
        assert sent.round_trips is not None
        assert sent.round_trips.tcp == pytest.approx(2.001, abs=0.01), "from the first SYN"

    def test_a_refusal_and_then_a_connection_between_the_same_ports(self) -> None:
        frames = [syn(40000, START - 2, 1), refusal(40000, START - 1.9)]
        found, _ = read([*frames, *Talk().open().send(REQUEST).reply(OK).frames])
        assert [outcome(sent, None) for sent in found] == ["attempted", "delivered"]

    def test_those_that_wait_are_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("phonehome.analysis.sources.packets.conversations.MAX_CALLS", 5)
        frames = [syn(2000 + number, START + number, server=f"203.0.113.{number}") for number in range(100)]
        found, _ = read(frames)
        assert len({sent.address for sent in found}) == len(found) == 100
