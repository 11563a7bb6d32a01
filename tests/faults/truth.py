"""What really happened in the sandbox, and whether the channels were told it: once, wholly, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import select

from bot.sandbox.leaf.records import OK, LeafUser
from bot.sandbox.slack.workspace import Message
from bot.sandbox.world import World
from storage import audit, outbox
from storage.database import Database
from storage.records import AnnouncementKind, AuditEntry, Consent, ConsentState
from storage.tables import AnnouncementRow, ConsentRow, IncidentRow
from tests.stage import text_of

MENDED = "works again"
"""What every card of an incident that is over says, and no other."""

IN_DOUBT = timedelta(seconds=15)
"""How long after Slack took a post our commit may still be outstanding, on a machine that does much else."""

A_MOMENT = timedelta(milliseconds=50)
"""Between a kill being ordered and the process being gone, a request may still reach Slack."""


@dataclass(eq=False)
class Farm:
    """One grower: breaks once or never, so that every card there is can be told whose and which it is.

    `held`: it stayed broken until somebody was told, or to the end, so it must be told. What broke and was mended
    between two looks may be told or not, but to every channel or to none.
    """

    user: LeafUser
    held: bool = False
    broke_at: datetime | None = None
    consented: bool = False
    """Whether this grower went through a consent."""

    asked: int = 0
    """Status questions about it that were acknowledged."""

    @property
    def name(self) -> str:
        return self.user.name

    @property
    def is_well(self) -> bool:
        return self.user.credential is not None and self.user.credential.status == OK


@dataclass
class Verdict:
    """The counts, and every way in which a promise was not kept."""

    counts: Counter[str] = field(default_factory=Counter)
    broken_promises: list[str] = field(default_factory=list)

    def count(self, what: str, by: int = 1) -> None:
        self.counts[what] += by

    def fault(self, what: str) -> None:
        self.broken_promises.append(what)


@dataclass(frozen=True)
class _Books:
    """What the bot itself wrote down, read after the end."""

    kinds: dict[str, tuple[str, str, str]]
    """Each announcement's kind, subject and channel."""

    incidents: dict[str, IncidentRow]
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
            consents=[row.to_record() for row in rows],
            entries=[sealed.entry async for sealed in audit.everything(session)],
            owed=await outbox.depth(session),
            secrets_left=sum(bool(row.authorization_code or row.refresh_token) for row in rows),
        )


async def judge(
    world: World, database: Database, farms: Sequence[Farm], channels: Sequence[str], kills: Sequence[datetime]
) -> Verdict:
    """Compare every channel with the truth, and the audit trail with both."""
    verdict, books = Verdict(), await _books(database)
    if books.owed:
        verdict.fault(f"{books.owed} messages are still owed")
    if books.secrets_left:
        verdict.fault(f"{books.secrets_left} consents still hold a code or a token")
    for farm in farms:
        told = {channel: _cards(world, channel, farm, books) for channel in channels}
        _judge_told(verdict, world, farm, told)
        for channel, cards in told.items():
            _judge_once(verdict, farm, channel, cards, kills)
            _judge_last_text(verdict, farm, channel, cards)
        _judge_audit(verdict, farm, books)
        _judge_consent(verdict, farm, books)
    for channel in channels:
        _judge_other_posts(verdict, world, channel, books, kills)
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


def _is_listed(world: World, channel: str, farm: Farm) -> bool:
    """Whether any message there ever named the grower: a grouped one that lists it tells, too."""
    since = farm.broke_at
    return any(
        version.at >= since and farm.name in version.text + repr(version.blocks)
        for message in world.slack.posted(channel)
        for version in message.versions
        if since
    )


def _judge_told(verdict: Verdict, world: World, farm: Farm, told: dict[str, list[Message]]) -> None:
    if farm.broke_at is None:
        if any(told.values()):
            verdict.fault(f"{farm.name} never broke, and a card says it did")
        return
    verdict.count("incidents in truth, held until told" if farm.held else "incidents in truth, over at once")
    reached = [channel for channel, cards in told.items() if cards or (farm.held and _is_listed(world, channel, farm))]
    if reached and not farm.held:
        verdict.count("of these, seen by the bot")
    if (reached or farm.held) and len(reached) < len(told):
        verdict.fault(f"{farm.name} broke at {farm.broke_at:%H:%M:%S}, told in {len(reached)} of {len(told)} channels")
    if reached or farm.held:
        verdict.count("cards owed to channels", len(told))
        verdict.count("cards posted", len(reached))


def _judge_once(verdict: Verdict, farm: Farm, channel: str, cards: list[Message], kills: Sequence[datetime]) -> None:
    if len({announcement_of(card) for card in cards}) > 1:
        verdict.fault(f"{farm.name} has several cards in {channel} for one incident")
    if cards and min(_moment(card) for card in cards) < (farm.broke_at or _moment(cards[0])):
        verdict.fault(f"{farm.name} was announced in {channel} before it broke")
    _judge_repeats(verdict, f"the card of {farm.name}", channel, cards, kills)


def _judge_repeats(
    verdict: Verdict, what: str, channel: str, messages: list[Message], kills: Sequence[datetime]
) -> None:
    """A second post of the same is forgiven only when a kill fell between Slack's answer and our commit."""
    for first, second in pairwise(messages):
        taken, again = _moment(first), _moment(second)
        if any(taken - A_MOMENT <= kill <= min(again, taken + IN_DOUBT) for kill in kills):
            verdict.count("posted twice, a kill between Slack's answer and our commit")
        else:
            verdict.fault(f"{what} was posted twice in {channel} without a kill to excuse it: {taken}, {again}")


def _judge_last_text(verdict: Verdict, farm: Farm, channel: str, cards: list[Message]) -> None:
    if not cards:
        return
    # Of a message posted twice, the bot knows the later one and keeps it up to date.
    says_mended = MENDED in text_of(cards[-1])
    if says_mended == farm.is_well:
        verdict.count("cards whose last text is true")
    else:
        verdict.fault(f"the card of {farm.name} in {channel} says {text_of(cards[-1])[:80]!r}, which is not so")


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


def _judge_other_posts(verdict: Verdict, world: World, channel: str, books: _Books, kills: Sequence[datetime]) -> None:
    """Everything else that is owed to the channel is told once, too."""
    by_id: dict[str, list[Message]] = {}
    for message in world.slack.posted(channel):
        owed = announcement_of(message)
        if owed and message.thread_ts is None and books.kinds.get(owed, ("",))[0] != AnnouncementKind.INCIDENT:
            by_id.setdefault(owed, []).append(message)
    for owed, messages in by_id.items():
        kind = books.kinds.get(owed, ("unknown",))[0]
        verdict.count(f"other messages: {kind}", len(messages))
        _judge_repeats(verdict, f"a message ({kind})", channel, messages, kills)


def _moment(message: Message) -> datetime:
    return message.versions[0].at
