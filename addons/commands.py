"""Commands for mitmproxy's and mitmweb's command line.

    mitmweb -s addons/commands.py

`phonehome.report PATH` writes the report of the flows that are in the list; the ending of PATH chooses the format.
`phonehome.mark FLOWS` marks those that are an activation, or that carry an identifier of hardware or SIM, and says
in the comment what is inside.

Both return at once: another process (`addons/list_worker.py`) does the work, so that traffic goes on meanwhile.
"""

import asyncio
import itertools
import json
import logging
import marshal
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import mitmproxy.types
from mitmproxy import command, ctx, exceptions, flow, hooks
from mitmproxy.addonmanager import Loader

from phonehome.addons import helper, shared
from phonehome.addons.activation_log import MARK
from phonehome.addons.list_worker import LENGTH
from phonehome.analysis.render.formats import ENDINGS, UnknownEndingError, format_of
from phonehome.analysis.sources import live_flow

logger = logging.getLogger(__name__)

BATCH: Final = 50
"""Flows that are handed on together."""


class Commands:
    """The addon. It keeps nothing but the tasks that run."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def load(self, loader: Loader) -> None:
        shared.load(loader)

    def configure(self, updated: set[str]) -> None:
        shared.configure(updated)

    @command.command("phonehome.report")  # type: ignore[untyped-decorator]
    def report(self, path: mitmproxy.types.Path) -> None:
        """Write the report of all flows in the list. The ending of PATH chooses the format."""
        try:
            format_ = format_of(None, str(path), ENDINGS, "terminal")
        except UnknownEndingError as error:
            raise exceptions.CommandError(str(error)) from error
        self._start(_report(_listed(), format_, str(Path(str(path)).expanduser())))

    @command.command("phonehome.mark")  # type: ignore[untyped-decorator]
    def mark(self, flows: Sequence[flow.Flow]) -> None:
        """Mark flows that are an activation or carry an identifier of hardware or SIM, and comment them."""
        self._start(_mark(_listed(), list(flows)))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _listed() -> list[flow.Flow]:
    """The flows in mitmproxy's list. Raises CommandError where there is none (mitmdump)."""
    return list(ctx.master.commands.call_strings("view.flows.resolve", ["@all"]))


async def _report(listed: Sequence[flow.Flow], format_: str, path: str) -> None:
    answer = await _ask(listed, "report", format_, path)
    if isinstance(answer, int):
        logger.warning(f"phonehome.report: the report of {answer} transmissions is in {path}")
    else:
        logger.error(f"phonehome.report: cannot write {path}: {answer['error']}")


async def _mark(listed: Sequence[flow.Flow], flows: Sequence[flow.Flow]) -> None:
    comments = await _ask(listed, "mark")
    if "error" in comments:
        logger.error(f"phonehome.mark: {comments['error']}")
        return
    marked = []
    for one in flows:
        if (comment := comments.get(one.id)) is not None:
            one.marked = one.marked or MARK
            if comment not in one.comment:
                one.comment = f"{one.comment}\n{comment}".strip()
            marked.append(one)
    ctx.master.addons.trigger(hooks.UpdateHook(marked))
    logger.info(f"phonehome.mark: {len(marked)} of {len(flows)} flows are marked")


async def _ask(listed: Sequence[flow.Flow], *what: str) -> Any:
    """What the process answers; `{"error": ...}` if it cannot."""
    options = [f"--device={device}" for device in shared.devices()]
    options += [f"--geo-db={path}" for path in shared.geo_db()]
    options += [f"--catalogue={path}" for path in shared.catalogue()]
    options += [f"--at={ctx.options.phonehome_at}"] if ctx.options.phonehome_at else []
    try:
        process = await helper.start("phonehome.addons.list_worker", *options, "--", *what)
    except OSError as error:
        return {"error": error.strerror or str(error)}
    assert process.stdin is not None
    assert process.stdout is not None
    answer = asyncio.create_task(process.stdout.read())
    try:
        for batch in itertools.batched(listed, BATCH):
            # In a thread: copying megabytes takes milliseconds.
            process.stdin.write(await asyncio.to_thread(_frames, batch))
            await process.stdin.drain()
    except OSError:
        pass  # it died, and its answer says so
    await helper.end(process, float("inf"))
    try:
        return json.loads(await answer)
    except ValueError:
        return {"error": "the process that examines the list ended"}


def _frames(flows: Sequence[flow.Flow]) -> bytes:
    bodies = [marshal.dumps(live_flow.state(one)) for one in flows]
    return b"".join(part for body in bodies for part in (LENGTH.pack(len(body)), body))


addons = [Commands()]
