"""All modals that can be sent in, by their callback id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from bot.bot import Bot
from handlers.call import Reply, Submission
from handlers.views import bulk, casework, create_grower, searching, subscribing
from storage.records import Role


@dataclass(frozen=True)
class Form:
    """One modal: its name in the audit trail, who may send it, what is wrong with it as filled in, and what it does."""

    name: str
    role: Role
    faults: Callable[[Submission], Mapping[str, str]]
    run: Callable[[Submission, Bot], Awaitable[Reply]]


FORMS: dict[str, Form] = {
    "connect-grower": Form("connect", Role.OPERATOR, searching.grower_faults, searching.connect),
    "disconnect-grower": Form("disconnect", Role.ADMIN, searching.grower_faults, searching.disconnect),
    "grower-status": Form("status", Role.VIEWER, searching.nothing_to_mend, searching.status),
    "create-grower": Form("create-grower", Role.OPERATOR, create_grower.faults, create_grower.create_grower),
    "bulk": Form("bulk", Role.OPERATOR, bulk.faults, bulk.plan),
    "snooze": Form("snooze", Role.OPERATOR, casework.snooze_faults, casework.snooze),
    "subscribe": Form("subscribe", Role.OPERATOR, subscribing.faults, subscribing.subscribe),
    "assign": Form("assign", Role.OPERATOR, casework.assign_faults, casework.assign),
}
