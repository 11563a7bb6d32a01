"""The end of a connection: the question before, the time to undo it, and what was done."""

from __future__ import annotations

from datetime import datetime

from bot.messages.consents import account_line, data_line
from bot.messages.pieces import Message, actions, button, called, quiet, section
from bot.messages.text import count, mention
from bot.messages.times import lasting, moment
from bot.reports import Loss
from storage.records import Connection, CredentialStatus, Disconnection, DisconnectionState, Grower

_TELL_FIELDVIEW = (
    "FieldView itself is not told: there the permission stays until the grower removes it in FieldView’s own settings. "
    "Ask them to do that too."
)


def disconnect_question(loss: Loss, now: datetime) -> Message:
    """What would be lost; nothing happens before the answer. When it is under way already, how it stands."""
    if loss.under_way is not None:
        return disconnection(loss.under_way, now)
    grower, credential = loss.grower, loss.connection.credential_id if loss.connection else None
    head = f"Disconnect {called(grower)} from FieldView?"
    events = (
        f"I keep my copy of it ({count(loss.events, 'event')})" if loss.events else "I keep a copy of what there is"
    )
    blocks = (
        section(f"*{head}*", _what_there_is(grower, loss.connection), data_line(loss.data)),
        section(
            "• Leaf stops bringing in new data. What it already holds stays.",
            f"• Leaf forgets its record of what FieldView answered. {events}, so *What happened* stays complete.",
            "• To connect again, the grower has to agree again.",
            f"• {_TELL_FIELDVIEW}",
            _and_then(loss),
        ),
        actions(
            button("Disconnect", "disconnect-confirm", f"{grower.id} {credential or ''}".strip(), style="danger"),
            button("Keep it", "disconnect-cancel", grower.id),
        ),
    )
    return Message(f"{head} Nothing happens until you answer.", blocks)


def connection_to_end(value: str) -> tuple[str, str | None]:
    """The grower and the credential that a question was about; none where the question named none."""
    grower_id, _, credential_id = value.partition(" ")
    return grower_id, credential_id or None


def _and_then(loss: Loss) -> str | None:
    second = "another admin has to agree" if loss.needs_two else ""
    undo = f"there are {lasting(loss.time_to_undo)} to undo it" if loss.time_to_undo else ""
    then = ", and then ".join(filter(None, (second, undo)))
    return f"• After you press it, {then}." if then else None


def _what_there_is(grower: Grower, connection: Connection | None) -> str:
    if connection is None or connection.status is CredentialStatus.ABSENT:
        return "As far as I know there is no connection. If Leaf has one after all, it is removed."
    connected = f"Connected since {moment(connection.connected_at)}. " if connection.connected_at else ""
    return connected + account_line(connection.account_email, grower, was_asked=connection.connected_at is not None)


def disconnection(wanted: Disconnection, now: datetime, grower: Grower | None = None) -> Message:
    """A connection that somebody wants ended, as it stands."""
    name, asker = called(grower, wanted.grower_name), mention(wanted.asked_by)
    undo = button("Undo", "disconnect-undo", wanted.id, style="primary")
    agreed = f" {mention(wanted.agreed_by)} agreed." if wanted.agreed_by else ""
    match wanted.state:
        case DisconnectionState.WAITING:
            head = f"Another admin has to agree: disconnect {name} from FieldView?"
            told = f"{asker} asked for it. Nothing happens unless somebody else agrees by {moment(wanted.due_at)}."
            agree = button("Disconnect", "disconnect-agree", wanted.id, style="danger")
            offers = actions(agree, button("Keep it", "disconnect-undo", wanted.id))
            return Message(head, (section(f"*{head}*", told), offers))
        case DisconnectionState.SCHEDULED:
            head = f"{name} is about to be disconnected."
            told = f"It happens {moment(wanted.due_at)}; until then it can be undone. {asker} asked for it.{agreed}"
            return Message(head, (section(f"*{head}*", told), actions(undo)))
        case DisconnectionState.ENDING:
            head = f"{name} is being disconnected."
            trouble = "Leaf does not do it right now. I keep trying for a day." if wanted.trouble else None
            return Message(head, (section(f"*{head}*", trouble),))
        case DisconnectionState.DONE:
            return _done(wanted, name, f"{asker} asked for it.{agreed}")
        case DisconnectionState.UNDONE:
            why = f"{mention(wanted.ended_by)} undid it before anything happened."
        case DisconnectionState.LAPSED:
            why = "Nobody else agreed in time. Ask again if it is still wanted."
        case DisconnectionState.SUPERSEDED:
            why = "The grower connected anew meanwhile, and only the old connection was to be ended."
        case DisconnectionState.FAILED:
            why = "Leaf did not do it for a whole day, so I stopped trying. Look at the status, then ask again."
    head = f"{name} stays as it was."
    return Message(head, (section(f"*{head}*", why), quiet(f"{asker} had asked for it {moment(wanted.asked_at)}")))


def _done(wanted: Disconnection, name: str, who: str) -> Message:
    head = f"{name} is disconnected."
    lines = ["Leaf has removed the connection; what it already holds stays.", f"*One thing is left.* {_TELL_FIELDVIEW}"]
    offer = actions(button("What happened", "show-events", wanted.grower_id))
    done = f" Done {moment(wanted.ended_at)}." if wanted.ended_at else ""
    return Message(head, (section(f"*{head}*", *lines), offer, quiet(f"{who}{done}")))


def not_connected(grower: Grower) -> Message:
    """There was nothing to do."""
    head = f"{called(grower)} was not connected."
    return Message(head, (section(f"*{head}*", "Leaf had no connection to remove."),))


def disconnect_cancelled(grower: Grower) -> Message:
    """Nothing was done."""
    head = f"Nothing was changed: {called(grower)} stays as it was."
    return Message(head, (section(head),))
