"""Settings of all tests, and what several of them need."""

import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.chromium import ARGUMENTS, CHROMIUM

# How long one example takes says more of what else the machine does than of the code.
settings.register_profile("phonehome", deadline=None)
settings.load_profile("phonehome")

# Hundreds of tests start a Python of their own. One that may not keep what it compiled, as some machines set it,
# compiles mitmproxy each time; workers and what they start inherit this.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    os.environ["PYTHONPYCACHEPREFIX"] = str(Path(__file__).parents[1] / ".pytest_cache" / "compiled")
    sys.dont_write_bytecode, sys.pycache_prefix = False, os.environ["PYTHONPYCACHEPREFIX"]

TOGETHER = (
    "network",
    "test_live_report.py",
    "test_live_page_in_browser.py",
    "test_page_in_browser.py",
    "test_packaging.py",
    "test_patterns.py",
    "test_update.py",
)
"""Folders and files whose tests share what takes long to start: each is run by one process, one test after another."""

SKIPPED_ANYWHERE = ("PHONEHOME_GEO_TABLES", "mitmproxy does not read this file")
"""Parts of the reasons of tests that need more than programs."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One file is run in this process, because others take a second to start; all are run on all cores, by one more
    than those, because a third of what tests do is to wait for a browser, a proxy or a phone."""
    names = config.args if config.args_source is config.ArgsSource.ARGS else ()
    if len(names) == 1 and names[0].partition("::")[0].endswith(".py"):
        return 0
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if shared := next((part for part in item.path.parts if part in TOGETHER), ""):
            item.add_marker(pytest.mark.xdist_group(shared))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where all that the tests need should be there (in CI), one that is skipped has failed."""
    report = yield
    if report.skipped and os.environ.get("PHONEHOME_SKIP_NOTHING"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not any(expected in reason for expected in SKIPPED_ANYWHERE):
            report.outcome = "failed"
            report.longrepr = f"skipped, and PHONEHOME_SKIP_NOTHING is set: {reason}"
    return report


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of the tests' own. In the user's nothing appears: above all no certificate authority of mitmproxy's."""
    theirs = Path.home() / ".mitmproxy"
    before = theirs.exists()
    with pytest.MonkeyPatch.context() as patch:
        own = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(own))
        patch.setenv("USERPROFILE", str(own))
        for name in [name for name in os.environ if name.startswith("XDG_")]:
            patch.delenv(name)
        yield own
    assert theirs.exists() == before, f"a test left {theirs}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()
