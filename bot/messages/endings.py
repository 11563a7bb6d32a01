"""The end of a connection: the question before, and what was done."""

from __future__ import annotations

from datetime import datetime

from bot.messages.consents import account_line
from bot.messages.pieces import Message, actions, button, quiet, section
from bot.messages.text import escape
from bot.messages.times import moment
from storage.records import Connection, CredentialStatus, Grower

_TELL_FIELDVIEW = (
    "FieldView itself is not told: there the permission stays until the grower removes it in FieldView’s own settings. "
    "Ask them to do that too."
)


def disconnect_question(grower: Grower, connection: Connection | None, now: datetime) -> Message:
    """What would be lost; nothing happens before the answer."""
    head = f"Disconnect {escape(grower.name)} from FieldView?"
    blocks = (
        section(f"*{head}*", _what_there_is(grower, connection)),
        section(
            "• Leaf stops bringing in new data. What it already holds stays.",
            "• Leaf forgets its record of what FieldView answered; I keep a copy, so *What happened* stays complete.",
            "• To connect again, the grower has to agree again.",
            f"• {_TELL_FIELDVIEW}",
        ),
        actions(
            button("Disconnect", "disconnect-confirm", grower.id, style="danger"),
            button("Keep it", "disconnect-cancel", grower.id),
        ),
    )
    return Message(f"{head} Nothing happens until you answer.", blocks)


def _what_there_is(grower: Grower, connection: Connection | None) -> str:
    if connection is None or connection.status is CredentialStatus.ABSENT:
        return "As far as I know there is no connection. If Leaf has one after all, it is removed."
    connected = f"Connected since {moment(connection.connected_at)}. " if connection.connected_at else ""
    return f"{connected}{account_line(connection.account_email, grower) or ''}".strip() or "Leaf has a connection."


def disconnected(grower: Grower, now: datetime, *, had_credential: bool) -> Message:
    """It is done, or there was nothing to do."""
    name = escape(grower.name)
    if not had_credential:
        head = f"{name} was not connected."
        return Message(head, (section(f"*{head}*", "Leaf had no connection to remove."),))
    head = f"{name} is disconnected."
    lines = ["Leaf has removed the connection; what it already holds stays.", f"*One thing is left.* {_TELL_FIELDVIEW}"]
    offer = actions(button("What happened", "show-events", grower.id))
    return Message(head, (section(f"*{head}*", *lines), offer, quiet(f"Done {moment(now)}")))


def disconnect_cancelled(grower: Grower) -> Message:
    """Nothing was done."""
    head = f"Nothing was changed: {escape(grower.name)} stays as it was."
    return Message(head, (section(head),))
