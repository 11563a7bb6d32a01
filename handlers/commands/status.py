"""`/fieldview status [grower | @person | --mine | tag:north]`: how are connections doing."""

from __future__ import annotations

import re

from bot import messages
from bot.bot import Bot
from bot.errors import UnknownGrower, UsageError
from bot.people import teammate
from handlers.call import Call, Reply
from handlers.replies import standing
from storage.records import Whose

# Phones make one long dash of two short ones.
_MINE = re.compile(r"(?:--|[\u2013\u2014]) ?mine", re.IGNORECASE)
_BY_TAG = re.compile(r"tag ?: ?(.*)", re.IGNORECASE)
_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")


async def status(call: Call, bot: Bot) -> Reply:
    """All growers at a glance, or one's own, or a colleague's, or those with a tag, or everything about one."""
    if _MINE.fullmatch(call.text):
        mine = await bot.health.overview(Whose(owner=call.user))
        return Reply(messages.overview(mine, bot.clock()), detail={"whose": messages.OWN})
    if by_tag := _BY_TAG.fullmatch(call.text):
        tag = await bot.tagging.meant(by_tag[1])
        return Reply(messages.overview(await bot.health.overview(Whose(tag=tag)), bot.clock()), detail={"tag": tag})
    if not call.text:
        return Reply(messages.overview(await bot.health.overview(), bot.clock()))
    try:
        grower = await bot.directory.find(call.text)
    except UnknownGrower as unknown:
        return await _of_colleague(call, bot, unknown)
    return await standing(bot, call, grower)


async def _of_colleague(call: Call, bot: Bot, unknown: UnknownGrower) -> Reply:
    """Whose growers are meant by the mention of somebody who is none. Raises UnknownGrower if that is no colleague."""
    person = _PERSON.fullmatch(call.text)
    if person is None:
        raise unknown
    found = await bot.health.overview(Whose(owner=person[1]))
    if not found.counts:
        try:
            await teammate(bot.slack, person[1])
        except UsageError:
            raise unknown from None
    theirs = person[1] != call.user
    whose = person[1] if theirs else messages.OWN
    return Reply(messages.overview(found, bot.clock(), theirs=theirs), detail={"whose": whose})
