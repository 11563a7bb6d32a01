"""Buttons that say whose a grower is."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from bot.reports import Owned
from handlers.call import Click, Reply, Request


async def claim(click: Click, bot: Bot) -> Reply:
    """From a card or an answer: I look after this grower."""
    grower = click.about(await bot.directory.by_id(click.value))
    return owned(click, await bot.ownership.claim(grower, click.deed("claim")), replace=click.is_ephemeral)


async def release(click: Click, bot: Bot) -> Reply:
    """Not I, after all."""
    grower = click.about(await bot.directory.by_id(click.value))
    return owned(click, await bot.ownership.release(grower, click.deed("release")), replace=click.is_ephemeral)


async def leave_channel(click: Click, bot: Bot) -> Reply:
    """The grower needs no channel of its own."""
    grower = click.about(await bot.directory.by_id(click.value))
    return owned(
        click, await bot.ownership.leave_channel(grower, click.deed("leave-channel")), replace=click.is_ephemeral
    )


def owned(request: Request, now: Owned, *, replace: bool = False) -> Reply:
    """Whose the grower is now; what changed has written its own audit row."""
    return Reply(messages.owned(now, request.user), replace=replace)
