"""Buttons that end a connection, agree to it, or undo it."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from handlers.call import Click, Reply
from handlers.replies import asked_to_disconnect
from storage.records import Disconnection


async def ask(click: Click, bot: Bot) -> Reply:
    """From a status: ask before anything happens."""
    return await asked_to_disconnect(bot, click.about(await bot.directory.by_id(click.value)))


async def confirm(click: Click, bot: Bot) -> Reply:
    """The answer was yes. Raises UsageError when it is about an earlier connection."""
    grower_id, credential_id = messages.connection_to_end(click.value)
    grower = click.about(await bot.directory.by_id(grower_id))
    wanted = await bot.disconnecting.begin(grower, click.user, credential_id)
    if wanted is None:
        return Reply(messages.not_connected(grower), replace=True, detail={"removed": False})
    detail = {"disconnection": wanted.id, "state": wanted.state, "already": True}
    return Reply(messages.disconnection(wanted, bot.clock()), replace=True, detail=detail)


async def cancel(click: Click, bot: Bot) -> Reply:
    """The answer was no."""
    grower = click.about(await bot.directory.by_id(click.value))
    return Reply(messages.disconnect_cancelled(grower), replace=True, detail={"cancelled": True})


async def agree(click: Click, bot: Bot) -> Reply:
    """A second person says yes."""
    await _about(click, bot)
    return _stands(click, bot, await bot.disconnecting.agree(click.value, click.user))


async def undo(click: Click, bot: Bot) -> Reply:
    """Nothing is ended after all."""
    await _about(click, bot)
    return _stands(click, bot, await bot.disconnecting.undo(click.value, click.user))


async def _about(click: Click, bot: Bot) -> None:
    wanted = await bot.disconnecting.of(click.value)
    click.about(await bot.directory.by_id(wanted.grower_id))


def _stands(click: Click, bot: Bot, wanted: Disconnection) -> Reply:
    message = messages.disconnection(wanted, bot.clock())
    return Reply(message, replace=click.is_ephemeral, detail={"disconnection": wanted.id, "state": wanted.state})
