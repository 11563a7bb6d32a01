"""Leaf's words for a credential's state, and what the team makes of each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.leaf.statuses import meaning
from storage.records import Cause, CredentialStatus

HEALTHY = ("OK", "ok", " Ok ", "VALID", "ACTIVE", "CONNECTED")
BROKEN = (
    "UNAUTHENTICATED",
    "unauthenticated",
    "INVALID",
    "EXPIRED",
    "TOKEN_EXPIRED",
    "token expired",
    "REVOKED_BY_USER",
)
LIMITED = (
    "MISSING_PERMISSION",
    "MISSING_PERMISSIONS",
    "LIMITED_PERMISSION",
    "LIMITED-PERMISSIONS",
    "limited permission",
)
STRANGE = (
    "",
    "  ",
    "OKAY",
    "NOT_OK",
    "OK?",
    "INACTIVE",
    "UNVALIDATED",
    "ERROR",
    "VALID_UNTIL",
    "O\u212a",
    "\uff2fK",
    "OK\x00",
)


@pytest.mark.parametrize("word", HEALTHY)
def test_words_for_healthy(word: str) -> None:
    assert meaning(word) == (CredentialStatus.HEALTHY, None)


@pytest.mark.parametrize("word", BROKEN)
def test_words_for_broken_by_the_grower(word: str) -> None:
    assert meaning(word) == (CredentialStatus.BROKEN, Cause.GROWER_MUST_ACT)


@pytest.mark.parametrize("word", LIMITED)
def test_words_for_a_missing_permission(word: str) -> None:
    assert meaning(word) == (CredentialStatus.LIMITED, Cause.SCOPE_MISSING)


def test_fieldview_being_down_is_nobodys_fault() -> None:
    assert meaning("TEMPORARILY_UNAVAILABLE") == (CredentialStatus.UNAVAILABLE, Cause.FIELDVIEW_DOWN)


@pytest.mark.parametrize("word", ["PENDING", "validating"])
def test_words_for_not_yet(word: str) -> None:
    assert meaning(word) == (CredentialStatus.PENDING, None)


@pytest.mark.parametrize("word", [None, *STRANGE])
def test_every_other_word_is_unknown(word: str | None) -> None:
    assert meaning(word) == (CredentialStatus.UNKNOWN, Cause.UNKNOWN_STATUS)


@given(st.text())
def test_no_word_is_healthy_that_is_not_on_the_list(word: str) -> None:
    status, _ = meaning(word)
    assert (status is CredentialStatus.HEALTHY) == (word.strip().upper() in {"OK", "VALID", "ACTIVE", "CONNECTED"})
