"""The proof that nobody rewrote the audit trail: one walk along the chain, in memory that does not grow with it."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from bot import anchors
from bot.anchors import UnreadableAnchors
from bot.sealing import Anchor, Seal, commitment_to
from storage import audit, audit_keeping
from storage.database import Database
from storage.records import AuditCheckpoint, SealedEntry

ERASE = "erase-grower"
"""The action of the entry that says: these personal words were erased on request."""

Progress = Callable[[int, int], None]
"""Told now and then: entries walked, entries there are."""


def no_progress(done: int, of: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Verdict:
    """What was found: `rows` sound entries, and the first one that is not what it was, in words.

    `idle` anchors are of entries that retention has removed: nothing is left that they could be held against.
    """

    rows: int
    fault: str | None = None
    idle: int = 0


@dataclass(frozen=True)
class Proved:
    """The last of a batch of entries at the beginning of the trail, all of which are what they were."""

    seq: int
    mac: str


@dataclass
class Erasures:
    """What was erased on request: whom, and until which entry; and entries in which something typed was."""

    targets: dict[str, int] = field(default_factory=dict)
    typed: dict[int, int] = field(default_factory=dict)

    def explain(self, sealed: SealedEntry) -> bool:
        """Whether an entry further on says that this one's words were erased."""
        said = self.typed.get(sealed.seq, 0)
        if sealed.entry.target is not None:
            said = max(said, self.targets.get(sealed.entry.target, 0))
        return said > sealed.seq


class Broken(Exception):
    """The walk ends here; the sentence names the entry."""


@dataclass
class Walk:
    """How far we are: the last sound entry's number and mac, and what the entries ahead are held against."""

    last: int
    previous: str
    anchors: dict[int, Anchor] = field(default_factory=dict)
    erasures: Erasures = field(default_factory=Erasures)
    rows: int = 0


class Verification:
    """Holds every entry against its mac, its place, its personal words and the anchors outside."""

    def __init__(
        self, database: Database, seal: Seal, anchor_file: Path | None = None, noted: Sequence[Anchor] = ()
    ) -> None:
        self._database = database
        self._seal = seal
        self._anchor_file = anchor_file
        self._noted = noted

    async def run(self, progress: Progress = no_progress) -> Verdict:
        """Name the first entry that was edited, inserted, removed, reordered or cut off, if there is one."""
        walk = Walk(0, audit.GENESIS)
        try:
            await self._walk(walk, progress)
        except (Broken, UnreadableAnchors) as broken:
            return Verdict(walk.rows, str(broken))
        return Verdict(walk.rows, idle=len(walk.anchors))

    async def oldest(self, before: datetime, slack: timedelta, batch: int) -> list[Proved]:
        """The ends of batches of the entries from before this time, oldest first; none while all are just before it.

        Raises Broken when one of them is not what it was, or is not the one that was anchored.
        """
        walk, ends = Walk(0, audit.GENESIS), list[Proved]()
        try:
            async with self._database.reading(steady=True) as session:
                if await self._is_young(session, before - slack):
                    return []
                await self._read_anchors(walk)
                await self._start(walk, session)
                async for sealed in audit.everything(session):
                    # Held before its time is believed.
                    self._hold(walk, sealed)
                    if sealed.entry.at >= (before if ends else before - slack):
                        break
                    del ends[(walk.rows - 1) // batch :]
                    ends.append(Proved(sealed.seq, sealed.mac))
        except UnreadableAnchors as unreadable:
            raise Broken(str(unreadable)) from unreadable
        return ends

    async def _is_young(self, session: AsyncSession, before: datetime) -> bool:
        """Whether the first entry proves that none is older: then there is nothing to be read."""
        walk = Walk(0, audit.GENESIS)
        self._begin(walk, await audit_keeping.checkpoint(session))
        first = next(iter(await audit.after(session, None, 1)), None)
        if first is None:
            return True
        follows = first.seq == walk.last + 1 and first.previous == walk.previous
        return follows and self._is_ours(first) and first.entry.at >= before

    async def _walk(self, walk: Walk, progress: Progress) -> None:
        # The end is read before the walk and after it: what is written meanwhile is no fault.
        seq, mac = await self._end()
        await self._read_anchors(walk)
        async with self._database.reading(steady=True) as session:
            total = await audit.count(session)
            await self._start(walk, session)
            met = (seq, mac) == (walk.last, walk.previous)
            async for sealed in audit.everything(session):
                self._hold(walk, sealed)
                met = met or (sealed.seq, sealed.mac) == (seq, mac)
                if walk.rows % audit.PAGE == 0:
                    progress(walk.rows, total)
        progress(walk.rows, walk.rows)
        await self._look_at_the_end(walk, seq, met)

    async def _read_anchors(self, walk: Walk) -> None:
        filed = await asyncio.to_thread(anchors.read, self._anchor_file) if self._anchor_file is not None else []
        walk.anchors = anchors.by_entry([*filed, *self._noted])

    async def _start(self, walk: Walk, session: AsyncSession) -> None:
        self._begin(walk, await audit_keeping.checkpoint(session))
        said = await audit_keeping.erasures(session, ERASE)
        walk.erasures = _erasures([sealed for sealed in said if self._is_ours(sealed)])

    def _is_ours(self, sealed: SealedEntry) -> bool:
        return hmac.compare_digest(sealed.mac, self._seal.of_entry(sealed.seq, sealed.entry, sealed.previous))

    def _begin(self, walk: Walk, checkpoint: AuditCheckpoint | None) -> None:
        if checkpoint is None:
            return
        if not self._seal.is_ours(checkpoint):
            raise Broken(f"entries up to {checkpoint.seq} were removed by somebody else: their checkpoint is not ours")
        walk.last, walk.previous = checkpoint.seq, checkpoint.mac
        self._hold_anchor(walk, checkpoint.seq, checkpoint.mac)

    def _hold(self, walk: Walk, sealed: SealedEntry) -> None:
        number = walk.last + 1
        if sealed.seq <= 0:
            raise Broken(f"entry {sealed.seq} was put in: the first one has the number 1")
        if sealed.seq < number:
            raise Broken(f"entry {sealed.seq} was put in: everything up to {walk.last} had been removed by retention")
        if sealed.seq != number:
            raise Broken(f"entry {number} is missing: the next one is number {sealed.seq}")
        if sealed.previous != walk.previous:
            raise Broken(f"entry {number} does not follow entry {number - 1}")
        if not self._is_ours(sealed):
            raise Broken(f"entry {number} was changed or written by somebody else")
        self._hold_words(walk, sealed)
        self._hold_anchor(walk, sealed.seq, sealed.mac)
        walk.last, walk.previous = sealed.seq, sealed.mac
        walk.rows += 1

    def _hold_words(self, walk: Walk, sealed: SealedEntry) -> None:
        """The personal words are those that were committed to, or an entry further on says that they were erased."""
        entry = sealed.entry
        if entry.commitment is None:
            if entry.typed is not None:
                raise Broken(f"entry {sealed.seq} was changed: what was typed was put in")
        elif entry.salt is not None:
            if not hmac.compare_digest(entry.commitment, commitment_to(entry)):
                raise Broken(f"entry {sealed.seq} was changed: the name or the words in it are others")
        elif entry.target_name is not None or entry.typed is not None:
            raise Broken(f"entry {sealed.seq} was changed: words were put where some had been erased")
        elif not walk.erasures.explain(sealed):
            raise Broken(f"entry {sealed.seq} was changed: the words in it were removed, and nobody asked for that")

    def _hold_anchor(self, walk: Walk, seq: int, mac: str) -> None:
        anchor = walk.anchors.pop(seq, None)
        if anchor is not None and anchor.mac != mac:
            raise Broken(f"entry {seq} is not the one that was anchored at {anchor.at}")

    async def _look_at_the_end(self, walk: Walk, seq: int, met: bool) -> None:
        if not met:
            raise Broken(f"the trail ends at entry {walk.last}, but {seq} were written")
        written = (await self._end())[0]
        if written < walk.last:
            raise Broken(f"the trail has {walk.last} entries, but only {written} were written")
        newest = max(walk.anchors.values(), key=lambda anchor: anchor.seq, default=None)
        if newest is not None and newest.seq > walk.last:
            raise Broken(
                f"the trail ends at entry {walk.last}, but {newest.seq} were written by {newest.at}: "
                "what came after was cut off"
            )

    async def _end(self) -> tuple[int, str]:
        async with self._database.reading() as session:
            return await audit.head(session)


def _erasures(entries: list[SealedEntry]) -> Erasures:
    """Read ahead of the walk, which comes to these entries later, or not at all."""
    erasures = Erasures()
    for sealed in entries:
        if sealed.entry.target is not None:
            erasures.targets[sealed.entry.target] = sealed.seq
        try:
            numbers = json.loads(sealed.entry.detail or "{}").get("typed", [])
            erasures.typed.update((int(number), sealed.seq) for number in numbers)
        except (ValueError, TypeError, AttributeError):
            continue
    return erasures
