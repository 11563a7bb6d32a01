"""A reminder that whoever asked has to send on, because the grower is not in this Slack."""

from __future__ import annotations

from datetime import datetime

from bot.messages.consents import ran_out, standing
from bot.messages.letters import to_paste
from bot.messages.pieces import Message, actions, button, called, copyable, section
from bot.reports import Letter
from storage.records import Consent, Grower


def reminder_to_pass_on(letter: Letter, now: datetime, grower: Grower | None = None) -> Message:
    """To whoever asked: the words to send, in the grower's language."""
    consent = letter.consent
    head = f"{called(grower, consent.grower_name)} has not connected FieldView yet. Please remind them."
    blocks = (
        section(
            f"*{head}*", standing(consent, now, grower), "They are not in this Slack. These words are ready to be sent:"
        ),
        copyable(to_paste(letter, now, reminds=True)),
        actions(
            button("Take the link back", "revoke-link", consent.id),
            button("Show status", "show-status", consent.grower_id),
        ),
    )
    return Message(head, blocks)


def reminder_over(consent: Consent, now: datetime, grower: Grower | None = None) -> Message:
    """The same message when there is nothing to remind of any more, without the link."""
    name = called(grower, consent.grower_name)
    head = f"The link for {name} ran out." if ran_out(consent, now) else f"{name} need not be reminded any more."
    return Message(head, (section(f"*{head}*", standing(consent, now, grower)),))
