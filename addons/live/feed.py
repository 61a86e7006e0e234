"""Hands what passes to the process that adds up (`addons/live/worker.py`), and takes what it has to say.

Strategy: the event loop does no more than copy out of each exchange what the report needs (`live_flow.state`), once,
when it is over; what is under way for a while is handed on as well. What does not fit into the queue to the process is
counted, and the page says so. The process draws up the report when somebody looks, at most once each second.
"""

import asyncio
import logging
import marshal
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Any

from mitmproxy import flow

from phonehome.addons import helper
from phonehome.addons.live.worker import LENGTH, LINE, VIEW
from phonehome.analysis.sources import live_flow
from phonehome.analysis.sources.flow_state import MAX_REPLY_BODY

logger = logging.getLogger(__name__)

MAX_QUEUE = 32 << 20
"""Bytes that wait for the process."""
MAX_SENT = 1 << 20
"""Bytes of what a device sent in one exchange that are handed on; the rest is counted."""
MAX_MESSAGES = 1000
"""Messages of a stream that are handed on; the rest is counted."""
MAX_OPEN = 10_000
"""Exchanges under way that are looked at before they are over."""
FLUSH = 0.05
"""Seconds for which exchanges are gathered before they are handed on: one system call for many."""
LOOK = 1.0
"""Seconds between two looks at what is under way, and between two reports."""
LONGEST_WAIT = 10.0
"""Seconds between two reports, at most, however long one takes."""
LOOK_BUDGET = 0.002
"""Seconds that one such look may take of the event loop."""
RESTARTS = 3
"""Times that the process is started again when it dies."""
LAST_WORDS = 10.0
"""Seconds that the process has, when the proxy ends, to say what it has not said yet."""

Say = Callable[[str, bool], None]
"""Prints a line; the second argument says whether it must not be overlooked."""


class Feed:
    """The process, the queue to it, and what is under way."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._receiving: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._queue: list[bytes] = []
        self._queued = 0
        self._flushing = False
        self._open: dict[str, tuple[flow.Flow, int]] = {}
        self._changed = True
        self._asked: float | None = None
        self._next = 0.0
        self._ended = False
        self._arguments: Sequence[str] = ()
        self._restarts = 0
        self._handed = 0
        self.lost = 0
        """Exchanges that are not in the report: they did not fit into the queue, or the process died with them."""
        self.view: bytes | None = None
        """The latest report for the page, as JSON; None if there is none yet."""
        self.stopped = False
        """Whether the process has ended by itself."""

    async def start(self, arguments: Sequence[str]) -> None:
        """Starts the process. Raises OSError."""
        self._arguments = arguments
        await self._start()
        self._looking = asyncio.create_task(self._look_again_and_again())

    async def _start(self) -> None:
        process = await helper.start("phonehome.addons.live.worker", *self._arguments)
        if self._ended:
            await helper.end(process, 0)
            return
        self._process = process
        self._receiving = asyncio.create_task(self._receive(process))

    def stop(self) -> Awaitable[None] | None:
        """Ends the process. Whoever can wait for it hears its last lines; a script that is reloaded cannot."""
        process, self._process = self._process, None
        self._ended = True
        if self._looking is not None:
            self._looking.cancel()
        if process is None or self._receiving is None:
            return None
        assert process.stdin is not None
        process.stdin.write(b"".join(self._queue))
        self._queue.clear()
        return asyncio.ensure_future(_end(process, self._receiving))

    # What passes.

    def begun(self, flow: flow.Flow) -> None:
        """An exchange has begun."""
        if len(self._open) >= MAX_OPEN:
            del self._open[next(iter(self._open))]
        self._open[flow.id] = (flow, -1)

    def over(self, flow: flow.Flow) -> None:
        """An exchange is over."""
        self._open.pop(flow.id, None)
        self._hand_on("over", flow)

    def _hand_on(self, what: str, flow: flow.Flow) -> None:
        if self._ended:
            return
        self._changed = True
        if self._queued > MAX_QUEUE:
            self.lost += 1
            return
        self._handed += what == "over"
        state = live_flow.state(flow)
        left_out = shorten(state)
        self._put(marshal.dumps((what, state, *left_out)))

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            self._look()

    def _look(self) -> None:
        """Hands on what is under way and has changed, so that it shows before it is over."""
        until = time.perf_counter() + LOOK_BUDGET
        for id_, (exchange, known) in list(self._open.items()):
            if time.perf_counter() > until:
                return
            length = live_flow.length(exchange)
            # A stream is handed on as a whole each time, and so ever more seldom.
            if known < 0 or length >= 2 * max(known, 1):
                self._hand_on("open", exchange)
                self._open[id_] = (exchange, length)

    # To and from the process.

    def want_view(self) -> None:
        """Asks for a newer report, if there is anything new and enough time went by."""
        now = time.monotonic()
        if self._process is not None and self._changed and self._asked is None and now >= self._next:
            self._changed = False
            self._asked = now
            self._put(marshal.dumps(("show", self.lost)))

    def _put(self, body: bytes) -> None:
        self._queue += (LENGTH.pack(len(body)), body)
        self._queued += len(body)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_later(FLUSH, self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._ended:
            self._queue.clear()
            return
        if self._process is None:  # it is being started
            self._flushing = True
            asyncio.get_running_loop().call_later(FLUSH, self._flush)
            return
        pipe = self._process.stdin
        assert pipe is not None
        pipe.write(b"".join(self._queue))
        self._queue.clear()
        waiting = pipe.transport.get_write_buffer_size()
        self._queued = waiting
        if waiting:
            self._flushing = True  # sees to it that the queue is measured again
            asyncio.get_running_loop().call_later(FLUSH, self._flush)

    async def _receive(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while True:
                kind = await process.stdout.readexactly(1)
                (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
                body = await process.stdout.readexactly(length)
                if kind == LINE:
                    # In a thread: a terminal that was told to wait (Ctrl-S) must not make traffic wait.
                    await asyncio.to_thread(self._say, *marshal.loads(body))
                elif kind == VIEW:
                    self.view = body
                    now = time.monotonic()
                    # A report that takes long to draw up is drawn up seldom; the first waits for the process to start.
                    self._next = now + min(max(LOOK, 3 * (now - (self._asked or now))), LONGEST_WAIT)
                    self._asked = None
        except asyncio.IncompleteReadError:
            pass
        if self._process is process:
            self._process = None
            await self._died()

    async def _died(self) -> None:
        """The process ended by itself, and what it had added up is gone."""
        if self._restarts < RESTARTS:
            self._restarts += 1
            self.lost += self._handed
            self._handed = 0
            self._asked, self._changed = None, True
            self._open = {id_: (flow, -1) for id_, (flow, _) in self._open.items()}
            logger.error(
                "live_report: the process that adds up has ended, and is started again; what it had is in the capture"
            )
            try:
                await self._start()
            except OSError:
                pass
            else:
                return
        self._ended = self.stopped = True
        logger.error("live_report: the process that adds up has ended; the live report stands still")


async def _end(process: asyncio.subprocess.Process, receiving: asyncio.Task[None]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    await asyncio.wait([receiving], timeout=LAST_WORDS)
    await helper.end(process)


def shorten(state: dict[str, Any]) -> tuple[int, int]:
    """Cuts what is long in the state of a flow. Returns how many bytes of what was sent, and of the reply, are left
    out. The reply is cut where the report does not keep it anyway."""
    sent = received = 0
    request: Any = state.get("request")
    response: Any = state.get("response")
    if state["type"] == "http":
        content = request["content"] if request else None
        if content is not None and len(content) > MAX_SENT:
            request["content"] = content[:MAX_SENT]
            sent += len(content) - MAX_SENT
        content = response["content"] if response else None
        if content is not None and len(content) > MAX_REPLY_BODY + 1:
            response["content"] = content[: MAX_REPLY_BODY + 1]
            received += len(content) - MAX_REPLY_BODY - 1
    holder: Any = state.get("websocket") or state
    place = 2 if holder is not state else 1
    messages = holder.get("messages")
    if messages:
        room, kept = MAX_SENT, 0
        for message in islice(messages, MAX_MESSAGES):
            room -= len(message[place])
            if room < 0:
                break
            kept += 1
        for message in islice(messages, kept, None):
            if message[place - 1]:
                sent += len(message[place])
            else:
                received += len(message[place])
        holder["messages"] = messages[:kept]
    return sent, received
