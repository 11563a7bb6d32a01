"""`/fieldview handover @from @to`: everything of one colleague goes to another."""

from __future__ import annotations

import re

from bot import messages
from bot.bot import Bot
from bot.errors import UsageError
from handlers.call import Call, Reply

USAGE = "/fieldview handover @from @to"

# Who has left cannot be mentioned any more, so their id alone will do.
_PAIR = re.compile(r"(?:<@)?([UW][A-Z0-9]{2,})(?:\|[^>]*)?>? <@([UW][A-Z0-9]+)(?:\|[^>]*)?>")


async def handover(call: Call, bot: Bot) -> Reply:
    """Growers, open links, snoozes, assignments, subscriptions and channels they lead: all of it, or nothing."""
    match = _PAIR.fullmatch(call.text)
    if match is None:
        raise UsageError("Name two people with @: who gives, and who takes.", USAGE)
    done = await bot.ownership.hand_over(match[1], match[2], call.deed("handover"))
    return Reply(messages.handed_over(done))
