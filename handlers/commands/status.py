"""`/fieldview status [grower | --mine | tag:north]`: how are connections doing."""

from __future__ import annotations

import re

from bot import messages
from bot.bot import Bot
from bot.tagging import tag_in
from handlers.call import Call, Reply
from handlers.replies import standing
from storage.records import Whose

# Phones make one long dash of two short ones.
_MINE = re.compile(r"(?:--|[\u2013\u2014]) ?mine", re.IGNORECASE)
_BY_TAG = re.compile(r"tag ?: ?(.*)", re.IGNORECASE)


async def status(call: Call, bot: Bot) -> Reply:
    """All growers at a glance, or one's own, or those with a tag, or everything about one."""
    if _MINE.fullmatch(call.text):
        return Reply(messages.overview(await bot.health.overview(Whose(owner=call.user)), bot.clock()))
    if by_tag := _BY_TAG.fullmatch(call.text):
        return Reply(messages.overview(await bot.health.overview(Whose(tag=tag_in(by_tag[1]))), bot.clock()))
    if not call.text:
        return Reply(messages.overview(await bot.health.overview(), bot.clock()))
    return await standing(bot, call, await bot.directory.find(call.text))
