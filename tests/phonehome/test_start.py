"""What a command imports: whatever it does not need, it must not wait for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.make_capture import make

_MAIN = """
import json, sys
from phonehome.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print("\\n" + json.dumps(sorted(sys.modules)))
"""


def imported(*arguments: str) -> set[str]:
    """The modules of a command, and the packages that they are in."""
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return {*names, *(name.partition(".")[0] for name in names)}


def test_help_needs_nothing_but_the_options() -> None:
    names = imported("--help")
    assert {"argparse", "phonehome.report"} < names
    assert not names & {
        *("mitmproxy", "msgspec", "maxminddb", "cryptography", "phonehome.analysis.knowledge", "asyncio"),
        *("phonehome.analysis.pipeline", "phonehome.analysis.sources", "multiprocessing", "ssl"),
    }


@pytest.mark.parametrize("kind", ["phone", "old"])
def test_a_small_report_needs_no_proxy_and_no_packets(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "phone.mitm"
    make(path, 3, kind=kind)
    names = imported("report", str(path), "--quiet", "--format", "json", "-o", str(tmp_path / "report.json"))
    assert (tmp_path / "report.json").exists()
    assert {"maxminddb", "phonehome.analysis.sources.mitm"} < names
    assert not names & {
        *(
            "mitmproxy",
            "cryptography",
            "ssl",
            "asyncio",
            "stdnum",
            "hpack",
            "defusedxml",
            "plistlib",
            "weasyprint",
        ),
        *(
            "phonehome.analysis.sources.packets.source",
            "phonehome.analysis.render.page",
            "distributed",
            "pyarrow",
        ),
    }
