"""Encryption at rest, with keys that rotate: the first key encrypts, every key decrypts."""

from __future__ import annotations

import hashlib
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from storage import sealed_values
from storage.database import Database


class Unreadable(Exception):
    """None of the keys opens this: ENCRYPTION_KEYS lost a key that is still needed."""


class Vault:
    """Turns secrets into text that may be stored, and back."""

    def __init__(self, keys: SecretStr) -> None:
        fernets = [Fernet(key.strip()) for key in keys.get_secret_value().split(",")]
        self._first, self._fernet = fernets[0], MultiFernet(fernets)

    def seal(self, secret: SecretStr) -> str:
        return self._fernet.encrypt(secret.get_secret_value().encode()).decode()

    def open(self, sealed: str) -> SecretStr:
        """Raises Unreadable."""
        try:
            return SecretStr(self._fernet.decrypt(sealed.encode()).decode())
        except InvalidToken:
            raise Unreadable("no key in ENCRYPTION_KEYS opens a stored secret") from None

    def can_open(self, sealed: str) -> bool:
        """Whether any of the keys opens this."""
        try:
            self.open(sealed)
        except Unreadable:
            return False
        return True

    def is_newest(self, sealed: str) -> bool:
        """Whether the first key opens this."""
        try:
            self._first.decrypt(sealed.encode())
        except InvalidToken:
            return False
        return True

    def seal_anew(self, sealed: str) -> str:
        """The same secret, encrypted with the first key. Raises Unreadable."""
        return self.seal(self.open(sealed))

    async def own_secret(self, database: Database, name: str) -> SecretStr:
        """A random secret of ours with this name, made on first use and kept encrypted in the database."""
        async with database.transaction() as session:
            stored = await sealed_values.get_or_add(session, name, self.seal(SecretStr(secrets.token_urlsafe(32))))
        return self.open(stored)

    async def opens(self, database: Database, name: str) -> bool:
        """Whether the secret of that name, if it was ever made, can still be opened."""
        async with database.reading() as session:
            stored = await sealed_values.get(session, name)
        return stored is None or self.can_open(stored)


def digest(secret: str) -> str:
    """What is stored of a secret that only has to be recognised: SHA-256, hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()
