"""`/fieldview bulk`: links for a whole list of growers."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from bot.errors import UsageError
from handlers.call import Call, Reply


async def bulk(call: Call, bot: Bot) -> Reply:
    """Open the form that takes the list. Raises UsageError for a list typed behind the command."""
    if call.text or not call.trigger_id:
        raise UsageError(
            "The list goes into a form, which opens without anything behind the command.", "/fieldview bulk"
        )
    return Reply(modal=messages.bulk_modal(private_metadata=call.channel or ""), detail={"asked": True})
