"""Whose turn it is about a connection that is not well: one answer for card, status, the table of all and Home.

What a storm or coming and going makes of it, card and status say before they ask here.
"""

from __future__ import annotations

from datetime import datetime

from bot.messages.consents import UNDER_WAY, Turn, decider_unmarked, next_repair
from bot.messages.vocabulary import CauseWords
from storage.records import Connection, Consent, ConsentState, CredentialStatus, Grower


def turn(
    words: CauseWords,
    grower: Grower,
    connection: Connection | None,
    consent: Consent | None,
    now: datetime,
    *,
    unmarked: bool = False,
) -> Turn:
    """Whom the cause asks and for what, unless the repair has come so far that something else is next, or nothing.

    `unmarked` is for where a mention would be an id: on a lock screen and in the cells of a table.
    """
    if grower.gone_at:
        return "your team", "Find out whether this grower was removed from Leaf on purpose."
    if consent is None or not words.asks_grower:
        return words.who, words.next
    if is_through(consent, connection):
        return "nobody", "Nothing to do: the grower has agreed."
    who, then = next_repair(consent, grower, now, in_vain=did_not_help(consent, connection)) or (words.who, words.next)
    is_held = consent.state is ConsentState.HELD
    return decider_unmarked(consent, grower) if unmarked and is_held else who, then


def is_through(consent: Consent | None, connection: Connection | None) -> bool:
    """Whether the grower has done their part, and Leaf has not yet said that it did not help."""
    if consent is None or consent.state in UNDER_WAY:
        return consent is not None
    return _is_being_proved(consent, connection) and not did_not_help(consent, connection)


def did_not_help(consent: Consent | None, connection: Connection | None) -> bool:
    """Whether Leaf has looked since the grower agreed, and it still does not work as it should."""
    if consent is None or connection is None or not _is_being_proved(consent, connection):
        return False
    looked_since = consent.finished_at is None or connection.checked_at >= consent.finished_at
    return looked_since and connection.status in (CredentialStatus.BROKEN, CredentialStatus.LIMITED)


def _is_being_proved(consent: Consent, connection: Connection | None) -> bool:
    """Whether it led to a connection that has not worked yet: one that has worked since says nothing of today."""
    if consent.state is not ConsentState.CONNECTED:
        return False
    return connection is None or connection.completing_consent == consent.id
