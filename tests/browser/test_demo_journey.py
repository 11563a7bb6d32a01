"""The whole story in a real browser, as somebody sees it who has just typed `make demo`."""

from __future__ import annotations

import re

import httpx
from playwright.async_api import Browser, Page, expect

from bot.demo import Demo
from bot.disconnecting import END
from tests.browser.conftest import PHONE, open_demo
from tests.stage import eventually

ADA = "Ada Lovelace Farms"


async def test_from_slash_command_to_connected_to_revoked_to_repaired(demo: Demo, page: Page, browser: Browser) -> None:
    await open_demo(page, demo)
    await page.locator('.room-link[data-name="growers"]').click()
    await page.locator("#composer-text").fill(f"/fieldview connect {ADA}")
    await page.locator("#composer-text").press("Enter")
    await expect(page.locator("#messages")).to_contain_text("got it from me by direct message")

    await _grower_consents(demo, page, browser)

    await page.locator(f'.face[data-user="{demo.cast.agent}"]').click()
    await page.locator('.room-link[data-name="fieldview-alerts"]').click()
    alerts = page.locator("#messages .message")
    await expect(alerts).to_have_count(1)
    await expect(alerts.first).to_contain_text(re.compile(rf"{ADA}.* connected"))

    await page.locator(f'.grower[data-name="{ADA}"] .verb[data-verb="revoke"]').click()
    await expect(alerts).to_have_count(2)
    card = alerts.nth(1)
    await expect(card).to_contain_text(ADA)
    await card.locator('.btn[data-action-id="send-link"]').click()
    await expect(card).to_contain_text("not opened yet")

    await _grower_consents(demo, page, browser)

    await page.locator(f'.face[data-user="{demo.cast.agent}"]').click()
    await page.locator('.room-link[data-name="fieldview-alerts"]').click()
    await expect(alerts).to_have_count(3)
    await expect(card).to_contain_text("works again")
    await expect(page.locator("#trail-list")).to_contain_text("incident-recovered")


async def _grower_consents(demo: Demo, page: Page, browser: Browser) -> None:
    """Ada opens the newest link on her phone, without JavaScript, and approves: three presses."""
    await page.locator(f'.face[data-user="{demo.cast.grower}"]').click()
    await page.get_by_role("button", name=re.compile("FieldView")).first.click()
    link = page.locator('.btn[data-action-id="open-consent-link"]').last
    await link.wait_for()
    address = await link.get_attribute("data-url")
    assert address
    phone = await browser.new_context(java_script_enabled=False, **PHONE)
    screen = await phone.new_page()
    await screen.goto(address)
    await expect(screen.locator("main")).to_contain_text(ADA)
    await screen.get_by_role("button", name=re.compile("Continue")).click()
    await screen.get_by_role("button", name=re.compile("Ada")).click()
    await screen.get_by_role("button", name="Approve").click()
    await expect(screen.locator("h1")).to_contain_text("connected")
    assert "code=" not in screen.url
    await phone.close()


async def test_ada_is_a_guest_who_gets_her_link_and_sees_nobodys_data(demo: Demo) -> None:
    slack, ada = demo.world.slack, demo.cast.grower
    assert (await slack.command(ada, slack.dm(ada), "/fieldview status")).ok
    await slack.until(lambda: slack.whispered(ada), 20)
    [told] = slack.whispered(ada)
    assert "full member" in told.text
    assert "Sato" not in repr(told.blocks)


async def test_the_trail_beside_the_stage_says_that_something_was_only_asked(demo: Demo) -> None:
    slack, linus = demo.world.slack, demo.cast.lead
    assert (await slack.command(linus, demo.cast.team_channel, "/fieldview disconnect Sato Family Orchards")).ok
    await slack.until(lambda: slack.whispered(linus), 20)
    async with httpx.AsyncClient(base_url=demo.url, trust_env=False) as client:
        rows = (await client.get("/demo/audit?after=0")).json()
    assert [row["outcome"] for row in rows if row["what"] == "disconnect"] == ["asked"]


async def test_a_jump_of_the_clock_ends_what_could_be_undone_until_then(demo: Demo) -> None:
    slack, linus, grower = demo.world.slack, demo.cast.lead, "Sato Family Orchards"
    assert (await slack.command(linus, demo.cast.team_channel, f"/fieldview disconnect {grower}")).ok
    await slack.until(lambda: slack.whispered(linus), 20)
    asked = slack.whispered(linus)[-1]
    assert (await slack.click(linus, asked.channel, asked.ts, "disconnect-confirm")).ok

    async def waits_again() -> bool:
        return any("~" in key for key in await demo.bot.jobs.keys_under_way(END, begun_after=demo.world.clock()))

    await slack.until(lambda: "about to be disconnected" in slack.whispered(linus)[-1].text, 20)
    await eventually(waits_again)
    async with httpx.AsyncClient(base_url=demo.url, trust_env=False) as client:
        assert (await client.post("/demo/do", json={"verb": "jump", "seconds": 3600})).is_success
    # An hour later Slack takes no private answer to that click any more.
    await slack.until(lambda: any("is disconnected" in said.text for said in slack.posted(slack.dm(linus))), 30)
