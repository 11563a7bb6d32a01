"""`/fieldview status [grower]`: how are connections doing."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from handlers.call import Call, Reply


async def status(call: Call, bot: Bot) -> Reply:
    """All growers at a glance, or everything about one."""
    if not call.text:
        return Reply(messages.overview(await bot.health.overview(), bot.clock()))
    grower = await bot.directory.find(call.text)
    return Reply(messages.connection_status(await bot.health.status(grower), bot.clock()), about=grower)
