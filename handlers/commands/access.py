"""`/fieldview access [who] [role]`: who may do what."""

from __future__ import annotations

from bot.bot import Bot
from handlers.call import Call, Reply
from handlers.replies import permissions, permitted


async def access(call: Call, bot: Bot) -> Reply:
    """The rules of who may do what; with a subject and a role, one of them changed."""
    if not call.text:
        return await permissions(bot)
    return permitted(await bot.permitting.permit(call.text, call.user))
