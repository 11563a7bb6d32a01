"""A real Chromium for the tests: found on the machine, kept off the network, and listened to for complaints.

Where none can be found a test is skipped with a sentence; with `REQUIRE_BROWSER=1` or in CI it fails.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, WebError, async_playwright

from bot.demo import Demo, performing

PATIENCE = 20_000
"""Milliseconds: a busy machine is no fault."""

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ON_MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
OFF_THE_NETWORK = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    # A page that asks for something from elsewhere fails here as it would behind a firewall, and the test with it.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 3,
    "has_touch": True,
    "is_mobile": True,
}


class Complaints:
    """What the browser's console and network had to say: errors only."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def listen(self, context: BrowserContext) -> None:
        """Hear of everything that goes wrong in the context's pages, those opened later included."""
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)
        context.on("requestfailed", self._on_failed_request)

    def expect(self, text: str) -> None:
        """Take back the complaints that hold this text; fails when there is none."""
        meant = [complaint for complaint in self.heard if text in complaint]
        assert meant, f"nothing in the browser complained of {text!r}, only: {self.heard}"
        self.heard = [complaint for complaint in self.heard if text not in complaint]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.heard.append(f"console: {message.text} at {message.location['url']}")

    def _on_error(self, error: WebError) -> None:
        self.heard.append(f"uncaught: {error.error}")

    def _on_failed_request(self, request: Request) -> None:
        # Leaving a page ends its open streams: that is no failure.
        if request.failure != "net::ERR_ABORTED":
            self.heard.append(f"request: {request.failure} for {request.url}")


def find_chromium(playwrights_own: str) -> str | None:
    """The browser's path, or None when this machine has none."""
    found = (shutil.which(name) for name in NAMES)
    places = (str(ON_MACOS), playwrights_own)
    candidates = [os.environ.get("CHROMIUM"), *found, *(place for place in places if Path(place).exists())]
    return next((candidate for candidate in candidates if candidate), None)


def _missing() -> NoReturn:
    reason = (
        "There is no Chromium for this test: install Chromium or Chrome, name one in CHROMIUM, "
        "or run 'python -m playwright install chromium' in .venv."
    )
    if os.environ.get("REQUIRE_BROWSER") == "1" or os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium of the test's own."""
    async with async_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        if path is None:
            _missing()
        # Chromium's sandbox does not work for root, which is who tests run as in most containers.
        as_root = ["--no-sandbox"] if os.getuid() == 0 else []
        launched = await playwright.chromium.launch(executable_path=path, args=[*OFF_THE_NETWORK, *as_root])
        yield launched
        await launched.close()


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """Fails the test at its end when the browser complained of something that the test did not expect."""
    complaints = Complaints()
    yield complaints
    assert complaints.heard == [], "the browser complained"


@asynccontextmanager
async def _one_page(browser: Browser, complaints: Complaints, **options: Any) -> AsyncIterator[Page]:
    context = await browser.new_context(reduced_motion="reduce", **options)
    complaints.listen(context)
    yield await context.new_page()
    await context.close()


@pytest.fixture
async def page(browser: Browser, complaints: Complaints) -> AsyncIterator[Page]:
    """A desktop's window, 1440 by 900."""
    async with _one_page(browser, complaints, **DESKTOP) as page:
        yield page


@pytest.fixture
async def phone(browser: Browser, complaints: Complaints) -> AsyncIterator[Page]:
    """A phone's screen, 390 by 844, with touch."""
    async with _one_page(browser, complaints, **PHONE) as page:
        yield page


@pytest.fixture
async def phone_without_javascript(browser: Browser, complaints: Complaints) -> AsyncIterator[Page]:
    """The same phone with scripts off."""
    async with _one_page(browser, complaints, java_script_enabled=False, **PHONE) as page:
        yield page


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    """What `make demo` shows, with a database of the test's own."""
    async with performing(tmp_path) as show:
        yield show


async def open_demo(page: Page, demo: Demo) -> None:
    """The demo's page, as somebody sees it who has been through the tour."""
    await page.add_init_script("localStorage.setItem('demo.tour', 'skipped')")
    await page.goto(demo.url)
    await page.locator("body.ready").wait_for()


async def open_as_agent(page: Page, demo: Demo) -> None:
    """The demo's page as Grace sees it, who looks after the growers."""
    await open_demo(page, demo)
    await page.locator(f'.face[data-user="{demo.cast.agent}"]').click()


async def open_home(page: Page, demo: Demo) -> None:
    """The bot's own page in Slack, as Grace sees it."""
    await open_as_agent(page, demo)
    await page.get_by_role("button", name=re.compile("FieldView")).first.click()
    if await page.locator('[data-tab="home"]').count():
        await page.locator('[data-tab="home"]').click()
