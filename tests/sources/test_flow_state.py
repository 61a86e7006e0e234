"""From mitmproxy's state to a Transmission: addresses, names, origins, encryption."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.test import tflow

from captures.flows import build_flow
from phonehome.analysis.purposes import outcome
from phonehome.analysis.sources.flow_state import ip, name, transmission_from_state
from phonehome.analysis.transmission import Transmission


def convert(flow: Any = None, **changes: Any) -> Transmission:
    """The Transmission of a flow whose state was changed: `client_conn__sni="x"`."""
    state = (flow or build_flow("https://a.example/x", address="13.228.77.14")).get_state()
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = state
        for parent in parents:
            place = place[parent]
        place[last] = value
    found = transmission_from_state(state)
    assert found is not None
    return found


class TestName:
    def test_sni_before_authority_before_host_before_url(self) -> None:
        everything: dict[str, Any] = {
            "client_conn__sni": "sni.example",
            "request__authority": "authority.example",
            "request__headers": ((b"Host", b"host.example"),),
            "request__host": "url.example",
        }
        sources = ("sni", "authority", "host", "url")
        for key, source in zip(list(everything), sources, strict=True):
            found = convert(**everything)
            assert (found.host, found.host_source) == (f"{source}.example", source)
            everything[key] = None if source == "sni" else () if source == "host" else ""

    def test_a_bare_address_is_no_name(self) -> None:
        found = convert(
            client_conn__sni=None,
            request__host="13.228.77.14",
            request__headers=((b"Host", b"13.228.77.14"),),
        )
        assert (found.host, found.address) == (None, "13.228.77.14")

    def test_another_name_in_the_request_is_kept(self) -> None:
        found = convert(client_conn__sni="cdn.example", request__authority="hidden.example:443")
        assert (found.host, found.authority) == ("cdn.example", "hidden.example")

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Example.COM.", "example.com"),
            ("example.com:8443", "example.com"),
            ("user@example.com:80", "example.com"),
            ("[::1]:80", None),
            ("13.228.0.1:80", None),
            ("", None),
            ("a b", None),
            ("x" * 300, None),
        ],
    )
    def test_read(self, text: str, expected: str | None) -> None:
        assert name(text) == expected


class TestAddress:
    def test_is_the_one_that_was_connected_to(self) -> None:
        found = convert(server_conn__peername=("52.74.0.1", 443), server_conn__address=("1.2.3.4", 443))
        assert (found.address, found.address_source) == ("52.74.0.1", "connection")

    def test_without_a_connection_the_one_that_was_asked_for(self) -> None:
        found = convert(server_conn__peername=None, server_conn__address=("1.2.3.4", 443))
        assert (found.address, found.address_source) == ("1.2.3.4", "request")

    def test_the_phones_own_destination_in_wireguard(self) -> None:
        found = convert(
            server_conn__peername=None,
            server_conn__address=("a.example", 443),
            client_conn__proxy_mode="wireguard:a.conf@51820",
            client_conn__sockname=("61.139.2.69", 443),
        )
        assert (found.address, found.address_source) == ("61.139.2.69", "request")

    def test_the_proxys_own_end_is_nobodys_address(self) -> None:
        found = convert(
            server_conn__peername=None,
            server_conn__address=("a.example", 443),
            client_conn__proxy_mode="regular",
            request__host="a.example",
        )
        assert (found.address, found.address_source) == (None, None)

    def test_a_failed_connection_names_what_was_tried(self) -> None:
        error = {"msg": "[Errno 111] Connect call failed ('61.139.2.69', 80)", "timestamp": 1.0}
        found = convert(
            server_conn__peername=None,
            server_conn__address=("a.example", 80),
            client_conn__proxy_mode="regular",
            request__host="a.example",
            error=error,
            response=None,
        )
        assert (found.address, found.address_source, found.reply) == ("61.139.2.69", "error", None)

    def test_an_upstream_proxys_address_is_not_the_destinations(self) -> None:
        found = convert(
            server_conn__peername=("10.0.0.99", 8080),
            server_conn__address=("a.example", 443),
            server_conn__via=("http", ("proxy.example", 8080)),
            client_conn__proxy_mode="upstream:http://proxy.example",
            request__host="a.example",
        )
        assert found.address is None

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("::ffff:10.0.0.2", "10.0.0.2"),
            ("fe80::1%eth0", "fe80::1"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("example.com", None),
            ("", None),
            (None, None),
        ],
    )
    def test_read(self, text: str | None, expected: str | None) -> None:
        assert ip(text) == expected


class TestOrigin:
    def test_replayed_by_the_analyst(self) -> None:
        assert convert(is_replay="request").origin == "replayed"

    def test_a_replayed_answer_never_came_from_the_destination(self) -> None:
        found = convert(is_replay="response")
        assert (found.origin, found.reply) == ("device", None)

    def test_the_proxys_own_page(self) -> None:
        assert convert(build_flow("http://mitm.it/cert/pem")).origin == "proxy"

    def test_a_name_that_the_proxy_resolved_itself(self) -> None:
        flow = tflow.tdnsflow(resp=True)
        unasked: dict[str, Any] = {"server_conn__peername": None, "server_conn__address": None}
        assert convert(flow, client_conn__proxy_mode="transparent", **unasked).origin == "proxy"
        assert convert(flow, client_conn__proxy_mode="transparent").origin == "device"

    @pytest.mark.parametrize("mode", ["dns", "dns@53", "reverse:dns://192.0.2.1"])
    def test_a_question_that_the_proxy_forwards_was_to_the_proxy(self, mode: str) -> None:
        found = convert(tflow.tdnsflow(resp=True), client_conn__proxy_mode=mode)
        assert found.origin == "proxy"
        assert found.answers, "what was answered is still known"

    @pytest.mark.parametrize("asked", ["10.0.0.53", "192.168.1.1"])
    def test_the_proxys_own_resolver_is_no_destination(self, asked: str) -> None:
        """Whether it answers itself, or forwards the question to the computer's resolver."""
        inside: dict[str, Any] = {
            "client_conn__proxy_mode": "wireguard:keys.json@51820",
            "client_conn__sockname": ("10.0.0.53", 53),
            "server_conn__address": (asked, 53),
        }
        assert convert(tflow.tdnsflow(resp=True), **inside).origin == "proxy"
        assert convert(tflow.ttcpflow(), **inside).origin == "proxy", "DNS over TLS, as Android tries it"
        own = {**inside, "client_conn__sockname": ("8.8.8.8", 53)}
        assert convert(tflow.tdnsflow(resp=True), **own).origin == "device", "the phone chose this one"

    @pytest.mark.parametrize(("code", "why"), [(2, "SERVFAIL"), (3, "NXDOMAIN"), (5, "REFUSED")])
    def test_a_name_that_does_not_resolve_was_tried(self, code: int, why: str) -> None:
        flow = tflow.tdnsflow(resp=True)
        assert flow.response is not None
        flow.response.answers = []
        flow.response.response_code = code
        found = convert(flow, client_conn__proxy_mode="dns")
        assert (found.origin, found.host, found.unresolved) == ("device", "dns.google", True)
        assert (found.address, found.port, found.reply, found.bytes_sent) == (None, None, None, 0)
        assert found.encrypted is None
        assert found.error == f"the name does not resolve ({why})"

    def test_a_name_that_resolves_to_nothing_or_is_none_of_the_internet_was_not(self) -> None:
        flow = tflow.tdnsflow(resp=True)
        assert flow.response is not None
        flow.response.answers = []
        assert convert(flow, client_conn__proxy_mode="dns").origin == "proxy", "it has no IPv6 address, say"
        flow.response.response_code = 3
        flow.request.questions[0].type = 16
        assert convert(flow, client_conn__proxy_mode="dns").origin == "proxy"
        flow.request.questions[0].type = 1
        flow.request.questions[0].name = "qfxwjdkl"
        assert convert(flow, client_conn__proxy_mode="dns").origin == "proxy"

    def test_an_error_of_the_proxys_resolver_is_an_attempt_too(self) -> None:
        flow = tflow.tdnsflow(err=True)
        found = convert(flow, client_conn__proxy_mode="dns")
        assert (found.origin, found.unresolved) == ("device", True)


class TestEncryption:
    def test_https_and_http(self) -> None:
        assert convert().encrypted
        assert not convert(build_flow("http://a.example/")).encrypted

    def test_a_reverse_proxy_speaks_tls_and_the_device_does_not(self) -> None:
        found = convert(
            client_conn__proxy_mode="reverse:https://a.example@8080", client_conn__timestamp_tls_setup=None
        )
        assert not found.encrypted

    def test_of_a_connection_in_which_nothing_was_sent_nothing_is_known(self) -> None:
        flow = tflow.ttcpflow(err=True)
        flow.messages.clear()
        found = convert(flow, client_conn__timestamp_tls_setup=None)
        assert (found.encrypted, found.bytes_sent, found.reply) == (None, 0, None)

    def test_a_note_counts_after_a_handshake_too(self) -> None:
        flow = tflow.ttcpflow(client_conn=True)
        flow.metadata["phonehome_tls"] = "refused"
        found = convert(flow, client_conn__timestamp_tls_setup=1.0)
        assert (found.unopened, found.protocol, found.encrypted, found.payloads) == (
            "refused",
            "tls",
            True,
            (),
        )

    def test_tls_that_was_let_through_is_encrypted_and_named(self) -> None:
        import random

        from captures.flows import client_hello

        flow = tflow.ttcpflow(client_conn=True)
        flow.messages[0].content = client_hello("login.bank.example", random.Random(1))
        found = convert(flow, client_conn__timestamp_tls_setup=None, client_conn__sni=None)
        assert (found.protocol, found.encrypted, found.host) == ("tls", True, "login.bank.example")
        assert found.payloads == ()


def test_messages_that_were_injected_or_dropped_are_nobodys() -> None:
    flow = tflow.twebsocketflow()
    assert flow.websocket is not None
    flow.websocket.messages[0].injected = True
    flow.websocket.messages[1].dropped = True
    assert convert(flow).payloads == ()


def test_a_websocket_without_its_handshake_was_answered_if_a_message_came() -> None:
    flow = tflow.twebsocketflow()
    flow.response = None
    assert flow.websocket is not None
    assert outcome(convert(flow), None) == "delivered"
    flow.websocket.messages = [message for message in flow.websocket.messages if message.from_client]
    assert outcome(convert(flow), None) == "attempted"


def test_a_tcp_stream_is_one_however_it_was_cut() -> None:
    flow = tflow.ttcpflow()
    flow.messages = [type(flow.messages[0])(True, part, 1.0) for part in (b'{"IME', b'I1":', b'"x"}')]
    assert convert(flow).payloads == (b'{"IMEI1":"x"}',)


fields = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20)
)
values = st.recursive(
    fields,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@pytest.mark.parametrize(
    "flow", [tflow.tflow(resp=True), tflow.twebsocketflow(), tflow.ttcpflow(), tflow.tdnsflow(resp=True)]
)
@given(data=st.data())
def test_no_state_raises(flow: Any, data: st.DataObject) -> None:
    state = flow.get_state()
    for _ in range(data.draw(st.integers(1, 3))):
        place = state
        while True:
            key = data.draw(st.sampled_from(sorted(key for key in place if key != "type")))
            if isinstance(place[key], dict) and place[key] and data.draw(st.booleans()):
                place = place[key]
                continue
            place[key] = data.draw(values)
            break
    transmission_from_state(state)


# --- how long it took, and what the edge said ----------------------------------------------------------


def answered(**server: Any) -> dict[str, Any]:
    state: dict[str, Any] = tflow.tflow(resp=True).get_state()
    state["server_conn"] |= {
        "peername": ("192.0.2.7", 443),
        "timestamp_start": 100.0,
        "timestamp_tcp_setup": 100.012,
        "timestamp_tls_setup": 100.036,
    } | server
    state["request"] |= {"timestamp_start": 101.0, "timestamp_end": 101.002}
    state["response"] |= {"timestamp_start": 101.022}
    return state


def measured(state: dict[str, Any]) -> tuple[float | None, ...] | None:
    sent = transmission_from_state(state)
    assert sent is not None
    return sent.round_trips and tuple(each and round(each, 3) for each in sent.round_trips)


def test_durations_are_handed_on() -> None:
    assert measured(answered()) == (0.012, 0.024, 0.02)


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ({"timestamp_tls_setup": None}, (0.012, None, None)),  # the first byte counts only behind TLS
        ({"timestamp_tcp_setup": None, "timestamp_tls_setup": None}, None),
        ({"timestamp_tcp_setup": 99.0}, (None, 1.036, 0.02)),  # a clock that was set back
        ({"timestamp_tcp_setup": 100.0}, (None, 0.036, 0.02)),  # an old format, filled in
        ({"timestamp_start": None}, (None, 0.024, 0.02)),
        ({"timestamp_tls_setup": 200.0}, (0.012, None, None)),
        ({"peername": None}, None),
        ({"via": ("http", ("192.0.2.9", 8080))}, None),  # what answered was another proxy
        ({"transport_protocol": "udp", "timestamp_tcp_setup": 100.001}, (None, 0.036, 0.02)),
    ],
)
def test_durations_that_say_nothing_are_left_out(
    server: dict[str, Any], expected: tuple[float | None, ...] | None
) -> None:
    assert measured(answered(**server)) == expected


def test_a_body_that_was_passed_on_as_it_came_need_not_have_ended_first() -> None:
    state = answered()
    state["request"] |= {"content": None, "timestamp_end": 101.021}
    assert measured(state) == (0.012, 0.024, 0.022)


def test_an_answer_that_the_analyst_replayed_measures_nothing() -> None:
    state = answered()
    state["is_replay"] = "request"
    assert measured(state) == (0.012, 0.024, None)


def test_headers_of_content_networks_are_handed_on() -> None:
    state = answered()
    state["response"]["headers"] = (
        (b"Server", b"cloudflare"),
        (b"CF-Ray", b"230b030023ae2822-SJC"),
        (b"Set-Cookie", b"secret=1"),
        (b"via", b"x" * 1000),
    )
    sent = transmission_from_state(state)
    assert sent is not None
    assert sent.reply is not None
    assert sent.reply.edge == (
        ("server", "cloudflare"),
        ("cf-ray", "230b030023ae2822-SJC"),
        ("via", "x" * 400),
    )
