"""`/fieldview snoozes`: which alerts are snoozed."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from handlers.call import Call, Reply


async def snoozes(call: Call, bot: Bot) -> Reply:
    """All of them, whoever snoozed them, each with "End now"."""
    return Reply(messages.snoozes(await bot.casework.snoozes()))
