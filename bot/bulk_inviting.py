"""Links for a whole list of growers: read, planned line by line, made once somebody says so, and handed back.

The plan is rows, the making a durable job that goes on where it was. Of links only hashes are kept, so the list that is
handed back has links of its own, which lead to the same consents.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot import messages
from bot.announcer import Announcer
from bot.correspondence import Correspondence, may_press_again
from bot.directory import Directory
from bot.errors import (
    ChannelUnreachable,
    ProviderRefusedUs,
    ProviderRejected,
    ProviderUnavailable,
    UsageError,
)
from bot.inviting import Inviting
from bot.jobs import Queue
from bot.journal import Journal
from bot.pace import Pace
from bot.reports import Letter
from bot.slack.client import Person, SlackClient
from bot.spreadsheet import MOST_BYTES, Line, sheet_of, written
from storage import bulks, connections, consents, growers, outbox
from storage.database import Database
from storage.records import (
    AnnouncementKind,
    Bulk,
    BulkLine,
    BulkState,
    Connection,
    Consent,
    ConsentState,
    CredentialStatus,
    Grower,
    LineFate,
)

log = structlog.get_logger(__name__)

MAKE = "make-bulk-links"
"""The job that makes the links of a list; its subject is the list's id."""

HAND_BACK = "hand-back-bulk"
"""The job that sends the list back as a file; its subject is the list's id."""

AT_ONCE = 10
"""Lines that one run of the job does: a program that stops waits no longer than for these."""

NAP = 15.0
"""Seconds until a service that did not answer is asked again."""

LONGEST_NAP = 600.0
"""The longest of the naps between two tries to send the list: each is as long as all those before it."""

TRIED = timedelta(hours=2)
"""How long Slack is tried for the list before its message says that it did not come."""

KEPT = timedelta(days=30)
"""How long a list is kept, with what people wrote in it."""

_ADDRESS = re.compile(r"[^\s@,;]+@[^\s@,;]+")


class BulkInviting:
    """Every step from a file to a file."""

    def __init__(
        self,
        *,
        database: Database,
        slack: SlackClient,
        directory: Directory,
        correspondence: Correspondence,
        inviting: Inviting,
        announcer: Announcer,
        journal: Journal,
        queue: Queue,
        clock: Callable[[], datetime],
        lookups: Pace,
    ) -> None:
        self._database = database
        self._slack = slack
        self._directory = directory
        self._correspondence = correspondence
        self._inviting = inviting
        self._announcer = announcer
        self._journal = journal
        self._queue = queue
        self._clock = clock
        self._lookups = lookups
        self._waiting: dict[str, datetime] = {}
        """Since when a list could not be sent. Only here: after a restart it is tried a little more often again."""

    # The plan

    async def plan_file(self, file_id: str, by: str, channel: str | None) -> Bulk:
        """`plan` for a file that was given to the bot. Raises ProviderError too."""
        try:
            file = await self._slack.file(file_id, MOST_BYTES)
        except ProviderRefusedUs as refused:
            log.warning("files cannot be read", detail=refused.detail)
            raise UsageError(
                "Slack does not let me read files here: an admin has to add `files:read` to the app and reinstall it. "
                "Until then, paste the list into the form."
            ) from None
        return await self.plan(file.name, file.content, by, channel)

    async def plan(self, name: str, content: bytes, by: str, channel: str | None) -> Bulk:
        """Say to whoever asks what would happen with each line; nothing else happens. Raises UsageError."""
        sheet, now = sheet_of(content), self._clock()
        bulk = Bulk(uuid.uuid4().hex, name, by, channel, now, left_out=tuple(sheet.left_out))
        async with self._database.transaction() as session:
            planned = await self._planned(session, sheet.lines, now)
            await bulks.add(session, bulk, planned)
            await self._announcer.to_person(session, AnnouncementKind.BULK, bulk.id, by)
            await self._journal.fulfil(session, bulk=bulk.id, planned=True, **_counted(planned))
        return bulk

    async def _planned(self, session: AsyncSession, lines: Sequence[Line], now: datetime) -> list[BulkLine]:
        found = await growers.answering(session, {word for line in lines for word in line.words})
        ids = sorted({grower.id for several in found.values() for grower in several})
        known: dict[str, Connection] = {}
        for start in range(0, len(ids), 500):
            known |= await connections.get_many(session, ids[start : start + 500])
        links = await consents.working_of(session, now, ids)
        planned: list[BulkLine] = []
        seen: dict[str, int] = {}
        for line in lines:
            means = _meant(line.words, found)
            planned.append(_doubted(_fate(line, means, known, links, seen), line.words, found))
            if len(means) == 1:
                seen.setdefault(means[0].id, line.number)
        return planned

    # What somebody says to it

    async def start(self, bulk_id: str, by: str) -> Bulk:
        """Make the links. Raises UsageError when that was decided already."""
        await self._own(bulk_id, by)
        async with self._database.transaction() as session:
            begun = await bulks.move(session, bulk_id, BulkState.PLANNED, BulkState.RUNNING)
            if begun is None:
                raise UsageError("That list was begun or cancelled already; its message says how it stands.")
            await self._announcer.has_news(session, AnnouncementKind.BULK, bulk_id, prompt=True)
            await self._journal.fulfil(session, bulk=bulk_id, begun=True)
            await self._queue.enqueue(session, MAKE, bulk_id, f"{MAKE}-{bulk_id}")
        return begun

    async def stop(self, bulk_id: str, by: str) -> Bulk:
        """Make no more links; those made go on working. Raises UsageError when it is over already."""
        await self._own(bulk_id, by)
        async with self._database.transaction() as session:
            now = self._clock()
            over = await bulks.move(
                session, bulk_id, BulkState.PLANNED, BulkState.CANCELLED, finished_at=now
            ) or await bulks.move(session, bulk_id, BulkState.RUNNING, BulkState.STOPPED, finished_at=now)
            if over is None:
                raise UsageError("It is too late to stop that list: it is through.")
            await self._announcer.has_news(session, AnnouncementKind.BULK, bulk_id, prompt=True)
            await self._journal.fulfil(session, bulk=bulk_id, state=over.state)
            if over.state is BulkState.STOPPED:
                await bulks.settle_begun(session, bulk_id)
                await self._queue.enqueue(session, HAND_BACK, bulk_id, f"{HAND_BACK}-{bulk_id}")
        return over

    async def ask_for_list(self, bulk_id: str, by: str) -> Bulk:
        """The list as it stands now, as a file; once a minute, however often it is asked for. Raises UsageError."""
        bulk = await self._own(bulk_id, by)
        async with self._database.transaction() as session:
            await self._journal.fulfil(session, bulk=bulk_id, listed=True)
            await self._queue.enqueue(session, HAND_BACK, bulk_id, f"{HAND_BACK}-{bulk_id}-{self._clock():%Y%m%d%H%M}")
        return bulk

    async def _own(self, bulk_id: str, by: str) -> Bulk:
        async with self._database.reading() as session:
            bulk = await bulks.get(session, bulk_id)
        if bulk is None:
            raise UsageError("I no longer have that list: they are kept for 30 days.", "/fieldview bulk")
        if bulk.made_by != by:
            raise UsageError(
                "That list belongs to somebody else: only whoever made it begins it, stops it or has its file."
            )
        return bulk

    # The links

    async def make(self, bulk_id: str) -> float | None:
        """Job: the next lines, and soon those after them. It may be stopped or die anywhere, and goes on there."""
        async with self._database.reading() as session:
            bulk = await bulks.get(session, bulk_id)
            lines = await bulks.to_do(session, bulk_id, AT_ONCE)
        if bulk is None or bulk.state is not BulkState.RUNNING:
            return None
        try:
            asker = await self._asker(bulk)
            if asker is None:
                await self._abandon(bulk)
                return None
            for line in lines:
                await self._make(bulk, asker, line)
        except (ProviderUnavailable, ProviderRefusedUs) as failure:
            log.warning("a list of links waits", bulk=bulk_id, detail=failure.detail)
            return (failure.retry_after if isinstance(failure, ProviderUnavailable) else None) or NAP
        if lines:
            return 0.0
        await self._finish(bulk)
        return None

    async def _asker(self, bulk: Bulk) -> Person | None:
        """Whoever made the list; None when they have left this Slack. Raises ProviderUnavailable."""
        try:
            asker = await self._slack.person(bulk.made_by)
        except ChannelUnreachable:
            return None
        return None if asker.is_gone else asker

    async def _abandon(self, bulk: Bulk) -> None:
        """Nobody is there any more to pass links on or to be answered for: no more of them are made."""
        log.warning("a list is stopped: whoever made it has left", bulk=bulk.id)
        async with self._database.transaction() as session:
            if await bulks.move(session, bulk.id, BulkState.RUNNING, BulkState.STOPPED, finished_at=self._clock()):
                await bulks.settle_begun(session, bulk.id)
                await self._announcer.has_news(session, AnnouncementKind.BULK, bulk.id)
                await self._record(session, bulk, "bulk-abandoned", _counted(await bulks.lines(session, bulk.id)))

    async def _make(self, bulk: Bulk, asker: Person, line: BulkLine) -> None:
        async with self._database.reading() as session:
            grower = await growers.get(session, line.grower_id or "")
        if grower is None or grower.gone_at is not None:
            await self._settle(bulk, line, fate=LineFate.UNKNOWN, note="Leaf no longer has this grower.")
            return
        person = await self._person(grower)
        consent = await self._issued(bulk, asker, line, grower, person)
        if consent is None:
            return
        fate, note = await self._delivered(consent, person)
        await self._settle(bulk, line, fate=fate, note=note, consent=consent)

    async def _person(self, grower: Grower) -> Person | None:
        """The grower in this Slack. Raises ProviderUnavailable: a link is not left unsent because Slack was busy."""
        if grower.slack_user or grower.email:
            await self._lookups.turn()
        try:
            return await self._directory.person_of(grower)
        except (ChannelUnreachable, ProviderRejected) as unknown:
            log.info("slack does not know a grower", reason=type(unknown).__name__)
            return None

    async def _issued(
        self, bulk: Bulk, asker: Person, planned: BulkLine, grower: Grower, person: Person | None
    ) -> Consent | None:
        """The consent of this line, made now or before a crash; None where there is nothing more to do."""
        link, now = self._correspondence.new_link(), self._clock()
        async with self._database.transaction() as session:
            await growers.lock(session, grower.id)
            current = await bulks.get(session, bulk.id)
            line = await bulks.line(session, bulk.id, planned.number)
            if current is None or current.state is not BulkState.RUNNING:
                return None
            if line is None or line.fate is not LineFate.TO_INVITE:
                return None
            if line.consent_id is not None:
                return await consents.get(session, line.consent_id)
            await self._announcer.has_news(session, AnnouncementKind.BULK, bulk.id)
            connection = await connections.get(session, grower.id)
            if _is_well(connection):
                await bulks.settle(session, bulk.id, line.number, fate=LineFate.CONNECTED)
                return None
            if others := await consents.working(session, now, grower_id=grower.id):
                await bulks.settle(session, bulk.id, line.number, fate=LineFate.HAS_LINK, consent_id=others[0].id)
                return None
            issued = await self._inviting.issue(session, grower, asker, person, bulk.channel, link.token_hash)
            consent = issued.consent
            await bulks.settle(session, bulk.id, line.number, consent_id=consent.id)
            await self._journal.record(
                session,
                bulk.made_by,
                "job",
                "connect",
                "done",
                bulk.id[:12],
                channel=bulk.channel,
                target=grower.id,
                target_name=grower.name,
                detail={"consent": consent.id, "bulk": bulk.id, "to": person.id if person else None},
            )
        return consent

    async def _delivered(self, consent: Consent, person: Person | None) -> tuple[LineFate, str | None]:
        """Bring the link to the grower unless they have it. Raises ProviderUnavailable: then it is tried again."""
        if consent.sent_to is not None:
            return LineFate.SENT, None
        if person is None:
            return LineFate.TO_SHARE, None
        letter, now = await self._correspondence.letter(consent.id), self._clock()
        if letter is None or not may_press_again(consent, now):
            return LineFate.TO_SHARE, None
        try:
            posted = await self._slack.post(person.id, messages.invitation_dm(letter, now).payload())
        except ChannelUnreachable as unreachable:
            return LineFate.TO_SHARE, unreachable.reason
        except ProviderRejected as rejected:
            log.error("slack rejects a link's message", detail=rejected.detail)
            return LineFate.TO_SHARE, rejected.code
        except ProviderUnavailable as unsure:
            if unsure.maybe_done:
                # They may have it: from here on it is tried ever more rarely, and the list goes on.
                await self._inviting.owe_delivery(consent, person.id)
            raise
        await self._inviting.remember_delivery(consent, person.id, posted)
        return LineFate.SENT, None

    async def _settle(
        self, bulk: Bulk, line: BulkLine, *, fate: LineFate, note: str | None = None, consent: Consent | None = None
    ) -> None:
        async with self._database.transaction() as session:
            await bulks.settle(session, bulk.id, line.number, fate=fate, **({"note": note} if note else {}))
            if fate is LineFate.TO_SHARE and consent and may_press_again(consent, self._clock()):
                # Nobody is reminded in person of each of so many: the list tells who has not answered.
                await consents.note(session, consent.id, remind_at=consent.expires_at)
            await self._announcer.has_news(session, AnnouncementKind.BULK, bulk.id)

    async def _finish(self, bulk: Bulk) -> None:
        async with self._database.transaction() as session:
            done = await bulks.move(session, bulk.id, BulkState.RUNNING, BulkState.DONE, finished_at=self._clock())
            if done is None:
                return
            await self._announcer.has_news(session, AnnouncementKind.BULK, bulk.id, prompt=True)
            counts = _counted(await bulks.lines(session, bulk.id))
            await self._record(session, bulk, "bulk-done", counts)
            await self._queue.enqueue(session, HAND_BACK, bulk.id, f"{HAND_BACK}-{bulk.id}")

    async def _record(self, session: AsyncSession, bulk: Bulk, action: str, counts: Mapping[str, int]) -> None:
        detail = {"bulk": bulk.id, "asked_by": bulk.made_by, **counts}
        await self._journal.record(
            session, "job:bulk", "job", action, "done", bulk.id[:12], channel=bulk.channel, detail=detail
        )

    # The list

    async def hand_back(self, bulk_id: str) -> float | None:
        """Job: the whole list as a file, into the direct messages of whoever made it and nowhere else.

        Dying on the way may send it twice; its links are new each time, and all of them work.
        """
        async with self._database.reading() as session:
            bulk = await bulks.get(session, bulk_id)
            told = await outbox.find(session, AnnouncementKind.BULK, bulk_id, bulk.made_by) if bulk else None
        if bulk is None or told is None or told.gave_up_reason:
            return None
        if told.posted_channel is None:
            return 1.0
        content, letters = await self._list(bulk)
        links = len(letters)
        words = messages.bulk_list_words(bulk, links)
        try:
            await self._slack.send_file(told.posted_channel, messages.bulk_list_name(bulk), content, words)
        except ProviderUnavailable as failure:
            log.warning("a list waits", bulk=bulk_id, detail=failure.detail)
            if not failure.maybe_done:
                await self._correspondence.unsent(letters)
            return await self._later(bulk, links, failure)
        except (ProviderRefusedUs, ProviderRejected, ChannelUnreachable) as failure:
            log.error("a list could not be sent", bulk=bulk_id, failure=str(failure))
            await self._correspondence.unsent(letters)
            await self._listed(bulk, links, trouble=type(failure).__name__)
            return None
        await self._listed(bulk, links, trouble=None)
        return None

    async def _later(self, bulk: Bulk, links: int, failure: ProviderUnavailable) -> float | None:
        """When Slack is asked again to take the list; None when that has gone on for too long."""
        waited = self._clock() - self._waiting.setdefault(bulk.id, self._clock())
        if waited < TRIED:
            return failure.retry_after or min(LONGEST_NAP, max(NAP, waited.total_seconds()))
        await self._listed(bulk, links, trouble=type(failure).__name__)
        return None

    async def _list(self, bulk: Bulk) -> tuple[bytes, list[Letter]]:
        """The file, and the letters whose links are in it."""
        async with self._database.reading() as session:
            lines = await bulks.lines(session, bulk.id)
            known = await bulks.consents_of(session, bulk.id)
            meant = await growers.get_many(session, {line.grower_id for line in lines if line.grower_id})
        letters: dict[str, Letter] = {}
        for consent in known.values():
            if consent.state is ConsentState.OPEN and (letter := await self._correspondence.letter(consent.id)):
                letters[consent.id] = letter
        now = self._clock()
        rows = [
            messages.bulk_list_row(
                line,
                meant.get(line.grower_id or ""),
                known.get(line.consent_id or ""),
                letters.get(line.consent_id or ""),
                now,
            )
            for line in lines
        ]
        return written(messages.BULK_COLUMNS, rows), [letter for letter in letters.values() if letter.url]

    async def _listed(self, bulk: Bulk, links: int, *, trouble: str | None) -> None:
        self._waiting.pop(bulk.id, None)
        async with self._database.transaction() as session:
            if trouble != bulk.trouble:
                await bulks.note(session, bulk.id, trouble)
                await self._announcer.has_news(session, AnnouncementKind.BULK, bulk.id, prompt=True)
            if trouble is None:
                await self._record(session, bulk, "bulk-listed", {"links": links})

    async def forget_old(self) -> int:
        """Lists are kept for thirty days; returns how many are gone."""
        async with self._database.transaction() as session:
            return await bulks.forget(session, self._clock() - KEPT)


def _meant(words: Sequence[str], found: Mapping[str, Sequence[Grower]]) -> list[Grower]:
    """Whom a line may mean: whoever every word that fits anybody fits; all of them where the words disagree."""
    fitting = [{grower.id: grower for grower in found[word]} for word in words if word in found]
    if not fitting:
        return []
    agreed = set.intersection(*map(set, fitting))
    everybody = {key: grower for some in fitting for key, grower in some.items()}
    return [everybody[key] for key in sorted(agreed or everybody)]


def _fate(
    line: Line,
    means: Sequence[Grower],
    known: Mapping[str, Connection],
    links: Mapping[str, Consent],
    seen: Mapping[str, int],
) -> BulkLine:
    if line.fault:
        return BulkLine(line.number, line.text, LineFate.UNREADABLE, note=line.fault)
    if len(means) != 1:
        fate = LineFate.AMBIGUOUS if means else LineFate.UNKNOWN
        return BulkLine(line.number, line.text, fate)
    [grower] = means
    whose = {"grower_id": grower.id, "grower_name": grower.name}
    if grower.id in seen:
        return BulkLine(
            line.number, line.text, LineFate.TWICE, **whose, note=f"The same grower as line {seen[grower.id]}."
        )
    if _is_well(known.get(grower.id)):
        return BulkLine(line.number, line.text, LineFate.CONNECTED, **whose)
    if link := links.get(grower.id):
        return BulkLine(line.number, line.text, LineFate.HAS_LINK, **whose, consent_id=link.id)
    return BulkLine(line.number, line.text, LineFate.TO_INVITE, **whose)


def _doubted(line: BulkLine, words: Sequence[str], found: Mapping[str, Sequence[Grower]]) -> BulkLine:
    """The line with a word on what on it speaks against the rest of it, where something does."""
    fitting = [word for word in words if word in found]
    strange = [word for word in words if _ADDRESS.fullmatch(word) and word not in found]
    if line.fate is LineFate.AMBIGUOUS and not set.intersection(*({each.id for each in found[it]} for it in fitting)):
        doubt = f"Its cells do not mean one and the same grower: {_quoted(fitting)}."
    elif line.fate is not LineFate.AMBIGUOUS and fitting and strange:
        doubt = f"Nobody at Leaf has the address {_quoted(strange)}."
    else:
        return line
    return replace(line, note=f"{line.note} {doubt}" if line.note else doubt)


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f"“{word[:60]}”" for word in words[:3])


def _is_well(connection: Connection | None) -> bool:
    return connection is not None and connection.status is CredentialStatus.HEALTHY


def _counted(lines: Sequence[BulkLine]) -> dict[str, int]:
    return dict(sorted(Counter(str(line.fate) for line in lines).items()))
