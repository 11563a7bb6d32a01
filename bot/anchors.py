"""Where the audit trail stood, written outside the database at intervals: so that a cut-off tail is missed.

An anchor is one line, the same in the log, in a file and in a channel: time, number and mac of an entry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.sealing import Anchor
from storage import audit, audit_keeping
from storage.database import Database


class Owe(Protocol):
    """Owes somebody, once, the anchor of the entry whose number is the subject."""

    async def __call__(self, session: AsyncSession, *, subject: str) -> None: ...


log = structlog.get_logger(__name__)


class UnreadableAnchors(Exception):
    """The file of anchors is missing, or something else was written into it."""


class Anchors:
    """Drops an anchor when the trail has grown: a line in the log, in a file, and once a day in a channel."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], path: Path | None, owe: Owe | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._path = path
        self._owe = owe
        self._dropped = 0

    async def drop(self) -> None:
        """Raises OSError when the file cannot be written."""
        if self._owe is not None:
            await self._drop_in_channel(self._owe)
        async with self._database.reading() as session:
            seq, mac = await audit.head(session)
        if seq <= self._dropped:
            return
        line = str(Anchor(self._clock().astimezone(UTC).isoformat(timespec="seconds"), seq, mac))
        log.info("audit anchor", anchor=line)
        if self._path is not None:
            await asyncio.to_thread(_append, self._path, line + "\n")
        self._dropped = seq

    async def _drop_in_channel(self, owe: Owe) -> None:
        """Owe the last entry of the days before this one (UTC), which changes nothing when it is the one of before."""
        midnight = self._clock().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        async with self._database.transaction() as session:
            seq = await audit.last_before(session, midnight)
            if seq is not None:
                await owe(session, subject=str(seq))


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="ascii") as file:
        file.write(line)


def read(path: Path) -> list[Anchor]:
    """Every anchor in the file. Raises UnreadableAnchors."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError) as failure:
        raise UnreadableAnchors(f"the file of anchors cannot be read ({type(failure).__name__})") from failure
    found = []
    for number, line in enumerate(lines, 1):
        anchor = Anchor.parse(line)
        if anchor is None:
            raise UnreadableAnchors(f"line {number} of the file of anchors is not an anchor")
        found.append(anchor)
    return found


@dataclass(frozen=True)
class Standing:
    """The last anchor of a file beside the trail: what is wrong with it, and since when entries wait for the next."""

    last: Anchor | None
    fault: str | None = None
    waiting_since: datetime | None = None


async def standing(database: Database, path: Path) -> Standing:
    """Look at one entry only; `audit verify` looks at all. Raises UnreadableAnchors."""
    last = await asyncio.to_thread(_last, path)
    async with database.reading(steady=True) as session:
        end, _ = await audit.head(session)
        entry = await audit.one(session, last.seq) if last else None
        following = next(iter(await audit.after(session, last.seq if last else 0, 1)), None)
        removed = await audit_keeping.checkpoint(session)
    waiting = following.entry.at if following else None
    if last is None:
        return Standing(None, waiting_since=waiting)
    if last.seq > end:
        return Standing(last, f"the trail ends at entry {end}, but {last.seq} were written by {last.at}")
    if removed is not None and last.seq < removed.seq:
        return Standing(last, waiting_since=waiting)
    mac = removed.mac if removed is not None and last.seq == removed.seq else entry.mac if entry else None
    if mac is None:
        return Standing(last, f"entry {last.seq} is missing, which was anchored at {last.at}")
    if mac != last.mac:
        return Standing(last, f"entry {last.seq} is not the one that was anchored at {last.at}")
    return Standing(last, waiting_since=waiting)


def _last(path: Path) -> Anchor | None:
    found = read(path) if path.exists() else []
    return found[-1] if found else None


def by_entry(anchors: Iterable[Anchor]) -> dict[int, Anchor]:
    """Each entry's anchor. Raises UnreadableAnchors when two of one entry disagree."""
    found: dict[int, Anchor] = {}
    for anchor in anchors:
        if found.setdefault(anchor.seq, anchor).mac != anchor.mac:
            raise UnreadableAnchors(f"there are two anchors of entry {anchor.seq}, and they contradict each other")
    return found
