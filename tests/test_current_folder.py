"""Nothing is run that lies in the folder where the user happens to be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from phonehome import executors

ROOT = Path(__file__).parents[1]
CAPTURE = ROOT / "captures" / "nokia-7-plus-fixed.mitm"
BIN = Path(sys.executable).parent

NAMES = (
    "addons", "analysis", "argparse", "asyncio", "captures", "concurrent", "encodings", "json", "marshal", "mitmproxy",
    "msgpack", "multiprocessing", "os", "phonehome", "pickle", "re", "signal", "site", "sitecustomize", "struct",
    "subprocess", "tests", "tomllib", "typing", "usercustomize",
)  # fmt: skip

OFFLOAD = """
import asyncio
from phonehome.addons.offload import Offload
from phonehome.analysis.sources import open_source

async def main():
    with open_source({capture!r}) as source:
        sent = next(iter(source.read(source.plan(1 << 20).parts[0])))
    offload = Offload(patience=100)
    evidence = await offload.examine(sent)
    assert not evidence.fault
    await offload.close()
    print(evidence.transmission.client)

if __name__ == "__main__":
    asyncio.run(main())
"""
LIVE = """
import asyncio
from phonehome.addons.live.feed import Feed

async def main():
    feed = Feed(lambda line, loud: None)
    await feed.start([])
    while feed.view is None:
        assert not feed.stopped
        feed.want_view()
        await asyncio.sleep(0.05)
    await feed.stop()
    print(len(feed.view))

asyncio.run(main())
"""
SPAWNED = """
from phonehome import executors

executors._may_fork = lambda: False

if __name__ == "__main__":
    with executors._processes(1) as pool:
        print(pool.submit(len, "123").result())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with modules and packages of common names, each of which leaves a trace when it is imported."""
    found = tmp_path / "captures of a stranger"
    found.mkdir()
    for name in NAMES:
        trace = f"open({str(tmp_path / 'ran')!r}, 'a').write({name + ' '!r})\n"
        (found / f"{name}.py").write_text(trace)
        (found / "packages" / name).mkdir(parents=True)
        (found / "packages" / name / "__init__.py").write_text(trace)
    return found


def run(command: list[str | Path], folder: Path) -> str:
    """What the command prints; nothing that lies in the folder is run, nor what lies among the packages."""
    for where in (folder, folder / "packages"):
        done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=110, check=False)
        ran = folder.parent / "ran"
        assert not ran.exists(), ran.read_text()
        assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", [[BIN / "phonehome"], [sys.executable, "-P", "-m", "phonehome"]])
def test_the_command(command: list[str | Path], folder: Path) -> None:
    assert '"devices"' in run([*command, "report", CAPTURE, "--quiet", "-o", "-", "--format", "json"], folder)


@pytest.mark.parametrize("script", [OFFLOAD, LIVE, SPAWNED], ids=["offload", "live", "spawned"])
def test_helper_processes(script: str, folder: Path) -> None:
    path = folder.parent / "script.py"
    path.write_text(script.replace("{capture!r}", repr(str(CAPTURE))))
    assert run([sys.executable, path], folder).strip()


def test_mitmdump_with_an_addon(folder: Path) -> None:
    log = folder.parent / "log.jsonl"
    addon = ROOT / "addons" / "activation_log.py"
    run(
        [BIN / "mitmdump", "-q", "-nr", CAPTURE, "-s", addon, "--set", f"phonehome_activation_log={log}"],
        folder,
    )


def test_traces_are_left_where_python_is_started_the_usual_way(folder: Path) -> None:
    """As `python -m phonehome` is, which the documents say."""
    subprocess.run(
        [sys.executable, "-m", "phonehome", "--version"], cwd=folder, capture_output=True, check=False
    )
    assert (folder.parent / "ran").exists()


def test_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for before in ("0", None):
        monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
        if before:
            monkeypatch.setenv("PYTHONSAFEPATH", before)
        with executors._processes(1) as pool:
            assert pool.submit(len, "ab").result() == 2
        assert os.environ.get("PYTHONSAFEPATH") == before
