"""Shortcuts to a grower: they open a form at once, and look things up only where that takes no time."""

from __future__ import annotations

from dataclasses import replace

from bot import messages
from bot.bot import Bot
from bot.errors import BotError
from handlers.call import Reply, Shortcut
from handlers.replies import standing
from storage.records import Grower


async def connect(shortcut: Shortcut, bot: Bot) -> Reply:
    """Ask whom to connect."""
    modal = messages.connect_modal(private_metadata=shortcut.channel or "")
    return Reply(modal=modal, detail={"asked": True})


async def status(shortcut: Shortcut, bot: Bot) -> Reply:
    """Ask whose connection to look at."""
    modal = messages.status_modal(private_metadata=shortcut.channel or "")
    return Reply(modal=modal, detail={"asked": True})


_ABOUT_A_GROWER = ("show-status", "check-now", "show-events", "send-link", "claim", "release")
"""Buttons whose value is a grower's id."""


async def status_of_author(shortcut: Shortcut, bot: Bot) -> Reply:
    """How the grower is who wrote this message, or whom a message of ours is about; else asks, and says why."""
    try:
        person = await bot.slack.person(shortcut.author) if shortcut.author else None
    except BotError:
        person = None
    grower = await bot.directory.known_as(person) if person else await _told_of(shortcut, bot)
    if grower is None:
        why = "I know no grower who wrote this." if shortcut.author else "This message is not about one grower."
        modal = messages.status_modal(why, private_metadata=shortcut.channel or "")
        return Reply(modal=modal, detail={"asked": True})
    if not shortcut.author:
        return await standing(bot, shortcut, grower)
    return replace(await standing(bot, shortcut, grower), detail={"author": shortcut.author})


async def _told_of(shortcut: Shortcut, bot: Bot) -> Grower | None:
    if shortcut.author:
        return None
    if found := await bot.directory.told_of(shortcut.channel or "", shortcut.message):
        return found
    ids = {value for action, value in shortcut.offers if action in _ABOUT_A_GROWER}
    known = await bot.directory.known(ids) if len(ids) == 1 else {}
    return next(iter(known.values()), None)
