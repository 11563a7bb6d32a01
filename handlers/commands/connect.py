"""`/fieldview connect <grower>`: ask a grower for consent."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from bot.directory import unquoted
from handlers.call import Call, Reply
from handlers.replies import invited


async def connect(call: Call, bot: Bot) -> Reply:
    """Send the grower a consent link, or hand it to the agent to share; a healthy grower is not asked again unasked.

    Where nobody is named, a form lets a grower be searched for.
    """
    if call.trigger_id and not unquoted(call.text):
        modal = messages.connect_modal(private_metadata=call.channel or "")
        return Reply(modal=modal, detail={"asked": True})
    grower = await bot.directory.find(call.one("grower", "/fieldview connect <grower>"))
    return await invited(bot, call, grower, even_if_healthy=False)
