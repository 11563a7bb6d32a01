"""Menus that ask which grower is meant, and the button that creates one."""

from __future__ import annotations

from bot import messages
from bot.bot import Bot
from bot.errors import UsageError
from handlers.call import Call, Click, Reply


async def choose_grower(click: Click, bot: Bot) -> Reply:
    """Carry out the command that asked, with the grower who was chosen. Raises UsageError."""
    from handlers.commands import COMMANDS

    name, rest = messages.chosen_command(click.block)
    command = COMMANDS.get(name)
    if command is None:
        raise UsageError("This menu is from an older version of me.", "/fieldview help")
    text = f"{click.value} {rest}".strip()
    call = Call(click.user, click.team, click.channel or "", text, click.request_id)
    reply = await command.run(call, bot)
    return Reply(
        reply.message,
        about=reply.about,
        replace=click.is_ephemeral,
        public=reply.public,
        public_channel=reply.public_channel,
        detail={**(reply.detail or {}), "command": name},
    )


async def ask_particulars(click: Click, bot: Bot) -> Reply:
    """Open the form for a grower whom Leaf does not know yet."""
    return Reply(modal=messages.create_grower_modal(click.value, private_metadata=click.channel or ""))
