"""Whoever is not to blame is never asked to act: what every channel really reads on every kind of bad day."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from bot.leaf.statuses import WORDS
from bot.messages import needs
from bot.monitor import PENDING_LONG
from bot.sandbox.leaf import Leaf
from storage.records import Cause, CredentialStatus
from tests.bot.watching import LIST, ONE, Watch, watching
from tests.stage import buttons_of, text_of


@pytest.fixture
async def watch(sqlite_url: str) -> AsyncIterator[Watch]:
    async with watching(sqlite_url) as made:
        await made.settles()
        yield made


def changed_password(leaf: Leaf) -> None:
    leaf.password = "changed by somebody"
    leaf.stale_logins()


def answers(status: int) -> Callable[[Leaf], object]:
    return lambda leaf: leaf.faults.outage(CREDENTIAL, status=status)


def login_is_down(leaf: Leaf) -> None:
    leaf.stale_logins()
    leaf.faults.outage("authenticate")


CREDENTIAL = "(users|credentials)$"
BAD_DAYS: dict[str, Callable[[Leaf], object]] = {
    **{f"HTTP {status}": answers(status) for status in (500, 502, 503, 504, 520, 429, 400, 401, 403, 410)},
    "429 with a time": lambda leaf: leaf.faults.outage(CREDENTIAL, status=429, retry_after=1),
    "an answer that gets lost": lambda leaf: leaf.faults.lose_answer(CREDENTIAL, times=None),
    "a gateway's page, 502": lambda leaf: leaf.faults.html(CREDENTIAL),
    "a gateway's page, 200": lambda leaf: leaf.faults.html(CREDENTIAL, status=200),
    "a gateway's page, 401": lambda leaf: leaf.faults.html(CREDENTIAL, status=401),
    "a gateway's page, 404": lambda leaf: leaf.faults.html(CREDENTIAL, status=404),
    "no body": lambda leaf: leaf.faults.answer(Response(b""), CREDENTIAL),
    "half a body": lambda leaf: leaf.faults.answer(PlainTextResponse('[{"id": "x'), CREDENTIAL),
    "a body of another kind": lambda leaf: leaf.faults.answer(JSONResponse("UNAUTHENTICATED"), CREDENTIAL),
    "null": lambda leaf: leaf.faults.answer(JSONResponse(None), CREDENTIAL),
    "bytes": lambda leaf: leaf.faults.answer(Response(b"\xff\xfe\x00"), CREDENTIAL),
    "our login refused": changed_password,
    "the login itself is down": login_is_down,
}


async def ask_in_every_way(watch: Watch) -> None:
    """The regular look, an alert of Leaf's and a person's question, twice."""
    assert watch.ada.credential is not None
    for number in range(2):
        await watch.monitor.sweep_job(f"bad-{number}")
        await watch.monitor.alert_job(watch.ada.credential.id)
        await watch.monitor.check_job(watch.ada.id)
        watch.world.clock.advance(timedelta(minutes=5))
    await watch.delivers()


@pytest.mark.parametrize("embeds", ["full", "null"])
@pytest.mark.parametrize("day", BAD_DAYS)
async def test_no_trouble_of_leafs_asks_a_grower_for_anything_or_passes_for_a_recovery(
    watch: Watch, day: str, embeds: str
) -> None:
    sato = watch.world.leaf.find("hana@sato.example")
    await watch.world.leaf.revoke(sato)
    await watch.settles()
    cards = [*watch.posts(), *watch.posts(watch.alerts)]
    watch.world.leaf.switch(embeds=embeds)
    BAD_DAYS[day](watch.world.leaf)
    await ask_in_every_way(watch)
    assert (await watch.status(), await watch.status(sato), await watch.count_incidents()) == ("healthy", "broken", 1)
    assert [card.edits for card in cards] == [0, 0]
    for message in [*watch.posts(), *watch.posts(watch.alerts)]:
        if message not in cards:
            assert "reconnect" not in text_of(message).lower()
            assert "send-link" not in buttons_of(message)


async def test_a_time_out_asks_a_grower_for_nothing(watch: Watch) -> None:
    watch.leaf._http.timeout = httpx.Timeout(0.05)
    watch.world.leaf.faults.slow(0.5, CREDENTIAL)
    await ask_in_every_way(watch)
    assert (await watch.status(), await watch.count_incidents()) == ("healthy", 0)
    for message in [*watch.posts(), *watch.posts(watch.alerts)]:
        # That Leaf does not answer may be told, once it did not answer two sweeps.
        assert "Leaf does not answer" in text_of(message)
        assert "send-link" not in buttons_of(message)


# Words


def words_of(status: CredentialStatus) -> list[str]:
    [pattern] = [pattern for kind, _, pattern in WORDS if kind is status]
    return [word.replace(r"\w*", "").replace("S?", "") for word in pattern.split("|")]


@pytest.mark.parametrize("word", [*words_of(CredentialStatus.BROKEN), *words_of(CredentialStatus.LIMITED)])
async def test_leafs_words_for_a_lost_permission_ask_for_a_new_one(watch: Watch, word: str) -> None:
    watch.world.leaf.set_status(watch.ada, word)
    await watch.settles()
    for channel in (watch.growers, watch.alerts):
        [card] = watch.posts(channel)
        assert "Who must act:* the grower" in text_of(card)
        assert "send-link" in buttons_of(card)


@pytest.mark.parametrize("word", ["PURPLE_MONDAY", "REVOCATION_PENDING", "OKAY", "NOT OK", "", "`*_<!channel>_*`"])
async def test_a_word_nobody_knows_is_told_to_the_operators_once_for_all_growers(watch: Watch, word: str) -> None:
    watch.world.leaf.populate(6)
    for user in watch.world.leaf.users:
        watch.world.leaf.set_status(user, word)
    for _ in range(3):
        await watch.settles()
    assert watch.posts() == []
    [notice] = watch.posts(watch.alerts)
    assert (word.strip("`*_<!>") or "no word at all").split("<")[0] in text_of(notice)
    assert "reconnect" not in text_of(notice).lower()
    assert "<!channel>" not in text_of(notice)
    assert await watch.status() == "unknown"


async def test_each_unknown_word_is_told_for_itself_and_is_over_when_it_has_long_gone(watch: Watch) -> None:
    leaf, clock = watch.world.leaf, watch.world.clock
    for word in ("PURPLE", "GREEN", "PURPLE"):
        leaf.set_status(watch.ada, word)
        await watch.settles()
    leaf.restore(watch.ada)
    await watch.settles()
    purple, green = watch.posts(watch.alerts)
    assert (purple.edits, green.edits) == (0, 0), "what comes and goes is told once"
    leaf.set_status(watch.ada, "GREEN")
    clock.advance(timedelta(days=2))
    await watch.settles()
    assert "Over" in text_of(purple)
    assert (green.edits, len(watch.posts(watch.alerts))) == (0, 2)


async def test_what_happened_once_is_history_after_a_week(watch: Watch) -> None:
    """Nothing ever says that it is over: it would stand among the operators' tasks for good."""
    stray = needs.nobodys_alert("0b6e3a52")
    for days in (0, 6):
        watch.world.clock.advance(timedelta(days=days))
        await watch.announcer.tell_operators(stray)
        await watch.settles()
    [notice] = watch.posts(watch.alerts)
    assert notice.edits == 0
    watch.world.clock.advance(timedelta(days=1))
    await watch.settles()
    assert "This happened on" in text_of(notice)
    await watch.announcer.tell_operators(stray)
    await watch.settles()
    assert len(watch.posts(watch.alerts)) == 2, "the next one is told again"


async def test_what_was_unknown_and_is_healthy_again_posts_nothing(watch: Watch) -> None:
    watch.world.leaf.set_status(watch.ada, "PURPLE")
    await watch.settles()
    watch.world.leaf.restore(watch.ada)
    await watch.settles()
    assert (await watch.status(), watch.posts(), len(watch.posts(watch.alerts))) == ("healthy", [], 1)


# FieldView fails Leaf over one grower


async def test_fieldviews_trouble_is_told_when_it_lasts_and_says_that_nobody_must_act(watch: Watch) -> None:
    leaf, clock = watch.world.leaf, watch.world.clock
    leaf.set_status(watch.ada, "TEMPORARILY_UNAVAILABLE")
    for _ in range(12):
        await watch.settles()
        clock.advance(timedelta(minutes=5))
    assert watch.posts() == watch.posts(watch.alerts) == []
    await watch.settles()
    await watch.settles()
    [card] = watch.posts()
    assert "Who must act:* nobody" in text_of(card)
    assert "send-link" not in buttons_of(card)
    assert len(watch.posts(watch.alerts)) == 1
    incident = await watch.incident()
    assert incident is not None
    assert incident.cause is Cause.FIELDVIEW_DOWN
    leaf.restore(watch.ada)
    await watch.settles()
    assert "works again" in text_of(card)
    assert [card] == watch.posts()


async def test_what_looked_like_fieldviews_trouble_and_is_a_lost_permission_says_so_on_the_same_card(
    watch: Watch,
) -> None:
    watch.world.leaf.set_status(watch.ada, "TEMPORARILY_UNAVAILABLE")
    await watch.settles()
    watch.world.clock.advance(timedelta(hours=2))
    await watch.settles()
    await watch.world.leaf.revoke(watch.ada)
    await watch.settles()
    [card] = watch.posts()
    assert "send-link" in buttons_of(card)


# Leaf does not finish checking


async def test_a_connection_that_stays_pending_is_told_and_asks_no_grower(watch: Watch) -> None:
    leaf, clock = watch.world.leaf, watch.world.clock
    leaf.set_status(watch.ada, "PENDING")
    await watch.settles()
    clock.advance(PENDING_LONG - timedelta(minutes=1))
    await watch.settles()
    assert watch.posts() == watch.posts(watch.alerts) == []
    clock.advance(timedelta(minutes=1))
    await watch.settles()
    clock.advance(timedelta(days=1))
    await watch.settles()
    [card] = watch.posts()
    assert "Who must act:* whoever on your team talks to Leaf" in text_of(card)
    assert "send-link" not in buttons_of(card)
    assert (len(watch.posts(watch.alerts)), card.edits) == (1, 0)
    leaf.restore(watch.ada)
    await watch.settles()
    assert "works again" in text_of(card)
    assert [card] == watch.posts()


async def test_a_new_permission_that_leaf_does_not_finish_checking_says_so_on_the_card(watch: Watch) -> None:
    leaf, clock = watch.world.leaf, watch.world.clock
    await leaf.revoke(watch.ada)
    await watch.settles()
    [card] = watch.posts()
    leaf.connect(watch.ada, status="PENDING")
    await watch.settles()
    clock.advance(PENDING_LONG)
    await watch.settles()
    await watch.settles()
    assert "Ask Leaf why this connection stays pending" in text_of(card)
    assert card.edits == 1
    leaf.fail(watch.ada)
    await watch.settles()
    clock.advance(timedelta(hours=2))
    await watch.settles()
    assert "Who must act:* nobody" in text_of(card), "now it is FieldView that is waited for"
    await leaf.revoke(watch.ada)
    await watch.settles()
    assert "send-link" in buttons_of(card)
    assert [card] == watch.posts()


# Our own login


async def test_a_login_refused_for_an_hour_is_one_notice_and_one_all_clear(watch: Watch) -> None:
    leaf, clock, password = watch.world.leaf, watch.world.clock, watch.world.leaf.password
    changed_password(leaf)
    assert watch.ada.credential is not None
    for number in range(12):
        await watch.monitor.sweep_job(f"refused-{number}")
        await watch.monitor.alert_job(watch.ada.credential.id)
        await watch.monitor.check_job(watch.ada.id)
        await watch.delivers()
        clock.advance(timedelta(minutes=5))
    [notice] = watch.posts(watch.alerts)
    assert ("LEAF_PASSWORD" in text_of(notice), notice.edits) == (True, 0)
    leaf.password = password
    # A refused login is left alone for half a minute of the machine's own time.
    watch.leaf._refused_until = 0
    for number in range(3):
        await watch.monitor.sweep_job(f"well-{number}")
        await watch.delivers()
    assert ("It lasted 1 h" in text_of(notice), notice.edits) == (True, 1)
    assert [notice] == watch.posts(watch.alerts)
    assert (watch.posts(), await watch.count_incidents()) == ([], 0)


async def test_a_sweep_that_finds_everybody_well_posts_nothing(watch: Watch) -> None:
    for _ in range(3):
        await watch.settles()
        await watch.monitor.check(watch.ada.id, "status")
    assert watch.posts() == watch.posts(watch.alerts) == []
    assert (watch.asked(LIST), watch.asked(ONE)) == (4, 3)
