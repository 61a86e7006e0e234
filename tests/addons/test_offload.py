"""What is long is examined beside the event loop, also when the process that does it dies, and never for ever."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from captures.flows import build_flow
from phonehome.addons import helper, offload
from phonehome.addons.offload import Offload
from phonehome.analysis.sources import live_flow
from phonehome.analysis.transmission import Transmission
from tests.examining import examine
from tests.steps import steps


def long(size: int) -> Transmission:
    fields = {"IMEI1": "001012340000425", "SIM1ICCID": "8947990000000000048"}
    body = json.dumps({**fields, "log": [{"n": n, "text": f"line {n}"} for n in range(size)]}).encode()
    sent = live_flow.transmission(build_flow("http://a.example/", method="POST", body=body))
    assert sent is not None
    return sent


def process_of(away: Offload) -> int:
    assert away._process is not None
    return away._process.pid


def test_the_loop_goes_on_and_a_death_costs_nothing() -> None:
    away = Offload()
    with asyncio.Runner() as loop:
        loop.run(away.examine(long(1)))  # the process has started
        sent = long(5000)
        here = steps(lambda: loop.run(away.examine(sent)))
        assert 10 * here < steps(lambda: examine(sent))

        evidence = loop.run(away.examine(sent))
        assert evidence == examine(sent)._replace(values=(), opaque=())
        assert evidence.judgement.purpose == "activation"
        first = process_of(away)
        os.kill(first, signal.SIGKILL)
        assert loop.run(away.examine(sent)) == evidence
        assert process_of(away) != first
        assert loop.run(away.examine(sent)) == evidence
        loop.run(away.close())
        assert not away.running


def within(code: str) -> Callable[..., Coroutine[Any, Any, asyncio.subprocess.Process]]:
    """In place of `helper.start`: a process that runs this."""

    async def start(*_: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=pipe, stdout=pipe)

    return start


@pytest.mark.parametrize(
    ("code", "fault"),
    [("import time; time.sleep(600)", offload.SLOW), ("import sys; sys.stdin.buffer.read(5)", offload.DIED)],
)
def test_what_cannot_be_examined_is_still_known_to_be_sent(
    code: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = long(1)

    async def run() -> None:
        away = Offload(patience=2)
        monkeypatch.setattr(helper, "start", within(code))
        evidence = await away.examine(sent)
        assert (evidence.transmission, evidence.fault, evidence.findings) == (sent, fault, ())
        assert not away.running
        monkeypatch.undo()
        away = Offload()
        assert (await away.examine(sent)).fault == "", "the next one is examined again"
        await away.close()

    asyncio.run(run())


def test_what_is_long_waits_for_its_turn() -> None:
    async def run() -> None:
        away = Offload()
        sent = [long(size) for size in (300, 1, 50)]
        found = await asyncio.gather(*(away.examine(one) for one in sent))
        assert [one.transmission for one in found] == sent
        assert {one.judgement.purpose for one in found} == {"activation"}
        await away.close()

    asyncio.run(run())


HOSTILE = (
    "pickle",
    "argparse",
    "analysis",
    "addons",
    "json",
    "struct",
    "phonenumbers",
    "sitecustomize",
    "typing",
)


def test_nothing_in_the_users_folder_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "mark"
    for name in HOSTILE:
        (tmp_path / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write({name!r})")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), "", *sys.path])

    async def run() -> None:
        away = Offload()
        assert (await away.examine(long(1))).judgement.purpose == "activation"
        await away.close()
        worker = await helper.start("phonehome.addons.live.worker")
        await helper.end(worker, 60)
        assert worker.returncode == 0

    asyncio.run(run())
    assert not mark.exists()


def test_a_process_that_does_not_end_is_killed() -> None:
    async def run() -> None:
        process = await within("import time; time.sleep(600)")()
        await helper.end(process, 0.1)
        assert process.returncode == -signal.SIGKILL

    asyncio.run(run())
