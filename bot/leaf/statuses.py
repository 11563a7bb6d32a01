"""Leaf's words for a credential's state, as data. Only the first word of each kind was ever documented by Leaf
(docs commit e4763c3, 2022-11-17); the others are tolerated because its texts use them."""

from __future__ import annotations

import re
from functools import lru_cache

from storage.records import Cause, CredentialStatus

WORDS: tuple[tuple[CredentialStatus, Cause | None, str], ...] = (
    (CredentialStatus.HEALTHY, None, r"OK|VALID|ACTIVE|CONNECTED"),
    (CredentialStatus.BROKEN, Cause.GROWER_MUST_ACT, r"UNAUTHENTICATED|INVALID|\w*EXPIRED\w*|\w*REVOKED\w*"),
    (CredentialStatus.LIMITED, Cause.SCOPE_MISSING, r"MISSING_PERMISSIONS?|LIMITED_PERMISSIONS?"),
    (CredentialStatus.UNAVAILABLE, Cause.FIELDVIEW_DOWN, r"TEMPORARILY_UNAVAILABLE"),
    (CredentialStatus.PENDING, None, r"PENDING|VALIDATING"),
)


@lru_cache(maxsize=64)
def meaning(raw: str | None) -> tuple[CredentialStatus, Cause | None]:
    """What Leaf's word means; a word not listed is UNKNOWN, never healthy."""
    word = re.sub(r"[\s-]+", "_", (raw or "").strip())
    for status, cause, pattern in WORDS:
        if re.fullmatch(pattern, word, re.IGNORECASE | re.ASCII):
            return status, cause
    return CredentialStatus.UNKNOWN, Cause.UNKNOWN_STATUS
