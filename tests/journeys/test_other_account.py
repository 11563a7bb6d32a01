"""Somebody signs in with another FieldView account than before: nothing is overwritten until the team has said so."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bot import messages
from bot.errors import NothingHeld, OtherAccountHeld
from bot.sandbox.slack.workspace import Message
from storage import consents, growers
from storage.records import Consent, ConsentState
from tests.bot.test_retention import everything
from tests.consenting import (
    BOOLE,
    asked,
    asked_boole,
    browser,
    consent_of,
    grower,
    secrets_kept,
    times,
    until_state,
    works_again,
)
from tests.journeys.test_audit_rows import killed
from tests.journeys.test_home import opens
from tests.stage import ADA, Stage, buttons_of, eventually, link_in, set_up, text_of

BOB = "bob@elsewhere.example"
EVE = "eve@elsewhere.example"
MANAGER = "manager@farms.example"
SATO = "hana@sato.example"
GIVE = "POST /services/usermanagement/api/users/.*credentials"


@pytest.fixture
async def held(stage: Stage) -> Message:
    """Ada's farm was connected by Ada, and now Bob signs in through its new link; the question to Grace."""
    return await signs_in_as_bob(stage)


async def signs_in_as_bob(stage: Stage) -> Message:
    stage.world.fieldview.add_account(BOB, "Bob", "Stranger")
    await stage.connects()
    await stage.posted(stage.alerts)
    await stage.world.leaf.revoke(ADA)
    await stage.until_status(ADA, "broken")
    link = await asked(stage)
    async with browser(stage) as bob:
        page = await bob.consents(link, BOB)
    assert "the right FieldView account" in page.text
    await until_state(stage, "held", "other-account")
    return await question(stage)


async def question(stage: Stage) -> Message:
    """What Grace is asked; on a busy machine the news of an earlier consent may come later."""
    await stage.delivered()
    [asking] = [message for message in await stage.dm(stage.grace) if "use-account" in buttons_of(message)]
    return asking


def given(stage: Stage) -> int:
    return sum(call.status == 201 for call in stage.world.leaf.log.matching(GIVE))


async def test_it_is_held_and_asked_about_before_leaf_hears_of_it(stage: Stage, held: Message) -> None:
    assert BOB in text_of(held)
    assert ADA in text_of(held)
    assert {"use-account", "refuse-account"} <= set(buttons_of(held))
    assert given(stage) == 1, "the first connection and nothing since"
    assert await secrets_kept(stage) == [(await consent_of(stage)).id], "the token waits, encrypted"
    card = (await stage.posted(stage.alerts))[-1]
    assert "another FieldView account" in text_of(card)
    assert f"*Who must act:* <@{stage.grace}>" in text_of(card)
    [_, message] = await stage.dm(stage.ada, 2)
    assert "does not know this FieldView account" in text_of(message)
    assert await times(stage, "consent-held") == 1
    told = text_of(await stage.types("/fieldview status"))
    assert "1 approval waits for your team to say whether the FieldView account is right." in told
    assert "waiting for the grower" not in told, "the grower has done their part"
    status = await stage.types("/fieldview status Ada Lovelace Farms")
    assert {"use-account", "refuse-account"} <= set(buttons_of(status))


async def test_use_this_account_goes_on_to_leaf_once(stage: Stage, held: Message) -> None:
    said = await stage.presses(held, "use-account")
    assert "I use this account" in text_of(said)
    await stage.until_status(ADA, "healthy")
    connection = await stage.connection()
    assert connection is not None
    assert connection.account_email == BOB
    assert given(stage) == 2
    await stage.delivered()
    assert "is connected" in text_of(held)
    assert await secrets_kept(stage) == []
    [row] = [entry for entry in await stage.audit() if entry.action == "use-account"]
    assert (row.actor, row.outcome, row.target_name) == (stage.grace, "done", "Ada Lovelace Farms")
    assert row.typed == BOB


async def test_refused_it_is_erased_and_the_link_is_good_for_the_right_account(stage: Stage, held: Message) -> None:
    await stage.presses(held, "refuse-account")
    consent = await until_state(stage, "open", "other-account")
    assert await secrets_kept(stage) == []
    assert consent.account_email is None
    await stage.delivered()
    [_, message] = await stage.dm(stage.ada, 2)
    assert "the FieldView account you used before" in text_of(message)
    assert "refuse-account" not in buttons_of(held)
    async with browser(stage) as ada:
        await ada.consents(link_in(message))
    await stage.until_status(ADA, "healthy")
    assert (await consent_of(stage)).account_email == ADA
    assert ("refuse-account", "done") in await stage.deeds()


async def test_the_grower_may_start_again_before_anybody_decides(stage: Stage, held: Message) -> None:
    [_, message] = await stage.dm(stage.ada, 2)
    link = await stage_link(stage)
    async with browser(stage) as ada:
        page = await ada.opens(link)
        assert page.status_code == 409
        assert "Start again" in page.text
        at_fieldview = await ada.begins(link)
        assert await secrets_kept(stage) == [], "what was held is erased at once"
        await stage.delivered()
        assert "use-account" not in buttons_of(held)
        await ada.approves(at_fieldview)
    await stage.until_status(ADA, "healthy")
    assert (await consent_of(stage)).account_email == ADA
    assert message.edits


async def stage_link(stage: Stage) -> str:
    """The link that Ada's message showed before it was held, and no longer does."""
    [_, message] = await stage.dm(stage.ada, 2)
    return link_in(message.versions[0])


async def test_a_link_that_has_run_out_begins_nothing_while_an_approval_is_held(stage: Stage) -> None:
    stage.world.fieldview.add_account(BOB, "Bob", "Stranger")
    await stage.connects()
    await stage.world.leaf.revoke(ADA)
    await stage.until_status(ADA, "broken")
    link = await asked(stage)
    stage.world.clock.advance(timedelta(days=6, hours=23))
    async with browser(stage) as bob:
        await bob.consents(link, BOB)
        await until_state(stage, "held", "other-account")
        stage.world.clock.advance(timedelta(hours=2))
        page = await bob.client.post(link)
        assert page.status_code == 410
        assert "Ask for a new link" in page.text
        await bob.client.post(f"{link}/renew")
    assert (await consent_of(stage)).state == "held"
    assert await secrets_kept(stage) == [(await consent_of(stage)).id], "it still waits for the team"
    assert await times(stage, "consent-renewal-asked") == 1


async def test_what_nobody_decides_about_is_forgotten_after_three_days(stage: Stage, held: Message) -> None:
    stage.world.clock.advance(timedelta(hours=71))
    await stage.running.bot.chasing.chase_job("test")
    assert (await consent_of(stage)).state == "held"
    stage.world.clock.advance(timedelta(hours=2))
    await stage.running.bot.chasing.chase_job("test")
    await until_state(stage, "open", "nobody-decided")
    assert await secrets_kept(stage) == []
    assert await times(stage, "consent-hold-ended") == 1
    await stage.delivered()
    assert "use-account" not in buttons_of(held)
    assert "Nobody decided in time about Ada Lovelace Farms, so the approval was forgotten." in text_of(held)
    assert "is asked to sign in" not in text_of(held), "nobody has asked the grower for anything"
    assert "send-link" in buttons_of(held)
    [_, message] = await stage.dm(stage.ada, 2)
    assert "the FieldView account you used before" not in text_of(message)
    stage.world.clock.advance(timedelta(days=5))
    await stage.running.bot.chasing.chase_job("test")
    await stage.delivered()
    assert "did not finish in time" not in text_of(held)
    assert "The link has run out since." in text_of(held)


async def test_what_is_held_anew_while_an_older_approval_is_forgotten_is_kept(
    stage: Stage, held: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job has just read that nobody decided in three days; the grower signs in once more before it goes on."""
    look = consents.held_since

    async def before_the_grower_began_anew(session: AsyncSession, before: datetime) -> list[str]:
        monkeypatch.setattr(consents, "held_since", look)
        return await look(session, before + timedelta(days=4))

    monkeypatch.setattr(consents, "held_since", before_the_grower_began_anew)
    await stage.running.bot.completion.end_holds()
    assert (await consent_of(stage)).state == "held"
    assert await secrets_kept(stage) == [(await consent_of(stage)).id]


async def test_after_a_hand_over_the_card_names_who_decides_now_on_a_lock_screen_too(
    stage: Stage, held: Message
) -> None:
    card = (await stage.posted(stage.alerts))[-1]

    async def names(person: str, name: str) -> bool:
        on_lock_screen = f"{name} has to decide about the FieldView account." in card.text
        return on_lock_screen and f"<@{person}> has to say whether that is right" in text_of(card)

    await eventually(lambda: names(stage.grace, "Grace Okafor"))
    await stage.types("/fieldview handover @grace @linus", stage.linus)
    await eventually(lambda: names(stage.linus, "Linus Berg"))
    assert (await consent_of(stage)).maker == stage.grace, "who made the link is not rewritten"


async def test_two_decide_and_the_first_one_counts(stage: Stage, held: Message) -> None:
    slack, bot = stage.world.slack, stage.running.bot
    consent = await consent_of(stage)
    assert (await slack.click(stage.grace, held.channel, held.ts, "use-account")).ok
    await stage.until_status(ADA, "healthy")
    with pytest.raises(NothingHeld):
        await bot.completion.refuse_account(consent.id, consent.doubt_mark, stage.linus)
    assert (await consent_of(stage)).state == "connected"


@pytest.mark.parametrize("decision", ["use-account", "refuse-account"])
async def test_who_decides_decides_about_the_account_that_was_shown(stage: Stage, held: Message, decision: str) -> None:
    status = await stage.types("/fieldview status Ada Lovelace Farms")
    assert BOB in text_of(status)
    stage.world.fieldview.add_account(EVE, "Eve", "Elsewhere")
    async with browser(stage) as eve:
        await eve.consents(await stage_link(stage), EVE)
    await until_state(stage, "held", "other-account")
    said = await stage.presses(status, decision)
    assert "has changed since this was shown to you, so I did nothing" in text_of(said)
    assert EVE in text_of(said)
    assert ((await consent_of(stage)).state, given(stage)) == ("held", 1)
    [row] = [entry for entry in await stage.audit() if entry.action == decision]
    assert (row.outcome, row.target_name) == ("refused", "Ada Lovelace Farms")
    await stage.presses(said, decision)
    await until_state(stage, *(("connected", None) if decision == "use-account" else ("open", "other-account")))


async def test_a_button_that_does_not_say_which_account_was_shown_decides_nothing(stage: Stage, held: Message) -> None:
    of_an_older_version = (await consent_of(stage)).id
    for decide in (stage.running.bot.completion.use_account, stage.running.bot.completion.refuse_account):
        with pytest.raises(OtherAccountHeld):
            await decide(*messages.question_shown(of_an_older_version), stage.grace)
    assert (await consent_of(stage)).state == "held"


async def test_the_same_account_in_other_letters_is_the_same(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.connects()
    await stage.world.leaf.revoke(ADA)
    await stage.until_status(ADA, "broken")
    stage.world.fieldview.add_account("Ada@Example.com", "Ada", "Lovelace")
    link = await asked(stage)
    async with browser(stage) as ada:
        await ada.consents(link, "Ada@Example.com")
    await stage.until_status(ADA, "healthy")


async def test_an_account_that_fieldview_does_not_name_is_shown_as_unverified(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.connects()
    stage.world.fieldview.switch(names_account=False)
    await stage.world.leaf.revoke(ADA)
    await stage.until_status(ADA, "broken")
    link = await asked(stage)
    async with browser(stage) as ada:
        await ada.consents(link)
    await stage.until_status(ADA, "healthy")
    await stage.delivered()

    async def told() -> bool:
        return any("unverified" in text_of(message) for message in await stage.dm(stage.grace))

    await eventually(told)


@pytest.mark.parametrize("decision", ["use-account", "refuse-account"])
async def test_a_decision_is_in_writing_before_the_edge_comes_to_it(
    stage: Stage, held: Message, decision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage.running.bot.journal, "settle", killed)
    await stage.presses(held, decision)
    [row] = [row for row in await stage.audit() if row.action == decision]
    assert (row.outcome, row.target_name) == ("done", "Ada Lovelace Farms")
    assert (row.typed, json.loads(row.detail or "{}")) == (BOB, {"consent": (await consent_of(stage)).id})


@pytest.mark.parametrize("decision", ["use-account", "refuse-account"])
async def test_who_is_forgotten_is_forgotten_with_the_account_that_was_decided_about(
    stage: Stage, held: Message, decision: str
) -> None:
    await stage.presses(held, decision)
    if decision == "use-account":
        await stage.until_status(ADA, "healthy")
    else:
        await until_state(stage, "open", "other-account")
    await stage.delivered()
    bot = stage.running.bot
    [grower] = await bot.retention.whom("Ada Lovelace Farms")
    await bot.retention.erase(grower, "cli", "r9")
    kept = await everything(bot.database)
    for told in (BOB, ADA, "Lovelace"):
        assert told not in kept
    assert (await bot.journal.verify()).fault is None


async def signs_in_as_boole(stage: Stage) -> Message:
    """Ada was never connected before, and goes through her link with the Booles' FieldView account."""
    await asked_boole(stage)
    link = await asked(stage)
    async with browser(stage) as ada:
        page = await ada.consents(link, BOOLE)
    assert "the right FieldView account" in page.text
    await until_state(stage, "held", "somebody-elses-account")
    return await question(stage)


async def test_another_growers_account_is_held_though_ada_never_had_one(stage: Stage) -> None:
    asking = await signs_in_as_boole(stage)
    assert "signed in with the FieldView account of Boole Brothers" in text_of(asking)
    assert BOOLE in text_of(asking)
    assert given(stage) == 0, "Leaf hears of nothing before somebody decided"
    await stage.presses(asking, "refuse-account")
    await until_state(stage, "open", "somebody-elses-account")
    assert await secrets_kept(stage) == []
    await stage.delivered()
    message = (await stage.dm(stage.ada))[-1]
    assert "your own FieldView account" in text_of(message)
    async with browser(stage) as ada:
        await ada.consents(link_in(message))
    await stage.until_status(ADA, "healthy")


async def test_two_farms_may_share_one_account_when_somebody_says_so(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.presses(await signs_in_as_boole(stage), "use-account")
    await stage.until_status(ADA, "healthy")
    consent = await consent_of(stage)
    assert (consent.account_email, consent.trouble) == (BOOLE, None)
    await stage.world.leaf.revoke(ADA)
    await stage.until_status(ADA, "broken")
    link = await asked(stage)
    async with browser(stage) as ada:
        await ada.consents(link, BOOLE)
    await stage.until_status(ADA, "healthy")


async def test_an_account_connected_under_another_address_is_known_too(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    stage.world.fieldview.add_account("Manager@Farms.example", "Mo", "Manager")
    link = await asked_boole(stage)
    async with browser(stage) as manager:
        await manager.consents(link, "Manager@Farms.example")
    await stage.until_status(BOOLE, "healthy")
    link = await asked(stage)
    async with browser(stage) as ada:
        await ada.consents(link, "Manager@Farms.example")
    await until_state(stage, "held", "somebody-elses-account")


async def gives_up_the_managers_account(stage: Stage) -> None:
    """Ada is connected with the account of somebody who manages farms, and then disconnected."""
    stage.world.fieldview.add_account(MANAGER, "Mo", "Manager")
    link = await asked(stage)
    async with browser(stage) as manager:
        await manager.consents(link, MANAGER)
    await stage.until_status(ADA, "healthy")
    question = await stage.types("/fieldview disconnect Ada Lovelace Farms", stage.linus)
    await stage.presses(question, "disconnect-confirm", stage.linus)
    await stage.time_to_undo_passes()
    await stage.until_status(ADA, "absent")


async def test_who_comes_back_to_an_account_that_another_grower_has_since_is_asked_about(stage: Stage) -> None:
    await gives_up_the_managers_account(stage)
    link = await asked_boole(stage)
    async with browser(stage) as manager:
        await manager.consents(link, MANAGER)
    await stage.until_status(BOOLE, "healthy")
    before = given(stage)
    link = await asked(stage)
    async with browser(stage) as ada:
        page = await ada.consents(link, MANAGER)
    assert "the right FieldView account" in page.text
    await until_state(stage, "held", "somebody-elses-account")
    assert given(stage) == before, "Leaf hears of nothing before somebody decided"
    asking = await question(stage)
    assert "signed in with the FieldView account of Boole Brothers" in text_of(asking)
    await stage.presses(asking, "use-account")
    await stage.until_status(ADA, "healthy")


async def test_who_comes_back_to_an_account_that_nobody_has_taken_is_not_asked_about(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await gives_up_the_managers_account(stage)
    link = await asked(stage)
    async with browser(stage) as ada:
        await ada.consents(link, MANAGER)
    await stage.until_status(ADA, "healthy")


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("josé@farm.example", "josé@farm.example"),
        ("JOSÉ@farm.example", "josé@FARM.example"),
        ("josé@farm.example", "jose\u0301@farm.example"),
    ],
)
async def test_an_account_with_an_accent_is_known_too(stage: Stage, first: str, then: str) -> None:
    for account in {first, then}:
        stage.world.fieldview.add_account(account, "José", "Farmer")
    link = await asked_boole(stage)
    async with browser(stage) as manager:
        await manager.consents(link, first)
    await stage.until_status(BOOLE, "healthy")
    link = await asked(stage)
    async with browser(stage) as ada:
        await ada.consents(link, then)
    await until_state(stage, "held", "somebody-elses-account")


async def test_one_account_for_two_growers_at_once_is_asked_about(stage: Stage) -> None:
    """Leaf has taken neither yet, so no connection says whose the account is."""
    stage.world.fieldview.add_account(BOB, "Bob", "Stranger")
    stage.world.leaf.faults.outage(on=GIVE)
    adas, booles = await asked(stage), await asked_boole(stage)
    async with browser(stage) as one, browser(stage) as two:
        for_ada = stage.world.fieldview.approve(await one.begins(adas), BOB)
        for_boole = stage.world.fieldview.approve(await two.begins(booles), BOB)
        await asyncio.gather(one.opens(for_ada), two.opens(for_boole))

    async def one_of_them_waits() -> bool:
        both = [await consent_of(stage, email) for email in (ADA, BOOLE)]
        return {"held", "delivering"} == {consent.state.value for consent in both}

    await eventually(one_of_them_waits)


async def all_of_ada(stage: Stage) -> dict[str | None, Consent]:
    """Her consents that still go on or led to a connection, by the account they are for."""
    async with stage.running.bot.database.reading() as session:
        ada = grower(stage).id
        connected = await consents.latest_connected(session, ada)
        unfinished = await consents.open_of_grower(session, ada)
    return {each.account_email: each for each in [*unfinished, *([connected] if connected else [])]}


@pytest.mark.parametrize(
    ("method", "decision"), [("GET", "use-account"), ("POST", "use-account"), ("POST", "refuse-account")]
)
async def test_a_second_account_while_leaf_is_down_overwrites_nothing_unasked(
    stage: Stage, method: str, decision: str
) -> None:
    """Two links of hers come back with two accounts, and Leaf takes neither for a while."""
    stage.world.fieldview.add_account(BOB, "Bob", "Stranger")
    old = await asked(stage)
    async with browser(stage) as bob, browser(stage) as ada:
        at_fieldview = await bob.begins(old)
        new = await asked(stage)
        stage.world.leaf.faults.outage(on=f"{method} .*credentials")
        await ada.consents(new, ADA)
        await until_trouble(stage, ADA)
        await bob.approves(at_fieldview, BOB)
        await until_trouble(stage, BOB)
    both = await all_of_ada(stage)
    stage.world.leaf.faults.heal()
    for account in (BOB, ADA, BOB) if method == "POST" else (ADA, BOB):
        await works_again(stage, both[account])

    async def bob_waits() -> bool:
        return {(account, each.state.value) for account, each in (await all_of_ada(stage)).items()} == {
            (ADA, "connected"),
            (BOB, "held"),
        }

    await eventually(bob_waits)
    connection = await stage.connection()
    assert connection is not None
    assert (connection.account_email, given(stage)) == (ADA, 1)
    asking = await question(stage)
    assert f"This time it was {BOB}, the last time {ADA}" in text_of(asking)
    assert await times(stage, "consent-held") == 1

    if decision == "refuse-account":
        answer = await stage.presses(asking, decision)
        assert "another one has taken its place" in text_of(answer)
        assert await secrets_kept(stage) == []
        async with browser(stage) as bob:
            for page in (await bob.opens(old), await bob.client.post(old)):
                assert page.status_code == 410
                assert "This link is no longer needed" in page.text
                assert ADA not in page.text.replace("<wbr>", ""), "whose account it was is not for them"
        return
    await stage.presses(asking, decision)

    async def bobs() -> bool:
        now = await stage.connection()
        return now is not None and now.account_email == BOB and given(stage) == 2

    await eventually(bobs)


async def until_trouble(stage: Stage, account: str) -> None:
    async def so() -> bool:
        consent = (await all_of_ada(stage)).get(account)
        return consent is not None and (consent.state, consent.trouble) == ("delivering", "leaf-down")

    await eventually(so)


async def test_another_replica_that_is_about_to_let_the_account_pass_is_waited_for(postgresql_url: str) -> None:
    async with set_up(postgresql_url) as stage:
        stage.world.fieldview.add_account(BOB, "Bob", "Stranger")
        await asked_boole(stage)
        link, booles = await asked(stage), await consent_of(stage, BOOLE)

        async def judged_or_waiting() -> bool:
            async with stage.running.bot.database.reading() as session:
                waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                is_waiting = await session.scalar(text(waiting))
            return bool(is_waiting) or (await consent_of(stage)).state not in ("open", "exchanging")

        async with stage.running.bot.database.transaction() as session, browser(stage) as ada:
            await growers.lock_accounts(session)
            await consents.move(session, booles.id, ConsentState.OPEN, ConsentState.DELIVERING, account_email=BOB)
            await ada.approves(await ada.begins(link), BOB)
            await eventually(judged_or_waiting)
        await until_state(stage, "held", "somebody-elses-account")


async def test_an_account_without_a_name_does_not_make_the_next_one_the_first(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    stage.world.fieldview.add_account(BOB, "Bob", "Stranger")
    await stage.connects()
    for names_account in (False, True):
        stage.world.fieldview.switch(names_account=names_account)
        await stage.world.leaf.revoke(ADA)
        await stage.until_status(ADA, "broken")
        link = await asked(stage)
        async with browser(stage) as somebody:
            await somebody.consents(link, BOB)
        if not names_account:
            await stage.until_status(ADA, "healthy")
    await until_state(stage, "held", "other-account")


async def linus_is_answered_with_bob(stage: Stage) -> tuple[Message, Message]:
    """Grace looks after Ada, whose connection broke; Linus sends the link, and Bob signs in. The card, and Ada's DM."""
    stage.world.fieldview.add_account(BOB, "Bob", "Stranger")
    await stage.connects()
    await stage.world.leaf.revoke(ADA)
    await stage.until_status(ADA, "broken")
    await stage.delivered()
    card = (await stage.posted(stage.alerts))[-1]
    await stage.presses(card, "send-link", stage.linus)
    [_, letter] = await stage.dm(stage.ada, 2)
    async with browser(stage) as bob:
        await bob.consents(link_in(letter), BOB)
    await until_state(stage, "held", "other-account")
    await stage.delivered()
    return card, letter


async def test_the_owner_decides_on_the_card_though_a_colleague_sent_the_link(stage: Stage) -> None:
    card, _ = await linus_is_answered_with_bob(stage)
    grace, linus, slack = f"<@{stage.grace}>", f"<@{stage.linus}>", stage.world.slack
    assert f"*Who must act:* {grace}" in text_of(card)
    assert f"{grace} has to say whether that is right" in text_of(card)
    assert "The grower’s owner has to decide about the FieldView account." in card.text
    assert buttons_of(card)[:3] == ["use-account", "refuse-account", "acknowledge"]
    assert "send-link" not in buttons_of(card)
    for person in (stage.grace, stage.linus):
        [asking] = [message for message in await stage.dm(person) if "use-account" in buttons_of(message)]
        assert f"{grace} looks after this grower, {linus} answers for the link" in text_of(asking)
    status = await stage.types("/fieldview status Ada Lovelace Farms", stage.linus)
    assert f"*Who must act:* {grace}" in text_of(status)
    assert "the grower’s owner" in repr((await stage.types("/fieldview status", stage.linus)).blocks)
    await opens(stage, lambda text: f"Who must act: {grace}" in text, stage.linus)
    await stage.presses(card, "use-account", stage.grace)
    await stage.until_status(ADA, "healthy")
    await stage.delivered()
    told = "\n".join(text_of(reply) for reply in slack.thread(card))
    assert "The grower agreed, but with another FieldView account." in told
    assert "Grace Okafor says that this FieldView account is right." in told


async def test_who_is_asked_reads_who_looks_after_the_grower_since(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await linus_is_answered_with_bob(stage)
    [asking] = [message for message in await stage.dm(stage.linus) if "use-account" in buttons_of(message)]
    assert f"<@{stage.grace}> looks after this grower" in text_of(asking)
    await stage.types("/fieldview owner Ada Lovelace Farms @linus", stage.linus)
    await stage.delivered()
    assert "looks after this grower" not in text_of(asking), "it is Linus alone who is asked now"


async def test_before_another_link_goes_out_the_question_is_put_again(stage: Stage) -> None:
    card, _ = await linus_is_answered_with_bob(stage)
    stage.world.clock.advance(timedelta(minutes=20))
    status = await stage.types("/fieldview status Ada Lovelace Farms", stage.linus)
    for answer in (
        await stage.presses(status, "send-link", stage.linus),
        await stage.types("/fieldview connect Ada Lovelace Farms", stage.linus),
    ):
        assert "An approval of Ada Lovelace Farms waits for a decision. I sent no link." in answer.text
        assert {"use-account", "refuse-account", "send-link-anyway"} <= set(buttons_of(answer))
    assert len(await stage.dm(stage.ada, 2)) == 2, "she got nothing new"
    await stage.presses(answer, "send-link-anyway", stage.linus)
    [*_, newest] = await stage.dm(stage.ada, 3)
    await stage.delivered()
    assert "use-account" in buttons_of(card), "the question is still open, and is not forgotten"
    await stage.presses(card, "refuse-account", stage.linus)
    await stage.delivered()
    assert "not opened yet" in text_of(card)
    told = [reply.text for reply in stage.world.slack.thread(card)]
    assert "Linus Berg refused this FieldView account" in told[-1]
    assert "That link has ended since" in told[-1]
    async with browser(stage) as ada:
        await ada.consents(link_in(newest))
    await stage.until_status(ADA, "healthy")


async def satos_stranger(stage: Stage, account: str = BOB) -> None:
    """Leaf had the Satos' connection before the bot came, so no account is on record; their link is used with this."""
    stage.world.fieldview.add_account(account, "Bob", "Stranger")
    await stage.sweeps_now()
    await stage.world.leaf.revoke(SATO)
    await stage.until_status(SATO, "broken")
    link = link_in(await stage.types("/fieldview connect Sato Family Orchards"))
    async with browser(stage) as bob:
        await bob.consents(link, account)


async def test_a_strangers_account_does_not_replace_a_connection_older_than_the_bot_unasked(stage: Stage) -> None:
    await satos_stranger(stage)
    await until_state(stage, "held", "unfamiliar-account", SATO)
    assert given(stage) == 0, "what Leaf has is still there"
    asking = await question(stage)
    told = text_of(asking)
    assert BOB in told
    assert "I do not know which account it was before" in told
    assert f"not the address that Leaf has for them ({SATO})" in told
    assert "the last time" not in told
    [card] = await stage.posted(stage.alerts)
    status = await stage.types("/fieldview status Sato Family Orchards")
    for shown in (card, status):
        assert f"a FieldView account that I do not know ({BOB})" in text_of(shown)
    await stage.presses(asking, "use-account")
    await stage.until_status(SATO, "healthy")
    await stage.delivered()
    for shown in (card, asking):
        assert f"Leaf knows this grower as {SATO}: make sure that both belong together" in text_of(shown)


async def test_a_strangers_account_that_is_refused_is_told_so_truly(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await satos_stranger(stage)
    await until_state(stage, "held", "unfamiliar-account", SATO)
    asking = await question(stage)
    await stage.presses(asking, "refuse-account")
    await until_state(stage, "open", "unfamiliar-account", SATO)
    assert await secrets_kept(stage) == []
    await stage.delivered()
    [card] = await stage.posted(stage.alerts)
    assert "has to sign in with their own account" in text_of(asking)
    assert "your team did not accept the FieldView account" in text_of(card)
    assert "from before" not in text_of(asking) + text_of(card), "nobody knows which one that was"


async def test_their_own_address_repairs_a_connection_older_than_the_bot_unasked(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await satos_stranger(stage, SATO.title())
    await stage.until_status(SATO, "healthy")


async def test_where_leaf_has_no_address_nothing_is_asked_that_nobody_could_answer(stage_on_sqlite: Stage) -> None:
    """Neither the account before nor an address is known: the account is used, and told to whoever asked."""
    stage = stage_on_sqlite
    hill = stage.world.leaf.add_user(name="Hill & Dale")
    stage.world.leaf.connect(hill)
    stage.world.fieldview.add_account(BOB, "Bob", "Hill")
    await stage.sweeps_now()
    await stage.world.leaf.revoke(hill)
    await stage.sweeps_now()
    link = link_in(await stage.types("/fieldview connect Hill & Dale"))
    async with browser(stage) as bob:
        await bob.consents(link, BOB)

    async def told() -> bool:
        return any(f"FieldView account: {BOB}" in text_of(message) for message in await stage.dm(stage.grace))

    await eventually(told)


async def test_a_first_connection_overwrites_nothing_and_goes_through(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    stage.world.fieldview.add_account(MANAGER, "Mo", "Manager")
    link = await asked(stage)
    async with browser(stage) as manager:
        await manager.consents(link, MANAGER)
    await stage.until_status(ADA, "healthy")
