"""HAR files: what each tool writes, what an export of flows keeps, damage of every kind, and bounds."""

import base64
import gzip
import json
import random
import zlib
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.io import FlowReader
from mitmproxy.test import tflow

from phonehome.analysis.examiner import Examiner
from phonehome.analysis.pipeline import read_captures
from phonehome.analysis.sources import CaptureError, open_source
from phonehome.analysis.sources.har import HarSource, recognises
from phonehome.analysis.sources.source import Part
from phonehome.analysis.transmission import App, Reply, RoundTrips, Transmission
from tests.steps import steps

SAMPLES = sorted((Path(__file__).parents[2] / "captures").glob("*.mitm"))
IMEI = "001012340000425"
JSON = json.dumps({"imei": IMEI, "name": "Åse"}, ensure_ascii=False)


def entry(
    url: str = "https://a.example/path?x=1",
    method: str = "POST",
    status: int = 200,
    request: dict[str, Any] | None = None,
    response: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    return {
        "startedDateTime": "2023-04-07T13:04:57.078+02:00",
        "time": 103,
        "request": {
            "method": method,
            "url": url,
            "httpVersion": "HTTP/1.1",
            "headers": [{"name": "Host", "value": urlsplit(url).netloc}, {"name": "X-A", "value": "b"}],
            **(request or {}),
        },
        "response": {"status": status, **(response or {})},
        "serverIPAddress": "93.184.216.34",
        **more,
    }


def har(*entries: Any, creator: str = "some tool", **log: Any) -> bytes:
    document = {
        "log": {"version": "1.2", "creator": {"name": creator, "version": "1"}, "entries": entries, **log}
    }
    return json.dumps(document).encode()


def source(data: bytes) -> HarSource:
    return HarSource(data, Path("a.har"))


def read(data: bytes, size: int = 1 << 20) -> list[Transmission]:
    opened = source(data)
    return [sent for part in opened.plan(size).parts for sent in opened.read(part)]


def one(*arguments: Any, creator: str = "some tool", **more: Any) -> Transmission:
    (sent,) = read(har(entry(*arguments, **more), creator=creator))
    return sent


def posted(text: str, kind: str = "application/json", size: int = -1, **more: Any) -> dict[str, Any]:
    return {"postData": {"mimeType": kind, "text": text, **more}, "bodySize": size}


class TestEntry:
    def test_all_that_is_in_it(self) -> None:
        sent = one(request=posted(JSON), response={"bodySize": 2, "content": {"size": 2, "text": "ok"}})
        assert sent == Transmission(
            time=1680865497.078,
            end=1680865497.181,
            address="93.184.216.34",
            address_source="connection",
            port=443,
            host="a.example",
            host_source="host",
            http_version="HTTP/1.1",
            encrypted=True,
            method="POST",
            path="/path?x=1",
            headers=(("Host", "a.example"), ("X-A", "b")),
            payloads=(JSON.encode(),),
            reply=sent.reply,
            bytes_sent=4 + 9 + 12 + 17 + 8 + len(JSON.encode()),
            bytes_received=2,
        )
        assert sent.reply == Reply(200, "", b"ok", 2)

    @pytest.mark.parametrize(
        ("url", "headers", "host", "host_source", "port", "path", "encrypted"),
        [
            ("http://b.example:8080/x#y", [], "b.example", "url", 8080, "/x", False),
            ("https://B.example", [], "b.example", "url", 443, "/", True),
            ("https://b.example?x=/y", [], "b.example", "url", 443, "/?x=/y", True),
            ("http://61.139.2.69/", [("host", "zzhc.vnet.cn")], "zzhc.vnet.cn", "host", 80, "/", False),
            ("https://1.2.3.4/", [(":authority", "b.example")], "b.example", "authority", 443, "/", True),
            ("https://[2001:db8::1]:444/", [], None, None, 444, "/", True),
            ("wss://b.example/s", [], "b.example", "url", 443, "/s", True),
            ("http://user:word@b.example/", [], "b.example", "url", 80, "/", False),
        ],
    )
    def test_where_to(
        self,
        url: str,
        headers: list[tuple[str, str]],
        host: Any,
        host_source: Any,
        port: int,
        path: str,
        encrypted: bool,
    ) -> None:
        sent = one(url, request={"headers": [{"name": name, "value": value} for name, value in headers]})
        assert (sent.host, sent.host_source, sent.port, sent.path) == (host, host_source, port, path)
        assert sent.encrypted is encrypted
        assert not [name for name, _ in sent.headers if name.startswith(":")]

    @pytest.mark.parametrize(
        ("stated", "url", "address", "address_source"),
        [
            ("[2606:2800:220:1::1]", "https://a.example/", "2606:2800:220:1::1", "connection"),
            ("::ffff:93.184.216.34", "https://a.example/", "93.184.216.34", "connection"),
            # A proxy on this machine or in this network is not the destination.
            ("127.0.0.1", "https://a.example/", None, None),
            ("192.168.1.20", "https://a.example/", None, None),
            ("192.168.1.20", "http://printer.local/", "192.168.1.20", "connection"),
            ("127.0.0.1", "http://61.139.2.69/", "61.139.2.69", "request"),
            ("", "https://a.example/", None, None),
            (7, "https://a.example/", None, None),
            ("nonsense", "https://61.139.2.69/", "61.139.2.69", "request"),
        ],
    )
    def test_which_address(self, stated: Any, url: str, address: Any, address_source: Any) -> None:
        host = url.split("/")[2]
        sent = one(url, request={"headers": [{"name": "Host", "value": host}]}, serverIPAddress=stated)
        assert (sent.address, sent.address_source) == (address, address_source)

    @pytest.mark.parametrize(
        ("stated", "time"),
        [
            ("2023-04-07T13:04:57.078+02:00", 1680865497.078),
            ("2023-04-07T13:04:57.078+0200", 1680865497.078),
            ("2023-04-07T11:04:57.0780000Z", 1680865497.078),
            ("2023-04-07 11:04:57", 1680865497.0),
            (1680865497.078, 1680865497.078),
            (1680865497078, 1680865497.078),
        ],
    )
    def test_times(self, stated: Any, time: float) -> None:
        sent = one(startedDateTime=stated)
        assert sent.time == pytest.approx(time)
        assert sent.remarks == ()

    def test_an_unreadable_time_is_that_of_the_one_before(self) -> None:
        times: list[Any] = [
            "yesterday",
            "2023-04-07T11:04:57Z",
            None,
            "2023-04-07T11:05:57Z",
            {},
            "9999-99-99",
        ]
        sent = read(har(*(entry(startedDateTime=time) for time in times)))
        assert [each.time - 1680865497 for each in sent] == [0, 0, 0, 60, 60, 60]
        assert [each.remarks for each in sent] == [
            ("time unknown",) if place in (0, 2, 4, 5) else () for place in range(6)
        ]

    def test_an_attempt(self) -> None:
        sent = one(status=0, response={"_error": "net::ERR_CONNECTION_REFUSED"})
        assert (sent.reply, sent.error, sent.origin) == (None, "net::ERR_CONNECTION_REFUSED", "device")

    def test_what_never_left_the_device(self) -> None:
        blocked = one(status=0, response={"_error": "net::ERR_BLOCKED_BY_CLIENT"})
        assert blocked.origin == "unsent"
        assert one(_fromCache="disk").origin == "unsent"
        assert one("data:text/plain,x").origin == "unsent"
        assert one("chrome-extension://abc/x.js").origin == "unsent"

    def test_cached_by_firefox(self) -> None:
        assert one(creator="Firefox", serverIPAddress=None, timings={"wait": 0}).origin == "unsent"
        assert one(creator="Firefox", serverIPAddress=None, timings=None).origin == "unsent"
        assert one(creator="Firefox", serverIPAddress=None, timings={"wait": 7}).origin == "device"
        assert one(creator="Firefox").origin == "device"
        assert one(creator="Firefox", serverIPAddress=None, status=0).origin == "device"
        assert one(serverIPAddress=None, timings={"wait": 0}).origin == "device"

    def test_the_proxys_own_page(self) -> None:
        assert one("http://mitm.it/", request={"headers": []}).origin == "proxy"

    def test_a_response_with_three_fields(self) -> None:
        sent = one(response={"statusText": "", "httpVersion": "HTTP/1.1"}, creator="mitmproxy har_dump")
        assert sent.reply == Reply(200, "", b"", 0)

    def test_charles_says_so_when_it_failed(self) -> None:
        for status in ("FAILED", "EXCEPTION"):
            sent = one(response={"_charlesStatus": status})
            assert (sent.reply, sent.error) == (None, f"Charles: {status.lower()}")
        assert one(response={"_charlesStatus": "COMPLETE"}).reply is not None

    def test_a_tunnel_that_was_not_looked_into(self) -> None:
        sent = one("https://a.example:443", method="CONNECT", creator="Proxyman")
        assert (sent.protocol, sent.unopened, sent.encrypted) == ("tls", "passed", True)
        refused = one("https://a.example:443", method="CONNECT", creator="Proxyman", status=502)
        assert (refused.protocol, refused.unopened) == ("http", None)

    @pytest.mark.parametrize(
        "more",
        [
            {"_clientAddress": "192.168.1.20"},
            {"_clientAddress": "127.0.0.1", "_remoteDeviceIP": "192.168.1.20"},
            {"request": {"_communication": {"src": {"ip": "192.168.1.20"}}}},
        ],
    )
    def test_tools_that_note_the_client(self, more: dict[str, Any]) -> None:
        assert one(**more).client == "192.168.1.20"
        assert not [line for line in source(har(entry(**more))).plan(1).unseen if "which phone" in line]
        for nobody in (entry(), entry(_clientAddress="127.0.0.1")):
            assert [line for line in source(har(nobody)).plan(1).unseen if "which phone" in line]

    def test_tools_that_note_the_process(self) -> None:
        local: dict[str, Any] = {
            "_clientName": "Shop",
            "_clientBundlePath": "/Users/anna/Applications/Shop.app",
        }
        assert one(**local).app == App("Shop", "", "process")
        assert one(**local | {"_clientName": None}).app == App("Shop", "", "process")
        assert one(**local | {"_clientBundlePath": None}).app is None
        assert one(**local | {"_remoteDeviceIP": "192.168.1.20"}).app is None  # then it names the device
        assert one(**local | {"_clientName": ["x"], "_clientBundlePath": 3}).app is None

    def test_the_browser_that_exported_it(self) -> None:
        data = json.dumps({"log": {"browser": {"name": "Firefox"}, "entries": [entry()]}}).encode()
        assert read(data)[0].app == App("Firefox", "", "file")

    @pytest.mark.parametrize("behind", [False, True])
    def test_what_tweasels_tools_say(self, behind: bool) -> None:
        told: dict[str, Any] = {
            "apps": [{"id": "tld.sample.app", "name": "Sample"}],
            "device": {"platform": "android", "osVersion": "11", "manufacturer": "Google", "model": "Pixel 4",
                       "osBuild": "b"},
            "options": {"mode": "allowlist"},
        }  # fmt: skip

        def file(**more: Any) -> bytes:
            ours = {"entries": [entry()]}
            parts = {**ours, "_tweasel": told | more} if behind else {"_tweasel": told | more, **ours}
            return json.dumps({"log": parts}, indent=1).encode()

        said = source(file()).plan(1).said
        assert said is not None
        assert (said.maker, said.model, said.system, said.build) == (
            "Google",
            "Pixel 4",
            "Android 11",
            "b",
        )
        assert read(file())[0].app == App("Sample", "tld.sample.app", "file")
        assert read(file(options={"mode": "all-apps"}))[0].app is None
        several = read(file(apps=[{"id": "a.b"}, {"id": "c.d"}, 3, {}]))[0]
        assert several.app is None
        assert [app.id for app in several.app_candidates] == ["a.b", "c.d"]
        assert read(file(apps=3, device="x", options=[]))[0].app is None

    def test_http_3_is_udp(self) -> None:
        sent = one(request={"httpVersion": "h3"})
        assert (sent.http_version, sent.transport) == ("HTTP/3", "udp")
        assert one(request={"httpVersion": "http/2.0"}).http_version == "HTTP/2.0"

    def test_websocket(self) -> None:
        messages = [
            {"type": "send", "opcode": 1, "data": JSON, "time": 1.0},
            {"type": "receive", "opcode": 1, "data": "four", "time": 1.0},
            {"type": "send", "opcode": 2, "data": base64.b64encode(b"\x00\xff").decode(), "time": 1.0},
            {"type": "send", "opcode": 2, "data": "no base64!"},
            {},
        ]
        sent = one(method="GET", status=101, _webSocketMessages=messages)
        assert (sent.protocol, sent.payloads) == ("websocket", (JSON.encode(), b"\x00\xff", b"no base64!"))
        assert sent.bytes_received == 4

    def test_refused_tls_of_http_toolkit(self) -> None:
        errors = [
            {
                "startedDateTime": "2023-04-07T11:04:57Z",
                "time": 1.5,
                "hostname": "pinned.example",
                "cause": "cert-rejected",
                "clientIPAddress": "192.168.1.20",
                "clientPort": 1234,
            },
            {"startedDateTime": "2023-04-07T11:04:58Z", "cause": "handshake-timeout"},
        ]
        for data in (har(entry(), _tlsErrors=errors), har(_tlsErrors=errors)):
            *_, refused, failed = read(data)
            assert (refused.host, refused.host_source, refused.client) == (
                "pinned.example",
                "url",
                "192.168.1.20",
            )
            assert (refused.protocol, refused.unopened, refused.encrypted) == ("tls", "refused", True)
            assert (failed.host, failed.unopened, failed.reply) == (None, "failed", None)

    def test_what_places_rest_on(self) -> None:
        edge = {"headers": [{"name": "CF-Ray", "value": "8a-OSL"}, {"name": "Date", "value": "x"}]}
        timings = {"connect": 30, "ssl": 60.5, "send": 1, "wait": 40, "receive": 1}
        sent = one(response=edge, timings=timings, creator="mitmproxy")
        assert sent.reply is not None
        assert sent.reply.edge == (("cf-ray", "8a-OSL"),)
        assert sent.round_trips == RoundTrips(0.03, 0.0605, 0.04)
        assert one("http://a.example/", timings=timings, creator="mitmproxy").round_trips == RoundTrips(
            0.03, None, None
        )
        assert one(timings={"connect": -1, "wait": "1"}, creator="mitmproxy").round_trips is None
        assert one(timings=timings, request={"bodySize": 7}, creator="mitmproxy").round_trips == RoundTrips(
            0.03, 0.0605, None
        )
        # What a browser measured may be how far its proxy is.
        assert one(timings=timings, creator="WebInspector").round_trips is None


class TestBody:
    def test_base64(self) -> None:
        packed = gzip.compress(JSON.encode())
        text = base64.b64encode(packed).decode()
        assert one(request=posted(text, encoding="base64")).payloads == (packed,)
        # HTTP Toolkit and pcapng-utils keep it beside `postData`; Reqable does not say that it is base64.
        assert one(request={"_content": {"text": text, "size": 9, "encoding": "base64"}}).payloads == (
            packed,
        )
        assert one(request=posted(text), creator="Reqable").payloads == (packed,)
        assert one(request=posted("no base64!", encoding="base64")).payloads == (b"no base64!",)

    def test_what_mitmproxy_made_of_bytes(self) -> None:
        # One character a byte where it knows no charset, and lone surrogates for what is not in the charset.
        body = bytes(range(1, 256)) + IMEI.encode()
        made = one(request=posted(body.decode("latin-1"), "application/x-protobuf"), creator="mitmproxy")
        assert made.payloads == (body,)
        broken = JSON.encode() + b"\xff\xfe"
        text = broken.decode("utf-8", "surrogateescape")
        assert one(request=posted(text), creator="mitmproxy").payloads == (broken,)
        german = "Größe".encode("latin-1")
        kind = "text/plain; charset=ISO-8859-1"
        assert one(request=posted("Größe", kind), creator="mitmproxy").payloads == (german,)

    def test_the_length_decides(self) -> None:
        text = "Größe"
        assert one(request=posted(text, "text/plain", 5)).payloads == (text.encode("latin-1"),)
        assert one(request=posted(text, "text/plain", 7)).payloads == (text.encode(),)
        assert one(request=posted(text, "text/plain", 7), creator="mitmproxy").payloads == (text.encode(),)
        assert one(request=posted(text, "text/plain")).payloads == (text.encode(),)

    def test_content_encoding_that_was_undone(self) -> None:
        headers = [
            {"name": "Content-Encoding", "value": "gzip"},
            {"name": "Content-Type", "value": "application/json"},
        ]
        sent = one(request={**posted(JSON, size=20), "headers": headers})
        evidence = Examiner().examine(sent)
        assert {(found.kind, found.value) for found in evidence.findings} >= {("imei", IMEI)}
        assert evidence.opaque == ()

    def test_a_form_made_again(self) -> None:
        params = [{"name": "imei", "value": IMEI}, {"name": "a b", "value": "c&d"}]
        kind = "application/x-www-form-urlencoded"
        sent = one(request={"postData": {"mimeType": kind, "params": params}})
        assert (sent.payloads, sent.remarks) == ((f"imei={IMEI}&a+b=c%26d".encode(),), ("body rebuilt",))
        charles = one(request={"postData": {"mimeType": kind, "params": [{"name": JSON, "value": ""}]}})
        assert (charles.payloads, charles.remarks) == ((JSON.encode(),), ("body rebuilt",))

    def test_a_form_in_parts_made_again(self) -> None:
        kind = "multipart/form-data; boundary=xyz"
        params = [
            {"name": "imei", "value": IMEI},
            {"name": "f", "fileName": "a.txt", "contentType": "text/plain", "value": "hello"},
        ]
        headers = [{"name": "Content-Type", "value": kind}]
        sent = one(request={"headers": headers, "postData": {"mimeType": kind, "params": params}})
        evidence = Examiner().examine(sent)
        assert ("imei", IMEI) in {(found.kind, found.value) for found in evidence.findings}
        assert {"hello", "a.txt"} <= {value.data for value in evidence.values}

    def test_damage_is_marked(self) -> None:
        assert one(request=posted("a\ufffdb")).remarks == ("body damaged",)

    def test_a_body_that_was_left_out_is_counted(self) -> None:
        sent = one(request={"bodySize": 70_000, "_requestBodyStatus": "discarded:too-large"})
        assert (sent.payloads, sent.truncated, sent.remarks) == ((), 70_000, ("body missing",))
        assert sent.bytes_sent > 70_000

    def test_long_replies_are_not_kept(self) -> None:
        long = one(response={"bodySize": 9000, "content": {"size": 9000, "text": "x" * 9000}})
        assert long.reply == Reply(200, "", None, 9000)
        binary = {"size": 2, "text": base64.b64encode(b"\x00\xff").decode(), "encoding": "base64"}
        assert one(response={"bodySize": 2, "content": binary}).reply == Reply(200, "", b"\x00\xff", 2)


def http_of(path: Path) -> list[Transmission]:
    with open_source(path) as opened:
        sent = [sent for part in opened.plan(1 << 20).parts for sent in opened.read(part)]
    return [each for each in sent if each.protocol in ("http", "websocket")]


def conclusions(sent: Transmission, *, address: bool = True) -> Any:
    evidence = Examiner().examine(sent)
    return (
        sent.host,
        sent.address if address else None,
        sent.method,
        sent.path,
        sent.encrypted,
        sent.payloads,
        sent.bytes_sent,
        round(sent.time, 3),
        sent.reply.edge if sent.reply else None,
        evidence.outcome,
        evidence.judgement.purpose,
        sorted({(found.kind, found.value, found.certainty) for found in evidence.findings}),
    )


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_an_export_of_flows_gives_what_the_flows_give(path: Path, tmp_path: Path) -> None:
    with path.open("rb") as file:
        flows = list(FlowReader(file).stream())
    exported = tmp_path / "a.har"
    SaveHar().export_har(flows, str(exported))
    pairs = list(zip(http_of(path), http_of(exported), strict=True))
    assert len(pairs) > 100
    for flow, entry in pairs:
        # The address that a device asked for, where no connection came about, is in the flow only.
        known = flow.address_source == "connection"
        if flow.payloads and flow.header("content-encoding") == "gzip":
            assert gzip.decompress(flow.payloads[0]) == entry.payloads[0]
            flow, entry = flow._replace(payloads=()), entry._replace(payloads=())
        assert conclusions(flow, address=known) == conclusions(entry, address=known)
        assert (entry.client, entry.tls_version) == (None, None)
        assert entry.origin == ("device" if flow.origin == "replayed" else flow.origin)
    reading = read_captures([str(exported)])
    assert reading.errors == {}
    assert any("which phone" in line for line in reading.report.captures[str(exported)].unseen)


def test_websocket_flows_of_mitmproxy(tmp_path: Path) -> None:
    SaveHar().export_har([tflow.twebsocketflow()], str(tmp_path / "a.har"))
    (sent,) = http_of(tmp_path / "a.har")
    assert (sent.protocol, sent.payloads) == ("websocket", (b"hello binary", b"hello text"))


class TestFile:
    ENTRIES = tuple(entry(f"https://h{number}.example/", request=posted(JSON)) for number in range(300))

    @pytest.mark.parametrize("indent", [None, 1, 4])
    def test_parts_of_every_size_give_the_same(self, indent: int | None) -> None:
        data = json.dumps(json.loads(har(*self.ENTRIES)), indent=indent).encode()
        whole = read(data)
        assert len(whole) == 300
        for size in (1, 700, 5000, 20_000, 1 << 30):
            assert read(data, size) == whole
        assert len(source(data).plan(5000).parts) > 10

    def test_cut_off_anywhere_gives_all_whole_entries(self) -> None:
        data = har(*self.ENTRIES[:4], _other=[1])
        starts = [data.find(b'{"startedDateTime"')]
        ends = []
        for each in self.ENTRIES[:4]:
            ends.append(starts[-1] + len(json.dumps(each)))
            starts.append(ends[-1] + 2)
        for cut in range(len(data)):
            opened, whole = source(data[:cut]), sum(end <= cut for end in ends)
            if not whole:
                with pytest.raises(CaptureError, match="no whole entry"):
                    opened.plan(1000)
                continue
            plan = opened.plan(1000)
            assert len([sent for part in plan.parts for sent in opened.read(part)]) == whole
            assert bool(plan.warnings) == (cut <= ends[-1])

    @pytest.mark.parametrize("size", [1000, 1 << 30])
    @pytest.mark.parametrize("damage", [b'"', b"{", b"}", b"\xff", b"\x00", b"\\", b"]"])
    def test_behind_damage_it_goes_on(self, damage: bytes, size: int) -> None:
        data = har(*self.ENTRIES[:50])
        place = data.find(b"h20.example")
        found = {sent.host for sent in read(data[:place] + damage + data[place:], size)}
        assert len(found & {f"h{number}.example" for number in range(50)}) >= 48

    @pytest.mark.parametrize(
        "odd",
        [
            b'"\\udc80"', b'"\\ud83d"', b"NaN", b"-Infinity", b'"\x01"', b'"\n"', b"9" * 5000, b"1e999",
            b'"\xff"', b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000,
        ],
        ids=repr,
    )  # fmt: skip
    @pytest.mark.parametrize("key", ["time", "comment", "request"])
    def test_values_that_one_library_or_all_refuse(self, odd: bytes, key: str) -> None:
        entries = [json.dumps(each).encode() for each in self.ENTRIES[:9]]
        entries[4] = entries[4][:-1] + b', "%s": %s}' % (key.encode(), odd)
        data = b'{"log": {"entries": [' + b",\n".join(entries) + b"]}}"
        for size in (1000, 1 << 30):
            opened = source(data)
            found = {sent.host for part in opened.plan(size).parts for sent in opened.read(part)}
            assert found >= {f"h{number}.example" for number in range(9) if number != 4}
            assert "h4.example" in found or opened.warnings()

    def test_surrogates_do_not_cost_the_others_their_speed(self) -> None:
        broken = [
            entry(f"https://h{n}.example/", request=posted("\udc80" if n % 50 == 0 else "x"))
            for n in range(1000)
        ]
        sound = [entry(f"https://h{n}.example/", request=posted("x")) for n in range(1000)]
        costs = [steps(partial(read, har(*entries), 1 << 16)) for entries in (broken, sound)]
        assert costs[0] < 2 * costs[1]

    def test_nothing_of_use(self) -> None:
        for data in (
            b'{"log": {}}',
            b'{"log": {"entries": []}}',
            b'{"log": {"entries": [7, "x"]}}',
            b'{"log": {"entries"',
        ):
            with pytest.raises(CaptureError, match="no whole entry"):
                source(data).plan(1 << 20)
        assert read(b'{"log": {"entries": [{}]}}') == []

    def test_entries_of_other_shapes_are_skipped(self) -> None:
        odd = [
            {},
            {"request": []},
            {"request": {"url": 7}},
            {"request": {"headers": 7, "url": "http://b.example/"}},
        ]
        data = har(entry(), *odd, entry())
        assert [sent.host for sent in read(data)] == ["a.example", "b.example", "a.example"]

    def test_keys_in_any_order_and_a_tool_that_names_itself_last(self) -> None:
        document = {
            "log": {"pages": [{"title": '"entries": ['}], "entries": [entry()], "creator": {"name": "x"}}
        }
        assert len(read(json.dumps(document).encode())) == 1
        assert len(read(json.dumps({"comment": [[]], **document}).encode())) == 1

    def test_byte_order_mark_utf_16_and_zhar(self) -> None:
        data = har(*self.ENTRIES[:20])
        whole = read(data)
        for form in (
            b"\xef\xbb\xbf" + data,
            data.decode().encode("utf-16"),
            zlib.compress(data, 9),
            b"\n\n" + data,
        ):
            assert recognises(form[:4096])
            assert read(form) == whole
        packed = zlib.compress(data)
        opened = source(packed[:-20])
        assert 0 < len([sent for part in opened.plan(1000).parts for sent in opened.read(part)]) <= 20

    def test_a_zhar_bomb_is_cut(self) -> None:
        packed = zlib.compress(har(entry()) + b" " * (200 << 20), 9)
        opened = source(packed)
        assert opened.plan(1 << 20).warnings == (
            "unpacks to more than 64 times its size: the rest was not read",
        )

    def test_other_json_is_none(self) -> None:
        assert not recognises(b'{"schema": "phonehome/report/1", "captures": []}')
        assert not recognises(b"[1, 2]")
        assert not recognises(b"x\x9c")
        assert recognises(b' {"_comment": 1, "log" : {')

    @settings(max_examples=60)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=9
        )
        | st.dictionaries(st.text(), st.text()),
        st.data(),
    )
    def test_any_value_anywhere(self, value: Any, data: st.DataObject) -> None:
        """Whatever stands in the place of a value: the others are read, and nothing is raised."""
        document = json.loads(
            har(entry(request=posted(JSON), _webSocketMessages=[{"type": "send"}]), entry())
        )
        holder: Any = document["log"]["entries"][0]
        while True:
            key = data.draw(
                st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder)))
            )
            if isinstance(holder[key], dict | list) and holder[key] and data.draw(st.booleans()):
                holder = holder[key]
                continue
            holder[key] = value
            break
        found = read(json.dumps(document).encode())
        assert found[-1].host == "a.example"
        Examiner().examine(found[0])

    @settings(max_examples=60)
    @given(st.binary(max_size=40), st.integers(0, 10_000), st.integers(0, 40))
    def test_any_damage_raises_nothing_else(self, piece: bytes, place: int, length: int) -> None:
        data = har(*self.ENTRIES[:8])
        place %= len(data)
        damaged = data[:place] + piece + data[place + length :]
        try:
            opened = source(damaged)
            for part in opened.plan(2000).parts:
                list(opened.read(part))
        except CaptureError:
            pass


def test_growth_is_linear_whatever_the_damage() -> None:
    whole = har(*TestFile.ENTRIES)
    rng = random.Random(1)

    def damaged(times: int) -> bytes:
        data = bytearray(whole * times)
        for _ in range(40 * times):
            data[rng.randrange(len(data))] = rng.choice(b'"{}[]\\')
        return bytes(data)

    small, large = (steps(partial(read, damaged(times), 1 << 14)) for times in (1, 4))
    assert large < 8 * small


HOSTILE = {
    "brackets": b"[",
    "braces": b"{",
    "quotes": b'"',
    "backslashes": b"\\",
    "beginnings": b'{"startedDateTime":',
    "open beginnings": b'{"startedDateTime":"',
    "entries without a request": b"{},",
    "numbers": b"9,",
    "spaces": b" ",
    "keys": b'"a":{',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_cost_no_more_than_their_length(name: str) -> None:
    head = har(entry())[:-3] + b","

    def cost(times: int) -> int:
        data = head + HOSTILE[name] * (times * 30_000 // len(HOSTILE[name]))
        return steps(lambda: read(data) and None)

    small, large = cost(1), cost(4)
    assert large < 5 * small + 20_000


def test_a_part_may_be_read_by_another_process() -> None:
    data = har(*TestFile.ENTRIES, creator="mitmproxy")
    plan = source(data).plan(5000)
    apart = [sent for part in plan.parts for sent in source(data).read(Part(*part))]
    assert apart == read(data)


def test_a_first_entry_that_begins_otherwise_and_is_damaged_costs_itself() -> None:
    whole = json.dumps([entry() for _ in range(5)])[1:-1]
    data = b'{"log": {"entries": [{"time": 1, "request": [[[[}, ' + whole.encode() + b"]}}"
    assert len(read(data)) == 5
    assert any("damaged from byte 21" in line for line in source(data).plan(1 << 20).warnings)
