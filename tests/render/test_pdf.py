"""The report on paper: readable by another library, complete, and of text that stays text."""

import io
import re
from pathlib import Path
from typing import Any

import pypdf
import pytest

from phonehome.analysis.render import pdf
from phonehome.analysis.report.entries import Document
from phonehome.cli import main
from tests.report.documents import SAMPLES, hostile_document, judged_document, large_document, sample_document


def pages_of(document: Document) -> list[pypdf.PageObject]:
    out = io.BytesIO()
    pdf.write(document, out)
    return list(pypdf.PdfReader(out).pages)


def text_of(pages: list[pypdf.PageObject]) -> str:
    """All text, lines joined."""
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in pages))


@pytest.fixture(scope="module")
def affected() -> list[pypdf.PageObject]:
    return pages_of(sample_document())


def test_the_first_page_says_what_the_phone_did(affected: list[pypdf.PageObject]) -> None:
    text = text_of(affected[:1])
    assert "sent IMEI, SIM number (ICCID) and cell id to China Telecom, unencrypted" in text
    assert "It sent activation data probably to China 10 times, unencrypted, with IMEI" in text
    assert "tried 4 times more without an answer" in text
    assert "Phones of one model, side by side" in text_of(affected[:2])


def test_shows_the_evidence_in_text_that_can_be_searched(affected: list[pypdf.PageObject]) -> None:
    text = text_of(affected)
    for part in (
        "zzhc.vnet.cn",
        "61.139.2.69",
        "body > base64 > json > IMEI1",
        "#1 00101234•••••••",
        "DB-IP IP to Country Lite, 2026-10-01",
        "Neither in the EEA nor covered by an adequacy decision",
        "Seen is not sent",
        "67072f3684df6573b616effa6e0e2cd24ccd746e2b8b0e4b21f28a3e20163527",
        "Natural Earth",
        f"page {len(affected)} of {len(affected)}",
    ):
        assert part in text
    assert "\u200b" not in text


def test_says_which_app_sent_what(affected: list[pypdf.PageObject]) -> None:
    text = text_of(affected)
    assert "By app, as far as it is known" in text
    assert "(com.android.vending): 1 host (android.clients.google.com) in US, 3 transmissions" in text
    assert "App Google Play Store (says the request)" in text


def test_links_back_to_the_location_table_as_its_licence_asks(affected: list[pypdf.PageObject]) -> None:
    links: list[Any] = [note.get_object() for page in affected for note in page.get("/Annots", [])]
    assert "https://db-ip.com" in {link["/A"]["/URI"] for link in links if "/URI" in link.get("/A", {})}


def test_hostile_text_stays_text() -> None:
    text = text_of(pages_of(hostile_document()))
    assert "7*7" in text
    assert '#eval("1") $x$ *bold*' in text
    assert "@label <label>" in text
    assert "<script>document.title" in text
    assert "\u202e" not in text


def test_a_large_report_says_what_it_leaves_out() -> None:
    pages = pages_of(large_document())
    assert len(pages) < 150
    text = text_of(pages[-2:])
    assert "1,400 more destinations are left out here" in text
    assert "560 of these rows are without their evidence here" in text


def test_a_report_without_devices_is_a_page() -> None:
    document = sample_document()
    document["devices"], document["outliers"], document["captures"] = [], [], []
    document["errors"] = [{"path": "x.mitm", "error": "not a flow file"}]
    text = text_of(pages_of(document))
    assert "No transmission of a device was found." in text
    assert "not read: not a flow file" in text


def test_shows_the_verdict_on_the_first_page_and_what_it_rests_on_behind() -> None:
    pages = pages_of(judged_document())
    first = text_of(pages[:1])
    assert "HMD Global's statements of March 2019: BROKEN." in first
    assert first.index("BROKEN") < first.index("It sent activation data probably to China")
    text = text_of(pages[1:])
    assert "What the verdict rests on" in text
    assert "Why? Probably in China, which is forbidden (CN)." in text


def test_the_same_report_is_the_same_file() -> None:
    first, second = io.BytesIO(), io.BytesIO()
    pdf.write(sample_document(), first)
    pdf.write(sample_document(), second)
    assert first.getvalue() == second.getvalue()


@pytest.mark.parametrize(("ending", "begins"), [("pdf", b"%PDF-"), ("html", b"<!doctype html>")])
def test_the_ending_of_the_file_chooses_the_format(ending: str, begins: bytes, tmp_path: Path) -> None:
    out = tmp_path / f"report.{ending}"
    assert main(["report", str(SAMPLES / "china-variant.mitm"), "--quiet", "-o", str(out)]) == 0
    assert out.read_bytes().startswith(begins)
    assert out.stat().st_mode & 0o777 == 0o600


def test_goes_to_standard_output_as_bytes(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["report", str(SAMPLES / "china-variant.mitm"), "--quiet", "--format", "pdf"]) == 0
    assert capfdbinary.readouterr().out.startswith(b"%PDF-")


def test_bounds_the_devices_that_are_printed_and_says_so() -> None:
    document = sample_document()
    devices = [
        {**device, "id": str(number), "destinations": device["destinations"][:1]}
        for device in document["devices"]
        for number in range(60)
    ]
    captures = document["captures"] * 600
    many: Any = {**document, "devices": devices, "captures": captures}
    left = len(devices) - pdf.MAX_DEVICES
    assert left > 0
    text = text_of(pages_of(many))
    assert f"The other {len(devices) - 6} devices" in text
    assert f"{left} more devices are not printed" in text
    assert f"{len(captures) - pdf.MAX_CAPTURES} more captures are not printed" in text
