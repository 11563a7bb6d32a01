"""Consent links and what became of them. Tokens and states are stored as hashes, codes and refresh tokens encrypted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import narrowing
from storage.records import EVERYBODYS, Consent, ConsentState, Grower, Whose
from storage.tables import AttemptRow, ConsentLinkRow, ConsentRow, GrowerRow

NEVER = datetime(1970, 1, 1, tzinfo=UTC)

LATER_LINKS = 100
"""Links of one consent that work besides the first: plenty, for while Slack is down every attempt to send makes one."""

UNFINISHED = (ConsentState.OPEN, ConsentState.EXCHANGING, ConsentState.HELD, ConsentState.DELIVERING)

_HELD = ConsentRow.state == ConsentState.HELD
_FOREMOST = (_HELD.desc(), ConsentRow.created_at.desc())


async def add(session: AsyncSession, consent: Consent, token_hash: str) -> None:
    session.add(
        ConsentRow(
            id=consent.id,
            token_hash=token_hash,
            grower_id=consent.grower_id,
            grower_name=consent.grower_name,
            asked_by=consent.asked_by,
            asked_by_name=consent.asked_by_name,
            channel=consent.channel,
            code_word=consent.code_word,
            created_at=consent.created_at,
            expires_at=consent.expires_at,
            state=consent.state,
            granted_scopes=list(consent.granted_scopes),
            incident_id=consent.incident_id,
            language=consent.language,
            time_zone=consent.time_zone,
            remind_at=consent.remind_at,
        )
    )
    await session.flush()


async def get(session: AsyncSession, consent_id: str) -> Consent | None:
    row = await session.get(ConsentRow, consent_id, populate_existing=True)
    return row.to_record() if row else None


async def lock(session: AsyncSession, consent_id: str) -> None:
    """From here to the end of the transaction nobody else moves this consent on."""
    await session.execute(select(ConsentRow.id).where(ConsentRow.id == consent_id).with_for_update(key_share=True))


async def by_token(session: AsyncSession, token_hash: str) -> Consent | None:
    """The consent that one of its links leads to, the first or a later one."""
    later = select(ConsentLinkRow.consent_id).where(ConsentLinkRow.token_hash == token_hash).scalar_subquery()
    either = or_(ConsentRow.token_hash == token_hash, ConsentRow.id == later)
    row = await session.scalar(select(ConsentRow).where(either))
    return row.to_record() if row else None


async def add_link(session: AsyncSession, consent_id: str, token_hash: str, at: datetime) -> None:
    """One more link to this consent. The first one and the newest LATER_LINKS go on working."""
    await session.get(ConsentRow, consent_id, with_for_update=True)
    session.add(ConsentLinkRow(token_hash=token_hash, consent_id=consent_id, made_at=at))
    await session.flush()
    of_consent = ConsentLinkRow.consent_id == consent_id
    newest_first = (ConsentLinkRow.made_at.desc(), ConsentLinkRow.token_hash)
    too_old = select(ConsentLinkRow.token_hash).where(of_consent).order_by(*newest_first).offset(LATER_LINKS)
    await session.execute(delete(ConsentLinkRow).where(ConsentLinkRow.token_hash.in_(too_old)))


async def remove_links(session: AsyncSession, token_hashes: Sequence[str]) -> None:
    """These later links work no more."""
    for start in range(0, len(token_hashes), 500):
        these = token_hashes[start : start + 500]
        await session.execute(delete(ConsentLinkRow).where(ConsentLinkRow.token_hash.in_(these)))


async def open_of_grower(session: AsyncSession, grower_id: str) -> list[Consent]:
    """The grower's consents that may still be completed, newest first."""
    rows = await session.scalars(
        select(ConsentRow)
        .where(ConsentRow.grower_id == grower_id, ConsentRow.state.in_(UNFINISHED))
        .order_by(ConsentRow.created_at.desc())
    )
    return [row.to_record() for row in rows]


async def replace(session: AsyncSession, consent: Consent, at: datetime, until: datetime) -> None:
    """Another one has taken this one's place: from here on it begins nothing, and by `until` it is done with."""
    first_time = (ConsentRow.id == consent.id, ConsentRow.replaced_at.is_(None))
    await session.execute(update(ConsentRow).where(*first_time).values(replaced_at=at, remind_at=until))


async def latest_of_grower(session: AsyncSession, grower_id: str) -> Consent | None:
    row = await session.scalar(
        select(ConsentRow).where(ConsentRow.grower_id == grower_id).order_by(ConsentRow.created_at.desc()).limit(1)
    )
    return row.to_record() if row else None


async def foremost_of(session: AsyncSession, grower_ids: Sequence[str]) -> dict[str, Consent]:
    """The consent that says how it stands with each of these growers who has one: what is held, else the newest."""
    found: dict[str, Consent] = {}
    for start in range(0, len(grower_ids), 500):
        of_these = ConsentRow.grower_id.in_(grower_ids[start : start + 500])
        place = func.row_number().over(partition_by=ConsentRow.grower_id, order_by=_FOREMOST).label("place")
        ranked = select(ConsentRow.id, place).where(of_these).subquery()
        first = select(ranked.c.id).where(ranked.c.place == 1)
        found |= {
            row.grower_id: row.to_record()
            for row in await session.scalars(select(ConsentRow).where(ConsentRow.id.in_(first)))
        }
    return found


async def foremost_of_grower(session: AsyncSession, grower_id: str) -> Consent | None:
    return (await foremost_of(session, [grower_id])).get(grower_id)


async def latest_connected(session: AsyncSession, grower_id: str) -> Consent | None:
    """The newest consent that led to a connection."""
    row = await session.scalar(
        select(ConsentRow)
        .where(ConsentRow.grower_id == grower_id, ConsentRow.state == ConsentState.CONNECTED)
        .order_by(ConsentRow.finished_at.desc())
        .limit(1)
    )
    return row.to_record() if row else None


async def everybody_asking(session: AsyncSession) -> set[str]:
    """All who asked for a consent that may still be completed."""
    return set(await session.scalars(select(ConsentRow.asked_by).where(ConsentRow.state.in_(UNFINISHED)).distinct()))


async def open_of_asker(session: AsyncSession, person: str) -> int:
    """How many consents of this person's may still be completed."""
    query = select(func.count()).select_from(ConsentRow)
    return await session.scalar(query.where(ConsentRow.asked_by == person, ConsentRow.state.in_(UNFINISHED))) or 0


async def working(
    session: AsyncSession, at: datetime, *, grower_id: str | None = None, limit: int = 1000
) -> list[Consent]:
    """Links that work or are being worked on, newest first: of one grower or of all."""
    query = select(ConsentRow).where(
        ConsentRow.state.in_(UNFINISHED), or_(ConsentRow.expires_at > at, ConsentRow.state != ConsentState.OPEN)
    )
    if grower_id is not None:
        query = query.where(ConsentRow.grower_id == grower_id)
    rows = await session.scalars(query.order_by(ConsentRow.created_at.desc(), ConsentRow.id).limit(limit))
    return [row.to_record() for row in rows]


async def working_of(session: AsyncSession, at: datetime, grower_ids: Sequence[str]) -> dict[str, Consent]:
    """The newest link that works or is being worked on, for each of these growers who has one."""
    found: dict[str, Consent] = {}
    for start in range(0, len(grower_ids), 500):
        rows = await session.scalars(
            select(ConsentRow)
            .where(
                ConsentRow.grower_id.in_(grower_ids[start : start + 500]),
                ConsentRow.state.in_(UNFINISHED),
                or_(ConsentRow.expires_at > at, ConsentRow.state != ConsentState.OPEN),
            )
            .order_by(ConsentRow.created_at)
        )
        found |= {row.grower_id: row.to_record() for row in rows}
    return found


async def foremost_for_incident(session: AsyncSession, incident_id: str) -> Consent | None:
    """Of the consents that should repair this incident the one that is held, else the newest."""
    row = await session.scalar(
        select(ConsentRow).where(ConsentRow.incident_id == incident_id).order_by(*_FOREMOST).limit(1)
    )
    return row.to_record() if row else None


async def move(
    session: AsyncSession, consent_id: str, expected: ConsentState, state: ConsentState, **values: Any
) -> Consent | None:
    """Compare-and-set: the consent in its new state, or None when it was not in the expected one."""
    row = await session.scalar(
        update(ConsentRow)
        .where(ConsentRow.id == consent_id, ConsentRow.state == expected)
        .values(state=state, **values)
        .returning(ConsentRow)
        .execution_options(populate_existing=True)
    )
    return row.to_record() if row else None


async def first(
    session: AsyncSession, consent_id: str, what: str, at: datetime, *, again_before: datetime = NEVER
) -> bool:
    """Note that this moment of the consent has come; False when it had already, and not before `again_before`."""
    column = getattr(ConsentRow, what)
    noted = await session.scalar(
        update(ConsentRow)
        .where(ConsentRow.id == consent_id, or_(column.is_(None), column < again_before))
        .values({what: at})
        .returning(ConsentRow.id)
    )
    return noted is not None


async def due(session: AsyncSession, at: datetime, limit: int = 500) -> list[Consent]:
    """Links nobody has used yet for which something falls due by the clock, the longest overdue first."""
    rows = await session.scalars(
        select(ConsentRow)
        .where(ConsentRow.remind_at <= at, ConsentRow.state == ConsentState.OPEN)
        .order_by(ConsentRow.remind_at)
        .limit(limit)
    )
    return [row.to_record() for row in rows]


async def held_since(session: AsyncSession, before: datetime) -> list[str]:
    """Consents for another account about which nobody has decided since before that moment."""
    query = select(ConsentRow.id).where(ConsentRow.state == ConsentState.HELD, ConsentRow.exchanged_at <= before)
    return list(await session.scalars(query))


async def was_due(session: AsyncSession, consent: Consent, **values: Any) -> Consent | None:
    """Compare-and-set on what falls due: only one of those who found it so gets the consent, as it is now."""
    row = await session.scalar(
        update(ConsentRow)
        .where(
            ConsentRow.id == consent.id,
            ConsentRow.state == ConsentState.OPEN,
            ConsentRow.remind_at == consent.remind_at,
        )
        .values(**values)
        .returning(ConsentRow)
        .execution_options(populate_existing=True)
    )
    return row.to_record() if row else None


async def note(session: AsyncSession, consent_id: str, **values: Any) -> None:
    """Remember details of a consent without changing its state."""
    await session.execute(update(ConsentRow).where(ConsentRow.id == consent_id).values(**values))


async def begin_attempt(
    session: AsyncSession, consent_id: str, state_hash: str, browser_hash: str, at: datetime, until: datetime
) -> None:
    session.add(
        AttemptRow(
            state_hash=state_hash, consent_id=consent_id, browser_hash=browser_hash, begun_at=at, expires_at=until
        )
    )
    await note(session, consent_id, begun_at=at, trouble=None)


async def began_with(session: AsyncSession, consent_id: str, browser_hashes: Sequence[str]) -> set[str]:
    """Which of a browser's secrets this consent was begun with before."""
    query = select(AttemptRow.browser_hash).where(
        AttemptRow.consent_id == consent_id, AttemptRow.browser_hash.in_(browser_hashes)
    )
    return set(await session.scalars(query))


async def spend_attempt(
    session: AsyncSession, state_hash: str, browser_hashes: Sequence[str], at: datetime
) -> str | None:
    """Use a `state` up, once and only in the browser it was given to; returns the consent's id or None."""
    return await session.scalar(
        update(AttemptRow)
        .where(
            AttemptRow.state_hash == state_hash,
            AttemptRow.browser_hash.in_(browser_hashes),
            AttemptRow.used_at.is_(None),
            AttemptRow.expires_at > at,
        )
        .values(used_at=at)
        .returning(AttemptRow.consent_id)
    )


async def of_attempt(session: AsyncSession, state_hash: str) -> Consent | None:
    """The consent that was begun with this `state`, used up or not."""
    begun = select(ConsentRow).join(AttemptRow, AttemptRow.consent_id == ConsentRow.id)
    row = await session.scalar(begun.where(AttemptRow.state_hash == state_hash))
    return row.to_record() if row else None


async def note_attempt(session: AsyncSession, state_hash: str, *, took_code: bool) -> None:
    """Whether what this attempt came back with was taken."""
    await session.execute(update(AttemptRow).where(AttemptRow.state_hash == state_hash).values(took_code=took_code))


async def came_from(session: AsyncSession, consent_id: str, browser_hashes: Sequence[str]) -> bool:
    """Whether the approval that a consent has, or had last, was brought by this browser."""
    brought_by = (
        select(AttemptRow.browser_hash)
        .where(AttemptRow.consent_id == consent_id, AttemptRow.used_at.is_not(None), AttemptRow.took_code.is_not(False))
        .order_by(AttemptRow.used_at.desc())
    )
    return await session.scalar(brought_by.limit(1)) in browser_hashes


async def latest_of_browser(session: AsyncSession, browser_hashes: Sequence[str]) -> Consent | None:
    """The consent this browser last came back from FieldView with."""
    row = await session.scalar(
        select(ConsentRow)
        .join(AttemptRow, AttemptRow.consent_id == ConsentRow.id)
        .where(AttemptRow.browser_hash.in_(browser_hashes), AttemptRow.used_at.is_not(None))
        .order_by(AttemptRow.used_at.desc())
        .limit(1)
    )
    return row.to_record() if row else None


async def sealed_code(session: AsyncSession, consent_id: str) -> tuple[str | None, datetime | None]:
    """The encrypted authorization code waiting to be exchanged, and when it came."""
    query = select(ConsentRow.authorization_code, ConsentRow.returned_at).where(ConsentRow.id == consent_id)
    row = (await session.execute(query)).one()
    return row[0], row[1]


async def sealed_refresh_token(session: AsyncSession, consent_id: str) -> tuple[str | None, datetime | None, bool]:
    """The encrypted refresh token on its way to Leaf, when it was issued, and whether a hand-over was attempted."""
    query = select(ConsentRow.refresh_token, ConsentRow.exchanged_at, ConsentRow.handing_over).where(
        ConsentRow.id == consent_id
    )
    row = (await session.execute(query)).one()
    return row[0], row[1], row[2]


async def being_handed_over(session: AsyncSession, grower_id: str) -> Consent | None:
    """The consent whose refresh token Leaf may be taking at this moment."""
    under_way = (ConsentRow.state == ConsentState.DELIVERING, ConsentRow.handing_over)
    row = await session.scalar(select(ConsentRow).where(ConsentRow.grower_id == grower_id, *under_way).limit(1))
    return row.to_record() if row else None


async def ahead_at_leaf(session: AsyncSession, consent: Consent, passed_at: datetime | None) -> Consent | None:
    """Another consent of the same grower that Leaf may be taking at this moment, or that was let pass before."""
    others = (ConsentRow.grower_id == consent.grower_id, ConsentRow.id != consent.id)
    is_ahead = or_(ConsentRow.handing_over, ConsentRow.exchanged_at < passed_at)
    row = await session.scalar(
        select(ConsentRow).where(*others, ConsentRow.state == ConsentState.DELIVERING, is_ahead).limit(1)
    )
    return row.to_record() if row else None


async def waiting(session: AsyncSession, at: datetime, whose: Whose = EVERYBODYS) -> int:
    """How many growers (of those) have a link they may still use; what waits for the team is not among them."""
    return await _growers(session, whose, ConsentRow.state.in_(UNFINISHED) & ~_HELD & (ConsentRow.expires_at > at))


async def undecided(session: AsyncSession, whose: Whose = EVERYBODYS) -> int:
    """How many growers (of those) agreed with an account about which the team has to decide."""
    return await _growers(session, whose, _HELD)


async def _growers(session: AsyncSession, whose: Whose, which: ColumnElement[bool]) -> int:
    query = select(func.count(ConsentRow.grower_id.distinct())).where(which)
    if whose != EVERYBODYS:
        query = query.join(GrowerRow, GrowerRow.id == ConsentRow.grower_id).where(*narrowing.to(whose))
    return await session.scalar(query) or 0


async def waiting_ones(
    session: AsyncSession, at: datetime, limit: int, whose: Whose = EVERYBODYS
) -> list[tuple[Grower, Consent]]:
    """The growers whom `waiting` and `undecided` count, each with the newest link, the newest first."""
    query = select(GrowerRow, ConsentRow).join(ConsentRow, ConsentRow.grower_id == GrowerRow.id)
    still_out = _HELD | (ConsentRow.expires_at > at)
    query = query.where(ConsentRow.state.in_(UNFINISHED), still_out, *narrowing.to(whose))
    found: dict[str, tuple[Grower, Consent]] = {}
    for grower, consent in await session.execute(query.order_by(ConsentRow.created_at.desc()).limit(limit)):
        found.setdefault(grower.id, (grower.to_record(), consent.to_record()))
    return list(found.values())
