"""Answers that a typed command and a pressed button share."""

from __future__ import annotations

from dataclasses import replace as changed
from datetime import datetime

from slack_sdk.models.views import View

from bot import messages
from bot.bot import Bot
from bot.discretion import as_seen_by
from bot.permitting import Changed
from bot.reports import Subscribed
from handlers.call import Reply, Request
from storage.records import AuditEntry, Consent, CredentialStatus, Grower


async def invited(
    bot: Bot,
    request: Request,
    grower: Grower,
    *,
    even_if_healthy: bool,
    even_if_held: bool = False,
    even_if_ill: bool = False,
    even_if_many: bool = False,
    again: bool = True,
    replace: bool = False,
) -> Reply:
    """A consent link for the grower, unless an approval waits for a decision, there is no need for a link, FieldView or
    Leaf could not take it now, or many broke together and the team looks into that first; not `again` when there is one
    of just now.
    """
    request.about(grower)
    if not even_if_held and (held := await bot.inviting.held(grower)):
        waits = messages.decision_waits(held, grower, bot.clock())
        return Reply(waits, replace=replace, detail={"link": "undecided"})
    connection = await bot.health.connection(grower)
    if connection and connection.status is CredentialStatus.HEALTHY and not even_if_healthy:
        already = messages.already_connected(grower, connection, bot.clock())
        return Reply(already, replace=replace, detail={"link": "not needed"})
    if not even_if_ill and (ill := await bot.storms.ill_now()):
        return Reply(messages.link_warning(grower, ill), replace=replace, detail={"link": "held back"})
    if not even_if_many and (many := await bot.storms.broken_with(grower)):
        return Reply(messages.many_warning(grower, many), replace=replace, detail={"link": "held back"})
    invitation = await bot.inviting.invite(grower, request.user, request.channel, again=again)
    if isinstance(invitation, Consent):
        detail = {"link": "sent before", "consent": invitation.id}
        return Reply(messages.link_just_sent(invitation, bot.clock(), grower), replace=replace, detail=detail)
    return Reply(messages.invitation(invitation, bot.clock()), replace=replace)


async def standing(bot: Bot, request: Request, grower: Grower) -> Reply:
    """How the grower's connection is, with the buttons that whoever asks may press."""
    request.about(grower)
    return Reply(messages.connection_status(await bot.health.status(grower), bot.clock(), request.asker.role))


async def links_out(bot: Bot, grower: Grower | None, page: int = 0, *, replace: bool = False) -> Reply:
    """One page of the links that are out, of this grower or of all."""
    out = await bot.inviting.working(grower)
    known = await bot.directory.known({consent.grower_id for consent in out})
    return Reply(messages.links(out, grower, bot.clock(), known, page), replace=replace)


async def told(bot: Bot, request: Request, grower: Grower, days: int, page: int, *, replace: bool = False) -> Reply:
    """One page of the grower's timeline, as whoever asks may see it."""
    timeline = await bot.health.timeline(grower, days, page)
    deeds = [fact for fact in timeline.facts if isinstance(fact, AuditEntry)]
    seen = iter(await as_seen_by(request.user, deeds, bot.access))
    facts = [next(seen) if isinstance(fact, AuditEntry) else fact for fact in timeline.facts]
    return Reply(messages.timeline(changed(timeline, facts=facts), bot.clock()), replace=replace)


async def deeds(
    bot: Bot,
    request: Request,
    grower: Grower | None,
    actor: str | None,
    action: str | None,
    since: datetime | None,
    *,
    looks: bool = False,
    before: int | None = None,
    replace: bool = False,
) -> Reply:
    """One page of the audit trail, as whoever asks may see it; `before` is the entry to go on from."""
    page = await bot.health.history(grower, actor, action, since, before, looks=looks)
    seen = await as_seen_by(request.user, page.entries, bot.access)
    return Reply(messages.history(changed(page, entries=seen), bot.clock()), replace=replace)


async def asked_to_disconnect(bot: Bot, grower: Grower) -> Reply:
    """The question before a connection is ended."""
    loss = await bot.disconnecting.loss(grower)
    return Reply(messages.disconnect_question(loss, bot.clock()), detail={"asked": True})


async def permissions(bot: Bot) -> Reply:
    """Who may do what."""
    known = await bot.permitting.permissions()
    return Reply(messages.access(known.rules, known.first_admins))


def permitted(changed: Changed, *, replace: bool = False) -> Reply:
    """A rule was made, changed or taken back."""
    return Reply(messages.access_changed(changed.subject, changed.before, changed.after), replace=replace)


def asked_what_to_hear(bot: Bot, channel: str | None, request: Request) -> Reply:
    """The form that chooses what a channel hears: opened at once, and filled with what it hears now."""

    async def filled() -> View:
        draft = await bot.subscribing.begin(channel, request.user)
        return messages.subscribe_modal(draft, private_metadata=f"{request.origin} {draft.zone}")

    return Reply(modal=messages.subscribe_modal_opening(), filled=filled, detail={"asked": True})


def hears(done: Subscribed, by: str) -> Reply:
    """What a channel hears now, also told there if that is news."""
    said = None
    if done.newly:
        said = messages.subscription_greeting(by, done.wishes)
    elif done.was is not None:
        said = messages.subscription_changed(by, done.wishes, done.was)
    return Reply(messages.subscribed(done), public=said, public_channel=done.channel)
