"""Flow files, damaged at random: `python -m fuzz.mutate_flow_files [COUNT] [--seed N] [--report] [FILE ...]`

What must hold for each: no exception, and no fault of ours among the warnings; read in small parts it gives what it
gives as a whole; and where the damage is inside one flow, the other flows are read as before.

Bytes are changed, moved, taken out and put in, and so are the elements of the tnetstrings: another type, an empty
list, a number that is none, an entry that is gone.
"""

import io
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fuzz import driver
from phonehome.analysis.sources import mitm
from phonehome.analysis.sources.source import MAX_WARNINGS
from phonehome.analysis.sources.tnetstring import DICT, LIST, TnetstringError, element
from phonehome.analysis.transmission import NameAnswer, Transmission

SAMPLES = Path(__file__).parents[1] / "captures"
LARGEST = 60_000
"""Bytes of a file that are used."""
PARTS = 9

Node = tuple[int, "bytes | list[Node]"]
"""Type of an element, and its content."""

STRANGE: tuple[Node, ...] = (
    (ord("~"), b""),
    (ord("#"), b""),
    (ord("#"), b"-1"),
    (ord("#"), b"0"),
    (ord("#"), b"ab"),
    (ord("#"), b"9" * 30),
    (ord("#"), b"9" * 5000),
    (ord("^"), b"nan"),
    (ord("^"), b"-inf"),
    (ord("^"), b"1e400"),
    (ord("!"), b"true"),
    (ord("!"), b"maybe"),
    (ord(","), b""),
    (ord(","), b"\xff" * 10),
    (ord(","), b"9" * 5000),
    (ord(","), b"ab"),
    (ord(";"), b""),
    (ord(";"), b"\xff\x00"),
    (ord(";"), b"dns"),
    (ord(";"), b"tcp"),
    (ord("]"), []),
    (ord("}"), []),
    (ord("]"), [(ord("#"), b"1"), (ord("~"), b"")]),
    (ord("?"), b"what"),
)


def parse(data: bytes, position: int, limit: int) -> tuple[Node, int]:
    """The element at a position, and where it ends. Raises TnetstringError."""
    start, end = element(data, position, limit)
    kind = data[end]
    if kind not in (LIST, DICT):
        return (kind, data[start:end]), end + 1
    inner: list[Node] = []
    while start < end:
        node, start = parse(data, start, end)
        inner.append(node)
    return (kind, inner), end + 1


def dump(node: Node) -> bytes:
    """The element as it stands in a file."""
    kind, content = node
    if isinstance(content, list):
        content = b"".join(map(dump, content))
    return b"%d:%s%c" % (len(content), content, kind)


def flows_of(data: bytes) -> list[bytes]:
    """The whole flows at the beginning of a file."""
    found = []
    position = 0
    while position < len(data):
        try:
            _, end = element(data, position, len(data))
        except TnetstringError:
            break
        found.append(data[position : end + 1])
        position = end + 1
    return found


def mutate_node(node: Node, chance: random.Random) -> Node:
    """An element with one change somewhere inside."""
    kind, content = node
    if not isinstance(content, list) or not content or chance.random() < 0.05:
        return chance.choice(STRANGE)
    inner = list(content)
    place = chance.randrange(len(inner))
    if kind == DICT and chance.random() < 0.8:
        place |= 1  # values are more fun than keys
        place = min(place, len(inner) - 1)
    what = chance.random()
    if what < 0.1:
        del inner[place]
    elif what < 0.2:
        inner.insert(place, chance.choice(inner))
    elif what < 0.25:
        deep: Node = (LIST, [])
        for _ in range(50):
            deep = (LIST, [deep])
        inner[place] = deep
    else:
        inner[place] = mutate_node(inner[place], chance)
    return kind, inner


def mutate_bytes(data: bytes, chance: random.Random) -> bytes:
    """Bytes with one change."""
    out = bytearray(data)
    if not out:
        return data
    place = chance.randrange(len(out))
    what = chance.randrange(8)
    if what == 0:
        out[place] = chance.randrange(256)
    elif what == 1:
        out[place] ^= 1 << chance.randrange(8)
    elif what == 2:
        del out[place : place + chance.choice((1, 2, 5, 50, 1000))]
    elif what == 3:
        out[place:place] = chance.randbytes(chance.choice((1, 3, 20)))
    elif what == 4:
        del out[place:]
    elif what == 5:
        there, size = chance.randrange(len(out)), chance.choice((4, 30, 500))
        out[place : place + size] = out[there : there + size]
    else:
        marks = b"0123456789" if what == 6 else b",;#^!~]}"
        near = range(max(0, place - 300), min(len(out), place + 300))
        if places := [each for each in near if out[each] in marks]:
            out[chance.choice(places)] = chance.choice(marks)
    return bytes(out)


class Mutant(NamedTuple):
    """A damaged file."""

    data: bytes
    others: bytes | None
    """The flows without the damaged one, if the damage is inside one flow."""


def mutate(data: bytes, chance: random.Random) -> Mutant:
    """A damaged file made from a good one."""
    what = chance.random()
    flows = flows_of(data)
    if what < 0.4 or not flows:
        for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
            data = mutate_bytes(data, chance)
        return Mutant(data, None)
    chance.shuffle(flows)
    flows = flows[: chance.choice((1, 2, 3, 10))]
    place = chance.randrange(len(flows))
    flow, others = flows[place], b"".join(flows[:place] + flows[place + 1 :])
    alone = b"websocket" not in flow  # in old formats its handshake is another flow
    start, end = element(flow, 0, len(flow))
    if what < 0.5:  # other bytes of the same number, inside
        inside = mutate_bytes(flow[start:end], chance)[: end - start].ljust(end - start, b"0")
        flow = flow[:start] + inside + flow[end:]
    else:
        try:
            node, _ = parse(flow, 0, len(flow))
        except TnetstringError:
            return Mutant(data, None)
        for _ in range(chance.choice((1, 1, 2, 4))):
            node = mutate_node(node, chance)
        flow = dump(node)
        if node[0] != DICT or not alone:
            return Mutant(b"".join([*flows[:place], flow, *flows[place + 1 :]]), None)
    return Mutant(b"".join([*flows[:place], flow, *flows[place + 1 :]]), others if alone else None)


class Found(NamedTuple):
    """What a file gives."""

    flows: int
    sent: list[Transmission]
    names: tuple[NameAnswer, ...]
    warnings: set[str]


def read(data: bytes, parts: int) -> Found:
    """What a file gives when it is read in parts, each by a reader of its own."""
    scan = mitm.scan(data, parts)
    sent: list[Transmission] = []
    warnings = set(scan.warnings)
    for start, end in scan.parts:
        reader = mitm.FlowFileReader(data)
        sent += reader.read(start, end)
        warnings.update(reader.warnings.lines())
    return Found(scan.flows, sent, scan.names, warnings)


def problems(mutant: Mutant) -> Iterator[str]:
    """What is wrong with how a damaged file is read."""
    whole = read(mutant.data, 1)
    yield from (warning for warning in whole.warnings if "fault of phonehome" in warning)
    parts = read(mutant.data, PARTS)
    if repr(parts._replace(sent=[])[:3]) != repr(whole._replace(sent=[])[:3]) or (
        sorted(map(repr, parts.sent))
        != sorted(map(repr, whole.sent))  # WebSockets without messages come last
    ):
        yield f"{len(parts.sent)} transmissions in parts, {len(whole.sent)} as a whole"
    if len(whole.warnings) < MAX_WARNINGS and parts.warnings != whole.warnings:
        yield f"other warnings: {parts.warnings ^ whole.warnings}"
    if len(whole.sent) < whole.flows and not whole.warnings and mutant.others is not None:
        # A flow that says nothing of a transmission is passed over; one that did before its damage is not.
        yield f"{whole.flows - len(whole.sent)} flows dropped without a warning"
    if mutant.others is not None:
        kept = Counter(map(repr, read(mutant.others, 1).sent))
        if missing := kept - Counter(map(repr, whole.sent)):
            yield f"{missing.total()} flows lost that were not damaged"


def report_of(data: bytes) -> Iterator[str]:
    """What goes wrong in a whole report over a damaged file."""
    from phonehome.cli import main

    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "damaged.mitm", Path(folder) / "report.json"
        path.write_bytes(data)
        stderr, sys.stderr = sys.stderr, io.StringIO()
        try:
            main(["report", str(path), "--quiet", "--workers", "1", "-o", str(out)])
            said = sys.stderr.getvalue()
        finally:
            sys.stderr = stderr
        if out.exists():
            said += out.read_text("utf-8")
        for fault in ("fault of phonehome", "Traceback"):
            if (place := said.find(fault)) >= 0:
                yield said[max(place - 100, 0) : place + 400]


def seeds(paths: Sequence[Path]) -> dict[str, bytes]:
    """Files to damage, by name."""
    found = {}
    for path in paths:
        data = path.read_bytes()
        flows = flows_of(data)
        while len(flows) > 1 and sum(map(len, flows)) > LARGEST:
            flows = flows[: len(flows) // 2]
        found[path.name] = b"".join(flows) or data[:LARGEST]
    return found


def made() -> dict[str, bytes]:
    """One flow of each kind, as mitmproxy writes it."""
    from mitmproxy.io import FlowWriter
    from mitmproxy.test import tflow

    out = io.BytesIO()
    writer = FlowWriter(out)
    flows: list[Any] = [
        tflow.tdnsflow(resp=True),
        tflow.tflow(resp=True),
        tflow.tflow(err=True),
        tflow.twebsocketflow(),
        tflow.ttcpflow(),
        tflow.tudpflow(),
        tflow.tdnsflow(resp=True),
        tflow.tdnsflow(),
    ]
    for flow in flows:
        writer.add(flow)
    return {"(made here)": out.getvalue()}


def files_of(paths: Sequence[Path]) -> dict[str, bytes]:
    """What is damaged: the samples, if nothing else is given, and flows that are made here."""
    return {**made(), **seeds(paths or sorted(SAMPLES.glob("*.mitm")))}


def check(data: bytes, chance: random.Random, report: bool = False) -> Iterator[str]:
    """What is wrong with how a damaged file is read."""
    mutant = mutate(data, chance)
    yield from problems(mutant)
    if report:
        yield from report_of(mutant.data)


if __name__ == "__main__":
    sys.exit(driver.main("flow files", files_of, check))
