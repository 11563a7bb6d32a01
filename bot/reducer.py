"""The reducer: the one place that may change what we believe of a connection, and what follows from a change."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.consent_news import ConsentNews
from bot.errors import UnknownGrower
from bot.flaps import Flaps
from bot.journal import Journal
from bot.leaf.models import Credential
from bot.leaf.statuses import meaning
from bot.messages import needs
from bot.storms import Storms
from storage import connections, consents, growers, incidents
from storage.database import Database
from storage.records import (
    AnnouncementKind,
    Cause,
    Connection,
    Consent,
    CredentialStatus,
    Grower,
    Incident,
    NoteKind,
    ThreadNote,
    Trouble,
)

INCIDENT_STATUSES = (CredentialStatus.BROKEN, CredentialStatus.LIMITED, CredentialStatus.UNKNOWN)
DISCONNECT_GRACE = timedelta(hours=1)

CLOCKS_DIFFER = timedelta(minutes=1)
"""How far the clocks of replicas may be apart."""

AGREEING_READS = 2
"""How many readings in a row must say the same before a change is believed."""


@dataclass(frozen=True)
class Reading:
    """What Leaf said of one grower: the credential, or that there is none. `asked_at` is before Leaf was asked.

    `voices` counts how often in a row it was said: by this reading, by those before it, by the alert that led to it.
    """

    grower_id: str
    credential: Credential | None
    asked_at: datetime
    voices: int = 1

    @property
    def says(self) -> tuple[CredentialStatus, Cause | None] | None:
        """What Leaf's word means; None when there is no credential."""
        return meaning(self.credential.status) if self.credential else None

    def after(self, earlier: Reading) -> Reading:
        """This reading with the voices of the one before it, when both say the same."""
        return replace(self, voices=earlier.voices + 1) if self.says == earlier.says else self


class Reducer:
    """Turns readings into transitions, incidents and messages, each exactly once."""

    def __init__(
        self,
        database: Database,
        announcer: Announcer,
        journal: Journal,
        clock: Callable[[], datetime],
        needed_scopes: Sequence[str],
        storms: Storms,
        flaps: Flaps,
        news: ConsentNews,
        *,
        agreeing_reads: int = AGREEING_READS,
    ) -> None:
        self._database = database
        self._announcer = announcer
        self._journal = journal
        self._clock = clock
        self._needed_scopes = tuple(needed_scopes)
        self._storms = storms
        self._flaps = flaps
        self._news = news
        self.agreeing_reads = agreeing_reads

    # What is believed

    async def observe(self, reading: Reading, source: str) -> bool:
        """Believe the reading, and if that is news, write down and announce what follows from it.

        False: it would be news, but too few readings agree so far, and nothing was changed.
        """
        async with self._database.transaction() as session:
            return await self.apply(session, reading, source)

    async def apply(self, session: AsyncSession, reading: Reading, source: str, consent: Consent | None = None) -> bool:
        """`observe` in the caller's transaction; `consent` is the one that Leaf has just accepted."""
        await growers.lock(session, reading.grower_id)
        known = await connections.get(session, reading.grower_id)
        seen = self._seen(reading, known, consent)
        if known is None and seen.status is CredentialStatus.ABSENT:
            return True
        if known is not None and self._is_older(reading.asked_at, known):
            # A slow page must not undo what a consent has just achieved.
            return True
        if consent is None and await self._is_of_hand_over(session, reading):
            return True
        if reading.voices + _speaks_for(consent, seen) < self._voices_needed(known, seen):
            if consent is None:
                return False
            seen = _in_doubt(seen, known, consent)
        if known is not None and known.status is seen.status:
            if _differs(known, seen):
                await connections.refresh(session, seen)
                await self._restate(session, seen)
            return True
        if await connections.change(session, seen, known.status if known else None, source):
            completed = consent.id if consent else known.completing_consent if known else None
            await self._follow(session, seen, completed, source)
            if known is None or known.status is CredentialStatus.ABSENT:
                await self._came_without(session, seen, completed)
        return True

    def _is_older(self, at: datetime, known: Connection) -> bool:
        """Whether something newer is known; what seems to be of the future is of before a clock was set back."""
        return at < known.checked_at <= self._clock() + CLOCKS_DIFFER

    def _voices_needed(self, known: Connection | None, seen: Connection) -> int:
        """How many readings must agree: one is enough for what tells nobody anything, and for what we did ourselves."""
        if known is None:
            quiet = seen.status in (CredentialStatus.HEALTHY, CredentialStatus.PENDING)
        else:
            quiet = (known.status, known.cause) == (seen.status, seen.cause)
        return 1 if quiet or seen.status is CredentialStatus.ABSENT else self.agreeing_reads

    async def _is_of_hand_over(self, session: AsyncSession, reading: Reading) -> bool:
        """Whether we ourselves make room for a new credential at this moment, or have just put it there.

        Whoever hands it over tells of it, and of what it repaired, when Leaf's answer has arrived.
        """
        under_way = await consents.being_handed_over(session, reading.grower_id)
        if under_way is None:
            return False
        return reading.credential is None or reading.credential.id != under_way.replaces_credential

    def _seen(self, reading: Reading, known: Connection | None, consent: Consent | None = None) -> Connection:
        """What the reading makes of what we knew."""
        now = reading.asked_at
        base = known or Connection(reading.grower_id, CredentialStatus.ABSENT, now, now)
        credential = reading.credential
        if credential is None:
            return self._absent(base, now)
        if consent is not None:
            # One without a name does not make us forget the last that had one: the next is compared with it.
            account = consent.account_email or base.account_email
            base = replace(base, connected_at=now, account_email=account, completing_consent=consent.id)
        status, cause = meaning(credential.status)
        granted = credential.scopes or (consent.granted_scopes if consent else None)
        return replace(
            base,
            status=status,
            cause=cause,
            raw_status=credential.status,
            credential_id=credential.id or base.credential_id,
            missing_scopes=self._missing(granted) if granted else base.missing_scopes,
            changed_at=base.changed_at if base.status is status else now,
            checked_at=now,
            # Seen a moment before we removed it: its absence will still be no surprise.
            disconnecting_at=base.disconnecting_at if consent is None and _is_ending(base, now) else None,
            completing_consent=None if status is CredentialStatus.HEALTHY else base.completing_consent,
        )

    def _absent(self, base: Connection, now: datetime) -> Connection:
        """No credential at Leaf: as it should be, as we asked for, or somebody removed it there."""
        missed = base.status is not CredentialStatus.ABSENT and not _is_ending(base, now)
        status = CredentialStatus.BROKEN if missed else CredentialStatus.ABSENT
        return replace(
            base,
            status=status,
            cause=Cause.REMOVED_AT_LEAF if missed else None,
            raw_status=None,
            credential_id=base.credential_id if missed else None,
            missing_scopes=(),
            changed_at=base.changed_at if base.status is status else now,
            checked_at=now,
            disconnecting_at=None,
            completing_consent=None,
        )

    def _missing(self, granted: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(scope for scope in self._needed_scopes if scope not in granted)

    def is_enough(self, reading: Reading, known: Connection | None) -> bool:
        """Whether enough readings agree for this one to be believed."""
        return reading.voices >= self._voices_needed(known, self._seen(reading, known))

    def is_news(self, reading: Reading, known: Connection | None) -> bool:
        """Whether this reading says anything else than what we know."""
        seen = self._seen(reading, known)
        if known is None:
            return seen.status is not CredentialStatus.ABSENT
        return known.status is not seen.status or _differs(known, seen)

    # What follows

    async def _restate(self, session: AsyncSession, seen: Connection) -> None:
        """The status is the same but its reason is not: the open incident's card should say so."""
        incident = await incidents.open_of_grower(session, seen.grower_id)
        if incident is None or seen.cause is None:
            return
        await incidents.restate(session, incident.id, seen.status, seen.cause, seen.raw_status, seen.missing_scopes)
        if (incident.cause, incident.missing_scopes) != (seen.cause, seen.missing_scopes):
            await self._note(session, incident, NoteKind.REASON_CHANGED, seen.checked_at, _reason(seen))
        grower = await growers.get(session, incident.grower_id)
        if seen.cause is Cause.UNKNOWN_STATUS and grower:
            await self._tell_of_word(session, grower, seen.raw_status)
        if incident.told_at is None and seen.cause is not Cause.UNKNOWN_STATUS:
            # So far only the operators have heard of it.
            await incidents.note(session, incident.id, told_at=self._clock())
            self._storms.broke(session, incident.id, grower.channel if grower else None)
        else:
            await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id)
            self._storms.changed(session, incident.id)
            if incident.told_at is not None and incident.cause is not seen.cause:
                self._storms.moved(session, incident.id)

    async def _follow(self, session: AsyncSession, now: Connection, completed: str | None, source: str) -> None:
        """What a change of status means for incidents and for those who want to hear of it.

        `completed` is the consent whose first healthy reading this would be.
        """
        incident = await incidents.open_of_grower(session, now.grower_id)
        comes_and_goes = (
            incident is not None
            and now.status in (CredentialStatus.HEALTHY, *INCIDENT_STATUSES)
            and not completed
            and await self._flaps.is_one(session, incident, now)
        )
        if now.status in INCIDENT_STATUSES:
            await (self._restate(session, now) if incident else self._open_incident(session, now, source))
        elif comes_and_goes and incident:
            await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id)
        elif now.status is CredentialStatus.ABSENT and incident:
            await self._end_incident(session, incident, now, "disconnect", None, source)
        elif now.status is CredentialStatus.HEALTHY:
            if incident:
                by = "repair" if completed else "leaf"
                await self._end_incident(session, incident, now, by, completed, source)
            elif completed:
                await self._announcer.to_channels(session, AnnouncementKind.CONNECTED, completed)
            if completed:
                await self._announcer.has_news(session, AnnouncementKind.CONSENT_OUTCOME, completed)

    async def _came_without(self, session: AsyncSession, now: Connection, completed: str | None) -> None:
        """Somebody who was not connected is, and not through a link of ours: nobody need be asked any more."""
        if now.status is CredentialStatus.HEALTHY and not completed:
            await self._news.withdraw(session, now.grower_id, self._clock(), Trouble.WORKS_WITHOUT)

    async def _open_incident(self, session: AsyncSession, now: Connection, source: str) -> None:
        grower = await growers.get(session, now.grower_id)
        if grower is None:
            raise UnknownGrower(now.grower_id)
        incident = Incident(
            id=uuid.uuid4().hex,
            grower_id=grower.id,
            grower_name=grower.name,
            status=now.status,
            cause=now.cause or Cause.UNKNOWN_STATUS,
            opened_at=now.changed_at,
            raw_status=now.raw_status,
            missing_scopes=now.missing_scopes,
            told_at=None if now.cause is Cause.UNKNOWN_STATUS else self._clock(),
        )
        await incidents.open_new(session, incident)
        if incident.cause is Cause.UNKNOWN_STATUS:
            await self._tell_of_word(session, grower, now.raw_status)
        else:
            self._storms.broke(session, incident.id, grower.channel)
        await self._record(session, incident, "incident-opened", source)

    async def _tell_of_word(self, session: AsyncSession, grower: Grower, raw: str | None) -> None:
        """A word we do not know is the operators' to look into: once, however many growers have it."""
        await self._announcer.notify(session, needs.unknown_word(raw, grower))

    async def _end_incident(
        self, session: AsyncSession, incident: Incident, now: Connection, by: str, repair: str | None, source: str
    ) -> None:
        if await incidents.end(session, incident.id, now.changed_at, by, repair):
            await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id, prompt=True)
            lasted = (now.changed_at - incident.opened_at).total_seconds()
            await self._note(
                session, incident, NoteKind.RECOVERED, now.changed_at, {"by": by, "seconds": max(0.0, lasted)}
            )
            self._storms.changed(session, incident.id)
            await self._record(session, incident, "incident-recovered", source)
            if by == "leaf":
                await self._news.withdraw(session, incident.grower_id, self._clock(), Trouble.WORKS_WITHOUT)

    async def let_go(self, session: AsyncSession, grower_id: str, at: datetime, source: str) -> None:
        """Leaf has no such user any more: nothing is wrong with the connection, it is over.

        Unless something newer than `at` is known of it: then nothing is changed, and the next look finds out.
        """
        await growers.lock(session, grower_id)
        known = await connections.get(session, grower_id)
        if known is not None and self._is_older(at, known):
            return
        await growers.mark_gone(session, grower_id, at)
        await self._news.withdraw(session, grower_id, at, Trouble.GONE)
        if known is None or known.status is CredentialStatus.ABSENT:
            return
        over = self._absent(replace(known, disconnecting_at=at), at)
        if await connections.change(session, over, known.status, "gone"):
            incident = await incidents.open_of_grower(session, grower_id)
            if incident is not None:
                await self._end_incident(session, incident, over, "gone", None, source)

    async def lasts(self, session: AsyncSession, grower_id: str) -> None:
        """FieldView has failed Leaf over this grower for long, or Leaf has not finished checking the credential: there
        is a message, which says who must act. FieldView's failing takes the place of no other trouble that was told."""
        await growers.lock(session, grower_id)
        known = await connections.get(session, grower_id)
        if known is None or known.status not in (CredentialStatus.UNAVAILABLE, CredentialStatus.PENDING):
            return
        is_pending = known.status is CredentialStatus.PENDING
        lasting = replace(known, cause=Cause.STAYS_PENDING) if is_pending else known
        incident = await incidents.open_of_grower(session, grower_id)
        if incident is None:
            await self._open_incident(session, lasting, "sweep")
        elif is_pending or incident.cause is Cause.STAYS_PENDING:
            await self._restate(session, replace(lasting, checked_at=self._clock()))

    async def look_at_flapping(self, session: AsyncSession, grower_id: str) -> None:
        """What came and went and has been quiet for long is over, or broken for good; the rest is summed up in time."""
        await growers.lock(session, grower_id)
        incident = await incidents.open_of_grower(session, grower_id)
        known = await connections.get(session, grower_id)
        if incident is None or known is None or incident.flapping_since is None:
            return
        if not self._flaps.has_settled(known):
            await self._flaps.sum_up(session, incident, known)
        elif known.status is CredentialStatus.HEALTHY:
            await self._end_incident(session, incident, known, "leaf", None, "sweep")
        else:
            await self._flaps.settled_broken(session, incident, known)
            await self._restate(session, known)

    async def _note(
        self, session: AsyncSession, incident: Incident, what: NoteKind, at: datetime, detail: dict[str, Any]
    ) -> None:
        note = ThreadNote(what, at, detail=detail)
        await self._announcer.note_in_threads(session, AnnouncementKind.INCIDENT, incident.id, note)

    async def _record(self, session: AsyncSession, incident: Incident, action: str, source: str) -> None:
        await self._journal.record(
            session,
            f"job:{source}",
            "job",
            action,
            "done",
            incident.id[:12],
            target=incident.grower_id,
            target_name=incident.grower_name,
            detail={"cause": incident.cause, "status": incident.raw_status},
        )


def _reason(seen: Connection) -> dict[str, Any]:
    return {"cause": seen.cause, "raw_status": seen.raw_status, "missing_scopes": list(seen.missing_scopes)}


def _is_ending(connection: Connection, now: datetime) -> bool:
    """Whether we were told to remove this credential, not long ago."""
    since = connection.disconnecting_at
    return since is not None and now - since < DISCONNECT_GRACE


def _speaks_for(consent: Consent | None, seen: Connection) -> int:
    """A consent that Leaf has accepted is a voice of its own for a healthy connection."""
    return 1 if consent is not None and seen.status is CredentialStatus.HEALTHY else 0


def _in_doubt(seen: Connection, known: Connection | None, consent: Consent) -> Connection:
    """Leaf took the credential, and what it says of it has to be asked again: until then it is being set up."""
    was_pending = known is not None and known.status is CredentialStatus.PENDING
    changed_at = known.changed_at if known and was_pending else seen.checked_at
    return replace(
        seen, status=CredentialStatus.PENDING, cause=None, changed_at=changed_at, completing_consent=consent.id
    )


def _differs(known: Connection, seen: Connection) -> bool:
    """Whether anything but the time of the reading changed."""
    return replace(seen, checked_at=known.checked_at) != known
