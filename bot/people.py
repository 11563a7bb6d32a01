"""Who can be given something to do, and who can no longer do it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from bot.access import Access
from bot.announcer import Announcer
from bot.errors import ChannelUnreachable, ProviderError, ProviderGibberish, UsageError
from bot.journal import Deed, Journal
from bot.messages import needs
from bot.messages.needs import ALERTS_NAMED, NAMED, Need, guests, left
from bot.pace import Pace, pace_for
from bot.slack.client import Person, SlackClient
from storage import care, consents, escalations, growers, notices, owners, subscriptions
from storage.database import Database
from storage.records import AnnouncementKind, NoteKind, ThreadNote

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
    """Notices once a day who has left the workspace, or is only a guest now, while growers, open links, alerts,
    snoozes, escalations or subscriptions depend on them; and which channels that hear of growers guests have joined.

    Alerts that somebody who left had taken up wait for somebody again.
    """

    def __init__(
        self,
        database: Database,
        slack: SlackClient,
        access: Access,
        announcer: Announcer,
        journal: Journal,
        clock: Callable[[], datetime],
        alert_channel: str | None,
        lookups: Pace,
    ) -> None:
        self._database = database
        self._slack = slack
        self._access = access
        self._announcer = announcer
        self._journal = journal
        self._clock = clock
        self._alert_channel = alert_channel
        self._lookups = lookups
        self._pace = pace_for(database, "slack:people", PER_SECOND)

    async def look(self, day: str) -> float | None:
        """Job: tell the operators once of each who has left, with the command that helps; take back what is settled."""
        async with self._database.reading() as session:
            depended_on = {*await owners.everybody(session), *await escalations.leads(session)}
            depended_on |= await subscriptions.owners(session) | await care.everybody(session)
            depended_on |= await consents.everybody_asking(session)
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
        await self._look_for_guests()
        return None

    async def _look_for_guests(self) -> None:
        """Tell the operators once of each channel; what is not known changes nothing."""
        async with self._database.reading() as session:
            channels = {each.channel for each in await subscriptions.everyone(session)}
            told = {notice.kind for notice in await notices.standing(session)}
        channels |= {self._alert_channel} if self._alert_channel else set()
        for over in told - {guests(channel) for channel in channels}:
            if over.startswith(guests("")):
                await self._announcer.all_clear(over)
        for channel in sorted(channels):
            found = await self._access.guests_in(channel, self._lookups)
            if found:
                need = needs.guests_read(channel, by_settings=channel == self._alert_channel)
                await self._announcer.tell_operators(need)
            elif found == 0:
                await self._announcer.all_clear(guests(channel))

    async def _look_at(self, user: str) -> None:
        try:
            person = await self._slack.person(user)
        except ChannelUnreachable:
            person = None
        except ProviderGibberish as open_question:
            # What is not known changes nothing, and keeps nobody else from being looked at.
            log.warning("slack does not say who that is", user=user, detail=open_question.detail)
            return
        need = None
        if person is None or person.is_gone or person.is_outsider:
            as_guest = person is not None and not person.is_gone
            await self._let_go(user)
            need = await self._what_is_left(user, person.name if person else user, as_guest=as_guest)
        if need is not None:
            await self._announcer.tell_operators(need)
        else:
            await self._announcer.all_clear(left(user))

    async def _let_go(self, user: str) -> None:
        async with self._database.transaction() as session:
            for incident in await care.let_go(session, user):
                grower = await growers.get(session, incident.grower_id)
                owner = grower.owner if grower and grower.owner != user else None
                note = ThreadNote(NoteKind.CALLED, self._clock(), user, {"left": True, "person": owner})
                await self._announcer.note_in_threads(session, AnnouncementKind.INCIDENT, incident.id, note)
                await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id, prompt=True)
                deed = Deed("job:people", "job", "alert-let-go", incident.id[:12])
                await self._journal.done(session, deed, grower, incident=incident.id, of=user)

    async def _what_is_left(self, user: str, name: str, *, as_guest: bool) -> Need | None:
        async with self._database.reading() as session:
            owned = await owners.owned(session, user)
            named = await growers.in_order(session, [grower.id for grower in owned], NAMED)
            leads = await escalations.of_lead(session, user)
            followed_by = await subscriptions.of_owner(session, user)
            alerts = await care.taken_up_by(session, user)
            about = await growers.in_order(session, alerts, ALERTS_NAMED)
            snoozes, links = await care.snoozes_of(session, user), await consents.open_of_asker(session, user)
        if not (owned or leads or followed_by or alerts or snoozes or links):
            return None
        more = len(owned) - len(named)
        return needs.somebody_left(
            user,
            name,
            as_guest=as_guest,
            growers=named,
            more=more,
            leads=leads,
            followed_by=followed_by,
            alerts=about,
            more_alerts=len(alerts) - len(about),
            snoozes=snoozes,
            links=links,
        )
