"""Makes a large capture to measure on: `python -m benchmarks.make_capture FILE [--flows N] [--seed N]`

Its shape is that of phones' traffic: three devices, some sixty hosts of which few have most of the requests,
10 to 30 requests over each connection (each flow repeats the connection with the server's certificates),
header sets that repeat, and queries, bodies and times that do not, so that no cache can answer for them.
Of the requests 70 % have no body, 20 % JSON or a form of about 1 kB, 8 % gzipped protobuf of about 4 kB, 2 %
about 100 kB. Replies have 0 to 200 kB. A flow has about 8 kB on average.

Connections and the rarer kinds of flow come from mitmproxy itself (through `captures.flows`); HTTP flows are
then put together from serialised parts, in the layout in which mitmproxy writes them, because that is twenty
times as fast. A test reads the result with mitmproxy and writes it again to the same bytes.
"""

import argparse
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

from captures.flows import Phone, Recorder, packed, protobuf

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
_LIBRARIES = ("okhttp/4.12.0", "Cronet/119.0.6045.31", "", "okhttp/3.14.9")
_WORDS = (
    *("screen", "view", "open", "close", "time", "list", "item", "user", "event", "session", "start", "stop"),
    *("page", "load", "count", "name", "value", "type", "source", "battery", "level", "network", "wifi"),
    *("mobile", "locale", "version", "build", "os", "carrier", "state", "index", "duration", "error", "code"),
)


def make(path: Path, flows: int = 50_000, seed: int = 1) -> None:
    """Write a capture of that many flows. The same arguments make the same bytes (with the same zlib)."""
    maker = _Maker(seed)
    partial = path.with_name(path.name + ".part")
    with partial.open("wb", buffering=1 << 20) as file:
        file.writelines(maker.flow() for _ in range(flows))
    partial.replace(path)


@dataclass
class _Link:
    """A connection that is kept alive, serialised once."""

    phone: int
    host: Host
    client: bytes
    server: bytes
    requests: int
    """How many more it will carry."""


class _Maker:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.recorder = Recorder(seed, {host.name: host.address for host in HOSTS})
        self.now = START
        self.links: list[_Link] = []
        self.noise = self.rng.randbytes(1 << 20)
        self.total = list(itertools.accumulate(host.weight for host in HOSTS))
        self.devices = [_device(self.rng) for _ in PHONES]
        self.prose = " ".join(self.rng.choice(_WORDS) for _ in range(40_000)).encode()

    def flow(self) -> bytes:
        self.now += self.rng.expovariate(1.2)
        kind = self.rng.random()
        if kind < 0.945:
            return self._http()
        return self._other(kind)

    # -- HTTP --------------------------------------------------------------------------------------

    def _http(self) -> bytes:
        rng = self.rng
        link = self._link()
        at = self.now
        method, path, headers, body = self._request(link)
        after = at + rng.uniform(0.02, 0.6)
        status, reply_headers, reply = self._reply(link.host, after)
        http2 = link.host.kind != "clear"
        version = b"HTTP/2.0" if http2 else b"HTTP/1.1"
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
        (host,) = rng.choices(HOSTS, cum_weights=self.total)
        scheme, version = ("http", "HTTP/1.1") if host.kind == "clear" else ("https", "HTTP/2.0")
        recorder = Recorder(rng.getrandbits(48), self.recorder.addresses)
        flow = recorder.http_flow(
            PHONES[phone], self.now, f"{scheme}://{host.name}/", version=version, resolve=False
        )
        client, server = flow.client_conn.get_state(), flow.server_conn.get_state()
        if server["certificate_list"]:
            server["certificate_list"] = [_certificate(host.name, 600), _certificate("intermediate", 300)]
        more = rng.randint(9, 29)
        link = _Link(phone, host, tnetstring.dumps(client), tnetstring.dumps(server), more)
        self.links.append(link)
        return link

    def _request(self, link: _Link) -> tuple[bytes, bytes, bytes, bytes]:
        rng = self.rng
        share = rng.random()
        kind = link.host.kind
        path = b"/v%d/%s/%s" % (rng.randint(1, 4), self._word(), self._word())
        if rng.random() < 0.6:
            path += b"?ts=%d&rid=%016x&%s=%s" % (
                int(self.now * 1000),
                rng.getrandbits(64),
                self._word(),
                self._word(),
            )
        agent = rng.random() < 0.5
        body, media, encoded = b"", b"", False
        if share >= 0.98:
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
        if rng.random() < 0.25:
            headers += _text_pair(b"x-request-id", self._uuid())
        return (b"POST" if body else b"GET"), path, headers, body

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
        """About 100 kB: lines of log in half of the cases, else a picture."""
        rng = self.rng
        size = rng.randint(70_000, 130_000)
        if rng.random() < 0.5:
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
        (host,) = rng.choices(HOSTS, cum_weights=self.total)
        # The names are known already: look-ups are flows of their own here.
        recorder.flows.clear()
        recorder.look_up(phone, self.now, "mtalk.google.com")
        recorder.look_up(phone, self.now, "time.android.com")
        recorder.look_up(phone, self.now, host.name)
        recorder.flows.clear()
        flow: Any
        if kind < 0.975:
            flow = recorder.dns_flow(phone, self.now, host.name, host.address)
        elif kind < 0.985:
            said = [(0.1 * number, number % 3 == 0, self._noise(rng.randint(4, 900))) for number in range(6)]
            flow = recorder.tcp_flow(phone, self.now, "mtalk.google.com", 5228, said, tls=rng.random() < 0.5)
        elif kind < 0.995:
            said = [(0.0, True, b"\x1b" + self._noise(47)), (0.02, False, b"\x1c" + self._noise(47))]
            flow = recorder.udp_flow(phone, self.now, "time.android.com", 123, said)
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
        (b"cookie", b"consent=YES+cb.20240101-00-p0.en+FX+%d; session=%064x" % (phone, 7**70 + phone)),
    ]
    if kind == "api":
        pairs.append((b"authorization", b"Bearer %0128x" % (3**200 + phone)))
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
    parser.add_argument("file", type=Path)
    parser.add_argument("--flows", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    options.file.parent.mkdir(parents=True, exist_ok=True)
    make(options.file, options.flows, options.seed)
    print(f"{options.file}: {options.flows} flows, {options.file.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
