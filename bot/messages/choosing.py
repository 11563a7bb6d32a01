"""Who is meant: menus for several growers of a name, and the form for one whom Leaf does not know."""

from __future__ import annotations

import re
from collections.abc import Sequence

from slack_sdk.models.blocks import (
    Block,
    EmailInputElement,
    InputBlock,
    PlainTextInputElement,
    PlainTextObject,
)
from slack_sdk.models.views import View

from bot.messages.pieces import (
    OPTIONS,
    Message,
    actions,
    button,
    grower_menu,
    named,
    paragraphs,
    particulars,
    quiet,
    section,
)
from bot.messages.text import code, count, cut, escape, literal, utf16
from storage.records import Grower

LISTED = 25
"""Growers that are named where no menu can be."""

_BLOCK = 255
"""Characters of a block id."""

_TOO_LONG = (
    "What you typed behind the name is too long for me to remember until you choose, so I did nothing. Please type it "
    "again, in parts, or with the Leaf id in place of the name:"
)
_ADDRESS = re.compile(r"[^@\s<>|]+@[^@\s<>|]+\.[^@\s<>|]+")


def choose_grower(typed: str, matches: Sequence[Grower], command: str, rest: str) -> Message:
    """Ask which of several growers is meant."""
    head = f"{count(len(matches), 'grower')} answer to “{escape(typed)}”. Which one do you mean?"
    blocks: list[Block] = [section(head), *_menu(matches, command, rest)]
    if len(matches) > OPTIONS:
        blocks.append(quiet(f"The menu has the first {OPTIONS}. For another one, type the e-mail or the external id."))
    return Message(head, tuple(blocks))


def unknown_grower(
    typed: str, similar: Sequence[Grower], command: str, rest: str = "", *, may_create: bool, left_over: str = ""
) -> Message:
    """Nobody answers to that: offer those with a similar name, and to create the grower.

    `left_over` stands behind a name that is known: perhaps it is no part of it.
    """
    head = f"I know no grower called “{escape(typed)}”."
    ask = "A name, an e-mail, an external id or a Leaf id finds one."
    if similar:
        ask = "Did you mean one of these?" if len(similar) > 1 else "Did you mean this one?"
    if left_over:
        ask = f"I read all of it as a name, as I do not understand “{escape(left_over)}”. Did you mean this one?"
    blocks: list[Block] = [section(head, ask)]
    if similar:
        blocks += _menu(similar, command, rest)
    if may_create:
        create = button("Create grower and connect", "create-grower", literal(typed, 200))
        offer = "Is this a new grower? Then I can create them at Leaf and make their link in one go."
        blocks += [section(offer), actions(create)]
    names = ", ".join(escape(grower.name, 40) for grower in similar[:3])
    return Message(f"{head} Did you mean {names}?" if similar else f"{head} {ask}", tuple(blocks))


def _menu(growers: Sequence[Grower], command: str, rest: str) -> list[Block]:
    """Those to choose from, or the only one as a button. The block id carries the command, as
    `choose:<command>:<rest>`; where that is too long, what to type instead."""
    block_id = f"choose:{command}:{rest}"
    if utf16(block_id) > _BLOCK:
        shown = [f"• {named(grower)} · {code(grower.id)}" for grower in growers[:LISTED]]
        more = f"…and {len(growers) - LISTED} more." if len(growers) > LISTED else None
        return [section(_TOO_LONG), *paragraphs(*shown, more)]
    only = growers[0] if len(growers) == 1 else None
    menu = actions(
        button(" · ".join([only.name, *particulars(only)]), "choose-grower", only.id)
        if only
        else grower_menu(growers, "choose-grower", "Choose a grower…")
    )
    menu.block_id = block_id
    return [menu]


def chosen_command(block_id: str) -> tuple[str, str]:
    """The command a menu belongs to, and what was typed behind the grower; empty words for a block of another kind."""
    kind, _, carried = block_id.partition(":")
    command, _, rest = carried.partition(":")
    return (command, rest) if kind == "choose" else ("", "")


def create_grower_modal(typed: str, *, private_metadata: str = "") -> View:
    """Name, e-mail and externalId of a new Leaf user, with what was typed in its place."""
    address = _ADDRESS.fullmatch(typed.strip())
    name = "" if address or not typed.strip() or typed.startswith("<") else literal(typed, 200)
    return View(
        type="modal",
        callback_id="create-grower",
        private_metadata=private_metadata,
        title=PlainTextObject(text="New grower"),
        submit=PlainTextObject(text="Create and connect"),
        close=PlainTextObject(text="Cancel"),
        blocks=[
            section("I create this grower at Leaf, then make the link with which they connect FieldView."),
            _field("name", "Name", "Of the farm business, as your team calls it", name),
            InputBlock(
                label=PlainTextObject(text="E-mail"),
                block_id="email",
                hint=PlainTextObject(text="If Slack knows this address here, I send the link by direct message."),
                element=EmailInputElement(
                    action_id="email", initial_value=cut(typed.strip(), 200) if address else None
                ),
            ),
            _field("external_id", "External id", "Your own number for this grower, if you have one", "", optional=True),
        ],
    )


def _field(block_id: str, label: str, hint: str, initial: str, *, optional: bool = False) -> InputBlock:
    return InputBlock(
        label=PlainTextObject(text=label),
        block_id=block_id,
        hint=PlainTextObject(text=hint),
        optional=optional,
        element=PlainTextInputElement(action_id=block_id, initial_value=initial or None, max_length=200),
    )
