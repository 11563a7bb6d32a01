"""The browser of the tests notices what goes wrong in a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser import conftest
from tests.browser.conftest import Complaints, find_chromium


async def test_a_script_that_fails_is_noticed(page: Page, complaints: Complaints) -> None:
    async with page.expect_event("pageerror"):
        await page.set_content("<script>nothing.here()</script>")
    complaints.expect("nothing is not defined")


async def test_a_console_error_is_noticed(page: Page, complaints: Complaints) -> None:
    async with page.expect_console_message():
        await page.set_content("<script>console.error('the tour is missing')</script>")
    complaints.expect("the tour is missing")


async def test_a_page_cannot_reach_beyond_this_machine(page: Page, complaints: Complaints) -> None:
    async with page.expect_event("requestfailed"):
        await page.set_content("<img src='https://fonts.example.com/a.png'>")
    complaints.expect("request: net::ERR_NAME_NOT_RESOLVED for https://fonts.example.com/a.png")
    complaints.expect("console: Failed to load resource")


async def test_expecting_what_never_happened_fails(complaints: Complaints) -> None:
    with pytest.raises(AssertionError, match="nothing in the browser complained of 'a fault'"):
        complaints.expect("a fault")


async def test_a_phone_is_narrow_and_may_have_no_scripts(phone: Page, phone_without_javascript: Page) -> None:
    fits = "<meta name=viewport content='width=device-width'>"
    await phone.set_content(f"{fits}<p>with</p><script>document.querySelector('p').textContent = innerWidth</script>")
    await phone_without_javascript.set_content("<p>without</p><script>document.body.textContent = ''</script>")
    assert await phone.text_content("p") == "390"
    assert await phone_without_javascript.text_content("p") == "without"


def test_a_machine_without_a_browser_is_told_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(conftest, "ON_MACOS", tmp_path / "Google Chrome")
    assert find_chromium(str(tmp_path / "chrome")) is None
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("REQUIRE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="install Chromium or Chrome"):
        conftest._missing()


@pytest.mark.parametrize("variable", ["CI", "REQUIRE_BROWSER"])
def test_ci_never_skips_for_want_of_a_browser(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(pytest.fail.Exception, match="There is no Chromium"):
        conftest._missing()
