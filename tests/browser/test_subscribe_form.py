"""The form that chooses what a channel hears, in a real browser: it tells at once what a choice would have meant."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from playwright.async_api import TimeoutError as PatienceLost

from bot.demo import Demo, performing

PATIENCE = 20_000
"""Milliseconds: a busy machine is no fault."""

TRIES = 5


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    async with performing(tmp_path) as show:
        yield show


async def test_from_the_home_a_channel_gets_a_digest_of_two_kinds(demo: Demo, page: Page) -> None:
    await page.add_init_script("localStorage.setItem('demo.tour', 'skipped')")
    await page.goto(demo.url)
    await page.locator("body.ready").wait_for()
    await page.locator(f'.face[data-user="{demo.cast.agent}"]').click()
    await page.get_by_role("button", name=re.compile("FieldView")).first.click()
    if await page.locator('[data-tab="home"]').count():
        await page.locator('[data-tab="home"]').click()
    await page.locator('#home .btn[data-action-id="subscribe-options"]').click()
    dialog = page.locator("dialog.modal")
    await expect(dialog).to_contain_text("this channel would", timeout=PATIENCE)
    await _choose(page, "Channel", "growers")
    for kind in ("silent", "ill", "connected"):
        await dialog.locator(f'input[value="{kind}"]').uncheck()
    await _choose(page, "When", "Once a day, in a digest")
    await expect(dialog).to_contain_text("When the digest comes", timeout=PATIENCE)
    await page.locator("#modal-submit").click()
    await expect(dialog).to_have_count(0, timeout=PATIENCE)
    await page.locator(f'[data-channel="{demo.cast.team_channel}"]').first.click()
    said = page.get_by_text("subscribed this channel to FieldView alerts").first
    await expect(said).to_contain_text("stopped working, shares only a part", timeout=PATIENCE)


async def _choose(page: Page, label: str, choice: str) -> None:
    """Choose from a list; once more when the form was drawn anew meanwhile, which closes an open list."""
    chosen = page.locator("dialog.modal").get_by_label(label, exact=True)
    option = page.locator("[role=option]").filter(has_text=choice).first
    for _ in range(TRIES):
        await chosen.click()
        with suppress(PatienceLost):
            await option.click(timeout=PATIENCE / TRIES)
            return
    await expect(option).to_be_visible()
