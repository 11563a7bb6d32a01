"""Which channels hear of alerts."""

from __future__ import annotations

from bot.messages.pieces import Message, section
from bot.messages.text import channel as place
from bot.messages.text import mention


def subscribed(channel: str, *, newly: bool, also_default: bool) -> Message:
    """To the person who asked for it."""
    where = place(channel)
    head = f"{where} gets alerts from now on." if newly else f"{where} gets alerts already; nothing had to change."
    default = "It is also the alert channel of this bot’s settings, so it got every alert before."
    lines = [
        head,
        "One message for each connection that breaks, kept up to date until it works again, "
        "and one for each new connection.",
        default if also_default else None,
    ]
    return Message("This channel gets FieldView alerts.", (section(*lines),))


def subscription_greeting(by: str) -> Message:
    """To the channel itself, so that everybody sees who subscribed it."""
    head = f"{mention(by)} subscribed this channel to FieldView alerts."
    then = "I write here when a grower’s connection breaks, works again, or is new. `/fieldview unsubscribe` ends that."
    return Message("This channel gets FieldView alerts from now on.", (section(head, then),))


def unsubscribed(channel: str, *, was: bool) -> Message:
    """To the person who asked for it."""
    where = place(channel)
    head = f"{where} gets no more alerts." if was else f"{where} was not subscribed; nothing had to change."
    then = "Alerts that stand there already are kept up to date." if was else None
    text = "That channel gets no more alerts." if was else "That channel was not subscribed."
    return Message(text, (section(head, then),))
