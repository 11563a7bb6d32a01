"""How long one row of the audit trail stands for refusals that come again and again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from handlers.refusals import MOST, STRETCH, Refusals


def test_one_for_each_person_and_entry_in_a_stretch_of_time_and_no_flood_fills_the_memory() -> None:
    now = datetime(2026, 11, 26, tzinfo=UTC)
    refusals = Refusals(lambda: now)
    assert [refusals.is_news("UGUEST", entry) for entry in ("home", "home", "find-grower")] == [True, False, True]
    assert refusals.is_news("UOTHER", "home")
    now += STRETCH - timedelta(seconds=1)
    assert not refusals.is_news("UGUEST", "home")
    now += timedelta(seconds=1)
    assert refusals.is_news("UGUEST", "home")
    for number in range(2 * MOST):
        assert refusals.is_news(f"U{number}", "home")
    assert len(refusals._since) == MOST
    assert not refusals.is_news(f"U{2 * MOST - 1}", "home"), "the newest are remembered"
