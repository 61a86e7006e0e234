"""`phonehome report` with rules: the verdict comes first, in every format, and does not change the exit status."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from phonehome.analysis.places import online
from phonehome.analysis.report.model import Report
from phonehome.analysis.transmission import Transmission
from phonehome.cli import main
from phonehome.report import ask_online
from tests.examining import examine
from tests.reports import AFFECTED, CHINA

SUMMARY = "HMD Global's statements of March 2019: BROKEN."


def report(*arguments: str) -> int:
    """The exit status, also where argparse leaves by itself."""
    try:
        return main(["report", "--quiet", *arguments])
    except SystemExit as left:
        return int(left.code or 0)


@pytest.mark.parametrize("format_", ["terminal", "markdown"])
def test_the_verdict_comes_first(format_: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(AFFECTED, "--policy", "hmd-2019", "--format", format_) == 0
    out = " ".join(capsys.readouterr().out.replace("\\", "").split())
    assert 0 <= out.index(SUMMARY) < out.index("It sent activation data probably to China")
    assert "Against it: sent 10 times and tried 4 times without an answer, to zzhc.vnet.cn." in out


def test_the_verdict_is_that_of_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "report.json"
    assert report(AFFECTED, "--policy", "hmd-2019", "-o", str(saved)) == 0
    assert main(["check", AFFECTED, "--policy", "hmd-2019", "--quiet", "--format", "json"]) == 1
    alone = json.loads(capsys.readouterr().out)
    assert json.loads(saved.read_text())["verdict"].items() <= alone.items()


def test_without_rules_there_is_none(tmp_path: Path) -> None:
    saved = tmp_path / "report.json"
    assert report(AFFECTED, "-o", str(saved)) == 0
    assert json.loads(saved.read_text())["verdict"] is None


def test_a_phone_has_the_market_that_the_user_says(tmp_path: Path) -> None:
    saved = tmp_path / "report.json"
    phone = "Nokia 7 plus (10.42.0.57)"
    assert report(AFFECTED, "--policy", "hmd-2019", "--market", f"{phone}=CN", "-o", str(saved)) == 0
    phones = {entry["label"]: entry for entry in json.loads(saved.read_text())["verdict"]["phones"]}
    assert phones[phone]["market"] == "CN"
    assert phones["Nokia 7 plus (10.42.0.23)"]["market"] == "WW"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--market", "WW"], "--market is for --policy"),
        (["--policy", "hmd-2018"], "did you mean 'hmd-2019'?"),
        (["--policy", "eea", "--market", "XX"], "--market XX: known are "),
        (["--policy", "eea", "--market", "nobody=CN"], "there is no such phone; there is 10.42.0.23"),
    ],
)
def test_wrong_rules_are_told_before_anything_is_written(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    assert report(CHINA if "XX" in options else AFFECTED, *options, "-o", str(out)) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_a_good_report_is_not_replaced_by_an_empty_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, broken = tmp_path / "report.json", tmp_path / "broken.mitm"
    out.write_text("the report of yesterday")
    broken.write_bytes(b"nothing of the kind")
    assert main(["report", str(broken), "--quiet", "-o", str(out)]) == 1
    assert out.read_text() == "the report of yesterday"
    said = capsys.readouterr()
    assert str(broken) in said.err
    assert "nothing could be read" in said.err
    assert main(["report", str(broken), "--quiet", "--format", "json"]) == 1
    assert capsys.readouterr().out == ""


def test_a_name_that_fits_no_phone_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(AFFECTED), "--quiet", "--device", "Anna=10.9.9.9"]) == 0
    assert "Anna=10.9.9.9" in capsys.readouterr().err


IDENTIFIERS = {
    "imei": "352099001761481",
    "iccid": "89470800123456789034",
    "mac": "ac:37:43:a1:b2:c3",
    "advertising_id": "6f1d0c52-8a37-4b0e-9d7f-52a1c3e80b41",
    "email": "someone.private@example.org",
}


@pytest.mark.parametrize("known", [False, True])
def test_online_asks_for_nothing_that_carries_an_identifier(
    known: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: set[str] = set()

    class Recorder:
        def look_up(self, addresses: Iterable[str], names: Iterable[str]) -> online.OnlineResults:
            asked.update(addresses, names)
            return online.OnlineResults()

    monkeypatch.setattr(online, "OnlineLookups", Recorder)
    labels = [value.replace(":", "-").replace("@", ".at.") for value in IDENTIFIERS.values()]
    hosts = [f"{label}.up.example.cn" for label in labels] + [
        f"a-{labels[0]}.up.example.cn",
        "plain.example.cn",
    ]
    address = "2001:db8:1:2:ae37:43ff:fea1:b2c3"  # its second half is made of the MAC address
    report = Report()
    for host in hosts:
        body = json.dumps(IDENTIFIERS).encode() if known else b""
        report.add(
            "a.mitm",
            examine(
                Transmission(
                    time=1_548_140_400.0,
                    client="10.0.0.9",
                    address=address if host == hosts[0] else "61.139.2.69",
                    host=host,
                    host_source="host",
                    port=80,
                    method="POST",
                    headers=(("Content-Type", "application/json"),),
                    payloads=(body,),
                )
            ),
        )
    ask_online(report, quiet=False)
    assert asked == {"plain.example.cn", "61.139.2.69"}
    assert "7 that may hold an identifier are not asked about" in capsys.readouterr().err
