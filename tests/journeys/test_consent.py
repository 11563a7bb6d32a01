"""What a grower may do with a link, in which order, from which browser; and what never changes anything."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from bot.consent_news import LOGIN_TIME
from storage import consents
from storage.records import ConsentState
from storage.tables import AuditRow
from tests.consenting import (
    BOOLE,
    CALLBACK,
    DONE,
    OF_CONSENTS,
    asked,
    asked_boole,
    browser,
    code_of,
    consent_of,
    remembered,
    secrets_kept,
    settled,
    state_of,
    times,
    until_state,
)
from tests.stage import ADA, Stage, eventually, set_up, text_of

CONNECTED = "Your FieldView is connected"
RUN_OUT = "This link has run out"
SHARED = "You share FieldView data with"
TAKEN_BACK = "This link was taken back"
NOT_NEEDED = "This link is no longer needed"
UNKNOWN = "We do not know this link"
TAKEN = "already used in another browser"
WRONG_BROWSER = "start again in this browser"
NOTHING_CHANGED = "Nothing was changed"


async def test_scanners_may_look_as_often_as_they_like_and_the_grower_still_gets_through(stage: Stage) -> None:
    link = await asked(stage)
    await settled(stage)
    before = await remembered(stage)
    async with httpx.AsyncClient(headers={"User-Agent": "Slackbot-LinkExpanding 1.0"}, trust_env=False) as scanner:
        for _ in range(10):
            assert (await scanner.get(link)).status_code == 200
            head = await scanner.head(link)
            assert (head.status_code, head.content) == (200, b"")
            assert "set-cookie" not in head.headers
    assert await remembered(stage) == before

    async with browser(stage) as ada:
        assert CONNECTED in (await ada.consents(link)).text
    await stage.until_status(ADA, "healthy")
    assert await secrets_kept(stage) == []


async def test_the_way_to_fieldview_and_back_leaves_no_secret_in_any_address(stage: Stage) -> None:
    link = await asked(stage)
    async with browser(stage) as ada:
        answer = await ada.client.post(link)
        assert answer.status_code == 303
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        cookie = answer.headers["set-cookie"]
        for attribute in ("HttpOnly", "SameSite=lax", "Path=/"):
            assert attribute in cookie
        assert "Domain" not in cookie
        to_fieldview = answer.headers["location"]
        assert link.rsplit("/", 1)[1] not in to_fieldview, "the link's token stays with us"
        back = await ada.approves(to_fieldview)
        assert (back.status_code, back.headers["location"]) == (303, DONE)
        assert back.headers["cache-control"] == "no-store"
        assert back.headers["referrer-policy"] == "no-referrer"
        page = await ada.ends_up()
    assert page.status_code == 200
    assert state_of(to_fieldview) not in page.text


async def test_over_tls_the_cookie_is_one_that_no_neighbour_can_set(sqlite_url: str) -> None:
    async with set_up(sqlite_url, public_url="https://bot.example.com") as stage:
        await stage.types("/fieldview connect Ada Lovelace Farms")
        [invitation] = await stage.dm(stage.ada)
        token = text_and_blocks(invitation).split("https://bot.example.com/connect/")[1].split("'")[0].split('"')[0]
        async with browser(stage) as ada:
            answer = await ada.client.post(f"/connect/{token}", headers={"Origin": "https://bot.example.com"})
            page = await ada.opens(f"/connect/{token}")
    assert answer.status_code == 303, answer.text
    assert answer.headers["set-cookie"].startswith("__Host-fieldview-consent=")
    assert {"Secure", "HttpOnly", "SameSite=lax"} <= set(answer.headers["set-cookie"].split("; "))
    assert page.headers["strict-transport-security"]


def text_and_blocks(message: object) -> str:
    return repr(getattr(message, "blocks", "")) + getattr(message, "text", "")


async def test_the_page_may_lead_to_fieldview_and_nowhere_else(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    async with browser(stage) as ada:
        page = await ada.opens(await asked(stage))
    policy = page.headers["content-security-policy"]
    assert f"form-action 'self' {stage.world.fieldview_url}" in policy
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"


BOUND = tuple(table for table in OF_CONSENTS if table is not AuditRow)


async def test_fieldviews_answer_in_another_browser_binds_nothing(stage: Stage) -> None:
    """Nothing but an entry in the audit trail tells that somebody tried."""
    link = await asked(stage)
    async with browser(stage) as attacker, browser(stage) as victim:
        at_fieldview = await attacker.begins(link)
        callback = stage.world.fieldview.approve(at_fieldview, ADA)
        await settled(stage)
        before = await remembered(stage, BOUND)
        refused = await victim.sent_away(await victim.client.get(callback))
        assert WRONG_BROWSER in refused.text
        assert await remembered(stage, BOUND) == before
        # A browser with a consent of its own is still not the one that began this.
        other = await asked_boole(stage)
        await victim.begins(other)
        await settled(stage)
        before = await remembered(stage, BOUND)
        await victim.sent_away(await victim.client.get(callback))
        assert await remembered(stage, BOUND) == before
        back = await attacker.client.get(callback)
        assert back.headers["location"] == DONE, "the state was not burnt by strangers"


async def test_a_secret_that_somebody_else_put_into_the_browser_is_not_taken_over(stage: Stage) -> None:
    link, planted = await asked(stage), {"Cookie": "fieldview-consent=" + "p" * 43}
    async with browser(stage) as ada, browser(stage) as stranger:
        callback = stage.world.fieldview.approve(await ada.begins(link, **planted), ADA)
        await stranger.sent_away(await stranger.client.get(callback, headers=planted))
        assert (await ada.opens(callback)).headers["location"] == DONE
        assert CONNECTED in (await ada.ends_up()).text
        page = await stranger.client.get(DONE, headers=planted)
        assert page.status_code == 404, "nobody but Ada sees with which account she approved"


WITHOUT_STATE = (
    "",
    "code=abc",
    "state=",
    "state=nonsense&code=abc",
    "state={state}&state={state}&code=abc",
    "state={state}x&code=abc",
    "state=" + "x" * 5000 + "&code=abc",
    "state=%00&code=abc",
    "state=%ff%fe&code=%ff",
)


async def test_an_answer_without_the_right_state_changes_nothing(stage: Stage) -> None:
    async with browser(stage) as ada:
        at_fieldview = await ada.begins(await asked(stage))
        await settled(stage)
        before = await remembered(stage)
        for query in WITHOUT_STATE:
            answer = await ada.opens(f"{CALLBACK}?{query.format(state=state_of(at_fieldview))}")
            assert WRONG_BROWSER in (await ada.sent_away(answer)).text, query
            assert await remembered(stage) == before


@pytest.mark.parametrize(
    "answer",
    [
        "error=access_denied",
        "error=access_denied&code=abc",
        "",
        "code=",
        "code=" + "x" * 5000,
        "error=" + "x" * 5000,
    ],
)
async def test_an_answer_without_one_clear_code_leaves_the_link_open_and_tells_the_asker(
    stage_on_sqlite: Stage, answer: str
) -> None:
    stage = stage_on_sqlite
    link = await asked(stage)
    async with browser(stage) as ada:
        state = state_of(await ada.begins(link))
        back = await ada.opens(f"{CALLBACK}?state={state}&{answer}")
        assert (back.status_code, back.headers["location"]) == (303, DONE)
        assert "did not allow it" in (await ada.ends_up()).text
        assert ("consent-denied", "refused") in await stage.deeds()
        [told] = await stage.dm(stage.grace)
        assert "Ada Lovelace Farms" in text_of(told)
        assert CONNECTED in (await ada.consents(link)).text, "the link is still good"
    await stage.until_status(ADA, "healthy")


@pytest.mark.parametrize("how", ["error", "nothing", "both"])
async def test_a_no_at_fieldview_in_every_way_it_may_come(stage: Stage, how: str) -> None:
    stage.world.fieldview.switch(on_deny=how)  # type: ignore[arg-type]
    link = await asked(stage)
    async with browser(stage) as ada:
        back = await ada.denies(await ada.begins(link))
        assert back.status_code == 303
        assert "did not allow it" in (await ada.ends_up()).text
    consent = await until_state(stage, "open", "denied-at-fieldview")
    assert consent.finished_at is None
    assert grower_has_no_credential(stage)
    assert await secrets_kept(stage) == []


def grower_has_no_credential(stage: Stage) -> bool:
    return stage.world.leaf.find(ADA).credential is None


async def test_a_fieldview_that_does_not_echo_the_state_connects_nobody(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    stage.world.fieldview.echoes_state = False
    async with browser(stage) as ada:
        await ada.sent_away(await ada.approves(await ada.begins(await asked(stage))))
    assert grower_has_no_credential(stage)


async def test_an_answer_works_once(stage: Stage) -> None:
    link = await asked(stage)
    async with browser(stage) as ada:
        callback = stage.world.fieldview.approve(await ada.begins(link), ADA)
        assert (await ada.opens(callback)).status_code == 303
        await stage.until_status(ADA, "healthy")
        before = await times(stage, "consent-returned")
        await ada.sent_away(await ada.opens(callback))
    assert await times(stage, "consent-returned") == before + 1 == 2
    assert (await stage.audit())[-1].outcome == "refused"
    assert await times(stage, "consent-completed") == 1


async def test_foreign_answers_leave_one_row_for_a_while(stage: Stage) -> None:
    """Somebody tries an answer of FieldView's that is not theirs, and others that nobody began."""
    async with browser(stage) as ada, browser(stage) as stranger:
        callback = stage.world.fieldview.approve(await ada.begins(await asked(stage)), ADA)
        await settled(stage)
        before = await stage.audit()
        for cookie in ("", "fieldview-consent=" + "x" * 43, "fieldview-consent=" + "y" * 43):
            await stranger.sent_away(await stranger.client.get(callback, headers={"Cookie": cookie}))
        await stranger.sent_away(await stranger.opens(f"/oauth/fieldview/callback?state={'z' * 43}&code=x"))
        [row] = (await stage.audit())[len(before) :]
        assert (row.action, row.outcome, row.target_name) == ("consent-returned", "refused", "Ada Lovelace Farms")
        stage.world.clock.advance(timedelta(minutes=11))
        await stranger.sent_away(await stranger.opens(callback))
        assert [row.action for row in await stage.audit()].count("consent-returned") == 2
        told = text_of(await stage.types("/fieldview history Ada Lovelace Farms"))
        assert "came in another browser, too late or once more, and it was not taken" in told
        assert (await ada.opens(callback)).headers["location"] == DONE, "and it is still hers"


async def test_a_scanner_that_asks_for_the_head_of_the_callback_spends_nothing(stage: Stage) -> None:
    async with browser(stage) as ada:
        callback = stage.world.fieldview.approve(await ada.begins(await asked(stage)), ADA)
        await settled(stage)
        before = await remembered(stage)
        assert (await ada.client.head(callback)).status_code == 405
        assert await remembered(stage) == before
        assert (await ada.opens(callback)).headers["location"] == DONE


async def test_a_hostile_body_is_refused_before_anything_is_carried_out(stage: Stage) -> None:
    link = await asked(stage)
    await settled(stage)
    before = await remembered(stage)
    async with browser(stage) as ada:
        for path in ("", "/decline", "/renew"):
            packed = await ada.client.post(link + path, content=b"\x1f\x8b\x08", headers={"Content-Encoding": "gzip"})
            large = await ada.client.post(link + path, content=b"x" * 10_000_000)
            assert (packed.status_code, large.status_code) == (415, 413)
    assert await remembered(stage) == before


async def test_two_answers_at_the_same_moment_count_as_one(stage: Stage) -> None:
    async with browser(stage) as ada:
        callback = stage.world.fieldview.approve(await ada.begins(await asked(stage)), ADA)
        answers = await asyncio.gather(*(ada.opens(callback) for _ in range(5)))
    assert sorted(answer.headers["location"] for answer in answers) == [DONE, *["/oauth/fieldview/elsewhere"] * 4]
    await stage.until_status(ADA, "healthy")
    assert await times(stage, "consent-completed") == 1


async def test_two_tabs_of_one_browser(stage: Stage) -> None:
    link = await asked(stage)
    async with browser(stage) as ada:
        first = stage.world.fieldview.approve(await ada.begins(link), ADA)
        second = stage.world.fieldview.approve(await ada.begins(link), ADA)
        assert code_of(first) != code_of(second)
        assert (await ada.opens(first)).status_code == 303, "the older tab is good too"
        await stage.until_status(ADA, "healthy")
        assert (await ada.opens(second)).status_code == 303
        assert CONNECTED in (await ada.ends_up()).text
    assert await times(stage, "consent-completed") == 1
    assert await secrets_kept(stage) == []


async def test_of_two_browsers_on_one_link_the_second_learns_that_somebody_was_first(stage: Stage) -> None:
    link = await asked(stage)
    async with browser(stage) as ada, browser(stage) as stranger:
        hers, theirs = await ada.begins(link), await stranger.begins(link)
        await ada.approves(hers)
        await stage.until_status(ADA, "healthy")
        stage.world.fieldview.add_account("mallory@elsewhere.example", "Mal", "Lory")
        await stranger.approves(theirs, "mallory@elsewhere.example")
        page = await stranger.ends_up()
        assert page.status_code == 409
        assert TAKEN in page.text
        assert ADA not in page.text.replace("<wbr>", ""), "whose account it was is not for them"
        assert CONNECTED in (await ada.ends_up()).text, "the first one's page is as it was"
    assert ("consent-returned", "refused") in await stage.deeds()
    assert await times(stage, "consent-completed") == 1
    connection = await stage.connection(ADA)
    assert connection is not None
    assert connection.account_email == ADA


async def test_a_browser_that_said_no_is_not_told_of_the_account_that_said_yes_later(stage: Stage) -> None:
    link = await asked(stage)
    async with browser(stage) as phone, browser(stage) as office:
        await phone.denies(await phone.begins(link))
        await office.consents(link)
        await stage.until_status(ADA, "healthy")
        assert TAKEN in (await phone.ends_up()).text


async def test_a_browser_whose_account_was_refused_is_not_told_of_the_one_that_was_taken(stage: Stage) -> None:
    await stage.connects()
    await stage.world.leaf.revoke(ADA)
    await stage.until_status(ADA, "broken")
    stage.world.fieldview.add_account("mallory@elsewhere.example", "Mal", "Lory")
    link = await asked(stage)
    async with browser(stage) as stranger, browser(stage) as ada:
        assert "the right FieldView account" in (await stranger.consents(link, "mallory@elsewhere.example")).text
        held = await consent_of(stage)
        await stage.running.bot.completion.refuse_account(held.id, held.doubt_mark, stage.grace)
        assert CONNECTED in (await ada.consents(link)).text
        page = await stranger.ends_up()
        assert TAKEN in page.text
        assert ADA not in page.text.replace("<wbr>", "")
        assert CONNECTED in (await ada.ends_up()).text


async def test_a_browser_whose_code_was_refused_is_not_told_of_the_account_that_was_taken(stage: Stage) -> None:
    link = await asked(stage)
    stage.world.fieldview.faults.lose_answer("token")
    async with browser(stage) as phone, browser(stage) as office:
        await phone.consents(link)
        await until_state(stage, "open", "answer-lost")
        assert CONNECTED in (await office.consents(link)).text
        page = await phone.ends_up()
        assert TAKEN in page.text
        assert ADA not in page.text.replace("<wbr>", "")


async def test_of_two_who_come_back_at_the_same_moment_the_second_is_not_taken_for_the_first(
    postgresql_url: str,
) -> None:
    async with set_up(postgresql_url) as stage:
        link = await asked(stage)
        consent, database = await consent_of(stage), stage.running.bot.database

        async def waits_or_is_through() -> bool:
            async with database.reading() as session:
                waiting = await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            return bool(waiting) or second.done()

        async with browser(stage) as stranger:
            begun = await stranger.begins(link)
            async with database.transaction() as session:
                await consents.move(session, consent.id, ConsentState.OPEN, ConsentState.EXCHANGING)
                second = asyncio.create_task(stranger.approves(begun))
                await eventually(waits_or_is_through)
            await second
        assert ("consent-returned", "refused") in await stage.deeds()


async def test_a_link_that_is_begun_while_another_takes_its_place_may_be_finished(postgresql_url: str) -> None:
    """Whoever makes the other link waits for the one who begins, and then sees it."""
    async with set_up(postgresql_url) as stage:
        await asked(stage)
        bot, now = stage.running.bot, stage.running.bot.clock()
        consent, grower = await consent_of(stage), await bot.directory.find("Ada Lovelace Farms")

        async def waits_or_is_through() -> bool:
            async with bot.database.reading() as session:
                waiting = await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            return bool(waiting) or other.done()

        async with bot.database.transaction() as session:
            await consents.lock(session, consent.id)
            await consents.begin_attempt(session, consent.id, "state", "browser", at=now, until=now + LOGIN_TIME)
            other = asyncio.create_task(bot.inviting.invite(grower, stage.grace, stage.growers))
            await eventually(waits_or_is_through)
        await other
        async with bot.database.reading() as session:
            begun = await consents.get(session, consent.id)
        assert begun is not None
        assert (begun.state, begun.replaced_at is not None) == (ConsentState.OPEN, True)


async def test_two_growers_links_in_one_browser_are_not_mixed_up(stage: Stage) -> None:
    adas, booles = await asked(stage), await asked_boole(stage)
    async with browser(stage) as office:
        for_ada = await office.begins(adas)
        for_boole = await office.begins(booles)
        assert (await office.approves(for_ada, ADA)).status_code == 303
        page = await office.ends_up()
        assert CONNECTED in page.text, "the page is about the consent that came back, not the one begun last"
        assert ADA in page.text.replace("<wbr>", "")
        assert (await office.approves(for_boole, BOOLE)).status_code == 303
        assert BOOLE in (await office.ends_up()).text.replace("<wbr>", "")
    await stage.until_status(ADA, "healthy")
    await stage.until_status(BOOLE, "healthy")
    connection = await stage.connection(BOOLE)
    assert connection is not None
    assert connection.account_email == BOOLE


FROM_ELSEWHERE = (
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": ""},
    {"Origin": "https://evil.example"},
    {"Origin": "http://["},
)


async def test_only_our_own_page_may_press_the_buttons(stage: Stage) -> None:
    link = await asked(stage)
    await settled(stage)
    before = await remembered(stage)
    async with browser(stage) as ada:
        for headers in FROM_ELSEWHERE:
            for path in ("", "/decline"):
                assert (await ada.client.post(link + path, headers=headers)).status_code == 403, headers
        assert await remembered(stage) == before
        # Chromium on our own form, under no-referrer; and an older browser that names its origin.
        for own in ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": stage.url}):
            assert (await ada.client.post(link, headers=own)).status_code == 303, own
    assert await remembered(stage) != before


async def test_the_grower_reads_the_last_whole_day_where_they_are_in_slack_and_on_the_page(
    stage_on_sqlite: Stage,
) -> None:
    """Begun on Thursday 26 November at 10:00 UTC, the link runs out on 3 December at four in the morning in Chicago."""
    link = await asked(stage_on_sqlite)
    last_day = "until the end of Wednesday 2 December"
    assert last_day in text_of((await stage_on_sqlite.dm(stage_on_sqlite.ada))[-1])
    async with browser(stage_on_sqlite) as ada:
        assert last_day in (await ada.opens(link)).text


async def test_a_grower_who_says_no_is_asked_no_more(stage: Stage) -> None:
    link = await asked(stage)
    async with browser(stage) as ada:
        declined = await ada.client.post(f"{link}/decline")
        assert declined.status_code == 200
        assert NOTHING_CHANGED in declined.text
        again = await ada.opens(link)
        assert again.status_code == 410
        assert NOTHING_CHANGED in again.text
        assert (await ada.client.post(link)).status_code == 410
        assert (await ada.client.post(f"{link}/decline")).status_code == 200
    await stage.delivered()
    [told] = await stage.dm(stage.grace)
    assert "Ada Lovelace Farms" in text_of(told)
    assert (await consent_of(stage)).state == "declined"
    assert await times(stage, "consent-declined") == 1
    assert "/connect/" not in repr((await stage.dm(stage.ada))[0].blocks), "the link is taken out of the message"


async def test_a_no_after_the_yes_at_fieldview_is_too_late_and_says_how_it_stands(stage: Stage) -> None:
    stage.world.leaf.faults.outage("POST .*credentials")
    link = await asked(stage)
    async with browser(stage) as ada:
        await ada.consents(link)
        await until_state(stage, "delivering", "leaf-down")
        answer = await ada.client.post(f"{link}/decline")
        assert (answer.status_code, answer.headers["location"]) == (303, link.removeprefix(stage.url))
        page = await ada.opens(link)
        assert "The rest takes longer today" in page.text
        pressed = await ada.client.post(link)
        assert (pressed.status_code, pressed.headers["location"]) == (303, link.removeprefix(stage.url))
    assert (await consent_of(stage)).state == "delivering"


async def test_a_link_runs_out_by_the_clock(stage: Stage) -> None:
    await settled(stage)
    link = await asked(stage)
    stage.world.clock.advance(timedelta(seconds=stage.settings.link_lifetime - 60))
    async with browser(stage) as ada:
        assert (await ada.opens(link)).status_code == 200
        stage.world.clock.advance(timedelta(seconds=60))
        before = await remembered(stage)
        for answer in (
            await ada.opens(link),
            await ada.client.post(link),
            await ada.client.post(f"{link}/decline"),
        ):
            assert answer.status_code == 410
            assert RUN_OUT in answer.text
        assert await remembered(stage) == before


async def test_what_was_begun_in_time_may_be_finished_within_half_an_hour(stage: Stage) -> None:
    link = await asked(stage)
    stage.world.clock.advance(timedelta(seconds=stage.settings.link_lifetime - 60))
    async with browser(stage) as ada:
        at_fieldview = await ada.begins(link)
        stage.world.clock.advance(timedelta(minutes=29))
        assert (await ada.opens(link)).status_code == 410
        assert (await ada.approves(at_fieldview)).status_code == 303
        assert CONNECTED in (await ada.ends_up()).text
    await stage.until_status(ADA, "healthy")


async def test_half_an_hour_at_fieldview_is_enough(stage: Stage) -> None:
    link = await asked(stage)
    async with browser(stage) as ada:
        at_fieldview = await ada.begins(link)
        stage.world.clock.advance(timedelta(minutes=30, seconds=1))
        await ada.sent_away(await ada.approves(at_fieldview))
        assert CONNECTED in (await ada.consents(link)).text, "the link itself has days left"


async def test_a_used_link_tells_what_is_shared_and_connects_nothing_more(stage: Stage) -> None:
    link = await asked(stage)
    async with browser(stage) as ada:
        await ada.consents(link)
        await stage.until_status(ADA, "healthy")
        assert SHARED in (await ada.opens(link)).text
        for answer in (await ada.client.post(link), await ada.client.post(f"{link}/decline")):
            assert (answer.status_code, answer.headers["location"]) == (303, link.removeprefix(stage.url))
    assert (await consent_of(stage)).state == "connected"


async def test_a_newer_link_takes_the_older_ones_place(stage: Stage) -> None:
    older = await asked(stage)
    newer = await asked(stage)
    async with browser(stage) as ada:
        for answer in (await ada.opens(older), await ada.client.post(older)):
            assert answer.status_code == 410
            assert TAKEN_BACK in answer.text
        assert CONNECTED in (await ada.consents(newer)).text
    await stage.delivered()
    first, _ = await stage.dm(stage.ada, 2)
    assert "/connect/" not in repr(first.blocks)


async def test_a_newer_link_leaves_alone_what_the_grower_is_doing_this_minute(stage: Stage) -> None:
    older = await asked(stage)
    async with browser(stage) as ada:
        await ada.begins(older)
        stage.world.clock.advance(timedelta(hours=5))
        at_fieldview = await ada.begins(older)
        newer = await asked(stage)
        assert (await ada.approves(at_fieldview)).status_code == 303
        assert CONNECTED in (await ada.ends_up()).text
        await stage.until_status(ADA, "healthy")
        page = await ada.opens(newer)
        assert page.status_code == 410
        assert NOT_NEEDED in page.text, "connected: the other link has nothing left to do"


async def test_a_link_that_was_replaced_lives_no_longer_than_what_had_been_begun(stage: Stage) -> None:
    older = await asked(stage)
    async with browser(stage) as ada:
        at_fieldview = await ada.begins(older)
        replaced = await consent_of(stage)
        newer = await asked(stage)
        for minutes in (0, 25, 25):
            stage.world.clock.advance(timedelta(minutes=minutes))
            for answer in (await ada.opens(older), await ada.client.post(older)):
                assert answer.status_code == 410
                assert TAKEN_BACK in answer.text
        await ada.sent_away(await ada.approves(at_fieldview))
        await stage.running.bot.chasing.chase_job("test")
        async with stage.running.bot.database.reading() as session:
            over = await consents.get(session, replaced.id)
        assert over is not None
        assert over.state == "revoked"
        assert await times(stage, "consent-replaced") == 1
        await stage.delivered()
        [first, _] = await stage.dm(stage.ada, 2)
        assert "This link no longer works" in text_of(first)
        assert CONNECTED in (await ada.consents(newer)).text


async def test_what_had_been_begun_when_a_newer_link_came_may_fail_but_not_begin_again(stage: Stage) -> None:
    older = await asked(stage)
    async with browser(stage) as ada:
        at_fieldview = await ada.begins(older)
        await asked(stage)
        assert (await ada.denies(at_fieldview)).status_code == 303
        assert TAKEN_BACK in (await ada.ends_up()).text
        assert (await ada.client.post(older)).status_code == 410
    await stage.delivered()
    [first, _] = await stage.dm(stage.ada, 2)
    assert "use my newest message" in text_of(first)
    [told] = await stage.dm(stage.grace)
    assert "That link has ended since" in text_of(told)


async def test_a_link_begun_long_ago_and_left_is_replaced(stage: Stage) -> None:
    older = await asked(stage)
    async with browser(stage) as ada:
        await ada.begins(older)
        stage.world.clock.advance(timedelta(minutes=31))
        await asked(stage)
        assert TAKEN_BACK in (await ada.opens(older)).text


NO_LINKS = (
    "A" * 43,
    "x",
    "%00",
    "%ff%fe",
    "..%2f..%2fetc%2fpasswd",
    "a%2Fb",
    "'%20OR%201=1--",
    "%3Cscript%3E",
    "y" * 3000,
    "%F0%9F%8C%BE",
    "{{7*7}}",
    "",
    "A" * 43 + "/",
)


async def test_unknown_and_malformed_links_cannot_be_told_apart(stage: Stage) -> None:
    async with browser(stage) as nobody:
        expected = await nobody.opens("/connect/" + "B" * 43)
        assert expected.status_code == 404
        assert UNKNOWN in expected.text
        for token in NO_LINKS:
            for accept in ("text/html", "*/*", ""):
                answer = await nobody.client.get(f"/connect/{token}", headers={"Accept": accept})
                assert (answer.status_code, answer.content) == (404, expected.content), token
                assert answer.headers.get("content-security-policy") == expected.headers["content-security-policy"]


async def test_pressing_the_button_of_an_unknown_link_is_answered_the_same_way(stage_on_sqlite: Stage) -> None:
    async with browser(stage_on_sqlite) as nobody:
        paths = ("/connect/" + "B" * 43, "/connect/x", "/connect/" + "B" * 43 + "/decline", "/connect/%00/decline")
        answers = [await nobody.client.post(path) for path in paths]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.content for answer in answers}) == 1


async def test_the_page_behind_the_callback_is_nobodys_without_the_cookie(stage: Stage) -> None:
    async with browser(stage) as ada, browser(stage) as nobody:
        await ada.consents(await asked(stage))
        answer = await nobody.ends_up()
        assert answer.status_code == 404
        assert "Ada" not in answer.text


async def test_a_grower_consents_with_another_persons_account_and_the_team_sees_whose(stage: Stage) -> None:
    stage.world.fieldview.add_account("bo@larsen.example", "Bo", "Larsen")
    link = await asked(stage)
    async with browser(stage) as ada:
        page = await ada.consents(link, "bo@larsen.example")
        assert "bo@larsen.example" in page.text.replace("<wbr>", "")
    await stage.until_status(ADA, "healthy")
    connection = await stage.connection()
    assert connection is not None
    assert connection.account_email == "bo@larsen.example"


async def test_the_link_goes_to_the_grower_alone(stage: Stage) -> None:
    link = await asked(stage)
    token = link.rsplit("/", 1)[1]
    await stage.delivered()
    slack = stage.world.slack
    for place in slack.workspace.channels.values():
        for message in place.messages:
            if token in repr(message.versions):
                assert place.id == slack.dm(stage.ada)
                assert message.sent.get("unfurl_links") in (False, "false", "0", 0)


async def test_a_grower_outside_slack_is_reached_by_a_link_only_the_asker_sees(stage: Stage) -> None:
    token = (await asked_boole(stage)).rsplit("/", 1)[1]
    places = [
        message
        for place in stage.world.slack.workspace.channels.values()
        for message in place.messages
        if token in repr(message.versions)
    ]
    assert [message.ephemeral_to for message in places] == [stage.grace]
