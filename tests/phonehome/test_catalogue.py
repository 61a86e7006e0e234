"""`phonehome catalogue check`: what is wrong, what an entry matches, and what its fields took."""

from pathlib import Path

import pytest

from phonehome.cli import main

SAMPLE = Path(__file__).parents[2] / "captures" / "nokia-7-plus-affected.mitm"
ENTRY = """
[[endpoint]]
id = "mine"
owner = "Mine"
purpose = "activation"
hosts = ["zzhc.vnet.cn"]
reference = { title = "What was seen", where = "my capture of November" }
fields = [
  { path = "body > base64 > json > IMEI1", kind = "imei", reason = "its name" },
  { path = "body > base64 > json > IMEI9", kind = "imei", reason = "a guess" },
  { path = "body > base64 > json > OSVER", kind = "imei", reason = "a mistake" },
]

[[endpoint]]
id = "mine-too"
owner = "Mine"
purpose = "activation"
hosts = ["zzhc.vnet.cn"]
path = "/never"
reference = { title = "What was seen", where = "my capture of November" }
"""


@pytest.fixture
def entries(tmp_path: Path) -> Path:
    (tmp_path / "mine.toml").write_text(ENTRY)
    return tmp_path / "mine.toml"


def test_what_is_right_is_said(entries: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "check", str(entries)]) == 0
    assert capsys.readouterr().out == "2 entries, nothing wrong\n"


def test_all_mistakes_are_told(entries: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = ENTRY.replace("owner =", "owmer =").replace('kind = "imei", reason = "a guess"', 'kind = "imei"')
    entries.write_text(text)
    assert main(["catalogue", "check", str(entries), str(SAMPLE)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("unknown key 'owmer': did you mean 'owner'?") == 2
    assert "endpoint 'mine': 'fields' number 2: 'reason' is missing" in captured.err


def test_what_each_entry_and_field_took(entries: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "check", str(entries), str(SAMPLE)]) == 0
    said = capsys.readouterr().out
    lines = {line.partition(": ")[0].strip(): line.partition(": ")[2] for line in said.splitlines()}
    assert lines["endpoint mine"].startswith("matches ")
    assert lines["endpoint mine-too"] == "matches nothing here"
    assert "to its hosts are something else: your own entry mine of Mine, in mine.toml (by host)" in said
    assert "imei #1 00101234•••••••, certain" in lines["body > base64 > json > IMEI1"]
    assert lines["body > base64 > json > IMEI9"].startswith("nothing there; there is body > base64 > json > ")
    assert "has not the form of kind imei" in lines["body > base64 > json > OSVER"]


def test_values_are_masked_unless_asked_for(entries: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "check", str(entries), str(SAMPLE)]) == 0
    masked = capsys.readouterr().out
    assert main(["catalogue", "check", str(entries), str(SAMPLE), "--show-identifiers"]) == 0
    [whole] = [line for line in capsys.readouterr().out.splitlines() if "IMEI1: " in line]
    value = whole.partition("imei ")[2].partition(",")[0]
    assert len(value) == 15
    assert value not in masked


def test_a_capture_that_is_none(entries: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.mitm").write_bytes(b"nothing")
    assert main(["catalogue", "check", str(entries), str(tmp_path / "broken.mitm")]) == 1
    assert "broken.mitm" in capsys.readouterr().err
