"""What is found of the labelled requests does not become less. The labels are our own: see benchmarks/labels."""

from pathlib import Path

from benchmarks.labelled import HELD_OUT, nothings, requests, write_flows
from benchmarks.recall import TRAITS, measure, taken_for_something

RECALL, CERTAIN, LIKELY = 0.90, 0.99, 0.99
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


def test_what_is_found_of_labels_that_no_rule_was_made_for(tmp_path: Path) -> None:
    sent = list(requests(HELD_OUT))
    capture = tmp_path / "held-out.mitm"
    write_flows(capture, sent)
    result = measure(sent, capture)
    assert result.pairs >= 250
    # What is missed is not told: rules are not to be made by it.
    assert result.recall >= 0.76
    assert result.precision("certain") >= CERTAIN, result.wrong
    assert result.precision("likely") >= LIKELY, result.wrong


def test_examples_of_other_things_are_no_identifiers() -> None:
    cases = list(nothings())
    alarms = taken_for_something(cases)
    assert len(cases) >= 70
    assert not [case for case, sure in alarms if any(each.certainty == "certain" for each in sure)]
    assert len(alarms) < 0.02 * len(cases), alarms
