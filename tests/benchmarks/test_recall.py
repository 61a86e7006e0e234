"""What is found of the labelled requests does not become less. The labels are our own: see benchmarks/labels."""

from pathlib import Path

from benchmarks.labelled import requests, write_flows
from benchmarks.recall import TRAITS, measure

RECALL, CERTAIN, LIKELY = 0.81, 0.99, 0.99
"""What was reached, about."""


def test_what_is_found_of_the_labelled_requests(tmp_path: Path) -> None:
    sent = list(requests())
    capture = tmp_path / "labelled.mitm"
    write_flows(capture, sent)
    result = measure(sent, capture)
    assert result.pairs >= 400
    assert not {kind for _, label in result.missed for kind in label.kinds} & TRAITS
    assert result.recall >= RECALL, [label for _, label in result.missed]
    assert result.precision("certain") >= CERTAIN, result.wrong
    assert result.precision("likely") >= LIKELY, result.wrong
