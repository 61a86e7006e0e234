"""How long single steps of mitmproxy's event loop take: an addon, for `benchmarks.live --lag`.

    mitmdump -s benchmarks/lag.py --set lag_file=lag.json

While a step runs, no other traffic passes. All steps are timed, and, apart, the hooks of phonehome's addons; written to
the file when the proxy ends. What happens before the first request is not counted. Times are of the processor, because
on a machine with other work a clock on the wall tells what the others do; the longest by that clock stands beside.
"""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.hooks import all_hooks

OURS = ("activationlog", "undecryptedtls", "livereport", "capture")


class Lag:
    def __init__(self) -> None:
        self.counting = False
        self.wall = 0.0
        self.steps: list[float] = []
        self.hooks: list[tuple[float, str]] = []

    def load(self, loader: Loader) -> None:
        loader.add_option("lag_file", str, "", "Where the times are written to.")

    def running(self) -> None:
        for name in OURS:
            addon = ctx.master.addons.get(name)
            for hook in all_hooks if addon is not None else ():
                if callable(getattr(addon, hook, None)) and hook not in (
                    "load",
                    "configure",
                    "running",
                    "done",
                ):
                    setattr(addon, hook, self._timed(getattr(addon, hook), f"{name}.{hook}"))
        loose: Any = asyncio.Handle  # `_run` is not in the hints
        whole = loose._run

        def run(handle: asyncio.Handle) -> None:
            begin, wall = time.thread_time(), time.perf_counter()
            whole(handle)
            if self.counting:
                self.steps.append(time.thread_time() - begin)
                self.wall = max(self.wall, time.perf_counter() - wall)

        loose._run = run

    def _timed(self, hook: Callable[..., Any], name: str) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            begin = time.thread_time()
            result = hook(*arguments)
            if self.counting:
                self.hooks.append((time.thread_time() - begin, name))
            return result

        return timed

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self.counting = True

    def done(self) -> None:
        self.counting = False
        steps = sorted(self.steps)
        longest = max(self.hooks, default=(0.0, ""))
        found = {
            "steps": len(steps),
            "wall": self.wall,
            "longest": steps[-1] if steps else 0.0,
            "99.9": steps[int(len(steps) * 0.999)] if steps else 0.0,
            "over": sum(step > 0.005 for step in steps),
            "hook": longest[0],
            "hook_name": longest[1],
            "hooks_over": sum(took > 0.005 for took, _ in self.hooks),
        }
        Path(ctx.options.lag_file).write_text(json.dumps(found))


addons = [Lag()]
