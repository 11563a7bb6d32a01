"""The only module that posts to Slack on our own initiative: every message is owed first and delivered by a job."""

from __future__ import annotations

import contextlib
import random
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot import messages
from bot.audience import PERSONAL, TOLD_ONCE, TURNS, Audience
from bot.correspondence import Correspondence
from bot.errors import ChannelUnreachable, ProviderRefusedUs, ProviderRejected, ProviderUnavailable
from bot.jobs import Queue
from bot.messages import Message, needs
from bot.messages.needs import Need
from bot.rendering import DataSource, Rendering
from bot.slack.client import UNREACHABLE, Posted, SlackClient
from bot.slack_pace import Rates, SlackPace
from bot.standing import Standing
from storage import bulks, consents, notices, outbox, subscriptions, thread_notes
from storage.database import Database, at_end
from storage.records import Announcement, AnnouncementKind, ConsentState, NoteKind, ThreadNote, Trouble

log = structlog.get_logger(__name__)

DELIVER = "deliver"
"""The job that brings one announcement up to date; its subject is the announcement's id."""

EDITS_APART = 3.0
"""Seconds between two edits of one message: what changes in between is shown by the second. See `has_news`."""

UNFIT = {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"}
"""Slack's words for a message that it will show nowhere as it is; its plain text it may."""

JOINERS_WAIT = 60
"""So many times as far apart are replies that call the owners of who joined a storm: three minutes."""

BUSY = 2.0
"""Seconds after which a message that somebody else is delivering is looked at again."""

LONGEST_LEFT = 600.0
"""Seconds at most until a message that only a newer version can show comes round again."""

FROZEN = {"is_inactive"}
"""Slack's word for an edit in a channel that was archived."""

NOTICE_RANK, STORM_RANK, OUTBOX_RANK = 0, 0, 1
"""When in a transaction notices, storms and messages are locked: after everything else, before the audit trail."""

SHARING_REMEMBERED = 5.0
"""Seconds for which a channel counts as ours alone without asking Slack again."""

OUTSIDERS = "outsiders_read_it"
"""Our own word for a channel that others share, or are invited to: nothing about growers goes there."""

GUEST = "is_a_guest"
"""Our own word for somebody who is no full member any more: they read nothing about growers."""


AWAY = UNREACHABLE | FROZEN | {OUTSIDERS, GUEST}
"""Why messages are given up for a channel or person that may come back; the message itself was fine."""


class Gone(Exception):
    """A message that was posted again was taken away again, by a person or by Slack's retention: so be it."""


class Overtaken(Exception):
    """The turn to post was so long in coming that somebody else delivers the message now."""


class Announcer:
    """Owes and delivers living messages: one per subject and channel, edited as things change."""

    def __init__(
        self,
        database: Database,
        slack: SlackClient,
        queue: Queue,
        data: DataSource,
        clock: Callable[[], datetime],
        alert_channel: str | None,
        *,
        correspondence: Correspondence,
        executor: str = "slot-0",
        rates: Rates = Rates(),  # noqa: B008 - frozen
        edits_apart: float = EDITS_APART,
    ) -> None:
        self._database = database
        self._slack = slack
        self._queue = queue
        self._clock = clock
        self._executor = executor
        self._audience = Audience(database, slack, alert_channel)
        self._rendering = Rendering(database, data, correspondence, clock)
        self._pace = SlackPace(database, rates)
        self._edits_apart = timedelta(seconds=edits_apart)
        self._standing = Standing(slack, remembered=SHARING_REMEMBERED)

    async def to_channels(self, session: AsyncSession, kind: AnnouncementKind, subject: str, *also: str | None) -> None:
        """Owe this message to every channel that wants to hear of it, to the alert channel, and to those named."""
        self._owe(session, kind, subject, await self._audience.channels(session, kind, subject, *also))

    async def to_newcomers(
        self, session: AsyncSession, kind: AnnouncementKind, subject: str, *also: str | None
    ) -> None:
        """The same for what has changed, and concerns channels that it did not concern: the others have the message."""
        channels = await self._audience.channels(session, kind, subject, *also)
        self._owe(session, kind, subject, channels, only_new=True)

    async def to_operators(self, session: AsyncSession, kind: AnnouncementKind, subject: str) -> None:
        """Owe this message to the alert channel; without one, to the channels that hear everything, or else to all."""
        self._owe(session, kind, subject, await self._audience.operators(session))

    async def to_channel(self, session: AsyncSession, kind: AnnouncementKind, subject: str, channel: str) -> None:
        """Owe this message, once, to one channel, which need not be subscribed to anything."""
        self._owe(session, kind, subject, [channel], only_new=True)

    async def to_person(self, session: AsyncSession, kind: AnnouncementKind, subject: str, user: str) -> None:
        """Owe this message to one person's direct messages."""
        self._owe(session, kind, subject, [user])

    async def call(self, session: AsyncSession, incident: str, person: str, by: str | None) -> None:
        """Bring an incident before one person so that Slack notifies: the card, or for who has it a reply below."""
        if await outbox.find(session, AnnouncementKind.INCIDENT, incident, person) is None:
            await self.to_person(session, AnnouncementKind.INCIDENT, incident, person)
        else:
            note = ThreadNote(NoteKind.CALLED, self._clock(), by, {"person": person})
            await self.note_in_threads(session, AnnouncementKind.INCIDENT, incident, note)

    async def has_news(
        self, session: AsyncSession, kind: AnnouncementKind, subject: str, *, prompt: bool = False
    ) -> None:
        """Bring every message about the subject up to date, wherever it was posted.

        Edits that follow each other closely become one, some seconds later at most; `prompt` news do not wait.
        """

        async def want_update() -> None:
            for announcement in await outbox.want_update(session, kind, subject, self._clock(), prompt=prompt):
                await self._start(session, announcement)

        at_end(session, (OUTBOX_RANK, kind, subject), want_update)

    async def note_in_threads(
        self, session: AsyncSession, kind: AnnouncementKind, subject: str, note: ThreadNote, *, if_read: bool = False
    ) -> None:
        """Owe a reply in the thread of every message about the subject, without broadcast.

        It is told once the message itself is up to date; where that message is gone, nowhere. `if_read`: nor where it
        is not written yet.
        """

        async def want() -> None:
            channels = await outbox.lock_channels(session, kind, subject, if_read=if_read)
            if not channels:
                return
            number = await thread_notes.add(session, kind, subject, note)
            for channel in channels:
                thread = await outbox.want_thread(session, kind, subject, channel, number, self._clock())
                await self._start(session, thread)

        at_end(session, (OUTBOX_RANK, kind, subject), want)

    async def is_back(self, session: AsyncSession, channel: str) -> None:
        """That channel or person can be written to again: the edits that were given up because not are owed again."""

        async def take_up() -> None:
            for announcement in await outbox.take_up_edits(session, channel, AWAY, self._clock()):
                await self._start(session, announcement, again=f"-{self._clock():%Y%m%d%H%M%S}")

        at_end(session, (OUTBOX_RANK, "", channel), take_up)

    async def adopt(
        self, session: AsyncSession, kind: AnnouncementKind, subject: str, user: str, posted: Posted
    ) -> None:
        """Take a message that was posted while somebody waited into our care, to be edited later."""

        async def take() -> None:
            announcement = await outbox.want(session, kind, subject, user, self._clock())
            await outbox.showed(session, announcement.id, announcement.wanted, posted.channel, posted.ts, self._clock())

        at_end(session, (OUTBOX_RANK, kind, subject), take)

    async def deliver(self, announcement_id: str) -> float | None:
        """Job: show the newest version. Never lost; at most one duplicate per crash, as Slack knows no idempotency key.

        A message that somebody deleted is posted again once; after that, its absence is accepted.
        """
        claimant = f"{self._executor}/{uuid.uuid4().hex}"
        if await self._waits_for_its_parent(announcement_id):
            return None
        while owed := await self._claimed(announcement_id, claimant):
            if wait := await self._more_may_follow(owed):
                async with self._database.transaction() as session:
                    await outbox.put_off(session, owed.id)
                return wait
            try:
                done = await self._show(owed)
            except (ProviderUnavailable, ProviderRefusedUs) as failure:
                return await self._later(owed, failure)
            except Overtaken:
                break
            except Gone:
                async with self._database.transaction() as session:
                    await outbox.give_up(session, owed.id, "gone")
                return None
            except ChannelUnreachable as unreachable:
                await self._give_up(owed, unreachable.reason, unreachable=True)
                return None
            except ProviderRejected as rejected:
                log.error("slack rejects a message", kind=owed.kind, subject=owed.subject, detail=rejected.detail)
                await self._give_up(owed, rejected.code, unreachable=rejected.code in FROZEN)
                return None
            if done:
                return None
        async with self._database.reading() as session:
            if await outbox.is_owed(session, announcement_id):
                return BUSY
            since = await outbox.left_to_a_newer_version(session, announcement_id)
        # As long again as it has waited: soon taken by a replica of that version, rarely asked for when there is none.
        return min(LONGEST_LEFT, max(BUSY, (self._clock() - since).total_seconds())) if since else None

    async def forget_claims(self, executor: str | None = None) -> None:
        """Free the messages that a dead process, by default the one before this, was delivering."""
        async with self._database.transaction() as session:
            await outbox.drop_claims(session, executor or self._executor)

    async def start_overdue(self, before: datetime, under_way: Iterable[str] = ()) -> int:
        """Start deliveries, owed since then, whose job was lost on the way; returns how many.

        `under_way` are the keys of those that the engine still has: Slack may be ill for hours, and each message then
        keeps the jobs it has instead of getting one more at every look.
        """
        started = {key.split("-")[1] for key in under_way}
        async with self._database.transaction() as session:
            overdue = [each for each in await outbox.owed(session, before=before) if each.id not in started]
            for announcement in overdue:
                await self._start(session, announcement, again=f"-{self._clock():%Y%m%d%H%M%S}")
        return len(overdue)

    def _owe(
        self,
        session: AsyncSession,
        kind: AnnouncementKind,
        subject: str,
        channels: Iterable[str],
        *,
        only_new: bool = False,
    ) -> None:
        async def want() -> None:
            for channel in sorted(set(channels)):
                if only_new and await outbox.find(session, kind, subject, channel) is not None:
                    continue
                await self._start(session, await outbox.want(session, kind, subject, channel, self._clock()))

        at_end(session, (OUTBOX_RANK, kind, subject), want)

    async def _start(self, session: AsyncSession, announcement: Announcement, again: str = "") -> None:
        key = f"{DELIVER}-{announcement.id}-{announcement.wanted}{again}"
        await self._queue.enqueue(session, DELIVER, announcement.id, key)

    async def _claimed(self, announcement_id: str, claimant: str) -> Announcement | None:
        async with self._database.transaction() as session:
            return await outbox.claim(session, announcement_id, claimant, self._clock())

    async def _waits_for_its_parent(self, announcement_id: str) -> bool:
        """Whether this is a thread below a message that is not up to date; whoever shows that starts the thread."""
        async with self._database.reading() as session:
            owed = await outbox.get(session, announcement_id)
            if owed is None or owed.kind is not AnnouncementKind.THREAD:
                return False
            parent = await outbox.above(session, owed)
        return parent is not None and parent.is_owed

    async def _more_may_follow(self, owed: Announcement) -> float:
        """The seconds until this edit may be shown; 0 for a first post, for what must not wait, and after a pause."""
        if owed.kind is AnnouncementKind.THREAD and (wait := await self._more_may_join(owed)):
            return wait
        if owed.shown_at is None or not owed.ts or owed.shown < owed.prompt:
            return 0.0
        return self._left_of(self._edits_apart, owed.shown_at)

    async def _more_may_join(self, owed: Announcement) -> float:
        """The seconds until a reply may tell who joined a storm, after its message and after the reply before."""
        async with self._database.reading() as session:
            parent = await outbox.above(session, owed)
            if parent is None or parent.kind is not AnnouncementKind.STORM:
                return 0.0
            notes = await thread_notes.between(session, parent.kind, parent.subject, owed.shown, owed.wanted)
        told_at = max(filter(None, (parent.attempted_at, owed.shown_at)), default=None)
        if told_at is None or any(note.what is not NoteKind.JOINED for note in notes):
            return 0.0
        return self._left_of(self._edits_apart * JOINERS_WAIT, told_at)

    def _left_of(self, span: timedelta, since: datetime) -> float:
        """In seconds. What is in the future was written down before the clock was set back: that is long past."""
        passed = self._clock() - since
        return max(0.0, (span - passed).total_seconds()) if passed >= timedelta() else 0.0

    async def _show(self, owed: Announcement) -> bool:
        await self._read_by_us_alone(owed.posted_channel or owed.channel)
        await self._read_by_somebody(owed)
        if owed.kind is AnnouncementKind.THREAD:
            return await self._reply(owed)
        message = await self._rendering.of(owed)
        place = (
            await self._told(owed, message) if message else Posted(owed.posted_channel or owed.channel, owed.ts or "")
        )
        async with self._database.transaction() as session:
            if not owed.shown:
                await self._clear(session, needs.lost(owed.channel))
            done = await outbox.showed(session, owed.id, owed.wanted, place.channel, place.ts, self._clock())
            thread = await outbox.below(session, owed) if done else None
            if thread is not None and thread.is_owed:
                await self._start(session, thread, again=f"-below-{owed.wanted}")
        if not owed.shown:
            await self._take_up_edits(owed.channel)
        return done

    async def _take_up_edits(self, channel: str) -> None:
        """A post has shown that the channel takes messages, also those for which it was thought lost."""
        async with self._database.reading() as session:
            if not await outbox.given_up_edits(session, channel, AWAY):
                return
        async with self._database.transaction() as session:
            await self.is_back(session, channel)

    async def _reply(self, owed: Announcement) -> bool:
        """Tell in the thread what it has not been told, in one reply."""
        async with self._database.reading() as session:
            parent = await outbox.above(session, owed)
            notes = (
                await thread_notes.between(session, parent.kind, parent.subject, owed.shown, owed.wanted)
                if parent
                else []
            )
        place = None
        if notes and parent and parent.posted_channel and parent.ts and parent.gave_up_reason is None:
            notes = [await self._addressed(note) for note in notes]
            names = await self._names(notes)
            await self._turn_to_post(parent.posted_channel)
            async with self._database.transaction() as session:
                await self._attempting(session, owed)
            below = Posted(parent.posted_channel, parent.ts)
            place = await self._slack.reply(below, messages.thread_reply(notes, self._clock(), names).payload())
        where = place or Posted(owed.posted_channel or owed.channel, owed.ts or "")
        async with self._database.transaction() as session:
            return await outbox.showed(session, owed.id, owed.wanted, where.channel, where.ts, self._clock())

    async def _addressed(self, note: ThreadNote) -> ThreadNote:
        """The end of a snooze is told to whoever has it, or when they have left to the next one whose turn it is."""
        if note.what is not NoteKind.SNOOZE_OVER:
            return note
        for person in filter(None, note.detail.get("turns", [note.detail.get("snoozed_by")])):
            try:
                if (await self._standing.person(person)).is_colleague:
                    return replace(note, detail={**note.detail, "person": person})
            except ChannelUnreachable:
                continue
        return note

    async def _names(self, notes: Iterable[ThreadNote]) -> dict[str, str]:
        """What whoever did these things is called, but for those whom Slack does not find."""
        names = {}
        for user in {note.by for note in notes if note.by}:
            with contextlib.suppress(ChannelUnreachable, ProviderRejected):
                names[user] = (await self._standing.person(user)).name
        return names

    async def _told(self, owed: Announcement, message: Message) -> Posted:
        """Show the message, or at least its text when Slack does not like how it is built."""
        try:
            return await self._posted(owed, message.payload())
        except ProviderRejected as rejected:
            if rejected.code not in UNFIT:
                raise
            if simpler := message.without_charts():
                return await self._told(owed, simpler)
            log.error("slack rejects a message's blocks", kind=owed.kind, subject=owed.subject, detail=rejected.detail)
            await self.tell_operators(needs.plain_only(owed.kind, rejected.code))
            return await self._posted(owed, {**message.payload(), "blocks": []})

    async def _posted(self, owed: Announcement, payload: dict[str, Any]) -> Posted:
        if owed.ts and owed.posted_channel:
            there = Posted(owed.posted_channel, owed.ts)
            await self._pace.turn_to_edit()
            await self._read_by_us_alone(there.channel)
            if await self._slack.update(there, payload):
                return there
            if owed.reposts:
                raise Gone
        metadata = {"event_type": "fieldview_announcement", "event_payload": {"id": owed.id}}
        await self._turn_to_post(owed.channel)
        async with self._database.transaction() as session:
            await self._attempting(session, owed)
            if owed.ts:
                await outbox.forget_message(session, owed.id)
        return await self._slack.post(owed.channel, {**payload, "metadata": metadata})

    async def _attempting(self, session: AsyncSession, owed: Announcement) -> None:
        """Raises Overtaken."""
        if not await outbox.attempting(session, owed.id, owed.claimed_by, self._clock()):
            raise Overtaken

    async def _turn_to_post(self, channel: str) -> None:
        """The turn may have taken a minute, in which the channel was shared. Raises what `_read_by_us_alone` does."""
        await self._pace.turn_to_post(channel)
        await self._read_by_us_alone(channel)

    async def _read_by_us_alone(self, channel: str) -> None:
        """Growers are named to nobody outside. Raises ChannelUnreachable for a channel that others share, and whatever
        Slack answers when it does not say: then nothing is posted either."""
        if channel.startswith(("C", "G")) and (await self._standing.channel(channel)).is_shared:
            raise ChannelUnreachable(channel, OUTSIDERS)

    async def _read_by_somebody(self, owed: Announcement) -> None:
        """Slack takes messages for who has left, and for guests. Raises ChannelUnreachable for whatever is meant for a
        member of the team who has become a guest. And for what nobody would read though somebody must: trouble that
        nobody else is told of, the wish of a grower who waits, whose turn it is, a call for an alert, and a reminder to
        a grower."""
        if not owed.channel.startswith(("U", "W")):
            return
        if await self._audience.is_for_a_grower(owed):
            is_letter = not owed.shown and owed.kind is AnnouncementKind.CONSENT_REMINDER
            if is_letter and (await self._standing.person(owed.channel)).is_gone:
                raise ChannelUnreachable(owed.channel, "user_disabled")
            return
        is_wish = owed.kind is AnnouncementKind.CONSENT_RENEWAL
        is_alone = not owed.shown and (is_wish or self._audience.is_perhaps_a_stand_in(owed))
        # What is remembered of somebody is good enough for what others are told, too, or are many.
        person = await (self._slack if is_alone else self._standing).person(owed.channel)
        is_call = not owed.shown and owed.kind is AnnouncementKind.INCIDENT
        must_be_read = is_alone or is_call or owed.kind in (*TURNS, AnnouncementKind.CONSENT_REMINDER)
        if must_be_read and person.is_gone:
            raise ChannelUnreachable(owed.channel, "user_disabled")
        if person.is_outsider:
            raise ChannelUnreachable(owed.channel, GUEST)

    async def _later(self, owed: Announcement, failure: ProviderUnavailable | ProviderRefusedUs) -> float:
        async with self._database.transaction() as session:
            refused = not (isinstance(failure, ProviderUnavailable) and failure.maybe_done)
            failures = await outbox.failed(session, owed.id, never_posted=refused and not owed.may_stand)
        log.warning("slack does not take a message now", kind=owed.kind, failures=failures, detail=failure.detail)
        asked = failure.retry_after if isinstance(failure, ProviderUnavailable) else None
        if asked:
            is_edit = owed.ts is not None and owed.kind is not AnnouncementKind.THREAD
            await self._pace.hold(owed.channel, asked, editing=is_edit)
        backoff = min(300.0, 2.0 ** min(failures, 9))
        return (asked or backoff) * random.uniform(1.0, 1.25)  # noqa: S311 - spreads retries

    async def _give_up(self, owed: Announcement, reason: str, *, unreachable: bool) -> None:
        """This place will not take it: bring it where somebody sees it, and tell the operators."""
        log.error("a message cannot be delivered", kind=owed.kind, channel=owed.channel, reason=reason)
        if not unreachable:
            await self.tell_operators(needs.not_taken(owed.kind, reason, owed.channel))
        elif owed.kind is AnnouncementKind.THREAD:
            # The message above it finds out at its next edit, and is what has to be brought elsewhere.
            pass
        elif not owed.shown and await self._audience.is_for_a_grower(owed):
            await self._hand_back(owed.subject.partition(":")[0])
        elif owed.shown and owed.kind in TOLD_ONCE:
            pass
        elif not await self._audience.is_for_a_grower(owed) and not await self._passed_on(owed):
            await self._fall_back(owed, reason)
        # Last, and alone: a crash before it repeats the rest, which does no harm.
        async with self._database.transaction() as session:
            await outbox.give_up(session, owed.id, reason)

    async def _hand_back(self, consent_id: str) -> None:
        """The grower cannot be written to after all: whoever asked passes the link on."""
        async with self._database.transaction() as session:
            consent = await consents.get(session, consent_id)
            if consent is not None and consent.state is ConsentState.OPEN:
                await consents.note(session, consent_id, sent_to=None, trouble=Trouble.UNDELIVERED)
                for bulk in await bulks.not_sent(session, consent_id):
                    await self.has_news(session, AnnouncementKind.BULK, bulk)
                await self.to_person(session, AnnouncementKind.CONSENT_OUTCOME, consent_id, consent.asked_by)
                if consent.incident_id:
                    await self.has_news(session, AnnouncementKind.INCIDENT, consent.incident_id)

    async def _passed_on(self, owed: Announcement) -> bool:
        """It is the turn of a grower's owner, who cannot be written to: whether whoever asked hears of it instead."""
        if owed.kind not in (*TURNS, AnnouncementKind.CONSENT_REMINDER):
            return False
        async with self._database.transaction() as session:
            consent = await consents.get(session, owed.subject.partition(":")[0])
            if consent is None or consent.asked_by == owed.channel:
                return False
            theirs = await outbox.find(session, owed.kind, owed.subject, consent.asked_by)
            if theirs is not None and theirs.gave_up_reason is not None:
                return False
            await self.to_person(session, owed.kind, owed.subject, consent.asked_by)
        return True

    async def _fall_back(self, owed: Announcement, reason: str) -> None:
        need = needs.unreachable(owed.channel, reason, personal=owed.kind in PERSONAL)
        operator = await self._audience.in_person(owed.channel)
        async with self._database.transaction() as session:
            await subscriptions.mark_broken(session, owed.channel, reason)
            if owed.kind is not AnnouncementKind.DIGEST:
                # What a digest sums up can be asked for, and nobody else wants to read it.
                elsewhere = await self._audience.elsewhere(session, owed)
                told = elsewhere or operator or await self._audience.instead(session, owed)
                self._owe(session, owed.kind, owed.subject, told)
            notice = await notices.raise_once(session, need.kind, need.text, self._clock())
            if notice is not None:
                told = [*await self._audience.operators(session, lost=owed.channel), *operator]
                self._owe(session, AnnouncementKind.OPERATOR_NOTICE, notice.id, told)

    async def notify(self, session: AsyncSession, need: Need) -> None:
        """`tell_operators` in the caller's transaction."""

        async def tell() -> None:
            notice = await notices.raise_once(session, need.kind, need.text, self._clock())
            if notice is not None:
                await self.to_operators(session, AnnouncementKind.OPERATOR_NOTICE, notice.id)

        at_end(session, (NOTICE_RANK, need.kind), tell)

    async def _clear(self, session: AsyncSession, kind: str, text: str | None = None) -> None:
        notice = await notices.over(session, kind, self._clock(), text)
        if notice is not None:
            await self.has_news(session, AnnouncementKind.OPERATOR_NOTICE, notice.id, prompt=True)

    async def tell_operators(self, need: Need) -> None:
        """Tell the operators once that the bot itself needs somebody; again only after `all_clear`."""
        async with self._database.transaction() as session:
            await self.notify(session, need)

    async def all_clear(self, over: str | Need) -> None:
        """End the notice of this kind, if one stands, and say so in its message; a Need says it in other words."""
        async with self._database.transaction() as session:
            await (self._clear(session, over.kind, over.text) if isinstance(over, Need) else self._clear(session, over))
