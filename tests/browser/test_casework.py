"""An alert taken care of in a real browser: claimed, acknowledged, snoozed with a reason, without typing a command."""

from __future__ import annotations

import os

from playwright.async_api import Page, expect

from bot.demo import Demo
from tests.browser.conftest import open_as_agent


async def test_an_alert_is_claimed_acknowledged_and_snoozed_on_its_card(demo: Demo, page: Page) -> None:
    await open_as_agent(page, demo)
    await page.locator('.room-link[data-name="fieldview-alerts"]').click()
    await page.locator('.grower .verb[data-verb="revoke"]:not([disabled])').first.click()
    card = page.locator("#messages .message").first
    await expect(card).to_contain_text("FieldView stopped working", timeout=20_000)
    await expect(card).to_contain_text("Owner: nobody yet")
    await _keep(page, "card")

    await card.locator('.btn[data-action-id="claim"]').click()
    await expect(card).to_contain_text("Owner: @", timeout=20_000)
    await card.locator('.btn[data-action-id="acknowledge"]').click()
    await expect(card).to_contain_text("Acknowledged by", timeout=20_000)

    await card.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name="Snooze…").click()
    dialog = page.get_by_role("dialog", name="Snooze an alert")
    await expect(dialog).to_be_visible(timeout=20_000)
    await dialog.get_by_label("Why").fill("In hospital until Friday")
    await _keep(page, "snooze")
    await dialog.get_by_role("button", name="Snooze", exact=True).click()
    await expect(card).to_contain_text("In hospital until Friday", timeout=20_000)
    await expect(card).to_contain_text("Snoozed until")
    await _keep(page, "snoozed")


async def _keep(page: Page, name: str) -> None:
    """A picture for somebody to look at, where `SCREENSHOTS` names a folder."""
    if folder := os.environ.get("SCREENSHOTS"):
        await page.screenshot(path=f"{folder}/casework-{name}.png")
