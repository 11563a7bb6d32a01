"""By which words growers are grouped: what may be such a word, and who has which."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from rapidfuzz import fuzz, process
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import UsageError
from bot.journal import Deed, Journal
from bot.reports import Tagged
from bot.storms import Storms
from storage import growers, incidents, tags
from storage.database import Database
from storage.records import Grower

LONGEST = 40
"""Characters of a tag."""

MOST = 20
"""Tags of one grower."""

ALIKE = 75
"""Letters of a hundred in which a slip of the keyboard agrees at least with what was meant."""

A_TAG = f"letters, digits, spaces and _ - . / & + only, {LONGEST} characters at most"

USAGE = "/fieldview tag <grower> add north, organic"

_SEPARATORS = re.compile(r"[,;\n]")
_BESIDE_LETTERS = " -_./&+"
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Letters and marks that no font shows: with them two tags would look the same."""


class Tagging:
    """Each change is one transaction with its audit row, and with the alert in the channels that now want it."""

    def __init__(self, database: Database, storms: Storms, journal: Journal) -> None:
        self._database = database
        self._storms = storms
        self._journal = journal

    async def everything(self) -> Mapping[str, int]:
        """Every tag that a grower has, and how many have it."""
        async with self._database.reading() as session:
            return await tags.counts(session)

    async def meant(self, typed: str) -> str:
        """The typed tag, which nobody need have yet. Raises UsageError when it looks like a slip of another."""
        tag, known = tag_in(typed), await self.everything()
        close = None if tag in known else process.extractOne(tag, list(known), scorer=fuzz.ratio, score_cutoff=ALIKE)
        if close:
            raise UsageError(
                f"No grower has the tag `{tag}`. Did you mean `tag:{close[0]}`? "
                "A new tag that is this much like another is given to a grower first."
            )
        return tag

    async def suggest(self, typed: str, limit: int = 100) -> Mapping[str, int]:
        """Tags for type-ahead, and how many growers have each: those that begin with it first, then one that is new."""
        known, sought = await self.everything(), _folded(typed)
        fitting = sorted((tag for tag in known if sought in tag), key=lambda tag: (not tag.startswith(sought), tag))
        found = {tag: known[tag] for tag in fitting[: limit - 1]}
        return found if not _is_tag(sought) else {**found, sought: known.get(sought, 0)}

    async def of(self, grower: Grower) -> Tagged:
        """Which tags the grower has now."""
        async with self._database.reading() as session:
            known, now = await growers.get(session, grower.id), await tags.of(session, grower.id)
        return Tagged(known or grower, now, now)

    async def add(self, grower: Grower, more: Iterable[str], deed: Deed) -> Tagged:
        """The grower has these tags, too. Raises UsageError when that would be too many."""
        async with self._database.transaction() as session:
            return await self._noted(session, deed, await self.added(session, grower, more))

    async def remove(self, grower: Grower, less: Iterable[str], deed: Deed) -> Tagged:
        """The grower has these tags no more."""
        async with self._database.transaction() as session:
            known, before = await _locked(session, grower)
            named = tuple(less)
            await tags.remove(session, grower.id, named)
            after = await tags.of(session, grower.id)
            unmet = tuple(tag for tag in named if tag not in before)
            return await self._noted(session, deed, Tagged(known, after, before, unmet))

    async def added(self, session: AsyncSession, grower: Grower, more: Iterable[str]) -> Tagged:
        """`add` within somebody's transaction, who writes the audit row if anything changed."""
        known, before = await _locked(session, grower)
        fresh = sorted(set(more).difference(before))
        if len(before) + len(fresh) > MOST:
            raise too_many(len(before) + len(fresh))
        await tags.add(session, grower.id, fresh)
        incident = await incidents.open_of_grower(session, grower.id)
        if fresh and incident is not None and incident.told_at is not None:
            self._storms.moved(session, incident.id)
        return Tagged(known, tuple(sorted((*before, *fresh))), before)

    async def _noted(self, session: AsyncSession, deed: Deed, done: Tagged) -> Tagged:
        if done.tags != done.before:
            await self._journal.done(session, deed, done.grower, before=done.before, after=done.tags)
        return done


async def _locked(session: AsyncSession, grower: Grower) -> tuple[Grower, tuple[str, ...]]:
    """The grower as known now, and its tags, which nobody else changes until the transaction ends."""
    await growers.lock(session, grower.id)
    return await growers.get(session, grower.id) or grower, await tags.of(session, grower.id)


def tags_in(text: str) -> tuple[str, ...]:
    """The tags that are written there with commas or semicolons between. Raises UsageError, also when there is none."""
    found = tuple(dict.fromkeys(tag_in(word) for word in words_in(text)))
    if not found:
        raise UsageError("Which tag?", USAGE)
    return found


def words_in(text: str) -> list[str]:
    """What may be a tag each."""
    return [word.strip() for word in _SEPARATORS.split(text) if word.strip()]


def tag_in(text: str) -> str:
    """One tag as it is kept: small letters, one space between words, nothing that is not seen. Raises UsageError."""
    tag = _folded(text)
    if not tag:
        raise UsageError("Which tag?")
    if not _is_tag(tag):
        raise no_tag(text)
    return tag


def _folded(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text).casefold()
    seen = _UNSEEN.sub("", "".join(letter for letter in normal if unicodedata.category(letter) != "Cf"))
    return " ".join(unicodedata.normalize("NFKC", seen).strip().removeprefix("#").split())


def _is_tag(tag: str) -> bool:
    return 0 < len(tag) <= LONGEST and tag[0].isalnum() and all(map(_is_allowed, tag))


def no_tag(text: str) -> UsageError:
    return UsageError(
        f"“{text.strip()[:LONGEST]}” cannot be a tag. A tag begins with a letter or a digit and has only "
        f"letters, digits, spaces, underscores and the signs - . / & + in it, {LONGEST} characters at most."
    )


def too_many(number: int) -> UsageError:
    return UsageError(f"A grower has at most {MOST} tags, and this would make {number}. Nothing was changed.")


def _is_allowed(letter: str) -> bool:
    return letter in _BESIDE_LETTERS or unicodedata.category(letter)[0] in "LMN"
