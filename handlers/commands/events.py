"""`/fieldview events <grower> [days]`: what happened to a connection."""

from __future__ import annotations

from bot.bot import Bot
from bot.errors import UnknownGrower, UsageError
from handlers.call import Call, Reply
from handlers.replies import told

DAYS = 30
LONGEST = 400


async def events(call: Call, bot: Bot) -> Reply:
    """One timeline of Leaf's events, our own actions and changes of state, newest first."""
    usage = "/fieldview events <grower> [days]"
    typed, days = call.with_number("grower", usage, DAYS)
    if not 1 <= days <= LONGEST:
        raise UsageError(f"Days go from 1 to {LONGEST}.", usage)
    try:
        grower = await bot.directory.find(typed)
    except UnknownGrower:
        if typed == call.text:
            raise
        # A name may well end in a number: "Farm 12".
        grower, days = await bot.directory.find(call.text), DAYS
    return await told(bot, grower, days, page=0)
