"""Every command that README and docs show is run, in a folder with files of the names that they use; what cannot be is
listed here with the reason. The examples in the help of each command are at least understood."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from captures.flows import build_flow, write_flows
from phonehome import cli
from phonehome.analysis import __version__
from tests.sources.packets.build import Talk, pcap
from tools import docs_site

ROOT = Path(__file__).parents[1]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "captures" / "README.md",
    ROOT / "benchmarks" / "README.md",
)
NOT_RUN = {
    "python3 -m pip install": ".ci/run takes README's two commands out of it and runs them",
    "git clone": "the address of the repository is the reader's",
    "export PATH": ".ci/run runs the README's commands, which do the same",
    "uv ": ".ci/run runs the same",
    "pip install": "fetches from a registry; the optional parts are among the development dependencies",
    "npm install": "fetches from a registry; run by hand for the figures beside it",
    "dask ": "waits for work until it is stopped; tests/phonehome/test_cluster.py starts both",
    "phonehome report /captures/ --cluster": "needs the cluster of the line above; tests/phonehome/test_cluster.py",
    "phonehome report captures/ --cluster": "starts processes; tests/phonehome/test_cluster.py",
    "phonehome proxy": "waits for a phone; tests/network starts it with one",
    "mitmdump -s": "waits for a phone; tests/network starts mitmdump with the addons",
    "mitmdump -nr": "run by hand on 2026-11-26; tests/addons plays flows to the same addons",
    "mitmweb ": "waits for a phone; tests/network/test_web.py has its page",
    "timesketch_importer": "needs a server; tests/phonehome/test_export.py holds the lines against what it asks for",
    "podman ": "needs a builder of containers; docs/ci.md says what was tried",
    "curl ": "needs a server; the line above it makes what is sent, and is run",
    "python -m captures.make_samples": ".ci/run runs it and compares",
    "python -m phonehome.analysis.places.builder": "needs tables that are not kept here; tests/places/test_builder.py",
    "PHONEHOME_GEO_TABLES": "needs tables that are not kept here",
    "python -P -m cProfile": "a command that is run, under a profiler",
    "python -c 'import pstats": "prints what the line above it wrote",
    "python -m benchmarks": "minutes; tests/benchmarks runs what they are made of",
    "python benchmarks/": "minutes; tests/benchmarks runs what they are made of",
}
"""How a command begins, and why it is not run here."""
PROGRAMS = (
    "phonehome ",
    "mitmdump ",
    "mitmweb ",
    "python ",
    "python3 ",
    "uv ",
    "npm ",
    "pip ",
    "podman ",
    "PHONEHOME_",
)
"""How lines begin that stand indented, and are commands."""
WORKED = {"check": (0, 1, 2), "inspect": (0, 1), "": (0,)}
"""Statuses of commands that did what they should: one of `inspect` finds nothing in this folder."""


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Language and line of what is shown as code."""
    language: str | None = None
    for line in text.splitlines():
        if fence := re.match(r"\s*```(\w*)", line):
            language = fence[1] if language is None else None
        elif language is not None:
            yield language, line.strip()
        elif line.startswith("    "):
            yield "indented", line.strip()


def commands(page: Path) -> list[str]:
    """The commands that a page shows, without comments."""
    found = []
    for language, line in blocks(page.read_text("utf-8")):
        if language == "sh" or (language == "indented" and line.startswith(PROGRAMS)):
            command = re.split(r"\s+#\s|\s{4,}", line)[0].strip()
            if command and not command.startswith("#"):
                found.append(command)
    return found


def reason(command: str) -> str:
    """Why a command is not run; empty if it is."""
    return next((why for start, why in NOT_RUN.items() if command.startswith(start)), "")


def toml_of(page: str, holding: str) -> str:
    """The first example of TOML in a page that holds a text."""
    texts = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / page).read_text("utf-8"), re.DOTALL)
    return str(next(text for text in texts if holding in text))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of each name that the pages use; where a page shows what is in a file, it has that."""
    folder = tmp_path_factory.mktemp("docs")
    body = b'{"imei":"490154203237518","iccid":"8944500102198304826"}'
    flow = build_flow(
        "https://activate.maker.example/v2/register",
        method="POST",
        headers=(("Content-Type", "application/json"),),
        body=body,
        address="3.120.0.1",
        client="10.0.0.2",
    )
    write_flows(folder / "phone.mitm", [flow])
    (folder / "captures").mkdir()
    (folder / "FOLDER").mkdir()
    for name in (
        *("before.mitm", "after.mitm", "march.mitm", "release-1.mitm", "release-2.mitm"),
        *(
            "FOLDER/phone.mitm",
            "captures/phone.mitm",
            "captures/nokia-7-plus-affected.mitm",
            "captures/nokia-7-plus-fixed.mitm",
        ),
    ):
        shutil.copy(folder / "phone.mitm", folder / name)
    talk = Talk().open().send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    (folder / "phone.pcapng").write_bytes(pcap(talk.close().frames))
    (folder / "keys.log").write_text(f"CLIENT_RANDOM {'0' * 64} {'1' * 96}\n")
    (folder / "case.toml").write_text(toml_of("case-file.md", "operator"))
    (folder / "our-rules.toml").write_text(toml_of("policies.md", "[policy]"))
    (folder / "waivers.toml").write_text(toml_of("policies.md", "[[waiver]]"))
    (folder / "mine").mkdir()
    (folder / "mine" / "mine.toml").write_text(toml_of("catalogue.md", "[[endpoint]]"))
    known = folder / "known.toml"
    known.write_text('imei = ["356938035643809", "356938035643817"]\nemail = "anna@example.org"\n')
    known.chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for format_ in ("json", "har"):
            command = "report" if format_ == "json" else "convert"
            assert cli.main([command, "phone.mitm", "-o", f"phone.{format_}", "--quiet"]) == 0
    for name in ("report.json", "january.json", "release-1.json"):
        shutil.copy(folder / "phone.json", folder / name)
    shutil.copy(folder / "phone.har", folder / "browser.har")
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_is_run(
    page: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(scratch)
    # Half a second each; what a PDF looks like is tested elsewhere.
    monkeypatch.setattr("typst.compile", lambda source, **options: b"%PDF")
    for command in commands(page):
        if reason(command):
            understood(command)
            continue
        words, into = command, None
        if redirected := re.fullmatch(r"(.*?)\s*>\s*(\S+)", command):
            words, into = redirected[1], scratch / redirected[2]
        program, name, *arguments = shlex.split(words.replace(" /captures/", " captures/"))
        if program == "sed":
            subprocess.run(["bash", "-c", command], check=True)
            continue
        assert program == "phonehome", f"{page.name}: {command}: it is neither run nor listed in NOT_RUN"
        try:
            status = cli.main([name, *(each.replace("~", str(scratch)) for each in arguments)])
        except SystemExit as ended:
            status = int(ended.code or 0)
        said = capsys.readouterr()
        assert status in WORKED.get(name, WORKED[""]), f"{page.name}: {command}\n{said.err}"
        assert "Traceback" not in said.err
        if into is not None:
            into.write_text(said.out)


def understood(command: str) -> None:
    """Whether the parser takes a command of ours as it stands."""
    if command.startswith("phonehome "):
        cli._parser().parse_args(shlex.split(command.partition(" > ")[0])[1:])


def test_what_is_not_run_is_still_shown() -> None:
    every = [command for page in PAGES for command in commands(page)]
    assert [start for start in NOT_RUN if not any(command.startswith(start) for command in every)] == []


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda command: command.NAME)
def test_the_examples_of_a_command_are_understood(command: object) -> None:
    text: str = command.EPILOG  # type: ignore[attr-defined]
    examples = [line.strip() for line in text.splitlines() if line.startswith("  phonehome ")]
    assert examples
    for line in examples:
        understood(re.split(r"\s{4,}|\s+\||\s+>", line)[0])


def test_every_page_is_on_the_site() -> None:
    listed = set(re.findall(r"^\s+- (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} | set(docs_site.PAGES.values()) == listed


def test_links_of_the_repository_become_those_of_the_site() -> None:
    text = (
        "[a](docs/report.md#x) [b](captures/README.md) [c](analysis/examiner.py) [d](https://x.example/) [e](#here) "
        "![f](docs/images/page.png) [`g`](LICENSE)"
    )
    assert docs_site.relinked(text, "README.md", "index.md") == (
        "[a](report.md#x) [b](samples.md) c [d](https://x.example/) [e](#here) ![f](images/page.png) `g`"
    )
    assert docs_site.relinked("[a](../README.md) [b](report.md)", "docs/compare.md", "compare.md") == (
        "[a](index.md) [b](report.md)"
    )


@pytest.mark.parametrize(
    "text",
    [
        '<script defer src="https://cdn.example/x.js"></script>',
        '<link href="//fonts.example/f.css" rel="stylesheet">',
        "<img alt=x src=http://x.example/y.png>",
    ],
)
def test_a_page_of_the_site_loads_nothing_from_elsewhere(text: str, tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text(
        '<a href="https://x.example/">x</a><link rel="canonical" href="https://x.example/"><img src="y.png">'
    )
    docs_site.on_post_build({"site_dir": str(tmp_path)})
    page.write_text(text)
    with pytest.raises(RuntimeError, match="loads something from elsewhere"):
        docs_site.on_post_build({"site_dir": str(tmp_path)})


def test_who_cites_it_cites_this_version() -> None:
    cited = re.search(r'^version: "(.*)"$', (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited is not None
    assert cited[1] == __version__
