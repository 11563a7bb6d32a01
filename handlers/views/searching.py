"""The forms in which a grower is searched for."""

from __future__ import annotations

from collections.abc import Mapping

from bot import messages
from bot.bot import Bot
from handlers.call import Reply, Submission
from handlers.replies import asked_to_disconnect, invited, standing


def grower_faults(form: Submission) -> Mapping[str, str]:
    """What to mend, by block id."""
    return {} if form.values.get("grower") else {"grower": "Choose a grower."}


async def connect(form: Submission, bot: Bot) -> Reply:
    """A consent link for whoever was chosen."""
    return await invited(bot, form, await bot.directory.by_id(form.values["grower"]), even_if_healthy=False)


async def disconnect(form: Submission, bot: Bot) -> Reply:
    """The question before the connection of whoever was chosen is ended."""
    return await asked_to_disconnect(bot, form.about(await bot.directory.by_id(form.values["grower"])))


def nothing_to_mend(_: Submission) -> Mapping[str, str]:
    """Whatever was chosen will do."""
    return {}


async def status(form: Submission, bot: Bot) -> Reply:
    """How one grower is, or everybody when nobody was chosen."""
    if not form.values.get("grower"):
        return Reply(messages.overview(await bot.health.overview(), bot.clock()))
    return await standing(bot, form, await bot.directory.by_id(form.values["grower"]))
