"""`/fieldview escalate [#channel @lead 4h]`: whom to tell when nobody takes up an alert."""

from __future__ import annotations

import re

from bot import messages
from bot.bot import Bot
from bot.errors import UsageError
from bot.escalating import USAGE, Wanted
from handlers.call import Call, Reply

_WANTED = re.compile(
    r"(?:<#(?P<channel>[CG][A-Z0-9]+)(?:\|[^>]*)?> ?)?"
    r"(?:(?P<off>off)|<@(?P<lead>[UW][A-Z0-9]+)(?:\|[^>]*)?> "
    r"(?P<hours>[0-9]{1,3}) ?(?:h|hours?)?(?: (?P<zone>[\w/+-]+))?)",
    re.IGNORECASE,
)


async def escalate(call: Call, bot: Bot) -> Reply:
    """Set it for the named channel or this one; "off" ends it; with nothing behind it, how it is everywhere."""
    if not call.text:
        return Reply(messages.escalations(await bot.escalating.everywhere()))
    match = _WANTED.fullmatch(call.text)
    if match is None:
        raise UsageError("Name a channel, a lead and the working hours, or a channel and off.", USAGE)
    channel, deed = match["channel"] or call.channel or "", call.deed("escalate")
    if match["off"]:
        was = await bot.escalating.end(channel, deed)
        return Reply(messages.escalation_ended(channel, was=was))
    new = await bot.escalating.set(Wanted(channel, match["lead"], int(match["hours"]), match["zone"]), deed)
    return Reply(messages.escalation_set(new))
