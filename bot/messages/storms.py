"""Trouble of many growers: the one message that stands for all of them, its list, and the warning before a link."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from slack_sdk.models.blocks import Block, ButtonElement

from bot.messages.consents import is_waiting
from bot.messages.pieces import Message, actions, button, called, heading, named, row, section
from bot.messages.text import count, listing, mention
from bot.messages.times import lasting, moment
from bot.messages.vocabulary import CAUSES
from bot.reports import StormList
from storage.records import Affected, Cause, Consent, Grower, Storm, StormKind, StormTally

NAMED = 10
"""Growers whom the message names; all the others are in its list."""

_ILL = {
    StormKind.FIELDVIEW: (
        "FieldView does not answer Leaf",
        "FieldView itself has trouble, so Leaf cannot read from it. The growers’ permissions are fine.",
        "Wait; I change this message when it is over. A grower who is sent a link now would fail at FieldView.",
        "FieldView answers Leaf again",
    ),
    StormKind.LEAF: (
        "Leaf does not answer",
        "Leaf itself has trouble, so I cannot see which connections work. No grower was marked as broken for it.",
        "Wait; I go on asking and change this message when it is over. Until then I may miss what breaks.",
        "Leaf answers again",
    ),
}
"""What it is, what that means, what comes next; and that it is over."""


ONE_OF_MANY = "Others broke within minutes of this one. One message in the channel stands for all of them."

CALLED = 10
"""Owners whom the message calls by name."""


def storm(storm: Storm, tally: StormTally, now: datetime, ill: Sequence[StormKind] = ()) -> Message:
    """How many, why, who must act and what comes next; afterwards only those who are still broken.

    `ill` tells which of FieldView and Leaf are ill as well: then nobody need act before they are well.
    """
    if storm.kind is not StormKind.GROWERS:
        return _ill(storm, tally) if storm.over_at is None else _well(storm, storm.over_at, tally)
    if storm.over_at and not tally.still_broken:
        return _all_over(storm, storm.over_at, tally)
    return _broken(storm, tally, ill)


def _broken(storm: Storm, tally: StormTally, ill: Sequence[StormKind]) -> Message:
    total, left = tally.growers, tally.still_broken
    head = f"FieldView stopped working for {count(total, 'grower')} at once"
    if set(tally.broken) == {Cause.STAYS_PENDING}:
        head = f"Leaf does not finish checking the connections of {count(left, 'grower')}"
    elif left < total:
        head = f"FieldView still does not work for {left} of {count(total, 'grower')}"
    who, then = _who_and_what(tally, ill)
    owners, leads = _owners(tally), listing([mention(lead) for lead in tally.leads])
    untaken = f"{count(sum(tally.leads.values()), 'grower')} of this list"
    blocks = (
        heading(f"🔴 {head}"),
        section(
            f"*Since:* {moment(storm.began_at)}",
            *(f"• {count(number, 'grower')}: {CAUSES[cause].short}" for cause, number in _largest_first(tally)),
            f"*Who must act:* {who}",
            f"*Next step:* {then}",
        ),
        section(
            f"*{'Owner' if len(tally.owners) == 1 else 'Owners'}:* {owners}" if owners else None,
            f"*Nobody had taken up {untaken} in time*, so I told {leads}." if leads else None,
            f"*Still broken:* {_names(tally.first, left)}",
        ),
        actions(_show(storm)),
    )
    called = f"{owners}: " if owners else ""
    if leads:
        called = f"{leads}: nobody has taken up {untaken} yet. "
    return Message(f"{called}{head}. Who must act: {who}. {then}", blocks)


def _who_and_what(tally: StormTally, ill: Sequence[StormKind]) -> tuple[str, str]:
    """Who must act, and what comes next."""
    who = listing(sorted({CAUSES[cause].who for cause in tally.broken}))
    if set(tally.broken) == {Cause.STAYS_PENDING}:
        return who, "Ask Leaf why these connections stay pending. No grower need be asked for anything."
    if not any(map(is_cured_by_grower, tally.broken)):
        return who, "Wait; I change this message as they work again."
    return before_any_link(tally, ill) or (who, "Send the rest a reconnect link from the list.")


def is_cured_by_grower(cause: Cause) -> bool:
    """Whether a new permission is what helps."""
    return CAUSES[cause].asks_grower


def before_any_link(tally: StormTally, ill: Sequence[StormKind], *, where: str = "here") -> tuple[str, str] | None:
    """Who must act first and what comes next, while no grower need be asked; None once some of them work again.

    `where` it is told that FieldView or Leaf is well again.
    """
    if ill:
        name = "FieldView" if StormKind.FIELDVIEW in ill else "Leaf"
        then = f"Wait until {name} is well again: it is ill right now, which may be why. I say {where} when it is over."
        return "nobody yet", then
    if not tally.is_whole:
        return None
    return "your team, before any grower", (
        "So many at once is seldom the growers’ doing: find out first whether FieldView or Leaf changed something. "
        "If not, send reconnect links from the list."
    )


def _owners(tally: StormTally) -> str:
    """Whom it concerns in the team, so that Slack notifies them when the message is posted."""
    more = len(tally.owners) - CALLED
    others = [count(more, "other")] if more > 0 else []
    return listing([*(mention(owner) for owner in tally.owners[:CALLED]), *others])


def _all_over(storm: Storm, at: datetime, tally: StormTally) -> Message:
    head = f"FieldView works again for all {count(tally.growers, 'grower')}"
    if tally.ended.get("disconnect", 0) or tally.ended.get("gone", 0):
        head = f"Nothing is left to repair for {count(tally.growers, 'grower')}"
    ways = [
        f"• {count(number, 'grower')}: {words}"
        for by, words in (
            ("repair", "repaired by a new permission"),
            ("leaf", "Leaf found the connection working again by itself"),
            ("disconnect", "disconnected by the team"),
            ("gone", "no longer at Leaf"),
        )
        if (number := tally.ended.get(by, 0))
    ]
    span = f"*It lasted* {lasting(at - storm.began_at)}, from {moment(storm.began_at)} to {moment(at)}"
    return Message(f"{head}, after {lasting(at - storm.began_at)}.", (heading(f"🟢 {head}"), section(span, *ways)))


def _ill(storm: Storm, tally: StormTally) -> Message:
    head, means, then, _ = _ILL[storm.kind]
    concerned = f"*Concerned:* {_names(tally.first, tally.still_broken)}" if tally.still_broken else None
    blocks: list[Block] = [
        heading(f"🟡 {head}"),
        section(
            means,
            f"*Since:* {moment(storm.began_at)}",
            concerned,
            "*Who must act:* nobody",
            f"*Next step:* {then}",
        ),
    ]
    if storm.kind is StormKind.FIELDVIEW:
        blocks.append(actions(_show(storm)))
    return Message(f"{head}. Nobody must act. {then}", tuple(blocks))


def _well(storm: Storm, at: datetime, tally: StormTally) -> Message:
    *_, head = _ILL[storm.kind]
    span = f"*It lasted* {lasting(at - storm.began_at)}, from {moment(storm.began_at)} to {moment(at)}"
    left = tally.still_broken
    rest = f"*Still waiting:* {_names(tally.first, left)}" if left else None
    blocks: list[Block] = [heading(f"🟢 {head}"), section(span, "Nothing was lost, and nobody must act.", rest)]
    if left:
        blocks.append(actions(_show(storm)))
    return Message(f"{head}, after {lasting(at - storm.began_at)}. Nobody must act.", tuple(blocks))


def _largest_first(tally: StormTally) -> list[tuple[Cause, int]]:
    return sorted(tally.broken.items(), key=lambda item: (-item[1], item[0]))


def _names(first: Sequence[Affected], number: int) -> str:
    names = [called(each.grower) for each in first]
    more = [f"{number - len(names)} more"] if number > len(names) else []
    return listing([*names, *more])


def _show(storm: Storm) -> ButtonElement:
    return button("Show the list", "show-storm", storm.id)


def storm_list(page: StormList, now: datetime) -> Message:
    """To one person: who is still broken, each with the button that repairs it."""
    left, total = page.tally.still_broken, page.tally.growers
    if not left:
        head = "Nobody on this list is broken any more."
        return Message(head, (section(f"🟢 {head}"),))
    head = f"{count(left, 'grower')} still broken" + (f" of {total}" if left < total else "")
    turned = f", page {page.page + 1} of {page.last + 1}" if page.last else ""
    rows = [_row(each, page.consents.get(each.grower.id), now) for each in page.affected]
    turns = [_turn("Back", page, -1)] if page.page else []
    turns += [_turn("More", page, 1)] if page.page < page.last else []
    again = button("Refresh", "storm-again", _place(page, 0))
    curable = sum(number for cause, number in page.tally.broken.items() if is_cured_by_grower(cause))
    together = button("Plan links for all…", "storm-bulk", page.storm.id) if curable > 1 else None
    return Message(f"{head}{turned}.", (section(f"*{head}*{turned}"), *rows, actions(*turns, together, again)))


def _row(each: Affected, consent: Consent | None, now: datetime) -> Block:
    words, grower = CAUSES[each.cause], each.grower
    asked = consent is not None and consent.created_at >= each.since and is_waiting(consent, now)
    deed = "sent" if consent and consent.sent_to else "made"
    who = mention(consent.maker, consent.asked_by_name) if consent else ""
    sent = [f"{who} {deed} a link {moment(consent.created_at)}"] if consent and asked else []
    lines = (named(grower), " · ".join([words.short, f"since {moment(each.since)}", *sent]))
    if not words.asks_grower:
        return row(button("Check now", "check-now", grower.id), *lines)
    label = "Send a new link" if asked else "Send reconnect link"
    return row(button(label, "send-link", grower.id, style=None if asked else "primary"), *lines)


def _turn(label: str, page: StormList, by: int) -> ButtonElement:
    return button(label, "storm-newer" if by < 0 else "storm-older", _place(page, by))


def _place(page: StormList, by: int) -> str:
    return json.dumps({"storm": page.storm.id, "page": page.page + by})


def link_warning(grower: Grower, ill: Sequence[Storm]) -> Message:
    """Before a link is sent while the grower could not use it."""
    kinds = {storm.kind for storm in ill}
    name = called(grower)
    if StormKind.FIELDVIEW in kinds:
        head = f"FieldView is ill right now: {name} would fail."
        why = "FieldView does not even answer Leaf. I tell the channels when it is over; a link sent then will work."
    else:
        head = f"Leaf is ill right now: {name} could not be connected at once."
        why = "The grower could agree at FieldView, and I would keep that for Leaf; but it may take long."
    return _held_back(head, why, grower)


def many_warning(grower: Grower, many: int) -> Message:
    """Before a link is sent from the card of one of many who broke together, while none of them works again."""
    head = f"FieldView stopped working for {count(many, 'grower')} at once: seldom the doing of {called(grower)}."
    why = "Your team finds out first whether FieldView or Leaf changed something. If so, a link may not help."
    return _held_back(head, why, grower)


def _held_back(head: str, why: str, grower: Grower) -> Message:
    blocks = (
        section(f"🟡 *{head}*", why, "I sent no link."),
        actions(
            button("Send it anyway", "send-link-anyway", grower.id), button("Show status", "show-status", grower.id)
        ),
    )
    return Message(f"{head} I sent no link.", blocks)
