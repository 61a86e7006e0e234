"""Every addon is found, says what it does, and loads into mitmproxy by the path that is printed."""

import subprocess
from pathlib import Path

import pytest

from phonehome.addon_paths import addons
from phonehome.cli import main
from tests.network.parts import MITMDUMP, ROOT

NAMES = (
    "activation_log",
    "attempts",
    "capture",
    "commands",
    "evidence_view",
    "live_report",
    "own_names",
    "own_network",
    "process_names",
    "streams",
    "undecrypted_tls",
)


def test_every_addon_is_listed_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["addons"]) == 0
    said = capsys.readouterr().out
    for name in NAMES:
        path = Path(addons()[name].path)
        assert path.samefile(ROOT / "addons" / f"{name}.py")
        assert f'-s "$(phonehome addons {name})"' in said
    assert set(addons()) == set(NAMES), "what is no addon is not listed"
    assert said.count("\n\n") == len(NAMES) - 1
    for block in said.split("\n\n"):
        assert len(block.strip().splitlines()) == 3


@pytest.mark.parametrize("name", NAMES)
def test_the_path_alone_loads_into_mitmproxy(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["addons", name]) == 0
    path = capsys.readouterr().out.removesuffix("\n")
    sample = ROOT / "captures" / "nokia-7-plus-affected.mitm"
    command: list[str | Path] = [
        MITMDUMP,
        "-nr",
        sample,
        "-s",
        path,
        "--set",
        f"confdir={tmp_path}",
        "--set",
        "flow_detail=0",
    ]
    if name == "live_report":  # somebody else may have the usual one
        command += ["--set", "phonehome_live_report_port=0"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert "rror" not in run.stdout


def test_a_name_that_is_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["addons", "activationlog"]) == 2
    assert "there are activation_log, attempts, capture" in capsys.readouterr().err
