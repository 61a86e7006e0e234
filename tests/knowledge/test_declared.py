"""What the entries declare, held to bodies in the shape that the senders give them (all values are made up)."""

import base64
import gzip
import json
from typing import ClassVar
from urllib.parse import urlencode

import pytest

from captures.flows import protobuf
from phonehome.analysis.transmission import Transmission
from tests.examining import examine

ADVERTISING = "5f0c1f2e-9b1d-4c55-8a3e-0d6a7be2c901"
SESSION = "0b6b1c22-3a51-4a0f-9d0e-57b0a2f7c3d4"
EXTINFO = [
    "a2",
    "org.example.app",
    26,
    "2.6",
    "13",
    "Pixel 7",
    "nb_NO",
    "CET",
    "Telenor",
    1080,
    2400,
    "2.6",
    8,
    113,
    54,
]


def certain(sent: Transmission) -> dict[str, set[str]]:
    """The values of each kind that are certain because the catalogue declares them."""
    found: dict[str, set[str]] = {}
    for finding in examine(sent).findings:
        if finding.certainty == "certain" and finding.reason.startswith("known field"):
            found.setdefault(finding.kind, set()).add(finding.value)
    return found


def post(url: str, body: bytes, **headers: str) -> Transmission:
    host, _, path = url.partition("/")
    lines = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Transmission(
        time=0,
        host=host,
        port=443,
        encrypted=True,
        method="POST",
        path=f"/{path}",
        headers=lines,
        payloads=(body,),
    )


@pytest.mark.parametrize("compressed", [True, False])
def test_facebook_app_events(compressed: bool) -> None:
    form = urlencode(
        {
            "format": "json",
            "sdk": "android",
            "custom_events": json.dumps([{"_eventName": "x", "_session_id": SESSION}, {"_eventName": "y"}]),
            "anon_id": f"XZ{SESSION}",
            "advertiser_id": ADVERTISING,
            "extinfo": json.dumps(EXTINFO),
        }
    ).encode()
    body, coding = (gzip.compress(form), "gzip") if compressed else (form, "identity")
    sent = post(
        "graph.facebook.com/v14.0/123456789/activities",
        body,
        content_type="application/x-www-form-urlencoded",
        content_encoding=coding,
    )
    assert certain(sent) == {
        "advertising-id": {ADVERTISING},
        "installation-id": {f"XZ{SESSION}"},
        "session-id": {SESSION},
        "model": {"Pixel 7"},
        "carrier": {"Telenor"},
    }
    paths = {finding.kind: " > ".join(finding.path) for finding in examine(sent).findings}
    assert paths["carrier"].endswith("form > extinfo > json > [8]")


def test_facebook_app_events_as_json() -> None:
    body = json.dumps({"advertiser_id": ADVERTISING, "extinfo": json.dumps(EXTINFO)}).encode()
    sent = post("graph.facebook.com/v14.0/1/activities", body, content_type="application/json")
    assert certain(sent) == {"advertising-id": {ADVERTISING}, "model": {"Pixel 7"}, "carrier": {"Telenor"}}


def test_branch() -> None:
    document = {
        "device_fingerprint_id": "1172860168313205991",
        "identity_id": "1172860168363571071",
        "hardware_id": SESSION,
        "model": "Pixel 7",
        "build": "TQ3A.230805.001",
        "device_carrier": "Telenor",
        "local_ip": "10.0.0.7",
        "advertising_ids": {"aaid": ADVERTISING},
        "google_advertising_id": ADVERTISING,
    }
    sent = post("api2.branch.io/v1/open", json.dumps(document).encode(), content_type="application/json")
    assert certain(sent) == {
        "installation-id": {"1172860168313205991", "1172860168363571071", SESSION},
        "advertising-id": {ADVERTISING},
        "model": {"Pixel 7"},
        "build": {"TQ3A.230805.001"},
        "carrier": {"Telenor"},
        "ip-address": {"10.0.0.7"},
    }


def test_onesignal() -> None:
    document = {"device_model": "Pixel 7", "ad_id": ADVERTISING, "lat": 59.912731, "long": 10.746092}
    body = json.dumps(document).encode()
    sent = post(f"api.onesignal.com/players/{SESSION}", body, content_type="application/json")
    assert certain(sent) == {
        "installation-id": {SESSION},
        "model": {"Pixel 7"},
        "advertising-id": {ADVERTISING},
        "position": {"59.912731,10.746092"},
    }


def test_google_check_in() -> None:
    """The fields of AndroidCheckinRequest, of which the MAC address has no separators."""
    build = protobuf((1, "google/yakju/maguro:4.1.1/JRO03C/398337:user/release-keys"), (11, "Galaxy Nexus"))
    message = protobuf(
        (1, "356938035643809"),
        (2, 0x3A5E91C0B77D4E21),
        (4, protobuf((1, build), (2, 0))),
        (9, "00005e00536a"),
        (10, "A0000000002329"),
        (16, "R58M123ABCD"),
    )
    sent = post(
        "android.clients.google.com/checkin",
        gzip.compress(message),
        content_type="application/x-protobuffer",
        content_encoding="gzip",
    )
    assert certain(sent) == {
        "imei": {"356938035643809"},
        "android-id": {"3a5e91c0b77d4e21"},
        "build": {"google/yakju/maguro:4.1.1/JRO03C/398337:user/release-keys"},
        "model": {"Galaxy Nexus"},
        "mac": {"00:00:5e:00:53:6a"},
        "meid": {"A0000000002329"},
        "serial": {"R58M123ABCD"},
    }


class TestChinaTelecom:
    """One payload, in the clients' dresses."""

    PHONE: ClassVar[dict[str, object]] = {
        "REGVER": "8.0",
        "UETYPE": "1",
        "MODEL": "HMD-TA 9999",
        "SWVER": "0.2032.10.08",
        "OSVER": "KaiOS 2.5.4",
        "MACID": "00:00:5e:00:53:6a",
        "MEID": "A0000000002329",
        "IMEI1": "001012340000425",
        "IMEI2": "001012340000433",
        "SIM1ICCID": "89861100000000000012",
        "SIM1CDMAIMSI": "460030000000012",
        "SIM1LTEIMSI": "460110000000013",
        "SIM1CELLID": 7509123,
        "SIM2ICCID": "",
        "DATASIM": 1,
        "REGDATE": "2019-03-01 08:04:58",
    }
    FOUND: ClassVar[dict[str, set[str]]] = {
        "imei": {"001012340000425", "001012340000433"},
        "meid": {"A0000000002329"},
        "iccid": {"89861100000000000012"},
        "imsi": {"460030000000012", "460110000000013"},
        "mac": {"00:00:5e:00:53:6a"},
        "cell": {"7509123"},
        "model": {"HMD-TA 9999"},
        "build": {"0.2032.10.08"},
    }
    CLEAR = json.dumps(PHONE).encode()
    COAP = b"\x44\x02\x12\x34\x01\x02\x03\x04\xb2nb\x11\x32\xff"
    """POST /nb, content format JSON."""

    @pytest.mark.parametrize("host", ["zzhc.vnet.cn", "activation.example"])
    @pytest.mark.parametrize("breaks", [True, False])
    def test_http(self, host: str, breaks: bool) -> None:
        body = base64.encodebytes(self.CLEAR) if breaks else base64.b64encode(self.CLEAR)
        sent = post(f"{host}/", body, content_type="application/encrypted-json")
        assert certain(sent) == self.FOUND

    @pytest.mark.parametrize("port", [9998, 9999])
    @pytest.mark.parametrize("host", ["zzhc.vnet.cn", None])
    @pytest.mark.parametrize("dressed", [True, False])
    def test_raw_tcp(self, port: int, host: str | None, dressed: bool) -> None:
        content = base64.b64encode(self.CLEAR) if dressed else self.CLEAR
        sent = Transmission(
            time=0, host=host, address="192.0.2.1", port=port, protocol="tcp", payloads=(content,)
        )
        assert certain(sent) == self.FOUND

    @pytest.mark.parametrize("host", ["zzhc.vnet.cn", None])
    @pytest.mark.parametrize("dressed", [True, False])
    def test_coap(self, host: str | None, dressed: bool) -> None:
        content = self.COAP + (base64.b64encode(self.CLEAR) if dressed else self.CLEAR)
        sent = Transmission(
            time=0,
            host=host,
            address="192.0.2.1",
            port=5683,
            transport="udp",
            protocol="udp",
            payloads=(content,),
        )
        assert certain(sent) == self.FOUND
        assert not examine(sent).opaque

    def test_mediatek(self) -> None:
        """Its first version: MODELSMS, SIM2IMSI, and the CDMA cell in numbers."""
        document = {
            "REGVER": "1.0",
            "MEID": "A0000000002329",
            "MODELSMS": "ACM-one",
            "SWVER": "V1.2.3",
            "UETYPE": 1,
            "MACID": "00:00:5e:00:53:6a",
            "IMEI1": "001012340000425",
            "IMEI2": "",
            "SIM1CDMAIMSI": "460030000000012",
            "SIM1ICCID": "89860300000000000012",
            "SID": 13568,
            "NID": 5,
            "BASEID": 4123,
            "SIM2IMSI": "460010000000014",
        }
        sent = post(
            "activation.example/",
            base64.encodebytes(json.dumps(document).encode()),
            content_type="application/encrypted-json",
        )
        assert certain(sent) == {
            "imei": {"001012340000425"},
            "meid": {"A0000000002329"},
            "iccid": {"89860300000000000012"},
            "imsi": {"460030000000012", "460010000000014"},
            "mac": {"00:00:5e:00:53:6a"},
            "cell": {"4123"},
            "model": {"ACM-one"},
            "build": {"V1.2.3"},
        }


def test_china_unicom() -> None:
    sent = post("dm.wo.com.cn/register?ver=1.1&model=TA-9999&manuf=HMD&sign=abc", b"")
    assert certain(sent) == {"model": {"TA-9999"}}


IMEI = "353088080000001"
ECID = "12345678901234567890123456789012345678"
HARDWARE = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"


def encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    ("url", "body", "found"),
    [
        (
            f"aes.mnc001.mcc242.pub.3gppnetwork.org/?terminal_id={IMEI}&terminal_model=SM-G991B&app=ap2004",
            None,
            {"imei": {IMEI}, "model": {"SM-G991B"}},
        ),
        (
            "in.applicationinsights.azure.com/v2/track",
            [{"tags": {"ai.device.id": SESSION, "ai.device.model": "Pixel 7", "ai.session.id": HARDWARE}}],
            {"installation-id": {SESSION}, "model": {"Pixel 7"}, "session-id": {HARDWARE}},
        ),
        (
            "browser-intake-datadoghq.eu/api/v2/rum",
            [{"usr": {"id": "user-123456"}, "session": {"id": SESSION}}, {"device": {"model": "Pixel 7"}}],
            {"user-id": {"user-123456"}, "session-id": {SESSION}, "model": {"Pixel 7"}},
        ),
        (
            f"clientsdk.launchdarkly.com/msdk/evalx/contexts/{encoded({'kind': 'user', 'key': SESSION})}",
            None,
            {"installation-id": {SESSION}},
        ),
        (
            "cp.pushwoosh.com/json/1.3/registerDevice",
            {"request": {"hwid": SESSION, "push_token": HARDWARE, "device_model": "Pixel 7"}},
            {"installation-id": {SESSION}, "push-token": {HARDWARE}, "model": {"Pixel 7"}},
        ),
        (
            "htlb.casalemedia.com/openrtb/pbjs",
            {"device": {"ifa": ADVERTISING, "model": "Pixel 7", "carrier": "Telenor"}},
            {"advertising-id": {ADVERTISING}, "model": {"Pixel 7"}, "carrier": {"Telenor"}},
        ),
        (
            "fus.lenovomm.com/firmware/3.1/updateservlet",
            {"action": "querynewfirmware", "deviceid": IMEI, "devicemodel": "TB-X304L"},
            {"imei": {IMEI}, "model": {"TB-X304L"}},
        ),
        (f"dpm.demdex.net/id?d_mid={ECID}&d_rtbd=json", None, {"installation-id": {ECID}}),
        (
            "api.revenuecat.com/v1/subscribers/person-77/attributes",
            {"attributes": {"$gpsAdId": {"value": ADVERTISING}, "$email": {"value": "a@b.example"}}},
            {"advertising-id": {ADVERTISING}, "email": {"a@b.example"}, "user-id": {"person-77"}},
        ),
        (
            "sdk.debugbox.sensorsdata.cn/sa",
            {"data_list": encoded([{"distinct_id": HARDWARE, "properties": {"$model": "Pixel 7"}}])},
            {"installation-id": {HARDWARE}, "model": {"Pixel 7"}},
        ),
        (
            "toblog.ctobsnssdk.com/service/2/app_log/",
            {"header": {"openudid": HARDWARE[:16], "google_aid": ADVERTISING, "device_model": "Pixel 7"}},
            {"android-id": {HARDWARE[:16]}, "advertising-id": {ADVERTISING}, "model": {"Pixel 7"}},
        ),
        (
            "graph.facebook.com/v18.0/123456789/events",
            {"data": [{"user_data": {"madid": ADVERTISING, "client_ip_address": "198.51.100.7"}}]},
            {"advertising-id": {ADVERTISING}, "ip-address": {"198.51.100.7"}},
        ),
        (
            "incoming.telemetry.mozilla.org/submit/org-mozilla-fenix/baseline/1/x",
            {"client_info": {"client_id": SESSION, "device_model": "Pixel 7"}},
            {"installation-id": {SESSION}, "model": {"Pixel 7"}},
        ),
    ],
)
def test_documented_payloads(url: str, body: object, found: dict[str, set[str]]) -> None:
    form = isinstance(body, dict) and ("data_list" in body or "action" in body)
    lines = isinstance(body, list) and "datadoghq" in url
    if body is None:
        content = b""
    elif form and isinstance(body, dict):
        content = urlencode(body).encode()
    elif lines and isinstance(body, list):
        content = b"\n".join(json.dumps(line).encode() for line in body)
    else:
        content = json.dumps(body).encode()
    kind = "application/x-www-form-urlencoded" if form else "text/plain" if lines else "application/json"
    assert certain(post(url, content, content_type=kind)) == found
