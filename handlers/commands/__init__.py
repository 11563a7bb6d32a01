"""All slash commands: `/fieldview <name> …`. Help, suggestions and the manifest's hint are made from this list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.bot import Bot
from handlers.call import Call, Reply
from handlers.commands import (
    access,
    bulk,
    connect,
    disconnect,
    escalate,
    events,
    handover,
    health,
    help,
    history,
    links,
    owner,
    snoozes,
    status,
    subscribe,
    subscriptions,
    tag,
    unsubscribe,
)
from storage.records import Role

COMMAND = "/fieldview"


@dataclass(frozen=True)
class Command:
    """One command: its word, what may stand behind it, what it is for, who may use it, and what carries it out."""

    name: str
    arguments: str
    purpose: str
    role: Role
    run: Callable[[Call, Bot], Awaitable[Reply]]

    @property
    def usage(self) -> str:
        return f"{COMMAND} {self.name} {self.arguments}".strip()


TOPICS: dict[str, tuple[Command, ...]] = {
    "Growers’ connections": (
        Command("connect", "<grower>", "Ask a grower to connect FieldView", Role.OPERATOR, connect.connect),
        Command("bulk", "", "Links for a whole list of growers, from a CSV file", Role.OPERATOR, bulk.bulk),
        Command("links", "[grower]", "Links that are out, to renew or take back", Role.OPERATOR, links.links),
        Command(
            "status",
            "[grower | @person | --mine | tag:north]",
            "How connections are doing: all, yours, a colleague’s, those with a tag, or one",
            Role.VIEWER,
            status.status,
        ),
        Command("events", "<grower> [days]", "What happened to a connection", Role.VIEWER, events.events),
        Command("disconnect", "<grower>", "End a grower’s connection", Role.ADMIN, disconnect.disconnect),
    ),
    "Alerts": (
        Command(
            "subscribe",
            "[#channel] [options | tag:north | @person]",
            "Get alerts in a channel: all, those you choose, or those about growers with a tag or of a colleague",
            Role.OPERATOR,
            subscribe.subscribe,
        ),
        Command("unsubscribe", "[#channel]", "Stop alerts in a channel", Role.OPERATOR, unsubscribe.unsubscribe),
        Command(
            "subscriptions",
            "",
            "Which channels get what, and whether that works",
            Role.VIEWER,
            subscriptions.subscriptions,
        ),
        Command(
            "escalate",
            "[#channel @lead 4h [time zone]]",
            "Whom to tell when nobody takes up an alert for so many working hours",
            Role.ADMIN,
            escalate.escalate,
        ),
        Command("snoozes", "", "Which alerts are snoozed, and ending that", Role.VIEWER, snoozes.snoozes),
    ),
    "Your team’s work": (
        Command("owner", "<grower> [@person] [#channel]", "Who looks after a grower", Role.OPERATOR, owner.owner),
        Command(
            "tag", "[grower] [add | remove north, organic]", "Group growers by words of yours", Role.OPERATOR, tag.tag
        ),
        Command(
            "handover", "@from @to", "Give everything of one colleague to another", Role.OPERATOR, handover.handover
        ),
        Command(
            "history",
            "[grower] [by @person] [did connect] [since 7d] [with looks]",
            "Who did what",
            Role.VIEWER,
            history.history,
        ),
    ),
    "This bot": (
        Command("access", "[who] [role]", "Who may do what", Role.ADMIN, access.access),
        Command("health", "", "How this bot itself is doing", Role.VIEWER, health.health),
        Command("help", "[command]", "What I can do, or more about one command", Role.VIEWER, help.help),
    ),
}
"""What help shows together, under its heading."""

COMMANDS: dict[str, Command] = {command.name: command for commands in TOPICS.values() for command in commands}
