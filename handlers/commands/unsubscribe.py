"""`/fieldview unsubscribe [#channel]`: no more alerts in a channel."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from handlers.call import Call, Reply


async def unsubscribe(call: Call, bot: Bot) -> Reply:
    """End the subscription of the named channel or this one."""
    channel = call.channel_named("/fieldview unsubscribe #channel")
    await bot.access.require_reach(call.user, channel, call.channel)
    return Reply(messages.unsubscribed(channel, was=await bot.subscribing.unsubscribe(channel)))
