"""What the programs that damage files at random have in common: numbers, names, exceptions, and the command line.

Each damaged file has a number, which is printed with what is wrong: `1 --seed NUMBER`, with the same files, makes it
again.
"""

import argparse
import random
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

LONGEST = 5.0
"""Seconds of the processor's time that a damaged file may take."""


def run[T](
    files: Mapping[str, T],
    check: Callable[[T, random.Random, bool], Iterator[str]],
    count: int,
    seed: int,
    report: bool = False,
) -> Iterator[tuple[int, str, str]]:
    """Number, name of the file, and what is wrong, for each damaged file that is read wrongly. `check` damages a file
    and says what is wrong with how it is read; its last argument asks for a whole report over it, too."""
    names = sorted(files)
    for number in range(seed, seed + count):
        chance = random.Random(number)
        name = chance.choice(names)
        begun = time.process_time()
        try:
            for problem in check(files[name], chance, report):
                yield number, name, problem
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            yield number, name, f"{type(error).__name__} {error} ({where})"[:300]
        took = time.process_time() - begun
        if took > LONGEST and not report:
            yield number, name, f"took {took:.1f} s"


def main[T](
    what: str,
    files_of: Callable[[Sequence[Path]], Mapping[str, T]],
    check: Callable[[T, random.Random, bool], Iterator[str]],
) -> int:
    """The command line; 1 if something was wrong."""
    parser = argparse.ArgumentParser(
        description=f"Damages {what} at random, and says which are read wrongly."
    )
    parser.add_argument("count", nargs="?", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="number of the first damaged file")
    parser.add_argument("--report", action="store_true", help="a whole report over each, too (slow)")
    parser.add_argument("files", nargs="*", type=Path, help=f"{what} to damage")
    options = parser.parse_intermixed_args()
    wrong = 0
    begun = time.process_time()
    for number, name, problem in run(
        files_of(options.files), check, options.count, options.seed, options.report
    ):
        wrong += 1
        print(f"{number} {name}: {problem}", flush=True)
    took = time.process_time() - begun
    print(f"{options.count} damaged files from seed {options.seed}: {wrong} problems, {took:.0f} s")
    return wrong > 0
