"""`/fieldview links [grower]`: the links that are out."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from handlers.call import Call, Reply


async def links(call: Call, bot: Bot) -> Reply:
    """Every link that works, or those of one grower, each with buttons to renew it and to take it back."""
    grower = call.about(await bot.directory.find(call.text)) if call.text else None
    out = await bot.inviting.working(grower)
    known = await bot.directory.known({consent.grower_id for consent in out})
    return Reply(messages.links(out, grower, bot.clock(), known))
