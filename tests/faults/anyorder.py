"""Hypothesis plays the world: growers, browsers, Leaf, FieldView, chance and death, in any order it likes.

The bot is the real one on SQLite in the sandbox; only its job engine is on paper, so that the machine decides which job
runs next and where the process dies. After every event each invariant must hold, and in the end, when the weather is
good again, everything must have come to rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from bot.completion import COMPLETE
from bot.errors import BotError
from bot.jobs import Jobs
from bot.monitor import SWEEP
from bot.reports import Invitation
from bot.sandbox.leaf import LeafUser
from bot.sandbox.leaf.records import MISSING_PERMISSION, OK, PENDING, UNAUTHENTICATED
from bot.sandbox.slack.workspace import Message
from storage.records import Grower
from tests.faults.truth import MENDED, announcement_of
from tests.stage import Stage, set_up, text_of

T = TypeVar("T")
Json = dict[str, Any]

STRANGE = "ON_HOLIDAY"
WELL = {OK, PENDING}
"""What Leaf says of credentials that nobody need look after."""

NEWS = ("incident", "connected")
"""Messages that say that a connection has changed."""

BLAMES_GROWER = {UNAUTHENTICATED}


class PaperJobs(Jobs):
    """What was enqueued by transactions that committed, each key once; a job runs when the machine says so."""

    latest: ClassVar[PaperJobs]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known: dict[str, tuple[str, str]] = {}
        self.waiting: list[str] = []
        PaperJobs.latest = self

    async def start(self) -> None: ...

    async def stop(self, *, grace: float = 20.0) -> None: ...

    async def enqueue(self, session: AsyncSession, job: str, subject: str, key: str) -> None:
        assert job in self._jobs, job

        def committed(_: Any) -> None:
            if key not in self.known:
                self.known[key] = (job, subject)
                self.waiting.append(key)

        event.listen(session.sync_session, "after_commit", committed, once=True)

    async def start_now(self, job: str, subject: str, key: str) -> None:
        if key not in self.known:
            self.known[key] = (job, subject)
            self.waiting.append(key)

    async def forget_finished(self, before: datetime) -> int:
        return 0

    async def keys_under_way(self, job: str, *, begun_after: datetime) -> set[str]:
        return {key for key in self.waiting if self.known[key][0] == job}

    async def owners_of_running(self) -> set[str]:
        return set()

    async def take_up_dropped(self) -> int:
        return 0

    async def take_over(self, executor: str) -> None: ...

    def pick(self, number: int) -> str | None:
        return self.waiting[number % len(self.waiting)] if self.waiting else None

    async def run(self, key: str) -> float | None:
        """One try; it stays in the list if it wants another one, or dies."""
        job, subject = self.known[key]
        wait: float | None = await self._jobs[job](subject)
        if wait is None:
            self.waiting.remove(key)
        return wait


@dataclass
class Attempt:
    """A browser on its way to FieldView and back."""

    browser: httpx.AsyncClient
    grower: LeafUser
    at_fieldview: str
    callback: str = ""


@dataclass
class Seen:
    """What stood in the database and in Slack after the last event."""

    rows: dict[str, list[Json]]
    messages: list[Message] = field(default_factory=list)

    def text(self) -> str:
        return json.dumps(self.rows, default=str)


class AnyOrder(RuleBasedStateMachine):
    """See the module. Names of rules are what happens, names of invariants what must hold."""

    template: ClassVar[Path]
    links = Bundle("links")
    begun = Bundle("begun")
    returned = Bundle("returned")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="fieldview-any-order-"))
        self.file = self.folder / "bot.db"
        shutil.copyfile(self.template, self.file)
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.said: dict[str, set[str | None]] = {}
        self.consented: set[str] = set()
        self.link_tokens: set[str] = set()
        self.secrets: set[str] = set()
        self.accepted: list[str] = []
        self._seen: Seen | None = None

    # Plumbing

    def do(self, deed: Coroutine[Any, Any, T]) -> T:
        self._seen = None
        try:
            return self.runner.run(deed)
        finally:
            self._listen_to_leaf()

    @property
    def jobs(self) -> PaperJobs:
        return PaperJobs.latest

    @property
    def growers(self) -> list[LeafUser]:
        return list(self.stage.world.leaf.users)

    def _listen_to_leaf(self) -> None:
        """Remember every word that Leaf had for each grower."""
        for user in self.growers:
            self.said.setdefault(user.id, set()).add(user.credential.status if user.credential else None)

    def seen(self) -> Seen:
        if self._seen is None:
            connection = sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)
            connection.row_factory = sqlite3.Row
            with contextlib.closing(connection):
                names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                rows = {
                    name: [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')]  # noqa: S608 - our own
                    for name in names
                }
            slack = self.stage.world.slack
            self._seen = Seen(rows, [each for place in slack.workspace.channels.values() for each in place.messages])
        return self._seen

    @initialize()
    def the_bot_starts(self) -> None:
        self.stage: Stage = self.runner.run(self.stack.enter_async_context(set_up(f"sqlite:///{self.file}")))
        leaf = self.stage.world.leaf
        accept = leaf.accept_credential

        def accepting(user: LeafUser, **given: str) -> Any:
            self.accepted.append(given["refresh_token"])
            return accept(user, **given)

        leaf.accept_credential = accepting  # type: ignore[method-assign]
        self._listen_to_leaf()
        self.do(self._drain())

    def teardown(self) -> None:
        try:
            if hasattr(self, "stage"):
                self._comes_to_rest()
        finally:
            self.leaves()

    def leaves(self) -> None:
        """The bot and its world end."""
        self.runner.run(self.stack.aclose())
        self.runner.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _drain(self) -> None:
        """Every job that waits is tried again and again, while time passes; some wait for days."""
        for _ in range(12):
            for key in list(self.jobs.waiting):
                await self.jobs.run(key)
            self.stage.world.clock.advance(timedelta(seconds=60))

    # What people do

    @rule(target=links, who=st.integers(0, 1))
    def a_link_is_made(self, who: int) -> Any:
        user = self.growers[who]
        grower = Grower(user.id, user.name, user.email)
        with contextlib.suppress(BotError):
            made = self.do(self._invited(grower))
            self.link_tokens.add(made.rpartition("/")[2])
            return (user, made)
        return multiple()

    async def _invited(self, grower: Grower) -> str:
        await self.stage.running.bot.directory.find(grower.name)
        made = await self.stage.running.bot.inviting.invite(grower, self.stage.grace, None)
        assert isinstance(made, Invitation)
        return made.url

    @rule(link=links, method=st.sampled_from(["GET", "HEAD"]))
    def a_link_is_opened_or_prefetched(self, link: tuple[LeafUser, str], method: str) -> None:
        before = self.seen().rows

        async def look() -> None:
            async with httpx.AsyncClient(trust_env=False, timeout=60) as anybody:
                await anybody.request(method, link[1])

        self.do(look())
        after = self.seen().rows
        assert before["consents"] == after["consents"], "looking changes nothing"
        assert before["consent_attempts"] == after["consent_attempts"], "looking changes nothing"

    @rule(target=begun, link=links)
    def a_grower_begins(self, link: tuple[LeafUser, str]) -> Any:
        browser = httpx.AsyncClient(trust_env=False, timeout=60)
        self.stack.push_async_callback(browser.aclose)
        left = self.do(browser.post(link[1]))
        if left.status_code != 303 or "state=" not in left.headers["location"]:
            return multiple()
        self.secrets.update(browser.cookies.values())
        self.secrets.add(httpx.URL(left.headers["location"]).params["state"])
        return Attempt(browser, link[0], left.headers["location"])

    @rule(target=returned, attempt=consumes(begun))
    def fieldview_sends_the_grower_back(self, attempt: Attempt) -> Any:
        attempt.callback = self.stage.world.fieldview.approve(attempt.at_fieldview, "ada@example.com")
        self.do(attempt.browser.get(attempt.callback))
        self.consented.add(attempt.grower.id)
        return attempt

    @rule(attempt=returned)
    def the_same_callback_comes_again(self, attempt: Attempt) -> None:
        before = self._spent()
        self.do(attempt.browser.get(attempt.callback))
        assert self._spent() == before, "a state is used at most once"

    @rule(attempt=begun)
    def a_stranger_uses_the_callback(self, attempt: Attempt) -> None:
        stolen = self.stage.world.fieldview.approve(attempt.at_fieldview, "ada@example.com")

        async def use() -> None:
            async with httpx.AsyncClient(trust_env=False, timeout=60) as stranger:
                await stranger.get(stolen)

        before = self._spent()
        self.do(use())
        assert self._spent() == before, "a state is good in one browser only"

    @rule(attempt=consumes(begun))
    def a_grower_says_no_at_fieldview(self, attempt: Attempt) -> None:
        self.do(attempt.browser.get(self.stage.world.fieldview.deny(attempt.at_fieldview, "ada@example.com")))

    @rule(link=consumes(links))
    def a_grower_declines(self, link: tuple[LeafUser, str]) -> None:
        async def decline() -> None:
            async with httpx.AsyncClient(trust_env=False, timeout=60) as grower:
                await grower.post(f"{link[1]}/decline")

        self.do(decline())

    @rule(who=st.integers(0, 1))
    def the_team_disconnects(self, who: int) -> None:
        user = self.growers[who]

        async def disconnect() -> None:
            grower = await self.stage.running.bot.directory.find(user.name)
            await self.stage.running.bot.disconnecting.begin(grower, self.stage.linus)

        with contextlib.suppress(BotError):
            self.do(disconnect())

    @rule(who=st.integers(0, 1))
    def somebody_asks_for_the_status(self, who: int) -> None:
        """A poll: Leaf is asked about one grower."""
        with contextlib.suppress(BotError):
            self.do(self.stage.running.bot.monitor.check(self.growers[who].id, "status"))

    # What happens at Leaf and FieldView

    def _with_credential(self, who: int) -> LeafUser | None:
        user = self.growers[who]
        return user if user.credential else None

    @rule(who=st.integers(0, 1), word=st.sampled_from([UNAUTHENTICATED, MISSING_PERMISSION, STRANGE]))
    def a_credential_dies_silently(self, who: int, word: str) -> None:
        if user := self._with_credential(who):
            self.stage.world.leaf.set_status(user, word)
            self._listen_to_leaf()

    @rule(who=st.integers(0, 1))
    def a_grower_revokes_and_leaf_sends_an_alert(self, who: int) -> None:
        if user := self._with_credential(who):
            self.do(self.stage.world.leaf.revoke(user))

    @rule(who=st.integers(0, 1))
    def leaf_sends_an_alert_that_is_not_so(self, who: int) -> None:
        if user := self._with_credential(who):
            self.do(self.stage.world.leaf.alert(user))

    @rule(who=st.integers(0, 1))
    def a_credential_is_repaired(self, who: int) -> None:
        if user := self._with_credential(who):
            self.stage.world.leaf.restore(user)
            self._listen_to_leaf()

    @rule(who=st.integers(0, 1))
    def fieldview_is_down_for_a_grower(self, who: int) -> None:
        if user := self._with_credential(who):
            self.stage.world.leaf.fail(user)

    @rule(who=st.integers(0, 1))
    def somebody_removes_a_credential_at_leaf(self, who: int) -> None:
        self.stage.world.leaf.disconnect(self.growers[who])
        self._listen_to_leaf()

    @rule(validates=st.sampled_from(["at_once", "later"]))
    def leaf_validates(self, validates: str) -> None:
        self.stage.world.leaf.switch(validates=validates)

    @rule()
    def leaf_has_validated(self) -> None:
        self.do(self.stage.world.leaf.settle())

    @rule(
        service=st.sampled_from(["leaf", "fieldview", "slack"]),
        kind=st.sampled_from(["outage", "html", "lose_answer"]),
        times=st.integers(1, 3),
    )
    def a_service_is_ill(self, service: str, kind: str, times: int) -> None:
        faults = getattr(self.stage.world, service).faults
        on = "chat" if service == "slack" else ""
        getattr(faults, kind)(on, times=times)

    @rule()
    def every_service_is_well(self) -> None:
        self._heal()

    def _heal(self) -> None:
        world = self.stage.world
        for faults in (world.leaf.faults, world.fieldview.faults, world.slack.faults):
            faults.heal()

    # Time, work and death

    @rule(minutes=st.sampled_from([1, 6, 31, 8 * 24 * 60]))
    def time_passes(self, minutes: int) -> None:
        self.stage.world.clock.advance(timedelta(minutes=minutes))

    @rule(number=st.integers(0, 100))
    def a_sweep_is_due(self, number: int) -> None:
        self.do(self._enqueue_sweep())

    async def _enqueue_sweep(self) -> None:
        name = f"sweep-{len(self.jobs.known)}"
        await self.jobs.start_now(SWEEP, name, name)

    @precondition(lambda self: self.jobs.waiting)
    @rule(number=st.integers(0, 100))
    def a_job_runs(self, number: int) -> None:
        if key := self.jobs.pick(number):
            self.do(self.jobs.run(key))

    @precondition(lambda self: self.jobs.waiting)
    @rule(number=st.integers(0, 100), commits=st.integers(1, 4))
    def the_process_dies_after_a_commit(self, number: int, commits: int) -> None:
        if key := self.jobs.pick(number):
            self.do(self._dies(key, commits))

    @precondition(lambda self: self.jobs.waiting)
    @rule(number=st.integers(0, 100), service=st.sampled_from(["leaf", "fieldview", "slack"]))
    def the_process_dies_while_a_request_is_under_way(self, number: int, service: str) -> None:
        if key := self.jobs.pick(number):
            self.do(self._dies_asking(key, service))

    async def _dies(self, key: str, commits: int) -> None:
        left = commits

        def committed(_: Session) -> None:
            nonlocal left
            if asyncio.current_task() is job:
                left -= 1
                if left == 0:
                    job.cancel()

        job = asyncio.ensure_future(self.jobs.run(key))
        event.listen(Session, "after_commit", committed)
        try:
            await asyncio.wait([job])
        finally:
            event.remove(Session, "after_commit", committed)
        await self._starts_again(job)

    async def _dies_asking(self, key: str, service: str) -> None:
        faults = getattr(self.stage.world, service).faults
        kept, faults.active = faults.active, []
        fault = faults.slow(3600)
        job = asyncio.ensure_future(self.jobs.run(key))
        while not (job.done() or fault.hits):
            await asyncio.wait([job], timeout=0.005)
        faults.active = kept
        job.cancel()
        await asyncio.wait([job])
        await self._starts_again(job)

    async def _starts_again(self, job: asyncio.Future[float | None]) -> None:
        """What a new process does with what a dead one left."""
        if not job.cancelled():
            job.result()
        await self.stage.running.bot.announcer.forget_claims()

    # What must hold

    @invariant()
    def a_grower_has_one_live_credential_and_leaf_is_given_a_token_once(self) -> None:
        assert len(self.accepted) == len(set(self.accepted)), "a token was given to Leaf twice"
        owners = [row["grower_id"] for row in self.seen().rows["connections"]]
        assert len(owners) == len(set(owners)), "a grower has two connections"

    @invariant()
    def a_state_is_used_at_most_once(self) -> None:
        used = [row for row in self.seen().rows["consent_attempts"] if row["used_at"] is not None]
        assert self._completions() <= len(used), "more codes were taken than states were used"

    def _spent(self) -> tuple[int, list[Json], list[Json]]:
        """Whatever a callback may change."""
        rows = self.seen().rows
        return self._completions(), rows["consents"], rows["consent_attempts"]

    def _completions(self) -> int:
        return sum(job == COMPLETE for job, _ in self.jobs.known.values())

    @invariant()
    def there_is_at_most_one_open_incident_per_grower(self) -> None:
        broken = [row["grower_id"] for row in self.seen().rows["incidents"] if row["recovered_at"] is None]
        assert len(broken) == len(set(broken)), "two open incidents of one grower"

    @invariant()
    def there_is_no_incident_without_leaf_having_said_so(self) -> None:
        for row in self.seen().rows["incidents"]:
            word, said = row["raw_status"], self.said[row["grower_id"]]
            assert word in said - WELL, f"an incident says {word!r}, Leaf only ever said {said}"

    @invariant()
    def no_grower_is_blamed_unless_leaf_says_that_the_permission_is_gone(self) -> None:
        for row in self.seen().rows["incidents"]:
            if row["cause"] == "grower-must-act":
                assert row["raw_status"] in BLAMES_GROWER, f"a grower is blamed for {row['raw_status']!r}"

    @invariant()
    def a_healthy_read_without_a_failure_before_posts_nothing(self) -> None:
        for user in self.growers:
            said = self.said[user.id]
            if said - WELL - {None} or {None, OK} <= said or user.id in self.consented:
                continue
            for channel in (self.stage.growers, self.stage.alerts):
                news = [each for each in self.stage.world.slack.posted(channel) if user.name in text_of(each)]
                assert not [each for each in news if self._kind(each) in NEWS], "news of a healthy grower"

    @invariant()
    def the_refresh_token_is_nowhere_once_leaf_has_it(self) -> None:
        for row in self.seen().rows["consents"]:
            if row["state"] != "delivering":
                assert row["refresh_token"] is None, f"a consent that is {row['state']} keeps its token"
            if row["state"] != "exchanging":
                assert row["authorization_code"] is None, f"a consent that is {row['state']} keeps its code"

    @invariant()
    def the_audit_chain_is_unbroken(self) -> None:
        verdict = self.runner.run(self.stage.running.bot.journal.verify())
        assert verdict.fault is None, verdict.fault

    @invariant()
    def no_secret_is_in_any_stored_row_or_slack_payload(self) -> None:
        rows = self.seen().text()
        said = "\n".join(
            f"{each.sent} {each.text} {version.text} {version.blocks} {version.metadata}"
            for each in self.seen().messages
            for version in each.versions
        )
        for secret in self._all_secrets():
            assert secret not in rows, "a secret is stored in clear"
            assert secret not in said, "a secret was posted to Slack"
        for token in self.link_tokens | set(re.findall(r"/connect/([\w-]+)", said)):
            assert token not in rows, "a link's token is stored in clear"

    def _all_secrets(self) -> set[str]:
        world = self.stage.world
        grants = world.fieldview._grants
        held = {user.credential for user in self.growers if user.credential and user.credential.posted}
        return {
            *self.secrets,
            *self.accepted,
            *grants._codes,
            *grants._tokens,
            *(credential.access_token for credential in held),
            world.leaf.password,
            world.fieldview.client_secret,
            world.fieldview.api_key,
            world.slack.bot_token,
        }

    def _kind(self, message: Message) -> str:
        owed = announcement_of(message)
        return next((row["kind"] for row in self.seen().rows["announcements"] if row["id"] == owed), "")

    def everything_holds(self) -> None:
        """Every invariant, for whoever tells the machine a story by hand."""
        self.a_grower_has_one_live_credential_and_leaf_is_given_a_token_once()
        self.a_state_is_used_at_most_once()
        self.there_is_at_most_one_open_incident_per_grower()
        self.there_is_no_incident_without_leaf_having_said_so()
        self.no_grower_is_blamed_unless_leaf_says_that_the_permission_is_gone()
        self.a_healthy_read_without_a_failure_before_posts_nothing()
        self.the_refresh_token_is_nowhere_once_leaf_has_it()
        self.the_audit_chain_is_unbroken()
        self.no_secret_is_in_any_stored_row_or_slack_payload()

    def every_job_is_done(self) -> None:
        self.do(self._drain())

    # How it ends

    def _comes_to_rest(self) -> None:
        """When the weather is good again, everybody has been told the truth, and nothing is left half done."""
        self._heal()
        self.stage.world.leaf.switch(validates="at_once")

        async def rest() -> None:
            await self.stage.world.leaf.settle()
            for _ in range(4):
                await self._enqueue_sweep()
                await self._drain()

        self.do(rest())
        seen = self.seen().rows
        assert not [row for row in seen["consents"] if row["state"] in ("exchanging", "delivering")], "half a consent"
        assert not [row for row in seen["announcements"] if row["shown"] < row["wanted"]], "something is still owed"
        for row in seen["incidents"]:
            if row["told_at"] is None:
                self._operators_know_the_word(row)
            else:
                self._was_told(row)

    def _was_told(self, incident: Json) -> None:
        kinds = {row["id"]: row for row in self.seen().rows["announcements"] if row["subject"] == incident["id"]}
        cards = [
            each
            for each in self.stage.world.slack.posted(self.stage.alerts)
            if announcement_of(each) in kinds and each.thread_ts is None
        ]
        assert cards, f"nobody was told of {incident}"
        over = incident["recovered_at"] is not None and incident["ended_by"] not in ("disconnect", "gone")
        assert (MENDED in text_of(cards[-1])) == over, text_of(cards[-1])

    def _operators_know_the_word(self, incident: Json) -> None:
        """Channels have no card of what nobody understands; operators read the word, and whom it was first said of."""
        assert incident["cause"] == "unknown-status", f"channels were never meant to hear of {incident}"
        said = [
            version.text + repr(version.blocks)
            for each in self.stage.world.slack.posted(self.stage.alerts)
            for version in each.versions
        ]
        assert [each for each in said if STRANGE in each], f"the operators were not told of {incident['raw_status']!r}"
