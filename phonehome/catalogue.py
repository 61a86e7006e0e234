"""`phonehome catalogue`: tells an author of entries what is wrong in them, and what they take from a capture."""

import argparse
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from phonehome.options import EXIT_OK, EXIT_SOME_FAILED, UsageError, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from phonehome.analysis.examiner import Evidence, Examiner
    from phonehome.analysis.identifiers.mask import Masks
    from phonehome.analysis.knowledge.catalogue import Endpoint, Field

NAME = "catalogue"
SUMMARY = "check entries of endpoints that you wrote, and try them on a capture"
EPILOG = """\
examples:
  phonehome catalogue check mine.toml
  phonehome catalogue check mine.toml phone.mitm
  phonehome catalogue check entries/ phone.mitm --show-identifiers

All mistakes are told, not only the first. With a capture: what each entry matches, and what each of its fields took.
docs/catalogue.md says how to write an entry; `phonehome report --catalogue` uses them.

exit status: 0 nothing is wrong; 1 a capture was not read; 2 something is wrong in the entries, or wrong usage
"""

MAX_SHOWN = 3
"""Different values of a field that are shown,"""
MAX_OFFERED = 8
"""and paths that are there, where the field's is not."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("action", choices=("check",), help="what to do")
    parser.add_argument("file", metavar="FILE", help="TOML file of entries, or a folder of them")
    parser.add_argument("captures", nargs="*", metavar="CAPTURE", help="capture to try them on, or a folder")
    parser.add_argument(
        "--show-identifiers", action="store_true", help="print values whole instead of masked"
    )


def run(options: argparse.Namespace) -> int:
    """Checks, and tries."""
    from pathlib import Path

    from phonehome.analysis.examiner import Examiner
    from phonehome.analysis.identifiers.mask import Masks
    from phonehome.analysis.knowledge import KnowledgeError, load, shipped
    from phonehome.analysis.render.escape import printable
    from phonehome.analysis.sources import CaptureError, find_captures

    try:
        shipped()
        knowledge = load([Path(options.file).expanduser()])
    except KnowledgeError as error:
        for mistake in error.mistakes[:-1]:
            say(f"phonehome: {mistake}")
        raise UsageError(str(error.mistakes[-1])) from error
    print(f"{len(knowledge.own)} entries, nothing wrong")
    if not options.captures:
        return EXIT_OK
    examiner = Examiner(knowledge)
    tried = [Tried(entry) for entry in knowledge.own]
    paths, errors = find_captures(options.captures)
    for path in paths:
        try:
            for evidence in _evidence(path, examiner):
                for each in tried:
                    each.add(evidence)
        except CaptureError as error:
            errors[path] = str(error)
    for path, why in errors.items():
        say(f"phonehome: {path}: {why}")
    masks = None if options.show_identifiers else Masks()
    for each in tried:
        for line in each.lines(masks):
            print(printable(line))
    return EXIT_SOME_FAILED if errors else EXIT_OK


def _evidence(path: str, examiner: "Examiner") -> "Iterator[Evidence]":
    from phonehome.analysis import pipeline
    from phonehome.analysis.examiner import Names
    from phonehome.analysis.sources import open_source

    with open_source(path) as source:
        plan = source.plan(pipeline.PART)
        examiner.names = Names(plan.names)
        for part in plan.parts:
            for sent in source.read(part):
                if sent.origin == "device":
                    yield examiner.examine(sent)


@dataclass(slots=True)
class Tried:
    """What one entry matched, and what its fields took."""

    entry: "Endpoint"
    outcomes: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    """Why transmissions to a host of the entry were held to be something else."""
    took: "dict[Field, Counter[tuple[str, str, str]]]" = field(default_factory=dict)
    """Kind, value and certainty of the identifiers at the place of each field."""
    there: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """Paths of all values, and how often each was there."""

    def add(self, evidence: "Evidence") -> None:
        """Takes in a transmission, whether or not it is of this entry."""
        from phonehome.analysis.knowledge.catalogue import fits, without_compression

        sent, judged = evidence.transmission, evidence.judgement
        if judged.entry is None or judged.entry.id != self.entry.id:
            if any(_is_of(host, name) for host in self.entry.hosts for name in (sent.host, sent.authority)):
                self.others[judged.reason] += 1
            return
        self.outcomes[evidence.outcome] += 1
        self.there.update({without_compression(value.path) for value in evidence.values})
        for declared in self.entry.fields:
            taken = self.took.setdefault(declared, Counter())
            for found in evidence.findings:
                if fits(declared.path, without_compression(found.path)):
                    taken[found.kind, found.value, found.certainty] += 1

    def lines(self, masks: "Masks | None") -> "Iterator[str]":
        """The outcome, for people."""
        matched = self.outcomes.total()
        came = ", ".join(f"{number} {outcome}" for outcome, number in self.outcomes.most_common())
        yield f"endpoint {self.entry.id}: " + (
            f"matches {matched} ({came})" if matched else "matches nothing here"
        )
        for reason, number in self.others.most_common(MAX_SHOWN):
            yield f"  {number} to its hosts are something else: {reason}"
        for declared, taken in self.took.items():
            yield f"  {' > '.join(declared.path)}: {self._took(declared, taken, masks)}"

    def _took(self, declared: "Field", taken: Counter[tuple[str, str, str]], masks: "Masks | None") -> str:
        from phonehome.analysis.knowledge.catalogue import fits

        if taken:
            shown = [
                f"{kind} {masks.mask(kind, value) if masks else value}, {certainty}, {number} times"
                for (kind, value, certainty), number in taken.most_common(MAX_SHOWN)
            ]
            return "; ".join([*shown, *([f"{len(taken)} different"] if len(taken) > MAX_SHOWN else [])])
        present = sum(number for path, number in self.there.items() if fits(declared.path, path))
        if present:
            return f"there {present} times, but what stands there has not the form of kind {declared.kind}"
        near = sorted(self.there, key=lambda path: (-_shared(path, declared.path), path))[:MAX_OFFERED]
        return f"nothing there; there is {', '.join(' > '.join(path) for path in near) or 'nothing that was read'}"


def _is_of(pattern: str, name: str | None) -> bool:
    return name is not None and (name == pattern or (pattern[0] == "*" and name.endswith(pattern[1:])))


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many segments from the beginning are the same."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
