"""Working time over nights, weekends and changes of the clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import workhours

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("since", "hours", "due"),
    [
        ("2026-11-24T09:00", 4, "2026-11-24T13:00"),  # within a Tuesday
        ("2026-11-24T15:00", 4, "2026-11-25T10:00"),  # two hours today, two tomorrow
        ("2026-11-24T03:00", 1, "2026-11-24T09:00"),  # the night does not count
        ("2026-11-24T13:00", 4, "2026-11-24T17:00"),  # to the minute of closing
        ("2026-11-27T16:00", 4, "2026-11-30T11:00"),  # Friday afternoon to Monday
        ("2026-11-28T12:00", 1, "2026-11-30T09:00"),  # a Saturday
        ("2026-10-23T16:00", 2, "2026-10-26T09:00"),  # over the night on which clocks go back
        ("2026-03-27T16:00", 2, "2026-03-30T09:00"),  # over the night on which they go forward
        ("2026-11-23T08:00", 99, "2026-12-07T17:00"),  # eleven working days
    ],
)
def test_only_working_time_counts(since: str, hours: int, due: str) -> None:
    assert workhours.due(at(since), timedelta(hours=hours), BERLIN) == at(due)
    begun = workhours.begun(at(due), timedelta(hours=hours), BERLIN)
    assert begun >= at(since)
    assert workhours.due(begun, timedelta(hours=hours), BERLIN) == at(due)


@given(
    since=st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(ZoneInfo("UTC"))),
    minutes=st.integers(1, 6000),
    zone=st.sampled_from(["America/Chicago", "Asia/Kolkata", "Pacific/Auckland", "America/Sao_Paulo", "UTC"]),
)
def test_it_is_never_sooner_than_asked_and_always_in_working_time(since: datetime, minutes: int, zone: str) -> None:
    where = ZoneInfo(zone)
    due = workhours.due(since, timedelta(minutes=minutes), where).astimezone(where)
    assert due >= since + timedelta(minutes=minutes)
    assert due.weekday() < 5
    assert workhours.OPENS < due.time() <= workhours.CLOSES
    assert workhours.begun(due - timedelta(minutes=1), timedelta(minutes=minutes), where) < since
    assert workhours.begun(due, timedelta(minutes=minutes), where) >= since


@pytest.mark.parametrize("name", ["", "Nowhere/Town", "../../etc/passwd", "a" * 300, "\0"])
def test_what_is_no_time_zone_is_none(name: str) -> None:
    assert workhours.zone(name) is None
