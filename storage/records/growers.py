"""A grower, as the team knows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Grower:
    """A Leaf user: `id` is Leaf's id. `gone_at` is set when Leaf no longer has it.

    `owner` is the member of the team who looks after it; `channel` hears of it besides the subscribed ones.
    `has_namesake`: another grower is called the same, as far as anybody looked.
    """

    id: str
    name: str
    email: str | None = None
    external_id: str | None = None
    slack_user: str | None = None
    gone_at: datetime | None = None
    owner: str | None = None
    channel: str | None = None
    has_namesake: bool = field(default=False, compare=False)
