"""`/fieldview disconnect <grower>`: end a connection, after asking."""

from __future__ import annotations

from bot.bot import Bot
from handlers.call import Call, Reply
from handlers.replies import asked_to_disconnect


async def disconnect(call: Call, bot: Bot) -> Reply:
    """Say what would be lost and ask; nothing happens before the answer."""
    grower = await bot.directory.find(call.one("grower", "/fieldview disconnect <grower>"))
    return await asked_to_disconnect(bot, call.about(grower))
