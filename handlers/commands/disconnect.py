"""`/fieldview disconnect <grower>`: end a connection, after asking."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from bot.directory import unquoted
from handlers.call import Call, Reply
from handlers.replies import asked_to_disconnect


async def disconnect(call: Call, bot: Bot) -> Reply:
    """Say what would be lost and ask; nothing happens before the answer.

    Where nobody is named, a form lets a grower be searched for.
    """
    if call.trigger_id and not unquoted(call.text):
        modal = messages.disconnect_modal(private_metadata=call.channel or "")
        return Reply(modal=modal, detail={"asked": True})
    grower = await bot.directory.find(call.one("grower", "/fieldview disconnect <grower>"))
    return await asked_to_disconnect(bot, call.about(grower))
