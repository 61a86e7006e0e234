"""Completion scripts: of this very command, as a shell uses them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from phonehome.cli import COMMANDS, main
from phonehome.completion import SHELLS


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_names_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(command.NAME in script for command in COMMANDS)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_options_choices_and_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["completion", "bash"])
    (tmp_path / "complete").write_text(capsys.readouterr().out)
    (tmp_path / "phone.mitm").touch()
    lines = {
        "phonehome rep": "report",
        "phonehome report --inc": "--include-captures",
        "phonehome report --format mark": "markdown",
        "phonehome report ph": "phone.mitm",
        "phonehome verify ph": "phone.mitm",
        "phonehome catalogue ch": "check",
    }
    tries = "".join(
        f"COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=(); $function\n"
        "echo ${COMPREPLY[*]}\n"
        for line in lines
    )
    found = "function=$(complete -p phonehome); function=${function##*-F }; function=${function%% *}\n"
    done = subprocess.run(
        ["bash", "-c", f". ./complete\n{found}{tries}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == list(lines.values())


def test_the_version_comes_with_what_conclusions_rest_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("phonehome 0.")
    assert any(line.startswith("table: DB-IP IP to Country Lite, 20") for line in said)
    assert any(line.startswith("catalogue: 1,") for line in said)
