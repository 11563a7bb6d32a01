"""Colleagues who became guests, or have left, are written nothing about growers; what was theirs comes to others."""

from __future__ import annotations

import pytest

import bot.announcer
from bot.bulk_listing import HAND_BACK
from tests.consenting import asked, asked_boole, browser, settled, until_state
from tests.journeys.test_bulk import running
from tests.journeys.test_casework import breaks
from tests.journeys.test_chasing import morning
from tests.journeys.test_escalation import is_monday_morning, later, sets
from tests.journeys.test_first_data import follows
from tests.stage import ADA, Stage, buttons_of, days, set_up, text_of


@pytest.fixture(autouse=True)
def _slack_is_asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot.announcer, "SHARING_REMEMBERED", 0.0)


def leaves(stage: Stage, how: str, user: str) -> None:
    """From here on this colleague is a guest, or no longer here."""
    if how == "guest":
        stage.world.slack.user(user).guest = "single"
    else:
        stage.world.slack.deactivate(user)


def written(stage: Stage, user: str) -> str:
    """Everything that stands in somebody's direct messages."""
    return "\n".join(text_of(message) for message in stage.world.slack.posted(stage.world.slack.dm(user)))


def told(stage: Stage) -> str:
    """Everything that stands where operators are told."""
    return "\n".join(text_of(message) for message in stage.world.slack.posted(stage.alerts))


@pytest.mark.parametrize("how", ["guest", "left"])
async def test_how_a_consent_went_is_told_where_somebody_reads_it(stage: Stage, how: str) -> None:
    link = await asked(stage)
    leaves(stage, how, stage.grace)
    async with browser(stage) as ada:
        await ada.denies(await ada.begins(link))
    await stage.delivered()
    assert written(stage, stage.grace) == ""
    assert "Ada Lovelace Farms did not agree on FieldView’s page" in told(stage)
    assert "What was meant for them comes here" in told(stage)


async def test_the_question_about_an_account_can_be_answered_by_others(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    stage.world.fieldview.add_account("bob@elsewhere.example", "Bob", "Stranger")
    await stage.connects()
    await stage.world.leaf.revoke(ADA)
    await stage.until_status(ADA, "broken")
    link = await asked(stage)
    leaves(stage, "guest", stage.grace)
    async with browser(stage) as ada:
        await ada.consents(link, "bob@elsewhere.example")
    await until_state(stage, "held", "other-account")
    await stage.delivered()
    assert "bob@elsewhere.example" not in written(stage, stage.grace)
    posted = stage.world.slack.posted(stage.alerts)
    [question] = [each for each in posted if "Nothing is changed at Leaf until you decide" in text_of(each)]
    assert "use-account" in buttons_of(question)
    await stage.presses(question, "refuse-account", stage.linus)
    await until_state(stage, "open", "other-account")


async def test_an_owner_who_left_has_the_one_who_asked_and_no_channel_is_needed_for_it(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    link = await asked(stage)
    await stage.types("/fieldview owner Ada Lovelace Farms @linus", stage.linus)
    leaves(stage, "left", stage.linus)
    async with browser(stage) as ada:
        await ada.denies(await ada.begins(link))
    await stage.delivered()
    assert "did not agree" in written(stage, stage.grace)
    assert written(stage, stage.linus) == ""
    assert "did not agree" not in told(stage)


async def test_without_any_channel_an_admin_hears_of_it(sqlite_url: str) -> None:
    async with set_up(sqlite_url, alert_channel=None) as stage:
        link = await asked(stage)
        leaves(stage, "guest", stage.grace)
        async with browser(stage) as ada:
            await ada.denies(await ada.begins(link))
        await stage.delivered()
        assert written(stage, stage.grace) == ""
        assert "Ada Lovelace Farms did not agree on FieldView’s page" in written(stage, stage.linus)
        assert "they are only a guest now" in written(stage, stage.linus)


@pytest.mark.parametrize("how", ["guest", "left"])
async def test_that_no_data_comes_is_told_where_somebody_reads_it(stage_on_sqlite: Stage, how: str) -> None:
    stage = stage_on_sqlite
    await stage.connects()
    await stage.delivered()
    leaves(stage, how, stage.grace)
    stage.world.clock.advance(days(3.1))
    assert await follows(stage)
    assert "no data has come in for 3 days" not in written(stage, stage.grace)
    assert "no data has come in for 3 days" in told(stage)


@pytest.mark.parametrize("how", ["guest", "left"])
async def test_a_link_to_send_on_is_shown_to_nobody_else(stage_on_sqlite: Stage, how: str) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    await morning(stage, 1)
    await asked_boole(stage)
    leaves(stage, how, stage.grace)
    stage.world.clock.advance(days(2.01))
    await stage.running.bot.chasing.chase_job("test")
    await stage.delivered()
    assert written(stage, stage.grace) == ""
    assert "`/fieldview links` lists the links that are out" in told(stage)
    assert "/connect/" not in repr([message.blocks for message in stage.world.slack.posted(stage.alerts)])


async def test_a_guests_list_is_handed_to_nobody(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    await asked_boole(stage)
    await stage.sweeps_now()
    bulk_id = await running(stage, b"Boole Brothers\nSato Family Orchards")
    before = written(stage, stage.grace)
    leaves(stage, "guest", stage.grace)
    assert await stage.running.bot.bulk_making.make(bulk_id) is None
    await stage.running.jobs.start_now(HAND_BACK, bulk_id, "test")
    await stage.delivered()
    assert written(stage, stage.grace) == before
    assert [each for each in slack.posted(slack.dm(stage.grace)) if each.files] == []
    assert "they are only a guest now" in told(stage)


async def test_the_end_of_a_connection_is_not_told_to_an_admin_who_became_a_guest(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    question = await stage.types("/fieldview disconnect Sato Family Orchards", stage.linus)
    await stage.presses(question, "disconnect-confirm", stage.linus)
    await stage.delivered()
    before = written(stage, stage.linus)
    stage.world.slack.user(stage.linus).is_admin = False
    leaves(stage, "guest", stage.linus)
    await stage.time_to_undo_passes()
    await stage.delivered()
    assert written(stage, stage.linus) == before
    assert "Sato Family Orchards is disconnected" in told(stage)


async def test_operators_hear_that_a_lead_who_left_cannot_be_called(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await is_monday_morning(stage)
    await sets(stage)
    await breaks(stage)
    leaves(stage, "left", stage.linus)
    await later(stage, hours=5)
    assert written(stage, stage.linus) == ""
    assert "What was meant for them comes here" in told(stage)
