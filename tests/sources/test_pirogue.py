"""A folder of PiRogue: packets, keys, the phone, and which process opened which connection."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from phonehome.analysis.sources import open_source
from phonehome.analysis.sources.pirogue import app_of, phone, traces
from phonehome.analysis.transmission import App, Transmission
from phonehome.cli import main
from tests.sources.packets.build import PHONE, SERVER, START, Talk, pcap, pcapng, section

IMEI = "001012340000425"
SERIAL = "PL2GARM0000000042"
AD_ID = "01234567-89ab-4cde-8f01-23456789abcd"
DEVICE = {
    "fingerprint": "Nokia/Onyx_00WW/B2N_sprout:9/PPR1.180610.011/00WW_3_39B:user/release-keys",
    "brand": "Nokia",
    "manufacturer": "HMD Global",
    "model": "Nokia 7 plus",
    "serialno": SERIAL,
    "android_version": "9\n",
    "imei": IMEI,
}


def request(body: bytes) -> bytes:
    return b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def call(port: int, process: str | None, *, outside: bool = False, at: float = START) -> dict[str, Any]:
    data = {
        "pid": 1,
        "local_ip": f"::ffff:{PHONE}",
        "local_port": port,
        "dest_ip": SERVER,
        "dest_port": 80,
        "stack": [{}],
    }
    found: dict[str, Any] = {"type": "socket_trace_log", "data": data, "timestamp": at * 1000}
    if process:
        (found if outside else data)["process"] = process
    return found


def folder(where: Path, trace: Any, device: Any = DEVICE) -> Path:
    body = f"a={SERIAL.lower()}&b={AD_ID}&c=001012340000425".encode()
    frames = Talk(client_port=40000).open().send(request(body)).reply(OK).close().frames
    frames += Talk(client_port=40001, time=START + 5).open().send(request(b"x=1")).reply(OK).close().frames
    capture = where / "traffic.pcap"
    capture.write_bytes(pcap(frames))
    (where / "device.json").write_text(json.dumps(device))
    (where / "socket_trace.json").write_text(json.dumps(trace))
    (where / "ad_ids.txt").write_text(f"{AD_ID}\n{AD_ID}\n")
    (where / "experiment.json").write_text("{}")
    return capture


def read(path: Path) -> list[Transmission]:
    with open_source(path) as source:
        plan = source.plan(1)
        source.context = plan.context
        return sorted(sent for part in plan.parts for sent in source.read(part))


def test_the_process_of_each_connection(tmp_path: Path) -> None:
    capture = folder(
        tmp_path, [call(40000, "com.first:push"), call(40001, "com.second", outside=True), call(40002, None)]
    )
    first, second = read(capture)
    assert first.app == App("", "com.first", "trace")
    assert second.app == App("", "com.second", "trace")


def test_of_two_on_one_port_the_nearest_in_time(tmp_path: Path) -> None:
    known = traces(
        folder(tmp_path, [call(40000, "com.early", at=START), call(40000, "com.late", at=START + 900)])
    )
    socket = (PHONE, 40000, SERVER, 80)
    assert [app_of(known, socket, START + after) for after in (1, 800)] == [
        App("", "com.early", "trace"),
        App("", "com.late", "trace"),
    ]
    assert app_of(known, (PHONE, 1, SERVER, 80), START) is None


@pytest.mark.parametrize(
    "trace",
    [
        {},
        "x",
        [1],
        [{"data": 3}],
        [{"data": {"process": "p", "local_ip": [], "local_port": {}}}],
        [{"data": None}],
    ],
)
def test_a_trace_that_is_none_costs_nothing(trace: Any, tmp_path: Path) -> None:
    assert {sent.app for sent in read(folder(tmp_path, trace))} == {None}


@pytest.mark.parametrize("device", [[], {"a": 1}, {"model": 3}, "x"])
def test_another_device_json_is_not_taken_over(device: Any, tmp_path: Path) -> None:
    assert phone(folder(tmp_path, [], device)) is None


def test_the_report_takes_over_the_phone_and_searches_its_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder(tmp_path, [call(40000, "com.first")])
    assert main(["report", str(tmp_path), "--quiet", "--format", "json", "--show-identifiers"]) == 0
    report = json.loads(capsys.readouterr().out)
    (capture,), (device,) = report["captures"], report["devices"]
    assert capture["phone"]["by"] == "PiRogue's device.json"
    assert (device["model"], device["system"]) == ("Nokia 7 plus", "Android 9")
    assert device["builds"] == [DEVICE["fingerprint"]]
    found = {item["kind"]: item for item in device["destinations"][0]["identifiers"]}
    assert {"serial", "imei", "advertising-id"} <= found.keys()
    assert {item["certainty"] for item in found.values()} == {"certain"}
    assert device["apps"][0]["id"] == "com.first"
    assert main(["report", str(tmp_path), "--quiet"]) == 0
    text = capsys.readouterr().out
    assert "PiRogue's device.json, of the phone: HMD Global Nokia 7 plus, Android 9" in text
    assert IMEI not in text
    assert SERIAL not in text
    assert AD_ID not in text


def test_pcapdroid_names_the_phone_in_pcapng(tmp_path: Path) -> None:
    def option(code: int, text: str) -> bytes:
        data = text.encode()
        return struct.pack("<HH", code, len(data)) + data + bytes(-len(data) % 4)

    texts = {2: "HMD Global Nokia 7 plus", 3: "Android 9", 4: "PCAPdroid v1.7.0"}
    frames = Talk().open().send(request(b"x")).reply(OK).frames
    for tool, model in (("PCAPdroid v1.7.0", "HMD Global Nokia 7 plus"), ("Dumpcap 4.0", None)):
        options = b"".join(option(code, text) for code, text in (texts | {4: tool}).items()) + bytes(4)
        path = tmp_path / "a.pcapng"
        path.write_bytes(section(options=options) + pcapng(frames)[len(section()) :])
        with open_source(path) as source:
            said = source.plan(1).said
        assert (said.model if said else None) == model
