"""Makes a large capture to measure on: `python -m benchmarks.make_capture FILE [--kind KIND] [--flows N] [--seed N]`

Its shape is that of phones' traffic: three devices, some sixty hosts of which few have most of the requests,
10 to 30 requests over each connection (each flow repeats the connection with the server's certificates), over
HTTP/2, HTTP/3 and HTTP/1.1. What repeats in reality repeats: names of headers and cookies, a session's cookies and
its bearer token, until it is renewed. What does not repeat there does not here, so that no cache can answer for it:
request ids, trace ids, the cookie that counts, signatures and times in queries, bodies, messages. Of the requests
70 % have no body, 20 % JSON or a form of about 1 kB, 8 % gzipped protobuf of about 4 kB, 2 % about 100 kB (logs,
pictures, protobuf). One flow in fifty is a WebSocket, most of them a messenger's, whose frames are ciphertext.
Replies have 0 to 200 kB. A flow has about 8 kB on average.

Kinds: `phone` is that mix. `messenger`, `web` and `protobuf` hold one thing only, to see what it costs: WebSockets
whose frames are ciphertext; requests with cookies, tokens and long queries; protobuf of 4 to 200 kB. `addresses` is
the mix, with a host and an address of its own for each connection. `old` is the mix in flow format 7 (mitmproxy 5),
or in another one with `--format`. `--files N` makes a folder of N captures of as many phones, with `--flows` each.

Connections and the rarer kinds of flow come from mitmproxy itself (through `captures.flows`); HTTP flows are
then put together from serialised parts, in the layout in which mitmproxy writes them, because that is twenty
times as fast. A test reads the result with mitmproxy and writes it again to the same bytes.
"""

import argparse
import base64
import datetime
import itertools
import json
import random
import string
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier
from mitmproxy.io import tnetstring

from captures.flows import Fixed64, Phone, Recorder, packed, protobuf
from captures.old_formats import as_old_flows

START = 1_769_000_000.0
"""21 January 2026, in UTC: near the tables, so that no warning of age takes part."""

OPEN_LINKS = 24
"""Connections that are in use at a time."""
PHONES = tuple(
    Phone(f"10.42.0.{last}", udp_mode="reverse:udp://time.android.com:123@123") for last in (11, 12, 13)
)


class Host(NamedTuple):
    name: str
    address: str
    weight: int
    """How many of the requests go there, relative to the others."""
    kind: str = "api"
    """`api`, `web`, `image`, or `clear` for HTTP without TLS."""


# Names of services that phones use, and as many that no catalogue knows. The addresses lie in networks of all
# kinds, with a known cloud region and without.
HOSTS = (
    Host("play.googleapis.com", "216.58.211.14", 90),
    Host("android.clients.google.com", "172.217.20.46", 50),
    Host("www.googleapis.com", "172.217.20.42", 40),
    Host("app-measurement.com", "172.217.20.78", 60),
    Host("firebaseinstallations.googleapis.com", "172.217.20.74", 12),
    Host("firebaselogging-pa.googleapis.com", "172.217.20.106", 20),
    Host("googleads.g.doubleclick.net", "172.217.20.34", 45),
    Host("pagead2.googlesyndication.com", "172.217.20.98", 25, "web"),
    Host("connectivitycheck.gstatic.com", "216.58.211.3", 30, "clear"),
    Host("www.google.com", "172.217.20.36", 35, "web"),
    Host("i.ytimg.com", "172.217.20.54", 30, "image"),
    Host("youtubei.googleapis.com", "172.217.20.110", 30),
    Host("graph.facebook.com", "31.13.72.8", 60),
    Host("z-m-scontent.xx.fbcdn.net", "31.13.72.12", 25, "image"),
    Host("api2.branch.io", "52.212.1.9", 15),
    Host("app.adjust.com", "178.162.219.36", 12),
    Host("t.appsflyer.com", "52.17.1.20", 15),
    Host("api2.amplitude.com", "52.43.1.7", 15),
    Host("api.mixpanel.com", "35.190.25.25", 10),
    Host("sessions.bugsnag.com", "35.190.88.7", 8),
    Host("firebase-settings.crashlytics.com", "172.217.21.174", 8),
    Host("config.uca.cloud.unity3d.com", "34.102.1.4", 8),
    Host("api.onesignal.com", "104.16.160.145", 8),
    Host("data.mistat.intl.xiaomi.com", "47.74.128.9", 18),
    Host("tracking.intl.miui.com", "47.74.128.11", 14),
    Host("update.intl.miui.com", "20.47.97.3", 4),
    Host("metrics1.data.hicloud.com", "80.158.2.12", 12),
    Host("connect.facebook.net", "31.13.72.20", 8, "web"),
    Host("dc.di.atlas.samsung.com", "52.208.3.4", 12),
    Host("fota-cloud-dn.ospserver.net", "23.54.1.8", 3),
    Host("gs-loc.apple.com", "17.248.1.9", 6),
    Host("albert.apple.com", "17.171.47.90", 2),
    Host("xp.apple.com", "17.248.1.40", 14),
    Host("zzhc.vnet.cn", "61.139.2.69", 1, "clear"),
    Host("ulogs.umeng.com", "203.119.169.1", 12),
    Host("loc.map.baidu.com", "111.13.101.208", 5, "clear"),
    Host("android.bugly.qq.com", "123.151.190.160", 8),
    Host("log.byteoversea.com", "47.74.128.30", 15),
    Host("ads.mopub.com", "35.244.1.8", 8),
    Host("ws.tapjoyads.com", "34.198.2.3", 5),
    Host("www.nrk.no", "160.68.205.231", 12, "web"),
    Host("api.news.example", "95.216.24.17", 20),
    Host("cdn.news.example", "104.18.3.9", 40, "image"),
    Host("img.shop.example", "151.101.1.69", 35, "image"),
    Host("www.shop.example", "151.101.1.70", 20, "web"),
    Host("api.shop.example", "3.64.0.19", 25),
    Host("metrics.shop.example", "3.64.0.44", 20),
    Host("api.bank.example", "193.212.1.10", 10),
    Host("sync.mail.example", "88.198.24.108", 15),
    Host("tiles.map.example", "13.48.1.9", 25, "image"),
    Host("api.map.example", "13.48.1.30", 12),
    Host("feed.social.example", "34.250.1.9", 25),
    Host("media.social.example", "34.250.1.40", 25, "image"),
    Host("events.social.example", "34.250.1.77", 25),
    Host("api.game.example", "13.228.77.90", 15),
    Host("assets.game.example", "99.86.1.40", 15, "image"),
    Host("telemetry.game.example", "52.74.0.19", 15),
    Host("radio.example", "185.60.216.35", 4, "clear"),
    Host("weather.example", "116.202.1.5", 6),
    Host("health.example", "20.50.1.9", 6),
    Host("fitness.example", "51.13.1.2", 6),
)

_AGENTS = (
    "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 7 Build/UQ1A.240205.004)",
    "Dalvik/2.1.0 (Linux; U; Android 13; SM-A536B Build/TP1A.220624.014)",
    "Dalvik/2.1.0 (Linux; U; Android 12; 2201117TY Build/SKQ1.211103.001)",
)
KINDS = ("phone", "messenger", "web", "protobuf", "addresses", "old")
_WEBSOCKET, _OTHERS = 0.02, 0.05
"""Shares of the flows of the mix: WebSockets, and what is neither HTTP nor a WebSocket."""
OLD = 7
"""The flow format of the kind `old`."""
RENEWED = 60
"""Requests to a host after which a phone has another bearer token."""
_LIBRARIES = ("okhttp/4.12.0", "Cronet/119.0.6045.31", "", "okhttp/3.14.9")
_WORDS = (
    *("screen", "view", "open", "close", "time", "list", "item", "user", "event", "session", "start", "stop"),
    *("page", "load", "count", "name", "value", "type", "source", "battery", "level", "network", "wifi"),
    *("mobile", "locale", "version", "build", "os", "carrier", "state", "index", "duration", "error", "code"),
)


def make(
    path: Path, flows: int = 50_000, seed: int = 1, kind: str = "phone", version: int | None = None
) -> None:
    """Write a capture of that many flows, in today's flow format or that of `version` (4 to 11). The same arguments
    make the same bytes (with the same zlib)."""
    maker = _Maker(seed, kind)
    version = OLD if kind == "old" and version is None else version
    partial = path.with_name(path.name + ".part")
    with partial.open("wb", buffering=1 << 20) as file:
        for _ in range(flows):
            flow = maker.flow() if version is None else b""
            while not flow:
                flow = _old(maker.flow(), version or OLD)
            file.write(flow)
    partial.replace(path)


def make_folder(folder: Path, files: int, flows: int) -> None:
    """Write so many captures of so many flows each, each of other phones."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        make(folder / f"{number:05}.mitm", flows, seed=1000 + number)


def _old(flow: bytes, version: int) -> bytes:
    """A flow as an older mitmproxy wrote it; empty if it knew none of this type."""
    state: Any = tnetstring.loads(flow)
    return b"".join(map(tnetstring.dumps, as_old_flows(version, state)))


@dataclass
class _Link:
    """A connection that is kept alive, serialised once."""

    phone: int
    host: Host
    client: bytes
    server: bytes
    requests: int
    """How many more it will carry."""
    version: str


@dataclass
class _Jar:
    """What one phone sends to one host again and again."""

    cookies: list[tuple[bytes, bytes]]
    token: bytes
    left: int
    """Requests until the token is renewed."""
    count: int = 0


class _Maker:
    def __init__(self, seed: int, kind: str = "phone") -> None:
        self.kind = kind
        self.rng = random.Random(seed)
        self.recorder = Recorder(seed, {host.name: host.address for host in HOSTS})
        self.now = START
        self.links: list[_Link] = []
        self.noise = self.rng.randbytes(1 << 20)
        self.total = list(itertools.accumulate(host.weight for host in HOSTS))
        self.devices = [_device(self.rng) for _ in PHONES]
        self.prose = " ".join(self.rng.choice(_WORDS) for _ in range(40_000)).encode()
        self.jars: dict[tuple[int, str], _Jar] = {}
        self.connections = 0

    def flow(self) -> bytes:
        self.now += self.rng.expovariate(1.2)
        share = self.rng.random()
        if self.kind == "messenger" or (self.kind not in ("web", "protobuf") and share < _WEBSOCKET):
            return self._websocket()
        if self.kind in ("web", "protobuf") or share < 1 - _OTHERS:
            return self._http()
        return self._other((1 - share) / _OTHERS)

    # -- HTTP --------------------------------------------------------------------------------------

    def _http(self) -> bytes:
        rng = self.rng
        link = self._link()
        at = self.now
        method, path, headers, body = self._request(link)
        after = at + rng.uniform(0.02, 0.6)
        status, reply_headers, reply = self._reply(link.host, after)
        http2 = link.version != "HTTP/1.1"
        version = link.version.encode()
        if not http2:
            headers = _text_pair(b"Host", link.host.name.encode()) + headers
        request = _dict(
            (b"path", _bytes(path)),
            (b"authority", _bytes(link.host.name.encode() if http2 else b"")),
            (b"scheme", _bytes(b"https" if http2 else b"http")),
            (b"method", _bytes(method)),
            (b"port", b"3:443#" if http2 else b"2:80#"),
            (b"host", _text(link.host.address.encode())),
            (b"timestamp_end", _float(at + 0.003)),
            (b"timestamp_start", _float(at)),
            (b"trailers", b"0:~"),
            (b"content", _bytes(body)),
            (b"headers", _wrap(headers, b"]")),
            (b"http_version", _bytes(version)),
        )
        response = _dict(
            (b"reason", _bytes(b"" if http2 else b"OK")),
            (b"status_code", b"3:%d#" % status),
            (b"timestamp_end", _float(after + 0.01)),
            (b"timestamp_start", _float(after)),
            (b"trailers", b"0:~"),
            (b"content", _bytes(reply)),
            (b"headers", _wrap(reply_headers, b"]")),
            (b"http_version", _bytes(version)),
        )
        if rng.random() < 0.01:
            response = b"0:~"
            error = _dict((b"timestamp", _float(after)), (b"msg", _text(b"server disconnected")))
        else:
            error = b"0:~"
        return _dict(
            (b"websocket", b"0:~"),
            (b"response", response),
            (b"request", request),
            (b"backup", b"0:~"),
            (b"timestamp_created", _float(at)),
            (b"comment", b"0:;"),
            (b"metadata", b"0:}"),
            (b"marked", b"0:;"),
            (b"is_replay", b"0:~"),
            (b"intercepted", b"5:false!"),
            (b"server_conn", link.server),
            (b"client_conn", link.client),
            (b"error", error),
            (b"id", _text(self._uuid())),
            (b"type", b"4:http;"),
            (b"version", b"2:21#"),
        )

    def _link(self) -> _Link:
        """A connection for the next request: mostly one of those that are open."""
        rng = self.rng
        if self.links and (len(self.links) >= OPEN_LINKS or rng.random() < 0.9):
            place = rng.randrange(len(self.links))
            link = self.links[place]
            link.requests -= 1
            if not link.requests:
                self.links[place] = self.links[-1]
                self.links.pop()
            return link
        phone = rng.choices((0, 1, 2), (5, 3, 2))[0]
        host = self._host()
        scheme, version = ("http", "HTTP/1.1") if host.kind == "clear" else ("https", "HTTP/2.0")
        recorder = Recorder(rng.getrandbits(48), self.recorder.addresses)
        flow = recorder.http_flow(
            PHONES[phone], self.now, f"{scheme}://{host.name}/", version=version, resolve=False
        )
        client, server = flow.client_conn.get_state(), flow.server_conn.get_state()
        if host.kind != "clear" and rng.random() < 0.25:
            version = "HTTP/3"
            for side in (client, server):
                side |= {"transport_protocol": "udp", "alpn": b"h3", "tls_version": "QUICv1"}
                side |= {"alpn_offers": [b"h3"], "cipher": "TLS_AES_128_GCM_SHA256"}
            server["timestamp_tcp_setup"] = None
        if server["certificate_list"]:
            server["certificate_list"] = [_certificate(host.name, 600), _certificate("intermediate", 300)]
        more = rng.randint(9, 29)
        link = _Link(phone, host, tnetstring.dumps(client), tnetstring.dumps(server), more, version)
        self.links.append(link)
        return link

    def _host(self) -> Host:
        (host,) = self.rng.choices(HOSTS, cum_weights=self.total)
        if self.kind != "addresses":
            return host
        self.connections += 1
        name = f"{self.rng.getrandbits(40):x}.{host.name}"
        # Of everywhere: no two connections have one address.
        number = 0x10000000 + self.connections * 0x3779B1 % 0x90000000
        address = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
        self.recorder.addresses[name] = address  # type: ignore[index]
        return Host(name, address, 1, host.kind)

    def _request(self, link: _Link) -> tuple[bytes, bytes, bytes, bytes]:
        rng = self.rng
        share = rng.random()
        kind = link.host.kind
        path = b"/v%d/%s/%s" % (rng.randint(1, 4), self._word(), self._word())
        if rng.random() < 0.25 or self.kind == "web":
            path += b"?" + self._query(link)
        elif rng.random() < 0.6:
            path += b"?ts=%d&rid=%016x&%s=%s" % (
                int(self.now * 1000),
                rng.getrandbits(64),
                self._word(),
                self._word(),
            )
        agent = rng.random() < 0.5
        body, media, encoded = b"", b"", False
        if self.kind == "protobuf":
            encoded = rng.random() < 0.5
            body, media = (
                self._nested(rng.choice((4_000,) * 12 + (20_000,) * 3 + (200_000,))),
                b"application/x-protobuf",
            )
            body = packed(body) if encoded else body
        elif self.kind == "web":
            pass
        elif share >= 0.98:
            body, media = self._bulk(link)
        elif share >= 0.90:
            body, media, encoded = self._protobuf(link), b"application/x-protobuf", True
        elif share >= 0.80:
            body, media = self._form(link), b"application/x-www-form-urlencoded"
        elif share >= 0.70:
            body, media = self._json(link), b"application/json; charset=utf-8"
        headers = _common_headers(link.phone, kind, agent, media, encoded)
        if body:
            headers += _text_pair(b"content-length", b"%d" % len(body))
        headers += self._credentials(link)
        if rng.random() < 0.4:
            headers += _text_pair(b"x-request-id", self._uuid())
        if rng.random() < 0.3:
            trace = b"00-%032x-%016x-01" % (rng.getrandbits(128), rng.getrandbits(64))
            headers += _text_pair(b"traceparent", trace)
        return (b"POST" if body else b"GET"), path, headers, body

    def _credentials(self, link: _Link) -> bytes:
        """Cookies of a site, of which one changes with each request, and the bearer token of an interface."""
        rng = self.rng
        key = (link.phone, link.host.name)
        jar = self.jars.get(key)
        if jar is None or not jar.left:
            cookies = [
                (b"consent", b"YES+cb.20240101-00-p0.en+FX+%d" % rng.randrange(1000)),
                (b"session", b"%064x" % rng.getrandbits(256)),
                (b"_ga", b"GA1.1.%d.%d" % (rng.getrandbits(30), int(self.now) - rng.randrange(10**7))),
                (b"uid", b"%s" % self._uuid()),
                (b"prefs", b"lang%3Dnb%26theme%3Ddark%26tz%3DEurope%252FOslo"),
            ]
            jar = self.jars[key] = _Jar(cookies[: rng.randint(2, 5)], self._token(link.host.name), RENEWED)
        jar.left -= 1
        jar.count += 1
        cookies = list(jar.cookies)
        if link.host.kind != "api" or rng.random() < 0.3:
            last = b"GS1.1.%d.%d.1.%d.0.0.0" % (int(START), jar.count, int(self.now))
            cookies.append((b"_ga_%X" % (len(link.host.name) << 28), last))
        if rng.random() < 0.2:
            cookies.append((b"__cf_bm", self._code(96)))
        headers = b""
        if link.host.kind != "image":
            headers += _text_pair(b"cookie", b"; ".join(b"%s=%s" % pair for pair in cookies))
        if link.host.kind == "api":
            headers += _text_pair(b"authorization", b"Bearer " + jar.token)
        return headers

    def _token(self, audience: str) -> bytes:
        """A JSON Web Token (RFC 7519) of about 600 characters."""
        claims: dict[str, str | int] = {
            "iss": "https://auth.example",
            "aud": audience,
            "sub": self._uuid().decode(),
        }
        claims |= {"iat": int(self.now), "exp": int(self.now) + 3600, "jti": self._uuid().decode()}
        parts = [
            json.dumps({"alg": "RS256", "typ": "JWT"}).encode(),
            json.dumps(claims).encode(),
            self._noise(256),
        ]
        return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)

    def _code(self, size: int) -> bytes:
        """So many characters of base64url."""
        return base64.urlsafe_b64encode(self._noise(size))[:size]

    def _query(self, link: _Link) -> bytes:
        """A query as those of advertising and statistics: ids, times, an address in it, a signature."""
        rng, device = self.rng, self.devices[link.phone]
        pairs = [
            (b"gaid", device["gaid"].encode()),
            (b"sid", self._uuid()),
            (b"ts", b"%d" % int(self.now * 1000)),
            (
                b"u",
                b"https%%3A%%2F%%2F%s%%2F%s%%3Fid%%3D%d"
                % (link.host.name.encode(), self._word(), rng.getrandbits(40)),
            ),
            (b"cb", b"%d" % rng.getrandbits(50)),
            *((b"%s%d" % (self._word(), number), self._word()) for number in range(rng.randint(2, 14))),
            (b"sig", b"%064x" % rng.getrandbits(256)),
        ]
        return b"&".join(b"%s=%s" % pair for pair in pairs)

    def _nested(self, size: int) -> bytes:
        """A message of about so many bytes, of messages in messages, with texts, numbers of all kinds, and bytes."""
        rng = self.rng
        events: list[tuple[int, bytes]] = []
        length = 0
        while length < size:
            texts = [(number, rng.choice(_WORDS)) for number in range(1, rng.randint(3, 7))]
            numbers = [
                (number, rng.getrandbits(rng.choice((1, 7, 14, 30, 62))))
                for number in range(8, rng.randint(10, 14))
            ]
            inner = protobuf(*texts, *numbers, (15, Fixed64(rng.getrandbits(62))))
            longer = (
                (3, self._uuid()),
                (4, self._code(rng.randint(20, 90)).decode()),
                (5, self._noise(rng.randint(8, 120))),
            )
            event = protobuf(
                (1, int(self.now * 1e6)), (2, inner), *longer[: rng.randint(0, 3)], (6, protobuf((1, inner)))
            )
            events.append((rng.choice((1, 1, 1, 7)), event))
            length += len(event) + 3
        return protobuf(*events)

    def _json(self, link: _Link) -> bytes:
        rng, device = self.rng, self.devices[link.phone]
        value: dict[str, Any] = {
            "event": rng.choice(_WORDS),
            "event_id": self._uuid().decode(),
            "timestamp": int(self.now * 1000),
            "device": device if rng.random() < 0.5 else {"os": "android", "session": rng.getrandbits(60)},
            "properties": {
                f"{rng.choice(_WORDS)}_{number}": rng.choice(
                    (rng.choice(_WORDS), rng.randrange(10**6), round(rng.random() * 100, 3), True, None)
                )
                for number in range(30)
            },
        }
        return json.dumps(value).encode()

    def _form(self, link: _Link) -> bytes:
        rng, device = self.rng, self.devices[link.phone]
        pairs = [
            b"%s=%s" % (key.encode(), str(text).replace(" ", "+").encode()) for key, text in device.items()
        ]
        pairs += [b"%s%d=%s" % (self._word(), number, self._word()) for number in range(54)]
        pairs.append(b"ts=%d&nonce=%032x" % (int(self.now * 1000), rng.getrandbits(128)))
        return b"&".join(pairs)

    def _protobuf(self, link: _Link) -> bytes:
        """About 4 kB after gzip."""
        rng, device = self.rng, self.devices[link.phone]
        who = protobuf((1, device["android_id"]), (2, device["model"]), (3, "14"), (4, rng.getrandbits(60)))
        events = (
            (
                2,
                protobuf(
                    (1, int(self.now * 1000) - 977 * number),
                    (2, rng.choice(_WORDS)),
                    (3, rng.randrange(10**6)),
                    (6, self._noise(rng.randint(20, 70))),
                ),
            )
            for number in range(70)
        )
        return packed(protobuf((1, who), *events))

    def _bulk(self, link: _Link) -> tuple[bytes, bytes]:
        """About 100 kB: lines of log, a picture, or protobuf."""
        rng = self.rng
        size = rng.randint(70_000, 130_000)
        share = rng.random()
        if share < 0.3:
            return self._nested(size), b"application/x-protobuf"
        if share < 0.65:
            lines = [self._json(link) for _ in range(6)]
            begin = rng.randrange(len(self.prose) - 40_000)
            filler = self.prose[begin : begin + 4000]
            while sum(map(len, lines)) < size:
                lines.append(b'{"t":%d,"log":"%s"}' % (int(self.now * 1000) + len(lines), filler))
            return b"\n".join(lines), b"application/x-ndjson"
        mark = self._uuid()
        head = (
            b'--%s\r\nContent-Disposition: form-data; name="f"; filename="i.jpg"\r\n\r\n\xff\xd8\xff\xe0'
            % mark
        )
        return head + self._noise(size) + b"\r\n--%s--\r\n" % mark, b"multipart/form-data; boundary=" + mark

    def _reply(self, host: Host, at: float) -> tuple[int, bytes, bytes]:
        rng = self.rng
        share = rng.random()
        if host.kind == "image" and share < 0.9:
            size, media = min(200_000, int(rng.lognormvariate(7.7, 1.1))), b"image/webp"
        elif share < 0.35:
            size, media = 0, b""
        elif share < 0.93:
            size, media = rng.randint(2, 900), b"application/json"
        elif share < 0.998:
            size, media = int(rng.lognormvariate(8.0, 0.9)), b"text/html; charset=utf-8"
        else:
            size, media = rng.randint(50_000, 200_000), b"application/octet-stream"
        if media == b"application/json":
            begin = rng.randrange(len(self.prose) - size)
            body = b'{"ok":true,"text":"%s"}' % self.prose[begin : begin + size]
        else:
            body = self._noise(size)
        headers = _reply_headers(media, int(at)) + _text_pair(b"content-length", b"%d" % len(body))
        return (200 if body else 204), headers, body

    # -- everything else ---------------------------------------------------------------------------

    def _other(self, kind: float) -> bytes:
        rng, recorder = self.rng, self.recorder
        phone = rng.choice(PHONES)
        host = self._known(phone)
        flow: Any
        if kind < 0.6:
            flow = recorder.dns_flow(phone, self.now, host.name, host.address)
        elif kind < 0.8:
            said = [(0.1 * number, number % 3 == 0, self._noise(rng.randint(4, 900))) for number in range(6)]
            flow = recorder.tcp_flow(phone, self.now, "mtalk.google.com", 5228, said, tls=rng.random() < 0.5)
        else:
            said = [(0.0, True, b"\x1b" + self._noise(47)), (0.02, False, b"\x1c" + self._noise(47))]
            flow = recorder.udp_flow(phone, self.now, "time.android.com", 123, said)
        recorder.flows.clear()
        return tnetstring.dumps(flow.get_state())

    def _known(self, phone: Phone) -> Host:
        """A host. The names are known already: look-ups are flows of their own here."""
        host = self._host()
        for name in ("mtalk.google.com", "time.android.com", host.name):
            self.recorder.look_up(phone, self.now, name)
        self.recorder.flows.clear()
        return host

    def _websocket(self) -> bytes:
        """A messenger's conversation: a greeting, then frames of ciphertext from a receipt's to a picture's size; or
        one of small texts."""
        rng, recorder = self.rng, self.recorder
        phone = rng.choice(PHONES)
        host = self._known(phone)
        said: list[tuple[float, bool, bytes]]
        if self.kind == "messenger" or rng.random() < 0.7:
            sizes = [min(60_000, 24 + int(rng.lognormvariate(5.2, 1.3))) for _ in range(rng.randint(6, 50))]
            said = [
                (float(number), rng.random() < 0.5, len(frame := self._noise(size)).to_bytes(3) + frame)
                for number, size in enumerate(sizes)
            ]
            said.insert(0, (0.0, True, b"ED\x00\x01" + self._noise(290)))
        else:
            said = [
                (float(number), number % 2 == 0, b'{"n":%d,"to":"%s"}' % (number, self._word()))
                for number in range(12)
            ]
        flow = recorder.websocket_flow(phone, self.now, f"wss://{host.name}/ws", said)
        recorder.flows.clear()
        return tnetstring.dumps(flow.get_state())

    def _noise(self, size: int) -> bytes:
        begin = self.rng.randrange(len(self.noise) - size)
        return self.noise[begin : begin + size]

    def _word(self) -> bytes:
        return self.rng.choice(_WORDS).encode()

    def _uuid(self) -> bytes:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4)).encode()


def _device(rng: random.Random) -> dict[str, str]:
    hexadecimal = "".join(rng.choices(string.hexdigits[:16], k=32))
    return {
        "model": rng.choice(("Pixel 7", "SM-A536B", "2201117TY")),
        "android_id": hexadecimal[:16],
        "gaid": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "fid": hexadecimal[:22],
        "carrier": "Telco",
        "locale": "nb_NO",
    }


@cache
def _certificate(name: str, size: int) -> bytes:
    """A certificate with `size` more bytes than it needs: as large as those with RSA keys and many names."""
    key = Ed25519PrivateKey.from_private_bytes(b"phonehome benchmark, not any key")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    padding = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.32473.1"), bytes(range(250)) * 8)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1 + len(name))
        .not_valid_before(datetime.datetime(2025, 12, 1))
        .not_valid_after(datetime.datetime(2026, 12, 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.UnrecognizedExtension(padding.oid, padding.value[:size]), critical=False)
        .sign(key, None)
    )
    return made.public_bytes(Encoding.PEM)


@cache
def _common_headers(phone: int, kind: str, agent: bool, media: bytes, encoded: bool) -> bytes:
    """Headers that a library on one phone sends with each request of a kind."""
    library = _LIBRARIES[(len(kind) + phone) % len(_LIBRARIES)]
    pairs = [
        (b"user-agent", (_AGENTS[phone] if agent or not library else library).encode()),
        (b"accept", b"image/avif,image/webp,*/*;q=0.8" if kind == "image" else b"*/*"),
        (b"accept-encoding", b"gzip, deflate, br"),
        (b"accept-language", b"nb-NO,nb;q=0.9,en-US;q=0.8"),
    ]
    if kind == "api":
        pairs.append((b"x-app-version", b"4.2.1 (421)"))
    if media:
        pairs.append((b"content-type", media))
    if encoded:
        pairs.append((b"content-encoding", b"gzip"))
    return b"".join(_text_pair(key, text) for key, text in pairs)


@cache
def _fixed_reply_headers(media: bytes) -> bytes:
    pairs = [
        (b"content-type", media),
        (b"cache-control", b"no-cache, no-store, max-age=0, must-revalidate"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"SAMEORIGIN"),
        (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
        (b"server", b"ESF"),
        (b"alt-svc", b'h3=":443"; ma=2592000'),
    ]
    return b"".join(_text_pair(key, text) for key, text in pairs if text)


def _reply_headers(media: bytes, at: int) -> bytes:
    date = datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    return _fixed_reply_headers(media) + _text_pair(b"date", date.encode())


# -- tnetstrings ------------------------------------------------------------------------------------


def _wrap(content: bytes, mark: bytes) -> bytes:
    return b"%d:%s%s" % (len(content), content, mark)


def _bytes(content: bytes) -> bytes:
    return b"%d:%s," % (len(content), content)


def _text(content: bytes) -> bytes:
    return b"%d:%s;" % (len(content), content)


def _float(number: float) -> bytes:
    content = repr(number).encode()
    return b"%d:%s^" % (len(content), content)


def _dict(*items: tuple[bytes, bytes]) -> bytes:
    return _wrap(b"".join([_text(key) + content for key, content in items]), b"}")


def _text_pair(key: bytes, content: bytes) -> bytes:
    """A header: a list of two byte strings."""
    return _wrap(_bytes(key) + _bytes(content), b"]")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Makes a large capture to measure on.")
    parser.add_argument("file", type=Path, help="the capture, or the folder of --files")
    parser.add_argument("--kind", choices=KINDS, default="phone")
    parser.add_argument("--flows", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", type=int, choices=range(4, 12), metavar="4-11", help="an old flow format")
    parser.add_argument("--files", type=int, help="a folder of so many captures")
    options = parser.parse_args(arguments)
    options.file.parent.mkdir(parents=True, exist_ok=True)
    if options.files:
        make_folder(options.file, options.files, options.flows)
        print(f"{options.file}: {options.files} captures of {options.flows} flows")
        return
    make(options.file, options.flows, options.seed, options.kind, options.format)
    print(f"{options.file}: {options.flows} flows, {options.file.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
