"""Processes that read captures: when they are started, how, and that they end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from phonehome import executors
from phonehome.analysis.pipeline import InThisProcess


def test_little_input_is_read_in_this_process(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x")
    with large.open("wb") as file:
        file.truncate(executors.WORTH_PROCESSES)
    assert executors.executors(4, [str(small), str(tmp_path / "missing")]) is InThisProcess
    assert executors.executors(1, [str(large)]) is InThisProcess
    assert executors.executors(4, [str(small), str(large)]) is not InThisProcess


def test_forks_only_without_threads() -> None:
    """In a process of its own, since tests before this one may have started threads."""
    program = (
        "import threading; from phonehome import executors; print(executors._may_fork());"
        "e = threading.Event(); t = threading.Thread(target=e.wait); t.start(); print(executors._may_fork());"
        "e.set(); t.join()"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(sys.platform == "linux"), "False"]


ENDLESS = """
import os, time
from phonehome import executors

with executors._processes(1) as pool:
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 600).result()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_worker_ends_with_whoever_started_it(how: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.send_signal(how)
        parent.wait(20)
        for _ in range(400):
            if not _runs(worker):
                return
            time.sleep(0.05)
    pytest.fail("the worker still runs")


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
