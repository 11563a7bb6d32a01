"""All shortcuts, by their callback id: from Slack's own menus, without typing a command. The manifest names them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.bot import Bot
from handlers.call import Reply, Shortcut
from handlers.shortcuts import growers
from storage.records import Role

GLOBAL, MESSAGE = "global", "message"


@dataclass(frozen=True)
class Offer:
    """One shortcut: where Slack offers it and under which title, its name in the audit trail, and what it does."""

    where: str
    title: str
    name: str
    role: Role
    run: Callable[[Shortcut, Bot], Awaitable[Reply]]


SHORTCUTS: dict[str, Offer] = {
    "connect-a-grower": Offer(GLOBAL, "Connect a grower", "connect", Role.OPERATOR, growers.connect),
    "show-status": Offer(GLOBAL, "FieldView status", "status", Role.VIEWER, growers.status),
    "status-of-author": Offer(MESSAGE, "FieldView status", "status", Role.VIEWER, growers.status_of_author),
}
