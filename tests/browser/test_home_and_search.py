"""The App Home and the form that finds growers while somebody types, in a real browser."""

from __future__ import annotations

from playwright.async_api import Page, expect

from bot.demo import Demo
from tests.browser.conftest import PATIENCE, open_home

ADA = "Ada Lovelace Farms"


async def test_from_the_home_to_a_link_by_typing_half_a_name(demo: Demo, page: Page) -> None:
    await open_home(page, demo)
    home = page.locator("#home")
    await expect(home).to_contain_text("FieldView connections", timeout=PATIENCE)
    await home.locator('.btn[data-action-id="connect-someone"]').click()
    dialog = page.locator("dialog.modal")
    await dialog.locator('[data-action-id="find-grower"]').click()
    await page.keyboard.type("lovel")
    option = page.locator("[role=option]").filter(has_text=ADA)
    await option.wait_for()
    await option.click()
    await page.locator("#modal-submit").click()
    await expect(dialog).to_have_count(0, timeout=PATIENCE)
    await expect(home).to_contain_text("1 link is out", timeout=PATIENCE)
