"""The page in a real browser: Debian's Chromium, from disk, with the network off.

Pages are opened once and shared: a test leaves them as it found them, or opens its own.
"""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pypdf
import pytest

from phonehome.analysis.compare.changes import compare
from phonehome.analysis.render.side_by_side import render
from phonehome.analysis.report.entries import Document
from tests.chromium import CHROMIUM, DESK, PHONE, WHY_NOT
from tests.report.documents import hostile_document, judged_document, large_document, page_of
from tests.reports import AFFECTED, FIXED, device, document, identifier, row, sample

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
SIZES = {"phone": PHONE, "desk": DESK}


def fleet() -> Document:
    """Eight phones, two captures; the last sent what is grave; a country is excluded, another is in doubt."""
    evidence = [{"kind": "table", "says": "a table says US", "country": "US", "source": "t", "date": None}]
    made = document(
        device(
            row("a.example", "SG"),
            row("b.example", None, country_evidence=evidence, excluded_countries=["US"]),
            row("c.example", "JP", country_certainty="uncertain"),
            id="10.0.0.1",
        ),
        *(
            device(
                row("a.example", ("DE", "NO")[number % 2], purpose_label=f"Purpose {number % 2}"),
                id=f"10.0.0.{number}",
            )
            for number in range(2, 8)
        ),
        device(row(encrypted="no", unencrypted=3, identifiers=[identifier(unencrypted=3)]), id="10.0.0.8"),
    )
    capture = made["captures"][0]
    made["captures"] = [
        {**capture, "path": "later.mitm", "first": "2019-05-12T07:00:00Z", "last": "2019-05-12T09:00:00Z"},
        capture,
    ]
    return made


def short(report: Document) -> Document:
    """The first rows of each device: what a check sees in one, it sees in all."""
    for entry in report["devices"]:
        del entry["destinations"][2:]
    return report


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {
        "sample": judged_document(),
        "hostile": hostile_document(),
        "large": large_document(),
        "fleet": fleet(),
        "short": short(judged_document()),
    }
    pages = {name: page_of(document) for name, document in made.items()}
    pages["changes"] = render(compare(sample(AFFECTED), sample(FIXED)), "html")
    found = {}
    for name, page in pages.items():
        found[name] = folder / f"{name}.html"
        found[name].write_text(page, "utf-8")
    return found


class Opened:
    """A page that was opened from disk, what it asked the network for and what it complained of."""

    def __init__(self, browser: Any, file: Path, viewport: dict[str, int], **options: Any) -> None:
        self.context = browser.new_context(viewport=viewport, **options)
        self.context.set_offline(True)
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())
        self.file = file

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(
            self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )


Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def opened(browser: Any, files: dict[str, Path]) -> Iterator[Open]:
    """Opens a page, or gives that which was opened so before."""
    known: dict[Any, Opened] = {}
    with ExitStack() as stack:

        def opening(name: str, viewport: dict[str, int] = DESK, **options: Any) -> Opened:
            key = (name, viewport["width"], *options.items())
            if key not in known:
                known[key] = stack.enter_context(Opened(browser, files[name], viewport, **options))
            return known[key]

        yield opening


OPEN = "document.querySelectorAll('details').forEach((d, i) => { d.open = i < 20 })"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["sample", "hostile", "large", "changes", "fleet"])
def test_opens_from_disk_without_network_complaint_or_overflow(opened: Open, name: str, size: str) -> None:
    found = opened(name, SIZES[size])
    title = found.page.locator("h1").inner_text()
    said = {
        "changes": "What changed in where the data went",
        "sample": "Nokia 7 plus (10.42.0.23) sent IMEI, SIM number (ICCID) and cell id to China Telecom, "
        "unencrypted",
    }
    assert title == said.get(name, title)
    headline = found.page.locator("h1").bounding_box()
    assert 0 <= headline["y"] < headline["y"] + headline["height"] < 600, "the finding is the first screen"
    assert found.overflow() == 0
    found.page.evaluate(OPEN)
    assert found.overflow() == 0
    assert found.complaints == []
    assert found.asked == [found.file.as_uri()]
    assert found.page.title() == title
    unseen = found.page.evaluate(
        "[...document.querySelectorAll('tbody')].some((e) => getComputedStyle(e).contentVisibility != 'visible')"
    )
    assert unseen == (name == "large"), (
        "a picture of the whole page is whole, but for pages that are very long"
    )


@pytest.mark.parametrize(
    ("size", "texts"),
    [
        (
            "desk",
            (
                "HMD Global's statements of March 2019: BROKEN.",
                "sent IMEI, SIM number (ICCID) and cell id to China Telecom, unencrypted",
                "It sent activation data probably to China 10 times, unencrypted, with IMEI",
            ),
        ),
        (
            "phone",
            (
                "Nokia 7 plus (10.42.0.23), Android 9",
                "10 times, and 4 times more",
                "China (likely)",
                "certain;",
            ),
        ),
    ],
)
def test_the_first_screen_answers(opened: Open, size: str, texts: tuple[str, ...]) -> None:
    found = opened("short", SIZES[size])
    found.page.reload()
    for text in texts:
        box = found.page.get_by_text(text).first.bounding_box()
        assert 0 <= box["y"] < box["y"] + box["height"] < SIZES[size]["height"], text


def test_no_text_is_wider_than_its_box(opened: Open) -> None:
    found = opened("hostile", PHONE)
    found.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    beyond = found.page.evaluate(
        """[...document.querySelectorAll('main *:not(svg *)')]
        .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && e.getClientRects().length)
        .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert beyond == []


def names(found: Opened, device: int = 0) -> list[str]:
    """Destinations that are visible, in order."""
    shown: list[str] = found.page.evaluate(
        """(device) => [...document.querySelectorAll('.destinations')[device].tBodies]
        .filter((row) => !row.hidden).map((row) => {
            const cell = row.rows[0].cells[0].cloneNode(true);
            cell.querySelectorAll('.quiet, .cite').forEach((other) => other.remove());
            return cell.textContent.trim() })""",
        device,
    )
    return shown


def test_filters_sorts_and_opens_rows(browser: Any, files: dict[str, Path]) -> None:
    with Opened(browser, files["sample"], DESK) as found:
        every = names(found)
        device = found.page.locator(".device").first
        device.get_by_role("searchbox").fill("google activation")
        assert names(found) == ["android.clients.google.com"]
        assert device.get_by_role("status").inner_text() == f"1 of {len(every)} rows"
        device.get_by_role("searchbox").fill("")
        device.get_by_label("unencrypted only").check()
        assert "zzhc.vnet.cn" in names(found)
        assert "android.clients.google.com" not in names(found)
        device.get_by_label("unencrypted only").uncheck()
        assert names(found) == every
        assert names(found, 1) != []

        assert every[0] == "zzhc.vnet.cn"
        head = found.page.locator(".destinations").first.locator("thead")
        head.get_by_role("button", name="Destination").click()
        assert names(found) == sorted(names(found))
        head.get_by_role("button", name="Destination").click()
        assert names(found) == sorted(names(found), reverse=True)
        head.get_by_role("button", name="How often").click()
        assert names(found)[0] == "play.googleapis.com"
        assert head.locator("th").nth(3).get_attribute("aria-sort") == "descending"
        assert head.locator("[aria-sort]").count() == 1

        path = found.page.get_by_text("body > base64 > json > IMEI1", exact=True).first
        assert not path.is_visible()
        found.page.locator("#D1 summary").click()
        assert path.is_visible()


def test_works_without_script(opened: Open) -> None:
    found = opened("sample", DESK, java_script_enabled=False)
    assert not found.page.get_by_role("searchbox").first.is_visible()
    found.page.get_by_text("Evidence", exact=True).first.click()
    assert found.page.get_by_text("body > base64 > json > IMEI1", exact=True).first.is_visible()


def test_hostile_text_neither_runs_nor_takes_part(browser: Any, files: dict[str, Path]) -> None:
    with Opened(browser, files["hostile"], DESK) as found:
        assert found.page.evaluate("document.scripts.length") == 1
        assert found.page.evaluate("document.images.length") == 0
        assert "<script>document.title='owned'" in found.page.locator("main").inner_text()
        # And if mark-up did get through, the policy would still not run it.
        found.page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">')"
        )
        found.page.wait_for_timeout(100)
        assert found.page.title() == found.page.locator("h1").inner_text() != "1"
        assert any("Content Security Policy" in text for text in found.complaints)


COLOURS = "{ runOnly: ['color-contrast'], resultTypes: ['violations'] }"
ALL_BUT_COLOURS = "{ rules: { 'color-contrast': { enabled: false } }, resultTypes: ['violations'] }"


@pytest.mark.parametrize(
    ("size", "scheme", "checks"),
    # Colours are the same on a small screen, and all but colours in the dark.
    [
        ("desk", "light", (ALL_BUT_COLOURS, COLOURS)),
        ("desk", "dark", (COLOURS,)),
        ("phone", "light", (ALL_BUT_COLOURS,)),
    ],
)
@pytest.mark.parametrize("name", ["short", "fleet", "changes"])
def test_accessibility(opened: Open, name: str, size: str, scheme: str, checks: tuple[str, ...]) -> None:
    from axe_playwright_python.base import AXE_SCRIPT

    found = opened(name, SIZES[size], color_scheme=scheme)
    found.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    found.page.evaluate(AXE_SCRIPT)
    for check in checks:
        # Outlines of countries hold no text; there are hundreds.
        result = found.page.evaluate(f"axe.run({{ exclude: [['.land']] }}, {check})")
        violations = [
            (rule["id"], rule["impact"], rule["nodes"][0]["html"][:200]) for rule in result["violations"]
        ]
        assert violations == []


def test_the_map_shows_small_places_and_the_world(opened: Open) -> None:
    found = opened("sample", DESK)
    marks = found.page.evaluate(
        """[...document.querySelectorAll('.world.wide .mark')].map((mark) => {
        const box = mark.querySelector('.dot').getBoundingClientRect();
        return [mark.querySelector('title').textContent, Math.min(box.width, box.height)] })"""
    )
    singapore = [size for title, size in marks if title.startswith("Singapore:")]
    assert len(singapore) == 1
    assert all(size >= 8 for _, size in marks)
    labels = found.page.locator(".world.wide text").all_text_contents()
    assert {"China14", "Singapore1", "Mexico?3"} <= set(labels)
    bars = found.page.locator(".bars li").all_text_contents()
    assert [re.sub(r"\s+", " ", text).strip() for text in bars[:3]] == [
        "China likely14",
        "United States uncertain125",
        "Singapore certain1",
    ]


def test_a_long_report_is_laid_out_as_far_as_it_is_seen_and_searched_whole(opened: Open) -> None:
    found = opened("large", DESK)
    assert found.page.evaluate("document.querySelectorAll('*').length") < 70_000
    found.page.evaluate(
        """() => {
        document.querySelectorAll('.destinations thead button')[3].click();
        const filter = document.querySelector('.filter');
        filter.value = 'host-1999';
        filter.dispatchEvent(new Event('input', { bubbles: true })) }"""
    )
    assert found.page.locator(".hits").first.inner_text() == "1 of 2000 rows"


def test_of_many_phones_the_others_are_folded_and_an_anchor_unfolds_them(
    browser: Any, files: dict[str, Path]
) -> None:
    with Opened(browser, files["fleet"], DESK) as found:
        assert found.page.get_by_text("1 more phone that sent such identifiers unencrypted").is_visible()
        last = found.page.locator(".destinations").last
        assert not last.is_visible()
        number = found.page.locator(".destinations tbody").last.get_attribute("id")
        found.page.evaluate("(name) => { location.hash = name }", number)
        last.wait_for(state="visible")


HEADS = ("Encrypted", "Identifiers", "Identifiers inside", "Countries and transmissions")


def ends_with_a_head(page: pypdf.PageObject) -> bool:
    """Whether the last thing on a page is the head of a table."""
    lines = [line.strip() for line in page.extract_text().splitlines() if line.strip()]
    return bool(lines) and len(lines[-1]) < 90 and lines[-1].endswith(HEADS)


def test_prints_the_verdict_unfolded_without_controls_or_a_head_alone(opened: Open) -> None:
    found = opened("short", DESK)
    found.page.reload()
    # To read pictures back takes seconds.
    found.page.evaluate("document.querySelectorAll('svg').forEach((picture) => picture.replaceChildren())")
    # Each offset moves the ends of pages to other places of the tables.
    for offset in (240, 820):
        found.page.evaluate(
            """(offset) => { const sheet = new CSSStyleSheet();
            sheet.replaceSync(`body { padding-top: ${offset}px !important }`);
            document.adoptedStyleSheets = [sheet] }""",
            offset,
        )
        pages = pypdf.PdfReader(io.BytesIO(found.page.pdf(format="A4"))).pages
        assert not any(map(ends_with_a_head, pages))
    text = re.sub(r"\s+", " ", " ".join(page.extract_text() for page in pages))
    assert "Why? Probably in China, which is forbidden (CN)." in text
    assert "unencrypted only" not in text
    assert "What each company got" in text
    assert found.page.locator(".rules details[open]").count() == 0, "on the screen it is folded again"
