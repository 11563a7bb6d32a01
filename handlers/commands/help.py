"""`/fieldview help`: what the bot can do."""

from __future__ import annotations

from functools import cache

from bot import messages
from bot.bot import Bot
from bot.messages import Message
from handlers.call import Call, Reply
from storage.records import Role


async def help(call: Call, bot: Bot) -> Reply:
    """Every command in one line each."""
    return Reply(_answer())


@cache
def _answer() -> Message:
    """Always the same, and what is asked for most."""
    return messages.help_text(overview())


def overview() -> list[tuple[str, str]]:
    """Usage and purpose of every command, with a word where it takes an admin."""
    from handlers.commands import COMMANDS

    return [
        (command.usage, f"{command.purpose} (admins only)" if command.role is Role.ADMIN else command.purpose)
        for command in COMMANDS.values()
    ]
