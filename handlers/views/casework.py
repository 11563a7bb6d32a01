"""The forms that snooze and assign an alert; each was opened for one incident."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from bot import messages
from bot.bot import Bot
from handlers.actions.casework import handled
from handlers.call import Reply, Submission

SPANS = {"1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7), "recovery": None}


def snooze_faults(form: Submission) -> Mapping[str, str]:
    """What to mend, by block id."""
    found = {}
    if form.values.get("span") not in SPANS:
        found["span"] = "Choose how long."
    if not form.values.get("reason", "").strip():
        found["reason"] = "A few words, so that your colleagues know why it is quiet."
    return found


async def snooze(form: Submission, bot: Bot) -> Reply:
    """Bother nobody with it for a while."""
    span, reason = SPANS[form.values["span"]], form.values["reason"].strip()
    done = await bot.casework.snooze(form.opened_for, span, reason, form.deed("snooze"))
    return handled(form, done, messages.snoozed(done))


def assign_faults(form: Submission) -> Mapping[str, str]:
    """What to mend, by block id."""
    return {} if form.values.get("person") else {"person": "Choose somebody."}


async def assign(form: Submission, bot: Bot) -> Reply:
    """Give it to somebody."""
    incident, _, had = form.opened_for.partition(" ")
    reason = form.values.get("reason", "").strip()
    done = await bot.casework.assign(incident, form.values["person"], reason, had or None, form.deed("assign"))
    return handled(form, done, messages.assigned(done, form.user))
