"""All slash commands: `/fieldview <name> …`. Help, suggestions and the manifest's hint are made from this list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.bot import Bot
from handlers.call import Call, Reply
from handlers.commands import connect, disconnect, events, help, history, status, subscribe, unsubscribe
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


COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        Command("connect", "<grower>", "Ask a grower to connect FieldView", Role.OPERATOR, connect.connect),
        Command("status", "[grower]", "How connections are doing, all or one", Role.VIEWER, status.status),
        Command("events", "<grower> [days]", "What happened to a connection", Role.VIEWER, events.events),
        Command("disconnect", "<grower>", "End a grower's connection", Role.ADMIN, disconnect.disconnect),
        Command("subscribe", "[#channel]", "Get alerts in a channel", Role.OPERATOR, subscribe.subscribe),
        Command("unsubscribe", "[#channel]", "Stop alerts in a channel", Role.OPERATOR, unsubscribe.unsubscribe),
        Command("history", "[grower]", "Who did what", Role.VIEWER, history.history),
        Command("help", "", "What I can do", Role.VIEWER, help.help),
    )
}
