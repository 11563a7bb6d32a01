"""`/fieldview history [grower] [by @person] [did …] [since …] [with looks]`: who did what."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from bot.errors import AmbiguousGrower, UnknownGrower
from handlers.call import Call, Reply
from handlers.replies import deeds
from handlers.sought import Sought, sought


async def history(call: Call, bot: Bot) -> Reply:
    """The audit trail's newest entries: all, or of whom, by whom, of what kind and since when; looks on request."""
    wanted = await _wanted(call, bot)
    try:
        grower = call.about(await bot.directory.find(wanted.grower)) if wanted.grower else None
    except (AmbiguousGrower, UnknownGrower) as unclear:
        unclear.rest = call.text.removeprefix(wanted.grower).strip()
        raise
    return await deeds(bot, call, grower, wanted.actor, wanted.action, wanted.since, looks=wanted.looks)


async def _wanted(call: Call, bot: Bot) -> Sought:
    """A name may well hold such words itself: "Made by Ada"."""
    if await bot.directory.knows(call.text):
        return Sought(call.text)
    return sought(call.text, call.user, messages.actions(), bot.clock())
