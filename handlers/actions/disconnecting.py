"""Buttons that end a connection."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from handlers.call import Click, Reply
from handlers.replies import asked_to_disconnect


async def ask(click: Click, bot: Bot) -> Reply:
    """From a status: ask before anything happens."""
    return await asked_to_disconnect(bot, click.about(await bot.directory.by_id(click.value)))


async def confirm(click: Click, bot: Bot) -> Reply:
    """The answer was yes."""
    grower = click.about(await bot.directory.by_id(click.value))
    removed = await bot.health.disconnect(grower)
    done = messages.disconnected(grower, bot.clock(), had_credential=removed)
    return Reply(done, replace=True, detail={"removed": removed})


async def cancel(click: Click, bot: Bot) -> Reply:
    """The answer was no."""
    grower = click.about(await bot.directory.by_id(click.value))
    return Reply(messages.disconnect_cancelled(grower), replace=True, detail={"cancelled": True})
