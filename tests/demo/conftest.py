"""The play on a loopback port, and somebody's browser in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page

from tests.browser.conftest import browser, complaints, page, phone
from tests.demo.theatre import Play, performing

__all__ = ["browser", "complaints", "page", "phone"]

TOUR_WAS_SEEN = "localStorage.setItem('demo.tour', 'skipped')"


@pytest.fixture
async def play() -> AsyncIterator[Play]:
    """Grace, Linus and Ada in an empty workspace."""
    async with performing() as play:
        yield play


async def visit(page: Page, play: Play, *, tour: bool = False) -> None:
    """Open the demo and wait until it is drawn; without the tour, as on a second visit."""
    if not tour:
        await page.add_init_script(TOUR_WAS_SEEN)
    await page.goto(play.url)
    await page.wait_for_selector("body.ready")


@pytest.fixture
async def grace(play: Play, page: Page) -> Page:
    """Grace's screen, with #growers open. The play comes first: it must still be on when the page is closed."""
    await visit(page, play)
    return page
