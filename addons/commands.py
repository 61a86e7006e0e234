"""Commands for mitmproxy's and mitmweb's command line.

    mitmweb -s addons/commands.py

`phonehome.report PATH` writes the report of the flows that are in the list; the ending of PATH chooses the format.
`phonehome.mark FLOWS` marks those that are an activation, or that carry an identifier of hardware or SIM, and says
in the comment what is inside.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import mitmproxy.types
from mitmproxy import command, ctx, exceptions, flow, hooks
from mitmproxy.addonmanager import Loader

from phonehome.addons import shared
from phonehome.addons.activation_log import MARK
from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.examiner import Evidence, Examiner
from phonehome.analysis.identifiers.finding import RANK
from phonehome.analysis.knowledge import Knowledge
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.pipeline import Reading
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.purposes import ACTIVATION
from phonehome.analysis.render import output
from phonehome.analysis.render.formats import ENDINGS, UnknownEndingError, format_of
from phonehome.analysis.render.masked import masked, masking_of
from phonehome.analysis.report.model import Report
from phonehome.analysis.sources import live_flow
from phonehome.analysis.transmission import Transmission

logger = logging.getLogger(__name__)

_LIST: Final = "flows in mitmproxy's list"
"""What stands for the path of a capture."""


class Commands:
    """The addon. It keeps nothing but the tasks that run."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def load(self, loader: Loader) -> None:
        shared.load(loader)

    def configure(self, updated: set[str]) -> None:
        shared.configure(updated)

    @command.command("phonehome.report")  # type: ignore[untyped-decorator]
    def report(self, path: mitmproxy.types.Path) -> None:
        """Write the report of all flows in the list. The ending of PATH chooses the format."""
        try:
            format_ = format_of(None, str(path), ENDINGS, "terminal")
        except UnknownEndingError as error:
            raise exceptions.CommandError(str(error)) from error
        sent = self._listed()
        target = str(Path(str(path)).expanduser())
        task = asyncio.get_running_loop().create_task(_in_a_thread(sent, format_, target))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _listed(self) -> list[Transmission]:
        """What the flows in mitmproxy's list hold. Raises CommandError where there is no list (mitmdump)."""
        flows = ctx.master.commands.call_strings("view.flows.resolve", ["@all"])
        return [found for one in flows if (found := live_flow.transmission(one)) is not None]

    @command.command("phonehome.mark")  # type: ignore[untyped-decorator]
    def mark(self, flows: Sequence[flow.Flow]) -> None:
        """Mark flows that are an activation or carry an identifier of hardware or SIM, and comment them."""
        marked = []
        examiner = _examiner(self._listed(), shared.knowledge())
        for one in flows:
            sent = live_flow.transmission(one)
            if sent is None or sent.origin != "device":
                continue
            evidence = examiner.examine(sent)
            inside = _lasting(evidence)
            if not inside and evidence.judgement.purpose != ACTIVATION:
                continue
            label = catalogue().purposes[evidence.judgement.purpose].label
            comment = f"phonehome: {label}" + (f", with {', '.join(inside)}" if inside else "")
            one.marked = one.marked or MARK
            if comment not in one.comment:
                one.comment = f"{one.comment}\n{comment}".strip()
            marked.append(one)
        ctx.master.addons.trigger(hooks.UpdateHook(marked))
        logger.info(f"phonehome.mark: {len(marked)} of {len(flows)} flows are marked")


async def _in_a_thread(sent: Sequence[Transmission], format_: str, path: str) -> None:
    try:
        database, names, knowledge = shared.location_database(), shared.device_names(), shared.knowledge()
        await asyncio.to_thread(write_report, sent, format_, path, database, names, knowledge)
    except OSError as error:
        logger.error(f"phonehome.report: cannot write {path}: {error.strerror or error}")
    else:
        logger.warning(f"phonehome.report: the report of {len(sent)} transmissions is in {path}")


def write_report(
    sent: Sequence[Transmission],
    format_: str,
    path: str,
    database: LocationDatabase,
    names: DeviceNames,
    knowledge: Knowledge | None = None,
) -> None:
    """Writes the report of these transmissions, with identifiers masked. Raises OSError."""
    examiner = _examiner(sent, knowledge)
    report = Report()
    for evidence in map(examiner.examine, sent):
        report.add(_LIST, evidence)
    document = output.make_document(Reading(report=report), database, names, knowledge=knowledge)
    output.save(masked(document, masking_of([document])), format_, path)


def _examiner(sent: Sequence[Transmission], knowledge: Knowledge | None) -> Examiner:
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


addons = [Commands()]
