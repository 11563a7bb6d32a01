"""Finding the way: help, questions which grower is meant, and what to say when something does not work."""

from __future__ import annotations

from collections.abc import Sequence

from slack_sdk.models.blocks import ActionsBlock, Block

from bot.errors import BotError, NotAllowed, ProviderError
from bot.messages.message import MENU, Message, actions, button, context, grower_menu, said, section
from bot.messages.words import counted, plain, safe
from storage.records import Grower

_ASKS = "choose"


def help_text(commands: Sequence[tuple[str, str]], *, unknown: str | None = None, hint: str | None = None) -> Message:
    """Every command in a line; `unknown` is what was typed instead, `hint` the command that was probably meant."""
    lines = [f"`{usage}`   {purpose}" for usage, purpose in commands]
    if unknown is None:
        intro = "I watch your growers' FieldView connections, tell you when one breaks, and help to repair it."
        return said("What I can do", section(intro), section(*lines), context(_HINT))
    meant = f"I do not know `{plain(unknown, 40).replace('`', '')}`."
    guess = f" Did you mean `{hint}`?" if hint else ""
    return said(meant + guess, section(meant + guess), section(*lines))


_HINT = "A grower is a name, an e-mail address, an external id, a Leaf id or an @mention. Only you see my answers."


def choose_grower(typed: str, matches: Sequence[Grower], command: str, rest: str) -> Message:
    """Several growers answer to what was typed; the command goes on with the one that is chosen."""
    question = f"{counted(len(matches), 'grower')} answer to “{safe(typed)}”. Which one do you mean?"
    shown = "" if len(matches) <= MENU else f"The first {MENU} are listed; an e-mail address or id is more exact."
    return said(
        question,
        section(question),
        _menu_for(command, rest, matches),
        *([context(shown)] if shown else []),
    )


def _menu_for(command: str, rest: str, growers: Sequence[Grower]) -> ActionsBlock:
    menu = grower_menu("choose-grower", "Choose a grower", growers)
    return ActionsBlock(block_id=f"{_ASKS}:{command}:{rest[:40]}", elements=[menu])


def chosen_command(block_id: str) -> tuple[str, str]:
    """The command a menu of `choose_grower` goes on with, and what was typed behind the grower."""
    asks, _, tail = block_id.partition(":")
    command, _, rest = tail.partition(":")
    return (command, rest) if asks == _ASKS else ("", "")


def unknown_grower(typed: str, similar: Sequence[Grower], command: str, *, may_create: bool) -> Message:
    """Nobody answers to what was typed: similar names to choose from, and the way to create a new grower."""
    said_plainly = f"I know no grower called “{safe(typed)}”."
    blocks = [section(said_plainly + (" Did you mean one of these?" if similar else ""))]
    extra: list[Block] = []
    if similar:
        extra.append(_menu_for(command, "", similar))
    if may_create:
        extra.append(actions(button("Create at Leaf and connect", "create-grower", plain(typed, 150))))
    elif not similar:
        extra.append(context("Names have to fit exactly; an e-mail address or an external id works as well."))
    return said(said_plainly, *blocks, *extra)


def problem(error: BotError) -> Message:
    """What did not work, and what can be done about it."""
    text = str(error)
    if isinstance(error, ProviderError):
        return said(text, section(f"🟡 {text}"))
    if isinstance(error, NotAllowed):
        return said(text, section(f"🔒 {text}"))
    return said(text, section(text))


def crash(reference: str) -> Message:
    """We failed; nobody has to know how, but somebody should be able to look it up."""
    text = f"Sorry, something went wrong on my side. An operator finds it under `{reference}`."
    return said(text, section(text))


def working() -> Message:
    return said("Still working on it…", context("Still working on it…"))
