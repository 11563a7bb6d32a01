"""A change is believed when enough readings agree: no glitch alarms anybody, no news waits for the next sweep."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from starlette.responses import JSONResponse

from bot.leaf.models import Credential
from bot.reducer import Reading
from bot.sandbox.leaf import LeafUser
from storage import connections
from storage.records import Consent
from tests.bot.watching import LIST, ONE, Watch, watching


@pytest.fixture
async def watch(sqlite_url: str) -> AsyncIterator[Watch]:
    async with watching(sqlite_url) as made:
        await made.settles()
        yield made


def says_for_once(watch: Watch, status: str, *, times: int = 1) -> None:
    """Leaf's next list, and its next word of Ada's credential, tell this status, which is not true."""
    leaf, ada = watch.world.leaf, watch.ada
    assert ada.credential is not None
    true = ada.credential.status
    leaf.set_status(ada, status)
    everybody = [user.as_json(leaf.embedded(user)) for user in leaf.users]
    credential = ada.credential.as_json()
    leaf.set_status(ada, true)
    count = {"X-Total-Count": str(len(everybody))}
    leaf.faults.answer(JSONResponse(everybody, headers=count), LIST, times=times)
    leaf.faults.answer(JSONResponse(credential), f"{ada.id}/climate-field-view-credentials$", times=times)


@pytest.mark.parametrize("embeds", ["full", "without_status"])
@pytest.mark.parametrize("glitch", ["UNAUTHENTICATED", "MISSING_PERMISSION", "TEMPORARILY_UNAVAILABLE", "ODD"])
async def test_what_leaf_says_once_and_takes_back_is_no_news(watch: Watch, glitch: str, embeds: str) -> None:
    watch.world.leaf.switch(embeds=embeds)
    says_for_once(watch, glitch)
    await watch.settles()
    assert (await watch.status(), await watch.count_incidents()) == ("healthy", 0)
    assert watch.posts() == watch.posts(watch.alerts) == []


async def test_a_recovery_that_leaf_takes_back_turns_no_card_green(watch: Watch) -> None:
    await watch.world.leaf.revoke(watch.ada)
    await watch.settles()
    says_for_once(watch, "OK")
    await watch.settles()
    [card] = watch.posts()
    assert (await watch.status(), card.edits) == ("broken", 0)


async def test_news_of_many_on_one_page_costs_one_request_more_and_no_wait(watch: Watch) -> None:
    watch.world.leaf.populate(98)
    await watch.sweeps()
    for user in list(watch.world.leaf.users)[:50]:
        watch.world.leaf.set_status(user, "INVALID")
    before = watch.asked(LIST)
    await watch.sweeps()
    assert (watch.asked(LIST) - before, watch.asked(ONE)) == (2, 0)
    assert await watch.count_incidents() == 50


async def test_where_leaf_embeds_nothing_only_those_with_news_are_asked_for_again(watch: Watch) -> None:
    watch.world.leaf.switch(embeds="without_status")
    watch.world.leaf.set_status(watch.ada, "INVALID")
    lists, ones = watch.asked(LIST), watch.asked(ONE)
    await watch.sweeps()
    assert (watch.asked(LIST) - lists, watch.asked(ONE) - ones) == (1, 2 + 1)
    assert await watch.status() == "broken"


async def test_who_slipped_to_another_page_meanwhile_is_asked_for_directly(watch: Watch) -> None:
    watch.world.leaf.set_status(watch.ada, "INVALID")
    leaf = watch.world.leaf
    page = [user.as_json(leaf.embedded(user)) for user in leaf.users]
    without_ada = [user for user in page if user["id"] != watch.ada.id]
    count = {"X-Total-Count": str(len(page))}
    leaf.faults.answer(JSONResponse(page, headers=count), LIST, times=1)
    leaf.faults.answer(JSONResponse(without_ada, headers=count), LIST, times=1)
    await watch.sweeps()
    assert (await watch.status(), watch.asked(ONE)) == ("broken", 1)


async def test_nobody_is_asked_twice_when_nothing_is_new(watch: Watch) -> None:
    lists = watch.asked(LIST)
    await watch.monitor.check(watch.ada.id, "status")
    await watch.sweeps()
    assert (watch.asked(LIST) - lists, watch.asked(ONE)) == (1, 1)


async def test_a_question_asks_again_before_it_believes(watch: Watch) -> None:
    says_for_once(watch, "UNAUTHENTICATED")
    await watch.monitor.check(watch.ada.id, "status")
    assert (await watch.status(), watch.asked(ONE), await watch.count_incidents()) == ("healthy", 2, 0)
    await watch.world.leaf.revoke(watch.ada)
    await watch.monitor.check(watch.ada.id, "status")
    assert (await watch.status(), watch.asked(ONE)) == ("broken", 4)


async def test_leafs_alert_is_a_voice_and_its_answer_the_second(watch: Watch) -> None:
    await watch.world.leaf.revoke(watch.ada)
    assert watch.ada.credential is not None
    await watch.monitor.alert_job(watch.ada.credential.id)
    assert (await watch.status(), watch.asked(ONE)) == ("broken", 1)


async def test_an_alert_is_no_voice_for_what_it_does_not_speak_of(watch: Watch) -> None:
    """It says that something is wrong: a recovery, or a word nobody knows, needs its own two answers."""
    assert watch.ada.credential is not None
    says_for_once(watch, "ODD")
    await watch.monitor.alert_job(watch.ada.credential.id)
    assert (await watch.status(), watch.asked(ONE)) == ("healthy", 2)
    watch.world.leaf.faults.heal()
    await watch.world.leaf.revoke(watch.ada)
    await watch.settles()
    says_for_once(watch, "OK")
    await watch.monitor.alert_job(watch.ada.credential.id)
    assert await watch.status() == "broken"


async def test_a_leaf_that_contradicts_itself_without_end_is_not_asked_without_end(watch: Watch) -> None:
    leaf = watch.world.leaf
    for status in ("UNAUTHENTICATED", "MISSING_PERMISSION") * 10:
        leaf.set_status(watch.ada, status)
        assert watch.ada.credential is not None
        leaf.faults.answer(JSONResponse(watch.ada.credential.as_json()), ONE, times=1)
    await watch.monitor.check(watch.ada.id, "status")
    assert (await watch.status(), watch.asked(ONE)) == ("healthy", 5)


async def consented(watch: Watch, user: LeafUser, status: str) -> None:
    """As the consent job does when Leaf answers 201 with that status."""
    now = watch.world.clock()
    consent = Consent("c0ffee", user.id, user.name, "U1", "Grace", None, "amber-barley", now, now)
    async with watch.database.transaction() as session:
        reading = Reading(user.id, Credential(id="new", status=status), now)
        await watch.reducer.apply(session, reading, "consent", consent)


async def test_a_consent_that_leaf_accepted_is_a_voice_for_healthy_alone(watch: Watch) -> None:
    await watch.world.leaf.revoke(watch.ada)
    await watch.settles()
    await consented(watch, watch.ada, "MISSING_PERMISSION")
    known = await watch.connection()
    assert known is not None
    assert (known.status, known.completing_consent) == ("pending", "c0ffee"), "asked again before it is believed"
    assert await watch.incident() is not None, "and nothing counts as repaired"
    await consented(watch, watch.ada, "OK")
    assert (await watch.status(), await watch.incident()) == ("healthy", None)


async def test_the_number_of_voices_is_a_setting(sqlite_url: str) -> None:
    async with watching(sqlite_url, agreeing_reads=3) as careful:
        await careful.settles()
        await careful.world.leaf.revoke(careful.ada)
        lists = careful.asked(LIST)
        await careful.sweeps()
        assert (await careful.status(), careful.asked(LIST) - lists) == ("broken", 3)
        careful.world.leaf.restore(careful.ada)
        await consented(careful, careful.ada, "OK")
        assert await careful.status() == "pending", "the consent and the answer to it are two voices of three"
        await careful.monitor.check(careful.ada.id, "check")
        assert (await careful.status(), await careful.incident()) == ("healthy", None)


async def test_one_voice_may_be_enough(sqlite_url: str) -> None:
    async with watching(sqlite_url, agreeing_reads=1) as hasty:
        await hasty.settles()
        await hasty.world.leaf.revoke(hasty.ada)
        lists = hasty.asked(LIST)
        await hasty.sweeps()
        assert (await hasty.status(), hasty.asked(LIST) - lists) == ("broken", 1)


async def test_what_the_team_removed_itself_needs_no_second_look(watch: Watch) -> None:
    async with watch.database.transaction() as session:
        await connections.set_disconnecting(session, watch.ada.id, watch.world.clock())
    assert await watch.reducer.observe(Reading(watch.ada.id, None, watch.world.clock()), "disconnect")
    assert await watch.status() == "absent"
