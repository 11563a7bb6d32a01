"""Reminding growers who have not used their link, by day and not for ever; then the case goes back to who asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, tzinfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.completion import Completion
from bot.consent_news import LOGIN_TIME, ConsentNews
from bot.correspondence import DAY_BEFORE, reminder_name
from bot.errors import ConsentUnknown, NotAllowed
from storage import consents
from storage.database import Database
from storage.records import AnnouncementKind, Consent, ConsentState

CHASE = "chase-consents"
"""The job that does what falls due by the clock on unfinished consents; its subject is the tick it was started by."""

AFTER = (timedelta(days=2), timedelta(days=5), timedelta(days=8))
"""When after it was made a link is brought to mind, besides a day before it runs out."""

MORNING, EVENING = time(9), time(18)
"""Nobody is reminded outside these hours of their own day."""


class Chasing:
    """Does each thing that falls due exactly once, whoever looks and however often."""

    def __init__(
        self,
        database: Database,
        completion: Completion,
        announcer: Announcer,
        news: ConsentNews,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._completion = completion
        self._announcer = announcer
        self._news = news
        self._clock = clock

    async def chase_job(self, tick: str) -> float | None:
        """Job: everything that is due now."""
        await self._completion.end_holds()
        while True:
            async with self._database.reading() as session:
                due = await consents.due(session, self._clock())
            for consent in due:
                async with self._database.transaction() as session:
                    await self._chase(session, consent, self._clock())
            if not due:
                return None

    async def _chase(self, session: AsyncSession, consent: Consent, now: datetime) -> None:
        if consent.replaced_at is not None:
            await self._withdraw(session, consent)
        elif now >= consent.expires_at:
            await self._give_back(session, consent)
        elif consent.reminders_stopped_at or (passed := _passed(consent, now)) <= consent.reminders:
            await consents.was_due(session, consent, remind_at=falls_due(consent))
        elif (later := _a_good_time(consent, now)) > now:
            await consents.was_due(session, consent, remind_at=min(later, consent.expires_at))
        else:
            await self._remind(session, consent, passed)

    async def _remind(self, session: AsyncSession, consent: Consent, number: int) -> None:
        """What was missed while the program was down counts as sent: nobody gets two at once."""
        next_at = falls_due(consent, number)
        reminded = await consents.was_due(session, consent, reminders=number, remind_at=next_at)
        if reminded is None:
            return
        whom = reminded.sent_to or await self._news.answerable(session, reminded)
        subject = reminder_name(consent.id, number)
        await self._announcer.to_person(session, AnnouncementKind.CONSENT_REMINDER, subject, whom)
        detail = {"number": number} | ({} if reminded.sent_to else {"through": whom})
        await self._news.record(session, reminded, "consent-reminded", "done", "", detail=detail)

    async def _give_back(self, session: AsyncSession, consent: Consent) -> None:
        """The link has run out unused: whoever asked decides what comes next."""
        over = await consents.was_due(session, consent, remind_at=None)
        if over is not None:
            await self._news.ran_out(session, over)
            await self._news.record(session, over, "consent-expired", "done", "")

    async def _withdraw(self, session: AsyncSession, consent: Consent) -> None:
        """Another link took the place of this one, and the time is over for what had been begun with it."""
        over = await consents.was_due(
            session, consent, state=ConsentState.REVOKED, finished_at=self._clock(), remind_at=None
        )
        if over is not None:
            await self._news.tell_no_more(session, over)
            await self._news.record(session, over, "consent-replaced", "done", "")

    async def stop(self, consent_id: str, user: str) -> Consent:
        """The grower wants no more reminders. Raises ConsentUnknown, and NotAllowed for anybody else."""
        async with self._database.transaction() as session:
            consent = await consents.get(session, consent_id)
            if consent is None:
                raise ConsentUnknown
            if consent.sent_to != user:
                raise NotAllowed("stop these reminders", "the person they are meant for")
            if consent.reminders_stopped_at is None and consent.state is ConsentState.OPEN:
                await consents.note(session, consent_id, reminders_stopped_at=self._clock())
                await self._news.tell(session, consent)
                await self._news.fulfil(session, consent)
        return consent


def falls_due(consent: Consent, reminded: int | None = None) -> datetime:
    """When the next thing falls due, after so many reminders: another one, or else the end of the link."""
    moments = plan(consent)
    sent = consent.reminders if reminded is None else reminded
    return moments[sent] if sent < len(moments) and not consent.reminders_stopped_at else consent.expires_at


def plan(consent: Consent) -> list[datetime]:
    """Every moment at which an unused link is brought to mind."""
    last = consent.expires_at - DAY_BEFORE
    regular = [consent.created_at + span for span in AFTER if consent.created_at + span < last]
    return [*regular, last] if last - consent.created_at >= DAY_BEFORE else regular


def _passed(consent: Consent, now: datetime) -> int:
    """How many of the planned moments lie behind us."""
    return sum(moment <= now for moment in plan(consent))


def _a_good_time(consent: Consent, now: datetime) -> datetime:
    """Now, if it is day where the grower is and they are not at it; else the next such moment."""
    if consent.begun_at and now - consent.begun_at < LOGIN_TIME:
        now = consent.begun_at + LOGIN_TIME
    local = now.astimezone(zone_of(consent))
    if local.time() < MORNING:
        return datetime.combine(local.date(), MORNING, local.tzinfo).astimezone(UTC)
    if local.time() >= EVENING:
        return datetime.combine(local.date() + timedelta(days=1), MORNING, local.tzinfo).astimezone(UTC)
    return now


def zone_of(consent: Consent) -> tzinfo:
    """The grower's time zone as far as Slack told one."""
    return consent.zone or UTC
