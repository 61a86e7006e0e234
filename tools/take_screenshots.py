"""Takes the pictures of the pages that README and docs show, of the sample captures, in a real browser.

    uv run python tools/take_screenshots.py

Needs Chromium (Debian's package will do). Run it when the look of a page changes, and make the files smaller
(256 colours are enough) before they are committed.
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import sync_playwright

from phonehome.cli import main as phonehome

ROOT = Path(__file__).parents[1]
AFFECTED, FIXED = (str(ROOT / "captures" / f"nokia-7-plus-{name}.mitm") for name in ("affected", "fixed"))


class Shot(NamedTuple):
    """A part of a page: from which element to which height."""

    file: str
    page: str
    start: str
    height: int
    width: int = 1180
    scheme: str = "light"
    opened: str = ""
    """Element that is opened first."""


SHOTS = (
    Shot("page.png", "report", ".kicker", 1010),
    Shot("page-companies.png", "report", "#companies", 860),
    Shot("page-map.png", "report", "#map", 620),
    Shot("page-time.png", "report", "#time", 560),
    Shot("page-flow.png", "report", "#flow", 660, scheme="dark"),
    Shot("page-evidence.png", "report", "#destinations", 960, opened=".destinations .more details"),
    Shot("page-phone.png", "report", ".kicker", 1500, width=390),
    Shot("changes.png", "changes", "h1", 760),
)
MARGIN = 16


def take(browser: Any, shot: Shot, page: Path, out: Path) -> None:
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height}, color_scheme=shot.scheme, offline=True
    )
    view = context.new_page()
    view.goto(page.as_uri())
    if shot.opened:
        view.locator(shot.opened).first.evaluate("(element) => { element.open = true }")
    view.locator(shot.start).first.evaluate(
        f"(element) => scrollTo(0, element.getBoundingClientRect().top + scrollY - {MARGIN})"
    )
    view.wait_for_timeout(200)  # rows that were out of sight are laid out now
    view.screenshot(path=out)
    context.close()


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("no Chromium: apt-get install chromium", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        pages = {name: Path(folder) / f"{name}.html" for name in ("report", "changes")}
        phonehome(["report", AFFECTED, "--policy", "hmd-2019", "--quiet", "-o", str(pages["report"])])
        phonehome(["compare", AFFECTED, FIXED, "--quiet", "-o", str(pages["changes"])])
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--no-first-run"]
        )
        for shot in SHOTS:
            take(browser, shot, pages[shot.page], ROOT / "docs" / "images" / shot.file)
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
