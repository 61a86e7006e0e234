"""`phonehome proxy --web` in a real browser: its page has the code that the phone scans."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.chromium import CHROMIUM, DESK, WHY_NOT
from tests.network.parts import PHONEHOME, free_port, running, stop

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)


def test_the_page_shows_the_code_with_the_address_that_was_given(tmp_path: Path, browser: Any) -> None:

    port = free_port()
    command: list[Any] = [
        *PHONEHOME,
        "proxy",
        "--web",
        "--address",
        "198.51.100.7",
        "--captures",
        tmp_path / "c",
    ]
    command += ["--port", free_port(), "--set", f"web_port={port}", "--set", "web_open_browser=false"]
    command += ["--set", f"confdir={tmp_path / 'conf'}"]
    with running(command, port, env={"XDG_DATA_HOME": str(tmp_path)}) as process:
        assert process.stdout is not None
        said = ""
        until = time.monotonic() + 20
        while not (url := re.search(r"under Capture\): (\S+)", said)) and time.monotonic() < until:
            said += process.stdout.readline()
        assert url, said
        page = browser.new_page(viewport=DESK)
        page.goto(url[1])
        page.get_by_text("Capture", exact=True).first.click()
        page.get_by_text("198.51.100.7").wait_for(timeout=10_000)
        assert page.locator("canvas").count() == 1
        page.close()
        stop(process)
