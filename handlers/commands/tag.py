"""`/fieldview tag [grower] [add | remove north, organic]`: by which words growers are grouped."""

from __future__ import annotations

import re

from bot import messages
from bot.bot import Bot
from bot.errors import AmbiguousGrower, UnknownGrower
from bot.tagging import tags_in
from handlers.call import Call, Reply

_CHANGE = re.compile(r"(?P<thing>.+) (?P<verb>add|remove)(?: (?P<tags>.*))?", re.IGNORECASE)


async def tag(call: Call, bot: Bot) -> Reply:
    """All tags, a grower's, or what is to become of them. A name may well have "add" in it: "We Add Value"."""
    if not call.text:
        return Reply(messages.tags(await bot.tagging.everything()))
    order = None if await bot.directory.knows(call.text) else _CHANGE.fullmatch(call.text)
    if order is None:
        return Reply(messages.tagged(await bot.tagging.of(call.about(await bot.directory.find(call.text)))))
    named = tags_in(order["tags"] or "")
    try:
        grower = call.about(await bot.directory.find(order["thing"]))
    except (AmbiguousGrower, UnknownGrower) as unclear:
        unclear.rest = f"{order['verb']} {', '.join(named)}"
        raise
    change = bot.tagging.add if order["verb"].lower() == "add" else bot.tagging.remove
    return Reply(messages.tagged(await change(grower, named, call.deed("tag"))))
