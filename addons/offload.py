"""Examines what is long in another process, so that no traffic waits for it.

A thread would not do: Python's lock lets one thread run at a time, and a step that is one call, such as parsing 10 MB
of JSON, keeps the event loop waiting to its end.

One transmission is examined at a time, others that are long wait for their turn. A process that dies (for its memory,
say) is started again, and asked once more; one that takes too long is ended. What could not be examined is still known
to have been sent, and says why it was not read.

On standard input and output: four bytes of length, then a pickled Transmission, and a pickled Evidence in return.
"""

import asyncio
import pickle
import signal
import struct
import sys
from pathlib import Path
from typing import Final

from phonehome.addons import helper
from phonehome.analysis.examiner import Evidence, Examiner
from phonehome.analysis.knowledge import load
from phonehome.analysis.purposes import UNEXAMINED, outcome
from phonehome.analysis.transmission import Transmission

PATIENCE: Final = 20.0
"""Seconds that one transmission may take, the start of the process included."""
TRIES: Final = 2

DIED: Final = "the process that examined it died"
SLOW: Final = f"examining it took longer than {PATIENCE:.0f} s"

_LENGTH: Final = struct.Struct("<I")


class Offload:
    """The process. It is started when it is first needed."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.own: list[str] = []
        """Files and folders of the user's own entries, which the process reads when it is started."""
        self._patience = patience
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    @property
    def running(self) -> bool:
        """Whether the process was started, and not closed."""
        return self._process is not None

    async def examine(self, sent: Transmission) -> Evidence:
        """What an `Examiner` gives for a transmission whose names are complete, without the decoded values."""
        async with self._turn:
            for _ in range(TRIES):
                try:
                    async with asyncio.timeout(self._patience):
                        return await self._ask(sent)
                except TimeoutError:
                    await self._kill()
                    return _unexamined(sent, SLOW)
                except (EOFError, OSError):
                    await self._kill()
            return _unexamined(sent, DIED)

    async def close(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is not None:
            await helper.end(process)

    async def _ask(self, sent: Transmission) -> Evidence:
        if self._process is None:
            self._process = await helper.start(__name__, *self.own)
        source, sink = self._process.stdout, self._process.stdin
        assert source is not None
        assert sink is not None
        # In a thread: copying megabytes takes milliseconds.
        body = await asyncio.to_thread(pickle.dumps, sent)
        sink.write(_LENGTH.pack(len(body)))
        sink.write(body)
        await sink.drain()
        (length,) = _LENGTH.unpack(await source.readexactly(_LENGTH.size))
        evidence: Evidence = pickle.loads(await source.readexactly(length))
        return evidence._replace(transmission=sent)

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await helper.end(process, 0)


def _unexamined(sent: Transmission, fault: str) -> Evidence:
    return Evidence(sent, (), (), (), UNEXAMINED, outcome(sent, None), fault)


def main(own: list[str]) -> None:
    """In the process: until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the proxy to decide
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    examiner = Examiner(load([Path(path) for path in own]))
    while len(head := source.read(_LENGTH.size)) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        evidence = examiner.examine(pickle.loads(source.read(length)))
        # The transmission is there already, and the values are many.
        body = pickle.dumps(evidence._replace(transmission=Transmission(0), values=(), opaque=()))
        sink.write(_LENGTH.pack(len(body)) + body)
        sink.flush()
