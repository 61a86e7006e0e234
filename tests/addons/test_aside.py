"""What is long is examined beside the event loop, and also when the process that does it dies."""

import asyncio
import json
import os
import signal

from captures.flows import build_flow
from phonehome.addons.aside import Aside
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


def test_the_loop_goes_on_and_a_death_costs_nothing() -> None:
    aside = Aside()
    with asyncio.Runner() as loop:
        loop.run(aside.examine(long(1)))  # the process has started
        sent = long(5000)
        here = steps(lambda: loop.run(aside.examine(sent)))
        assert 10 * here < steps(lambda: examine(sent))

        evidence = loop.run(aside.examine(sent))
        assert evidence.judgement.purpose == "activation"
        assert {"imei", "iccid"} <= {finding.kind for finding in evidence.findings}
        assert aside._pool is not None
        (process,) = aside._pool._processes.values()
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        assert loop.run(aside.examine(sent)).judgement == evidence.judgement
        assert loop.run(aside.examine(sent)).judgement == evidence.judgement
        aside.close()
