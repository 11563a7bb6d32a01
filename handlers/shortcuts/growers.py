"""Shortcuts to a grower: they open a form at once, and look things up only where that takes no time."""

from __future__ import annotations

from dataclasses import replace

from bot import messages
from bot.bot import Bot
from bot.errors import BotError
from handlers.call import Reply, Shortcut
from handlers.replies import standing


async def connect(shortcut: Shortcut, bot: Bot) -> Reply:
    """Ask whom to connect."""
    modal = messages.connect_modal(private_metadata=shortcut.channel or "")
    return Reply(modal=modal, detail={"asked": True})


async def status(shortcut: Shortcut, bot: Bot) -> Reply:
    """Ask whose connection to look at."""
    modal = messages.status_modal(private_metadata=shortcut.channel or "")
    return Reply(modal=modal, detail={"asked": True})


async def status_of_author(shortcut: Shortcut, bot: Bot) -> Reply:
    """How the grower is who wrote this message; asks when it was no grower whom I know."""
    try:
        person = await bot.slack.person(shortcut.author) if shortcut.author else None
    except BotError:
        person = None
    grower = await bot.directory.known_as(person) if person else None
    if grower is None:
        return await status(shortcut, bot)
    return replace(await standing(bot, shortcut, grower), detail={"author": shortcut.author})
