"""Captures for other tools: all that was in them, and nothing that is to be hidden."""

import base64
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mitmproxy import dns, http, tcp
from mitmproxy.flow import Flow
from mitmproxy.io import FlowReader, FlowWriter

from captures.flows import Phone, Recorder, Reply, build_flow, write_flows
from phonehome.analysis.convert import flows as flow_file
from phonehome.analysis.convert import har
from phonehome.analysis.convert.cleaning import NOTE, Cleaner
from phonehome.analysis.examiner import Examiner
from phonehome.analysis.pipeline import read_captures
from phonehome.analysis.transmission import Reply as Reply_
from phonehome.analysis.transmission import Transmission
from phonehome.cli import main
from tests.sources.packets.build import Talk, saved
from tests.sources.packets.build import asked as dns_asked

SAMPLES = sorted((Path(__file__).parents[2] / "captures").glob("*.mitm"))
IMEI = "356938035643809"
MAIL = "anna.surname@example.org"
AD_ID = "01234567-89ab-4cde-8f01-23456789abcd"
ANDROID_ID = "9774d56d682e5490"
ICCID = "8947990000000000048"
PLANTED = (IMEI, MAIL, AD_ID, ANDROID_ID, ICCID)
JSON = json.dumps({"imei": IMEI, "email": MAIL, "gaid": AD_ID, "android_id": ANDROID_ID, "iccid": ICCID})


def converted(capture: Path, name: str, *more: str) -> Path:
    out = capture.with_name(name)
    assert main(["convert", str(capture), "-o", str(out), "--quiet", *more]) == 0
    return out


def flows(path: Path) -> list[Flow]:
    with path.open("rb") as file:
        return list(FlowReader(file).stream())


def facts(path: Path) -> set[tuple[Any, ...]]:
    """Host, purpose, transmissions and identifiers of each destination."""
    return {
        (destination.host, destination.purpose, kind, value)
        for device in read_captures([str(path)]).report.devices.values()
        for destination, addresses in device.destinations.items()
        if destination.purpose != "name-resolution"
        for seen in addresses.values()
        for kind, value in {("", str(seen.protocols & {"http", "websocket"}))}
        | {(finding.kind, finding.value) for finding in seen.identifiers if seen.protocols != {"dns"}}
        if seen.protocols & {"http", "websocket"}
    }


@pytest.mark.parametrize("sample", SAMPLES[:2], ids=lambda path: path.stem)
def test_nothing_is_lost_on_the_way(sample: Path, tmp_path: Path) -> None:
    capture = tmp_path / "a.mitm"
    capture.write_bytes(sample.read_bytes())
    har = converted(capture, "b.har")
    assert json.loads(har.read_text())["log"]["version"] == "1.2"
    again = converted(har, "c.mitm")
    assert all(isinstance(flow, http.HTTPFlow) for flow in flows(again))
    assert facts(capture) == facts(har) == facts(again)


def test_packets_become_flows(tmp_path: Path) -> None:
    request = b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello"
    frames = (
        Talk().open().send(request).reply(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").close().frames
    )
    (flow,) = flows(converted(saved(tmp_path, frames), "a.mitm"))
    assert isinstance(flow, http.HTTPFlow)
    assert (flow.request.pretty_url, flow.request.content) == ("http://a.example/a", b"hello")
    assert flow.response is not None
    assert (flow.response.status_code, flow.response.content) == (200, b"ok")
    assert flow.server_conn.peername == ("203.0.113.7", 80)


def test_answers_keep_their_headers_and_names_their_addresses(tmp_path: Path) -> None:
    from mitmproxy.test import tflow

    asked, told = tflow.tflow(resp=True), tflow.tdnsflow(resp=True)
    assert asked.response is not None
    asked.response.headers = http.Headers(
        [
            (b"Content-Type", b"text/plain"),
            (b"Set-Cookie", b"a=b"),
            (b"Set-Cookie", b"c=d"),
            (b"Content-Encoding", b"gzip"),
        ]
    )
    asked.response.raw_content = gzip.compress(b"ok")
    capture = tmp_path / "a.mitm"
    with capture.open("wb") as file:
        for flow in (asked, told):
            FlowWriter(file).add(flow)
    again, name = flows(converted(capture, "b.mitm"))
    assert isinstance(again, http.HTTPFlow)
    assert again.response is not None
    assert sorted(again.response.headers.fields) == sorted(asked.response.headers.fields)
    assert again.response.content == b"ok"
    assert isinstance(name, dns.DNSFlow)
    assert name.response is not None
    assert told.response is not None
    assert [(one.name, str(one)) for one in name.response.answers] == [
        (one.name, str(one)) for one in told.response.answers
    ]
    har = json.loads(converted(capture, "c.har").read_text())
    (entry,) = har["log"]["entries"]
    assert {"name": "Set-Cookie", "value": "c=d"} in entry["response"]["headers"]
    assert entry["response"]["content"]["mimeType"] == "text/plain"
    back = flows(converted(tmp_path / "c.har", "d.mitm"))[0]
    assert isinstance(back, http.HTTPFlow)
    assert back.response is not None
    assert back.response.headers.get_all("set-cookie") == ["a=b", "c=d"]
    masked = converted(capture, "e.mitm", "--mask").read_bytes()
    assert b"Set-Cookie" not in masked
    assert b"text/plain" in masked


def test_answers_of_raw_connections_and_of_packets(tmp_path: Path) -> None:
    request = b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Own: yes\r\n\r\nok"
    frames = Talk().open().send(request).reply(answer).close().frames
    frames += (
        Talk(client_port=40001, port=9998)
        .open()
        .send(b"hello, hello")
        .reply(b"and hello to you")
        .close()
        .frames
    )
    frames += dns_asked("b.example", ["203.0.113.9"])
    found = flows(converted(saved(tmp_path, frames), "a.mitm"))
    web = next(flow for flow in found if isinstance(flow, http.HTTPFlow))
    assert web.response is not None
    assert web.response.headers["X-Own"] == "yes"
    raw = next(flow for flow in found if isinstance(flow, tcp.TCPFlow))
    assert [(message.from_client, message.content) for message in raw.messages] == [
        (True, b"hello, hello"),
        (False, b"and hello to you"),
    ]
    name = next(flow for flow in found if isinstance(flow, dns.DNSFlow))
    assert name.request.questions[0].name == "b.example"
    assert name.response is not None
    assert str(name.response.answers[0].ipv4_address) == "203.0.113.9"
    read = read_captures([str(tmp_path / "a.mitm")])
    assert any(
        key.purpose == "name-resolution"
        for device in read.report.devices.values()
        for key in device.destinations
    )


def encodings(value: str) -> dict[str, bytes]:
    """Ten ways and more in which a value may stand in a file."""
    data = value.encode()
    found = {
        "plain": data,
        "upper": value.upper().encode(),
        "percent": quote(value, safe="").encode(),
        "every byte percent": "".join(f"%{byte:02x}" for byte in data).encode(),
        "every byte PERCENT": "".join(f"%{byte:02X}" for byte in data).encode(),
        "hexadecimal": data.hex().encode(),
        "HEXADECIMAL": data.hex().upper().encode(),
        "escaped": "".join(f"\\u{ord(letter):04x}" for letter in value).encode(),
        "UTF-16": value.encode("utf-16-le"),
        "UTF-16, big-endian": value.encode("utf-16-be"),
        "without separators": value.replace("-", "").encode(),
    }
    for name in ("md5", "sha1", "sha256"):
        found[name] = hashlib.new(name, data).hexdigest().encode()
        found[f"{name} in base64"] = base64.b64encode(hashlib.new(name, data).digest()).rstrip(b"=")
    for offset in range(3):
        found[f"base64, {offset}"] = base64.b64encode(b"x" * offset + data + b"tail")
    return found


def sought(value: str) -> dict[str, bytes]:
    """The same as they are searched: base64 without the letters at its edges, which depend on what stands beside it."""
    found = encodings(value)
    for offset in range(3):
        found[f"base64, {offset}"] = found[f"base64, {offset}"][4 : 4 * ((offset + len(value)) // 3)]
    return found


def layers(data: bytes) -> Iterator[bytes]:
    """A file, and what stands in it compressed or in base64."""
    yield data
    if data.startswith(b"{"):
        for entry in json.loads(data)["log"]["entries"]:
            for part in (entry["request"].get("postData", {}), entry["response"]["content"]):
                text = part.get("text", "")
                yield base64.b64decode(text) if part.get("encoding") else text.encode()
            for message in entry.get("_webSocketMessages", ()):
                yield base64.b64decode(message["data"])
    else:
        for flow in FlowReader(io.BytesIO(data)).stream():
            yield repr(flow.get_state()).encode()


def unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(47).decompress(data)
    except zlib.error:
        return b""


def token(claims: str) -> str:
    parts = ('{"alg":"HS256"}', claims, "signature-of-32-bytes-and-a-few..")
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def planted() -> list[Flow]:
    """What phones send, with the values in every place and form."""
    recorder = Recorder(1)
    phone = Phone("10.42.0.23", "transparent")
    kinds = {
        "application/json": JSON.encode(),
        "application/x-www-form-urlencoded": f"imei={IMEI}&email={quote(MAIL)}&x={'%33' + IMEI[1:]}".encode(),
        "text/plain": base64.b64encode(JSON.encode()),
        "application/octet-stream": b"\x08\x96\x01\x12\x0f" + IMEI.encode() + b"\x1a\x18" + MAIL.encode(),
        "application/unknown": bytes(range(200, 256)) * 4 + IMEI.encode("utf-16-le"),
        "text/xml": f"<a><imei>{IMEI}</imei><b>{MAIL.upper()}</b></a>".encode(),
    }
    bodies = list(kinds.items())
    bodies += [
        ("application/json", json.dumps({"v": form.decode("latin-1")}).encode())
        for value in PLANTED
        for form in encodings(value).values()
    ]
    bodies.append(("application/json", json.dumps({"jwt": token(JSON), "inner": JSON}).encode()))
    for place, (kind, body) in enumerate(bodies):
        recorder.http_flow(
            phone, 1.7e9 + place, f"https://a{place}.example/v1/register", method="POST",
            headers=(("Content-Type", kind),), body=body, reply=Reply(200, (), JSON.encode() if place % 2 else body),
        )  # fmt: skip
    gzipped = (("Content-Type", "application/json"), ("Content-Encoding", "gzip"))
    recorder.http_flow(
        phone, 1.7e9, "https://z.example/", method="POST", headers=gzipped, body=gzip.compress(JSON.encode())
    )
    encoded = base64.b64encode(JSON.encode()).decode()
    headers = (
        ("X-Imei", IMEI),
        (f"X-{AD_ID}", "1"),
        ("Cookie", f"sid=very-secret; mail={MAIL}"),
        ("Authorization", f"Bearer {token(JSON)}"),
        ("X-Token", base64.b64encode(f"a {IMEI}".encode()).decode()),
    )
    url = f"https://{ANDROID_ID}.tracker.example/{IMEI}/x?email={quote(MAIL)}&b={encoded}"
    recorder.http_flow(phone, 1.7e9, url, headers=headers)
    recorder.websocket_flow(
        phone,
        1.7e9,
        "wss://w.example/",
        [(0.1, True, JSON.encode()), (0.2, True, gzip.compress(JSON.encode()))],
    )
    recorder.tcp_flow(phone, 1.7e9, "t.example", 9998, [(0.1, True, JSON.encode())])
    recorder.udp_flow(phone, 1.7e9, "u.example", 5000, [(0.1, True, IMEI.encode())])
    return list(recorder.flows)


@pytest.mark.parametrize("name", ["b.har", "b.mitm"])
def test_with_mask_no_value_is_left_in_any_encoding(name: str, tmp_path: Path) -> None:
    capture = tmp_path / "a.mitm"
    write_flows(capture, planted())
    before = capture.read_bytes()
    for value in PLANTED:
        for encoding, form in encodings(value).items():
            where = json.dumps(form.decode("latin-1")).encode()[1:-1]
            assert form in before or where in before, (value, encoding)  # else this test proves nothing
    out = converted(capture, name, "--mask").read_bytes()
    for layer in layers(out):
        for text in (layer, unpacked(layer)):
            low = text.lower()
            for value in (*PLANTED, "very-secret", "10.42.0.23"):
                for encoding, form in sought(value).items():
                    assert form not in text, (value, encoding)
                    assert form.lower() not in low or encoding.startswith("base64"), (value, encoding)


def test_the_same_value_has_the_same_placeholder_and_the_rest_stays(tmp_path: Path) -> None:
    capture = tmp_path / "a.mitm"
    body = json.dumps({"imei": IMEI, "number": int(IMEI), "model": "Nokia 7 plus", "note": "stays"})
    kind = (("Content-Type", "application/json"),)
    write_flows(
        capture,
        [
            build_flow("https://a.example/x?imei=" + IMEI, method="POST", headers=kind, body=body.encode()),
            build_flow("https://b.example/y?imei=" + IMEI, at=1.7e9, seed=2),
        ],
    )
    first, second = sorted(
        flows(converted(capture, "b.mitm", "--mask")),
        key=lambda flow: str(flow.get_state()["request"]["path"]),
    )
    assert isinstance(first, http.HTTPFlow)
    assert isinstance(second, http.HTTPFlow)
    assert first.request.path == "/x?imei=masked-imei-1"
    assert second.request.path == "/y?imei=masked-imei-1"
    assert json.loads(first.request.content or b"") == {
        "imei": "masked-imei-1",
        "number": "masked-imei-1",
        "model": "Nokia 7 plus",
        "note": "stays",
    }
    assert first.request.headers["content-length"] == str(len(first.request.content or b""))


@pytest.mark.parametrize("lines", [False, True])
def test_a_body_that_is_base64_as_a_whole_stays_one(lines: bool, tmp_path: Path) -> None:
    capture = tmp_path / "a.mitm"
    encoded = (base64.encodebytes if lines else base64.b64encode)(JSON.encode())
    kind = (("Content-Type", "application/encrypted-json"),)
    write_flows(capture, [build_flow("https://a.example/", method="POST", headers=kind, body=encoded)])
    (entry,) = json.loads(converted(capture, "b.har", "--mask").read_text())["log"]["entries"]
    text = entry["request"]["postData"]["text"]
    assert ("\n" in text) == lines
    assert json.loads(base64.b64decode(text))["imei"] == "masked-imei-1"


def test_what_cannot_be_rewritten_is_a_note(tmp_path: Path) -> None:
    capture = tmp_path / "a.mitm"
    kind = (("Content-Type", "application/json"), ("Content-Encoding", "gzip"))
    write_flows(
        capture,
        [build_flow("https://a.example/", method="POST", headers=kind, body=gzip.compress(JSON.encode()))],
    )
    (entry,) = json.loads(converted(capture, "b.har", "--mask").read_text())["log"]["entries"]
    assert entry["request"]["postData"]["text"] == NOTE.decode()


TEXT = st.text(st.characters(), max_size=30)
"""Also with halves of characters, which stand for bytes that are no UTF-8."""
HOSTILE = st.builds(
    Transmission,
    time=st.floats(),
    end=st.none() | st.floats(),
    client=st.sampled_from([None, "10.0.0.1", "fd00::1"]),
    host=st.sampled_from([None, "a.example"]),
    protocol=st.sampled_from(["http", "websocket", "tcp", "udp"]),
    method=st.none() | TEXT,
    path=TEXT,
    headers=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    payloads=st.lists(st.binary(max_size=40), max_size=3).map(tuple),
    error=st.none() | TEXT,
    reply=st.none()
    | st.builds(Reply_, st.none() | st.integers(0, 999), TEXT, st.none() | st.binary(), st.integers(0, 9)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HOSTILE, st.booleans())
def test_whatever_a_capture_holds_can_be_written(sent: Transmission, masked: bool) -> None:
    if masked:
        sent = Cleaner(Examiner(), [("imei", IMEI)]).clean(sent)
    json.loads(b"".join(har.write([sent])))
    (flow,) = FlowReader(io.BytesIO(b"".join(flow_file.write([sent])))).stream()
    assert flow.id


def test_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture = tmp_path / "a.mitm"
    write_flows(capture, [build_flow("https://a.example/")])
    assert main(["convert", str(capture), "-o", str(tmp_path / "b.txt")]) == 2
    assert main(["convert", str(capture), "-o", str(capture)]) == 2
    assert main(["convert", str(tmp_path / "none.mitm"), "-o", str(tmp_path / "b.har")]) == 1
    assert not (tmp_path / "b.har").exists()
    assert main(["convert", str(capture), str(tmp_path / "none.mitm"), "-o", str(tmp_path / "b.har")]) == 1
    assert (tmp_path / "b.har").stat().st_mode & 0o777 == 0o600
    assert "none.mitm" in capsys.readouterr().err
