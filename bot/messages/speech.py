"""What is written to growers in their own language, and dates as that language writes them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from pathlib import Path
from typing import Any

_CATALOGUES = Path(__file__).parent / "languages"

DEFAULT = "en"

_LAST_ON_EARTH = timezone(timedelta(hours=-12))
"""A day that is over here is over everywhere."""

KINDS = {
    "fields:read": "fields",
    "asPlanted:read": "planting",
    "asApplied:read": "application",
    "asHarvested:read": "harvest",
    "resourceOwners:read": "names",
    "farmOrganizations:read": "names",
}
"""FieldView's scopes, and under which word the catalogues speak of what each lets us read."""


class Speech:
    """Every sentence of one language, read from its catalogue. Raises FileNotFoundError for a language we lack."""

    def __init__(self, language: str) -> None:
        with (_CATALOGUES / f"{language}.toml").open("rb") as file:
            self._sentences: dict[str, Any] = tomllib.load(file)
        self.own_name: str = self._sentences["own_name"]

    def say(self, key: str, /, **values: str) -> str:
        """The sentence at a dotted key, with the values as they are given. KeyError without it."""
        return str(self._at(key)).format(**values)

    def partly(self, left_out: Sequence[str]) -> str:
        """That only a part is shared, what is missing as far as that is known, and to leave everything ticked."""
        kinds = dict.fromkeys(KINDS.get(scope, "other") for scope in left_out)
        parts = ", ".join(self.say(f"parts.{kind}") for kind in kinds)
        shared = self.say("partly.named", parts=parts) if parts else self.say("partly.unnamed")
        return f"{shared} {self.say('partly.tick')}"

    def until(self, expires: datetime, now: datetime, zone: tzinfo | None = None) -> str:
        """How long a link works: the last day that is whole in that zone, or within two days a duration.

        None where the reader's zone is not known: then the day is whole in every zone.
        """
        left = expires - now
        if left >= timedelta(hours=48):
            return self._last_day(expires, zone)
        hours, minutes = left // timedelta(hours=1), left // timedelta(minutes=1)
        if hours:
            return self.say("time.hour") if hours == 1 else self.say("time.hours", count=str(hours))
        return self.say("time.minutes", count=str(minutes)) if minutes > 1 else self.say("time.moment")

    def date(self, at: datetime, zone: tzinfo = UTC) -> str:
        """The day in that zone: "24 November 2026"."""
        day = at.astimezone(zone)
        return self.say("time.date", **self._day(day), year=str(day.year))

    def _last_day(self, expires: datetime, zone: tzinfo | None) -> str:
        day = expires.astimezone(zone or _LAST_ON_EARTH) - timedelta(days=1)
        return self.say("time.day", weekday=self._at("time.weekdays")[day.weekday()], **self._day(day))

    def _day(self, day: datetime) -> dict[str, str]:
        number = self._at("time.first") if day.day == 1 else str(day.day)
        return {"day": number, "month": self._at("time.months")[day.month - 1]}

    def _at(self, key: str) -> Any:
        found: Any = self._sentences
        for part in key.split("."):
            found = found[part]
        return found


@cache
def every_speech() -> Mapping[str, Speech]:
    """All languages that have a catalogue, under its file's name, in the order of their own names."""
    speeches = {path.stem: Speech(path.stem) for path in _CATALOGUES.glob("*.toml")}
    return dict(sorted(speeches.items(), key=lambda item: item[1].own_name))


def speech(language: str | None) -> Speech:
    """That language, or English where none was chosen or we lack it."""
    speeches = every_speech()
    return speeches.get(language or DEFAULT, speeches[DEFAULT])
