"""`docs/ci.md`: its jobs run as they stand, but for the installation; the `Containerfile` is what it should be. It is
read here and not built: that needs a builder."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from phonehome.cli import main

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "ci.md").read_text("utf-8")
GITHUB, GITLAB = (yaml.safe_load(part.split("```")[0]) for part in TEXT.split("```yaml\n")[1:])


def github() -> Iterator[str]:
    for step in GITHUB["jobs"]["phone"]["steps"]:
        yield from step.get("run", "").splitlines()


def commands(job: str) -> list[str]:
    found = (
        list(github()) if job == "github" else [*GITLAB["phone"]["before_script"], *GITLAB["phone"]["script"]]
    )
    assert "python -m pip install ." in found
    return [line for line in found if " pip install " not in line]


def test_the_github_job_runs_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "captures").symlink_to(ROOT / "captures")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-e", "-c", "\n".join(commands("github"))],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    steps = GITHUB["jobs"]["phone"]["steps"]
    [kept] = [step["with"]["path"].split() for step in steps if "path" in step.get("with", {})]
    assert {*kept, "report.json"} <= {entry.name for entry in tmp_path.iterdir()}
    assert json.loads((tmp_path / "verdict.sarif").read_text())["version"] == "2.1.0"


def test_the_gitlab_job_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: its commands are phonehome's alone."""
    assert run(commands("gitlab"), tmp_path, monkeypatch) == [0, 0, 0]
    assert {*GITLAB["phone"]["artifacts"]["paths"]} <= {entry.name for entry in tmp_path.iterdir()}


def run(lines: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The exit status of each command."""
    (folder / "captures").symlink_to(ROOT / "captures")
    monkeypatch.chdir(folder)
    assert all(line.startswith("phonehome ") for line in lines)
    return [main(shlex.split(line)[1:]) for line in lines]


def test_a_broken_rule_fails_the_job() -> None:
    """Nothing in the jobs swallows the status of the check."""
    for line in [*commands("github"), *commands("gitlab")]:
        assert not re.search(r"\|\||&&|;|\||\btrue\b", line), line
    for step in GITHUB["jobs"]["phone"]["steps"]:
        assert "continue-on-error" not in step
    assert "allow_failure" not in GITLAB["phone"]


def instructions() -> Iterator[tuple[str, str]]:
    text = (ROOT / "Containerfile").read_text("utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, rest = line.partition(" ")
            yield name, rest.strip()


def test_the_container_file_is_sound() -> None:
    found = list(instructions())
    assert {name for name, _ in found} <= {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENTRYPOINT", "CMD"}
    assert found[0][0] == "FROM"
    stages = {rest.split(" AS ")[1] for name, rest in found if name == "FROM" and " AS " in rest}
    for name, rest in found:
        if name == "FROM":
            image = rest.split(" AS ")[0]
            assert re.fullmatch(r"[a-z.]+/[a-z/]+:[0-9][\w.-]+", image), "a name in full, with a version"
        elif name == "COPY" and rest.startswith("--from="):
            assert rest.split()[0].removeprefix("--from=") in stages
        elif name == "COPY":
            for source in shlex.split(rest)[:-1]:
                assert (ROOT / source).exists(), source
        elif name in ("RUN", "ENTRYPOINT", "CMD"):
            words: Any = json.loads(rest)
            assert words
            assert all(isinstance(word, str) for word in words)
    names = [name for name, _ in found]
    assert "USER" in names[len(names) - 1 - names[::-1].index("FROM") :], "it does not run as root"


def test_the_package_needs_no_more_than_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    copied = {source for name, rest in instructions() if name == "COPY" for source in shlex.split(rest)}
    assert {project["readme"], *project["license-files"], "pyproject.toml"} <= copied
    assert {"phonehome", "addons", "analysis"} <= copied


def test_the_commands_in_the_text_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line.strip() for line in TEXT.split("```")[-1].splitlines() if line.startswith("    phonehome ")]
    assert run(lines, tmp_path, monkeypatch) == [0, 0]
