"""What people type behind `history`, and what it is taken for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import messages
from bot.errors import UsageError
from handlers.sought import Sought, sought

NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)
TODAY = datetime(2026, 11, 24, tzinfo=UTC)
GRACE = "<@U0GRACE|grace>"


def read(typed: str) -> Sought:
    return sought(typed, "U0ME", messages.actions(), NOW)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", Sought()),
        ("Ada Lovelace Farms", Sought("Ada Lovelace Farms")),
        (f"Ada by {GRACE} since 7d", Sought("Ada", "U0GRACE", None, NOW - timedelta(days=7))),
        (f"Ada since 7 days by {GRACE}", Sought("Ada", "U0GRACE", None, NOW - timedelta(days=7))),
        ("by me", Sought("", "U0ME")),
        ("BY ME DID CONNECT", Sought("", "U0ME", "connect")),
        ("by growers did consent declined", Sought("", "grower", "consent-declined")),
        ("since yesterday", Sought(since=TODAY - timedelta(days=1))),
        ("since today", Sought(since=TODAY)),
        ("since 2026-11-01", Sought(since=datetime(2026, 11, 1, tzinfo=UTC))),
        ("last 2 weeks", Sought(since=NOW - timedelta(days=14))),
        ("since last week", Sought(since=NOW - timedelta(days=7))),
        ("last month", Sought(since=NOW - timedelta(days=30))),
        ("Ada 7d", Sought("Ada", since=NOW - timedelta(days=7))),
        ("7d", Sought(since=NOW - timedelta(days=7))),
        ('"Made by Ada" since 3h', Sought('"Made by Ada"', since=NOW - timedelta(hours=3))),
        ("O'Brien's by me", Sought("O'Brien's", "U0ME")),
        ("with looks", Sought(looks=True)),
        ("Ada with looks since 7d", Sought("Ada", since=NOW - timedelta(days=7), looks=True)),
        ("Ada 7d With Look", Sought("Ada", since=NOW - timedelta(days=7), looks=True)),
        ("Farms with a View", Sought("Farms with a View")),
        (GRACE, Sought(GRACE)),
        ("Farm 12", Sought("Farm 12")),
    ],
)
def test_it_is_taken_as_it_is_meant(typed: str, meant: Sought) -> None:
    assert read(typed) == meant


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("by Grace", "`by @grace`"),
        ("did conect", "Did you mean `did connect`?"),
        ("did frobnicate", "These are: "),
        ("by me with looks Ada", "Did you mean `with looks`?"),
        ("since soon", "`2026-11-01`"),
        ("since 2026-13-01", "`2026-11-01`"),
        ("Ada sinse 7d", "Did you mean `since 7d`?"),
        (f"Ada form {GRACE}", "Did you mean `by <@U0GRACE|grace>`?"),
    ],
)
def test_what_is_not_understood_is_answered_with_how_to_say_it(typed: str, hint: str) -> None:
    with pytest.raises(UsageError) as told:
        read(typed)
    assert hint in str(told.value)


@given(
    st.text()
    | st.lists(
        st.sampled_from(["by", "me", "since", "last", "7d", "did", "connect", "with", "looks", '"', GRACE, "x"])
    ).map(" ".join)
)
def test_nothing_typed_makes_it_fail(typed: str) -> None:
    try:
        found = read(typed)
    except UsageError:
        return
    assert found.actor is None or found.actor in ("U0ME", "grower", "U0GRACE")
    assert found.action is None or found.action in messages.actions()
    assert found.since is None or found.since.tzinfo is UTC
