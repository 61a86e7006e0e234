"""Settings of all tests, and what several of them need."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.chromium import ARGUMENTS, CHROMIUM

# How long one example takes says more of what else the machine does than of the code; what must be quick has a test of
# its own that measures it.
settings.register_profile("phonehome", deadline=None)
settings.load_profile("phonehome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()
