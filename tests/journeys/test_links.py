"""A link from the click that makes it to the page it leads to: opened, renewed, taken back, asked for anew."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse

from bot.sandbox.slack.workspace import Message
from storage import consents
from storage.records import Consent, ConsentState
from tests.consenting import BOOLE, asked, asked_boole, browser, consent_of, grower, settled, times, until_state
from tests.messages.people import a_consent
from tests.stage import ADA, Stage, buttons_of, eventually, link_in, set_up, text_of

BOB = "bob@elsewhere.example"

PHONE = {
    "user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
    "sec-fetch-site": "none",
}
SCANNER = PHONE | {"user-agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}


async def broken(stage: Stage) -> Message:
    """Ada was connected and is not any more; the card that says so."""
    await stage.connects()
    await stage.posted(stage.alerts)
    await stage.world.leaf.revoke(ADA)
    return (await stage.posted(stage.alerts, 2))[-1]


async def all_of(stage: Stage, email: str = ADA) -> list[Consent]:
    async with stage.running.bot.database.reading() as session:
        return await consents.working(session, stage.world.clock(), grower_id=grower(stage, email).id)


async def answers(stage: Stage, *links: str) -> list[int]:
    """What a browser is answered that opens these links."""
    async with browser(stage) as anybody:
        return [(await anybody.opens(link)).status_code for link in links]


async def tells(stage: Stage, message: Message, words: str) -> None:
    """Wait until the living message says this."""
    await stage.world.slack.until(lambda: words in text_of(message))


async def test_from_the_card_to_green_takes_the_agent_one_click_and_the_grower_three(stage: Stage) -> None:
    card = await broken(stage)
    agent, farmer = 0, 0

    await stage.presses(card, "send-link")
    agent += 1
    await tells(stage, card, "not opened yet")

    message = (await stage.dm(stage.ada))[-1]
    assert (await stage.world.slack.click(stage.ada, message.channel, message.ts, "open-consent-link")).ok
    farmer += 1
    async with browser(stage) as ada:
        page = await ada.opens(link_in(message))
        assert page.text.count("<form") == 2, "one button to go on, one to say no"
        at_fieldview = await ada.begins(link_in(message))
        farmer += 1
        await ada.approves(at_fieldview)
        farmer += 1
    await stage.until_status(ADA, "healthy")
    await tells(stage, card, "works again")
    assert (agent, farmer) == (1, 3)


async def test_two_who_press_at_once_make_one_link_and_the_second_hears_who_was_first(stage: Stage) -> None:
    card, slack = await broken(stage), stage.world.slack
    before = len(await stage.dm(stage.ada))
    await asyncio.gather(*(slack.click(who, card.channel, card.ts, "send-link") for who in (stage.grace, stage.linus)))

    async def both_done() -> bool:
        return await times(stage, "connect") == 3

    await eventually(both_done)
    [consent] = await all_of(stage)
    assert len(await stage.dm(stage.ada)) == before + 1
    late = stage.linus if consent.asked_by == stage.grace else stage.grace
    await slack.until(lambda: "made no second one" in text_of(slack.whispered(late)[-1]))
    assert f"<@{consent.asked_by}>" in text_of(slack.whispered(late)[-1])

    stage.world.clock.advance(timedelta(minutes=11))
    await stage.presses(card, "send-link", stage.linus)
    [newer] = await all_of(stage)
    assert newer.asked_by == stage.linus


async def test_a_link_that_was_replaced_while_slack_took_its_message_says_so(stage: Stage) -> None:
    """Grace asks Ada, Slack takes its time, and meanwhile Linus asks her, too."""
    await settled(stage)
    slack = stage.world.slack
    slow = slack.faults.slow(1.0, "chat.postMessage", times=1)
    assert (await slack.command(stage.grace, stage.growers, "/fieldview connect Ada Lovelace Farms")).ok
    await slack.until(lambda: slow.hits)
    await stage.types("/fieldview connect Ada Lovelace Farms", stage.linus)
    await stage.dm(stage.ada, 2)
    await slack.until(lambda: stage.answers(stage.grace))
    of_grace = [each for each in await stage.dm(stage.ada) if "Grace" in repr(each.versions[0])]
    assert len(of_grace) == 1
    await tells(stage, of_grace[0], "This link no longer works")
    assert "open-consent-link" not in buttons_of(of_grace[0])


async def test_whoever_was_second_can_have_the_link_or_insist(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    link = await asked_boole(stage)
    said = await stage.types("/fieldview status Boole Brothers")
    refused = await stage.presses(said, "send-link")
    assert "made no second one" in text_of(refused)
    again = await stage.presses(refused, "show-link")
    insisted = await stage.presses(refused, "renew-link")
    assert await answers(stage, link, link_in(again), link_in(insisted)) == [410, 410, 200]


async def test_a_link_shown_again_and_the_one_sent_first_both_work_until_they_are_taken_back(stage: Stage) -> None:
    first = await asked_boole(stage)
    listed = await stage.types("/fieldview links Boole Brothers")
    shown = [link_in(await stage.presses(listed, "show-link")) for _ in range(2)]
    assert len({first, *shown}) == 3, "only hashes are kept, so nobody can be shown the same one"
    assert await answers(stage, first, *shown) == [200, 200, 200]
    assert len(await all_of(stage, BOOLE)) == 1

    await stage.presses(listed, "revoke-link")
    assert await answers(stage, first, *shown) == [410, 410, 410]
    async with browser(stage) as boole:
        for link in (first, *shown):
            assert (await boole.client.post(link)).status_code == 410, "and nothing can be begun with them"


async def test_the_link_of_a_grower_who_has_it_by_direct_message_is_shown_as_well(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    first = await asked(stage)
    shown = link_in(await stage.presses(await stage.types("/fieldview links Ada Lovelace Farms"), "show-link"))
    assert await answers(stage, first, shown) == [200, 200]


async def test_a_slack_that_is_slow_gets_the_link_to_the_grower_in_the_end(stage: Stage) -> None:
    stage.world.slack.rate_limit("chat.postMessage", retry_after=1, times=1)
    told = await stage.types("/fieldview connect Ada Lovelace Farms")
    assert "I go on trying" in text_of(told)
    assert "/connect/" not in repr(told.blocks)
    await stage.delivered()
    [message] = await stage.dm(stage.ada)
    assert await answers(stage, link_in(message)) == [200]
    consent = await consent_of(stage)
    assert consent.sent_to == stage.ada
    async with browser(stage) as ada:
        await ada.consents(link_in(message))
    await stage.until_status(ADA, "healthy")
    await tells(stage, message, "Your FieldView is connected")


async def test_a_slow_slack_that_refuses_in_the_end_gives_the_link_back_to_the_agent(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    limit = stage.world.slack.rate_limit("chat.postMessage", retry_after=1, times=None, channel=stage.ada)
    assert "I go on trying" in text_of(await stage.types("/fieldview connect Ada Lovelace Farms"))
    refused = JSONResponse({"ok": False, "error": "user_disabled"})
    stage.world.slack.faults.answer(refused, "chat.postMessage", times=1)
    stage.world.slack.rate_limits.remove(limit)
    [told] = await stage.dm(stage.grace)
    assert "does not have the link yet" in text_of(told)
    assert await answers(stage, link_in(await stage.presses(told, "show-link"))) == [200]
    assert (await consent_of(stage)).sent_to is None


async def test_whichever_of_its_links_is_used_none_of_them_connects_any_more(stage: Stage) -> None:
    first = await asked_boole(stage)
    listed = await stage.types("/fieldview links Boole Brothers")
    shown = link_in(await stage.presses(listed, "show-link"))
    async with browser(stage) as boole:
        await boole.begins(first)
        await boole.consents(shown, BOOLE)
        await until_state(stage, "connected", email=BOOLE)
        for link in (first, shown):
            pressed = await boole.client.post(link)
            assert (pressed.status_code, pressed.headers["location"]) == (303, httpx.URL(link).path)
            assert "You share FieldView data with" in (await boole.opens(link)).text
    refused = await stage.presses(listed, "show-link")
    assert "/connect/" not in repr(refused.blocks), "and there is no further one"


async def test_what_a_person_opened_is_told_and_what_a_scanner_opened_is_not(stage: Stage) -> None:
    card = await broken(stage)
    await stage.presses(card, "send-link")
    link = await stage.link()
    await tells(stage, card, "not opened yet")
    async with httpx.AsyncClient() as client:
        await client.get(link, headers=SCANNER)
        await client.get(link, headers=PHONE | {"sec-purpose": "prefetch"})
        await client.head(link, headers=PHONE)
        await client.get(link)
        assert (await consent_of(stage)).opened_at is None
        for _ in range(2):
            assert (await client.get(link, headers=PHONE)).status_code == 200
    assert await times(stage, "consent-opened") == 1
    await tells(stage, card, "not begun yet")
    async with browser(stage) as ada:
        await ada.begins(link)
    await tells(stage, card, "has not finished")
    [_, message] = await stage.dm(stage.ada, 2)
    await tells(stage, message, "You began")


async def test_the_links_that_are_out_are_listed_renewed_and_taken_back(stage: Stage) -> None:
    link = await asked(stage)
    boole = await asked_boole(stage)
    listed = await stage.types("/fieldview links")
    assert "2 links are out" in text_of(listed)
    assert "Ada Lovelace Farms" in text_of(listed)

    own = await stage.types("/fieldview links Boole Brothers", stage.linus)
    assert "1 link of Boole Brothers is out" in text_of(own)
    taken = await stage.presses(own, "revoke-link", stage.linus)
    assert "no longer works" in text_of(taken)
    async with browser(stage) as boole_brothers:
        assert (await boole_brothers.opens(boole)).status_code == 410
        assert (await boole_brothers.client.post(boole)).status_code == 410
    await stage.delivered()
    told = (await stage.dm(stage.grace))[-1]
    assert "was taken back" in text_of(told)
    assert f"<@{stage.linus}>" in text_of(told), "whoever asked hears who took it back"

    again = await stage.presses(own, "revoke-link", stage.linus)
    assert "withdrawn" in text_of(again), "twice does no harm"

    await stage.presses(await stage.types("/fieldview links Ada Lovelace Farms"), "renew-link")
    newer = link_in((await stage.dm(stage.ada, 2))[-1])
    assert newer != link
    async with browser(stage) as ada:
        assert "taken back" in (await ada.opens(link)).text
        assert (await ada.opens(newer)).status_code == 200


@pytest.mark.parametrize("typed", ["/fieldview links", "/fieldview links Ada Lovelace Farms"])
async def test_more_links_than_one_message_holds_are_turned_over_there_and_back(
    stage_on_sqlite: Stage, typed: str
) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    ada, now = stage.world.leaf.find(ADA), stage.world.clock()
    async with stage.running.bot.database.transaction() as session:
        for number in range(17):
            at = now + timedelta(seconds=number)
            one = a_consent(id=f"c-{number}", grower_id=ada.id, grower_name=f"Ada {number:02}.")
            one = replace(one, asked_by=stage.grace, created_at=at, expires_at=at + timedelta(days=7))
            await consents.add(session, one, f"hash-{number}")
    newest = await stage.types(typed)
    assert "17 links" in text_of(newest)
    assert "These are 1 to 15." in text_of(newest)
    assert "Ada 02." in text_of(newest)
    assert "Ada 01." not in text_of(newest)
    assert "links-newer" not in buttons_of(newest)
    older = await stage.presses(newest, "links-older")
    assert older.ts == newest.ts, "the same message, turned"
    assert "Ada 01." in text_of(older)
    assert "Ada 02." not in text_of(older)
    assert "links-older" not in buttons_of(older)
    assert "These are 1 to 15." in text_of(await stage.presses(older, "links-newer"))


async def test_a_link_is_taken_back_from_the_cards_menu(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    card = await broken(stage)
    assert "revoke-link" not in buttons_of(card)
    await stage.presses(card, "send-link")
    await tells(stage, card, "not opened yet")
    await stage.presses(card, "revoke-link")
    await tells(stage, card, "took it back")
    [_, message] = await stage.dm(stage.ada, 2)
    await tells(stage, message, "This link no longer works")
    assert ("revoke-link", "done") in await stage.deeds()


async def test_a_link_to_pass_on_is_the_turn_of_whoever_has_it_until_it_is_opened(stage_on_sqlite: Stage) -> None:
    async with browser(stage_on_sqlite) as boole:
        await boole.consents(await asked_boole(stage_on_sqlite), BOOLE)
    await stage_on_sqlite.until_status(BOOLE, "healthy")
    await stage_on_sqlite.posted(stage_on_sqlite.alerts)
    await stage_on_sqlite.world.leaf.revoke(BOOLE)
    card = (await stage_on_sqlite.posted(stage_on_sqlite.alerts, 2))[-1]
    link = link_in(await stage_on_sqlite.presses(card, "send-link"))
    await tells(stage_on_sqlite, card, "*Who must act:* whoever has the link")
    status = text_of(await stage_on_sqlite.types("/fieldview status Boole Brothers"))
    assert "*Who must act:* whoever has the link" in status
    async with browser(stage_on_sqlite) as boole:
        await boole.client.get(link, headers=PHONE)
        await tells(stage_on_sqlite, card, "*Who must act:* the grower")
        at_fieldview = await boole.begins(link)
        await boole.client.get(stage_on_sqlite.world.fieldview.deny(at_fieldview, BOOLE))
    await tells(stage_on_sqlite, card, "Ask the grower whether they meant it.")


async def test_a_grower_whose_link_ran_out_asks_for_a_new_one_with_one_click_on_each_side(stage: Stage) -> None:
    await settled(stage)
    link = await asked(stage)
    stage.world.clock.advance(timedelta(days=8))
    async with browser(stage) as ada:
        page = await ada.opens(link)
        assert page.status_code == 410
        assert "Ask for a new link" in page.text
        for _ in range(3):
            pressed = await ada.client.post(f"{link}/renew")
            assert pressed.status_code == 303
        page = await ada.opens(pressed.headers["location"])
        assert "knows that you want a new link" in page.text
        assert "<form" not in page.text
        foreign = await ada.client.post(f"{link}/renew", headers={"sec-fetch-site": "cross-site"})
        assert foreign.status_code == 403
    assert await times(stage, "consent-renewal-asked") == 1
    await stage.delivered()
    [wish] = [message for message in await stage.dm(stage.grace) if "asks for a new link" in text_of(message)]

    await stage.presses(wish, "send-link")
    newer = link_in((await stage.dm(stage.ada, 2))[-1])
    await tells(stage, wish, "has a new link")
    async with browser(stage) as ada:
        await ada.consents(newer)
    await until_state(stage, "connected")


async def test_the_grower_asks_for_a_new_link_from_the_message_that_is_over(stage: Stage) -> None:
    await settled(stage)
    link = await asked(stage)
    [letter] = await stage.dm(stage.ada)
    async with browser(stage) as ada:
        stage.world.clock.advance(timedelta(days=8))
        await stage.running.bot.chasing.chase_job("test")
        await tells(stage, letter, "nothing was changed")
        assert "Ask for a new link" in text_of(letter)
        anew = link_in(letter)
        assert anew != link
        assert (await ada.client.post(anew)).status_code in (303, 410), "nothing can be begun with it"
        assert (await consent_of(stage)).begun_at is None
        page = await ada.opens(anew)
        assert page.status_code == 410
        assert f'action="{httpx.URL(anew).path}/renew"' in page.text
        await ada.client.post(f"{anew}/renew")
    await tells(stage, letter, "knows that you want a new link")
    assert "/connect/" not in repr(letter.blocks)
    assert await times(stage, "consent-renewal-asked") == 1
    await stage.delivered()
    [wish] = [message for message in await stage.dm(stage.grace) if "asks for a new link" in text_of(message)]
    assert "send-link" in buttons_of(wish)


async def test_a_grower_who_said_no_and_thinks_better_of_it_asks_for_a_new_link(stage: Stage) -> None:
    await settled(stage)
    link = await asked(stage)
    async with browser(stage) as ada:
        await ada.client.post(f"{link}/decline")
        page = await ada.opens(link)
        assert "I have changed my mind" in page.text
        assert f'action="{httpx.URL(link).path}/renew"' in page.text
        for _ in range(2):
            pressed = await ada.client.post(f"{link}/renew")
            assert pressed.status_code == 303
        page = await ada.opens(link)
        assert "knows that you want a new link" in page.text
        assert "<form" not in page.text
    assert await times(stage, "consent-renewal-asked") == 1
    await stage.delivered()
    [wish] = [message for message in await stage.dm(stage.grace) if "asks for a new link" in text_of(message)]
    assert "They had said no" in text_of(wish)
    await stage.presses(wish, "send-link")
    async with browser(stage) as ada:
        await ada.consents(link_in((await stage.dm(stage.ada, 2))[-1]))
    await until_state(stage, "connected")


async def test_asking_anew_works_only_when_it_has_run_out(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    link = await asked(stage)
    async with browser(stage) as ada:
        assert (await ada.client.post(f"{link}/renew")).status_code == 303
        assert (await ada.client.post(f"/connect/{'x' * 43}/renew")).status_code == 404
    assert (await consent_of(stage)).renewal_asked_at is None
    assert await times(stage, "consent-renewal-asked") == 0


@pytest.mark.parametrize("who_left", ["the owner", "the owner and whoever asked"])
async def test_of_a_grower_who_asks_anew_somebody_hears_who_is_still_here(stage: Stage, who_left: str) -> None:
    """Slack takes messages for those who have left, and nobody reads them."""
    slack, link = stage.world.slack, await asked(stage)
    await stage.types("/fieldview owner Ada Lovelace Farms @linus")
    slack.deactivate(stage.linus)
    if who_left != "the owner":
        slack.deactivate(stage.grace)
    stage.world.clock.advance(timedelta(days=8))
    async with browser(stage) as ada:
        await ada.client.post(f"{link}/renew")
    await stage.delivered()

    def wishes(place: str) -> list[Message]:
        return [each for each in slack.posted(place) if "asks for a new link" in each.text]

    told = {place: len(wishes(slack.dm(place))) for place in (stage.linus, stage.grace)}
    told[stage.alerts] = len(wishes(stage.alerts))
    reader = stage.grace if who_left == "the owner" else stage.alerts
    assert [place for place, number in told.items() if number] == [reader]
    if reader == stage.alerts:
        jo = slack.add_user("jo", "Jo Larsen", "jo@greenacres.example")
        slack.invite(stage.alerts, jo)
        [wish] = wishes(stage.alerts)
        await stage.presses(wish, "send-link", jo)
        await tells(stage, wish, "has a new link")


async def test_the_grower_comes_back_and_reads_what_is_shared_and_later_that_it_ended(stage: Stage) -> None:
    link = await asked(stage)
    async with browser(stage) as ada:
        await ada.consents(link)
        await stage.until_status(ADA, "healthy")
        page = await ada.opens(link)
        assert page.status_code == 200
        assert "You share FieldView data with" in page.text
        assert ADA in page.text
        assert "Harvest" in page.text
        assert "How to stop it" in page.text

        await stage.world.leaf.revoke(ADA)
        await stage.until_status(ADA, "broken")
        assert "FieldView is not sharing at the moment" in (await ada.opens(link)).text

        question = await stage.types("/fieldview disconnect Ada Lovelace Farms", stage.linus)
        await stage.presses(question, "disconnect-confirm", stage.linus)
        await stage.time_to_undo_passes()
        await stage.until_status(ADA, "absent")
        assert "Nothing is shared any more" in (await ada.opens(link)).text


async def test_the_agent_chooses_the_growers_language_for_message_words_and_page(stage: Stage) -> None:
    said = await stage.types("/fieldview connect Ada Lovelace Farms")
    consent = await consent_of(stage)
    answer = await stage.presses(said, "choose-language", selected=f"{consent.id}:pt")
    assert "Português" in text_of(answer)
    [message] = await stage.dm(stage.ada)
    await tells(stage, message, "pede que você conecte")
    link = link_in(message)
    async with httpx.AsyncClient(headers={"accept-language": "de"}) as ada:
        assert '<html lang="pt-BR"' in (await ada.get(link)).text
        assert '<html lang="fr"' in (await ada.get(link, params={"lang": "fr"})).text, "whoever reads has the last word"
        assert '<html lang="fr"' in (await ada.get(link)).text

    shared = await stage.types("/fieldview connect Ada Lovelace Farms")
    assert "Português" in text_of(shared), "and the next link is in it as well"

    boole = await asked_boole(stage)
    whisper = stage.world.slack.whispered(stage.grace)[-1]
    other = await consent_of(stage, "george@boole.example")
    spanish = await stage.presses(whisper, "choose-language", selected=f"{other.id}:es")
    assert "Abra este enlace" in text_of(spanish)
    assert await answers(stage, link_in(spanish), boole) == [200, 200]


async def test_whoever_takes_a_link_back_is_not_told_that_the_grower_has_agreed_when_they_begin_anew(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ada's approval for another account waits for the team; she presses once more at the moment of "Take back"."""
    async with set_up(postgresql_url) as stage:
        await stage.connects()
        await stage.world.leaf.revoke(ADA)
        await stage.until_status(ADA, "broken")
        stage.world.fieldview.add_account(BOB, "Bob", "Stranger")
        link = await asked(stage)
        async with browser(stage) as ada:
            await ada.consents(link, BOB)
            consent = await until_state(stage, "held", "other-account")
            begun: set[asyncio.Task[str]] = set()
            move = consents.move

            async def while_ada_presses(*wanted: Any, **values: Any) -> Consent | None:
                moved = await move(*wanted, **values)
                if not begun and wanted[2] is ConsentState.OPEN:
                    begun.add(asyncio.create_task(ada.begins(link)))
                    await asyncio.wait(begun, timeout=1.0)
                return moved

            monkeypatch.setattr(consents, "move", while_ada_presses)
            taken = await stage.running.bot.inviting.take_back(consent.id, stage.linus)
            assert taken.state is ConsentState.REVOKED
            await asyncio.gather(*begun, return_exceptions=True)
            assert (await ada.opens(link)).status_code == 410
