"""One story for each durable job: how it comes due, and the promise that holds afterwards, whatever went wrong.

A job without a story makes tests/faults/test_every_fault.py fail: say here what must hold when the network is bad.
"""

from __future__ import annotations

import asyncio
import re
import signal
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar

import httpx
import structlog
from starlette.types import Receive, Scope, Send

from bot.app import Running, Tuning, running
from bot.jobs import Jobs
from bot.reports import Invitation
from bot.sandbox.leaf import LeafUser
from bot.sandbox.slack.workspace import Message
from bot.settings import Settings
from storage import consents, first_data, freshness, owners
from storage.records import Bulk, Consent, ConsentState
from tests.faults.truth import MENDED, announcement_of
from tests.stage import Stage, text_of

log = structlog.get_logger(__name__)

SWEEP, CHECK, ALERT, DELIVER, TEND = "sweep", "check", "alert", "deliver", "tend-alerts"
COMPLETE, FOLLOW, END, PEOPLE = "complete-consent", "follow-first-data", "end-connection", "people"
MAKE, HAND_BACK = "make-bulk-links", "hand-back-bulk"
FRESHNESS, SILENCE, CHASE = "freshness", "silence", "chase-consents"

HASTE = 50.0
"""How much faster than real the jobs' waits between two tries pass."""

POLL = 0.1
"""Seconds between two looks into a queue: many queues looked into more often cost more than they bring."""

SCAN = 0.2
"""Seconds between two looks whether the bot still has its place."""

BY_TIMER = re.compile(r"(?:sweep|tick|slot)-\d+")
"""Subjects of jobs that the bot's own timer starts: they come when it starts, whatever story is told."""

PATIENCE = 30.0
"""Real seconds after which a promise counts as broken."""


class Service(StrEnum):
    """What the bot talks to."""

    LEAF = "leaf"
    FIELDVIEW = "fieldview"
    SLACK = "slack"
    POSTGRESQL = "postgresql"


class HastyJobs(Jobs):
    """The real engine, in a hurry.

    `at_start` is done once when a job of that name begins which no timer started, about the subject that is `meant` if
    one is; `struck` has the names of those whose try that began so has ended. `under_way` counts the tries of each job
    about each subject.
    """

    at_start: dict[str, Callable[[], Awaitable[None]]]
    meant: dict[str, str]
    struck: set[str]
    crashes: Counter[str]
    under_way: Counter[tuple[str, str]]

    @classmethod
    def forget(cls) -> None:
        cls.at_start, cls.meant, cls.struck, cls.crashes, cls.under_way = {}, {}, set(), Counter(), Counter()

    @property
    def names(self) -> set[str]:
        return set(self._jobs)

    async def _run(self, name: str, job: Any, subject: str, crashes: int) -> tuple[float | None, int]:
        is_another = BY_TIMER.fullmatch(subject) or self.meant.get(name, subject) != subject
        begin = None if is_another else self.at_start.pop(name, None)
        if begin is not None:
            await begin()
        self.under_way[name, subject] += 1
        try:
            wait, crashed = await super()._run(name, job, subject, crashes)
        finally:
            self.under_way[name, subject] -= 1
            # Also when it is cancelled, because the bot stops itself in the middle of it.
            if begin is not None:
                self.struck.add(name)
        self.crashes[name] += crashed > crashes
        return (None if wait is None else wait / HASTE), crashed

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"poll": POLL})


@contextmanager
def hasty_jobs(monkeypatch: Any) -> Any:
    """Inside the block every bot that is started runs its jobs in a hurry."""
    HastyJobs.forget()
    with monkeypatch.context() as patch:
        patch.setattr("bot.app.Jobs", HastyJobs)
        patch.setattr("bot.timer.SCAN", SCAN)
        yield


@asynccontextmanager
async def supervised(settings: Settings, tuning: Tuning) -> AsyncIterator[Running]:
    """Run the bot as a supervisor does: when it stops itself, it is started again."""
    loop, told_to_stop, first = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    lives: list[Running] = []

    async def live() -> None:
        while True:
            told_to_stop.clear()
            try:
                async with running(settings, tuning) as bot:
                    lives.append(bot)
                    first.set()
                    await told_to_stop.wait()
            except Exception:
                # The database may still be away: the supervisor does not give up.
                log.exception("the bot did not start")
                await asyncio.sleep(0.2)

    async def web(scope: Scope, receive: Receive, send: Send) -> None:
        await lives[-1].web(scope, receive, send)

    loop.add_signal_handler(signal.SIGTERM, told_to_stop.set)
    supervisor = asyncio.create_task(live())
    try:
        await first.wait()
        yield _Latest(lives, web)  # type: ignore[misc]
    finally:
        supervisor.cancel()
        await asyncio.gather(supervisor, return_exceptions=True)
        loop.remove_signal_handler(signal.SIGTERM)


@dataclass
class _Latest:
    """The bot that runs now."""

    lives: list[Running]
    web: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.lives[-1], name)


@dataclass
class Place:
    """The stage with growers to come, and what stories ask of it."""

    stage: Stage
    made: int = field(default=0)

    @property
    def jobs(self) -> HastyJobs:
        jobs = self.stage.running.jobs
        assert isinstance(jobs, HastyJobs)
        return jobs

    @property
    def channels(self) -> tuple[str, str]:
        """Both hear of every incident: one is subscribed, the other is the alert channel."""
        return self.stage.growers, self.stage.alerts

    def newcomer(self) -> LeafUser:
        self.made += 1
        user = self.stage.world.leaf.add_user(f"Farm {self.made:05}", f"farm{self.made}@farms.example")
        self.stage.world.fieldview.add_account(user.email, "Farmer", f"{self.made:05}")
        return user

    async def connected(self) -> LeafUser:
        """A grower the bot knows to be well."""
        user = self.newcomer()
        self.stage.world.leaf.connect(user)
        await self.stage.running.bot.monitor.check(user.id, "status")
        return user

    def dies(self, user: LeafUser) -> None:
        """Without a word from Leaf."""
        self.stage.world.leaf.set_status(user, "UNAUTHENTICATED")

    def cards(self, user: LeafUser, channel: str) -> list[Message]:
        found = self.stage.world.slack.posted(channel)
        return [each for each in found if user.name in text_of(each) and each.thread_ts is None]

    async def until(self, so: Callable[[], Awaitable[bool]], promise: str, *, comes_round: str = SWEEP) -> None:
        """Time passes, and the timer starts this job again, until it is so; if it never is, the promise is broken."""
        began, turn = time.monotonic(), 0
        while not await _ok(so):
            assert time.monotonic() < began + PATIENCE, f"broken promise: {promise}"
            self.stage.world.clock.advance(timedelta(seconds=2))
            await asyncio.sleep(0.05)
            if (turn := turn + 1) % 20 == 0:
                await _ok(lambda: self.starts(comes_round))

    async def is_alive(self) -> bool:
        """Whether the bot runs and need not be started anew: without its place among the replicas it stops itself."""
        return await self.stage.running.timer._place.is_held()

    async def starts(self, job: str, subject: str = "") -> bool:
        """The job comes due: by default a fresh one, as timers start them."""
        subject = subject or f"{job}-{uuid.uuid4().hex}"
        await self.jobs.start_now(job, subject, f"{job}-{uuid.uuid4().hex}")
        return True

    async def told(self, user: LeafUser) -> None:
        """Every channel was told that this grower's connection died: once, or twice when an answer was in doubt."""

        async def everywhere() -> bool:
            return all(self.cards(user, channel) for channel in self.channels)

        await self.until(everywhere, f"{user.name} is broken, and every channel is told so")
        for channel in self.channels:
            cards = self.cards(user, channel)
            assert len({announcement_of(card) for card in cards}) == 1, "one incident is one living message"
            assert len(cards) <= 2, "told once, or twice when an answer was lost"
            assert MENDED not in text_of(cards[-1])

    async def consent(self, user: LeafUser) -> Consent | None:
        async with self.stage.running.bot.database.reading() as session:
            return await consents.latest_of_grower(session, user.id)


async def _ok(so: Callable[[], Awaitable[bool]]) -> bool:
    """Whether it is so; while the bot is between two lives, or the database is away, it is not."""
    try:
        return await so()
    except AssertionError:
        raise
    except Exception:
        return False


class Story:
    """How a job comes due. `deeds` are the requests that matter most, by service: those whose answers are lost."""

    deeds: ClassVar[dict[Service, bytes]] = {}
    touches: ClassVar[tuple[Service, ...]] = ()
    """Services that the job surely talks to: a fault there must have struck, or the case proved nothing."""

    def __init__(self, place: Place) -> None:
        self.place = place

    async def prepare(self) -> None:
        """Everything before the job, in good weather."""

    async def begin(self) -> None:
        """The job comes due; the fault strikes when it starts."""
        raise NotImplementedError

    async def promise(self) -> None:
        """What holds in the end, once the weather is good again."""
        raise NotImplementedError


class _ADeathNobodyTold(Story):
    touches: ClassVar[tuple[Service, ...]] = (Service.LEAF, Service.POSTGRESQL)
    farm: LeafUser

    async def prepare(self) -> None:
        self.farm = await self.place.connected()
        self.place.dies(self.farm)

    async def promise(self) -> None:
        await self.place.told(self.farm)


class SweepStory(_ADeathNobodyTold):
    """A sweep meets a dead credential."""

    async def begin(self) -> None:
        await self.place.starts(SWEEP)


class CheckStory(_ADeathNobodyTold):
    """Somebody wants to know about this grower."""

    async def begin(self) -> None:
        await self.place.starts(CHECK, self.farm.id)


class AlertStory(_ADeathNobodyTold):
    """Leaf sends an alert, which is only a hint: Leaf is asked."""

    async def begin(self) -> None:
        delivery = await self.place.stage.world.leaf.alert(self.farm)
        assert delivery is not None
        assert delivery.delivered, delivery


class TendStory(_ADeathNobodyTold):
    """The bot looks after its webhook at Leaf, and after the alerts that Leaf could not deliver."""

    async def begin(self) -> None:
        await self.place.starts(TEND)


class DeliverStory(_ADeathNobodyTold):
    """An incident is known; its card is owed to both channels."""

    deeds: ClassVar[dict[Service, bytes]] = {Service.SLACK: b"/api/chat.postMessage"}
    touches: ClassVar[tuple[Service, ...]] = (Service.SLACK, Service.POSTGRESQL)

    async def begin(self) -> None:
        await self.place.stage.running.bot.monitor.check(self.farm.id, "status")


class ConsentStory(Story):
    """A grower comes back from FieldView with a code."""

    deeds: ClassVar[dict[Service, bytes]] = {
        Service.LEAF: b"POST /services/usermanagement",
        Service.FIELDVIEW: b"POST /api/oauth/token",
    }
    touches: ClassVar[tuple[Service, ...]] = (Service.LEAF, Service.FIELDVIEW, Service.POSTGRESQL)
    farm: LeafUser
    link: str

    async def prepare(self) -> None:
        bot = self.place.stage.running.bot
        self.farm = self.place.newcomer()
        grower = await bot.directory.find(self.farm.name)
        made = await bot.inviting.invite(grower, self.place.stage.grace, None)
        assert isinstance(made, Invitation)
        self.link = made.url

    async def begin(self) -> None:
        await self._presses()

    async def _presses(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as browser:
            left = await browser.post(self.link)
            assert left.status_code == 303, left.text
            back = await browser.get(
                self.place.stage.world.fieldview.approve(left.headers["location"], self.farm.email)
            )
            assert back.status_code == 303, back.text

    async def promise(self) -> None:
        """Connected once; or whoever asked is told that the grower has to press again, and then it works."""
        await self.place.until(self._is_through, f"{self.farm.name}'s consent comes to an end")
        consent = await self.place.consent(self.farm)
        assert consent is not None
        if consent.state is ConsentState.OPEN:
            await self.place.until(self._team_is_told, f"the team hears that {self.farm.name} has to press again")
            await self._presses()
            await self.place.until(self._is_connected, f"{self.farm.name} is connected after pressing again")
        rows = [deed.action for deed in await self.place.stage.audit() if deed.target == self.farm.id]
        assert rows.count("consent-completed") == 1, rows
        assert self.farm.credential is not None
        fieldview = self.place.stage.world.fieldview
        assert fieldview.is_live(self.farm.credential.refresh_token), "what Leaf holds works"
        await self.place.until(self._channels_are_told, f"the channels hear that {self.farm.name} is connected")
        for channel in self.place.channels:
            assert len(self.place.cards(self.farm, channel)) <= 2

    async def _is_through(self) -> bool:
        consent = await self.place.consent(self.farm)
        again = consent is not None and consent.state is ConsentState.OPEN and consent.trouble is not None
        return again or await self._is_connected()

    async def _is_connected(self) -> bool:
        consent = await self.place.consent(self.farm)
        return consent is not None and consent.state is ConsentState.CONNECTED

    async def _team_is_told(self) -> bool:
        slack, grace = self.place.stage.world.slack, self.place.stage.grace
        return any(self.farm.name in text_of(each) for each in slack.posted(slack.dm(grace)))

    async def _channels_are_told(self) -> bool:
        return all(self.place.cards(self.farm, channel) for channel in self.place.channels)


class FirstDataStory(ConsentStory):
    """A grower has consented, and the first data comes in."""

    deeds: ClassVar[dict[Service, bytes]] = {Service.LEAF: b"/resources?"}
    touches: ClassVar[tuple[Service, ...]] = (Service.LEAF, Service.POSTGRESQL)
    consent_id: str

    async def prepare(self) -> None:
        await super().prepare()
        await self._presses()
        await self.place.until(self._is_connected, f"{self.farm.name} is connected")
        consent = await self.place.consent(self.farm)
        assert consent is not None
        self.consent_id = consent.id
        # Consents of other stories are followed at the same time.
        HastyJobs.meant[FOLLOW] = self.consent_id
        # A look that began before the fault might find the data, and leave nothing to the one that the fault strikes.
        await self.place.until(self._nobody_looks, "the looks that began earlier end")

    async def _nobody_looks(self) -> bool:
        return not HastyJobs.under_way[FOLLOW, self.consent_id]

    async def begin(self) -> None:
        # The bot follows this one by itself, too: not before now does data come in. And nothing is asked of the
        # database before that, for the fault may strike that other look first.
        await self.place.stage.world.leaf.sync(self.farm)
        await self.place.starts(FOLLOW, self.consent_id)

    async def promise(self) -> None:
        """The first data is noticed, once."""

        async def noticed() -> bool:
            async with self.place.stage.running.bot.database.reading() as session:
                first = await first_data.get(session, self.consent_id)
            return first is not None and first.came_at is not None

        await self.place.until(noticed, f"the first data of {self.farm.name} is noticed")
        rows = [deed.action for deed in await self.place.stage.audit() if deed.target == self.farm.id]
        assert rows.count("first-data") == 1


class ChaseStory(ConsentStory):
    """A link has run out unused; whoever asked decides what comes next."""

    deeds: ClassVar[dict[Service, bytes]] = {}
    touches: ClassVar[tuple[Service, ...]] = (Service.POSTGRESQL,)

    async def prepare(self) -> None:
        await super().prepare()
        self.place.stage.world.clock.advance(timedelta(days=8))

    async def begin(self) -> None:
        await self.place.starts(CHASE)

    async def promise(self) -> None:
        """The one who asked is told that it ran out, which happened once."""
        await self.place.until(
            self._team_is_told, f"the team hears that {self.farm.name} did nothing", comes_round=CHASE
        )
        rows = [deed.action for deed in await self.place.stage.audit() if deed.target == self.farm.id]
        assert rows.count("consent-expired") == 1, rows


class DisconnectStory(Story):
    """The team wants a connection ended, and the time to undo is over."""

    touches: ClassVar[tuple[Service, ...]] = (Service.LEAF, Service.POSTGRESQL)
    farm: LeafUser

    async def prepare(self) -> None:
        self.farm = await self.place.connected()

    async def begin(self) -> None:
        bot = self.place.stage.running.bot
        grower = await bot.directory.find(self.farm.name)
        await bot.disconnecting.begin(grower, self.place.stage.linus)

    async def promise(self) -> None:
        """The credential is gone from Leaf, and nobody takes that for a failure."""

        async def ended() -> bool:
            connection = await self.place.stage.connection(self.farm.email)
            return self.farm.credential is None and connection is not None and connection.status == "absent"

        await self.place.until(ended, f"the connection of {self.farm.name} is ended")
        assert not [card for channel in self.place.channels for card in self.place.cards(self.farm, channel)]


class FreshnessStory(Story):
    """The bot reads how fresh everybody's data is."""

    touches: ClassVar[tuple[Service, ...]] = (Service.LEAF, Service.POSTGRESQL)
    farm: LeafUser

    async def prepare(self) -> None:
        self.farm = await self.place.connected()
        self.place.stage.world.leaf.stand_still(self.farm, 1)

    async def begin(self) -> None:
        await self.place.starts(FRESHNESS)

    async def promise(self) -> None:
        """What Leaf says of the last data is known in the end; an ill Leaf makes nobody silent."""
        await self.place.until(self._is_read, f"the data of {self.farm.name} is looked at", comes_round=FRESHNESS)

    async def _is_read(self) -> bool:
        async with self.place.stage.running.bot.database.reading() as session:
            read = await freshness.get(session, self.farm.id)
        return read is not None and read.synced_at is not None


class SilenceStory(FreshnessStory):
    """Once a day it is told who has fallen silent."""

    touches: ClassVar[tuple[Service, ...]] = (Service.POSTGRESQL,)

    async def prepare(self) -> None:
        await super().prepare()
        self.place.stage.world.clock.advance(timedelta(days=1.5))
        self.place.stage.world.leaf.stand_still(self.farm, 20)
        await self.place.starts(FRESHNESS)
        await self.place.until(self._is_read, "the silence is seen", comes_round=FRESHNESS)

    async def begin(self) -> None:
        await self._tells()

    async def _tells(self) -> bool:
        yesterday = self.place.stage.world.clock() - timedelta(days=1)
        return await self.place.starts(SILENCE, yesterday.date().isoformat())

    async def promise(self) -> None:
        """Each channel is told once, or twice when an answer was in doubt."""

        async def told() -> bool:
            return all(self.place.cards(self.farm, channel) for channel in self.place.channels)

        await self.place.until(told, f"every channel hears that nothing comes from {self.farm.name}")
        for channel in self.place.channels:
            assert len(self.place.cards(self.farm, channel)) <= 2


class PeopleStory(Story):
    """Somebody who looks after a grower has left the workspace; the daily look finds out."""

    touches: ClassVar[tuple[Service, ...]] = (Service.SLACK, Service.POSTGRESQL)
    name: str

    async def prepare(self) -> None:
        farm = await self.place.connected()
        slack, self.name = self.place.stage.world.slack, f"Quentin {farm.name}"
        owner = slack.add_user(f"quentin{self.place.made}", self.name, f"quentin{self.place.made}@greenacres.example")
        async with self.place.stage.running.bot.database.transaction() as session:
            await owners.give(session, farm.id, owner)
        slack.deactivate(owner)

    async def begin(self) -> None:
        await self.place.starts(PEOPLE)

    async def promise(self) -> None:
        """The operators are told once, or twice when an answer was in doubt."""

        async def told() -> bool:
            return bool(self._notices())

        await self.place.until(told, f"the operators hear that {self.name} has left", comes_round=PEOPLE)
        assert len({announcement_of(notice) for notice in self._notices()}) == 1
        assert len(self._notices()) <= 2

    def _notices(self) -> list[Message]:
        return [
            each for each in self.place.stage.world.slack.posted(self.place.stage.alerts) if self.name in text_of(each)
        ]


class BulkStory(Story):
    """A list of growers, one of them in Slack and one not, becomes links."""

    deeds: ClassVar[dict[Service, bytes]] = {Service.SLACK: b"/api/chat.postMessage"}
    touches: ClassVar[tuple[Service, ...]] = (Service.SLACK, Service.POSTGRESQL)
    farms: tuple[LeafUser, LeafUser]
    bulk: Bulk
    reader: str

    async def prepare(self) -> None:
        stage = self.place.stage
        self.farms = (self.place.newcomer(), self.place.newcomer())
        first = self.farms[0]
        self.reader = stage.world.slack.add_user(f"farmer{self.place.made}", first.name, first.email)
        for farm in self.farms:
            await stage.running.bot.directory.find(farm.name)
        await stage.sweeps_now()
        names = "\n".join(farm.name for farm in self.farms).encode()
        self.bulk = await stage.running.bot.bulk_inviting.plan("growers.csv", names, stage.grace, None)

    async def begin(self) -> None:
        await self.place.stage.running.bot.bulk_inviting.start(self.bulk.id, self.place.stage.grace)

    async def promise(self) -> None:
        """Each grower has one link, who is in Slack got it, and the file with both has come."""
        await self.place.until(self._is_listed, "the list comes back with both links")
        for farm in self.farms:
            rows = [row.action for row in await self.place.stage.audit() if row.target == farm.id]
            assert rows.count("connect") == 1, rows
        slack = self.place.stage.world.slack
        assert 1 <= len(slack.posted(slack.dm(self.reader))) <= 2, "once, or twice when an answer was in doubt"

    async def _is_listed(self) -> bool:
        return any(map(self._is_whole, self._files()))

    def _files(self) -> list[str]:
        slack = self.place.stage.world.slack
        sent = [file["id"] for each in slack.posted(slack.dm(self.place.stage.grace)) for file in each.files]
        return [(slack.files[file].content or b"").decode("utf-8-sig") for file in sent]

    def _is_whole(self, text: str) -> bool:
        return all(any(farm.name in line and "/connect/" in line for line in text.split("\n")) for farm in self.farms)


class HandBackStory(BulkStory):
    """The links are made; the file with them is asked for once more."""

    deeds: ClassVar[dict[Service, bytes]] = {Service.SLACK: b"/api/files.completeUploadExternal"}
    before = 0

    async def prepare(self) -> None:
        await super().prepare()
        await super().begin()
        await self.place.until(self._is_listed, "the list comes back once")
        # The file is there before the job that sent it has ended, and its end must not count as that of the next one.
        await self.place.until(self._nothing_runs, "the job that sent it ends")
        self.before = len(self._files())

    async def begin(self) -> None:
        await self.place.starts(HAND_BACK, self.bulk.id)

    async def _nothing_runs(self) -> bool:
        return not self.place.jobs._running

    async def _is_listed(self) -> bool:
        return await super()._is_listed() and len(self._files()) > self.before


STORIES: dict[str, type[Story]] = {
    TEND: TendStory,
    PEOPLE: PeopleStory,
    END: DisconnectStory,
    FOLLOW: FirstDataStory,
    FRESHNESS: FreshnessStory,
    SILENCE: SilenceStory,
    SWEEP: SweepStory,
    CHECK: CheckStory,
    ALERT: AlertStory,
    DELIVER: DeliverStory,
    COMPLETE: ConsentStory,
    CHASE: ChaseStory,
    MAKE: BulkStory,
    HAND_BACK: HandBackStory,
}
