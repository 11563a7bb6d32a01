"""The form that takes a list of growers, as a file or pasted."""

from __future__ import annotations

from collections.abc import Mapping

from bot import messages
from bot.bot import Bot
from handlers.call import Reply, Submission


def faults(form: Submission) -> Mapping[str, str]:
    """What to mend, by block id."""
    file, pasted = bool(form.files.get("file")), bool(form.texts.get("lines", "").strip())
    if file == pasted:
        return {"lines": "Choose a file or paste lines, not both." if file else "Choose a file, or paste lines here."}
    return {}


async def plan(form: Submission, bot: Bot) -> Reply:
    """Read the list, and say what would happen with each line."""
    if files := form.files.get("file"):
        bulk = await bot.bulk_inviting.plan_file(files[0], form.user, form.channel)
    else:
        pasted = form.texts["lines"].encode("utf-8", "replace")
        bulk = await bot.bulk_inviting.plan(messages.PASTED, pasted, form.user, form.channel)
    return Reply(messages.bulk_planned(bulk), detail={"bulk": bulk.id})
