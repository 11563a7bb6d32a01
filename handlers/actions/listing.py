"""Buttons of the list of growers whom a storm has broken."""

from __future__ import annotations

from bot import messages, strict_json
from bot.bot import Bot
from bot.errors import UsageError
from handlers.call import Click, Reply


async def show_storm(click: Click, bot: Bot) -> Reply:
    """The first page, for whoever pressed alone."""
    return Reply(messages.storm_list(await bot.storms.page(click.value, 0), bot.clock()))


async def turn_storm(click: Click, bot: Bot) -> Reply:
    """Another page, or the same as it is now: the button carries the storm and the page. Raises UsageError."""
    try:
        wanted = strict_json.loads(click.value)
        storm_id, page = str(wanted["storm"]), int(wanted["page"])
    except (ValueError, KeyError, TypeError, OverflowError):
        raise UsageError("This button is from an older version of me.", "/fieldview status") from None
    listed = await bot.storms.page(storm_id, max(0, page))
    return Reply(messages.storm_list(listed, bot.clock()), replace=click.is_ephemeral)
