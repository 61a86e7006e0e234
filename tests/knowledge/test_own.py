"""A user's own entries: checked as those of the program, asked before them, and named as the user's."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy import exceptions
from mitmproxy.test import taddons

from phonehome.addons.evidence_view import EvidenceView
from phonehome.analysis import knowledge
from phonehome.analysis.examiner import Examiner, Options
from phonehome.analysis.knowledge import FOLDER, KnowledgeError, load
from phonehome.analysis.transmission import Transmission
from phonehome.cli import main
from tests.knowledge.folder import copied

SAMPLE = Path(__file__).parents[2] / "captures" / "nokia-7-plus-affected.mitm"
OWN = """
[[endpoint]]
id = "{id}"
owner = "{owner}"
purpose = "activation"
hosts = ["{host}"]
reference = {{ title = "What was seen", where = "my capture of November" }}
fields = [{{ path = "query > n", kind = "serial", reason = "seen on the box" }}]
"""


def own(folder: Path, host: str, id: str = "mine", owner: str = "Mine", name: str = "mine.toml") -> Path:
    (folder / name).write_text(OWN.format(id=id, host=host, owner=owner))
    return folder


def to(host: str, path: str = "/") -> Transmission:
    return Transmission(time=0, host=host, port=443, path=path, method="POST")


def entry_for(known: knowledge.Knowledge, host: str) -> str | None:
    found = known.catalogue.find(to(host), ())
    return found.id if found else None


def test_an_own_entry_comes_before_the_program_s_for_the_same_host(tmp_path: Path) -> None:
    assert entry_for(knowledge.shipped(), "zzhc.vnet.cn") == "china-telecom-self-registration"
    assert entry_for(load([own(tmp_path, "zzhc.vnet.cn")]), "zzhc.vnet.cn") == "mine"
    assert entry_for(knowledge.shipped(), "zzhc.vnet.cn") == "china-telecom-self-registration"


def test_a_host_that_is_meant_exactly_comes_before_an_own_pattern(tmp_path: Path) -> None:
    known = load([own(tmp_path, "*.vnet.cn")])
    assert entry_for(known, "zzhc.vnet.cn") == "china-telecom-self-registration"
    assert entry_for(known, "other.vnet.cn") == "mine"


def test_a_file_or_a_folder_and_several_of_them(tmp_path: Path) -> None:
    own(tmp_path, "a.example", "a", name="a.toml")
    own(tmp_path, "b.example", "b", name="b.toml")
    assert {entry.id for entry in load([tmp_path]).own} == {"a", "b"}
    assert {entry.id for entry in load([tmp_path / "a.toml"]).own} == {"a"}
    assert {entry.id for entry in load([tmp_path / "a.toml", tmp_path / "b.toml"]).own} == {"a", "b"}


def test_the_reason_says_whose_entry_it_is_and_names_no_folder(tmp_path: Path) -> None:
    entries = load([own(tmp_path, "a.example")]).own
    evidence = Examiner(options=Options(own=entries)).examine(to("a.example", "/?n=R58M123ABC"))
    assert evidence.judgement.reason == "your own entry mine of Mine, in mine.toml (by host)"
    assert [(one.kind, one.certainty) for one in evidence.findings] == [("serial", "certain")]
    assert str(tmp_path) not in repr(evidence)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            [("a.example", "a"), ("b.example", "a")],
            "1.toml: endpoint 'a': id 'a' is in [[endpoint]] number 1",
        ),
        (
            [("a.example", "a"), ("a.example", "b")],
            "1.toml: endpoint 'b': 'a.example' under the same conditions",
        ),
        ([("a.example", "hmd-activation-telemetry")], "did you mean"),
        ([("A.example", "a")], "0.toml: endpoint 'a': host 'A.example' must be a name in lower case"),
    ],
)
def test_own_entries_are_checked(tmp_path: Path, files: list[tuple[str, str]], said: str) -> None:
    shipped_id = next(iter(knowledge.shipped().catalogue.endpoints))
    for number, (host, id) in enumerate(files):
        own(tmp_path, host, shipped_id if "hmd" in id else id, name=f"{number}.toml")
    with pytest.raises(KnowledgeError) as error:
        load([tmp_path])
    assert ("an entry of that id comes with the program" if "hmd" in files[0][1] else said) in str(
        error.value
    )


def test_a_folder_without_entries_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"no \.toml file in it"):
        load([tmp_path])
    with pytest.raises(KnowledgeError, match=r"gone\.toml: cannot be read: No such file"):
        load([tmp_path / "gone.toml"])


COMMANDS = [
    ("report", [SAMPLE], 2),
    ("inspect", [SAMPLE], 2),
    ("check", [SAMPLE, "--policy", "eea"], 3),  # 2 is "could not be judged" there
    ("compare", [SAMPLE, SAMPLE], 2),
    ("proxy", [], 2),
]


@pytest.mark.parametrize(("command", "arguments", "status"), COMMANDS)
def test_every_command_refuses_a_wrong_own_entry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, arguments: list[object], status: int
) -> None:
    own(tmp_path, "A.example")
    assert main([command, *map(str, arguments), "--catalogue", str(tmp_path)]) == status
    captured = capsys.readouterr()
    assert captured.err.startswith("phonehome: mine.toml: endpoint 'mine': host 'A.example'")
    assert captured.out == ""


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The program's own identifiers.toml with a mistake that was once taken for nothing said."""
    text = (FOLDER / "identifiers.toml").read_text()
    folder = copied(tmp_path / "knowledge", "identifiers.toml")
    (folder / "identifiers.toml").write_text(text.replace("\nshape = ", "\nshap = ", 1))
    monkeypatch.setattr(knowledge, "FOLDER", folder)
    knowledge.shipped.cache_clear()
    yield
    knowledge.shipped.cache_clear()


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("command", "arguments", "status"),
    [*COMMANDS, ("locate", ["192.0.2.1"], 2), ("firmware", ["00WW_3_22C"], 2)],
)
def test_every_command_refuses_a_mistake_in_what_comes_along(
    capsys: pytest.CaptureFixture[str], command: str, arguments: list[object], status: int
) -> None:
    assert main([command, *map(str, arguments)]) == status
    captured = capsys.readouterr()
    assert "identifiers.toml: kind 'imei': unknown key 'shap': did you mean 'shape'?" in captured.err
    assert captured.out == ""


def test_nothing_is_read_when_modules_are_imported() -> None:
    """A command could not tell a mistake as one."""
    code = (
        "from phonehome.analysis import knowledge, pipeline; from phonehome.analysis.policy import judge;"
        "from phonehome.analysis.places import locate; print(knowledge.shipped.cache_info().currsize)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "0"


def test_the_report_names_the_own_entry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own(tmp_path, "zzhc.vnet.cn", owner="Somebody of mine")
    for workers in ("1", "2"):
        arguments = ["report", str(SAMPLE), "--quiet", "--format", "json", "--workers", workers]
        assert main([*arguments, "--catalogue", str(tmp_path)]) == 0
        rows = [
            row for phone in json.loads(capsys.readouterr().out)["devices"] for row in phone["destinations"]
        ]
        assert {row["owner"] for row in rows if row["host"] == "zzhc.vnet.cn"} == {"Somebody of mine"}


def test_the_addons_have_the_option_too(tmp_path: Path) -> None:
    own(tmp_path, "a.example")
    view = EvidenceView()
    with taddons.context(view) as context:
        context.configure(view, phonehome_catalogue=[str(tmp_path)])
        assert [entry.id for entry in view._examiner.knowledge.own] == ["mine"]
        (tmp_path / "mine.toml").write_text("x = 1")
        with pytest.raises(exceptions.OptionsError, match=r"mine\.toml: unknown key 'x'"):
            context.configure(view, phonehome_catalogue=[str(tmp_path / "mine.toml")])
