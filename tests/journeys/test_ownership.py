"""Whose a grower is: claimed, given, called by name, handed over, and noticed when the owner is gone."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text as sql
from structlog.testing import capture_logs

from bot.errors import ProviderGibberish
from bot.journal import Deed
from bot.people import PEOPLE
from bot.slack.client import Person
from storage import consents, growers
from tests.consenting import asked, consent_of
from tests.journeys.test_casework import breaks, chooses, recovers, sends, snoozes
from tests.stage import ADA, PATIENCE, Stage, buttons_of, eventually, set_up, text_of

SATO = "hana@sato.example"
OWNED = "Sato Family Orchards"


async def gives(stage: Stage, person: str, grower: str = OWNED, by: str | None = None) -> str:
    return text_of(await stage.types(f"/fieldview owner {grower} @{person}", by))


async def an_hour_passes(stage: Stage) -> None:
    stage.world.clock.advance(timedelta(hours=1, minutes=1))
    await stage.running.timer.round()
    await stage.delivered()


async def test_the_owner_is_called_by_name_where_slack_notifies(stage: Stage) -> None:
    await stage.sweeps_now()
    assert f"<@{stage.linus}> looks after this grower" in await gives(stage, "linus")
    card = await breaks(stage)
    assert card.text.startswith(f"<@{stage.linus}> {OWNED}")
    assert f"Owner:* <@{stage.linus}>" in text_of(card)
    assert "claim" not in buttons_of(card)
    row = next(entry for entry in await stage.audit() if entry.action == "owner")
    assert (row.actor, row.outcome, row.target_name) == (stage.grace, "done", OWNED)
    assert json.loads(row.detail or "")["after"] == {"owner": stage.linus, "channel": None}


async def test_a_card_without_owner_offers_to_claim_it_and_of_two_the_second_is_told(stage: Stage) -> None:
    card = await breaks(stage)
    assert "nobody yet" in text_of(card)
    slack, people = stage.world.slack, (stage.grace, stage.linus)
    await asyncio.gather(*(slack.click(who, card.channel, card.ts, "claim") for who in people))
    await slack.until(lambda: all(stage.answers(who) for who in people), PATIENCE)
    told = {who: text_of(stage.answers(who)[-1]) for who in people}
    [first] = [who for who in people if "you look after this grower" in told[who]]
    [second] = [who for who in people if who != first]
    assert f"<@{first}> was first" in told[second]
    await stage.delivered()
    assert f"Owner:* <@{first}>" in text_of(card)
    released = await stage.presses(stage.answers(first)[-1], "release", first)
    assert "nobody looks after this grower" in text_of(released)
    await stage.delivered()
    assert "claim" in buttons_of(card)
    deeds = [deed for deed in await stage.deeds() if deed[0] in ("claim", "release")]
    assert sorted(deeds) == [("claim", "done"), ("claim", "refused"), ("release", "done")]


async def test_who_becomes_owner_of_what_is_broken_already_gets_the_alert(stage: Stage) -> None:
    card = await breaks(stage)
    assert "I have sent it to them" in await gives(stage, "linus")
    [message] = await stage.dm(stage.linus)
    assert message.text.startswith(f"<@{stage.linus}> {OWNED}")
    await stage.delivered()
    assert f"Owner:* <@{stage.linus}>" in text_of(card)
    await recovers(stage)
    assert "works again" in text_of(message)


async def test_who_asks_an_unowned_grower_for_consent_looks_after_it_and_nobody_is_replaced(stage: Stage) -> None:
    told = await stage.types("/fieldview connect Ada Lovelace Farms", stage.linus)
    assert "You look after Ada Lovelace Farms from now on" in text_of(told)
    again = await stage.types("/fieldview connect Ada Lovelace Farms")
    assert "from now on" not in text_of(again)
    assert f"<@{stage.linus}> looks after" in text_of(await stage.types("/fieldview owner Ada Lovelace Farms"))


async def test_two_growers_of_one_name_are_told_apart_when_they_change_hands(stage: Stage) -> None:
    for email in ("g1@acres.example", "g2@acres.example"):
        stage.world.leaf.add_user("Green Acres", email)
    await stage.sweeps_now()
    for email in ("g1@acres.example", "g2@acres.example"):
        assert f"Green Acres ({email})*: <@{stage.linus}> looks after" in await gives(stage, "linus", email)
    mine = await stage.types("/fieldview owner g1@acres.example", stage.linus)
    released = await stage.presses(mine, "release", stage.linus)
    assert "Green Acres (g1@acres.example)*: nobody" in text_of(released)
    await stage.presses(released, "claim", stage.linus)
    await stage.types("/fieldview handover @linus @grace", stage.linus)
    [told] = await stage.dm(stage.grace)
    for email in ("g1@acres.example", "g2@acres.example"):
        assert f"Green Acres ({email})" in text_of(told)


async def test_a_grower_may_have_a_channel_of_its_own(stage: Stage) -> None:
    await stage.sweeps_now()
    told = await stage.types(f"/fieldview owner {OWNED} @grace #growers")
    assert "alerts also go to" in text_of(told)
    await breaks(stage)
    assert OWNED in text_of((await stage.posted(stage.growers))[-1])
    left = await stage.presses(await stage.types(f"/fieldview owner {OWNED}"), "leave-channel")
    assert "alerts also go to" not in text_of(left)
    await recovers(stage)
    await stage.world.leaf.revoke(SATO)
    await stage.sweeps_now()
    await stage.posted(stage.alerts, 2)
    await stage.delivered()
    assert len(stage.world.slack.posted(stage.growers)) == 1


@pytest.mark.parametrize("private", [True, False])
async def test_a_channel_is_given_and_taken_by_who_joined_it_or_an_admin(stage: Stage, *, private: bool) -> None:
    slack, named = stage.world.slack, f"/fieldview owner {OWNED}"
    board = slack.add_channel("board", [stage.linus], private=private)
    slack.add_channel("ours", [stage.grace])
    await stage.sweeps_now()
    assert "joined" in text_of(await stage.types(f"{named} @grace #board"))
    assert "nobody looks after" in text_of(await stage.types(named)), "what is refused is refused as a whole"
    slack.invite(board, stage.grace)
    offered = await stage.types(f"{named} #board")
    slack.kick(board, stage.grace)
    assert "leave-channel" not in buttons_of(await stage.types(named)), "nobody is offered what they would be refused"
    assert "joined" in text_of(await stage.presses(offered, "leave-channel"))
    assert "joined" in text_of(await stage.types(f"{named} #ours")), "to replace a channel is to take it away"
    await breaks(stage)
    assert OWNED in text_of((await stage.posted(board))[-1])
    assert [deed for deed in await stage.deeds() if deed[1] == "refused"] == [
        ("owner", "refused"),
        ("leave-channel", "refused"),
        ("owner", "refused"),
    ]


async def test_only_members_own_growers_and_names_are_asked_for(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    stage.world.slack.user(stage.ada).guest = "single"
    assert "guest" in await gives(stage, "ada")
    assert "I know no grower" in await gives(stage, "linus", "Sato Orchard Family")
    assert [deed for deed in await stage.deeds() if deed[0] == "owner"] == [("owner", "refused")] * 2
    assert "nobody looks after this grower" in text_of(await stage.types(f"/fieldview owner {OWNED}"))


@pytest.mark.parametrize("written", ["--mine", "\u2014mine", "-- MINE"])
async def test_ones_own_growers_at_a_glance(stage_on_sqlite: Stage, written: str) -> None:
    stage = stage_on_sqlite
    await breaks(stage)
    assert "You look after no grower yet" in text_of(await stage.types(f"/fieldview status {written}"))
    await gives(stage, "grace")
    mine = text_of(await stage.types(f"/fieldview status {written}"))
    assert "You look after 1 grower: 0 healthy, 1 broken" in mine
    assert OWNED in mine
    assert "2 growers" in text_of(await stage.types("/fieldview status"))


async def test_one_command_hands_everything_over_and_the_taker_reads_what(stage: Stage) -> None:
    card = await breaks(stage)
    for grower in (OWNED, "Ada Lovelace Farms"):
        await gives(stage, "grace", grower)
    await stage.types("/fieldview subscribe")
    await stage.types("/fieldview connect Ada Lovelace Farms")
    await snoozes(stage, card, stage.grace, "recovery")
    told = text_of(await stage.types("/fieldview handover @grace @linus"))
    assert "2 growers, 1 open link, 1 snooze and 1 subscription" in told
    [message] = await stage.dm(stage.linus)
    assert "Ada Lovelace Farms and Sato Family Orchards" in text_of(message)
    await stage.delivered()
    assert f"by <@{stage.grace}>: On holiday" in text_of(card), "handed over, not rewritten"
    mine = text_of(await stage.types("/fieldview status --mine", stage.linus))
    assert "You look after 2 growers" in mine
    row = next(entry for entry in await stage.audit() if entry.action == "handover")
    detail = json.loads(row.detail or "")
    assert (detail["giver"], detail["taker"], detail["growers"], detail["links"]) == (stage.grace, stage.linus, 2, 1)
    assert "nothing to hand over" in text_of(await stage.types("/fieldview handover @grace @linus"))
    listed = text_of(await stage.types("/fieldview links", stage.linus))
    assert f"<@{stage.grace}> made a link" in listed or f"<@{stage.grace}> sent" in listed, "handed over, not rewritten"
    # The link the new owner never sent tells its outcome to them.
    await stage.consents(await stage.link())
    await stage.until_status(ADA, "healthy")
    await stage.delivered()
    assert any("Ada" in text_of(one) for one in stage.world.slack.posted(stage.world.slack.dm(stage.linus))[1:])


async def test_who_takes_a_snooze_over_hears_when_it_ends_and_it_stays_the_deed_of_who_snoozed(stage: Stage) -> None:
    card = await breaks(stage)
    await snoozes(stage, card, stage.grace, "1h")
    for giver, taker in (("grace", "linus"), ("linus", "grace"), ("grace", "linus")):
        told = await stage.types(f"/fieldview handover @{giver} @{taker}")
        assert "1 snooze" in text_of(told), "it is theirs to hand on"
    await stage.delivered()
    for shown in (card, await stage.types("/fieldview snoozes"), await stage.types(f"/fieldview status {OWNED}")):
        assert f"by <@{stage.grace}>: On holiday" in text_of(shown)
    await an_hour_passes(stage)
    assert stage.world.slack.thread(card)[-1].text.startswith(f"<@{stage.linus}>: The snooze is over.")
    assert "nothing to hand over" in text_of(await stage.types("/fieldview handover @linus @grace"))
    [ended] = [json.loads(row.detail or "") for row in await stage.audit() if row.action == "end-snooze"]
    assert ended["snoozed_by"] == stage.grace


@pytest.mark.parametrize(("became", "owner"), [("gone", "linus"), ("guest", "linus"), ("gone", None)])
async def test_when_who_snoozed_it_is_not_here_any_more_the_owner_hears_that_it_is_over(
    stage_on_sqlite: Stage, became: str, owner: str | None
) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    card = await breaks(stage)
    if owner:
        await gives(stage, owner)
    await snoozes(stage, card, stage.grace, "1h")
    if became == "gone":
        slack.deactivate(stage.grace)
    else:
        slack.user(stage.grace).guest = "single"
    await an_hour_passes(stage)
    called = f"<@{stage.linus}>: " if owner else ""
    assert slack.thread(card)[-1].text == f"{called}The snooze is over. It still does not work as it should."


async def test_whose_growers_somebody_else_hands_over_reads_who_took_them_and_the_way_back(stage: Stage) -> None:
    await stage.sweeps_now()
    await gives(stage, "grace")
    await stage.types("/fieldview handover @grace @linus", stage.linus)
    [told] = await stage.dm(stage.grace)
    assert f"<@{stage.linus}> took over everything of yours: 1 grower" in text_of(told)
    assert f"`/fieldview handover @from @to` the other way round, from <@{stage.linus}> to you" in text_of(told)
    await stage.delivered()
    assert stage.world.slack.posted(stage.world.slack.dm(stage.linus)) == [], "who typed it is told nothing more"
    assert [deed for deed in await stage.deeds() if deed[0] == "handover"] == [("handover", "done")]
    await stage.types("/fieldview handover @linus @grace", stage.linus)
    _, back = await stage.dm(stage.grace, 2)
    assert "You look after more" in text_of(back)
    await stage.delivered()
    assert stage.world.slack.posted(stage.world.slack.dm(stage.linus)) == []


async def test_a_hand_over_that_breaks_off_moves_nothing(stage: Stage) -> None:
    await stage.sweeps_now()
    await gives(stage, "grace")
    async with stage.running.bot.database.transaction() as session:
        await session.execute(sql("ALTER TABLE handovers RENAME TO elsewhere"))
    with capture_logs():
        await stage.types("/fieldview handover @grace @linus")
    assert "You look after 1 grower" in text_of(await stage.types("/fieldview status --mine"))
    assert ("handover", "crashed") in await stage.deeds()


@pytest.mark.parametrize("typed", ["@grace", "@grace @grace", "@grace Linus", "Ada Lovelace Farms @linus", ""])
async def test_a_hand_over_needs_two_people(stage_on_sqlite: Stage, typed: str) -> None:
    await stage_on_sqlite.types(f"/fieldview handover {typed}")
    assert await stage_on_sqlite.deeds() == [("handover", "refused")]


async def test_an_owner_who_left_the_workspace_is_noticed_once_and_settled_by_the_command_it_names(
    stage: Stage,
) -> None:
    await stage.sweeps_now()
    await gives(stage, "linus")
    looks = iter(range(9))

    async def looks_at_people() -> None:
        day = f"day-{next(looks)}"
        await stage.running.jobs.start_now(PEOPLE, day, day)

    await looks_at_people()
    stage.world.slack.deactivate(stage.linus)
    await looks_at_people()
    [notice] = await stage.posted(stage.alerts)
    command = f"/fieldview handover {stage.linus} @colleague"
    assert "Linus Berg has left this workspace and still looks after 1 grower (Sato Family Orchards)" in text_of(notice)
    assert command in text_of(notice)
    await looks_at_people()
    await stage.types(command.replace("colleague", "grace"))
    await stage.delivered()

    async def is_over() -> bool:
        return "nobody needs to act any more" in text_of(notice)

    await eventually(is_over)
    assert "You look after 1 grower" in text_of(await stage.types("/fieldview status --mine"))
    assert len(stage.world.slack.posted(stage.alerts)) == 1


async def test_one_of_whom_slack_leaves_it_open_keeps_nobody_from_being_noticed(
    stage_on_sqlite: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    await gives(stage, "grace", "Ada Lovelace Farms")
    await gives(stage, "linus")
    slack = stage.running.bot.slack
    ask = slack.person

    async def person(user: str) -> Person:
        if user == stage.grace:
            raise ProviderGibberish("Slack")
        return await ask(user)

    monkeypatch.setattr(slack, "person", person)
    stage.world.slack.deactivate(stage.linus)
    await stage.running.jobs.start_now(PEOPLE, "day", "day")
    [notice] = await stage.posted(stage.alerts)
    assert "Linus Berg has left this workspace" in text_of(notice)


async def test_growers_of_one_name_are_told_apart_when_their_colleague_has_left(stage_on_sqlite: Stage) -> None:
    stage, leaf = stage_on_sqlite, stage_on_sqlite.world.leaf
    for which in ("north", "south"):
        leaf.add_user("Twin Oaks", f"{which}@oaks.example")
    await stage.sweeps_now()
    for which in ("north", "south"):
        await gives(stage, "linus", f"{which}@oaks.example")
    await gives(stage, "linus")
    stage.world.slack.deactivate(stage.linus)
    await stage.running.jobs.start_now(PEOPLE, "day", "day")
    [notice] = await stage.posted(stage.alerts)
    assert "still looks after 3 growers (Sato Family Orchards, Twin Oaks (" in text_of(notice)
    for which in ("north", "south"):
        assert f"Twin Oaks ({which}@oaks.example)" in text_of(notice)


async def test_who_is_made_the_owner_by_somebody_else_hears_of_it_once_with_a_way_out(stage: Stage) -> None:
    await stage.sweeps_now()
    assert "I tell them by direct message" in await gives(stage, "linus")
    [told] = await stage.dm(stage.linus)
    assert f"You look after {OWNED} from now on." in text_of(told)
    assert "FieldView is connected" in text_of(told)
    assert "nobody looks after this grower" in text_of(await stage.presses(told, "release", stage.linus))
    await stage.delivered()
    assert f"You do not look after {OWNED} any more." in text_of(told)
    await gives(stage, "linus")
    await stage.delivered()
    assert f"You look after {OWNED} from now on." in text_of(told)
    assert len(stage.world.slack.posted(stage.world.slack.dm(stage.linus))) == 1, "not twice"
    assert "direct message" not in await gives(stage, "grace"), "whoever does it for themselves knows"
    await stage.delivered()
    assert stage.world.slack.posted(stage.world.slack.dm(stage.grace)) == []


async def test_who_claims_a_grower_with_an_open_alert_is_told_that_this_acknowledges_nothing(stage: Stage) -> None:
    card = await breaks(stage)
    waits = "Its open alert still waits for “Acknowledge”, or for a link to the grower."
    assert waits in text_of(await stage.presses(card, "claim"))
    await stage.presses(card, "acknowledge")
    await stage.types(f"/fieldview owner {OWNED} @linus")
    assert waits not in await gives(stage, "grace"), "somebody has acknowledged it"


async def test_an_alert_of_somebody_who_left_waits_again_and_operators_hear_of_all_that_is_theirs(
    stage: Stage,
) -> None:
    card = await breaks(stage)
    mia = stage.world.slack.add_user("mia", "Mia Roth", "mia@greenacres.example")
    await sends(stage, stage.grace, await chooses(stage, card, "assign", stage.grace), person=mia)
    await stage.types("/fieldview connect Ada Lovelace Farms", mia, stage.world.slack.dm(mia))
    await stage.delivered()
    stage.world.slack.deactivate(mia)
    await stage.running.jobs.start_now(PEOPLE, "day-1", "day-1")
    _, notice = await stage.posted(stage.alerts, 2)
    has = "looks after 1 grower (Ada Lovelace Farms) and has 1 alert (Sato Family Orchards) and 1 open link."
    assert f"Mia Roth has left this workspace and still {has}" in text_of(notice)
    await stage.delivered()
    assert "acknowledge" in buttons_of(card), "it can be taken up again"
    [reply] = [each.text for each in stage.world.slack.thread(card) if "Mia Roth" in each.text]
    assert reply == "Mia Roth had taken this up and is not here any more. It waits for somebody again."
    assert ("alert-let-go", "done") in await stage.deeds()
    await stage.running.jobs.start_now(PEOPLE, "day-2", "day-2")
    assert (await stage.deeds()).count(("alert-let-go", "done")) == 1

    stage.world.clock.advance(timedelta(days=8))
    await stage.running.bot.reminding.remind()
    await stage.delivered()
    reminder = stage.world.slack.thread(card)[-1].text
    assert "obody has taken this up in 8 days" in reminder
    assert mia not in reminder

    done = text_of(await stage.types(f"/fieldview handover {mia} @linus"))
    assert "1 assigned alert" in done
    assert "you have acknowledged this" in text_of(await stage.presses(card, "acknowledge"))


@pytest.mark.parametrize("by", ["acknowledge", "snooze"])
async def test_who_left_is_noticed_also_for_what_nobody_gave_them(stage_on_sqlite: Stage, by: str) -> None:
    stage = stage_on_sqlite
    card = await breaks(stage)
    if by == "snooze":
        await snoozes(stage, card, stage.grace, "recovery")
    else:
        await stage.presses(card, by)
    stage.world.slack.deactivate(stage.grace)
    await stage.running.jobs.start_now(PEOPLE, "day", "day")
    _, notice = await stage.posted(stage.alerts, 2)
    what = "1 snooze" if by == "snooze" else "1 alert (Sato Family Orchards)"
    assert f"still has {what}." in text_of(notice)
    if by == "acknowledge":
        stage.world.clock.advance(timedelta(minutes=1))
        await stage.presses(card, by, stage.linus)
        await stage.running.jobs.start_now(PEOPLE, "later", "later")
        await stage.delivered()
        assert f"Acknowledged by* <@{stage.linus}>" in text_of(card), "what is taken up after them stays theirs"
        assert "nobody needs to act any more" in text_of(notice)


async def test_an_assigned_alert_goes_along(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    card = await breaks(stage)
    await sends(stage, stage.grace, await chooses(stage, card, "assign", stage.grace), person=stage.grace)
    assert "1 assigned alert" in text_of(await stage.types("/fieldview handover @grace @linus"))
    await stage.delivered()
    assert f"Assigned to* <@{stage.linus}>" in text_of(card)


async def test_an_owner_who_became_a_guest_is_told_nothing_and_operators_are(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    await stage.sweeps_now()
    await gives(stage, "grace")
    await stage.types("/fieldview escalate #fieldview-alerts @grace 1h", stage.linus)
    slack.user(stage.grace).guest = "single"
    await breaks(stage)
    stage.world.clock.advance(timedelta(hours=30))
    await stage.running.bot.escalating.call_leads()
    await stage.delivered()
    assert not [told for told in slack.posted(slack.dm(stage.grace)) if "Sato" in text_of(told)]
    told = "".join(map(text_of, slack.posted(stage.alerts)))
    assert "they are only a guest now" in told
    await stage.running.jobs.start_now(PEOPLE, "day", "day")

    async def is_told() -> bool:
        told = "".join(map(text_of, slack.posted(stage.alerts)))
        return "is only a guest of this workspace now and still looks after 1 grower" in told

    await eventually(is_told)


async def test_a_hand_over_and_a_new_link_never_wait_for_each_other_in_a_circle(postgresql_url: str) -> None:
    """Whoever makes a link has the grower before the grower's older links."""
    async with set_up(postgresql_url) as stage:
        await asked(stage)
        bot, consent = stage.running.bot, await consent_of(stage)

        async def waits_or_is_through() -> bool:
            async with bot.database.reading() as session:
                waiting = await session.scalar(sql("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            return bool(waiting) or handing.done()

        async with bot.database.transaction() as session:
            await growers.lock(session, consent.grower_id)
            deed = Deed(stage.linus, "command", "handover", "r-1")
            handing = asyncio.create_task(bot.ownership.hand_over(stage.grace, stage.linus, deed))
            await eventually(waits_or_is_through)
            await consents.lock(session, consent.id)
        moved = (await handing).moved
        assert (moved.growers, moved.links) == ((consent.grower_id,), (consent.id,))


async def test_of_many_who_give_a_grower_away_at_once_each_row_begins_where_the_last_one_ended(stage: Stage) -> None:
    await stage.sweeps_now()
    bot, people = stage.running.bot, (stage.grace, stage.linus)
    grower = await bot.directory.find(OWNED)
    deeds = [Deed(stage.grace, "command", "owner", f"r-{number}") for number in range(12)]
    await asyncio.gather(
        *(bot.ownership.give(grower, people[number % 2], None, deed) for number, deed in enumerate(deeds))
    )
    rows = [json.loads(row.detail or "") for row in await stage.audit() if row.action == "owner"]
    assert rows
    assert all(one["after"] == other["before"] for one, other in pairwise(rows))


async def test_the_status_of_a_colleague_is_that_of_the_growers_they_look_after(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    assert "is a colleague, no grower that I know" in text_of(await stage.types("/fieldview status @linus"))
    await stage.types("/fieldview owner Sato Family Orchards @linus")
    assert f"<@{stage.linus}> looks after 1 grower: 1 healthy" in text_of(await stage.types("/fieldview status @linus"))
    own = text_of(await stage.types("/fieldview status @linus", stage.linus))
    assert "You look after 1 grower" in own
    guest = stage.world.slack.add_user("guest", "Guest", "guest@elsewhere.example")
    stage.world.slack.user(guest).guest = "single"
    assert "I know no grower" in text_of(await stage.types("/fieldview status @guest"))
