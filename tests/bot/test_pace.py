"""So many requests a second, whoever sends them."""

from __future__ import annotations

import asyncio
import time

from bot.pace import LocalPace, SharedPace, Unpaced, pace_for
from storage.database import Database


class Hand:
    """A clock that a sleeper turns."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))


async def test_turns_that_are_asked_for_at_once_come_one_after_the_other() -> None:
    hand = Hand()
    pace = LocalPace(5, seconds=hand, sleep=hand.sleep)
    await asyncio.gather(*(pace.turn() for _ in range(4)))
    assert hand.slept == [0.2, 0.4, 0.6]


async def test_a_pause_is_not_saved_up_for_a_burst() -> None:
    hand = Hand()
    pace = LocalPace(5, seconds=hand, sleep=hand.sleep)
    await pace.turn()
    hand.now += 60
    await pace.turn()
    await pace.turn()
    assert hand.slept == [0.2]


async def test_the_first_turn_comes_at_once_even_when_the_clock_is_young() -> None:
    hand = Hand()
    hand.now = -5.0
    await LocalPace(1, seconds=hand, sleep=hand.sleep).turn()
    await Unpaced().turn()
    assert hand.slept == []


async def test_two_replicas_together_keep_one_pace(postgresql_url: str) -> None:
    one, other = Database(postgresql_url, pool_size=20), Database(postgresql_url, pool_size=20)
    turns: list[float] = []

    async def send(pace: SharedPace) -> None:
        await pace.turn()
        turns.append(time.monotonic())

    paces = [SharedPace(database, "leaf", 100) for database in (one, other)]
    began = time.monotonic()
    await asyncio.gather(*(send(pace) for pace in paces for _ in range(15)))
    # Thirty turns at a hundred a second: the last one no sooner than 290 ms after the first, however fast we are.
    assert max(turns) - began >= 0.28
    await asyncio.gather(one.close(), other.close())


async def test_different_things_have_paces_of_their_own(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    slow, other = SharedPace(database, "slack:C1", 0.001), SharedPace(database, "slack:C2", 0.001)
    async with asyncio.timeout(5):
        await slow.turn()
        await other.turn()
    await database.close()


async def test_only_replicas_need_to_agree(sqlite_url: str, postgresql_url: str) -> None:
    for url, kind in ((sqlite_url, LocalPace), (postgresql_url, SharedPace)):
        database = Database(url)
        assert isinstance(pace_for(database, "leaf", 5), kind)
        await database.close()
