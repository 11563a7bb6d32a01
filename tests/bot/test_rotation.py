"""Keys are rotated while the bot serves: everything is encrypted anew, once, and nothing is lost on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import String, func, select, update

from bot.rotation import PAGE, Rotated, left_to_the_engine, rotate
from bot.vault import Vault
from storage.database import Database, migrate
from storage.sealed_columns import SEALED
from storage.tables import ConsentRow, Row, SealedValueRow
from tests.consenting import asked
from tests.program import outside
from tests.stage import ADA, set_up

OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))


def vault(*keys: str) -> Vault:
    return Vault(SecretStr(",".join(keys)))


async def rotated(database: Database, keys: Vault) -> dict[str, Rotated]:
    return {done.name: done async for done in rotate(database, keys)}


@pytest.fixture
async def database(database_url: str) -> Database:
    await asyncio.to_thread(migrate, database_url)
    return Database(database_url)


async def keep(database: Database, count: int, key: str, prefix: str = "secret") -> None:
    async with database.transaction() as session:
        for number in range(count):
            sealed = vault(key).seal(SecretStr(f"{prefix} {number}"))
            session.add(SealedValueRow(name=f"{prefix}-{number:04}", ciphertext=sealed))


async def test_everything_is_encrypted_anew_once_and_opens_without_the_old_key(database: Database) -> None:
    await keep(database, PAGE + 7, OLD)
    await keep(database, 3, LOST, "lost")
    both = vault(NEW, OLD)
    first = (await rotated(database, both))["own secrets"]
    assert (first.anew, first.already, first.unreadable) == (PAGE + 7, 0, 3)
    again = (await rotated(database, both))["own secrets"]
    assert (again.anew, again.already, again.unreadable) == (0, PAGE + 7, 3)
    async with database.reading() as session:
        query = select(SealedValueRow.name, SealedValueRow.ciphertext)
        stored = {row[0]: row[1] for row in await session.execute(query)}
    assert all(
        vault(NEW).open(stored[f"secret-{number:04}"]).get_secret_value() == f"secret {number}"
        for number in range(PAGE + 7)
    )
    await database.close()


async def test_what_changes_meanwhile_is_left_as_it_became(database: Database) -> None:
    await keep(database, 20, OLD)

    async def others() -> None:
        for number in range(20):
            async with database.transaction() as session:
                newer = vault(NEW).seal(SecretStr(f"newer {number}"))
                row = SealedValueRow.name == f"secret-{number:04}"
                await session.execute(update(SealedValueRow).where(row).values(ciphertext=newer))

    await asyncio.gather(rotated(database, vault(NEW, OLD)), others())
    async with database.reading() as session:
        stored = list(await session.scalars(select(SealedValueRow.ciphertext).order_by(SealedValueRow.name)))
    assert [vault(NEW).open(text).get_secret_value() for text in stored] == [f"newer {n}" for n in range(20)]
    await database.close()


async def test_every_encrypted_text_of_a_consent_under_way_is_found(sqlite_url: str) -> None:
    async with set_up(sqlite_url) as stage:
        await asked(stage)
        database, keys = stage.running.bot.database, Vault(stage.settings.encryption_keys)
        async with database.transaction() as session:
            sealed = keys.seal(SecretStr("x"))
            await session.execute(update(ConsentRow).values(authorization_code=sealed, refresh_token=sealed))
        found = await rotated(database, vault(NEW, stage.settings.encryption_keys.get_secret_value()))
        assert {name: kind.anew for name, kind in found.items()} == {
            "own secrets": 1,
            "authorization codes": 1,
            "refresh tokens": 1,
        }
        # Fernet's texts begin like this: no column may hold one that the rotation does not know.
        known = {(kind.column.class_.__tablename__, kind.column.key) for kind in SEALED}
        holding = set()
        async with database.reading() as session:
            for table in Row.metadata.sorted_tables:
                for column in table.columns:
                    if not isinstance(column.type, String):
                        continue
                    if await session.scalar(select(func.count()).where(column.like("gAAAAA%"))):
                        holding.add((table.name, column.name))
        assert holding == known
        assert await left_to_the_engine(database, vault(NEW)) >= 0


async def test_the_command_says_what_it_did_and_the_bot_serves_on(sqlite_url: str, tmp_path: Path) -> None:
    async with outside(sqlite_url, tmp_path) as story:
        old = story.program.environment["ENCRYPTION_KEYS"]
        environment = {**story.program.environment, "ENCRYPTION_KEYS": f"{NEW},{old}"}
        object.__setattr__(story.program, "environment", environment)
        code, said, complained = await story.program.runs("keys", "rotate")
        assert (code, complained) == (0, "")
        assert "own secrets: 1 encrypted anew, 0 were already, 0 lost" in said
        assert old not in said
        await story.types("/fieldview connect Ada Lovelace Farms")
        await story.world.slack.until(lambda: story.world.slack.posted(story.world.slack.dm(story.ada)), timeout=60)
        await story.program.is_killed()
        await story.program.starts()
        assert story.world.leaf.find(ADA) is not None
        code, said, _ = await story.program.runs("audit", "verify")
        assert (code, "whole" in said) == (0, True)
