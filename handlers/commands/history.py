"""`/fieldview history [grower]`: who did what."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from handlers.call import Call, Reply


async def history(call: Call, bot: Bot) -> Reply:
    """The audit trail's newest entries, of one grower or of all."""
    grower = call.about(await bot.directory.find(call.text)) if call.text else None
    return Reply(messages.history(await bot.health.history(grower), grower, bot.clock()))
