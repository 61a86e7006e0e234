"""One hostile text costs no more than its length: in a URL, header or body, in the report and in the log of the proxy.

Each of these took minutes to hours. The limit is far above what they take now, and far below that.
"""

import json
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mitmproxy.io import FlowWriter

from captures.flows import build_flow

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
LIMIT = 40
"""Seconds of the processor that a process may take; they take six, most of it for what they import."""
pytestmark = pytest.mark.timeout(600)

SEGMENT = "a" * 40 + "0"
TABS = "a" + "\t" * 160_000 + "!"
SIGNS = "http://a?" + "=" * 160_000 + "\n"
PLACE = "1.000" + " " * 160_000 + "!"
TEXTS = {"segment": SEGMENT, "tabs": TABS, "signs": SIGNS, "place": PLACE}


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each text as body, JSON value, form value, header, query, and segment of a path."""
    path = tmp_path_factory.mktemp("hostile") / "hostile.mitm"
    with path.open("wb") as out:
        writer = FlowWriter(out)
        for text in TEXTS.values():
            one_line = text.strip("\n")
            for target, headers, body in (
                ("/", (), text.encode()),
                (
                    "/",
                    (("Content-Type", "application/json"),),
                    json.dumps({"imei": text, "lat": text}).encode(),
                ),
                ("/", (("Content-Type", "application/x-www-form-urlencoded"),), b"imei=" + text.encode()),
                ("/", (("X-Text", one_line), ("Cookie", f"a={one_line}"), ("User-Agent", one_line)), b""),
                (f"/?position={one_line}", (), b""),
                (f"/{one_line}/{SEGMENT}", (), b""),
            ):
                flow = build_flow(
                    "http://zzhc.vnet.cn/",
                    at=datetime(2019, 1, 22, 8, tzinfo=UTC).timestamp(),
                    method="POST",
                    headers=(("Host", "zzhc.vnet.cn"), *headers),
                    body=body,
                    address="61.139.2.69",
                )
                flow.request.path = target
                writer.add(flow)
    return path


@pytest.mark.parametrize("format", ["json", "html", "csv"])
def test_the_report(capture: Path, tmp_path: Path, format: str) -> None:
    out = tmp_path / f"report.{format}"
    command: list[str | Path] = [BIN / "phonehome", "report", capture, "--quiet", "--workers", "1", "-o", out]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=_bound, check=False)
    assert done.returncode == 0, done.stderr
    assert "zzhc.vnet.cn" in out.read_text("utf-8")


def test_the_activation_log(capture: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    addon = ROOT / "addons" / "activation_log.py"
    command: list[str | Path] = [
        BIN / "mitmdump",
        "-q",
        "-nr",
        capture,
        "-s",
        addon,
        "--set",
        f"phonehome_activation_log={log}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=_bound, check=False)
    assert done.returncode == 0, done.stderr
    # One line when it is sent, one when it is over.
    assert len(log.read_text("utf-8").splitlines()) == len(TEXTS) * 6 * 2
