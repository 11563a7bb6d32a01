"""`/fieldview subscribe [#channel]`: alerts go to a channel."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from handlers.call import Call, Reply


async def subscribe(call: Call, bot: Bot) -> Reply:
    """Subscribe the named channel or this one, and say so there for everybody to see."""
    channel = call.channel_named("/fieldview subscribe #channel")
    await bot.access.require_reach(call.user, channel, call.channel)
    done = await bot.subscribing.subscribe(channel, call.user)
    return Reply(
        messages.subscribed(done.channel, newly=done.newly, also_default=done.by_default),
        public=messages.subscription_greeting(call.user) if done.newly else None,
        public_channel=done.channel,
    )
