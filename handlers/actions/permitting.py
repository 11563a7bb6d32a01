"""Buttons beside the rules of who may do what."""

from __future__ import annotations

from bot.bot import Bot
from handlers.call import Click, Reply
from handlers.replies import permitted


async def remove(click: Click, bot: Bot) -> Reply:
    """Take a rule back."""
    return permitted(await bot.permitting.forget(click.value[:32], click.user), replace=click.is_ephemeral)
