"""What a build can fail on, and what cannot be told."""

from typing import Any

import pytest

from phonehome.analysis.compare.changes import compare
from phonehome.analysis.compare.regressions import FAIL_ON, FailOn
from phonehome.cli import main
from phonehome.compare import FAIL_ON as OFFERED
from tests.reports import AFFECTED, FIXED, device, document, identifier, row

SAYS = ("Fails on ", "Cannot be told for ")
KNOWN: dict[str, Any] = {"company": "Maker", "owner": "Maker"}


def told(what: FailOn, before: Any, after: Any) -> list[tuple[bool, str]]:
    pair = [document(device(*rows)) for rows in (before, after)]
    found = compare(pair[0], pair[1], fail_on=[what])["devices"][0]
    assert len([text for text in found["findings"] if text.startswith(SAYS)]) == len(found["failed_on"])
    return [(entry["found"], entry["text"]) for entry in found["failed_on"]]


@pytest.mark.parametrize(
    ("what", "before", "after", "answer"),
    [
        ("new-country", {"country": "SG"}, {"country": "SG"}, None),
        ("new-country", {"country": "SG"}, {"country": "CN"}, True),
        ("new-country", {"country": "SG"}, {"country": None, "addresses": ["192.0.2.9"]}, False),
        (
            "new-country",
            {"country": "SG"},
            {"country": "CN", "country_certainty": "uncertain", "addresses": []},
            False,
        ),
        ("new-country", {"country": None}, {"country": None}, None),
        ("new-country", {}, {"country": None, "local": True}, None),
        ("new-owner", KNOWN, KNOWN, None),
        ("new-owner", KNOWN, {"company": "Other"}, True),
        ("new-owner", KNOWN, {**KNOWN, "asn": 64999}, False),
        ("new-owner", KNOWN, {"addresses": ["192.0.2.9"]}, False),
        ("new-identifier", {"identifiers": [identifier()]}, {"identifiers": [identifier()]}, None),
        ("new-identifier", {}, {"identifiers": [identifier()]}, True),
        (
            "new-identifier",
            {"identifiers": [identifier()]},
            {"identifiers": [identifier()], "asn": 64999},
            True,
        ),
        ("new-identifier", {}, {"identifiers": [identifier(certainty="possible")]}, False),
        ("new-identifier", {}, {"protocols": ["tls"]}, False),
        ("new-identifier", {}, {"identifiers": [identifier("model", "software")]}, None),
        ("unencrypted", {}, {"identifiers": [identifier(unencrypted=1)], "unencrypted": 1}, True),
        ("unencrypted", {}, {"identifiers": [identifier()]}, None),
        ("unencrypted", {}, {"unencrypted": 1, "not_understood": {"unknown": 1}}, False),
        ("unencrypted", {}, {"encryption_unknown": 1, "not_understood": {"unknown": 1}}, False),
        ("unencrypted", {}, {"not_understood": {"unknown": 1}}, None),
    ],
)
def test_new_or_not_or_not_known(what: FailOn, before: Any, after: Any, answer: bool | None) -> None:
    found = told(what, [row(**before)], [row(**after)])
    assert [is_found for is_found, _ in found] == ([] if answer is None else [answer]), found


def test_of_a_phone_that_is_new_nothing_can_be_told() -> None:
    pair = document(), document(device(row(identifiers=[identifier(unencrypted=3)], unencrypted=3)))
    found = compare(*pair, fail_on=FAIL_ON)["devices"][0]["failed_on"]
    assert [entry["found"] for entry in found] == [False, False, False, True]


def test_the_command(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert OFFERED == FAIL_ON
    assert main(["compare", FIXED, AFFECTED, "--quiet", "--fail-on", "new-country,unencrypted"]) == 3
    out = capsys.readouterr().out
    assert "Fails on new-country: to China, where nothing went before: zzhc.vnet.cn." in out
    cut = tmp_path / "cut.mitm"
    with open(FIXED, "rb") as file:
        cut.write_bytes(file.read()[:-20])
    assert main(["compare", str(cut), str(cut), "--quiet", "--fail-on", "new-country"]) == 1
    assert main(["compare", FIXED, FIXED, "--quiet", "--fail-on", "new-contry"]) == 2
    assert "did you mean 'new-country'?" in capsys.readouterr().err
