"""Adds up the live report, and finds what is worth a line: a process that the addon starts (`addons/helper.py`).

A process and not a thread, because a thread that computes makes mitmproxy's event loop wait for Python's lock
after each of its system calls. On standard input come frames: four bytes of length, then a marshalled tuple.

    ("open", state, left_out, left_out_of_reply)   a flow that is not over; replaces what was said of it
    ("over", state, left_out, left_out_of_reply)   a flow that is over
    ("show", lost)                                 answer with the view

On standard output come the letter of what it is, four bytes of length, and

    V    the view, as JSON
    L    a line for the terminal: a marshalled pair of its text and whether it must not be overlooked

It ends when its input ends, and so when the proxy is gone, however that went. Ctrl-C is for the proxy to decide.
"""

import argparse
import json
import marshal
import os
import pickle
import signal
import struct
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from phonehome.addons.live.lines import Lines
from phonehome.addons.live.view import view
from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.examiner import Evidence, Examiner
from phonehome.analysis.identifiers.mask import Masks
from phonehome.analysis.knowledge import Knowledge, load
from phonehome.analysis.pipeline import Reading
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.render.masked import masked, masking_of
from phonehome.analysis.render.output import make_document
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.located import Session, Vantage, vantage
from phonehome.analysis.report.model import Report
from phonehome.analysis.sources.flow_state import transmission_from_state

LENGTH = struct.Struct("<I")
VIEW, LINE = b"V", b"L"
CAPTURE = "live"
"""What stands for the path of a capture."""
NICENESS = 5
"""Traffic goes first."""


class LiveTotals:
    """The report so far."""

    def __init__(
        self,
        names: DeviceNames,
        database: LocationDatabase,
        knowledge: Knowledge | None = None,
        at: Vantage | None = None,
    ) -> None:
        """`at` is where the proxy is, as the user says."""
        self._device_names = names
        self._database = database
        self._at = {CAPTURE: at} if at else None
        self._examiner = Examiner(knowledge)
        self._report = Report()
        self._open: dict[str, Evidence] = {}
        self._masks = Masks()

    def take(self, frame: tuple[str, Mapping[str, Any], int, int]) -> Evidence | None:
        """Takes a flow in, and gives what it shows; None if it is nothing that was sent."""
        what, state, left_out, left_out_of_reply = frame
        sent = transmission_from_state(state)
        if sent is None:
            return None
        self._examiner.learn(sent)
        reply = sent.reply
        if reply is not None and left_out_of_reply:
            reply = reply._replace(size=reply.size + left_out_of_reply)
        if left_out or left_out_of_reply:
            sent = sent._replace(
                truncated=sent.truncated + left_out,
                bytes_sent=sent.bytes_sent + left_out,
                bytes_received=sent.bytes_received + left_out_of_reply,
                reply=reply,
            )
        evidence = self._examiner.examine(sent)
        if what == "open":
            self._open[sent.flow_id] = evidence
        else:
            self._open.pop(sent.flow_id, None)
            self._report.add(CAPTURE, evidence)
        return evidence

    @property
    def faults(self) -> int:
        """Transmissions whose content could not be examined."""
        return self._examiner.faults.total()

    def document(self) -> Document:
        """The report, with identifiers masked; what is under way counts as tried."""
        report = self._report
        if self._open:
            report = pickle.loads(pickle.dumps(report))  # the sum is only ever added to
            for evidence in self._open.values():
                report.add(CAPTURE, evidence)
        document = make_document(
            Reading(report=report),
            self._database,
            self._device_names,
            at=self._at,
            knowledge=self._examiner.knowledge,
        )
        return masked(document, masking_of([document], self._masks))


def serve(
    source: BinaryIO,
    sink: BinaryIO,
    total: LiveTotals,
    lines: Lines | None = None,
    now: Callable[[], float] = time.time,
) -> None:
    """Until the input ends."""
    while len(head := source.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        body = source.read(length)
        if len(body) < length:
            return
        frame = marshal.loads(body)
        if frame[0] == "show":
            shown = {
                **view(total.document()),
                "lost": frame[1],
                "faults": total.faults,
                "time": now(),
            }
            _say(sink, VIEW, json.dumps(shown, separators=(",", ":")).encode())
            continue
        evidence = total.take(frame)
        line = lines.line(evidence, over=frame[0] == "over") if lines and evidence else None
        if line is not None:
            _say(sink, LINE, marshal.dumps(line))


def _say(sink: BinaryIO, what: bytes, body: bytes) -> None:
    sink.write(what + LENGTH.pack(len(body)) + body)
    sink.flush()


def begin(parser: argparse.ArgumentParser, arguments: list[str]) -> tuple[argparse.Namespace, Knowledge]:
    """What each process that examines for the proxy is told, and how it behaves: behind the proxy, which alone decides
    what Ctrl-C means."""
    for name in ("--device", "--geo-db", "--catalogue"):
        parser.add_argument(name, action="append", default=[])
    parser.add_argument("--at", type=vantage)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    return options, load([Path(path) for path in options.catalogue])


def main(arguments: list[str]) -> None:
    """`--device`, `--geo-db`, `--catalogue`, `--at` as `phonehome report` has them; `--lines`: there are lines."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", action="store_true")
    options, knowledge = begin(parser, arguments)
    names = DeviceNames.parse(options.device)
    database = LocationDatabase.open(*options.geo_db)
    lines = Lines(names, Session(database.locate, options.at)) if options.lines else None
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer, LiveTotals(names, database, knowledge, options.at), lines)
    except BrokenPipeError:
        # The proxy is gone, and nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
