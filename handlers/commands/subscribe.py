"""`/fieldview subscribe [#channel] [options]`: alerts go to a channel."""

from __future__ import annotations

import re

from bot.bot import Bot
from handlers.call import Call, Reply
from handlers.replies import asked_what_to_hear, hears

_OPTIONS = re.compile(r"(?:<#(?P<channel>[CG][A-Z0-9]+)(?:\|[^>]*)?> ?)?(?:options|custom)", re.IGNORECASE)


async def subscribe(call: Call, bot: Bot) -> Reply:
    """Subscribe the named channel or this one to everything, and say so there for everybody to see.

    With "options" a form asks what it shall hear, and when.
    """
    if asked := _OPTIONS.fullmatch(call.text):
        return asked_what_to_hear(bot, asked["channel"] or call.channel, call)
    channel = call.channel_named("/fieldview subscribe #channel")
    await bot.access.require_reach(call.user, channel, call.channel)
    return hears(await bot.subscribing.subscribe(channel, call.user), call.user)
