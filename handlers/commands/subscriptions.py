"""`/fieldview subscriptions`: which channels hear what."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from handlers.call import Call, Reply


async def subscriptions(call: Call, bot: Bot) -> Reply:
    """Those that whoever asks may see, each with "Change…"."""
    return Reply(messages.subscriptions(await bot.subscribing.everywhere(call.user)))
