"""`/fieldview subscribe [#channel] [options | tag:north | @person]`: alerts go to a channel."""

from __future__ import annotations

import re

from bot.bot import Bot
from handlers.call import Call, Reply
from handlers.replies import asked_what_to_hear, hears
from storage.records import Wishes

_CHANNEL = r"<#(?P<{0}>[CG][A-Z0-9]+)(?:\|[^>]*)?>"
_OPTIONS = re.compile(rf"(?:{_CHANNEL.format('channel')} ?)?(?:options|custom)", re.IGNORECASE)
_BY_TAG = re.compile(
    rf"(?:{_CHANNEL.format('channel')} ?)?tag ?: ?(?P<tag>.*?)(?: {_CHANNEL.format('behind')})?", re.IGNORECASE
)
_BY_OWNER = re.compile(
    rf"(?:{_CHANNEL.format('channel')} ?)?<@(?P<owner>[UW][A-Z0-9]+)(?:\|[^>]*)?>(?: ?{_CHANNEL.format('behind')})?"
)

USAGE = "/fieldview subscribe [#channel] [options | tag:north | @person]"


async def subscribe(call: Call, bot: Bot) -> Reply:
    """Subscribe the named channel or this one to everything, or to everything about growers with a tag or of one
    colleague, and say so there for everybody to see.

    With "options" a form asks what it shall hear, and when.
    """
    if asked := _OPTIONS.fullmatch(call.text):
        return asked_what_to_hear(bot, asked["channel"] or call.channel, call)
    if by_tag := _BY_TAG.fullmatch(call.text):
        wishes = Wishes(tag=await bot.tagging.meant(by_tag["tag"]))
        channel = by_tag["channel"] or by_tag["behind"] or call.channel or ""
    elif by_owner := _BY_OWNER.fullmatch(call.text):
        wishes = Wishes(owner=by_owner["owner"])
        channel = by_owner["channel"] or by_owner["behind"] or call.channel or ""
    else:
        wishes, channel = None, call.channel_named(USAGE)
    await bot.access.require_reach(call.user, channel, call.channel)
    return hears(await bot.subscribing.subscribe(channel, call.user, wishes), call.user)
