"""What is installed: the same from a checkout and from an archive of the source, all of it under one name, and working
where nothing of the repository is."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("addons", "analysis")
SAMPLE = ROOT / "captures" / "nokia-7-plus-affected.mitm"

pytestmark = pytest.mark.xdist_group("packaging")


def build(kind: str, source: Path, target: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", target],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (made,) = target.iterdir()
    return made


def contents(wheel: Path) -> dict[str, int]:
    """The files of a wheel, with the checksum of each."""
    with ZipFile(wheel) as archive:
        return {each.filename: each.CRC for each in archive.infolist()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which the wheel is installed, beside what it depends on."""
    folder = tmp_path_factory.mktemp("installed") / "environment"
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # Only packages are found so: a link to this checkout, as an editable installation has one, is not followed.
    own = run(folder, python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    Path(own, "more.pth").write_text(sysconfig.get_path("purelib"))
    run(folder, python, "-m", "pip", "install", "--no-deps", "--no-index", "--ignore-installed", wheel)
    return python


def run(cwd: Path, *command: str | Path, **environment: str) -> str:
    """What a command says. It finds neither this checkout nor what the tests have set."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_is_under_one_name(wheel: Path) -> None:
    names = contents(wheel)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"phonehome"}
    for folder in FOLDERS:
        files = [path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py")]
        assert files
        assert not [name for name in files if f"phonehome/{name}" not in names]


def test_the_same_from_a_checkout_and_from_an_archive(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", ROOT, tmp_path / "archive")) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert contents(build("wheel", source, tmp_path / "wheel")) == contents(wheel)


def test_installed_it_works_anywhere(python: Path, tmp_path: Path) -> None:
    (tmp_path / "analysis.py").write_text("raise ImportError('somebody else has this name')")
    code = "import phonehome, phonehome.addons.capture as addon; print(phonehome.__file__, addon.__file__, sep='\\n')"
    assert all(str(python.parents[1]) in line for line in run(tmp_path, python, "-c", code).splitlines())
    assert run(tmp_path, python, "-m", "phonehome", "--version").startswith("phonehome ")
    said = run(tmp_path, python.with_name("phonehome"), "report", SAMPLE, COLUMNS="100")
    assert "unencrypted, with IMEI" in said


def test_installed_the_addons_are_found_and_loaded(python: Path, tmp_path: Path) -> None:
    path = run(tmp_path, python.with_name("phonehome"), "addons", "activation_log").strip()
    assert path.startswith(str(python.parents[1]))
    log = tmp_path / "log.jsonl"
    mitmdump = "from mitmproxy.tools.main import mitmdump; mitmdump()"
    options = (
        "-q",
        "-nr",
        SAMPLE,
        "-s",
        path,
        "--set",
        f"phonehome_activation_log={log}",
        "--set",
        f"confdir={tmp_path}",
    )
    run(tmp_path, python, "-c", mitmdump, *options)
    assert log.read_text().count("zzhc.vnet.cn") > 10


@pytest.mark.parametrize("missing", ["text", "nothing"])
def test_a_checkout_without_links_works(missing: str, tmp_path: Path) -> None:
    """As Git for Windows makes it where it may not make links."""
    shutil.copytree(
        ROOT / "phonehome", tmp_path / "phonehome", ignore=shutil.ignore_patterns(*FOLDERS, "__pycache__")
    )
    for folder in FOLDERS:
        (tmp_path / folder).symlink_to(ROOT / folder)
        if missing == "text":
            (tmp_path / "phonehome" / folder).write_text(f"../{folder}")
    code = "import phonehome.cli, phonehome.analysis, phonehome.addons.shared; print(phonehome.analysis.__file__)"
    assert str(tmp_path / "analysis") in run(tmp_path, sys.executable, "-c", code, PYTHONPATH=str(tmp_path))
    said = run(
        tmp_path, sys.executable, "-m", "phonehome", "report", SAMPLE, COLUMNS="100", PYTHONPATH=str(tmp_path)
    )
    assert "unencrypted, with IMEI" in said


def test_half_a_checkout_says_what_is_missing(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "phonehome", tmp_path / "phonehome", ignore=shutil.ignore_patterns(*FOLDERS, "__pycache__")
    )
    done = subprocess.run(
        [sys.executable, "-m", "phonehome"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode
    assert "core.symlinks" in done.stderr
