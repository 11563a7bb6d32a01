"""All buttons and menus, by their action id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.bot import Bot
from handlers.actions import (
    bulk,
    casework,
    choosing,
    connecting,
    disconnecting,
    home,
    linking,
    listing,
    looking,
    owning,
    permitting,
    subscribing,
)
from handlers.call import Click, Reply
from storage.records import Role


@dataclass(frozen=True)
class Action:
    """One button or menu: the name it has in the audit trail, who may press it, and what carries it out.

    `name_of` and `role_of` give the name and the role where they depend on what was chosen. `in_form`: it is chosen in
    a form that goes on standing there, whatever comes of the choice; it has no effect, and so no row.
    """

    name: str
    role: Role
    run: Callable[[Click, Bot], Awaitable[Reply]]
    name_of: Callable[[Click], str] | None = None
    role_of: Callable[[Click], Role] | None = None
    in_form: bool = False

    def name_for(self, click: Click) -> str:
        return self.name_of(click) if self.name_of else self.name

    def role_for(self, click: Click) -> Role:
        return self.role_of(click) if self.role_of else self.role


ACTIONS: dict[str, Action] = {
    "choose-grower": Action(
        "choose-grower", Role.VIEWER, choosing.choose_grower, name_of=choosing.chosen, role_of=choosing.needed
    ),
    "create-grower": Action("create-grower", Role.OPERATOR, choosing.ask_particulars),
    "send-link": Action("connect", Role.OPERATOR, connecting.send_link),
    "connect-someone": Action("connect", Role.OPERATOR, connecting.ask_whom),
    "home-whose": Action("home", Role.VIEWER, home.look),
    "home-pile": Action("home", Role.VIEWER, home.look),
    "home-back": Action("home", Role.VIEWER, home.look),
    "home-on": Action("home", Role.VIEWER, home.look),
    "home-subscribe": Action("subscribe", Role.OPERATOR, home.choose_channel),
    "subscribe-options": Action("subscribe", Role.OPERATOR, subscribing.ask),
    "subscribe-change": Action("subscribe", Role.OPERATOR, subscribing.change, in_form=True),
    "subscribe-tag": Action("subscribe", Role.OPERATOR, subscribing.change, in_form=True),
    "connect-anyway": Action("connect", Role.OPERATOR, connecting.connect_anyway),
    "send-link-anyway": Action("connect", Role.OPERATOR, connecting.send_link_anyway),
    "open-consent-link": Action("open-consent-link", Role.GROWER, connecting.opened),
    "links-older": Action("links", Role.OPERATOR, linking.turn),
    "links-newer": Action("links", Role.OPERATOR, linking.turn),
    "show-link": Action("show-link", Role.OPERATOR, linking.show_link),
    "renew-link": Action("connect", Role.OPERATOR, linking.renew),
    "revoke-link": Action("revoke-link", Role.OPERATOR, linking.take_back),
    "choose-language": Action("choose-language", Role.OPERATOR, linking.choose_language),
    "stop-reminders": Action("stop-reminders", Role.GROWER, linking.stop_reminders),
    "use-account": Action("use-account", Role.OPERATOR, linking.use_account),
    "refuse-account": Action("refuse-account", Role.OPERATOR, linking.refuse_account),
    "bulk-ask": Action("bulk", Role.OPERATOR, bulk.ask_for_list),
    "bulk-start": Action("bulk", Role.OPERATOR, bulk.start),
    "bulk-stop": Action("bulk", Role.OPERATOR, bulk.stop),
    "bulk-list": Action("bulk", Role.OPERATOR, bulk.send_list),
    "show-status": Action("status", Role.VIEWER, looking.show_status),
    "check-now": Action("status", Role.VIEWER, looking.check_now),
    "show-events": Action("events", Role.VIEWER, looking.show_events),
    "events-older": Action("events", Role.VIEWER, looking.turn_page),
    "events-newer": Action("events", Role.VIEWER, looking.turn_page),
    "claim": Action("claim", Role.OPERATOR, owning.claim),
    "release": Action("release", Role.OPERATOR, owning.release),
    "leave-channel": Action("leave-channel", Role.OPERATOR, owning.leave_channel),
    "acknowledge": Action("acknowledge", Role.OPERATOR, casework.acknowledge),
    "snooze": Action("snooze", Role.OPERATOR, casework.ask_how_long),
    "end-snooze": Action("end-snooze", Role.OPERATOR, casework.end_snooze),
    "assign": Action("assign", Role.OPERATOR, casework.ask_whom),
    "show-storm": Action("storm", Role.VIEWER, listing.show_storm),
    "storm-older": Action("storm", Role.VIEWER, listing.turn_storm),
    "storm-newer": Action("storm", Role.VIEWER, listing.turn_storm),
    "storm-again": Action("storm", Role.VIEWER, listing.turn_storm),
    "storm-bulk": Action("bulk", Role.OPERATOR, bulk.plan_storm),
    "history-older": Action("history", Role.VIEWER, looking.turn_history),
    "history-newest": Action("history", Role.VIEWER, looking.turn_history),
    "disconnect": Action("disconnect", Role.ADMIN, disconnecting.ask),
    "disconnect-confirm": Action("disconnect", Role.ADMIN, disconnecting.confirm),
    "disconnect-cancel": Action("disconnect", Role.ADMIN, disconnecting.cancel),
    "disconnect-agree": Action("disconnect-agree", Role.ADMIN, disconnecting.agree),
    "disconnect-undo": Action("disconnect-undo", Role.OPERATOR, disconnecting.undo),
    "access-remove": Action("access", Role.ADMIN, permitting.remove),
}
