"""The links that are out: the list of them, and what becomes of one by a button."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from slack_sdk.models.blocks import ActionsBlock, Block

from bot.messages.consents import decision, link_name, standing
from bot.messages.pieces import Message, actions, button, called, quiet, section, told_apart
from bot.messages.text import count, escape, mention
from bot.messages.times import moment
from storage.records import Consent, ConsentState, Grower

LISTED = 15
"""Links with their buttons that fit into one message and can still be read."""


def links(
    open_links: Sequence[Consent],
    grower: Grower | None,
    now: datetime,
    known: Mapping[str, Grower] | None = None,
    page: int = 0,
) -> Message:
    """One page of the links that still work, newest first, each with its buttons; `known` tells growers of one name
    apart. Links end while somebody reads: a page that is no more is the last one there is."""
    whose = f" of {called(grower)}" if grower else ""
    if not open_links:
        head = f"No link{whose} is out."
        return Message(head, (section(head, "Make one with `/fieldview connect <grower>`."),))
    are = "is" if len(open_links) == 1 else "are"
    head = f"{count(len(open_links), 'link')}{whose} {are} out"
    blocks: list[Block] = [section(f"*{head}*, newest first" if len(open_links) > 1 else f"*{head}*")]
    page = min(page, (len(open_links) - 1) // LISTED)
    for consent in open_links[page * LISTED :][:LISTED]:
        # Of one grower the line above has said which.
        below = told_apart((known or {}).get(consent.grower_id)) if grower is None else None
        lines = (f"*{escape(consent.grower_name)}*", below)
        blocks += [section(*lines, standing(consent, now, (known or {}).get(consent.grower_id))), _buttons(consent)]
    if len(open_links) > LISTED:
        blocks += _turning(len(open_links), grower, page)
    return Message(f"{head}.", tuple(blocks))


def _turning(number: int, grower: Grower | None, page: int) -> list[Block]:
    first, last = page * LISTED + 1, min(number, (page + 1) * LISTED)
    wanted = {"grower": grower.id if grower else None}
    newer = button("Newer", "links-newer", json.dumps(wanted | {"page": page - 1})) if page else None
    older = button("Older", "links-older", json.dumps(wanted | {"page": page + 1})) if last < number else None
    which = f"These are {first:,} to {last:,}." if last > first else f"This is number {first:,}."
    search = None if grower else "To find one, write `/fieldview links <grower>`."
    return [actions(newer, older), quiet(" ".join(filter(None, (which, search))))]


def _buttons(consent: Consent) -> ActionsBlock:
    can_stop = consent.state in (ConsentState.OPEN, ConsentState.HELD)
    return actions(
        button("Renew", "renew-link", consent.id),
        button("Take back", "revoke-link", consent.id) if can_stop else None,
        button("Show me the link", "show-link", consent.id) if consent.state is ConsentState.OPEN else None,
    )


def link_just_sent(consent: Consent, now: datetime, grower: Grower | None = None) -> Message:
    """Somebody else, or the same person, pressed the button moments ago."""
    asked = escape(consent.asked_by_name) if consent.maker == consent.asked_by else "A colleague"
    name = called(grower, consent.grower_name)
    head = f"{name} has a {link_name(consent)} already, so I made no second one."
    blocks = (
        section(f"*{head}*", standing(consent, now, grower)),
        actions(
            button("Show me the link", "show-link", consent.id) if consent.state is ConsentState.OPEN else None,
            button("Make a new one anyway", "renew-link", consent.id),
        ),
    )
    return Message(f"{head} {asked} was first.", blocks)


def decision_waits(held: Consent, grower: Grower, now: datetime) -> Message:
    """Before a link is sent to a grower who has agreed already, with an account that somebody has to confirm."""
    what = "waits for a decision"
    then = (
        "A new link does not answer that: the approval stays until somebody decides, or the grower connects through "
        "the new link. I sent none."
    )
    blocks = (
        section(
            f"🟠 *An approval of {escape(grower.name)} {what}.*", told_apart(grower), standing(held, now, grower), then
        ),
        actions(
            *decision(held),
            button("Send it anyway", "send-link-anyway", grower.id),
            button("Show status", "show-status", grower.id),
        ),
    )
    return Message(f"An approval of {called(grower)} {what}. I sent no link.", blocks)


def link_taken_back(consent: Consent, grower: Grower | None = None) -> Message:
    name = called(grower, consent.grower_name)
    head = f"The link for {name} no longer works."
    then = "Whoever opens it reads that it was taken back. If they were in Slack, their message says so too."
    return Message(
        head, (section(f"*{head}*", then), actions(button("Send a new link", "send-link", consent.grower_id)))
    )


def renewal_asked(consent: Consent, latest: Consent | None, now: datetime, grower: Grower | None = None) -> Message:
    """The grower wants a new link; later, that somebody made one."""
    name = called(grower, consent.grower_name)
    if latest and latest.created_at > consent.created_at:
        head = f"{name} has a new link."
        by = mention(latest.maker, latest.asked_by_name)
        return Message(
            head, (section(f"✅ *{head}*", f"They had asked for one, and {by} made it {moment(latest.created_at)}."),)
        )
    asked = f"{_why_anew(consent)}; they asked for another one"
    when = f" {moment(consent.renewal_asked_at)}." if consent.renewal_asked_at else "."
    head = f"{name} asks for a new link."
    blocks = (
        section(f"🔵 *{head}*", asked + when),
        actions(
            button("Send a new link", "send-link", consent.grower_id, style="primary"),
            button("Show status", "show-status", consent.grower_id),
        ),
    )
    return Message(head, blocks)


def _why_anew(consent: Consent) -> str:
    match consent.state:
        case ConsentState.DECLINED:
            return f"They had said no{f' {moment(consent.finished_at)}' if consent.finished_at else ''}"
        case ConsentState.FAILED:
            return "Their last link did not lead to a connection"
        case _:
            return f"Their link ran out {moment(consent.expires_at)}"


def account_decided(consent: Consent, grower: Grower | None = None, *, used: bool) -> Message:
    """What follows from the decision about another FieldView account."""
    name = called(grower, consent.grower_name)
    if used:
        head, then = f"I use this account for {name}.", "Leaf is being told; I tell you here when it is done."
    else:
        head = f"I do not use this account for {name}."
        then = (
            "Its approval is erased. The link it came by no longer works: another one has taken its place."
            if consent.replaced_at
            else "Its approval is erased. The same link still works: the grower can sign in with the right account."
        )
    return Message(head, (section(f"*{head}*", then),))


def account_changed(consent: Consent, grower: Grower | None = None) -> Message:
    """Somebody decided about an account that is not the one that is held now."""
    name, account = called(grower, consent.grower_name), escape(consent.account_email or "one without a name")
    head = f"The approval of {name} has changed since this was shown to you, so I did nothing."
    whose = ", which another grower has too" if consent.trouble == "somebody-elses-account" else ""
    then = f"The FieldView account to decide about is now {account}{whose}. Ask the grower if you are not sure."
    show = button("Show status", "show-status", consent.grower_id)
    return Message(f"{head} {then}", (section(f"*{head}*", then), actions(*decision(consent), show)))
