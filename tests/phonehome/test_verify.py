"""A report as an archive, and whether it is what it says: each change is named, and the report is made again."""

import hashlib
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from captures.flows import build_flow, write_flows
from phonehome.analysis.casefile import contents, record
from phonehome.analysis.casefile.container import MANIFEST, Archive, whole, write
from phonehome.analysis.policy.rules import load
from phonehome.analysis.render.pdf import Typeset
from phonehome.cli import main
from tests.reports import AFFECTED, CAPTURES
from tests.sources.test_pirogue import call
from tests.sources.test_pirogue import folder as pirogue_folder

IMEI = "490154203237518"
WAIVERS = """
[[waiver]]
rule = "{rule}"
until = 2020-01-01
reason = "ticket 7"
networks = [16509]
"""


@pytest.fixture(scope="module", autouse=True)
def quick_paper() -> Iterator[None]:
    """A PDF takes half a second; one test makes a real one."""
    with pytest.MonkeyPatch.context() as patch:

        def typeset(document: Any, made: int | None = None) -> Typeset:
            return Typeset(json.dumps([document, made], sort_keys=True).encode(), "a stand-in")

        patch.setattr(contents, "typeset", typeset)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a capture, and what it can be read with."""
    found = tmp_path_factory.mktemp("case")
    write_flows(
        found / "phone.mitm",
        [
            build_flow(
                "http://activate.maker.example/v1/register",
                method="POST",
                headers=(("Content-Type", "application/json"),),
                body=json.dumps({"imei": IMEI}).encode(),
                address="13.228.77.14",
            )
        ],
    )
    (found / "known.toml").write_text(f'imei = "{IMEI}"\n')
    (found / "known.toml").chmod(0o600)
    (found / "case.toml").write_text(
        f'number = "7/2019"\nphone = "Nokia, IMEI {IMEI}"\nnotes = "call +358401234567"\n'
    )
    return found


def report(folder: Path, *options: str, to: str = "case.zip") -> Path:
    out = folder / to
    assert main(["report", str(folder / "phone.mitm"), "--quiet", *options, "-o", str(out)]) == 0
    return out


def verified(capsys: pytest.CaptureFixture[str], *options: str | Path) -> tuple[int, str]:
    capsys.readouterr()
    status = main(["verify", *map(str, options)])
    return status, capsys.readouterr().out


def files(path: Path) -> dict[str, bytes]:
    with Archive(path) as archive:
        return {name: archive.read(name, 1 << 30) for name in archive.sizes if name != MANIFEST}


def forged(path: Path, to: Path, **changed: bytes | None) -> Path:
    """The archive with other files in it, and a manifest that fits them; `_` in a name stands for `.`."""
    now = {**files(path), **{name.replace("_", "."): data for name, data in changed.items()}}
    with to.open("wb") as file:
        write(file, (whole(name, data) for name, data in now.items() if data is not None))
    return to


@pytest.fixture(scope="module")
def case(folder: Path) -> Path:
    return report(folder, "--case", str(folder / "case.toml"), "--policy", "eea", "--include-captures")


def test_the_same_input_makes_the_same_bytes(folder: Path, case: Path, tmp_path: Path) -> None:
    for name in ("phone.mitm", "case.toml"):
        shutil.copy(folder / name, tmp_path / name)
    os.utime(tmp_path / "phone.mitm", (1, 1))
    again = report(
        tmp_path, "--case", str(tmp_path / "case.toml"), "--policy", "eea", "--include-captures", to="b.zip"
    )
    assert again.read_bytes() == case.read_bytes()
    assert stat.S_IMODE(again.stat().st_mode) == 0o600


def test_says_how_it_was_made(case: Path) -> None:
    found = files(case)
    assert list(found) == [
        "README.txt", "report.html", "report.pdf", "report.json", "report.csv", "verdict.json", "provenance.json",
        "captures/phone.mitm", "inputs/policy/eea.toml", "inputs/case/case.toml",
    ]  # fmt: skip
    about: record.Record = json.loads(found["provenance.json"])
    assert about["command"] == (
        "phonehome report captures/phone.mitm --policy inputs/policy/eea.toml --case inputs/case/case.toml "
        "--include-captures -o case.zip"
    )
    assert about["inputs"][0]["sha256"] == hashlib.sha256(found["captures/phone.mitm"]).hexdigest()
    assert about["made"] is None
    assert about["environment"]["libraries"]["mitmproxy"]
    assert len(about["program"]["sha256"]) == len(about["catalogue"]["sha256"]) == 64
    assert [table["file"] for table in about["tables"]] == ["locations.mmdb", "past.mmdb"]
    assert json.loads(found["verdict.json"]) == json.loads(found["report.json"])["verdict"]


def test_holds_no_identifier_and_no_path_unless_told(folder: Path) -> None:
    path = report(
        folder,
        *("--known", str(folder / "known.toml"), "--case", str(folder / "case.toml")),
        *("--device", f"{IMEI}={folder}/phone.mitm:10.42.0.23"),
        to="masked.zip",
    )
    everything = path.read_bytes()
    for secret in (
        IMEI,
        "401234567",
        str(folder),
        hashlib.sha256((folder / "known.toml").read_bytes()).hexdigest(),
    ):
        assert secret.encode() not in everything
    assert not any(name.startswith("captures/") for name in files(path))
    assert b"7/2019" in everything


def test_time_is_what_the_environment_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(report(folder, to="without.zip"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    after = files(report(folder, to="with.zip"))
    assert json.loads(after["provenance.json"])["made"] == 1_700_000_000
    assert [name for name in before if before[name] != after[name]] == ["report.pdf", "provenance.json"]


def test_one_that_is_whole_is_made_again(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = verified(capsys, case)
    assert status == 0
    assert hashlib.sha256(case.read_bytes()).hexdigest() in said
    assert "made again from 1 captures: the same, byte for byte" in said
    assert verified(capsys, case, "--quiet") == (0, "")


def test_captures_that_are_not_inside_can_be_given(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = report(folder, "--known", str(folder / "known.toml"), "--at", "FI", to="apart.zip")
    assert "not made again: 1 captures are not in the archive" in verified(capsys, path)[1]
    assert verified(capsys, path, AFFECTED)[0] == 3
    status, said = verified(capsys, path, folder / "phone.mitm")
    assert (status, "known.toml (--known) was not given" in said) == (3, True)
    renamed = shutil.copy(folder / "phone.mitm", tmp_path / "other.mitm")
    status, said = verified(capsys, path, renamed, "--known", folder / "known.toml")
    assert (status, "the same, byte for byte" in said) == (0, True)


TAMPERED: dict[str, tuple[Callable[[dict[str, bytes]], dict[str, bytes | None]], int, str]] = {
    "a form of the report": (
        lambda now: {"report_html": now["report.html"].replace(b"maker.example", b"other.example")},
        1,
        "report.html: is not what report.json makes",
    ),
    "a verdict": (lambda now: {"verdict_json": b"{}\n"}, 1, "verdict.json: is not what report.json makes"),
    "a form that is missing": (lambda now: {"report_csv": None}, 1, "report.csv: missing"),
    "the report is missing": (lambda now: {"report_json": None}, 1, "report.json: missing"),
    "a report that is none": (lambda now: {"report_json": b"[1]"}, 1, "report.json: not a report of schema"),
    "a capture": (
        lambda now: {"captures/phone_mitm": now["captures/phone.mitm"] + b" "},
        1,
        "captures/phone.mitm: not the file of provenance.json",
    ),
    "a capture that is missing": (lambda now: {"captures/phone_mitm": None}, 1, "missing, though provenance.json"),
    "a capture too many": (lambda now: {"captures/x": b""}, 1, "captures/x: provenance.json does not know it"),
    "no record": (lambda now: {"provenance_json": b"{"}, 1, "provenance.json: not valid JSON"),
    "a record of another version": (lambda now: {"provenance_json": b"{}"}, 1, "another version of phonehome"),
    "a record that lacks something": (
        lambda now: {"provenance_json": b'{"schema": "phonehome/case/1"}'},
        1,
        "not as this version writes it (record.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", TAMPERED)
def test_what_does_not_fit_is_named(
    kind: str, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, status, says = TAMPERED[kind]
    path = forged(case, tmp_path / "x.zip", **change(files(case)))
    found, said = verified(capsys, path)
    assert (found, says in said) == (status, True), said


def test_a_changed_file_is_named(case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(case.read_bytes())
    with zipfile.ZipFile(case) as archive:
        place = data.index(b"activate.maker.example", archive.getinfo("report.json").header_offset)
    data[place : place + 8] = b"inactive"
    (tmp_path / "x.zip").write_bytes(data)
    status, said = verified(capsys, tmp_path / "x.zip")
    assert (status, "report.json: damaged" in said) == (1, True)


def test_a_file_too_many_and_one_too_few_are_named(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = files(case)
    kept = [(name, data) for name, data in now.items() if name != "README.txt"] + [("more.txt", b"")]
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        listed = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in now.items())
        for name, data in [*kept, (MANIFEST, listed.encode())]:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o600) << 16
            archive.writestr(info, data)
    status, said = verified(capsys, path)
    assert status == 1
    assert "README.txt: missing, though the manifest lists it" in said
    assert "more.txt: the manifest does not list it" in said


def rewritten(case: Path, to: Path, change: Callable[[Any], None]) -> Path:
    """An archive in which all is of one mind, and the report is another one."""
    document = json.loads(files(case)["report.json"])
    change(document)
    made = contents.contents(document, None).files
    return forged(case, to, **{name.replace(".", "_"): data for name, data in made.items()})


def test_a_report_that_the_captures_do_not_give_is_told(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(document: Any) -> None:
        document["devices"][0]["destinations"][0]["country"] = "CN"

    status, said = verified(capsys, rewritten(case, tmp_path / "x.zip", change))
    assert status == 3
    assert "report.json: another one when it is made again" in said
    assert 'devices[0].destinations[0].country: "CN" was "SG" now' in said
    assert "and program, tables and libraries are those that it was made with" in said


def test_another_version_is_said(case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    about = json.loads(files(case)["provenance.json"])
    about["program"]["version"] = "0.0.9"
    about["environment"]["libraries"]["typst"] = "0.1"
    about["tables"][0]["sha256"] = about["catalogue"]["sha256"] = "0" * 64
    path = forged(case, tmp_path / "x.zip", provenance_json=json.dumps(about).encode())
    status, said = verified(capsys, path)
    assert status == 0
    assert "those that it was made with" not in said
    for text in ("it was phonehome 0.0.9", "catalogue", "table locations.mmdb", "typst 0.1, now"):
        assert text in said


def test_what_a_stranger_wrote_acts_on_nothing(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = files(case)

    def of(change: Callable[[Any], None], name: str = "provenance.json") -> Path:
        found = json.loads(now[name])
        change(found)
        return forged(case, tmp_path / "x.zip", **{name.replace(".", "_"): json.dumps(found).encode()})

    def set_place(about: Any) -> None:
        about["inputs"][0]["place"] = "../../outside"

    def set_option(about: Any) -> None:
        about["options"]["device"] = ["\x1b[31m"]

    def set_time(about: Any) -> None:
        about["options"]["as_of"] = "yesterday"

    def set_numbers(document: Any) -> None:
        document["devices"][0]["transmissions"] = -(10**400)
        document["devices"][0]["destinations"][0]["first"] = "\x1b[2J"

    for change, expected in ((set_place, 1), (set_option, 3), (set_time, 3)):
        status, said = verified(capsys, of(change))
        assert status == expected
        assert "\x1b" not in said
        assert "Traceback" not in said
    status, said = verified(capsys, of(set_numbers, "report.json"))
    assert status == 1
    assert "\x1b" not in said
    assert not (tmp_path.parent / "outside").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["report", AFFECTED, "--include-captures", "-o", "x.html"], "--include-captures is for an archive"),
        (["verify", "/nowhere.zip"], "/nowhere.zip: No such file"),
        (["verify", str(CAPTURES)], "Is a directory"),
    ],
)
def test_wrong_usage(options: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options) == 2
    assert says in capsys.readouterr().err


def test_a_name_that_no_archive_can_keep_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = shutil.copy(folder / "phone.mitm", folder / "odd\nname.mitm")
    assert main(["report", str(odd), "--include-captures", "-o", str(folder / "no.zip")]) == 2
    assert "cannot be the name of a file in an archive" in capsys.readouterr().err
    assert not (folder / "no.zip").exists()
    Path(odd).unlink()


def test_files_of_several_folders_keep_apart(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in ("one", "two"):
        (tmp_path / number).mkdir()
        shutil.copy(folder / "phone.mitm", tmp_path / number / "phone.mitm")
    (tmp_path / "two" / "phone.mitm").write_bytes((folder / "phone.mitm").read_bytes() * 2)
    out = tmp_path / "case.zip"
    both = [str(tmp_path / number / "phone.mitm") for number in ("one", "two")]
    assert main(["report", *both, "--quiet", "--include-captures", "-o", str(out)]) == 0
    assert {"captures/1/phone.mitm", "captures/2/phone.mitm"} <= files(out).keys()
    assert verified(capsys, out)[0] == 0


def test_the_pdf_is_made_to_be_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from phonehome.analysis.render import pdf

    monkeypatch.setattr(contents, "typeset", pdf.typeset)
    found = files(report(folder, to="real.zip"))
    assert json.loads(found["provenance.json"])["pdf"] == "PDF/A-2u"
    assert b"<pdfaid:part>2</pdfaid:part>" in found["report.pdf"]
    assert found["report.pdf"] == files(report(folder, to="real.zip"))["report.pdf"]
    (folder / "x.pdf").write_bytes(found["report.pdf"])
    assert "maker.example" in "".join(page.extract_text() for page in PdfReader(folder / "x.pdf").pages)


def test_what_lies_beside_packets_comes_along(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pirogue").mkdir()
    traffic = pirogue_folder(tmp_path / "pirogue", [call(40000, "com.example.app")])
    (traffic.parent / "sslkeylog.txt").write_text(f"CLIENT_RANDOM {'0' * 64} {'1' * 96}\n")
    inside, apart = tmp_path / "inside.zip", tmp_path / "apart.zip"
    assert main(["report", str(traffic), "--quiet", "--include-captures", "-o", str(inside)]) == 0
    assert main(["report", str(traffic), "--quiet", "-o", str(apart)]) == 0
    beside = {f"captures/{name}" for name in ("sslkeylog.txt", "device.json", "socket_trace.json")}
    assert beside <= files(inside).keys()
    assert not beside & files(apart).keys()
    assert verified(capsys, inside)[0] == 0
    assert "the same, byte for byte" in verified(capsys, apart, traffic.parent)[1]


def test_the_day_counts_only_for_waivers(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "waivers.toml").write_text(WAIVERS.format(rule=load("eea").rules[0].id))
    options = ("--policy", "eea", "--waivers", str(folder / "waivers.toml"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1500000000")
    path = report(folder, *options, to="waived.zip")
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    found = files(path)
    assert json.loads(found["provenance.json"])["options"]["judged_on"] == "2017-07-14"
    assert b"ticket 7" in found["inputs/waivers/waivers.toml"]
    assert "the same, byte for byte" in verified(capsys, path, folder / "phone.mitm")[1]
    assert found["verdict.json"] != files(report(folder, *options, to="waived.zip"))["verdict.json"]
    other = files(report(folder, "--policy", "eea", to="plain.zip"))
    assert json.loads(other["provenance.json"])["options"]["judged_on"] is None


def test_a_name_that_holds_an_identifier_is_masked(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture, out = tmp_path / f"{IMEI}.mitm", tmp_path / "case.zip"
    shutil.copy(folder / "phone.mitm", capture)
    assert main(["report", str(capture), "--quiet", "-o", str(out)]) == 0
    about: record.Record = json.loads(files(out)["provenance.json"])
    assert about["inputs"][0]["place"] == "captures/‹IMEI #1›.mitm"
    assert about["command"] == "phonehome report 'captures/‹IMEI #1›.mitm' -o case.zip"
    assert IMEI.encode() not in out.read_bytes()
    assert "the same, byte for byte" in verified(capsys, out, capture)[1]
