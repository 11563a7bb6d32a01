"""What is pressed at the App Home to see more of it, and to begin."""

from __future__ import annotations

from bot.bot import Bot
from handlers.call import Call, Click, Reply
from handlers.commands import subscribe


async def look(click: Click, bot: Bot) -> Reply:
    """Another filter or page: the choice carries how the Home shall look."""
    return Reply(home=click.value)


async def choose_channel(click: Click, bot: Bot) -> Reply:
    """The first steps: this channel hears of alerts, as if somebody had typed it."""
    call = Call(click.user, click.team, None, click.request_id, "subscribe", f"<#{click.value}>", subject=click.subject)
    return await subscribe.subscribe(call, bot)
