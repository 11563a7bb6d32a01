"""Whose a grower is, in words."""

from __future__ import annotations

from collections.abc import Sequence

from bot.messages.pieces import Message, actions, button, called, paragraphs, quiet, section
from bot.messages.text import channel, count, escape, listing, mention
from bot.messages.times import moment
from bot.messages.vocabulary import SIGNS, STATE_MEANS
from bot.reports import Owned
from storage.records import Connection, Escalation, Grower, Handover, Moved

NAMED = 20
"""Growers that a hand-over names."""


def owned(now: Owned, asker: str, *, may_leave: bool = False) -> Message:
    """To whoever asked or changed it, with the buttons for what can be changed with one press."""
    grower, name = now.grower, called(now.grower)
    if grower.owner is None:
        told, offer = "nobody looks after this grower.", button("Claim", "claim", grower.id)
        then = "Whoever claims it is called when its connection breaks."
    elif grower.owner == asker:
        told, offer = "you look after this grower.", button("Not mine", "release", grower.id)
        then = "I mention you when its connection breaks."
        if now.waits:
            then = "Its open alert still waits for “Acknowledge”, or for a link to the grower."
    else:
        told, offer = f"{mention(grower.owner)} looks after this grower.", None
        then = "I mention them when its connection breaks."
        if now.called:
            then = "It has an open alert: I have sent it to them by direct message."
        elif now.told:
            then = "I tell them by direct message, and mention them when its connection breaks."
    where = f"Its alerts also go to {channel(grower.channel)}." if grower.channel else None
    leave = button("No channel of its own", "leave-channel", grower.id) if grower.channel and may_leave else None
    buttons = [actions(offer, leave)] if offer or leave else []
    blocks = (section(f"*{name}*: {told}", then, where), *buttons)
    return Message(f"{name}: {_plain(now, asker)}", blocks)


def made_owner(grower: Grower, connection: Connection | None, person: str) -> Message:
    """To whoever was made the owner by somebody else; later, that they are not any more."""
    name = called(grower)
    if grower.owner != person:
        head = f"You do not look after {name} any more."
        now = f"{mention(grower.owner)} does." if grower.owner else "Nobody does right now."
        return Message(head, (section(f"*{head}*", now),))
    head = f"You look after {name} from now on."
    state = f"{SIGNS[connection.status]} {STATE_MEANS[connection.status]}" if connection else None
    blocks = (
        section(f"*{head}*", state, "A colleague gave it to you. I mention you when its connection breaks."),
        actions(button("Show status", "show-status", grower.id), button("Not mine", "release", grower.id)),
        *([quiet(f"How it was {moment(connection.checked_at)}.")] if connection else []),
    )
    return Message(head, blocks)


def _plain(now: Owned, asker: str) -> str:
    owner = now.grower.owner
    who = "nobody looks" if owner is None else "you look" if owner == asker else "a colleague looks"
    return f"{who} after this grower."


def handed_over(done: Handover) -> Message:
    """To whoever ordered it: what moved."""
    giver, taker = mention(done.giver), mention(done.taker)
    if done.moved == Moved():
        return Message("There was nothing to hand over.", (section(f"{giver} has nothing to hand over."),))
    what = _what_moved(done.moved)
    then = None if done.taker == done.by else "I have told them by direct message."
    return Message(f"Handed over: {what}.", (section(f"*Everything {giver} had is with {taker} now:* {what}.", then),))


def handover_received(done: Handover, growers: Sequence[Grower]) -> Message:
    """To whoever takes it: what is theirs now, and from whom."""
    what = _what_moved(done.moved)
    shown = [called(grower) for grower in growers[:NAMED]]
    if len(done.moved.growers) > len(shown):
        shown.append(f"{len(done.moved.growers) - len(shown):,} more")
    lines = (
        f"*You look after more from now on.* {mention(done.by)} gave you everything of {mention(done.giver)}: {what}.",
        f"*Growers:* {listing(shown)}" if shown else None,
        "`/fieldview status --mine` shows how your growers are.",
    )
    return Message(f"You look after more from now on: {what}.", tuple(paragraphs(*lines)))


def handover_given(done: Handover) -> Message:
    """To whoever it was of, when somebody else ordered it: what is a colleague's now, and the way back."""
    what, taker = _what_moved(done.moved), mention(done.taker)
    who = f"{mention(done.by)} took over" if done.by == done.taker else f"{mention(done.by)} gave {taker}"
    lines = (
        f"*You look after less from now on.* {who} everything of yours: {what}.",
        f"To undo it, write `/fieldview handover @from @to` the other way round, from {taker} to you. "
        f"It gives you all that {taker} has by then, also what was theirs before.",
    )
    return Message(f"You look after less from now on: {what}.", tuple(paragraphs(*lines)))


def _what_moved(moved: Moved) -> str:
    parts = (
        (len(moved.growers), "grower"),
        (len(moved.links), "open link"),
        (len(moved.assigned), "assigned alert"),
        (len(moved.snoozes), "snooze"),
        (len(moved.channels), "subscription"),
        (len(moved.leads), "escalation"),
        (len(moved.lists), "list of growers to invite", "lists of growers to invite"),
    )
    return listing([count(number, *words) for number, *words in parts if number])


def escalations(everywhere: Sequence[Escalation]) -> Message:
    """How it is set in each channel."""
    usage = "`/fieldview escalate #channel @lead 4h` sets it, `/fieldview escalate #channel off` ends it."
    if not everywhere:
        head = "No lead is told when nobody takes up an alert."
        return Message(head, (section(f"*{head}*", usage),))
    head = f"In {count(len(everywhere), 'channel')} a lead is told when nobody takes up an alert."
    lines = [f"{channel(item.channel)}: to {_rule(item)}" for item in everywhere]
    return Message(head, tuple(paragraphs(f"*{head}*", *lines, usage)))


def escalation_set(new: Escalation) -> Message:
    head = f"An alert in {channel(new.channel)} that nobody takes up goes to {_rule(new)}."
    then = (
        "Once for each alert, by direct message, unless somebody acknowledges, assigns or snoozes it or sends a link."
    )
    return Message(f"Alerts nobody takes up go to a lead after {_hours(new)}.", (section(head, then),))


def escalation_ended(where: str, *, was: bool) -> Message:
    told = f"For {channel(where)} no lead is told any more." if was else f"For {channel(where)} no lead was told."
    return Message("No lead is told for that channel.", (section(told),))


def _rule(item: Escalation) -> str:
    zone = escape(item.zone.replace("_", " "))
    return f"{mention(item.lead)} after {_hours(item)} (Monday to Friday, 8:00 to 17:00, {zone})"


def _hours(item: Escalation) -> str:
    return count(item.minutes // 60, "working hour")
