"""Where the audit trail stood, written outside the database at intervals: so that a cut-off tail is missed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from storage import audit
from storage.database import Database

log = structlog.get_logger(__name__)

_LINE = re.compile(r"(\S+) ([0-9]{1,18}) ([0-9a-f]{64})")


@dataclass(frozen=True)
class Anchor:
    """At this time (ISO 8601) the last entry had this number and mac."""

    at: str
    seq: int
    mac: str


class UnreadableAnchors(Exception):
    """The file of anchors is missing, or something else was written into it."""


class Anchors:
    """Drops an anchor when the trail has grown: a line in the log, and in a file if there is one."""

    def __init__(self, database: Database, clock: Callable[[], datetime], path: Path | None) -> None:
        self._database = database
        self._clock = clock
        self._path = path
        self._dropped = 0

    async def drop(self) -> None:
        """Raises OSError when the file cannot be written."""
        async with self._database.reading() as session:
            seq, mac = await audit.head(session)
        if seq <= self._dropped:
            return
        log.info("audit anchor", seq=seq, mac=mac)
        if self._path is not None:
            line = f"{self._clock().isoformat(timespec='seconds')} {seq} {mac}\n"
            await asyncio.to_thread(_append, self._path, line)
        self._dropped = seq


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="ascii") as file:
        file.write(line)


def read(path: Path) -> dict[int, Anchor]:
    """Every anchor by its entry's number. Raises UnreadableAnchors."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError) as failure:
        raise UnreadableAnchors(f"the file of anchors cannot be read ({type(failure).__name__})") from failure
    found: dict[int, Anchor] = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise UnreadableAnchors(f"line {number} of the file of anchors is not an anchor")
        anchor = Anchor(match[1], int(match[2]), match[3])
        if found.setdefault(anchor.seq, anchor).mac != anchor.mac:
            raise UnreadableAnchors(f"line {number} of the file of anchors contradicts an earlier one")
    return found
