"""One grower whom Leaf cannot answer for keeps nobody else from being watched, and is not taken for Leaf's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.errors import ProviderError, ProviderUnavailable
from bot.monitor import STALLED
from bot.questions import SEVERAL
from bot.sandbox.leaf import LeafUser
from bot.sandbox.slack.workspace import Message
from storage import sweeps
from tests.bot.watching import LIST, ONE, Watch, watching
from tests.stage import text_of


@pytest.fixture
async def watch(sqlite_url: str) -> AsyncIterator[Watch]:
    async with watching(sqlite_url) as made:
        await made.settles()
        yield made


def in_order(watch: Watch) -> list[LeafUser]:
    """As they are asked for."""
    return sorted(watch.world.leaf.users, key=lambda user: user.id)


def about(user: LeafUser) -> str:
    return rf"/users/{user.id}/climate-field-view-credentials$"


async def sweeps_as_job(watch: Watch, *names: str) -> list[Message]:
    """What operators read after these sweeps."""
    for name in names:
        assert await watch.monitor.sweep_job(name) is None
    await watch.delivers()
    return watch.posts(watch.alerts)


@pytest.mark.parametrize("status", [400, 401, 403, 500])
@pytest.mark.parametrize("embeds", ["full", "null"])
async def test_whom_leaf_cannot_answer_for_is_named_and_everybody_else_is_watched(
    watch: Watch, status: int, embeds: str
) -> None:
    leaf = watch.world.leaf
    leaf.populate(120)
    await watch.settles()
    leaf.switch(embeds=embeds)
    mute, other = in_order(watch)[0], in_order(watch)[-1]
    leaf.disconnect(mute)
    leaf.faults.outage(about(mute), status=status)
    await leaf.revoke(other)
    card, notice = await sweeps_as_job(watch, "s1", "s2", "s3")
    assert mute.name in notice.text
    assert other.name in card.text
    assert (await watch.status(mute), await watch.status(other)) == ("healthy", "broken")
    leaf.faults.heal()
    await sweeps_as_job(watch, "s4")
    assert await watch.status(mute) == "broken", "what happened meanwhile is found now"
    assert notice.edits == 1
    assert "It was" in text_of(notice)


async def test_a_moments_trouble_with_one_grower_is_told_nobody(watch: Watch) -> None:
    watch.world.leaf.switch(embeds="null")
    watch.world.leaf.faults.forbid(about(watch.ada), status=400, times=1)
    assert await sweeps_as_job(watch, "s1") == []


async def test_several_in_a_row_are_leafs_own_trouble_and_few_requests(watch: Watch) -> None:
    leaf = watch.world.leaf
    leaf.populate(120)
    await watch.settles()
    leaf.switch(embeds="null")
    leaf.faults.outage(ONE)
    before = watch.asked(ONE)
    with pytest.raises(ProviderError):
        await watch.sweeps()
    assert watch.asked(ONE) - before <= 3 * (SEVERAL + 2), "three attempts each, and no more than run at once"
    assert await sweeps_as_job(watch, "s1", "s2") == watch.posts(watch.alerts)
    [ill] = watch.posts(watch.alerts)
    assert "Leaf does not answer" in ill.text


async def test_several_in_a_row_are_their_own_trouble_while_leaf_answers_about_somebody_else(watch: Watch) -> None:
    leaf = watch.world.leaf
    leaf.populate(20)
    await watch.settles()
    mute = in_order(watch)[: SEVERAL + 1]
    for user in mute:
        leaf.disconnect(user)
        leaf.faults.forbid(about(user))
    other = in_order(watch)[-1]
    await leaf.revoke(other)
    told = await sweeps_as_job(watch, "s1", "s2")
    assert await watch.status(other) == "broken"
    assert [sum(user.name in message.text for message in told) for user in mute] == [1] * len(mute)
    assert not any("login" in message.text for message in told)


async def test_of_very_many_one_notice_tells(watch: Watch) -> None:
    leaf = watch.world.leaf
    leaf.populate(20)
    await watch.settles()
    for user in in_order(watch)[:12]:
        leaf.disconnect(user)
        leaf.faults.forbid(about(user), status=400)
    [notice] = await sweeps_as_job(watch, "s1", "s2")
    assert "12 growers" in notice.text
    leaf.faults.heal()
    for user in in_order(watch)[:12]:
        leaf.connect(user)
    await sweeps_as_job(watch, "s3")
    assert notice.edits == 1


async def test_our_login_refused_in_the_middle_names_no_grower(watch: Watch) -> None:
    leaf = watch.world.leaf
    leaf.disconnect(watch.ada)
    await watch.leaf.users(0)
    leaf.faults.forbid(about(watch.ada), status=401)
    leaf.faults.forbid("authenticate")
    [notice] = await sweeps_as_job(watch, "s1")
    assert "login" in notice.text
    assert watch.ada.name not in notice.text


async def test_a_deleted_user_whom_leaf_forbids_to_ask_for_ends_no_look(watch: Watch) -> None:
    leaf = watch.world.leaf
    leaf.users.remove(watch.ada)
    leaf.faults.forbid(rf"^GET .*/users/{watch.ada.id}$")
    [notice] = await sweeps_as_job(watch, "s1", "s2")
    assert watch.ada.name in notice.text
    assert await watch.status() == "healthy", "the last known state stays"
    leaf.faults.heal()
    await sweeps_as_job(watch, "s3")
    assert await watch.status() == "absent"
    assert notice.edits == 1


async def test_a_list_that_fails_is_leafs_trouble_as_ever(watch: Watch) -> None:
    watch.world.leaf.faults.forbid(LIST)
    [notice] = await sweeps_as_job(watch, "s1", "s2")
    assert "login" in notice.text


async def test_a_look_that_waits_for_answers_that_do_not_come_is_not_taken_for_dead(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the answers take that do not come, no second look begins beside the first."""
    leaf, real = watch.world.leaf, watch.leaf.credential
    leaf.populate(12)
    await watch.settles()
    mute, embedded = {user.id for user in in_order(watch)[:4]}, leaf.embedded
    monkeypatch.setattr(leaf, "embedded", lambda user: None if user.id in mute else embedded(user))
    begun: list[object] = []

    async def credential(user_id: str) -> object:
        if user_id not in mute:
            return await real(user_id)
        watch.world.clock.advance(timedelta(seconds=40))
        async with watch.database.transaction() as session:
            now = watch.world.clock()
            begun.append(await sweeps.start(session, "second", now, now - STALLED))
        raise ProviderUnavailable("Leaf", detail="ReadTimeout", maybe_done=True)

    monkeypatch.setattr(watch.leaf, "credential", credential)
    await watch.sweeps("first")
    assert len(begun) > SEVERAL
    assert set(begun) == {None}
