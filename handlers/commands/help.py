"""`/fieldview help`: what the bot can do."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from bot import messages
from bot.bot import Bot
from bot.messages import Message
from handlers.call import Call, Reply
from storage.records import Role

if TYPE_CHECKING:
    from handlers.commands import Command


async def help(call: Call, bot: Bot) -> Reply:
    """Every command in one line each."""
    return Reply(_answer())


@cache
def _answer() -> Message:
    """Always the same, and what is asked for most."""
    return messages.help_text(overview())


def overview() -> list[tuple[str, list[tuple[str, str]]]]:
    """By topic, usage and purpose of every command, with a word where it takes an admin."""
    from handlers.commands import TOPICS

    return [(topic, [_line(command) for command in commands]) for topic, commands in TOPICS.items()]


def _line(command: Command) -> tuple[str, str]:
    return command.usage, f"{command.purpose} (admins only)" if command.role is Role.ADMIN else command.purpose
