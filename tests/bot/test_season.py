"""The season: read from a setting, and when it began."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.season import Season


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "moment", "began"),
    [
        ("04-01..11-15", "2026-03-31T23:59", None),
        ("04-01..11-15", "2026-04-01T00:00", "2026-04-01"),
        ("04-01..11-15", "2026-11-15T23:59", "2026-04-01"),
        ("04-01..11-15", "2026-11-16T00:00", None),
        ("09-15..05-31", "2026-12-31T12:00", "2026-09-15"),
        ("09-15..05-31", "2027-05-31T12:00", "2026-09-15"),
        ("09-15..05-31", "2027-06-01T00:00", None),
        ("02-29..06-01", "2027-03-02T00:00", "2027-03-01"),
    ],
)
def test_it_includes_both_days_and_may_go_over_new_year(span: str, moment: str, began: str | None) -> None:
    assert Season.parse(span).began(at(moment)) == (at(began) if began else None)


@pytest.mark.parametrize("text", ["", "april", "04-01", "04-01..13-01", "04-31..05-01", "4-1..5-1", "04-01...05-01"])
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"two days of the year like 04-01\.\.11-15"):
        Season.parse(text)
