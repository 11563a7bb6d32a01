"""What stands in a digest: how things are when it is delivered, and what was over when it was due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot import workhours
from bot.audience import TOPICS
from bot.reports import Case, DigestReport, Week
from storage import connections, consents, digests, silences, storms
from storage.records import ConsentState, CredentialStatus, Digest, StormKind, Topic

LISTED = 1000
DAYS = 7


async def report(session: AsyncSession, digest_id: str, now: datetime) -> DigestReport | None:
    """The digest as far as its channel's wishes go; None when it is not known any more."""
    digest = await digests.get(session, digest_id)
    if digest is None:
        return None
    wishes, whose = digest.wishes, digest.wishes.whose
    earlier = await digests.latest(session, digest.channel, before=digest.day)
    counts = await connections.counts(session, whose)
    monday = digest.day - timedelta(days=digest.day.weekday())
    open_ones = _covered(digest, await digests.standing(session, whose))
    ill = [storm for storm in await storms.standing(session) if storm.kind is not StormKind.GROWERS]
    return DigestReport(
        digest,
        growers=sum(counts.values()) - counts.get(CredentialStatus.ABSENT, 0),
        healthy=counts.get(CredentialStatus.HEALTHY, 0),
        fresh=[case for case in open_ones if case[0].opened_at >= digest.since],
        standing=[case for case in open_ones if case[0].opened_at < digest.since],
        recovered=_covered(digest, await digests.recovered(session, whose, digest.since, digest.until)),
        connected=await digests.connected(session, whose, digest.since, digest.until)
        if wishes.hears_of(Topic.CONNECTED)
        else (),
        waiting=await consents.waiting_ones(session, now, LISTED, whose),
        silent=await silences.standing(session, whose) if wishes.hears_of(Topic.SILENT) else (),
        ill=ill if wishes.hears_of(Topic.ILL) else (),
        week=await _week(session, digest, monday) if _tells_of_week(monday, digest.day, earlier) else None,
        is_first=earlier is None,
        untold_since=earlier[1] if earlier and earlier[1] < digest.since else None,
    )


def _covered(digest: Digest, cases: Sequence[Case]) -> list[Case]:
    return [case for case in cases if digest.wishes.hears_of(TOPICS[case[0].cause])]


def _tells_of_week(monday: date, day: date, earlier: tuple[date, datetime] | None) -> bool:
    """Whether it is the first digest since that Monday: the bot may have been down on it."""
    return day == monday or (earlier is not None and earlier[0] < monday)


async def _week(session: AsyncSession, digest: Digest, monday: date) -> Week:
    """The seven local days before that Monday."""
    whose, zone = digest.wishes.whose, workhours.zone(digest.wishes.zone or "UTC") or ZoneInfo("UTC")
    first = monday - timedelta(days=DAYS)
    midnights = [
        datetime.combine(first + timedelta(days=number), time(), zone).astimezone(UTC) for number in range(DAYS + 1)
    ]
    began, ended = midnights[0], midnights[-1]
    stood = [span for span in await digests.stood(session, whose, began, ended) if _counts(digest, span)]
    mended = [span for span in await digests.repaired(session, whose, began, ended) if _counts(digest, span)]
    earlier = await digests.repaired(session, whose, began - timedelta(days=DAYS), began)
    asked = await digests.asked(session, whose, began, ended)
    agreed = {grower for grower, state in asked if state is ConsentState.CONNECTED}
    declined = {grower for grower, state in asked if state is ConsentState.DECLINED}
    return Week(
        days=[
            (first + timedelta(days=number), len({span.grower_id for span in stood if _touches(span, *day)}))
            for number, day in enumerate(pairwise(midnights))
        ],
        missing=sum((min(ended, span.until or ended) - max(began, span.since) for span in stood), timedelta()),
        repaired=len(mended),
        median=_median(mended),
        median_before=_median([span for span in earlier if _counts(digest, span)]),
        asked=len({grower for grower, _ in asked}),
        agreed=len(agreed),
        declined=len(declined - agreed),
    )


def _counts(digest: Digest, span: digests.Span) -> bool:
    return digest.wishes.hears_of(TOPICS[span.cause])


def _touches(span: digests.Span, since: datetime, until: datetime) -> bool:
    return span.since < until and (span.until is None or span.until > since)


def _median(spans: Sequence[digests.Span]) -> timedelta | None:
    took = [(span.until - span.since).total_seconds() for span in spans if span.until]
    return timedelta(seconds=median(took)) if took else None
