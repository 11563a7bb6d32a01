"""The story the product exists for, one line after the other, on both databases."""

from __future__ import annotations

import httpx

from tests.stage import ADA, Stage, link_in, text_of


async def test_from_the_command_to_connected_to_revoked_to_repaired(stage: Stage) -> None:
    await stage.types("/fieldview connect Ada Lovelace Farms")
    page = await stage.consents(await stage.link())
    assert "connected" in page.text
    [connected] = await stage.posted(stage.alerts)
    assert "Ada Lovelace Farms" in connected.text

    await stage.world.leaf.revoke(ADA)
    [_, card] = await stage.posted(stage.alerts, 2)
    await stage.delivered()
    assert len(card.versions) == 1

    await stage.presses(card, "send-link")
    await stage.consents(await stage.link())
    await stage.until_status(ADA, "healthy")
    await stage.delivered()
    assert len(stage.world.slack.posted(stage.alerts)) == 2, "one message for the incident, however much it changed"
    assert card.edits

    assert await stage.deeds() == [
        ("connect", "done"),
        ("consent-begun", "done"),
        ("consent-returned", "done"),
        ("consent-completed", "done"),
        ("incident-opened", "done"),
        ("connect", "done"),
        ("consent-begun", "done"),
        ("consent-returned", "done"),
        ("incident-recovered", "done"),
        ("consent-completed", "done"),
    ]
    assert (await stage.running.bot.journal.verify()).fault is None
    assert "Ada" in text_of(card)


async def test_the_link_stays_in_the_growers_message_until_it_has_done_its_work(stage: Stage) -> None:
    await stage.types("/fieldview connect Ada Lovelace Farms")
    [message] = await stage.dm(stage.ada)
    link = link_in(message)
    async with httpx.AsyncClient() as browser:
        left = await browser.post(link)
        await stage.delivered()
        assert (await browser.get(link_in(message))).status_code == 200, (
            "who closes the browser half-way needs it again"
        )
        await browser.get(stage.world.fieldview.deny(left.headers["location"]))
    await stage.delivered()
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(link_in(message))).status_code == 200, "and so does somebody who said no by mistake"

    await stage.consents(link)
    await stage.until_status(ADA, "healthy")
    await stage.delivered()
    assert "See what is shared" in text_of(message)
    async with httpx.AsyncClient() as browser:
        for used in (link, link_in(message)):
            pressed = await browser.post(used)
            assert pressed.headers["location"] == httpx.URL(used).path, "it connects nothing"
