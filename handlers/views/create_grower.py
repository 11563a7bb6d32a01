"""The form that creates a grower at Leaf and asks for consent in one go."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.bot import Bot
from handlers.call import Reply, Submission
from handlers.replies import invited

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def faults(form: Submission) -> Mapping[str, str]:
    """What to mend, by block id."""
    found = {}
    if not form.values.get("name", "").strip():
        found["name"] = "A grower needs a name."
    if not _ADDRESS.fullmatch(form.values.get("email", "").strip()):
        found["email"] = "This does not look like an e-mail address."
    return found


async def create_grower(form: Submission, bot: Bot) -> Reply:
    """Create the Leaf user, then the consent link. Sent in twice, both are made once."""
    grower, is_new = await bot.directory.create(
        form.values["name"].strip(),
        form.values["email"].strip(),
        form.values.get("external_id", "").strip() or None,
    )
    return await invited(bot, form, grower, even_if_healthy=is_new, again=is_new)
