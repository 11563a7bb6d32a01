"""A soak: the program is killed at random moments for as long as it takes, while the world goes on around it.

    make soak                                       # 100 kills on SQLite, then 100 on PostgreSQL with two replicas
    make soak ARGS="--database postgresql --kills 20 --seed 7"
    make soak ARGS="--storms --kills 30"            # many break at once, and channels read of them in one message

Growers' credentials die and are repaired, Leaf sends alerts, true ones and false ones, Slack and Leaf have bad moments,
growers consent. At the end every channel is compared with the truth (tests/faults/truth.py). Chance is seeded and the
seed is printed; moments are the machine's own, so a seed repeats the story and not every instant of it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

import httpx
from sqlalchemy import select

from bot.sandbox.clock import Clock
from bot.sandbox.leaf.records import MISSING_PERMISSION, UNAUTHENTICATED
from bot.sandbox.serving import serving
from bot.sandbox.slack.workspace import Message
from bot.sandbox.world import World
from storage import consents, outbox, sweeps
from storage.database import Database
from storage.records import AnnouncementKind, ConsentState, StormKind
from storage.tables import AnnouncementRow, StormRow
from tests.databases import Databases, migrate
from tests.faults.backlog import backlog, consents_of
from tests.faults.frontdoor import front_door
from tests.faults.lives import Lives, Spot
from tests.faults.truth import MENDED, announcement_of, judge
from tests.faults.verdicts import Farm, Verdict
from tests.postgresql import SharedServer
from tests.program import Program, environment_of, free_port
from tests.stage import buttons_of, eventually, link_in, text_of

ALIKE = 250
"""Growers for whom nothing ever happens; there must be some, and more than a page of them."""

QUIET = 240.0
"""Seconds at the end in which something must get less of what the program has to catch up with."""

SETTINGS = {"SWEEP_INTERVAL": "2", "LOG_LEVEL": "warning"}
"""Looks often, so that there is much to interrupt."""

NO_STORMS = {"STORM_SIZE": "100000"}
"""Every incident has a card of its own to be judged by."""


@dataclass
class Story:
    """Everything that chance may touch."""

    world: World
    programs: list[Program]
    lives: Lives
    slack_url: str
    """Slack's address with `lives` before it."""

    database: Database
    chance: random.Random
    grace: str
    room: str
    channels: list[str]
    storms: bool
    farms: list[Farm] = field(default_factory=list)
    kills: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    meanwhile: set[asyncio.Future[None]] = field(default_factory=set)
    journeys: dict[str, Farm] = field(default_factory=dict)
    """Growers who are not through with their consent, by name."""

    def aside(self, deed: Awaitable[None]) -> None:
        """Goes on while everything else goes on."""
        self.meanwhile.add(asyncio.ensure_future(deed))

    # What happens to growers

    def newcomer(self, *, connected: bool = True) -> Farm:
        number = len(self.farms) + 1
        user = self.world.leaf.add_user(f"Farm {number:05}", f"farm{number}@farms.example", f"F-{number:05}")
        self.world.fieldview.add_account(user.email, "Farmer", f"{number:05}")
        if connected:
            self.world.leaf.connect(user)
        self.farms.append(Farm(user))
        return self.farms[-1]

    def _one(self, suits: Callable[[Farm], bool]) -> Farm | None:
        found = [farm for farm in self.farms if suits(farm)]
        return self.chance.choice(found) if found else None

    async def break_for_long(self) -> None:
        """A credential dies and stays dead until a channel was told; Leaf sends an alert, or does not."""
        farm = self._one(_untouched) or self.newcomer()
        farm.held = True
        await self._break(farm)
        self.counts["credentials that died, held"] += 1

    async def break_for_a_moment(self) -> None:
        """A credential dies and is well again before anybody may have looked."""
        farm, wait = self._one(_untouched) or self.newcomer(), self.chance.uniform(0.0, 2.0)
        await self._break(farm)
        self.counts["credentials that died for a moment"] += 1

        async def mend() -> None:
            await asyncio.sleep(wait)
            self.world.leaf.restore(farm.user)

        self.aside(mend())

    async def _break(self, farm: Farm) -> None:
        farm.broke_at = self.world.clock()
        leaf = self.world.leaf
        match self.chance.choice(["revoked", "limited", "silently"]):
            case "revoked":
                self.counts["true alerts sent by Leaf"] += 1
                await leaf.revoke(farm.user)
            case "limited":
                self.counts["true alerts sent by Leaf"] += 1
                await leaf.limit(farm.user)
            case _:
                leaf.set_status(farm.user, self.chance.choice([UNAUTHENTICATED, MISSING_PERMISSION]))

    async def mend_somebody(self) -> None:
        """Somebody whom at least one channel knows to be broken works again, by itself or through a consent."""
        if farm := self._one(self._may_be_mended):
            self._mend(farm)

    def _may_be_mended(self, farm: Farm) -> bool:
        return farm.held and not farm.is_well and not farm.consented and self._is_told(farm)

    def _mend(self, farm: Farm) -> None:
        if self.chance.random() < 0.5:
            self.world.leaf.restore(farm.user)
            self.counts["repairs: Leaf found it well"] += 1
        else:
            self._consents(farm)
            self.counts["repairs: the grower consented again"] += 1

    async def connect_somebody(self) -> None:
        self._consents(self.newcomer(connected=False))
        self.counts["newcomers who consent"] += 1

    def _is_told(self, farm: Farm) -> bool:
        return any(
            farm.name in text_of(message) and MENDED not in text_of(message)
            for channel in self.channels
            for message in self.world.slack.posted(channel)
        )

    def _consents(self, farm: Farm) -> None:
        farm.consented = True
        self.journeys[farm.name] = farm
        self.aside(self._journey(farm))

    async def _journey(self, farm: Farm) -> None:
        """A grower with a browser, as patient as need be: asks for a link, presses it, presses it again if told to."""
        link = ""
        while True:
            state = await self._consent_state(farm)
            if state is ConsentState.CONNECTED:
                del self.journeys[farm.name]
                return
            if not link or state in (None, ConsentState.REVOKED, ConsentState.FAILED):
                # Without an answer there may be a new link all the same, and then the one before is good for nothing.
                link = await self._asks_for_link(farm) or ""
            elif state is ConsentState.OPEN:
                with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
                    # A late answer may have brought the link that a newer one replaced: its page says so.
                    link = link if await self._presses(link, farm) else ""
            await asyncio.sleep(0.5)

    async def _consent_state(self, farm: Farm) -> ConsentState | None:
        """Of the one that led to a connection, whatever links were made meanwhile; else of the latest."""
        async with self.database.reading() as session:
            found = await consents.latest_connected(session, farm.user.id)
            found = found or await consents.latest_of_grower(session, farm.user.id)
        return found.state if found else None

    async def _asks_for_link(self, farm: Farm) -> str | None:
        slack = self.world.slack
        seen = {message.ts for message in slack.whispered(self.grace)}
        if not await self.types(f"/fieldview connect {farm.name}"):
            return None

        def answers(sign: str) -> list[Message]:
            fresh = [each for each in slack.whispered(self.grace) if each.ts not in seen]
            return [each for each in fresh if farm.name in text_of(each) and sign in repr(each.blocks)]

        with contextlib.suppress(TimeoutError):
            await slack.until(lambda: answers("/connect/") or answers("send-link-anyway"), timeout=8)
            for warning in answers("send-link-anyway"):
                await slack.click(self.grace, warning.channel, warning.ts, "send-link-anyway")
            return link_in((await slack.until(lambda: answers("/connect/"), timeout=8))[-1])
        return None

    async def _presses(self, link: str, farm: Farm) -> bool:
        """False when the page says that the link is good for nothing any more."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as browser:
            left = await browser.post(link)
            if left.status_code == 303:
                await browser.get(self.world.fieldview.approve(left.headers["location"], farm.user.email))
        return left.status_code != HTTPStatus.GONE

    # What people type, and what Leaf says that is not so

    async def types(self, text: str) -> bool:
        outcome = await self.world.slack.command(self.grace, self.room, text)
        return outcome.ok

    async def ask_for_status(self) -> None:
        farm = self.chance.choice(self.farms)
        self.counts["status questions"] += 1
        farm.asked += await self.types(f"/fieldview status {farm.name}")

    async def false_alert(self) -> None:
        if farm := self._one(lambda farm: farm.is_well and farm.broke_at is None):
            self.counts["false alerts sent by Leaf"] += 1
            await self.world.leaf.alert(farm.user)

    async def fieldview_ill_for_one(self) -> None:
        """Leaf's word for FieldView being down: no incident, whatever else."""
        if farm := self._one(lambda farm: _untouched(farm) and farm.is_well):
            self.counts["growers for whom FieldView was down"] += 1
            self.world.leaf.fail(farm.user)
            wait = self.chance.uniform(0.5, 4)

            async def over() -> None:
                await asyncio.sleep(wait)
                if farm.broke_at is None:
                    self.world.leaf.restore(farm.user)

            self.aside(over())

    # What happens to many at once

    async def many_break(self) -> None:
        """A storm, or more of the one there is."""
        self.counts["times that many broke at once"] += 1
        for _ in range(self.chance.randint(5, 12)):
            await self.break_for_long()

    async def many_are_mended(self) -> None:
        """Most of those whom channels know to be broken; sometimes all of them, which ends the storm."""
        told = [farm for farm in self.farms if self._may_be_mended(farm)]
        if len(told) > 1:
            self.counts["times that many were mended at once"] += 1
            for farm in told[: self.chance.randint(len(told) // 2, len(told))]:
                self._mend(farm)

    async def fieldview_ill_for_many(self) -> None:
        self.counts["times that FieldView was down for many"] += 1
        for _ in range(self.chance.randint(5, 10)):
            await self.fieldview_ill_for_one()

    # Bad moments of the others

    async def slack_says_slow_down(self) -> None:
        self.counts["429s ordered from Slack"] += (times := self.chance.randint(1, 5))
        self.world.slack.rate_limit(self.chance.choice(["chat.postMessage", "chat.update", ""]), 1, times)

    async def slack_is_ill(self) -> None:
        self.counts["errors ordered from Slack"] += (times := self.chance.randint(1, 4))
        self.world.slack.faults.outage("chat", times=times)

    async def leaf_is_ill(self) -> None:
        self.counts["Leaf outages"] += 1
        leaf, wait = self.world.leaf.faults, self.chance.uniform(0.5, 4.0)
        match self.chance.choice(["503", "html", "page", "slow", "429"]):
            case "503":
                fault = leaf.outage()
            case "html":
                fault = leaf.html()
            case "page":
                fault = leaf.html(status=200)
            case "429":
                fault = leaf.outage(status=429, retry_after=1)
            case _:
                fault = leaf.slow(1.0)

        async def over() -> None:
            await asyncio.sleep(wait)
            with contextlib.suppress(ValueError):
                leaf.active.remove(fault)

        self.aside(over())

    async def leaf_forgets_logins(self) -> None:
        self.counts["times Leaf forgot our login"] += 1
        self.world.leaf.stale_logins()

    # Kills

    async def kill(self) -> list[Program]:
        """SIGKILL at a moment of chance's choosing; with replicas, sometimes all of them."""
        await self._moment()
        living = list(self.programs)
        if len(living) > 1 and self.chance.random() > 0.15:
            living = [self.chance.choice(living)]
        for program in living:
            self.kills += 1
            ordered = self.world.clock()
            await program.is_killed()
            self.lives.ends(program, ordered, await self._known_to_the_database())
        return living

    async def is_started(self, program: Program) -> None:
        """Serve, at an address of Slack's of this life's own."""
        program.environment = {
            **program.environment,
            "SLACK_API_URL": self.lives.begins(program, self.slack_url),
        }
        await program.starts()

    async def _known_to_the_database(self) -> frozenset[Spot]:
        """Where the messages stand of which it knows that Slack has them."""
        places = select(AnnouncementRow.posted_channel, AnnouncementRow.ts).where(AnnouncementRow.ts.is_not(None))
        async with self.database.reading() as session:
            return frozenset((str(channel), str(ts)) for channel, ts in await session.execute(places))

    async def _moment(self) -> None:
        """Any moment, or the one right after Slack or Leaf has done something for us."""
        slack, leaf = self.world.slack, self.world.leaf
        which, patience = self.chance.choice(["any", "post", "post", "edit", "leaf"]), self.chance.uniform(1.0, 3.0)
        if which == "any":
            return await asyncio.sleep(patience / 2)
        method = {"post": "chat.postMessage", "edit": "chat.update"}.get(which)

        def done() -> int:
            return slack.calls(method) if method else len(leaf.requests)

        before = done()

        async def more() -> bool:
            return done() > before

        with contextlib.suppress(TimeoutError):
            await eventually(more, within=patience)
            self.counts[f"kills aimed right after: {which}"] += 1
        return None


def _untouched(farm: Farm) -> bool:
    return farm.broke_at is None and not farm.consented and farm.is_well


EVENTS: Sequence[tuple[int, Callable[[Story], Awaitable[None]]]] = (
    (8, Story.break_for_long),
    (2, Story.break_for_a_moment),
    (8, Story.mend_somebody),
    (2, Story.connect_somebody),
    (2, Story.ask_for_status),
    (2, Story.false_alert),
    (1, Story.fieldview_ill_for_one),
    (2, Story.slack_says_slow_down),
    (1, Story.slack_is_ill),
    (2, Story.leaf_is_ill),
    (1, Story.leaf_forgets_logins),
)

STORMY_EVENTS = (*EVENTS, (3, Story.many_break), (3, Story.many_are_mended), (1, Story.fieldview_ill_for_many))


async def something_happens(story: Story) -> None:
    weights, events = zip(*(STORMY_EVENTS if story.storms else EVENTS), strict=True)
    for event in story.chance.choices(events, weights, k=story.chance.randint(1, 3)):
        await event(story)


@asynccontextmanager
async def opened(
    database_url: str, folder: Path, replicas: int, seed: int, alike: int, *, storms: bool
) -> AsyncIterator[Story]:
    """The world, the program in so many processes, and three channels that want to hear of everything."""
    front, ports = free_port(), [free_port() for _ in range(replicas)]
    database = Database(database_url)
    chance = random.Random(seed)  # noqa: S311 - a script, no cryptography
    async with (
        World.running(Clock(), delivers_alerts=True) as world,
        front_door(front, ports),
        AsyncExitStack() as stack,
    ):
        slack, lives = world.slack, Lives(world.slack.app)
        slack_url = await stack.enter_async_context(serving(lives))
        grace = slack.add_user("grace", "Grace Okafor", "grace@greenacres.example")
        channels = [slack.add_channel(name, [grace]) for name in ("alerts", "growers", "field-team")]
        slack.deliver_to = f"http://127.0.0.1:{front}/slack/events"
        world.fieldview.allow_redirect(f"http://127.0.0.1:{front}/oauth/fieldview/callback")
        world.leaf.send_alerts_to(f"http://127.0.0.1:{front}/leaf/alerts")
        programs = []
        # Without this the second replica would have other keys than the first.
        common = environment_of(world, database_url, front) | SETTINGS | {"ALERT_CHANNEL": channels[0]}
        common |= {} if storms else NO_STORMS
        for number, port in enumerate(ports):
            (place := folder / f"replica-{number}").mkdir()
            programs.append(Program(common | {"PORT": str(port)}, place))
        story = Story(world, programs, lives, slack_url, database, chance, grace, channels[1], channels, storms)
        for _ in range(alike):
            story.newcomer()
        try:
            await asyncio.gather(*(story.is_started(program) for program in programs))
            for channel in channels[1:]:
                await _subscribe(story, channel)
            yield story
        finally:
            for task in story.meanwhile:
                task.cancel()
            for program in programs:
                if program.process is not None and program.process.returncode is None:
                    await program.is_killed()
            await database.close()


async def _subscribe(story: Story, channel: str) -> None:
    outcome = await story.world.slack.command(story.grace, channel, "/fieldview subscribe")
    assert outcome.ok, outcome
    await story.world.slack.until(lambda: story.world.slack.posted(channel), timeout=60)


async def _quiet(story: Story) -> None:
    """The bad moments end, and the program gets time to catch up: as long as it gets on. Raises TimeoutError."""
    for faults in (story.world.leaf.faults, story.world.fieldview.faults, story.world.slack.faults):
        faults.heal()
    story.world.slack.rate_limits.clear()
    await _gets_done("growers consent", lambda: _under_way(story))
    await asyncio.gather(*story.meanwhile)
    story.meanwhile.clear()
    for number in range(3):
        since = story.world.clock()
        await _gets_done(f"sweep {number + 1} of 3", lambda since=since: _unswept(story, since))  # type: ignore[misc]
    await _gets_done("messages are delivered", lambda: _owed(story))


async def _gets_done(what: str, how_much: Callable[[], Awaitable[int]]) -> None:
    """Wait until nothing of it is left. Raises TimeoutError when it was never less for so long."""
    left, since = await how_much(), time.monotonic()
    while left:
        if time.monotonic() > since + QUIET:
            raise TimeoutError(what)
        await asyncio.sleep(0.1)
        if (now := await how_much()) < left:
            left, since = now, time.monotonic()


async def _under_way(story: Story) -> int:
    return sum(not deed.done() for deed in story.meanwhile)


async def _unswept(story: Story, since: datetime) -> int:
    """One until a whole sweep has begun and ended since then."""
    async with story.database.reading() as session:
        last = await sweeps.last_finished(session)
    return int(last is None or last.started_at <= since)


async def _owed(story: Story) -> int:
    async with story.database.reading() as session:
        return await outbox.depth(session)


async def _unfinished(story: Story) -> list[str]:
    """In words, what the program or a grower has not got done."""
    growers = []
    for farm in story.journeys.values():
        consents = "; ".join(await consents_of(story.database, farm.user.id)) or "no consent"
        growers.append(f"a grower tries in vain: {consents}")
    return growers + await backlog(story.database)


async def _lists_of_storms(story: Story) -> dict[str, set[str]]:
    """Somebody presses "Show the list" below each storm's message and turns every page: the names they read."""
    async with story.database.reading() as session:
        storms = {row.id for row in await session.scalars(select(StormRow)) if row.kind == StormKind.GROWERS}
        owed = await session.scalars(select(AnnouncementRow).where(AnnouncementRow.kind == AnnouncementKind.STORM))
        shown = {row.id: row.subject for row in owed if row.subject in storms and row.channel == story.room}
    lists: dict[str, set[str]] = {}
    for message in story.world.slack.posted(story.room):
        if storm := shown.get(announcement_of(message) or ""):
            lists[storm] = await _reads_the_list(story, message) if "show-storm" in buttons_of(message) else set()
    return lists


async def _reads_the_list(story: Story, message: Message) -> set[str]:
    names: set[str] = set()
    page, turn = message, "show-storm"
    while turn in buttons_of(page):
        page, turn = await _pressed(story, page, turn), "storm-older"
        names |= {farm.name for farm in story.farms if farm.name in text_of(page)}
    return names


async def _pressed(story: Story, message: Message, action: str) -> Message:
    """The private page that comes, or into which the one with the button changes."""
    slack = story.world.slack

    def pages() -> list[tuple[str, int]]:
        return [(each.ts, len(each.versions)) for each in slack.whispered(story.grace)]

    before = pages()
    outcome = await slack.click(story.grace, message.channel, message.ts, action)
    assert outcome.ok, outcome
    await slack.until(lambda: pages() != before, timeout=30)
    return slack.whispered(story.grace)[-1]


async def _audit_verifies(story: Story, verdict: Verdict) -> None:
    code, out, err = await story.programs[0].runs("audit", "verify")
    verdict.count("audit trail verified", int(code == 0))
    if code:
        verdict.fault(f"the audit trail does not verify: {out}{err}")


async def soak(
    database_url: str,
    folder: Path,
    *,
    replicas: int,
    kills: int,
    seed: int,
    alike: int = ALIKE,
    storms: bool = False,
    minutes: float = 24 * 60,
) -> Verdict:
    """Run the story until the program was killed that often, or for so long, then judge it."""
    until = time.monotonic() + 60 * minutes
    async with opened(database_url, folder, replicas, seed, alike, storms=storms) as story:
        if storms:
            await story.many_break()
        while story.kills < kills and time.monotonic() < until:
            await something_happens(story)
            dead = await story.kill()
            # The world does not wait until they are back.
            await asyncio.gather(something_happens(story), *(story.is_started(program) for program in dead))
        last_fault, unfinished = time.monotonic(), []
        try:
            await _quiet(story)
        except TimeoutError as gave_up:
            unfinished = [f"for {QUIET:.0f} s nothing got on: {gave_up}", *await _unfinished(story)]
        caught_up = time.monotonic() - last_fault
        lists = await _lists_of_storms(story)
        for program in story.programs:
            program.is_told_to_stop()
            await program.exit_code()
        verdict = await judge(story.world, story.database, story.farms, story.channels, story.lives, lists)
        verdict.count("seconds to catch up after the last fault", round(caught_up))
        verdict.broken_promises += unfinished
        await _audit_verifies(story, verdict)
        crashes = sum("Traceback" in program.output for program in story.programs)
        verdict.count("processes that logged a crash", crashes)
        verdict.counts = Counter({"kills": story.kills}) + story.counts + verdict.counts
        return verdict


def report(verdict: Verdict) -> str:
    """The counts, and whatever promise was not kept."""
    lines = [f"{number:7}  {what}" for what, number in verdict.counts.items()]
    if verdict.longest_doubt:
        lines.append(f"{verdict.longest_doubt.total_seconds():7.3f}  seconds at most between that answer and the kill")
    lines += [f"BROKEN   {what}" for what in verdict.broken_promises] or ["every promise was kept"]
    return "\n".join(lines)


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    server = SharedServer(folder)
    databases = Databases(folder, server, migrate)
    if kind == "sqlite":
        yield databases.sqlite(folder / "fieldview.db")
        return
    try:
        with databases.postgresql() as url:
            yield url
    finally:
        server.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument(
        "--minutes", type=float, default=24 * 60, help="stop killing after so long, however many it were"
    )
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--storms", action="store_true", help="let many break at once, and storms form")
    parser.add_argument("--keep", type=Path, help="copy what the programs logged, and SQLite's file, to this folder")
    given = parser.parse_args(arguments)
    seed = given.seed if given.seed is not None else random.randrange(1_000_000)  # noqa: S311 - no secret
    broken = 0
    for kind in ("sqlite", "postgresql") if given.database == "both" else (given.database,):
        replicas, began = (1 if kind == "sqlite" else 2), time.monotonic()
        what = "kills, with storms" if given.storms else "kills"
        sys.stdout.write(f"{kind}, {replicas} process(es), {given.kills} {what}, seed {seed}\n")
        sys.stdout.flush()
        with tempfile.TemporaryDirectory(prefix="fieldview-soak-") as made, _database(kind, Path(made)) as url:
            verdict = asyncio.run(
                soak(
                    url,
                    Path(made),
                    replicas=replicas,
                    kills=given.kills,
                    seed=seed,
                    storms=given.storms,
                    minutes=given.minutes,
                )
            )
            if given.keep:
                _keep(Path(made), given.keep / kind)
        sys.stdout.write(f"{report(verdict)}\n{time.monotonic() - began:.0f} seconds\n\n")
        sys.stdout.flush()
        broken += len(verdict.broken_promises)
    return 1 if broken else 0


def _keep(made: Path, where: Path) -> None:
    where.mkdir(parents=True, exist_ok=True)
    for output in made.glob("replica-*/output"):
        shutil.copy(output, where / f"{output.parent.name}.log")
    for file in made.glob("fieldview.db*"):
        shutil.copy(file, where)


if __name__ == "__main__":
    sys.exit(main())
