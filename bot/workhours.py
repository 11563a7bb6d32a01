"""Working time: Monday to Friday, 8 to 17 o'clock, wherever the team is. Holidays are not known here."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

OPENS, CLOSES = time(8), time(17)
WORKDAYS = 5


def zone(name: str) -> ZoneInfo | None:
    """The time zone of that name, such as "America/Chicago"; None when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def begun(by: datetime, needed: timedelta, where: ZoneInfo) -> datetime:
    """The last moment since which so much working time has passed by then; `needed` is positive."""
    day = by.astimezone(where).date()
    while True:
        if day.weekday() < WORKDAYS:
            opens, closes = _hours(day, where)
            ends = min(by.astimezone(UTC), closes)
            if ends - needed >= opens:
                return ends - needed
            needed -= max(ends - opens, timedelta())
        day -= timedelta(days=1)


def _hours(day: date, where: ZoneInfo) -> tuple[datetime, datetime]:
    """In UTC: on the days when clocks are changed, local times do not add up."""
    opens, closes = (datetime.combine(day, at, where).astimezone(UTC) for at in (OPENS, CLOSES))
    return opens, closes
