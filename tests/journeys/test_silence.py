"""Valid but silent, from end to end on the real engine: told once, seen in the answers, taken back when data moves."""

from __future__ import annotations

from bot.silence import FRESHNESS, SILENCE
from storage import freshness
from tests.stage import Stage, days, eventually, text_of

SATO = "hana@sato.example"


async def reads(stage: Stage, slot: str) -> None:
    """As the timer does it every five minutes."""
    await stage.running.jobs.start_now(FRESHNESS, slot, slot)


async def is_read(stage: Stage) -> bool:
    async with stage.running.bot.database.reading() as session:
        read = await freshness.get(session, stage.world.leaf.find(SATO).id)
    return read is not None and stage.world.clock() - read.read_at < days(1)


async def is_silent(stage: Stage, number: int) -> bool:
    return len((await stage.running.bot.health.overview()).silent) == number


async def test_a_grower_falls_silent_is_told_once_and_taken_back_when_data_moves(stage: Stage) -> None:
    leaf, alerts = stage.world.leaf, stage.world.slack.posted
    await leaf.sync(SATO, farms=2, fields=20)
    await stage.sweeps_now()
    stage.world.clock.advance(days(16))
    await stage.sweeps_now()
    await reads(stage, "slot-1")
    await eventually(lambda: is_read(stage))
    today = (stage.world.clock() - days(0.7)).date().isoformat()
    await stage.running.jobs.start_now(SILENCE, today, f"{SILENCE}-{today}-test")

    [told] = await stage.posted(stage.alerts)
    assert "Sato Family Orchards" in text_of(told)
    assert await is_silent(stage, 1)
    everybody = await stage.types("/fieldview status")
    assert "Connected, but nothing new comes in" in text_of(everybody)
    assert "Nobody needs you right now" in text_of(everybody), "silent is not broken"
    one = await stage.types("/fieldview status Sato Family Orchards")
    assert "Nothing new comes in" in text_of(one)

    await leaf.sync(SATO, farms=2, fields=21)
    at_once = await stage.types("/fieldview status Sato Family Orchards")
    assert "Nothing new comes in" not in text_of(at_once)
    await reads(stage, "slot-2")
    await eventually(lambda: is_silent(stage, 0))
    await stage.delivered()
    assert alerts(stage.alerts) == [told]
    assert "data came in again" in text_of(told)
    deeds = [deed for deed in await stage.deeds() if deed[0].startswith("silence")]
    assert deeds == [("silence-told", "done"), ("silence-over", "done")]
