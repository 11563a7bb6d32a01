"""Who can be given something to do, and who can no longer do it."""

from __future__ import annotations

import re

import structlog

from bot.announcer import Announcer
from bot.errors import ChannelUnreachable, ProviderError, UsageError
from bot.messages.text import count, listing, literal
from bot.pace import pace_for
from bot.slack.client import Person, SlackClient
from storage import escalations, notices, owners, subscriptions
from storage.database import Database

log = structlog.get_logger(__name__)

PEOPLE = "people"
"""Job: look whether everybody who looks after a grower is still here; its subject is the day."""

PER_SECOND = 1.0
"""Slack allows a hundred a minute, and somebody who types must not wait for this."""

NAMED = 10
"""Growers that a notice names."""


def left(user: str) -> str:
    """The kind of the notice that this person has left, or is a guest now."""
    return f"left:{user}"


async def teammate(slack: SlackClient, user: str) -> Person:
    """The full member of this workspace. Raises UsageError for guests, bots and those who have left."""
    try:
        person = await slack.person(user)
    except ChannelUnreachable:
        raise UsageError("I do not find that person in this workspace.") from None
    if person.is_gone:
        raise UsageError(f"{person.name} has left this workspace. Choose somebody who is here.")
    if person.is_bot or person.is_outsider:
        raise UsageError(f"{person.name} is a guest or a bot. Choose a full member of this workspace.")
    return person


class People:
    """Notices once a day who has left the workspace, or is only a guest now, while growers, escalations or
    subscriptions depend on them."""

    def __init__(self, database: Database, slack: SlackClient, announcer: Announcer) -> None:
        self._database = database
        self._slack = slack
        self._announcer = announcer
        self._pace = pace_for(database, "slack:people", PER_SECOND)

    async def look(self, day: str) -> float | None:
        """Job: tell the operators once of each who has left, with the command that helps; take back what is settled."""
        async with self._database.reading() as session:
            depended_on = {*await owners.everybody(session), *await escalations.leads(session)}
            depended_on |= await subscriptions.owners(session)
            told = {notice.kind for notice in await notices.standing(session)}
        for settled in told - {left(user) for user in depended_on}:
            if settled.startswith(left("")):
                await self._announcer.all_clear(settled)
        try:
            for user in sorted(depended_on):
                await self._pace.turn()
                await self._look_at(user)
        except ProviderError as failure:
            log.warning("slack could not be asked who is still here", day=day, detail=failure.detail)
            return 600.0
        return None

    async def _look_at(self, user: str) -> None:
        became: str | None
        try:
            person = await self._slack.person(user)
        except ChannelUnreachable:
            name, became = user, "has left this workspace"
        else:
            name, became = person.name, _became(person)
        if became and (text := await self._what_is_left(user, name, became)):
            await self._announcer.tell_operators(left(user), text)
        else:
            await self._announcer.all_clear(left(user))

    async def _what_is_left(self, user: str, name: str, became: str) -> str | None:
        async with self._database.reading() as session:
            growers = await owners.owned(session, user)
            channels = await escalations.of_lead(session, user)
            narrowed = await subscriptions.of_owner(session, user)
        if not growers and not channels and not narrowed:
            return None
        names = [as_named(grower.name) for grower in growers[:NAMED]]
        if len(growers) > NAMED:
            names.append(f"{len(growers) - NAMED:,} more")
        still = [f"looks after {count(len(growers), 'grower')} ({listing(names)})"] if growers else []
        still += [f"is the lead for <#{channel}>" for channel in channels[:NAMED]]
        still += [f"is followed by <#{channel}>, which hears of their growers only" for channel in narrowed[:NAMED]]
        command = f"`/fieldview handover {user} @colleague`"
        return f"{as_named(name)} {became} and still {listing(still)}. {command} hands everything over."


def _became(person: Person) -> str | None:
    """Why somebody can look after nothing any more; None while they can."""
    if person.is_gone:
        return "has left this workspace"
    return "is only a guest of this workspace now" if person.is_outsider else None


def as_named(name: str) -> str:
    """A name in a sentence of ours, where code spans and channels take effect."""
    return re.sub(r"[`<]", "'", literal(name, 60))
