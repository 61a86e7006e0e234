"""Damages captures of packets in every way that files are damaged, and reads them.

    python fuzz/mutate_packets.py FOLDER [NUMBER] [SEED]

Each of NUMBER files (1,000) is a capture of FOLDER with some bytes changed, cut out, doubled or moved.
Nothing may be raised, and none may take more than 5 s of the processor's time; what did is written to a file.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from phonehome.analysis.sources import CaptureError, open_source

LONGEST = 5.0
"""Seconds of the processor's time that a file may take."""
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
    if chance.random() < 0.1:
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


def mutations(originals: Sequence[bytes], number: int, seed: int) -> Iterator[bytes]:
    """So many damaged files."""
    for place in range(number):
        chance = random.Random(seed * 1_000_003 + place)
        yield mutated(chance.choice(originals), chance)


def main(folder: str, number: str = "1000", seed: str = "1") -> int:
    """Tries them; 1 if one failed."""
    originals = [path.read_bytes() for path in sorted(Path(folder).iterdir()) if path.is_file()]
    failed = transmissions = 0
    slowest = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "mutated.pcap"
        for place, data in enumerate(mutations(originals, int(number), int(seed))):
            path.write_bytes(data)
            begun = time.process_time()
            try:
                transmissions += read(path)
                problem = ""
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
            took = time.process_time() - begun
            slowest = max(slowest, took)
            if problem or took > LONGEST:
                failed += 1
                kept = Path(tempfile.gettempdir()) / f"mutated-{seed}-{place}.pcap"
                kept.write_bytes(data)
                print(f"{kept}: {problem or f'{took:.1f} s'}")
    print(f"{number} files, {transmissions} transmissions, slowest {slowest:.2f} s, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
