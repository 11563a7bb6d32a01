"""`/fieldview status [grower | --mine]`: how are connections doing."""

from __future__ import annotations

import re

from bot import messages
from bot.bot import Bot
from handlers.call import Call, Reply
from handlers.replies import standing

# Phones make one long dash of two short ones.
_MINE = re.compile(r"(?:--|[\u2013\u2014]) ?mine", re.IGNORECASE)


async def status(call: Call, bot: Bot) -> Reply:
    """All growers at a glance, or one's own, or everything about one."""
    if _MINE.fullmatch(call.text):
        return Reply(messages.overview(await bot.health.overview(owner=call.user), bot.clock()))
    if not call.text:
        return Reply(messages.overview(await bot.health.overview(), bot.clock()))
    return await standing(bot, call, await bot.directory.find(call.text))
