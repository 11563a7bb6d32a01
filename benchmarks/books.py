"""The bot's database, looked at from outside: filled beforehand, sweeps timed, writes counted."""

from __future__ import annotations

import asyncio
import sqlite3
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, insert

from bot.app import migrate
from storage.database import parse, sync_url
from storage.growers import fold
from storage.tables import ConnectionRow, CredentialOwnerRow, FreshnessRow, GrowerRow

_WAL_HEADER, _FRAME_HEADER = 32, 24


@dataclass(frozen=True)
class Swept:
    """A finished sweep as the bot wrote it down."""

    seconds: float
    growers: int
    found: int
    changed: int


@dataclass
class Writes:
    """How many transactions wrote something."""

    commits: int = 0


@dataclass(frozen=True)
class Books:
    """A SQLite file of the bot's."""

    path: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def fill(self, users: Sequence[Mapping[str, Any]]) -> None:
        """Migrate, and know of these Leaf users already what there is to learn of them."""
        migrate(self.url)
        know(self.url, users)

    async def sweep(self, sweep_id: str | None = None, within: float = 600.0) -> Swept:
        """Wait until this sweep, or else any, has ended. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while True:
                if swept := self._finished(sweep_id):
                    return swept
                await asyncio.sleep(0.05)

    @contextmanager
    def writes(self) -> Iterator[Writes]:
        """Count the transactions that write until the block ends.

        A reader that stays inside its transaction keeps SQLite from starting its log afresh, so every commit is a
        frame that can be counted. Source: sqlite.org/fileformat2.html, the write-ahead log.
        """
        counted = Writes()
        with closing(sqlite3.connect(self.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
            salt, before = self._commits()
            yield counted
            salt_now, now = self._commits()
            counted.commits = now - before if salt_now == salt else now

    def _commits(self) -> tuple[bytes, int]:
        """The log's salts, and the number of commits in it."""
        log = self.path.with_name(self.path.name + "-wal").read_bytes()
        if len(log) < _WAL_HEADER:
            return b"", 0
        salt, page = log[16:24], struct.unpack(">I", log[8:12])[0]
        frames = range(_WAL_HEADER, len(log) - _FRAME_HEADER + 1, _FRAME_HEADER + page)
        commits = [log[at + 4 : at + 8] != b"\0\0\0\0" for at in frames if log[at + 8 : at + 16] == salt]
        return salt, sum(commits)

    def _finished(self, sweep_id: str | None) -> Swept | None:
        chosen = "AND id = ?" if sweep_id else ""
        query = (
            "SELECT (julianday(finished_at) - julianday(started_at)) * 86400, growers, found, changed "  # noqa: S608
            f"FROM sweeps WHERE finished_at IS NOT NULL {chosen} LIMIT 1"
        )
        with closing(sqlite3.connect(self.path)) as reader:
            row = reader.execute(query, [sweep_id] if sweep_id else []).fetchone()
        return Swept(*row) if row else None


def know(url: str, users: Sequence[Mapping[str, Any]]) -> None:
    """Write down what a sweep learns of these Leaf users, and what the first reading of their data does after it."""
    now = datetime.now(UTC)
    engine = create_engine(sync_url(parse(url)))
    with engine.begin() as connection:
        for start in range(0, len(users), 1000):
            some = users[start : start + 1000]
            connection.execute(insert(GrowerRow), [_grower(user) for user in some])
            connection.execute(insert(ConnectionRow), [_connection(user, now) for user in some])
            connection.execute(insert(CredentialOwnerRow), [_owner(user) for user in some])
            connection.execute(insert(FreshnessRow), [_freshness(user, now) for user in some])
    engine.dispose()


def _grower(user: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": user["id"],
        "name": user["name"],
        "email": user["email"],
        "external_id": user["externalId"],
        "folded_name": fold(user["name"]),
        "folded_email": fold(user["email"]),
        "folded_external_id": fold(user["externalId"]),
    }


def _connection(user: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    credential = user["climateFieldViewCredentials"]
    return {
        "grower_id": user["id"],
        "status": "healthy",
        "raw_status": credential["status"],
        "credential_id": credential["id"],
        "missing_scopes": [],
        "changed_at": now,
        "checked_at": now,
    }


def _owner(user: Mapping[str, Any]) -> dict[str, Any]:
    return {"credential_id": user["climateFieldViewCredentials"]["id"], "grower_id": user["id"]}


def _freshness(user: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return {"grower_id": user["id"], "synced_at": now, "farms": 2, "fields": 30, "read_at": now}
