"""Finding growers by name, e-mail, externalId, id or Slack mention: in the local index first, at Leaf if need be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime

from rapidfuzz import fuzz, process

from bot.errors import (
    AmbiguousGrower,
    ChannelUnreachable,
    ProviderError,
    ProviderUnavailable,
    UnknownGrower,
    UsageError,
)
from bot.journal import Journal
from bot.leaf.client import LeafClient
from bot.leaf.models import LeafUser
from bot.learning import LOST, Learning, creation_key
from bot.monitor import grower_of
from bot.slack.client import Person, SlackClient
from storage import consents, creations, disconnections, growers, incidents, outbox
from storage.database import Database
from storage.growers import fold
from storage.records import AnnouncementKind, Consent, Disconnection, Grower, Incident

SHOWN = 25
"""How many growers a question offers at most."""

INDEXED = 100_000
"""How many names "did you mean" looks through."""

LONGEST = 300
"""Characters of a name that Leaf is asked for: a longer one would not fit into an address."""

BEHIND = 4
"""Words behind a name that may be meant for something else."""

BEING_CREATED = (
    "I am creating this grower already, so I made no second one. If no link comes within two minutes, try again."
)

_OF_A_CONSENT = (
    AnnouncementKind.CONNECTED,
    AnnouncementKind.CONSENT_OUTCOME,
    AnnouncementKind.CONSENT_INVITATION,
    AnnouncementKind.CONSENT_REMINDER,
    AnnouncementKind.CONSENT_RENEWAL,
    AnnouncementKind.NO_DATA_YET,
)

_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|([^>]*))?>")
_QUOTED = re.compile(r"""["“”„«]([^"“”„«»]*)["“”»]|['\u2018\u2019\u201a](.*)['\u2018\u2019]""")
_STRAIGHT = str.maketrans({"\u2018": "'", "\u2019": "'", "“": '"', "”": '"'})
_LEAF_ID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}")


class Directory:
    """Every way to say who is meant. What is typed must fit exactly; anything less is asked, never guessed."""

    def __init__(
        self,
        database: Database,
        leaf: LeafClient,
        slack: SlackClient,
        journal: Journal,
        learning: Learning,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._leaf = leaf
        self._slack = slack
        self._journal = journal
        self._learning = learning
        self._clock = clock

    async def find(self, typed: str) -> Grower:
        """The one grower who answers to what was typed.

        Raises UnknownGrower (with similar names), AmbiguousGrower, and ProviderError when Leaf has to be asked and
        cannot.
        """
        typed = typed.strip()
        if mention := _MENTION.fullmatch(typed):
            return await self._mentioned(mention[1], mention[2] or mention[1])
        return await self._only(unquoted(typed), await self._found(typed))

    async def knows(self, typed: str) -> bool:
        """Whether somebody in the local index answers to exactly this."""
        return bool(await self._local(typed))

    async def by_id(self, grower_id: str) -> Grower:
        """Raises UnknownGrower."""
        async with self._database.reading() as session:
            grower = await growers.get(session, grower_id)
        if grower is not None:
            return grower
        user = await self._leaf.user(grower_id)
        if user is None:
            raise UnknownGrower(grower_id)
        return (await self._learned([user]))[0]

    async def known(self, ids: Iterable[str]) -> dict[str, Grower]:
        """These growers by id, as far as the local index has them."""
        async with self._database.reading() as session:
            return await growers.get_many(session, ids)

    async def create(self, name: str, email: str, external_id: str | None) -> tuple[Grower, bool]:
        """A Leaf user of this name and e-mail, and whether they are new: one that is there already is not made twice.

        Raises UsageError while somebody else creates the same, ProviderError, and ProviderRejected when Leaf does not
        like the particulars.
        """
        key, now = creation_key(name, email), self._clock()
        async with self._database.transaction() as session:
            claim = await creations.claim(session, key, now, lost_before=now - LOST)
        if claim is creations.Claim.TAKEN:
            raise UsageError(BEING_CREATED)
        still_lost = claim is creations.Claim.AFTER_A_LOST_ONE
        try:
            known = await self._leaf.find_users(email=email)
            still_lost = False
            same = [user for user in known if fold(user.name) == fold(name)]
            if not same:
                now = await self._still_claimed(key, now)
            user = same[0] if same else await self._new(name, email, external_id)
        except ProviderError as failure:
            if not (isinstance(failure, ProviderUnavailable) and failure.in_doubt):
                await self._release(key, now, still_lost=still_lost)
            raise
        grower = grower_of(user)
        async with self._database.transaction() as session:
            await growers.save(session, [grower])
            await creations.release(session, key, now)
            if not same:
                await self._journal.on_the_way(session, "grower-created", grower)
            elif claim is creations.Claim.AFTER_A_LOST_ONE:
                # Whoever asked Leaf for them and was not heard of again wrote nothing down.
                await self._journal.on_the_way(session, "grower-created", grower, found=True)
        return grower, not same

    async def _new(self, name: str, email: str, external_id: str | None) -> LeafUser:
        try:
            return await self._leaf.create_user(name, email, external_id)
        except ProviderUnavailable as failure:
            failure.in_doubt = failure.maybe_done
            raise

    async def _still_claimed(self, key: str, claimed_at: datetime) -> datetime:
        """Since when it is claimed now: Leaf may have taken so long that somebody else is at it. Raises UsageError."""
        now = self._clock()
        async with self._database.transaction() as session:
            if not await creations.renew(session, key, claimed_at, now):
                raise UsageError(BEING_CREATED)
        return now

    async def _release(self, key: str, claimed_at: datetime, *, still_lost: bool) -> None:
        async with self._database.transaction() as session:
            if still_lost:
                await creations.put_back(session, key, claimed_at, claimed_at - 2 * LOST)
            else:
                await creations.release(session, key, claimed_at)

    async def suggest(self, typed: str, limit: int = 100) -> list[Grower]:
        """Growers for type-ahead, from the local index only; the first by name while nothing is typed."""
        async with self._database.reading() as session:
            if not fold(typed):
                return await growers.first(session, limit)
            return await growers.find_similar(session, typed, limit)

    async def known_as(self, person: Person) -> Grower | None:
        """The grower who is this member of the workspace, from the local index only; None unless it is just one."""
        async with self._database.reading() as session:
            known = await growers.by_slack_user(session, person.id)
            found = await growers.find_exactly(session, person.email) if person.email and known is None else []
        return known or (found[0] if len(found) == 1 else None)

    async def told_of(self, channel: str, ts: str) -> Grower | None:
        """Whom that message of ours, or the one that it stands below, is about; None unless it is just one."""
        async with self._database.reading() as session:
            told = await outbox.at_message(session, channel, ts) if channel and ts else None
            if told is None:
                return None
            kind, subject = told.kind, told.subject
            if kind is AnnouncementKind.THREAD:
                above, _, subject = subject.partition(":")
                kind = AnnouncementKind(above)
            about: Incident | Disconnection | Consent | None = None
            if kind is AnnouncementKind.INCIDENT:
                about = await incidents.get(session, subject)
            elif kind is AnnouncementKind.DISCONNECTION:
                about = await disconnections.get(session, subject)
            elif kind in _OF_A_CONSENT:
                about = await consents.get(session, subject)
            return await growers.get(session, about.grower_id if about else subject)

    async def person_of(self, grower: Grower) -> Person | None:
        """The grower as a member of this workspace, None when they have no account here."""
        if grower.slack_user:
            person = await self._slack.person(grower.slack_user)
        elif grower.email:
            found = await self._slack.person_by_email(grower.email)
            if found is None:
                return None
            person = found
        else:
            return None
        return None if person.is_gone or person.is_bot else person

    async def _found(self, typed: str) -> list[Grower]:
        return await self._local(typed) or await self._local(unquoted(typed)) or await self._at_leaf(unquoted(typed))

    async def _local(self, typed: str) -> list[Grower]:
        async with self._database.reading() as session:
            return await growers.find_exactly(session, typed)

    async def _at_leaf(self, typed: str) -> list[Grower]:
        """Leaf's own search, for growers added since the last sweep; its hits count only if they fit exactly."""
        found: dict[str, LeafUser] = {}
        for query in _queries(typed):
            found |= {user.id: user for user in await self._leaf.find_users(**query) if _answers_to(user, typed)}
        if found:
            return await self._learned(found.values())
        if _LEAF_ID.fullmatch(typed):
            user = await self._leaf.user(typed)
            return await self._learned([user]) if user else []
        return []

    async def _only(self, typed: str, found: list[Grower]) -> Grower:
        if not found:
            named, left_over = await self._beginning_of(typed)
            raise UnknownGrower(typed, named or await self._similar(typed), left_over)
        if len(found) > 1:
            raise AmbiguousGrower(typed, found)
        return found[0]

    async def _beginning_of(self, typed: str) -> tuple[list[Grower], str]:
        """Who answers to what was typed without its last words, and those words: they may be no part of a name."""
        words = typed.split()
        for end in range(len(words) - 1, max(0, len(words) - 1 - BEHIND), -1):
            if named := await self._local(" ".join(words[:end])):
                return named, " ".join(words[end:])
        return [], ""

    async def _mentioned(self, user: str, label: str) -> Grower:
        async with self._database.reading() as session:
            known = await growers.by_slack_user(session, user)
        if known is not None:
            return known
        try:
            person = await self._slack.person(user)
        except ChannelUnreachable:
            raise UnknownGrower(label) from None
        if person.email is None:
            raise UnknownGrower(person.name, await self._similar(person.name))
        grower = await self._only(person.email, await self._found(person.email))
        async with self._database.transaction() as session:
            await growers.set_slack_user(session, grower.id, user)
        return await self.by_id(grower.id)

    async def _similar(self, typed: str) -> list[Grower]:
        async with self._database.reading() as session:
            similar = await growers.find_similar(session, typed, SHOWN)
            if similar:
                return similar
            names = dict(await growers.names(session, INDEXED))
            close = process.extract(fold(typed), names, scorer=fuzz.WRatio, limit=5, score_cutoff=75)
            stored = await growers.get_many(session, [grower_id for _, _, grower_id in close])
        return [stored[grower_id] for _, _, grower_id in close if grower_id in stored]

    async def _learned(self, users: Iterable[LeafUser]) -> list[Grower]:
        fresh = [grower_of(user) for user in users]
        async with self._database.transaction() as session:
            await self._learning.keep(session, fresh)
        return fresh


def unquoted(text: str) -> str:
    """The text without the quotation marks around it, if there are any."""
    match = _QUOTED.fullmatch(text)
    return (match[1] or match[2] or "").strip() if match else text


def _queries(typed: str) -> list[dict[str, str]]:
    """What to ask Leaf for. Phones type curly quotes where a name was entered with straight ones."""
    if not 0 < len(typed) <= LONGEST:
        return []
    if "@" in typed:
        return [{"email": typed}]
    names = dict.fromkeys((typed, typed.translate(_STRAIGHT)))
    return [{"externalId": typed}, *({"name": name} for name in names)]


def _answers_to(user: LeafUser, typed: str) -> bool:
    return fold(typed) in {fold(word) for word in (user.id, user.name, user.email, user.external_id) if word}
