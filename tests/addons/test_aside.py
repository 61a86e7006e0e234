"""What is long is examined beside the event loop, and also when the process that does it dies."""

import asyncio
import json
import os
import signal
import time

from captures.flows import build_flow
from phonehome.addons.aside import Aside
from phonehome.analysis.sources import live_flow
from phonehome.analysis.transmission import Transmission


def long(size: int) -> Transmission:
    fields = {"IMEI1": "001012340000425", "SIM1ICCID": "8947990000000000048"}
    body = json.dumps({**fields, "log": [{"n": n, "text": f"line {n}"} for n in range(size)]}).encode()
    sent = live_flow.transmission(build_flow("http://a.example/", method="POST", body=body))
    assert sent is not None
    return sent


def test_the_loop_goes_on_and_a_death_costs_nothing() -> None:
    async def run() -> None:
        aside = Aside()
        await aside.examine(long(1))  # the process has started
        sent, lags, busy = long(60_000), [], True

        async def probe() -> None:
            while busy:
                before = time.perf_counter()
                await asyncio.sleep(0.001)
                lags.append(time.perf_counter() - before - 0.001)

        probing = asyncio.create_task(probe())
        begin = time.perf_counter()
        evidence = await aside.examine(sent)
        took = time.perf_counter() - begin
        busy = False
        await probing
        assert evidence.judgement.purpose == "activation"
        assert {"imei", "iccid"} <= {finding.kind for finding in evidence.findings}
        # In a thread the loop would run in a fraction of the time only, each 5 ms.
        assert len(lags) > 100 * took
        assert sorted(lags)[len(lags) // 2] < 0.003

        assert aside._pool is not None
        (process,) = aside._pool._processes.values()
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        assert (await aside.examine(sent)).judgement == evidence.judgement
        assert (await aside.examine(sent)).judgement == evidence.judgement
        aside.close()

    asyncio.run(run())
