"""Encrypting everything anew with the first of ENCRYPTION_KEYS, while the bot serves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from bot.vault import Unreadable, Vault
from storage import sealed_columns
from storage.database import Database
from storage.sealed_columns import SEALED, SealedColumn

PAGE = 200


@dataclass(frozen=True)
class Rotated:
    """What became of one kind of secret: encrypted anew, already with the first key, or readable with none."""

    name: str
    anew: int = 0
    already: int = 0
    unreadable: int = 0


async def rotate(database: Database, vault: Vault) -> AsyncIterator[Rotated]:
    """One kind of secret after the other. Every text is exchanged by itself, and only if it is still the same: so this
    may be stopped anywhere, run again, and run beside a bot that works."""
    for sealed in SEALED:
        yield await _column(database, vault, sealed)


async def left_to_the_engine(database: Database, vault: Vault) -> int:
    """How many jobs the engine keeps that need an older key. They hold ids only and are gone a week after they end."""
    async with database.reading() as session:
        return sum(not vault.is_newest(text) for text in await sealed_columns.of_engine(session))


async def _column(database: Database, vault: Vault, sealed: SealedColumn) -> Rotated:
    anew = already = unreadable = 0
    after = ""
    while True:
        async with database.reading() as session:
            page = await sealed_columns.page(session, sealed, after, PAGE)
        if not page:
            return Rotated(sealed.name, anew, already, unreadable)
        for key, old in page:
            if vault.is_newest(old):
                already += 1
                continue
            try:
                new = vault.seal_anew(old)
            except Unreadable:
                unreadable += 1
                continue
            async with database.transaction() as session:
                anew += await sealed_columns.exchange(session, sealed, key, old, new)
        after = page[-1][0]
