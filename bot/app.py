"""The composition root: settings in, a running bot out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

import structlog
from pydantic import SecretStr
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from starlette.types import ASGIApp

from bot import jobs as engine
from bot import replicas
from bot.access import Access
from bot.alerts import TEND, Alerts
from bot.anchors import Anchors, Owe
from bot.announcer import DELIVER, EDITS_APART, Announcer
from bot.archive import Archive
from bot.background import Background
from bot.bot import Bot
from bot.bulk_inviting import BulkInviting
from bot.bulk_listing import HAND_BACK, BulkListing
from bot.bulk_making import MAKE, BulkMaking
from bot.casework import Casework
from bot.chasing import CHASE, Chasing
from bot.completion import COMPLETE, Completion
from bot.consent_news import ConsentNews
from bot.correspondence import Correspondence
from bot.dataflow import DataFlows
from bot.desk import Desks
from bot.digesting import Digesting
from bot.directory import Directory
from bot.disconnecting import END, NAP, Disconnecting
from bot.errors import ProviderUnavailable
from bot.escalating import Escalating
from bot.fieldview.client import FieldViewClient
from bot.first_data import FOLLOW, FirstDataWatch
from bot.flaps import Flaps
from bot.freshness import DataWatch
from bot.health import Health
from bot.inviting import Inviting
from bot.jobs import Jobs, Lane
from bot.journal import KEY_NAME, Journal
from bot.journey import Journey
from bot.leaf.client import LeafClient
from bot.learning import Learning
from bot.monitor import ALERT, CHECK, SWEEP, Monitor
from bot.ownership import Ownership
from bot.pace import Unpaced, pace_for
from bot.people import PEOPLE, People
from bot.permitting import Permitting
from bot.readiness import Readiness
from bot.reducer import Reducer
from bot.reminding import Reminding
from bot.retention import Retention
from bot.rotation import Rotated, left_to_the_engine, rotate
from bot.season import Season
from bot.selfcheck import Premises, SelfCheck
from bot.settings import LOOPBACK, Settings
from bot.silence import FRESHNESS, SILENCE, Rules, Silences
from bot.slack.client import SlackClient, Workspace
from bot.slack_pace import Rates
from bot.storms import Storms
from bot.subscribing import Subscribing
from bot.tagging import Tagging
from bot.timer import Timer
from bot.vault import Vault
from bot.watchdog import Watchdog
from handlers import limits
from handlers.pages import Pages
from handlers.slack import bolt_app
from handlers.slack_events import SlackEvents
from handlers.web import Site, web_app
from storage import database as db
from storage.database import Database
from storage.records import AnnouncementKind

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Tuning:
    """What tests and the demo turn: nothing an operator needs."""

    clock: Clock = system_clock
    seconds: Callable[[], float] = time.monotonic
    rates: Rates = field(default_factory=Rates)
    edits_apart: float = EDITS_APART
    nap: float = NAP
    page_rates: limits.Rates = field(default_factory=limits.Rates)
    unpaced: bool = False
    retries: int = 3


@dataclass(frozen=True)
class Running:
    """The bot at work: its services, its ASGI application, and the timer that starts sweeps."""

    bot: Bot
    web: ASGIApp
    timer: Timer
    jobs: Jobs
    workspace: Workspace


@asynccontextmanager
async def running(settings: Settings, tuning: Tuning = Tuning()) -> AsyncIterator[Running]:
    """The whole bot, from the database up, until the block ends; then it finishes what runs.

    Raises AlreadyRunning when another process has the SQLite file.
    """
    url = settings.database_url.get_secret_value()
    async with AsyncExitStack() as stack:
        database = Database(url)
        stack.push_async_callback(database.close)
        place = await replicas.take_place(database)
        stack.push_async_callback(place.leave)
        await asyncio.to_thread(migrate, url)
        vault = Vault(settings.encryption_keys)
        jobs = Jobs(database, vault, executor=place.name)
        slack = SlackClient(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)
        key = await vault.own_secret(database, KEY_NAME)
        bot, alerts = _services(settings, tuning, database, vault, jobs, slack, key, place.name, stack)
        stack.push_async_callback(bot.journal.finish)
        await bot.announcer.forget_claims()
        await jobs.start()
        stack.push_async_callback(jobs.stop)
        workspace = await _workspace(slack)
        bot.correspondence.company = workspace.name
        background = Background()
        stack.push_async_callback(background.finish, 20.0)
        interval = timedelta(seconds=settings.sweep_interval)
        watchdog = Watchdog(database, bot.announcer, tuning.clock, interval)
        timer = Timer(bot, jobs, place, watchdog, interval, tends_alerts=alerts is not None)
        stack.push_async_callback(timer.stop)
        slack_app = bolt_app(bot, workspace, background, settings.slack_signing_secret.get_secret_value())
        if settings.slack_app_token:
            handler = AsyncSocketModeHandler(slack_app, settings.slack_app_token.get_secret_value())
            await handler.connect_async()  # type: ignore[no-untyped-call]
            stack.push_async_callback(handler.close_async)
        site = Site(
            bot=bot,
            pages=Pages(form_targets=form_targets(settings), secure=settings.is_secure, company=workspace.name),
            public_url=settings.public_url,
            scopes=tuple(settings.fieldview_scopes.split()),
            slack_events=None if settings.slack_app_token else SlackEvents(slack_app, settings.slack_signing_secret),
            trusted_proxies=settings.proxies,
            rates=tuning.page_rates,
            alerts=alerts,
        )
        timer.start()
        if alerts:
            background.spawn(alerts.register())
        yield Running(bot, web_app(site), timer, jobs, workspace)


async def _workspace(slack: SlackClient) -> Workspace:
    """Where we are installed. Slack being away must not keep growers and alerts waiting: then we ask again later."""
    while True:
        try:
            return await slack.workspace()
        except ProviderUnavailable as failure:
            log.warning("slack does not answer; trying again", detail=failure.detail)
            await asyncio.sleep(failure.retry_after or 3.0)


def migrate(url: str) -> None:
    """Our tables and the engine's, brought to the newest version."""
    db.migrate(url)
    engine.migrate(url)


@asynccontextmanager
async def journal_of(settings: Settings) -> AsyncIterator[Journal]:
    """The audit trail alone, for the command line."""
    database = Database(settings.database_url.get_secret_value())
    try:
        key = await Vault(settings.encryption_keys).own_secret(database, KEY_NAME)
        yield Journal(database, key, system_clock, settings.audit_anchor_file)
    finally:
        await database.close()


def rules_of(settings: Settings) -> Rules:
    """When a healthy connection without new data is worth a word."""
    return Rules(
        stale_after=timedelta(days=settings.stale_after_days),
        stale_after_in_season=timedelta(days=settings.stale_after_days_in_season),
        season=Season.parse(settings.season) if settings.season else None,
    )


@dataclass(frozen=True)
class Rotation:
    """The encryption of everything anew, kind by kind, and what the engine keeps of older keys."""

    kinds: AsyncIterator[Rotated]
    left_to_the_engine: Callable[[], Awaitable[int]]


@asynccontextmanager
async def rotating(settings: Settings) -> AsyncIterator[Rotation]:
    """The rotation of keys, for the command line; noted in the audit trail when it is through."""
    database, vault = Database(settings.database_url.get_secret_value()), Vault(settings.encryption_keys)
    done: list[Rotated] = []

    async def kinds() -> AsyncIterator[Rotated]:
        async for kind in rotate(database, vault):
            done.append(kind)
            yield kind

    try:
        yield Rotation(kinds(), lambda: left_to_the_engine(database, vault))
        async with journal_of(settings) as journal:
            counts = {kind.name: {"anew": kind.anew, "unreadable": kind.unreadable} for kind in done}
            await journal.write("cli", "command line", "keys-rotate", "done", "cli", detail=counts)
    finally:
        await database.close()


def form_targets(settings: Settings) -> tuple[str, ...]:
    """The origins a consent form may lead to; Chrome holds redirects after a POST against them."""
    parts = urlsplit(settings.fieldview_authorize_url)
    return (f"{parts.scheme}://{parts.netloc}",)


def leaf_client(settings: Settings, database: Database, tuning: Tuning) -> LeafClient:
    rate = settings.leaf_requests_per_second
    pace = Unpaced() if tuning.unpaced else pace_for(database, "leaf", rate)
    return LeafClient(
        settings.leaf_api_url, settings.leaf_username, settings.leaf_password, pace, attempts=tuning.retries
    )


def premises(settings: Settings, *, running: bool) -> Premises:
    return Premises(
        database_url=settings.database_url.get_secret_value(),
        public_url=settings.public_url,
        is_local=urlsplit(settings.public_url).hostname in LOOPBACK,
        redirect_uri=settings.redirect_uri,
        alert_channel=settings.alert_channel,
        anchor_file=settings.audit_anchor_file,
        anchor_channel=settings.audit_anchor_channel,
        alerts_address=settings.alerts_address if settings.leaf_webhook_secret else None,
        sweep_interval=timedelta(seconds=settings.sweep_interval),
        running=running,
    )


def fieldview_client(settings: Settings) -> FieldViewClient:
    return FieldViewClient(
        client_id=settings.fieldview_client_id,
        client_secret=settings.fieldview_client_secret,
        authorize_url=settings.fieldview_authorize_url,
        token_url=settings.fieldview_token_url,
        scopes=settings.fieldview_scopes,
        redirect_uri=settings.redirect_uri,
    )


def _anchoring(announcer: Announcer, channel: str | None) -> Owe | None:
    return partial(announcer.to_channel, kind=AnnouncementKind.AUDIT_ANCHOR, channel=channel) if channel else None


def _services(
    settings: Settings,
    tuning: Tuning,
    database: Database,
    vault: Vault,
    jobs: Jobs,
    slack: SlackClient,
    audit_key: SecretStr,
    executor: str,
    stack: AsyncExitStack,
) -> tuple[Bot, Alerts | None]:
    """Every service, wired; and the durable jobs, registered."""
    clock = tuning.clock
    leaf = leaf_client(settings, database, tuning)
    stack.push_async_callback(leaf.close)
    fieldview = fieldview_client(settings)
    stack.push_async_callback(fieldview.close)
    journal = Journal(database, audit_key, clock, settings.audit_anchor_file)
    data = DataFlows(database, leaf, clock)
    correspondence = Correspondence(database, clock, settings.public_url)
    announcer = Announcer(
        database,
        slack,
        jobs,
        data,
        clock,
        settings.alert_channel,
        correspondence=correspondence,
        executor=executor,
        rates=tuning.rates,
        edits_apart=tuning.edits_apart,
    )
    flaps = Flaps(database, announcer, journal, clock)
    storms = Storms(database, announcer, journal, clock, settings.storm_size)
    news = ConsentNews(announcer, journal)
    reducer = Reducer(
        database,
        announcer,
        journal,
        clock,
        fieldview.scopes,
        storms,
        flaps,
        news,
        agreeing_reads=settings.agreeing_reads,
    )
    learning = Learning(announcer, journal, clock)
    monitor = Monitor(database, leaf, reducer, announcer, learning, clock, storms, jobs.let_pass)
    archive = Archive(database, leaf, clock)
    directory = Directory(database, leaf, slack, journal, learning, clock)
    access = Access(database, slack, settings.first_admins)
    subscribing = Subscribing(database, slack, journal, clock, settings.alert_channel, access, announcer)
    lookups = pace_for(database, "slack-lookups", tuning.rates.lookups)
    people = People(database, slack, access, announcer, journal, clock, settings.alert_channel, lookups)
    data_watch = DataWatch(database, leaf, data, clock, settings.leaf_requests_per_second)
    first_data = FirstDataWatch(database, data, announcer, journal, clock)
    silences = Silences(database, data_watch, archive, data, announcer, journal, clock, rules_of(settings))
    inviting = Inviting(
        database=database,
        slack=slack,
        directory=directory,
        correspondence=correspondence,
        announcer=announcer,
        news=news,
        storms=storms,
        journal=journal,
        clock=clock,
        link_lifetime=timedelta(seconds=settings.link_lifetime),
    )
    bulk_inviting = BulkInviting(
        database=database, slack=slack, announcer=announcer, journal=journal, queue=jobs, clock=clock
    )
    bulk_listing = BulkListing(
        database=database,
        slack=slack,
        access=access,
        correspondence=correspondence,
        announcer=announcer,
        journal=journal,
        clock=clock,
    )
    tagging = Tagging(database, storms, journal)
    bulk_making = BulkMaking(
        database=database,
        slack=slack,
        access=access,
        directory=directory,
        correspondence=correspondence,
        inviting=inviting,
        tagging=tagging,
        announcer=announcer,
        journal=journal,
        queue=jobs,
        clock=clock,
        lookups=lookups,
    )
    journey = Journey(database=database, vault=vault, fieldview=fieldview, news=news, queue=jobs, clock=clock)
    completion = Completion(
        database=database,
        vault=vault,
        fieldview=fieldview,
        leaf=leaf,
        application={
            "clientId": SecretStr(settings.fieldview_client_id),
            "clientSecret": settings.fieldview_client_secret,
            "apiKey": settings.fieldview_api_key,
        },
        reducer=reducer,
        archive=archive,
        announcer=announcer,
        news=news,
        queue=jobs,
        clock=clock,
    )
    chasing = Chasing(database, completion, announcer, news, clock)
    disconnecting = Disconnecting(
        database=database,
        leaf=leaf,
        reducer=reducer,
        archive=archive,
        data=data,
        announcer=announcer,
        journal=journal,
        news=news,
        queue=jobs,
        clock=clock,
        time_to_undo=timedelta(seconds=settings.disconnect_undo),
        needs_two=settings.disconnect_needs_two,
        nap=tuning.nap,
    )
    for name, job, lane in (
        (DELIVER, announcer.deliver, Lane.POSTS),
        (COMPLETE, completion.complete, Lane.PROMPT),
        (CHECK, monitor.check_job, Lane.PROMPT),
        (END, disconnecting.end, Lane.PROMPT),
        (MAKE, bulk_making.make, Lane.PATIENT),
        (HAND_BACK, bulk_listing.hand_back, Lane.PATIENT),
        (ALERT, monitor.alert_job, Lane.PROMPT),
        (SWEEP, monitor.sweep_job, Lane.PATIENT),
        (CHASE, chasing.chase_job, Lane.PATIENT),
        (PEOPLE, people.look, Lane.PATIENT),
        (FRESHNESS, silences.look_job, Lane.PATIENT),
        (SILENCE, silences.tell_job, Lane.PATIENT),
        (FOLLOW, first_data.follow, Lane.PATIENT),
    ):
        jobs.register(name, job, lane)
    secret, alerts = settings.leaf_webhook_secret, None
    if secret:
        alerts = Alerts(database, jobs, secret, leaf, settings.alerts_address, clock, announcer)
        jobs.register(TEND, alerts.tend_job, Lane.PATIENT)
    selfcheck = SelfCheck(database, leaf, slack, vault, clock, premises(settings, running=True))
    bot = Bot(
        database=database,
        slack=slack,
        access=access,
        directory=directory,
        disconnecting=disconnecting,
        correspondence=correspondence,
        inviting=inviting,
        bulk_inviting=bulk_inviting,
        bulk_making=bulk_making,
        bulk_listing=bulk_listing,
        journey=journey,
        completion=completion,
        chasing=chasing,
        health=(health := Health(database, monitor, archive, data, clock)),
        desks=Desks(database, health, clock, settings.alert_channel),
        monitor=monitor,
        reducer=reducer,
        storms=storms,
        casework=Casework(database, slack, announcer, journal, clock),
        ownership=Ownership(database, slack, subscribing, announcer, storms, journal, clock),
        tagging=tagging,
        escalating=Escalating(database, slack, subscribing, announcer, journal, clock),
        reminding=Reminding(database, announcer, journal, clock),
        subscribing=subscribing,
        digesting=Digesting(database, announcer, journal, clock),
        permitting=Permitting(database, slack, journal, clock, settings.first_admins),
        data_watch=data_watch,
        silences=silences,
        first_data=first_data,
        announcer=announcer,
        journal=journal,
        selfcheck=selfcheck,
        anchors=Anchors(
            database, clock, settings.audit_anchor_file, _anchoring(announcer, settings.audit_anchor_channel)
        ),
        retention=Retention(database, journal, clock, settings.audit_retention_days),
        readiness=Readiness(database, leaf, slack, clock, settings.sweep_interval, seconds=tuning.seconds),
        clock=clock,
    )
    return bot, alerts
