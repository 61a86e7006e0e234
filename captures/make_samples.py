"""Makes the sample captures. `python -m captures.make_samples [FOLDER]`

No public capture of the Nokia 7 Plus case exists: these are synthesised from what was published about it,
with numbers that belong to nobody. README.md in this folder says what is fact, what inference, what
was chosen. Running this again makes the same bytes.
"""

import base64
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlencode

from mitmproxy import http

from captures.flows import (
    Fixed64,
    HeaderList,
    Phone,
    Recorder,
    Reply,
    client_hello,
    json_reply,
    packed,
    protobuf,
    tls_record,
    varint,
)

FOLDER = Path(__file__).parent

# Chosen for the networks that they lie in (README.md), not because the names had these addresses in 2019.
ADDRESSES = {
    "zzhc.vnet.cn": "61.139.2.69",
    "device-activation.example": "13.228.77.14",
    "device-activation-cn.example": "52.80.14.20",
    "android.clients.google.com": "172.217.20.46",
    "android.googleapis.com": "172.217.20.42",
    "app-measurement.com": "172.217.20.78",
    "connectivitycheck.gstatic.com": "216.58.211.3",
    "www.google.com": "172.217.20.36",
    "play.googleapis.com": "216.58.211.14",
    "googleads.g.doubleclick.net": "172.217.20.34",
    "settings.crashlytics.com": "172.217.21.174",
    "mtalk.google.com": "64.233.165.188",
    "time.android.com": "216.239.35.0",
    "graph.facebook.com": "31.13.72.8",
    "www.nrk.no": "160.68.205.231",
    "static.nrk.no": "160.68.205.231",
    "xtrapath2.izatcloud.net": "99.86.1.40",
    "api.weather.example": "88.198.24.108",
    "chat.messenger.example": "52.213.1.10",
    "sync.notes.example": "95.216.24.17",
    "login.bank.example": "193.212.1.10",
    "www.google.cn": "203.208.43.88",
    "ntp1.aliyun.com": "203.107.6.88",
    "ulogs.umeng.com": "203.119.169.1",
    "android.bugly.qq.com": "123.151.190.160",
    "sdk.open.talk.igexin.com": "115.231.20.14",
    "www.baidu.com": "14.215.177.38",
    "loc.map.baidu.com": "111.13.101.208",
    "api.watch.example": "116.62.1.20",
    "mitm.it": "192.0.2.80",
}


NORWEGIAN_PROXY = {
    "61.139.2.69": 0.174,
    "13.228.77.14": 0.171,
    "172.217.20.46": 0.0098,
    "172.217.20.42": 0.0097,
    "172.217.20.78": 0.0101,
    "216.58.211.3": 0.0094,
    "172.217.20.36": 0.0099,
    "216.58.211.14": 0.0093,
    "172.217.20.34": 0.0098,
    "172.217.21.174": 0.0102,
    "64.233.165.188": 0.0181,
    "216.239.35.0": 0.0163,
    "31.13.72.8": 0.0108,
    "160.68.205.231": 0.0024,
    "99.86.1.40": 0.0091,
    "88.198.24.108": 0.0287,
    "52.213.1.10": 0.0352,
    "95.216.24.17": 0.0166,
    "193.212.1.10": 0.0031,
}
"""Seconds to a server and back, for a proxy in Oslo: what such ways take, made up in the thousandths."""
CHINESE_PROXY = {
    "202.96.209.133": 0.0292,
    "52.80.14.20": 0.0067,
    "203.208.43.88": 0.0063,
    "203.107.6.88": 0.0287,
    "203.119.169.1": 0.0291,
    "123.151.190.160": 0.0088,
    "115.231.20.14": 0.0278,
    "14.215.177.38": 0.0361,
    "111.13.101.208": 0.0059,
    "116.62.1.20": 0.0284,
}
"""The same for one in Beijing."""


def luhn(digits: str) -> str:
    """`digits` with its check digit (ISO/IEC 7812-1) behind."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 if place % 2 == 0 else 1)
        total += number - 9 if number > 9 else number
    return digits + str(-total % 10)


@dataclass(frozen=True)
class Handset:
    """A phone, its SIM and its software. The numbers are from test ranges (README.md)."""

    phone: Phone
    model: str
    imei1: str
    imei2: str
    meid: str
    mac: str
    serial: str
    android_id: str
    advertising_id: str
    installation_id: str
    iccid: str
    imsi: str
    product: str
    build: str
    zone: timezone

    @property
    def dalvik(self) -> str:
        return "Dalvik/2.1.0 (Linux; U; Android 9; Nokia 7 plus Build/PPR1.180610.011)"

    @property
    def browser(self) -> str:
        return (
            "Mozilla/5.0 (Linux; Android 9; Nokia 7 plus) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/71.0.3578.99 Mobile Safari/537.36"
        )

    @property
    def fingerprint(self) -> str:
        return f"Nokia/{self.product}/B2N_sprout:9/PPR1.180610.011/{self.build}:user/release-keys"


OSLO = timezone(timedelta(hours=1))
SHANGHAI = timezone(timedelta(hours=8))

# An access point: TCP goes through the transparent proxy, names through its DNS server, and port 123
# through a reverse proxy for time.
NTP_LISTENER = "reverse:udp://time.android.com:123@123"

PHONE_A = Handset(
    phone=Phone("10.42.0.23", udp_mode=NTP_LISTENER),
    model="TA-1046",
    imei1=luhn("00101234000042"),
    imei2=luhn("00101234000059"),
    meid="00101234000042",
    mac="00:00:5E:00:53:2B",
    serial="B2NTEST00000042",
    android_id="3a5e00530c0f4e21",
    advertising_id="6f1d0c52-8a37-4b0e-9d7f-52a1c3e80b41",
    installation_id="c3bd7ae19f5048d2b6e0417f8d2c95a3",
    iccid=luhn("894799000000000004"),
    imsi="242100000000042",
    product="Onyx_00WW",
    build="00WW_3_22C",
    zone=OSLO,
)
PHONE_A_UPDATED = replace(PHONE_A, build="00WW_3_39B_SP03")
PHONE_B = Handset(
    phone=Phone("10.42.0.57", udp_mode=NTP_LISTENER),
    model="TA-1046",
    imei1=luhn("00101234000117"),
    imei2=luhn("00101234000125"),
    meid="00101234000117",
    mac="00:00:5E:00:53:6D",
    serial="B2NTEST00000117",
    android_id="51c2d87e06b39f4a",
    advertising_id="a84e2f07-31bd-4c69-8e15-0d96b7f3c2aa",
    installation_id="8e04f1c7d92a4b35a6718b0cf35e26d9",
    iccid=luhn("894799000000000011"),
    imsi="242100000000117",
    product="Onyx_00WW",
    build="00WW_3_22C",
    zone=OSLO,
)
PHONE_C = Handset(
    phone=Phone("10.0.0.1", "wireguard:phone.conf@51820"),
    model="TA-1062",
    imei1=luhn("00861234000031"),
    imei2=luhn("00861234000049"),
    meid="00861234000031",
    mac="00:00:5E:00:53:C7",
    serial="B2NTEST00000031",
    android_id="7d90e3b4512ac68f",
    advertising_id="",
    installation_id="1f6b7c20de984a53b1c7e8025fa4d963",
    # Not a valid Luhn number: those of real Chinese cards are not, either.
    iccid="89860300000000000031",
    imsi="460110000000031",
    product="Onyx_00CN",
    build="00CN_3_22C",
    zone=SHANGHAI,
)
WATCH = Phone("10.42.0.61")

APACHE = "Apache-HttpClient/UNAVAILABLE (java 1.4)"
PROBE = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/60.0.3112.32 Safari/537.36"
)
HTTP2 = "HTTP/2.0"

SUCCESS = {"resultCode": "0", "resultDesc": "Success"}
REFUSED = {"resultCode": "1", "resultDesc": "Fail"}

DAY = 86_400.0


def utc(text: str) -> float:
    """Seconds since 1970 of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class Story:
    """What the phones of one capture do, in the words of the services that they use."""

    def __init__(self, seed: int, addresses: dict[str, str] | None = None) -> None:
        self.recorder = Recorder(
            seed, {**ADDRESSES, **(addresses or {})}, {**NORWEGIAN_PROXY, **CHINESE_PROXY}
        )
        self.rng = random.Random(f"story {seed}")

    # -- activation --------------------------------------------------------------------------------

    def china_telecom(
        self,
        handset: Handset,
        at: float,
        cell: int,
        *,
        reply: Reply | None,
        error: str | None = None,
        connected: bool = True,
    ) -> http.HTTPFlow:
        """The self-registration of China Telecom's client, `com.qualcomm.qti.autoregistration`."""
        local = datetime.fromtimestamp(at, handset.zone)
        payload = {
            "REGVER": "5.0",
            "MEID": handset.meid,
            "MODEL": f"HMD-{handset.model.replace('-', ' ')}",
            "SWVER": handset.build,
            "SIM1CDMAIMSI": "",
            "UETYPE": "1",
            "SIM1ICCID": handset.iccid,
            "SIM1LTEIMSI": handset.imsi,
            "SIM1TYPE": "2",
            "SIM2CDMAIMSI": "",
            "SIM2ICCID": "",
            "SIM2LTEIMSI": "",
            "SID": "",
            "NID": "",
            "BASEID": "",
            "MACID": handset.mac,
            "OSVER": "Android9",
            "RAM": "4G",
            "ROM": "64G",
            "IMEI1": handset.imei1,
            "IMEI2": handset.imei2,
            "SIM1CELLID": str(cell),
            "SIM2CELLID": "",
            "ACCESSTYPE": "2",
            "REGDATE": local.strftime("%Y-%m-%d %H:%M:%S"),
            "MANUFACTURE": "HMD Global",
        }
        # As Android's Base64.DEFAULT: a line break each 76 characters and at the end.
        body = base64.encodebytes(json.dumps(payload, separators=(",", ":")).encode())
        return self.recorder.http_flow(
            handset.phone,
            at,
            "http://zzhc.vnet.cn/",
            method="POST",
            headers=[
                ("Content-Type", "application/encrypted-json"),
                ("Connection", "Keep-Alive"),
                ("User-Agent", APACHE),
            ],
            body=body,
            reply=reply,
            error=error,
            connected=connected,
        )

    def maker_activation(self, handset: Handset, at: float, host: str) -> None:
        """The maker's own activation. Host and keys are made up; that it goes to AWS is HMD's account."""
        payload = {
            "imei": handset.imei1,
            "imei2": handset.imei2,
            "iccid": handset.iccid,
            "model": handset.model,
            "buildNumber": handset.build,
            "activationTime": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self.recorder.http_flow(
            handset.phone,
            at,
            f"https://{host}/v1/activations",
            method="POST",
            headers=[("Content-Type", "application/json; charset=utf-8"), ("User-Agent", "okhttp/3.11.0")],
            body=json.dumps(payload, separators=(",", ":")).encode(),
            reply=json_reply({"status": "accepted"}, 201),
        )

    # -- the system --------------------------------------------------------------------------------

    def connectivity(self, handset: Handset, at: float, host: str = "connectivitycheck.gstatic.com") -> None:
        """Android's captive portal check: over HTTP with the user agent of a desktop, and over TLS."""
        headers = [("User-Agent", PROBE), ("Connection", "close")]
        self.recorder.http_flow(
            handset.phone, at, f"http://{host}/generate_204", headers=headers, reply=Reply(204, after=0.05)
        )
        secure = "www.google.com" if host.endswith("gstatic.com") else host
        self.recorder.http_flow(
            handset.phone,
            at + 0.02,
            f"https://{secure}/generate_204",
            headers=headers,
            reply=Reply(204, after=0.09),
        )

    def time(self, handset: Handset, at: float, host: str = "time.android.com") -> None:
        """SNTP, RFC 4330."""
        stamp = int((at + 2_208_988_800) * 2**32) % 2**64
        query = b"\x1b" + bytes(39) + stamp.to_bytes(8, "big")
        answer = b"\x1c\x01\x00\xe9" + bytes(12) + b"GOOG" * 2 + stamp.to_bytes(8, "big") * 3
        self.recorder.udp_flow(handset.phone, at, host, 123, [(0, True, query), (0.018, False, answer[:48])])

    def check_in(self, handset: Handset, at: float) -> None:
        """Google's device check-in. Field numbers: message AndroidCheckinRequest, as microG has it."""
        build = protobuf(
            (1, handset.fingerprint),
            (2, "qcom"),
            (3, "Nokia"),
            (5, "unknown"),
            (6, "android-hmd-rev2"),
            (7, 1_546_300_800),
            (9, "B2N_sprout"),
            (10, 28),
            (11, "Nokia 7 plus"),
            (12, "HMD Global"),
            (13, handset.product),
        )
        operator = handset.imsi[:5]
        checkin = protobuf((1, build), (2, 0), (6, operator), (7, operator), (8, "WIFI::"), (9, 0))
        request = protobuf(
            (1, handset.imei1),
            (2, int(handset.android_id, 16)),
            (3, "1-929a0dca0eee55513280171a8585da7dcd3700f8"),
            (4, checkin),
            (6, "nb_NO"),
            (7, self.rng.getrandbits(62)),
            (9, handset.mac.replace(":", "").lower()),
            (12, "Europe/Oslo"),
            (13, Fixed64(self.rng.getrandbits(63))),
            (14, 3),
            (15, "71Q6Rn2DDZl1zPDVaaeEHItd"),
            (16, handset.serial),
            (19, "wifi"),
            (20, 0),
        )
        answer = protobuf((1, 1), (3, int(at * 1000)), (7, Fixed64(int(handset.android_id, 16))))
        self.recorder.http_flow(
            handset.phone,
            at,
            "https://android.clients.google.com/checkin",
            method="POST",
            headers=[
                ("Content-Encoding", "gzip"),
                ("Accept-Encoding", "gzip"),
                ("Content-Type", "application/x-protobuffer"),
                ("User-Agent", f"{handset.dalvik} (B2N_sprout PPR1.180610.011); gzip"),
            ],
            body=packed(request),
            reply=Reply(200, (("Content-Type", "application/x-protobuffer"),), answer),
        )

    def push(self, handset: Handset, at: float, end: float) -> None:
        """Google's push connection, decrypted: protocol MCS, a login and then heartbeats."""
        number = str(int(handset.android_id, 16))
        login = protobuf(
            (1, "android-28"),
            (2, "mcs.android.com"),
            (3, number),
            (4, number),
            (5, str(self.rng.getrandbits(63))),
            (6, f"android-{handset.android_id}"),
        )
        welcome = protobuf((1, "android-28"), (8, int(at * 1000)))
        messages = [
            (0.0, True, b"\x29\x02" + varint(len(login)) + login),
            (0.12, False, b"\x29\x03" + varint(len(welcome)) + welcome),
        ]
        beat = 1680.0
        while beat < end - at:
            messages += [(beat, True, b"\x00\x02\x10\x01"), (beat + 0.05, False, b"\x01\x02\x10\x02")]
            beat += 1680.0
        self.recorder.tcp_flow(handset.phone, at, "mtalk.google.com", 5228, messages, tls=True)

    def sealed_push(self, handset: Handset, at: float) -> None:
        """The same connection, let through untouched: all that is seen are TLS records."""
        rng = self.recorder.rng
        messages = [
            (0.0, True, client_hello("mtalk.google.com", rng)),
            (0.03, False, tls_record(22, b"\x02" + rng.randbytes(1800))),
            (0.05, True, tls_record(22, rng.randbytes(70)) + tls_record(20, b"\x01")),
            (0.08, True, tls_record(23, rng.randbytes(310))),
            (0.11, False, tls_record(23, rng.randbytes(140))),
        ]
        self.recorder.tcp_flow(handset.phone, at, "mtalk.google.com", 5228, messages)

    def satellites(self, handset: Handset, at: float) -> None:
        """Predicted orbits for the position receiver (Qualcomm XTRA), in clear."""
        self.recorder.http_flow(
            handset.phone,
            at,
            "http://xtrapath2.izatcloud.net/xtra3grc.bin",
            headers=[("Accept", "*/*, application/vnd.wap.mms-message, application/vnd.wap.sic")],
            reply=Reply(
                200, (("Content-Type", "application/octet-stream"),), self.recorder.rng.randbytes(21_000), 0.3
            ),
        )

    def play_log(self, handset: Handset, at: float) -> None:
        """Events of Google Play services."""
        client = protobuf((1, 4), (2, protobuf((1, int(handset.android_id, 16)), (4, "Nokia 7 plus"))))
        events = [
            (3, protobuf((1, int(at * 1000) - 1000 * number), (6, self.rng.randbytes(24))))
            for number in range(4)
        ]
        body = protobuf((1, client), (2, 79), *events, (4, int(at * 1000)))
        self.recorder.http_flow(
            handset.phone,
            at,
            "https://play.googleapis.com/log/batch",
            method="POST",
            headers=[
                ("Content-Type", "application/x-gzip"),
                ("Content-Encoding", "gzip"),
                ("User-Agent", f"{handset.dalvik}; Play Services"),
            ],
            body=packed(body),
            reply=Reply(200, (("Content-Type", "application/x-protobuf"),), protobuf((1, 60_000)), 0.12),
            version=HTTP2,
        )

    def play_store(self, handset: Handset, at: float) -> None:
        for number, path in enumerate(("/fdfe/bulkDetails", "/fdfe/selfUpdate?nocache=1", "/fdfe/getToc")):
            self.recorder.http_flow(
                handset.phone,
                at + number * 0.7,
                f"https://android.clients.google.com{path}",
                headers=[
                    (
                        "User-Agent",
                        "Android-Finsky/13.1.32 (api=3,versionCode=81313200,sdk=28,device=B2N_sprout)",
                    ),
                    ("X-DFE-Device-Id", handset.android_id),
                    ("Accept-Language", "nb-NO"),
                ],
                reply=Reply(
                    200, (("Content-Type", "application/protobuf"),), packed(self.rng.randbytes(900)), 0.2
                ),
                version=HTTP2,
            )

    # -- apps and the web --------------------------------------------------------------------------

    def measurement(self, handset: Handset, at: float, app: str) -> None:
        """Firebase Analytics."""
        event = protobuf((2, "user_engagement"), (3, int(at * 1000)), (4, int(at * 1000) - 60_000))
        bundle = protobuf(
            (1, 1),
            (2, event),
            (4, int(at * 1000)),
            (8, "android"),
            (9, "9"),
            (10, "Nokia 7 plus"),
            (11, "nb-no"),
            (12, 60),
            (14, app),
            (16, "4.2.1"),
            (19, handset.advertising_id),
            (21, handset.installation_id),
            (25, "1:481516234200:android:9f8e7d6c5b4a3921"),
        )
        self.recorder.http_flow(
            handset.phone,
            at,
            "https://app-measurement.com/a",
            method="POST",
            headers=[("Content-Encoding", "gzip"), ("User-Agent", handset.dalvik)],
            body=packed(protobuf((1, bundle))),
            reply=Reply(204, after=0.08),
        )

    def crash_settings(self, handset: Handset, at: float, app: str) -> None:
        query = urlencode(
            {
                "build_version": "421",
                "display_version": "4.2.1",
                "instance": handset.installation_id,
                "source": "4",
            }
        )
        self.recorder.http_flow(
            handset.phone,
            at,
            f"https://settings.crashlytics.com/spi/v2/platforms/android/apps/{app}/settings?{query}",
            headers=[
                ("X-CRASHLYTICS-INSTALLATION-ID", handset.installation_id),
                ("X-CRASHLYTICS-DEVICE-MODEL", "HMD Global/Nokia 7 plus"),
                ("X-CRASHLYTICS-OS-DISPLAY-VERSION", "9"),
                ("User-Agent", "Crashlytics Android SDK/1.4.8.32"),
            ],
            reply=json_reply({"app": {"status": "activated", "update_required": False}}),
        )

    def advertisement(self, handset: Handset, at: float, app: str) -> None:
        form = urlencode(
            {
                "msid": app,
                "rdid": handset.advertising_id,
                "is_lat": "0",
                "format": "320x50_mb",
                "hl": "nb",
                "submodel": "Nokia 7 plus",
                "seq_num": str(self.rng.randrange(1, 40)),
                "u_so": "p",
            }
        )
        page = b"<html><body><!-- no fill --></body></html>"
        self.recorder.http_flow(
            handset.phone,
            at,
            "https://googleads.g.doubleclick.net/mads/gma",
            method="POST",
            headers=[("Content-Type", "application/x-www-form-urlencoded"), ("User-Agent", handset.dalvik)],
            body=form.encode(),
            reply=Reply(200, (("Content-Type", "text/html; charset=UTF-8"),), page, 0.15),
            version=HTTP2,
        )

    def facebook(self, handset: Handset, at: float, app: str) -> None:
        extinfo = json.dumps(
            ["a2", app, 421, "4.2.1", "9", "Nokia 7 plus", "nb_NO", "CET", "Telco", 1080, 2160]
        )
        form = urlencode(
            {
                "event": "CUSTOM_APP_EVENTS",
                "advertiser_id": handset.advertising_id,
                "advertiser_tracking_enabled": "true",
                "anon_id": f"XZ{handset.installation_id[:8]}-7a51-4d3b-8b22-0f6e9c1d5a77",
                "extinfo": extinfo,
                "format": "json",
            }
        )
        self.recorder.http_flow(
            handset.phone,
            at,
            "https://graph.facebook.com/v3.2/481516234200/activities",
            method="POST",
            headers=[
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("User-Agent", "FBAndroidSDK.4.38.1"),
            ],
            body=form.encode(),
            reply=json_reply({"success": True}),
            version=HTTP2,
        )

    def weather(self, handset: Handset, at: float, lat: float, lon: float) -> None:
        body = {"lat": lat, "lon": lon, "units": "metric", "lang": "nb"}
        self.recorder.http_flow(
            handset.phone,
            at,
            "https://api.weather.example/v2/forecast",
            method="POST",
            headers=[("Content-Type", "application/json"), ("User-Agent", "okhttp/3.12.0")],
            body=json.dumps(body).encode(),
            reply=json_reply({"temperature": [round(self.rng.uniform(-9, 2), 1) for _ in range(48)]}),
            version=HTTP2,
        )

    def notes(self, handset: Handset, at: float) -> None:
        """An app that encrypts what it sends inside TLS: nothing can be said of its content."""
        self.recorder.http_flow(
            handset.phone,
            at,
            "https://sync.notes.example/blob",
            method="POST",
            headers=[("Content-Type", "application/octet-stream"), ("User-Agent", "okhttp/3.12.0")],
            body=self.recorder.rng.randbytes(1200),
            reply=Reply(204, after=0.1),
            version=HTTP2,
        )

    def chat(self, handset: Handset, at: float, end: float) -> None:
        messages = [(0.4, True, b'{"type":"hello","device":"%s"}' % handset.installation_id.encode())]
        after = 45.0
        while after < end - at:
            messages += [(after, True, b'{"type":"ping"}'), (after + 0.1, False, b'{"type":"pong"}')]
            after += 600.0
        self.recorder.websocket_flow(
            handset.phone,
            at,
            "wss://chat.messenger.example/ws",
            messages,
            headers=[("User-Agent", "okhttp/3.12.0"), ("Origin", "https://chat.messenger.example")],
        )

    def web_page(
        self, handset: Handset, at: float, host: str, assets: Sequence[tuple[str, str, int]]
    ) -> None:
        """A page and its assets: (path on the static host, media type, bytes)."""
        page = packed(
            b"<!doctype html><title>Nyheter</title>" + b"<article><h2>Overskrift</h2></article>" * 60
        )
        accept = ("Accept", "text/html,application/xhtml+xml,image/webp,*/*;q=0.8")
        headers: HeaderList = [
            ("User-Agent", handset.browser),
            accept,
            ("Accept-Encoding", "gzip, deflate, br"),
        ]
        kind = (("Content-Type", "text/html; charset=utf-8"), ("Content-Encoding", "gzip"))
        self.recorder.http_flow(
            handset.phone,
            at,
            f"https://{host}/",
            headers=headers,
            reply=Reply(200, kind, page, 0.08),
            version=HTTP2,
        )
        static = f"static.{host.removeprefix('www.')}" if host == "www.nrk.no" else host
        for number, (path, media, size) in enumerate(assets):
            reply = Reply(200, (("Content-Type", media),), self.recorder.rng.randbytes(size), 0.06)
            self.recorder.http_flow(
                handset.phone,
                at + 0.3 + number * 0.05,
                f"https://{static}{path}",
                headers=[*headers, ("Referer", f"https://{host}/")],
                reply=reply,
                version=HTTP2,
            )

    def rejected_by_server(self, handset: Handset, at: float) -> None:
        """The request came, but the proxy could not make its own connection to the server secure."""
        self.recorder.http_flow(
            handset.phone,
            at,
            "https://login.bank.example/api/session",
            headers=[("User-Agent", "BankApp/8.1 (Android 9)")],
            reply=None,
            error="Certificate verify failed: unable to get local issuer certificate",
            connected=False,
        )

    def set_up_proxy(self, handset: Handset, at: float) -> None:
        """The analyst fetches the proxy's certificate with the phone."""
        for number, path in enumerate(("/", "/cert/cer")):
            page = Reply(
                200, (("Content-Type", "text/html"),), b"<h1>Install mitmproxy's certificate</h1>", 0.01
            )
            self.recorder.proxy_page(
                handset.phone, at + 9 * number, path, [("User-Agent", handset.browser)], page
            )

    # -- days --------------------------------------------------------------------------------------

    def boot(self, handset: Handset, at: float) -> None:
        """What an Android phone with Google services does first."""
        self.connectivity(handset, at + 9)
        self.time(handset, at + 12)
        self.check_in(handset, at + 21)
        self.satellites(handset, at + 48)

    def use(self, handset: Handset, at: float) -> None:
        """Somebody takes the phone up: an app with analytics and ads, a page, the weather."""
        app = "no.example.news"
        self.crash_settings(handset, at, app)
        self.advertisement(handset, at + 2.5, app)
        self.facebook(handset, at + 4.1, app)
        self.weather(
            handset,
            at + 20,
            round(59.91 + self.rng.random() / 50, 4),
            round(10.74 + self.rng.random() / 50, 4),
        )
        self.web_page(
            handset,
            at + 65,
            "www.nrk.no",
            (
                ("/core.css", "text/css", 900),
                ("/app.js", "application/javascript", 2600),
                ("/i/1.webp", "image/webp", 4200),
                ("/i/2.webp", "image/webp", 3100),
            ),
        )
        self.advertisement(handset, at + 130, app)
        self.measurement(handset, at + 190, app)
        self.play_log(handset, at + 240)

    def idle(self, handset: Handset, start: float, end: float) -> None:
        """A phone in a pocket: telemetry about each 40 minutes, now and then a network change."""
        at, turn = start, 0
        while at < end:
            self.play_log(handset, at)
            if turn % 3 == 1:
                self.connectivity(handset, at + 300)
            if turn % 5 == 2:
                self.notes(handset, at + 700)
            at += 2400 + self.rng.randrange(300)
            turn += 1


TIMED_OUT = "[Errno 110] Connect call failed ('61.139.2.69', 80)"
NOT_ANSWERED = "server disconnected"


def affected() -> Recorder:
    """22 January 2019: phone A with the client for China on a Norwegian SIM, phone B without it."""
    story = Story(20190122)
    day = utc("2019-01-22")
    a, b = PHONE_A, PHONE_B

    def clock(hour: int, minute: int = 0) -> float:
        return day + hour * 3600 + minute * 60

    story.set_up_proxy(a, clock(5, 50))
    story.set_up_proxy(b, clock(5, 55))

    # Sixty seconds after each boot, then each hour on failure, at most ten times per boot.
    first, second = clock(6, 58), clock(19, 26)
    for boot in (first, second):
        story.boot(a, boot)
    tries = [first + 60 + 3601.3 * number for number in range(10)]
    tries += [second + 60 + 3601.1 * number for number in range(4)]
    cells = [27_400_961] * 3 + [27_400_449] * 5 + [27_400_961] * 6
    no_reply = {
        2: (TIMED_OUT, False),
        6: (NOT_ANSWERED, True),
        7: (TIMED_OUT, False),
        11: (NOT_ANSWERED, True),
    }
    registrations = []
    for number, (at, cell) in enumerate(zip(tries, cells, strict=True)):
        if number in no_reply:
            error, connected = no_reply[number]
            flow = story.china_telecom(a, at, cell, reply=None, error=error, connected=connected)
        else:
            answer = json_reply(REFUSED)
            flow = story.china_telecom(a, at, cell, reply=Reply(200, answer.headers, answer.body, 0.46))
        registrations.append(flow)

    story.push(a, first + 15, second - 60)
    story.push(a, second + 15, clock(24))
    story.chat(a, clock(7, 20), clock(12))
    story.chat(a, clock(19, 40), clock(23, 30))
    for hour, minute in ((7, 32), (12, 4), (16, 41), (21, 13)):
        story.use(a, clock(hour, minute))
    story.idle(a, clock(7, 5), clock(19))
    story.idle(a, clock(19, 50), clock(24))
    story.play_store(a, clock(21, 30))
    story.rejected_by_server(a, clock(16, 50))

    # Phone B is set up in the morning, and registers with its maker once.
    story.boot(b, clock(8, 10))
    story.maker_activation(b, clock(8, 10) + 95, "device-activation.example")
    story.sealed_push(b, clock(8, 10) + 17)
    story.play_store(b, clock(8, 14))
    for hour, minute in ((9, 2), (18, 20)):
        story.use(b, clock(hour, minute))
    story.idle(b, clock(8, 20), clock(23))

    refused = json_reply(REFUSED)
    story.recorder.replay(registrations[12], clock(23, 40), refused)
    return story.recorder


def fixed() -> Recorder:
    """12 March 2019: phone A after the update."""
    story = Story(20190312)
    day, a = utc("2019-03-12"), PHONE_A_UPDATED
    boot = day + 7 * 3600
    story.set_up_proxy(a, boot - 600)
    story.boot(a, boot)
    story.maker_activation(a, boot + 92, "device-activation.example")
    story.push(a, boot + 15, day + DAY)
    story.chat(a, boot + 1200, day + 20 * 3600)
    for hour in (7.6, 12.1, 14.3, 16.7, 21.2):
        story.use(a, day + hour * 3600)
    story.idle(a, boot + 400, day + DAY)
    story.play_store(a, day + 21.5 * 3600)
    return story.recorder


def china() -> Recorder:
    """15 January 2019, Chinese time: a phone of the China variant, and a watch with the client's sibling."""
    story = Story(20190115, {"zzhc.vnet.cn": "202.96.209.133"})
    recorder, c = story.recorder, PHONE_C
    day = utc("2019-01-14T22:00:00")
    story.connectivity(c, day + 9, "www.google.cn")
    story.time(c, day + 12, "ntp1.aliyun.com")

    # Two tries fail; after the third has been accepted there is nothing left to register.
    first = day + 60
    story.china_telecom(c, first, 116_042_241, reply=None, error=NOT_ANSWERED)
    answer = json_reply(REFUSED)
    story.china_telecom(c, first + 3600.4, 116_042_241, reply=Reply(200, answer.headers, answer.body, 0.07))
    answer = json_reply(SUCCESS)
    story.china_telecom(c, first + 7200.9, 116_042_242, reply=Reply(200, answer.headers, answer.body, 0.07))
    story.maker_activation(c, day + 130, "device-activation-cn.example")

    for number in range(28):
        at = day + 600 + number * 2500.0 + story.rng.randrange(500)
        _chinese_apps(story, c, at, number)
    for number in range(1, 6):
        story.time(c, day + number * 14_000, "ntp1.aliyun.com")
        story.connectivity(c, day + number * 14_000 + 40, "www.google.cn")

    _watch(recorder, day)
    return recorder


def _chinese_apps(story: Story, c: Handset, at: float, turn: int) -> None:
    recorder = story.recorder
    agent = ("User-Agent", c.dalvik)
    recorder.http_flow(
        c.phone,
        at,
        "https://ulogs.umeng.com/unify_logs",
        method="POST",
        headers=[("Content-Type", "ut/0"), ("Msg-Type", "envelope/json"), agent],
        body=recorder.rng.randbytes(700),
        reply=Reply(200, (("Content-Type", "application/thrift"),), recorder.rng.randbytes(60), 0.05),
    )
    if turn % 2 == 0:
        recorder.http_flow(
            c.phone,
            at + 30,
            "http://loc.map.baidu.com/sdk.php",
            method="POST",
            headers=[("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"), agent],
            body=b"bloc=" + base64.urlsafe_b64encode(recorder.rng.randbytes(420)).rstrip(b"="),
            reply=json_reply({"content": {"loctp": "wf"}, "result": {"error": "161", "time": "2019"}}),
        )
    if turn % 4 == 1:
        recorder.http_flow(
            c.phone,
            at + 60,
            "https://android.bugly.qq.com/rqd/async?aid=5f2c",
            method="POST",
            headers=[("Content-Type", "application/octet-stream"), ("A37", "WIFI"), agent],
            body=recorder.rng.randbytes(900),
            reply=Reply(
                200, (("Content-Type", "application/octet-stream"),), recorder.rng.randbytes(80), 0.06
            ),
        )
        story.web_page(
            c,
            at + 90,
            "www.baidu.com",
            (("/img/bd_logo.png", "image/png", 5200), ("/static/superman.js", "text/javascript", 3100)),
        )
    if turn % 5 == 0:
        beats = [
            (0.0, True, b"\x48\x01" + recorder.rng.randbytes(62)),
            (0.04, False, recorder.rng.randbytes(30)),
        ]
        beats += [(240.0 * n, True, b"\x00\x00\x00\x05") for n in range(1, 5)]
        recorder.tcp_flow(c.phone, at + 120, "sdk.open.talk.igexin.com", 5224, beats)


def _watch(recorder: Recorder, day: float) -> None:
    """A watch that registers with raw JSON over TCP, port 9998."""
    payload = {
        "REGVER": "5.0",
        "MEID": "",
        "MODEL": "XYZ-W1",
        "SWVER": "W1_TEST_V1.0",
        "IMEI1": luhn("00861239000018"),
        "SIM1CDMAIMSI": "",
        "SIM1ICCID": "89861100000000000018",
        "SIM1LTEIMSI": "460110000000018",
        "SIM1CELLID": "116042241",
    }
    start = day + 1800
    for number in range(2):
        at = start + 3600 * number
        date = datetime.fromtimestamp(at, SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
        sent = json.dumps({**payload, "REGDATE": date}, separators=(",", ":")).encode()
        if number == 0:
            recorder.tcp_flow(
                WATCH, at, "zzhc.vnet.cn", 9998, [(0.03, True, sent)], error="connection closed by server"
            )
        else:
            answer = json.dumps(SUCCESS, separators=(",", ":")).encode()
            recorder.tcp_flow(WATCH, at, "zzhc.vnet.cn", 9998, [(0.03, True, sent), (0.11, False, answer)])
    for number in range(16):
        recorder.http_flow(
            WATCH,
            start + 200 + 4000 * number,
            f"http://api.watch.example/weather?city=101020100&_={int(start) + number}",
            headers=[("User-Agent", "W1/1.0")],
            reply=json_reply({"temp": 4 + number % 3, "code": 200}),
        )


CAPTURES = {
    "nokia-7-plus-affected.mitm": affected,
    "nokia-7-plus-fixed.mitm": fixed,
    "china-variant.mitm": china,
}


def main(folder: Path = FOLDER) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in CAPTURES.items():
        recorder = make()
        recorder.write(folder / name)
        print(f"{name}: {len(recorder.flows)} flows, {(folder / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
