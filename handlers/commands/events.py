"""`/fieldview events <grower> [days]`: what happened to a connection."""

from __future__ import annotations

from bot.bot import Bot
from bot.errors import AmbiguousGrower, UnknownGrower, UsageError
from handlers.call import Call, Reply
from handlers.replies import told
from storage.records import Grower

DAYS = 30
LONGEST = 400
USAGE = "/fieldview events <grower> [days]"


async def events(call: Call, bot: Bot) -> Reply:
    """One timeline of Leaf's events, our own actions and changes of state, newest first."""
    grower, days = await _whose(call, bot)
    call.about(grower)
    if not 1 <= days <= LONGEST:
        raise UsageError(f"Days go from 1 to {LONGEST}.", USAGE)
    return await told(bot, call, grower, days, page=0)


async def _whose(call: Call, bot: Bot) -> tuple[Grower, int]:
    """The grower and the number of days. A name may well end in a number: "Farm 12"."""
    typed, days = call.with_number("grower", USAGE, DAYS)
    if typed == call.text or await bot.directory.knows(call.text):
        return await bot.directory.find(call.text), DAYS
    try:
        return await bot.directory.find(typed), days
    except AmbiguousGrower as several:
        several.rest = str(days)
        raise
    except UnknownGrower as unknown:
        try:
            return await bot.directory.find(call.text), DAYS
        except UnknownGrower:
            unknown.rest = str(days)
            raise unknown from None
