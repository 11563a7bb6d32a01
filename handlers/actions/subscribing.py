"""What leads to the form that chooses what a channel hears, and what is chosen in it."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from handlers.call import Click, Reply
from handlers.replies import asked_what_to_hear
from handlers.views.subscribing import channel_in, wishes_in, zone_in


async def ask(click: Click, bot: Bot) -> Reply:
    """Open the form, for the channel on the button or the one it was pressed in."""
    return asked_what_to_hear(bot, click.value or click.channel, click)


async def change(click: Click, bot: Bot) -> Reply:
    """Something else is chosen: say what that would have meant."""
    zone = zone_in(click.metadata.partition(" ")[2])
    wishes = wishes_in(click.values, click.user, zone)
    draft = await bot.subscribing.draft(channel_in(click.values), wishes, zone, click.user)
    return Reply(refresh=messages.subscribe_modal(draft, private_metadata=click.metadata))
