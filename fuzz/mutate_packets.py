"""Damages captures of packets in every way that files are damaged, and reads them.

    python -m fuzz.mutate_packets [COUNT] [--seed N] [--report] FOLDER ...

Each is a capture of FOLDER with some bytes changed, cut out, doubled or moved. Nothing may be raised, and none may take
more than 5 s of the processor's time.
"""

import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from fuzz import driver
from phonehome.analysis.pipeline import read_captures
from phonehome.analysis.sources import CaptureError, open_source

INTERESTING = (0, 1, 2, 3, 4, 5, 6, 0x7F, 0x80, 0xC0, 0xFE, 0xFF)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The same with some damage."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16, 64))):
        if len(changed) < 64:
            break
        place = chance.randrange(len(changed))
        kind = chance.randrange(8)
        if kind < 4:
            changed[place] = chance.choice(INTERESTING) if kind < 2 else chance.randrange(256)
        elif kind == 4:
            changed[place : place + chance.choice((1, 2, 4, 60, 2000))] = b""
        elif kind == 5:
            piece = changed[place : place + chance.choice((1, 4, 60, 2000))]
            changed[place:place] = piece
        elif kind == 6:
            size = chance.choice((2, 4, 8))
            changed[place : place + size] = chance.choice((b"\0", b"\xff", b"\x7f")) * size
        else:
            other = chance.randrange(len(changed))
            size = chance.choice((4, 60, 1500))
            changed[place : place + size] = changed[other : other + size]
    if chance.random() < 0.1 and changed:
        del changed[chance.randrange(len(changed)) :]
    return bytes(changed)


def read(path: Path, logs: Sequence[Path] = ()) -> int:
    """How many transmissions a file holds; 0 if it gives nothing."""
    try:
        with open_source(path, logs) as source:
            plan = source.plan(1 << 20)
            number = sum(1 for part in plan.parts for _ in source.read(part))
            assert all(plan.warnings)
            assert all(source.counted())
            return number
    except CaptureError:
        return 0


def files_of(paths: Sequence[Path]) -> dict[str, bytes]:
    """What is damaged: the captures that are given, and those in folders."""
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    return {path.name: path.read_bytes() for path in files}


def check(data: bytes, chance: random.Random, report: bool = False) -> Iterator[str]:
    """What is wrong with how a damaged file is read."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "mutated.pcap"
        path.write_bytes(mutated(data, chance))
        read(path)
        if report:
            reading = read_captures([str(path)])
            yield from (str(capture.faults) for capture in reading.report.captures.values() if capture.faults)


if __name__ == "__main__":
    sys.exit(driver.main("captures of packets", files_of, check))
