"""The bot looks at itself: one list of findings for `/fieldview health` and for `check` on the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bot import anchors, jobs, reachability
from bot.announcer import OUTSIDERS
from bot.errors import BotError, ChannelUnreachable, ProviderRefusedUs
from bot.journal import KEY_NAME
from bot.leaf import registration
from bot.leaf.client import LeafClient
from bot.leaf.registration import Standing
from bot.messages.text import listing
from bot.messages.times import ago, in_utc, lasting
from bot.reports import Finding, Level
from bot.slack.client import OPTIONAL_SCOPES, SCOPES, Channel, SlackClient
from bot.vault import Vault
from storage import notices, outbox, sealed_columns, subscriptions, sweeps
from storage.database import Database, SchemaState, schema_state
from storage.records import Subscription
from storage.sealed_columns import SEALED

Called = Callable[[Channel], Awaitable[str]]
"""What a channel is called before somebody who may not know its name."""

GREEN, YELLOW, RED = Level.GREEN, Level.YELLOW, Level.RED

SKEW = timedelta(seconds=60)
"""A clock that is off by more is worth a look; Slack's signatures die at 300 seconds."""

WITHOUT = {
    "files:read": "lists of growers have to be pasted",
    "files:write": "lists with links cannot be sent",
    "users:read.email": "growers are not found by e-mail",
}
"""What is lost without each of OPTIONAL_SCOPES."""

WORST_SKEW = timedelta(seconds=240)

ALERTS, ANCHORS = "Alert channel", "Anchor channel"
OF_SETTINGS = {ALERTS: "ALERT_CHANNEL", ANCHORS: "AUDIT_ANCHOR_CHANNEL"}
"""Channels that settings name."""

KEEP_ANCHORS = (
    "Keep the log elsewhere, or set AUDIT_ANCHOR_FILE or AUDIT_ANCHOR_CHANNEL: they show a trail that was cut off."
)

OLD_MESSAGE, LONG_OWED = timedelta(minutes=3), timedelta(hours=1)
"""A message owed for longer is not just on its way; one owed for so long has reached nobody in time."""

LATE, TOO_LATE = timedelta(minutes=5), timedelta(hours=1)
"""A job that has been due for longer does not just wait for others; one for so long is not done at all."""

LONG_RUN = timedelta(hours=1)
"""A job that runs for longer may hang."""

SAMPLE = 50
"""Secrets of each kind that are opened to see whether the keys still do."""


@dataclass(frozen=True)
class Premises:
    """What the settings say that the check needs. `running` is whether this process does the watching itself."""

    database_url: str
    public_url: str
    is_local: bool
    redirect_uri: str
    alert_channel: str | None
    anchor_file: Path | None
    anchor_channel: str | None
    alerts_address: str | None
    sweep_interval: timedelta
    running: bool


class SelfCheck:
    """Looks at everything the bot needs and says what to do about what is not well."""

    def __init__(
        self,
        database: Database,
        leaf: LeafClient,
        slack: SlackClient,
        vault: Vault,
        clock: Callable[[], datetime],
        premises: Premises,
    ) -> None:
        self._database = database
        self._leaf = leaf
        self._slack = slack
        self._vault = vault
        self._clock = clock
        self._premises = premises

    async def findings(self, called: Called | None = None) -> list[Finding]:
        """Every line, the outside services asked at the same time; what depends on something ill is left out.

        Channels are named as they are `called` before whoever reads it: without, that is an operator at the machine.
        """
        address, database, slack, leaf = await asyncio.gather(
            self._public_address(), self._database_part(), self._slack_part(called), self._leaf_part()
        )
        return [address, *database, *slack, *leaf]

    async def _public_address(self) -> Finding:
        host, redirect = urlsplit(self._premises.public_url).netloc, self._premises.redirect_uri
        words = f"growers reach the bot at `{host}`; FieldView must have `{redirect}` registered to the letter"
        if self._premises.is_local:
            return Finding("Public address", YELLOW, f"{words}. That is this machine only", "Fine for a trial.")
        reach = await reachability.look(self._premises.public_url, running=self._premises.running)
        return Finding("Public address", reach.level, f"{words}. From here: {reach.words}", reach.remedy)

    # Our own part

    async def _database_part(self) -> list[Finding]:
        name = self._database.url.get_backend_name()
        try:
            async with self._database.reading() as session:
                await session.execute(text("SELECT 1"))
            state = await asyncio.to_thread(schema_state, self._premises.database_url)
        except (SQLAlchemyError, OSError) as failure:
            words = f"does not answer ({type(failure).__name__})"
            return [Finding("Database", RED, words, "Check DATABASE_URL and the server.")]
        if state is SchemaState.OLDER:
            return [Finding("Database", RED, "not at the newest version", "Run `fieldview-bot migrate`.")]
        version = Finding("Database", GREEN, f"{name} answers, at the newest version")
        if state is SchemaState.NEWER:
            words = f"{name} answers, but a newer version of this program has been here"
            version = Finding("Database", YELLOW, words, "Finish the update: this process is of the old version.")
        own = [await self._keys(), await self._anchors(), await self._sweep(), await self._outbox(), await self._jobs()]
        return [version, *own, *await self._notices()]

    async def _keys(self) -> Finding:
        if not await self._vault.opens(self._database, KEY_NAME):
            words = "no key in ENCRYPTION_KEYS opens what this database holds"
            return Finding("Keys", RED, words, "Put back the key it was made with.")
        tried, lost = 0, []
        for sealed in SEALED:
            async with self._database.reading() as session:
                sample = await sealed_columns.page(session, sealed, "", SAMPLE)
            tried += len(sample)
            if not all(self._vault.can_open(text) for _, text in sample):
                lost.append(sealed.name)
        if lost:
            words = f"no key in ENCRYPTION_KEYS opens all the {listing(lost)} that are stored"
            return Finding("Keys", RED, words, "Put back the key that they were sealed with.")
        return Finding("Keys", GREEN, f"open what is stored ({tried:,} tried)" if tried else "nothing is stored yet")

    async def _anchors(self) -> Finding:
        """Where the trail's anchors are, and the last one in the file beside the trail."""
        subject, path, channel = "Audit anchors", self._premises.anchor_file, self._premises.anchor_channel
        places = ["the log", *(["`AUDIT_ANCHOR_FILE`"] if path else []), *([f"<#{channel}>"] if channel else [])]
        where = "in " + " and in ".join(places)
        if path is None:
            return Finding(subject, GREEN, where, "" if channel else KEEP_ANCHORS)
        try:
            found = await anchors.standing(self._database, path)
        except anchors.UnreadableAnchors as unreadable:
            return Finding(subject, RED, str(unreadable), "Look at AUDIT_ANCHOR_FILE, and who may write there.")
        if found.fault:
            return Finding(subject, RED, found.fault, "Run `fieldview-bot audit verify`, and keep that file.")
        now, allowed = self._clock(), 2 * self._premises.sweep_interval + timedelta(seconds=60)
        if found.waiting_since is not None and now - found.waiting_since > allowed:
            words = f"{where}, but the file has had none for entries since {in_utc(found.waiting_since)}"
            remedy = "Can the bot write AUDIT_ANCHOR_FILE?" if self._premises.running else "Is the bot running?"
            return Finding(subject, YELLOW, words, remedy)
        if found.last is None:
            return Finding(subject, GREEN, f"{where}; the file has none yet, the first comes with the next sweep")
        return Finding(
            subject, GREEN, f"{where}; the last one in the file, of entry {found.last.seq:,}, fits the trail"
        )

    async def _sweep(self) -> Finding:
        async with self._database.reading() as session:
            last = await sweeps.last_finished(session)
        now, allowed = self._clock(), 2 * self._premises.sweep_interval + timedelta(seconds=60)
        if last is None or last.finished_at is None:
            level = YELLOW if self._premises.running else GREEN
            return Finding("Watching", level, "no look at all connections has ended yet")
        words = f"the last look at all {last.growers:,} growers ended {ago(last.finished_at, now)}"
        if now - last.finished_at <= allowed:
            return Finding("Watching", GREEN, words)
        remedy = "If Leaf is well below, read the bot's log." if self._premises.running else "Is the bot running?"
        return Finding("Watching", RED if self._premises.running else YELLOW, words, remedy)

    async def _outbox(self) -> Finding:
        async with self._database.reading() as session:
            depth = await outbox.depth(session)
            oldest = await outbox.oldest_owed(session)
        if depth == 0 or oldest is None:
            return Finding("Messages", GREEN, "all delivered")
        waiting = self._clock() - oldest
        words = f"{depth:,} still to be delivered, the oldest for {lasting(waiting)}"
        if waiting < OLD_MESSAGE:
            return Finding("Messages", GREEN, words)
        if not self._premises.running:
            return Finding("Messages", YELLOW, words, "They follow when the bot runs and Slack takes them.")
        if waiting < LONG_OWED:
            return Finding("Messages", YELLOW, words, "They follow when Slack takes them; nothing is lost.")
        return Finding("Messages", RED, words, "Nobody reads them so far: see Slack below, then the bot's log.")

    async def _jobs(self) -> Finding:
        """Work of the engine: by its own clock, which is that of the machine."""
        found = await jobs.backlog(self._database)
        if found is None:
            return Finding("Jobs", GREEN, "none yet")
        words = f"{found.running:,} running, {found.waiting:,} waiting"
        if found.late >= LATE:
            words += f", one of them due for {lasting(found.late)} already"
        elif found.running_for >= LONG_RUN:
            words += f", one of them running for {lasting(found.running_for)}"
        else:
            return Finding("Jobs", GREEN, words)
        if not self._premises.running:
            return Finding("Jobs", YELLOW, words, "Is the bot running?")
        level = RED if found.late >= TOO_LATE else YELLOW
        return Finding("Jobs", level, words, "If that does not pass, read the bot's log and start it anew.")

    async def _notices(self) -> list[Finding]:
        """What operators were told and is not over."""
        async with self._database.reading() as session:
            standing = await notices.standing(session)
        return [
            Finding("Notice", YELLOW, f"since {in_utc(notice.raised_at)}: {notice.text}") for notice in standing[:10]
        ]

    # Slack

    async def _slack_part(self, called: Called | None) -> list[Finding]:
        try:
            workspace = await self._slack.workspace()
        except ProviderRefusedUs as refused:
            remedy = "Check SLACK_BOT_TOKEN; reinstall the app if need be."
            return [Finding("Slack", RED, f"refuses the bot ({refused.detail})", remedy)]
        except BotError as failure:
            return [Finding("Slack", RED, str(failure), "Check SLACK_API_URL and the network.")]
        findings = [_scopes(workspace.name, workspace.scopes), *_skew(workspace.skew)]
        places = await self._places()
        if self._premises.alert_channel:
            findings.append(await self._channel(called, ALERTS, self._premises.alert_channel))
        elif not places:
            words = "nobody gets alerts: there is no ALERT_CHANNEL, and no channel is subscribed"
            findings.append(Finding("Channels", YELLOW, words, "Type `/fieldview subscribe` in a channel."))
        elif not any(place.hears_everything for place in places):
            words = (
                "no channel that works hears everything at once, and there is no ALERT_CHANNEL: an alert that nobody "
                "chose comes to the channels that work, or to whoever subscribed the others"
            )
            findings.append(
                Finding("Channels", YELLOW, words, "Type `/fieldview subscribe` in a channel for all of it.")
            )
        if self._premises.anchor_channel:
            findings.append(await self._channel(called, ANCHORS, self._premises.anchor_channel))
        return [*findings, *await self._subscriptions(called, places)]

    async def _places(self) -> list[Subscription]:
        try:
            async with self._database.reading() as session:
                return await subscriptions.everyone(session)
        except (SQLAlchemyError, OSError):
            return []  # what the database lacks stands in its own line

    async def _subscriptions(self, called: Called | None, places: list[Subscription]) -> list[Finding]:
        """One line for all that work, one for each that does not."""
        found = [await self._channel(called, "Channel", place.channel, place.broken_reason) for place in places]
        well = sum(finding.level is GREEN for finding in found)
        summary = [Finding("Channels", GREEN, f"{well} of {len(found)} subscribed can be posted to")] if found else []
        return summary + [finding for finding in found if finding.level is not GREEN]

    async def _channel(self, called: Called | None, subject: str, channel: str, broken: str | None = None) -> Finding:
        setting = OF_SETTINGS.get(subject)
        remedy = (
            f"Check {setting} and invite the bot there with /invite."
            if setting
            else "Invite the bot, then `/fieldview subscribe` there; or `/fieldview unsubscribe` ends it."
        )
        name = f"`{channel}`" if setting else f"<#{channel}>"
        try:
            found = await self._slack.channel(channel)
        except ChannelUnreachable as lost:
            return Finding(subject, RED, f"{name} cannot be seen any more (`{lost.reason}`)", remedy)
        except BotError as failure:
            return Finding(subject, YELLOW, f"{name} could not be looked at: {failure}")
        name = f"#{found.name}" if called is None else await called(found)
        if found.is_archived:
            return Finding(subject, RED, f"{name} is archived: nothing can be posted there", remedy)
        if not found.is_member:
            return Finding(subject, RED, f"{name} cannot be posted to: the bot is not in it", remedy)
        if found.is_shared and subject != ANCHORS:
            words = f"{name} is read by people from outside this workspace: nothing about growers is written there"
            return Finding(subject, RED, words, "Take another channel for alerts.")
        if broken:
            read = "people from outside this workspace read it once"
            once = read if broken == OUTSIDERS else f"Slack once said `{broken}`"
            words = f"{name} gets no alerts: {once}. They go elsewhere instead"
            return Finding(subject, RED, words, "Type `/fieldview subscribe` there, and it gets them again.")
        return Finding(subject, GREEN, name)

    # Leaf

    async def _leaf_part(self) -> list[Finding]:
        try:
            page = await self._leaf.users(0)
        except ProviderRefusedUs:
            return [Finding("Leaf", RED, "refuses the login", "Check LEAF_USERNAME and LEAF_PASSWORD.")]
        except BotError as failure:
            return [Finding("Leaf", RED, str(failure), "Check LEAF_API_URL and the network; Leaf may be down.")]
        age = self._leaf.login_age
        since = f" {lasting(timedelta(seconds=age))} ago" if age is not None and age >= 60 else ""
        words = f"logged in{since}; this account has {page.total:,} growers"
        remedy = "" if page.total else "None? Then this may be the wrong account."
        return [Finding("Leaf", GREEN if page.total else YELLOW, words, remedy), await self._alerts()]

    async def _alerts(self) -> Finding:
        subject, address = "Alerts from Leaf", self._premises.alerts_address
        if address is None:
            words = "not used: dead connections are found by looking, up to an interval later"
            return Finding(subject, GREEN, words, "To hear at once, set LEAF_WEBHOOK_SECRET.")
        try:
            standing = await registration.standing(self._leaf, address)
        except BotError as failure:
            return Finding(subject, YELLOW, f"cannot be looked up: {failure}")
        match standing:
            case Standing.MADE:
                return Finding(subject, GREEN, "sent here, as this bot asked for")
            case Standing.ADOPTED:
                return Finding(subject, GREEN, "sent here: somebody had asked for that before, and it was kept")
            case Standing.TAKEN:
                return Finding(
                    subject,
                    YELLOW,
                    "sent to another address, and Leaf allows only one (`eventRegisteredTwice`). "
                    "It may be somebody else's, so I leave it alone and find dead connections by looking",
                    "Forward them from there, or delete that registration at Leaf; I then make mine within minutes.",
                )
            case Standing.MISSING if self._premises.running:
                return Finding(subject, YELLOW, "not sent here yet", "I ask for it every few minutes.")
            case Standing.MISSING:
                return Finding(subject, GREEN, "not sent here yet: the bot asks Leaf for it when it runs")


def _scopes(workspace: str, granted: frozenset[str]) -> Finding:
    if not granted:
        words = f"installed in {workspace}; Slack does not say with which permissions"
        return Finding("Slack", YELLOW, words, "Hold the app's scopes against manifest.yml.")
    missing = SCOPES - granted
    without = ", ".join(f"`{scope}`" for scope in sorted(missing))
    if missing - OPTIONAL_SCOPES:
        words = f"installed in {workspace}, but without {without}"
        return Finding("Slack", RED, words, "Add these scopes to the app and reinstall it.")
    if missing:
        lost = "; ".join(WITHOUT[scope] for scope in sorted(missing))
        words = f"installed in {workspace}, without {without}: {lost}"
        return Finding("Slack", YELLOW, words, "Add it and reinstall the app if you want that.")
    return Finding("Slack", GREEN, f"installed in {workspace}, with every permission it needs")


def _skew(skew: timedelta | None) -> list[Finding]:
    if skew is None:
        return []
    if abs(skew) < SKEW:
        return [Finding("Clock", GREEN, "agrees with Slack's")]
    words = f"is off by {lasting(abs(skew))} from Slack's; requests older than 5 min are refused"
    remedy = "Let this machine keep its clock by NTP."
    return [Finding("Clock", RED if abs(skew) >= WORST_SKEW else YELLOW, words, remedy)]
