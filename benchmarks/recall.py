"""What is found of labelled identifiers, and what of it is true: `python -m benchmarks.recall [--held-out] [--missed]`

Recall is over pairs of host and identifier; found is what is certain or likely, of the right kind and value. Precision
is over the findings that are certain, and likely, at each host. The data is our own (benchmarks/labels): payloads
written by hand from documentation, so these figures say nothing of how often phones send them.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.labelled import HELD_OUT, LABELS, Label, Nothing, Request, nothings, requests, write_flows
from phonehome.analysis.examiner import Examiner
from phonehome.analysis.identifiers import Finding as Found
from phonehome.analysis.transmission import Transmission

TRAITS: Final = frozenset({"model", "build", "carrier"})
"""Kinds that many phones share: true if they are among the phone's, and not asked for."""
SHORT: Final = frozenset({"session-id"})
"""Kinds that last for minutes: true if they are labelled, and not asked for."""
NOT_COUNTED: Final = frozenset({"device-fingerprint"})
"""Kinds of what is no identifier by itself."""
ALSO: Final = {
    "user-id": ("account",),
    "push-token": ("installation-id",),
    "browser-id": ("cookie",),
}
"""What a label may be called as well."""
VAGUE: Final = frozenset({"installation-id"})
"""A kind that says "some id of the device": no false word for another id of it, but no right one either."""


At = tuple[str, str]
"""Client and host."""


class Finding(NamedTuple):
    """An identifier in the report."""

    kind: str
    value: str
    certainty: str
    reason: str
    path: str


class Measured(NamedTuple):
    """What came of it."""

    pairs: int
    found: int
    missed: list[tuple[str, Label]]
    """With the SDK."""
    certain: int
    likely: int
    wrong: list[tuple[str, Finding]]
    """With the host."""

    @property
    def recall(self) -> float:
        return self.found / self.pairs

    def precision(self, certainty: str) -> float:
        total = self.certain if certainty == "certain" else self.likely
        wrong = sum(finding.certainty == certainty for _, finding in self.wrong)
        return 1 - wrong / total if total else 1.0


def measure(sent: list[Request], capture: Path) -> Measured:
    """Reads the capture and compares it with the labels."""
    found: dict[At, set[Finding]] = {}
    for device in reported(capture)["devices"]:
        for row in device["destinations"]:
            at = found.setdefault((device["id"], row["host"] or ""), set())
            at.update(Finding(*(each[name] for name in Finding._fields)) for each in row["identifiers"])
    labels: dict[At, dict[Label, str]] = {}
    traits: dict[str, tuple[str, ...]] = {}
    for each in sent:
        traits[each.client] = each.traits
        for label in each.labels:
            labels.setdefault((each.client, label.host), {}).setdefault(label, each.sdk)
    missed = []
    pairs = hits = 0
    for where, its in labels.items():
        sure = [finding for finding in found.get(where, ()) if finding.certainty != "possible"]
        for forms, sdk in _pairs(its):
            if set(forms[0].kinds) & (TRAITS | SHORT):
                continue
            pairs += 1
            if any(_same(label, finding) for label in forms for finding in sure):
                hits += 1
            else:
                missed.append((sdk, forms[0]))
    wrong = []
    counts = {"certain": 0, "likely": 0}
    for where, findings in sorted(found.items()):
        for finding in sorted(findings):
            if finding.certainty == "possible" or finding.kind in NOT_COUNTED:
                continue
            counts[finding.certainty] += 1
            if not _true(finding, labels.get(where, {}), traits.get(where[0], ())):
                wrong.append((where[1], finding))
    return Measured(pairs, hits, missed, counts["certain"], counts["likely"], wrong)


def reported(capture: Path) -> Any:
    """What the command reports of a capture. Raises CalledProcessError if it fails."""
    command = [sys.executable, "-m", "phonehome", "report", str(capture), "--quiet", "--show-identifiers"]
    done = subprocess.run([*command, "--format", "json", "--output", "-"], capture_output=True, check=True)
    return json.loads(done.stdout)


def _pairs(labels: dict[Label, str]) -> Iterable[tuple[list[Label], str]]:
    """Each identifier once, with the forms in which it stands there, and the SDK. A position is one of both halves,
    and a list of access points is one."""
    pairs: dict[tuple[str, str], tuple[list[Label], str]] = {}
    for label, sdk in labels.items():
        value = "" if label.kinds[0] in ("position", "access-points") else label.value
        pairs.setdefault((label.kinds[0], value), ([], sdk))[0].append(label)
    return pairs.values()


def _true(finding: Finding, labels: Iterable[Label], traits: Iterable[str]) -> bool:
    if finding.kind in TRAITS:
        return _bare(finding.value) in map(_bare, traits)
    return any(
        _same(label, finding) or (finding.kind in VAGUE and _same_value(label, finding)) for label in labels
    )


def _bare(text: str) -> str:
    return re.sub(r"[\W_]", "", text.lower())


def _same(label: Label, finding: Finding) -> bool:
    """Whether a finding is this identifier, by kind and value."""
    kinds = {*label.kinds, *(also for kind in label.kinds for also in ALSO.get(kind, ()))}
    return finding.kind in kinds and _same_value(label, finding)


def _same_value(label: Label, finding: Finding) -> bool:
    kind = finding.kind
    if kind == "position":
        numbers = re.findall(r"-?\d+\.\d+", finding.value)
        return any(abs(float(label.value) - float(number)) < 0.002 for number in numbers)
    if kind == "access-points":
        return "".join(part.zfill(2) for part in label.value.split(":")) in _bare(finding.value)
    mine, written, its = _bare(label.value), _bare(label.written), _bare(finding.value)
    if kind == "cell":
        return mine in its
    if kind == "phone-number":
        return mine[-8:] == its[-8:]
    if kind == "imei":
        return mine[:14] == its[:14]
    return its in (mine, written, _hexadecimal(mine)) or (
        min(len(mine), len(its)) >= 12 and (mine in its or its in mine)
    )


def _hexadecimal(text: str) -> str:
    return f"{int(text):016x}" if text.isdecimal() else text


def taken_for_something(cases: Iterable[Nothing]) -> list[tuple[Nothing, list[Found]]]:
    """Cases without identifiers in which something is certain or likely all the same."""
    examiner = Examiner()
    wrong = []
    for case in cases:
        body = case.body.encode()
        kind = "application/x-www-form-urlencoded" if case.form else "application/json"
        if case.reply:
            findings = examiner.examine_content(body, kind, ("reply",)).findings
        else:
            headers = (("Content-Type", kind),)
            sent = Transmission(
                time=0.0, method="POST", host="api.example.com", path="/v1", headers=headers, payloads=(body,)
            )
            findings = examiner.examine(sent).findings
        sure = [each for each in findings if each.certainty != "possible" and each.kind not in SHORT]
        if sure:
            wrong.append((case, sure))
    return wrong


def main() -> int:
    """Prints the figures, what is missed and what is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--missed", action="store_true", help="print each identifier that is not found")
    parser.add_argument("--held-out", action="store_true", help="the labels that no rule was made for")
    options = parser.parse_args()
    sent = list(requests(HELD_OUT if options.held_out else LABELS))
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder, "labelled.mitm")
        write_flows(capture, sent)
        result = measure(sent, capture)
    print(f"{len(sent)} requests, {result.pairs} pairs of host and identifier, labelled by ourselves")
    print(f"found {result.found}: recall {result.recall:.1%}")
    for certainty, count in (("certain", result.certain), ("likely", result.likely)):
        print(f"{certainty}: {count} findings, precision {result.precision(certainty):.1%}")
    for host, finding in result.wrong:
        print(f"wrong   {finding.certainty} {finding.kind} {finding.value} at {host}: {finding.reason}")
    if options.held_out:
        cases = list(nothings())
        alarms = taken_for_something(cases)
        certain = sum(any(each.certainty == "certain" for each in sure) for _, sure in alarms)
        print(f"{len(cases)} cases of other things: {certain} certain, {len(alarms) - certain} likely")
        for case, sure in alarms:
            print(
                f"alarm   {case.what}: {', '.join(f'{each.certainty} {each.kind} {each.value}' for each in sure)}"
            )
    if options.missed:
        for sdk, label in result.missed:
            print(f"missed  {'+'.join(label.kinds)} {label.value} ({label.written}) at {label.host} ({sdk})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
