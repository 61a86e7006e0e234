"""What is put is in the file whole or not at all, and no event loop waits for the disk."""

import asyncio
import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from phonehome.addons.writer import Writer

APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def writer(path: Path, heard: list[OSError | None]) -> Writer:
    return Writer(os.open(path, APPEND, 0o600), heard.append)


def test_all_is_there_when_the_futures_are_done_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "file"
    heard: list[OSError | None] = []

    async def run() -> None:
        one = writer(path, heard)
        futures = [one.put([b"%d;" % number, b"." * (number % 3)]) for number in range(1000)]
        futures.append(one.put(lambda: [b"end"]))
        await asyncio.gather(*(future for future in futures if future is not None))
        assert path.read_bytes() == b"".join(b"%d;" % n + b"." * (n % 3) for n in range(1000)) + b"end"
        one.put([b"last"])
        one.close()

    asyncio.run(run())
    assert path.read_bytes().endswith(b"endlast")
    assert heard == [None] * 1002


def test_a_slow_disk_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, ready = os.write, threading.Event()

    def slow(file: int, data: Any) -> int:
        if threading.current_thread().name == "writer":
            ready.wait()
        return write(file, data)

    async def run() -> None:
        one = writer(tmp_path / "file", [])
        written = one.put([b"x"])
        assert written is not None
        for _ in range(100):  # the loop goes round while the disk does not answer
            await asyncio.sleep(0)
        assert not written.done()
        ready.set()
        await written
        one.close()

    monkeypatch.setattr(os, "write", slow)
    asyncio.run(run())


def test_half_an_entry_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    heard: list[OSError | None] = []
    one = writer(path, heard)
    one.put([b"first;"])
    write, room = os.write, 4

    def full(file: int, data: Any) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = write(file, bytes(data)[:room])
        room -= count
        return count

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        one.put([b"second;"])
    one.put([b"third;"])
    one.close()
    assert path.read_bytes() == b"first;third;"
    assert [error and error.errno for error in heard] == [None, errno.ENOSPC, None]


def test_what_is_no_file_can_be_written_to() -> None:
    reading, writing = os.pipe()
    one = Writer(writing, lambda error: None)
    one.put([b"line\n"])
    one.close()
    assert os.read(reading, 100) == b"line\n"
    os.close(reading)
