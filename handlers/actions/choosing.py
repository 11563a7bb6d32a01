"""Menus that ask which grower is meant, and the button that creates one."""

from __future__ import annotations

from dataclasses import replace

from bot import messages
from bot.bot import Bot
from bot.errors import UsageError
from handlers.call import Call, Click, Reply
from storage.records import Role


def chosen(click: Click) -> str:
    """The name of the command that asked, for the audit trail."""
    from handlers.commands import COMMANDS

    name, _ = messages.chosen_command(click.block)
    return name if name in COMMANDS else "choose-grower"


def needed(click: Click) -> Role:
    """The role of the command that asked: a menu opens no door that the command would not."""
    from handlers.commands import COMMANDS

    name, _ = messages.chosen_command(click.block)
    return COMMANDS[name].role if name in COMMANDS else Role.VIEWER


async def choose_grower(click: Click, bot: Bot) -> Reply:
    """Carry out the command that asked, with the grower who was chosen. Raises UsageError."""
    from handlers.commands import COMMANDS

    name, rest = messages.chosen_command(click.block)
    command = COMMANDS.get(name)
    if command is None:
        raise UsageError("This menu is from an older version of me.", "/fieldview help")
    text = f"{click.value} {rest}".strip()
    call = Call(click.user, click.team, click.channel, click.request_id, name, text, subject=click.subject)
    reply = await command.run(call, bot)
    return replace(reply, replace=click.is_ephemeral, detail={**(reply.detail or {}), "chosen": True})


async def ask_particulars(click: Click, bot: Bot) -> Reply:
    """Open the form for a grower whom Leaf does not know yet."""
    return Reply(modal=messages.create_grower_modal(click.value, private_metadata=click.origin))
