"""`/fieldview help [command]`: what the bot can do, or more about one command."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from rapidfuzz import fuzz, process

from bot import messages
from bot.bot import Bot
from bot.messages import Message
from handlers.call import Call, Reply
from handlers.commands.examples import EXAMPLES
from storage.records import Role

if TYPE_CHECKING:
    from handlers.commands import Command


NEAR = 72
"""How alike a word and a command must be for one to be taken as a slip of the other: out of 100."""

_ASKS = frozenset({"help", "--help", "\u2014help", "-h", "?"})


async def help(call: Call, bot: Bot) -> Reply:
    """Every command in one line each; with a command behind it, that one with examples."""
    from handlers.commands import COMMAND, COMMANDS

    words = call.text.lower().split()
    if not words:
        return Reply(_answer())
    if command := COMMANDS.get(words[0]):
        return Reply(about(command), detail={"about": command.name})
    close = nearest(words[0])
    hint = f"{COMMAND} help {close}" if close else None
    return Reply(messages.help_text(overview(), unknown=words[0], hint=hint))


def asks_for_help(text: str) -> bool:
    """Whether what stands behind a command asks how to use it. A grower of that name can be put in quotes."""
    return text.lower() in _ASKS


def nearest(word: str) -> str | None:
    """The command that a word was perhaps meant for."""
    from handlers.commands import COMMANDS

    close = process.extractOne(word.lower(), list(COMMANDS), scorer=fuzz.ratio, score_cutoff=NEAR)
    return close[0] if close else None


@cache
def _answer() -> Message:
    """Always the same, and what is asked for most."""
    return messages.help_text(overview())


def about(command: Command) -> Message:
    """How one command is used, with its examples."""
    from handlers.commands import COMMAND

    examples = [(f"{COMMAND} {line}", what) for line, what in EXAMPLES[command.name]]
    return messages.command_help(*_line(command), examples)


def overview() -> list[tuple[str, list[tuple[str, str]]]]:
    """By topic, usage and purpose of every command, with a word where it takes an admin."""
    from handlers.commands import TOPICS

    return [(topic, [_line(command) for command in commands]) for topic, commands in TOPICS.items()]


def _line(command: Command) -> tuple[str, str]:
    return command.usage, f"{command.purpose} (admins only)" if command.role is Role.ADMIN else command.purpose
