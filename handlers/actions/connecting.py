"""Buttons that ask a grower for consent."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from bot.errors import NotAllowed
from handlers.call import Click, Reply
from handlers.replies import invited


async def send_link(click: Click, bot: Bot) -> Reply:
    """From a card, a status or a storm's list: send the grower a link. What only one person sees was asked for knowing
    how things are; what stands in a channel may have been read before many broke."""
    grower, was_asked_for = await bot.directory.by_id(click.value), click.is_ephemeral
    return await invited(bot, click, grower, even_if_healthy=False, even_if_many=was_asked_for, again=False)


async def connect_anyway(click: Click, bot: Bot) -> Reply:
    """The grower is healthy and shall be asked all the same."""
    grower = await bot.directory.by_id(click.value)
    return await invited(bot, click, grower, even_if_healthy=True, replace=click.is_ephemeral)


async def send_link_anyway(click: Click, bot: Bot) -> Reply:
    """Whatever stood in the way, which whoever presses has read: the grower shall be asked all the same."""
    grower = await bot.directory.by_id(click.value)
    return await invited(
        bot,
        click,
        grower,
        even_if_healthy=True,
        even_if_held=True,
        even_if_ill=True,
        even_if_many=True,
        replace=click.is_ephemeral,
    )


async def ask_whom(click: Click, bot: Bot) -> Reply:
    """Open the form in which a grower is searched for."""
    return Reply(modal=messages.connect_modal(private_metadata=click.origin), detail={"asked": True})


async def opened(click: Click, bot: Bot) -> Reply:
    """The grower pressed the link in their direct message: the browser does the rest. Raises NotAllowed."""
    consent = await bot.inviting.get(click.value)
    if consent.sent_to != click.user:
        raise NotAllowed("open this link", "the person it was sent to")
    return Reply(detail={"consent": consent.id})
