"""Starts and ends processes of this program beside the proxy.

They are started in the user's folder, where a file can have any name: the folder is not in their path, or comes last if
the program itself lies there.
"""

import asyncio
import sys
from pathlib import Path
from typing import Final

PATIENCE: Final = 3.0
"""Seconds that a process has to end by itself."""


def _command(module: str, arguments: tuple[str, ...]) -> list[str]:
    here, home = Path.cwd(), Path(__file__).parents[2]
    paths = [path for path in sys.path if path and Path(path) != here]
    code = f"import sys; sys.path[:] = {[*paths, str(home)]!r}; from {module} import main; main(sys.argv[1:])"
    return [sys.executable, "-P", "-c", code, *arguments]


async def start(module: str, *arguments: str) -> asyncio.subprocess.Process:
    """Calls `main` of this module with these arguments in a process of its own. It ends when its input ends, and so
    when the proxy is gone, however that went. Raises OSError."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*_command(module, arguments), stdin=pipe, stdout=pipe)


async def end(process: asyncio.subprocess.Process, patience: float = PATIENCE) -> None:
    """Closes its input, and kills it if it goes on for longer than that. Somebody must read what it still says."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(patience):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
    # To here its pipes are told to close; asyncio does it in its next rounds, and only while the loop runs.
    for _ in range(3):
        await asyncio.sleep(0)
