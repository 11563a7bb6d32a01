"""Buttons of the one message about a list of growers; that message itself says what was done."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from handlers.call import Click, Reply


async def ask_for_list(click: Click, bot: Bot) -> Reply:
    """Open the form that takes the list."""
    return Reply(modal=messages.bulk_modal(private_metadata=click.origin), detail={"asked": True})


async def plan_storm(click: Click, bot: Bot) -> Reply:
    """A list of those whom a storm broke and who need a link."""
    made = await bot.bulk_inviting.plan_storm(click.value, click.user, click.channel)
    return Reply(messages.storm_bulk_planned(made), detail={"bulk": made.bulk.id})


async def start(click: Click, bot: Bot) -> Reply:
    """Make the links."""
    begun = await bot.bulk_inviting.start(click.value, click.user)
    return Reply(detail={"bulk": begun.id})


async def stop(click: Click, bot: Bot) -> Reply:
    """Make none, or no more."""
    over = await bot.bulk_inviting.stop(click.value, click.user)
    return Reply(detail={"bulk": over.id})


async def send_list(click: Click, bot: Bot) -> Reply:
    """Every line as a file."""
    bulk = await bot.bulk_inviting.ask_for_list(click.value, click.user)
    return Reply(messages.bulk_list_coming(bulk), detail={"bulk": bulk.id})
