"""The purpose of a transmission and what came of it, on the program's own catalogue."""

import gzip
import json
import sys
import tracemalloc
import zlib
from collections.abc import Container, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis import purposes
from phonehome.analysis.identifiers.finding import Certainty, Finding
from phonehome.analysis.knowledge import shipped
from phonehome.analysis.purposes import outcome
from phonehome.analysis.transmission import Reply, Transmission, TransportOutcome

REGISTRATION = {"REGVER", "MODEL", "SWVER", "SIM1ICCID", "IMEI1", "MACID"}


def judge(sent: Transmission, keys: Container[str], findings: Sequence[Finding]) -> purposes.Judgement:
    """As the examiner does: by the catalogue, else by the looks."""
    known = shipped().catalogue
    return purposes.judge(sent, keys, known) or purposes.judge_by_looks(findings, sent.host, known)


def reply(body: bytes | None, status: int | None = 200, content_encoding: str = "") -> Reply:
    return Reply(status, content_encoding, body, len(body or b""))


def post(host: str | None, path: str = "/", **more: object) -> Transmission:
    return Transmission(time=0.0, host=host, path=path, method="POST", port=80, **more)  # type: ignore[arg-type]


def finding(kind: str, value: str = "", certainty: Certainty = "certain") -> Finding:
    return Finding(kind, value or kind, certainty, "test", ("body", kind))


def varint_message(*fields: tuple[int, int]) -> bytes:
    return b"".join(bytes([number << 3, value]) for number, value in fields)


class TestChinaTelecomFamily:
    accepted = reply(b'{"resultCode":"0","resultDesc":"Success"}')

    def test_by_its_host(self) -> None:
        judgement = judge(post("zzhc.vnet.cn", reply=self.accepted), REGISTRATION, ())
        assert judgement.purpose == "activation"
        assert judgement.acknowledged
        assert judgement.entry is not None
        assert judgement.entry.owner == "China Telecom"
        assert "china-telecom-self-registration" in judgement.reason

    @pytest.mark.parametrize("port", [80, 9998, 9999])
    def test_by_its_host_on_any_of_its_ports(self, port: int) -> None:
        sent = Transmission(time=0.0, host="zzhc.vnet.cn", port=port, method="POST")
        assert judge(sent, (), ()).purpose == "activation"

    def test_on_another_server_by_content_type_and_names(self) -> None:
        sent = post(
            "activation.example.com",
            headers=(("Content-Type", "application/Encrypted-JSON; charset=utf-8"),),
            reply=self.accepted,
        )
        judgement = judge(sent, REGISTRATION, ())
        assert judgement.purpose == "activation"
        assert judgement.acknowledged
        assert judgement.entry is not None
        assert judgement.entry.id == "china-telecom-client-other-server"

    def test_the_content_type_alone_is_not_enough(self) -> None:
        sent = post("pay.example.com", headers=(("content-type", "application/encrypted-json"),))
        assert judge(sent, {"key", "data"}, ()).purpose == "unclassified"

    @pytest.mark.parametrize("port", [9998, 9999])
    def test_raw_tcp_to_a_bare_address(self, port: int) -> None:
        sent = Transmission(
            time=0.0, address="42.99.2.15", port=port, protocol="tcp", reply=reply(self.accepted.body, None)
        )
        judgement = judge(sent, {"REGVER", "MODEL", "MEID"}, ())
        assert judgement.entry is not None
        assert judgement.entry.id == "china-telecom-self-registration-raw"
        assert judgement.acknowledged

    def test_a_port_without_the_names_is_not_enough(self) -> None:
        sent = Transmission(time=0.0, address="42.99.2.15", port=9999, protocol="tcp")
        assert judge(sent, {"MODEL"}, ()).purpose == "unclassified"

    def test_coap(self) -> None:
        framed = b"\x60\x44\x12\x34\xff" + (self.accepted.body or b"")
        sent = Transmission(
            time=0.0,
            host="zzhc.vnet.cn",
            port=5683,
            transport="udp",
            protocol="udp",
            reply=reply(framed, None),
        )
        judgement = judge(sent, (), ())
        assert judgement.purpose == "activation"
        assert judgement.acknowledged

    def test_coap_to_a_bare_address(self) -> None:
        sent = Transmission(time=0.0, address="42.99.2.15", port=5683, transport="udp", protocol="udp")
        assert judge(sent, REGISTRATION, ()).purpose == "activation"

    @pytest.mark.parametrize(
        ("body", "accepted"),
        [
            (b'{"resultCode":"0","resultDesc":"Success"}', True),
            (b'{"resultCode":0}', True),
            (b'\xef\xbb\xbf{"resultCode": "0"}\r\n', True),
            (b'{"resultCode":"1","resultDesc":"Fail"}', False),
            (b'{"resultCode":false}', False),
            (b'{"result":{"resultCode":"0"}}', False),
            (b'["resultCode","0"]', False),
            (b"Success", False),
            (b"", False),
        ],
    )
    def test_what_counts_as_accepted(self, body: bytes, accepted: bool) -> None:
        assert judge(post("zzhc.vnet.cn", reply=reply(body)), (), ()).acknowledged is accepted

    def test_an_error_status_accepts_nothing(self) -> None:
        sent = post("zzhc.vnet.cn", reply=reply(self.accepted.body, 500))
        assert not judge(sent, (), ()).acknowledged

    def test_compressed_replies(self) -> None:
        body = self.accepted.body or b""
        for packed, encoding in ((gzip.compress(body), "gzip"), (zlib.compress(body), "deflate")):
            sent = post("zzhc.vnet.cn", reply=reply(packed, content_encoding=encoding))
            assert judge(sent, (), ()).acknowledged

    def test_a_reply_that_unpacks_without_end_costs_nothing(self) -> None:
        bomb = gzip.compress(b'{"resultCode":"0","x":"' + b"a" * 50_000_000, 9)
        sent = post("zzhc.vnet.cn", reply=reply(bomb, content_encoding="gzip"))
        tracemalloc.start()
        try:
            assert not judge(sent, (), ()).acknowledged
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
        finally:
            tracemalloc.stop()


class TestGoogleCheckin:
    def sent(self, body: bytes) -> Transmission:
        return post("android.clients.google.com", "/checkin", reply=reply(body))

    def test_accepted_if_the_answer_says_that_it_was_recorded(self) -> None:
        judgement = judge(self.sent(b"\x12\x01a" + varint_message((1, 1), (7, 5))), (), ())
        assert judgement.purpose == "activation"
        assert judgement.acknowledged

    @pytest.mark.parametrize(
        "body", [varint_message((1, 0)), b"\x12\xff\xff\xff\x7f\x08\x01", b"\x08", b"\x0b", b"\x80" * 40, b""]
    )
    def test_not_accepted(self, body: bytes) -> None:
        assert not judge(self.sent(body), (), ()).acknowledged

    def test_other_paths_of_the_host_are_other_services(self) -> None:
        judgement = judge(post("android.clients.google.com", "/c2dm/register3?x=/checkin"), (), ())
        assert judgement.purpose == "push"


class TestByItsLooks:
    def test_two_kinds_of_hardware_or_sim_identifiers(self) -> None:
        judgement = judge(
            post("unknown.example"), (), [finding("imei"), finding("iccid", certainty="likely")]
        )
        assert judgement.purpose == "activation"
        assert judgement.reason == "by its looks: IMEI and SIM number (ICCID) in one request"
        assert judgement.entry is None
        assert not judgement.acknowledged

    def test_a_number_of_the_handset_and_one_of_the_sim_need_not_be_certain(self) -> None:
        """Test phones have IMEI of no issuer, and China's SIM cards numbers without a check digit."""
        likely = [finding("imei", certainty="likely"), finding("iccid", certainty="likely")]
        assert judge(post("unknown.example"), (), likely).purpose == "activation"

    @pytest.mark.parametrize(
        "findings",
        [
            [],
            [finding("imei", certainty="likely"), finding("phone-number", certainty="likely")],
            [finding("imei", certainty="likely"), finding("meid", certainty="likely")],
            [finding("imei")],
            [finding("imei", "1"), finding("imei", "2")],
            [finding("imei"), finding("iccid", certainty="possible")],
            [finding("imei"), finding("advertising-id")],
            [finding("imei", "same"), finding("imsi", "same")],
            [finding("imei"), finding("carrier")],
            [finding("mac", certainty="likely"), finding("serial", certainty="likely")],
            [finding("serial", certainty="likely"), finding("phone-number", certainty="likely")],
            [finding("imei"), finding("no-such-kind")],
        ],
    )
    def test_less_is_not_guessed(self, findings: list[Finding]) -> None:
        judgement = judge(post("unknown.example"), (), findings)
        assert judgement.purpose == "unclassified"
        assert judgement.reason

    @pytest.mark.parametrize(
        ("host", "purpose"),
        [
            ("analytics.shop.example", "analytics"),
            ("eu-telemetry3.game.example", "analytics"),
            ("my-ads-2.shop.example", "advertising"),
            ("sentry.bank.co.uk", "diagnostics"),
            # A company, or a user of a host of many, can be called anything.
            ("ads.example", "unclassified"),
            ("www.tracking.no", "unclassified"),
            ("stats.co.uk", "unclassified"),
            ("stats.github.io", "unclassified"),
            ("radstats.shop.example", "unclassified"),
            ("10.0.0.1", "unclassified"),
        ],
    )
    def test_a_word_in_the_name_of_a_host(self, host: str, purpose: str) -> None:
        judgement = judge(post(host), (), [])
        assert judgement.purpose == purpose
        assert judgement.entry is None
        assert judgement.reason.startswith("by its looks: “") == (purpose != "unclassified")
        assert purposes.told_by_name(purpose, None) == (purpose != "unclassified")

    def test_a_new_tab_page_is_no_time_server(self) -> None:
        for host in ("ntp.msn.com", "ntp.msn.cn"):
            assert judge(post(host, "/edge/ntp"), (), []).purpose == "content"

    def test_what_it_carries_says_more_than_its_name(self) -> None:
        carried = [finding("imei"), finding("iccid", certainty="likely")]
        assert judge(post("stats.shop.example"), (), carried).purpose == "activation"

    def test_a_known_endpoint_is_not_judged_by_its_looks(self) -> None:
        judgement = judge(
            post("android.clients.google.com", "/c2dm/register3"), (), [finding("imei"), finding("iccid")]
        )
        assert judgement.purpose == "push"


class TestOutcome:
    def test_no_answer_is_an_attempt(self) -> None:
        assert outcome(post("a.example", error="connection refused"), None) == "attempted"

    @pytest.mark.parametrize("known", ["attempted", "delivered", "unknown"])
    def test_packets_tell_more_than_a_missing_answer(self, known: TransportOutcome) -> None:
        assert outcome(post("a.example", transport_outcome=known), None) == known
        answered = post("a.example", transport_outcome=known, reply=Reply(200, "", None, 0))
        assert outcome(answered, None) == "delivered"

    @pytest.mark.parametrize("status", [101, 204, 404, 500])
    def test_any_http_status_is_an_answer(self, status: int) -> None:
        assert outcome(post("a.example", reply=Reply(status, "", None, 0)), None) == "delivered"

    def test_without_a_status_it_takes_bytes(self) -> None:
        silent = Transmission(time=0.0, protocol="tcp", reply=Reply(None, "", b"", 0))
        assert outcome(silent, None) == "attempted"
        spoke = Transmission(time=0.0, protocol="tcp", reply=Reply(None, "", None, 3))
        assert outcome(spoke, None) == "delivered"

    def test_a_body_that_was_not_kept_acknowledges_nothing(self) -> None:
        sent = post("zzhc.vnet.cn", reply=Reply(200, "", None, 41))
        entry = judge(sent, (), ()).entry
        assert entry is not None
        assert outcome(sent, entry) == "delivered"


@given(
    st.one_of(
        st.binary(max_size=300),
        st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode()),
    ),
    st.sampled_from(["gzip", "deflate", "br", ""]),
    st.one_of(st.none(), st.integers(0, 999)),
    st.sampled_from(
        [
            ("zzhc.vnet.cn", "/"),
            ("android.clients.google.com", "/checkin"),
            ("android.clients.google.com", "/c2dm/register3"),
        ]
    ),
)
def test_no_reply_makes_it_raise(
    body: bytes, encoding: str, status: int | None, where: tuple[str, str]
) -> None:
    judge(post(*where, reply=reply(body, status, content_encoding=encoding)), (), ())


def test_deep_json_does_not_raise() -> None:
    assert not judge(post("zzhc.vnet.cn", reply=reply(b'{"resultCode":' * 20_000)), (), ()).acknowledged
    assert not judge(
        post("zzhc.vnet.cn", reply=reply(b'{"resultCode":' + b"9" * 5_000 + b"}")), (), ()
    ).acknowledged


@pytest.mark.parametrize("host", ["zzhc.vnet.cn", "android.clients.google.com", "never-heard-of.example.org"])
def test_a_host_that_was_seen_before_costs_a_few_calls(host: str) -> None:
    """Not a look through the catalogue, which has entries by the thousand."""
    sent = post(host, "/checkin", headers=(("user-agent", "x"), ("content-type", "text/plain")))
    keys = {"a", "b", "c"}
    judge(sent, keys, ())
    events: list[str] = []
    sys.setprofile(lambda _frame, event, _argument: events.append(event))
    try:
        judge(sent, keys, ())
    finally:
        sys.setprofile(None)
    calls = sum(event in ("call", "c_call") for event in events)
    assert 0 < calls < 100
