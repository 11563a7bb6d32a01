"""Growers whom Leaf no longer has are let go, but neither on one wrong answer nor many at once on the first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from starlette.responses import JSONResponse

from bot.departing import BELIEVED_AFTER
from bot.sandbox.leaf import LeafUser
from bot.sandbox.slack.workspace import Message
from storage import growers
from tests.bot.watching import LIST, ONE, Watch, watching
from tests.stage import text_of


@pytest.fixture
async def watch(sqlite_url: str) -> AsyncIterator[Watch]:
    async with watching(sqlite_url) as made:
        await made.settles()
        yield made


NOT_FOUND = JSONResponse({"title": "Not Found", "status": 404}, 404)
USER = r"^GET .*/users/[^/]+$"


async def is_known(watch: Watch, user: LeafUser) -> bool:
    async with watch.database.reading() as session:
        return user.id in await growers.ids(session)


async def breaks(watch: Watch) -> Message:
    """Ada's permission is taken back; the card in the channel."""
    await watch.world.leaf.revoke(watch.ada)
    await watch.settles()
    return watch.posts()[-1]


def lists(watch: Watch, *users: LeafUser, times: int | None = 1) -> None:
    """Leaf lists only these."""
    leaf = watch.world.leaf
    listed = [user.as_json(leaf.embedded(user)) for user in users]
    leaf.faults.answer(JSONResponse(listed, headers={"X-Total-Count": str(len(listed))}), LIST, times=times)


async def test_one_wrong_list_and_one_wrong_answer_let_nobody_go(watch: Watch) -> None:
    card = await breaks(watch)
    lists(watch, watch.world.leaf.find("hana@sato.example"))
    watch.world.leaf.faults.answer(NOT_FOUND, USER, times=1)
    await watch.settles()
    await watch.settles()
    assert await is_known(watch, watch.ada)
    assert (watch.posts(), card.edits, await watch.count_incidents()) == ([card], 0, 1)


async def test_another_api_owners_login_ends_nothing_however_long_and_is_told_once(watch: Watch) -> None:
    card = await breaks(watch)
    leaf = watch.world.leaf
    lists(watch, times=None)
    leaf.faults.answer(NOT_FOUND, USER)
    leaf.faults.answer(NOT_FOUND, ONE)
    for _ in range(4):
        watch.world.clock.advance(BELIEVED_AFTER)
        await watch.settles()
        await watch.monitor.check(watch.ada.id, "status")
    [alert, notice] = watch.posts(watch.alerts)
    assert "any of the 2 growers" in notice.text
    assert "LEAF_USERNAME" in notice.text
    assert (card.edits, alert.edits, notice.edits, await watch.status()) == (0, 0, 0, "broken")
    leaf.faults.heal()
    await watch.settles()
    assert (card.edits, alert.edits, notice.edits) == (0, 0, 1)
    assert await is_known(watch, watch.ada)


async def test_many_who_vanish_at_once_are_believed_to_be_gone_after_a_day(watch: Watch) -> None:
    leaf = watch.world.leaf
    leaf.populate(20)
    await watch.settles()
    deleted = list(leaf.users)[-7:]
    for user in deleted:
        leaf.users.remove(user)
    await watch.settles()
    [notice] = watch.posts(watch.alerts)
    assert "7 of the 22 growers" in notice.text
    assert all([await is_known(watch, user) for user in deleted])
    watch.world.clock.advance(BELIEVED_AFTER - timedelta(minutes=1))
    await watch.settles()
    assert all([await is_known(watch, user) for user in deleted])
    watch.world.clock.advance(timedelta(minutes=1))
    await watch.settles()
    await watch.settles()
    assert not any([await is_known(watch, user) for user in deleted])
    assert watch.posts(watch.alerts) == [notice]
    assert notice.edits == 1


async def test_who_was_deleted_at_leaf_was_not_disconnected_by_the_team(watch: Watch) -> None:
    card = await breaks(watch)
    watch.world.leaf.users.remove(watch.ada)
    await watch.settles()
    assert "no longer at Leaf" in card.text
    assert "The team" not in text_of(card)
    assert "Leaf has no such user any more" in watch.world.slack.thread(card)[-1].text


async def test_asking_about_a_user_deleted_at_leaf_is_no_alarm(watch: Watch) -> None:
    watch.world.leaf.users.remove(watch.ada)
    await watch.monitor.check(watch.ada.id, "status")
    await watch.delivers()
    assert (watch.posts(), await watch.status(), await is_known(watch, watch.ada)) == ([], "absent", False)


async def test_a_credential_removed_from_a_user_who_is_there_is_still_missed(watch: Watch) -> None:
    watch.world.leaf.disconnect(watch.ada)
    await watch.monitor.check(watch.ada.id, "status")
    await watch.delivers()
    assert (len(watch.posts()), await watch.status()) == (1, "broken")


async def test_who_is_known_better_is_not_half_let_go(watch: Watch) -> None:
    """Leaf's answer is believed late: a question of somebody else's was quicker."""
    card = await breaks(watch)
    asked_at = watch.world.clock()
    watch.world.clock.advance(timedelta(seconds=2))
    await watch.world.leaf.limit(watch.ada)
    await watch.monitor.check(watch.ada.id, "status")
    async with watch.database.transaction() as session:
        await watch.reducer.let_go(session, watch.ada.id, asked_at, "sweep")
    assert await is_known(watch, watch.ada)
    watch.world.leaf.users.remove(watch.ada)
    await watch.settles()
    assert (await is_known(watch, watch.ada), await watch.count_incidents()) == (False, 0)
    assert "no longer at Leaf" in card.text


async def test_an_alert_for_a_credential_that_moved_in_a_merge_alarms_its_new_holder_alone(watch: Watch) -> None:
    leaf = watch.world.leaf
    merged = leaf.add_user("Lovelace and Daughters", "merged@example.com")
    merged.credential, watch.ada.credential = watch.ada.credential, None
    assert merged.credential is not None
    leaf.users.remove(watch.ada)
    leaf.set_status(merged, "UNAUTHENTICATED")
    assert await watch.monitor.alert_job(merged.credential.id) is None
    await watch.delivers()
    [card] = watch.posts()
    assert merged.name in card.text
    assert (await watch.status(merged), await watch.status()) == ("broken", "absent")
    sweeps = watch.asked(LIST)
    assert await watch.monitor.alert_job(merged.credential.id) is None
    assert watch.asked(LIST) == sweeps, "from now on it is known whose it is"


async def test_many_alerts_about_credentials_that_were_removed_are_one_look_at_everybody(watch: Watch) -> None:
    leaf = watch.world.leaf
    others = [leaf.add_user(f"Farm {number}", f"farm{number}@example.com") for number in range(3)]
    gone = []
    for user in others:
        leaf.connect(user)
        assert user.credential is not None
        gone.append(user.credential.id)
    await watch.sweeps()
    watch.world.clock.advance(timedelta(minutes=1))
    for user in others:
        user.credential = None
    await watch.sweeps()
    watch.world.clock.advance(timedelta(minutes=1))
    await watch.sweeps()
    looked = len(leaf.log.matching("GET .*/users$"))
    for credential_id in gone:
        assert await watch.monitor.alert_job(credential_id) is None
    assert len(leaf.log.matching("GET .*/users$")) == looked


async def test_another_api_owners_growers_prove_nothing_about_ours(watch: Watch) -> None:
    """The login is that of an account with growers of its own: they are met, and ours stay as long as that lasts."""
    leaf = watch.world.leaf
    ours = list(leaf.users)
    for user in ours:
        leaf.users.remove(user)
    leaf.add_user("Stranger", "stranger@example.com")
    for _ in range(3):
        watch.world.clock.advance(timedelta(hours=13))
        await watch.settles()
    assert [await is_known(watch, user) for user in ours] == [True] * len(ours)


async def test_who_has_a_credential_now_hears_of_its_alert_whoever_of_the_two_is_looked_at_first(watch: Watch) -> None:
    leaf = watch.world.leaf
    first, second = sorted((watch.ada, leaf.find("hana@sato.example")), key=lambda user: user.id)
    first.credential, second.credential = second.credential, None
    assert first.credential is not None
    for _ in range(2):
        watch.world.clock.advance(timedelta(minutes=1))
        await watch.settles()
    leaf.set_status(first, "UNAUTHENTICATED")
    assert await watch.monitor.alert_job(first.credential.id) is None
    assert await watch.status(first) == "broken"
