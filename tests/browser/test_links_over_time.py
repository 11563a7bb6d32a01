"""What a link leads to later, in a real browser on a phone without JavaScript: run out, and done."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from bot.demo import Demo
from bot.reports import Invitation
from tests.browser.conftest import PATIENCE, PHONE
from tests.stage import text_of


@pytest.fixture
async def phone(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(java_script_enabled=False, locale="en-US", **PHONE)
    yield await context.new_page()
    await context.close()


async def invited(demo: Demo, email: str) -> str:
    """The link that Grace has for this grower."""
    bot = demo.bot.bot
    made = await bot.inviting.invite(await bot.directory.find(email), demo.cast.agent, None)
    assert isinstance(made, Invitation)
    return made.url


async def test_a_link_that_ran_out_offers_to_ask_for_a_new_one_and_the_team_hears_of_it(
    demo: Demo, phone: Page
) -> None:
    link = await invited(demo, "north@hoppergrain.example")
    demo.world.clock.advance(timedelta(days=8))
    await phone.goto(link)
    await _keep(phone, "ran-out")
    await phone.get_by_role("button", name="Ask for a new link").click()
    await expect(phone.locator("main")).to_contain_text("knows that you want a new link", timeout=PATIENCE)
    await _keep(phone, "asked")
    slack = demo.world.slack
    dm = slack.dm(demo.cast.agent)
    await slack.until(lambda: any("asks for a new link" in text_of(each) for each in slack.posted(dm)), 20)


async def test_the_link_of_a_done_consent_leads_to_what_is_shared_and_how_to_stop_it(demo: Demo, phone: Page) -> None:
    link = await invited(demo, "north@hoppergrain.example")
    await phone.goto(link)
    await phone.get_by_role("button", name="Continue").click()
    await phone.get_by_role("button", name="Vincent").click()
    await phone.get_by_role("button", name="Approve").click()
    await expect(phone.locator("h1")).to_contain_text("connected", timeout=PATIENCE)
    await phone.goto(link)
    main = phone.locator("main")
    await expect(main).to_contain_text("Hopper Grain")
    await expect(main).to_contain_text("stop")
    await expect(phone.get_by_role("button", name="Continue")).to_have_count(0)
    await _keep(phone, "come-back")


async def _keep(page: Page, name: str) -> None:
    """A picture for somebody to look at, where `SCREENSHOTS` names a folder."""
    if folder := os.environ.get("SCREENSHOTS"):
        await page.screenshot(path=f"{folder}/link-{name}.png")
