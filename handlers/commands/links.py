"""`/fieldview links [grower]`: the links that are out."""

from __future__ import annotations

from bot.bot import Bot
from handlers.call import Call, Reply
from handlers.replies import links_out


async def links(call: Call, bot: Bot) -> Reply:
    """Every link that works, or those of one grower, each with buttons to renew it and to take it back."""
    grower = call.about(await bot.directory.find(call.text)) if call.text else None
    return await links_out(bot, grower)
