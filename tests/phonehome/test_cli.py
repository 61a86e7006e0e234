"""The command as its user meets it: exit statuses, errors, files, pipes, interruption."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from phonehome.analysis.decoding.limits import DEFAULT, MOST_DEPTH, Limits
from phonehome.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]
PHONEHOME = Path(sys.executable).with_name("phonehome")
SAMPLE = ROOT / "captures" / "nokia-7-plus-affected.mitm"


def run(*arguments: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PHONEHOME, *arguments], capture_output=True, text=True, timeout=60, check=False, **more
    )


def test_help_teaches_and_answers_at_once() -> None:
    done = run("--help", env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "phonehome.cli" in loaded
    assert not loaded & {"mitmproxy", "rich", "jinja2", "stdnum", "phonehome.analysis.knowledge"}
    assert all(command.NAME in done.stdout for command in COMMANDS)


def test_help_of_a_command_has_examples_and_exit_statuses() -> None:
    for command in COMMANDS:
        text = run(command.NAME, "--help").stdout
        assert f"phonehome {command.NAME}" in text
        assert "exit status" in text


def test_nothing_heavy_is_imported_for_help() -> None:
    heavy = ("mitmproxy", "rich", "phonenumbers", "maxminddb", "stdnum", "msgspec", "tomllib")
    code = f"import sys, phonehome.cli; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_a_report_on_a_pipe_has_no_colours() -> None:
    done = run("report", SAMPLE)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "zzhc.vnet.cn" in done.stdout
    assert all(line == line.rstrip() for line in done.stdout.splitlines())


def test_files_are_private_and_whole(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    out.write_text("old")
    out.chmod(0o644)
    assert main(["report", str(SAMPLE), "--quiet", "-o", str(out)]) == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert json.loads(out.read_text())["schema"] == "phonehome/report/1"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_bad_files_give_a_line_each_and_the_others_a_report(tmp_path: Path) -> None:
    bad = {
        "empty.mitm": b"",
        "har.mitm": b'{"log": {}}',
        "zip.mitm": b"PK\x03\x04....",
        "text.mitm": b"hello",
        "cut.mitm": SAMPLE.read_bytes()[:100],
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    out = tmp_path / "report.json"
    paths = [str(tmp_path / name) for name in bad]
    done = run("report", *paths, tmp_path / "absent.mitm", SAMPLE, "--quiet", "-o", out)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == len(bad) + 1
    assert "Traceback" not in done.stderr
    document = json.loads(out.read_text())
    assert len(document["errors"]) == len(bad) + 1
    assert len(document["devices"]) == 2


def test_a_cut_file_is_reported_with_a_warning(tmp_path: Path) -> None:
    cut = tmp_path / "cut.mitm"
    cut.write_bytes(SAMPLE.read_bytes()[:500_000])
    out = tmp_path / "report.json"
    assert main(["report", str(cut), "--quiet", "-o", str(out)]) == 0
    (capture,) = json.loads(out.read_text())["captures"]
    assert "cut off or damaged at byte" in capture["warnings"][0]
    assert capture["transmissions"] > 50


def test_a_folder_stands_for_the_captures_in_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "phone.har").write_bytes(SAMPLE.read_bytes())
    (tmp_path / "notes.txt").write_text("not a capture")
    out = tmp_path / "report.json"
    assert main(["report", str(tmp_path), "--quiet", "-o", str(out)]) == 0
    assert [Path(one["path"]).name for one in json.loads(out.read_text())["captures"]] == ["phone.har"]
    (tmp_path / "other.pcap").write_bytes(b"\xd4\xc3\xb2\xa1")
    assert main(["report", str(tmp_path), "--quiet", "-o", str(out)]) == 1
    assert "pcap" in json.loads(out.read_text())["errors"][0]["error"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "report.docx"], "no format for the ending"),
        (["--device", "Anna"], "NAME=ADDRESS"),
        (["--geo-db", "/nonexistent.mmdb"], "/nonexistent.mmdb"),
        (["-o", "/nonexistent/report.json"], "cannot write"),
    ],
)
def test_wrong_usage_says_what_to_do(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(SAMPLE), "--quiet", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_device_gets_its_name() -> None:
    said = run("report", SAMPLE, "--device", "Anna=10.42.0.23").stdout
    assert said.startswith("Anna sent IMEI")
    assert "\nAnna  Nokia 7 plus" in said


@pytest.mark.parametrize(
    "arguments",
    [
        f"report {SAMPLE}",
        f"report {SAMPLE} --format json",
        f"report {SAMPLE} --format csv",
        f"inspect {SAMPLE} --limit 200",
        f"inspect {SAMPLE} --limit 200 --format json",
        "locate 61.139.2.69",
        "--help",
    ],
)
def test_a_reader_that_goes_away_is_no_error(arguments: str) -> None:
    command = f"{{ {PHONEHOME} {arguments}; echo $? >&2; }} | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == "0\n"
    assert done.stdout


def test_interruption_leaves_nothing_behind(tmp_path: Path) -> None:
    big = tmp_path / "big.mitm"
    sample = SAMPLE.read_bytes()
    with big.open("wb") as file:
        for _ in range(150):
            file.write(sample)
    out = tmp_path / "report.json"
    process = subprocess.Popen(
        [PHONEHOME, "report", big, "-o", out], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if children.exists():
        while not children.read_text() and process.poll() is None:  # until it has begun to read
            time.sleep(0.02)
    time.sleep(1 if children.exists() else 5)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["big.mitm"]


def test_locate() -> None:
    done = run("locate", "52.74.0.1", "zzhc.vnet.cn")
    assert "AWS publishes this range as its region ap-southeast-1" in done.stdout
    assert "a report takes the address from the capture" in done.stdout
    assert (
        json.loads(run("locate", "61.139.2.69", "--format", "json").stdout)[0]["places"][0]["country"] == "CN"
    )


def test_help_states_the_limits_that_hold() -> None:
    text = " ".join(run("report", "--help").stdout.split())
    assert f"(default: {DEFAULT.depth}, at most {MOST_DEPTH})" in text
    assert f"(default: {DEFAULT.unpacked >> 20})" in text
    assert Limits.of(DEFAULT.depth, DEFAULT.unpacked) == DEFAULT
