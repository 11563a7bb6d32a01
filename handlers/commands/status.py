"""`/fieldview status [grower]`: how are connections doing."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from handlers.call import Call, Reply
from handlers.replies import standing


async def status(call: Call, bot: Bot) -> Reply:
    """All growers at a glance, or everything about one."""
    if not call.text:
        return Reply(messages.overview(await bot.health.overview(), bot.clock()))
    return await standing(bot, call.about(await bot.directory.find(call.text)))
