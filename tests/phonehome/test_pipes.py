"""Captures that come through pipes, and what standard output does not take."""

import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from phonehome import options, pipes
from phonehome.cli import main

ROOT = Path(__file__).parents[2]
PHONEHOME = Path(sys.executable).with_name("phonehome")
SAMPLE = ROOT / "captures" / "nokia-7-plus-affected.mitm"
POLICY = ("--policy", "hmd-2019", "--quiet")

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")


def written_to(path: Path, data: bytes) -> threading.Thread:
    thread = threading.Thread(target=path.write_bytes, args=(data,), daemon=True)
    thread.start()
    return thread


def test_a_fifo_is_read_as_the_file_that_comes_through_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "t"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "t").mkdir()
    fifo = tmp_path / SAMPLE.name
    os.mkfifo(fifo)
    written_to(fifo, SAMPLE.read_bytes())
    assert main(["report", str(fifo), "--quiet", "--workers", "1"]) == 0
    through = capsys.readouterr().out
    assert main(["report", str(SAMPLE), "--quiet", "--workers", "1"]) == 0
    assert through == capsys.readouterr().out
    assert not list((tmp_path / "t").iterdir())


def test_standard_input_and_what_a_shell_puts_in_the_place_of_a_command() -> None:
    report = f"{shlex.quote(str(PHONEHOME))} report --quiet --workers 1"
    command = f"cat {SAMPLE} | {report} <(cat {SAMPLE}) -"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "zzhc.vnet.cn" in done.stdout
    done = subprocess.run(
        ["bash", "-c", f": | {report} -"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "stdin: empty" in done.stderr


def test_a_fifo_without_a_writer_is_said_and_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipes, "SAY_AFTER", 0.0)
    monkeypatch.setattr(pipes, "PATIENCE", 0.1)
    os.mkfifo(tmp_path / "a.pcap")
    assert main(["report", str(tmp_path / "a.pcap")]) == 2
    said = capsys.readouterr().err
    assert "waiting for somebody to write" in said
    assert "a FIFO that nobody writes to" in said


def test_a_pipe_that_does_not_end_is_bounded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipes, "LARGEST", 1 << 20)
    fifo = tmp_path / "a.pcap"
    os.mkfifo(fifo)

    def write() -> None:
        with pytest.raises(BrokenPipeError):
            fifo.write_bytes(bytes(8 << 20))

    writing = threading.Thread(target=write)
    writing.start()
    assert main(["report", str(fifo)]) == 2
    writing.join()
    assert "more than 0 GiB come through it" in capsys.readouterr().err


def test_what_is_no_file_is_refused_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link.mitm").symlink_to(tmp_path / "gone.mitm")
    for path, reason in (
        (tmp_path / "link.mitm", "a link that leads to nothing"),
        ("/dev/zero", "not a capture"),
    ):
        assert main(["report", str(path), "--quiet"]) == 1
        assert reason in capsys.readouterr().err
    assert main(["report", str(SAMPLE), "--known", "/dev/zero"]) == 2
    assert "longer than" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
def test_standard_output_that_is_full_or_closed_has_a_status_of_its_own() -> None:
    some = (
        (f"report {SAMPLE} --quiet --workers 1 --format pdf", ">/dev/full"),
        (f"check {SAMPLE} {' '.join(POLICY)} --workers 1", ">/dev/full"),
        ("locate 61.139.2.69", ">&-"),
    )
    for arguments, where in some:
        done = subprocess.run(
            ["sh", "-c", f"{shlex.quote(str(PHONEHOME))} {arguments} {where}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, where, arguments) == (options.EXIT_OUTPUT, where, arguments)
        assert "standard output cannot be written" in done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
