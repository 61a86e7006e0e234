"""Makes many small captures, each of a phone of its own: `python -m benchmarks.many FOLDER [--phones N]`

Each capture has some twenty flows to ten of `make_capture`'s hosts. The phone's address, its identifiers and all ids of
flows and connections are its own; one in fifty sends its activation data to China unencrypted. Flows are built a
few times and then copied with what differs put in, because that is a hundred times as fast.
"""

import argparse
import io
import json
import random
import uuid
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from mitmproxy.io import FlowWriter

from benchmarks.make_capture import HOSTS, START
from captures.flows import Phone, Recorder, json_reply

KINDS = 16
ALARM = 50
"""Every how many-th phone registers in China."""
_ADDRESS = "10.99.9.99"
_IMEI = "001010000000000"
_ANDROID = "aaaabbbbccccdddd"
_ADVERTISING = "11111111-2222-4333-8444-555555555555"


def make(folder: Path, phones: Iterable[int]) -> None:
    """Writes the captures of phones of these numbers; the same ones each time."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in phones:
        template, ids = _template(number % KINDS, alarm=number % ALARM == ALARM - 1)
        rng = random.Random(number)
        address = f"10.{10 + number % 90}.{number // 90 % 10}.{10 + number // 900 % 90}"
        data = template
        for old, new in (
            (_ADDRESS, address),
            (_IMEI, _imei(number)),
            (_ANDROID, f"{rng.getrandbits(64):016x}"),
            (_ADVERTISING, str(uuid.UUID(int=rng.getrandbits(128), version=4))),
            *((old, str(uuid.UUID(int=rng.getrandbits(128), version=4))) for old in ids),
        ):
            data = data.replace(old.encode(), new.encode())
        (folder / f"phone-{number:05}.mitm").write_bytes(data)


def _imei(number: int) -> str:
    digits = f"00101{number:09}"
    total = sum(sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(digits))
    return digits + str(-total % 10)


@cache
def _template(kind: int, *, alarm: bool) -> tuple[bytes, list[str]]:
    """The bytes of a capture, and the ids in it."""
    rng = random.Random(f"{kind} {alarm}")
    recorder = Recorder(kind, {host.name: host.address for host in HOSTS})
    phone = Phone(_ADDRESS)
    agent = f"Dalvik/2.1.0 (Linux; U; Android 9; Nokia {rng.choice('678')} plus Build/PPR1.180610.011)"
    hosts = [host for host in HOSTS if host.name != "zzhc.vnet.cn"]
    at = START
    for host in rng.sample(hosts, 10):
        at += rng.uniform(1, 60)
        scheme = "http" if host.kind == "clear" else "https"
        body = b""
        if rng.random() < 0.5:
            found = {"android_id": _ANDROID, "adid": _ADVERTISING, "event": "open", "n": rng.randrange(999)}
            body = json.dumps(found).encode()
        recorder.http_flow(
            phone,
            at,
            f"{scheme}://{host.name}/v1/{rng.randrange(999)}",
            method="POST" if body else "GET",
            headers=[("User-Agent", agent), ("Content-Type", "application/json")],
            body=body,
            reply=json_reply({"ok": True}),
        )
    if alarm:
        recorder.http_flow(
            phone,
            at + 5,
            "http://zzhc.vnet.cn/",
            method="POST",
            headers=[("User-Agent", agent), ("Content-Type", "application/encrypted-json")],
            body=json.dumps({"IMEI1": _IMEI, "MODEL": "TA-1046", "ROM": "64G"}).encode(),
            reply=json_reply({"resultCode": "0", "resultDesc": "Success"}),
        )
    out = io.BytesIO()
    writer = FlowWriter(out)
    for flow in recorder.flows:
        writer.add(flow)
    ids = {flow.id for flow in recorder.flows}
    ids |= {each.id for flow in recorder.flows for each in (flow.client_conn, flow.server_conn)}
    return out.getvalue(), sorted(ids)


def main(arguments: Sequence[str] | None = None) -> None:
    """Makes the captures."""
    parser = argparse.ArgumentParser(description="Makes many small captures, each of a phone of its own.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--phones", type=int, default=2_000)
    options = parser.parse_args(arguments)
    make(options.folder, range(options.phones))


if __name__ == "__main__":
    main()
