"""`phonehome check`, as a build server runs it."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from phonehome.cli import main

CAPTURES = Path(__file__).parents[2] / "captures"
AFFECTED = str(CAPTURES / "nokia-7-plus-affected.mitm")
FIXED = str(CAPTURES / "nokia-7-plus-fixed.mitm")
POLICIES = Path(__file__).parents[2] / "analysis" / "knowledge" / "policies"
CHINA = str(CAPTURES / "china-variant.mitm")


def check(*arguments: str) -> int:
    """The exit status, also where argparse leaves by itself."""
    try:
        return main(["check", "--quiet", *arguments])
    except SystemExit as left:
        return int(left.code or 0)


def test_the_affected_phone_breaks_the_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(AFFECTED, "--policy", "hmd-2019") == 1
    out = capsys.readouterr().out
    assert "[BROKEN] Activation data and diagnostics of phones sold outside China do not go to China." in out
    assert (
        "(10.42.0.23) sent activation data probably to China (zzhc.vnet.cn) 10 times, unencrypted. "
        "It tried 4 times more" in out
    )
    assert "Google's own check-in" in out


def test_the_fixed_phone_keeps_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(FIXED, "--policy", "hmd-2019") == 0
    assert "HMD Global's statements of March 2019: holds." in capsys.readouterr().out


@pytest.mark.parametrize("option", [[], ["--market", "CN"]], ids=["by its build", "by the user"])
def test_the_china_variant_keeps_them(option: list[str]) -> None:
    assert check(CHINA, "--policy", "hmd-2019", *option) == 0


def test_the_china_variant_sold_elsewhere_would_not() -> None:
    assert check(CHINA, "--policy", "hmd-2019", "--market", "WW") == 1


def test_a_saved_report_gives_the_same_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "report.json"
    main(["report", AFFECTED, "--quiet", "-o", str(saved)])
    assert check(AFFECTED, "--policy", "hmd-2019", "--format", "json") == 1
    direct = json.loads(capsys.readouterr().out)
    assert check(str(saved), "--policy", "hmd-2019", "--format", "json") == 1
    assert json.loads(capsys.readouterr().out) == direct


def test_junit_for_a_build_server(tmp_path: Path) -> None:
    out = tmp_path / "verdict.xml"
    assert check(AFFECTED, "--policy", "hmd-2019", "-o", str(out)) == 1
    suite = ElementTree.parse(out).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "4", "1")
    failure = suite.find("testcase[@name='not-to-china']/failure")
    assert failure is not None
    assert "zzhc.vnet.cn" in (failure.text or "")


def test_a_file_that_could_not_be_read_leaves_the_verdict_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.mitm"
    broken.write_bytes(b"nothing of the kind")
    assert check(FIXED, str(broken), "--policy", "hmd-2019") == 2
    said = capsys.readouterr()
    assert "could not be read" in said.out
    rule = "Activation data and diagnostics of phones sold outside China do not go to China."
    assert f"[could not be judged] {rule}" in said.out
    assert broken.name in said.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([FIXED], "--policy"),
        ([FIXED, "--policy", "hmd-2018"], "did you mean 'hmd-2019'?"),
        ([FIXED, "--policy", "hmd-2019", "--market", "XX"], "known are CN, WW"),
        ([FIXED, "--policy", "hmd-2019", "--colour"], "unrecognized arguments: --colour"),
        ([FIXED, "--policy", "hmd-2019", "-o", "verdict.docx"], "no format for the ending"),
        (["/nonexistent.mitm", "--policy", "hmd-2019"], "nothing could be read"),
    ],
)
def test_wrong_usage_is_none_of_the_verdicts(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(*arguments) == 3
    assert said in capsys.readouterr().err


def test_a_saved_report_that_is_not_as_it_should_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "report.json"
    main(["report", FIXED, "--quiet", "-o", str(saved)])
    document = json.loads(saved.read_text())
    document["devices"][0]["destinations"][0]["ports"] = "443"
    saved.write_text(json.dumps(document))
    assert check(str(saved), "--policy", "hmd-2019") == 3
    assert "report.devices.destinations.ports" in capsys.readouterr().err


def test_what_must_be_seen_must_be_seen_of_each_phone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "report.json"
    main(["report", FIXED, "--quiet", "-o", str(saved)])
    document = json.loads(saved.read_text())
    second = json.loads(json.dumps(document["devices"][0])) | {"id": "10.0.0.9", "label": "second phone"}
    second["destinations"] = [row for row in second["destinations"] if row["country"] != "SG"]
    document["devices"].append(second)
    saved.write_text(json.dumps(document))
    assert check(str(saved), "--policy", "hmd-2019") == 2
    assert "nothing of this kind was seen of second phone" in capsys.readouterr().out


def test_the_own_network_is_in_no_country(tmp_path: Path) -> None:
    saved = tmp_path / "report.json"
    main(["report", FIXED, "--quiet", "-o", str(saved)])
    document = json.loads(saved.read_text())
    (row,) = (row for row in document["devices"][0]["destinations"] if row["country"] == "SG")
    assert check(str(saved), "--policy", "eea") == 1
    row |= {"country": None, "scope": "private", "local": True}
    for other in document["devices"][0]["destinations"]:
        other["identifiers"] = other["identifiers"] if other is row else []
        other["not_understood"], other["protocols"] = {}, ["http"]
    saved.write_text(json.dumps(document))
    assert check(str(saved), "--policy", "eea") == 2  # nothing that leaves was seen
    policy = tmp_path / "eea.toml"
    policy.write_text((POLICIES / "eea.toml").read_text().replace("must_be_seen = true\n", ""))
    assert check(str(saved), "--policy", str(policy)) == 0


def test_the_verdict_is_private(tmp_path: Path) -> None:
    out = tmp_path / "verdict.json"
    main(["check", AFFECTED, "--policy", "hmd-2019", "-o", str(out)])
    assert out.stat().st_mode & 0o777 == 0o600


def test_the_market_of_one_phone(capsys: pytest.CaptureFixture[str]) -> None:
    phone = "Nokia 7 plus (wireguard:phone.conf@51820)"
    assert check(CHINA, "--policy", "hmd-2019", "--market", "CN", "--market", f"{phone}=WW") == 1
    assert f"{phone}: market WW (given by the user; its build numbers say CN)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("markets", "said"),
    [
        (["10.9.9.9=CN"], "there is no such phone"),
        (["CN", "WW"], "all phones cannot be CN and WW"),
        (["10.42.0.23=C"], "known are CN, WW"),
    ],
)
def test_a_market_that_is_not_meant(
    markets: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [part for market in markets for part in ("--market", market)]
    assert check(FIXED, "--policy", "hmd-2019", *options) == 3
    assert said in capsys.readouterr().err


MARKED = """
[policy]
id = "marked"
title = "Before consent"
[[mark]]
name = "consent"
says = "the user agreed"
[[rule]]
id = "before"
says = "No activation before consent."
hosts = ["zzhc.vnet.cn"]
before = "consent"
reference = { title = "A statement", where = "https://maker.example/statement" }
forbidden = { anything = true }
"""


def test_a_phase_by_mark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The affected phone sends from 06:59 on."""
    policy = tmp_path / "marked.toml"
    policy.write_text(MARKED)
    for mark, status in (("06:58:30Z", 0), ("07:30:00Z", 1), ("07:30:00+02:00", 0)):
        assert check(AFFECTED, "--policy", str(policy), "--mark", f"consent=2019-01-22T{mark}") == status
    capsys.readouterr()
    assert check(AFFECTED, "--policy", str(policy), "--explain") == 2
    assert "would settle it: --mark consent=TIME" in capsys.readouterr().out
    # The same in a report: of its verdict a build must not think otherwise.
    saved = tmp_path / "report.json"
    main(
        [
            *("report", AFFECTED, "--quiet", "-o", str(saved), "--policy", str(policy)),
            *("--mark", "consent=2019-01-22T07:30:00Z"),
        ]
    )
    assert json.loads(saved.read_text())["verdict"]["result"] == "broken"


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("consnt=2019-01-22T07:30:00Z", "did you mean 'consent'?"),
        ("consent=half past seven", "a time is meant"),
        ("consent=2019-01-22T07:30:00", "say the time zone"),
    ],
)
def test_a_mark_that_is_none(
    mark: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "marked.toml"
    policy.write_text(MARKED)
    assert check(AFFECTED, "--policy", str(policy), "--mark", mark) == 3
    assert said in capsys.readouterr().err


def test_a_release_that_got_no_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved, waivers = str(tmp_path / "last.json"), tmp_path / "waivers.toml"
    main(["report", AFFECTED, "--quiet", "-o", saved])
    assert check(AFFECTED, "--policy", "hmd-2019", "--baseline", saved) == 0
    assert "4 known, 0 new" in capsys.readouterr().out
    assert check(AFFECTED, "--policy", "hmd-2019", "--policy", "eea", "--baseline", saved) == 2
    waivers.write_text(
        '[[waiver]]\nrule = ["not-to-china", "singapore", "encrypted"]\nuntil = 2999-01-01\n'
        'reason = "ticket 7"\nnetworks = [4134]\n'
    )
    assert check(AFFECTED, "--policy", "hmd-2019", "--waivers", str(waivers)) == 1  # no-person is not waived
    waivers.write_text(waivers.read_text().replace('"encrypted"', '"encrypted", "no-person"'))
    assert check(AFFECTED, "--policy", "hmd-2019", "--waivers", str(waivers)) == 0
    assert check(AFFECTED, "--policy", "hmd-2019", "--waivers", str(tmp_path / "none.toml")) == 3
    assert check(AFFECTED, "--policy", "hmd-2019", "--baseline", AFFECTED) == 3
    assert "saved as JSON: phonehome report CAPTURE -o FILE.json" in capsys.readouterr().err
