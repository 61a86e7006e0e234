"""The comparison with TrackHAR; that program itself is not needed."""

import json
from pathlib import Path

from benchmarks.labelled import requests, write_har
from benchmarks.peers import Found, missing, ours


def test_a_value_counts_as_found_in_another_spelling_and_as_a_part() -> None:
    mine = [Found("a.example", "59.91273, 10.74609", "position"), Found("a.example", "AB-CD-12", "serial")]
    theirs = [
        Found("a.example", "59.91273", "latitude"),
        Found("a.example", "abcd12", "deviceId"),
        Found("b.example", "abcd12", "deviceId"),
    ]
    assert missing(theirs, mine) == [theirs[2]]


def test_the_labelled_requests_are_the_same_as_a_har_file(tmp_path: Path) -> None:
    sent = [each for each in requests() if each.client == "10.40.0.14"]
    har = tmp_path / "samsung.har"
    write_har(har, sent)
    assert len(json.loads(har.read_text())["log"]["entries"]) == len(sent)
    hosts = {each.host for each in ours(har) if each.name == "imei"}
    assert {"w.service.example", "dc.dqa.samsung.com", "logs.support.example"} <= hosts
