"""What lies beside the packets in a folder of PiRogue: the phone, and which process opened which connection.

`pirogue-intercept-*` writes `traffic.pcap`, `sslkeylog.txt`, `device.json` (properties of the phone), `ad_ids.txt`
(advertising ids that an app asked for) and `socket_trace.json` (each call on a socket, with the process where the tool
notes it), says pirogue-cli (frida/capture_manager.py, android/device.py, frida-scripts/). `aes_info.json`, what was put
into ciphers, is not read: nothing says where it was sent.
"""

import json
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import msgspec

from phonehome.analysis.sources.source import Said
from phonehome.analysis.transmission import App

MAX_FILE: Final = 256 << 20
"""Bytes of a file that are read."""
MAX_TRACES: Final = 500_000
MAX_TEXT: Final = 200

_FILES: Final = ("device.json", "ad_ids.txt", "socket_trace.json")

Socket = tuple[str, int, str, int]
"""Address and port of the phone, address and port of the destination."""
Traces = Mapping[Socket, tuple[tuple[float, App], ...]]


class _Call(msgspec.Struct):
    local_ip: Any = None
    local_port: Any = None
    dest_ip: Any = None
    dest_port: Any = None
    process: Any = None


class _Trace(msgspec.Struct):
    data: _Call | None = None
    timestamp: Any = None
    process: Any = None


def beside(capture: Path) -> list[Path]:
    """What there is of it beside a capture."""
    return [file for file in map(capture.with_name, _FILES) if file.is_file()]


def phone(capture: Path) -> Said | None:
    """What the folder of a capture says of the phone; None if it is none of PiRogue's."""
    found = _json(capture.with_name("device.json"))
    if not isinstance(found, dict) or not {"android_version", "fingerprint", "serialno"} & found.keys():
        return None

    def text(key: str) -> str:
        value = found.get(key)
        return value.strip()[:MAX_TEXT] if isinstance(value, str) else ""

    values = [(name, text(key)) for name, key in (("serial", "serialno"), ("imei", "imei"))]
    try:
        lines = capture.with_name("ad_ids.txt").read_text("utf-8", "replace")[:MAX_FILE].split()
        values += [("advertising_id", line) for line in dict.fromkeys(lines)]
    except OSError:
        pass
    return Said(
        "PiRogue's device.json",
        text("manufacturer"),
        text("model"),
        f"Android {text('android_version')}" if text("android_version") else "",
        text("fingerprint"),
        tuple((name, value) for name, value in values if 8 <= len(value) <= MAX_TEXT)[:50],
    )


def traces(capture: Path) -> Traces:
    """Which process opened which connection, and when; empty if nothing says so."""
    try:
        with capture.with_name("socket_trace.json").open("rb") as file:
            found = msgspec.json.decode(file.read(MAX_FILE), type=list[_Trace])
    except (OSError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}
    result: dict[Socket, dict[App, float]] = {}
    for trace in found[:MAX_TRACES]:
        call = trace.data or _Call()
        process = call.process or trace.process
        if not isinstance(process, str) or not process:
            continue
        try:
            socket = (
                _address(call.local_ip),
                int(call.local_port),
                _address(call.dest_ip),
                int(call.dest_port),
            )
        except (TypeError, ValueError):
            continue
        time = trace.timestamp / 1000 if isinstance(trace.timestamp, int | float) else 0.0
        # A process of an app is called after its package: `com.example.app:remote`.
        app = App("", process.partition(":")[0][:MAX_TEXT], "trace")
        result.setdefault(socket, {}).setdefault(app, time)
    return {socket: tuple((time, app) for app, time in apps.items()) for socket, apps in result.items()}


def app_of(known: Traces, socket: Socket, time: float) -> App | None:
    """The app of a connection that was opened at a time: of several on the same ports, the nearest."""
    found = known.get(socket)
    return min(found, key=lambda traced: abs(traced[0] - time))[1] if found else None


def _address(text: Any) -> str:
    found = ip_address(text)
    return str(getattr(found, "ipv4_mapped", None) or found)


def _json(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return json.loads(file.read(1 << 20))
    except (OSError, ValueError, RecursionError):
        return None
