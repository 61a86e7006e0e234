"""The live page in a real browser: on the laptop, behind the proxy, and asked for by another site."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.addons.live_proxy import Proxy, live_proxy, send
from tests.chromium import CHROMIUM, DESK, PHONE, WHY_NOT

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
IMEI, ICCID = "001012340000425", "8947990000000000048"
HOSTILE = "<img/src=x/onerror=alert(1)>"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with live_proxy(tmp_path_factory.mktemp("proxy")) as found:
        yield found


def register(proxy: Proxy, host: str) -> None:
    assert send(proxy, "/register", host=host, body=json.dumps({"imei": IMEI, "iccid": ICCID})) == 200


@pytest.mark.parametrize(
    ("place", "viewport"), [("laptop", DESK), ("phone", PHONE)], ids=["on the laptop", "behind the proxy"]
)
def test_it_keeps_itself_up_to_date(
    browser: Any, proxy: Proxy, place: str, viewport: dict[str, int], tmp_path: Path
) -> None:
    behind = {"proxy": {"server": f"http://127.0.0.1:{proxy.port}"}} if place == "phone" else {}
    url = "http://phonehome.test/" if behind else f"http://127.0.0.1:{proxy.report_port}/"
    context = browser.new_context(viewport=viewport, **behind)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    page.evaluate("window.notReloaded = true")
    register(proxy, f"{place}.example")
    send(proxy, f"/{HOSTILE}", headers=f"User-Agent: {HOSTILE}\r\n", host=f"plain-{place}.example")
    row = page.locator("tr.activation", has_text=f"{place}.example")
    row.wait_for(timeout=10_000)
    page.get_by_text(f"plain-{place}.example").wait_for(timeout=10_000)
    assert page.evaluate("window.notReloaded") is True
    text = page.inner_text("body")
    assert IMEI not in page.content()
    assert ICCID not in page.content()
    assert "IMEI #1 00101234•••••••" in row.inner_text()
    assert "UNENCRYPTED" in row.inner_text()
    assert "Up to date" in text
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert complaints == []
    page.screenshot(
        path=Path(os.environ.get("PHONEHOME_PICTURES", tmp_path)) / f"live-{place}.png", full_page=True
    )
    context.close()


def test_another_site_gets_nothing(browser: Any, proxy: Proxy) -> None:
    register(proxy, "secret.example")
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{proxy.server_port}/")  # another origin on the same machine
    asked = """async ([url, headers]) => {
        try { return await (await fetch(url, {headers})).text() } catch (error) { return "refused" }
    }"""
    for headers in ({}, {"X-Phonehome": "1"}):
        for path in ("", "report.json"):
            assert (
                page.evaluate(asked, [f"http://127.0.0.1:{proxy.report_port}/{path}", headers]) == "refused"
            )
    framed = """url => new Promise(done => {
        const frame = document.createElement("iframe"); frame.src = url; document.body.append(frame);
        frame.onload = () => { try { done(frame.contentDocument.body.innerText) } catch { done("closed") } };
    })"""
    assert page.evaluate(framed, f"http://127.0.0.1:{proxy.report_port}/") == "closed"
    context.close()
