"""`--case`: what the report is made for, in every output, as text and nothing else."""

import io
import json
from pathlib import Path

import jsonschema
import pytest
from pypdf import PdfReader

from phonehome.analysis.knowledge.schema import CaseFile
from phonehome.analysis.render.masked import masked, masking_of
from phonehome.analysis.render.output import rendered
from phonehome.analysis.report.case import case_entry, case_lines
from phonehome.analysis.report.entries import Document
from phonehome.cli import main
from tests.reports import AFFECTED, CAPTURES, sample

SCHEMA = json.loads((CAPTURES.parent / "docs" / "report.schema.json").read_text())
IMEI = next(
    found["value"]
    for row in sample(AFFECTED)["devices"][0]["destinations"]
    for found in row["identifiers"]
    if found["kind"] == "imei"
)


def made(case: CaseFile) -> Document:
    document: Document = {**sample(AFFECTED), "case": case_entry(case)}
    return masked(document, masking_of([document]))


def test_a_text_is_a_line_and_a_paragraph_of_notes_is_one() -> None:
    lines = case_lines(made(CaseFile(number=" 12\n/7 ", phone=("one", "two"), notes="a\nb\n \nc\n")))
    assert lines == [
        ("Number", "12 /7"),
        ("Phone", "one"),
        ("Phone", "two"),
        ("Notes", "a b"),
        ("Notes", "c"),
    ]
    assert case_lines(sample(AFFECTED)) == []


def test_stands_in_every_form_for_people_and_in_json() -> None:
    document = made(
        CaseFile(
            number="7/2019", operator="A. Virtanen", place="Helsinki", sim="prepaid", notes="first start"
        )
    )
    jsonschema.validate(document, SCHEMA)
    pdf = PdfReader(io.BytesIO(rendered(document, "pdf"))).pages[0].extract_text()
    forms = [rendered(document, form).decode() for form in ("terminal", "markdown", "html", "json")]
    for text in (pdf, *forms):
        for said in ("7/2019", "A. Virtanen", "Helsinki", "prepaid", "first start"):
            assert said in text


def test_is_text_and_nothing_else() -> None:
    document = made(
        CaseFile(
            number="<script>alert(1)</script>", notes='\x1b[31m [x](javascript:y) | #read("/etc/passwd")'
        )
    )
    page = rendered(document, "html").decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    for form in ("terminal", "markdown", "html"):
        assert "\x1b" not in rendered(document, form).decode()
    assert "](javascript" not in rendered(document, "markdown").decode()
    assert '#read("/etc/passwd")' in PdfReader(io.BytesIO(rendered(document, "pdf"))).pages[0].extract_text()


def test_what_may_hold_an_identifier_is_masked() -> None:
    case = made(
        CaseFile(
            number="20261126000012", operator="a@authority.example", phone=f"IMEI {IMEI}", sim="+358401234567"
        )
    )
    assert case["case"]["number"] == "20261126000012"
    assert case["case"]["operator"] == "a@authority.example"
    assert case["case"]["phone"] == ["IMEI ‹IMEI #1›"]
    assert "401234567" not in case["case"]["sim"][0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('opertor = "x"', "--case: case.toml: unknown key 'opertor': did you mean 'operator'?"),
        ("", "--case: case.toml: it says nothing: give one of number, operator, place, phone, sim, notes"),
        ("number = 7", "--case: case.toml: 'number' must be a text that is not empty"),
        ("number =", "--case: case.toml: not valid TOML"),
    ],
)
def test_a_mistake_is_a_sentence(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "case.toml"
    file.write_text(text)
    assert main(["report", AFFECTED, "--case", str(file)]) == 2
    assert says in capsys.readouterr().err


def test_the_sample_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", AFFECTED, "--quiet", "--case", str(CAPTURES / "case.toml")]) == 0
    assert "  Number: 2019/031-4\n" in capsys.readouterr().out
