"""The page as text: complete, escaped, loading nothing, and bounded. What a browser makes of it is tested apart."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from phonehome.analysis.policy.judge import judge_policy
from phonehome.analysis.policy.rules import load
from phonehome.analysis.render.page import page, shares
from tests.report.documents import (
    SCRIPT,
    hostile_document,
    judged_document,
    large_document,
    page_of,
    sample_document,
)
from tests.reports import device, document, identifier, row


class Tags(HTMLParser):
    """All elements with their attributes, and the text outside of style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._texts: list[str] = []
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag in ("style", "script"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self._texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self._texts)


@pytest.fixture(scope="module")
def affected() -> str:
    return page_of(sample_document())


def test_says_what_the_phone_did(affected: str) -> None:
    text = Tags(affected).text
    assert "It sent activation data probably to China 10 times, unencrypted, with IMEI" in text
    assert "tried 4 times more without an answer" in text


def test_the_finding_is_the_title_and_the_headline(affected: str) -> None:
    finding = (
        "Nokia 7 plus (10.42.0.23) sent IMEI, SIM number (ICCID) and cell id to China Telecom, unencrypted"
    )
    assert f"<title>{finding}</title>" in affected
    assert f'<h1 class="alarm">{finding}</h1>' in affected
    text = Tags(affected).text
    for fact in (
        "10 times, and 4 times more without an answer, 2019-01-22 06:59 to 22:27 UTC",
        "by a known endpoint",
    ):
        assert text.index(finding) < text.index(fact) < text.index("It sent activation data")
    verdict = Tags(page_of(judged_document())).text
    assert verdict.index(finding) < verdict.index("The verdict")


def test_a_phone_that_did_nothing_of_note_is_not_accused() -> None:
    quiet = row("www.nrk.no", "NO", purpose="unclassified", protocols=["http"], owner="NRK", company="NRK")
    shown = page_of(document(device(quiet, model="Phone X")))
    assert "<h1>Nothing was recognised that identifies Phone X</h1>" in shown
    assert 'class="facts"' not in shown


def test_companies_stand_with_their_destinations_and_the_routine_apart(affected: str) -> None:
    report = sample_document()
    view = page(report)
    rows = [row for device in report["devices"] for row in device["destinations"]]
    routine = [
        row
        for row in rows
        if row["purpose"] in ("push", "connectivity-check", "time") and not row["identifiers"]
    ]
    assert routine
    clear, times = sum(row["unencrypted"] for row in routine), sum(row["transmissions"] for row in routine)
    names = [company.entry["label"] for company in view.companies.views]
    assert names[0] == "China Telecom"
    assert "Google" in names
    google = view.companies.views[names.index("Google")]
    assert google.encrypted == "encrypted", "what any phone asks in clear text is none of it"
    assert google.sent.endswith(f" sent, {times} routine")
    assert view.companies.routine.startswith(f"Routine, as of any phone: {times} transmissions to ")
    assert view.companies.routine.endswith(f"; {clear} unencrypted.")
    first = report["devices"][0]["destinations"]
    cells = {word: int(number) for number, word in view.devices[0].numbers}
    assert cells["unencrypted"] + cells["unencrypted, routine"] == sum(row["unencrypted"] for row in first)
    assert cells["unencrypted, routine"] == sum(row["unencrypted"] for row in first if row in routine)


def test_every_row_has_an_anchor_of_its_own_and_each_link_leads_to_one(affected: str) -> None:
    tags = Tags(affected).tags
    anchors = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(anchors) == len(set(anchors))
    rows = [anchor for anchor in anchors if re.fullmatch("D[0-9]+", anchor)]
    assert rows == [f"D{number}" for number in range(1, len(rows) + 1)]
    links = {
        attributes["href"] for tag, attributes in tags if tag == "a" and attributes["href"].startswith("#")
    }
    assert {link[1:] for link in links} <= set(anchors)
    assert {f"#{row}" for row in rows} <= links


def test_the_number_of_a_row_does_not_depend_on_how_many_are_shown() -> None:
    document = sample_document()
    every = {row.number: row.name for device in page(document).devices for row in device.rows}
    few = {row.number: row.name for device in page(document, 6, 2).devices for row in device.rows}
    assert few.items() <= every.items()


def test_shows_the_evidence(affected: str) -> None:
    text = Tags(affected).text
    for part in (
        "body > base64 > json > IMEI1",
        "61.139.2.69",
        "AS4134 Chinanet",
        "GeoLite Country, 2019-12-24",
        "2019-01-22 06:59:00 UTC",
        "POST http://zzhc.vnet.cn/",
        "Neither in the EEA nor covered by an adequacy decision of the European Commission on 2019-01-22",
        "67072f3684df6573b616effa6e0e2cd24ccd746e2b8b0e4b21f28a3e20163527",
        "Seen is not sent",
    ):
        assert part in text


def test_masks_what_the_document_masks(affected: str) -> None:
    assert "#1 00101234•••••••" in affected
    assert "001012340000425" not in affected


def test_links_back_to_the_location_table_as_its_licence_asks(affected: str) -> None:
    assert re.search(r'<a href="https://db-ip\.com"[^>]*>IP Geolocation by DB-IP</a>', affected)


def test_tells_the_countries_apart_by_status(affected: str) -> None:
    countries = {item.country.code: item for item in page(sample_document()).countries}
    assert countries["CN"].transfer == countries["SG"].transfer == "neither EEA nor adequate"
    assert countries["CN"].neither
    assert countries["NO"].transfer == countries["DE"].transfer == "EEA"
    assert countries["US"].transfer == "adequacy decision, for some recipients"
    assert countries["US"].reference
    assert "Privacy Shield" in countries["US"].reference[0]
    assert (countries["NO"].since, countries["DE"].since) == ("1994-01-01", "1994-01-01")
    assert "Agreement on the European Economic Area" in Tags(affected).text


def test_allows_its_own_style_and_script_and_nothing_else(affected: str) -> None:
    policy = next(
        attributes["content"]
        for tag, attributes in Tags(affected).tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        inside = re.findall(rf"<{tag}>(.*?)</{tag}>", affected, re.DOTALL)
        assert len(inside) == 1
        digest = base64.b64encode(hashlib.sha256(inside[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_loads_nothing(affected: str) -> None:
    for tag, attributes in Tags(affected).tags:
        assert tag not in ("link", "iframe", "object", "embed", "img", "base", "form")
        assert "src" not in attributes
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        if "href" in attributes:
            held = ("data:text/csv;", "data:application/json;") if "download" in attributes else ()
            assert attributes["href"].startswith("#" if tag != "a" else ("#", "https://", *held))
    assert "@import" not in affected
    assert "url(" not in affected.replace("url(#hatch)", "")


def test_holds_the_report_as_csv_and_json(affected: str) -> None:
    held = {
        attributes["download"]: attributes["href"].partition("base64,")[2]
        for _, attributes in Tags(affected).tags
        if "download" in attributes
    }
    assert json.loads(base64.b64decode(held["report.json"])) == sample_document()
    table = base64.b64decode(held["report.csv"]).decode()
    assert table.startswith("device,model,host,")
    assert "zzhc.vnet.cn" in table
    assert "too long to be held inside" not in affected


def test_hostile_text_stays_text() -> None:
    text = page_of(hostile_document())
    parsed = Tags(text)
    assert sum(tag == "script" for tag, _ in parsed.tags) == 1
    assert not any(tag == "img" for tag, _ in parsed.tags)
    assert "{{ 7*7 }}" in parsed.text
    assert SCRIPT[:40] in parsed.text
    # Controls and marks that turn the direction of writing are shown as escapes.
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", text)
    assert "\\u202e" in text
    assert "n" * 400 not in text


def test_a_large_report_is_small_and_says_what_it_leaves_out() -> None:
    document = large_document()
    assert document["devices"][0]["transmissions"] == 6_000
    assert len(document["devices"][0]["destinations"]) == 2000
    text = page_of(document)
    assert len(text.encode()) < 3_000_000
    assert "1,700 of these rows do not open here" in Tags(text).text


def test_rows_beyond_the_most_are_counted() -> None:
    document = sample_document()
    view = page(document, max_rows=10, max_details=3)
    first, second = view.devices
    assert (len(first.rows), first.rows_left_out, len(second.rows), second.rows_left_out) == (5, 14, 5, 12)
    assert sum(row.detail is not None for device in view.devices for row in device.rows) == 3
    assert first.details_left_out + second.details_left_out == 7


def test_a_report_without_devices_is_a_page() -> None:
    document = sample_document()
    document["devices"], document["outliers"], document["captures"] = [], [], []
    document["errors"] = [{"path": "x.mitm", "error": "not a flow file"}]
    text = Tags(page_of(document)).text
    assert "No transmission of a device was found." in text
    assert "not a flow file" in text


def test_shows_the_verdict_below_the_finding() -> None:
    text = Tags(page_of(judged_document())).text
    summary = "HMD Global's statements of March 2019: BROKEN. 2 of 3 statements contradicted, 1 applies"
    assert 0 < text.index(summary) < text.index("It sent activation data probably to China")
    assert "BROKEN Activation data and diagnostics of phones sold outside China do not go to China." in text
    assert "Against it: sent 10 times and tried 4 times without an answer, to zzhc.vnet.cn." in text
    assert "Why? Probably in China, which is forbidden (CN)." in text
    assert "market WW, by the build number in the traffic" in text


def test_of_a_long_verdict_what_is_left_out_is_counted() -> None:
    phones = [
        device(row(identifiers=[identifier()]), id=f"10.0.{number // 200}.{number % 200}")
        for number in range(120)
    ]
    report = document(*phones)
    report["verdict"] = judge_policy(report, load("eea"))
    view = page(report).verdict
    assert view
    assert view.rules[0].evidence[-1] == "And 108 destinations more."
    assert view.phones[-1] == "and 20 more phones"


def test_shows_no_verdict_without_rules(affected: str) -> None:
    assert "The verdict" not in Tags(affected).text


def test_a_hostile_verdict_stays_text() -> None:
    document = hostile_document()
    verdict = document["verdict"] = judge_policy(document, load("eea"))
    text = page_of(document)
    assert verdict["result"] == "broken"
    assert sum(tag in ("script", "img") for tag, _ in Tags(text).tags) == 1
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", text)


def test_puts_the_phones_of_a_model_side_by_side(affected: str) -> None:
    groups = page(sample_document()).side_by_side
    assert [(group.model, len(group.phones)) for group in groups] == [("Nokia 7 plus", 2)]
    odd, other = groups[0].phones
    assert odd.activation == ["China (likely)", "United States (uncertain)"]
    assert odd.exposed.startswith("IMEI, MAC address")
    assert (other.activation, other.exposed) == (
        ["United States (uncertain)", "Singapore (AWS ap-southeast-1)"],
        "",
    )
    assert "only Nokia 7 plus (10.42.0.23) sent activation data probably to China" in Tags(affected).text


def test_of_many_phones_the_first_stand_large_and_the_others_follow() -> None:
    phones = [
        device(row(country="SG"), id=f"10.0.0.{number}", summary=f"Answer {number}.") for number in range(20)
    ]
    text = Tags(page_of(document(*phones))).text
    assert "The other 14 phones: no identifier of phone, SIM, account or place was seen unencrypted" in text
    assert all(f"Answer {number}." in text for number in range(20))


def test_a_phone_alone_stands_beside_none() -> None:
    assert page(sample_document("nokia-7-plus-fixed.mitm")).side_by_side == []


def test_shares_give_to_the_small_first() -> None:
    assert shares([5, 100, 1], 20) == [5, 14, 1]
    assert shares([5, 5], 20) == [5, 5]
    assert shares([], 20) == []
    assert sum(shares([1000] * 7, 20)) == 20
