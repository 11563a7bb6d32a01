"""The part of the year in which growers work in the field, and silence means more."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

_SPAN = re.compile(r"(\d\d)-(\d\d)\.\.(\d\d)-(\d\d)")
_LEAP_YEAR = 2024


@dataclass(frozen=True)
class Season:
    """From one day of the year to another, both included, as (month, day); it may go over New Year."""

    first: tuple[int, int]
    last: tuple[int, int]

    @classmethod
    def parse(cls, text: str) -> Season:
        """Read "04-01..11-15". Raises ValueError, with a sentence for the operator."""
        found = _SPAN.fullmatch(text.strip())
        if found is None:
            raise ValueError("must be two days of the year like 04-01..11-15")
        first, last = (int(found[1]), int(found[2])), (int(found[3]), int(found[4]))
        for month, day in (first, last):
            try:
                date(_LEAP_YEAR, month, day)
            except ValueError:
                raise ValueError("must be two days of the year like 04-01..11-15") from None
        return cls(first, last)

    def began(self, at: datetime) -> datetime | None:
        """When the season that is on at that moment (UTC) began; None out of season."""
        today = at.astimezone(UTC).date()
        day = (today.month, today.day)
        over_new_year = self.first > self.last
        if not (day >= self.first or day <= self.last if over_new_year else self.first <= day <= self.last):
            return None
        year = today.year - 1 if over_new_year and day <= self.last else today.year
        return datetime.combine(_day(year, *self.first), time(), UTC)


def _day(year: int, month: int, day: int) -> date:
    """That day; 29 February is 1 March in most years."""
    try:
        return date(year, month, day)
    except ValueError:
        return date(year, 3, 1)
