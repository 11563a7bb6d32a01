"""Ending things: a connection, and a channel's alerts; and beginning the latter."""

from __future__ import annotations

from datetime import datetime

from slack_sdk.models.blocks import ConfirmObject, PlainTextObject

from bot.messages.message import Message, actions, button, context, said, section
from bot.messages.words import STATES, bold, plain
from storage.records import Connection, CredentialStatus, Grower


def disconnect_question(grower: Grower, connection: Connection | None, now: datetime) -> Message:
    """What would be lost, and the question whether to go on."""
    status = connection.status if connection else CredentialStatus.ABSENT
    sure = ConfirmObject(
        title=PlainTextObject(text="Disconnect FieldView?"),
        text=PlainTextObject(text=f"Leaf stops reading the data of {plain(grower.name)} at once."),
        confirm=PlainTextObject(text="Disconnect"),
        deny=PlainTextObject(text="Keep it"),
        style="danger",
    )
    return said(
        f"Disconnect FieldView of {plain(grower.name)}?",
        section(
            f"Disconnect FieldView of {bold(grower)}? It is {STATES[status]} now.",
            "• Leaf stops reading new data at once, and forgets its log of this connection. I keep a copy of the log.",
            "• What was read before stays at Leaf.",
            "• FieldView is not told: the grower ends the permission there by removing it in FieldView's settings.",
            "• To come back, the grower has to consent again.",
        ),
        actions(
            button("Disconnect", "disconnect-confirm", grower.id, style="danger", confirm=sure),
            button("Keep it", "disconnect-cancel", grower.id),
        ),
    )


def disconnected(grower: Grower, now: datetime, *, had_credential: bool) -> Message:
    if not had_credential:
        text = f"{bold(grower)} was not connected, so there was nothing to end."
        return said(f"{plain(grower.name)} was not connected", section(text))
    return said(
        f"{plain(grower.name)} is disconnected",
        section(
            f"⚪ {bold(grower)} is disconnected. Leaf reads nothing any more.",
            "Please ask the grower to remove the permission in FieldView's settings too: I cannot do that for them.",
        ),
    )


def disconnect_cancelled(grower: Grower) -> Message:
    return said("Nothing was changed", section(f"Nothing was changed. {bold(grower)} stays connected."))


def subscribed(channel: str, *, newly: bool, also_default: bool) -> Message:
    """To whoever subscribed a channel; `also_default`: it is the channel that gets every alert anyway."""
    where = f"<#{channel}>"
    text = f"{where} gets alerts from now on." if newly else f"{where} gets alerts already."
    more = "It is also the channel that always gets them." if also_default else "`/fieldview unsubscribe` ends it."
    return said(text, section(text), context(more))


def subscription_greeting(by: str) -> Message:
    """To everybody in the channel."""
    text = f"<@{by}> subscribed this channel: I post here when a grower's FieldView connection breaks or is made."
    return said("This channel gets FieldView alerts", section(text), context("`/fieldview unsubscribe` ends it."))


def unsubscribed(channel: str, *, was: bool) -> Message:
    text = f"<#{channel}> gets no more alerts." if was else f"<#{channel}> was not subscribed."
    return said(text, section(text))
