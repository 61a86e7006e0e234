# ruff: noqa: E501
"""Captures made to fool a verdict: a library of hostile and careless ones, built flow by flow as mitmproxy writes them.

Each attack says what it does, against which policy, and what `phonehome check` must answer: `docs/policies.md` shows the
same table.
"""

import base64
import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mitmproxy import http
from mitmproxy.io import FlowWriter

from captures.flows import client_hello, json_reply, packed
from captures.make_samples import ADDRESSES, PHONE_A, SUCCESS, Story, utc

START: Final = utc("2019-02-01 08:00:00")
CHINA: Final = "61.139.2.69"
SINGAPORE: Final = ADDRESSES["device-activation.example"]
FINLAND: Final = "95.216.24.17"
IMEI: Final = "352099001761481"
OTHER_IMEI: Final = "352099001761499"
"""One that no other transmission holds."""
"""The example that encyclopaedias give."""
NOISE: Final = random.Random(10)

HOLDS, BROKEN, NOT_JUDGED, FAULT = 0, 1, 2, 4


class Scene:
    """What one phone does; each act is a minute after the one before."""

    def __init__(self) -> None:
        self.story = Story(7, {})
        self.recorder = self.story.recorder
        self.at = START

    def later(self) -> float:
        self.at += 60
        return self.at

    def good(self) -> None:
        """The maker's activation, encrypted, to Singapore; with the build that names the market."""
        self.story.maker_activation(PHONE_A, self.later(), "device-activation.example")

    def zzhc(self) -> http.HTTPFlow:
        """The case itself: the client's registration at China Telecom, in clear text."""
        return self.story.china_telecom(PHONE_A, self.later(), 27447297, reply=json_reply(SUCCESS))

    def client_at(self, url: str, address: str) -> http.HTTPFlow:
        """The same client at another host."""
        flow = self.zzhc()
        host = url.split("/")[2]
        flow.request.host = address
        flow.request.headers["Host"] = host
        flow.server_conn.address = flow.server_conn.peername = (address, 80)
        flow.client_conn.sockname = (address, 80)
        return flow

    def post(
        self,
        url: str,
        address: str,
        body: bytes = b"",
        *headers: tuple[str, str],
        method: str = "POST",
    ) -> http.HTTPFlow:
        host = url.split("/")[2].partition(":")[0]
        self.recorder.addresses = {**self.recorder.addresses, host: address}
        return self.recorder.http_flow(
            PHONE_A.phone, self.later(), url, method=method, headers=headers, body=body, resolve=False
        )

    def says(
        self, fields: object, url: str = "https://api.weather.example/v1", address: str = FINLAND
    ) -> None:
        """JSON to somewhere."""
        self.post(url, address, json.dumps(fields).encode(), ("Content-Type", "application/json"))

    def closed(self, name: str, address: str, times: int = 1, port: int = 443) -> None:
        """TLS that nobody opened."""
        self.recorder.addresses = {**self.recorder.addresses, name: address}
        for _ in range(times):
            hello = client_hello(name, random.Random(self.at))
            flow = self.recorder.tcp_flow(
                PHONE_A.phone, self.later(), name, port, [(0, True, hello), (0.1, False, b"\x16\x03\x03")]
            )
            self.recorder.flows = [one for one in self.recorder.flows if one is flow or one.type != "dns"]

    def looked_up(self, name: str, address: str = CHINA) -> None:
        self.recorder.dns_flow(PHONE_A.phone, self.later(), name, address)

    def write(self, path: Path) -> None:
        flows = [flow for flow in self.recorder.flows if flow.type != "dns" or self.keeps_dns]
        with path.open("wb") as file:
            writer = FlowWriter(file)
            for flow in flows:
                writer.add(flow)

    keeps_dns = True


Act = Callable[[Scene], object]
Damage = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Attack:
    """One row of the table."""

    id: str
    what: str
    act: Act
    answer: int
    policy: str = "hmd-2019"
    damage: Damage | None = None
    says: str = ""
    """Stands in the text of the verdict."""
    rules: dict[str, str] = field(default_factory=dict)
    """What some rules must come to."""

    @property
    def market(self) -> str | None:
        return "WW" if self.policy == "hmd-2019" else None


def _random(size: int) -> bytes:
    return bytes(NOISE.randrange(256) for _ in range(size))


def _zip(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", data)
    return out.getvalue()


def _streamed(scene: Scene) -> None:
    flow = scene.post("http://telemetry.cn-north.example.cn/up", CHINA, b"", ("Transfer-Encoding", "chunked"))
    flow.request.data.content = None
    del flow.request.headers["Content-Length"]


def _flip(data: bytes) -> bytes:
    """One damaged byte in the flow to China: in the length of one of its elements."""
    place = data.rindex(b"zzhc.vnet.cn")
    place = data.rindex(b":", 0, place) - 1
    return data[:place] + b"x" + data[place + 1 :]


def _flip_dns(data: bytes) -> bytes:
    """The same in the answer to the look-up before it."""
    place = data.index(b"zzhc.vnet.cn")
    place = data.rindex(b":", 0, place) - 1
    return data[:place] + b"x" + data[place + 1 :]


def _forged_version(data: bytes) -> bytes:
    place = data.rindex(b"7:version;2:21#")
    return data[:place] + b"7:version;2:x1," + data[place + len(b"7:version;2:21#") :]


def _word(word: str) -> Act:
    def act(scene: Scene) -> None:
        scene.good()
        scene.zzhc()
        scene.says({"ssid": word, "wifi": {"ssid": word}, "x": 1})

    return act


def _both(*acts: Act) -> Act:
    def act(scene: Scene) -> None:
        for one in acts:
            one(scene)

    return act


GOOD: Final[Act] = Scene.good


def _good_in_the_eea(scene: Scene) -> None:
    scene.says({"imei": IMEI, "model": "TA-1046"}, "https://activation.maker.example.fi/v1", FINLAND)


def _to_china(**more: object) -> Act:
    """Something to a host in China, beside what is fine for the EEA."""
    given = {"url": "http://up.example.cn/v1", "body": b"", **more}

    def act(scene: Scene) -> None:
        _good_in_the_eea(scene)
        headers = given.get("headers", ())
        scene.post(
            str(given["url"]),
            CHINA,
            given["body"],  # type: ignore[arg-type]
            *headers,  # type: ignore[misc]
            method=str(given.get("method", "POST")),
        )

    return act


def _fragment(scene: Scene) -> None:
    _good_in_the_eea(scene)
    scene.post("http://up.example.cn/v1", CHINA).request.path = f"/v1?x=1#imei={IMEI}"


def _trailer(scene: Scene) -> None:
    _good_in_the_eea(scene)
    flow = scene.post("http://up.example.cn/v1", CHINA, b"x")
    flow.request.trailers = http.Headers([(b"X-IMEI", IMEI.encode())])


def _imei_at(address: str) -> Act:
    return lambda scene: scene.says({"imei": IMEI}, "http://up.tracker.cn/", address)


def _many_names(scene: Scene) -> None:
    for number in range(4100):
        scene.looked_up(f"a{number}.example.cn")


_JSON = (("Content-Type", "application/json"),)
WORDS: Final = (
    "China Telecom",
    "global",
    "activation",
    "certain",
    "activation data to China",
    "likely",
    "unclassified",
    "imei",
    "hardware",
    "sent activation data",
    "holds",
    "Singapore",
    "http",
    "not-to-china",
)

ATTACKS: Final[tuple[Attack, ...]] = (
    Attack("fixed", "nothing but the maker's activation to Singapore", GOOD, HOLDS),
    Attack("case", "the registration at China Telecom", _both(GOOD, Scene.zzhc), BROKEN),
    *(
        Attack(f"ssid-{word.replace(' ', '-').lower()}", f'beside it an SSID "{word}"', _word(word), BROKEN)
        for word in WORDS
    ),
    # -- files
    Attack(
        "cut-off",
        "half of the flow to China is missing",
        _both(GOOD, Scene.zzhc),
        NOT_JUDGED,
        damage=lambda data: data[: data.rindex(b"zzhc")],
        says="not read: ",
    ),
    Attack(
        "garbage-behind",
        "garbage behind the last flow",
        GOOD,
        NOT_JUDGED,
        damage=lambda data: data + b"garbage" * 50,
        says="not read: ",
    ),
    Attack(
        "garbage-before",
        "garbage between two flows",
        _both(GOOD, GOOD),
        NOT_JUDGED,
        damage=lambda data: data[: len(data) // 2] + b"9" * 300 + data[len(data) // 2 :],
        says="not read: ",
    ),
    Attack(
        "damaged-byte",
        "one damaged byte in the flow to China",
        _both(GOOD, Scene.zzhc),
        NOT_JUDGED,
        damage=_flip,
        says="not read: ",
    ),
    Attack(
        "forged-version",
        "a flow whose version is a text",
        _both(GOOD, GOOD),
        NOT_JUDGED,
        damage=_forged_version,
    ),
    Attack(
        "damaged-dns",
        "one damaged byte in a look-up",
        _both(GOOD, lambda scene: scene.looked_up("zzhc.vnet.cn")),
        NOT_JUDGED,
        damage=_flip_dns,
        says="not read: ",
    ),
    # -- who and where
    Attack(
        "other-host",
        "the client at another host of China Telecom",
        _both(GOOD, lambda scene: scene.client_at("http://reg.189.example.cn/", CHINA)),
        BROKEN,
        rules={"not-to-china": "broken"},
    ),
    Attack(
        "other-host-bare",
        "the client at an address without a name",
        _both(GOOD, lambda scene: scene.client_at(f"http://{CHINA}/", CHINA)),
        BROKEN,
    ),
    Attack(
        "private",
        "activation of a public name at a private address",
        _both(GOOD, lambda scene: scene.client_at("http://reg.189.cn/", "10.11.12.13")),
        BROKEN,
        rules={"not-to-china": "not-judged"},
    ),
    Attack(
        "cgnat",
        "the same at an address of a carrier's NAT",
        _both(GOOD, lambda scene: scene.client_at("http://reg.189.cn/", "100.64.7.7")),
        BROKEN,
        rules={"not-to-china": "not-judged"},
    ),
    Attack(
        "benchmark",
        "the same at a benchmarking address (fake-IP DNS)",
        _both(GOOD, lambda scene: scene.client_at("http://reg.189.cn/", "198.18.0.5")),
        BROKEN,
        rules={"not-to-china": "not-judged"},
    ),
    Attack(
        "documentation",
        "the same at a documentation address",
        _both(GOOD, lambda scene: scene.client_at("http://reg.189.cn/", "203.0.113.9")),
        BROKEN,
        rules={"not-to-china": "not-judged"},
    ),
    *(
        Attack(
            f"eea-{address}",
            f"an IMEI to a public name at {address}",
            _both(_good_in_the_eea, _imei_at(address)),
            NOT_JUDGED,
            "eea",
        )
        for address in ("100.64.1.1", "198.18.0.7", "203.0.113.77", "169.254.7.7", "0.0.0.7", "240.1.1.1")
    ),
    Attack(
        "eea-private",
        "an IMEI to a public name at a private address",
        _both(
            _good_in_the_eea, lambda scene: scene.says({"imei": IMEI}, "http://up.tracker.cn/", "192.168.4.4")
        ),
        NOT_JUDGED,
        "eea",
    ),
    Attack(
        "eea-local",
        "an IMEI to a local name at a private address does not leave",
        _both(_good_in_the_eea, lambda scene: scene.says({"imei": IMEI}, "http://box.lan/", "192.168.4.4")),
        HOLDS,
        "eea",
    ),
    # -- what stayed closed
    Attack(
        "closed-china",
        "closed TLS to an unknown host in China",
        _both(GOOD, lambda scene: scene.closed("a.unknown.cn", CHINA)),
        NOT_JUDGED,
        rules={"not-to-china": "not-judged"},
    ),
    Attack(
        "closed-zzhc",
        "closed TLS to the host itself",
        _both(GOOD, lambda scene: scene.closed("zzhc.vnet.cn", CHINA)),
        BROKEN,
    ),
    Attack(
        "ciphertext-china",
        "ciphertext to an unknown host in China",
        _both(GOOD, lambda scene: scene.post("http://a.unknown.cn/", CHINA, _random(2000))),
        NOT_JUDGED,
        rules={"not-to-china": "not-judged"},
    ),
    Attack(
        "looked-up",
        "the host was looked up, and nothing to it was seen",
        _both(GOOD, lambda scene: scene.looked_up("zzhc.vnet.cn")),
        NOT_JUDGED,
        says="looked up zzhc.vnet.cn",
    ),
    Attack(
        "looked-up-many",
        "thousands of names are looked up, so that not all are kept",
        _both(GOOD, _many_names),
        NOT_JUDGED,
        says="so many names",
    ),
    Attack(
        "same-host-closed",
        "closed TLS at the maker's host, at an address in China",
        _both(GOOD, lambda scene: scene.closed("device-activation.example", CHINA)),
        NOT_JUDGED,
    ),
    # -- nothing to judge
    Attack(
        "eea-nothing",
        "a capture without an identifier",
        lambda scene: scene.says({"x": 1}),
        NOT_JUDGED,
        "eea",
        says="nothing of this kind was seen",
    ),
    Attack(
        "hmd-nothing",
        "a capture without activation",
        lambda scene: scene.says({"swver": "00WW_3_22C", "model": "TA-1046"}),
        NOT_JUDGED,
    ),
    Attack("eea-fixed", "an identifier that stays in the EEA", _good_in_the_eea, HOLDS, "eea"),
    Attack(
        "eea-china",
        "an IMEI in JSON to China",
        _to_china(body=json.dumps({"imei": IMEI}).encode(), headers=_JSON),
        BROKEN,
        "eea",
    ),
    # -- where identifiers can stand
    Attack(
        "streamed",
        "a body that the capture does not hold",
        _both(_good_in_the_eea, _streamed),
        NOT_JUDGED,
        "eea",
    ),
    Attack(
        "sealed-base64",
        "base64 of 32 opaque bytes, as a digest or one block of ciphertext is",
        _to_china(body=json.dumps({"d": base64.b64encode(_random(32)).decode()}).encode(), headers=_JSON),
        NOT_JUDGED,
        "eea",
    ),
    Attack(
        "sealed-without-padding",
        "base64 of 48 opaque bytes, three blocks of ciphertext, which needs no padding",
        _to_china(body=json.dumps({"d": base64.b64encode(_random(48)).decode()}).encode(), headers=_JSON),
        NOT_JUDGED,
        "eea",
    ),
    Attack(
        "short-base64",
        "base64 of 200 opaque bytes",
        _to_china(body=json.dumps({"d": base64.b64encode(_random(200)).decode()}).encode(), headers=_JSON),
        NOT_JUDGED,
        "eea",
    ),
    Attack(
        "zip-in-base64",
        "a zip file in base64",
        _to_china(
            body=json.dumps(
                {"d": base64.b64encode(_zip(json.dumps({"imei": IMEI}).encode() * 9)).decode()}
            ).encode(),
            headers=_JSON,
        ),
        BROKEN,
        "eea",
    ),
    Attack("zip", "a zip file", _to_china(body=_zip(json.dumps({"imei": IMEI}).encode() * 9)), BROKEN, "eea"),
    Attack(
        "gzip",
        "gzip",
        _to_china(body=packed(json.dumps({"imei": IMEI}).encode()), headers=_JSON),
        BROKEN,
        "eea",
    ),
    Attack(
        "basic",
        "Basic auth",
        _to_china(
            headers=(("Authorization", "Basic " + base64.b64encode(f"imei:{IMEI}".encode()).decode()),)
        ),
        BROKEN,
        "eea",
    ),
    Attack(
        "host-label",
        "a label of the host name",
        _to_china(url=f"http://{IMEI}.up.example.cn/"),
        BROKEN,
        "eea",
    ),
    Attack(
        "authority",
        "the Host header of another name",
        _to_china(headers=(("Host", f"{IMEI}.up.example.cn"),)),
        BROKEN,
        "eea",
    ),
    Attack("header-name", "the name of a header", _to_china(headers=((f"X-{IMEI}", "1"),)), BROKEN, "eea"),
    Attack(
        "plain-header",
        "a header that carries nothing as a rule",
        _to_china(headers=(("Accept-Language", IMEI),)),
        BROKEN,
        "eea",
    ),
    Attack(
        "user-agent",
        "the user agent",
        _to_china(headers=(("User-Agent", f"App/1.0 (id {IMEI}; x)"),)),
        BROKEN,
        "eea",
    ),
    Attack(
        "header-501",
        "the 501st header",
        _to_china(headers=(*((f"X-{number}", "1") for number in range(500)), ("X-IMEI", IMEI))),
        BROKEN,
        "eea",
    ),
    Attack(
        "cookie-20001",
        "the 20,001st cookie",
        _to_china(
            headers=(("Cookie", "; ".join([f"a{number}=1" for number in range(20_000)]) + f"; imei={IMEI}"),)
        ),
        NOT_JUDGED,
        "eea",
    ),
    Attack("method", "the method", _to_china(method=f"X{IMEI}"), BROKEN, "eea"),
    Attack("fragment", "a fragment", _fragment, BROKEN, "eea"),
    Attack("trailer", "a trailer", _trailer, BROKEN, "eea"),
    Attack("query", "the query", _to_china(url=f"http://up.example.cn/v1?imei={IMEI}"), BROKEN, "eea"),
    Attack("path", "the path", _to_china(url=f"http://up.example.cn/imei/{IMEI}"), BROKEN, "eea"),
    Attack("cookie", "a cookie", _to_china(headers=(("Cookie", f"imei={IMEI}"),)), BROKEN, "eea"),
    Attack(
        "dns-name",
        "a name that is looked up at a server in China",
        _both(
            _good_in_the_eea,
            lambda scene: scene.recorder.dns_flow(
                PHONE_A.phone, scene.later(), f"{IMEI}.up.example.cn", CHINA
            ),
        ),
        NOT_JUDGED,
        "eea",
    ),
    Attack(
        "form",
        "a form",
        _to_china(
            body=f"a=1&imei={IMEI}".encode(), headers=(("Content-Type", "application/x-www-form-urlencoded"),)
        ),
        BROKEN,
        "eea",
    ),
    Attack(
        "possible",
        "a number that may be an IMEI, under a name that says nothing",
        _to_china(body=json.dumps({"q": OTHER_IMEI}).encode(), headers=_JSON),
        NOT_JUDGED,
        "eea",
    ),
    Attack(
        "again",
        "the phone's IMEI, certain elsewhere, under a name that says nothing",
        _to_china(body=json.dumps({"q": IMEI}).encode(), headers=_JSON),
        BROKEN,
        "eea",
    ),
    Attack(
        "again-hashed",
        "a hash of the phone's IMEI, under a name that says nothing",
        _to_china(body=json.dumps({"q": hashlib.md5(IMEI.encode()).hexdigest()}).encode(), headers=_JSON),
        BROKEN,
        "eea",
    ),
    Attack(
        "attempt",
        "an IMEI that got no answer",
        _both(
            _good_in_the_eea,
            lambda scene: scene.recorder.http_flow(
                PHONE_A.phone,
                scene.later(),
                f"http://zzhc.vnet.cn/?imei={IMEI}",
                reply=None,
                error="connection refused",
                connected=False,
            ),
        ),
        BROKEN,
        "eea",
    ),
    # -- exceptions
    Attack(
        "time-host",
        "Host: time.android.com at an address in China, with an IMEI",
        _to_china(url="http://time.android.com/", body=json.dumps({"imei": IMEI}).encode(), headers=_JSON),
        BROKEN,
        "eea",
    ),
    Attack(
        "time-ciphertext",
        "Host: time.android.com at an address in China, with ciphertext",
        _to_china(url="http://time.android.com/", body=_random(2000)),
        NOT_JUDGED,
        "eea",
    ),
    Attack(
        "ntp-ciphertext",
        "ciphertext to port 123",
        _both(
            _good_in_the_eea,
            lambda scene: scene.recorder.udp_flow(
                PHONE_A.phone, scene.later(), CHINA, 123, [(0, True, _random(900))]
            ),
        ),
        NOT_JUDGED,
        "eea",
    ),
    Attack(
        "ntp",
        "the time, asked for in China",
        _both(
            _good_in_the_eea,
            lambda scene: scene.recorder.udp_flow(
                PHONE_A.phone,
                scene.later(),
                CHINA,
                123,
                [(0, True, b"\x1b" + bytes(47)), (0.1, False, b"\x1c" + bytes(47))],
            ),
        ),
        HOLDS,
        "eea",
    ),
    Attack(
        "dot",
        "closed TLS to port 853 in China",
        _both(_good_in_the_eea, lambda scene: scene.closed("dns.unknown.cn", CHINA, port=853)),
        NOT_JUDGED,
        "eea",
    ),
    Attack(
        "google-in-china",
        "Google's check-in at an address in China",
        _both(
            GOOD,
            lambda scene: scene.post(
                "https://android.clients.google.com/checkin",
                CHINA,
                json.dumps({"imei": IMEI}).encode(),
                *_JSON,
            ),
        ),
        NOT_JUDGED,
        rules={"not-to-china": "not-judged"},
    ),
    Attack(
        "captive-portal",
        "a connectivity check's name with an IMEI, in China",
        _to_china(url=f"http://connectivitycheck.gstatic.com/generate_204?imei={IMEI}"),
        BROKEN,
        "eea",
    ),
)
