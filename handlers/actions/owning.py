"""Buttons that say whose a grower is."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from bot.errors import NotAllowed
from bot.reports import Owned
from handlers.call import Call, Click, Reply


async def claim(click: Click, bot: Bot) -> Reply:
    """From a card or an answer: I look after this grower."""
    grower = click.about(await bot.directory.by_id(click.value))
    return await owned(click, bot, await bot.ownership.claim(grower, click.deed("claim")))


async def release(click: Click, bot: Bot) -> Reply:
    """Not I, after all."""
    grower = click.about(await bot.directory.by_id(click.value))
    return await owned(click, bot, await bot.ownership.release(grower, click.deed("release")))


async def leave_channel(click: Click, bot: Bot) -> Reply:
    """The grower needs no channel of its own. Raises NotAllowed for who could not have chosen that channel."""
    grower = click.about(await bot.directory.by_id(click.value))
    if grower.channel is not None:
        await bot.access.require_reach(click.user, grower.channel, click.channel)
    return await owned(click, bot, await bot.ownership.leave_channel(grower, click.deed("leave-channel")))


async def owned(request: Call | Click, bot: Bot, now: Owned) -> Reply:
    """Whose the grower is now; what changed has written its own audit row."""
    replace = isinstance(request, Click) and request.is_ephemeral
    return Reply(messages.owned(now, request.user, may_leave=await _may_leave(request, bot, now)), replace=replace)


async def _may_leave(request: Call | Click, bot: Bot, now: Owned) -> bool:
    if now.grower.channel is None:
        return False
    try:
        await bot.access.require_reach(request.user, now.grower.channel, request.channel)
    except NotAllowed:
        return False
    return True
