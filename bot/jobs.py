"""Durable jobs on DBOS: started in the transaction that makes them due, tried until they say they are done.

A job is a coroutine that takes the id of a thing and returns None when it is finished or the seconds after which it
wants to be tried again. It may run more than once, so it looks before it repeats. The rest of the program knows
only `Queue`; nothing but this module knows the engine.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Protocol

import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions, Serializer
from pydantic import SecretStr
from sqlalchemy import BigInteger, String, case, column, event, func, inspect, select, table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.lookout import Lookout
from bot.vault import Vault
from storage.database import Database, parse, sync_url

log = structlog.get_logger(__name__)

Job = Callable[[str], Awaitable[float | None]]

AT_A_TIME = 20
"""Jobs of one lane that run at once."""


class Lane(StrEnum):
    """What may wait for what. Each lane is a queue of the engine, looked through by a thread of its own."""

    POSTS = "posts"
    """What waits for Slack's pace, and must keep nothing else waiting."""

    PROMPT = "prompt"
    """What a person or an alert waits for."""

    PATIENT = "patient"
    """What the clock starts and nobody waits for."""


POLL = 2.0
"""Seconds after which a lane is looked through though this process put nothing there: another may have, and died."""


COURTESY = 0.05
"""Seconds for which a patient job lets others pass at a time."""

MARGIN = 0.005
"""Seconds after which a job that was put off is due also by a clock that counts milliseconds."""

UNUSED = 0.1
"""Seconds between two looks of the engine for messages between jobs, of which we have none; a stop waits for one."""

NAME = "fieldview-bot"
"""What the engine calls us."""

VERSION = "1"
"""Raised only when a change makes jobs already under way impossible to finish."""

KEPT = timedelta(days=7)
"""How long finished jobs stay in the engine's tables: longer than Leaf repeats an alert."""


class Queue(Protocol):
    """Where services put work that must be done."""

    async def enqueue(self, session: AsyncSession, job: str, subject: str, key: str) -> None:
        """Start the job when this transaction commits, and never if it does not. The same key starts once."""


class SealedJson(Serializer):
    """What the engine stores of our jobs: JSON, encrypted. Never pickle, which runs code on reading."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def name(self) -> str:
        return "fieldview-sealed-json-1"

    def serialize(self, data: Any) -> str:
        return self._vault.seal(SecretStr(json.dumps(data, default=_plain)))

    def deserialize(self, serialized_data: str) -> Any:
        return _revived(json.loads(self._vault.open(serialized_data).get_secret_value()))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseException):
        # Messages of exceptions may hold anything; the engine needs only to know that there was one.
        return {"__error__": type(value).__name__}
    if isinstance(value, datetime):
        return {"__moment__": value.isoformat()}
    raise TypeError(f"jobs carry plain values, not {type(value).__name__}")


def _revived(value: Any) -> Any:
    if isinstance(value, dict):
        if "__error__" in value:
            return RuntimeError(value["__error__"])
        if "__moment__" in value:
            return datetime.fromisoformat(value["__moment__"])
        return {key: _revived(item) for key, item in value.items()}
    return [_revived(item) for item in value] if isinstance(value, list) else value


class Jobs:
    """The engine in this process: register, start, enqueue, stop."""

    def __init__(self, database: Database, vault: Vault, *, executor: str = "slot-0", poll: float = POLL) -> None:
        self._database = database
        self._serializer = SealedJson(vault)
        self._executor = executor
        self._poll = poll
        self._jobs: dict[str, Job] = {}
        self._lanes: dict[str, Lane] = {}
        self._client: DBOSClient | None = None
        self._engine: DBOS | None = None
        self._lookouts: dict[Lane, Lookout] = {}
        self._running: dict[asyncio.Task[Any], Lane] = {}
        self._due: set[Lane] = set()
        self._hastening: asyncio.Task[None] | None = None
        self._missing: dict[str, int] = {}
        """Jobs that counted as running here and did not, with how many looks had ended when that was first seen."""
        self._stopping = False

    def register(self, name: str, job: Job, lane: Lane = Lane.PROMPT) -> None:
        """Make a job known; all of them before `start`."""
        self._jobs[name] = job
        self._lanes[name] = lane

    async def start(self) -> None:
        """Take up work, also what an earlier process with the same executor name left unfinished."""
        url = sync_url(self._database.url).render_as_string(hide_password=False)
        self._engine = DBOS(config=_config(url, self._serializer, self._executor))
        for name, job in self._jobs.items():
            DBOS.workflow(name=name)(self._durable(name, job))
        # What is enqueued while the database is away is tried again by us: the engine's way blocks a thread for ever.
        self._client = await asyncio.to_thread(
            DBOSClient, system_database_url=url, serializer=self._serializer, retry_connection_errors=False
        )
        lanes = sorted(set(self._lanes.values()))
        for lane in lanes:
            await self._client.register_queue_async(
                _queue(lane), worker_concurrency=AT_A_TIME, polling_interval_sec=self._poll, application_name=NAME
            )
        # The engine itself listens to none of them: ours look through them, and need not wait for its interval.
        DBOS.listen_queues([])
        DBOS.launch()
        for lane in lanes:
            queue = await DBOS.retrieve_queue_async(_queue(lane))
            if queue is None:
                raise RuntimeError(f"the engine does not know the lane {lane} that was registered just now")
            self._lookouts[lane] = Lookout(self._engine, queue, self._poll)
            self._lookouts[lane].start()

    async def enqueue(self, session: AsyncSession, job: str, subject: str, key: str) -> None:
        """See Queue. Raises LookupError for a job nobody registered."""
        if job not in self._jobs:
            raise LookupError(job)
        client, lane = self._started(), self._lanes[job]
        options = _options(job, key, lane)
        await session.run_sync(lambda sync: client.enqueue_in_transaction(sync.connection(), options, subject))
        event.listen(session.sync_session, "after_commit", lambda committed: self._ring(lane), once=True)

    async def start_now(self, job: str, subject: str, key: str) -> None:
        """Start in a transaction of its own; durable from here on."""
        async with self._database.transaction() as session:
            await self.enqueue(session, job, subject, key)

    async def forget_finished(self, before: datetime) -> int:
        """Delete jobs that finished before that moment from the engine's tables; returns how many."""
        forgotten = 0
        while True:
            finished = await DBOS.list_workflows_async(
                status=["SUCCESS", "ERROR", "CANCELLED"],
                completed_before=before.isoformat(),
                limit=500,
                load_input=False,
                load_output=False,
            )
            if not finished:
                return forgotten
            await DBOS.delete_workflows_async([workflow.workflow_id for workflow in finished])
            forgotten += len(finished)

    async def let_pass(self) -> None:
        """Wait while jobs run that somebody waits for, though not for long: for a patient job between two steps."""
        hurried = {task for task, lane in self._running.items() if lane is not Lane.PATIENT}
        hurried.discard(asyncio.current_task())
        if hurried:
            await asyncio.wait(hurried, timeout=COURTESY)

    async def keys_under_way(self, job: str, *, begun_after: datetime) -> set[str]:
        """Under which keys this job waits for its turn or its time, or runs since then: what runs longer may hang."""
        listed = partial(DBOS.list_workflows_async, name=job, limit=10_000, load_input=False, load_output=False)
        waiting = await listed(status=["ENQUEUED", "DELAYED"])
        running = await listed(status="PENDING", dequeued_after=begun_after.isoformat())
        return {workflow.workflow_id for workflow in (*waiting, *running)}

    async def owners_of_running(self) -> set[str]:
        """The executors that jobs are running under, the dead among them included."""
        running = await DBOS.list_workflows_async(status="PENDING", load_input=False, load_output=False)
        return {workflow.executor_id for workflow in running if workflow.executor_id}

    async def take_up_dropped(self) -> int:
        """Start again what counts as running in this process and is not; returns how many. To be asked now and then.

        The database may have done what a look asked for, and its answer may have been lost with the connection: then
        the job is ours, nobody runs it, and the engine asks again only when a process starts. It has to be missing two
        times, with the end of a look between them: a look that goes on may be about to start it.
        """
        if self._engine is None:
            raise RuntimeError("jobs were not started")
        looks = {_queue(lane): lookout.looks for lane, lookout in self._lookouts.items()}
        # Jobs of a later program are left to it: each time that we took them up would count as a failure of theirs.
        ours = await DBOS.list_workflows_async(
            status="PENDING", executor_id=self._executor, name=list(self._jobs), load_input=False, load_output=False
        )
        active = set(self._engine._active_workflows_set.activeList())
        missing = {
            job.workflow_id: looks[job.queue_name]
            for job in ours
            if job.queue_name in looks and job.workflow_id not in active
        }
        dropped = [key for key, look in missing.items() if self._missing.get(key, look) < look]
        self._missing = {key: self._missing.get(key, look) for key, look in missing.items() if key not in dropped}
        taken_up = 0
        for key in dropped:
            taken_up += await asyncio.to_thread(
                self._engine._sys_db.reenqueue_for_recovery, key, [self._executor], _queue(Lane.PROMPT)
            )
        if taken_up:
            self._ring_all()
        return taken_up

    async def take_over(self, executor: str) -> None:
        """Go on with the jobs of an executor that is known to be dead.

        The engine's public way, `resume_workflow`, forgets how often a job was recovered, so that one which kills its
        process would be handed round for ever; this one counts, and stops at a hundred.
        """
        await asyncio.to_thread(DBOS._recover_pending_workflows, [executor])
        self._ring_all()

    async def stop(self, *, grace: float = 20.0) -> None:
        """Let the jobs that run end, at most so many seconds; they and the rest go on at the next start."""
        self._stopping = True
        for lookout in self._lookouts.values():
            lookout.stop()
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        ending = {*self._running, *filter(None, [self._hastening])}
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        if self._client is None:
            return
        self._client.destroy()
        self._client = None
        if self._engine is not None:
            # Threads that wait for a database that is away would keep this process from ending until it is back.
            self._engine._sys_db._retry_connection_errors = False
        for lookout in self._lookouts.values():
            await asyncio.to_thread(lookout.join)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # The engine made its threads the loop's own, and they ended with it.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())

    def _started(self) -> DBOSClient:
        if self._client is None:
            raise RuntimeError("jobs were not started")
        return self._client

    def _durable(self, name: str, job: Job) -> Callable[..., Awaitable[None]]:
        """The job as the engine runs it: once; if it wants to be tried again, that is a later job of its own.

        So a job that waits occupies nobody, and nothing is left in a dead process's name but what really ran there.
        """

        async def tried(subject: str, tries: int = 0, crashes: int = 0) -> None:
            if self._stopping or (task := asyncio.current_task()) is None:
                raise asyncio.CancelledError
            self._running[task] = self._lanes[name]
            task.add_done_callback(self._ended)
            wait, crashes = await self._run(name, job, subject, crashes)
            if wait is not None:
                key = f"{str(DBOS.workflow_id).removesuffix(f'~{tries}')}~{tries + 1}"
                lane = self._lanes[name]
                await self._put_off(lane, wait, _options(name, key, lane, wait), subject, tries + 1, crashes)

        tried.__name__ = tried.__qualname__ = name
        return tried

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """There is room for one that waits because so many run at once."""
        self._ring(self._running.pop(task))

    def _ring(self, lane: Lane) -> None:
        if lane in self._lookouts:
            self._lookouts[lane].ring()

    def _ring_all(self) -> None:
        for lane in self._lookouts:
            self._ring(lane)

    async def _run(self, name: str, job: Job, subject: str, crashes: int) -> tuple[float | None, int]:
        """The seconds after which the job wants to be tried again, and how often in a row it has crashed."""
        try:
            return await job(subject), 0
        except Exception:
            log.exception("job crashed", job=name, subject=subject, crashes=crashes + 1)
            return min(600.0, 2.0**crashes) * random.uniform(0.8, 1.2), crashes + 1  # noqa: S311 - spreads retries

    async def _put_off(self, lane: Lane, wait: float, options: EnqueueOptions, *arguments: Any) -> None:
        """Do not lose the job, even when the database is away at this moment."""
        while True:
            try:
                await asyncio.to_thread(self._started().enqueue, options, *arguments)
            except (SQLAlchemyError, OSError) as failure:
                log.warning("the database did not answer; trying again", failure=type(failure).__name__)
                await asyncio.sleep(1.0)
            else:
                break
        asyncio.get_running_loop().call_later(wait + MARGIN, self._is_due, lane)

    def _is_due(self, lane: Lane) -> None:
        self._due.add(lane)
        if self._hastening is None and not self._stopping:
            self._hastening = asyncio.create_task(self._hasten())

    async def _hasten(self) -> None:
        """Let the engine find what is due; it does so once a second unasked."""
        try:
            while self._due and self._engine is not None:
                due, self._due = self._due, set()
                await asyncio.to_thread(self._engine._sys_db.transition_delayed_workflows)
                for lane in due:
                    self._ring(lane)
        except (SQLAlchemyError, OSError) as failure:
            log.warning("the database did not answer; jobs begin a little later", failure=type(failure).__name__)
        finally:
            self._hastening = None


@dataclass(frozen=True)
class Backlog:
    """How many jobs run and how many wait for their turn or their time; for how long the oldest of those has been due,
    and the oldest of these been running."""

    running: int
    waiting: int
    late: timedelta
    running_for: timedelta


async def backlog(database: Database) -> Backlog | None:
    """What the engine has to do, read from its tables, so that it need not run here; None before it ever ran."""
    schema = None if database.url.get_backend_name() == "sqlite" else "dbos"
    created, delayed = column("created_at", BigInteger), column("delay_until_epoch_ms", BigInteger)
    started, status, name = column("started_at_epoch_ms", BigInteger), column("status", String), column("name", String)
    status_of_jobs = table("workflow_status", status, name, created, delayed, started, schema=schema)
    due = case((delayed > created, delayed), else_=created)
    async with database.reading() as session:
        connection = await session.connection()
        if not await connection.run_sync(lambda sync: inspect(sync).has_table("workflow_status", schema=schema)):
            return None
        counted = select(func.count(), func.min(due), func.min(started)).select_from(status_of_jobs)
        waits = (await session.execute(counted.where(status.in_(("ENQUEUED", "DELAYED"))))).one()
        # A look at everybody may take hours, and has a watchdog of its own.
        apart = func.min(case((name != "sweep", started)))
        running = select(func.count(), apart).select_from(status_of_jobs).where(status == "PENDING")
        runs = (await session.execute(running)).one()
    return Backlog(runs[0], waits[0], late=_since(waits[1]), running_for=_since(runs[1]))


def _since(moment: int | None) -> timedelta:
    """How long ago that was, by the machine's clock, in whose milliseconds the engine counts."""
    return timedelta(0) if moment is None else max(timedelta(0), timedelta(seconds=time.time() - moment / 1000))


def _queue(lane: Lane) -> str:
    return f"fieldview-{lane}"


def _options(job: str, key: str, lane: Lane, delay: float = 0.0) -> EnqueueOptions:
    options: EnqueueOptions = {
        "workflow_name": job,
        "queue_name": _queue(lane),
        "workflow_id": key,
        "app_version": VERSION,
    }
    return options | {"delay_seconds": delay} if delay else options


def migrate(url: str) -> None:
    """Bring the engine's own tables into the database; does nothing when they are there."""
    DBOS.migrate(sync_url(parse(url)).render_as_string(hide_password=False))


def _config(url: str, serializer: Serializer, executor: str) -> DBOSConfig:
    return {
        "name": NAME,
        "system_database_url": url,
        "serializer": serializer,
        "application_version": VERSION,
        "executor_id": executor,
        "max_executor_threads": 8,
        "log_level": "WARNING",
        "scheduler_polling_interval_sec": 3600.0,
        "notification_listener_polling_interval_sec": UNUSED,
        "notification_coalesce_sec": UNUSED,
        "run_migrations": True,
    }
