"""The local index of Leaf users: found by id, externalId, e-mail or name, however it was typed."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select, true, union, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from storage import narrowing
from storage.records import EVERYBODYS, ConsentState, CredentialStatus, Grower, Whose
from storage.tables import ConnectionRow, ConsentRow, GrowerRow
from storage.upserts import insert

_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00b4": "'", "`": "'"})


def fold(text: str) -> str:
    """The form in which two spellings of one name are equal: no case, accents, curly quotes or stray spaces."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_QUOTES))
    letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(letters.casefold().split())


Particulars = tuple[str, str | None, str | None]
"""Name, e-mail and externalId as Leaf tells them."""

_ACCOUNTS = 7020261128
"""Key of the PostgreSQL advisory lock under which it is decided whether an account may be a grower's."""

LONGEST_SOUGHT = 1000
"""Characters of a pattern worth looking for: nobody is called that, and SQLite refuses patterns of 50,000 bytes."""


# Made once: an alias of its own for each question costs more than the question.
_OTHER = aliased(GrowerRow)
_NAMESAKE = select(_OTHER.id).where(_OTHER.folded_name == GrowerRow.folded_name, _OTHER.id != GrowerRow.id).exists()
_WITH_NAMESAKE = select(GrowerRow, _NAMESAKE).execution_options(populate_existing=True)


async def is_known(session: AsyncSession, grower_id: str) -> bool:
    """Whether the local index has this grower."""
    return await session.scalar(select(GrowerRow.id).where(GrowerRow.id == grower_id)) is not None


async def get(session: AsyncSession, grower_id: str) -> Grower | None:
    """The grower, with a word on whether another one is called the same."""
    return (await get_many(session, [grower_id])).get(grower_id)


async def get_many(session: AsyncSession, ids: Iterable[str]) -> dict[str, Grower]:
    wanted = list(ids)
    found: dict[str, Grower] = {}
    for start in range(0, len(wanted), 500):
        rows = await session.execute(_WITH_NAMESAKE.where(GrowerRow.id.in_(wanted[start:][:500])))
        found |= {row.id: replace(row.to_record(), has_namesake=shared) for row, shared in rows}
    return found


async def particulars(session: AsyncSession, ids: Iterable[str]) -> dict[str, Particulars]:
    """What the index has of those who are still at Leaf."""
    columns = (GrowerRow.id, GrowerRow.name, GrowerRow.email, GrowerRow.external_id)
    rows = await session.execute(select(*columns).where(GrowerRow.id.in_(list(ids)), GrowerRow.gone_at.is_(None)))
    return {grower_id: (name, email, external_id) for grower_id, name, email, external_id in rows}


async def by_slack_user(session: AsyncSession, user: str) -> Grower | None:
    row = await session.scalar(
        select(GrowerRow).where(GrowerRow.slack_user == user, GrowerRow.gone_at.is_(None)).limit(1)
    )
    return row.to_record() if row else None


async def lock_accounts(session: AsyncSession) -> None:
    """Until the end of the transaction nobody else decides whose an account is: each sees what was decided before."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(func.pg_advisory_xact_lock(_ACCOUNTS)))


async def with_account(session: AsyncSession, account: str, *, but: str) -> Grower | None:
    """Another grower who is known by this account: connected or approved with it, or of this e-mail at Leaf."""
    query = (
        select(GrowerRow)
        .where(
            GrowerRow.id != but,
            GrowerRow.gone_at.is_(None),
            or_(GrowerRow.folded_email == fold(account), GrowerRow.id.in_(await _holders(session, account))),
        )
        .order_by(GrowerRow.folded_name, GrowerRow.id)
        .limit(1)
    )
    row = await session.scalar(query)
    return row.to_record() if row else None


async def _holders(session: AsyncSession, account: str) -> list[str]:
    """The growers whom Leaf has, or is about to get, a connection of with this account."""
    sought = _address(account)
    connected = select(ConnectionRow.grower_id, ConnectionRow.account_email.label("account")).where(
        ConnectionRow.account_email.is_not(None), ConnectionRow.status != CredentialStatus.ABSENT
    )
    approved = select(ConsentRow.grower_id, ConsentRow.account_email.label("account")).where(
        ConsentRow.account_email.is_not(None), ConsentRow.state.in_((ConsentState.HELD, ConsentState.DELIVERING))
    )
    either = union(connected, approved).subquery()
    query = select(either.c.grower_id, either.c.account)
    if sought.isascii():
        # Beyond ASCII a database may not know which letters are the same: those few are compared here.
        query = query.where(func.lower(func.trim(either.c.account)) == sought)
    return [grower_id for grower_id, known in await session.execute(query) if _address(known) == sought]


def _address(text: str) -> str:
    """The form in which two spellings of one e-mail address are equal; unlike a name's, its accents matter."""
    return unicodedata.normalize("NFKC", text.strip()).casefold()


async def find_exactly(session: AsyncSession, typed: str, *, gone_too: bool = False) -> list[Grower]:
    """Whoever has this id; else everybody whose externalId, e-mail or name it is."""
    folded = fold(typed)
    there = true() if gone_too else GrowerRow.gone_at.is_(None)
    is_id = GrowerRow.id == typed.strip()
    answers = (is_id, *(column == folded for column in _WORDS))
    by = case((is_id, 0), else_=1)
    query = select(GrowerRow, by).where(or_(*answers), there).order_by(by, GrowerRow.folded_name, GrowerRow.id)
    found = (await session.execute(query.limit(100))).all()
    return [row.to_record() for row, place in found if place == found[0][1]]


async def answering(session: AsyncSession, words: Iterable[str]) -> dict[str, list[Grower]]:
    """Whoever answers to each of these words, as `find_exactly` does for one; nothing for words nobody answers to."""
    folded = {word: fold(word) for word in words}
    by_id = await _having(session, GrowerRow.id, {word.strip() for word in folded})
    found = {word: by_id[word.strip()] for word in folded if word.strip() in by_id}
    others = {word: key for word, key in folded.items() if key and word not in found}
    for column in _WORDS:
        having = await _having(session, column, set(others.values()))
        for word, key in others.items():
            known = found.setdefault(word, []) if key in having else []
            known += [grower for grower in having.get(key, ()) if grower not in known]
    return found


async def _having(
    session: AsyncSession, column: InstrumentedAttribute[Any], keys: Collection[str]
) -> dict[str, list[Grower]]:
    """By key, the growers still at Leaf who have it in that column."""
    found: dict[str, list[Grower]] = {}
    sought = sorted(keys)
    for start in range(0, len(sought), 500):
        rows = await session.scalars(
            select(GrowerRow).where(column.in_(sought[start : start + 500]), GrowerRow.gone_at.is_(None))
        )
        for row in rows:
            found.setdefault(getattr(row, column.key), []).append(row.to_record())
    return found


_WORDS = (GrowerRow.folded_external_id, GrowerRow.folded_email, GrowerRow.folded_name)
"""What somebody may mean a grower by, besides the id."""


async def find_similar(session: AsyncSession, typed: str, limit: int) -> list[Grower]:
    """Growers whose name, e-mail or externalId contains what was typed, or whose id begins with it.

    Names that begin with it come first, then whatever else does, a later word of a name included.
    """
    folded = _escaped(fold(typed))
    if not 0 < len(folded) <= LONGEST_SOUGHT:
        return []
    named, written = GrowerRow.folded_name, (GrowerRow.folded_email, GrowerRow.folded_external_id)
    identified = _like(GrowerRow.id, f"{folded}%")
    matches = or_(*(_like(column, f"%{folded}%") for column in (named, *written)), identified)
    known = or_(*(_like(column, f"{folded}%") for column in written), identified, _like(named, f"% {folded}%"))
    rank = case((_like(named, f"{folded}%"), 0), (known, 1), else_=2)
    rows = await session.scalars(
        select(GrowerRow)
        .where(matches, GrowerRow.gone_at.is_(None))
        .order_by(rank, GrowerRow.folded_name, GrowerRow.id)
        .limit(limit)
    )
    return [row.to_record() for row in rows]


async def first(session: AsyncSession, limit: int) -> list[Grower]:
    """The first of them by name, for a menu in which nothing was typed yet."""
    query = select(GrowerRow).where(GrowerRow.gone_at.is_(None)).order_by(GrowerRow.folded_name, GrowerRow.id)
    return [row.to_record() for row in await session.scalars(query.limit(limit))]


async def names(session: AsyncSession, limit: int) -> list[tuple[str, str]]:
    """(id, folded name) of growers that are still at Leaf, for "did you mean"."""
    query = select(GrowerRow.id, GrowerRow.folded_name).where(GrowerRow.gone_at.is_(None)).limit(limit)
    return [(grower_id, name) for grower_id, name in await session.execute(query)]


async def in_order(session: AsyncSession, ids: Sequence[str], limit: int = 50) -> list[Grower]:
    """The first of them by name, looked for among five hundred at most."""
    chosen = select(GrowerRow.id).where(GrowerRow.id.in_(ids[:500])).order_by(GrowerRow.folded_name, GrowerRow.id)
    wanted = list(await session.scalars(chosen.limit(limit)))
    found = await get_many(session, wanted)
    return [found[grower_id] for grower_id in wanted]


async def save(session: AsyncSession, growers: Sequence[Grower]) -> None:
    """Add these growers or bring them up to date; a Slack user already known is kept unless the address changes."""
    newest = {grower.id: grower for grower in growers}
    for start in range(0, len(newest), 500):
        # In the order of ids, so that two who save the same growers wait for each other and never in a circle.
        statement = insert(session, GrowerRow).values([_values(newest[key]) for key in sorted(newest)[start:][:500]])
        given: dict[str, Any] = {name: statement.excluded[name] for name in _values(growers[0]) if name != "id"}
        # Found by their address: whoever has another one by now is another person.
        address = statement.excluded.folded_email
        is_they = or_(address.is_(None), GrowerRow.folded_email.is_not_distinct_from(address))
        known = case((is_they, GrowerRow.slack_user))
        given["slack_user"] = func.coalesce(statement.excluded.slack_user, known)
        await session.execute(statement.on_conflict_do_update(index_elements=[GrowerRow.id], set_=given))


async def lock(session: AsyncSession, grower_id: str) -> None:
    """From here to the end of the transaction nobody else changes what is believed of this grower."""
    await session.execute(select(GrowerRow.id).where(GrowerRow.id == grower_id).with_for_update(key_share=True))


async def set_slack_user(session: AsyncSession, grower_id: str, slack_user: str) -> None:
    await session.execute(update(GrowerRow).where(GrowerRow.id == grower_id).values(slack_user=slack_user))


async def mark_gone(session: AsyncSession, grower_id: str, at: datetime) -> None:
    """Leaf no longer has this user; its history stays."""
    await session.execute(
        update(GrowerRow).where(GrowerRow.id == grower_id, GrowerRow.gone_at.is_(None)).values(gone_at=at)
    )


async def ids(session: AsyncSession) -> set[str]:
    """The ids of all growers that are still at Leaf."""
    return set(await session.scalars(select(GrowerRow.id).where(GrowerRow.gone_at.is_(None))))


async def count(session: AsyncSession, whose: Whose = EVERYBODYS) -> int:
    """How many (of those) are still at Leaf."""
    query = select(func.count()).select_from(GrowerRow).where(GrowerRow.gone_at.is_(None), *narrowing.to(whose))
    return await session.scalar(query) or 0


def _values(grower: Grower) -> dict[str, Any]:
    return {
        "id": grower.id,
        "name": grower.name,
        "email": grower.email,
        "external_id": grower.external_id,
        "slack_user": grower.slack_user,
        "folded_name": fold(grower.name),
        "folded_email": fold(grower.email) if grower.email else None,
        "folded_external_id": fold(grower.external_id) if grower.external_id else None,
        "gone_at": None,
    }


def _like(column: InstrumentedAttribute[Any], pattern: str) -> ColumnElement[bool]:
    return column.like(pattern, escape="\\")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
