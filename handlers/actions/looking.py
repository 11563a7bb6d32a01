"""Buttons that only look."""

from __future__ import annotations

import json

from bot import messages
from bot.bot import Bot
from bot.errors import UsageError
from handlers.call import Click, Reply
from handlers.commands.events import DAYS, LONGEST
from handlers.replies import told


async def show_status(click: Click, bot: Bot) -> Reply:
    """Everything about one grower."""
    grower = await bot.directory.by_id(click.value)
    return Reply(messages.connection_status(await bot.health.status(grower), bot.clock()), about=grower)


async def check_now(click: Click, bot: Bot) -> Reply:
    """Ask Leaf again; an answer that only one person sees is refreshed in its place."""
    reply = await show_status(click, bot)
    return Reply(reply.message, about=reply.about, replace=click.is_ephemeral)


async def show_events(click: Click, bot: Bot) -> Reply:
    """The newest page of the grower's timeline."""
    return await told(bot, await bot.directory.by_id(click.value), DAYS, page=0)


async def turn_page(click: Click, bot: Bot) -> Reply:
    """Older or newer: the button carries the grower, the days and the page. Raises UsageError."""
    try:
        wanted = json.loads(click.value)
        grower_id, days, page = str(wanted["grower"]), int(wanted["days"]), int(wanted["page"])
    except (ValueError, KeyError, TypeError):
        raise UsageError("This button is from an older version of me.", "/fieldview events <grower>") from None
    if not (0 <= page <= 10_000 and 1 <= days <= LONGEST):
        raise UsageError("There is no such page.", "/fieldview events <grower>")
    return await told(bot, await bot.directory.by_id(grower_id), days, page, replace=click.is_ephemeral)
