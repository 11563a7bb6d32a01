"""The form that chooses what a channel hears, in a real browser: it tells at once what a choice would have meant."""

from __future__ import annotations

from contextlib import suppress

from playwright.async_api import Page, expect
from playwright.async_api import TimeoutError as PatienceLost

from bot.demo import Demo
from tests.browser.conftest import PATIENCE, open_home

TRIES = 5
GROWER = "Ada Lovelace Farms"


async def test_from_the_home_a_channel_gets_a_digest_of_two_kinds(demo: Demo, page: Page) -> None:
    await open_home(page, demo)
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


async def test_a_tag_is_found_by_its_first_letters_and_kept(demo: Demo, page: Page) -> None:
    tagged = f"/fieldview tag {GROWER} add north valley, organic"
    assert (await demo.world.slack.command(demo.cast.agent, demo.cast.team_channel, tagged)).ok
    await open_home(page, demo)
    await page.locator('#home .btn[data-action-id="subscribe-options"]').click()
    dialog = page.locator("dialog.modal")
    await expect(dialog).to_contain_text("this channel would", timeout=PATIENCE)
    await _choose(page, "Channel", "growers")
    await _choose(page, "Whose", "Only those with a tag")
    await expect(dialog).to_contain_text("Which tag", timeout=PATIENCE)
    await dialog.locator('[data-action-id="subscribe-tag"]').click()
    await page.keyboard.type("NORTH")
    await page.locator("[role=option]").filter(has_text="north valley").click()
    await expect(dialog).to_contain_text("1 grower has it now.", timeout=PATIENCE)
    await page.locator("#modal-submit").click()
    await expect(dialog).to_have_count(0, timeout=PATIENCE)
    await page.locator(f'[data-channel="{demo.cast.team_channel}"]').first.click()
    said = page.get_by_text("subscribed this channel to FieldView alerts").first
    await expect(said).to_contain_text("growers with the tag north valley", timeout=PATIENCE)
