"""`--known FILE`: what the user says is this phone's is found in every form."""

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from captures.flows import build_flow, write_flows
from phonehome.cli import main

IMEI = "001012340000425"
EMAIL = "Someone@Example.org"
MAC = "00:00:5e:00:53:2b"

FORMS = {
    "SHA-1 (hex) of": hashlib.sha1(IMEI.encode()).hexdigest(),
    "MD5 (hex) of": hashlib.md5(EMAIL.lower().encode()).hexdigest().upper(),
    "SHA-256 (base64) of": base64.b64encode(hashlib.sha256(MAC.encode()).digest()).decode(),
    "base64 of": base64.b64encode(b"x" + IMEI.encode() + b"yz").decode(),
}


def report(tmp_path: Path, body: bytes, *arguments: str) -> list[dict[str, Any]]:
    capture, known, out = tmp_path / "a.mitm", tmp_path / "known.toml", tmp_path / "report.json"
    headers = (("Content-Type", "application/json"), ("Content-Encoding", "gzip"))
    write_flows(
        capture, [build_flow("https://a.example/x", method="POST", headers=headers, body=gzip.compress(body))]
    )
    known.write_text(f'imei = "{IMEI}"\nemail = "{EMAIL}"\nmac = "{MAC}"\n"work badge" = "B-77-1234"\n')
    known.chmod(0o600)
    assert main(["report", str(capture), "--quiet", "--known", str(known), "-o", str(out), *arguments]) == 0
    (device,) = json.loads(out.read_text())["devices"]
    found: list[dict[str, Any]] = device["destinations"][0]["identifiers"]
    return found


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_found_and_named(form: str, tmp_path: Path) -> None:
    found = report(tmp_path, json.dumps({"a": {"b": FORMS[form]}}).encode())
    certain = [one for one in found if one["certainty"] == "certain"]
    assert certain
    algorithm = form.partition(" ")[0]
    said = [f"{one['path']}: {one['reason']}" for one in certain]
    assert any(algorithm in one and "your" in one for one in said), said


def test_a_value_that_is_no_kind_keeps_its_name(tmp_path: Path) -> None:
    (found,) = report(tmp_path, b'{"q": "b-77-1234"}')
    assert (found["label"], found["certainty"]) == ("your work badge", "certain")


@pytest.mark.parametrize("content", ["imei = ", "imei = 3\n[[x]]", 'imei = "1"'])
def test_a_bad_file_is_a_line(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = tmp_path / "known.toml"
    known.write_text(content)
    assert main(["report", str(tmp_path), "--known", str(known)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("phonehome: --known")
    assert len(said.splitlines()) == 1


def test_a_file_that_others_can_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = tmp_path / "known.toml"
    known.write_text(f'imei = "{IMEI}"\n')
    known.chmod(0o644)
    main(["report", str(tmp_path), "--known", str(known)])
    assert "chmod 600" in capsys.readouterr().err
