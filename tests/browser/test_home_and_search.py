"""The App Home and the form that finds growers while somebody types, in a real browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.demo import Demo, performing

ADA = "Ada Lovelace Farms"
PATIENCE = 20_000
"""Milliseconds: a busy machine is no fault."""


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    async with performing(tmp_path) as show:
        yield show


async def test_from_the_home_to_a_link_by_typing_half_a_name(demo: Demo, page: Page) -> None:
    await page.add_init_script("localStorage.setItem('demo.tour', 'skipped')")
    await page.goto(demo.url)
    await page.locator("body.ready").wait_for()
    await page.locator(f'.face[data-user="{demo.cast.agent}"]').click()
    await page.get_by_role("button", name=re.compile("FieldView")).first.click()
    if await page.locator('[data-tab="home"]').count():
        await page.locator('[data-tab="home"]').click()
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
