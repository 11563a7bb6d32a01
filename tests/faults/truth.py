"""What really happened in the sandbox, and whether the channels were told it: once, wholly, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import select

from bot.sandbox.slack.workspace import Message
from bot.sandbox.world import World
from storage import audit, outbox
from storage.database import Database
from storage.records import AnnouncementKind, AuditEntry, Consent, ConsentState, StormKind
from storage.tables import AnnouncementRow, ConsentRow, IncidentRow, StormIncidentRow, StormRow
from tests.faults.lives import Lives
from tests.faults.storm_truth import judge_illness, judge_list, judge_storm
from tests.faults.verdicts import Farm, Verdict
from tests.stage import text_of

MENDED = "works again"
"""What every card of an incident that is over says, and no other."""

RECOVERED = "Works again"
"""What the reply says that tells of it below the card."""


@dataclass(frozen=True)
class _Books:
    """What the bot itself wrote down, read after the end."""

    kinds: dict[str, tuple[str, str, str]]
    """Each announcement's kind, subject and channel."""

    incidents: dict[str, IncidentRow]
    storms: dict[str, StormRow]
    storm_of: dict[str, str]
    """The storm of each incident that is part of one."""

    consents: list[Consent]
    entries: list[AuditEntry]
    owed: int
    secrets_left: int


async def _books(database: Database) -> _Books:
    async with database.reading() as session:
        told = await session.execute(
            select(AnnouncementRow.id, AnnouncementRow.kind, AnnouncementRow.subject, AnnouncementRow.channel)
        )
        rows = list(await session.scalars(select(ConsentRow)))
        return _Books(
            kinds={row[0]: (row[1], row[2], row[3]) for row in told},
            incidents={row.id: row for row in await session.scalars(select(IncidentRow))},
            storms={row.id: row for row in await session.scalars(select(StormRow))},
            storm_of={row.incident_id: row.storm_id for row in await session.scalars(select(StormIncidentRow))},
            consents=[row.to_record() for row in rows],
            entries=[sealed.entry async for sealed in audit.everything(session)],
            owed=await outbox.depth(session),
            secrets_left=sum(bool(row.authorization_code or row.refresh_token) for row in rows),
        )


async def judge(
    world: World,
    database: Database,
    farms: Sequence[Farm],
    channels: Sequence[str],
    lives: Lives,
    lists: Mapping[str, set[str]] | None = None,
) -> Verdict:
    """Compare every channel with the truth, and the audit trail with both.

    `lists`: the names that somebody read who pressed "Show the list" below a storm's message, by storm.
    """
    verdict, books = Verdict(), await _books(database)
    if books.owed:
        verdict.fault(f"{books.owed} messages are still owed")
    if books.secrets_left:
        verdict.fault(f"{books.secrets_left} consents still hold a code or a token")
    for farm in farms:
        told = {channel: _cards(world, channel, farm, books) for channel in channels}
        grouped = {channel: _is_in_a_storm(world, channel, farm, books) for channel in channels}
        _judge_told(verdict, farm, told, grouped)
        for channel, cards in told.items():
            _judge_once(verdict, farm, channel, cards, lives)
            _judge_last_text(verdict, farm, channel, cards)
            _judge_thread(verdict, world, farm, channel, cards, lives)
        _judge_audit(verdict, farm, books)
        _judge_consent(verdict, farm, books)
    for channel in channels:
        _judge_other_posts(verdict, world, channel, books, lives)
        for storm in books.storms.values():
            messages = _storm_messages(world, channel, storm.id, books)
            if not messages and storm.told_at is not None:
                verdict.fault(f"a storm ({storm.kind}) was not told in {channel}")
            elif messages and storm.kind == StormKind.GROWERS:
                judge_storm(verdict, channel, messages, _members(storm.id, farms, books), farms)
            elif messages:
                judge_illness(verdict, storm.kind, channel, messages)
    for storm_id, names in (lists or {}).items():
        judge_list(verdict, names, _members(storm_id, farms, books))
    verdict.count("rows in the audit trail", len(books.entries))
    return verdict


def announcement_of(message: Message) -> str | None:
    """The id that the bot puts into the metadata of what it owes."""
    payload = (message.metadata or {}).get("event_payload", {})
    return payload.get("id") if isinstance(payload, dict) else None


def _cards(world: World, channel: str, farm: Farm, books: _Books) -> list[Message]:
    """This grower's incident cards in the channel, oldest first."""
    found = []
    for message in world.slack.posted(channel):
        kind, subject, _ = books.kinds.get(announcement_of(message) or "", ("", "", ""))
        incident = books.incidents.get(subject)
        is_card = kind == AnnouncementKind.INCIDENT and message.thread_ts is None
        if is_card and incident is not None and incident.grower_id == farm.user.id:
            found.append(message)
    return found


def _storm_messages(world: World, channel: str, storm_id: str, books: _Books) -> list[Message]:
    """What the channel was told of this storm, oldest first."""
    wanted = (AnnouncementKind.STORM, storm_id)
    return [
        message
        for message in world.slack.posted(channel)
        if books.kinds.get(announcement_of(message) or "", ("", "", ""))[:2] == wanted
    ]


def _is_in_a_storm(world: World, channel: str, farm: Farm, books: _Books) -> bool:
    """Whether a grouped message in the channel counts this grower among those it tells of."""
    mine = [incident.id for incident in books.incidents.values() if incident.grower_id == farm.user.id]
    storms = {books.storm_of[incident] for incident in mine if incident in books.storm_of}
    return any(_storm_messages(world, channel, storm, books) for storm in storms)


def _judge_told(verdict: Verdict, farm: Farm, told: Mapping[str, list[Message]], grouped: Mapping[str, bool]) -> None:
    if farm.broke_at is None:
        if any(told.values()) or any(grouped.values()):
            verdict.fault(f"{farm.name} never broke, and a message says it did")
        return
    verdict.count("incidents in truth, held until told" if farm.held else "incidents in truth, over at once")
    reached = [channel for channel, cards in told.items() if cards or grouped[channel]]
    if reached and not farm.held:
        verdict.count("of these, seen by the bot")
    if (reached or farm.held) and len(reached) < len(told):
        verdict.fault(f"{farm.name} broke at {farm.broke_at:%H:%M:%S}, told in {len(reached)} of {len(told)} channels")
    if reached or farm.held:
        verdict.count("messages owed to channels about a broken grower", len(told))
        verdict.count("of these, by a card of its own", sum(bool(cards) for cards in told.values()))
        verdict.count("of these, by a storm's message alone", sum(not told[channel] for channel in reached))


def _judge_once(verdict: Verdict, farm: Farm, channel: str, cards: list[Message], lives: Lives) -> None:
    if len({announcement_of(card) for card in cards}) > 1:
        verdict.fault(f"{farm.name} has several cards in {channel} for one incident")
    if cards and min(_moment(card) for card in cards) < (farm.broke_at or _moment(cards[0])):
        verdict.fault(f"{farm.name} was announced in {channel} before it broke")
    _judge_repeats(verdict, f"the card of {farm.name}", channel, cards, lives)


def _judge_repeats(verdict: Verdict, what: str, channel: str, messages: list[Message], lives: Lives) -> None:
    """A second post of the same is forgiven only when a kill fell between Slack's answer and our commit."""
    for first, again in pairwise(messages):
        life = lives.excuse(first, again)
        if life is None or life.killed_at is None:
            taken = f"{_moment(first):%H:%M:%S.%f} and {_moment(again):%H:%M:%S.%f}"
            verdict.fault(f"{what} was posted twice in {channel} without a kill to excuse it: {taken}")
        else:
            verdict.count("posted twice, a kill between Slack's answer and our commit")
            verdict.longest_doubt = max(verdict.longest_doubt, life.killed_at - _moment(first))


def _judge_last_text(verdict: Verdict, farm: Farm, channel: str, cards: list[Message]) -> None:
    if not cards:
        return
    # Of a message posted twice, the bot knows the later one and keeps it up to date.
    says_mended = MENDED in text_of(cards[-1])
    if says_mended == farm.is_well:
        verdict.count("cards whose last text is true")
    else:
        verdict.fault(f"the card of {farm.name} in {channel} says {text_of(cards[-1])[:80]!r}, which is not so")


def _judge_thread(verdict: Verdict, world: World, farm: Farm, channel: str, cards: list[Message], lives: Lives) -> None:
    """That it is over is told below the card, once."""
    replies = [reply for card in cards for reply in world.slack.thread(card) if RECOVERED in reply.text]
    if bool(replies) != (bool(cards) and farm.is_well):
        verdict.fault(f"{len(replies)} replies below the card of {farm.name} in {channel} say that it is over")
    verdict.count("replies that tell of a recovery", len(replies))
    _judge_repeats(verdict, f"the recovery of {farm.name}", channel, replies, lives)


def _judge_audit(verdict: Verdict, farm: Farm, books: _Books) -> None:
    rows = Counter(entry.action for entry in books.entries if entry.target == farm.user.id)
    mine = [incident for incident in books.incidents.values() if incident.grower_id == farm.user.id]
    over = [incident for incident in mine if incident.recovered_at is not None]
    for action, wanted in (("incident-opened", len(mine)), ("incident-recovered", len(over))):
        if rows[action] != wanted:
            verdict.fault(f"{farm.name}: {rows[action]} rows of {action} for {wanted}")
    if len(mine) > (farm.broke_at is not None):
        verdict.fault(f"{farm.name}: {len(mine)} incidents")


def _judge_consent(verdict: Verdict, farm: Farm, books: _Books) -> None:
    if not farm.consented:
        return
    verdict.count("growers who consented")
    connected = [
        consent
        for consent in books.consents
        if consent.grower_id == farm.user.id and consent.state is ConsentState.CONNECTED
    ]
    rows = [entry for entry in books.entries if entry.target == farm.user.id and entry.action == "consent-completed"]
    if len(connected) != 1 or len(rows) != 1 or not farm.is_well:
        credential = farm.user.credential
        verdict.fault(
            f"{farm.name} consented: {len(connected)} consents connected, {len(rows)} audit rows, "
            f"Leaf says {credential.status if credential else 'no credential'}"
        )
    else:
        verdict.count("of these, connected once")


def _judge_other_posts(verdict: Verdict, world: World, channel: str, books: _Books, lives: Lives) -> None:
    """Everything else that is owed to the channel is told once, too."""
    by_id: dict[str, list[Message]] = {}
    for message in world.slack.posted(channel):
        owed = announcement_of(message)
        if owed and message.thread_ts is None and books.kinds.get(owed, ("",))[0] != AnnouncementKind.INCIDENT:
            by_id.setdefault(owed, []).append(message)
    for owed, messages in by_id.items():
        kind = books.kinds.get(owed, ("unknown",))[0]
        verdict.count(f"other messages: {kind}", len(messages))
        _judge_repeats(verdict, f"a message ({kind})", channel, messages, lives)


def _members(storm_id: str, farms: Sequence[Farm], books: _Books) -> list[Farm]:
    growers = {books.incidents[incident].grower_id for incident, storm in books.storm_of.items() if storm == storm_id}
    return [farm for farm in farms if farm.user.id in growers]


def _moment(message: Message) -> datetime:
    return message.versions[0].at
