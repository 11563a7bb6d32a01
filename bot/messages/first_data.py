"""Whether the first data of a new connection has come: a sentence for other messages, and one message if it has not."""

from __future__ import annotations

from bot.messages.pieces import Message, actions, button, called, quiet, section
from bot.messages.text import count, escape
from bot.messages.times import lasting, moment
from storage.records import Consent, FirstData, Grower

LOOK = (
    "Often the account holds no fields yet, or the grower signed in with another account than the one their tablet "
    "uploads to."
)


def first_data_line(first: FirstData, *, again: bool = False) -> str:
    """How the wait for the first data stands, or ended; `again` when there was data before the connection broke."""
    if first.came_at:
        after = f"{lasting(first.came_at - first.since)} after that: {_holds(first)}."
        return f"Data flows again; it came {after}" if again else f"The first data came {after}"
    if first.missed_at:
        return f"No {'new ' if again else ''}data had come in {_waited(first)} after that. I go on looking."
    return f"Waiting for {_what(again=again)}, which usually takes some hours. I say here when it has come."


def first_data_status(first: FirstData, *, again: bool = False) -> str:
    """The same for an answer: the grower is connected, and nothing has come since."""
    if first.missed_at:
        return f"No {'new ' if again else ''}data has come in since the grower connected {moment(first.since)}."
    return f"Waiting for {_what(again=again)} since {moment(first.since)}; it usually takes some hours."


def _what(*, again: bool) -> str:
    return "new data" if again else "the first data"


def no_data_yet(consent: Consent, first: FirstData, grower: Grower | None = None) -> Message:
    """The agent hears once that nothing has come in; the message changes when something does."""
    name = called(grower, consent.grower_name)
    show = actions(button("Show status", "show-status", consent.grower_id))
    if first.came_at:
        head = f"Data from {name} has come in after all."
        then = f"It took {lasting(first.came_at - first.since)}: {_holds(first)}. There is nothing left to do."
        return Message(f"{head} {then}", (section(f"✅ *{head}*", then), show))
    head = f"{name} is connected, but no data has come in for {_waited(first)}."
    account = f"FieldView account: {escape(consent.account_email)}." if consent.account_email else None
    step = "Ask the grower whether they see their fields in FieldView. If so, ask Leaf why it does not read them."
    blocks = (
        section(f"🟡 *{head}*", f"As far as Leaf says, the connection works. {LOOK}", account, f"*Next step:* {step}"),
        quiet("I say this once, and change this message when data comes in."),
        show,
    )
    return Message(f"{head} {step}", blocks)


def _waited(first: FirstData) -> str:
    return lasting(first.missed_at - first.since) if first.missed_at else "long"


def _holds(first: FirstData) -> str:
    return f"Leaf holds {count(first.farms, 'farm')} and {count(first.fields, 'field')}"
