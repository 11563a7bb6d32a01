"""Words by which a grower recognises the page that belongs to a message."""

from __future__ import annotations

import secrets

_ADJECTIVES = (
    "amber clover copper early gentle golden green hazel linen misty quiet red rural silver "
    "sunny tall velvet warm western white willow winter young yellow "
)
_NOUNS = (
    "acre barley barn bean corn creek field furrow garden grain grove harvest hedge hill lane "
    "maize meadow oats orchard pasture prairie ridge rye wheat "
)


def code_word() -> str:
    """One of each: enough to be recognised, not a secret."""
    return f"{secrets.choice(_ADJECTIVES.split())}-{secrets.choice(_NOUNS.split())}"
