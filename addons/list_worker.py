"""Examines what is in mitmproxy's list, in a process of its own, for `addons/commands.py`.

On standard input come frames, each four bytes of length and a marshalled state of a flow (`live_flow.state`), to the
end of the input. On standard output comes one answer in JSON: `{"error": ...}`, or what was asked for:

    report FORMAT PATH    writes the report; the answer is the number of transmissions
    mark                  comments, by the flow's id, for each flow that is to be marked
"""

import argparse
import json
import marshal
import struct
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

from phonehome.addons.live.worker import begin
from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.examiner import Evidence, Examiner
from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.knowledge import Knowledge
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.pipeline import Reading
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.purposes import ACTIVATION
from phonehome.analysis.render import output
from phonehome.analysis.render.masked import masked, masking_of
from phonehome.analysis.report.located import Vantage
from phonehome.analysis.report.model import Report
from phonehome.analysis.sources.flow_state import transmission_from_state
from phonehome.analysis.transmission import Transmission

LENGTH: Final = struct.Struct("<I")
_LIST: Final = "flows in mitmproxy's list"
"""What stands for the path of a capture."""


def write_report(
    sent: Sequence[Transmission],
    format_: str,
    path: str,
    database: LocationDatabase,
    names: DeviceNames,
    knowledge: Knowledge,
    at: Vantage | None = None,
) -> None:
    """Writes the report of these transmissions, with identifiers masked. Raises OSError."""
    examiner = _examiner(sent, knowledge)
    report = Report()
    for evidence in map(examiner.examine, sent):
        report.add(_LIST, evidence)
    document = output.make_document(
        Reading(report=report), database, names, at={_LIST: at} if at else None, knowledge=knowledge
    )
    output.save(masked(document, masking_of([document])), format_, path)


def comments(sent: Sequence[Transmission], knowledge: Knowledge) -> dict[str, str]:
    """What is inside those that are an activation or carry an identifier of hardware or SIM, by the flow's id."""
    examiner = _examiner(sent, knowledge)
    found = {}
    for one in sent:
        if one.origin != "device":
            continue
        evidence = examiner.examine(one)
        inside = _lasting(evidence)
        if inside or evidence.judgement.purpose == ACTIVATION:
            label = catalogue().purposes[evidence.judgement.purpose].label
            found[one.flow_id] = f"phonehome: {label}" + (f", with {', '.join(inside)}" if inside else "")
    return found


def _examiner(sent: Sequence[Transmission], knowledge: Knowledge) -> Examiner:
    """One that knows the names that DNS gave in these."""
    examiner = Examiner(knowledge)
    for one in sent:
        examiner.learn(one)
    return examiner


def _lasting(evidence: Evidence) -> list[str]:
    """Labels of the identifiers of hardware and SIM that are at least likely."""
    kinds = catalogue().kinds
    found = {
        kinds[one.kind].label: None
        for one in evidence.findings
        if one.kind in kinds
        and kinds[one.kind].category in ("hardware", "sim")
        and RANK[one.certainty] >= RANK["likely"]
    }
    return list(found)


def _read(source: BinaryIO) -> Iterator[Transmission]:
    while len(head := source.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        sent = transmission_from_state(marshal.loads(source.read(length)))
        if sent is not None:
            yield sent


def main(arguments: list[str]) -> None:
    """`--device`, `--geo-db`, `--catalogue` and `--at` as `phonehome report` has them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="+")
    options, knowledge = begin(parser, arguments)
    sent = list(_read(sys.stdin.buffer))
    answer: object
    if options.what[0] == "mark":
        answer = comments(sent, knowledge)
    else:
        _, format_, path = options.what
        database, names = LocationDatabase.open(*options.geo_db), DeviceNames.parse(options.device)
        try:
            write_report(sent, format_, path, database, names, knowledge, options.at)
            answer = len(sent)
        except OSError as error:
            answer = {"error": error.strerror or str(error)}
    sys.stdout.write(json.dumps(answer))
