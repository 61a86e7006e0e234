"""Flow files: read as mitmproxy reads them, and where it gives up as well."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import flow as mitmflow
from mitmproxy import http
from mitmproxy.io import FlowReader, FlowWriter, compat, tnetstring
from mitmproxy.test import tflow

from captures.old_formats import as_format, as_format_18
from phonehome.analysis.sources import flow_state, live_flow, mitm
from phonehome.analysis.sources.flow_state import MAX_REPLY_BODY, transmission_from_state
from phonehome.analysis.sources.source import MAX_WARNINGS
from phonehome.analysis.sources.tnetstring import LIST, TnetstringError, value
from phonehome.analysis.transmission import Transmission


def flows() -> list[mitmflow.Flow]:
    """One of each kind."""
    replayed = tflow.tflow(resp=True)
    replayed.is_replay = "request"
    return [
        tflow.tflow(resp=True),
        tflow.tflow(),
        tflow.tflow(err=True),
        tflow.twebsocketflow(),
        tflow.ttcpflow(),
        tflow.tudpflow(),
        tflow.tdnsflow(resp=True),
        tflow.tdnsflow(),
        replayed,
    ]


def file_of(*some: mitmflow.Flow) -> bytes:
    out = io.BytesIO()
    writer = FlowWriter(out)
    for one in some:
        writer.add(one)
    return out.getvalue()


def read(data: bytes) -> tuple[list[Transmission], tuple[str, ...]]:
    scan = mitm.scan(data)
    reader = mitm.FlowFileReader(data)
    found = [one for start, end in scan.parts for one in reader.read(start, end)]
    return found, scan.warnings + reader.warnings.lines()


@pytest.fixture(scope="module")
def three() -> bytes:
    return file_of(*(tflow.tflow(resp=True) for _ in range(3)))


def starts(data: bytes) -> Iterator[int]:
    file = io.BytesIO(data)
    while file.tell() < len(data):
        yield file.tell()
        tnetstring.load(file)


@pytest.mark.parametrize("flow", flows(), ids=lambda flow: f"{flow.type}-{flow.is_replay}")
def test_a_file_and_a_live_flow_give_the_same(flow: mitmflow.Flow) -> None:
    assert read(file_of(flow)) == ([transmission_from_state(flow.get_state())], ())


def test_trailers_and_many_headers_are_kept() -> None:
    flow = tflow.tflow()
    flow.request.headers = http.Headers([(b"h%d" % number, b"v") for number in range(600)])
    flow.request.trailers = http.Headers([(b"x-imei", b"490154203237518")])
    ((sent,), _) = read(file_of(flow))
    assert len(sent.headers) == 601
    assert sent.headers[-1] == ("x-imei", "490154203237518")
    assert live_flow.transmission(flow) == sent


def test_gives_as_many_as_mitmproxy_in_its_order() -> None:
    data = file_of(*flows())
    theirs = [flow.id for flow in FlowReader(io.BytesIO(data)).stream()]
    assert [one.flow_id for one in read(data)[0]] == theirs


def test_parts_are_whole_flows_and_leave_none_out() -> None:
    data = file_of(*(flow for _ in range(20) for flow in flows()))
    whole, _ = read(data)
    for parts in (2, 3, 7, 50):
        scan = mitm.scan(data, parts)
        assert len(scan.parts) > 1
        assert [
            one for start, end in scan.parts for one in mitm.FlowFileReader(data).read(start, end)
        ] == whole
        assert scan.flows == len(whole)


def test_scan_finds_the_names_that_dns_gave() -> None:
    names = mitm.scan(file_of(*flows())).names
    assert {(answer.name, answer.address) for answer in names} == {
        ("dns.google", "8.8.8.8"),
        ("dns.google", "8.8.4.4"),
    }


def test_a_file_cut_anywhere_gives_the_whole_flows_before_the_cut(three: bytes) -> None:
    bounds = [*starts(three), len(three)]
    for cut in range(1, len(three)):
        found, warnings = read(three[:cut])
        whole = sum(bound <= cut for bound in bounds) - 1
        assert len(found) == whole
        if cut in bounds:
            assert warnings == ()
        else:
            assert f"at byte {bounds[whole]} of {cut}" in warnings[0]


def test_goes_on_behind_damaged_bytes(three: bytes) -> None:
    _, second, third = starts(three)
    damaged = three[:second] + b"\x00" * 40 + three[second + 40 :]
    found, warnings = read(damaged)
    assert len(found) == 2
    assert f"from byte {second} to byte {third}" in warnings[0]


def test_a_flow_damaged_inside_is_skipped_and_named(three: bytes) -> None:
    _, second, _ = starts(three)
    place = three.index(b"7:request;", second) + len(b"7:request;")
    found, warnings = read(three[:place] + b"x" + three[place + 1 :])
    assert len(found) == 2
    assert f"the flow at byte {second} is damaged" in warnings[0]


@pytest.mark.parametrize("version", ["ab", b"ab", b"", b"9" * 5000, [], {}, None, 10**4000, -1, 1.5, True])
def test_a_flow_with_a_forged_version_costs_one_flow(three: bytes, version: Any) -> None:
    state = tflow.tdnsflow(resp=True).get_state()
    state["version"] = version
    for place in (0, next(starts(three)), len(three)):
        found, warnings = read(three[:place] + tnetstring.dumps(state) + three[place:])
        assert len([one for one in found if one.protocol == "http"]) == 3
        assert len(found) == 4 or f"the flow at byte {place} " in warnings[0]
        assert "fault" not in "".join(warnings)


def test_a_damaged_dns_flow_is_named_also_where_there_is_no_other(three: bytes) -> None:
    state = tflow.tdnsflow(resp=True).get_state()
    state["request"]["questions"] = b"hello"
    data = tnetstring.dumps(state).replace(b"5:hello,", b"5:hello]")
    for whole, others in ((data, 0), (three + data, 3), (data + three, 3)):
        found, warnings = read(whole)
        assert len(found) == others
        assert [warning for warning in warnings if "is damaged at byte" in warning] == list(warnings) != []


@pytest.mark.parametrize("entry", ["type", "request"])
def test_a_flow_that_holds_nothing_is_named(three: bytes, entry: str) -> None:
    state = tflow.tflow(resp=True).get_state()
    state[entry] = None
    found, warnings = read(three + tnetstring.dumps(state))
    assert len(found) == 3
    assert f"the flow at byte {len(three)} is damaged" in warnings[0]
    assert "no request or messages" in warnings[0]


def test_a_fault_of_ours_costs_one_flow(three: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assemble = flow_state.assemble
    asked: list[Any] = []

    def broken(state: Any) -> Transmission | None:
        asked.append(state)
        if len(asked) == 2:
            raise LookupError("a secret")
        return assemble(state)

    monkeypatch.setattr(flow_state, "assemble", broken)
    found, warnings = read(three)
    assert len(found) == 2
    second = list(starts(three))[1]
    assert warnings == (
        f"the flow at byte {second} was skipped by a fault of phonehome (LookupError); please report it",
    )


def test_damage_in_a_connection_is_named_where_it_is(three: bytes) -> None:
    _, second, _ = starts(three)
    place = three.index(b"11:client_conn;", second) + len(b"11:client_conn;") + 4
    _, warnings = read(three[:place] + b"x" + three[place + 1 :])
    assert f"the flow at byte {second} is damaged at byte {place}" in warnings[0]


@pytest.mark.parametrize("version", range(4, 12))
def test_a_websocket_of_an_old_format_is_as_mitmproxy_puts_it_together(version: int) -> None:
    data = b"".join(websocket_of_two_flows("a", version))
    (expected,) = migrated(data)
    (found,), warnings = read(data)
    assert found._replace(end=expected.end) == expected
    assert (found.protocol, found.payloads, warnings) == ("websocket", (b"hello", b"bye"), ())


@pytest.mark.parametrize("version", range(4, 12))
def test_an_old_format_is_read_as_mitmproxy_reads_it(version: int) -> None:
    replayed, tcp = tflow.tflow(resp=True), tflow.ttcpflow()
    replayed.is_replay = "request"
    states = [
        as_format(version, flow.get_state())
        for flow in (tflow.tflow(resp=True), tflow.tflow(), replayed, tcp)
    ]
    data = b"".join(map(tnetstring.dumps, states))
    found, warnings = read(data)
    assert found == migrated(data)
    assert [one.origin for one in found] == ["device", "device", "replayed", "device"]
    assert [one.encrypted for one in found] == [True] * 4
    assert warnings == ()


def test_messages_without_their_handshake_are_read() -> None:
    """The beginning of the file may be lost."""
    _, messages = websocket_of_two_flows("a", 7)
    (found,), warnings = read(messages)
    assert (found.protocol, found.payloads, found.host) == ("websocket", (b"hello", b"bye"), "address")
    assert warnings == ()


def test_a_handshake_without_messages_is_read() -> None:
    handshake, _ = websocket_of_two_flows("a", 7)
    (found,), _ = read(handshake)
    assert (found.protocol, found.path) == ("http", "/path")


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.integers(1, 20))
def test_no_part_divides_a_websocket(order: list[str], parts: int) -> None:
    """A letter is its handshake the first time, its messages the second time, and then another flow."""
    met: dict[str, int] = {}
    flows = []
    for letter in order:
        met[letter] = met.get(letter, 0) + 1
        both = websocket_of_two_flows(letter, 7)
        flows.append(
            both[met[letter] - 1] if met[letter] < 3 else tnetstring.dumps(tflow.tflow().get_state())
        )
    data = b"".join(flows)
    scan = mitm.scan(data, parts)
    divided = [one for start, end in scan.parts for one in mitm.FlowFileReader(data).read(start, end)]
    assert sorted(map(repr, divided)) == sorted(map(repr, read(data)[0]))
    assert len(divided) == len(order) - sum(times > 1 for times in met.values())


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_damage_raises(three: bytes, data: st.DataObject) -> None:
    raw = bytearray(three)
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(raw) - 1))
        raw[start : start + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    found, warnings = read(bytes(raw))
    assert len(found) <= 4
    assert all("\n" not in warning for warning in warnings)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read(data)


def test_warnings_about_a_hostile_file_are_capped(three: bytes) -> None:
    flow = three[: len(three) // 3]
    _, warnings = read((flow + b"\x00damaged\x00") * 200)
    assert len(warnings) <= 2 * MAX_WARNINGS + 2
    assert "more warnings" in warnings[MAX_WARNINGS]


def test_reads_what_mitmproxy_refuses_for_a_missing_value() -> None:
    state = tflow.tflow(resp=True).get_state()
    state["client_conn"]["tls"] = None
    data = tnetstring.dumps(state)
    with pytest.raises(Exception, match="tls"):
        list(FlowReader(io.BytesIO(data)).stream())
    found, warnings = read(data)
    assert [(one.host, one.address) for one in found] == [("address", "192.168.0.1")]
    assert warnings == ()


def test_a_newer_format_is_read_with_a_warning() -> None:
    state = tflow.tflow(resp=True).get_state()
    state["version"] = 99
    found, warnings = read(tnetstring.dumps(state))
    assert len(found) == 1
    assert "flow format 99, newer than" in warnings[0]


@pytest.mark.parametrize("version", [4, 7, 11, 12, 15, 18])
def test_close_relatives_are_read_without_mitmproxys_conversion(
    version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitmproxy.io.compat.migrate_flow", None)
    state = as_format(version, tflow.tflow(resp=True).get_state())
    if version >= 12:
        state = as_format_18(tflow.tflow(resp=True).get_state()) | {"version": version}
    found, warnings = read(tnetstring.dumps(state))
    assert (found[0].client, found[0].address, found[0].port) == ("127.0.0.1", "192.168.0.1", 22)
    assert warnings == ()


def test_what_mitmproxy_cannot_convert_is_read_as_it_stands() -> None:
    state = as_format(4, tflow.tflow(resp=True).get_state())
    state["version"] = [3, 0, 0]
    del state["client_conn"]["ssl_established"]
    data = tnetstring.dumps(state)
    with pytest.raises(KeyError):
        list(FlowReader(io.BytesIO(data)).stream())
    found, warnings = read(data)
    assert [(one.client, one.address, one.path) for one in found] == [("127.0.0.1", "192.168.0.1", "/path")]
    assert (
        "cannot convert its flow format 3.0.0: KeyError 'ssl_established'; read as it stands" in warnings[0]
    )


@pytest.mark.parametrize("version", [4, [3, 0, 0], b"\x01\x00", [1, 0], [0, 18]])
def test_a_version_under_a_key_of_bytes_does_not_go_on_for_ever(three: bytes, version: Any) -> None:
    """mitmproxy's converter writes the next version under a key of text, and reads the one of bytes again."""
    state: dict[Any, Any] = as_format(7, tflow.tflow(resp=True).get_state())
    state[b"version"] = version
    del state["version"]
    found, warnings = read(three + tnetstring.dumps(state))
    assert len(found) in (3, 4)
    assert len(found) == 4 or "flow format" in warnings[0]


def test_an_old_flow_that_holds_nothing_is_named() -> None:
    found, warnings = read(tnetstring.dumps({"version": 7, "type": "http"}))
    assert found == []
    assert "flow at byte 0 is damaged" in warnings[0]


def test_long_replies_are_not_kept_and_counted() -> None:
    flow = tflow.tflow(resp=True)
    assert flow.response is not None
    flow.response.content = b"x" * (MAX_REPLY_BODY + 1)
    found, _ = read(file_of(flow))
    assert found[0].reply is not None
    assert (found[0].reply.body, found[0].reply.size) == (None, MAX_REPLY_BODY + 1)


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [
        (b"2434:9:websocket;0:~8:resp", True),
        (b"5046:7:version,13:1:0#", False),
        (b'{"log": {', False),
        (b"", False),
        (b"\x1f\x8b\x08", False),
    ],
)
def test_content_decides_what_a_file_is(beginning: bytes, expected: bool) -> None:
    assert mitm.recognises(beginning) is (expected or b"version," in beginning)


def migrated(data: bytes) -> list[Transmission]:
    """As mitmproxy's conversion and `flow_state` have it."""
    found = []
    file = io.BytesIO(data)
    while file.tell() < len(data):
        state: Any = compat.migrate_flow(tnetstring.load(file))  # type: ignore[arg-type]
        if "websocket" not in state["metadata"] or "duplicated" in state["metadata"]:
            found.append(transmission_from_state(state))
    return [one for one in found if one is not None]


def websocket_of_two_flows(name: str, version: int) -> tuple[bytes, bytes]:
    """A handshake and its messages, as two flows of a format before 12."""
    handshake = as_format(version, tflow.tflow(resp=True).get_state())
    handshake |= {"id": name, "metadata": {"websocket": True}}
    handshake["request"]["content"] = b""
    messages = as_format(version, tflow.ttcpflow().get_state())
    messages |= {"type": "websocket", "id": f"messages of {name}", "metadata": {"websocket_handshake": name}}
    messages["messages"] = [
        [1, True, "hello", 946681204.2, False],
        [2, True, b"bye", 946681204.5, False],
        [2, False, b"it replied", 946681204.6, False],
        [1, True, "never left", 946681204.7, True],
    ]
    messages |= {"close_code": 1000, "close_message": "", "close_reason": "", "close_sender": "client"}
    return tnetstring.dumps(handshake), tnetstring.dumps({"version": messages.pop("version"), **messages})


def test_what_is_remembered_of_long_headers_and_connections_is_bounded_in_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mitm._RememberedHeaders, "ROOM", 1 << 20)
    monkeypatch.setattr(mitm._Remembered, "ROOM", 1 << 20)
    flows = [tflow.tflow() for _ in range(30)]
    for number, one in enumerate(flows):
        one.request.headers["x"] = f"{number} " + "x" * 60_000
        one.client_conn.sni = f"{number}." + "a" * 60_000
    data = file_of(*flows)
    reader = mitm.FlowFileReader(data)
    assert len(list(reader.read(0, len(data)))) == 30
    headers = reader._headers
    assert sum(map(len, headers._blocks)) <= headers.ROOM
    clients = reader._clients
    assert sum(len(whole) for whole, _ in clients._known.values()) <= clients.ROOM


@given(
    st.lists(
        st.tuples(
            st.integers(-1, 12),
            st.booleans(),
            st.binary(max_size=40),
            st.just(1769000000.25) | st.floats(0, 2e9),
            st.booleans(),
            st.booleans(),
        )
    ),
    st.integers(3, 6),
    st.binary(max_size=3),
)
def test_messages_are_what_any_reader_makes_of_them(
    messages: list[tuple[Any, ...]], entries: int, damage: bytes
) -> None:
    data = (
        tnetstring.dumps([list(message[:entries]) for message in messages]).partition(b":")[2][:-1] + damage
    )
    outcomes = []
    for take in (mitm._messages, value):
        try:
            outcomes.append(take(data, 0, len(data), LIST))
        except TnetstringError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]
