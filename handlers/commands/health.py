"""`/fieldview health`: how the bot itself is doing."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from handlers.call import Call, Reply


async def health(call: Call, bot: Bot) -> Reply:
    """Every part the bot needs, each with what to do when it is not well."""
    return Reply(messages.health_report(await bot.selfcheck.findings(), bot.clock()))
