"""In a burst of commands everybody is acknowledged before the work on them begins; who comes alone waits for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from bot.background import Background
from bot.errors import NotAllowed
from bot.slack.client import Workspace
from handlers.precedence import BURST, LONGEST, QUIET, Precedence
from handlers.slack import SlackEdge


class Hand:
    """A clock that moves when somebody sleeps by it; `meanwhile` is what happens then."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.now = 100.0
        self.meanwhile = meanwhile

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 1e-6)
        self.meanwhile()
        await asyncio.sleep(0)


def precedence(hand: Hand) -> Precedence:
    return Precedence(seconds=hand, sleep=hand.sleep)


async def test_who_comes_alone_waits_for_nobody() -> None:
    hand = Hand()
    work = precedence(hand)
    for _ in range(3):
        hand.now += BURST
        before = hand.now
        work.request()
        await work.turn()
        assert hand.now == before


async def test_work_on_a_burst_begins_when_it_is_over() -> None:
    hand = Hand()
    work = precedence(hand)
    more = iter([work.request] * 5)
    hand.meanwhile = lambda: next(more, lambda: None)()
    work.request()
    work.request()
    await work.turn()
    assert 5 * QUIET < hand.now - 100 < 7 * QUIET


async def test_requests_without_end_hold_work_back_for_a_moment_only() -> None:
    hand = Hand()
    work = precedence(hand)
    hand.meanwhile = work.request
    work.request()
    work.request()
    await asyncio.wait_for(work.turn(), 30)
    assert LONGEST <= hand.now - 100 < LONGEST + 2 * QUIET


async def test_work_begins_in_the_order_in_which_it_was_asked_for() -> None:
    hand = Hand()
    work, begun = precedence(hand), []

    async def begin(number: int) -> None:
        await work.turn()
        begun.append(number)

    work.request()
    work.request()
    await asyncio.gather(*(begin(number) for number in range(5)))
    assert begun == [0, 1, 2, 3, 4]


async def test_three_who_type_at_once_are_all_acknowledged_before_the_work_on_the_second() -> None:
    happened: list[str] = []
    all_acknowledged, hand = asyncio.Event(), Hand()

    async def sleep(seconds: float) -> None:
        await all_acknowledged.wait()
        hand.now += seconds

    async def admit(user: str, *_: object) -> None:
        happened.append(f"work for {user}")
        raise NotAllowed("do this")

    async def ignore(*_: object, **__: object) -> None: ...

    bot: Any = SimpleNamespace(
        clock=lambda: datetime.now(UTC),
        access=SimpleNamespace(admit=admit),
        journal=SimpleNamespace(errand=nullcontext, settle=ignore),
        slack=SimpleNamespace(post_ephemeral=ignore),
    )
    background = Background()
    work = Precedence(seconds=hand, sleep=sleep)
    edge = SlackEdge(bot, Workspace("T1", "Home", "U0BOT", frozenset()), background, work)
    for user in ("U1", "U2", "U3"):

        async def ack(user: str = user) -> None:
            for _ in range(10):
                await asyncio.sleep(0)
            happened.append(f"acknowledged {user}")

        body = {"user_id": user, "team_id": "T1", "channel_id": "C1", "command": "/fieldview", "text": "help"}
        await edge.command(ack, body)  # type: ignore[arg-type]
    all_acknowledged.set()
    await background.finish(10)
    assert happened.index("acknowledged U3") < happened.index("work for U2") < happened.index("work for U3")
