"""Buttons that only look."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bot import strict_json
from bot.bot import Bot
from bot.errors import UsageError
from handlers.call import Click, Reply
from handlers.commands.events import DAYS, LONGEST
from handlers.replies import deeds, standing, told


async def show_status(click: Click, bot: Bot) -> Reply:
    """Everything about one grower."""
    return await standing(bot, click, await bot.directory.by_id(click.value))


async def check_now(click: Click, bot: Bot) -> Reply:
    """Ask Leaf again; an answer that only one person sees is refreshed in its place."""
    return replace(await show_status(click, bot), replace=click.is_ephemeral)


async def show_events(click: Click, bot: Bot) -> Reply:
    """The newest page of the grower's timeline."""
    return await told(bot, click, click.about(await bot.directory.by_id(click.value)), DAYS, page=0)


async def turn_page(click: Click, bot: Bot) -> Reply:
    """Older or newer: the button carries the grower, the days and the page. Raises UsageError."""
    try:
        wanted = strict_json.loads(click.value)
        grower_id, days, page = str(wanted["grower"]), int(wanted["days"]), int(wanted["page"])
    except (ValueError, KeyError, TypeError, OverflowError):
        raise UsageError("This button is from an older version of me.", "/fieldview events <grower>") from None
    if not (0 <= page <= 10_000 and 1 <= days <= LONGEST):
        raise UsageError("There is no such page.", "/fieldview events <grower>")
    grower = click.about(await bot.directory.by_id(grower_id))
    return await told(bot, click, grower, days, page, replace=click.is_ephemeral)


async def turn_history(click: Click, bot: Bot) -> Reply:
    """Older entries of the audit trail, or the newest: the button carries what was asked for. Raises UsageError."""
    try:
        wanted = strict_json.loads(click.value)
        grower, actor, action = (_word(wanted.get(name)) for name in ("grower", "actor", "action"))
        since = datetime.fromisoformat(wanted["since"]).astimezone(UTC) if wanted.get("since") else None
        before = int(wanted["before"]) if wanted.get("before") else None
        if before is not None and not 0 < before < 2**63:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise UsageError("This button is from an older version of me.", "/fieldview history") from None
    about = click.about(await bot.directory.by_id(grower)) if grower else None
    looks = wanted.get("looks") is True
    return await deeds(bot, click, about, actor, action, since, looks=looks, before=before, replace=click.is_ephemeral)


def _word(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError
    return value
