"""Working time over nights, weekends and changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import workhours

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def worked(since: datetime, by: datetime, where: ZoneInfo) -> timedelta:
    """Working time between two moments, day by day."""
    total, day = timedelta(), since.astimezone(where).date()
    while day <= by.astimezone(where).date():
        if day.weekday() < 5:
            opens, closes = (datetime.combine(day, time(hour), where).astimezone(UTC) for hour in (8, 17))
            total += max(timedelta(), min(closes, by) - max(opens, since))
        day += timedelta(days=1)
    return total


@pytest.mark.parametrize(
    ("begun", "hours", "by"),
    [
        ("2026-11-24T09:00", 4, "2026-11-24T13:00"),  # within a Tuesday
        ("2026-11-24T15:00", 4, "2026-11-25T10:00"),  # two hours today, two tomorrow
        ("2026-11-24T08:00", 1, "2026-11-24T09:00"),  # the night does not count
        ("2026-11-24T13:00", 4, "2026-11-24T17:00"),  # to the minute of closing
        ("2026-11-24T13:00", 4, "2026-11-24T23:00"),  # the evening does not count
        ("2026-11-27T16:00", 4, "2026-11-30T11:00"),  # Friday afternoon to Monday
        ("2026-11-27T16:00", 1, "2026-11-28T12:00"),  # a Saturday
        ("2026-10-23T16:00", 2, "2026-10-26T09:00"),  # over the night on which clocks go back
        ("2026-03-27T16:00", 2, "2026-03-30T09:00"),  # over the night on which they go forward
        ("2026-11-23T08:00", 99, "2026-12-07T17:00"),  # eleven working days
    ],
)
def test_only_working_time_counts(begun: str, hours: int, by: str) -> None:
    assert workhours.begun(at(by), timedelta(hours=hours), BERLIN) == at(begun)


@given(
    by=st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(ZoneInfo("UTC"))),
    minutes=st.integers(1, 6000),
    zone=st.sampled_from(["America/Chicago", "Asia/Kolkata", "Pacific/Auckland", "America/Sao_Paulo", "UTC"]),
)
def test_it_is_the_last_moment_since_which_so_much_has_passed(by: datetime, minutes: int, zone: str) -> None:
    where, needed = ZoneInfo(zone), timedelta(minutes=minutes)
    begun = workhours.begun(by, needed, where)
    local = begun.astimezone(where)
    assert begun <= by - needed
    assert local.weekday() < 5
    assert workhours.OPENS <= local.time() < workhours.CLOSES
    assert worked(begun, by, where) == needed
    assert worked(begun + timedelta(minutes=1), by, where) < needed


@pytest.mark.parametrize("name", ["", "Nowhere/Town", "../../etc/passwd", "a" * 300, "\0"])
def test_what_is_no_time_zone_is_none(name: str) -> None:
    assert workhours.zone(name) is None
