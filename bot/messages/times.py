"""Points in time, each reader in their own zone, and how long things last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def moment(at: datetime, shape: str = "{date_short_pretty} {time}") -> str:
    """The point in time as Slack shows it to each reader; where Slack cannot, in UTC."""
    return f"<!date^{int(at.timestamp())}^{shape}|{in_utc(at)}>"


def in_utc(at: datetime) -> str:
    """ "24 Nov 2026, 14:05 UTC"."""
    utc = at.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y, %H:%M} UTC"


def lasting(span: timedelta) -> str:
    """ "less than a minute", "12 min", "2 h 10 min", "1 day 4 h", "9 days"."""
    if span < MINUTE:
        return "less than a minute"
    if span < HOUR:
        return f"{span // MINUTE} min"
    if span < DAY:
        return _two(span // HOUR, "h", span % HOUR // MINUTE, "min")
    days = span // DAY
    unit = "day" if days == 1 else "days"
    return _two(days, unit, span % DAY // HOUR if days < 3 else 0, "h")


def ago(at: datetime, now: datetime) -> str:
    """ "just now", "2 h 10 min ago". What seems to lie ahead is just now: clocks differ."""
    return "just now" if now - at < MINUTE else f"{lasting(now - at)} ago"


def since(at: datetime, now: datetime) -> str:
    """“since 20 Nov 14:05 (4 days)”, for answers that are read at once; a living message would grow stale."""
    return f"since {moment(at)} ({lasting(max(now - at, timedelta()))})"


def _two(large: int, unit: str, small: int, smaller: str) -> str:
    return f"{large} {unit} {small} {smaller}" if small else f"{large} {unit}"
