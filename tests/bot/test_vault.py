"""Secrets at rest: sealed, opened again, and readable across a rotation of keys."""

from __future__ import annotations

import asyncio

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import select

from bot.vault import Unreadable, Vault, digest
from storage.database import Database
from storage.tables import Row

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def vault(*keys: str) -> Vault:
    return Vault(SecretStr(",".join(keys)))


@given(st.text())
def test_what_is_sealed_opens_again_and_shows_nothing(secret: str) -> None:
    sealed = vault(OLD).seal(SecretStr(secret))
    assert vault(OLD).open(sealed).get_secret_value() == secret
    assert len(secret) < 8 or secret not in sealed


def test_the_same_secret_never_looks_the_same_twice() -> None:
    assert vault(OLD).seal(SecretStr("x")) != vault(OLD).seal(SecretStr("x"))


def test_after_a_rotation_the_new_key_seals_and_the_old_one_still_opens() -> None:
    old = vault(OLD).seal(SecretStr("token"))
    both = vault(NEW, f" {OLD} ")
    assert both.open(old).get_secret_value() == "token"
    assert vault(NEW).open(both.seal(SecretStr("token"))).get_secret_value() == "token"


@pytest.mark.parametrize("sealed", ["", "nonsense", "é", "gAAAAA" + "A" * 100])
def test_what_no_key_opens_is_told_without_showing_it(sealed: str) -> None:
    with pytest.raises(Unreadable) as unreadable:
        vault(NEW).open(sealed)
    assert sealed == "" or sealed not in str(unreadable.value)
    assert unreadable.value.__cause__ is None


def test_a_changed_byte_is_noticed() -> None:
    sealed = vault(OLD).seal(SecretStr("token"))
    changed = sealed[:40] + ("A" if sealed[40] != "A" else "B") + sealed[41:]
    with pytest.raises(Unreadable):
        vault(OLD).open(changed)


async def test_our_own_secret_is_made_once_whoever_asks_first(database_url: str) -> None:
    database = Database(database_url)
    try:
        made = await asyncio.gather(*(vault(OLD).own_secret(database, "audit-key") for _ in range(8)))
        assert len({secret.get_secret_value() for secret in made}) == 1
        assert (await vault(NEW, OLD).own_secret(database, "audit-key")) == made[0]
        assert (await vault(OLD).own_secret(database, "another")) != made[0]
        with pytest.raises(Unreadable):
            await vault(NEW).own_secret(database, "audit-key")
        table = next(table for table in Row.metadata.sorted_tables if table.name == "sealed_values")
        async with database.reading() as session:
            stored = repr((await session.execute(select(table))).all())
        assert made[0].get_secret_value() not in stored
    finally:
        await database.close()


def test_a_digest_is_sha256_of_the_text() -> None:
    assert digest("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
