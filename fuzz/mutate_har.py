"""HAR files, damaged at random: `python -m fuzz.mutate_har [COUNT] [--seed N] [--report] [FILE ...]`

What must hold for each: no exception but "no whole entry"; no fault of ours; read in small parts, each by a source of
its own, it gives what it gives as a whole; and where the damage is inside one entry, the others are read as before.

Bytes are changed, moved, taken out and put in; values of the JSON are exchanged for strange ones: of other types, huge,
deep, or such as JSON does not allow and exporters write.
"""

import json
import random
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from fuzz import driver
from phonehome.analysis.examiner import Examiner
from phonehome.analysis.pipeline import read_captures
from phonehome.analysis.sources import CaptureError
from phonehome.analysis.sources.har import HarSource
from phonehome.analysis.transmission import Transmission

LARGEST = 60_000
"""Bytes of a file that are used."""
SMALL = 2000
"""Bytes of a part."""

STRANGE: tuple[bytes, ...] = (
    b"null", b"true", b"-1", b"0", b"1e999", b"-0.0", b"9" * 19, b"9" * 5000, b'""', b'"\\ud83d"', b'"\\udc80\\udc81"',
    b'"\\u0000"', b'"\x01"', b'"\n"', b'"\xff\xfe"', b'"\\x"', b"NaN", b"-Infinity", b"[]", b"{}", b"[[]]", b"[{}]",
    b'[{"name":1,"value":[]}]', b'{"name":{}}', b'"http://"', b'"http://[::1"', b'"//"', b'"data:,x"', b'"https://\\u0130/"',
    b'"2023-99-99T99:99:99Z"', b'"0001-01-01T00:00:00+23:59"', b'"base64"', b'"AAAA"', b'"' + b"a" * 20_000 + b'"',
    b"[" * 3000 + b"]" * 3000, b'{"a":' * 3000 + b"1" + b"}" * 3000,
)  # fmt: skip
MARKS = b'"{}[],:\\'


class Mutant(NamedTuple):
    """A damaged file."""

    data: bytes
    others: bytes | None
    """The file without the damaged entry, if the damage is inside one, and its brackets and quotes still close."""


def made() -> dict[str, Any]:
    """Documents with all that `har` knows, as no tool writes all of it."""
    url = "https://a.example/path?x=1"
    headers = [
        {"name": "Host", "value": "a.example"},
        {"name": ":authority", "value": "a.example"},
        {"name": "Content-Type", "value": "multipart/form-data; boundary=x"},
        {"name": "Content-Encoding", "value": "gzip"},
    ]
    params = [{"name": "imei", "value": "001012340000425", "fileName": "f", "contentType": "text/plain"}]
    bodies: list[dict[str, Any]] = [
        {
            "postData": {"mimeType": "application/json", "text": '{"imei": "001012340000425", "a": "ø"}'},
            "bodySize": 38,
        },
        {"postData": {"mimeType": "multipart/form-data; boundary=x", "params": params}},
        {"postData": {"mimeType": "text/plain", "text": "AAEC", "encoding": "base64"}},
        {
            "_content": {"text": "AAEC", "size": 3, "encoding": "base64"},
            "_communication": {"src": {"ip": "10.0.0.7"}},
        },
        {"bodySize": 9},
    ]
    entries = [
        {
            "startedDateTime": f"2023-04-07T13:04:{number:02}.078+02:00",
            "time": 103.5,
            "request": {
                "method": "POST",
                "url": url,
                "httpVersion": "h2",
                "headers": headers,
                **bodies[number % 5],
            },
            "response": {
                "status": 200,
                "statusText": "OK",
                "headers": [{"name": "CF-Ray", "value": "8a-OSL"}],
                "content": {"size": 2, "mimeType": "text/plain", "text": "ok"},
                "bodySize": 2,
                "_error": None,
                "_charlesStatus": "COMPLETE",
            },
            "timings": {"connect": 30, "ssl": 60, "wait": 9},
            "serverIPAddress": "93.184.216.34",
            "_remoteDeviceIP": "192.168.1.20",
            "_webSocketMessages": [{"type": "send", "opcode": 2, "data": "AAEC", "time": 1.5}],
        }
        for number in range(10)
    ]
    errors = [{"startedDateTime": "2023-04-07T13:05:00Z", "hostname": "b.example", "cause": "reset"}]
    return {
        f"(made here, {creator})": {
            "log": {"version": "1.2", "creator": {"name": creator}, "entries": entries, "_tlsErrors": errors}
        }
        for creator in ("mitmproxy", "Firefox", "HTTP Toolkit")
    }


def seeds(paths: Sequence[Path]) -> dict[str, Any]:
    """Documents to damage, by name; of long ones, the first entries."""
    found = {}
    for path in paths:
        document = json.loads(path.read_text("utf-8-sig"))
        entries = document["log"]["entries"]
        while len(entries) > 1 and len(json.dumps(entries)) > LARGEST:
            del entries[len(entries) // 2 :]
        found[path.name] = document
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the values inside a value stand."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


def mutate_entry(entry: Any, chance: random.Random) -> bytes:
    """An entry with strange values in it."""
    entry = json.loads(json.dumps(entry))
    marks = {}
    for number in range(chance.choice((1, 1, 2, 5))):
        *way, last = chance.choice(list(places(entry)))
        holder = entry
        for key in way:
            holder = holder[key]
        if chance.random() < 0.1 and isinstance(holder, dict):
            del holder[last]
        else:
            holder[last] = mark = f"(strange {number})"
            marks[json.dumps(mark).encode()] = chance.choice(STRANGE)
    text = json.dumps(entry, indent=chance.choice((None, 1))).encode()
    for quoted, strange in marks.items():
        text = text.replace(quoted, strange)
    return text


def mutate_bytes(data: bytes, chance: random.Random) -> bytes:
    """Bytes with one change."""
    out = bytearray(data)
    place, what = chance.randrange(len(out)), chance.randrange(7)
    if what == 0:
        out[place] = chance.randrange(256)
    elif what == 1:
        del out[place : place + chance.choice((1, 2, 5, 50, 1000))]
    elif what == 2:
        out[place:place] = chance.randbytes(chance.choice((1, 3, 20)))
    elif what == 3:
        del out[place:]
    elif what == 4:
        there, size = chance.randrange(len(out)), chance.choice((4, 30, 2000))
        out[place : place + size] = out[there : there + size]
    elif what == 5:
        out[place:place] = chance.choice(STRANGE)
    else:
        near = range(max(0, place - 300), min(len(out), place + 300))
        if found := [each for each in near if out[each] in MARKS]:
            out[chance.choice(found)] = chance.choice(MARKS)
    return bytes(out) or b"{"


def mutate(document: Any, chance: random.Random) -> Mutant:
    """A damaged file made from a good document."""
    what = chance.random()
    indent = chance.choice((None, 1, 4))
    if what < 0.5:
        data = json.dumps(document, indent=indent).encode()
        for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
            data = mutate_bytes(data, chance)
        if what < 0.02:
            data = mutate_bytes(zlib.compress(data), chance)
        elif what < 0.04:
            data = data.decode("utf-8", "replace").encode("utf-16")
        return Mutant(data, None)
    entries = document["log"]["entries"]
    place = chance.randrange(len(entries))
    mark = "(the damaged one)"
    whole = {"log": {**document["log"], "entries": [*entries[:place], mark, *entries[place + 1 :]]}}
    others = {"log": {**document["log"], "entries": entries[:place] + entries[place + 1 :]}}
    text = json.dumps(whole, indent=indent).encode()
    return Mutant(
        text.replace(json.dumps(mark).encode(), mutate_entry(entries[place], chance)),
        json.dumps(others).encode(),
    )


class Found(NamedTuple):
    """What a file gives."""

    sent: list[Transmission]
    warnings: set[str]


def read(data: bytes, size: int) -> Found:
    """What a file gives when it is read in parts, each by a source of its own."""
    path = Path("damaged.har")
    try:
        plan = HarSource(data, path).plan(size)
    except CaptureError:
        return Found([], set())
    sent: list[Transmission] = []
    warnings = set(plan.warnings)
    for part in plan.parts:
        source = HarSource(data, path)
        sent += source.read(part)
        warnings.update(source.warnings())
    return Found(sent, warnings)


def problems(mutant: Mutant, examiner: Examiner) -> Iterator[str]:
    """What is wrong with how a damaged file is read."""
    whole, parts = read(mutant.data, 1 << 30), read(mutant.data, SMALL)
    # A time that cannot be read is that of the one before in the same part.
    timeless = [[repr(sent._replace(time=0, end=None)) for sent in found.sent] for found in (whole, parts)]
    if timeless[0] != timeless[1]:
        yield f"{len(parts.sent)} transmissions in parts, {len(whole.sent)} as a whole"
    for sent in whole.sent:
        if fault := examiner.examine(sent).fault:
            yield fault
    if mutant.others is not None:
        kept = Counter(map(repr, read(mutant.others, 1 << 30).sent))
        if missing := kept - Counter(map(repr, whole.sent)):
            yield f"{missing.total()} entries lost that were not damaged"


def report_of(data: bytes) -> Iterator[str]:
    """What goes wrong in a whole report over a damaged file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.har"
        path.write_bytes(data)
        reading = read_captures([str(path)])
    yield from (str(capture.faults) for capture in reading.report.captures.values() if capture.faults)
    yield from (error for error in reading.errors.values() if "\n" in error or "Traceback" in error)


def files_of(paths: Sequence[Path]) -> dict[str, Any]:
    """What is damaged: documents that are made here, and those that are given."""
    return {**made(), **seeds(paths)}


def check(document: Any, chance: random.Random, report: bool = False) -> Iterator[str]:
    """What is wrong with how a damaged file is read."""
    mutant = mutate(document, chance)
    yield from problems(mutant, _examiner())
    if report:
        yield from report_of(mutant.data)


_examiner = cache(Examiner)


if __name__ == "__main__":
    sys.exit(driver.main("HAR files", files_of, check))
