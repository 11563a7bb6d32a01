"""All buttons and menus, by their action id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.bot import Bot
from handlers.actions import choosing, connecting, disconnecting, looking
from handlers.call import Click, Reply


@dataclass(frozen=True)
class Action:
    """One button or menu: the name it has in the audit trail, and the coroutine that carries it out.

    `for_growers` marks what is meant for growers, who may be guests: everything else is for members only.
    `name_of` gives the name where it depends on what was chosen.
    """

    name: str
    run: Callable[[Click, Bot], Awaitable[Reply]]
    for_growers: bool = False
    name_of: Callable[[Click], str] | None = None


ACTIONS: dict[str, Action] = {
    "choose-grower": Action("choose-grower", choosing.choose_grower, name_of=choosing.chosen),
    "create-grower": Action("create-grower", choosing.ask_particulars),
    "send-link": Action("connect", connecting.send_link),
    "connect-anyway": Action("connect", connecting.connect_anyway),
    "open-consent-link": Action("open-consent-link", connecting.opened, for_growers=True),
    "show-status": Action("status", looking.show_status),
    "check-now": Action("status", looking.check_now),
    "show-events": Action("events", looking.show_events),
    "events-older": Action("events", looking.turn_page),
    "events-newer": Action("events", looking.turn_page),
    "disconnect": Action("disconnect", disconnecting.ask),
    "disconnect-confirm": Action("disconnect", disconnecting.confirm),
    "disconnect-cancel": Action("disconnect", disconnecting.cancel),
}
