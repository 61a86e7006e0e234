"""`phonehome inspect`: a claim can be checked by eye, and nothing leaks while it is."""

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from captures.flows import build_flow, write_flows
from phonehome.cli import main

ROOT = Path(__file__).parents[2]
AFFECTED = str(ROOT / "captures" / "nokia-7-plus-affected.mitm")
IMEI = "001012340000425"


def inspect(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    main(["inspect", *arguments, "--format", "json"])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def values(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {value["path"]: value for value in shown["values"]}


def test_shows_what_the_report_counts(capsys: pytest.CaptureFixture[str]) -> None:
    found = inspect(capsys, AFFECTED, "--host", "zzhc.vnet.cn", "--limit", "50")
    assert len(found) == 14
    assert sum(one["outcome"] == "attempted" for one in found) == 4
    assert [one["time"] for one in found] == sorted(one["time"] for one in found)
    imei = values(found[0])["body > base64 > json > IMEI1"]
    assert imei["value"] == "#1 00101234•••••••"
    assert imei["identifiers"][0]["certainty"] == "certain"
    assert (found[0]["country"], found[0]["asn"]) == ("CN", 4134)


def test_masked_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert IMEI not in json.dumps(inspect(capsys, AFFECTED, "--kind", "imei"))
    assert IMEI in json.dumps(inspect(capsys, AFFECTED, "--kind", "imei", "--show-identifiers"))


def test_no_encoding_of_an_identifier_leaks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inner = base64.b64encode(json.dumps({"imei": IMEI}).encode()).decode()
    digest = hashlib.sha1(IMEI.encode()).hexdigest()
    body = json.dumps({"blob": inner, "note": f"imei={IMEI} here", "x": digest}).encode()
    capture, known = tmp_path / "a.mitm", tmp_path / "known.toml"
    flow = build_flow(
        f"https://a.example/{inner}?imei={IMEI}",
        method="POST",
        headers=(("Content-Type", "application/json"),),
        body=body,
    )
    write_flows(capture, [flow])
    known.write_text(f'imei = "{IMEI}"\n')
    known.chmod(0o600)
    (shown,) = inspect(capsys, str(capture), "--known", str(known))
    text = json.dumps(shown)
    assert not any(secret in text for secret in (IMEI, inner, digest))
    found = {mark["reason"] for value in shown["values"] for mark in value["identifiers"]}
    assert any("SHA-1" in reason and "of your IMEI" in reason for reason in found)


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (["--host", "*.vnet.cn", "--limit", "100"], 14),
        (["--host", "61.139.2.69", "--limit", "100"], 14),
        (["--host", "ZZHC.vnet.cn.", "--limit", "100"], 14),
        (["--purpose", "activation", "--device", "10.42.0.57"], 2),
        (["--device", "10.42.0.23", "--kind", "imsi", "--limit", "100"], 14),
        (["--host", "zzhc.vnet.cn", "--limit", "3"], 3),
    ],
)
def test_filters(arguments: list[str], number: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(inspect(capsys, AFFECTED, *arguments)) == number


def test_text_is_plain_in_a_pipe_and_hostile_text_inert(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = tmp_path / "a.mitm"
    write_flows(capture, [build_flow("https://a.example/", headers=(("X-Note", "\x1b[31m[bold]\u202e"),))])
    assert main(["inspect", str(capture)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "[bold]" in out


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--kind", "imie"], 2, "did you mean imei"),
        (["--purpose", "ads"], 2, "is not known"),
        (["--host", "nowhere.example"], 1, "no transmission matches"),
        (["--known", "/nonexistent.toml"], 2, "--known"),
    ],
)
def test_what_finds_nothing_says_so(
    arguments: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", AFFECTED, *arguments]) == status
    assert said in capsys.readouterr().err


def test_depth_and_size_of_decoding_can_be_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = " ".join(hashlib.sha256(bytes([number % 251])).hexdigest() for number in range(50_000))
    body = json.dumps({"text": words, "imei": IMEI}).encode()
    layers = json.dumps({"imei": IMEI}).encode()
    for _ in range(5):
        layers = json.dumps({"a": base64.b64encode(layers).decode()}).encode()
    capture = tmp_path / "a.mitm"
    sent: dict[str, Any] = {"method": "POST", "headers": (("Content-Type", "application/json"),)}
    write_flows(
        capture,
        [
            build_flow("https://deep.example/", body=layers, **sent),
            build_flow("https://long.example/", body=gzip.compress(body), **sent),
        ],
    )

    def found(*more: str) -> set[str]:
        return {one["url"].split("/")[2] for one in inspect(capsys, str(capture), "--kind", "imei", *more)}

    assert found() == {"long.example"}
    assert found("--depth", "11") == {"long.example", "deep.example"}
    assert found("--depth", "11", "--unpacked", "2") == {"deep.example"}
    assert main(["inspect", str(capture), "--depth", "17"]) == 2
    assert "at most 16" in capsys.readouterr().err


def test_what_the_tool_did_to_a_body_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = [{"name": "imei", "value": IMEI}]
    request = {"method": "POST", "url": "https://a.example/", "postData": {"mimeType": "", "params": params}}
    entry = {"startedDateTime": "2019-01-22T07:00:00Z", "request": request, "response": {"status": 200}}
    capture = tmp_path / "a.har"
    capture.write_text(json.dumps({"log": {"entries": [entry]}}))
    assert main(["inspect", str(capture)]) == 0
    said = capsys.readouterr().out
    assert "put together again from form fields" in said
    assert main(["inspect", str(capture), "--format", "json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert "form fields" in shown["remarks"][0]
    assert main(["report", str(capture)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "put together again from form fields, of which order and encoding may differ: 1" in said
    assert "A HAR file does not mark the analyst's own requests" in said
    assert "flow file" not in said
