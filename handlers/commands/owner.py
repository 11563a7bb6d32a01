"""`/fieldview owner <grower> [@person] [#channel]`: whose a grower is."""

from __future__ import annotations

from bot.bot import Bot
from bot.errors import AmbiguousGrower, UnknownGrower
from handlers.actions.owning import owned
from handlers.call import Call, Reply

USAGE = "/fieldview owner <grower> [@person] [#channel]"


async def owner(call: Call, bot: Bot) -> Reply:
    """Tell whose the grower is, or give it to somebody; a channel named behind it is the grower's own."""
    typed, person, channel = call.with_mentions("grower", USAGE)
    try:
        grower = call.about(await bot.directory.find(typed))
    except (AmbiguousGrower, UnknownGrower) as unclear:
        unclear.rest = " ".join([*([f"<@{person}>"] if person else []), *([f"<#{channel}>"] if channel else [])])
        raise
    if person is None and channel is None:
        return await owned(call, bot, await bot.ownership.of(grower))
    if channel is not None:
        before = (await bot.ownership.of(grower)).grower.channel
        for changed in sorted({channel, before or channel}):
            await bot.access.require_reach(call.user, changed, call.channel)
    return await owned(call, bot, await bot.ownership.give(grower, person, channel, call.deed("owner")))
