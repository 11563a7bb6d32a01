"""Buttons of an alert with which the team takes care of it."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from bot.reports import Handled
from handlers.call import Click, Reply, Request


async def acknowledge(click: Click, bot: Bot) -> Reply:
    """One press: I have seen it."""
    done = await bot.casework.acknowledge(click.value, click.deed("acknowledge"))
    return handled(click, done, messages.acknowledged(done))


async def ask_how_long(click: Click, bot: Bot) -> Reply:
    """Open the form that snoozes."""
    found = await bot.casework.look(click.value)
    click.about(found.grower)
    modal = messages.snooze_modal(found, private_metadata=f"{click.origin} {found.incident.id}")
    return Reply(modal=modal, detail={"asked": True})


async def end_snooze(click: Click, bot: Bot) -> Reply:
    """From a card or the list of snoozes."""
    done = await bot.casework.end_snooze(click.value, click.deed("end-snooze"))
    return handled(click, done, messages.snooze_ended(done))


async def ask_whom(click: Click, bot: Bot) -> Reply:
    """Open the form that assigns. It remembers who has it now: whoever is changed meanwhile is not overruled."""
    found = await bot.casework.look(click.value)
    click.about(found.grower)
    has = found.incident.care.assigned_to or ""
    modal = messages.assign_modal(found, private_metadata=f"{click.origin} {found.incident.id} {has}")
    return Reply(modal=modal, detail={"asked": True})


def handled(request: Request, done: Handled, message: messages.Message) -> Reply:
    """The answer to a deed that wrote its own audit row, if it did anything."""
    request.about(done.grower)
    return Reply(message, detail={"already": True}, shows=done.newly)
