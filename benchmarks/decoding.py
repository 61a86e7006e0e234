"""What decoding and recognising cost for each transmission, by class and on the mix that phones send.

    python benchmarks/decoding.py [--repeat N] [--capture FILE] [--profile CLASS]

The mix: 70 % without a body, 20 % with 1 kB of JSON or form, 8 % with 4 kB of protobuf under gzip, 2 % with 100 kB of
JSON under gzip, all of it full of short fields, an identifier in every tenth. Made by a seeded generator, so two runs
decode the same bytes. Each transmission is decoded once per round, in batches as in a report, and caches are as a
report has them: header lines and paths come again, query values and bodies do not. Times are those of the
processor, on one core, so that other work on the machine costs little. With --capture the first transmissions of
a flow file are measured, such as of the capture that `benchmarks/replay.py` makes.
"""

import argparse
import cProfile
import gc
import gzip
import json
import pstats
import random
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from itertools import batched, islice
from pathlib import Path
from struct import pack
from typing import Any, NamedTuple
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from phonehome.analysis.examiner import Examiner
from phonehome.analysis.pipeline import BATCH
from phonehome.analysis.sources import Part, open_source
from phonehome.analysis.transmission import Headers, Transmission
from phonehome.executors import look_for_cycles_seldom

WORDS = [
    "session",
    "screen",
    "event",
    "start",
    "stop",
    "battery",
    "level",
    "network",
    "wifi",
    "mobile",
    "carrier",
    "locale",
    "version",
    "build",
    "model",
]


def identifier(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def headers(rng: random.Random, *extra: tuple[str, str]) -> Headers:
    """Ten usual headers: of 20 apps on one phone."""
    app = rng.randrange(20)
    return (
        ("Host", f"api{app}.example.com"),
        ("User-Agent", f"App{app}/4.2.{app} (Linux; Android 13; Nokia 7 plus Build/TP1A.220624.014)"),
        ("Accept", "application/json"),
        ("Accept-Encoding", "gzip, deflate, br"),
        ("Accept-Language", "nb-NO,nb;q=0.9"),
        ("Connection", "Keep-Alive"),
        ("Cache-Control", "no-cache"),
        ("X-App-Version", f"4.2.{app}"),
        ("X-Device-Id", f"9f2c71d0aa3e4b{app:02x}"),
        ("X-Request-Id", identifier(rng)),
        *extra,
    )


def query(rng: random.Random) -> str:
    """A path of 50 with three parameters, one of which is new each time."""
    return f"/v2/collect/{rng.randrange(50)}?" + urlencode(
        {"aid": identifier(rng), "ts": 1_700_000_000_000 + rng.randrange(10**9), "lang": "nb_NO"}
    )


def event(rng: random.Random) -> dict[str, object]:
    return {
        "event": rng.choice(WORDS),
        "event_id": identifier(rng),
        "time": 1_700_000_000_000 + rng.randrange(10**9),
        "properties": {
            "screen": f"{rng.choice(WORDS)}_{rng.choice(WORDS)}",
            "duration": rng.random() * 100,
            "first": rng.random() < 0.5,
            "url": f"https://example.com/{rng.choice(WORDS)}?id={rng.randrange(10**6)}",
            "text": " ".join(rng.choices(WORDS, k=6)),
            "hash": f"{rng.getrandbits(128):032x}",
        },
    }


def document(rng: random.Random, size: int) -> dict[str, object]:
    top: dict[str, object] = {
        "advertising_id": identifier(rng),
        "android_id": f"{rng.getrandbits(64):016x}",
        "model": "Nokia 7 plus",
        "os_version": "13",
        "carrier": "Telenor",
        "events": [],
    }
    events: list[Any] = []
    while len(json.dumps(top)) + len(events) * 330 < size:
        events.append(event(rng))
    top["events"] = events
    return top


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, content: int | bytes | float) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    if isinstance(content, float):
        return varint(number << 3 | 1) + pack("<d", content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def message(rng: random.Random, size: int) -> bytes:
    """A log batch: a head with the device, then events with a few fields each."""
    device = field(1, b"Nokia 7 plus") + field(2, rng.getrandbits(60)) + field(6, identifier(rng).encode())
    out = field(1, 1_700_000_000_000 + rng.randrange(10**9)) + field(2, device)
    while len(out) < size:
        extra = (
            field(1, rng.choice(WORDS).encode())
            + field(2, rng.randrange(10**6))
            + field(3, rng.random() * 50)
        )
        entry = field(1, 1_700_000_000_000 + rng.randrange(10**9)) + field(3, rng.randrange(200))
        entry += field(6, extra) + field(7, identifier(rng).encode()) + field(11, rng.randbytes(16))
        out += field(3, entry)
    return out


def no_body(rng: random.Random) -> Transmission:
    return Transmission(time=0, method="GET", path=query(rng), headers=headers(rng))


def posted(rng: random.Random, body: bytes, content_type: str, encoding: str = "") -> Transmission:
    extra = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    if encoding:
        extra.append(("Content-Encoding", encoding))
    return Transmission(
        time=0, method="POST", path="/v1/batch", headers=headers(rng, *extra), payloads=(body,)
    )


def small_json(rng: random.Random) -> Transmission:
    return posted(rng, json.dumps(document(rng, 1000)).encode(), "application/json; charset=utf-8")


def small_form(rng: random.Random) -> Transmission:
    pairs = {f"{rng.choice(WORDS)}_{index}": rng.choice(WORDS) for index in range(12)}
    pairs |= {"adid": identifier(rng), "custom": json.dumps([event(rng)["properties"] for _ in range(2)])}
    return posted(rng, urlencode(pairs).encode(), "application/x-www-form-urlencoded")


def protobuf(rng: random.Random) -> Transmission:
    return posted(rng, gzip.compress(message(rng, 4000), 6, mtime=0), "application/x-protobuf", "gzip")


def large(rng: random.Random) -> Transmission:
    return posted(
        rng,
        gzip.compress(json.dumps(document(rng, 100_000)).encode(), 6, mtime=0),
        "application/json",
        "gzip",
    )


CLASSES: dict[str, tuple[float, Callable[[random.Random], Transmission]]] = {
    "no body": (0.70, no_body),
    "1 kB JSON": (0.10, small_json),
    "1 kB form": (0.10, small_form),
    "4 kB protobuf, gzip": (0.08, protobuf),
    "100 kB JSON, gzip": (0.02, large),
}
"""Name of a class -> its share of the mix, and what makes one."""


EXAMINER = Examiner()
HEAD = f"{'class':<22}{'share':>7}{'decode µs':>12}{'recognise µs':>14}{'both µs':>9}{'values':>8}"


class Cost(NamedTuple):
    """Seconds for each transmission."""

    decode: float
    recognise: float
    values: float
    """Found in each."""


def measure(transmissions: list[Transmission]) -> Cost:
    """What these transmissions cost."""
    gc.collect()
    decode, recognise = EXAMINER.decoder.decode, EXAMINER.recogniser.recognise
    decoding = recognising = 0.0
    values = 0
    for batch in batched(transmissions, BATCH):
        start = time.process_time()
        decoded = [decode(transmission) for transmission in batch]
        between = time.process_time()
        for found in decoded:
            recognise(found)
        recognising += time.process_time() - between
        decoding += between - start
        values += sum(len(found.values) for found in decoded)
    count = len(transmissions)
    return Cost(decoding / count, recognising / count, values / count)


def row(name: str, share: float, costs: Sequence[Cost]) -> str:
    """A line of the table, of the medians."""
    decoding, recognising, values = (statistics.median(column) for column in zip(*costs, strict=True))
    return (
        f"{name:<22}{share:>7.0%}{decoding * 1e6:>12.1f}{recognising * 1e6:>14.1f}"
        f"{(decoding + recognising) * 1e6:>9.1f}{values:>8.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--repeat", type=int, default=3, help="rounds, of which the median counts (default 3)"
    )
    parser.add_argument("--count", type=int, default=3000, help="transmissions of the mix (default 3000)")
    parser.add_argument("--capture", type=Path, metavar="FILE", help="measure on a flow file instead")
    parser.add_argument("--profile", metavar="CLASS", help="profile one class instead")
    arguments = parser.parse_args()
    if arguments.profile:
        rng = random.Random(1)
        sample = [CLASSES[arguments.profile][1](rng) for _ in range(500)]
        EXAMINER.decoder.decode(sample[0])
        profiler = cProfile.Profile()
        profiler.runcall(measure, sample)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(15)
        return

    look_for_cycles_seldom()
    if arguments.capture:
        with open_source(arguments.capture) as source:
            size = arguments.capture.stat().st_size
            sample = list(islice(source.read(Part(0, size)), 10 * arguments.count))
        rounds = [sample[turn :: arguments.repeat] for turn in range(arguments.repeat)]
        print(HEAD)
        print(row(arguments.capture.name[:21], 1, [measure(part) for part in rounds]))
        return

    print(HEAD)
    for name, (share, make) in CLASSES.items():
        count = max(50, min(1000, int(arguments.count * share)))
        rounds = [[make(rng) for _ in range(count)] for rng in map(random.Random, range(arguments.repeat))]
        print(row(name, share, [measure(sample) for sample in rounds]))
    makers = [make for _, make in CLASSES.values()]
    shares = [share for share, _ in CLASSES.values()]
    costs = []
    for turn in range(arguments.repeat):
        rng = random.Random(1000 + turn)
        costs.append(measure([make(rng) for make in rng.choices(makers, shares, k=arguments.count)]))
    print(row("the mix", 1, costs))


if __name__ == "__main__":
    main()
