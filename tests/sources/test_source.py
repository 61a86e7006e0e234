"""What holds for captures of all formats: large ones need little memory, and one that becomes shorter ends nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest
from mitmproxy.io import tnetstring
from mitmproxy.test import tflow

from phonehome.analysis import sources
from phonehome.analysis.sources import CaptureError, open_source
from tests.sources.packets.build import START, ethernet, pcap, udp

MIB = 1 << 20


def _flow() -> bytes:
    return tnetstring.dumps(tflow.tflow(resp=True).get_state())


def _packet() -> bytes:
    return ethernet(udp("10.0.0.2", 5000, "192.0.2.1", 6000, bytes(60_000)))


def _entry(body: str = "") -> str:
    request = {
        "method": "POST",
        "url": "http://a.example/",
        "headers": [],
        "postData": {"mimeType": "text/plain", "text": body},
    }
    response = {"status": 200, "headers": [], "content": {}}
    return json.dumps({"startedDateTime": "2020-01-01T00:00:00Z", "request": request, "response": response})


BEGINNINGS: dict[str, Callable[[], bytes]] = {
    "flows": _flow,
    "HAR": lambda: f'{{"log": {{"creator": {{}}, "entries": [{_entry()}, '.encode(),
    "packets": lambda: pcap([(START, bytes(60))]),
}
LONG: dict[str, Callable[[], bytes]] = {
    "flows": lambda: _flow() * 3000,
    "HAR": lambda: ('{"log": {"entries": [' + ", ".join([_entry("x" * MIB)] * 5) + "]}}").encode(),
    "packets": lambda: pcap([(START, _packet())] * 70),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="says how much memory was used")
def test_a_file_with_a_large_hole_needs_no_memory(tmp_path: Path) -> None:
    for name, beginning in BEGINNINGS.items():
        path = tmp_path / name
        path.write_bytes(beginning())
        os.truncate(path, 1 << 29)
    code = (
        "import sys\n"
        "from phonehome.analysis.sources import CaptureError, open_source\n"
        "for path in sys.argv[1:]:\n"
        "    with open_source(path) as source:\n"
        "        try:\n"
        "            source.plan(4 << 20)\n"
        "        except CaptureError:\n"
        "            pass\n"
        "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
    )
    paths = [str(tmp_path / name) for name in BEGINNINGS]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, check=True, timeout=100)
    assert int(done.stdout) < 350 << 10  # KiB; an entry of HAR may have 256 MiB


@pytest.mark.parametrize("name", LONG)
def test_a_file_that_becomes_shorter_while_it_is_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_bytes(LONG[name]())
    monkeypatch.setattr(sources, "LARGEST_READ", 0)  # it is mapped
    with open_source(path) as source:
        os.truncate(path, 100)
        with pytest.raises(CaptureError, match="shorter"):
            source.plan(MIB)
    path.write_bytes(LONG[name]())
    with open_source(path) as source:
        parts = source.plan(MIB).parts
        os.truncate(path, 100)
        with pytest.raises(CaptureError, match="shorter"):
            list(chain.from_iterable(map(source.read, parts)))
