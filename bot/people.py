"""Who can be given something to do, and who can no longer do it."""

from __future__ import annotations

import structlog

from bot.announcer import Announcer
from bot.errors import ChannelUnreachable, ProviderError, UsageError
from bot.messages import needs
from bot.messages.needs import NAMED, Need, left
from bot.pace import pace_for
from bot.slack.client import Person, SlackClient
from storage import escalations, growers, notices, owners, subscriptions
from storage.database import Database

log = structlog.get_logger(__name__)

PEOPLE = "people"
"""Job: look whether everybody who looks after a grower is still here; its subject is the day."""

PER_SECOND = 1.0
"""Slack allows a hundred a minute, and somebody who types must not wait for this."""


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
        try:
            person = await self._slack.person(user)
        except ChannelUnreachable:
            person = None
        need = None
        if person is None or person.is_gone or person.is_outsider:
            as_guest = person is not None and not person.is_gone
            need = await self._what_is_left(user, person.name if person else user, as_guest=as_guest)
        if need is not None:
            await self._announcer.tell_operators(need)
        else:
            await self._announcer.all_clear(left(user))

    async def _what_is_left(self, user: str, name: str, *, as_guest: bool) -> Need | None:
        async with self._database.reading() as session:
            owned = await owners.owned(session, user)
            named = await growers.in_order(session, [grower.id for grower in owned], NAMED)
            leads = await escalations.of_lead(session, user)
            followed_by = await subscriptions.of_owner(session, user)
        if not owned and not leads and not followed_by:
            return None
        more = len(owned) - len(named)
        return needs.somebody_left(
            user, name, as_guest=as_guest, growers=named, more=more, leads=leads, followed_by=followed_by
        )
