"""How many messages a channel gets in a month of ordinary life: `python -m benchmarks.month [--growers N] [--seed N]`.

The whole bot runs with its default settings against the stand-ins, whose clock is moved from one moment at which
something happens to the next. What happens is the model below: chance says when and to whom, the seed which chance.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet
from sqlalchemy import func, select
from starlette.responses import JSONResponse

from bot import logs
from bot.app import Running, Tuning, running
from bot.reports import Invitation
from bot.sandbox.clock import Clock
from bot.sandbox.leaf import LeafUser
from bot.sandbox.serving import Door, serving
from bot.sandbox.slack.workspace import Message
from bot.sandbox.world import World
from bot.settings import load
from bot.silence import TOLD_AT
from bot.slack_pace import Rates
from storage import outbox
from storage.records import AnnouncementKind
from storage.tables import Row

NEVER = datetime.max.replace(tzinfo=UTC)
BEGIN = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
DAYS = 30
STEP = timedelta(hours=2)
"""Between two looks at everybody when nothing happens; around whatever happens there is one every five minutes."""

SWEEP = timedelta(minutes=5)
Deed = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Model:
    """A month of five hundred growers; each number grows with how many there are."""

    revoked: int = 10
    """permissions that growers take back; the team sends a link within a day"""
    repaired: int = 7
    """of those, growers who agree again within four days; the others do not answer"""
    limited: int = 3
    """growers who leave a permission out"""
    hiccups: int = 15
    """single answers of Leaf's that are wrong: right when it is asked again"""
    dips: int = 5
    """connections that Leaf calls broken for half an hour and then well, though nobody did anything"""
    flapping: int = 2
    """connections that come and go eight times in a day"""
    silent: int = 10
    """growers whose data stops, though everything looks well"""
    invited: int = 15
    """new growers who are asked"""
    connected: int = 11
    """of those, growers who agree within five days"""
    declined: int = 1
    """of those, growers who say no"""
    disconnected: int = 2
    """connections that the team ends"""
    fieldview_down: timedelta = timedelta(hours=3)
    leaf_down: timedelta = timedelta(minutes=40)

    def of(self, growers: int) -> Model:
        """The same life for another number of growers."""
        counts = {name: value for name, value in vars(self).items() if isinstance(value, int)}
        scaled: dict[str, Any] = {name: max(1, round(value * growers / 500)) for name, value in counts.items()}
        return replace(self, **scaled)


@dataclass
class Month:
    """The stage, what is to happen when, and who still waits for what."""

    world: World
    bot: Running
    url: str
    agent: str
    admin: str
    channel: str
    chance: random.Random
    planned: list[tuple[datetime, Deed]] = field(default_factory=list)
    silent: dict[str, datetime] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    followed: set[str] = field(default_factory=set)

    def at(self, moment: datetime, deed: Deed) -> None:
        """Let it happen, with everybody looked at five and ten minutes later."""
        self.planned.append((moment, deed))
        for later in (1, 2):
            self.planned.append((moment + later * SWEEP, self.looks))

    def some_day(self, *, before: float = DAYS - 1) -> datetime:
        """By day, some time in the month."""
        day = self.chance.uniform(1, before)
        return BEGIN + timedelta(days=int(day), hours=self.chance.uniform(0, 11))

    async def looks(self) -> None:
        """The regular look at all connections, and what falls due by the clock."""
        bot, now = self.bot.bot, self.world.clock()
        await bot.monitor.sweep_job(f"month-{now.isoformat()}-{time.monotonic_ns()}")
        await self.bot.timer.round()
        await bot.chasing.chase_job(now.isoformat())
        await self.delivered()

    async def looks_at_data(self) -> None:
        """How fresh data is, whether the first has come, and once a day who is told of."""
        bot, now = self.bot.bot, self.world.clock()
        await bot.silences.look_job(now.isoformat())
        for consent in sorted(self.followed):
            await bot.first_data.follow(consent)
        day = (now - TOLD_AT).date().isoformat()
        if day not in self.told and await bot.silences.tell_job(day) is None:
            self.told.add(day)

    async def data_moves(self) -> None:
        """Leaf brings in everybody's data of the day, but for those who have fallen silent."""
        for user in self.world.leaf.users:
            is_silent = self.world.clock() >= self.silent.get(user.id, NEVER)
            if user.credential and user.credential.status == "OK" and not is_silent:
                await self.world.leaf.sync(user, farms=2, fields=30)

    async def delivered(self) -> None:
        while (await self.bot.bot.readiness.figures()).outbox_depth:  # noqa: ASYNC110 - rows in a database ring no bell
            await asyncio.sleep(0.02)

    async def invites(self, user: LeafUser) -> str | None:
        """The team makes a link; where it leads."""
        grower = await self.bot.bot.directory.by_id(user.id)
        made = await self.bot.bot.inviting.invite(grower, self.agent, None)
        return made.url if isinstance(made, Invitation) else None

    async def agrees(self, user: LeafUser, link: str) -> None:
        """The grower opens the link, signs in and agrees; Leaf validates at once."""
        async with httpx.AsyncClient(follow_redirects=False, timeout=60, trust_env=False) as browser:
            await browser.get(link)
            left = await browser.post(link)
            back = await browser.get(self.world.fieldview.approve(left.headers["location"], user.email))
            await browser.get(str(httpx.URL(self.url).join(back.headers["location"])))
        consent = max(
            await self.bot.bot.inviting.working(await self.bot.bot.directory.by_id(user.id)),
            default=None,
            key=lambda each: each.created_at,
        )
        if consent:
            self.followed.add(consent.id)
        while not user.credential:  # noqa: ASYNC110 - the bot gives it to Leaf in a job
            await asyncio.sleep(0.02)
        await self.world.leaf.settle()

    async def declines(self, link: str) -> None:
        async with httpx.AsyncClient(timeout=60, trust_env=False) as browser:
            await browser.get(link)
            await browser.post(f"{link}/decline")

    async def ends(self, user: LeafUser) -> None:
        """An admin ends a connection, and does not undo it."""
        await self.bot.bot.disconnecting.begin(await self.bot.bot.directory.by_id(user.id), self.admin)

    def plan(self, model: Model) -> None:
        """Who meets with what, and when."""
        users = list(self.world.leaf.users)
        self.chance.shuffle(users)
        take = iter(users)
        for number in range(model.revoked):
            self._revoked(next(take), repaired=number < model.repaired)
        for _ in range(model.limited):
            user = next(take)
            self.at(self.some_day(), lambda user=user: self.world.leaf.limit(user))  # type: ignore[misc]
        for _ in range(model.hiccups):
            self._hiccup()
        for _ in range(model.flapping):
            self._flaps(next(take))
        for _ in range(model.dips):
            self._dips(next(take))
        self.silent = {next(take).id: self.some_day(before=14) for _ in range(model.silent)}
        for _ in range(model.disconnected):
            user = next(take)
            moment = self.some_day()
            self.at(moment, lambda user=user: self.ends(user))  # type: ignore[misc]
            self.at(moment + timedelta(minutes=11), self.looks)
        for number in range(model.invited):
            self._invited(number, agrees=number < model.connected, declines=model.invited - number <= model.declined)
        self._outages(model)

    def _revoked(self, user: LeafUser, *, repaired: bool) -> None:
        moment = self.some_day(before=DAYS - 7)
        links: list[str | None] = []
        self.at(moment, lambda: self.world.leaf.revoke(user))

        async def asks() -> None:
            links.append(await self.invites(user))

        sent = moment + timedelta(hours=self.chance.uniform(1, 24))
        self.at(sent, asks)
        if repaired:
            answered = sent + timedelta(hours=self.chance.uniform(2, 96))
            self.at(answered, lambda: self.agrees(user, links[-1] or ""))

    def _hiccup(self) -> None:
        async def lies() -> None:
            """The first page of the next list calls somebody broken who is well."""
            leaf = self.world.leaf
            page = sorted(leaf.users, key=lambda user: user.id)[:100]
            well = [each for each in page if each.credential and each.credential.status == "OK"]
            if not well:
                return
            user = self.chance.choice(well)
            leaf.set_status(user, self.chance.choice(("UNAUTHENTICATED", "TEMPORARILY_UNAVAILABLE")))
            told = [each.as_json(leaf.embedded(each)) for each in page]
            leaf.set_status(user, "OK")
            count = {"X-Total-Count": str(sum(1 for _ in leaf.users))}
            leaf.faults.answer(JSONResponse(told, headers=count), r"^GET .*/users$", times=1)

        self.at(self.some_day(), lies)

    def _dips(self, user: LeafUser) -> None:
        async def sinks() -> None:
            self.world.leaf.set_status(user, "UNAUTHENTICATED")

        async def rises() -> None:
            self.world.leaf.set_status(user, "OK")

        moment = self.some_day()
        self.at(moment, sinks)
        self.at(moment + timedelta(minutes=30), rises)

    def _flaps(self, user: LeafUser) -> None:
        moment = self.some_day(before=DAYS - 3)
        for turn in range(8):
            word = "OK" if turn % 2 else "UNAUTHENTICATED"

            async def changes(word: str = word) -> None:
                self.world.leaf.set_status(user, word)

            self.at(moment + turn * timedelta(hours=2), changes)

    def _invited(self, number: int, *, agrees: bool, declines: bool) -> None:
        user = self.world.leaf.add_user(f"New farm {number:02}", f"new{number}@farms.example")
        self.world.fieldview.add_account(user.email or "", "New", f"Farmer {number:02}")
        moment = self.some_day(before=DAYS - 9)
        links: list[str | None] = []

        async def asks() -> None:
            await self.looks()
            links.append(await self.invites(user))

        self.at(moment, asks)
        answered = moment + timedelta(hours=self.chance.uniform(1, 120))
        if agrees:
            self.at(answered, lambda: self.agrees(user, links[-1] or ""))
        elif declines:
            self.at(answered, lambda: self.declines(links[-1] or ""))

    def _outages(self, model: Model) -> None:
        leaf, failed = self.world.leaf, list[LeafUser]()

        async def fieldview_fails() -> None:
            failed.extend(user for user in leaf.users if user.credential and user.credential.status == "OK")
            for user in failed:
                leaf.fail(user)

        async def fieldview_is_back() -> None:
            for user in failed:
                if user.credential and user.credential.status == "TEMPORARILY_UNAVAILABLE":
                    leaf.restore(user)

        async def leaf_fails() -> None:
            leaf.faults.outage("")

        async def leaf_is_back() -> None:
            leaf.faults.heal()

        for down, up, lasts, day in (
            (fieldview_fails, fieldview_is_back, model.fieldview_down, 9.25),
            (leaf_fails, leaf_is_back, model.leaf_down, 17.4),
        ):
            moment = BEGIN + timedelta(days=day)
            self.planned.append((moment, down))
            for turn in range(1, lasts // SWEEP):
                self.planned.append((moment + turn * SWEEP, self.looks))
            self.at(moment + lasts, up)

    async def passes(self) -> None:
        """The month, moment by moment."""
        end = BEGIN + timedelta(days=DAYS)
        for number in range(int((end - BEGIN) / STEP)):
            moment = BEGIN + number * STEP
            self.planned += [(moment, self.looks), (moment + timedelta(minutes=1), self.looks_at_data)]
            if moment.hour == 6:
                self.planned.append((moment - timedelta(minutes=1), self.data_moves))
        for moment, deed in sorted(self.planned, key=lambda each: each[0]):
            if moment > end:
                break
            self.world.clock.advance(max(timedelta(), moment - self.world.clock()))
            await deed()
            await self.delivered()


@asynccontextmanager
async def staged(growers: int, seed: int) -> AsyncIterator[Month]:
    """Everybody connected and well, one channel subscribed, default settings."""
    door, clock = Door(), Clock(BEGIN - timedelta(hours=1))
    with tempfile.TemporaryDirectory(prefix="fieldview-month-") as folder:
        async with World.running(clock, delivers_alerts=True) as world, serving(door) as url:
            slack = world.slack
            agent = slack.add_user("grace", "Grace Okafor", "grace@greenacres.example")
            admin = slack.add_user("linus", "Linus Berg", "linus@greenacres.example", admin=True)
            channel = slack.add_channel("growers", [agent, admin])
            slack.deliver_to = f"{url}/slack/events"
            world.fieldview.allow_redirect(f"{url}/oauth/fieldview/callback")
            for number in range(growers):
                user = world.leaf.add_user(f"Farm {number:04}", f"farm{number}@farms.example")
                world.fieldview.add_account(user.email or "", "Farmer", f"{number:04}")
                world.leaf.connect(user)
                await world.leaf.sync(user, farms=2, fields=30)
            settings = load(
                _env_file=None,
                **{name.lower(): value for name, value in world.environment().items()},
                slack_app_token=None,
                database_url=f"sqlite:///{Path(folder) / 'month.db'}",
                encryption_keys=Fernet.generate_key().decode(),
                public_url=url,
            )
            fast = Tuning(clock=clock, nap=0.1, rates=Rates().times(1000), edits_apart=0.0, unpaced=True, retries=1)
            async with running(settings, fast) as bot:
                door.app = bot.web
                # Its ticks are of real time; here they are played, so that the clock may jump between them.
                await bot.timer.stop()
                month = Month(world, bot, url, agent, admin, channel, random.Random(seed))  # noqa: S311 - a model
                await slack.command(admin, channel, "/fieldview subscribe")
                await month.looks()
                yield month


PURPOSES = {
    AnnouncementKind.INCIDENT: "a connection stopped working; the same message later says that it works again",
    AnnouncementKind.STORM: "many at once, or FieldView or Leaf ill",
    AnnouncementKind.CONNECTED: "a grower connected",
    AnnouncementKind.SILENCES: "who has sent no new data, at most once a day",
    AnnouncementKind.NO_DATA_YET: "connected, and after three days no data",
    AnnouncementKind.DISCONNECTION: "a connection was ended on purpose",
    AnnouncementKind.CONSENT_OUTCOME: "how a link ended, or that the grower has to press again",
    AnnouncementKind.CONSENT_REMINDER: "a reminder to pass on to a grower outside Slack",
    AnnouncementKind.OPERATOR_NOTICE: "the bot itself needs somebody",
}


async def kinds_of(month: Month, messages: list[Message]) -> Counter[str]:
    """What each of the messages was for."""
    found: Counter[str] = Counter()
    async with month.bot.bot.database.reading() as session:
        for message in messages:
            payload = (message.metadata or {}).get("event_payload", {})
            owed = await outbox.get(session, payload.get("id", ""))
            found[owed.kind.value if owed else "the greeting when the channel was subscribed"] += 1
    return found


async def table(month: Month) -> str:
    """What the channel got, and what went to the agent alone."""
    slack = month.world.slack
    posted = slack.posted(month.channel)
    replies = sum(len(slack.thread(message)) for message in posted)
    edits = sum(message.edits for message in posted)
    lines = ["| messages | what each was for |", "|---:|---|"]
    counted = (await kinds_of(month, posted)).most_common()
    lines += [f"| {number} | {_purpose(kind)} |" for kind, number in counted]
    lines.append(f"| **{len(posted)}** | **in the channel** |")
    private = await kinds_of(month, slack.posted(slack.dm(month.agent)))
    lines += [f"| {number} | {_purpose(kind)} |" for kind, number in private.most_common()]
    lines.append(f"| **{private.total()}** | **in direct messages to the colleague who made all links** |")
    lines.append("")
    lines.append(
        f"{replies} short replies stand in threads, which notify nobody who does not follow them; "
        f"{edits} times a message changed in place, which notifies nobody."
    )
    return "\n".join(lines)


async def rows(month: Month) -> str:
    """How many rows the month left in the database, the most first; the engine's own are not among them."""
    async with month.bot.bot.database.reading() as session:
        tables = Row.metadata.sorted_tables
        found = {table.name: await session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}
    told = sorted(found.items(), key=lambda each: -each[1])
    return "Rows in the database: " + ", ".join(f"{name} {number}" for name, number in told if number) + "."


def _purpose(kind: str) -> str:
    known = {each.value: words for each, words in PURPOSES.items()}
    return known.get(kind, kind)


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.month", description=__doc__)
    parser.add_argument("--growers", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logs.configure("error")
    began = time.monotonic()
    async with staged(options.growers, options.seed) as month:
        month.plan(Model().of(options.growers))
        await month.passes()
        print(f"{options.growers} growers, {DAYS} days, seed {options.seed}:\n")
        print(await table(month))
        print()
        print(await rows(month))
    print(f"\nIt took {time.monotonic() - began:.0f} s.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
