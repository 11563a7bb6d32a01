"""`/fieldview health`: how the bot itself is doing."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from bot.discretion import name_before
from bot.slack.client import Channel
from handlers.call import Call, Reply


async def health(call: Call, bot: Bot) -> Reply:
    """Every part the bot needs, each with what to do when it is not well; channels as whoever asks may know them."""

    async def called(channel: Channel) -> str:
        return await name_before(call.user, channel, bot.access)

    return Reply(messages.health_report(await bot.selfcheck.findings(called), bot.clock()))
