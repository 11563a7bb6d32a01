"""What the program keeps for itself: its pace, growers half created, its own secrets."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Row


class PaceRow(Row):
    """When the next request of a kind may go out, for all replicas together."""

    __tablename__ = "paces"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    next_at: Mapped[datetime]


class CreationRow(Row):
    """A grower who is being created at Leaf, by a digest of what is known of them.

    `asked`: whether Leaf may have been asked for it; None where an older version did not say.
    """

    __tablename__ = "creations"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    began_at: Mapped[datetime]
    asked: Mapped[bool | None]


class SealedValueRow(Row):
    """Secrets the program made for itself, encrypted with the operators' keys."""

    __tablename__ = "sealed_values"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    ciphertext: Mapped[str] = mapped_column(Text)
